/**
 * What linking writes into AArch64 code: pages in ADRP, distances in ADR, the lower twelve bits in the additions, loads
 * and stores that use them, and distances of branches out of the function. See code-identity.ts.
 *
 * A lower part has no mark of its own, so that registers are followed, as code-mask-riscv64.ts does and says.
 * Source: Arm A64 Instruction Set Architecture, C4.1 "A64 instruction set encoding".
 */
import { isWithin, type Stretch } from './code-stretch.ts';

const is = (word: number, mask: number, value: number): boolean => (word & mask) >>> 0 === value;

/** Bits `low` to `low + count - 1` as a signed number. */
const signed = (word: number, low: number, count: number): bigint =>
  BigInt((word << (32 - low - count)) >> (32 - count));

/**
 * Whether what begins here takes saved registers from the stack and leaves: what follows in memory is come to from before
 * it, with the registers as they were then.
 */
function isEpilogue(view: DataView, at: number): boolean {
  for (let next = at; next + 4 <= view.byteLength && next < at + 64; next += 4) {
    const word = view.getUint32(next, true);
    // RET, and with a checked address; B
    if (is(word, 0xfffff01f, 0xd65f0000) || is(word, 0xfffffbff, 0xd65f0bff) || is(word, 0xfc000000, 0x14000000))
      return true;
    const isPair = is(word, 0x3a4003e0, 0x284003e0);
    const isSingle = is(word, 0x3a4003e0, 0x384003e0);
    // ADD SP, SP, #n; AUTIASP
    const isRest = is(word, 0xff8003ff, 0x910003ff) || word === 0xd50323bf;
    if (!isPair && !isSingle && !isRest) return false;
  }
  return false;
}

/** Of branches: where they go, and the bits that say so. */
function branchOf(word: number, here: bigint): { target: bigint; field: number } | undefined {
  // B, BL
  if (is(word, 0x7c000000, 0x14000000)) return { target: here + 4n * signed(word, 0, 26), field: 0x03ffffff };
  // B.cond, CBZ, CBNZ
  if (is(word, 0xff000000, 0x54000000) || is(word, 0x7e000000, 0x34000000))
    return { target: here + 4n * signed(word, 5, 19), field: 0x00ffffe0 };
  // TBZ, TBNZ
  if (is(word, 0x7e000000, 0x36000000)) return { target: here + 4n * signed(word, 5, 14), field: 0x0007ffe0 };
  // LDR (literal), which reads where it could jump
  if (is(word, 0x3b000000, 0x18000000)) return { target: here + 4n * signed(word, 5, 19), field: 0x00ffffe0 };
  return undefined;
}

/** The unsigned offset of an addition of twelve bits, or of a load or store, in bytes; undefined for what is neither. */
function lowPart(word: number): { offset: bigint; isSum: boolean } | undefined {
  const imm = BigInt((word >>> 10) & 0xfff);
  if (is(word, 0xffc00000, 0x91000000)) return { offset: imm, isSum: true };
  if (!is(word, 0x3b000000, 0x39000000)) return undefined;
  // 128-bit registers have size 0 and the upper bit of opc.
  const size = (word >>> 30) | ((word & 0x04800000) === 0x04800000 ? 4 : 0);
  return { offset: imm << BigInt(size), isSum: false };
}

export function maskAarch64(stretch: Stretch): void {
  const { bytes, address, nameOf, note } = stretch;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const held = new Map<number, bigint>();
  const maskAt = (at: number, field: number, name: string): void => {
    view.setUint32(at, view.getUint32(at, true) & ~field, true);
    note(at, name);
  };
  const nameFrom = (target: bigint): string | undefined =>
    isWithin(stretch, target) ? `.+${target - address}` : nameOf(target);

  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const word = view.getUint32(at, true);
    const here = address + BigInt(at);
    const rd = word & 31;
    const branch = branchOf(word, here);
    if (branch !== undefined) {
      const name = isWithin(stretch, branch.target) ? undefined : nameOf(branch.target);
      if (name !== undefined) maskAt(at, branch.field, name);
    } else if (is(word, 0x1f000000, 0x10000000)) {
      // ADR, ADRP
      const imm = (signed(word, 5, 19) << 2n) | BigInt((word >>> 29) & 3);
      const isPage = word >>> 31 === 1;
      const target = BigInt.asUintN(64, isPage ? (here & ~0xfffn) + (imm << 12n) : here + imm);
      const isNear = nameOf(target) !== undefined || (isPage && nameOf(target + 0xfffn) !== undefined);
      const isOwn = !isPage && isWithin(stretch, target);
      if (isNear && !isOwn) maskAt(at, 0x60ffffe0, isPage ? '' : nameOf(target)!);
      if (isNear) held.set(rd, target);
      else held.delete(rd);
      continue;
    } else {
      const low = lowPart(word);
      const base = low && held.get((word >>> 5) & 31);
      if (low !== undefined && base !== undefined) {
        const name = nameFrom(base + low.offset);
        if (name !== undefined) maskAt(at, 0x003ffc00, name);
        if (low.isSum) {
          held.set(rd, base + low.offset);
          continue;
        }
      }
    }
    // BL, BLR: of what a callee may write nobody reads more than its results.
    const isCall = is(word, 0xfc000000, 0x94000000) || is(word, 0xfffffc1f, 0xd63f0000);
    if (isCall) for (const register of [0, 1, 30]) held.delete(register);
    // Loads into a register, and what computes into one; a store's low bits name what it stores.
    const loadBits = is(word, 0x3a000000, 0x28000000) ? 0x00400000 : 0x00c00000;
    const isStore = is(word, 0x0a000000, 0x08000000) && (word & loadBits) === 0;
    const isJump = is(word, 0x1c000000, 0x14000000);
    if (!isStore && !isJump && !(held.has(rd) && isEpilogue(view, at))) held.delete(rd);
  }
}
