/**
 * Names and comments of exported Coq: whatever a source calls something, its name in Coq is one that Coq reads as a name,
 * that nothing else has, and that the library and Coq itself do not use.
 *
 * What is of the program begins with a letter and an underscore that tell what it is (f_ functions, v_ variables, t_
 * types), so no name of a source can hide one of Coq's. Comments are made of a few harmless characters: Coq reads strings
 * and comments inside comments, so text of a source is never put there as it stands.
 */
import { plainName } from '../facts.ts';

/** Gives each key a name of its own, the same one each time. */
export interface Namer {
  readonly of: (key: string, base: string) => string;
  /** One that nothing else has. */
  readonly fresh: (base: string) => string;
}

export function createNamer(prefix: string): Namer {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  const fresh = (base: string): string => {
    const plain = `${prefix}${plainName(base)}`;
    const count = (counts.get(plain) ?? 0) + 1;
    counts.set(plain, count);
    // No plain name ends in a quote, so no two are equal.
    return count === 1 ? plain : `${plain}'${count}`;
  };
  return {
    fresh,
    of: (key, base) => {
      const known = names.get(key);
      if (known !== undefined) return known;
      const made = fresh(base);
      names.set(key, made);
      return made;
    },
  };
}

/** A comment of one line; what might end it, or begin something inside it, is left out. */
export function comment(text: string): string {
  const harmless = text.replace(/[^\x20-\x7e]/g, '?').replace(/["*\\`]/g, (c) => (c === '*' ? ' x ' : "'"));
  return `(* ${harmless.slice(0, 160)} *)`;
}

/** Whether one pair of parentheses is around it all. */
function isWrapped(term: string): boolean {
  if (!term.startsWith('(') || !term.endsWith(')')) return false;
  let depth = 0;
  for (let i = 0; i < term.length - 1; i++) {
    if (term[i] === '(') depth++;
    if (term[i] === ')' && --depth === 0) return false;
  }
  return true;
}

/** A whole in itself, for an argument of a function. */
export const atom = (term: string): string => (/^[A-Za-z_0-9.']+$/.test(term) || isWrapped(term) ? term : `(${term})`);

export const zText = (value: bigint): string => (value < 0n ? `(${value})` : `${value}`);
