/**
 * What is believed where ways meet: in a loop whose rounds are joined a value stands for another number in each round, and
 * a way that goes round again is left to the round before it. Neither may lose what a secret has decided meanwhile.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { analyzed, intelAssembly, kinds, type Linked, linkedText } from '../../support/erasure/analysis.ts';
import { type Argument, observe } from '../../support/erasure/oracle.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { x86 } from '../../support/toolchain.ts';

const folder = temporaryFolder('meetings');

/** Each takes a pointer to 32 secret bytes, and one to public bytes that say how often it goes round. */
const source = `${intelAssembly}
.section .rodata
.balign 8
places: .quad 1f, 2f, 1f, 2f, leaks
.text
1: xor eax, eax
   xor ecx, ecx
   ret
2: xor eax, eax
   xor ecx, ecx
   ret
leaks: movzx eax, byte ptr [rdi]
   mov [rsp - 8], rax
   xor eax, eax
   xor ecx, ecx
   ret

# The index is compared when 6 is first come to, and not again on the way by 5, to which another round alone can lead.
begin compares_another_round
  xor r8d, r8d
  xor r9d, r9d
8: movzx eax, byte ptr [rsi]
  movzx ecx, byte ptr [rsi + 1]
  add rsi, 2
  inc r8d
  test ecx, ecx
  je 3f
  cmp ecx, 77
  je 1b
  jmp 8b
3: cmp r8d, 4
  jb 1b
  cmp eax, 3
  ja 5f
6: inc r9d
  movzx ecx, byte ptr [rsi]
  inc rsi
  test ecx, ecx
  je 7f
  jmp qword ptr [places + rax * 8]
7: cmp r9d, 3
  jb 6b
  jmp 8b
5: test r9d, r9d
  je 1b
  jmp 6b
`;

interface Case {
  readonly name: string;
  /** Of public bytes, the first ones. */
  readonly rounds: readonly number[];
}

const cases: readonly Case[] = [{ name: 'compares_another_round', rounds: [0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 0, 1] }];

describe('where ways meet', () => {
  let program: Linked;
  beforeAll(async () => {
    program = await linkedText(x86, source, 'gcc', [], folder, 'meetings');
  });

  it.each(cases)('nothing is believed that another round has shown or hidden: $name', async ({ name, rounds }) => {
    const bytes = new Uint8Array(64);
    bytes.set(rounds);
    const args: Argument[] = [
      { kind: 'secret', size: 32 },
      { kind: 'public', bytes },
    ];
    const seen = await observe(x86, program.image, { function: name, arguments: args, result: 4 });
    expect(seen.stack).not.toEqual([]);
    expect(kinds(analyzed(program, name, args))['stack']).not.toBe('erased');
  });
});
