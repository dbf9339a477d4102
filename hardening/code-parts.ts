/**
 * What is gathered from code, whatever the machine, and which bytes of an image are code.
 */
import { PHDR_SIZE, SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS } from '../linker/elf.ts';
import { type CodeRange, firstFunctionFrom, higher, lower, type Subject } from './subject.ts';

/** A read of executable memory. */
export interface TextLoad {
  /** Of the instruction. */
  readonly at: bigint;
  /** What it reads; for an operand with registers, the constant part. */
  readonly target: bigint;
  /** direct: its operand names the address; loaded: through a register that was given it just before. */
  readonly how: 'direct' | 'loaded';
}

/** What is known of one function, in the order of Subject.functions. */
export interface FunctionFacts {
  /** Compares or reads the canary, or calls __stack_chk_fail. */
  canary: boolean;
  /** Makes room on the stack. */
  frame: boolean;
  /** Takes the address of something in its frame, as code with arrays or pointers to locals must. */
  frameAddress: boolean;
  /** Has a way back to its caller: without one, no return address is there to be protected. */
  returns: boolean;
}

export interface CodeFacts {
  readonly decoded: boolean;
  readonly instructions: number;
  /** Addresses of bytes that are no instruction: the first few, and how many. */
  readonly invalid: { readonly first: readonly bigint[]; readonly count: number };
  readonly textLoads: readonly TextLoad[];
  /** Operands with a register whose displacement lies in text: a table in text, or a large offset. */
  readonly possibleTextLoads: readonly TextLoad[];
  readonly functions: readonly FunctionFacts[];
  /** Whether the code reads %fs:0x28 anywhere: for files without function symbols. */
  readonly canaryReads: number;
  /** Addresses that LIDT instructions name (their table pointer lies there). */
  readonly lidtOperands: readonly bigint[];
}

/** Whether bytes that no section claims are padding: all zero, or all INT3. */
function isPadding(bytes: Uint8Array): boolean {
  const first = bytes[0];
  return (first === 0 || first === 0xcc) && bytes.every((byte) => byte === first);
}

/**
 * Parts of code ranges to decode, in order: each section with code, and what no section claims. A section begins with an
 * instruction whatever the padding before it decodes to.
 */
export function codeParts(subject: Subject): CodeRange[] {
  const sections = subject.file.sections
    .filter(({ flags, type, size }) => (flags & SHF_ALLOC) !== 0 && type !== SHT_NOBITS && size > 0)
    .map(({ flags, address, size }) => ({
      from: address,
      to: address + BigInt(size),
      code: (flags & SHF_EXECINSTR) !== 0,
    }));
  return subject.code.flatMap((range) => {
    const end = range.address + BigInt(range.bytes.length);
    const inside = sections.filter(({ from, to }) => to > range.address && from < end);
    if (range.bytes.byteOffset === subject.bytes.byteOffset && subject.file.segments.length > 0) {
      // The file's own headers, which the range holds.
      const size = subject.file.header.programHeadersOffset + PHDR_SIZE * subject.file.segments.length;
      inside.push({ from: range.address, to: range.address + BigInt(size), code: false });
    }
    inside.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
    const parts: CodeRange[] = [];
    let at = range.address;
    const take = (upTo: bigint, claimed: boolean): void => {
      const bytes = range.bytes.subarray(Number(at - range.address), Number(upTo - range.address));
      if (claimed || !isPadding(bytes)) parts.push({ address: at, bytes, what: range.what });
    };
    for (const { from, to, code } of [...inside, { from: end, to: end, code: false }]) {
      if (from > at) {
        take(from, false);
        at = from;
      }
      const stop = lower(to, end);
      if (code && stop > at) take(stop, true);
      at = higher(at, stop);
    }
    return parts;
  });
}

/** Most of each list that is kept. */
const MOST_KEPT = 10_000;

export function keep<T>(list: T[], value: T): void {
  if (list.length < MOST_KEPT) list.push(value);
}

/** Most addresses of bytes that are no instruction. */
export const MOST_INVALID = 8;

/** Offsets in `part` at which functions begin, and the functions' indices. */
export function startsIn(subject: Subject, part: CodeRange): { offsets: number[]; first: number } {
  const end = part.address + BigInt(part.bytes.length);
  const first = firstFunctionFrom(subject.functions, part.address);
  const offsets: number[] = [];
  for (let i = first; i < subject.functions.length && subject.functions[i]!.address < end; i++) {
    offsets.push(Number(subject.functions[i]!.address - part.address));
  }
  return { offsets, first };
}

/** Addresses of the symbols of that name which are defined. */
export function addressesOf(subject: Subject, name: string): bigint[] {
  return subject.symbols.filter((symbol) => symbol.name === name && symbol.section !== 0).map(({ value }) => value);
}

/** Facts of a function of which nothing has been seen yet. */
export function noFacts(): FunctionFacts {
  return { canary: false, frame: false, frameAddress: false, returns: false };
}
