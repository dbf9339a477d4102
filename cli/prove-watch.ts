/**
 * What `casemate prove --watch` says: on a terminal the table anew after each round, and with --json one object a line,
 * for editors: {"event": "round"}, then "function" for each verdict as soon as it is there, "diagnostic" for what cannot
 * be verified, "error" for a file that cannot be read, and "end" with the exit status that a single run would have.
 * Spans are offsets of UTF-16 units in the file, `at` is FILE:LINE:COLUMN, both from 1.
 */
import { showDiagnostic } from '../analyzers/diagnostics.ts';
import type { ProveRequest } from '../pipeline/prove.ts';
import type { ShownReport, shownReport } from '../pipeline/proved-before.ts';
import { print } from './output.ts';
import { diagnosticJson, functionJson, proveStatus, reportText, solvingJson } from './prove-report.ts';

export interface WatchFlags {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly assumptions?: boolean;
}

const line = (event: string, value: object): void => print(`${JSON.stringify({ event, version: 1, ...value })}\n`);

/** The table of a round, or what is wrong with the sources. */
function roundText(report: ShownReport, flags: WatchFlags): string {
  const { diagnostics, sources, results } = report;
  if (diagnostics.length > 0) return diagnostics.map((diagnostic) => showDiagnostic(sources, diagnostic)).join('');
  return results.length === 0 ? 'no function has a contract\n' : reportText(report, flags);
}

export async function runWatch(
  request: ProveRequest,
  flags: WatchFlags,
  watchFiles: typeof import('../pipeline/prove-watch.ts').watchFiles,
  shown: typeof shownReport,
): Promise<void> {
  const { json } = flags;
  const clear = process.stdout.isTTY === true ? '\x1b[2J\x1b[H' : '';
  await watchFiles(
    request,
    {
      onRound: (round) => {
        if (json) line('round', { round, files: request.files });
      },
      onFunction: (result, sources) => {
        if (json) line('function', functionJson(result, sources));
      },
      onReport: (full, round) => {
        const report = shown(full);
        if (!json) return print(`${clear}${roundText(report, flags)}\nwatching; Ctrl-C ends\n`);
        for (const diagnostic of report.diagnostics) line('diagnostic', diagnosticJson(diagnostic, report.sources));
        const { counts, results, diagnostics } = report;
        // As a single run has it: where nothing has a contract, nothing was proved.
        const nothing = results.length === 0 && diagnostics.length === 0;
        line('end', {
          round,
          status: nothing ? 2 : proveStatus(report),
          assumptions: report.assumptions,
          ...(counts && { solving: solvingJson(counts) }),
        });
      },
      onError: ({ message }) => {
        if (json) line('error', { message });
        else print(`${clear}casemate: error: ${message}\n`);
      },
    },
    new AbortController().signal,
  );
}
