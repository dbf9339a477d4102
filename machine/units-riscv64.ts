/**
 * Which RISC-V instructions need more of a hart than its integer registers.
 *
 * The registers of floating point and of vectors are switched on by whoever runs the machine, and an instruction that
 * needs one which is off kills its thread. The sweep of decode-riscv64.ts says where instructions begin; this says of one
 * whether it needs such a unit, from its encoding alone.
 * Sources: RISC-V unprivileged ISA 20191213, chapters 11 to 13 ("F", "D", "Q"), 16 ("C"), 24 (listings); "V" 1.0,
 * chapters 3 (CSRs), 7 (loads and stores share the opcodes of floating point) and 10.
 */

export type Unit = 'floating-point' | 'vector';

const LOAD_FP = 0x07;
const STORE_FP = 0x27;
const MADD = 0x43;
const MSUB = 0x47;
const NMSUB = 0x4b;
const NMADD = 0x4f;
const OP_FP = 0x53;
const OP_V = 0x57;
const SYSTEM = 0x73;

/** C.FLD, C.FSD, C.FLDSP and C.FSDSP: on RV64 the places of C.FLW and its like are those of integer loads. */
function unitOfShort(half: number): Unit | undefined {
  const [quadrant, function3] = [half & 3, half >> 13];
  return quadrant !== 1 && (function3 === 1 || function3 === 5) ? 'floating-point' : undefined;
}

/** fflags, frm and fcsr; vstart, vxsat, vxrm, vcsr, vl, vtype and vlenb. */
function unitOfRegister(csr: number): Unit | undefined {
  if (csr >= 1 && csr <= 3) return 'floating-point';
  return (csr >= 8 && csr <= 10) || csr === 15 || (csr >= 0xc20 && csr <= 0xc22) ? 'vector' : undefined;
}

function unitOfWord(word: number): Unit | undefined {
  const function3 = (word >>> 12) & 7;
  switch (word & 0x7f) {
    case LOAD_FP:
    case STORE_FP:
      // Widths 1 to 4 are half, word, double and quad; the others are elements of vectors.
      return function3 >= 1 && function3 <= 4 ? 'floating-point' : 'vector';
    case MADD:
    case MSUB:
    case NMSUB:
    case NMADD:
    case OP_FP:
      return 'floating-point';
    case OP_V:
      return 'vector';
    case SYSTEM:
      return (function3 & 3) === 0 ? undefined : unitOfRegister(word >>> 20);
    default:
      return undefined;
  }
}

/** The unit that the instruction of `length` bytes at `offset` needs; undefined for none. */
export function unitOfRiscv64(bytes: Uint8Array, offset: number, length: number): Unit | undefined {
  if (offset + length > bytes.length || (length !== 2 && length !== 4)) return undefined;
  const half = bytes[offset]! | (bytes[offset + 1]! << 8);
  if (length === 2) return unitOfShort(half);
  return unitOfWord((half | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0);
}
