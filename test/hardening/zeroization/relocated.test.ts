/**
 * An image's data is what its relocations make of it: pointers that are zeros in the file are none, wherever it is said
 * that a loader changes them, and of code that relocations change nobody knows what it does.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { readSubject, type Subject } from '../../../hardening/subject.ts';
import { analyzeErasure } from '../../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../../hardening/zeroization/from-subject.ts';
import type { Verdict } from '../../../hardening/zeroization/question.ts';
import { PT_DYNAMIC, SHF_ALLOC, SHT_REL, SHT_RELA, SHT_RELR } from '../../../linker/elf.ts';
import { intelAssembly, linkedText } from '../../support/erasure/analysis.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { x86 } from '../../support/toolchain.ts';

const folder = temporaryFolder('relocated');

const source = `${intelAssembly}
begin calls_if_there
  mov rax, [rip + hook]
  test rax, rax
  je 1f
  jmp rax
1: xor eax, eax
  ret
begin asks_its_code
  movabs rax, 0
  test rax, rax
  je 1b
  jmp rax
begin leaks
  movzx eax, byte ptr [rdi]
  push rax
  pop rcx
  xor eax, eax
  xor ecx, ecx
  ret
.data
.balign 8
.globl hook, relocations, dynamic, missing
hook: .quad 0
.section .rodata
.balign 8
relocations: .quad hook, 8, leaks
dynamic: .quad 7, relocations, 8, 24, 9, 24, 0, 0
missing: .quad 7, relocations, 8, 0x100000, 9, 24, 0, 0
`;

describe('what relocations change', () => {
  let subject: Subject;
  let addressOf: (name: string) => number;
  beforeAll(async () => {
    const { image } = await linkedText(x86, source, 'gcc', [], folder, 'relocated');
    subject = readSubject(image.bytes, 'relocated');
    addressOf = (name) => Number(image.symbols.find((symbol) => symbol.name === name)!.value);
  });

  const stackOf = (name: string, of: Subject): Verdict<unknown> =>
    analyzeErasure(followedImage(of), {
      function: name,
      arguments: { 0: { kind: 'secret', size: 32 } },
      result: 4,
      clears: false,
    }).stack;
  const withSection = (type: number, words: readonly number[]): Subject => {
    const data = new Uint8Array(new BigUint64Array(words.map(BigInt)).buffer);
    const section = { ...subject.file.sections[0]!, type, flags: SHF_ALLOC, data, size: data.length };
    return { ...subject, file: { ...subject.file, sections: [...subject.file.sections, section] } };
  };
  /** With a dynamic section at a symbol, and no other sections. */
  const withDynamic = (symbol: string): Subject => {
    const address = BigInt(addressOf(symbol));
    const part = subject.file.segments.find((one) => one.address <= address && address - one.address < one.fileSize)!;
    const offset = part.offset + Number(address - part.address);
    const segment = { ...part, type: PT_DYNAMIC, address, offset, fileSize: 64, memorySize: 64 };
    const segments = [...subject.file.segments, segment];
    return { ...subject, file: { ...subject.file, segments, sections: [] } };
  };

  it('is what they say', () => {
    const [hook, leaks] = [addressOf('hook'), addressOf('leaks')];
    expect(stackOf('calls_if_there', subject).kind).toBe('erased');
    const left = { kind: 'residue', residue: [{ status: 'confirmed' }] };
    expect(stackOf('calls_if_there', withSection(SHT_RELA, [hook, 8, leaks]))).toMatchObject(left);
    expect(stackOf('calls_if_there', withDynamic('dynamic')).kind).toBe('residue');
    // To the image's beginning, which is what the file has there.
    expect(stackOf('calls_if_there', withSection(SHT_REL, [hook, 8])).kind).toBe('erased');
    expect(stackOf('calls_if_there', withSection(SHT_RELR, [hook])).kind).toBe('erased');
    expect(stackOf('calls_if_there', withSection(SHT_RELA, [hook + 8, 8, leaks])).kind).toBe('erased');
  });

  it.each([
    ['a symbol that others have', (hook: number) => [hook, 6, 0]],
    ['what a function answers', (hook: number) => [hook, 37, 1]],
    ['two addresses', (hook: number) => [hook, 8, 1, hook, 8, 2]],
    ['one that lies across', (hook: number) => [hook, 8, 1, hook + 4, 8, 2]],
    ['a pair of words', (hook: number) => [hook - 8, 36, 0]],
    ['a copy', (hook: number) => [hook - 16, 5, 0]],
  ])('is unknown where it is %s', (_, words) => {
    const stack = stackOf('calls_if_there', withSection(SHT_RELA, words(addressOf('hook'))));
    expect(stack).toMatchObject({ kind: 'unknown', reason: 'a jump to where nobody knows' });
  });

  it('is no code that has a meaning', () => {
    const at = addressOf('asks_its_code');
    expect(stackOf('asks_its_code', subject).kind).toBe('erased');
    const stack = stackOf('asks_its_code', withSection(SHT_RELA, [at + 2, 8, addressOf('leaks')]));
    expect(stack).toMatchObject({ kind: 'unknown', at });
    expect(stackOf('leaks', withSection(SHT_RELA, [at + 2, 8, 0])).kind).toBe('residue');
  });

  it('is refused where its relocations are not in the file', () => {
    expect(() => followedImage(withDynamic('missing'))).toThrow(
      /relocated: the dynamic section has 1048576 bytes of relocations at 0x[0-9a-f]+, which no segment of the file has/,
    );
  });
});
