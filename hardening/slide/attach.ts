/**
 * The finished file of a link, with the section that lets every launch give it another layout.
 */

import { addSections } from '../../linker/elf-edit.ts';
import { type ElfFile, readElfFile } from '../../linker/elf-file.ts';
import type { LinkedImage } from '../../linker/image.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { SHT_CASEMATE_SLIDE, SLIDE_SECTION } from './codec.ts';
import { decodeSlideInfo } from './decode.ts';
import { encodeSlideInfo } from './encode.ts';
import { slideInfoFromLink } from './from-link.ts';

/** `file` with the encoded info as a section that nothing loads. */
export function addSlideSection(file: ElfFile, data: Uint8Array): ElfFile {
  return addSections(file, [{ name: SLIDE_SECTION, type: SHT_CASEMATE_SLIDE, flags: 0, address: 0n, align: 1, data }])
    .file;
}

/**
 * The image's bytes with its slide section. `name` names the file in messages. Errors: those of `slideInfoFromLink`, when
 * something in the image cannot be followed.
 */
export function withSlideSection(image: LinkedImage, name: string): Uint8Array {
  const info = slideInfoFromLink(image);
  const file = readElfFile(image.bytes, name);
  const data = encodeSlideInfo(info, file);
  // What a launch would refuse must not be shipped.
  decodeSlideInfo(data, file, name);
  return writeElfFile(addSlideSection(file, data));
}
