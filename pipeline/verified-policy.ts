/**
 * What a build lets pass of its TypeScript: every obligation proved, but for functions that the manifest waives by name and
 * with a reason. Under a strict policy nothing is assumed in silence either: a function of the project's C that is
 * trusted, or a precondition that nothing tests when C calls, is waived by name or an error, and a function whose proof
 * says nothing of the image is an error.
 *
 * A waiver passes on: who calls what is waived is proved only as far as that keeps its contract. Such a function is named
 * with what it relies on, wherever it is shown, and under a strict policy it has to be waived itself.
 */
import { locate } from '../analyzers/diagnostics.ts';
import { isOfPlatform } from '../analyzers/platform.ts';
import { fail, printable } from '../base/errors.ts';
import type { Lowered } from '../lowering/c/lower.ts';
import { showResult } from '../proofs/report.ts';
import type { Audit } from './audit.ts';
import type { At, Manifest } from './manifest.ts';
import type { BuiltReport, BuiltVerdict } from './proved-before.ts';
import { functionName, isUnproved, reliedOn, trustedFunctions } from './verified-record.ts';

export interface PolicyJob {
  readonly manifest: Manifest;
  readonly at: At;
  /** Lines for the user. */
  readonly note: (text: string) => void;
}

/** What the manifest waives of what is not proved; a waiver of nothing is an error. */
function waived(job: PolicyJob, { results }: BuiltReport): ReadonlySet<string> {
  const open = new Set<string>();
  for (const [i, { function: name, reason }] of (job.manifest.waive ?? []).entries()) {
    const found = results.find(({ function: subject }) => functionName(subject) === name);
    const shown = printable(name);
    if (found === undefined) {
      const all = results.map(({ function: subject }) => printable(functionName(subject)));
      const listed = `${all.slice(0, 10).join(', ')}${all.length > 10 ? ', ...' : ''}`;
      fail('manifest', `${job.at(`/waive/${i}/function`)}: there is no function ${shown}; there are ${listed}`);
    }
    open.add(name);
    const state = { proved: 'proved', trusted: 'trusted', failed: 'not proved', unknown: 'not proved (undecided)' };
    job.note(`casemate: warning: ${shown}: ${state[found.status]}, waived: ${printable(reason, 1000)}`);
  }
  return open;
}

/** Stops the build at the first obligation that does not hold, after showing all of them. */
export function requireProofs(job: PolicyJob, report: BuiltReport): void {
  const exempt = waived(job, report);
  const isOpen = ({ status, function: subject }: BuiltVerdict): boolean =>
    (status === 'failed' || status === 'unknown') && !exempt.has(functionName(subject));
  const open = report.results.filter(isOpen);
  if (open.length === 0) return;
  const failing = open.flatMap(({ function: subject, open: results }) =>
    results.map((result) => ({ subject, result })),
  );
  for (const { result } of failing) job.note(showResult(report.sources, result).trimEnd());
  const { subject, result } = failing.find((one) => one.result.status === 'failed') ?? failing[0];
  const { obligation, status } = result;
  const clause = printable(obligation.text.replace(/\s+/g, ' '), 200);
  const more = failing.length > 1 ? ` (and ${failing.length - 1} more above)` : '';
  const what = `${locate(report.sources, obligation.span)}: ${printable(subject.name)}: ${obligation.kind}: ${clause}`;
  const next = `correct it, or waive ${printable(functionName(subject))} in "waive" and say why`;
  if (status === 'failed') fail('unproved', `${what}: is not proved${more}; ${next}`);
  fail('undecided', `${what}: no solver decides it${more}; split the claim, raise --budget, or ${next}`);
}

interface Assumed {
  /** That the manifest may waive. */
  readonly name: string;
  readonly text: string;
}

/** What is assumed of the project's C, and of lemmas that are trusted. */
function assumedOfC(unit: Lowered, results: readonly BuiltVerdict[]): Assumed[] {
  const trusted = trustedFunctions(unit, results).filter((fn) => !isOfPlatform(fn));
  return [
    ...trusted.map((fn) => ({ name: functionName(fn), text: 'is trusted: nothing of it is proved' })),
    ...unit.unchecked.map(({ function: fn, clause, reason }) => ({
      name: functionName(fn),
      text: `requires ${clause.text}, which nothing tests when C calls it: ${reason}`,
    })),
  ];
}

/** Proofs of what is built that take for granted what is not proved. */
function assumedOfTypeScript({ program }: Lowered, results: readonly BuiltVerdict[]): Assumed[] {
  const relied = reliedOn(results, isUnproved);
  const unproved = new Set(results.filter(isUnproved).map(({ function: { key } }) => key));
  return program.functions.flatMap((fn) => {
    const names = unproved.has(fn.key) ? [] : (relied.get(fn.key) ?? []).map(functionName);
    return names.length === 0 ? [] : [{ name: functionName(fn), text: `proved, relying on ${names.join(', ')}` }];
  });
}

/** Warns of proofs that rely on what is waived, and stops a strict build that would assume what the manifest does not name. */
export function requireNoAssumptions(
  job: PolicyJob,
  unit: Lowered,
  results: readonly BuiltVerdict[],
  strict: boolean,
): void {
  const named = new Set((job.manifest.waive ?? []).map(({ function: name }) => name));
  const relying = assumedOfTypeScript(unit, results);
  const open = strict ? [...assumedOfC(unit, results), ...relying].filter(({ name }) => !named.has(name)) : [];
  if (open.length === 0) {
    for (const { name, text } of relying) job.note(`casemate: warning: ${printable(name)}: ${printable(text, 500)}`);
    return;
  }
  const lines = open.map(({ name, text }) => printable(`${name}: ${text}`, 500));
  for (const line of lines.slice(1)) job.note(line);
  const more = lines.length > 1 ? ` (and ${lines.length - 1} more above)` : '';
  fail('unproved', `${lines[0]}${more}; a strict build assumes nothing: waive ${printable(open[0].name)} and say why`);
}

/** Warns of what an image has lost, and stops a strict build then. */
export function requireStatus(job: Pick<PolicyJob, 'note'>, { functions }: Audit, strict: boolean): void {
  const lost = functions.filter(({ status }) => status === 'lost');
  const lines = lost.map((fn) =>
    printable(`${fn.function}: what is proved does not hold in the image: ${fn.reason}`, 500),
  );
  for (const line of strict ? lines.slice(1) : lines) job.note(`casemate: warning: ${line}`);
  if (strict && lines.length > 0) fail('unproved', `${lines[0]}; a strict build stops here`);
}
