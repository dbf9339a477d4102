/**
 * policy.json: by which rules a release is decided on.
 *
 * Whoever answers for releases says here which rules count, and in which version they were reviewed: a checker whose
 * rules change under a pinned policy must not turn a pass into a failure, or worse, silently the other way round. Waivers
 * stand in the same file, so that whoever reviews a change of the policy sees what is accepted, by whom and until when.
 *
 * The shape is docs/schema/policy.schema.json; what a schema cannot say is checked here. The policy's hash is of the
 * bytes of its file, so a verdict names exactly the text that a reader can hold in hand.
 */

import { policy as accepts } from '../base/accepts.gen.ts';
import { fail, printable } from '../base/errors.ts';
import { type At, pointerStep } from '../base/json.ts';
import { parseBySchema } from '../base/json-schema.ts';
import { createHash } from '../base/node.ts';
import schema from '../docs/schema/policy.schema.json';
import type { State } from '../hardening/finding.ts';
import { roleKey } from './approvals.ts';
import { isDay } from './days.ts';
import type { EvidenceImage, Sha256 } from './evidence.ts';

export type Level = 'error' | 'warn' | 'off';

export interface PolicyRule {
  readonly $comment?: string;
  readonly rule: string;
  readonly version: number;
  readonly level: Level;
  /** A pass on a weaker ground is none. */
  readonly state?: State;
  /** Absent: images of all targets. */
  readonly targets?: readonly EvidenceImage['target'][];
  /** A role that must have signed each waiver of the rule (approvals.ts). */
  readonly approvedBy?: string;
}

/** Who approves waivers. */
export interface Role {
  readonly $comment?: string;
  /** Its public key: base64 of SubjectPublicKeyInfo in DER. */
  readonly key: string;
}

/** Each is a bound that is still allowed. */
export interface Thresholds {
  readonly $comment?: string;
  readonly entropyBits?: number;
  readonly canaryPercent?: number;
  readonly unknowns?: number;
  readonly coqOpen?: number;
  readonly assumptions?: number;
  readonly imageBytes?: number;
  readonly tcbBytes?: number;
}

export interface Waiver {
  readonly $comment?: string;
  readonly rule: string;
  /** Of the finding, for readers. */
  readonly id?: string;
  /** The finding's fingerprint. */
  readonly subject: Sha256;
  /** Of the code that was read (maskedCode of the finding): by it a waiver that became stale says why. */
  readonly code?: Sha256;
  readonly reason: string;
  readonly owner: string;
  /** The last day on which it counts. */
  readonly expires: string;
  /** A role that must have signed it, where its rule says none. */
  readonly approvedBy?: string;
}

/** A policy as its file has it. */
export interface PolicyText {
  readonly $schema?: string;
  readonly $comment?: string;
  readonly version: 1;
  readonly name: string;
  readonly unlisted: Level;
  readonly roles?: Readonly<Record<string, Role>>;
  readonly rules: readonly PolicyRule[];
  readonly thresholds?: Thresholds;
  readonly waivers?: readonly Waiver[];
}

export interface Policy extends PolicyText {
  readonly waivers: readonly Waiver[];
  /** Of the file's bytes. */
  readonly sha256: Sha256;
}

/** Largest policy that is read, bytes. */
export const LARGEST_POLICY = 16 * 1024 * 1024;

/** The first two of a list that are the same by `key`. */
function repeated<T>(all: readonly T[], key: (one: T) => string): [number, number] | undefined {
  const seen = new Map<string, number>();
  for (const [i, one] of all.entries()) {
    const earlier = seen.get(key(one));
    if (earlier !== undefined) return [earlier, i];
    seen.set(key(one), i);
  }
  return undefined;
}

/** That roles have keys, and that those who approve are among them. */
function checkRoles({ rules, waivers = [], roles = {} }: PolicyText, at: At): void {
  for (const [name, role] of Object.entries(roles))
    roleKey(role, at(`/roles${pointerStep(name)}${pointerStep('key')}`));
  const check = (list: string, all: readonly { readonly approvedBy?: string }[]): void => {
    for (const [i, { approvedBy }] of all.entries())
      if (approvedBy !== undefined && !Object.hasOwn(roles, approvedBy))
        fail(
          'policy',
          `${at(`/${list}/${i}/approvedBy`)}: found "${approvedBy}"; roles has ${Object.keys(roles).join(', ') || 'none'}`,
        );
  };
  check('rules', rules);
  check('waivers', waivers);
}

function checkMeaning({ rules, waivers = [] }: PolicyText, at: At): void {
  const rule = repeated(rules, (one) => one.rule);
  if (rule !== undefined) {
    const [earlier, i] = rule;
    fail('policy', `${at(`/rules/${i}/rule`)}: found "${rules[i]!.rule}" again; rules[${earlier}] has it: keep one`);
  }
  for (const [i, { expires }] of waivers.entries()) {
    if (!isDay(expires))
      fail('policy', `${at(`/waivers/${i}${pointerStep('expires')}`)}: found "${expires}"; there is no such day`);
  }
  const waiver = repeated(waivers, (one) => `${one.rule} ${one.subject}`);
  if (waiver !== undefined) {
    const [earlier, i] = waiver;
    const where = at(`/waivers/${i}/subject`);
    fail('policy', `${where}: waivers[${earlier}] waives the same finding of "${waivers[i]!.rule}": keep one`);
  }
}

/** Reads the bytes of a policy; `file` is how messages name it. */
export function parsePolicy(bytes: Uint8Array, file: string): Policy {
  if (bytes.length > LARGEST_POLICY)
    fail('limit', `${printable(file)}: ${bytes.length} bytes; a policy has at most ${LARGEST_POLICY}`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fail('policy', `${printable(file)}: holds bytes that are no UTF-8; save it as UTF-8`);
  }
  const { value, at } = parseBySchema(text, file, { schema, accepts }, 'policy');
  const policy = value as PolicyText;
  checkMeaning(policy, at);
  checkRoles(policy, at);
  return { ...policy, waivers: policy.waivers ?? [], sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** A policy as it is written to a file. */
export const policyText = (policy: PolicyText): string => `${JSON.stringify(policy, null, 2)}\n`;
