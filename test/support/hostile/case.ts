/**
 * What a hostile case is, and the good parts that cases are made of.
 *
 * Every case is linked together with a good object that defines _start and refers to `wanted`, so that archive members
 * are pulled and sections stay live. `refused` cases must be refused; the others may also link (GNU ld accepts some).
 */
import type { Machine } from '../../../linker/program.ts';
import {
  type BuiltObject,
  type BuiltSection,
  type BuiltSymbol,
  buildObject,
  EM,
  relocations,
  SHF,
  SHT,
  words,
} from '../elf-builder.ts';

export interface HostileCase {
  readonly name: string;
  /** Files of the case; `victim` ones are given on the command line, others are only there to be found. */
  readonly files: Readonly<Record<string, Buffer>>;
  readonly args: readonly string[];
  readonly expected: 'refused' | 'any';
  /** What the error line must say, where the case has one right answer. */
  readonly says?: RegExp;
  readonly machine: Machine;
}

/** What ld calls the machines. */
export const emulations: Readonly<Record<Machine, string>> = {
  'x86-64': 'elf_x86_64',
  riscv64: 'elf64lriscv',
  aarch64: 'aarch64linux',
};

export const ALLOC = SHF.ALLOC;
export const CODE = SHF.ALLOC | SHF.EXEC;
export const DATA = SHF.ALLOC | SHF.WRITE;
export const GLOBAL_FUNC = 0x12;
export const GLOBAL_OBJECT = 0x11;

export const wanted: BuiltSymbol = { name: 'wanted', info: GLOBAL_FUNC, section: 1 };
export const text: BuiltSection = { name: '.text', flags: CODE, bytes: Buffer.alloc(64, 0x90), align: 4 };

/** An object with `wanted` in section 1, .text; `first` changes that section; more sections and symbols follow. */
export function object(more: Partial<BuiltObject> & { readonly first?: Partial<BuiltSection> } = {}): Buffer {
  const { first, sections = [], symbols = [], ...rest } = more;
  const locals = symbols.filter(({ info = 16 }) => info < 16);
  const globals = symbols.filter(({ info = 16 }) => info >= 16);
  return buildObject({
    sections: [{ ...text, ...first }, ...sections],
    symbols: [...locals, wanted, ...globals],
    ...rest,
  });
}

/** An object with relocations for .text (section 2 relocates 1; the symbol table is section 3). */
export function relocated(
  entries: Parameters<typeof relocations>[0],
  more: Parameters<typeof object>[0] = {},
  table: Partial<BuiltSection> = {},
): Buffer {
  const link = 3 + (more.sections?.length ?? 0);
  const rela = {
    name: '.rela.text',
    type: SHT.RELA,
    bytes: relocations(entries),
    link,
    info: 1,
    align: 8,
    entsize: 24,
  };
  return object({ ...more, sections: [{ ...rela, ...table }, ...(more.sections ?? [])] });
}

/** Offset of section header `index` given the table's offset. */
export const header = (headers: number, index: number): number => headers + 64 * index;

export const goodStart: Readonly<Record<HostileCase['machine'], Buffer>> = {
  'x86-64': buildObject({
    sections: [
      { name: '.text', flags: CODE, bytes: Buffer.from([0xe8, 0, 0, 0, 0, 0xf4]), align: 16 },
      {
        name: '.rela.text',
        type: SHT.RELA,
        bytes: relocations([{ offset: 1, type: 4, symbol: 2, addend: -4 }]),
        link: 3,
        info: 1,
        align: 8,
        entsize: 24,
      },
    ],
    symbols: [{ name: '_start', info: GLOBAL_FUNC, section: 1 }, { name: 'wanted' }],
  }),
  riscv64: buildObject({
    machine: EM.RISCV,
    sections: [
      { name: '.text', flags: CODE, bytes: words(0x00000097, 0x000080e7, 0x0000006f), align: 4 },
      {
        name: '.rela.text',
        type: SHT.RELA,
        bytes: relocations([{ offset: 0, type: 19, symbol: 2 }]),
        link: 3,
        info: 1,
        align: 8,
        entsize: 24,
      },
    ],
    symbols: [{ name: '_start', info: GLOBAL_FUNC, section: 1 }, { name: 'wanted' }],
  }),
  aarch64: buildObject({
    machine: EM.AARCH64,
    sections: [
      { name: '.text', flags: CODE, bytes: words(0x94000000, 0x14000000), align: 4 },
      {
        name: '.rela.text',
        type: SHT.RELA,
        bytes: relocations([{ offset: 0, type: 283, symbol: 2 }]),
        link: 3,
        info: 1,
        align: 8,
        entsize: 24,
      },
    ],
    symbols: [{ name: '_start', info: GLOBAL_FUNC, section: 1 }, { name: 'wanted' }],
  }),
};

export interface CaseOptions {
  readonly says?: RegExp;
  /** Arguments after start.o; default the first file. */
  readonly args?: readonly string[];
  readonly machine?: HostileCase['machine'];
}

/** A list of cases under construction. */
export interface Collector {
  readonly cases: HostileCase[];
  /** A case of one object, victim.o. */
  readonly add: (name: string, bytes: Buffer, expected?: HostileCase['expected'], options?: CaseOptions) => void;
  readonly addFiles: (
    name: string,
    files: HostileCase['files'],
    expected: HostileCase['expected'],
    options?: CaseOptions,
  ) => void;
}

export function createCollector(): Collector {
  const cases: HostileCase[] = [];
  const addFiles: Collector['addFiles'] = (name, files, expected, options = {}) => {
    const { machine = 'x86-64', args = Object.keys(files).slice(0, 1), says } = options;
    cases.push({
      name,
      files: { 'start.o': goodStart[machine], ...files },
      args: ['start.o', ...args],
      expected,
      machine,
      ...(says === undefined ? {} : { says }),
    });
  };
  const add: Collector['add'] = (name, bytes, expected = 'refused', options = {}) =>
    addFiles(name, { 'victim.o': bytes }, expected, options);
  return { cases, add, addFiles };
}
