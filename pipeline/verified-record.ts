/**
 * What a build knows of each function that it lowered: which text, which contract, and which proof stand behind it.
 *
 * The hashes are of what was read and asked, never of what solvers answered, so the same sources give the same record
 * whoever answers and whatever a cache holds. docs/verified-typescript.md says how to make them anew.
 */
import type { FunctionIr } from '../analyzers/ir.ts';
import { isOfPlatform } from '../analyzers/platform.ts';
import { showType } from '../analyzers/types.ts';
import { createHash } from '../base/node.ts';
import type { Lowered } from '../lowering/c/lower.ts';
import { reliances } from '../proofs/reliance.ts';
import type { BuiltVerdict } from './proved-before.ts';

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
  /** 'relying': proved, but for what it takes for granted of functions that are not. */
  readonly verdict: 'proved' | 'relying' | 'waived';
  /** The functions, FILE:NAME, that a proof relies on and that are not proved: waived, or of the project's C. */
  readonly relies?: readonly string[];
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

/** Whether a proof holds not, and the build goes on. */
export const isUnproved = ({ status }: Pick<BuiltVerdict, 'status'>): boolean =>
  status === 'failed' || status === 'unknown';

/** By key, the functions that each proof takes for granted, of those that `isOpen`. */
export function reliedOn(
  results: readonly Pick<BuiltVerdict, 'function' | 'status'>[],
  isOpen: (result: Pick<BuiltVerdict, 'function' | 'status'>) => boolean,
): ReadonlyMap<string, readonly FunctionIr[]> {
  const open = new Set(results.flatMap((result) => (isOpen(result) ? [result.function] : [])));
  return reliances(
    results.map(({ function: fn }) => fn),
    (fn) => open.has(fn),
  );
}

/** Functions without a proof that a unit calls, or that proofs of its functions use: C's, the platform's, and lemmas. */
export function trustedFunctions({ program }: Lowered, results: readonly BuiltVerdict[]): FunctionIr[] {
  const relied = reliedOn(results, ({ function: { body } }) => body === undefined);
  const used = new Set(program.functions.flatMap(({ key }) => [key, ...(relied.get(key) ?? []).map((fn) => fn.key)]));
  return results.flatMap(({ function: fn }) => (fn.body === undefined && used.has(fn.key) ? [fn] : []));
}

/** A function of C that proofs take for granted. */
export interface Trusted {
  /** FILE:NAME. */
  readonly function: string;
  readonly symbol: string;
}

/** Of each function of a unit, FILE:NAME, the functions of C, the platform's too, that it relies on, called or not. */
export function trustedSymbols(
  unit: Lowered,
  results: readonly BuiltVerdict[],
): ReadonlyMap<string, readonly Trusted[]> {
  const relied = reliedOn(results, ({ function: { body } }) => body === undefined);
  const external = new Set(unit.program.functions.flatMap(({ key, body }) => (body === undefined ? [key] : [])));
  return new Map(
    unit.program.functions.map((fn) => [
      functionName(fn),
      (relied.get(fn.key) ?? []).flatMap((one) =>
        external.has(one.key) ? [{ function: functionName(one), symbol: unit.symbols.get(one.key)! }] : [],
      ),
    ]),
  );
}

/** Not the platform's functions: they are the target's, and named for the whole build. */
export const isNamed = (result: Pick<BuiltVerdict, 'function' | 'status'>): boolean =>
  isUnproved(result) || (result.status === 'trusted' && !isOfPlatform(result.function));

/** Records of the functions that a unit has code of, in its order. */
export function verifiedFunctions(
  unit: Lowered,
  results: readonly BuiltVerdict[],
  sources: ReadonlyMap<string, string>,
): VerifiedFunction[] {
  const byKey = new Map(results.map((result) => [result.function.key, result]));
  const relied = reliedOn(results, isNamed);
  return unit.program.functions.flatMap((fn) => {
    const result = byKey.get(fn.key);
    if (fn.body === undefined || result === undefined) return [];
    const symbol = unit.exported.get(fn.key);
    const relies = relied.get(fn.key)?.map(functionName);
    const isProved = result.status === 'proved';
    return {
      function: functionName(fn),
      ...(symbol !== undefined && { symbol }),
      code: unit.inner.get(fn.key) ?? unit.symbols.get(fn.key)!,
      verdict: !isProved ? 'waived' : relies === undefined ? 'proved' : 'relying',
      ...(isProved && relies && { relies }),
      source: hash(sources.get(fn.span.file) ?? ''),
      contract: hash(contractText(fn)),
      proof: result.proof,
    };
  });
}

/** The note's text: JSON in ASCII. */
export const noteText = (functions: readonly VerifiedFunction[]): string =>
  JSON.stringify({ version: 1, functions }).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
