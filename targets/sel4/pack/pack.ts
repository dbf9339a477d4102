/**
 * A kernel and a root image as the files that a machine is started with.
 */
import { printable } from '../../../base/errors.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { withArguments } from '../arguments.ts';
import { requireKernel, type SeL4Image } from '../image.ts';
import type { Kernel, SeL4Machine } from '../kernel.ts';
import { packAarch64 } from './aarch64.ts';
import { type BootParts, packRiscv } from './riscv64.ts';
import { kernel32 } from './x86-64.ts';

export interface BootFiles {
  /** What firmware or an emulator starts. */
  readonly boot: Uint8Array;
  /** What it loads beside, on x86-64: the root image, with the guest's command line in it. */
  readonly module?: (commandLine: string) => Uint8Array;
}

const packers: Readonly<Record<SeL4Machine, (parts: BootParts) => BootFiles>> = {
  riscv64: (parts) => ({ boot: packRiscv(parts) }),
  aarch64: (parts) => ({ boot: packAarch64(parts) }),
  'x86-64': (parts) => ({ boot: kernel32(parts), module: (text) => withArguments(parts.root.file, text, parts.where) }),
};

/** Errors: 'image' for an image of another kernel, or one that does not fit beside this; 'limit'. */
export function packBoot(kernel: Kernel, image: SeL4Image, name: string): BootFiles {
  const where = printable(name);
  requireKernel(image, kernel, where);
  const file = readElfFile(kernel.bytes, kernel.name);
  return packers[kernel.machine]({ kernel: { file, bytes: kernel.bytes }, root: image, where });
}
