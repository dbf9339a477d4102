/**
 * Applies the relocations that an image carries (--emit-relocs) to nothing but the image itself, and reports where the
 * result differs from what stands there.
 *
 * Written from the psABIs and apart from the linker's own arithmetic. Slots of the GOT are not named by relocations:
 * there, the slot that the instruction reaches must hold what the symbol says.
 */
import { readElfSymbols } from '../../linker/elf-symbols.ts';
import { checkAarch64 } from './reapply-aarch64.ts';
import type { Image } from './small-links.ts';

export interface Reapplied {
  readonly checked: number;
  readonly wrong: readonly string[];
}

export interface Relocation {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
  /** S; the addend comes in by type. */
  readonly value: number;
  /** The symbol is defined nowhere. */
  readonly isUndefined: boolean;
}

export interface Context {
  readonly image: Image;
  readonly data: Buffer;
  readonly base: number;
  readonly tls: { readonly start: number; readonly end: number; readonly align: number };
}

/** Undefined: a type that says nothing about the bytes. */
export type Check = { readonly expected: bigint | number; readonly found: bigint | number } | undefined;

const low = (value: number, bits: number) => Number(BigInt.asUintN(bits, BigInt(value)));

function checkX86(context: Context, r: Relocation): Check {
  const { data, base, tls, image } = context;
  const at = r.offset - base;
  const target = r.value + r.addend;
  const word = (value: number): Check => ({ expected: low(value, 32), found: data.readUInt32LE(at) });
  switch (r.type) {
    case 0:
      return undefined;
    case 1:
      return { expected: BigInt.asUintN(64, BigInt(target)), found: data.readBigUInt64LE(at) };
    case 2:
    case 4:
      return word(target - r.offset);
    case 10:
    case 11:
      return word(target);
    case 24:
      return { expected: BigInt.asUintN(64, BigInt(target - r.offset)), found: data.readBigUInt64LE(at) };
    case 21:
      return word(target - tls.start);
    case 17:
      return { expected: BigInt(target - tls.start), found: data.readBigInt64LE(at) };
    case 23:
      return word(target - tls.end);
    case 9:
    case 41:
    case 42: {
      const slot = r.offset + (data.readInt32LE(at) - r.addend);
      return { expected: r.value, found: image.quad(slot) };
    }
    case 22: {
      const slot = r.offset + (data.readInt32LE(at) - r.addend);
      return { expected: r.value - tls.end, found: image.quad(slot) };
    }
    default:
      return { expected: `type ${r.type}` as unknown as number, found: 0 };
  }
}

const u = (word: number) => word & 0xfffff000;
const high = (value: number) => low(Math.floor((value + 0x800) / 4096) * 4096, 32) | 0;
export const iType = (word: number) => (word | 0) >> 20;
export const sType = (word: number) => ((word & 0xfe000000) >> 20) | ((word >>> 7) & 31);
const low12 = (value: number) => (low(value, 12) << 20) >> 20;

export function bType(w: number): number {
  return ((w & 0x80000000) >> 19) | ((w & 0x80) << 4) | ((w >>> 20) & 0x7e0) | ((w >>> 7) & 0x1e);
}

export function jType(w: number): number {
  return ((w & 0x80000000) >> 11) | (w & 0xff000) | ((w >>> 9) & 0x800) | ((w >>> 20) & 0x7fe);
}

export function cbType(w: number): number {
  const value = ((w >> 4) & 0x100) | ((w << 1) & 0xc0) | ((w << 3) & 0x20) | ((w >> 7) & 0x18) | ((w >> 2) & 6);
  return (value << 23) >> 23;
}

export function cjType(w: number): number {
  const bits = [
    [12, 11],
    [11, 4],
    [10, 9],
    [9, 8],
    [8, 10],
    [7, 6],
    [6, 7],
    [5, 3],
    [4, 2],
    [3, 1],
    [2, 5],
  ] as const;
  let value = 0;
  for (const [from, to] of bits) value |= ((w >> from) & 1) << to;
  return (value << 20) >> 20;
}

/** Values of ADD/SUB/SET relocations add up at their place: they are checked together. */
type Sums = Map<string, { value: bigint; bits: number; found: bigint }>;

function addUp(context: Context, r: Relocation, sums: Sums, bits: number, kind: 'add' | 'sub' | 'set'): void {
  const at = r.offset - context.base;
  const { data } = context;
  const key = `${r.offset}:${bits}`;
  const found =
    bits === 6
      ? BigInt(data[at]! & 63)
      : bits === 64
        ? data.readBigUInt64LE(at)
        : BigInt(data.readUIntLE(at, bits / 8));
  const sum = sums.get(key) ?? { value: 0n, bits, found };
  const value = BigInt(r.value + r.addend);
  sum.value = kind === 'set' ? value : kind === 'add' ? sum.value + value : sum.value - value;
  sums.set(key, sum);
}

function checkRiscv(context: Context, r: Relocation, sums: Sums, highs: Map<number, number>): Check {
  const { data, base, tls, image } = context;
  const at = r.offset - base;
  const target = r.value + r.addend;
  const word = () => data.readUInt32LE(at);
  switch (r.type) {
    case 1:
      return { expected: low(target, 32), found: word() };
    case 2:
      return { expected: BigInt.asUintN(64, BigInt(target)), found: data.readBigUInt64LE(at) };
    case 9:
      return { expected: BigInt(target - tls.start - 0x800), found: data.readBigInt64LE(at) };
    case 16:
      return { expected: target - r.offset, found: bType(word()) };
    case 17:
      return { expected: target - r.offset, found: jType(word()) };
    case 44:
      return { expected: target - r.offset, found: cbType(data.readUInt16LE(at)) };
    case 45:
      return { expected: target - r.offset, found: cjType(data.readUInt16LE(at)) };
    case 18:
    case 19:
      // A call of an undefined weak symbol is never made.
      if (r.value === 0) return undefined;
      return { expected: target - r.offset, found: (u(word()) | 0) + iType(data.readUInt32LE(at + 4)) };
    case 20:
    case 21:
    case 22:
      // The slot is known once the low half is seen.
      highs.set(r.offset, Number.NaN);
      return undefined;
    case 23: {
      const absolute = (word() & 0x7f) === 0x37;
      const value = absolute ? target : target - r.offset;
      highs.set(r.offset, value);
      return { expected: high(value), found: u(word()) | 0 };
    }
    case 24:
    case 25: {
      const value = highs.get(target);
      if (value === undefined) return { expected: `a high half at 0x${target.toString(16)}` as never, found: 0 };
      const found = r.type === 24 ? iType(word()) : sType(word());
      if (!Number.isNaN(value)) return { expected: low12(value), found };
      const slot = target + (u(data.readUInt32LE(target - base)) | 0) + found;
      image.quad(slot);
      return undefined;
    }
    case 26:
      return { expected: high(target), found: u(word()) | 0 };
    case 27:
      return { expected: low12(target), found: iType(word()) };
    case 28:
      return { expected: low12(target), found: sType(word()) };
    case 29:
      return { expected: high(target - tls.start), found: u(word()) | 0 };
    case 30:
      return { expected: low12(target - tls.start), found: iType(word()) };
    case 31:
      return { expected: low12(target - tls.start), found: sType(word()) };
    case 46: {
      const half = data.readUInt16LE(at);
      const found = ((((half >> 7) & 0x20) | ((half >> 2) & 0x1f)) << 26) >> 14;
      return { expected: high(target), found };
    }
    case 47:
    case 48: {
      const found = r.type === 47 ? iType(word()) : sType(word());
      const fromZero = ((word() >>> 15) & 31) === 0;
      return { expected: fromZero ? target : target - image.address('__global_pointer$'), found };
    }
    case 49:
    case 50:
      return { expected: target - tls.start, found: r.type === 49 ? iType(word()) : sType(word()) };
    case 57:
      return { expected: low(target - r.offset, 32), found: word() };
    case 33:
    case 34:
    case 35:
    case 36:
      addUp(context, r, sums, 8 << (r.type - 33), 'add');
      return undefined;
    case 37:
    case 38:
    case 39:
    case 40:
      addUp(context, r, sums, 8 << (r.type - 37), 'sub');
      return undefined;
    case 52:
      addUp(context, r, sums, 6, 'sub');
      return undefined;
    case 53:
      addUp(context, r, sums, 6, 'set');
      return undefined;
    case 54:
    case 55:
    case 56:
      addUp(context, r, sums, 8 << (r.type - 54), 'set');
      return undefined;
    case 0:
    case 32:
    case 43:
    case 51:
      return undefined;
    default:
      return { expected: `type ${r.type}` as unknown as number, found: 0 };
  }
}

function checkSums(name: string, sums: Sums): string[] {
  const wrong: string[] = [];
  for (const [key, { value, bits, found }] of sums) {
    const expected = BigInt.asUintN(bits, value);
    if (expected !== found) wrong.push(`${name} at ${key}: sums up to ${expected}, found ${found}`);
  }
  return wrong;
}

/** Checks every relocation of every section that says what it applies to. */
export function reapply(image: Image): Reapplied {
  const { file } = image;
  const isX86 = file.header.machine === 62;
  const isAarch64 = file.header.machine === 183;
  const tlsSegment = file.segments.find(({ type }) => type === 7);
  const start = Number(tlsSegment?.address ?? 0n);
  const align = tlsSegment?.align ?? 1;
  const tls = { start, align, end: start + Math.ceil((tlsSegment?.memorySize ?? 0) / align) * align };
  let checked = 0;
  const wrong: string[] = [];
  for (const section of file.sections) {
    // Relocations for the start-up code (IRELATIVE) are loaded, those of --emit-relocs are not.
    if (section.type !== 4 || (section.flags & 2) !== 0) continue;
    const target = file.sections[section.info]!;
    const symbols = readElfSymbols(file, section.link, image.path);
    const data = Buffer.from(target.data.buffer, target.data.byteOffset, target.data.length);
    const context: Context = { image, data, base: Number(target.address), tls };
    const sums: Sums = new Map();
    const highs = new Map<number, number>();
    const records = Buffer.from(section.data.buffer, section.data.byteOffset, section.data.length);
    const later: Relocation[] = [];
    const examine = (r: Relocation): void => {
      const result = isX86
        ? checkX86(context, r)
        : isAarch64
          ? checkAarch64(context, r, highs)
          : checkRiscv(context, r, sums, highs);
      checked++;
      if (result === undefined || result.expected === result.found) return;
      const name = symbols[r.symbol]!.name || `section ${symbols[r.symbol]!.section}`;
      const where = `${section.name} at 0x${r.offset.toString(16)} (type ${r.type}, ${name}+${r.addend})`;
      wrong.push(`${where}: expected ${result.expected}, found ${result.found}`);
    };
    for (let i = 0; i < records.length; i += 24) {
      const symbol = symbols[records.readUInt32LE(i + 12)]!;
      const type = records.readUInt32LE(i + 8);
      // An undefined weak thread-local has offset 0 from the thread pointer.
      const ofThread = isX86 && (type === 22 || type === 23);
      const block = symbol.section === 0 ? (ofThread ? tls.end : 0) : symbol.type === 6 ? tls.start : 0;
      const r: Relocation = {
        offset: Number(records.readBigUInt64LE(i)),
        type,
        symbol: records.readUInt32LE(i + 12),
        addend: Number(records.readBigInt64LE(i + 16)),
        value: Number(BigInt.asIntN(64, symbol.value)) + block,
        isUndefined: symbol.section === 0,
      };
      // The symbol of an ifunc is its resolver; uses go through the entry that calls what it chose.
      if (symbol.type === 10) continue;
      // Low halves after the high halves that they belong to.
      if (isAarch64 ? r.type === 312 : !isX86 && (r.type === 24 || r.type === 25)) later.push(r);
      else examine(r);
    }
    for (const r of later) examine(r);
    wrong.push(...checkSums(section.name, sums));
  }
  return { checked, wrong };
}
