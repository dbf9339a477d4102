/**
 * What AArch64's relocations say of the bytes in an image; see reapply.ts.
 *
 * Written from AAELF64 and apart from the linker's own arithmetic: fields are read, never written.
 */
import type { Check, Context, Relocation } from './reapply.ts';

/** An instruction's bits [from, from + count). */
const bits = (word: number, from: number, count: number): number => Math.floor(word / 2 ** from) % 2 ** count;
const signed = (value: number, count: number): number => (value >= 2 ** (count - 1) ? value - 2 ** count : value);
const piece = (value: number, from: number, count: number): number =>
  Number(BigInt.asUintN(count, BigInt(value) >> BigInt(from)));
const page = (value: number): number => Math.floor(value / 4096);

/** Immediates by where instructions hold them. */
export const adrField = (word: number): number => signed(bits(word, 5, 19) * 4 + bits(word, 29, 2), 21);
export const moveField = (word: number): number => bits(word, 5, 16);
export const addField = (word: number): number => bits(word, 10, 12);
export const branchField = (word: number): number => signed(bits(word, 0, 26), 26) * 4;
export const conditionField = (word: number): number => signed(bits(word, 5, 19), 19) * 4;
export const testField = (word: number): number => signed(bits(word, 5, 14), 14) * 4;

/** Of loads and stores with an unsigned offset: by type, the size they count in. */
const sizes = new Map<number, number>([
  ...[278, 531, 532, 552, 553].map((type) => [type, 1] as const),
  ...[284, 533, 534, 554, 555].map((type) => [type, 2] as const),
  ...[285, 535, 536, 556, 557].map((type) => [type, 4] as const),
  ...[286, 537, 538, 558, 559].map((type) => [type, 8] as const),
  ...[299, 570, 571, 572, 573].map((type) => [type, 16] as const),
]);

const isDtp = (type: number): boolean => (type >= 523 && type <= 538) || type === 572 || type === 573;
const isTp = (type: number): boolean => (type >= 544 && type <= 559) || type === 570 || type === 571;

/** `pages` keeps the page of each symbol's slot in the GOT, which the low half's relocation needs. */
export function checkAarch64(context: Context, r: Relocation, pages: Map<number, number>): Check {
  const { data, base, tls, image } = context;
  const at = r.offset - base;
  // The thread pointer is two words below the block, aligned as that is.
  const pointer = tls.start - Math.ceil(16 / tls.align) * tls.align;
  const from = isDtp(r.type) ? tls.start : isTp(r.type) ? (r.isUndefined ? 0 : pointer) : 0;
  const target = r.value + r.addend - from;
  const word = () => data.readUInt32LE(at);
  const size = sizes.get(r.type);
  if (size !== undefined) return { expected: piece(target, 0, 12), found: addField(word()) * size };
  switch (r.type) {
    case 0:
    case 256:
      return undefined;
    case 257:
      return { expected: BigInt.asUintN(64, BigInt(target)), found: data.readBigUInt64LE(at) };
    case 258:
      return { expected: piece(target, 0, 32), found: word() };
    case 260:
      return { expected: BigInt(target - r.offset), found: data.readBigInt64LE(at) };
    case 261:
      return { expected: piece(target - r.offset, 0, 32), found: word() };
    case 263:
    case 264:
      return { expected: piece(target, 0, 16), found: moveField(word()) };
    case 265:
    case 266:
    case 545:
      return { expected: piece(target, 16, 16), found: moveField(word()) };
    case 267:
    case 268:
    case 544:
      return { expected: piece(target, 32, 16), found: moveField(word()) };
    case 269:
      return { expected: piece(target, 48, 16), found: moveField(word()) };
    case 547:
    case 548:
      return { expected: piece(target, 0, 16), found: moveField(word()) };
    case 274:
      return { expected: target - r.offset, found: adrField(word()) };
    case 275:
    case 276:
      return { expected: page(target) - page(r.offset), found: adrField(word()) };
    case 277:
    case 530:
    case 550:
    case 551:
      return { expected: piece(target, 0, 12), found: addField(word()) };
    case 528:
    case 549:
      return { expected: piece(target, 12, 12), found: addField(word()) };
    case 279:
      return { expected: target - r.offset, found: testField(word()) };
    case 280:
      return { expected: target - r.offset, found: conditionField(word()) };
    case 282:
    case 283:
      return { expected: target - r.offset, found: branchField(word()) };
    case 311:
      pages.set(r.symbol, page(r.offset) + adrField(word()));
      return undefined;
    case 312: {
      const slot = pages.get(r.symbol)! * 4096 + addField(word()) * 8;
      return { expected: r.value, found: image.quad(slot) };
    }
    case 313: {
      const slot = page(Number(image.section('.got').address)) * 4096 + addField(word()) * 8;
      return { expected: r.value, found: image.quad(slot) };
    }
    case 543: {
      return { expected: r.value - pointer, found: image.quad(r.offset + conditionField(word())) };
    }
    default:
      return { expected: `type ${r.type}` as unknown as number, found: 0 };
  }
}
