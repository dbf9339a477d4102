/**
 * Residue confirmed by runs on numbers: what two of them show is there, and what they do not show is said not to be
 * reproduced, with what kept them from it.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { defaults } from '../../../hardening/zeroization/analyze.ts';
import type { Answer } from '../../../hardening/zeroization/question.ts';
import {
  analyzed,
  intelAssembly,
  key,
  type Linked,
  linkedObjects,
  linkedText,
  residue,
} from '../../support/erasure/analysis.ts';
import { compileSubject } from '../../support/erasure/oracle.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { riscv, type Target, x86 } from '../../support/toolchain.ts';

const folder = temporaryFolder('replay');

describe.each([
  [x86, 'r9'],
  [riscv, 't3'],
] as const)('known code of $name, run', (target: Target, register) => {
  it('shows what the analysis says', async () => {
    const known = await linkedObjects(
      target,
      [await compileSubject(target, target.cc, `known-${target.name}.S`, [])],
      folder,
      `known-${target.name}`,
    );
    const confirmed = { status: 'confirmed' };
    expect(residue(analyzed(known, 'leaves_on_stack').stack)).toMatchObject([{ from: -16, ...confirmed }]);
    expect(residue(analyzed(known, 'leaves_in_register').registers)).toMatchObject([{ register, ...confirmed }]);
    expect(residue(analyzed(known, 'leaves_in_vector').registers)).toMatchObject([confirmed]);
    expect(residue(analyzed(known, 'leaves_in_memory').elsewhere['image']!)).toMatchObject([confirmed]);
    const wiped = analyzed(known, 'wipes_argument');
    expect(residue(wiped.buffers[0]!)).toMatchObject([{ from: 16, length: 8, ...confirmed }]);
    expect(wiped.replayed).toEqual({ pairs: 1, drew: false });
  });
});

const source = `${intelAssembly}.type inner, @function
inner:
mov [rsp-8], rdi
xor edi, edi
ret
begin spills_in_a_call
sub rsp, 8
mov rdi, [rdi]
call inner
add rsp, 8
xor eax, eax
ret
begin leaves_one_secret_alone
mov eax, [rdi]
cmp eax, 0x12345678
mov eax, 0
jne 1f
mov qword ptr [rsp-8], 1
1: xor eax, eax
ret
begin leaves_what_is_enciphered
movdqu xmm0, [rdi]
aesenc xmm0, xmm0
xor eax, eax
ret
begin leaves_near_zero
xor eax, eax
cmp qword ptr [rdi], 0
sete al
mov [rsp-8], al
xor eax, eax
ret
begin leaves_late
mov rcx, [rdi]
mov eax, 5000
1: dec eax
jne 1b
ret
begin leaves_by_frame
lea rdx, [rsp-64]
and rdx, -64
mov rcx, [rdi]
mov [rdx], rcx
lea rdx, [rsp-64]
mov qword ptr [rdx], 0
xor ecx, ecx
xor eax, eax
ret
.section .note.GNU-stack, "", @progbits
`;

describe('residue of x86-64', () => {
  let program: Linked;
  beforeAll(async () => {
    program = await linkedText(x86, source, 'gcc', ['-maes'], folder, 'replayed');
  });
  const ask = (name: string, replaySteps = 1000): Answer =>
    analyzed(program, name, [key], 4, { ...defaults, replaySteps });

  it('has the calls within which it was written', () => {
    const { stack } = ask('spills_in_a_call');
    const start = program.followed.symbols.get('spills_in_a_call')!;
    const [one] = residue(stack);
    expect(one).toMatchObject({ from: -24, length: 8, at: program.followed.symbols.get('inner'), status: 'confirmed' });
    expect(one!.path).toEqual([start + 7]);
  });

  it('is not reproduced by secrets of which none is the one that leaves it', () => {
    const answer = ask('leaves_one_secret_alone');
    expect(residue(answer.stack)).toMatchObject([{ status: 'not reproduced' }]);
    expect(answer.replayed!.pairs).toBeGreaterThan(20);
  });

  it('is reproduced by secrets that are nearly nothing', () => {
    expect(residue(ask('leaves_near_zero').stack)).toMatchObject([{ from: -8, length: 1, status: 'confirmed' }]);
  });

  it('is said to come of what was drawn, where no value was computed', () => {
    const answer = ask('leaves_what_is_enciphered');
    expect(residue(answer.registers)).toMatchObject([{ register: 'ymm0', status: 'confirmed' }]);
    expect(answer.replayed).toMatchObject({ drew: true });
  });

  it('is not reproduced where runs take too long, and nobody runs them who does not want to', () => {
    const answer = ask('leaves_late');
    expect(residue(answer.registers)).toMatchObject([{ register: 'rcx', status: 'not reproduced' }]);
    expect(answer.replayed).toEqual({ pairs: 0, drew: false, problem: 'more than 1000 steps' });
    expect(residue(ask('leaves_late', 20_000).registers)).toMatchObject([{ status: 'confirmed' }]);
    const alone = ask('leaves_late', 0);
    expect(alone.replayed).toBeUndefined();
    expect(residue(alone.registers)[0]).not.toHaveProperty('status');
  });

  it('is looked for at every remainder of the stack pointer', () => {
    const found = residue(ask('leaves_by_frame').stack);
    expect(found.length).toBeGreaterThan(1);
    expect(found.every(({ status }) => status === 'confirmed')).toBe(true);
  });
});
