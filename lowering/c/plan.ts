/**
 * What becomes of each function of a program in C: whether it is there, who sees it, and what it is called.
 *
 * Where the functions are named that C calls, only what they need is lowered, and all else is the unit's own. A function
 * that C calls is two in C: the proved one, which believes its preconditions and which proved code calls, and one with the
 * public name, which tests them first (checks.ts). The proved one has no symbol that another object could put something
 * else behind. A function that is built without a proof is as foreign as C, so it calls what tests, too, and so does one whose
 * own proof takes the contract of such a function for granted.
 */
import type { Diagnostic } from '../../analyzers/diagnostics.ts';
import type { FunctionIr, Program } from '../../analyzers/ir.ts';
import { isOfPlatform, platformSymbol } from '../../analyzers/platform.ts';
import { collecting, refuse } from '../../analyzers/typescript/refuse.ts';
import { calledFunctions, reachableFrom } from '../reachable.ts';
import { createNames } from './names.ts';

export interface LowerOptions {
  /** Keys of the functions that C calls; the others are the unit's own. All, and untested, where this is left out. */
  readonly exported?: ReadonlySet<string>;
  /** Key of the function that is the program: what Solo5 starts calls it. It has no parameters and no result. */
  readonly main?: string;
  /** Keys of functions whose proof does not hold. */
  readonly waived?: ReadonlySet<string>;
  /** Keys of functions whose proof relies on one of those. */
  readonly relying?: ReadonlySet<string>;
  /**
   * For whoever reads the functions' machine code one by one: each is kept, with the calling convention of its platform,
   * whatever the compiler knows of its callers, and calls of these, by key, stay calls.
   */
  readonly apart?: ReadonlySet<string>;
}

export interface Plan {
  readonly program: Program;
  /** Keys of functions that only clauses call: what cannot be lowered of them is no error. */
  readonly forClauses: ReadonlySet<string>;
  /** Gives out names of the whole unit. */
  readonly globals: (wanted: string) => string;
  /** Gives out names of a function, which hide none of those. */
  readonly locals: () => (wanted: string) => string;
  /** Whether only the unit sees a function. */
  readonly isOwn: (fn: FunctionIr) => boolean;
  /** C's name of a function for who calls it from outside, by key. */
  readonly symbols: ReadonlyMap<string, string>;
  /** C's name of the one that tests first, by key, where there is one. */
  readonly checked: ReadonlyMap<string, string>;
  /** Whether a function is no better proved than C is, by key. */
  readonly isForeign: (key: string) => boolean;
  /** What a function of the program calls to call another. */
  readonly callee: (caller: FunctionIr, key: string) => string;
  /** C's name of the code of a function. */
  readonly inner: (fn: FunctionIr) => string;
}

const isForeign =
  ({ waived, relying }: LowerOptions) =>
  (key: string): boolean =>
    waived?.has(key) === true || relying?.has(key) === true;

/** What is run, and what more only the tests of `wrapped` functions compute. */
function parts(given: Program, options: LowerOptions) {
  const { exported, main } = options;
  if (exported === undefined) return { program: given, wrapped: new Set<string>(), forClauses: new Set<string>() };
  const roots = new Set([...exported, ...(main === undefined ? [] : [main])]);
  const run = reachableFrom(given, roots);
  const unproved = run.functions.filter(({ key }) => isForeign(options)(key));
  const entered = new Set([...exported, ...unproved.flatMap((fn) => [...calledFunctions(fn)])]);
  const wrapped = run.functions.filter(({ key, body }) => body !== undefined && key !== main && entered.has(key));
  const clauses = wrapped.flatMap(({ requires }) => requires.map(({ expression }) => expression));
  const program = reachableFrom(given, roots, clauses);
  const running = new Set(run.functions.map(({ key }) => key));
  const added = program.functions.filter(({ key }) => !running.has(key));
  return {
    program,
    wrapped: new Set(wrapped.map(({ key }) => key)),
    forClauses: new Set(added.map(({ key }) => key)),
  };
}

/** Refuses functions of C that C would have to call otherwise than the source does. */
function refuseRenamed({ functions }: Program, symbols: ReadonlyMap<string, string>, diagnostics: Diagnostic[]): void {
  for (const fn of functions) {
    const { key, name, span, body } = fn;
    if (body !== undefined || isOfPlatform(fn) || symbols.get(key) === name) continue;
    collecting(diagnostics, () =>
      refuse(
        span,
        `${name} has no body, and C cannot have a function of that name, or has another one`,
        'What is trusted is a function of C with the same name: choose one that C allows.',
      ),
    );
  }
}

export function planUnit(given: Program, options: LowerOptions, diagnostics: Diagnostic[]): Plan {
  const { program, wrapped, forClauses } = parts(given, options);
  const { exported, main } = options;
  const foreign = isForeign(options);
  const { globals, locals } = createNames(program.functions.filter(isOfPlatform).map(platformSymbol));
  const isOwn = ({ key, body }: FunctionIr): boolean =>
    body !== undefined && (key === main || exported?.has(key) === false);
  // Functions of C have the names that they have; those that C calls come next, then the unit's own.
  const rank = (fn: FunctionIr): number => (fn.body === undefined ? 0 : isOwn(fn) ? 2 : 1);
  const ranked = [0, 1, 2].flatMap((wanted) => program.functions.filter((fn) => rank(fn) === wanted));
  const symbols = new Map(ranked.map((fn) => [fn.key, isOfPlatform(fn) ? platformSymbol(fn) : globals(fn.name)]));
  refuseRenamed(program, symbols, diagnostics);
  const checked = new Map<string, string>();
  const inner = new Map<string, string>();
  for (const fn of ranked.filter(({ key }) => wrapped.has(key))) {
    const symbol = symbols.get(fn.key)!;
    checked.set(fn.key, isOwn(fn) ? globals(`${fn.name}_checked`) : symbol);
    inner.set(fn.key, isOwn(fn) ? symbol : globals(`${fn.name}_inner`));
  }
  const callee = (caller: FunctionIr, key: string): string =>
    (foreign(caller.key) ? checked : inner).get(key) ?? symbols.get(key)!;
  const code = ({ key }: FunctionIr): string => inner.get(key) ?? symbols.get(key)!;
  return { program, forClauses, globals, locals, isOwn, symbols, checked, isForeign: foreign, callee, inner: code };
}
