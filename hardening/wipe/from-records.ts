/**
 * Which functions of an image are to be wiped after, as its own records of secrets say (base/secrets.ts): all that handle
 * some and whose stack or registers must be clear, with what their records say of results and depth.
 *
 * A veneer clears every register that carries no result, so where the result is must be said: a record says how many bytes
 * of the first register of integers it is, or that there is none. A guess would do harm either way: a result that is
 * cleared is another answer, and one that is kept may be the secret. So what is not said is refused by name.
 */
import { fail, printable } from '../../base/errors.ts';
import { decodeAnnotations, SECRETS_NOTE } from '../../base/secret-notes.ts';
import type { SecretAnnotation } from '../../base/secrets.ts';
import type { LinkedImage } from '../../linker/image.ts';
import { functionsOf } from '../../linker/provenance.ts';
import { defaultResults, type WipeWish } from './plan.ts';

/** What a record says of the register of results, in bytes; it may be all of it. */
function keptBytes({ returns, result }: SecretAnnotation): number | undefined {
  return returns ?? (result > 0 ? 8 : undefined);
}

const largest = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.flatMap((value) => value ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
};

/** What all records of one function say together. */
function saidOf(records: readonly SecretAnnotation[], machine: LinkedImage['machine']): Omit<WipeWish, 'function'> {
  const bytes = largest(records.map(keptBytes));
  const maxStack = largest(records.map((record) => record.maxStack));
  return {
    ...(maxStack !== undefined && { maxStack }),
    ...(bytes !== undefined && { results: bytes === 0 ? [] : defaultResults(machine) }),
    ...(bytes !== undefined && bytes > 0 && bytes < 8 && { resultBytes: bytes }),
  };
}

/** Errors: 'undecided' where no record says what it returns. */
function wishOf(name: string, records: readonly SecretAnnotation[], machine: LinkedImage['machine']): WipeWish {
  const said = saidOf(records, machine);
  if (said.results !== undefined) return { function: name, ...said };
  return fail(
    'undecided',
    `${printable(name)}: nobody says what it returns, and a veneer that wipes after it clears all registers but those of its ` +
      'result; say CASEMATE_RETURNS(BYTES) or "returns" with its record (0: it returns nothing), or name it in "link.wipe" ' +
      'with its registers',
  );
}

/** A wish that somebody states, with what records say beyond it. */
function joined(wish: WipeWish, records: readonly SecretAnnotation[], machine: LinkedImage['machine']): WipeWish {
  const { resultBytes, ...said } = saidOf(records, machine);
  const isOpen = wish.results === undefined && resultBytes !== undefined;
  return { ...said, ...(isOpen && { resultBytes }), ...wish };
}

/** All records of a linked image. Errors: 'undecided' for one that cannot be read: nobody knows what it is about. */
export function recordsOf({ sections, bytes }: LinkedImage): SecretAnnotation[] {
  return sections
    .filter(({ name }) => name === SECRETS_NOTE.section)
    .flatMap(({ fileOffset, size }) => {
      const { annotations, problems } = decodeAnnotations(bytes.subarray(fileOffset, fileOffset + size));
      const [problem] = problems;
      if (problem === undefined) return annotations;
      const about = problem.function === undefined ? '' : `${printable(problem.function)}: `;
      return fail(
        'undecided',
        `${about}its record of secrets cannot be read, so nobody knows what to wipe after: ${printable(problem.problem, 500)}`,
      );
    });
}

/**
 * The wishes of an image's records, in their order; `stated` are those that somebody states by name, whose registers and
 * depth count before what records say; `exempt`: functions that nothing is asked of. Functions that the link has left out
 * have none. Errors: 'undecided', by name.
 */
export function wishesOfRecords(
  image: LinkedImage,
  stated: readonly WipeWish[],
  exempt: ReadonlySet<string>,
): WipeWish[] {
  const addresses = new Map(functionsOf(image).map(({ name, address }) => [name, address]));
  // What is in front of a function is in front of all its names.
  const placeOf = (name: string): number | string => addresses.get(name) ?? name;
  const byPlace = new Map<number | string, { readonly name: string; readonly records: SecretAnnotation[] }>();
  for (const record of recordsOf(image)) {
    const { function: name, policy, address, origin, allocator } = record;
    if (allocator !== undefined) continue;
    // Nothing needs it: an object's record then has no address either. Of what it names otherwise nobody knows.
    const isLeftOut = !addresses.has(name) && (address === 0n || origin === 'manifest');
    if (isLeftOut || exempt.has(name) || !(policy.stack || policy.registers)) continue;
    const known = byPlace.get(placeOf(name));
    if (known === undefined) byPlace.set(placeOf(name), { name, records: [record] });
    else known.records.push(record);
  }
  const statedPlaces = new Set(stated.map((wish) => placeOf(wish.function)));
  return [
    ...stated.map((wish) => joined(wish, byPlace.get(placeOf(wish.function))?.records ?? [], image.machine)),
    ...[...byPlace].flatMap(([place, { name, records }]) =>
      statedPlaces.has(place) ? [] : [wishOf(name, records, image.machine)],
    ),
  ];
}
