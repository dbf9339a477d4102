/**
 * Approvals: waivers that somebody in a role has signed, where the policy asks for that.
 *
 * Whoever may edit a policy may write a waiver into it; a policy can demand that one of a rule counts only when, say, the
 * security team has signed it, by a key that the policy names. An approval is a file by itself: a DSSE envelope around an
 * in-toto statement whose subject is the finding and which repeats the waiver, so that no word of it, its last day
 * included, can change afterwards. The statement is made anew of the policy and compared as a whole: nothing in an
 * approval is read for what it says but to tell people why it does not count. One key may not build and approve.
 */
import { CasemateError, fail, printable } from '../base/errors.ts';
import { createPublicKey } from '../base/node.ts';
import { canonicalJson } from './canonical.ts';
import {
  isSignature,
  type Key,
  keyIdOf,
  type ParsedEnvelope,
  parseEnvelope,
  preAuthenticated,
  requireKind,
  STATEMENT_TYPE,
} from './envelope.ts';
import type { PolicyText, Role, Waiver } from './policy.ts';

export const APPROVAL_TYPE = 'urn:casemate:waiver:1';

/** A file that may be an approval. */
export interface ApprovalFile {
  /** How messages name it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The key of a role. Errors: 'policy' for what is none; `where` names it. */
export function roleKey({ key: text }: Role, where: string): Key {
  const how = 'must be a public key, openssl pkey -pubin -in security.pub -outform DER | base64 -w0';
  const der = Buffer.from(text, 'base64');
  if (der.toString('base64') !== text) return fail('policy', `${where}: is not base64 in its one spelling; ${how}`);
  let key: Key['key'];
  try {
    key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    requireKind(key, where);
  } catch (error) {
    return fail('policy', error instanceof CasemateError ? error.message : `${where}: ${how}`);
  }
  return { id: keyIdOf(key), key };
}

/** What is signed of a waiver: all of it but remarks. */
function predicateOf({ $comment: _, ...waiver }: Waiver, role: string): Readonly<Record<string, unknown>> {
  return { ...waiver, approvedBy: role };
}

/** The statement by which a role approves a waiver. */
export function approvalText(waiver: Waiver, role: string): string {
  return canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: waiver.id ?? waiver.rule, digest: { sha256: waiver.subject } }],
    predicateType: APPROVAL_TYPE,
    predicate: predicateOf(waiver, role),
  });
}

/** The role that must have approved a waiver, by the policy's rule first; undefined where none must. */
export function approverOf({ rules }: PolicyText, { rule, approvedBy }: Waiver): string | undefined {
  return rules.find((one) => one.rule === rule)?.approvedBy ?? approvedBy;
}

interface ReadApproval extends ParsedEnvelope {
  readonly name: string;
}

/** What an approval says that is otherwise in the policy; undefined where it is about another finding. */
function differenceIn({ payload }: ReadApproval, waiver: Waiver, role: string): string | undefined {
  let said: unknown;
  try {
    said = JSON.parse(payload.toString('utf8'))?.predicate;
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const [theirs, ours] = [said as Readonly<Record<string, unknown>>, predicateOf(waiver, role)];
  if (theirs['subject'] !== waiver.subject) return undefined;
  const show = (value: unknown): string => printable(JSON.stringify(value) ?? 'nothing', 200);
  const key = [...Object.keys(ours), ...Object.keys(theirs)].find((one) => show(ours[one]) !== show(theirs[one]));
  return key === undefined
    ? 'says more'
    : `its ${printable(key, 60)} is ${show(theirs[key])}; the policy says ${show(ours[key])}`;
}

/** Why a waiver is not approved; undefined: it is. */
function whyNot(waiver: Waiver, role: string, key: Key, files: readonly ReadApproval[]): string | undefined {
  const wanted = approvalText(waiver, role);
  const own = files.filter(({ payload }) => payload.toString('utf8') === wanted);
  const isSigned = ({ payload, signatures: [one, ...more] }: ReadApproval): boolean =>
    more.length === 0 && one?.keyid === key.id && isSignature(preAuthenticated(payload), key, one.sig);
  if (own.some(isSigned)) return undefined;
  const [forged] = own;
  if (forged !== undefined) return `${printable(forged.name)}: is not signed by the key of ${role}, ${key.id}, alone`;
  for (const file of files) {
    const difference = differenceIn(file, waiver, role);
    if (difference !== undefined) return `${printable(file.name)}: approves another waiver: ${difference}`;
  }
  return `nobody has approved it for ${role} (casemate approve, then --approval FILE)`;
}

export interface Approvals {
  /** Why a waiver that needs an approval has none that counts. */
  readonly whyNot: (waiver: Waiver) => string | undefined;
  /** Files that are no approvals, each with why. */
  readonly problems: readonly string[];
}

/** `builders`: ids of the keys that signed the bundle. Errors: 'policy'. */
export function judgeApprovals(
  policy: PolicyText,
  files: readonly ApprovalFile[],
  builders: readonly string[],
): Approvals {
  const problems: string[] = [];
  const read = files.flatMap(({ name, bytes }): ReadApproval[] => {
    try {
      return [{ name, ...parseEnvelope(bytes, printable(name)) }];
    } catch (error) {
      if (!(error instanceof CasemateError)) throw error;
      problems.push(error.message);
      return [];
    }
  });
  return {
    problems,
    whyNot: (waiver) => {
      const role = approverOf(policy, waiver);
      if (role === undefined) return undefined;
      const key = roleKey(policy.roles![role]!, `role ${role}`);
      if (builders.includes(key.id)) return `the key of ${role} signed the bundle too; who builds cannot approve`;
      return whyNot(waiver, role, key, read);
    },
  };
}
