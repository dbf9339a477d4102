/**
 * Writing a waiver into a policy.
 *
 * A waiver names its finding by the fingerprint, which a person cannot type; so it is made from the finding's id and the
 * evidence that has it. What passes needs none, and one that has expired already would only look as if it helped.
 */
import { fail, printable } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { isDay } from './days.ts';
import { type Decidable, decidables } from './decidable.ts';
import type { Evidence } from './evidence.ts';
import type { PolicyText, Waiver } from './policy.ts';

export interface WaiverWish {
  /** Of the finding. */
  readonly id: string;
  readonly reason: string;
  readonly owner: string;
  readonly expires: string;
  /** The role that must sign it. */
  readonly approvedBy?: string;
}

/** The finding of an id. */
export function findingOf(evidence: Evidence, id: string): Decidable {
  const all = decidables(evidence);
  const found = all.find((one) => one.id === id);
  if (found !== undefined) return found;
  const open = all.filter(({ outcome }) => outcome !== 'pass').map((one) => one.id);
  const meant = nearest(id, open);
  const hint =
    meant !== undefined
      ? `did you mean ${printable(meant)}?`
      : `to be waived are ${
          open
            .slice(0, 8)
            .map((one) => printable(one))
            .join(', ') || 'none'
        }`;
  return fail('usage', `${printable(id)}: the evidence has no finding of this id; ${hint}`);
}

/** The waiver of a finding, on the day `now`. */
export function makeWaiver(
  evidence: Evidence,
  { id, reason, owner, expires, approvedBy }: WaiverWish,
  now: string,
): Waiver {
  const { rule, outcome, fingerprint, maskedCode } = findingOf(evidence, id);
  if (outcome === 'pass') fail('usage', `${printable(id)}: passes; there is nothing to waive`);
  if (!isDay(expires)) fail('usage', `--expires ${printable(expires)}: must be a day, as YYYY-MM-DD`);
  if (expires < now) fail('usage', `--expires ${expires}: is past; it is ${now}`);
  for (const [flag, text, most] of [
    ['--reason', reason, 1000],
    ['--owner', owner, 200],
  ] as const) {
    if (text.trim() === '' || text.length > most) fail('usage', `${flag}: must have 1 to ${most} characters`);
  }
  const code = maskedCode === undefined ? {} : { code: maskedCode };
  return {
    rule,
    id: id.slice(0, 500),
    subject: fingerprint,
    ...code,
    reason,
    owner,
    expires,
    ...(approvedBy !== undefined && { approvedBy }),
  };
}

/** The policy with a waiver, which takes the place of one of the same finding. */
export function withWaiver(policy: PolicyText, waiver: Waiver): PolicyText {
  const { waivers = [] } = policy;
  const isSame = (one: Waiver): boolean => one.rule === waiver.rule && one.subject === waiver.subject;
  const at = waivers.findIndex(isSame);
  return { ...policy, waivers: at < 0 ? [...waivers, waiver] : waivers.map((one, i) => (i === at ? waiver : one)) };
}

/** The waiver that is to be approved, by the id of its finding or the beginning of its subject. Errors: 'usage'. */
export function waiverToApprove({ waivers = [] }: PolicyText, wanted: string): Waiver {
  const isSubject = /^[0-9a-f]{8,64}$/.test(wanted);
  const found = waivers.filter(({ id, subject }) => id === wanted || (isSubject && subject.startsWith(wanted)));
  const [one] = found;
  if (one !== undefined && found.length === 1) return one;
  if (one === undefined) return fail('usage', `${printable(wanted)}: the policy has no waiver of this id or subject`);
  const subjects = found.slice(0, 8).map(({ subject }) => subject.slice(0, 12));
  return fail(
    'usage',
    `${printable(wanted)}: several waivers have it; name one by its subject: ${subjects.join(', ')}`,
  );
}
