/** Random programs about objects of a class: fields, private ones, arrays of their own, and methods that call each other. */
import fc from 'fast-check';
import { condition, expression, scalarTypes } from './expressions.ts';

const scalar = fc.constantFrom(...scalarTypes);

/** One class, and functions that make objects of it and pass them on. */
export const classPrograms = fc
  .record({
    size: scalar,
    count: scalar,
    array: fc.constantFrom('Uint8Array', 'Int16Array', 'Uint32Array'),
    start: fc.constantFrom('size', 'new', 'given'),
    first: expression(['n', 'room'], 1),
    step: expression(['this.#count', 'by', 'this.size'], 1),
    test: condition(['this.#count', 'by'], 1),
    put: expression(['at', 'by', 'this.#count'], 1),
    mask: fc.constantFrom('& 127', '& 15', '% 100'),
    rounds: fc.integer({ min: 0, max: 5 }),
    by: expression(['i', 'p'], 1),
    result: expression(['sum', 'first.count()', 'second.at(1)', 'p'], 1),
  })
  .map(({ size, count, array, start, first, step, test, put, mask, rounds, by, result }) => {
    const made = { size: 'room + 1', new: '4', given: '[9, 8, 7]' }[start];
    return `
/** @invariant this.#bytes.length > 0 */
class Box {
  readonly size: ${size};
  #count: ${count};
  readonly #bytes: ${array};
  readonly pair: { readonly a: u8; readonly ok: boolean };
  /** @requires 0 < room && room < 50 */
  constructor(room: u8, n: ${size}) {
    this.size = n;
    this.#bytes = new ${array}(${made});
    this.#count = ${first};
    this.pair = { a: room, ok: this.#count === 3 };
    this.#bytes[0] = 5;
  }
  /** @pure */
  count(): number { return this.#count; }
  /** @pure */
  at(i: u8): number { return i < this.#bytes.length ? this.#bytes[i] : this.pair.ok ? -1 : -2; }
  /** @modifies this.#count, this.#bytes */
  add(by: number): boolean {
    if (${test}) return false;
    this.#count = ${step};
    this.#put(by & 3, by);
    return true;
  }
  /** @modifies this.#bytes */
  #put(at: number, by: number): void { if (at >= 0 && at < this.#bytes.length) this.#bytes[at] = (${put}) ${mask}; }
}
/** @modifies box */
function both(box: Box, by: number): number {
  const done = box.add(by);
  return done ? box.count() : box.at(0);
}
/** @verified */
export function play(p: ${size}): number {
  const first = new Box(3, p);
  let sum = 0;
  for (let i = 0; i < ${rounds}; i++) {
    const second = new Box(7, p);
    const moved = second.add(${by});
    const seen = both(first, i);
    sum = (moved ? sum + 1 : sum) + (seen & 255) + second.count() % 7 + second.at(2);
  }
  const second = new Box(2, p);
  return ${result};
}`;
  });
