/**
 * `casemate pack IMAGE -o OUT`: a hardened RISC-V image in the form that a boot loader takes, or a root image for seL4
 * together with its kernel.
 */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readFile, writeFileAtomic } from '../base/files.ts';
import { rawImage } from '../targets/riscv64/harden.ts';
import { DEFAULT_LOAD, type PackFormat, packFormats, packImage } from '../targets/riscv64/pack/pack.ts';
import { isSeL4Image, readSeL4Image } from '../targets/sel4/image.ts';
import { type KernelPaths, readKernel } from '../targets/sel4/kernel-files.ts';
import { packBoot } from '../targets/sel4/pack/pack.ts';
import { type KernelFlags, kernelOptions, kernelPaths } from './kernel-options.ts';

const examples = `
Formats:
  raw     the image alone, with Linux's header for RISC-V: U-Boot's booti, QEMU's -kernel
  uimage  U-Boot's legacy container: bootm, which checks two CRC-32s
  fit     U-Boot's image tree: bootm, which checks a SHA-256

A raw image goes to any 2 MiB boundary; the containers name an address, which depends on the board (docs/boards.md).

A root image for seL4 (--kernel) becomes one ELF file for RISC-V and AArch64, whose pieces go to physical addresses and
which is entered at its entry; for x86-64 a Multiboot kernel, with the image as its module (--module).

Examples:
  casemate pack hello.sel4 --kernel kernel.elf -o boot.elf
  casemate pack hello.sel4 --kernel kernel.elf -o kernel32.elf --module root.elf    for x86-64
  casemate pack hello.riscv64 -o hello.fit --format fit
  casemate pack hello.riscv64 -o hello.uimage --format uimage --load 0x40200000`;

interface Flags extends KernelFlags {
  readonly output?: string;
  readonly format: string;
  readonly load: string;
  readonly name?: string;
  readonly module?: string;
}

function formatOf(text: string): PackFormat {
  const format = packFormats.find((each) => each === text);
  return format ?? fail('usage', `--format ${printable(text)}: must be one of ${packFormats.join(', ')}`);
}

function addressOf(text: string): number {
  if (!/^(0x[0-9a-f]{1,13}|[0-9]{1,15})$/i.test(text)) fail('usage', `--load ${printable(text)}: must be an address`);
  return Number(text);
}

/** A root image for seL4 with its kernel. */
function packKernel(input: string, bytes: Uint8Array, flags: Flags, paths: KernelPaths): void {
  const { kernel: path, module } = flags;
  if (path === undefined) fail('usage', `${printable(input)}: is a root image for seL4; name its kernel with --kernel`);
  const kernel = readKernel(path!, paths);
  const files = packBoot(kernel, readSeL4Image(bytes, input), input);
  if (files.module !== undefined && module === undefined)
    fail(
      'usage',
      `--module FILE is missing: on ${kernel.machine} the root image is a file of its own beside the kernel`,
    );
  if (files.module === undefined && module !== undefined)
    fail('usage', `--module: on ${kernel.machine} the root image is in the packed file`);
  if (files.module !== undefined) writeFileAtomic(module!, files.module(''));
  writeFileAtomic(flags.output!, files.boot);
}

function run(input: string, flags: Flags): void {
  if (flags.output === undefined) fail('usage', '-o FILE is missing: where the packed image goes');
  const paths = kernelPaths(flags);
  const bytes = readFile(input);
  if (isSeL4Image(bytes)) {
    packKernel(input, bytes, flags, paths);
    return;
  }
  if (flags.kernel !== undefined || flags.module !== undefined)
    fail('usage', `--kernel and --module: ${printable(input)} is no root image for seL4 of casemate's`);
  const format = formatOf(flags.format);
  const load = addressOf(flags.load);
  const raw = rawImage(bytes, input);
  const name = flags.name ?? input.replace(/^.*\//, '');
  writeFileAtomic(flags.output!, packImage(raw, { format, load, name }));
}

export function packCommand(): Command {
  return kernelOptions(
    new Command('pack')
      .summary('put an image for RISC-V or seL4 into the form that a boot loader takes')
      .description(
        'Writes the hardened RISC-V IMAGE as a raw image, a uImage or a FIT image for U-Boot; a root image for seL4 with its kernel.',
      )
      .argument('<IMAGE>', 'a RISC-V image that casemate has hardened, or a root image for seL4')
      .option('-o, --output <FILE>', 'the packed image')
      .option('--format <FORMAT>', 'raw, uimage or fit', 'raw')
      .option('--load <ADDRESS>', 'where a container says the image goes', `0x${DEFAULT_LOAD.toString(16)}`)
      .option('--module <FILE>', 'for x86-64 and seL4: where the root image goes')
      .option('--name <TEXT>', "what boot loaders call the image (default: the file's name)")
      .addHelpText('after', examples)
      .action(run),
    'the kernel that a root image for seL4 was made for',
  );
}
