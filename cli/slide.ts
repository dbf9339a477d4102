/**
 * `casemate slide IMAGE -o OUT`: a new layout for one launch; `casemate slide --check BASE SLID`: proof that one image
 * is a slide of another.
 *
 * The seed comes from the operating system unless the user gives one, and is neither printed nor kept: whoever knows
 * it knows the layout.
 */
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readFile, writeFileAtomic } from '../base/files.ts';
import type { Bits } from '../hardening/slide/entropy.ts';
import { memoryOf } from '../targets/hvt/qemu.ts';
import { readSlidable, slideEntropy, slideInPieces } from '../targets/hvt/slide.ts';
import { print } from './output.ts';
import { readImage } from './read-ahead.ts';

const examples = `
The guest must be started with as much memory as --mem says, or more.

Examples:
  casemate slide hello.hvt -o launch.hvt
  casemate slide hello.hvt -o launch.hvt --mem 64 --heap-min 16
  casemate slide hello.hvt -o again.hvt --seed 'a text: same text, same layout'
  casemate slide hello.hvt --entropy --mem 512
  casemate slide --check hello.hvt launch.hvt`;

interface Flags {
  readonly output?: string;
  readonly mem: string;
  readonly heapMin?: string;
  readonly seed?: string;
  readonly check?: boolean;
  readonly entropy?: boolean;
}

function megabytes(text: string, option: string): number {
  if (!/^[0-9]{1,4}$/.test(text)) fail('usage', `${option} ${printable(text)}: must be a whole number of megabytes`);
  return Number(text);
}

function heapOf(text: string | undefined, memory: number): number {
  if (text === undefined) return memory / 2;
  const bytes = megabytes(text, '--heap-min') * 2 ** 20;
  if (bytes >= memory) fail('usage', `--heap-min ${text}: must be less than the guest's memory, ${memory / 2 ** 20}`);
  return bytes;
}

function seedOf(text: string | undefined): Uint8Array {
  if (text === undefined) return randomBytes(32);
  if (text === '') fail('usage', '--seed: must not be empty; without it the operating system gives one');
  return Buffer.from(text);
}

function bits({ low, high }: Bits): string {
  return low === high ? low.toFixed(2) : `${low.toFixed(2)} to ${high.toFixed(2)}`;
}

/** What a layout of this image is worth against whoever does not know its seed. */
function entropy(input: string, flags: Flags): void {
  const memory = memoryOf(megabytes(flags.mem, '--mem'));
  const options = { memory, heapMin: heapOf(flags.heapMin, memory) };
  const { entry, units, pinned } = slideEntropy(readSlidable(readFile(input), input), options, input);
  const known = flags.seed === undefined ? '' : '; against whoever knows the seed: 0';
  print(
    `${printable(input)}: in ${memory / 2 ** 20} MiB with a heap of ${options.heapMin / 2 ** 20} MiB or more\n` +
      `  base address          ${entry.base.toFixed(2)} bits${known}\n` +
      `  one function, min     ${bits(entry.minimum)} bits\n` +
      `  one function, Shannon ${bits(entry.shannon)} bits\n` +
      `  units of code         ${units} change places, ${pinned} stay in theirs\n`,
  );
}

async function slide(input: string, output: string, flags: Flags): Promise<void> {
  const memory = memoryOf(megabytes(flags.mem, '--mem'));
  const options = { memory, heapMin: heapOf(flags.heapMin, memory), seed: seedOf(flags.seed) };
  const { arena, bytes } = await readImage(input);
  writeFileAtomic(output, slideInPieces(bytes, input, options, arena), 0o777);
}

/** Proves that one image is a slide of the other; a difference is an error and exit status 1. */
async function check(base: string, slid: string): Promise<void> {
  // A slide does without, and must not wait for it.
  const { checkHvtSlide } = await import('../targets/hvt/check-slide.ts');
  const { units, movedUnits } = checkHvtSlide(readFile(base), readFile(slid), { base, slid });
  print(
    `${printable(slid)}: is a slide of ${printable(base)}: every byte is accounted for; ${movedUnits} of ${units} units of code are elsewhere\n`,
  );
}

async function run(input: string, slid: string | undefined, flags: Flags): Promise<void> {
  if (flags.check) {
    await check(input, slid ?? fail('usage', '--check takes two images: the hardened one and what may be its slide'));
    return;
  }
  if (slid !== undefined) fail('usage', `${printable(slid)}: one image at a time; --check takes two`);
  if (flags.entropy) {
    entropy(input, flags);
    return;
  }
  if (flags.output === undefined) fail('usage', '-o FILE is missing: where the slid image goes');
  await slide(input, flags.output!, flags);
}

export function slideCommand(): Command {
  return new Command('slide')
    .summary('give a hardened image a new layout for one launch')
    .description(
      'Moves a hardened IMAGE to a random place in memory, with random gaps between its segments and its code in a random order.',
    )
    .argument('<IMAGE>', 'a hardened image that can move')
    .argument('[SLID]', 'with --check: what may be a slide of IMAGE')
    .option('-o, --output <FILE>', 'the image with its new layout')
    .option('--mem <MB>', 'memory of the guest', '512')
    .option('--heap-min <MB>', 'heap that the program gets at least (default: half of the memory)')
    .option('--seed <TEXT>', 'draw the layout from this text, for ever the same')
    .option('--entropy', 'write nothing: tell how unpredictable a layout of IMAGE is')
    .option('--check', 'prove that SLID is a slide of IMAGE, and nothing else')
    .addHelpText('after', examples)
    .action(run);
}
