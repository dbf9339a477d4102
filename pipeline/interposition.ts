/**
 * Whether a name still means what a proof takes it for, after the link.
 *
 * C calls a proved function by its name, and proved code calls functions of C by theirs. What stands behind a name is the
 * linker's choice: `--wrap` and `--defsym` lead it elsewhere, a weak definition gives way, and where several objects
 * define it one is taken, while calls inside of the others may mean their own. None of that shows in any source, so it is
 * looked up in the linked program.
 *
 * One thing may stand in front of a proved function without taking anything from it: the veneer that this very build has
 * put there, which calls it and clears what it has left, all but its result. That it keeps the result is looked up, too.
 */

import { defaultResults } from '../hardening/wipe/plan.ts';
import { originalName } from '../hardening/wipe/veneer.ts';
import type { LinkedImage } from '../linker/image.ts';
import { definerOf, definersOf, undefinedOf } from '../linker/provenance.ts';
import type { WipedLink } from './wipe.ts';

export interface InterpositionJob {
  readonly image: LinkedImage;
  /** The name of the unit's object in the link. */
  readonly object: string;
  readonly wrap: readonly string[];
  /** The veneers that the build has linked; absent: none. */
  readonly veneers?: Pick<WipedLink, 'wiped' | 'object'>;
}

/** The function's name where its code is: behind its veneer, if the build has put one in front. */
export const codeName = ({ veneers }: Pick<InterpositionJob, 'veneers'>, symbol: string): string =>
  veneers?.wiped.some((one) => one.function === symbol) === true ? originalName(symbol) : symbol;

/** Whether what stands for a function is this build's veneer, and the unit's own function is what it calls. */
function isBehindVeneer({ image, object, veneers }: Omit<InterpositionJob, 'wrap'>, symbol: string): boolean {
  const original = codeName({ ...(veneers && { veneers }) }, symbol);
  if (veneers === undefined || original === symbol) return false;
  return definerOf(image, symbol)?.object === veneers.object && definerOf(image, original)?.object === object;
}

/**
 * Why a veneer in front of a function may change what it returns: `returns` bytes in the first register of integers.
 * Undefined: it does not, or there is none.
 */
export function changedByVeneer(
  { image, veneers }: InterpositionJob,
  symbol: string,
  returns: number | undefined,
): string | undefined {
  const wiped = veneers?.wiped.find((one) => one.function === symbol);
  if (wiped === undefined || returns === 0) return undefined;
  const [register] = defaultResults(image.machine);
  const kept = wiped.results.includes(register!) ? (wiped.resultBytes ?? 8) : 0;
  if (returns !== undefined && returns <= kept) return undefined;
  const what = returns === undefined ? 'its result, which is not in one register' : `what it returns in ${register}`;
  return `the veneer that wipes after ${symbol} clears ${what}`;
}

/** What options do to a name. */
function led({ image, wrap }: InterpositionJob, symbol: string): string | undefined {
  if (wrap.includes(symbol)) return `"wrap" leads calls of ${symbol} to __wrap_${symbol}`;
  const definer = definerOf(image, symbol);
  return definer !== undefined && definer.object === undefined
    ? `${symbol} is given a value by the link's options or script`
    : undefined;
}

/** Why the name of a function of the unit does not mean it, or not everywhere; undefined when it does. */
export function interposed(job: InterpositionJob, symbol: string): string | undefined {
  const { image, object } = job;
  const given = led(job, symbol);
  if (given !== undefined) return given;
  const definer = definerOf(image, symbol)?.object;
  if (definer !== undefined && definer !== object && !isBehindVeneer(job, symbol))
    return `${symbol} is defined by ${definer}`;
  const [other] = definersOf(image, symbol).filter((name) => name !== object);
  return other === undefined ? undefined : `${symbol} is defined by ${other}, too`;
}

/** Why the name of a trusted function does not mean one certain function of C. */
export function interposedTrusted(job: InterpositionJob, symbol: string): string | undefined {
  const given = led(job, symbol);
  if (given !== undefined) return given;
  const definers = definersOf(job.image, symbol);
  if (definers.length === 1) return undefined;
  return definers.length === 0 ? `nothing defines ${symbol}` : `${symbol} is defined by ${definers.join(' and by ')}`;
}

/** The same of what all code of the unit relies on: what the compiler calls on its own, and what tests end in. */
export function interposedUnit(job: InterpositionJob, trusted: ReadonlySet<string>): string | undefined {
  for (const symbol of undefinedOf(job.image, job.object)) {
    // Its definitions may be several: a C library's memcpy comes before the platform's.
    const reason = trusted.has(symbol) ? undefined : led(job, symbol);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/**
 * What code of the unit calls by a name that no contract speaks of, and whose it is: what compilers call on their own
 * (memcpy), and what failed tests end in. That it does what it is called for is not proved.
 */
export function assumedOf(job: Omit<InterpositionJob, 'wrap'>, trusted: ReadonlySet<string>): string[] {
  const { image, object } = job;
  return undefinedOf(image, object).flatMap((symbol) => {
    // The unit refers by name to a function of its own that a veneer stands in front of.
    const isOther = !trusted.has(symbol) && !isBehindVeneer(job, symbol);
    const definer = isOther ? definerOf(image, symbol)?.object : undefined;
    return definer === undefined ? [] : [`${symbol} of ${definer} does what the unit's code calls it for`];
  });
}
