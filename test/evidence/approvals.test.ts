/** Waivers that a role must have signed: what counts, and what does not and is said so. */
import { describe, expect, it } from 'vitest';
import { approvalText } from '../../evidence/approvals.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { type Key, sealed } from '../../evidence/envelope.ts';
import { junit } from '../../evidence/formats/junit.ts';
import { markdown } from '../../evidence/formats/markdown.ts';
import { type GateRequest, gate } from '../../evidence/gate.ts';
import { identified } from '../../evidence/identity.ts';
import { type PolicyText, parsePolicy, policyText, type Waiver } from '../../evidence/policy.ts';
import { verdictLines } from '../../evidence/verdict-text.ts';
import { makeWaiver, waiverToApprove } from '../../evidence/waivers.ts';
import { errorOf } from '../pipeline/support.ts';
import { findingOf, hash, someEvidence } from '../support/evidence.ts';
import { makeKey } from '../support/keys.ts';

const NOW = '2026-11-30';
const [builder, security, stranger] = [makeKey(), makeKey('p-256'), makeKey()];
const der = ({ judging }: { judging: Key }): string =>
  judging.key.export({ type: 'spki', format: 'der' }).toString('base64');

const evidence = { ...someEvidence, findings: identified([findingOf('wx', { outcome: 'fail', details: ['f'] })]) };
const wish = { id: 'wx:image', reason: 'a JIT', owner: 'ada', expires: '2026-12-31' };
const waiver = makeWaiver(evidence, wish, NOW);
const policy: PolicyText = {
  ...{ version: 1, name: 'small', unlisted: 'off', roles: { security: { key: der(security) } } },
  rules: [{ rule: 'wx', version: 1, level: 'error', approvedBy: 'security' }],
  waivers: [waiver],
};

const parsed = (text: PolicyText) => parsePolicy(Buffer.from(policyText(text)), 'policy.json');
const approval = (of: Waiver, { signing }: { signing: Key } = security, role = 'security') => ({
  name: 'a.json',
  bytes: sealed(Buffer.from(approvalText(of, role)), [signing]),
});

function judge(approvals: GateRequest['approvals'], text = policy, more: Partial<GateRequest> = {}) {
  const trust = { kind: 'signed', key: builder.judging.id } as const;
  return gate({ evidence, sha256: hash('e'), trust, policy: parsed(text), now: NOW, approvals: approvals!, ...more });
}

/** That a waiver does not count, and why, in every format. */
function expectRefused(verdict: ReturnType<typeof gate>, why: string): void {
  expect(verdict).toMatchObject({ status: 1, decisions: [{ result: 'failed' }] });
  expect(verdict.decisions[0]!.unapproved).toContain(why);
  expect(verdictLines(verdict, new Map()).join('\n')).toContain(`its waiver by ada does not count: `);
  expect(junit(verdict, new Map())).toContain('its waiver does not count: ');
  expect(markdown(verdict, new Map())).toContain('its waiver does not count');
}

describe('a waiver of a rule that asks for an approval', () => {
  it('counts when the role has signed it, by the rule or by itself', () => {
    expect(judge([approval(waiver)])).toMatchObject({ status: 0, decisions: [{ result: 'waived' }] });
    const own = { ...waiver, approvedBy: 'security' };
    const rules = [{ rule: 'wx', version: 1, level: 'error' as const }];
    expect(judge([], { ...policy, rules }).status).toBe(0);
    expectRefused(judge([], { ...policy, rules, waivers: [own] }), 'nobody has approved it for security');
    expect(judge([approval(own)], { ...policy, rules, waivers: [own] }).status).toBe(0);
  });

  it.each([
    ['nothing', () => [], 'nobody has approved it for security'],
    ['a stranger signed', () => [approval(waiver, stranger)], 'a.json: is not signed by the key of security'],
    ['is for another finding', () => [approval({ ...waiver, subject: hash('x') })], 'nobody has approved it'],
    [
      'has a later day',
      () => [approval({ ...waiver, expires: '2027-12-31' })],
      'its expires is "2027-12-31"; the policy says "2026-12-31"',
    ],
    ['has another reason', () => [approval({ ...waiver, reason: 'fun' })], 'its reason is "fun"'],
    ['is of another role', () => [approval(waiver, security, 'legal')], 'its approvedBy is "legal"'],
  ])('does not count when what is given %s', (_, files, why) => {
    expectRefused(judge(files()), why);
  });

  it('does not count when any bit of its approval is another', () => {
    const { bytes } = approval(waiver);
    for (let bit = 0; bit < 8 * bytes.length; bit += 25) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(judge([{ name: 'a.json', bytes: flipped }]).status).toBe(1);
    }
  });

  it('does not count when the keyid is claimed, when two have signed, or when nobody has', () => {
    const payload = Buffer.from(approvalText(waiver, 'security'));
    const claimed = sealed(payload, [{ ...stranger.signing, id: security.signing.id }]);
    const both = sealed(payload, [stranger.signing, security.signing]);
    const text = payload.toString('base64');
    const none = canonicalBytes({ payload: text, payloadType: 'application/vnd.in-toto+json', signatures: [] });
    for (const bytes of [claimed, both]) expectRefused(judge([{ name: 'x', bytes }]), 'is not signed by the key of');
    expectRefused(judge([{ name: 'x', bytes: none }]), 'nobody has approved it');
  });

  it('does not count when whoever built the bundle approves it, alone or among others', () => {
    const text = { ...policy, roles: { security: { key: der(builder) } } };
    for (const key of [builder.judging.id, [stranger, builder].map(({ judging }) => judging.id).join(', ')])
      expectRefused(judge([approval(waiver, builder)], text, { trust: { kind: 'signed', key } }), 'who builds cannot');
  });

  it('does not count after its day, approved or not', () => {
    const late = judge([approval(waiver)], policy, { now: '2027-01-01' });
    expect(late).toMatchObject({ status: 1, decisions: [{ result: 'failed', isExpired: true }] });
  });

  it('leaves a finding unknown in the bound of unknowns', () => {
    const doubts = { ...evidence, findings: identified([findingOf('wx', { outcome: 'unknown' })]) };
    const one = makeWaiver(doubts, wish, NOW);
    const text = { ...policy, waivers: [one], thresholds: { unknowns: 0 } };
    const of = (approvals: GateRequest['approvals']) => judge(approvals, text, { evidence: doubts }).status;
    expect([of([]), of([approval(one)])]).toEqual([3, 0]);
  });

  it('is not helped by files that are no approvals, which are named without what would harm a terminal', () => {
    const verdict = judge([{ name: '\x1b[31m.json', bytes: Buffer.from('{}') }, approval(waiver)]);
    expect(verdict).toMatchObject({ status: 0, noApprovals: [expect.stringMatching(/^\\x1b\[31m\.json: /)] });
    expect(verdictLines(verdict, new Map()).join('\n')).not.toContain('\x1b');
  });
});

describe('a policy with roles', () => {
  it.each([
    ['a key that is none', { roles: { security: { key: 'A'.repeat(44) } } }, 'roles.security.key'],
    ['a rule of nobody', { roles: {} }, 'found "security"; roles has none'],
    ['a waiver of nobody', { waivers: [{ ...waiver, approvedBy: 'legal' }] }, 'found "legal"; roles has security'],
  ])('is refused for %s', (_, change, message) => {
    const error = errorOf(() => parsed({ ...policy, ...change }));
    expect(error.code).toBe('policy');
    expect(error.message).toContain(message);
  });

  it('names a waiver by its id or subject, and asks which where there are several', () => {
    const other = { ...waiver, subject: hash('other') };
    expect(waiverToApprove(policy, 'wx:image')).toEqual(waiver);
    const two = { ...policy, waivers: [waiver, other] };
    expect(errorOf(() => waiverToApprove(two, 'wx:image')).message).toContain('name one by its subject');
    expect(waiverToApprove(two, other.subject.slice(0, 12))).toEqual(other);
    expect(errorOf(() => waiverToApprove(two, 'wx:none')).message).toContain('has no waiver');
  });
});
