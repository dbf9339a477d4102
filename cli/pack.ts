/** `casemate pack IMAGE -o OUT`: a hardened RISC-V image in the form that a boot loader takes. */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readFile, writeFileAtomic } from '../base/files.ts';
import { rawImage } from '../targets/riscv64/harden.ts';
import { DEFAULT_LOAD, type PackFormat, packFormats, packImage } from '../targets/riscv64/pack/pack.ts';

const examples = `
Formats:
  raw     the image alone, with Linux's header for RISC-V: U-Boot's booti, QEMU's -kernel
  uimage  U-Boot's legacy container: bootm, which checks two CRC-32s
  fit     U-Boot's image tree: bootm, which checks a SHA-256

A raw image goes to any 2 MiB boundary; the containers name an address, which depends on the board (docs/boards.md).

Examples:
  casemate pack hello.riscv64 -o hello.fit --format fit
  casemate pack hello.riscv64 -o hello.uimage --format uimage --load 0x40200000`;

interface Flags {
  readonly output?: string;
  readonly format: string;
  readonly load: string;
  readonly name?: string;
}

function formatOf(text: string): PackFormat {
  const format = packFormats.find((each) => each === text);
  return format ?? fail('usage', `--format ${printable(text)}: must be one of ${packFormats.join(', ')}`);
}

function addressOf(text: string): number {
  if (!/^(0x[0-9a-f]{1,13}|[0-9]{1,15})$/i.test(text)) fail('usage', `--load ${printable(text)}: must be an address`);
  return Number(text);
}

function run(input: string, flags: Flags): void {
  if (flags.output === undefined) fail('usage', '-o FILE is missing: where the packed image goes');
  const format = formatOf(flags.format);
  const load = addressOf(flags.load);
  const raw = rawImage(readFile(input), input);
  const name = flags.name ?? input.replace(/^.*\//, '');
  writeFileAtomic(flags.output!, packImage(raw, { format, load, name }));
}

export function packCommand(): Command {
  return new Command('pack')
    .summary('put a hardened RISC-V image into the form that a boot loader takes')
    .description('Writes the hardened RISC-V IMAGE as a raw image, a uImage or a FIT image for U-Boot.')
    .argument('<IMAGE>', 'a RISC-V image that casemate has hardened')
    .option('-o, --output <FILE>', 'the packed image')
    .option('--format <FORMAT>', 'raw, uimage or fit', 'raw')
    .option('--load <ADDRESS>', 'where a container says the image goes', `0x${DEFAULT_LOAD.toString(16)}`)
    .option('--name <TEXT>', "what boot loaders call the image (default: the file's name)")
    .addHelpText('after', examples)
    .action(run);
}
