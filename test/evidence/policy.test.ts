import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import schema from '../../docs/schema/policy.schema.json';
import { isDay } from '../../evidence/days.ts';
import { parsePolicy, policyText } from '../../evidence/policy.ts';
import { knownRules, preset, presetNames } from '../../evidence/presets.ts';
import { parseRulePage } from '../../evidence/rule-page.ts';
import { makeWaiver, withWaiver } from '../../evidence/waivers.ts';
import { rules } from '../../hardening/rules/index.ts';
import { errorOf } from '../pipeline/support.ts';
import { someEvidence } from '../support/evidence.ts';
import { projectRoot } from '../support/paths.ts';

const strict = preset('strict');
const parse = (value: unknown) => parsePolicy(Buffer.from(JSON.stringify(value, null, 2)), 'policy.json');
const complaint = (value: unknown): string => {
  const { code, message } = errorOf(() => parse(value));
  expect(code).toBe('policy');
  return message;
};
const waiver = {
  ...{ rule: 'wx', subject: 'ab'.repeat(32), reason: 'a test', owner: 'ada', expires: '2027-01-31' },
};

describe('a policy', () => {
  it('is read back as it is written, with the hash of its bytes', () => {
    for (const name of presetNames) {
      const bytes = Buffer.from(policyText(preset(name)));
      const { sha256, ...policy } = parsePolicy(bytes, 'policy.json');
      expect(policy).toEqual(preset(name));
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(parsePolicy(Buffer.concat([bytes, Buffer.from('\n')]), 'policy.json').sha256).not.toBe(sha256);
    }
  });

  it.each([
    [{ ...strict, levels: [] }, 'policy.json:144: levels: unknown key "levels"; allowed are'],
    [{ ...strict, unlisted: 'fatal' }, ': unlisted: found "fatal"; must be "error", "warn" or "off"'],
    [{ ...strict, version: 2 }, ': version: found 2; must be "1"'],
    [
      { ...strict, rules: [{ rule: 'wx', version: 1, level: 'off', levle: 'error' }] },
      'rules[0].levle: unknown key "levle"; did you mean "level"?',
    ],
    [{ ...strict, rules: [{ rule: 'wx', level: 'error' }] }, 'rules[0]: the key "version" is missing'],
    [
      { ...strict, rules: [strict.rules[0], { ...strict.rules[0], level: 'off' }] },
      'rules[1].rule: found "wx" again; rules[0] has it: keep one',
    ],
    [{ ...strict, waivers: [{ ...waiver, expires: undefined }] }, 'waivers[0]: the key "expires" is missing'],
    [
      { ...strict, waivers: [{ ...waiver, expires: '2027-02-29' }] },
      'waivers[0].expires: found "2027-02-29"; there is no such day',
    ],
    [{ ...strict, waivers: [{ ...waiver, reason: '' }] }, 'waivers[0].reason: found 0 characters; must be at least 1'],
    [
      { ...strict, waivers: [waiver, { ...waiver, owner: 'bob' }] },
      'waivers[0] waives the same finding of "wx": keep one',
    ],
    [{ ...strict, waivers: [{ ...waiver, subject: 'AB' }] }, 'waivers[0].subject: found "AB"; must be the finding'],
    [{ ...strict, thresholds: { canaryPercent: 101 } }, 'thresholds.canaryPercent: found 101; must be at most 100'],
  ])('is refused with file, line and key: %#', (policy, expected) => {
    expect(complaint(policy)).toContain(expected);
    expect(complaint(policy)).toMatch(/^policy\.json:\d+: /);
    expect(complaint(policy)).not.toContain('\n');
  });

  it('is refused when it is no UTF-8, no JSON, or has a key twice', () => {
    for (const text of [Buffer.from([0x22, 0xff, 0x22]), Buffer.from('{'), Buffer.from('{"version":1,"version":1}')])
      expect(errorOf(() => parsePolicy(text, 'p.json')).code).toBe('policy');
  });

  it('knows days that exist', () => {
    for (const day of ['2024-02-29', '2000-02-29', '2026-12-31', '2027-04-30']) expect(isDay(day)).toBe(true);
    for (const day of [
      '2026-02-29',
      '1900-02-29',
      '2026-13-01',
      '2026-00-01',
      '2026-04-31',
      '2026-1-1',
      '0000-01-01',
      '2026-01-01T00',
    ])
      expect(isDay(day)).toBe(false);
  });

  it('has a schema that is one', () => {
    expect(new Ajv({ strict: true, strictTypes: false }).validateSchema(schema)).toBe(true);
  });
});

describe('the presets', () => {
  it('pin every rule in the version that it has', () => {
    const known = new Map(knownRules.map(({ rule, version }) => [rule, version]));
    for (const { id, version } of rules) expect([id, known.get(id)]).toEqual([id, version]);
    for (const name of presetNames) expect(preset(name).rules.map(({ rule }) => rule)).toEqual([...known.keys()]);
  });

  it('have a page for every rule, that says how to mend it and when to waive it', () => {
    for (const { rule } of knownRules) {
      const page = parseRulePage(readFileSync(join(projectRoot, 'docs/rules', `${rule}.md`), 'utf8'));
      expect(page?.rule).toBe(rule);
      for (const section of [page?.problem, page?.fix, page?.waive]) expect(section?.length).toBeGreaterThan(10);
    }
  });

  it('differ: nothing is laxer in strict', () => {
    const order = ['error', 'warn', 'off'];
    const lax = preset('baseline').rules;
    for (const [i, { level }] of strict.rules.entries())
      expect(order.indexOf(level)).toBeLessThanOrEqual(order.indexOf(lax[i]!.level));
  });
});

describe('a waiver', () => {
  const wish = { id: 'execute-only:loads', reason: 'a table of the decoder', owner: 'ada', expires: '2027-01-31' };
  const make = (more: object) => makeWaiver(someEvidence, { ...wish, ...more }, '2026-11-30');

  it('is made from a finding of the evidence, and takes the place of an older one', () => {
    const made = make({});
    const { fingerprint } = someEvidence.findings.find(({ id }) => id === wish.id)!;
    expect(made).toEqual({ rule: 'execute-only', ...wish, subject: fingerprint });
    const once = withWaiver(strict, made);
    const twice = withWaiver(once, { ...made, expires: '2027-06-30' });
    expect(once.waivers).toHaveLength(1);
    expect(twice.waivers).toEqual([{ ...made, expires: '2027-06-30' }]);
    expect(parse(twice).waivers).toEqual(twice.waivers);
  });

  it('is refused for what passes, what is not there, and a day that is past or none', () => {
    expect(errorOf(() => make({ id: 'wx:segments' })).message).toBe('wx:segments: passes; there is nothing to waive');
    expect(errorOf(() => make({ id: 'execute-only:load' })).message).toContain('did you mean execute-only:loads?');
    expect(errorOf(() => make({ expires: '2026-11-29' })).message).toContain('is past; it is 2026-11-30');
    expect(errorOf(() => make({ expires: 'soon' })).message).toContain('must be a day');
    expect(errorOf(() => make({ owner: ' ' })).message).toContain('--owner');
  });
});
