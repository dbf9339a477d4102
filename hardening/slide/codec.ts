/**
 * SlideInfo as the bytes of a section that is never loaded: its form, written by encode.ts and read by decode.ts.
 *
 * The section travels with the image from the build to each launch, through hands that may strip, edit or forge it. It
 * carries a hash of what it describes (the program's segments and its code), so that one that belongs to another image,
 * or to this one before somebody changed it, is refused. A forged one can do no more harm than the image itself could,
 * as long as nothing outside the image is touched; so on reading every number is checked: positions ascend and lie in
 * their segment, fields do not overlap, units cover no byte twice, and nothing is allocated on a mere claim.
 *
 * Form, all numbers LEB128 unless said otherwise:
 *
 *   "CSLD", version byte, kind byte (0: this; 1: where units went, see placement below), two zero bytes, hash (16 bytes)
 *   segments:  count, for each: bytes in the file, bytes in memory
 *   text:      its segment; count of units, of pinned, of trailing ones; for each: gap before it, size, log2 of alignment
 *   header:    0, or segment + 1, offset and entries of .eh_frame_hdr
 *   groups:    count, for each: encoding, segment, target (and its parameter), count, then by field the distance from the
 *              end of the field before; for named units then by field the signed difference from the unit before
 *   padding:   zeros, so that the section is as long as what takes its place in a slid image
 *
 * A slid image carries, in place of this, where its units went: kind 1, the same hash, size of text, count of units, and
 * the offset of each as signed difference from the one before.
 */
import { fail } from '../../base/errors.ts';
import { createHash } from '../../base/node.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { fileBytes } from './file-bytes.ts';
import type { SlideSegment } from './slide-info.ts';

export const SLIDE_SECTION = '.casemate.slide';
/** Of both kinds of section: in the range that the gABI leaves to applications (SHT_LOUSER and up). */
export const SHT_CASEMATE_SLIDE = 0x80c5_0001;

export const MAGIC = [0x43, 0x53, 0x4c, 0x44];
export const VERSION = 1;
export const KIND_INFO = 0;
export const KIND_PLACEMENT = 1;
/** Where the hash is, and its bytes. */
export const HASH_AT = 8;
export const HASH = 16;
/** Where the numbers begin. */
export const HEADER = HASH_AT + HASH;

export const targetKinds = ['segment', 'end', 'nearest', 'units', 'fixed'] as const;

/** Where the units of a slid image are. */
export interface Placement {
  readonly textSize: number;
  readonly unitOffset: Uint32Array;
  /** Of the image that was slid. */
  readonly hash: Uint8Array;
}

/** What the info holds true for: 16 bytes over the sizes of its segments and the bytes of the code. */
export function describedHash(file: ElfFile, segments: readonly SlideSegment[], text: number): Uint8Array {
  const bytes = fileBytes(file);
  const hash = createHash('sha256');
  for (const { fileSize, memorySize } of segments) hash.update(`${fileSize} ${memorySize}\n`);
  const code = file.segments[segments[text]!.index]!;
  hash.update(bytes.subarray(code.offset, code.offset + code.fileSize));
  return new Uint8Array(hash.digest().subarray(0, HASH));
}

/** What kind of section this is. Errors: 'malformed-elf', 'unsupported-input' for another version. */
export function sectionKind(bytes: Uint8Array, what: string): 'info' | 'placement' {
  if (bytes.length < HEADER || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    fail('malformed-elf', `${what}: is not a slide section`);
  }
  if (bytes[4] !== VERSION) {
    fail('unsupported-input', `${what}: is of version ${bytes[4]}, this program reads version ${VERSION}`);
  }
  const kind = bytes[5]!;
  if (kind > KIND_PLACEMENT || bytes[6] !== 0 || bytes[7] !== 0) fail('malformed-elf', `${what}: has a damaged header`);
  return kind === KIND_INFO ? 'info' : 'placement';
}
