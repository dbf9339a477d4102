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

# Only when rounds are joined already does the secret choose between another round and the end.
begin goes_round_by_secret
  xor r8d, r8d
  movabs r9, 0x100000000
  movabs r10, 0x100000005
6: movzx ecx, byte ptr [rsi]
  inc rsi
  test ecx, ecx
  je 9f
  inc r9
  mov r8, [rsi]
  cmp r9, r10
  jb 6b
  test byte ptr [rdi], 1
  jne 7f
  mov r8d, 1
  jmp 6b
7: mov r8d, 2
  cmp byte ptr [rsi], 5
  je 9f
  jmp 6b
9: mov [rsp - 8], r8
  xor ecx, ecx
  xor eax, eax
  ret

# As above; the way that goes round writes nothing.
begin ends_by_secret
  xor r8d, r8d
  mov rdx, [rsi + 16]
  movabs r9, 0x100000000
  movabs r10, 0x100000005
6: movzx ecx, byte ptr [rsi]
  inc rsi
  test ecx, ecx
  je 9f
  inc r9
  cmp r9, r10
  jb 6b
  test byte ptr [rdi], 1
  jne 7f
  jmp 6b
7: mov edx, 2
  cmp byte ptr [rsi], 5
  je 9f
  jmp 6b
9: mov [rsp - 8], rdx
  xor ecx, ecx
  xor eax, eax
  ret

# As the first, through a table.
begin goes_round_by_secret_table
  xor r8d, r8d
  xor edx, edx
  movabs r9, 0x100000000
  movabs r10, 0x100000005
6: movzx ecx, byte ptr [rsi]
  inc rsi
  test ecx, ecx
  je 9f
  inc r9
  mov r8, [rsi]
  cmp r9, r10
  jb 6b
  movzx edx, byte ptr [rdi]
  and edx, 1
  jmp qword ptr [chosen + rdx * 8]
5: mov r8d, 1
  xor edx, edx
  jmp 6b
7: mov r8d, 2
  xor edx, edx
  cmp byte ptr [rsi], 5
  je 9f
  jmp 6b
9: mov [rsp - 8], r8
  xor ecx, ecx
  xor eax, eax
  ret
.section .rodata
.balign 8
chosen: .quad 5b, 7b
.text
`;

interface Case {
  readonly name: string;
  /** Of public bytes, the first ones. */
  readonly rounds: readonly number[];
}

const around = [1, 1, 1, 1, 1, 0];

const cases: readonly Case[] = [
  { name: 'compares_another_round', rounds: [0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 0, 1] },
  { name: 'goes_round_by_secret', rounds: around },
  { name: 'ends_by_secret', rounds: around },
  { name: 'goes_round_by_secret_table', rounds: around },
];

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
