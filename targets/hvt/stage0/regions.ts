/**
 * Regions of an hvt image: its segments', and the page that the tender fills in.
 */
import type { ElfFile } from '../../../linker/elf-file.ts';
import { type Region, segmentRegions, type TextKind } from '../../regions.ts';

export { imageTop, pageDown, type TextKind } from '../../regions.ts';

/** The tender's page with boot_info, manifest and command line, as far as it maps it for them. */
export const BOOT_INFO: Region = { start: 0x10000, end: 0x14000, kind: 'read' };

/** Regions of an image's segments, ascending, and boot_info's before them. Errors: 'image', see segmentRegions. */
export function imageRegions(file: ElfFile, name: string, text: TextKind): Region[] {
  return [BOOT_INFO, ...segmentRegions(file, name, text)];
}
