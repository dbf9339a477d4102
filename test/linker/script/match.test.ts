import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFilePattern, compileFilePatterns, compilePattern } from '../../../linker/script/match.ts';
import { expectLinear } from '../../support/processor-time.ts';

const matches = (pattern: string, text: string) => compilePattern(pattern)(text);

/** fnmatch by definition, exponential: the yardstick for the fast matcher on small inputs. */
function slow(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*') return slow(pattern.slice(1), text) || (text !== '' && slow(pattern, text.slice(1)));
  if (text === '') return false;
  return (pattern[0] === '?' || pattern[0] === text[0]) && slow(pattern.slice(1), text.slice(1));
}

describe('section patterns', () => {
  it.each([
    ['.text', '.text', true],
    ['.text', '.text.hot', false],
    ['.text.*', '.text.hot', true],
    ['.text.*', '.text', false],
    ['*', '', true],
    ['*.o', 'dir/file.o', true],
    ['.text.[a-m]*', '.text.hot', true],
    ['.text.[a-m]*', '.text.startup', false],
    ['.[!t]*', '.data', true],
    ['.[^t]*', '.text', false],
    ['a[]]b', 'a]b', true],
    ['a[]-_]b', 'a^b', true],
    ['a[-z]b', 'a-b', true],
    ['a[b', 'a[b', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['a[\\]]b', 'a]b', true],
    ['.rodata.cst??', '.rodata.cst16', true],
    ['.rodata.cst??', '.rodata.cst8', false],
    ['*_unlikely', '.text.f_unlikely', true],
    ['.text.*_unlikely', '.text._unlikely_no', false],
  ])('%s against %s: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it('agree with the definition of * and ?', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (p, t) => matches(p, t) === slow(p, t)),
      { numRuns: 2000 },
    );
  });

  it('take no exponential time', () => {
    const compiled = compilePattern(`${'*a'.repeat(500)}*b`);
    expect(expectLinear(() => compiled('a'.repeat(4000)))).toBe(false);
  });
});

describe('file patterns', () => {
  const object = { name: 'obj/start.o' };
  const member = { name: 'memcpy.o', archive: '/usr/lib/libc.a' };
  it.each([
    ['*', true, true],
    ['*start.o', true, false],
    ['obj/start.o', true, false],
    ['start.o', false, false],
    ['*libc.a:memcpy.o', false, true],
    ['*libc.a:mem*', false, true],
    ['*libc.a:str*', false, false],
    ['*libc.a:', false, true],
    ['*libm.a:', false, false],
    ['*libc.a', false, true],
    ['memcpy.o', false, true],
    [':*.o', true, false],
    [':memcpy.o', false, false],
    ['*:*', false, true],
  ])('%s: object %s, member %s', (pattern, forObject, forMember) => {
    const compiled = compileFilePattern(pattern);
    expect([compiled(object), compiled(member)]).toEqual([forObject, forMember]);
  });

  it('in a list match when any does', () => {
    const excluded = compileFilePatterns(['*crtend.o', '*crtend?.o']);
    expect([excluded({ name: '/x/crtendS.o' }), excluded({ name: '/x/crtbegin.o' })]).toEqual([true, false]);
    expect(compileFilePatterns([])(object)).toBe(false);
  });
});
