/**
 * What a boot loader takes: the raw image alone, or in one of U-Boot's two containers.
 *
 * A raw image (`booti`) says for itself where in memory it may go, and may go to any 2 MiB boundary; the containers
 * (`bootm`) name an address, which depends on the board: see docs/boards.md.
 */
import { fail, hex, printable } from '../../../base/errors.ts';
import { fitImage } from './fit.ts';
import { readRawHeader } from './header.ts';
import { uImage } from './uimage.ts';

export const packFormats = ['raw', 'uimage', 'fit'] as const;
export type PackFormat = (typeof packFormats)[number];

/** Where QEMU's machines, and boards with memory from 2 GiB on, have room above their firmware. */
export const DEFAULT_LOAD = 0x80200000;
const ALIGNMENT = 0x200000;

export interface PackOptions {
  readonly format: PackFormat;
  /** Physical address, a multiple of 2 MiB. */
  readonly load: number;
  /** Told by the boot loader; at most 31 bytes of it in a uImage. */
  readonly name: string;
}

/** `raw` in the form that is asked for. Errors: 'image' when it is no raw image, 'usage' for an address that cannot be. */
export function packImage(raw: Uint8Array, { format, load, name }: PackOptions): Uint8Array {
  readRawHeader(raw, name);
  if (load % ALIGNMENT !== 0) fail('usage', `--load ${hex(load)}: must be a multiple of 2 MiB (${hex(ALIGNMENT)})`);
  switch (format) {
    case 'raw':
      return raw;
    case 'uimage':
      return uImage(raw, load, printable(name));
    case 'fit':
      return fitImage(raw, load, printable(name));
  }
}
