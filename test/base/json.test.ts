import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, readablePath } from '../../base/json.ts';
import { errorOf } from '../pipeline/support.ts';

describe('hand-written JSON', () => {
  it('reads exactly what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(4), (text, indent) => {
        const plain = JSON.parse(text) as unknown;
        fc.pre(!text.includes('"__proto__"'));
        expect(parseJson(JSON.stringify(plain, null, indent), 'a.json').value).toEqual(plain);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('accepts and refuses the same texts as JSON.parse, but for duplicates and depth', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '1',
      '-',
      '01',
      '1e5',
      '1.',
      'true',
      'nul',
      ' ',
      '\n',
      '"\\x"',
      '"',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (words) => {
        const text = words.join('');
        let expected: unknown;
        try {
          expected = { value: JSON.parse(text) };
        } catch {
          expected = undefined;
        }
        let found: unknown;
        try {
          found = { value: parseJson(text, 'a.json').value };
        } catch (error) {
          if (/occurs twice/.test((error as Error).message)) return;
          found = undefined;
        }
        expect(found).toEqual(expected);
      }),
      { seed: 3, numRuns: 3000 },
    );
  });

  it('says file, line and what was found', () => {
    expect(errorOf(() => parseJson('{\n  "a": 1\n  "b": 2\n}', 'x.json')).message).toBe(
      `x.json:3: expected ',' or } after a member, found '"b": 2\\x0a}'`,
    );
    expect(errorOf(() => parseJson('{\n  "a": [1, 2', 'x.json')).message).toContain('x.json:2: expected');
    expect(errorOf(() => parseJson('', 'x.json')).message).toBe(
      'x.json:1: expected a value, found the end of the file',
    );
  });

  it('knows the line of every value, and of the nearest one around what is missing', () => {
    const { lineOf } = parseJson('{\n "a": {\n  "x/y": [\n   1,\n   2\n]}}', 'x.json');
    expect([lineOf(''), lineOf('/a'), lineOf('/a/x~1y/1'), lineOf('/a/x~1y/7'), lineOf('/z')]).toEqual([1, 2, 5, 3, 1]);
  });

  it('refuses a key that occurs twice, and __proto__', () => {
    expect(errorOf(() => parseJson('{"a": 1,\n"a": 2}', 'x.json')).message).toBe('x.json:2: the key "a" occurs twice');
    expect(errorOf(() => parseJson('{"a": {"__proto__": {}}}', 'x.json')).message).toContain('__proto__');
  });

  it('ends in an error, not in a full stack, for deep nesting and long strings', () => {
    expect(errorOf(() => parseJson('['.repeat(1_000_000), 'x.json')).message).toContain('nested more than 64 deep');
    const long = JSON.stringify('x'.repeat(4_000_000));
    expect(parseJson(long, 'x.json').value).toHaveLength(4_000_000);
    expect(errorOf(() => parseJson(long.slice(0, -1), 'x.json')).message).toContain('expected a string');
  });

  it('shows a pointer as people write paths', () => {
    expect(readablePath('/link/inputs/2/path')).toBe('link.inputs[2].path');
    expect(readablePath('/link/sectionStart/.text~1a')).toBe('link.sectionStart[".text/a"]');
    expect(readablePath('')).toBe('');
  });
});
