/**
 * Two images side by side, as verify.ts compares them, and how a difference is reported.
 */
import { fail, printable } from '../../base/errors.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import type { Placement } from './codec.ts';
import type { SlideInfo } from './slide-info.ts';

/** What is compared, and where parts of the slid image are. */
export interface Comparison {
  readonly base: ElfFile;
  readonly slid: ElfFile;
  readonly info: SlideInfo;
  readonly placement: Placement;
  /** By segment of the info: program header in the slid image, and its address there. */
  readonly header: readonly number[];
  readonly address: readonly number[];
  /** Where what lies at an offset of the base's file lies in the slid one: what is behind the text may move back. */
  readonly place: (offset: number) => number;
  /** Names of the two files in messages. */
  readonly name: { readonly base: string; readonly slid: string };
}

export function differs({ name }: Pick<Comparison, 'name'>, why: string): never {
  return fail('image', `${printable(name.slid)} is no slide of ${printable(name.base)}: ${why}`);
}
