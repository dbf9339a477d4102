/**
 * The stack of a finished program: how much it takes at most, held against how much its target gives.
 *
 * The linked image is read as machine code, whatever it was made of (hardening/stack-bound.ts). What code cannot show the
 * manifest says in `stack`: where an indirect call may go, how deep a recursion is. What the platform layer calls through
 * pointers, the program's constructors, is known from the image.
 */
import { fail, hex, printable } from '../base/errors.ts';
import { type CodeFunction, type StackBound, type StackReason, stackBound } from '../hardening/stack-bound.ts';
import type { LinkedImage } from '../linker/image.ts';
import { functionsOf, type ImageFunction, relocationsOf } from '../linker/provenance.ts';
import { sweep } from '../machine/decode-x86-64.ts';
import { type StackUse, type Step, stackUse } from '../machine/stack-use.ts';
import { createStepReader } from '../machine/stack-x86-64.ts';
import type { At, Manifest } from './manifest.ts';

interface PlatformFunction {
  readonly name: string;
  readonly object: string;
}

/** What a target knows of its stack. */
export interface TargetStack {
  /** Bytes that a program has below the stack pointer at its entry, by the first address behind its image. */
  readonly given: (imageEnd: number) => number;
  /** The function of the platform layer that calls the program's constructors, and its object. */
  readonly constructors: PlatformFunction;
  /** Functions of the layer that can only be active so often at once. */
  readonly activations: readonly (PlatformFunction & { readonly count: number })[];
}

export interface StackReport {
  /** Bytes. */
  readonly bytes: number;
  readonly given: number;
  /** The chain of calls that takes them. */
  readonly chain: StackBound['chain'];
}

export interface StackJob {
  readonly image: LinkedImage;
  readonly manifest: Manifest;
  readonly at: At;
  readonly target: TargetStack;
  readonly note: (text: string) => void;
}

/** Bytes below the stack pointer that code may use without moving it. Source: psABI for x86-64, "The Stack Frame". */
const RED_ZONE = 128;

const constructorSections = new Set(['.init_array', '.preinit_array', '.ctors']);

interface Relocated {
  readonly place: number;
  readonly target: number;
}

/** Relocated words by address, those outside of code. */
function relocatedWords(image: LinkedImage): Relocated[] {
  const { count, place, target } = relocationsOf(image);
  return Array.from({ length: count }, (_, i) => ({ place: place[i], target: target[i] }));
}

/** Code of an image by function. */
function codeOf(image: LinkedImage, words: readonly Relocated[]) {
  const functions = functionsOf(image);
  const byStart = new Map<number, ImageFunction>();
  for (const fn of functions) {
    const known = byStart.get(fn.address);
    if (known === undefined || known.size < fn.size) byStart.set(fn.address, fn);
  }
  if (!byStart.has(image.entry))
    byStart.set(image.entry, { name: 'the entry', address: image.entry, size: 0, object: '' });
  const starts = [...byStart.keys()].sort((a, b) => a - b);
  const byPlace = new Map(words.map((word) => [word.place, word.target]));
  const endOf = ({ address, size }: ImageFunction): number => {
    const section = image.sections.find((one) => one.address <= address && address < one.address + one.size);
    const next = starts.find((start) => start > address) ?? Number.POSITIVE_INFINITY;
    return size > 0 ? address + size : Math.min(next, section === undefined ? address : section.address + section.size);
  };
  const useOf = ({ address }: CodeFunction): StackUse => {
    const fn = byStart.get(Number(address))!;
    const section = image.sections.find((one) => one.address <= fn.address && fn.address < one.address + one.size);
    const end = endOf(fn);
    const steps = new Map<bigint, Step>();
    if (section !== undefined) {
      const from = section.fileOffset + fn.address - section.address;
      const bytes = image.bytes.subarray(from, from + end - fn.address);
      const read = createStepReader();
      sweep(bytes, address, [], (instruction, offset) => {
        const step = read(instruction);
        if (step !== undefined) steps.set(address + BigInt(offset), step);
      });
    }
    const tableAt = (table: bigint): bigint[] => {
      const found: bigint[] = [];
      for (let at = Number(table); ; at += 8) {
        const target = byPlace.get(at);
        if (target === undefined || target < fn.address || target >= end) return found;
        found.push(BigInt(target));
      }
    };
    return stackUse(address, BigInt(end), (at) => steps.get(at), tableAt);
  };
  return { functions, byStart, useOf };
}

/** What the constructors' table holds. */
function constructorsOf({ sections }: LinkedImage, words: readonly Relocated[]): bigint[] {
  const tables = sections.filter(({ name }) => constructorSections.has(name));
  const isIn = (place: number): boolean =>
    tables.some(({ address, size }) => address <= place && place < address + size);
  return words.flatMap(({ place, target }) => (isIn(place) ? [BigInt(target)] : []));
}

const isThat = (one: PlatformFunction, fn: ImageFunction): boolean => one.name === fn.name && one.object === fn.object;

/** Bound of an image's stack, or the reasons why there is none. */
export function boundOfImage({
  image,
  manifest,
  at,
  target,
}: Omit<StackJob, 'note'>): StackBound | readonly StackReason[] {
  const words = relocatedWords(image);
  const { functions, byStart, useOf } = codeOf(image, words);
  const { indirect = {}, recursion = {} } = manifest.stack ?? {};
  const named = (name: string, pointer: string): bigint[] => {
    const found = functions.filter((fn) => fn.name === name).map(({ address }) => BigInt(address));
    return found.length > 0 ? found : fail('manifest', `${at(pointer)}: the image has no function ${printable(name)}`);
  };
  const said = new Map(
    Object.entries(indirect).flatMap(([name, targets]) => {
      const pointer = `/stack/indirect/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const addresses = targets.flatMap((one) => named(one, pointer));
      return named(name, pointer).map((address) => [address, addresses] as const);
    }),
  );
  const constructors = constructorsOf(image, words);
  return stackBound({
    entry: BigInt(image.entry),
    functionAt: (address) => {
      const fn = byStart.get(Number(address));
      return fn && { name: fn.name, address };
    },
    useOf,
    indirect: ({ address }) => {
      const fn = byStart.get(Number(address))!;
      return isThat(target.constructors, fn) ? constructors : said.get(address);
    },
    activations: ({ name, address }) => {
      const own = target.activations.find((one) => isThat(one, byStart.get(Number(address))!));
      return own?.count ?? (Object.hasOwn(recursion, name) ? recursion[name] : undefined);
    },
  });
}

/** Stops a build whose stack has no bound, or one beyond what the target gives. */
export function requireStack(job: StackJob): StackReport | undefined {
  const { manifest, at, target, note } = job;
  const bound = boundOfImage(job);
  if ('bytes' in bound) {
    const bytes = bound.bytes + RED_ZONE;
    const chain = bound.chain.map(({ name }) => printable(name, 60)).join(' -> ');
    const end = job.image.segments.reduce((most, one) => Math.max(most, one.address + one.memorySize), 0);
    const given = target.given(end);
    if (bytes > given)
      fail('image', `the stack: ${bytes} bytes at most, more than the ${given} that there are (${chain})`);
    return { bytes, given, chain: bound.chain };
  }
  const lines = bound.map(
    ({ name, at: place, text }) => `${printable(name)} at ${hex(place)}: ${printable(text, 500)}`,
  );
  if (manifest.stack?.unproved !== undefined) {
    note(
      `casemate: warning: the stack has no proved bound (${lines[0]}), waived: ${printable(manifest.stack.unproved, 1000)}`,
    );
    return undefined;
  }
  for (const line of lines.slice(1)) note(`casemate: note: the stack has no bound: ${line}`);
  const more = lines.length > 1 ? ` (and ${lines.length - 1} more above)` : '';
  return fail(
    'unproved',
    `${at('')}: the stack has no bound: ${lines[0]}${more}; say in "stack" where it may go, how deep it is, or why it is not proved`,
  );
}
