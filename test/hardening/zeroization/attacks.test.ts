/**
 * Code that was written to be called clean and is not: whatever of it the analysis does not understand, it must not say
 * that nothing is left.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSubject } from '../../../hardening/subject.ts';
import { analyzeErasure, defaults } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import type { Answer, Argument, FollowedImage, Verdict } from '../../../hardening/zeroization/question.ts';
import { intelAssembly } from '../../support/erasure/analysis.ts';
import { linkSubjects, observe, targetFlags } from '../../support/erasure/oracle.ts';
import { temporaryFolder } from '../../support/paths.ts';
import type { Image } from '../../support/small-links.ts';
import { compile, x86 } from '../../support/toolchain.ts';

/** Each takes a pointer to 32 secret bytes, and one to 8 that it may fill with what is public. */
const source = `${intelAssembly}
begin writes_its_code
mov byte ptr [rip+1f], 0x90
1: nop
ret
begin writes_code_somewhere
mov eax, esi
and eax, 15
lea rcx, [rip+1f]
mov byte ptr [rcx+rax], 0x90
1: ret
begin writes_constants
mov byte ptr [rip+constant], 1
ret
begin writes_nowhere
mov rax, [rdi]
mov [0x10000], rax
ret
begin writes_beside_image
mov rax, [rdi]
lea rcx, [rip+kept]
add rcx, 0x7000000
mov [rcx], rax
ret
begin writes_read_write_code
mov byte ptr [rip+both], 0xc3
ret

begin stores_what_is_kept
push rbx
mov rbx, [rsi]
mov rdx, rbx
call writes_into_it
pop rbx
xor eax, eax
ret
begin writes_into_it
sub rsp, 16
mov [rsp+8], rdx
movzx ecx, byte ptr [rsi+1]
and ecx, 7
mov al, [rdi]
mov [rsp+rcx+8], al
xor eax, eax
add rsp, 16
ret

begin leaves_flags
cmp byte ptr [rdi], 77
mov eax, 0
ret
begin leaves_carry
mov al, [rdi]
shr al, 1
mov eax, 0
inc ecx
ret
begin leaves_flags_of_result
mov eax, [rdi]
and eax, 1
ret
begin leaves_more_than_it_returns
mov rax, [rdi]
mov [rsp-16], rax
movzx eax, al
ret
begin leaves_half_that_it_returns_not
mov rax, [rdi]
mov [rsp-16], rax
mov eax, eax
ret
begin clears_flags
cmp byte ptr [rdi], 77
mov eax, 0
test eax, eax
ret

begin leaves_behind_the_secret
mov rax, [rdi]
mov [rdi+64], rax
xor eax, eax
ret
begin leaves_behind_the_output
mov rax, [rdi]
mov [rsi+8], rax
xor eax, eax
ret
begin leaves_above_its_frame
mov rax, [rdi]
mov [rsp+24], rax
xor eax, eax
ret
begin leaves_with_the_thread
mov rax, [rdi]
mov fs:[0x40], rax
xor eax, eax
ret
begin leaves_in_red_zone
mov rax, [rdi]
mov [rsp-8], rax
xor eax, eax
ret
begin leaves_dead_spill
push qword ptr [rdi]
mov rcx, [rsp]
lea rsp, [rsp+8]
mov rcx, [rsp-8]
xor eax, eax
ret
begin leaves_upper_lanes
vmovdqu ymm3, [rdi]
pxor xmm3, xmm3
xor eax, eax
ret
begin leaves_under_a_mask
vmovdqu xmm1, [rdi]
vmovdqu [rsp-32], xmm1
vpxor xmm1, xmm1, xmm1
vmaskmovps [rsp-32], xmm1, xmm1
xor eax, eax
ret
begin leaves_high_bytes
mov rcx, [rdi]
mov cx, 0
xor eax, eax
ret
begin leaves_ah
mov ah, [rdi]
mov al, 0
movzx ecx, ax
mov eax, 0
ret
begin leaves_wrapped
mov rcx, [rdi]
movabs rax, 0x4000000000000001
lea rdx, [rsp-64]
add rdx, rax
mov [rsp-64], rcx
movabs rax, -0x4000000000000000
add rdx, rax
mov qword ptr [rdx], 0
xor eax, eax
xor ecx, ecx
ret
begin leaves_by_narrow_address
mov rcx, [rdi]
push rcx
xor ecx, ecx
mov qword ptr [esp], 0
add rsp, 8
xor eax, eax
ret
begin overlaps
mov rcx, [rdi]
xor edx, edx
.byte 0xb8
1: mov [rsp-8], rcx
test edx, edx
lea edx, [rdx+1]
je 1b
xor ecx, ecx
xor eax, eax
ret
begin asks_who_calls
mov rcx, [rsp]
movabs rdx, 0x7ffffffff000
cmp rcx, rdx
mov eax, 0
mov ecx, 0
mov edx, 0
je 1f
mov rdx, [rdi]
1: ret
begin asks_where_it_is
movabs rcx, -0x4000000000
add rcx, rsp
cmp rcx, rsp
mov ecx, 0
mov eax, 0
jb 1f
mov rcx, [rdi]
1: ret
begin goes_backwards
std
rep movsb
cld
ret
begin from_another_segment
mov ecx, 8
mov rsi, rdi
lea rdi, [rsp-64]
rep movsb byte ptr es:[rdi], fs:[rsi]
ret
begin uses_mmx
movq mm1, [rdi]
xor eax, eax
ret
begin asks_rounding
cvtsi2ss xmm0, dword ptr [rdi]
stmxcsr [rsp-4]
xorps xmm0, xmm0
xor eax, eax
ret
begin uses_masks
kmovw k1, [rdi]
xor eax, eax
ret
begin switches_stacks
xchg rsp, rsi
push qword ptr [rdi]
xchg rsp, rsi
ret
begin keeps_a_flag
cmp byte ptr [rdi], 77
mov eax, 0
mov ebx, 0
mov ecx, 0
mov edx, 0
cmpxchg8b [rsi]
mov eax, 0
mov edx, 0
setb cl
ret

.globl another_name
.type another_name, @function
another_name:
begin leaves_r8
mov r8, [rdi]
xor eax, eax
ret
.type twin, @function
twin:
ret
begin abort
mov rax, [rdi]
mov [rsp-8], rax
xor eax, eax
ret
begin calls_what_returns
sub rsp, 8
call abort
add rsp, 8
ret
begin wipes_one_of_two
mov rax, [rdi]
mov [rsp-8], rax
mov [rsp-16], rax
lea rcx, [rsp-8]
test esi, 8
cmove rcx, rdi
mov qword ptr [rcx], 0
xor eax, eax
ret
begin reads_one_of_two
lea rcx, [rsi]
test esi, 8
cmove rcx, rdi
mov rdx, [rcx]
xor eax, eax
xor ecx, ecx
ret
begin chooses_by_secret
mov qword ptr [rsp-8], 5
lea rcx, [rsp-8]
test byte ptr [rdi], 1
cmove rcx, rsi
mov rcx, [rcx]
xor eax, eax
ret
begin wipes_where_it_aligns
mov rax, [rdi]
lea rdx, [rsi+64]
and rdx, -8
mov [rdx], rax
mov qword ptr [rdx], 0
xor eax, eax
ret
begin leaves_where_it_aligns
mov rax, [rdi]
lea rdx, [rsi+64]
mov [rdx], rax
and rdx, -8
mov qword ptr [rdx], 0
xor eax, eax
ret
begin panics
mov rax, [rdi]
push rax
cmp dword ptr [rsi], 5
jne 1f
mov qword ptr [rsp], 0
add rsp, 8
xor eax, eax
ret
1: call exit
begin traps
mov rcx, [rdi]
cmp dword ptr [rsi], 5
mov eax, 0
jne 1f
xor ecx, ecx
ret
1: ud2
begin asks_what_is_switched_on
vmovdqu ymm3, [rdi]
xor ecx, ecx
xgetbv
test eax, 4
jz 1f
vpxor xmm3, xmm3, xmm3
1: mov eax, 0
mov edx, 0
vzeroall
ret
begin asks_what_is_in_use
vmovdqu ymm3, [rdi]
mov ecx, 1
xgetbv
mov [rsp-8], eax
vpxor xmm3, xmm3, xmm3
xor eax, eax
xor edx, edx
ret
begin clears_avx512
vmovdqu ymm3, [rdi]
vinserti64x4 zmm17, zmm17, ymm3, 1
kxorw k1, k1, k1
vpxord zmm17, zmm17, zmm17
vzeroall
xor eax, eax
ret
begin leaves_avx512
vmovdqu ymm3, [rdi]
vinserti64x4 zmm17, zmm17, ymm3, 1
kxorw k1, k1, k1
vpxorq ymm17, ymm17, ymm18
vzeroall
xor eax, eax
ret
begin mixes_masks
kxorw k1, k1, k2
ret
begin camlVault__seal_12
xor eax, eax
ret
begin caml_vault_stub
xor eax, eax
ret
begin caml_alloc_string
mov rax, rsp
ret
begin keeps_it_in_a_moving_heap
sub rsp, 8
call caml_alloc_string
xor eax, eax
add rsp, 8
ret
begin ends_in_a_moving_heap
jmp caml_alloc_string
begin ends_in_a_moving_heap_or_not
test esi, esi
je caml_alloc_string
xor eax, eax
ret
begin ends_in_a_moving_heap_by_constant
xor eax, eax
je caml_alloc_string
ret
begin ends_in_one_of_two_in_a_moving_heap
jmp caml_twin
.type caml_twin, @function
caml_twin: xor eax, eax
ret
begin jumps_far
jmp fword ptr [rip+far]
begin calls_far
call fword ptr [rip+far]
xor eax, eax
ret
begin exit
call _exit
begin _exit
hlt
jmp _exit

.section .rodata
constant: .quad 0
far: .long caml_vault_stub
.word 0
.data
kept: .quad 0
.section .both, "awx", @progbits
both: .quad 0
.section .note.GNU-stack, "", @progbits
`;

const twin = `.text
.type twin, @function
twin: ret
.type caml_twin, @function
caml_twin: ret
.section .note.GNU-stack, "", @progbits
`;

const asked: Readonly<Record<number, Argument>> = {
  0: { kind: 'secret', size: 32 },
  1: { kind: 'buffer', size: 8, receives: 'public' },
};

/** Index of a PT_LOAD among program headers. */
function loadIndex(bytes: Buffer, which: number): number {
  const headers = Number(bytes.readBigUInt64LE(32));
  const loads = Array.from({ length: bytes.readUInt16LE(56) }, (_, i) => i).filter(
    (i) => bytes.readUInt32LE(headers + 56 * i) === 1,
  );
  return loads[which]!;
}

/** The gravest of what an answer says, and of which part. */
function worst({ stack, registers, elsewhere }: Answer): string {
  const parts: Record<string, Verdict<unknown>> = { stack, registers, ...elsewhere };
  for (const kind of ['unknown', 'residue'])
    for (const [name, verdict] of Object.entries(parts)) if (verdict.kind === kind) return `${kind}: ${name}`;
  return 'erased';
}

describe('code that wants to be called clean', () => {
  let image: Image;
  let followed: FollowedImage;
  beforeAll(async () => {
    const folder = temporaryFolder('attacks');
    const assembled = (name: string, text: string): Promise<string> => {
      writeFileSync(join(folder, `${name}.s`), text);
      return compile('gcc', join(folder, `${name}.s`), join(folder, `${name}.o`), [...targetFlags(x86), '-mavx512f']);
    };
    const objects = [await assembled('attacks', source), await assembled('twin', twin)];
    image = await linkSubjects(x86, objects, join(folder, 'attacks'));
    followed = followedImage(readSubject(readFileSync(image.path), 'attacks'));
  });
  const ask = (name: string, result = 4): Answer =>
    analyzeErasure(followed, { function: name, arguments: asked, result, clears: false }, defaults);

  it.each([
    ['writes_its_code', /a store to 0x\w+, which is code: it modifies itself/],
    ['writes_code_somewhere', /a store to 0x\w+ to 0x\w+, which is code: it modifies itself/],
    ['writes_constants', /a store to 0x\w+, where its read-only data is/],
    ['writes_nowhere', /the secret is stored to nobody knows where/],
    [
      'writes_beside_image',
      /the secret is stored to nobody knows where|a store to 0x\w+, where the image has no memory/,
    ],
    ['writes_read_write_code', /a store to 0x\w+, which is code: it modifies itself/],
    ['goes_backwards', /std: it has no meaning here/],
    ['from_another_segment', /movsb string: a string in another segment has no meaning here/],
    ['uses_mmx', /movq: /],
    ['asks_rounding', /stmxcsr: it has no meaning here/],
    ['mixes_masks', /kxorw: what it reads and writes is not known/],
    ['uses_masks', /kmovw: what it reads and writes is not known/],
    ['switches_stacks', /the stack pointer is computed in a way that is not understood/],
    ['leaves_by_narrow_address', /nobody knows where/],
    ['camlVault__seal_12', /^OCaml's heap moves its values, and leaves copies of them$/],
    ['keeps_it_in_a_moving_heap', /^OCaml's heap moves its values/],
    ['ends_in_a_moving_heap', /^OCaml's heap moves its values/],
    ['ends_in_a_moving_heap_or_not', /^OCaml's heap moves its values/],
    ['ends_in_a_moving_heap_by_constant', /^OCaml's heap moves its values/],
    ['ends_in_one_of_two_in_a_moving_heap', /^OCaml's heap moves its values/],
    ['jumps_far', /^jmp: to another segment it has no meaning here/],
    ['calls_far', /^call: to another segment it has no meaning here/],
  ])('is unknown where nobody can tell: %s', (name, reason) => {
    const { stack } = ask(name);
    expect(stack.kind === 'unknown' ? stack.reason : stack.kind).toMatch(reason);
    const start = followed.symbols.get(name)!;
    expect(stack.kind === 'unknown' && stack.at >= start && stack.at - start < 40).toBe(true);
  });

  it.each([
    ['stores_what_is_kept', 'stack'],
    ['leaves_flags', 'registers'],
    ['leaves_carry', 'registers'],
    ['leaves_behind_the_secret', '0'],
    ['leaves_behind_the_output', '1'],
    ['leaves_above_its_frame', 'stack'],
    ['leaves_with_the_thread', 'thread'],
    ['leaves_in_red_zone', 'stack'],
    ['leaves_dead_spill', 'stack'],
    ['leaves_upper_lanes', 'registers'],
    ['leaves_under_a_mask', 'stack'],
    ['leaves_high_bytes', 'registers'],
    ['leaves_ah', 'registers'],
    ['overlaps', 'stack'],
    ['asks_who_calls', 'registers'],
    ['asks_where_it_is', 'registers'],
    ['keeps_a_flag', 'registers'],
    ['calls_what_returns', 'stack'],
    ['wipes_one_of_two', 'stack'],
    ['reads_one_of_two', 'registers'],
    ['chooses_by_secret', 'registers'],
    ['leaves_where_it_aligns', '1'],
    ['asks_what_is_in_use', 'stack'],
    ['leaves_avx512', 'registers'],
  ])('is residue where it leaves one: %s, in %s', (name, part) => {
    expect(worst(ask(name))).toBe(`residue: ${part}`);
  });

  it.each(['asks_what_is_switched_on', 'clears_avx512', 'caml_vault_stub'])(
    'is erased where it only looks like another: %s',
    (name) => {
      expect(worst(ask(name))).toBe('erased');
    },
  );

  it('wipes where it aligns what an argument points to, however that is aligned', () => {
    expect(worst(ask('wipes_where_it_aligns'))).toBe('erased');
  });

  it('wipes what it reaches from afar, and no place beside it', () => {
    // One byte of eight is left, or nobody knows: never that nothing is.
    expect(worst(ask('leaves_wrapped'))).not.toBe('erased');
  });

  it('may leave flags that say what its result says, or nothing', async () => {
    for (const name of ['leaves_flags_of_result', 'clears_flags']) {
      expect(ask(name).registers.kind).toBe('erased');
      const seen = await observe(x86, image, { function: name, arguments: [{ kind: 'secret', size: 32 }], result: 4 });
      expect(seen.registers).toEqual([]);
    }
    expect(ask('leaves_flags_of_result', 0).registers.kind).toBe('residue');
    const seen = await observe(x86, image, {
      function: 'leaves_carry',
      arguments: [{ kind: 'secret', size: 32 }],
      result: 4,
    });
    expect(seen.registers).toEqual(['rflags']);
  });

  it.each([
    ['leaves_more_than_it_returns', 4, 1],
    ['leaves_more_than_it_returns', 8, 1],
    ['leaves_half_that_it_returns_not', 8, 4],
  ] as const)(
    'may leave bytes that are in its result, and not the ones beside: %s in %i',
    async (function_, result, n) => {
      const expected = { from: n - 16, length: 8 - n };
      expect(ask(function_, result).stack).toMatchObject({ kind: 'residue', residue: [expected] });
      const args = [{ kind: 'secret', size: 32 } as const];
      const seen = await observe(x86, image, { function: function_, arguments: args, result });
      expect(seen.stack.every(({ start, end }) => expected.from <= start && end <= -8)).toBe(true);
      expect(seen.stack).not.toEqual([]);
    },
  );

  it('shows by itself what a way leaves that does not return', () => {
    const panics = ask('panics');
    expect(panics.stack.kind).toBe('erased');
    expect(panics.stops).toMatchObject([{ callee: 'exit', stack: { kind: 'residue' } }]);
    expect(panics.assumptions.join()).not.toContain('never return');
    const traps = ask('traps');
    expect(traps.registers.kind).toBe('erased');
    expect(traps.stops).toMatchObject([{ registers: { residue: [{ register: 'rcx' }] }, stack: { kind: 'erased' } }]);
    expect(traps.stops[0]!.callee).toBeUndefined();
  });

  it('is not asked about where its name means two functions', () => {
    expect(() => ask('twin')).toThrow(/several functions named twin/);
  });

  it('is followed by every name that it has', () => {
    expect(worst(ask('another_name'))).toBe('residue: registers');
  });

  it('is refused in an image of which two segments lie at one place', () => {
    const bytes = Buffer.from(image.bytes);
    const [first, second] = [0, 1].map((i) => Number(bytes.readBigUInt64LE(32)) + 56 * loadIndex(bytes, i));
    bytes.copy(bytes, second! + 16, first! + 16, first! + 24);
    expect(() => followedImage(readSubject(bytes, 'attacks'))).toThrow(/both map 0x\w+, so what code sees there/);
  });

  it('is given up before it takes more memory than is granted', () => {
    const { stack } = analyzeErasure(
      followed,
      { function: 'panics', arguments: asked, result: 4, clears: false },
      { ...defaults, mostBytes: 1000 },
    );
    expect(stack).toMatchObject({ kind: 'unknown', reason: 'following it takes more than 1000 bytes of memory' });
  });
});
