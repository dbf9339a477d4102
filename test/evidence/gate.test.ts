import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../evidence/evidence.ts';
import { type Gated, type GateRequest, gate } from '../../evidence/gate.ts';
import { identified } from '../../evidence/identity.ts';
import { type Policy, type PolicyText, parsePolicy, policyText } from '../../evidence/policy.ts';
import { verdictLines } from '../../evidence/verdict-text.ts';
import { makeWaiver, withWaiver } from '../../evidence/waivers.ts';
import type { Finding } from '../../hardening/finding.ts';
import { findingOf as finding, hash, someEvidence } from '../support/evidence.ts';

const NOW = '2026-11-30';

/** Evidence with these findings and without proofs or secrets. */
function evidenceOf(findings: readonly Finding[], more: Partial<Evidence> = {}): Evidence {
  const { proofs, validation, erasure, ...rest } = someEvidence;
  return { ...rest, findings: identified(findings), ...more };
}

const gated = (evidence: Evidence): Gated => ({ evidence, sha256: hash('evidence'), trust: { kind: 'unsigned' } });

const read = (policy: PolicyText): Policy => parsePolicy(Buffer.from(policyText(policy)), 'policy.json');

const small: PolicyText = {
  ...{ version: 1, name: 'small', unlisted: 'error' },
  rules: [{ rule: 'wx', version: 1, level: 'error' }],
};

function judge(evidence: Evidence, policy: PolicyText = small, more: Partial<GateRequest> = {}) {
  return gate({ ...gated(evidence), policy: read(policy), now: NOW, ...more });
}

const resultsOf = (verdict: ReturnType<typeof gate>) =>
  Object.fromEntries(verdict.decisions.map(({ id, result }) => [id, result]));

describe('the gate', () => {
  it('passes what passes, fails what fails, is undecided on what is unknown, and a failure outranks it', () => {
    const pass = finding('wx');
    const fail = finding('relro', { outcome: 'fail' });
    const unknown = finding('canary', { outcome: 'unknown' });
    expect(judge(evidenceOf([pass])).status).toBe(0);
    expect(judge(evidenceOf([pass, fail])).status).toBe(1);
    expect(judge(evidenceOf([pass, unknown])).status).toBe(3);
    expect(judge(evidenceOf([pass, unknown, fail])).status).toBe(1);
    expect(judge(evidenceOf([pass, unknown, fail])).decisions.map(({ result }) => result)).toEqual([
      ...['failed', 'undecided', 'passed'],
    ]);
  });

  it('does not take a missing rule, another version or a weaker ground for a pass', () => {
    expect(judge(evidenceOf([]))).toMatchObject({ status: 3, decisions: [{ id: 'wx:missing', result: 'undecided' }] });
    const newer = judge(evidenceOf([finding('wx', { version: 2 })]));
    expect(newer.status).toBe(3);
    expect(newer.decisions[0]!.message).toBe('the evidence is of version 2; the policy pins 1');
    const enforced: PolicyText = { ...small, rules: [{ rule: 'wx', version: 1, level: 'error', state: 'enforced' }] };
    expect(judge(evidenceOf([finding('wx')]), enforced)).toMatchObject({
      status: 1,
      decisions: [{ id: 'wx:state' }, {}],
    });
    expect(
      judge(evidenceOf([finding('wx'), finding('wx', { about: 'tables', state: 'enforced' })]), enforced).status,
    ).toBe(0);
  });

  it('asks of other targets nothing that they cannot have', () => {
    const rules: PolicyText['rules'] = [{ rule: 'sel4-kernel', version: 1, level: 'error', targets: ['sel4'] }];
    expect(judge(evidenceOf([]), { ...small, rules }).status).toBe(0);
    const sel4 = evidenceOf([], { image: { ...someEvidence.image, target: 'sel4' } });
    expect(judge(sel4, { ...small, rules }).status).toBe(3);
  });

  it('shows warnings without deciding by them, and leaves out what is off', () => {
    const evidence = evidenceOf([finding('wx', { outcome: 'fail' }), finding('leaks', { outcome: 'unknown' })]);
    const warn = judge(evidence, { ...small, unlisted: 'off', rules: [{ rule: 'wx', version: 1, level: 'warn' }] });
    expect(warn).toMatchObject({ status: 0, decisions: [{ id: 'wx:image', result: 'warned' }] });
    expect(warn.decisions).toHaveLength(1);
  });

  it('decides on theorems of Coq: what is open or has no form is undecided, and so is a release without any', () => {
    const only = { rules: [{ rule: 'coq', version: 1, level: 'error' as const }], unlisted: 'off' as const };
    const off = [{ rule: 'coq', version: 1, level: 'off' as const }];
    const { coq, ...withoutCoq } = someEvidence.proofs!;
    const closed = { ...coq!, claims: coq!.claims.slice(0, 1), refusals: [] };
    const judged = (proofs: Evidence['proofs'], more: Partial<Policy> = only) => {
      const { proofs: _, ...rest } = someEvidence;
      return judge({ ...rest, ...(proofs && { proofs }) }, { ...small, unlisted: 'off', ...more });
    };
    expect(resultsOf(judged(someEvidence.proofs))).toEqual({
      'coq:app.ts:f/contract': 'passed',
      'coq:app.ts:f/ensures': 'undecided',
      'coq:app.ts:g': 'undecided',
    });
    expect(judged({ ...withoutCoq, coq: closed }).status).toBe(0);
    expect(judged(withoutCoq).status).toBe(3);
    expect(judged(undefined).status).toBe(0);
    const bound = (proofs: Evidence['proofs'], coqOpen: number) =>
      judged(proofs, { rules: off, thresholds: { coqOpen } }).status;
    expect([bound(someEvidence.proofs, 2), bound(someEvidence.proofs, 1)]).toEqual([0, 1]);
    expect([bound(withoutCoq, 100), bound(undefined, 0)]).toEqual([3, 0]);
  });

  it('decides on proofs, the code that was proved, validation and erasure as on findings', () => {
    const rules = ['proof', 'verified', 'validation', 'erasure'].map((rule) => ({
      rule,
      version: 1,
      level: 'error' as const,
    }));
    const { coq: _, ...proofs } = someEvidence.proofs!;
    const verdict = judge({ ...someEvidence, findings: [], proofs }, { ...small, rules });
    expect(resultsOf(verdict)).toEqual({
      'proof:app.ts:f/ensures/result > 0': 'passed',
      'verified:app.ts:f': 'passed',
      'validation:app.ts:f': 'undecided',
      'erasure:wipe_key': 'failed',
    });
    const spoilt = (part: object, fn: object) =>
      judge(
        {
          ...someEvidence,
          ...{ findings: [], erasure: [], validation: [] },
          proofs: {
            ...proofs,
            functions: [{ ...proofs.functions[0]!, ...fn }],
            obligations: [{ ...proofs.obligations[0]!, ...part }],
          },
        },
        { ...small, rules: rules.slice(0, 2) },
      ).status;
    expect(spoilt({}, {})).toBe(0);
    expect(spoilt({ status: 'failed' }, {})).toBe(1);
    expect(spoilt({ status: 'unknown' }, {})).toBe(3);
    expect(spoilt({}, { status: 'lost' })).toBe(3);
    expect(spoilt({}, { status: 'waived' })).toBe(3);
    // Nothing of a kind to decide on is another thing than nobody having looked.
    expect(judge(evidenceOf([]), { ...small, rules: rules.slice(0, 1) }).status).toBe(0);
    expect(
      judge({ ...someEvidence, findings: [], erasure: [], validation: [] }, { ...small, rules: rules.slice(2, 3) })
        .status,
    ).toBe(3);
  });

  it('keeps to bounds, and does not take what nobody says for being within them', () => {
    const share = (more: Partial<Finding>) => [finding('wx'), finding('canary', more)];
    const canary = (more: Partial<Finding>, percent: number) =>
      judge(evidenceOf(share(more)), { ...small, thresholds: { canaryPercent: percent } }).status;
    expect(canary({ measured: 90 }, 90)).toBe(0);
    expect(canary({ measured: 90 }, 91)).toBe(1);
    // What a message says is for people.
    expect(canary({ message: '9 of 10 functions (90 %) that take addresses in their frame check a canary' }, 1)).toBe(
      3,
    );
    const bounds = (thresholds: PolicyText['thresholds'], more: Partial<Evidence> = {}) =>
      judge(evidenceOf([finding('wx')], more), { ...small, thresholds: thresholds! }).status;
    expect(bounds({ imageBytes: 4096, tcbBytes: 100, assumptions: 1, entropyBits: 12 })).toBe(0);
    for (const one of [{ imageBytes: 4095 }, { tcbBytes: 99 }, { assumptions: 0 }, { entropyBits: 13 }])
      expect(bounds(one)).toBe(1);
    expect(bounds({ entropyBits: 0 }, { layout: { seed: 's', base: '0x0' } })).toBe(3);
    expect(bounds({ tcbBytes: 2 ** 40 }, { tcb: [] })).toBe(3);
    const doubts = evidenceOf([finding('wx'), finding('leaks', { outcome: 'unknown' })]);
    expect(judge(doubts, { ...small, unlisted: 'warn', thresholds: { unknowns: 0 } }).status).toBe(3);
    expect(judge(doubts, { ...small, unlisted: 'warn', thresholds: { unknowns: 1 } }).status).toBe(0);
    expect(judge(doubts, { ...small, unlisted: 'off', thresholds: { unknowns: 0 } }).status).toBe(0);
  });
});

describe('waivers', () => {
  const failing = finding('wx', { outcome: 'fail', details: ['0x1000 (f+0x0)'] });
  const evidence = evidenceOf([failing]);
  const wish = { id: 'wx:image', reason: 'a JIT', owner: 'ada', expires: NOW };
  const policy = withWaiver(small, makeWaiver(evidence, wish, NOW));

  it('let their finding through, up to their day and no longer', () => {
    expect(judge(evidence, policy)).toMatchObject({
      status: 0,
      stale: [],
      expired: [],
      decisions: [{ result: 'waived' }],
    });
    const late = judge(evidence, policy, { now: '2026-12-01' });
    expect(late).toMatchObject({
      status: 1,
      expired: [{ owner: 'ada' }],
      decisions: [{ result: 'failed', isExpired: true }],
    });
    expect(verdictLines(late, new Map()).join('\n')).toContain('its waiver by ada expired on 2026-11-30: a JIT');
  });

  it('survive a rebuild that moves the place, and not another place, outcome or rule', () => {
    const of = (more: Partial<Finding>) => judge(evidenceOf([{ ...failing, ...more }]), policy).status;
    expect(of({ details: ['0x2000 (f+0x0)'], message: 'moved' })).toBe(0);
    expect(of({ details: ['0x1000 (g+0x0)'] })).toBe(1);
    expect(of({ details: ['0x1000 (f+0x0)', '0x2000 (g+0x0)'] })).toBe(1);
    expect(of({ rule: 'relro' })).toBe(1);
    expect(judge(evidenceOf([{ ...failing, outcome: 'unknown' }]), policy).status).toBe(3);
  });

  it('are of the code that was read: another one makes them stale, and it is said why', () => {
    const read = { ...failing, maskedCode: 'a'.repeat(64) };
    const own = withWaiver(small, makeWaiver(evidenceOf([read]), wish, NOW));
    expect(judge(evidenceOf([read]), own)).toMatchObject({ status: 0, stale: [] });
    const why = (findings: readonly Finding[]) => {
      const verdict = judge(evidenceOf(findings), own);
      return [verdict.status, verdict.stale.map((one) => one.why).join()];
    };
    const changed = 'the code that it is about changed, from aaaaaaaaaaaa to bbbbbbbbbbbb: read it, then waive it anew';
    expect(why([{ ...read, maskedCode: 'b'.repeat(64) }])).toEqual([1, changed]);
    expect(why([{ ...read, outcome: 'pass' }])).toEqual([0, 'it passes']);
    expect(why([{ ...read, details: ['0x1000 (g+0x0)'] }])).toEqual([1, expect.stringMatching(/^it is about other/)]);
    expect(why([finding('relro')])).toEqual([3, 'there is no finding of this id']);
    const text = verdictLines(judge(evidenceOf([{ ...read, maskedCode: 'b'.repeat(64) }]), own), new Map()).join('\n');
    expect(text).toContain(`ada, until ${NOW}: ${changed}`);
  });

  it('are listed when nothing needs them, and waive no missing rule', () => {
    expect(judge(evidenceOf([finding('wx')]), policy)).toMatchObject({ status: 0, stale: [{ rule: 'wx' }] });
    expect(judge(evidenceOf([]), policy).status).toBe(3);
  });

  it('of what is unknown count against the bound of unknowns no more', () => {
    const doubts = evidenceOf([finding('wx', { outcome: 'unknown' })]);
    const waived = withWaiver({ ...small, thresholds: { unknowns: 0 } }, makeWaiver(doubts, wish, NOW));
    expect(judge(doubts, waived).status).toBe(0);
    expect(judge(doubts, waived, { now: '2027-01-01' }).status).toBe(3);
  });
});

describe('against an older release', () => {
  const at = (...names: string[]) => names.map((name, i) => `0x${i + 1}000 (${name}+0x0)`);
  const bad = (...names: string[]) => finding('wx', { outcome: 'fail', details: at(...names) });
  const state = (now: Finding[], old: Finding[], policy = small) => {
    const verdict = judge(evidenceOf(now), policy, { against: gated(evidenceOf(old)) });
    return [verdict.status, verdict.decisions[0]!.baseline, verdict.decisions[0]!.result];
  };

  it('decides by what is new or worse alone', () => {
    expect(state([bad('f')], [bad('f')])).toEqual([0, 'unchanged', 'known']);
    expect(state([bad('f')], [bad('f', 'g')])).toEqual([0, 'updated', 'known']);
    expect(state([bad('f', 'g')], [bad('f')])).toEqual([1, 'updated', 'failed']);
    expect(state([bad('g')], [bad('f')])).toEqual([1, 'updated', 'failed']);
    expect(state([bad('f')], [finding('wx')])).toEqual([1, 'updated', 'failed']);
    expect(state([bad('f')], [finding('wx', { outcome: 'unknown' })])).toEqual([1, 'updated', 'failed']);
    expect(state([finding('wx', { outcome: 'unknown' })], [bad('f')])).toEqual([0, 'updated', 'known']);
    expect(state([bad('f')], [finding('relro')])).toEqual([1, 'new', 'failed']);
    expect(state([bad('f')], [{ ...bad('f'), version: 2 }])).toEqual([1, 'updated', 'failed']);
    expect(state([], [])).toEqual([0, 'unchanged', 'known']);
    expect(state([], [finding('wx')])).toEqual([3, 'new', 'undecided']);
  });

  it('takes any change of a list that was cut short for worse', () => {
    const cut = (more: string) => finding('wx', { outcome: 'fail', details: ['f', more] });
    expect(state([cut('... and 3 more')], [cut('... and 3 more')])[0]).toBe(0);
    expect(state([cut('... and 2 more')], [cut('... and 3 more')])[0]).toBe(1);
  });

  it('compares bounds, and names what is gone', () => {
    const policy: PolicyText = { ...small, thresholds: { imageBytes: 10 } };
    const sized = (size: number) => evidenceOf([finding('wx')], { image: { ...someEvidence.image, size } });
    const status = (now: number, old: number) => judge(sized(now), policy, { against: gated(sized(old)) }).status;
    expect([status(100, 100), status(90, 100), status(101, 100), status(10, 5)]).toEqual([0, 0, 1, 0]);
    const verdict = judge(evidenceOf([finding('wx')]), small, {
      against: gated(evidenceOf([finding('wx'), finding('relro', { outcome: 'fail' })])),
    });
    expect(verdict.gone).toEqual(['relro:image']);
  });
});

it('shows all that decides, and of the rest no more than is read', () => {
  const many = (rule: string) =>
    Array.from({ length: 30 }, (_, i) => finding(rule, { about: `n${i}`, outcome: 'fail' }));
  const policy: PolicyText = { ...small, rules: [...small.rules, { rule: 'leaks', version: 1, level: 'warn' }] };
  const verdict = judge(evidenceOf([...many('wx'), ...many('leaks')]), policy);
  const shown = (all: boolean, mark: string) =>
    verdictLines(verdict, new Map(), all).filter((line) => line.startsWith(`  ${mark} `)).length;
  expect([shown(false, 'FAIL'), shown(false, 'warning'), shown(true, 'warning')]).toEqual([30, 20, 30]);
  expect(verdictLines(verdict, new Map())).toContain('  ... and 10 more that are warned: --all shows them');
});

it('records what a verdict rests on', () => {
  const policy = read(small);
  const verdict = gate({ ...gated(evidenceOf([finding('wx')])), policy, now: NOW });
  expect(verdict).toMatchObject({
    ...{ now: NOW, policy: { name: 'small', sha256: policy.sha256 } },
    evidence: { sha256: hash('evidence'), trust: { kind: 'unsigned' } },
    image: { sha256: someEvidence.image.sha256 },
  });
  expect(verdictLines(verdict, new Map()).join('\n')).toContain('UNSIGNED: nobody vouches for it');
});
