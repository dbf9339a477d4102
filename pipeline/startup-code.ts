/**
 * After the link of a root image for seL4: whether what runs first is our start-up code, and whether the layout that it
 * goes by is the image's.
 *
 * That code decides the rights of every page, by symbols that the layout puts between sections; what a report says is
 * enforced, it does. An entry that the manifest names, `--wrap` and `--defsym`, a script with a layout of its own, or an
 * object that defines one of the layout's symbols would let an image pass for protected that is not. None of that shows
 * in the file, so it is looked up in the linked program.
 */
import { fail, hex, printable } from '../base/errors.ts';
import * as elf from '../linker/elf.ts';
import type { LinkedImage, OutputSection } from '../linker/image.ts';
import { definerOf, functionsOf, linkerSymbol, undefinedOf } from '../linker/provenance.ts';
import { objectOf } from '../targets/platform/sources.ts';
import { PAGE } from '../targets/regions.ts';
import { completeSections } from '../targets/sel4/layout.ts';
import type { SeL4Platform } from '../targets/sel4/platform.ts';

export interface StartupJob {
  readonly image: LinkedImage;
  readonly layer: Pick<SeL4Platform, 'sources' | 'entry'>;
  /** Names of --wrap. */
  readonly wrap: readonly string[];
  /** Where the build wants the image. */
  readonly base: bigint;
  /** As messages call the image. */
  readonly name: string;
}

/** Of C libraries, which may bring their own; compilers call them on their own. */
const memoryFunctions = new Set(['memcpy', 'memmove', 'memset', 'memcmp']);

/** What the layout defines for the start-up code besides its bounds: its other words. */
const otherWords = ['__bss_start', 'sel4_rela', 'sel4_rela_end', 'sel4_relr', 'sel4_relr_end', '__global_pointer$'];

const boundNames = [
  ...['sel4_image', 'sel4_text_end', 'sel4_read', 'sel4_read_end', 'sel4_write', 'sel4_write_end'],
  ...['sel4_stack_low', 'sel4_stack_top', 'sel4_image_end'],
] as const;
type Bounds = Readonly<Record<(typeof boundNames)[number], number>>;

const isStartup = (path: string): boolean => /^targets\/sel4\/(stage0|first-stage|microkit\/program)\//.test(path);

function checkEntry({ image, layer: { entry, sources }, name }: StartupJob): void {
  const object = objectOf(sources[0]!);
  const own = functionsOf(image).find((each) => each.name === entry && each.object === object);
  if (own?.address === image.entry) return;
  const where = own === undefined ? `${entry} of ${object}, which is not linked` : `${entry}, ${hex(own.address)}`;
  fail('image', `${name}: enters at ${hex(image.entry)}; must enter at ${where}: take "entry" out of "link"`);
}

/** Names in the start-up code mean what they meant when it was compiled. */
function checkNames({ image, layer, wrap, name }: StartupJob): void {
  const byLayout = new Set<string>([...boundNames, ...otherWords]);
  const named = layer.sources.filter(isStartup).flatMap((path) => undefinedOf(image, objectOf(path)));
  for (const symbol of new Set(named)) {
    if (memoryFunctions.has(symbol)) continue;
    const ours = byLayout.has(symbol) ? "the layout's" : "casemate's own";
    const led = (by: string): never =>
      fail('image', `${name}: ${printable(symbol)} must be ${ours} for the start-up code, and ${by}`);
    if (wrap.includes(symbol)) led(`"wrap" leads it to __wrap_${symbol}; take it out of "link"`);
    const definer = definerOf(image, symbol);
    if (definer === undefined) led('nobody defines it');
    const object = definer?.object;
    if (object === undefined && !byLayout.has(symbol))
      led('"defsym" or a script gives it a value; take it out of "link"');
    if (object !== undefined && (byLayout.has(symbol) || !object.startsWith('casemate/')))
      led(`${printable(object)} defines it; rename it there`);
  }
}

function boundsOf({ image, name }: StartupJob): Bounds {
  const found = boundNames.map((symbol) => {
    const address = linkerSymbol(image, symbol);
    if (address === undefined)
      return fail('image', `${name}: ${symbol} is not the layout's; a root image has no layout but casemate's`);
    if (address % PAGE !== 0) fail('image', `${name}: ${symbol} is ${hex(address)}, which is no page's boundary`);
    return [symbol, address] as const;
  });
  return Object.fromEntries(found) as Bounds;
}

/** Between which bounds a section must be for its rights. */
function homeOf({ flags, name }: OutputSection): readonly [low: keyof Bounds, high: keyof Bounds] {
  if ((flags & elf.SHF_EXECINSTR) !== 0) return ['sel4_image', 'sel4_text_end'];
  if (name === '.stack') return ['sel4_write_end', 'sel4_image_end'];
  if ((flags & elf.SHF_WRITE) !== 0 && !completeSections.includes(name)) return ['sel4_write', 'sel4_write_end'];
  return ['sel4_read', 'sel4_read_end'];
}

/** The first stage copies what is written up to here, and takes the rest to be zeros. */
function checkContents(
  { image, name }: StartupJob,
  { address, flags, size, type, name: section }: OutputSection,
): void {
  const zeros = linkerSymbol(image, '__bss_start');
  if (zeros === undefined || type === elf.SHT_NOBITS || (flags & elf.SHF_WRITE) === 0 || address + size <= zeros)
    return;
  fail(
    'image',
    `${name}: section ${printable(section, 60)} has contents up to ${hex(address + size)}, beyond ${hex(zeros)} (__bss_start), ` +
      'where all is zero: leave the layout to casemate',
  );
}

function checkSections(job: StartupJob, bounds: Bounds): void {
  const { image, name } = job;
  for (const section of image.sections) {
    const { address, flags, size, type } = section;
    const isTemplate = type === elf.SHT_NOBITS && (flags & elf.SHF_TLS) !== 0; // takes no memory here
    if ((flags & elf.SHF_ALLOC) === 0 || size === 0 || isTemplate) continue;
    checkContents(job, section);
    const [low, high] = homeOf(section);
    if (address < bounds[low] || address + size > bounds[high])
      fail(
        'image',
        `${name}: section ${printable(section.name, 60)} is at ${hex(address)} to ${hex(address + size)}; with its rights it must be ` +
          `between ${hex(bounds[low])} and ${hex(bounds[high])} (${low}, ${high}): leave the layout to casemate`,
      );
  }
}

/** Parts in their order, with a page between each two and at the end. */
function checkBounds({ base, name }: StartupJob, bounds: Bounds): void {
  if (BigInt(bounds.sel4_image) !== base)
    fail(
      'image',
      `${name}: begins at ${hex(bounds.sel4_image)}; the build has chosen ${hex(base)}: take the layout out of "link"`,
    );
  boundNames.slice(1).forEach((after, i) => {
    const before = boundNames[i]!;
    // A guard page follows every end.
    const lowest = bounds[before] + (i % 2 === 1 ? PAGE : 0);
    if (bounds[after] < lowest)
      fail('image', `${name}: ${after} is ${hex(bounds[after])}; must be ${hex(lowest)} at least, by ${before}`);
  });
}

/** Errors: 'image' when another's code would run in a protection domain's first instructions' place; its rights are its segments'. */
export function requireEntry(job: StartupJob): void {
  checkEntry(job);
  checkNames(job);
}

/** Errors: 'image' when another's code or layout would run in the start-up code's place. */
export function requireStartupCode(job: StartupJob): void {
  requireEntry(job);
  const bounds = boundsOf(job);
  checkBounds(job, bounds);
  checkSections(job, bounds);
}
