/**
 * A small seeded generator, so that every mutation can be made again from its two numbers.
 *
 * The generator is mulberry32, started from a mix of the seed and the mutation's number: mutation 8,123 does not
 * depend on the 8,122 before it.
 */
export interface Random {
  /** A number from 0 (inclusive) to 1 (exclusive). */
  readonly next: () => number;
  /** An integer from 0 to `limit` - 1; 0 when `limit` is 0. */
  readonly below: (limit: number) => number;
  /** One of `items`, which is not empty. */
  readonly pick: <T>(items: readonly T[]) => T;
  /** True once in `n` times. */
  readonly oneIn: (n: number) => boolean;
}

export function createRandom(seed: number, index: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { next, below, pick: (items) => items[below(items.length)]!, oneIn: (n) => below(n) === 0 };
}
