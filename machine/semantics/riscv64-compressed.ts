/**
 * Compressed instructions as the instructions of 32 bits that they mean.
 *
 * So their meaning is written once (riscv64.ts, riscv64-extensions.ts). What is reserved has no meaning here, and who asks
 * gets undefined.
 * Source: RISC-V unprivileged ISA 20191213, chapter 16, tables 16.5 to 16.7.
 */
import { bits, compressedBranch, compressedBy16, compressedJump, short, signed } from '../decode-riscv64.ts';

const iType = (opcode: number, funct3: number, rd: number, rs1: number, immediate: number): number =>
  ((immediate & 0xfff) << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;
const rType = (opcode: number, funct3: number, funct7: number, rd: number, rs1: number, rs2: number): number =>
  (funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;
const sType = (opcode: number, funct3: number, rs1: number, rs2: number, immediate: number): number =>
  (((immediate >> 5) & 0x7f) << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | ((immediate & 31) << 7) | opcode;
const uType = (opcode: number, rd: number, immediate: number): number => (immediate & ~0xfff) | (rd << 7) | opcode;
const branch = (funct3: number, rs1: number, offset: number): number =>
  bits(offset, 12, 1, 31) |
  bits(offset, 5, 6, 25) |
  (rs1 << 15) |
  (funct3 << 12) |
  bits(offset, 1, 4, 8) |
  bits(offset, 11, 1, 7) |
  0x63;
const jump = (rd: number, offset: number): number =>
  bits(offset, 20, 1, 31) |
  bits(offset, 1, 10, 21) |
  bits(offset, 11, 1, 20) |
  bits(offset, 12, 8, 12) |
  (rd << 7) |
  0x6f;

const LOAD = 0x03;
const LOAD_FLOAT = 0x07;
const STORE_FLOAT = 0x27;
const STORE = 0x23;
const OP_IMM = 0x13;
const OP_IMM_32 = 0x1b;
const OP = 0x33;
const OP_32 = 0x3b;
const LUI = 0x37;
const JALR = 0x67;
const SP = 2;
const WORD = 2;
const DOUBLE = 3;

function expandQuadrant0(half: number): number | undefined {
  const rd = short(half, 2);
  const rs1 = short(half, 7);
  const by4 = bits(half, 10, 3, 3) | bits(half, 6, 1, 2) | bits(half, 5, 1, 6);
  const by8 = bits(half, 10, 3, 3) | bits(half, 5, 2, 6);
  switch (half >>> 13) {
    case 0: {
      const immediate = bits(half, 11, 2, 4) | bits(half, 7, 4, 6) | bits(half, 6, 1, 2) | bits(half, 5, 1, 3);
      return immediate === 0 ? undefined : iType(OP_IMM, 0, rd, SP, immediate);
    }
    case 1:
      return iType(LOAD_FLOAT, DOUBLE, rd, rs1, by8);
    case 2:
      return iType(LOAD, WORD, rd, rs1, by4);
    case 3:
      return iType(LOAD, DOUBLE, rd, rs1, by8);
    case 5:
      return sType(STORE_FLOAT, DOUBLE, rs1, rd, by8);
    case 6:
      return sType(STORE, WORD, rs1, rd, by4);
    case 7:
      return sType(STORE, DOUBLE, rs1, rd, by8);
    default:
      return undefined;
  }
}

/** c.srli, c.srai, c.andi, and operations of two registers. */
function expandArithmetic(half: number, immediate: number): number | undefined {
  const rd = short(half, 7);
  const rs2 = short(half, 2);
  const shift = immediate & 63;
  switch ((half >>> 10) & 3) {
    case 0:
      return iType(OP_IMM, 5, rd, rd, shift);
    case 1:
      return iType(OP_IMM, 5, rd, rd, shift | 0x400);
    case 2:
      return iType(OP_IMM, 7, rd, rd, immediate);
  }
  switch (((half >>> 10) & 4) | ((half >>> 5) & 3)) {
    case 0:
      return rType(OP, 0, 0x20, rd, rd, rs2);
    case 1:
      return rType(OP, 4, 0, rd, rd, rs2);
    case 2:
      return rType(OP, 6, 0, rd, rd, rs2);
    case 3:
      return rType(OP, 7, 0, rd, rd, rs2);
    case 4:
      return rType(OP_32, 0, 0x20, rd, rd, rs2);
    case 5:
      return rType(OP_32, 0, 0, rd, rd, rs2);
    default:
      return undefined;
  }
}

function expandQuadrant1(half: number): number | undefined {
  const rd = (half >>> 7) & 31;
  const immediate = signed(bits(half, 12, 1, 5) | bits(half, 2, 5, 0), 5);
  switch (half >>> 13) {
    case 0:
      return iType(OP_IMM, 0, rd, rd, immediate);
    case 1:
      return rd === 0 ? undefined : iType(OP_IMM_32, 0, rd, rd, immediate);
    case 2:
      return iType(OP_IMM, 0, rd, 0, immediate);
    case 3: {
      if (immediate === 0) return undefined;
      if (rd !== SP) return uType(LUI, rd, immediate << 12);
      return iType(OP_IMM, 0, SP, SP, compressedBy16(half));
    }
    case 4:
      return expandArithmetic(half, immediate);
    case 5:
      return jump(0, compressedJump(half));
    default:
      return branch((half >>> 13) & 1, short(half, 7), compressedBranch(half));
  }
}

function expandQuadrant2(half: number): number | undefined {
  const rd = (half >>> 7) & 31;
  const rs2 = (half >>> 2) & 31;
  const loaded = bits(half, 12, 1, 5) | bits(half, 5, 2, 3) | bits(half, 2, 3, 6);
  const stored = bits(half, 10, 3, 3) | bits(half, 7, 3, 6);
  switch (half >>> 13) {
    case 0:
      return iType(OP_IMM, 1, rd, rd, bits(half, 12, 1, 5) | rs2);
    case 1:
      return iType(LOAD_FLOAT, DOUBLE, rd, SP, loaded);
    case 2:
      if (rd === 0) return undefined;
      return iType(LOAD, WORD, rd, SP, bits(half, 12, 1, 5) | bits(half, 4, 3, 2) | bits(half, 2, 2, 6));
    case 3:
      if (rd === 0) return undefined;
      return iType(LOAD, DOUBLE, rd, SP, loaded);
    case 4: {
      const link = (half >>> 12) & 1;
      if (rs2 !== 0) return rType(OP, 0, 0, rd, link ? rd : 0, rs2);
      return rd === 0 ? undefined : iType(JALR, 0, link, rd, 0);
    }
    case 5:
      return sType(STORE_FLOAT, DOUBLE, SP, rs2, stored);
    case 6:
      return sType(STORE, WORD, SP, rs2, bits(half, 9, 4, 2) | bits(half, 7, 2, 6));
    case 7:
      return sType(STORE, DOUBLE, SP, rs2, stored);
    default:
      return undefined;
  }
}

/** The word that a compressed instruction means; undefined where it has no meaning here. */
export function expandCompressed(half: number): number | undefined {
  switch (half & 3) {
    case 0:
      return expandQuadrant0(half);
    case 1:
      return expandQuadrant1(half);
    case 2:
      return expandQuadrant2(half);
    default:
      return undefined;
  }
}
