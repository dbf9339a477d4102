/**
 * Notes on verified code in an image: this build's own, or none.
 *
 * A note says of functions that they are proved, and whoever makes an object can put one into it. A build knows from its
 * own proofs what it may say. So the section is left out of every other input by the link, and what the image holds in
 * the end is looked at again, wherever a layout may have put it: a note of the kind that is not this build's is an error.
 */
import { fail, hex, printable } from '../base/errors.ts';
import { PT_NOTE, SHT_NOBITS, SHT_NOTE } from '../linker/elf.ts';
import type { LinkedImage } from '../linker/image.ts';
import { objectsWithSection } from '../linker/provenance.ts';
import type { LinkOptions } from '../linker/request.ts';
import { noteBytes, VERIFIED_NOTE } from '../lowering/c/note.ts';
import { UNIT_OBJECT } from './verified-record.ts';

/** For the link: nobody but the build's own unit, if it has one, may bring the note. */
export const reservedNote = (hasUnit: boolean): NonNullable<LinkOptions['reserved']> =>
  new Map([[VERIFIED_NOTE.section, hasUnit ? UNIT_OBJECT : undefined]]);

/** Inputs that bring such a note and are not the build's own unit, by name. */
export const claimants = (image: LinkedImage, hasUnit: boolean): string[] =>
  objectsWithSection(image, VERIFIED_NOTE.section).filter((name) => !hasUnit || name !== UNIT_OBJECT);

interface Bytes {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/** Where notes may lie in the file. */
function notePlaces({ sections, segments }: LinkedImage): Bytes[] {
  const isNote = ({ name, type }: LinkedImage['sections'][number]): boolean =>
    type === SHT_NOTE || (name === VERIFIED_NOTE.section && type !== SHT_NOBITS);
  return [
    ...sections.filter(isNote).map(({ name, fileOffset, size }) => ({ name, offset: fileOffset, size })),
    ...segments
      .filter(({ type }) => type === PT_NOTE)
      .map(({ offset, fileSize }) => ({ name: 'a PT_NOTE segment', offset, size: fileSize })),
  ];
}

/** Offsets of the headers of such notes in bytes, whatever stands around them. */
function headersIn(bytes: Uint8Array): number[] {
  const { buffer, byteOffset, length } = bytes;
  const view = new DataView(buffer, byteOffset, length);
  const owner = Buffer.from(`${VERIFIED_NOTE.name}\0`);
  const all = Buffer.from(buffer, byteOffset, length);
  const found: number[] = [];
  for (let at = all.indexOf(owner); at >= 0; at = all.indexOf(owner, at + 1)) {
    const isHeader =
      at >= 12 && view.getUint32(at - 12, true) === owner.length && view.getUint32(at - 4, true) === VERIFIED_NOTE.type;
    if (isHeader) found.push(at - 12);
  }
  return found;
}

/** Refuses an image with a note on verified code that is not this build's own; `own`: the description of that. */
export function requireOwnNote(image: LinkedImage, own: string | undefined): void {
  const wanted = own === undefined ? undefined : noteBytes(own);
  for (const { name, offset, size } of notePlaces(image)) {
    const bytes = image.bytes.subarray(offset, offset + size);
    for (const at of headersIn(bytes)) {
      const isOwn = wanted !== undefined && Buffer.compare(bytes.subarray(at, at + wanted.length), wanted) === 0;
      if (isOwn) continue;
      const where = `${printable(name)}, at ${hex(at)}`;
      fail(
        'image',
        `${where}: holds a note on verified code that is not of this build; remove it from the inputs (objcopy --remove-section)`,
      );
    }
  }
}
