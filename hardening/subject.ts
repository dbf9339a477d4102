/**
 * An ELF file as the rules see it.
 *
 * Rules ask the same few things: what is mapped where, which bytes can be executed, where functions begin, whether there
 * are symbols at all, and who will load the file. They are worked out once, here, from program headers first, because a
 * loader looks at nothing else; sections and symbols are what the file says about itself and may be missing. Decoding is
 * shared by several rules and costs the most, so it happens when the first of them asks.
 *
 * Addresses are bigint (exact over all 64 bits, as in linker/elf-file.ts), offsets and sizes numbers.
 */
import { fail, printable } from '../base/errors.ts';
import * as elf from '../linker/elf.ts';
import { type ElfFile, type ElfSection, readElfFile } from '../linker/elf-file.ts';
import { type ElfSymbol, readElfSymbols, symbolTables } from '../linker/elf-symbols.ts';
import { readCodeFacts } from './code-facts.ts';
import type { CodeFacts } from './code-parts.ts';
import type { Enforcement } from './enforcement.ts';
import { type NoteSegment, readNoteSegments } from './notes.ts';

/** Of the machines we know: x86-64 and RISC-V. */
export const PAGE = 0x1000n;

/** A PT_LOAD that maps something. */
export interface Load {
  /** Of its program header. */
  readonly index: number;
  readonly flags: number;
  readonly address: bigint;
  /** First address after it; beyond 2^64 when the header says so. */
  readonly end: bigint;
  readonly offset: number;
  readonly align: number;
  /** What the file has of it. */
  readonly data: Uint8Array;
  readonly memorySize: number;
}

/** Bytes of the file that can be executed. */
export interface CodeRange {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** What it is called in messages: program header or section. */
  readonly what: string;
}

/** A function symbol's extent; `size` is up to the next function or the end of its range when the symbol has none. */
export interface FunctionBounds {
  readonly address: bigint;
  readonly size: number;
  readonly name: string;
}

/**
 * Who maps the file: Solo5's tender; firmware, which knows no segments and starts the program in supervisor mode; a
 * kernel, as a user's program; or nobody knows (then: ring 0, the worst case).
 */
export type Loader = 'solo5' | 'firmware' | 'kernel' | 'unknown';

export interface Subject {
  /** Printable. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly file: ElfFile;
  /** PT_LOADs with memory, in the order of the program headers; without start-up code that is gone when it has run. */
  readonly loads: readonly Load[];
  /** Absent for an image without page tables of its own. */
  readonly enforcement?: Enforcement;
  readonly notes: readonly NoteSegment[];
  readonly loader: Loader;
  /** Of .symtab, else of .dynsym; both empty in a stripped static file. */
  readonly symbols: readonly ElfSymbol[];
  /** Whether there is no .symtab. */
  readonly stripped: boolean;
  readonly code: readonly CodeRange[];
  /** By address, one per address; empty for relocatable files, whose symbols have no addresses yet. */
  readonly functions: readonly FunctionBounds[];
  /** See CodeFacts; decoded at the first use. */
  readonly facts: () => CodeFacts;
}

/** The section's name in messages. */
export function sectionName(section: ElfSection): string {
  return section.name === '' ? '(unnamed section)' : printable(section.name, 60);
}

export function permissions(flags: number): string {
  return `${flags & elf.PF_R ? 'R' : '-'}${flags & elf.PF_W ? 'W' : '-'}${flags & elf.PF_X ? 'X' : '-'}`;
}

/** The load that maps `address`, the last one where several do. */
export function loadAt(subject: Subject, address: bigint): Load | undefined {
  return subject.loads.findLast((load) => load.address <= address && address < load.end);
}

/** The section that holds `address` in memory. */
export function sectionAt(file: ElfFile, address: bigint): ElfSection | undefined {
  return file.sections.find(
    ({ flags, address: start, size }) =>
      (flags & elf.SHF_ALLOC) !== 0 && start <= address && address < start + BigInt(size),
  );
}

/** The data symbol whose extent holds `address`. A walk over all symbols: for the few addresses that are shown. */
function objectAt(symbols: readonly ElfSymbol[], address: bigint): ElfSymbol | undefined {
  return symbols.find(
    ({ type, section, value, size }) =>
      type === elf.STT_OBJECT && section > 0 && value <= address && address < value + size,
  );
}

/** Where an address is, as messages say it: in a function or data symbol, else in a section, else the bare address. */
export function place(subject: Subject, address: bigint): string {
  const hex = `0x${address.toString(16)}`;
  const within = functionAt(subject.functions, address);
  if (within !== undefined) {
    return `${hex} (${printable(within.name, 60)}+0x${(address - within.address).toString(16)})`;
  }
  const object = subject.file.header.type === elf.ET_REL ? undefined : objectAt(subject.symbols, address);
  if (object !== undefined) return `${hex} (${printable(object.name, 60)}+0x${(address - object.value).toString(16)})`;
  const section = sectionAt(subject.file, address);
  return section === undefined ? hex : `${hex} (${sectionName(section)}+0x${(address - section.address).toString(16)})`;
}

/** Index of the first function at or after `address`; binary search. */
export function firstFunctionFrom(functions: readonly FunctionBounds[], address: bigint): number {
  let low = 0;
  let high = functions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (functions[middle]!.address < address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The function whose extent holds `address`. */
export function functionAt(functions: readonly FunctionBounds[], address: bigint): FunctionBounds | undefined {
  const found = functions[firstFunctionFrom(functions, address + 1n) - 1];
  return found !== undefined && address < found.address + BigInt(found.size) ? found : undefined;
}

/** More than any real image has; rules compare loads with each other and with every symbol. */
const MOST_LOADS = 128;

/**
 * PT_LOADs. Two may share a page of the file, but files in which many map the same bytes again and again are made to
 * cost us, not to be loaded.
 */
function readLoads(file: ElfFile, bytes: Uint8Array, name: string): Load[] {
  const loads = file.segments.flatMap((segment, index): Load[] => {
    if (segment.type !== elf.PT_LOAD || (segment.memorySize === 0 && segment.fileSize === 0)) return [];
    const { flags, address, offset, align, memorySize, fileSize } = segment;
    const end = address + BigInt(Math.max(memorySize, fileSize));
    return [{ index, flags, address, end, offset, align, memorySize, data: bytes.subarray(offset, offset + fileSize) }];
  });
  if (loads.length > MOST_LOADS) fail('limit', `${name}: ${loads.length} PT_LOADs; at most ${MOST_LOADS} are read`);
  const mapped = loads.reduce((sum, { data }) => sum + data.length, 0);
  if (mapped > 2 * bytes.length + 65_536) {
    fail('limit', `${name}: PT_LOADs map ${mapped} bytes of a file of ${bytes.length}; at most twice its size is read`);
  }
  return loads;
}

/** Executable PT_LOADs; in a file without program headers (a relocatable object), executable sections. */
function codeRanges(file: ElfFile, loads: readonly Load[]): CodeRange[] {
  if (file.segments.length > 0) {
    return loads
      .filter(({ flags, data }) => (flags & elf.PF_X) !== 0 && data.length > 0)
      .map(({ address, data, index }) => ({ address, bytes: data, what: `program header ${index}` }));
  }
  return file.sections
    .filter(({ flags, data }) => (flags & elf.SHF_EXECINSTR) !== 0 && data.length > 0)
    .map((section) => ({ address: section.address, bytes: section.data, what: sectionName(section) }));
}

function isFunction(symbol: ElfSymbol): boolean {
  return (symbol.type === elf.STT_FUNC || symbol.type === elf.STT_GNU_IFUNC) && symbol.section !== elf.SHN_UNDEF;
}

function functionBounds(symbols: readonly ElfSymbol[], code: readonly CodeRange[]): FunctionBounds[] {
  const inCode = (address: bigint): CodeRange | undefined =>
    code.find((range) => range.address <= address && address < range.address + BigInt(range.bytes.length));
  const sorted = symbols
    .filter((symbol) => isFunction(symbol) && inCode(symbol.value) !== undefined)
    .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.size > b.size ? -1 : a.size < b.size ? 1 : 0));
  const first = sorted.filter((symbol, i) => i === 0 || symbol.value !== sorted[i - 1]!.value);
  return first.map((symbol, i) => {
    const range = inCode(symbol.value)!;
    const rest = range.address + BigInt(range.bytes.length) - symbol.value;
    const toNext = i + 1 < first.length ? first[i + 1]!.value - symbol.value : rest;
    const size = symbol.size === 0n || symbol.size > rest ? lower(toNext, rest) : symbol.size;
    return { address: symbol.value, size: Number(size), name: symbol.name };
  });
}

function loaderOf(file: ElfFile, notes: readonly NoteSegment[]): Loader {
  const all = notes.flatMap(({ notes: some }) => some);
  // Solo5 has no tender for RISC-V: there, its notes are in images for bare machines.
  if (all.some(({ name }) => name === 'Solo5')) return file.header.machine === elf.EM_RISCV ? 'firmware' : 'solo5';
  const abiTag = all.some(({ name, type }) => name === 'GNU' && type === 1);
  const interpreted = file.segments.some(({ type }) => type === elf.PT_INTERP);
  return abiTag || interpreted ? 'kernel' : 'unknown';
}

/** An image's own protection: what it enforces, and the program headers of code that is gone once it has done so. */
export interface OwnProtection {
  readonly enforcement: Enforcement;
  readonly startup: readonly number[];
}

/**
 * Reads what the rules need. `path` names the file in messages; `protectionOf` recognises images that protect themselves.
 * Errors: those of readElfFile, readElfSymbols and `protectionOf`; 'limit' for a file whose segments overlap in it.
 */
export function readSubject(
  bytes: Uint8Array,
  path: string,
  protectionOf: (file: ElfFile, bytes: Uint8Array, name: string) => OwnProtection | undefined = () => undefined,
): Subject {
  const name = printable(path);
  const file = readElfFile(bytes, path);
  const own = protectionOf(file, bytes, name);
  const loads = readLoads(file, bytes, name).filter(({ index }) => !own?.startup.includes(index));
  const notes = readNoteSegments(file, bytes);
  const table = symbolTables(file)[0] ?? symbolTables(file, elf.SHT_DYNSYM)[0];
  const symbols = table === undefined ? [] : readElfSymbols(file, table, path);
  const code = codeRanges(file, loads);
  const functions = file.header.type === elf.ET_REL ? [] : functionBounds(symbols, code);
  let facts: CodeFacts | undefined;
  const subject: Subject = {
    name,
    bytes,
    file,
    loads,
    ...(own === undefined ? {} : { enforcement: own.enforcement }),
    notes,
    loader: loaderOf(file, notes),
    symbols,
    stripped: symbolTables(file).length === 0,
    code,
    functions,
    facts: () => {
      facts ??= readCodeFacts(subject);
      return facts;
    },
  };
  return subject;
}

/** Math.min and Math.max take no bigint. */
export function lower(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

/** See `lower`. */
export function higher(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}
