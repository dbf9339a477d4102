/**
 * What a build makes of translation validation (validation.ts): what is recorded of each function, and what may pass.
 *
 * A function that is refuted stops the build. One that is undecided is shown as that, and stops a strict build unless the
 * manifest waives it by name.
 */
import { fail, hex, printable } from '../base/errors.ts';
import { createHash } from '../base/node.ts';
import type { Witness } from '../proofs/validation/replay.ts';
import type { Manifest } from './manifest.ts';

export interface ValidatedFunction {
  /** FILE:NAME. */
  readonly function: string;
  readonly symbol: string;
  /** Of its code in the finished image, and how many bytes there are. */
  readonly address: number;
  readonly size: number;
  readonly verdict: 'validated' | 'refuted' | 'undecided';
  /** Why it is undecided. */
  readonly reason?: string;
  /** Of one that is refuted: a run that ends otherwise. */
  readonly witness?: Witness;
  /** Questions to solvers that were answered. */
  readonly questions?: number;
  /** What a verdict of validated rests on: FILE:NAME of each callee, and whether it was validated itself. */
  readonly callees?: readonly { readonly function: string; readonly verdict: 'validated' | 'assumed' }[];
}

export interface ValidationReport {
  readonly functions: readonly ValidatedFunction[];
  /** FILE:NAME of those without code in the image. */
  readonly absent: readonly string[];
}

/** Refuses a build of which nothing could be validated: all machines that images are built for have a validator. */
export function requireValidator({ sources = [] }: Manifest): void {
  if (!sources.some((source) => source.endsWith('.ts')))
    fail('usage', '--validate: the project has no TypeScript in "sources", so there is nothing to validate');
}

export interface ValidationCounts {
  /** Of all functions in the image that came from TypeScript. */
  readonly functions: number;
  readonly bytes: number;
  readonly validated: number;
  readonly validatedBytes: number;
  /** In the source, but without code of their own in the image. */
  readonly absent: number;
}

export function countsOf({ functions, absent }: ValidationReport): ValidationCounts {
  const sizeOf = (of: readonly ValidatedFunction[]): number => of.reduce((sum, { size }) => sum + size, 0);
  const validated = functions.filter(({ verdict }) => verdict === 'validated');
  return {
    ...{ functions: functions.length, bytes: sizeOf(functions), absent: absent.length },
    ...{ validated: validated.length, validatedBytes: sizeOf(validated) },
  };
}

/** The report as a file beside the image (docs/verified-typescript.md): the same image and solvers give the same bytes. */
export function recordText(report: ValidationReport, image: Uint8Array): string {
  const functions = report.functions.map(({ address, witness, ...rest }) => ({
    ...rest,
    address: hex(address),
    ...(witness && { witness }),
  }));
  const record = {
    format: 'casemate-validation-1',
    image: createHash('sha256').update(image).digest('hex'),
    ...{ counts: countsOf(report), functions, absent: report.absent },
  };
  const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? hex(value) : value);
  return `${JSON.stringify(record, plain, 1)}\n`;
}

const showRun = ({ arguments: given, wanted, found }: Witness): string => {
  const at = wanted.findIndex((value, i) => value !== found[i]);
  return `called with (${given.join(', ')}) it leaves ${hex(found[at])} where ${hex(wanted[at])} is right`;
};

/** Stops a build that has what is refuted, and a strict one that has what is undecided. */
export function requireValidation(
  { functions }: ValidationReport,
  { waive = [] }: Manifest,
  strict: boolean,
  note: (text: string) => void,
): void {
  const refuted = functions.filter(({ verdict }) => verdict === 'refuted');
  const lines = refuted.map(({ function: name, symbol, address, witness }) =>
    printable(`${name}: its code (${symbol} at ${hex(address)}) does otherwise: ${showRun(witness!)}`, 1000),
  );
  for (const line of lines.slice(1)) note(line);
  const more = (count: number): string => (count > 1 ? ` (and ${count - 1} more above)` : '');
  if (lines.length > 0)
    fail(
      'unproved',
      `${lines[0]}${more(lines.length)}; compile it with another compiler or other flags, and report it`,
    );
  if (!strict) return;
  const named = new Set(waive.map(({ function: name }) => name));
  const open = functions.filter(({ function: name, verdict }) => verdict === 'undecided' && !named.has(name));
  const shown = open.map(({ function: name, reason }) => printable(`${name}: is not validated: ${reason}`, 500));
  for (const line of shown.slice(1)) note(line);
  if (shown.length > 0)
    fail(
      'undecided',
      `${shown[0]}${more(shown.length)}; a strict build with --validate stops here: waive ${printable(open[0].function)} and say why`,
    );
}
