/**
 * `casemate prove FILE...`: proves that annotated TypeScript does what its contracts say, for all inputs.
 *
 * A table by function, below it each obligation that does not hold: the clause, its place, values, what to do. The exit
 * status is that of the gravest: 2 something in a file cannot be verified at all, 1 an obligation is false or a proof
 * too weak, 3 undecided and none failed, 0 all proved. A file without any contract is wrong usage: nothing was proved.
 * The work is loaded when it is run, because the TypeScript compiler comes with it.
 */
import { Command, InvalidArgumentError } from 'commander';
import { excerpt, locate, showDiagnostic } from '../analyzers/diagnostics.ts';
import { fail, printable } from '../base/errors.ts';
import type { ProveReport } from '../pipeline/prove.ts';
import { assumptionsOf, type FunctionResult, type Result } from '../proofs/report.ts';
import { defaultSteps } from '../proofs/smt/steps.ts';
import { printWhole } from './output.ts';

const examples = `
Contracts stand in JSDoc (@requires, @ensures, @modifies, @decreases, @pure) and in loops (invariant, decreases);
docs/contracts.md teaches them. Only functions with a contract are looked at.

Exit status: 0 all proved; 1 an obligation fails; 2 wrong usage, or something that cannot be verified; 3 undecided.

Examples:
  casemate prove ring.ts
  casemate prove --json src/*.ts > proofs.json
  casemate prove --assumptions ring.ts`;

interface Flags {
  readonly json?: boolean;
  readonly assumptions?: boolean;
  readonly budget: number;
  readonly crossCheck?: boolean;
  readonly cache: string | boolean;
  readonly verbose?: boolean;
}

const marks = { proved: 'proved', failed: 'FAILED', unknown: 'unknown', trusted: 'trusted' } as const;

const advice: Readonly<Record<string, string>> = {
  'confirmed bug': 'a confirmed bug: running the function on these values breaks it',
  'too weak':
    'not proved: in a state that the contracts and invariants allow it is false. Is an invariant or a precondition too weak?',
  vacuous:
    'vacuous: no state satisfies it, so nothing here is ever run; the contract contradicts itself, or the code is dead',
  unknown: 'undecided',
};

/** One obligation that does not hold, with its line. */
export function showResult(
  sources: ReadonlyMap<string, string>,
  { obligation, diagnosis, by, values, status }: Result,
): string {
  const lines = [
    `${locate(sources, obligation.span)}: ${marks[status]}: ${obligation.kind}: ${printable(obligation.text.replace(/\s+/g, ' '), 300)}`,
    excerpt(sources, obligation.span),
    `  ${advice[diagnosis ?? 'unknown']}${diagnosis === 'unknown' || diagnosis === undefined ? ` (${printable(by, 300)})` : ''}`,
    ...(values ?? []).map((value) => `    ${printable(value, 300)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function row({ function: subject, status, results }: FunctionResult, width: number): string {
  const proved = results.filter((result) => result.status === 'proved').length;
  const count = results.length === 0 ? 'nothing to prove' : `${proved} of ${results.length} obligations`;
  return `  ${marks[status].padEnd(7)}  ${printable(subject.name).padEnd(width)}  ${count}\n`;
}

/** Exit status of a report. */
export function proveStatus({ diagnostics, results }: Pick<ProveReport, 'diagnostics' | 'results'>): number {
  if (diagnostics.length > 0) return 2;
  if (results.some(({ status }) => status === 'failed')) return 1;
  return results.some(({ status }) => status === 'unknown') ? 3 : 0;
}

/** The report as JSON: positions as offsets, integers of any size as strings. */
export function reportJson({ diagnostics, results, sources, program }: ProveReport): unknown {
  return {
    version: 1,
    diagnostics: diagnostics.map(({ span, message, advice: hint }) => ({
      at: locate(sources, span),
      span,
      message,
      advice: hint,
    })),
    functions: results.map(({ function: subject, status, results: own }) => ({
      name: subject.name,
      file: subject.span.file,
      status,
      obligations: own.map(({ obligation, status: one, by, diagnosis, values }) => ({
        name: obligation.name,
        kind: obligation.kind,
        at: locate(sources, obligation.span),
        status: one,
        by,
        ...(diagnosis && { diagnosis }),
        ...(values && { values }),
      })),
    })),
    assumptions: program === undefined ? [] : assumptionsOf(program),
  };
}

function progressLine(total: () => string): { readonly show: (name: string) => void; readonly clear: () => void } {
  if (process.stderr.isTTY !== true) return { show: () => {}, clear: () => {} };
  const clear = (): void => {
    process.stderr.write('\r\x1b[K');
  };
  return { show: (name) => process.stderr.write(`\r\x1b[Kproving ${printable(name, 60)} ${total()}`), clear };
}

/** The report for people. */
function reportText(report: ProveReport, flags: Flags): string {
  const parts: string[] = [];
  const { results, sources, program } = report;
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
  if (flags.assumptions && program !== undefined) {
    parts.push(
      `\nAssumed, not proved:\n${assumptionsOf(program)
        .map((line) => `  ${printable(line, 500)}\n`)
        .join('')}`,
    );
  }
  const sums = (['failed', 'unknown', 'proved', 'trusted'] as const).flatMap((kind) => {
    const n = results.filter(({ status }) => status === kind).length;
    return n === 0 ? [] : [`${n} ${kind}`];
  });
  parts.push(`\n${sums.join(', ')}\n`);
  return parts.join('');
}

async function run(files: readonly string[], flags: Flags): Promise<void> {
  const { proveFiles, openProofCache } = await import('../pipeline/prove.ts');
  const { cache, problem } =
    flags.cache === false ? {} : openProofCache(flags.cache === true ? undefined : flags.cache);
  if (problem !== undefined && flags.verbose) process.stderr.write(`casemate: note: ${problem}\n`);
  let done = 0;
  const progress = progressLine(() => `(${done} done)`);
  const report = await proveFiles({
    files,
    budget: flags.budget,
    crossCheck: flags.crossCheck === true,
    ...(cache && { cache }),
    onStart: progress.show,
    onFunction: () => done++,
  }).finally(progress.clear);
  if (report.diagnostics.length === 0 && report.results.length === 0) {
    fail('usage', 'no function has a contract; put @requires, @ensures or @verified into the comment before one');
  }
  // Before there is anything to print: whoever reads may go away, and the verdict stays.
  process.exitCode = proveStatus(report);
  if (flags.json) await printWhole(`${JSON.stringify(reportJson(report), null, 2)}\n`);
  else if (report.diagnostics.length > 0) {
    for (const diagnostic of report.diagnostics) process.stderr.write(showDiagnostic(report.sources, diagnostic));
  } else await printWhole(reportText(report, flags));
}

function parseBudget(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 2 ** 31)
    throw new InvalidArgumentError('a count of solver steps from 1 to 2147483648 is expected');
  return value;
}

export function proveCommand(): Command {
  return new Command('prove')
    .summary('prove contracts of annotated TypeScript')
    .description('Proves, for all inputs, that the functions of each FILE that have a contract keep it.')
    .argument('<FILE...>', 'TypeScript sources; what they import by a relative path is read too')
    .option('--json', 'print the results as JSON')
    .option('--assumptions', 'list what is assumed and not proved')
    .option('--budget <STEPS>', 'solver steps for each question', parseBudget, defaultSteps)
    .option('--cross-check', 'ask every solver each question; a contradiction is an error')
    .option('--cache <DIR>', "keep answers in DIR instead of the user's cache folder")
    .option('--no-cache', 'ask the solvers everything, and keep nothing')
    .option('-v, --verbose', 'list every obligation')
    .addHelpText('after', examples)
    .action(run);
}
