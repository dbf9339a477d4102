import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalBytes, canonicalJson } from '../../evidence/canonical.ts';

/** JSON values with whole numbers, as evidence has them. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().filter((n) => !Object.is(n, -0)),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 4 }),
  ),
})).value;

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, one]) => [key, shuffled(one)]),
  );
};

describe('canonical JSON', () => {
  it('is JSON of the same value, and the same for every order of keys', () => {
    fc.assert(
      fc.property(values, (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(value);
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { seed: 9, numRuns: 300 },
    );
  });

  it('sorts keys by UTF-16 code units, as RFC 8785 does in its example', () => {
    // RFC 8785, 3.2.3.
    const value = { '€': 1, '\r': 2, '\ufb33': 3, '1': 4, '😀': 5, '\u0080': 6, ö: 7 };
    expect(canonicalJson(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
  });

  it('leaves out members that are undefined, and ends a file with a line feed', () => {
    expect(Buffer.from(canonicalBytes({ b: undefined, a: 1 })).toString()).toBe('{"a":1}\n');
  });

  it.each([
    ['a fraction', 0.5],
    ['minus zero', -0],
    ['what is no number', Number.NaN],
    ['a number beyond what a double holds exactly', 2 ** 53],
    ['half a surrogate pair', '\ud800'],
    ['half a surrogate pair in a key', { '\udc00': 1 }],
    ['a bigint', 1n],
    ['undefined in an array', [undefined]],
    ['a date', new Date(0)],
    ['a map', new Map()],
  ])('refuses %s, and says where', (_, value) => {
    expect(() => canonicalJson({ a: [value] })).toThrow(/^\/a\/0(\/0)?: .* has no canonical JSON$/);
  });
});
