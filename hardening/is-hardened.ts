/**
 * Whether an image carries casemate's stage 0, which enforces at run time what the file can only declare.
 *
 * A section's name is a claim: a finding that relies on it stays 'declared' until a probe has run.
 */
import type { ElfFile } from '../linker/elf-file.ts';

export const STAGE0_SECTION = '.casemate.stage0';

export function isHardened(file: ElfFile): boolean {
  return file.sections.some(({ name }) => name === STAGE0_SECTION);
}
