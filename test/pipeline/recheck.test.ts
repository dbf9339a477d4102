/** What another prover says of the lowered C is a pass only where it has proved all of it, and all of it was said. */
import { describe, expect, it } from 'vitest';
import { countsOf, recheckWithFramaC, verdictOf } from '../../pipeline/recheck.ts';
import { programOf } from '../support/contracts.ts';
import { isLong } from '../support/long.ts';

const report = (main: unknown): unknown => ({ 'wp:functions': { f: { 'wp:section': { 'wp:main': main } } } });
const dropped = [{ function: 'x.ts#f', text: 'ensures ...', why: 'no form' }];
const verdict = (main: unknown, left: typeof dropped = []): string => verdictOf(countsOf(report(main), 'f'), left);

describe('a verdict', () => {
  it('is validated for a proof of every goal, and for nothing less', () => {
    expect(verdict({ total: 3, valid: 3 })).toBe('validated');
    for (const left of ['unknown', 'timeout', 'failed'])
      expect(verdict({ total: 3, valid: 2, [left]: 1 })).toBe('undecided');
    expect(verdict({ total: 3, valid: 3 }, dropped)).toBe('undecided');
  });

  it('is undecided where the report says nothing that can be counted', () => {
    for (const main of [undefined, {}, { total: 0, valid: 0 }, { total: '3', valid: '3' }, { total: 1, valid: 2 }, []])
      expect(verdict(main)).toBe('undecided');
    expect(countsOf(report({ total: 1, valid: 1 }), 'toString')).toBeUndefined();
  });
});

describe.runIf(isLong)('Frama-C', () => {
  it('validates a true contract, and not a false one', async () => {
    const { functions } = await recheckWithFramaC(
      programOf(`
/** @ensures result >= a && result >= b */
export function larger(a: u8, b: u8): u8 { return a < b ? b : a; }
/** @ensures result > a */
export function wrong(a: u8): number { return a < 9 ? a + 1 : a; }`),
    );
    expect(functions.map(({ function: { name }, verdict: one }) => `${name} ${one}`)).toEqual([
      'larger validated',
      'wrong undecided',
    ]);
  }, 300_000);
});
