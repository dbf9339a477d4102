/** Another order of a program is the same program. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { shuffle } from '../../bench/prove/shuffle.ts';
import { library } from '../support/contracts.ts';

const text = `import type { u8 } from 'casemate';
/**
 * @requires x > 1
 * @requires x > 2
 * @ensures result > 0
 */
export function f(x: u8): number {
  const a = x + 1;
  const b = x + 2;
  const c = a + b;
  return c;
}
/** @verified */
export function g(): void {}
`;

describe('a shuffled program', () => {
  it('has the same lines in another order, uses nothing before it is there, and is the same for one seed', () => {
    const orders = [1, 2, 3, 4, 5].map((seed) => shuffle(text, seed));
    const lines = (one: string): string[] => one.split('\n').sort();
    for (const order of orders) {
      expect(lines(order)).toEqual(lines(text));
      expect(order.indexOf('const c')).toBeGreaterThan(order.indexOf('const a'));
      expect(order.indexOf('const c')).toBeGreaterThan(order.indexOf('const b'));
      expect(order.indexOf('@ensures')).toBeGreaterThan(order.lastIndexOf('@requires'));
    }
    expect(new Set(orders).size).toBeGreaterThan(2);
    expect(shuffle(text, 3)).toBe(orders[2]);
  });

  it('is one that the front end takes: of every example', () => {
    const folder = new URL('../../examples/contracts/', import.meta.url);
    const sources = readdirSync(folder).map((name) => {
      return { name, text: shuffle(readFileSync(new URL(name, folder), 'utf8'), 1) };
    });
    expect(analyze(sources, library).diagnostics).toEqual([]);
  });
});
