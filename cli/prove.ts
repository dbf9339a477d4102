/**
 * `casemate prove FILE...`: proves that annotated TypeScript does what its contracts say, for all inputs.
 *
 * A table by function, below it each obligation that does not hold: the clause, its place, values, what to do. The exit
 * status is that of the gravest: 2 something in a file cannot be verified at all, 1 an obligation is false or a proof
 * too weak, 3 undecided and none failed, 0 all proved. A file without any contract is wrong usage: nothing was proved.
 * The work is loaded when it is run, because the TypeScript compiler comes with it.
 */
import { Command } from 'commander';
import { showDiagnostic } from '../analyzers/diagnostics.ts';
import { fail, printable } from '../base/errors.ts';
import type { ProveRequest } from '../pipeline/prove.ts';
import { defaultSteps } from '../proofs/smt/steps.ts';
import { parseBudget } from './budget.ts';
import { printWhole } from './output.ts';
import { coqStatus, coqText } from './prove-coq.ts';
import { recheckJson, recheckStatus, recheckText } from './prove-recheck.ts';
import { type ReplayShown, replayJson, replayStatus, replayText } from './prove-replay.ts';
import { proveStatus, reportJson, reportText } from './prove-report.ts';
import { runWatch } from './prove-watch.ts';

const examples = `
Contracts stand in JSDoc (@requires, @ensures, @modifies, @decreases, @pure) and in loops (invariant, decreases);
docs/contracts.md teaches them. Only functions with a contract are looked at.

Exit status: 0 all proved; 1 an obligation fails; 2 wrong usage, or something that cannot be verified; 3 undecided.

Examples:
  casemate prove ring.ts
  casemate prove --json src/*.ts > proofs.json
  casemate prove --assumptions ring.ts
  casemate prove --watch ring.ts
  casemate prove --evidence proofs/ ring.ts && casemate prove --replay proofs/
  casemate prove --coq coq/ ring.ts && make -C coq`;

interface Flags {
  readonly json?: boolean;
  readonly assumptions?: boolean;
  readonly budget: number;
  readonly crossCheck?: boolean;
  readonly cache: string | boolean;
  readonly explain?: boolean;
  readonly watch?: boolean;
  readonly evidence?: string;
  readonly replay?: string;
  readonly recheck?: string;
  readonly coq?: string;
  readonly verbose?: boolean;
}

/** A line on a terminal that is rewritten; silence elsewhere. */
function progressLine(): { readonly show: (name: string, count: string) => void; readonly clear: () => void } {
  if (process.stderr.isTTY !== true) return { show: () => {}, clear: () => {} };
  const clear = (): void => {
    process.stderr.write('\r\x1b[K');
  };
  return { show: (name, count) => process.stderr.write(`\r\x1b[Kproving ${printable(name, 60)} ${count}`), clear };
}

/** An end by a signal is an exit, so that workers end and half-written files go. */
function endOnSignals(): void {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      if (process.stderr.isTTY === true) process.stderr.write('\r\x1b[K');
      process.exit(status);
    });
  }
}

async function runReplay(folder: string, flags: Flags): Promise<void> {
  const { replayFolder } = await import('../pipeline/prove.ts');
  const progress = progressLine();
  const report: ReplayShown = await replayFolder(
    { folder, budget: flags.budget, crossCheck: flags.crossCheck === true },
    ({ name, file }, done, of) => progress.show(name ?? file, `(${done} of ${of})`),
  ).finally(progress.clear);
  process.exitCode = replayStatus(report.replayed);
  await printWhole(
    flags.json ? `${JSON.stringify(replayJson(report), null, 2)}\n` : replayText(report, flags.verbose === true),
  );
}

async function run(files: readonly string[], flags: Flags): Promise<void> {
  endOnSignals();
  if (flags.replay !== undefined) {
    if (files.length > 0) fail('usage', '--replay asks a folder of records again; leave out the sources');
    return runReplay(flags.replay, flags);
  }
  if (files.length === 0) fail('usage', 'no source is named; casemate prove FILE.ts');
  if (flags.watch && flags.evidence !== undefined) fail('usage', '--evidence is of one run; leave out --watch');
  const [{ openProofCache }, { proveOrRecall, shownReport }] = await Promise.all([
    import('../pipeline/prove.ts'),
    import('../pipeline/proved-before.ts'),
  ]);
  const { cache, verdicts, problem } =
    flags.cache === false ? {} : openProofCache(flags.cache === true ? undefined : flags.cache);
  if (problem !== undefined && flags.verbose) process.stderr.write(`casemate: note: ${problem}\n`);
  let done = 0;
  const progress = progressLine();
  if (flags.coq !== undefined) return runCoq(files, flags.coq, flags, progress);
  const request = {
    files,
    budget: flags.budget,
    crossCheck: flags.crossCheck === true,
    ...(cache && { cache }),
    ...(flags.evidence !== undefined && { evidence: flags.evidence }),
    explain: flags.explain === true,
  };
  if (flags.watch) {
    const { watchFiles } = await import('../pipeline/prove-watch.ts');
    return runWatch({ ...request, onStart: (name) => progress.show(name, '') }, flags, watchFiles, shownReport);
  }
  if (flags.recheck !== undefined) {
    if (flags.recheck !== 'frama-c') fail('usage', `--recheck ${printable(flags.recheck)}: it can be frama-c`);
    return runRecheck(request, flags);
  }
  const report = await proveOrRecall(
    {
      ...request,
      onStart: (name) => progress.show(name, `(${done} done)`),
      onFunction: () => done++,
    },
    verdicts,
  ).finally(progress.clear);
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

/** Proves, then has the lowered C proved again; only what is proved is lowered. */
async function runRecheck(request: ProveRequest, flags: Flags): Promise<void> {
  const [{ proveFiles }, { recheckWithFramaC }, { shownReport }] = await Promise.all([
    import('../pipeline/prove.ts'),
    import('../pipeline/recheck.ts'),
    import('../pipeline/proved-before.ts'),
  ]);
  const proved = await proveFiles(request);
  const report = shownReport(proved);
  const status = proveStatus(report);
  const again = status === 0 && proved.program !== undefined ? await recheckWithFramaC(proved.program) : undefined;
  const diagnostics = [...report.diagnostics, ...(again?.diagnostics ?? [])];
  process.exitCode = again === undefined ? status : recheckStatus(again);
  for (const diagnostic of diagnostics) process.stderr.write(showDiagnostic(report.sources, diagnostic));
  if (again === undefined) process.stderr.write('casemate: note: nothing is rechecked: not everything is proved\n');
  if (flags.json) {
    const rechecked = again === undefined ? undefined : recheckJson(again);
    await printWhole(`${JSON.stringify({ ...(reportJson(report) as object), rechecked }, null, 2)}\n`);
  } else if (diagnostics.length === 0)
    await printWhole(`${reportText(report, flags)}${again === undefined ? '' : recheckText(again)}`);
}

/** Coq believes no solver, so none is asked. */
async function runCoq(
  files: readonly string[],
  folder: string,
  flags: Flags,
  progress: ReturnType<typeof progressLine>,
): Promise<void> {
  const { analyzeFiles } = await import('../pipeline/prove.ts');
  const { coqJson, exportToCoq } = await import('../pipeline/coq.ts');
  const { program, diagnostics, sources } = analyzeFiles(files);
  for (const diagnostic of diagnostics) process.stderr.write(showDiagnostic(sources, diagnostic));
  if (program === undefined) {
    process.exitCode = 2;
    return;
  }
  if (program.functions.length === 0)
    fail('usage', 'no function has a contract; put @requires, @ensures or @verified into the comment before one');
  const report = await exportToCoq(program, {
    folder,
    onProgress: (name, done, of) => progress.show(name, `(${done} of ${of} files)`),
  }).finally(progress.clear);
  process.exitCode = coqStatus(report);
  await printWhole(
    flags.json ? `${JSON.stringify(coqJson(report), null, 2)}\n` : coqText(report, folder, flags.verbose === true),
  );
}

export function proveCommand(): Command {
  return new Command('prove')
    .summary('prove contracts of annotated TypeScript')
    .description('Proves, for all inputs, that the functions of each FILE that have a contract keep it.')
    .argument('[FILE...]', 'TypeScript sources; what they import by a relative path is read too')
    .option('--json', 'print the results as JSON')
    .option('--assumptions', 'list what is assumed and not proved')
    .option('--budget <STEPS>', 'solver steps for each question', parseBudget, defaultSteps)
    .option('--explain', 'say of each claim that fails which of its parts do')
    .option('--cross-check', 'ask every solver each question; a contradiction is an error')
    .option('--cache <DIR>', "keep answers in DIR instead of the user's cache folder")
    .option('--no-cache', 'ask the solvers everything, and keep nothing')
    .option('--watch', 'prove again whenever a file changes; with --json one object a line')
    .option('--evidence <DIR>', 'write each question, its answer and what is assumed into DIR')
    .option(
      '--replay <DIR>',
      'ask the solvers again about all records in DIR (of --evidence or --cache), believing none',
    )
    .option('--recheck <PROVER>', 'have the lowered C proved again by its contracts; PROVER is frama-c')
    .option('--coq <DIR>', 'write definitions, contracts and obligations as Coq into DIR, and have Coq prove them')
    .option('-v, --verbose', 'list every obligation, and what asking took')
    .addHelpText('after', examples)
    .action(run);
}
