/**
 * Jumps and calls through tables: each entry within the bound that the code itself shows is followed, what a secret index
 * decides depends on the secret, and whatever makes the table or its bound doubtful leaves it unknown.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { readSubject } from '../../../hardening/subject.ts';
import { analyzeErasure } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import type { Answer, FollowedImage, Question } from '../../../hardening/zeroization/question.ts';
import { SHF_ALLOC, SHT_RELA, SHT_RELR } from '../../../linker/elf.ts';
import { intelAssembly, type Linked, linkedText, residue } from '../../support/erasure/analysis.ts';
import { observe } from '../../support/erasure/oracle.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { riscv, type Target, x86 } from '../../support/toolchain.ts';
import type { Tool } from '../../support/tools.ts';

const folder = temporaryFolder('tables');

/** The first argument points to the secret; of the second nobody knows anything. */
const ask = (followed: FollowedImage, name: string, more: Partial<Question> = {}): Answer =>
  analyzeErasure(followed, {
    function: name,
    arguments: { 0: { kind: 'secret', size: 32 } },
    result: 4,
    clears: false,
    ...more,
  });

const switches = `
typedef unsigned char byte;
volatile unsigned seen;
#define CASES(X) X(0, seen = 3) X(1, seen += 5) X(2, seen ^= 9) X(3, seen = seen * 7) X(4, seen -= 2) X(6, seen |= 1) X(7, seen = ~seen)
#define CASE(n, what) case n: what; break;
#define HIDE(p) __asm__ volatile("" : : "r"(p) : "memory")
int of_public(const byte *secret, unsigned which) {
  volatile byte own[16];
  switch (which) {
    CASES(CASE)
    case 5:
      for (int i = 0; i < 16; i++) own[i] = secret[i];
      break;
  }
  return 0;
}
int of_public_wiped(const byte *secret, unsigned which) {
  volatile byte own[16];
  switch (which) {
    CASES(CASE)
    case 5:
      for (int i = 0; i < 16; i++) own[i] = secret[i];
      break;
  }
  for (int i = 0; i < 16; i++) own[i] = 0;
  HIDE(0);
  return 0;
}
int of_secret(const byte *secret) {
  volatile unsigned mark = 0;
#define MARK(n, what) case n: mark = n * 37 + 1; break;
  switch (secret[3]) { CASES(MARK) case 5: mark = 77; }
  return 0;
}
int of_secret_outside(const byte *secret) {
  switch (secret[3]) { CASES(CASE) case 5: seen = 77; }
  return 0;
}
__attribute__((noinline)) static void leaves(const byte *secret) { volatile byte x = secret[1]; (void)x; }
__attribute__((noinline)) static void first(const byte *secret) { seen = 1; HIDE(secret); }
__attribute__((noinline)) static void second(const byte *secret) { seen = 2; HIDE(secret); }
__attribute__((noinline)) static void third(const byte *secret) { seen = 3; HIDE(secret); }
static void (*const clean[4])(const byte *) = {first, second, third, first};
static void (*const dirty[4])(const byte *) = {first, second, leaves, third};
int calls_clean(const byte *secret, unsigned which) { clean[which & 3](secret); return 0; }
int calls_dirty(const byte *secret, unsigned which) { dirty[which & 3](secret); return 0; }
int calls_by_secret(const byte *secret) { clean[secret[0] & 3](secret); return 0; }
`;

interface Build {
  readonly target: Target;
  readonly compiler: Tool;
  readonly level: string;
}

const everything: Build[] = [
  ...(['gcc', 'clang'] as const).flatMap((compiler) =>
    ['-O0', '-O1', '-O2', '-O3', '-Os', '-O2 -fpie', '-Os -fpie'].map((level) => ({ target: x86, compiler, level })),
  ),
  ...(['riscv64-linux-gnu-gcc', 'clang'] as const).flatMap((compiler) =>
    ['-O0', '-O1', '-O2', '-O3', '-Os', '-O2 -fpie'].map((level) => ({ target: riscv, compiler, level })),
  ),
];
const some: readonly string[] = ['gcc -Os', 'riscv64-linux-gnu-gcc -O2'];
/** Each run on an emulator takes a while: few of them in CI. */
const chosen = isLong ? [3n, 5n, 9n] : [5n];

describe.each(everything.filter(({ compiler, level }) => isLong || some.includes(`${compiler} ${level}`)))(
  'switches and tables of functions for $target.name by $compiler $level',
  ({ target, compiler, level }) => {
    it('leave what runs show', async () => {
      const name = `switches-${target.name}-${compiler}${level.replaceAll(' ', '')}`;
      const { image, followed } = await linkedText(target, switches, compiler, level.split(' '), folder, name);
      const runs = async (one: string, values: readonly bigint[]) => {
        const kinds = { stack: 'erased', image: 'erased' };
        for (const value of values) {
          const args = [{ kind: 'secret', size: 32 } as const, { kind: 'value', value } as const];
          const seen = await observe(target, image, { function: one, arguments: args, result: 4 });
          if (seen.stack.length > 0) kinds.stack = 'residue';
          if (seen.memory.length > 0) kinds.image = 'residue';
        }
        return kinds;
      };
      const judged = (one: string) => {
        const { stack, elsewhere } = ask(followed, one);
        const shown = (verdict: Answer['registers']): string =>
          verdict.kind === 'unknown' ? `${verdict.reason} at ${verdict.at.toString(16)}` : verdict.kind;
        return { stack: shown(stack as Answer['registers']), image: shown(elsewhere['image'] as Answer['registers']) };
      };
      const isShort = !isLong && target === riscv;
      for (const one of isShort ? ['of_public_wiped'] : ['of_public', 'of_public_wiped'])
        expect({ [one]: judged(one) }).toEqual({ [one]: await runs(one, chosen) });
      // Addresses of functions are in memory that a program relocates, and may be written.
      const isWritable = level.includes('-fpie');
      for (const one of ['calls_clean', 'calls_dirty', 'calls_by_secret'])
        if (isShort) break;
        else if (isWritable) expect(judged(one).stack).toMatch(/^a (call|jump) to where nobody knows/);
        else expect({ [one]: judged(one) }).toEqual({ [one]: await runs(one, isLong ? [0n, 1n, 2n, 7n] : [2n]) });
      for (const one of isLong ? ['of_secret', 'of_secret_outside'] : isShort ? [] : ['of_secret'])
        expect({ [one]: judged(one) }).toEqual({ [one]: await runs(one, [0n]) });
    });
  },
);

const attacks = `${intelAssembly}
.section .rodata
.balign 8
four: .quad 1f, 2f, 3f, 4f
  .quad 0x123456789abcdef, 17, 0
first_leaks: .quad leaks, 1f
five: .quad 1f, 2f, 3f, 4f, leaks
odd: .quad 1f, four, 1f, 1f
relative: .long 1f - relative, 2f - relative, 3f - relative, 4f - relative
  .long 5, 6, 7, 8
.data
.balign 8
writable: .quad 1f, 2f, 3f, 4f
.text
1: ret
2: xor eax, eax
   ret
3: nop
   ret
4: xor ecx, ecx
   ret
leaks: movzx eax, byte ptr [rdi]
   push rax
   pop rcx
   xor eax, eax
   xor ecx, ecx
   ret
.macro through table
  mov esi, esi
  jmp qword ptr [\\table + rsi * 8]
.endm
begin bounded
  cmp esi, 3
  ja 1b
  through four
begin bounded_by_mask
  and esi, 3
  through four
begin bounded_by_other_name
  mov eax, esi
  cmp esi, 4
  jae 1b
  jmp qword ptr [four + rax * 8]
begin known_by_byte
  mov rax, [rdi]
  mov al, 1
  and eax, 1
  jmp qword ptr [first_leaks + rax * 8]
begin bounded_from_memory
  mov [rsp - 8], esi
  cmp dword ptr [rsp - 8], 3
  ja 1b
  mov eax, [rsp - 8]
  jmp qword ptr [four + rax * 8]
begin bounded_relative
  cmp esi, 3
  ja 1b
  mov esi, esi
  lea rdx, [rip + relative]
  movsxd rax, dword ptr [rdx + rsi * 4]
  add rax, rdx
  jmp rax
begin leaks_at_last
  cmp esi, 4
  ja 1b
  through five
begin leaks_further
  cmp esi, 3
  ja 1b
  inc esi
  through five
begin beyond_table
  cmp esi, 5
  ja 1b
  through four
begin unbounded
  through four
begin byte_unbounded
  movzx esi, sil
  through four
begin bounded_elsewhere
  cmp edx, 3
  ja 1b
  through four
begin inverted
  cmp esi, 3
  jb 1b
  through four
begin signed
  cmp esi, 3
  jg 1b
  through four
begin bounded_low_byte
  cmp sil, 3
  ja 1b
  jmp qword ptr [four + rsi * 8]
begin bounded_low_half
  cmp esi, 3
  ja 1b
  jmp qword ptr [four + rsi * 8]
begin forgotten
  cmp esi, 3
  ja 9f
  nop
9: through four
begin both_ways
  cmp esi, 3
  jbe 9f
9: through four
begin after_subtraction
  sub esi, 1
  sbb edx, edx
  cmp esi, 3
  sbb esi, 0
  ja 1b
  through four
begin in_between
  cmp esi, 6
  ja 1b
  mov esi, esi
  jmp qword ptr [four + rsi * 4]
begin into_data
  cmp esi, 3
  ja 1b
  through odd
begin through_writable
  cmp esi, 3
  ja 1b
  through writable
begin changed_distance
  cmp esi, 3
  ja 1b
  mov esi, esi
  lea rdx, [rip + relative]
  movsxd rax, dword ptr [rdx + rsi * 4]
  add rax, rsi
  add rax, rdx
  jmp rax
begin counts
8: sub edx, 1
  je 1b
  cmp esi, 3
  ja 8b
  mov ecx, esi
  jmp qword ptr [steps + rcx * 8]
6: inc esi
  jmp 8b
7: movzx eax, byte ptr [rdi]
  mov [rsp - 8], al
  movzx esi, byte ptr [rdi + 5]
  xor eax, eax
  jmp 8b
.section .rodata
.balign 8
steps: .quad 6b, 6b, 7b, 6b
.text
begin counts_by_check
8: cmp esi, 3
  ja 1b
  mov ecx, esi
  jmp qword ptr [checked + rcx * 8]
6: inc esi
  jmp 8b
.section .rodata
.balign 8
checked: .quad 6b, 6b, 6b, 6b
.text
begin interprets
8: movzx ecx, byte ptr [rsi]
  inc rsi
  and ecx, 3
  jmp qword ptr [states + rcx * 8]
6: mov eax, [rdi]
  mov [rsp - 16], eax
  jmp 8b
7: xor eax, eax
  mov [rsp - 16], eax
  jmp 8b
5: xor eax, eax
  xor ecx, ecx
  ret
.section .rodata
.balign 8
states: .quad 6b, 7b, 5b, 7b
.text
begin calls
  and esi, 3
  sub rsp, 8
  call qword ptr [four + rsi * 8]
  call qword ptr [called + rsi * 8]
  add rsp, 8
  xor eax, eax
  ret
.section .rodata
.balign 8
called: .quad 1b, 2b, leaks, 3b
.text
`;

describe('tables that are attacked', () => {
  let program: Linked;
  beforeAll(async () => {
    program = await linkedText(x86, attacks, 'gcc', [], folder, 'attacks');
  });
  const stackOf = (name: string, followed = program.followed): Answer['stack'] => ask(followed, name).stack;

  it.each([
    'bounded',
    'bounded_by_mask',
    'bounded_by_other_name',
    'known_by_byte',
    'bounded_from_memory',
    'bounded_relative',
  ])('are followed to all entries that the code itself bounds: %s', (name) => {
    expect(stackOf(name)).toEqual({ kind: 'erased' });
  });

  it.each(['leaks_at_last', 'leaks_further', 'calls'])(
    'leave what one entry leaves, within the function or not: %s',
    (name) => {
      const [left] = residue(stackOf(name));
      const start = program.image.address('leaks');
      expect(left!.at! - start).toBeLessThan(8);
    },
  );

  it.each([
    ['beyond_table', /of which an entry means 0x/],
    ['unbounded', /a jump to where nobody knows/],
    ['byte_unbounded', /of which an entry means|nobody knows/],
    ['bounded_elsewhere', /nobody knows/],
    ['inverted', /nobody knows/],
    ['signed', /nobody knows/],
    ['bounded_low_byte', /nobody knows/],
    ['bounded_low_half', /nobody knows/],
    ['forgotten', /nobody knows/],
    ['both_ways', /nobody knows/],
    ['after_subtraction', /nobody knows/],
    ['in_between', /nobody knows/],
    ['into_data', /of which an entry means 0x[0-9a-f]+, where no code is/],
    ['through_writable', /nobody knows/],
    ['changed_distance', /nobody knows/],
    // A loop that the comparison leaves is joined there, and what was compared is forgotten.
    ['counts_by_check', /nobody knows/],
  ])('are unknown where they or their bounds are doubtful: %s', (name, reason) => {
    const stack = stackOf(name);
    expect(stack).toMatchObject({ kind: 'unknown', reason: expect.stringMatching(reason) });
  });

  it.each(['counts', 'interprets'])(
    'in loops that nobody can count come to an end, with what all rounds leave: %s',
    (name) => {
      const more = { arguments: { 0: { kind: 'secret', size: 32 }, 1: { kind: 'buffer', size: 64 } } } as const;
      const { stack } = ask(program.followed, name, name === 'interprets' ? more : {});
      expect(stack.kind).toBe('residue');
    },
  );

  it('are not those of the file where relocations change them', () => {
    const four =
      program.image.address('bounded') === 0
        ? 0
        : Number(program.image.symbols.find(({ name }) => name === 'four')!.value);
    const bytes = new Uint8Array(24);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(four + 8), true);
    const withTable = (type: number, data: Uint8Array): FollowedImage => {
      const subject = readSubject(program.image.bytes, 'image');
      const section = { ...subject.file.sections[0]!, type, flags: SHF_ALLOC, data, size: data.length };
      return followedImage({ ...subject, file: { ...subject.file, sections: [...subject.file.sections, section] } });
    };
    expect(stackOf('bounded', withTable(SHT_RELA, bytes)).kind).toBe('unknown');
    expect(stackOf('bounded', withTable(SHT_RELR, bytes.subarray(0, 8))).kind).toBe('unknown');
    view.setBigUint64(0, BigInt(four + 32), true);
    expect(stackOf('bounded', withTable(SHT_RELA, bytes)).kind).toBe('erased');
    // A bitmap over the words behind the first.
    view.setBigUint64(0, BigInt(four - 8), true);
    view.setBigUint64(8, 0b1001n, true);
    expect(stackOf('bounded', withTable(SHT_RELR, bytes.subarray(0, 16))).kind).toBe('unknown');
  });
});
