/**
 * The regions of memory that a followed function may reach: its stack, the image's data, what its thread's registers point
 * to, and what each pointer argument points to.
 */
import type { AccessContext } from './access.ts';
import type { Region } from './memory.ts';
import type { Processor } from './processor.ts';
import type { FollowedImage, Question, Variable } from './question.ts';
import { relocatedByte } from './relocated.ts';
import { IMAGE, known, STACK, THREAD, unknown, type Value } from './values.ts';

const FIRST_ARGUMENT = 3;

/** Where the segments of an image are, by address. */
export function segmentAt(image: FollowedImage, address: number): FollowedImage['memory'][number] | undefined {
  return image.memory.find((part) => part.address <= address && address < part.address + part.size);
}

/** A byte of the image as it is when its code begins; null: a relocation makes nobody knows what of it; undefined: none is there. */
export function imageByte(image: FollowedImage, address: number): number | null | undefined {
  const part = segmentAt(image, address);
  if (part === undefined) return undefined;
  const relocated = image.relocated && relocatedByte(image.relocated, address);
  return relocated === undefined ? (part.bytes[address - part.address] ?? 0) : relocated;
}

/** Pages of memory are found by region and offset: no image's address may be mistaken for another region's offset. */
const HIGHEST = 2 ** 44;

/** The region in which a number is an address, where it is one of the image. */
export function imageAt(image: FollowedImage, address: bigint): number | undefined {
  return address < BigInt(HIGHEST) && segmentAt(image, Number(address)) !== undefined ? IMAGE : undefined;
}

/** See AccessContext. Memory that arguments point to is there as far as the function says by reaching for it. */
export function kindsOf(image: FollowedImage): AccessContext['kindAt'] {
  const overlaps = (part: { readonly address: number }, size: number, low: number, high: number): boolean =>
    part.address <= high && low < part.address + size;
  return ({ id }, low, high) => {
    if (id !== IMAGE) return 'data';
    if (image.memory.every(({ address, size }) => low < address || address + size <= high)) return 'nothing';
    if (image.code.some((part) => overlaps(part, part.bytes.length, low, high))) return 'code';
    const isFixed = image.memory.some((part) => !part.isWritable && overlaps(part, part.size, low, high));
    return isFixed ? 'read-only data' : 'data';
  };
}

/** See AccessContext: memory of the image that nobody may write, and that no relocation changes. */
export function fixedIn(image: FollowedImage): AccessContext['isFixed'] {
  return ({ id }, low, high) => {
    if (id !== IMAGE) return false;
    const part = segmentAt(image, low);
    if (part === undefined || part.isWritable || high >= part.address + part.bytes.length) return false;
    if (image.relocated !== undefined)
      for (let at = low; at <= high; at++) if (relocatedByte(image.relocated, at) !== undefined) return false;
    return true;
  };
}

const publicByte = unknown(8);

/** The variable that a byte of the image is of, if anything is said of that. */
export const variableAt = ({ variables = [] }: Question, address: number): Variable | undefined =>
  variables.find((one) => one.address <= address && address < one.address + one.size);

export function regionsOf(image: FollowedImage, question: Question): Region[] {
  const region = (id: number, name: string, initial: (offset: number) => Value): Region => ({
    id,
    name,
    initial,
    symbols: new Map(),
  });
  const regions = [
    region(STACK, 'the stack', () => publicByte),
    region(IMAGE, "the image's data", (address) => {
      const variable = variableAt(question, address);
      if (variable?.holds === 'secret') return unknown(8, 1, 255n, address - variable.address);
      const byte = imageByte(image, address);
      return typeof byte === 'number' ? known(BigInt(byte), 8) : publicByte;
    }),
    region(THREAD, "the thread's data", () => publicByte),
  ];
  for (const [number, argument] of Object.entries(question.arguments)) {
    if (argument.kind !== 'secret' && argument.kind !== 'buffer') continue;
    const isSecret = argument.kind === 'secret';
    const id = regions.length;
    const initial = (offset: number): Value =>
      isSecret && 0 <= offset && offset < argument.size ? unknown(8, 1, 255n, offset) : publicByte;
    regions.push(region(id, `argument ${number}`, initial));
  }
  return regions;
}

/** Regions of arguments, by the argument's number. */
export function argumentRegions(question: Question): ReadonlyMap<number, number> {
  const pointers = Object.entries(question.arguments).filter(([, { kind }]) => kind === 'secret' || kind === 'buffer');
  return new Map(pointers.map(([number], i) => [Number(number), FIRST_ARGUMENT + i]));
}

/** Bytes of a region that are secret from the beginning. */
export function secretBytesOf(question: Question): AccessContext['secretBytes'] {
  const sizes = new Map(
    [...argumentRegions(question)].map(([number, region]) => {
      const argument = question.arguments[number]!;
      return [region, argument.kind === 'secret' ? argument.size : 0];
    }),
  );
  return (region) => sizes.get(region) ?? 0;
}

/** The part of a region that a pointer stays in when its offset is not known: a frame, a buffer. */
export function extentOf(question: Question, image: FollowedImage, processor: Processor): AccessContext['extent'] {
  const arguments_ = new Map(
    [...argumentRegions(question)].map(([number, region]) => [region, question.arguments[number]!]),
  );
  return (state, region, anchor) => {
    if (region.id === STACK) {
      let inner = state.general[processor.stackPointer]!.low - 128;
      for (let frame = state.frame; frame !== undefined; frame = frame.parent) {
        if (anchor < frame.stackPointer) return { low: Math.min(inner, anchor), high: frame.stackPointer - 1 };
        inner = frame.stackPointer + processor.returnBytes;
      }
      return undefined;
    }
    const argument = arguments_.get(region.id);
    if (argument !== undefined && 'size' in argument) return { low: 0, high: Math.max(0, argument.size - 1) };
    const variable = region.id === IMAGE ? variableAt(question, anchor) : undefined;
    if (variable !== undefined) return { low: variable.address, high: variable.address + variable.size - 1 };
    const part = region.id === IMAGE ? segmentAt(image, anchor) : undefined;
    return part && { low: part.address, high: part.address + part.size - 1 };
  };
}
