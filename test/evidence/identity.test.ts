import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hashOf, identified, uniqueIds, withoutAddresses } from '../../evidence/identity.ts';
import type { Finding } from '../../hardening/finding.ts';
import { rules } from '../../hardening/rules/index.ts';
import { readSubject } from '../../hardening/subject.ts';
import { someFindings } from '../support/evidence.ts';

const [, , reads] = someFindings;
const printOf = (finding: Finding): string => identified([finding])[0]!.fingerprint;

describe('the id of a finding', () => {
  it('is the rule and its question, whatever the message says', () => {
    expect(identified(someFindings).map(({ id }) => id)).toEqual([
      'wx:segments',
      'wx:page-tables',
      'execute-only:loads',
      'bss-bounds:image',
    ]);
  });

  it('is unique where a rule answers one question several times', () => {
    expect(uniqueIds(['a', 'b', 'a', 'a'])).toEqual(['a', 'b', 'a#2', 'a#3']);
  });

  it('needs no ordinal on a real program', () => {
    const ids = identified(rules.flatMap((rule) => rule.run(readSubject(readFileSync('/bin/true'), 'true')))).map(
      ({ id }) => id,
    );
    expect(ids.length).toBeGreaterThan(10);
    expect(ids.filter((id) => id.includes('#'))).toEqual([]);
  });
});

describe('the fingerprint of a finding', () => {
  it.each([
    ['poly_0x1305', 'poly_0x04c1'],
    ['key0x1', 'key0x2'],
    ['f0xa', 'f0xbeef'],
    ['$0x1', '$0x2'],
    ['copy12 bytes', 'copy13 bytes'],
  ])('is another one for another name, though it looks like an address: %s, %s', (one, other) => {
    const of = (name: string): string => printOf({ ...reads!, details: [`0x401000 (${name}+0x10) reads 0x402000`] });
    expect(of(one)).not.toBe(of(other));
    expect(of(one)).toBe(printOf({ ...reads!, details: [`0x501000 (${one}+0x20) reads 0x502000`] }));
  });

  it('stays when everything moves, and the image is called otherwise', () => {
    const moved = {
      ...reads!,
      subject: 'b',
      message: 'other words',
      details: ['0x7000 (parse+0x20) reads 0x1 (table+0x0)'],
    };
    expect(printOf(moved)).toBe(printOf(reads!));
  });

  it.each([
    ['another function', { details: ['0x401000 (other+0x10) reads 0x402000 (table+0x0)'] }],
    ['one place more', { details: [...reads!.details, '0x9 (parse+0x1) reads 0x402000 (table+0x0)'] }],
    ['another outcome', { outcome: 'unknown' as const }],
    ['another ground', { state: 'enforced' as const }],
    ['another version of the rule', { version: 2 }],
    ['another question', { about: 'data' }],
  ])('changes with %s', (_, change) => {
    expect(printOf({ ...reads!, ...change })).not.toBe(printOf(reads!));
  });

  it('leaves out of a line what moves, and nothing else', () => {
    expect(withoutAddresses('.got: 8 of 16 bytes stay writable')).toBe('.got: # bytes stay writable');
    expect(withoutAddresses('data symbol k2: 32 bytes at 0xAB')).toBe('data symbol k2: # bytes at 0x');
    expect(withoutAddresses('... and 7 more')).toBe('... and 7 more');
  });

  it('tells lists apart that read the same', () => {
    expect(hashOf('a', 'b')).not.toBe(hashOf('ab'));
    expect(hashOf('a', 'b')).not.toBe(hashOf('a1:b'));
  });
});
