import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { expandResponseFiles, splitArguments } from '../../../cli/ld/response.ts';
import { expectLinear } from '../../support/processor-time.ts';

describe('splitArguments', () => {
  it.each([
    ['a b\tc\n d ', ['a', 'b', 'c', 'd']],
    [`'a b' "c d"e f'g'"h"`, ['a b', 'c de', 'fgh']],
    [String.raw`a\ b \"x\" 'it'\''s' "\""`, ['a b', '"x"', "it's", '"']],
    [`"a'b" 'c"d'`, ["a'b", 'c"d']],
    [`'' "" x`, ['', '', 'x']],
    [`'never closed`, ['never closed']],
    ['', []],
    [' \n ', []],
    ['end\\', ['end']],
  ])('%j', (text, expected) => {
    expect(splitArguments(text)).toEqual(expected);
  });

  it('gives back what was quoted', () => {
    const quote = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(splitArguments(words.map(quote).join(' '))).toEqual(words);
      }),
    );
  });

  it('is linear', () => {
    expect(expectLinear(() => splitArguments(`"${'\\"a '.repeat(500_000)}`))).toHaveLength(1);
  });
});

describe('expandResponseFiles', () => {
  const files: Record<string, string> = { one: 'a @two b', two: '"c d" @nosuch', loop: 'x @loop', wide: '@wide @wide' };
  const read = (path: string) => (Object.hasOwn(files, path) ? files[path] : undefined);

  it('replaces files in place, nested, and keeps what names no file', () => {
    const { argv, origins } = expandResponseFiles(['-o', 'p', '@one', '@', '@nosuch', 'z'], read);
    expect(argv).toEqual(['-o', 'p', 'a', 'c d', '@nosuch', 'b', '@', '@nosuch', 'z']);
    expect(origins).toEqual([undefined, undefined, '@one', '@two', '@two', '@one', undefined, undefined, undefined]);
  });

  it.each(['loop', 'wide'])('stops at a file that names itself: %s', (name) => {
    expect(() => expandResponseFiles([`@${name}`], read)).toThrow(CasemateError);
  });
});
