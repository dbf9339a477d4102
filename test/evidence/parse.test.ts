import { describe, expect, it } from 'vitest';
import schema from '../../docs/schema/evidence.schema.json';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { idsOf, parseCanonical, parseEvidence, parseMeasurements } from '../../evidence/parse.ts';
import { someEvidence } from '../support/evidence.ts';

const read = (value: unknown) => parseEvidence(canonicalBytes(value), 'e.json');

/** A copy in which what stands at the path is replaced, or removed by undefined. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(someEvidence) as unknown as Record<string, unknown>;
  const steps = path.split('/');
  let at = copy;
  for (const step of steps.slice(0, -1)) at = at[step] as Record<string, unknown>;
  at[steps.at(-1)!] = value;
  return copy;
}

/** Paths of all members of a value, array elements by index. */
function paths(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => {
    const own = path === '' ? key : `${path}/${key}`;
    return [...(Array.isArray(value) ? [] : [own]), ...paths(one, own)];
  });
}

describe('canonical text', () => {
  it.each([
    '{"b":1,"a":2}',
    '{"a":1.5}',
    '{"a": 1}',
    '{"a":1,"a":1}',
    '{"a":"\\ud800"}',
    '{"a":"\\u0041"}',
    '{"a":-0}',
    '{"2":1,"10":1}',
    '[1e3]',
  ])('is told from %s', (text) => {
    expect(() => parseCanonical(Buffer.from(`${text}\n`), 'e.json')).toThrow();
  });

  it('may hold whatever JSON writes in one way', () => {
    for (const text of [
      '{"10":1,"2":1}',
      '{"__proto__":1}',
      '{"a":"\\u001b\\\\ud"}',
      '{"a":"\u{1f600}"}',
      '[null,true,-1,[]]',
    ])
      expect(`${JSON.stringify(parseCanonical(Buffer.from(`${text}\n`), 'e.json')).length}`).toBe(`${text.length}`);
  });
});

describe('evidence that is read', () => {
  it('is what was written', () => {
    expect(read(someEvidence)).toEqual(someEvidence);
  });

  it('has a schema for every key of the example, and no key besides', () => {
    expect(Object.keys(schema.properties).sort()).toEqual(Object.keys(someEvidence).sort());
    const known = JSON.stringify(schema);
    for (const path of paths(someEvidence)) expect(known).toContain(`"${path.split('/').at(-1)}"`);
  });

  it('is refused with a key that nobody knows, wherever it stands', () => {
    const objects = paths(someEvidence).map((path) => path.split('/').slice(0, -1).join('/'));
    const places = [...new Set(objects)];
    expect(places.length).toBeGreaterThan(20);
    for (const path of places)
      expect(() => read(changed(path === '' ? 'extra' : `${path}/extra`, 1)), path).toThrow(/unknown key extra/);
  });

  it('is refused with another kind of value, wherever it stands', () => {
    for (const path of paths(someEvidence))
      expect(() => read(changed(path, [[null]])), path).toThrow(expect.objectContaining({ code: 'evidence' }));
  });

  it.each([
    ['format', 'other', /its "format" is "other", not "casemate-evidence"/],
    ['version', 2, /its "version" is 2; this casemate reads 1/],
    ['image/sha256', 'A'.repeat(64), /image\.sha256: .*64 lower-case hexadecimal digits/],
    ['image/entry', '0x0401000', /image\.entry: "0x0401000"; must be an address/],
    ['image/name', '../app.hvt', /image\.name/],
    ['image/size', -1, /image\.size: -1; must be a whole number/],
    ['findings/0/outcome', 'passed', /findings\[0\]\.outcome: "passed"; allowed are pass, fail, unknown/],
    ['findings/0/message', 'x'.repeat(5000), /findings\[0\]\.message/],
    ['findings/1/id', 'wx:segments', /the id wx:segments occurs twice/],
  ])('says what is wrong with %s', (path, value, message) => {
    expect(() => read(changed(path, value))).toThrow(message);
  });

  it.each([
    ['a space', (text: string) => text.replace(':', ': '), /at byte \d+ it has ' /],
    ['a key twice', (text: string) => text.replace('{', '{"project":"x",'), /canonical spelling/],
    [
      'another order',
      (text: string) => text.replace(/"project":"app",(.*),"stack"/s, '$1,"project":"app","stack"'),
      /./,
    ],
    ['no line feed', (text: string) => text.trimEnd(), /canonical spelling/],
    ['an escape that need not be', (text: string) => text.replace('"app"', '"\\u0061pp"'), /canonical spelling/],
    ['a fraction', (text: string) => text.replace('"version":1', '"version":1.0'), /canonical spelling/],
    ['a half surrogate', (text: string) => text.replace('"app"', '"\\ud800"'), /half a surrogate pair/],
    ['half of it', (text: string) => text.slice(0, text.length / 2), /is not JSON/],
  ])('is refused when it is spelled otherwise: %s', (_, change, message) => {
    const text = Buffer.from(canonicalBytes(someEvidence)).toString();
    const other = change(text);
    expect(other).not.toBe(text);
    expect(() => parseEvidence(Buffer.from(other), 'e.json')).toThrow(message);
  });

  it('is refused when it is no text, or nested without end', () => {
    expect(() => parseEvidence(Uint8Array.of(0xff, 0xfe), 'e.json')).toThrow('e.json: is not UTF-8 text');
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}\n`;
    expect(() => parseEvidence(Buffer.from(deep), 'e.json')).toThrow(expect.objectContaining({ code: 'evidence' }));
  });

  it('knows everything by an id of its own', () => {
    const ids = idsOf(someEvidence);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain('execute-only:loads');
  });
});

describe('measurements', () => {
  const whole = { format: 'casemate-measurements', version: 1, phases: [{ phase: 'linking', milliseconds: 3 }] };
  it('are read strictly', () => {
    expect(parseMeasurements(canonicalBytes(whole), 'm.json')).toEqual(whole);
    for (const other of [1, null, {}, { ...whole, more: 1 }, { ...whole, phases: [{ phase: 1, milliseconds: 3 }] }])
      expect(() => parseMeasurements(canonicalBytes(other), 'm.json')).toThrow('are no measurements');
  });
});
