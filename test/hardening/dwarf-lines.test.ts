/**
 * Source lines of linked code, held against another reader's for every instruction, and against tables that were damaged:
 * no line is better than a wrong one, and nothing in an image keeps the reader from its end.
 */
import { describe, expect, it } from 'vitest';
import { sourceLines } from '../../hardening/dwarf-lines.ts';
import { SHT_CASEMATE_SLIDE } from '../../hardening/slide/codec.ts';
import { readSubject, type Subject } from '../../hardening/subject.ts';
import type { ElfSection } from '../../linker/elf-file.ts';
import { isLong } from '../support/long.ts';
import { runOrThrow } from '../support/run.ts';
import { type Image, project } from '../support/small-links.ts';
import { riscv, type Target, x86 } from '../support/toolchain.ts';
import { requireTool, type Tool } from '../support/tools.ts';

const program = `
#include "inner.h"
int table[16];
__attribute__((noinline)) static int twice(int x) {
  int sum = 0;
  for (int i = 0; i < x; i++) {
    if (table[i & 15] > x)
      sum += inner(i);
    else
      sum -= table[(i + 3) & 15];
  }
  return sum * 2;
}
int used(int a, int b) {
  int first = twice(a);
  table[a & 15] = first;

  return first > b ? inner(first) : twice(b);
}
#line 500 "elsewhere/made.c"
int made(int a) { return used(a, a + 1) + 1; }
void _start(void) { made(table[0]); for (;;); }
`;
const header = 'static inline int inner(int x) {\n  int y = x * 3;\n  return y ^ table_of();\n}\n';

interface Build {
  readonly target: Target;
  readonly compiler: Tool;
  readonly flags: readonly string[];
}

async function linked({ target, compiler, flags }: Build): Promise<Image> {
  const { write, path, link } = await project(target, {});
  write('inner.h', `int table_of(void);\n${header}`);
  write('main.c', program);
  write('other.c', 'int table_of(void) {\n  static int n;\n  return ++n;\n}\n');
  const machine = compiler === 'clang' && target === riscv ? ['--target=riscv64-linux-gnu'] : [];
  for (const name of ['main', 'other'])
    await runOrThrow(requireTool(compiler), [
      ...[...machine, ...flags, '-ffreestanding', '-fno-stack-protector', '-I', path('.')],
      ...['-c', path(`${name}.c`), '-o', path(`${name}.o`)],
    ]);
  return link('main.o', 'other.o');
}

const subjectOf = ({ bytes, path }: Image): Subject => readSubject(bytes, path);

/** All addresses of functions, two bytes apart: instructions begin at them or they lie within one. */
const addressesOf = ({ functions }: Subject): number[] =>
  functions.flatMap(({ address, size }) => Array.from({ length: size >> 1 }, (_, i) => Number(address) + 2 * i));

/** What another reader says: the file's name without its folder, and the line. */
async function others(image: Image, addresses: readonly number[]): Promise<string[]> {
  const shown = addresses.map((at) => `0x${at.toString(16)}`);
  const stdout = await runOrThrow(requireTool('llvm-addr2line'), ['-e', image.path, ...shown]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/ \(discriminator \d+\)$/, '').replace(/^.*\//, ''));
}

const everything: Build[] = [
  ...['-gdwarf-2', '-gdwarf-3', '-gdwarf-4', '-gdwarf-5'].flatMap((version) => [
    { target: x86, compiler: 'gcc' as const, flags: [version, '-O2'] },
    { target: x86, compiler: 'clang' as const, flags: [version, '-O1', '-ffunction-sections'] },
    { target: riscv, compiler: 'riscv64-linux-gnu-gcc' as const, flags: [version, '-O2', '-ffunction-sections'] },
    { target: riscv, compiler: 'clang' as const, flags: [version, '-O2'] },
  ]),
  { target: x86, compiler: 'gcc', flags: ['-gdwarf-5', '-gdwarf64', '-O0'] },
];
const some = [
  everything.find(({ compiler, flags }) => compiler === 'gcc' && flags[0] === '-gdwarf-5')!,
  everything.find(
    ({ target, compiler, flags }) => target === riscv && compiler === 'clang' && flags[0] === '-gdwarf-4',
  )!,
];

describe.each(isLong ? everything : some)('lines of $target.name by $compiler $flags', (build) => {
  it('are those that another reader finds, of every instruction', async () => {
    const image = await linked(build);
    const subject = subjectOf(image);
    const lineAt = sourceLines(subject);
    const addresses = addressesOf(subject);
    const expected = await others(image, addresses);
    expect(addresses.length).toBeGreaterThan(60);
    const found = addresses.map((at) => {
      const line = lineAt(at);
      return line === undefined ? '??:0' : `${line.file.replace(/^.*\//, '')}:${line.line}`;
    });
    // A line of number 0 is none.
    expect(found).toEqual(expected.map((one) => (/:[0?]$/.test(one) ? '??:0' : one)));
    const files = new Set(found.map((one) => one.split(':')[0]));
    for (const file of ['main.c', 'inner.h', 'other.c', 'made.c']) expect(files).toContain(file);
    expect(lineAt(addresses[0]! - 4096)).toBeUndefined();
  });
});

/** The image with other contents of some sections. */
const withSections = (subject: Subject, change: (section: ElfSection) => ElfSection): Subject => ({
  ...subject,
  file: { ...subject.file, sections: subject.file.sections.map(change) },
});

const withLines = (subject: Subject, data: Uint8Array, name = '.debug_line'): Subject =>
  withSections(subject, (section) => (section.name === name ? { ...section, data, size: data.length } : section));

const dataOf = ({ file }: Subject, name: string): Uint8Array =>
  file.sections.find((section) => section.name === name)!.data;

let damaged: Promise<Subject> | undefined;
const subjectToDamage = (): Promise<Subject> => {
  damaged ??= linked({ target: x86, compiler: 'gcc', flags: ['-gdwarf-5', '-O1'] }).then(subjectOf);
  return damaged;
};

/** Operands of the standard opcodes, as they are. */
const operands = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
const plain = [1, 1, 1, 0xfb, 14, 13, ...operands, 0, 0, 0, 0];
const far = [...new Array(9).fill(0xff), 0x01];

const word = (value: number): number[] => [value & 255, (value >> 8) & 255, 0, 0];

/** A unit of version 5 with this behind the length of its header, and this program. */
function header5(rest: readonly number[], code: readonly number[] = []): number[] {
  const body = [5, 0, 8, 0, ...word(rest.length), ...rest, ...code];
  return [...word(body.length), ...body];
}

/** Where a unit of version 5 says which line a special opcode begins to count from. */
const lineBaseAt = (data: Uint8Array): number => (data[0] === 0xff ? 12 : 4) + 2 + 2 + 4 + 3;

describe('tables of lines that were damaged', () => {
  it('say nothing, or what they say, and always end', async () => {
    const subject = await subjectToDamage();
    const data = dataOf(subject, '.debug_line');
    const [address] = addressesOf(subject);
    const ask = (bytes: Uint8Array): void => {
      const line = sourceLines(withLines(subject, bytes))(address!);
      if (line !== undefined) expect(line.line).toBeGreaterThan(0);
    };
    for (let at = 0; at < data.length; at += isLong ? 1 : 3) {
      for (const value of [0, 0x7f, 0xff, data[at]! ^ 0x80]) {
        const bytes = data.slice();
        bytes[at] = value;
        ask(bytes);
      }
      ask(data.slice(0, at));
    }
  });

  it('are not read where an image says that it was moved, and where functions do not begin where rows do', async () => {
    const subject = await subjectToDamage();
    const at = Number(subject.functions.find(({ name }) => name === 'used')!.address);
    expect(sourceLines(subject)(at)).toMatchObject({ file: expect.stringMatching(/main\.c$/), line: 14 });
    const slide = new Uint8Array(24);
    slide.set([0x43, 0x53, 0x4c, 0x44, 1, 0]);
    const slid = (kind: number): Subject => {
      const bytes = slide.slice();
      bytes[5] = kind;
      const section = { ...subject.file.sections[0]!, type: SHT_CASEMATE_SLIDE, data: bytes };
      return { ...subject, file: { ...subject.file, sections: [...subject.file.sections, section] } };
    };
    expect(sourceLines(slid(0))(at)).toBeDefined();
    expect(sourceLines(slid(1))(at)).toBeUndefined();
    const moved = subject.functions.map((fn) => ({ ...fn, address: fn.address + 1n }));
    expect(sourceLines({ ...subject, functions: moved })(at + 1)).toBeUndefined();
  });

  it('are not believed where two contradict each other', async () => {
    const subject = await subjectToDamage();
    const data = dataOf(subject, '.debug_line');
    const at = Number(subject.functions.find(({ name }) => name === 'used')!.address);
    const twice = new Uint8Array([...data, ...data]);
    expect(sourceLines(withLines(subject, twice))(at)).toEqual(sourceLines(subject)(at));
    // The second one has other lines: the program's first advance of the line is another one.
    const other = data.slice();
    const shifted = lineBaseAt(other);
    other[shifted] = (other[shifted]! + 1) & 255;
    expect(sourceLines(withLines(subject, new Uint8Array([...data, ...other])))(at)).toBeUndefined();
  });

  it.each([
    ['another version', [9, 0, 0, 0, 6, 0, 8, 0, 1, 0, 0, 0, 0]],
    ['a length that is reserved', [0xf0, 0xff, 0xff, 0xff, 5, 0]],
    ['a length beyond the section', [0xff, 0xff, 0xff, 0x7f, 5, 0]],
    ['no range of lines', header5([1, 1, 1, 0xfb, 0, 13, ...operands])],
    ['files without a format', header5([1, 1, 1, 0xfb, 14, 13, ...operands, 0, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['more files than bytes', header5([1, 1, 1, 0xfb, 14, 13, ...operands, 1, 1, 0x0b, 0xff, 0xff, 0x03])],
    ['another number of operands', header5([1, 1, 1, 0xfb, 14, 13, 0, 2, ...operands.slice(2), 0, 0, 0, 0])],
    ['a number without an end', header5([1, 1, 1, 0xfb, 14, 13, ...operands, 1, ...new Array(16).fill(0x80)])],
    ['an opcode beyond the unit', header5([1, 1, 1, 0xfb, 14, 13, ...operands, 0, 0, 0, 0], [0, 99, 1])],
    ['an opcode of no bytes', header5([1, 1, 1, 0xfb, 14, 13, ...operands, 0, 0, 0, 0], [0, 0, 0, 0])],
    [
      'an advance beyond all addresses',
      header5(plain, [3, 0xff, 0xff, 0xff, 0x7f, 2, ...far, 1, 2, ...far, 1, 0, 1, 1]),
    ],
  ])('are refused as a unit, and the units behind it are read: %s', async (_, bytes) => {
    const subject = await subjectToDamage();
    const at = Number(subject.functions.find(({ name }) => name === 'used')!.address);
    const data = dataOf(subject, '.debug_line');
    const all = new Uint8Array([...bytes, ...data]);
    const isLengthWrong = bytes[3] === 0xff || bytes[3] === 0x7f;
    const line = sourceLines(withLines(subject, all))(at);
    if (isLengthWrong) expect(line).toBeUndefined();
    else expect(line).toEqual(sourceLines(subject)(at));
  });
});
