/**
 * A verified program as C11: one header for C callers, one source. Both can be read beside the TypeScript: names, blocks
 * and order are the user's, and each function carries its contract as a comment, for people and in ACSL (acsl.ts).
 *
 * The C is freestanding and allocates nothing: arrays of a function lie on its stack, with the constant lengths that the
 * language gives them. It has no undefined behaviour on inputs that meet the preconditions, because what C leaves
 * undefined is what was proved not to happen: indices outside of arrays, sums that leave their type, divisions by zero.
 * Only a program that was proved may be lowered; the caller sees to that. Source: ISO/IEC 9899:2011.
 */
import type { Diagnostic } from '../../analyzers/diagnostics.ts';
import type { FunctionIr, Program, Table } from '../../analyzers/ir.ts';
import type { Bounds } from '../../analyzers/operators/bounds.ts';
import { isOfPlatform } from '../../analyzers/platform.ts';
import type { Type } from '../../analyzers/types.ts';
import { collecting, refuse } from '../../analyzers/typescript/refuse.ts';
import { calledFunctions } from '../reachable.ts';
import { commentText, createAcsl, type Dropped } from './acsl.ts';
import { createLogic, partOfSlice } from './acsl-terms.ts';
import { checksOf, type Unchecked } from './checks.ts';
import { createClauses } from './clauses.ts';
import { createExpressions, type Names } from './expressions.ts';
import { type LowerOptions, planUnit } from './plan.ts';
import { KEPT, recordAssembly, secretRecord } from './secrets.ts';
import { lowerBody, variablesRead } from './statements.ts';
import { stringLiteral } from './text.ts';
import { type CTypes, constantText, createTypes, fieldName } from './types.ts';
import { heldByConstants, heldByParameters, widenedParameters } from './widened.ts';

export interface Lowered {
  /** For C callers: the records and the prototypes. Includes "casemate-lowered.h". */
  readonly header: string;
  /** Includes the header by the name `UNIT.h`. */
  readonly source: string;
  /** What was lowered. */
  readonly program: Program;
  /** C's name of each function, by key. */
  readonly symbols: ReadonlyMap<string, string>;
  /** Of those that other objects see and that have code here. */
  readonly exported: ReadonlyMap<string, string>;
  /** C's name of the code of each function that has another one in front of it, which tests, by key. */
  readonly inner: ReadonlyMap<string, string>;
  /** C's name of the memory of each table, by the id of its variable. */
  readonly tables: ReadonlyMap<string, string>;
  /** Whether it tests anything, so that the program needs `casemate_precondition_failed`. */
  readonly tests: boolean;
  /** Preconditions that nothing tests when C calls the function. */
  readonly unchecked: readonly UncheckedClause[];
  /** Claims that the ACSL leaves out. */
  readonly dropped: readonly Dropped[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A precondition that C cannot decide. */
export interface UncheckedClause extends Unchecked {
  readonly function: FunctionIr;
}

function comment(fn: FunctionIr): string[] {
  const lines = [
    ...fn.requires.map(({ text }) => `requires ${text}`),
    ...fn.ensures.map(({ text }) => `ensures ${text}`),
    ...(fn.modifies.length > 0 ? [`modifies ${fn.modifies.join(', ')}`] : []),
  ];
  if (lines.length === 0) return [];
  return ['/*', ...lines.map((line) => ` * ${commentText(line)}`), ' */'];
}

const SOLO5_MAIN = 'solo5_app_main';

/** What Solo5 calls, which calls the program. */
const solo5Main = (symbol: string, usesPlatform: boolean): string => `struct solo5_start_info;
${usesPlatform ? 'void casemate_platform_start(const struct solo5_start_info *info);\n' : ''}int ${SOLO5_MAIN}(const struct solo5_start_info *info);

/* Where the program begins. */
int ${SOLO5_MAIN}(const struct solo5_start_info *info) {
    ${usesPlatform ? 'casemate_platform_start(info)' : '(void)info'};
    ${symbol}();
    return 0;
}`;

/** Keys of functions that cannot be called, since they or some that they call are among `missing`. */
function unusable(missing: readonly string[], { functions }: Program): ReadonlySet<string> {
  const found = new Set(missing);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const fn of functions) if ([...calledFunctions(fn)].some((key) => found.has(key))) found.add(fn.key);
  }
  return found;
}

const memoryOf = (table: string): string => `${table}_memory`;

/** A table: its memory, and the slice of it that code names. */
function tableText(types: CTypes, { variable, values }: Table, name: string): string {
  const { type } = variable;
  const slice = types.slice(type);
  if (values.length === 0) return `static const ${slice} ${name} = { 0, 0 };`;
  const rows = values.map((value) => constantText(types, value, type.element));
  return `static const ${types.spell(type.element, variable)} ${memoryOf(name)}[${values.length}] = { ${rows.join(', ')} };
static const ${slice} ${name} = { ${memoryOf(name)}, ${values.length} };`;
}

/** Lowers a program. `unit` is a file name without its end; what cannot be lowered is a diagnostic, and then text is partial. */
export function lowerToC(given: Program, unit: string, options: LowerOptions = {}): Lowered {
  const diagnostics: Diagnostic[] = [];
  const plan = planUnit(given, options, diagnostics);
  const { program, globals, isOwn, symbols, checked } = plan;
  const byKey = new Map(program.functions.map((fn) => [fn.key, fn]));
  const tables = new Map(program.tables.map(({ variable }) => [variable.id, globals(variable.name)]));
  const types = createTypes(globals);
  const prototype = (
    fn: FunctionIr,
    symbol: string,
    isStatic: boolean,
    names: readonly string[],
    parameterTypes = fn.parameters.map(({ type }) => type),
  ): string => {
    const parameters = fn.parameters.map((parameter, i) => `${types.spell(parameterTypes[i], parameter)} ${names[i]}`);
    const result = types.spell(fn.result, fn);
    return `${isStatic ? 'static ' : ''}${result} ${symbol}(${parameters.length === 0 ? 'void' : parameters.join(', ')})`;
  };
  const parametersOf = (fn: FunctionIr): Type[] =>
    isOwn(fn) ? widenedParameters(fn) : fn.parameters.map(({ type }) => type);
  const namesOf = (caller: FunctionIr, held: ReadonlyMap<string, Bounds> = new Map()): Names => {
    const namer = plan.locals();
    const locals = new Map<string, string>();
    return {
      variable: (id) => {
        const known = tables.get(id) ?? locals.get(id);
        if (known !== undefined) return known;
        const name = namer(id.replace(/\.\d+$/, ''));
        locals.set(id, name);
        return name;
      },
      isLocal: (id) => !caller.parameters.some((parameter) => parameter.id === id),
      function: (key) => plan.callee(caller, key),
      held,
      parameters: (key) => parametersOf(byKey.get(key)!),
      result: (key) => byKey.get(key)!.result,
      types,
      field: fieldName,
    };
  };
  /** Of one that only the unit sees: a compiler chooses its calling convention unless it must think of others. */
  const attributes = ({ key }: FunctionIr): string => {
    if (options.apart === undefined) return '';
    return options.apart.has(key) ? '__attribute__((used, noinline)) ' : '__attribute__((used)) ';
  };
  const lowerFunction = (fn: FunctionIr): { contract: string[]; prototype: string; definition: string[] } => {
    if (fn.throws.length > 0)
      refuse(
        fn.span,
        `${fn.name} throws, which is not lowered to C`,
        'Return what went wrong: a boolean, or undefined.',
      );
    const ofParameters = isOwn(fn) ? heldByParameters(fn) : new Map<string, Bounds>();
    const held = heldByConstants(fn.body ?? [], ofParameters, (all) => createExpressions(namesOf(fn, all)).intBounds);
    const names = namesOf(fn, held);
    const parameterNames = fn.parameters.map(({ id }) => names.variable(id));
    const isStatic = isOwn(fn) || checked.has(fn.key);
    const plain = prototype(fn, plan.inner(fn), isStatic, parameterNames, parametersOf(fn));
    const head = isStatic ? plain.replace('static ', `static ${attributes(fn)}`) : plain;
    const acsl = createAcsl(
      fn,
      { ...names, record: types.record, part: partOfSlice },
      (key) => byKey.get(key)!,
      definitionOf,
      (one) => dropped.push(one),
    );
    if (fn.body === undefined) return { contract: acsl.contract(), prototype: head, definition: [] };
    const expressions = createExpressions(names);
    const body = {
      expressions,
      names,
      result: fn.result,
      read: variablesRead(fn.body),
      acsl,
      functionOf: (key: string) => byKey.get(key)!,
    };
    const lines = lowerBody(body, fn);
    // After the code, whose variables have the first choice of names.
    const kept = fn.secrets === undefined ? '' : KEPT;
    return { contract: acsl.contract(), prototype: head, definition: [`${kept}${head} {`, ...lines, '}'] };
  };

  const unchecked: UncheckedClause[] = [];
  /** The function that tests first. */
  const wrap = (fn: FunctionIr): { contract: string[]; prototype: string; definition: string[] } => {
    // Clauses are read outside of any function's proof: what they call believes what is proved of them.
    const names = { ...namesOf(fn), isLocal: () => false, function: (key: string) => callInClause(fn, key) };
    const parameterNames = fn.parameters.map(({ id }) => names.variable(id));
    const clauses = createClauses(names);
    const head = prototype(fn, checked.get(fn.key)!, isOwn(fn), parameterNames);
    const { checks, unchecked: left } = checksOf(
      fn,
      { field: fieldName, parameter: names.variable },
      ({ expression, span }) => {
        // Whether it is defined was to be proved, too.
        if (options.waived?.has(fn.key)) refuse(span, 'the proof of the function is waived');
        return clauses.truth(expression).text;
      },
    );
    unchecked.push(...left.map((one) => ({ ...one, function: fn })));
    const who = stringLiteral(`${fn.span.file}:${fn.name}`);
    const lines = checks.map(({ condition, text }) => `    cm_require(${condition}, ${who}, ${stringLiteral(text)});`);
    const result = fn.result.kind === 'void' ? '' : 'return ';
    const call = `    ${result}${plan.inner(fn)}(${parameterNames.join(', ')});`;
    // It is not judged by what it tests.
    const kept = fn.secrets === undefined ? '' : KEPT;
    return { contract: [], prototype: head, definition: [`${kept}${head} {`, ...lines, call, '}'] };
  };
  /** What a clause calls, if that could be lowered. */
  const callInClause = (fn: FunctionIr, key: string): string => {
    const called = byKey.get(key)!;
    if (broken.has(key)) refuse(fn.span, `${called.name} has no form in C`);
    // That the clause is defined was proved from its contract.
    if (plan.isForeign(key))
      refuse(fn.span, `it calls ${called.name}, whose proof does not hold, or relies on one that does not`);
    return plan.inner(called);
  };

  const dropped: Dropped[] = [];
  const { definitionOf, definitions: logic } = createLogic(program, globals, tables, {
    field: fieldName,
    record: types.record,
  });
  const lowerParts = (fn: FunctionIr) => {
    const own = plan.forClauses.has(fn.key) ? [] : diagnostics;
    return { fn, parts: collecting(own, () => lowerFunction(fn)) };
  };
  const attempts = program.functions.map(lowerParts);
  const broken = unusable(
    attempts.flatMap(({ fn, parts }) => (parts === undefined ? [fn.key] : [])),
    program,
  );
  const lowered = attempts.filter(({ fn }) => !plan.forClauses.has(fn.key) || !broken.has(fn.key));
  const wrappers = program.functions.flatMap((fn) => {
    if (!checked.has(fn.key)) return [];
    const parts = collecting(diagnostics, () => wrap(fn));
    return parts === undefined ? [] : [{ fn, parts }];
  });
  const tableTexts = program.tables.map((table) => tableText(types, table, tables.get(table.variable.id)!));
  const all = [...lowered, ...wrappers];
  const prototypesOf = (own: boolean): string[] =>
    all.flatMap(({ fn, parts }) =>
      parts === undefined || parts.prototype.startsWith('static ') !== own
        ? []
        : [[...comment(fn), ...parts.contract, `${parts.prototype};`].join('\n')],
    );
  const definitions = all.flatMap(({ parts }) =>
    parts === undefined || parts.definition.length === 0 ? [] : [parts.definition.join('\n')],
  );
  const records = lowered.flatMap(({ fn, parts }) => {
    if (parts === undefined || parts.definition.length === 0 || fn.secrets === undefined) return [];
    const symbols = [plan.inner(fn), ...(checked.has(fn.key) ? [checked.get(fn.key)!] : [])];
    return symbols.flatMap((symbol) => collecting(diagnostics, () => recordAssembly(secretRecord(fn, symbol))) ?? []);
  });
  const guard = `CASEMATE_${unit.replace(/[^A-Za-z0-9]/g, '_').toUpperCase()}_H`;
  const header = [
    `#ifndef ${guard}\n#define ${guard}`,
    '#include "casemate-lowered.h"',
    ...types.definitions(),
    ...logic().map((one) => `/*@ ${one} */`),
    ...prototypesOf(false),
    '#endif',
  ];
  const source = [
    `#include "${unit}.h"`,
    ...tableTexts,
    ...types.functions(),
    ...prototypesOf(true),
    ...definitions,
    ...records,
    ...(options.main === undefined
      ? []
      : [solo5Main(symbols.get(options.main)!, program.functions.some(isOfPlatform))]),
  ];
  return {
    header: `${header.join('\n\n')}\n`,
    source: `${source.join('\n\n')}\n`,
    program: { ...program, functions: lowered.map(({ fn }) => fn) },
    symbols,
    dropped,
    exported: new Map(
      program.functions.flatMap((fn) => {
        if (fn.key === options.main) return [[fn.key, SOLO5_MAIN]];
        return fn.body === undefined || isOwn(fn) ? [] : [[fn.key, symbols.get(fn.key)!]];
      }),
    ),
    inner: new Map(program.functions.flatMap((fn) => (checked.has(fn.key) ? [[fn.key, plan.inner(fn)]] : []))),
    tables: new Map([...tables].map(([id, name]) => [id, memoryOf(name)])),
    tests: wrappers.some(({ parts }) => parts.definition.length > 3),
    unchecked,
    diagnostics,
  };
}
