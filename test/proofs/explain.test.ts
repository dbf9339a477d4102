/** A claim that fails says which of its parts do, and which hold all the same. */
import { describe, expect, it } from 'vitest';
import { verifyProgram } from '../../proofs/verify.ts';
import { askProver, programOf } from '../support/contracts.ts';

/** The parts of everything that fails, by claim. */
async function explained(text: string): Promise<Record<string, string[]>> {
  const results = await verifyProgram(programOf(text), { ask: askProver(), explain: true });
  const open = results.flatMap((result) => result.results).filter(({ status }) => status !== 'proved');
  return Object.fromEntries(
    open.map(({ obligation, parts }) => [obligation.kind, (parts ?? []).map((part) => `${part.status} ${part.text}`)]),
  );
}

describe('a claim that fails, in parts', () => {
  it('through and, implies, forall, a choice, and what a pure function returns', async () => {
    const text = `
      /** @pure
       * @requires a >= 0 && a < 1000 && b >= 0 && b < 1000 */
      export function near(a: number, b: number): boolean { return a <= b && b < a + 2; }
      /**
       * @requires n > 2 && n < 10
       * @verified
       */
      export function need(n: u8): void {}
      /**
       * @requires a.length > 3
       * @ensures result >= 0 && result < 1000 && implies(x > 3, result > 3 && result > 4) && near(x, result)
       */
      export function f(a: Readonly<Uint8Array>, x: u8): number {
        let r = x;
        for (let i = 0; i < 3; i++) {
          invariant(forall(0, a.length, (k) => a[k] >= 0 && a[k] < 255) && r >= x);
        }
        if (x > 200) need(x);
        assert(x > 7 ? r > 6 && r < 9 : r < 8);
        return r + 2;
      }`;
    expect(await explained(text)).toEqual({
      'invariant entry': [
        'proved forall(0, a.length, (k) => a[k] >= 0)',
        'failed forall(0, a.length, (k) => a[k] < 255)',
        'proved r >= x',
      ],
      requires: ['proved n > 2', 'failed n < 10'],
      assert: ['proved implies(x > 7, r > 6)', 'failed implies(x > 7, r < 9)', 'proved implies(!(x > 7), r < 8)'],
      ensures: [
        'proved result >= 0',
        'proved result < 1000',
        'proved implies(x > 3, result > 3)',
        'proved implies(x > 3, result > 4)',
        'proved a <= b (of near(x, result))',
        'failed b < a + 2 (of near(x, result))',
      ],
    });
  });

  it('without what fails before it: from a false part nothing follows', async () => {
    const text =
      '/** @ensures result > 300 && result > 255 && result >= 0 */\nexport function f(x: u8): u8 { return x; }';
    expect(await explained(text)).toEqual({
      ensures: ['failed result > 300', 'failed result > 255', 'proved result >= 0'],
    });
  });

  it('changes no verdict, and is not asked for of what holds', async () => {
    const text = '/** @ensures result >= 0 && result < 256 */\nexport function f(x: u8): u8 { return x; }';
    expect(await explained(text)).toEqual({});
  });
});
