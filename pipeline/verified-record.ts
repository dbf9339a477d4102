/**
 * What a build knows of each function that it lowered: which text, which contract, and which proof stand behind it.
 *
 * The hashes are of what was read and asked, never of what solvers answered, so the same sources give the same record
 * whoever answers and whatever a cache holds. docs/verified-typescript.md says how to make them anew.
 */
import type { FunctionIr } from '../analyzers/ir.ts';
import { showType } from '../analyzers/types.ts';
import { createHash } from '../base/node.ts';
import type { Lowered } from '../lowering/c/lower.ts';
import type { FunctionResult } from '../proofs/verify.ts';

/** The source that TypeScript is lowered to, and its object, as messages and the linker know them. */
export const UNIT = 'verified.c';
export const UNIT_OBJECT = `${UNIT}.o`;

export interface VerifiedFunction {
  /** FILE:NAME. */
  readonly function: string;
  /** What others see of it; undefined for a function of the unit's own. */
  readonly symbol?: string;
  /** Its code: a symbol that only the unit sees, where there is a test in front of it or nothing else calls it. */
  readonly code: string;
  readonly verdict: 'proved' | 'waived';
  /** SHA-256, in hexadecimal, of its file's text. */
  readonly source: string;
  /** Of its contract: see contractText. */
  readonly contract: string;
  /** Of its obligations: a line each, its name, a tab, and the hash of the question, or how it was settled without one. */
  readonly proof: string;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

export const functionName = ({ name, span }: FunctionIr): string => `${span.file}:${name}`;

/** A contract on lines: the signature, then each clause with its tag, as written but for blanks. */
export function contractText(fn: FunctionIr): string {
  const parameters = fn.parameters.map(({ name, type }) => `${name}: ${showType(type)}`).join(', ');
  return [
    `${fn.name}(${parameters}): ${showType(fn.result)}`,
    ...fn.requires.map(({ text }) => `requires ${text}`),
    ...fn.ensures.map(({ text }) => `ensures ${text}`),
    ...fn.throws.map(({ error, text }) => `throws {${error}} ${text}`),
    ...fn.modifies.map((id) => `modifies ${id}${(fn.fields.get(id) ?? []).map((field) => ` .${field}`).join('')}`),
    ...fn.decreases.map(({ text }) => `decreases ${text}`),
    ...(fn.pure ? ['pure'] : []),
    ...(fn.diverges ? ['diverges'] : []),
    '',
  ].join('\n');
}

const proofText = ({ results }: FunctionResult): string =>
  results.map(({ obligation, said, by }) => `${obligation.name}\t${said?.sha256 ?? by}\n`).join('');

/** Records of the functions that a unit has code of, in its order. */
export function verifiedFunctions(
  unit: Lowered,
  results: readonly FunctionResult[],
  sources: ReadonlyMap<string, string>,
): VerifiedFunction[] {
  const byKey = new Map(results.map((result) => [result.function.key, result]));
  return unit.program.functions.flatMap((fn) => {
    const result = byKey.get(fn.key);
    if (fn.body === undefined || result === undefined) return [];
    const symbol = unit.exported.get(fn.key);
    return {
      function: functionName(fn),
      ...(symbol !== undefined && { symbol }),
      code: unit.inner.get(fn.key) ?? unit.symbols.get(fn.key)!,
      verdict: result.status === 'proved' ? 'proved' : 'waived',
      source: hash(sources.get(fn.span.file) ?? ''),
      contract: hash(contractText(fn)),
      proof: hash(proofText(result)),
    };
  });
}

/** The note's text: JSON in ASCII. */
export const noteText = (functions: readonly VerifiedFunction[]): string =>
  JSON.stringify({ version: 1, functions }).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
