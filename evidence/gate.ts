/**
 * The gate: evidence, a policy and a day in, a verdict out.
 *
 * A release passes when nothing that the policy calls an error failed, and nothing of it is unknown. So that leaving a
 * check out is no way through, each listed rule must have findings, of the version that the policy pins and on the ground
 * that it asks for; what is missing is undecided. A failure outranks what is undecided: status 1, then 3, then 0.
 *
 * The verdict names what it rests on, by hashes: evidence, image, policy, the day, and whose signature. Whoever distrusts
 * the policy decides again under one of their own.
 */
import type { Finding, Outcome, State } from '../hardening/finding.ts';
import { type ApprovalFile, type Approvals, judgeApprovals } from './approvals.ts';
import { type BaselineState, type Compared, compare } from './baseline.ts';
import { type Decidable, decidables, needlessRule, type SourcePlace } from './decidable.ts';
import type { Evidence, EvidenceImage, Sha256 } from './evidence.ts';
import type { Level, Policy, PolicyRule, Waiver } from './policy.ts';
import { type StaleWaiver, staleWaivers } from './stale.ts';
import { keeps, type Measured, measure } from './thresholds.ts';

/** known: the older release has it as well; warned: fails or is unknown, and the policy lets it. */
export type Result = 'failed' | 'undecided' | 'warned' | 'waived' | 'known' | 'passed';

export const results: readonly Result[] = ['failed', 'undecided', 'warned', 'waived', 'known', 'passed'];

export interface Decision {
  readonly id: string;
  readonly rule: string;
  readonly version?: number;
  readonly level: Exclude<Level, 'off'>;
  readonly result: Result;
  readonly outcome: Outcome;
  /** Absent for what is of the policy and not of the image: missing rules, thresholds. */
  readonly state?: State;
  readonly message: string;
  readonly details: readonly string[];
  /** Absent for what cannot be waived. */
  readonly fingerprint?: Sha256;
  readonly place?: SourcePlace;
  /** How to mend it, where no page of a rule says so. */
  readonly fix?: string;
  /** That waives it, or did until it expired. */
  readonly waiver?: Waiver;
  readonly isExpired?: boolean;
  /** Why a waiver that a role must approve does not count. */
  readonly unapproved?: string;
  /** Against an older release. */
  readonly baseline?: BaselineState;
}

/** Whose word the evidence is. */
export type Trust = { readonly kind: 'signed'; readonly key: string } | { readonly kind: 'unsigned' };

export interface Gated {
  readonly evidence: Evidence;
  /** Of its text. */
  readonly sha256: Sha256;
  readonly trust: Trust;
}

export interface GateRequest extends Gated {
  readonly policy: Policy;
  /** The day, `YYYY-MM-DD`. */
  readonly now: string;
  /** An older release: only what is new or worse decides. */
  readonly against?: Gated;
  /** What roles of the policy have signed. */
  readonly approvals?: readonly ApprovalFile[];
}

export interface Verdict {
  readonly format: 'casemate-verdict';
  readonly version: 1;
  readonly status: 0 | 1 | 3;
  readonly now: string;
  readonly image: Pick<EvidenceImage, 'name' | 'sha256' | 'size' | 'target'>;
  readonly evidence: { readonly sha256: Sha256; readonly trust: Trust };
  readonly against?: { readonly sha256: Sha256; readonly trust: Trust };
  readonly policy: { readonly name: string; readonly sha256: Sha256 };
  /** Gravest first; of equal ones in the order of the evidence. */
  readonly decisions: readonly Decision[];
  /** Findings by which only the older release was worse: ids that this one has not. */
  readonly gone: readonly string[];
  /** Waivers past their day, and those that nothing here needs. */
  readonly expired: readonly Waiver[];
  readonly stale: readonly StaleWaiver[];
  /** Files that were given as approvals and are none. */
  readonly noApprovals?: readonly string[];
}

/** What decisions are made with. */
interface Ground {
  readonly request: GateRequest;
  readonly rules: ReadonlyMap<string, PolicyRule>;
  readonly waivers: ReadonlyMap<string, Waiver>;
  readonly approvals: Approvals;
  readonly old: ReadonlyMap<string, Decidable> | undefined;
}

const waiverKey = (rule: string, fingerprint: Sha256): string => `${rule} ${fingerprint}`;

const levelOf = ({ request, rules }: Ground, rule: string): Level => rules.get(rule)?.level ?? request.policy.unlisted;

/** What a finding that does not pass, and is not waived, comes to. */
function graveResult(level: Level, outcome: Outcome, compared: Compared | undefined): Result {
  if (level === 'warn') return 'warned';
  if (compared !== undefined && !compared.isWorse) return 'known';
  return outcome === 'fail' ? 'failed' : 'undecided';
}

/** A decision on one finding; none where its rule is off. */
function decide(ground: Ground, finding: Decidable): Decision[] {
  const level = levelOf(ground, finding.rule);
  if (level === 'off') return [];
  const { id, rule, version, outcome, state, message, details, fingerprint, place } = finding;
  const compared = ground.old && compare(finding, ground.old.get(id));
  // Most findings of a large image pass: what they need not have costs nothing.
  if (outcome === 'pass' && compared === undefined && place === undefined)
    return [{ id, rule, version, level, result: 'passed', outcome, state, message, details, fingerprint }];
  const waiver = outcome === 'pass' ? undefined : ground.waivers.get(waiverKey(rule, fingerprint));
  const isExpired = waiver !== undefined && waiver.expires < ground.request.now;
  const unapproved = waiver && ground.approvals.whyNot(waiver);
  let result: Result = 'passed';
  if (outcome !== 'pass')
    result = waiver && !isExpired && unapproved === undefined ? 'waived' : graveResult(level, outcome, compared);
  return [
    {
      ...{ id, rule, version, level, result, outcome, state, message, details, fingerprint },
      ...(place && { place }),
      ...(waiver && { waiver }),
      ...(isExpired && { isExpired }),
      ...(unapproved !== undefined && { unapproved }),
      ...(compared && { baseline: compared.state }),
    },
  ];
}

const grounds: readonly State[] = ['declared', 'enforced', 'exercised'];

/** What is wrong with a listed rule as a whole: no findings, another version's, or on too weak a ground. */
function ruleProblems(
  { request: { evidence } }: Ground,
  rule: PolicyRule,
  findings: readonly Pick<Finding, 'version' | 'outcome' | 'state'>[],
): Pick<Decision, 'id' | 'outcome' | 'message' | 'fix'>[] {
  if (findings.length === 0) {
    const isOther = rule.targets !== undefined && !rule.targets.includes(evidence.image.target);
    const needless = needlessRule(evidence, rule.rule);
    if (isOther) return [];
    if (needless !== undefined) return [{ id: `${rule.rule}:needless`, outcome: 'pass', message: needless }];
    const fix = 'build with what makes these findings, or set the rule to "off" if this project has no use for it';
    return [
      { id: `${rule.rule}:missing`, outcome: 'unknown', message: 'the evidence has no finding of this rule', fix },
    ];
  }
  const other = findings.find(({ version }) => version !== rule.version);
  const least = grounds.indexOf(rule.state ?? 'declared');
  const isWeak = !findings.some(({ outcome, state }) => outcome === 'pass' && grounds.indexOf(state) >= least);
  const passes = findings.every(({ outcome }) => outcome === 'pass');
  return [
    ...(other === undefined
      ? []
      : [
          {
            id: `${rule.rule}:version`,
            outcome: 'unknown' as const,
            message: `the evidence is of version ${other.version}; the policy pins ${rule.version}`,
            fix: 'read what changed in the rule, then pin the new version; or build with the casemate of the pinned one',
          },
        ]),
    ...(isWeak && passes
      ? [
          {
            id: `${rule.rule}:state`,
            outcome: 'fail' as const,
            message: `passes, and nothing of it is ${rule.state}`,
            fix: 'harden the image so that page tables enforce it; or run the probes, if it must be exercised',
          },
        ]
      : []),
  ];
}

/** Decisions on a listed rule as a whole. */
function decideRule(
  ground: Ground,
  rule: PolicyRule,
  findings: readonly Decidable[],
  old: Ground | undefined,
): Decision[] {
  const { level } = rule;
  if (level === 'off') return [];
  const before = new Set(
    old === undefined
      ? []
      : ruleProblems(
          old,
          rule,
          [...ground.old!.values()].filter((one) => one.rule === rule.rule),
        ).map(({ id }) => id),
  );
  return ruleProblems(ground, rule, findings).map((problem) => {
    const compared: Compared | undefined = old && {
      state: before.has(problem.id) ? 'unchanged' : 'new',
      isWorse: !before.has(problem.id),
    };
    return {
      ...{ ...problem, rule: rule.rule, version: rule.version, level, details: [] },
      result: problem.outcome === 'pass' ? 'passed' : graveResult(level, problem.outcome, compared),
      ...(compared && { baseline: compared.state }),
    };
  });
}

/** How a bound was kept in the older release; undefined where there is none. */
function compareMeasured(now: Measured, old: Measured | undefined): Compared | undefined {
  if (old === undefined) return undefined;
  if (now.found === undefined || old.found === undefined)
    return { state: now.found === old.found ? 'unchanged' : 'updated', isWorse: now.found !== old.found };
  const further = now.isLeast ? old.found - now.found : now.found - old.found;
  return { state: further === 0 ? 'unchanged' : 'updated', isWorse: further > 0 };
}

function decideThreshold(measured: Measured, old: Measured | undefined): Decision {
  const { name, what, bound, found, isLeast, fix } = measured;
  const wanted = `${isLeast ? 'at least' : 'at most'} ${bound} allowed`;
  // That too much is unknown shows nothing to be wrong.
  const broken: Outcome = name === 'unknowns' ? 'unknown' : 'fail';
  const outcome = found === undefined ? 'unknown' : keeps(measured, found) ? 'pass' : broken;
  const compared = compareMeasured(measured, old);
  return {
    ...{ id: `threshold:${name}`, rule: 'threshold', level: 'error', outcome, details: [] },
    result: outcome === 'pass' ? 'passed' : graveResult('error', outcome, compared),
    message:
      found === undefined ? `the evidence does not say how many ${what}; ${wanted}` : `${found} ${what}; ${wanted}`,
    ...(outcome === 'pass' ? {} : { fix }),
    ...(compared && { baseline: compared.state }),
  };
}

/** Findings that count as unknown for the policy's bound. */
function unknownsOf(all: readonly Decidable[], ground: Ground): Decidable[] {
  return all.filter(({ rule, outcome, fingerprint }) => {
    if (outcome !== 'unknown' || levelOf(ground, rule) === 'off') return false;
    const waiver = ground.waivers.get(waiverKey(rule, fingerprint));
    return waiver === undefined || waiver.expires < ground.request.now || ground.approvals.whyNot(waiver) !== undefined;
  });
}

function byRule(all: readonly Decidable[]): Map<string, Decidable[]> {
  const rules = new Map<string, Decidable[]>();
  for (const one of all) {
    const found = rules.get(one.rule);
    if (found === undefined) rules.set(one.rule, [one]);
    else found.push(one);
  }
  return rules;
}

export function gate(request: GateRequest): Verdict {
  const { evidence, policy, now, against, trust } = request;
  // Ids of several keys are one text in a verdict.
  const builders = trust.kind === 'signed' ? trust.key.split(', ') : [];
  const approvals = judgeApprovals(policy, request.approvals ?? [], builders);
  const all = decidables(evidence);
  const oldAll = against && decidables(against.evidence);
  const ground: Ground = {
    request,
    rules: new Map(policy.rules.map((rule) => [rule.rule, rule])),
    waivers: new Map(policy.waivers.map((waiver) => [waiverKey(waiver.rule, waiver.subject), waiver])),
    approvals,
    old: oldAll && new Map(oldAll.map((one) => [one.id, one])),
  };
  const oldGround = against && { ...ground, request: { ...request, evidence: against.evidence } };
  const found = byRule(all);
  const measured = measure(policy.thresholds ?? {}, evidence, unknownsOf(all, ground));
  const oldMeasured = against && measure(policy.thresholds ?? {}, against.evidence, unknownsOf(oldAll ?? [], ground));
  const decisions = [
    ...all.flatMap((one) => decide(ground, one)),
    ...policy.rules.flatMap((rule) => decideRule(ground, rule, found.get(rule.rule) ?? [], oldGround)),
    ...measured.map((one, i) => decideThreshold(one, oldMeasured?.[i])),
  ];
  const used = new Set(
    all.flatMap(({ rule, outcome, fingerprint }) => (outcome === 'pass' ? [] : [waiverKey(rule, fingerprint)])),
  );
  const ids = new Set(all.map(({ id }) => id));
  const { name, sha256, size, target } = evidence.image;
  const has = (result: Result): boolean => decisions.some((one) => one.result === result);
  return {
    ...{ format: 'casemate-verdict', version: 1, status: has('failed') ? 1 : has('undecided') ? 3 : 0, now },
    image: { name, sha256, size, target },
    evidence: { sha256: request.sha256, trust: request.trust },
    ...(against && { against: { sha256: against.sha256, trust: against.trust } }),
    policy: { name: policy.name, sha256: policy.sha256 },
    decisions: results.flatMap((result) => decisions.filter((one) => one.result === result)),
    gone: (oldAll ?? []).filter(({ id, outcome }) => outcome !== 'pass' && !ids.has(id)).map(({ id }) => id),
    expired: policy.waivers.filter(({ expires }) => expires < now),
    ...(approvals.problems.length > 0 && { noApprovals: approvals.problems }),
    stale: staleWaivers(
      policy.waivers.filter(({ rule, subject }) => !used.has(waiverKey(rule, subject))),
      all,
    ),
  };
}
