/**
 * The regions of memory that a followed function may reach: its stack, the image's data, what its thread's registers point
 * to, and what each pointer argument points to.
 */
import type { AccessContext } from './access.ts';
import type { Region } from './memory.ts';
import type { Processor } from './processor.ts';
import type { FollowedImage, Question } from './question.ts';
import { known, unknown, type Value } from './values.ts';

export const STACK = 0;
export const IMAGE = 1;
export const THREAD = 2;
const FIRST_ARGUMENT = 3;

/** Where the segments of an image are, by address. */
export function segmentAt(image: FollowedImage, address: number): FollowedImage['memory'][number] | undefined {
  return image.memory.find((part) => part.address <= address && address < part.address + part.size);
}

const publicByte = unknown(8);

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
      const part = segmentAt(image, address);
      return part === undefined ? publicByte : known(BigInt(part.bytes[address - part.address] ?? 0), 8);
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
    const part = region.id === IMAGE ? segmentAt(image, anchor) : undefined;
    return part && { low: part.address, high: part.address + part.size - 1 };
  };
}
