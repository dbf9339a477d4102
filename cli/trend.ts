/** `casemate trend BUNDLE...`: releases side by side, oldest first. Signatures are not looked at: nothing is decided. */
import { Command } from 'commander';
import { inert } from '../evidence/formats/inert.ts';
import { type TrendRow, trendOf } from '../evidence/trend.ts';
import { readEvidence } from '../pipeline/gate.ts';
import { print } from './output.ts';

const columns: readonly (readonly [string, (row: TrendRow) => string])[] = [
  ['image', ({ sha256 }) => sha256.slice(0, 12)],
  ['bytes', ({ imageBytes }) => String(imageBytes)],
  ['tcb', ({ tcbBytes }) => String(tcbBytes)],
  ['pass', ({ pass }) => String(pass)],
  ['fail', ({ fail }) => String(fail)],
  ['unknown', ({ unknown }) => String(unknown)],
  ['assumed', ({ assumptions }) => String(assumptions)],
];

function lines(paths: readonly string[], rows: readonly TrendRow[]): string[] {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, text]) => text(row)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[], last: string): string =>
    `${row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')}  ${last}`;
  const marked = (sign: string, ids: readonly string[]): string[] => ids.map((id) => `    ${sign} ${inert(id, 200)}`);
  return [
    line(cells[0]!, 'bundle'),
    ...rows.flatMap((row, i) => [
      line(cells[i + 1]!, inert(paths[i]!)),
      ...marked('+', row.worse),
      ...marked('-', row.better),
    ]),
  ];
}

function run(paths: readonly string[], { json }: { readonly json?: boolean }): void {
  const rows = trendOf(paths.map((path) => readEvidence(path).evidence));
  print(json ? `${JSON.stringify({ version: 1, releases: rows }, null, 2)}\n` : `${lines(paths, rows).join('\n')}\n`);
}

export function trendCommand(): Command {
  return new Command('trend')
    .summary('show how releases develop')
    .description(
      'Prints a row for each BUNDLE, oldest first, and the findings that came (+) and went (-). Decides nothing.',
    )
    .argument('<BUNDLE...>', 'bundles, or their evidence.json')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  casemate trend 1.0.bundle 1.1.bundle 1.2.bundle')
    .action(run);
}
