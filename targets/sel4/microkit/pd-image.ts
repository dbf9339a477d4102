/**
 * What Microkit demands of the program of a protection domain, judged on the file.
 *
 * The tool maps each PT_LOAD with the rights that its flags have, and writes what the program must know of itself into
 * symbols. It trusts the file: a segment that is longer in the file than in memory, or two on one page, end it with a
 * panic. A protection domain holds no capability to its own pages, so that the rights in the file are final, and worth
 * to be right here. Nobody relocates it.
 *
 * On x86-64 a page that is executed but not read would be mapped without any right at all: there, text is readable.
 * Source: Microkit 2.3.0-dev, tool/microkit/src: elf.rs (from_path, find_symbol, write_symbol), symbols.rs
 * (patch_symbols) and capdl/builder.rs (add_elf_to_spec); libmicrokit/src/main.c (sizes of the symbols).
 */
import { fail, hex, printable } from '../../../base/errors.ts';
import * as elf from '../../../linker/elf.ts';
import { type ElfFile, type ElfSegment, readElfFile } from '../../../linker/elf-file.ts';
import { type ElfSymbol, readElfSymbols, symbolTables } from '../../../linker/elf-symbols.ts';
import { machineNumbers } from '../kernel-elf.ts';
import { type MicrokitMachine, mapLimitOf } from './machine.ts';
import type { Taken } from './rules.ts';

export type PdRule =
  | 'machine'
  | 'type'
  | 'segments'
  | 'relocations'
  | 'pages'
  | 'rights'
  | 'entry'
  | 'address-space'
  | 'symbols'
  | 'set-symbols';

export interface BrokenPdRule {
  readonly rule: PdRule;
  /** One line, printable, with both values. */
  readonly message: string;
}

/** Symbols that the tool writes into every program, and their sizes. */
export const requiredSymbols: readonly (readonly [name: string, size: bigint])[] = [
  ['microkit_name', 64n],
  ['microkit_passive', 1n],
  ['microkit_irqs', 8n],
  ['microkit_notifications', 8n],
  ['microkit_pps', 8n],
  ['microkit_ioports', 8n],
];

/** A word, which is what every symbol has that a system description sets. */
const wordSize = 8n;
const page = 0x1000n;

type Break = (rule: PdRule, message: string) => void;
type Loads = readonly (readonly [index: number, segment: ElfSegment])[];

const endOf = ({ address, memorySize }: ElfSegment): bigint => address + BigInt(memorySize);
const flagsOf = (flags: number): string => `${flags & 4 ? 'R' : '-'}${flags & 2 ? 'W' : '-'}${flags & 1 ? 'X' : '-'}`;

function loadsOf(file: ElfFile): Loads {
  return [...file.segments.entries()].filter(([, { type, memorySize }]) => type === elf.PT_LOAD && memorySize > 0);
}

function checkFile(file: ElfFile, { machine }: MicrokitMachine, breaks: Break): void {
  const expected = machineNumbers[machine];
  if (file.header.machine !== expected)
    breaks('machine', `made for machine ${file.header.machine}; the kernel is for ${expected} (${machine})`);
  if (file.header.type !== elf.ET_EXEC)
    breaks('type', `file type ${file.header.type}; must be ${elf.ET_EXEC} (ET_EXEC): nobody relocates it`);
  const kinds: readonly number[] = [elf.SHT_RELA, elf.SHT_REL, elf.SHT_RELR, elf.SHT_DYNAMIC];
  const found = file.sections.find(({ type, flags }) => (flags & elf.SHF_ALLOC) !== 0 && kinds.includes(type));
  if (found !== undefined)
    breaks('relocations', `section ${printable(found.name, 60)} (type ${found.type}) is loaded; nobody relocates it`);
  const other = file.segments.findIndex(({ type }) => type === elf.PT_DYNAMIC || type === elf.PT_INTERP);
  if (other >= 0) breaks('relocations', `program header ${other} is for a dynamic linker; link the program statically`);
}

function checkSegments(file: ElfFile, loads: Loads, target: MicrokitMachine, breaks: Break): void {
  file.segments.forEach(({ type, fileSize, memorySize }, i) => {
    if (type === elf.PT_LOAD && fileSize > memorySize)
      breaks('segments', `program header ${i}: ${fileSize} bytes in the file, ${memorySize} in memory`);
  });
  for (const [i, segment] of loads) {
    const what = `program header ${i}`;
    const { address, flags } = segment;
    if (address % page !== 0n)
      breaks('pages', `${what}: begins at ${hex(address)}; must begin on a page (${hex(page)})`);
    if ((flags & elf.PF_W) !== 0 && (flags & elf.PF_X) !== 0)
      breaks('rights', `${what}: ${flagsOf(flags)}; no memory may be written and executed`);
    if ((flags & 7) === 0 || (flags & 7) === elf.PF_W)
      breaks('rights', `${what}: ${flagsOf(flags)}; no kernel maps memory like that`);
    if (target.machine === 'x86-64' && (flags & 7) === elf.PF_X)
      breaks(
        'rights',
        `${what}: ${flagsOf(flags)}; x86-64 has no execute-only memory: it would be mapped without rights`,
      );
  }
  const sorted = [...loads].sort(([, a], [, b]) => (a.address < b.address ? -1 : 1));
  for (let at = 1; at < sorted.length; at++) {
    const [[before, first], [after, second]] = [sorted[at - 1]!, sorted[at]!];
    if (second.address / page > (endOf(first) - 1n) / page) continue;
    const both = `begins at ${hex(second.address)}, and program header ${before} ends at ${hex(endOf(first))}`;
    breaks('pages', `program header ${after} ${both}; no page may be of two`);
  }
}

function checkSpace(loads: Loads, stackSize: number, target: MicrokitMachine, breaks: Break): void {
  const limit = mapLimitOf(target, stackSize);
  for (const [i, segment] of loads) {
    if (segment.address < page)
      breaks('address-space', `program header ${i}: begins at ${hex(segment.address)}; the first page must stay free`);
    if (endOf(segment) > limit)
      breaks('address-space', `program header ${i}: ends at ${hex(endOf(segment))}; the stack begins at ${hex(limit)}`);
  }
}

function checkEntry({ header: { entry } }: ElfFile, loads: Loads, breaks: Break): void {
  const inside = loads.find(([, { address, fileSize }]) => entry >= address && entry < address + BigInt(fileSize));
  if (inside === undefined) breaks('entry', `enters at ${hex(entry)}, which no segment's contents hold`);
  else if ((inside[1].flags & elf.PF_X) === 0)
    breaks('entry', `enters at ${hex(entry)}, in program header ${inside[0]}, ${flagsOf(inside[1].flags)}`);
}

function checkSymbol(
  name: string,
  size: bigint,
  symbols: readonly ElfSymbol[],
  loads: Loads,
  report: (message: string) => void,
): void {
  const all = symbols.filter((symbol) => symbol.name === name);
  const shown = printable(name, 60);
  if (all.length !== 1) {
    report(`${all.length} symbols are called ${shown}; must be exactly 1`);
    return;
  }
  const [symbol] = all;
  if (symbol.size !== size) report(`symbol ${shown} has ${symbol.size} bytes; must have ${size}`);
  const end = symbol.value + size;
  const inside = loads.some(([, segment]) => symbol.value >= segment.address && end <= endOf(segment));
  if (!inside) report(`symbol ${shown} is at ${hex(symbol.value)}, which no segment holds; the tool writes to it`);
}

function checkSymbols(file: ElfFile, name: string, loads: Loads, set: readonly string[], breaks: Break): void {
  const [table] = symbolTables(file);
  if (table === undefined) {
    breaks('symbols', 'has no symbol table; the tool finds by it what it must write: do not strip the program');
    return;
  }
  const symbols = readElfSymbols(file, table, name);
  for (const [symbol, size] of requiredSymbols)
    checkSymbol(symbol, size, symbols, loads, (message) => breaks('symbols', message));
  for (const symbol of set) checkSymbol(symbol, wordSize, symbols, loads, (message) => breaks('set-symbols', message));
}

export interface PdRequest {
  readonly machine: MicrokitMachine;
  readonly stackSize: number;
  /** Symbols that the system description sets. */
  readonly set: readonly string[];
}

/** The rules that the program of a protection domain breaks. Errors: those of readElfFile and readElfSymbols. */
export function brokenPdRules(bytes: Uint8Array, name: string, { machine, stackSize, set }: PdRequest): BrokenPdRule[] {
  const broken: BrokenPdRule[] = [];
  const breaks: Break = (rule, message) => broken.push({ rule, message });
  const file = readElfFile(bytes, name);
  const loads = loadsOf(file);
  checkFile(file, machine, breaks);
  if (loads.length === 0) breaks('segments', 'has no PT_LOAD with memory; there is nothing to run');
  checkSegments(file, loads, machine, breaks);
  checkSpace(loads, stackSize, machine, breaks);
  checkEntry(file, loads, breaks);
  checkSymbols(file, name, loads, set, breaks);
  return broken;
}

/** Errors: 'image' when a rule is broken, with the first and how many more; those of brokenPdRules. */
export function checkProgram(bytes: Uint8Array, name: string, request: PdRequest): void {
  const [first, ...more] = brokenPdRules(bytes, name, request);
  if (first === undefined) return;
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  fail('image', `${printable(name)}: ${first.message}${others}`);
}

/** What a program takes of its address space. */
export function takenByProgram(bytes: Uint8Array, name: string): Taken[] {
  return loadsOf(readElfFile(bytes, name)).map(([i, segment]) => ({
    what: `program header ${i} of the program`,
    from: (segment.address / page) * page,
    to: ((endOf(segment) + page - 1n) / page) * page,
  }));
}
