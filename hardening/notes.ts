/**
 * The notes of an image: what stands in each PT_NOTE, as far as it can be read.
 *
 * Notes are claims. They say for which loader a file was made, and Solo5's tender reads its manifest from them; nothing
 * here trusts them, and a note that runs over its segment ends the reading of that segment.
 *
 * Source: gABI chapter 5 "Note Section": u32 namesz, descsz, type; name and descriptor padded to 4 bytes (8 in segments
 * that are aligned to 8).
 */
import { PT_NOTE } from '../linker/elf.ts';
import { type ElfFile, viewOf } from '../linker/elf-file.ts';

export interface Note {
  /** Without its final NUL. */
  readonly name: string;
  readonly type: number;
  readonly descriptor: Uint8Array;
}

export interface NoteSegment {
  /** Of its program header. */
  readonly index: number;
  readonly size: number;
  readonly notes: readonly Note[];
  /** Why reading ended before the segment did; undefined when it did not. */
  readonly problem: string | undefined;
}

/** More notes than any real file has in one segment. */
const MOST_NOTES = 256;

/** The notes of one segment's bytes. */
export function readNotes(data: Uint8Array, align: number): { notes: Note[]; problem: string | undefined } {
  const view = viewOf(data);
  const padding = align === 8 ? 8 : 4;
  const padded = (size: number): number => Math.ceil(size / padding) * padding;
  const notes: Note[] = [];
  let at = 0;
  while (at + 12 <= data.length) {
    if (notes.length === MOST_NOTES) return { notes, problem: `more than ${MOST_NOTES} notes` };
    const [nameSize, size, type] = [0, 4, 8].map((field) => view.getUint32(at + field, true)) as [
      number,
      number,
      number,
    ];
    const descriptor = padding === 8 ? padded(at + 12 + nameSize) : at + 12 + padded(nameSize);
    if (descriptor + size > data.length) {
      const end = descriptor + size;
      return { notes, problem: `note ${notes.length} (namesz ${nameSize}, descsz ${size}) ends at ${end}` };
    }
    const name = Buffer.from(data.buffer, data.byteOffset + at + 12, Math.min(nameSize, 64)).toString('latin1');
    notes.push({
      name: name.replace(/\0[\s\S]*$/, ''),
      type,
      descriptor: data.subarray(descriptor, descriptor + size),
    });
    at = descriptor + padded(size);
  }
  return { notes, problem: at < data.length ? `${data.length - at} bytes after the last note` : undefined };
}

/** Every PT_NOTE with contents. */
export function readNoteSegments(file: ElfFile, bytes: Uint8Array): NoteSegment[] {
  return file.segments.flatMap(({ type, offset, fileSize, align }, index): NoteSegment[] => {
    if (type !== PT_NOTE) return [];
    return [{ index, size: fileSize, ...readNotes(bytes.subarray(offset, offset + fileSize), align) }];
  });
}
