/**
 * Emits the vector instructions that clearing needs: SSE2, AVX and AVX-512, and the x87's. See x86-64.ts.
 * Source: Intel SDM volume 2, chapter 2 (VEX and EVEX prefixes) and chapters 3 to 5 (instructions).
 */
import type { Instruction } from './listing.ts';
import { encodeMemory, instruction, type Memory } from './x86-64.ts';

function checked(number: number, count: number): number {
  if (!Number.isInteger(number) || number < 0 || number >= count) throw new Error(`register ${number} of ${count}`);
  return number;
}

/** pxor xmmN, xmmN: clears its 128 bits; what lies above stays. */
export function clearXmm(number: number): Instruction {
  const n = checked(number, 16);
  return instruction([0x66, ...(n > 7 ? [0x45] : []), 0x0f, 0xef, 0xc0 | ((n & 7) << 3) | (n & 7)]);
}

/** movups [to], xmmN */
export function storeXmm(to: Memory, number: number): Instruction {
  return instruction(encodeMemory([0x0f, 0x11], 32, checked(number, 8), to));
}

/** vpxor xmmN, xmmN, xmmN: clears all bits of the register, those above 128 too. */
export function clearVector(number: number): Instruction {
  const n = checked(number, 16);
  const modrm = 0xc0 | ((n & 7) << 3) | (n & 7);
  const v = (~n & 15) << 3;
  if (n < 8) return instruction([0xc5, 0x80 | v | 1, 0xef, modrm]);
  // VEX.R and VEX.B, inverted, are needed: three bytes.
  return instruction([0xc4, 0x41, v | 1, 0xef, modrm]);
}

/** vmovups [to], ymmN; the address is one of the eight first registers and a displacement. */
export function storeYmm(to: Memory, number: number): Instruction {
  if (/^r\d/.test(to.base) || to.index !== undefined) throw new Error('an address that takes another prefix');
  return instruction([0xc5, 0xfc, ...encodeMemory([0x11], 32, checked(number, 8), to)]);
}

/** vpxorq zmmN, zmmN, zmmN for the registers that only AVX-512 has: 16 to 31. */
export function clearZmm(number: number): Instruction {
  const n = checked(number, 32);
  if (n < 16) throw new Error(`register ${n} has a shorter form`);
  // R', X: bit 4 of the registers; B, R: bit 3; all inverted, as is vvvv with V'.
  const high = (n >> 3) & 1;
  const p0 = ((high ^ 1) << 7) | (0 << 6) | ((high ^ 1) << 5) | (0 << 4) | 1;
  const p1 = 0x80 | ((~n & 15) << 3) | 4 | 1;
  return instruction([0x62, p0, p1, 0x40, 0xef, 0xc0 | ((n & 7) << 3) | (n & 7)]);
}

/** kxorw kN, kN, kN: clears a mask; 16 bits are written and all above are zero. */
export function clearMask(number: number): Instruction {
  const n = checked(number, 8);
  return instruction([0xc5, 0x80 | ((~n & 15) << 3) | 4, 0x47, 0xc0 | (n << 3) | n]);
}

const fixed = {
  /** Upper halves are zero and known to be: what SSE code follows costs nothing more. */
  vzeroupper: [0xc5, 0xf8, 0x77],
  emms: [0x0f, 0x77],
  fldz: [0xd9, 0xee],
  'fstp st(0)': [0xdd, 0xd8],
  /** Enabled state components, by ecx = 0, in edx:eax. */
  xgetbv: [0x0f, 0x01, 0xd0],
} as const;

export type PlainVector = keyof typeof fixed;

export const plainVectors = Object.keys(fixed) as PlainVector[];

export function plainVector(name: PlainVector): Instruction {
  return instruction(fixed[name]);
}
