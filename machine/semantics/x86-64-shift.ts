/**
 * Shifts and rotations of x86-64.
 *
 * A count is taken modulo 32 or 64, and one of 0 leaves the flags as they were. So while the count is not known, each
 * flag may be what it was or what the shift makes it; no reader of compiled code asks, and what is kept is what they
 * may depend on.
 * Source: Intel SDM volume 2, "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD", "SHRD", "SARX/SHLX/SHRX", "RORX".
 */
import type { BitOperator } from '../../base/bits.ts';
import { type Flags, over, sourcesOf } from './x86-64-flags.ts';
import { type Computation, read, write, type X8664Machine } from './x86-64-machine.ts';
import type { Operation } from './x86-64-operations.ts';

/** Flags after a shift whose count nobody knows: any, depending on what was shifted and on what they were. */
function unknownFlags<V, B>(m: X8664Machine<V, B>, sources: readonly V[]): Flags<V> {
  return { kind: 'bits', from: [m.opaque([...sources, ...sourcesOf(m.flags)], 1)] };
}

/** A shift's count in the width of what is shifted. */
function countIn<V, B>(m: X8664Machine<V, B>, { operands }: Operation, which: number, width: number): V {
  const v = m.algebra;
  const operand = operands[which];
  const count = operand === undefined ? v.constant(1n, 8) : read(m, operand);
  const own = v.widthOf(count);
  const masked = v.operate('bvand', count, v.constant(width === 64 ? 63n : 31n, own));
  return own < width ? v.zeroExtend(masked, width) : v.truncate(masked, width);
}

const shifted =
  (operator: 'bvshl' | 'bvlshr' | 'bvashr'): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const to = operation.operands[0]!;
    const a = read(m, to);
    const width = v.widthOf(a);
    const count = countIn(m, operation, 1, width);
    const result = v.operate(operator, a, count);
    const known = v.known(count);
    if (known === undefined) m.flags = unknownFlags(m, [a, count]);
    else if (known !== 0n) {
      const places = Number(known);
      const cf = shiftCarry(m, operator, a, places);
      let of: typeof a | undefined;
      if (places === 1) {
        const sign = v.extract(a, width - 1, 1);
        if (operator === 'bvshl') of = v.operate('bvxor', v.extract(result, width - 1, 1), sign);
        else of = operator === 'bvlshr' ? sign : v.constant(0n, 1);
      }
      m.flags = resultFlags(m, result, [a], cf, of);
    }
    write(m, to, result);
  };

/** The last bit that a shift by a known count, not 0, moved out; undefined where the processor leaves it so. */
function shiftCarry<V, B>({ algebra: v }: X8664Machine<V, B>, operator: BitOperator, a: V, places: number) {
  const width = v.widthOf(a);
  if (operator === 'bvashr') return v.extract(a, Math.min(places, width) - 1, 1);
  if (places >= width) return undefined;
  return v.extract(a, operator === 'bvshl' ? width - places : places - 1, 1);
}

function resultFlags<V, B>(m: X8664Machine<V, B>, result: V, from: readonly V[], cf?: V, of?: V): Flags<V> {
  const under: Flags<V> = { kind: 'logic', result };
  return { kind: 'over', under, cf: cf ?? null, of: of ?? null, from: [...from, m.algebra.extract(result, 0, 1)] };
}

const rotated =
  (left: boolean): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const to = operation.operands[0]!;
    const a = read(m, to);
    const width = v.widthOf(a);
    const masked = countIn(m, operation, 1, width);
    const result = rotation(m, left, a, masked);
    const known = v.known(masked);
    if (known === undefined) m.flags = over(m.flags, [a, masked, ...sourcesOf(m.flags)], { cf: null, of: null });
    else if (known !== 0n) {
      const [top, next] = [v.extract(result, width - 1, 1), v.extract(result, left ? 0 : width - 2, 1)];
      const cf = left ? next : top;
      m.flags = over(m.flags, [a], { cf, of: known === 1n ? v.operate('bvxor', top, next) : null });
    }
    write(m, to, result);
  };

/** Widths are powers of two, so a count's low bits are its remainder. */
function rotation<V, B>({ algebra: v }: X8664Machine<V, B>, left: boolean, a: V, count: V): V {
  const width = v.widthOf(a);
  const mask = v.constant(BigInt(width - 1), width);
  const places = v.operate('bvand', count, mask);
  const back = v.operate('bvand', v.operate('bvsub', v.constant(0n, width), places), mask);
  const [up, down] = left ? [places, back] : [back, places];
  return v.operate('bvor', v.operate('bvshl', a, up), v.operate('bvlshr', a, down));
}

/** SHLD and SHRD: bits come in from another register. */
const doubleShifted =
  (left: boolean): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, other] = operation.operands;
    const [a, b] = [read(m, to!), read(m, other!)];
    const width = v.widthOf(a);
    const count = v.known(countIn(m, operation, 2, width));
    if (count === undefined || Number(count) > width) {
      const sources = [a, b, read(m, operation.operands[2]!)];
      m.flags = unknownFlags(m, sources);
      write(m, to!, m.opaque(sources, width));
      return;
    }
    const by = (places: number): typeof a => v.constant(BigInt(places), width);
    const places = Number(count);
    const [out, into]: [BitOperator, BitOperator] = left ? ['bvshl', 'bvlshr'] : ['bvlshr', 'bvshl'];
    const result = v.operate('bvor', v.operate(out, a, by(places)), v.operate(into, b, by(width - places)));
    if (places !== 0) {
      const cf = v.extract(a, left ? width - places : places - 1, 1);
      const signs = [v.extract(a, width - 1, 1), v.extract(result, width - 1, 1)] as const;
      m.flags = resultFlags(m, result, [a, b], cf, places === 1 ? v.operate('bvxor', ...signs) : undefined);
    }
    write(m, to!, result);
  };

/** Shifts and rotations of BMI2, which leave the flags alone. */
const shiftedPlainly =
  (operator: BitOperator | 'rotate'): Computation =>
  (m, operation) => {
    const [to, from] = operation.operands;
    const a = read(m, from!);
    const count = countIn(m, operation, 2, m.algebra.widthOf(a));
    write(m, to!, operator === 'rotate' ? rotation(m, false, a, count) : m.algebra.operate(operator, a, count));
  };

export const shiftComputations: Readonly<Record<string, Computation>> = {
  shl: shifted('bvshl'),
  sal: shifted('bvshl'),
  shr: shifted('bvlshr'),
  sar: shifted('bvashr'),
  rol: rotated(true),
  ror: rotated(false),
  shld: doubleShifted(true),
  shrd: doubleShifted(false),
  shlx: shiftedPlainly('bvshl'),
  shrx: shiftedPlainly('bvlshr'),
  sarx: shiftedPlainly('bvashr'),
  rorx: shiftedPlainly('rotate'),
};
