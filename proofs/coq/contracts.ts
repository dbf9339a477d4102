/**
 * A function's contract as what Coq is to prove of its definition.
 *
 * `requires_f` is what callers see to: that arguments are of their types, and the preconditions. `ensures_f` is what they
 * get: that results are of theirs, that arrays keep their lengths, fields that may not be written their values, and the
 * postconditions. The theorem says that a call that meets the first returns, in time and without anything wrong on the
 * way, what meets the second; or throws where, and what, the contract says.
 */
import { coversError, type ErrorName, type FunctionIr } from '../../analyzers/ir.ts';
import { valueType } from '../../analyzers/types.ts';
import { allStatements } from '../../analyzers/walk.ts';
import { calleesOf } from '../groups.ts';
import { bodyText, modifiedOf, parameterNames, pattern, resultType } from './definitions.ts';
import { proposition, type Scope, value, valueName } from './expressions.ts';
import { atom, comment, createNamer } from './names.ts';
import type { Exported } from './program.ts';
import { someValue, typed } from './types.ts';

export interface Definition {
  readonly function: FunctionIr;
  /** f_NAME. */
  readonly name: string;
  /** What computes: the definition alone. */
  readonly text: string;
  /** The same with invariants, and the contract. */
  readonly contract: string;
  /** Whether clauses may use its value. */
  readonly pure: boolean;
  /** Keys of the functions that its body, its clauses included, calls. */
  readonly calls: readonly string[];
}

const all = (parts: readonly string[]): string => (parts.length === 0 ? 'True' : parts.map(atom).join(' /\\\n  '));

const stem = (name: string): string => name.slice(2);

/** The errors that may be thrown when a clause for `announced` holds. */
const covered = (announced: ErrorName): ErrorName[] =>
  (['Error', 'RangeError', 'TypeError'] as const).filter((thrown) => coversError(announced, thrown));

/** The one expression that a function returns, where its body is that and what is not run. */
function onlyValue(subject: FunctionIr) {
  const run = subject.body?.filter(({ kind }) => kind !== 'ghost' && kind !== 'assert') ?? [];
  return run.length === 1 && run[0].kind === 'return' ? run[0].value : undefined;
}

/** Throws Unsupported where something has no form in Coq. */
export function define(exported: Exported, subject: FunctionIr): Definition {
  const { types } = exported;
  const name = exported.nameOf(subject.key);
  const plain = bodyText(exported, subject, false);
  const proving = bodyText(exported, subject, true);
  const result = resultType(exported, subject);
  const head = [name, ...plain.parameters].join(' ');
  const { fresh } = createNamer('v_');
  const start = parameterNames(subject, fresh);
  const scope: Scope = { exported, names: start, old: start, fresh };
  const names = subject.parameters.map(({ id }) => start.get(id)!);
  const parameters = subject.parameters.map(({ id, type }) => `(${start.get(id)} : ${types.of(type)})`).join(' ');
  const requires = [
    ...subject.parameters.flatMap(({ id, type }) => typed(types, type, start.get(id)!, fresh)),
    ...subject.requires.map(({ expression }) => proposition(scope, expression)),
  ];
  const after = new Map(start);
  const results: string[] = [];
  const promised: string[] = [];
  if (subject.result.kind !== 'void') {
    const given = fresh('result');
    after.set(subject.resultVariable.id, given);
    results.push(given);
    promised.push(...typed(types, subject.result, given, fresh));
  }
  const made = new Set(
    allStatements(subject.body ?? []).flatMap((one) => (one.kind === 'allocate' ? [one.variable.id] : [])),
  );
  for (const { id, name: called, type } of modifiedOf(subject)) {
    const now = fresh(called);
    const before = start.get(id)!;
    after.set(id, now);
    results.push(now);
    promised.push(...typed(types, type, now, fresh));
    if (valueType(type).kind === 'array' && !made.has(id)) promised.push(`cm_count ${now} = cm_count ${before}`);
    if (type.kind !== 'object') continue;
    const record = types.record(type.record);
    const written = new Set(subject.fields.get(id) ?? []);
    type.record.fields.forEach((field, i) => {
      if (!written.has(field.name)) promised.push(`${record.fields[i]} ${now} = ${record.fields[i]} ${before}`);
    });
  }
  const throwing = subject.throws.map(({ expression, error }) => ({ holds: proposition(scope, expression), error }));
  const ended: Scope = { ...scope, names: after };
  const clauses = subject.ensures.map(({ expression }) => proposition(ended, expression));
  const lines = [
    comment(`${subject.name} in ${subject.span.file}`),
    `Definition ${head} : cm_result ${result.includes(' ') ? `(${result})` : result} :=`,
    `${plain.body}.`,
  ];
  const own = stem(name);
  const only = subject.pure ? onlyValue(subject) : undefined;
  const pure = subject.pure && subject.result.kind !== 'void' && subject.modifies.length === 0;
  if (pure) {
    if (only !== undefined) exported.plain.add(subject.key);
    const term =
      only === undefined
        ? `cm_the ${someValue(types, subject.result)} (${[name, ...names].join(' ')})`
        : value(scope, only);
    lines.push(`Definition ${valueName(name)} ${parameters} : ${types.of(subject.result)} :=\n${term}.`);
  }
  const contract = [
    `Definition proving_${own} ${plainParameters(proving.parameters)} : cm_result (${result}) :=\n${proving.body}.`,
    `Definition requires_${own} ${parameters} : Prop :=\n  ${all(requires)}.`,
    `Definition ensures_${own} ${parameters} (given : ${result}) : Prop :=\n  let ${results.length < 2 ? (results[0] ?? '_') : pattern(results)} := given in\n  ${all(
      [
        ...(only !== undefined && pure ? [`${results[0]} = ${[valueName(name), ...names].join(' ')}`] : []),
        ...throwing.map(({ holds }) => `~ (${holds})`),
        ...promised,
        ...clauses,
      ],
    )}.`,
    `Definition throws_${own} ${parameters} (error : cm_error) : Prop :=\n  ${
      throwing.length === 0
        ? 'False'
        : throwing
            .map(
              ({ holds, error }) =>
                `((${holds}) /\\ (${covered(error)
                  .map((one) => `error = ${one}`)
                  .join(' \\/ ')}))`,
            )
            .join(' \\/\n  ')
    }.`,
    `Definition contract_${own} : Prop :=\n  ${names.length === 0 ? '' : `forall ${parameters}, `}requires_${[own, ...names].join(' ')} ->\n  cm_ends (${[name, ...names].join(' ')}) (ensures_${[own, ...names].join(' ')}) (throws_${[own, ...names].join(' ')}).`,
  ].join('\n\n');
  return { function: subject, name, text: lines.join('\n'), contract, pure, calls: [...calleesOf(subject)] };
}

const plainParameters = (parameters: readonly string[]): string => parameters.join(' ');
