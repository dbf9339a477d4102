/** Advisories and bills from outside: what is not what it should be is refused, with the line, whatever its size. */
import { describe, expect, it } from 'vitest';
import { LARGEST_ADVISORY, parseAdvisory } from '../../../evidence/advisories/osv.ts';
import { partsOfBill } from '../../../evidence/advisories/parts.ts';
import { errorOf } from '../../pipeline/support.ts';
import { openssl, osvBytes, semver, zlib } from '../../support/advisories.ts';

const parse = (text: string | Uint8Array) =>
  parseAdvisory(typeof text === 'string' ? Buffer.from(text) : text, 'a.json');

describe('an advisory', () => {
  it('is read as it is published, with what nobody here needs', () => {
    for (const one of [openssl, zlib, semver]) {
      const more = {
        ...one,
        schema_version: '1.7.3',
        references: [{ type: 'WEB', url: 'x' }],
        severity: [],
        details: '\u001b',
      };
      expect(parse(osvBytes(more))).toMatchObject({ id: one.id, modified: one.modified });
    }
    expect(parse('{"id":"X-1","modified":"2025-01-01T00:00:00Z","affected":null}').affected).toEqual([]);
  });

  const valid = { id: 'X-1', modified: '2025-01-01T00:00:00Z' };
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  it.each<[string, string | Uint8Array, string, RegExp]>([
    ['no JSON', 'id: X', 'advisory', /^a\.json:1: expected a value/],
    ['another kind of value', '[]', 'advisory', /must be an object/],
    ['no id', '{"modified":"2025-01-01T00:00:00Z"}', 'advisory', /the key "id" is missing/],
    [
      'an id with a terminal escape',
      JSON.stringify({ ...valid, id: '\u001b[2J' }),
      'advisory',
      /id: found "\\u001b\[2J"/,
    ],
    ['a time that is none', JSON.stringify({ ...valid, modified: 'now' }), 'advisory', /must be a time in UTC/],
    [
      'a version that is a number',
      JSON.stringify({ ...valid, affected: [{ versions: [1] }] }),
      'advisory',
      /affected\[0\]\.versions\[0\]: found 1; must be text/,
    ],
    [
      'a range of no type',
      JSON.stringify({ ...valid, affected: [{ ranges: [{ type: 'X', events: [] }] }] }),
      'advisory',
      /"X"; must be "SEMVER", "ECOSYSTEM" or "GIT"/,
    ],
    [
      'an event with two meanings',
      JSON.stringify({
        ...valid,
        affected: [{ ranges: [{ type: 'GIT', events: [{ introduced: '0', fixed: '1' }] }] }],
      }),
      'advisory',
      /events\[0\]/,
    ],
    [
      'an event of another name',
      JSON.stringify({ ...valid, affected: [{ ranges: [{ type: 'GIT', events: [{ fixd: '1' }] }] }] }),
      'advisory',
      /unknown key "fixd"; did you mean "fixed"/,
    ],
    ['a key that occurs twice', '{"id":"X-1","id":"X-2"}', 'advisory', /occurs twice/],
    ['a key that is no key', '{"__proto__":{}}', 'advisory', /"__proto__" is not allowed/],
    [
      'too deep a value',
      `{"id":"X-1","modified":"2025-01-01T00:00:00Z","details":${deep}}`,
      'advisory',
      /nested more than 64 deep/,
    ],
    ['bytes that are no text', Uint8Array.of(0x7b, 0xff, 0x7d), 'advisory', /no UTF-8/],
    ['too many bytes', new Uint8Array(LARGEST_ADVISORY + 1), 'limit', /more than the 16777216 allowed/],
    ['another major version', JSON.stringify({ ...valid, schema_version: '2.0.0' }), 'advisory', /must be version 1/],
  ])('is refused with %s', (_, text, code, message) => {
    const error = errorOf(() => parse(text));
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/\p{Cc}/u);
    expect(error.code).toBe(code);
  });
});

it('a bill that is none is refused by its line', () => {
  const bill = (more: object) => osvBytes({ bomFormat: 'CycloneDX', specVersion: '1.6', ...more });
  for (const [bytes, message] of [
    [bill({ specVersion: '2.0' }), /specVersion: found "2\.0"/],
    [bill({ components: [{ name: 'a' }] }), /components\[0\]: the key "type" is missing/],
    [bill({ components: [{ type: 'library', name: 7 }] }), /components\[0\]\.name: found 7; must be text/],
    [bill({ components: {} }), /components: found an object/],
  ] as const) {
    const error = errorOf(() => partsOfBill(bytes, 'b.json'));
    expect(error).toMatchObject({ code: 'advisory' });
    expect(error.message).toMatch(message);
  }
});
