/**
 * What `casemate prove` says: the table by function with each obligation that does not hold below it, or JSON.
 */
import { type Diagnostic, locate } from '../analyzers/diagnostics.ts';
import { printable } from '../base/errors.ts';
import type { ShownReport } from '../pipeline/proved-before.ts';
import { marks, type ShownFunction, showResult } from '../proofs/report.ts';
import type { Counts } from '../proofs/smt/prover.ts';

function row({ function: subject, status, results }: ShownFunction, width: number): string {
  const proved = results.filter((result) => result.status === 'proved').length;
  const count = results.length === 0 ? 'nothing to prove' : `${proved} of ${results.length} obligations`;
  return `  ${marks[status].padEnd(7)}  ${printable(subject.name).padEnd(width)}  ${count}\n`;
}

/** Exit status of a report. */
export function proveStatus({ diagnostics, results }: Pick<ShownReport, 'diagnostics' | 'results'>): number {
  if (diagnostics.length > 0) return 2;
  if (results.some(({ status }) => status === 'failed')) return 1;
  return results.some(({ status }) => status === 'unknown') ? 3 : 0;
}

/** One function's verdict as JSON. */
export function functionJson(
  { function: subject, status, results }: ShownFunction,
  sources: ReadonlyMap<string, string>,
): object {
  return {
    name: subject.name,
    file: subject.span.file,
    status,
    obligations: results.map(({ obligation, status: one, by, diagnosis, values, parts }) => ({
      name: obligation.name,
      kind: obligation.kind,
      at: locate(sources, obligation.span),
      span: obligation.span,
      status: one,
      by,
      ...(diagnosis && { diagnosis }),
      ...(values && { values }),
      ...(parts && { parts }),
    })),
  };
}

/** What is wrong with a source, as JSON. */
export function diagnosticJson(
  { span, message, steps, advice: hint }: Diagnostic,
  sources: ReadonlyMap<string, string>,
): object {
  const way = steps?.map((step) => ({ at: locate(sources, step.span), span: step.span, text: step.text }));
  return { at: locate(sources, span), span, message, ...(way && { steps: way }), advice: hint };
}

/** The report as JSON: positions as offsets, integers of any size as strings. */
export function reportJson({ diagnostics, results, sources, assumptions, counts, before }: ShownReport): unknown {
  return {
    version: 1,
    diagnostics: diagnostics.map((diagnostic) => diagnosticJson(diagnostic, sources)),
    functions: results.map((result) => functionJson(result, sources)),
    assumptions,
    ...(before && { before }),
    ...(counts && { solving: solvingJson(counts) }),
  };
}

/** What asking took: of the machine, so not the same from run to run. */
export function solvingJson({ asked, started, lost, resident, believed, kept, notKept }: Counts): unknown {
  return { asked, cached: believed, kept, notKept, workers: started, lost, largestWorkerBytes: resident };
}

/** The same on one line. */
export function solvingText({ asked, started, lost, resident, believed, notKept }: Counts): string {
  const workers = started === 0 ? '' : `; ${started} workers, the largest of ${Math.ceil(resident / 2 ** 20)} MiB`;
  const gone = lost === 0 ? '' : `, ${lost} lost`;
  const unkept = notKept === 0 ? '' : `; ${notKept} answers could not be kept`;
  return `${asked} questions asked, ${believed} answers from the cache${workers}${gone}${unkept}\n`;
}

/** The report for people. */
export function reportText(
  report: ShownReport,
  flags: { readonly verbose?: boolean; readonly assumptions?: boolean },
): string {
  const parts: string[] = [];
  const { results, sources, assumptions } = report;
  const width = Math.max(...results.map(({ function: { name } }) => printable(name).length));
  const files = new Set(results.map(({ function: { span } }) => span.file));
  for (const file of files) {
    parts.push(`${printable(file)}\n`);
    for (const result of results) if (result.function.span.file === file) parts.push(row(result, width));
  }
  if (flags.verbose) {
    for (const { results: own } of results) {
      for (const { obligation, status, by } of own)
        parts.push(`  ${marks[status].padEnd(7)}  ${obligation.name}  by ${printable(by)}\n`);
    }
  }
  for (const { results: own } of results) {
    for (const result of own) if (result.status !== 'proved') parts.push(`\n${showResult(sources, result)}`);
  }
  if (flags.verbose && report.before) parts.push('\nproved by an earlier run; nothing has changed since\n');
  if (flags.verbose && report.counts !== undefined) parts.push(`\n${solvingText(report.counts)}`);
  if (flags.assumptions && assumptions.length > 0) {
    parts.push(`\nAssumed, not proved:\n${assumptions.map((line) => `  ${printable(line, 500)}\n`).join('')}`);
  }
  const sums = (['failed', 'unknown', 'proved', 'trusted'] as const).flatMap((kind) => {
    const n = results.filter(({ status }) => status === kind).length;
    return n === 0 ? [] : [`${n} ${kind}`];
  });
  parts.push(`\n${sums.join(', ')}\n`);
  return parts.join('');
}
