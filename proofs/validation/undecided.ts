/**
 * What keeps a function from being validated: a construct of the source, an instruction or an address that is not
 * understood. Whoever meets it stops at once, and the verdict is undecided, with these words.
 */
export class Undecided extends Error {}

export function undecided(reason: string): never {
  throw new Undecided(reason);
}
