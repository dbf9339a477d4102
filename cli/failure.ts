/**
 * How a command ends when it fails: one line on standard error, and the exit status that design.md gives it.
 *
 * 1: a check or a proof failed. 2: wrong usage, manifest or input. 3: could not decide, because a program that was
 * needed is missing or broke down, or no solver knew. Whatever is not a CasemateError is a defect of ours: it is reported as such, with the trace
 * that we need to find it, and also answered 3, because nothing was decided.
 */
import { CasemateError, type ErrorCode } from '../base/errors.ts';

const statusOf: Partial<Record<ErrorCode, number>> = {
  assertion: 1,
  image: 1,
  residue: 1,
  signature: 1,
  unproved: 1,
  verdict: 1,
  tool: 3,
  undecided: 3,
};

/** Exit status of a failure. */
export function failureStatus(error: unknown): number {
  return error instanceof CasemateError ? (statusOf[error.code] ?? 2) : 3;
}

/** The text of a failure for standard error, ending in a newline. */
export function failureText(error: unknown, command = 'casemate'): string {
  if (error instanceof CasemateError) return `${command}: error: ${error.message}\n`;
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${command}: internal error: this is a defect in casemate; please report it with the command and this trace\n${trace}\n`;
}
