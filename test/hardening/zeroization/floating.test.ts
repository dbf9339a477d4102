/**
 * Floating point raises flags that stay: what a secret went through tells of it in MXCSR, after everything else is wiped.
 * Held against runs, which read the register.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { analyzed, intelAssembly, type Linked, linkedText, residue } from '../../support/erasure/analysis.ts';
import { observe } from '../../support/erasure/oracle.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { x86 } from '../../support/toolchain.ts';

const source = `${intelAssembly}.macro wiped
  pxor xmm0, xmm0
  pxor xmm1, xmm1
  xor ecx, ecx
  xor eax, eax
  ret
.endm
begin converts
  mov rax, [rdi]
  cvtsi2sd xmm0, rax
  wiped
begin divides
  movzx ecx, byte ptr [rdi]
  and ecx, 1
  pxor xmm0, xmm0
  cvtsi2sd xmm1, ecx
  divsd xmm0, xmm1
  wiped
begin compares
  movsd xmm0, [rdi]
  ucomisd xmm0, xmm1
  wiped
begin converts_public
  mov ecx, 3
  cvtsi2ss xmm0, ecx
  sqrtss xmm0, xmm0
  wiped
begin only_moves
  movsd xmm0, [rdi]
  movaps xmm1, xmm0
  andpd xmm1, xmm0
  unpcklps xmm1, xmm0
  wiped
begin by_condition
  test byte ptr [rdi], 1
  je 1f
  mov ecx, 3
  cvtsi2ss xmm0, ecx
  sqrtss xmm0, xmm0
1: wiped
begin in_loop
  mov ecx, 9
1: movss xmm0, [rdi + rcx]
  addss xmm1, xmm0
  dec ecx
  jne 1b
  wiped
`;

const names = ['compares', 'by_condition', 'only_moves', 'converts', 'divides', 'converts_public', 'in_loop'];
const chosen = isLong ? names : names.slice(0, 3);

describe('floating point', () => {
  let program: Linked;
  beforeAll(async () => {
    program = await linkedText(x86, source, 'gcc', [], temporaryFolder('floating'), 'floating');
  });

  it.each(chosen)('of secrets leaves flags, and nothing else leaves any: %s', async (name) => {
    const answer = analyzed(program, name, [{ kind: 'secret', size: 32 }], 0);
    const subject = { function: name, arguments: [{ kind: 'secret', size: 32 } as const], result: 0 };
    const { registers } = await observe(x86, program.image, subject);
    const named = answer.registers.kind === 'erased' ? [] : residue(answer.registers).map(({ register }) => register);
    expect(named).toEqual(registers);
    // What no run computes is not confirmed by one.
    if (named.length > 0) expect(residue(answer.registers)[0]).toMatchObject({ status: 'not reproduced' });
  });
});
