/**
 * What `casemate prove --replay` says: a row for each record with what the solvers answer now.
 *
 * The exit status is that of the gravest: 1 a record is contradicted, 2 something is no record or has no text that may be
 * asked, 3 undecided, or nothing was there to confirm, 0 all confirmed.
 */
import { printable } from '../base/errors.ts';
import type { ReplayReport } from '../pipeline/prove.ts';
import { solvingJson, solvingText } from './prove-report.ts';

export type ReplayShown = Pick<ReplayReport, 'replayed' | 'counts'>;

const marks = {
  confirmed: 'confirmed',
  contradicted: 'CONTRADICTED',
  undecided: 'undecided',
  malformed: 'MALFORMED',
} as const;

export function replayStatus(replayed: ReplayShown['replayed']): number {
  const has = (wanted: keyof typeof marks): boolean => replayed.some(({ status }) => status === wanted);
  if (has('contradicted')) return 1;
  if (has('malformed')) return 2;
  return has('undecided') || replayed.length === 0 ? 3 : 0;
}

export function replayText(shown: ReplayShown, verbose: boolean): string {
  const { replayed, counts } = shown;
  const rows = replayed.map(({ file, name, status, reason, result }) => {
    const builds = result?.answers.flatMap(({ build, result: word }) => (word === 'unknown' ? [] : [build])) ?? [];
    const by = builds.length > 0 ? `  by ${builds.map((build) => printable(build)).join(' and ')}` : '';
    const why = reason === undefined ? '' : `: ${printable(reason, 300)}`;
    const place = verbose || name === undefined ? `  ${printable(file)}` : '';
    return `  ${marks[status].padEnd(12)}  ${printable(name ?? '')}${place}${by}${why}\n`;
  });
  const sums = (['contradicted', 'malformed', 'undecided', 'confirmed'] as const).flatMap((kind) => {
    const n = replayed.filter(({ status }) => status === kind).length;
    return n === 0 ? [] : [`${n} ${kind}`];
  });
  const sum = sums.length === 0 ? 'nothing was recorded, so nothing is confirmed' : sums.join(', ');
  return `${rows.join('')}\n${verbose ? solvingText(counts) : ''}${sum}\n`;
}

export function replayJson({ replayed, counts }: ReplayShown): unknown {
  return {
    version: 1,
    replayed: replayed.map(({ file, name, status, reason, result }) => ({
      ...{ file, name, status, reason },
      answers: result?.answers.map(({ build, result: word, steps }) => ({ build, result: word, steps })),
    })),
    solving: solvingJson(counts),
  };
}
