/** A proof relies on whatever it uses that is not proved, however far away that is. */
import { expect, it } from 'vitest';
import { reliances } from '../../proofs/reliance.ts';
import { programOf } from '../support/contracts.ts';

const program = programOf(`
/** @ensures result > n */ export function open(n: u8): number { return n; }
/**
 * @pure
 * @ensures result > 0
 */
export function pure(n: u8): number { return n; }
/** @ensures n > 3 */ export function lemma(n: u8): void {}
/** @verified */ export function direct(n: u8): number { return open(n); }
/** @verified */ export function far(n: u8): number { return n > 2 ? 0 : direct(n); }
/** @requires pure(n) < 5 */ export function clause(n: u8): number { return n; }
/** @verified */ export function ghostly(n: u8): number { ghost(() => lemma(n)); return n; }
/** @verified */ export function asserting(n: u8): number { assert(pure(n) > 0); return n; }
/** @decreases n */ export function even(n: u8): boolean { return n === 0 ? true : odd(n - 1); }
/** @decreases n */ export function odd(n: u8): boolean { if (n === 0) return open(1) > 9; return even(n - 1); }
/** @verified */ export function apart(n: u8): number { return n; }
`);

const names = (...open: string[]): Record<string, string[]> => {
  const isOpen = ({ name }: { readonly name: string }): boolean => open.includes(name);
  const byKey = new Map(program.functions.map(({ key, name }) => [key, name]));
  const found = reliances(program.functions, isOpen);
  return Object.fromEntries([...found].map(([key, all]) => [byKey.get(key)!, all.map(({ name }) => name)]));
};

it('a proof relies on what it calls, through others, around recursions, and on nothing else', () => {
  expect(names()).toEqual({});
  expect(names('open')).toEqual({ direct: ['open'], far: ['open'], even: ['open'], odd: ['open'] });
});

it('clauses, assertions and lemmas count as calls', () => {
  expect(names('pure', 'lemma')).toEqual({ clause: ['pure'], asserting: ['pure'], ghostly: ['lemma'] });
});

it('of several each is named, in the order of the program, and none relies on itself', () => {
  expect(names('direct', 'open', 'even')).toEqual({
    ...{ direct: ['open'], far: ['open', 'direct'] },
    ...{ even: ['open'], odd: ['open', 'even'] },
  });
});
