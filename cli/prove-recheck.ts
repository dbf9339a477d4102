/** What `casemate prove --recheck frama-c` says, and its exit status: only what is validated passes. */
import { printable } from '../base/errors.ts';
import type { Rechecked, RecheckReport } from '../pipeline/recheck.ts';

export function recheckStatus({ diagnostics, functions }: RecheckReport): number {
  if (diagnostics.length > 0) return 2;
  return functions.length === 0 || functions.some(({ verdict }) => verdict === 'undecided') ? 3 : 0;
}

const row = ({ function: subject, verdict, goals, proved, dropped }: Rechecked): string =>
  [
    `  ${verdict.padEnd(9)}  ${printable(subject.name)}  ${proved} of ${goals} goals`,
    ...dropped.map(({ text, why }) => `             not in ACSL: ${printable(text)} (${printable(why)})`),
  ].join('\n');

export function recheckText({ functions }: RecheckReport): string {
  const validated = functions.filter(({ verdict }) => verdict === 'validated').length;
  return `\nThe lowered C, proved again by Frama-C:\n${functions.map(row).join('\n')}
${validated} of ${functions.length} functions validated; the operators of casemate-lowered.h are assumed to do what they say\n`;
}

export const recheckJson = ({ functions }: RecheckReport): unknown =>
  functions.map(({ function: subject, verdict, goals, proved, dropped }) => ({
    ...{ name: subject.name, file: subject.span.file, verdict, goals, proved },
    dropped: dropped.map(({ text, why }) => ({ text, why })),
  }));
