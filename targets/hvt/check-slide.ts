/**
 * `casemate slide --check`: that a slid image is the hardened one, moved, and nothing else.
 *
 * hardening/slide/verify.ts puts the program back and compares it with the base, byte for byte. Here the stub is seen to:
 * its code must be ours, and its configuration what follows from where the program's parts are, but for the seed.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { checkSlide } from '../../hardening/slide/verify.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { readHvtImage } from './image.ts';
import { configOffset, readSlidable, slidConfig } from './slide.ts';
import { encodeConfig, FIELD, PAGE } from './stage0/config.ts';
import { findStub } from './stage0/stub.ts';

export interface CheckedSlide {
  /** Where the program's segments are now, in their order. */
  readonly segmentAddress: readonly number[];
  /** Units of code, and how many of them are elsewhere in the text. */
  readonly units: number;
  readonly movedUnits: number;
}

/** Passes, or throws an 'image' error that names the first difference; 'malformed-elf' for damaged files. */
export function checkHvtSlide(
  base: Uint8Array,
  slid: Uint8Array,
  name: { readonly base: string; readonly slid: string },
): CheckedSlide {
  const image = readSlidable(base, name.base);
  const where = printable(name.slid);
  readHvtImage(slid, name.slid);
  const file = readElfFile(slid, name.slid);
  const stub = findStub(file, slid, where);
  if (stub === undefined) fail('image', `${where}: is not hardened, so no slide of ${printable(name.base)}`);
  if (stub!.base !== image.stub.base)
    fail('image', `${where}: its stub is at ${hex(stub!.base)}; the base has it at ${hex(image.stub.base)}`);
  // With the base's configuration it must be the base, moved.
  // A copy: the slice of a Buffer would be the same memory.
  const plain = Uint8Array.from(slid);
  const [at, from] = [configOffset(file, stub!), configOffset(image.file, image.stub)];
  plain.set(base.subarray(from, from + PAGE), at);
  const { segmentAddress, placement } = checkSlide(image.file, readElfFile(plain, name.slid), image.info, name);
  const { unitOffset, textSize } = placement;
  const layout = { segmentAddress: [...segmentAddress], unitOffset, textSize };
  const expected = encodeConfig({ ...slidConfig(image, layout, file, name.slid), seed: stub!.config.seed });
  const differs = expected.findIndex((byte, i) => byte !== slid[at + i]);
  if (differs >= 0) {
    const field = Object.entries(FIELD).findLast(([, offset]) => offset <= differs)![0];
    fail(
      'image',
      `${where}: the stub's configuration holds ${hex(slid[at + differs]!)} at ${hex(differs)} (${field}) where its layout asks for ${hex(expected[differs]!)}`,
    );
  }
  const { offset } = image.info.units;
  return {
    segmentAddress,
    units: offset.length,
    movedUnits: offset.filter((old, i) => old !== unitOffset[i]).length,
  };
}
