/**
 * Mutation number i of a seed: which corpus link it goes into, under which options, and the mutated file. The command
 * and the in-process worker make the same mutants from the same numbers.
 */
import { type Mutant, mutateArchive, mutateObject, mutateScript } from '../mutate.ts';
import { createRandom } from '../random.ts';
import type { CorpusLink, Variant } from './corpus.ts';

const mutators = { object: mutateObject, archive: mutateArchive, script: mutateScript } as const;

export interface Attempt {
  readonly link: CorpusLink;
  readonly variant: Variant;
  readonly mutant: Mutant;
}

/** `goods` holds the bytes of each link's good file, in the order of `links`. */
export function makeAttempt(
  links: readonly CorpusLink[],
  goods: readonly Buffer[],
  seed: number,
  index: number,
): Attempt {
  const random = createRandom(seed, index);
  const which = random.below(links.length);
  const link = links[which]!;
  return { link, variant: random.pick(link.variants), mutant: mutators[link.kind](goods[which]!, random) };
}

/** One line that lets a person make the mutant again. */
export function describeAttempt({ link, variant, mutant }: Attempt, seed: number, index: number): string {
  return `mutation ${index} of seed ${seed} (${link.name}, ${variant.flags.join(' ') || 'no options'}): ${mutant.what}`;
}
