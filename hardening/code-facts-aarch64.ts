/**
 * What the rules want to know about AArch64 code, gathered in one sweep over all of it.
 *
 * An instruction names an address near itself (a literal load, ADR), or a page (ADRP) whose rest comes with the
 * instructions that follow. So the sweep follows which registers hold an address that is known, until they are overwritten
 * or control leaves; a load through one of them that lies in text is a read of text. After a call only the registers are
 * known that the callee preserves. What is computed out of values in memory is not found here, and the rule says so.
 *
 * Source: Arm ARM for A-profile (DDI 0487), chapter C4; AAPCS64, 6.1.1.
 */
import {
  addressesOf,
  type CodeFacts,
  codeParts,
  type FunctionFacts,
  keep,
  MOST_INVALID,
  noFacts,
  startsIn,
  type TextLoad,
} from './code-parts.ts';
import type { CodeRange, FunctionBounds, Subject } from './subject.ts';

const FRAME = 29;
const LINK = 30;
/** In a base or a sum the stack pointer; elsewhere zero. Nothing is ever known of it here. */
const SP = 31;
/** x19 to x28, which a callee preserves. */
const isPreserved = (register: number): boolean => register >= 19 && register <= 28;

const field = (word: number, from: number, count: number): number => (word >>> from) & (2 ** count - 1);
const signed = (value: number, count: number): number => (value >= 2 ** (count - 1) ? value - 2 ** count : value);
const is = (word: number, mask: number, value: number): boolean => (word & mask) >>> 0 === value;
const rd = (word: number): number => field(word, 0, 5);
const rn = (word: number): number => field(word, 5, 5);

interface Sweep {
  readonly subject: Subject;
  readonly part: CodeRange;
  /** Text and what else is asked for, as distances from the part's address, which are exact in doubles. */
  readonly text: readonly (readonly [number, number])[];
  readonly guard: number;
  readonly failure: ReadonlySet<number>;
  /** Of the part's address, what lies above its page. */
  readonly inPage: number;
  /** By register: the distance that it holds; NaN: not known. */
  readonly held: Float64Array;
}

interface Gathered {
  readonly functions: FunctionFacts[];
  readonly textLoads: TextLoad[];
  readonly invalid: bigint[];
  instructions: number;
  invalidCount: number;
  canaryReads: number;
}

function startSweep(subject: Subject, part: CodeRange): Sweep {
  const distance = (address: bigint): number => Number(address - part.address);
  const at = (name: string): number[] => addressesOf(subject, name).map(distance);
  return {
    subject,
    part,
    text: subject.code.map(({ address, bytes }) => [distance(address), distance(address) + bytes.length] as const),
    guard: at('__stack_chk_guard')[0] ?? Number.NaN,
    failure: new Set(at('__stack_chk_fail')),
    inPage: Number(part.address & 0xfffn),
    held: new Float64Array(32).fill(Number.NaN),
  };
}

function forget({ held }: Sweep): void {
  held.fill(Number.NaN);
}

function give({ held }: Sweep, register: number, value: number): void {
  if (register !== SP) held[register] = value;
}

function read(s: Sweep, g: Gathered, at: number, target: number, how: TextLoad['how'], fact?: FunctionFacts): void {
  if (target === s.guard) {
    g.canaryReads++;
    if (fact) fact.canary = true;
  }
  if (s.text.some(([start, end]) => start <= target && target < end))
    keep(g.textLoads, { at: s.part.address + BigInt(at), target: s.part.address + BigInt(target), how });
}

// --- loads and stores

/** A literal: it names its address. */
function literal(s: Sweep, g: Gathered, word: number, at: number): void {
  read(s, g, at, at + 4 * signed(field(word, 5, 19), 19), 'direct');
  if (field(word, 26, 1) === 0) give(s, rd(word), Number.NaN);
}

/** Whether a load or store, by its class, reads memory. */
function reads(word: number): boolean {
  const kind = field(word, 27, 3);
  if (kind === 5) return field(word, 22, 1) === 1;
  // Atomics read whatever they are called; of the others the store is 0, and with vectors 2 as well.
  if (kind === 7 && field(word, 24, 1) === 0 && field(word, 21, 1) === 1 && field(word, 10, 2) === 0) return true;
  const operation = field(word, 22, 2);
  if (kind === 7) return field(word, 26, 1) === 1 ? (operation & 1) === 1 : operation !== 0;
  return field(word, 22, 1) === 1;
}

/** What is added to the base before the access, and to the base itself. */
function offsetsOf(word: number): { readonly before: number; readonly writeback: number | undefined } {
  const kind = field(word, 27, 3);
  if (kind === 5) {
    const opcode = field(word, 30, 2);
    const scale = field(word, 26, 1) === 1 ? 4 << opcode : opcode === 2 ? 8 : 4;
    const offset = signed(field(word, 15, 7), 7) * scale;
    const mode = field(word, 23, 2);
    return { before: mode === 1 ? 0 : offset, writeback: (mode & 1) === 1 ? offset : undefined };
  }
  if (kind !== 7) return { before: 0, writeback: undefined };
  if (field(word, 24, 1) === 1) {
    const size = field(word, 26, 1) === 1 && field(word, 23, 1) === 1 ? 4 : field(word, 30, 2);
    return { before: field(word, 10, 12) * 2 ** size, writeback: undefined };
  }
  // With a register added the base decides: it is a table's.
  if (field(word, 21, 1) === 1) return { before: 0, writeback: undefined };
  const offset = signed(field(word, 12, 9), 9);
  const mode = field(word, 10, 2);
  return { before: mode === 1 ? 0 : offset, writeback: (mode & 1) === 1 ? offset : undefined };
}

function access(s: Sweep, g: Gathered, word: number, at: number, fact: FunctionFacts | undefined): void {
  if (is(word, 0x3b000000, 0x18000000)) {
    // A prefetch reads nothing that code sees.
    if (field(word, 30, 2) !== 3 || field(word, 26, 1) === 1) literal(s, g, word, at);
    return;
  }
  const base = rn(word);
  const { before, writeback } = offsetsOf(word);
  const target = s.held[base]! + before;
  const isPrefetch = is(word, 0xfec00000, 0xf8800000);
  if (reads(word) && !isPrefetch && !Number.isNaN(target)) read(s, g, at, target, 'loaded', fact);
  if (base === SP && writeback !== undefined && writeback < 0 && fact) fact.frame = true;
  // What it may write: its result or results, and a status.
  const results = field(word, 27, 3) === 7 && field(word, 24, 1) === 1 ? [rd(word)] : [rd(word), field(word, 10, 5)];
  if (field(word, 26, 1) === 0 && (reads(word) || field(word, 27, 3) === 1))
    for (const to of results) give(s, to, Number.NaN);
  if (field(word, 27, 3) === 1) give(s, field(word, 16, 5), Number.NaN);
  if (writeback !== undefined) give(s, base, s.held[base]! + writeback);
}

// --- sums

interface Frame {
  /** x29 names the frame from here on. */
  isPointer: boolean;
}

function sum(s: Sweep, word: number, fact: FunctionFacts | undefined, frame: Frame): void {
  const [to, from] = [rd(word), rn(word)];
  const size = field(word, 10, 12) * (field(word, 22, 1) === 1 ? 4096 : 1);
  const value = field(word, 30, 1) === 1 ? -size : size;
  const isPlain = field(word, 29, 1) === 0;
  if (isPlain && to === SP) {
    if (from === SP && value < 0 && fact) fact.frame = true;
    return;
  }
  const ofFrame = from === SP || (from === FRAME && frame.isPointer);
  if (ofFrame && to !== FRAME && isPlain && fact) fact.frameAddress = true;
  if (to === FRAME && from === SP) frame.isPointer = true;
  // With a register's low half the address is gone.
  give(s, to, field(word, 31, 1) === 1 && from !== SP ? s.held[from]! + value : Number.NaN);
}

function compute(s: Sweep, word: number, at: number, fact: FunctionFacts | undefined, frame: Frame): void {
  if (is(word, 0x1f000000, 0x10000000)) {
    const imm = signed(field(word, 5, 19) * 4 + field(word, 29, 2), 21);
    const page = Math.floor((at + s.inPage) / 4096) * 4096 - s.inPage;
    give(s, rd(word), word < 0 ? page + imm * 4096 : at + imm);
  } else if (is(word, 0x1f800000, 0x11000000)) sum(s, word, fact, frame);
  else if (is(word, 0xffe0ffe0, 0xaa0003e0)) give(s, rd(word), s.held[field(word, 16, 5)]!);
  else give(s, rd(word), Number.NaN);
}

// --- control

function call(s: Sweep, target: number, fact: FunctionFacts | undefined): void {
  if (fact && s.failure.has(target)) fact.canary = true;
  for (let register = 0; register < SP; register++) if (!isPreserved(register)) s.held[register] = Number.NaN;
}

function leave(s: Sweep, target: number, fact: FunctionFacts | undefined, within: FunctionBounds | undefined): void {
  if (fact && s.failure.has(target)) fact.canary = true;
  if (fact && within) {
    const start = Number(within.address - s.part.address);
    // A return, a jump whose target is not known, or one out of the function (a tail call returns for it).
    if (Number.isNaN(target) || target < start || target >= start + within.size) fact.returns = true;
  }
  forget(s);
}

/** Handles a branch; returns whether it is one. */
function branch(
  s: Sweep,
  word: number,
  at: number,
  fact: FunctionFacts | undefined,
  within: FunctionBounds | undefined,
): boolean {
  if (is(word, 0x7c000000, 0x14000000)) {
    const target = at + 4 * signed(field(word, 0, 26), 26);
    if (word < 0) call(s, target, fact);
    else leave(s, target, fact, within);
    return true;
  }
  if (is(word, 0xfe000000, 0xd6000000)) {
    const target = s.held[rn(word)]!;
    if ((field(word, 21, 4) & 7) === 1) call(s, target, fact);
    else leave(s, rn(word) === LINK ? Number.NaN : target, fact, within);
    return true;
  }
  // Conditional ones, exceptions and what else is of the system: results are rare and known of none.
  if (!is(word, 0x1c000000, 0x14000000)) return false;
  if (is(word, 0xfff00000, 0xd5300000)) give(s, rd(word), Number.NaN);
  return true;
}

/** Whether no instruction is so: two of the sixteen main groups are free, and UDF is made not to be one. */
const isInvalid = (word: number): boolean => is(word, 0x1a000000, 0x02000000) || word >>> 16 === 0;

function gather(s: Sweep, g: Gathered): void {
  const { subject, part } = s;
  const { bytes } = part;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { offsets, first } = startsIn(subject, part);
  const frame: Frame = { isPointer: false };
  let current = -1;
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    while (current + 1 < offsets.length && offsets[current + 1]! <= at) {
      current++;
      frame.isPointer = false;
      forget(s);
    }
    const fact = current >= 0 ? g.functions[first + current] : undefined;
    const word = view.getInt32(at, true);
    // Zeros fill what is between functions.
    if (word === 0) continue;
    g.instructions++;
    if (isInvalid(word)) {
      g.invalidCount++;
      if (g.invalid.length < MOST_INVALID) g.invalid.push(part.address + BigInt(at));
      forget(s);
    } else if (is(word, 0x0a000000, 0x08000000)) access(s, g, word, at, fact);
    else if (!branch(s, word, at, fact, subject.functions[first + current])) compute(s, word, at, fact, frame);
  }
}

/** Sweeps all code of `subject`, an AArch64 image. */
export function readAarch64Facts(subject: Subject): CodeFacts {
  const g: Gathered = {
    functions: subject.functions.map(noFacts),
    textLoads: [],
    invalid: [],
    instructions: 0,
    invalidCount: 0,
    canaryReads: 0,
  };
  for (const part of codeParts(subject)) gather(startSweep(subject, part), g);
  return {
    decoded: true,
    instructions: g.instructions,
    invalid: { first: g.invalid, count: g.invalidCount },
    textLoads: g.textLoads,
    possibleTextLoads: [],
    functions: g.functions,
    canaryReads: g.canaryReads,
    lidtOperands: [],
  };
}
