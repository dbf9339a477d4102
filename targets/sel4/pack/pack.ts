/**
 * A kernel and a root image as the files that a machine is started with.
 */
import { fail, hex, printable } from '../../../base/errors.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { withArguments } from '../arguments.ts';
import { requireKernel, type SeL4Image } from '../image.ts';
import type { Kernel, SeL4Machine } from '../kernel.ts';
import { isProgram } from '../microkit/program-system.ts';
import { packAarch64 } from './aarch64.ts';
import { type BootParts, spanOf } from './boot-file.ts';
import { packRiscv } from './riscv64.ts';
import { containedKernel, kernel32 } from './x86-64.ts';

/** The byte at 4 of an ELF32 file. Source: gABI, "ELF Identification". */
const ELFCLASS32 = 1;

export interface BootFiles {
  /** What firmware or an emulator starts. */
  readonly boot: Uint8Array;
  /** What it loads beside, on x86-64: the root image, with the guest's command line in it. */
  readonly module?: (commandLine: string) => Uint8Array;
}

type Packer = (parts: BootParts) => Uint8Array;

const packers: Readonly<Record<Exclude<SeL4Machine, 'x86-64'>, Packer>> = { riscv64: packRiscv, aarch64: packAarch64 };

/** Refuses what ends beyond the memory that a kernel was built for. */
function checkMemory(boot: Uint8Array, { memory, name }: Kernel, where: string): void {
  if (memory === undefined || memory.length === 0) return;
  const { segments } = readElfFile(boot, where);
  const { end } = spanOf(segments.map(({ address, memorySize }) => ({ address, memory: memorySize })));
  const { end: last } = spanOf(
    memory.map((range) => ({ address: range.start, memory: Number(range.end - range.start) })),
  );
  if (end > last)
    fail(
      'image',
      `${where}: ends at ${hex(end)} in memory beside its kernel; ${printable(name)} was built for memory up to ${hex(last)}`,
    );
}

/** Errors: 'usage' for a protection domain; 'image' for an image of another kernel, or one that does not fit beside this; 'kernel'; 'limit'. */
export function packBoot(kernel: Kernel, image: SeL4Image, name: string): BootFiles {
  const where = printable(name);
  if (isProgram(image.bytes, name))
    fail('usage', `${where}: a protection domain, which Microkit starts; make its system with casemate microkit`);
  requireKernel(image, kernel, where);
  const { bytes, machine } = kernel;
  if (machine === 'x86-64') {
    const isContained = bytes[4] === ELFCLASS32;
    const boot = isContained
      ? containedKernel(bytes, where)
      : kernel32({ kernel: { file: readElfFile(bytes, kernel.name), bytes }, where });
    return { boot, module: (text) => withArguments(image.file, text, where) };
  }
  const file = readElfFile(bytes, kernel.name);
  const boot = packers[machine]({ kernel: { file, bytes }, root: image, where });
  checkMemory(boot, kernel, where);
  return { boot };
}
