/**
 * `casemate slide IMAGE -o OUT`: a new layout for one launch; `casemate slide --bundle B --key K -o OUT`: the same for the
 * image of a bundle, once its signature has been found good; `casemate slide --check BASE SLID`: proof that one image is
 * a slide of another.
 *
 * The seed comes from the operating system unless the user gives one, and is neither printed nor kept: whoever knows
 * it knows the layout.
 */
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { CasemateError, fail, printable } from '../base/errors.ts';
import { readFile, writeFileAtomic } from '../base/files.ts';
import type { Bits } from '../hardening/slide/entropy.ts';
import { EM_RISCV } from '../linker/elf.ts';
import { memoryOf } from '../targets/hvt/qemu.ts';
import { readSlidable, slideEntropy, slideInPieces } from '../targets/hvt/slide.ts';
import { collect, parseRelease } from './budget.ts';
import { print } from './output.ts';
import { readImage } from './read-ahead.ts';

const examples = `
The guest must be started with as much memory as --mem says, or more. Images for riscv64 and sel4 are not slid: they
draw their addresses at every start.

Exit status: 0 slid, or is a slide; 1 is none, or not signed as it should be; 2 wrong usage or input.

Examples:
  casemate slide hello.hvt -o launch.hvt
  casemate slide --bundle hello.evidence --key release.pub --min-release 7 -o launch.hvt
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
  readonly bundle?: string;
  readonly key?: readonly string[];
  readonly minRelease?: number;
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

/** Why an image is for another target that needs no slide; undefined: it is for hvt, or nobody knows. */
function drawsAtStart(bytes: Uint8Array): string | undefined {
  const holds = (name: string): boolean =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(`${name}\0`, 0, 'latin1');
  const target = holds('.casemate.sel4') ? 'sel4' : bytes[18] === EM_RISCV ? 'riscv64' : undefined;
  return target && noSlide(target);
}

const noSlide = (target: string): string =>
  `is an image for ${target}: it draws its addresses at every start, so there is nothing to slide`;

async function slide(input: string, output: string, flags: Flags): Promise<void> {
  const memory = memoryOf(megabytes(flags.mem, '--mem'));
  const options = { memory, heapMin: heapOf(flags.heapMin, memory), seed: seedOf(flags.seed) };
  const { arena, bytes } = await readImage(input);
  try {
    writeFileAtomic(output, slideInPieces(bytes, input, options, arena), 0o777);
  } catch (error) {
    const reason = error instanceof CasemateError && error.code === 'image' ? drawsAtStart(bytes) : undefined;
    if (reason === undefined) throw error;
    fail('unsupported-input', `${printable(input)}: ${reason}`);
  }
}

/** Slides the image of a bundle; nothing is written unless each key signed the bundle, and the image is the one it says. */
async function slideBundle(output: string, flags: Flags): Promise<void> {
  const { bundle, key = [], minRelease } = flags;
  if (key.length === 0)
    fail('usage', '--bundle: by whose key? give --key PUBLIC.pem; an image of your own is slid by itself');
  const memory = memoryOf(megabytes(flags.mem, '--mem'));
  const options = { memory, heapMin: heapOf(flags.heapMin, memory), seed: seedOf(flags.seed) };
  // A slide of an image by itself does without.
  const { readRelease } = await import('../pipeline/gate.ts');
  const { evidence, bytes } = readRelease({ path: bundle!, keys: key, unsigned: false }, minRelease);
  const { name, target } = evidence.image;
  const where = `${bundle}: ${name}`;
  if (target === 'sel4' || target === 'riscv64') fail('unsupported-input', `${printable(where)}: ${noSlide(target)}`);
  writeFileAtomic(output, slideInPieces(bytes, where, options), 0o777);
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

/** What goes with a bundle, and not without. */
function requireUsage(input: string | undefined, flags: Flags): void {
  if (flags.bundle === undefined) {
    const stray = flags.key !== undefined ? '--key' : flags.minRelease !== undefined ? '--min-release' : undefined;
    if (stray !== undefined) fail('usage', `${stray}: is for --bundle, which is missing`);
    return;
  }
  if (input !== undefined) fail('usage', `${printable(input)}: --bundle has its image; name no other`);
  if (flags.check || flags.entropy)
    fail('usage', '--bundle: goes with neither --check nor --entropy; see casemate verify --slid');
}

async function run(input: string | undefined, slid: string | undefined, flags: Flags): Promise<void> {
  requireUsage(input, flags);
  if (flags.bundle !== undefined) {
    await slideBundle(outputOf(flags), flags);
    return;
  }
  if (input === undefined) return fail('usage', 'which image? name one, or a bundle with --bundle');
  if (flags.check) {
    await check(input, slid ?? fail('usage', '--check takes two images: the hardened one and what may be its slide'));
    return;
  }
  if (slid !== undefined) fail('usage', `${printable(slid)}: one image at a time; --check takes two`);
  if (flags.entropy) {
    entropy(input, flags);
    return;
  }
  await slide(input, outputOf(flags), flags);
}

const outputOf = ({ output }: Flags): string =>
  output ?? fail('usage', '-o FILE is missing: where the slid image goes');

export function slideCommand(): Command {
  return new Command('slide')
    .summary('give a hardened image a new layout for one launch')
    .description(
      'Moves a hardened IMAGE to a random place in memory, with random gaps between its segments and its code in a random order.',
    )
    .argument('[IMAGE]', 'a hardened image that can move')
    .argument('[SLID]', 'with --check: what may be a slide of IMAGE')
    .option('-o, --output <FILE>', 'the image with its new layout')
    .option('--bundle <BUNDLE>', 'slide the image of a bundle of evidence, when its signature is good')
    .option('--key <FILE>', 'with --bundle: public key that must have signed it; several: each of them', collect)
    .option('--min-release <NUMBER>', 'with --bundle: refuse a release before this one', parseRelease)
    .option('--mem <MB>', 'memory of the guest', '512')
    .option('--heap-min <MB>', 'heap that the program gets at least (default: half of the memory)')
    .option('--seed <TEXT>', 'draw the layout from this text, for ever the same')
    .option('--entropy', 'write nothing: tell how unpredictable a layout of IMAGE is')
    .option('--check', 'prove that SLID is a slide of IMAGE, and nothing else')
    .addHelpText('after', examples)
    .action(run);
}
