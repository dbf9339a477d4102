/**
 * What A64 instructions do to the stack pointer: see stack-use.ts.
 *
 * Number 31 means the stack pointer in some places of some instructions and zero in all others; those that can write it
 * are few, and each is here: sums with immediates and registers, and the loads and stores that move their base. One that
 * makes the stack pointer in another way is unknown. x29 is the frame pointer where it is made from the stack pointer.
 *
 * Frames come in immediates of up to 24 bits, or by a register that was given a number of 16: of others nothing is known.
 * Tables of jumps hold distances in words of a size that the compiler chose, without relocations: a jump by one is not
 * followed.
 *
 * Source: Arm ARM for A-profile (DDI 0487), chapter C4; AAPCS64, 6.1.1 "General-purpose registers", 6.4.
 */
import type { Move } from './stack-registers.ts';
import type { StackEffect, Step } from './stack-use.ts';

const SP = 31;
const FRAME = 29;
const LINK = 30;

const none: StackEffect = { kind: 'none' };
const unknown: StackEffect = { kind: 'unknown' };
const forgetFrame: StackEffect = { kind: 'forget', register: 'frame' };

const field = (word: number, from: number, count: number): number => (word >>> from) & (2 ** count - 1);
const signed = (value: number, count: number): number => (value >= 2 ** (count - 1) ? value - 2 ** count : value);
const is = (word: number, mask: number, value: number): boolean => (word & mask) >>> 0 === value;

const rd = (word: number): number => field(word, 0, 5);
const rn = (word: number): number => field(word, 5, 5);

/** The stack pointer moves by `bytes`, upwards; x29 may have been loaded as well. */
function moved(bytes: number, loadsFrame: boolean): StackEffect {
  return loadsFrame ? { kind: 'grow', bytes: -bytes, forgets: 'frame' } : { kind: 'grow', bytes: -bytes };
}

// --- sums

/** ADD and SUB (immediate), without flags: S is bit 29. */
function sumWithImmediate(word: number): StackEffect {
  const [to, from] = [rd(word), rn(word)];
  const isFull = field(word, 31, 1) === 1;
  const size = field(word, 10, 12) * (field(word, 22, 1) === 1 ? 4096 : 1);
  const value = field(word, 30, 1) === 1 ? -size : size;
  if (to === SP) {
    if (!isFull) return unknown;
    if (from === SP) return moved(value, false);
    return from === FRAME ? { kind: 'restore', bytes: -value } : unknown;
  }
  if (to !== FRAME) return none;
  return isFull && from === SP ? { kind: 'keep', register: 'frame', bytes: -value } : forgetFrame;
}

/** What is neither a branch nor a memory access, and writes a register: the number 31 means zero but where it is said. */
function other(word: number): StackEffect {
  const to = rd(word);
  // ADD and SUB (immediate); with S the result 31 is zero.
  if (is(word, 0x1f800000, 0x11000000)) {
    if (field(word, 29, 1) === 0) return sumWithImmediate(word);
  } else if (to === SP && writesStackPointer(word)) {
    return sumWithRegister(word);
  }
  return to === FRAME ? forgetFrame : none;
}

/** ADD and SUB of the stack pointer and a whole register; whatever else makes it is unknown. */
function sumWithRegister(word: number): StackEffect {
  // Extended register, UXTX or SXTX, not shifted: all 64 bits count.
  if (!is(word, 0xbfe07c00, 0x8b206000)) return unknown;
  if (rn(word) !== SP) return unknown;
  return { kind: 'growBy', register: field(word, 16, 5), sign: field(word, 30, 1) === 1 ? 1 : -1 };
}

/** Whether 31 as a result means the stack pointer. */
function writesStackPointer(word: number): boolean {
  // AND, ORR, EOR (immediate).
  if (is(word, 0x1f800000, 0x12000000)) return field(word, 29, 2) !== 3;
  // ADD, SUB (extended register) without flags.
  if (is(word, 0x3fe00000, 0x0b200000)) return true;
  // ADDG, SUBG; IRG.
  if (is(word, 0xbf800000, 0x91800000) || is(word, 0xffe0fc00, 0x9ac01000)) return true;
  // ADDVL, ADDPL and their streaming forms.
  return is(word, 0xffa0f000, 0x04205000);
}

// --- memory

/** Loads and stores of pairs. */
function pair(word: number): StackEffect {
  const isLoad = field(word, 22, 1) === 1;
  const isVector = field(word, 26, 1) === 1;
  const opcode = field(word, 30, 2);
  const loadsFrame = isLoad && !isVector && (rd(word) === FRAME || field(word, 10, 5) === FRAME);
  if (field(word, 23, 1) === 0) return loadsFrame ? forgetFrame : none;
  if (rn(word) === FRAME) return forgetFrame;
  if (rn(word) !== SP) return loadsFrame ? forgetFrame : none;
  // STGP stores a tag beside, and counts in 16.
  const isTagged = !isVector && opcode === 1 && !isLoad;
  const scale = isVector ? 4 << opcode : isTagged ? 16 : opcode === 2 ? 8 : 4;
  return moved(signed(field(word, 15, 7), 7) * scale, loadsFrame);
}

/** Loads and stores of one register: whether it loads a register that is not a vector's. */
function loadsRegister(word: number): boolean {
  return field(word, 26, 1) === 0 && field(word, 22, 2) !== 0;
}

function single(word: number): StackEffect {
  const loadsFrame = loadsRegister(word) && rd(word) === FRAME;
  const isOffset = field(word, 24, 1) === 1;
  const mode = field(word, 10, 2);
  if (!isOffset && field(word, 21, 1) === 1) {
    // Atomics write Rt as loads do; register offsets move no base; LDRAA and LDRAB may.
    if ((mode & 1) === 1 && field(word, 11, 1) === 1 && rn(word) === SP) return unknown;
    return rd(word) === FRAME || ((mode & 1) === 1 && rn(word) === FRAME) ? forgetFrame : none;
  }
  if (isOffset || (mode & 1) === 0) return loadsFrame ? forgetFrame : none;
  if (rn(word) === FRAME) return forgetFrame;
  return rn(word) === SP ? moved(signed(field(word, 12, 9), 9), loadsFrame) : loadsFrame ? forgetFrame : none;
}

function access(word: number): StackEffect {
  const kind = field(word, 27, 3);
  if (kind === 5) return pair(word);
  if (kind === 7) return single(word);
  // Exclusives, compare-and-swap, literals, tags, structures of vectors, copies: what may move its base is not followed.
  const mayMove = !is(word, 0x3f000000, 0x08000000) && !is(word, 0x3b000000, 0x18000000);
  if (mayMove && rn(word) === SP && !isPlainStructure(word) && !isOrdered(word)) return unknown;
  const fields = [rd(word), rn(word), field(word, 10, 5), field(word, 16, 5)];
  return fields.includes(FRAME) ? forgetFrame : none;
}

/** LD1 to LD4 and ST1 to ST4 that leave their base alone. */
const isPlainStructure = (word: number): boolean =>
  is(word, 0xbfbf0000, 0x0c000000) || is(word, 0xbf9f0000, 0x0d000000);

/** LDAPUR and STLUR. */
const isOrdered = (word: number): boolean => is(word, 0x3f200c00, 0x19000000) && field(word, 26, 1) === 0;

// --- control

function flowOf(word: number, address: number): Step | undefined {
  const step = { length: 4, effect: none } as const;
  const to = (distance: number): bigint => BigInt(address + 4 * distance);
  if (is(word, 0x7c000000, 0x14000000)) {
    const target = to(signed(field(word, 0, 26), 26));
    return word < 0 ? { ...step, continues: true, call: target } : { ...step, continues: false, jump: target };
  }
  // B.cond, BC.cond, CBZ, CBNZ: B.AL always jumps, which only adds a way.
  if (is(word, 0xff000000, 0x54000000) || is(word, 0x7e000000, 0x34000000))
    return { ...step, continues: true, jump: to(signed(field(word, 5, 19), 19)) };
  if (is(word, 0x7e000000, 0x36000000)) return { ...step, continues: true, jump: to(signed(field(word, 5, 14), 14)) };
  if (is(word, 0xfe000000, 0xd6000000)) return throughRegister(word);
  // BRK and UDF: what always traps, and is not come back from.
  if (is(word, 0xffe0001f, 0xd4200000) || is(word, 0xffff0000, 0)) return { ...step, continues: false };
  return undefined;
}

/** BR, BLR, RET, ERET and their authenticated forms. */
function throughRegister(word: number): Step {
  const step = { length: 4, effect: none } as const;
  switch (field(word, 21, 4)) {
    case 1:
    case 9:
      return { ...step, continues: true, call: 'indirect' };
    case 2: {
      const isAuthenticated = field(word, 10, 6) !== 0;
      if (isAuthenticated || rn(word) === LINK) return { ...step, continues: false, returns: true };
      return { ...step, continues: false, jumpsAnywhere: {} };
    }
    default:
      return { ...step, continues: false, jumpsAnywhere: {} };
  }
}

/** The step of the instruction at an offset of a function's bytes, which begin at `base`; undefined: there is none. */
export function aarch64Step(bytes: Uint8Array, offset: number, base: number): Step | undefined {
  if (offset < 0 || offset % 4 !== 0 || offset + 4 > bytes.length) return undefined;
  const word = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
  const flow = flowOf(word, base + offset);
  if (flow !== undefined) return flow;
  // Loads and stores have bit 27 set and bit 25 clear.
  if (is(word, 0x0a000000, 0x08000000))
    return { length: 4, effect: access(word), continues: true, forgets: namedIn(word) };
  const step = { length: 4, effect: other(word), continues: true } as const;
  return isMovz(word) ? { ...step, move: numberOf(word) } : { ...step, forgets: namedIn(word) };
}

/** All registers that it could write, wherever an instruction names one. */
const namedIn = (word: number): number[] => [rd(word), rn(word), field(word, 10, 5), field(word, 16, 5)];

const isMovz = (word: number): boolean => is(word, 0x7f800000, 0x52800000);

const numberOf = (word: number): Move => ({
  kind: 'number',
  to: rd(word),
  value: field(word, 5, 16) * 65536 ** field(word, 21, 2),
});
