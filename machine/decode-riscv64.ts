/**
 * Decoding RV64GC machine code as far as the analyses need it: where instructions begin, what they do to addresses, and
 * where control goes.
 *
 * Every compressed instruction means one of 32 bits; both come out in the same terms. Instructions of which only the
 * integer register matters that they write are `other`. Lengths follow from the low bits, so that code is never out of
 * step, and decoding never stops: what is reserved is `invalid`, with its length.
 *
 * Source: RISC-V unprivileged ISA 20191213, chapters 2 ("RV32I"), 5 ("RV64I"), 16 ("C"), 24 (listings).
 */

export const Kind = {
  invalid: 0,
  /** rd = pc + imm */
  auipc: 1,
  /** rd = imm */
  lui: 2,
  /** rd = rs1 + imm */
  addi: 3,
  /** Reads memory at rs1 + imm; writes rd unless it is a floating-point load. Atomics too. */
  load: 4,
  /** Writes memory at rs1 + imm. */
  store: 5,
  /** rd = next pc, to pc + imm */
  jal: 6,
  /** rd = next pc, to rs1 + imm */
  jalr: 7,
  /** Perhaps to pc + imm. */
  branch: 8,
  /** Calls to the environment, control registers, and what always traps. */
  system: 9,
  /** Writes rd, 0 when no integer register. */
  other: 10,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** The instruction last decoded: one object for a whole sweep. Registers by number; 0 where there is none. */
export interface Instruction {
  kind: Kind;
  /** Bytes: 2 or 4; of a reserved longer one 6 or more. */
  length: number;
  rd: number;
  rs1: number;
  imm: number;
}

export function createInstruction(): Instruction {
  return { kind: Kind.invalid, length: 2, rd: 0, rs1: 0, imm: 0 };
}

export const RA = 1;
export const SP = 2;
export const GP = 3;
export const S0 = 8;

function set(to: Instruction, kind: Kind, rd: number, rs1: number, imm: number): Instruction {
  to.kind = kind;
  to.rd = rd;
  to.rs1 = rs1;
  to.imm = imm;
  return to;
}

/** Bits `low` to `low + count - 1` of `word`, at `to`. */
export function bits(word: number, low: number, count: number, to: number): number {
  return ((word >>> low) & ((1 << count) - 1)) << to;
}

/** `value`, whose sign is its bit `sign`. */
export function signed(value: number, sign: number): number {
  return (value << (31 - sign)) >> (31 - sign);
}

/** Whether a floating-point operation (OP-FP) writes an integer register: comparisons, conversions, moves, classes. */
function writesInteger(word: number): boolean {
  const operation = word >>> 27;
  return operation === 0b10100 || operation === 0b11000 || operation === 0b11100;
}

function decode32(word: number, to: Instruction): Instruction {
  const rd = (word >>> 7) & 31;
  const rs1 = (word >>> 15) & 31;
  const immediate = word >> 20;
  switch (word & 0x7f) {
    case 0x37:
      return set(to, Kind.lui, rd, 0, word & ~0xfff);
    case 0x17:
      return set(to, Kind.auipc, rd, 0, word & ~0xfff);
    case 0x6f:
      return set(
        to,
        Kind.jal,
        rd,
        0,
        signed(bits(word, 31, 1, 20) | bits(word, 12, 8, 12) | bits(word, 20, 1, 11) | bits(word, 21, 10, 1), 20),
      );
    case 0x67:
      return set(to, Kind.jalr, rd, rs1, immediate);
    case 0x63:
      return set(
        to,
        Kind.branch,
        0,
        rs1,
        signed(bits(word, 31, 1, 12) | bits(word, 7, 1, 11) | bits(word, 25, 6, 5) | bits(word, 8, 4, 1), 12),
      );
    case 0x03:
      return set(to, Kind.load, rd, rs1, immediate);
    case 0x07:
      return set(to, Kind.load, 0, rs1, immediate);
    case 0x2f:
      return set(to, Kind.load, rd, rs1, 0);
    case 0x23:
    case 0x27:
      return set(to, Kind.store, 0, rs1, ((word >> 25) << 5) | rd);
    case 0x13:
      return set(to, (word & 0x7000) === 0 ? Kind.addi : Kind.other, rd, rs1, immediate);
    case 0x1b:
    case 0x33:
    case 0x3b:
      return set(to, Kind.other, rd, rs1, 0);
    case 0x53:
      return set(to, Kind.other, writesInteger(word) ? rd : 0, 0, 0);
    case 0x43:
    case 0x47:
    case 0x4b:
    case 0x4f:
    case 0x0f:
      return set(to, Kind.other, 0, 0, 0);
    case 0x73:
      return set(to, Kind.system, (word & 0x7000) === 0 ? 0 : rd, 0, word >>> 20);
    default:
      return set(to, Kind.invalid, 0, 0, 0);
  }
}

/** The three-bit register fields of compressed instructions name x8 to x15. */
export function short(word: number, low: number): number {
  return 8 + ((word >>> low) & 7);
}

function decodeQuadrant0(word: number, to: Instruction): Instruction {
  const rd = short(word, 2);
  const rs1 = short(word, 7);
  const by4 = bits(word, 10, 3, 3) | bits(word, 6, 1, 2) | bits(word, 5, 1, 6);
  const by8 = bits(word, 10, 3, 3) | bits(word, 5, 2, 6);
  switch (word >>> 13) {
    case 0: {
      const imm = bits(word, 11, 2, 4) | bits(word, 7, 4, 6) | bits(word, 6, 1, 2) | bits(word, 5, 1, 3);
      // All zero is illegal by definition, and what compilers trap with and assemblers fill with.
      if (word === 0) return set(to, Kind.system, 0, 0, 0);
      return imm === 0 ? set(to, Kind.invalid, 0, 0, 0) : set(to, Kind.addi, rd, SP, imm);
    }
    case 1:
      return set(to, Kind.load, 0, rs1, by8);
    case 2:
      return set(to, Kind.load, rd, rs1, by4);
    case 3:
      return set(to, Kind.load, rd, rs1, by8);
    case 5:
    case 7:
      return set(to, Kind.store, 0, rs1, by8);
    case 6:
      return set(to, Kind.store, 0, rs1, by4);
    default:
      return set(to, Kind.invalid, 0, 0, 0);
  }
}

/** What c.addi16sp adds. */
export const compressedBy16 = (word: number): number =>
  signed(
    bits(word, 12, 1, 9) | bits(word, 6, 1, 4) | bits(word, 5, 1, 6) | bits(word, 3, 2, 7) | bits(word, 2, 1, 5),
    9,
  );

/** Where c.j goes, from itself. */
export const compressedJump = (word: number): number =>
  signed(
    bits(word, 12, 1, 11) |
      bits(word, 11, 1, 4) |
      bits(word, 9, 2, 8) |
      bits(word, 8, 1, 10) |
      bits(word, 7, 1, 6) |
      bits(word, 6, 1, 7) |
      bits(word, 3, 3, 1) |
      bits(word, 2, 1, 5),
    11,
  );

/** Where c.beqz and c.bnez go, from themselves. */
export const compressedBranch = (word: number): number =>
  signed(
    bits(word, 12, 1, 8) | bits(word, 10, 2, 3) | bits(word, 5, 2, 6) | bits(word, 3, 2, 1) | bits(word, 2, 1, 5),
    8,
  );

function decodeQuadrant1(word: number, to: Instruction): Instruction {
  const rd = (word >>> 7) & 31;
  const imm = signed(bits(word, 12, 1, 5) | bits(word, 2, 5, 0), 5);
  switch (word >>> 13) {
    case 0:
      return set(to, Kind.addi, rd, rd, imm);
    case 1:
      return rd === 0 ? set(to, Kind.invalid, 0, 0, 0) : set(to, Kind.other, rd, rd, 0);
    case 2:
      return set(to, Kind.addi, rd, 0, imm);
    case 3: {
      if (imm === 0) return set(to, Kind.invalid, 0, 0, 0);
      if (rd !== SP) return set(to, Kind.lui, rd, 0, imm << 12);
      return set(to, Kind.addi, SP, SP, compressedBy16(word));
    }
    case 4: {
      const reserved = (word & 0x1c40) === 0x1c40;
      return reserved ? set(to, Kind.invalid, 0, 0, 0) : set(to, Kind.other, short(word, 7), short(word, 7), 0);
    }
    case 5:
      return set(to, Kind.jal, 0, 0, compressedJump(word));
    default:
      return set(to, Kind.branch, 0, short(word, 7), compressedBranch(word));
  }
}

function decodeQuadrant2(word: number, to: Instruction): Instruction {
  const rd = (word >>> 7) & 31;
  const rs2 = (word >>> 2) & 31;
  const by8 = bits(word, 12, 1, 5) | bits(word, 5, 2, 3) | bits(word, 2, 3, 6);
  switch (word >>> 13) {
    case 0:
      return set(to, Kind.other, rd, rd, 0);
    case 1:
      return set(to, Kind.load, 0, SP, by8);
    case 2:
      if (rd === 0) return set(to, Kind.invalid, 0, 0, 0);
      return set(to, Kind.load, rd, SP, bits(word, 12, 1, 5) | bits(word, 4, 3, 2) | bits(word, 2, 2, 6));
    case 3:
      return rd === 0 ? set(to, Kind.invalid, 0, 0, 0) : set(to, Kind.load, rd, SP, by8);
    case 4: {
      const link = (word & 0x1000) !== 0;
      if (rs2 !== 0) return link ? set(to, Kind.other, rd, rd, 0) : set(to, Kind.addi, rd, rs2, 0);
      if (rd !== 0) return set(to, Kind.jalr, link ? RA : 0, rd, 0);
      return link ? set(to, Kind.system, 0, 0, 1) : set(to, Kind.invalid, 0, 0, 0);
    }
    case 6:
      return set(to, Kind.store, 0, SP, bits(word, 9, 4, 2) | bits(word, 7, 2, 6));
    default:
      return set(to, Kind.store, 0, SP, bits(word, 10, 3, 3) | bits(word, 7, 3, 6));
  }
}

/** Bytes of the instruction that begins with these two. */
function lengthOf(half: number): number {
  if ((half & 3) !== 3) return 2;
  if ((half & 0x1c) !== 0x1c) return 4;
  if ((half & 0x20) === 0) return 6;
  return (half & 0x40) === 0 ? 8 : 2;
}

/** Decodes the instruction at `offset` into `to`, and returns it; one that does not end within `bytes` is invalid and reaches to their end. */
export function decodeRiscv64(bytes: Uint8Array, offset: number, to: Instruction): Instruction {
  const left = bytes.length - offset;
  const half = left < 2 ? 0 : bytes[offset]! | (bytes[offset + 1]! << 8);
  to.length = Math.min(lengthOf(half), left);
  if (left < 2 || lengthOf(half) > left || lengthOf(half) > 4) return set(to, Kind.invalid, 0, 0, 0);
  switch (half & 3) {
    case 0:
      return decodeQuadrant0(half, to);
    case 1:
      return decodeQuadrant1(half, to);
    case 2:
      return decodeQuadrant2(half, to);
    default:
      if ((half & 0x1c) === 0x1c) return set(to, Kind.invalid, 0, 0, 0);
      return decode32(half | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24), to);
  }
}
