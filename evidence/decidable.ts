/**
 * All of evidence that a policy can decide on, in one shape: what rules found in the image, and what was proved, erased
 * and validated in its functions.
 *
 * A gate that knew only findings would let an unproved obligation through. So each obligation, function with secrets and
 * validated function becomes a finding of a rule of its own, with the id and the fingerprint that evidence gives it.
 * What nobody looked at is not turned into anything here: the gate asks of every listed rule whether it has findings.
 */
import type { Outcome, State } from '../hardening/finding.ts';
import type {
  Evidence,
  EvidenceCoqClaim,
  EvidenceCoqRefusal,
  EvidenceErasure,
  EvidenceFinding,
  EvidenceObligation,
  EvidenceValidation,
  EvidenceVerified,
  Sha256,
} from './evidence.ts';
import { hashOf, withoutAddresses } from './identity.ts';

/** Where in the project's sources a finding is, as those name themselves. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Decidable extends EvidenceFinding {
  readonly place?: SourcePlace;
}

/** The code that something is about, where evidence has it. */
const codeOf = ({ maskedCode }: { readonly maskedCode?: Sha256 }) => (maskedCode === undefined ? {} : { maskedCode });

const first = { version: 1, state: 'declared' as State };

const proofOutcomes = { proved: 'pass', failed: 'fail', unknown: 'unknown' } as const;

function ofObligation(one: EvidenceObligation): Decidable {
  const { id, fingerprint, file, line, column, status, by, contract } = one;
  const found = { proved: 'proved by', failed: 'does not hold; found by', unknown: 'nobody knows' }[status];
  return {
    ...first,
    ...{ id, fingerprint, rule: 'proof', outcome: proofOutcomes[status] },
    message: `${one.function}: ${one.kind}: ${found}${status === 'unknown' ? ':' : ''} ${by}`,
    details: contract === '' ? [] : [contract],
    place: { file, line, column },
  };
}

const verifiedTexts = {
  proved: 'the code in the image is what was proved',
  relying: 'the code in the image is what was proved, and relies on functions of other languages',
  waived: 'built although its proof does not hold, by a waiver of the manifest',
  lost: 'proved, but not of the code in the image',
};

/** A function without code in the image decides nothing; one that the manifest waives is not proved. */
function ofVerified(one: EvidenceVerified): Decidable[] {
  const { function: name, status, relies, reason } = one;
  if (status === 'absent') return [];
  const outcome: Outcome = status === 'proved' || status === 'relying' ? 'pass' : 'unknown';
  const details = [...(reason === undefined ? [] : [reason]), ...relies.map((each) => `relies on ${each}`)];
  return [
    {
      ...first,
      ...{ id: `verified:${name}`, rule: 'verified', outcome, message: `${name}: ${verifiedTexts[status]}`, details },
      ...codeOf(one),
      fingerprint: hashOf('verified', name, status, one.maskedCode ?? '', ...details.map(withoutAddresses)),
    },
  ];
}

const erasureOutcomes = { erased: 'pass', residue: 'fail', unknown: 'unknown' } as const;

function ofErasure(one: EvidenceErasure): Decidable {
  const { id, fingerprint, function: name, outcome, waived, parts } = one;
  const left = parts.filter((part) => part.outcome !== 'erased');
  const found = { erased: 'leaves no secret behind', residue: 'leaves a secret behind', unknown: 'nobody knows' }[
    outcome
  ];
  return {
    ...first,
    ...{ id, fingerprint, rule: 'erasure', outcome: erasureOutcomes[outcome], ...codeOf(one) },
    message: `${name}: ${found}${left.length === 0 ? '' : `: ${left.map(({ part }) => part).join(', ')}`}${waived ? '; waived by the manifest, which does not decide here' : ''}`,
    details: left.flatMap(({ part, details }) => details.map((line) => `${part}: ${line}`)),
  };
}

const validationOutcomes = { validated: 'pass', refuted: 'fail', undecided: 'unknown' } as const;

function ofValidation(one: EvidenceValidation): Decidable {
  const { id, fingerprint, function: name, verdict, reason, callees } = one;
  const found = {
    validated: 'does what its source says',
    refuted: 'differs from its source',
    undecided: 'nobody knows',
  };
  return {
    ...first,
    ...{ id, fingerprint, rule: 'validation', outcome: validationOutcomes[verdict], ...codeOf(one) },
    message: `${name}: ${found[verdict]}${reason === undefined ? '' : `: ${reason}`}`,
    details: callees.filter((each) => each.verdict === 'assumed').map((each) => `assumes ${each.function}`),
  };
}

const inCoq = { ...first, rule: 'coq', details: [] };

function ofCoqClaim({ id, fingerprint, function: name, statement, status, by, ...at }: EvidenceCoqClaim): Decidable {
  const { file, line, column } = at;
  const found = status === 'closed' ? `closed by ${by}, with no axiom` : `open: ${by}`;
  return {
    ...{ ...inCoq, id, fingerprint, outcome: status === 'closed' ? 'pass' : 'unknown' },
    ...{ message: `${name}: ${statement} ${found}`, place: { file, line, column } },
  };
}

function ofCoqRefusal({ id, fingerprint, name, reason, file, line, column }: EvidenceCoqRefusal): Decidable {
  const message = `${name}: has no form in Coq: ${reason}`;
  return { ...inCoq, id, fingerprint, outcome: 'unknown', message, place: { file, line, column } };
}

/** Everything to decide on, in the order of the evidence. */
export function decidables(evidence: Evidence): Decidable[] {
  return [
    ...evidence.findings,
    ...(evidence.proofs?.obligations ?? []).map(ofObligation),
    ...(evidence.proofs?.coq?.claims ?? []).map(ofCoqClaim),
    ...(evidence.proofs?.coq?.refusals ?? []).map(ofCoqRefusal),
    ...(evidence.proofs?.functions ?? []).flatMap(ofVerified),
    ...(evidence.validation ?? []).map(ofValidation),
    ...(evidence.erasure ?? []).map(ofErasure),
  ];
}

/** Why evidence need not have a finding of a rule; undefined where it must. */
export function needlessRule(evidence: Evidence, rule: string): string | undefined {
  const { proofs, erasure } = evidence;
  const without = 'the project has no verified TypeScript';
  if (rule === 'proof' || rule === 'validation' || rule === 'coq') return proofs === undefined ? without : undefined;
  if (rule === 'verified') {
    if (proofs === undefined) return without;
    const absent = proofs.functions.every(({ status }) => status === 'absent');
    return absent ? 'the image has no code of verified TypeScript' : undefined;
  }
  if (rule === 'erasure' && erasure === undefined) return 'no input says that a function handles secrets';
  return undefined;
}
