/**
 * The stack of a finished program: how much it takes at most, held against how much its target gives.
 *
 * The linked image is read as machine code, whatever it was made of (hardening/stack-bound.ts). What code cannot show the
 * manifest says in `stack`: where an indirect call may go, how deep a recursion is. What the platform layer calls through
 * pointers, the program's constructors, is known from the image.
 */
import { fail, hex, printable } from '../base/errors.ts';
import { type StackBound, type StackReason, stackBound } from '../hardening/stack-bound.ts';
import { originalName } from '../hardening/wipe/veneer.ts';
import type { LinkedImage } from '../linker/image.ts';
import type { Machine } from '../linker/program.ts';
import type { ImageFunction } from '../linker/provenance.ts';
import type { LayerCalls, LayerFunction } from '../targets/platform/sources.ts';
import type { At, Manifest } from './manifest.ts';
import { codeOf, type Relocated, relocatedWords } from './stack-code.ts';

/** What a target knows of its stack. */
export interface TargetStack extends Partial<LayerCalls> {
  /** Where the program's stack begins to be used; the image's entry where this is left out. */
  readonly entry?: LayerFunction;
  /** Bytes that a program has below the stack pointer there, by the first address behind its image; where they are known. */
  readonly given?: (imageEnd: number) => number;
}

export interface StackReport {
  /** Bytes. */
  readonly bytes: number;
  readonly given?: number;
  /** The chain of calls that takes them. */
  readonly chain: StackBound['chain'];
}

export interface StackJob {
  readonly image: LinkedImage;
  readonly manifest: Manifest;
  readonly at: At;
  readonly target: TargetStack;
  /** Nothing is believed: without a bound there is no image. */
  readonly strict: boolean;
  readonly note: (text: string) => void;
}

/** Bytes below the stack pointer that code may use without moving it. Sources: the psABIs. */
export const redZones: Readonly<Record<Machine, number>> = { 'x86-64': 128, riscv64: 0, aarch64: 0 };

const constructorSections = new Set(['.init_array', '.preinit_array', '.ctors']);

/** What the constructors' table holds. */
function constructorsOf({ sections }: LinkedImage, words: readonly Relocated[]): bigint[] {
  const tables = sections.filter(({ name }) => constructorSections.has(name));
  const isIn = (place: number): boolean =>
    tables.some(({ address, size }) => address <= place && place < address + size);
  return words.flatMap(({ place, target }) => (isIn(place) ? [BigInt(target)] : []));
}

const isThat = (one: LayerFunction, fn: ImageFunction): boolean => one.name === fn.name && one.object === fn.object;

/** Bound of an image's stack, or the reasons why there is none. */
export function boundOfImage({
  image,
  manifest,
  at,
  target,
}: Pick<StackJob, 'image' | 'at' | 'target'> & { readonly manifest: Partial<Manifest> }):
  | StackBound
  | readonly StackReason[] {
  const words = relocatedWords(image);
  const { functions, byStart, useOf } = codeOf(image, words);
  const { indirect = {}, recursion = {} } = manifest.stack ?? {};
  const named = (name: string, pointer: string): bigint[] => {
    const found = functions.filter((fn) => fn.name === name).map(({ address }) => BigInt(address));
    return found.length > 0 ? found : fail('manifest', `${at(pointer)}: the image has no function ${printable(name)}`);
  };
  // What is said of a function that has a veneer in front is said of both.
  const bodies = (name: string, veneers: readonly bigint[]): bigint[] => [
    ...veneers,
    ...functions.filter((fn) => fn.name === originalName(name)).map(({ address }) => BigInt(address)),
  ];
  const said = new Map(
    Object.entries(indirect).flatMap(([name, targets]) => {
      const pointer = `/stack/indirect/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const addresses = targets.flatMap((one) => named(one, pointer));
      return bodies(name, named(name, pointer)).map((address) => [address, addresses] as const);
    }),
  );
  const constructors = constructorsOf(image, words);
  const { entry } = target;
  const first = entry === undefined ? image.entry : functions.find((fn) => isThat(entry, fn))?.address;
  if (first === undefined) return [{ name: entry!.name, at: 0n, text: 'the image has no such function' }];
  return stackBound({
    entry: BigInt(first),
    functionAt: (address) => {
      const fn = byStart.get(Number(address));
      return fn && { name: fn.name, address };
    },
    useOf,
    indirect: ({ address }) => {
      const fn = byStart.get(Number(address))!;
      if (target.constructors && isThat(target.constructors, fn)) return constructors;
      const own = target.indirect?.find(({ from }) => isThat(from, fn));
      if (own === undefined) return said.get(address);
      const found = own.to.map((to) => functions.find((one) => isThat(to, one)));
      return found.flatMap((one) => (one === undefined ? [] : [BigInt(one.address)])).length < own.to.length
        ? undefined
        : found.map((one) => BigInt(one!.address));
    },
    activations: ({ name, address }) => {
      const own = target.activations?.find((one) => isThat(one, byStart.get(Number(address))!));
      const behind = originalName('');
      const names = [name, ...(name.startsWith(behind) ? [name.slice(behind.length)] : [])];
      const key = names.find((one) => Object.hasOwn(recursion, one));
      return own?.count ?? (key === undefined ? undefined : recursion[key]);
    },
  });
}

/** Stops a build whose stack has no bound, or one beyond what the target gives. */
export function requireStack(job: StackJob): StackReport | undefined {
  const { manifest, at, target, note, strict } = job;
  const bound = boundOfImage(job);
  if ('bytes' in bound) {
    const bytes = bound.bytes + redZones[job.image.machine];
    const chain = bound.chain.map(({ name }) => printable(name, 60)).join(' -> ');
    const end = job.image.segments.reduce((most, one) => Math.max(most, one.address + one.memorySize), 0);
    const given = target.given?.(end);
    if (given !== undefined && bytes > given)
      fail('image', `the stack: ${bytes} bytes at most, more than the ${given} that there are (${chain})`);
    return { bytes, ...(given !== undefined && { given }), chain: bound.chain };
  }
  const lines = bound.map(
    ({ name, at: place, text }) => `${printable(name)} at ${hex(place)}: ${printable(text, 500)}`,
  );
  const { unproved } = manifest.stack ?? {};
  if (unproved !== undefined && !strict) {
    note(`casemate: warning: the stack has no proved bound (${lines[0]}), waived: ${printable(unproved, 1000)}`);
    return undefined;
  }
  for (const line of lines.slice(1)) note(`casemate: note: the stack has no bound: ${line}`);
  const more = lines.length > 1 ? ` (and ${lines.length - 1} more above)` : '';
  const [place, advice] =
    unproved === undefined
      ? [at(''), strict ? 'or how deep it is' : 'how deep it is, or why it is not proved']
      : [at('/stack/unproved'), 'or how deep it is; a strict build does not go on without a bound'];
  return fail(
    'unproved',
    `${place}: the stack has no bound: ${lines[0]}${more}; say in "stack" where it may go, ${advice}`,
  );
}
