/** The terms of validation mean what was computed: whatever they fold and however, their values are those of patterns. */
import { describe, expect, it } from 'vitest';
import { createDraw } from '../../../analyzers/interpreter/sample.ts';
import type { BitOperator } from '../../../base/bits.ts';
import { type MachineAlgebra, type Pattern, patterns } from '../../../machine/semantics/algebra.ts';
import * as t from '../../../proofs/smt/terms.ts';
import { terms } from '../../../proofs/validation/algebra.ts';
import { createEffort, defaultLimits } from '../../../proofs/validation/effort.ts';
import { createTrial } from '../../../proofs/validation/sampling.ts';

const operators: readonly BitOperator[] = [
  ...(['bvadd', 'bvsub', 'bvmul', 'bvand', 'bvor', 'bvxor', 'bvshl', 'bvlshr', 'bvashr'] as const),
  ...(['bvsdiv', 'bvsrem', 'bvudiv', 'bvurem'] as const),
];
const widths = [8, 16, 32, 64];

/** A computation over `variable(0)` to `variable(3)`, each of its width, as instructions compute. */
type Computation = <V, B>(algebra: MachineAlgebra<V, B>, variable: (i: number) => V) => V;

/** Random ones, `deep` operations each, with 0, 1, -1 and the smallest number as constants now and then. */
function randomComputation(draw: (below: number) => number, deep: number, width: number): Computation {
  const inner = (of: number): Computation => randomComputation(draw, deep - 1, of);
  if (deep === 0) {
    if (draw(3) > 0) return (_, variable) => variable(widths.indexOf(width));
    const value = [0n, 1n, -1n, 1n << BigInt(width - 1), BigInt(draw(256))][draw(5)];
    return (algebra) => algebra.constant(value, width);
  }
  switch (draw(7)) {
    case 0: {
      // As a product or a quotient is made of two registers and comes apart again.
      const [a, b] = [inner(width), inner(width)];
      const [operator, signed] = [operators[draw(operators.length)], draw(2) === 0];
      const low = draw(2) * width;
      return (algebra, variable) => {
        const wide = (part: Computation) =>
          signed
            ? algebra.signExtend(part(algebra, variable), 2 * width)
            : algebra.zeroExtend(part(algebra, variable), 2 * width);
        return algebra.extract(algebra.operate(operator, wide(a), wide(b)), low, width);
      };
    }
    case 1: {
      const [high, low] = [inner(width), inner(width)];
      const from = draw(width + 1);
      const isSign = draw(2) === 0;
      return (algebra, variable) => {
        const lower = low(algebra, variable);
        const places = algebra.constant(BigInt(width - 1), width);
        const upper = isSign ? algebra.operate('bvashr', lower, places) : high(algebra, variable);
        return algebra.extract(algebra.concatenate(upper, lower), from, width);
      };
    }
    case 2: {
      const other = widths[draw(widths.length)];
      const [part, signed] = [inner(Math.min(other, width)), draw(2) === 0];
      return (algebra, variable) => (signed ? algebra.signExtend : algebra.zeroExtend)(part(algebra, variable), width);
    }
    case 3: {
      const [a, b, c, d] = [inner(width), inner(width), inner(width), inner(width)];
      return (algebra, variable) =>
        algebra.select(
          algebra.compare('bvslt', a(algebra, variable), b(algebra, variable)),
          c(algebra, variable),
          d(algebra, variable),
        );
    }
    case 4: {
      const larger = widths[Math.min(widths.length - 1, widths.indexOf(width) + draw(2))];
      const part = inner(larger);
      const from = draw(larger - width + 1);
      return (algebra, variable) => algebra.extract(part(algebra, variable), from, width);
    }
    default: {
      const [a, b, operator] = [inner(width), inner(width), operators[draw(operators.length)]];
      return (algebra, variable) => algebra.operate(operator, a(algebra, variable), b(algebra, variable));
    }
  }
}

describe('terms', () => {
  it('have the values of what was computed, whatever was folded', () => {
    const draw = createDraw(5);
    for (let i = 0; i < 1000; i++) {
      const width = widths[draw(widths.length)];
      const computation = randomComputation(draw, 1 + draw(4), width);
      const term = computation(terms, (which) => t.variable(`v${which}`, `BV${widths[which]}`));
      expect(t.bitsOf(term)).toBe(width);
      for (let trial = 0; trial < 4; trial++) {
        const evaluated = createTrial(
          i * 4 + trial,
          { favored: [0n, 1n, 255n, 2n ** 64n - 1n], truths: new Set() },
          createEffort(defaultLimits),
        );
        const number = (which: number): Pattern => ({
          value: evaluated(t.variable(`v${which}`, `BV${widths[which]}`)) as bigint,
          width: widths[which],
        });
        expect(evaluated(term)).toBe(computation(patterns, number).value);
      }
    }
  });
});
