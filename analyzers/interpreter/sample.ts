/**
 * Inputs to run a function on: small and extreme values in turn, the same ones each time.
 *
 * Bugs live at ends: an empty array, the largest element, one past the middle. So integers are drawn near 0, near the
 * ends of their type and near the lengths of arrays, and arrays are short. Half of all inputs use few distinct values,
 * which meets preconditions such as sortedness and equality more often.
 */
import type { FunctionIr } from '../ir.ts';
import { type IntegerType, rangeOf, type Type } from '../types.ts';
import type { Value } from './values.ts';

/** A source of numbers from 0 to, and without, `end`. */
export type Draw = (end: number) => number;

/** Mulberry32. */
export function createDraw(seed: number): Draw {
  let state = seed >>> 0;
  return (end) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
}

function drawInteger(type: IntegerType, draw: Draw, tame: boolean): bigint {
  const { low = -(2n ** 80n), high = 2n ** 80n } = rangeOf(type.name);
  const clamp = (value: bigint): bigint => (value < low ? low : value > high ? high : value);
  const small = BigInt(draw(10) - 2);
  switch (tame ? draw(2) : draw(8)) {
    case 0:
    case 1:
    case 2:
      return clamp(small);
    case 3:
      return clamp(high - BigInt(draw(3)));
    case 4:
      return clamp(low + BigInt(draw(3)));
    case 5:
      return clamp(2n ** BigInt(draw(64)) + BigInt(draw(3) - 1));
    default:
      return clamp(low < 0n ? BigInt(draw(512) - 256) : BigInt(draw(256)));
  }
}

function drawValue(type: Type, draw: Draw, tame: boolean): Value {
  switch (type.kind) {
    case 'integer':
      return drawInteger(type, draw, tame);
    case 'boolean':
      return draw(2) === 0;
    case 'enumeration':
      return BigInt(draw(type.members.length));
    case 'array': {
      const length = draw(4) === 0 ? draw(2) : draw(8);
      const elements = Array.from({ length }, () => drawValue(type.element, draw, tame));
      if (tame && draw(2) === 0 && type.element.kind === 'integer')
        elements.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      return { kind: 'array', type, elements };
    }
    case 'record':
      return { kind: 'fields', fields: type.fields.map((field) => drawValue(field.type, draw, tame)) };
    case 'object':
      return drawValue(type.record, draw, tame);
    case 'void':
      throw new TypeError('no value of void');
  }
}

/** Arguments for a function. */
export function drawArguments(subject: FunctionIr, draw: Draw): Value[] {
  const tame = draw(2) === 0;
  return subject.parameters.map(({ type }) => drawValue(type, draw, tame));
}
