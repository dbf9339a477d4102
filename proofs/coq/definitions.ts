/**
 * A function's body as a term of Coq: statements become what comes after them.
 *
 * Variables that change are names that come anew; where two branches meet, what follows is a function of what they may
 * have changed; a loop is cm_loop of its round, whose state is what the loop changes and whose fuel is the value of its
 * measure when it begins. Every body is made twice from one walk: as it is computed, and with invariants and assertions
 * in it (cm_loop_with, cm_claim) that compute nothing and say to a proof what to prove. That both are the same is proved
 * by Coq.
 *
 * Ghost code is part of it: it changes nothing that is computed, and proofs need what it says.
 */
import { type FunctionIr, type Loop, ownedArrays, type Statement, type Variable } from '../../analyzers/ir.ts';
import { LONGEST_ARRAY, type Type, valueType } from '../../analyzers/types.ts';
import { allStatements, assignedVariables } from '../../analyzers/walk.ts';
import { rangeOfType } from '../convert.ts';
import {
  argumentTerms,
  arrayTerm,
  type Before,
  calledName,
  code,
  need,
  proposition,
  type Scope,
  sequence,
  value,
} from './expressions.ts';
import { atom, createNamer, zText } from './names.ts';
import { type Exported, unsupported } from './program.ts';
import { someValue, typed } from './types.ts';

/** A variable that a piece of code may change. */
interface Slot {
  readonly id: string;
  readonly name: string;
  readonly type: Type;
}

type Env = ReadonlyMap<string, string>;

/** Where control goes from a statement. */
interface Exits {
  readonly next: (env: Env) => string;
  readonly breaks?: (env: Env) => string;
  readonly continues?: (env: Env) => string;
  readonly returns: (env: Env, value: string | undefined) => string;
  /** What a loop gave that left the function. */
  readonly forward: (value: string) => string;
  /** Whether `next` is short enough to be written twice. */
  readonly short: boolean;
}

/** Whether control may come to what is behind the statements. */
function fallsThrough(statements: readonly Statement[]): boolean {
  return statements.every((statement) => {
    if (['return', 'throw', 'break', 'continue'].includes(statement.kind)) return false;
    if (statement.kind === 'if') return fallsThrough(statement.whenTrue) || fallsThrough(statement.whenFalse);
    if (statement.kind === 'ghost') return fallsThrough(statement.body);
    return true;
  });
}

/** What statements may change of what is there before them. */
function changed(exported: Exported, statements: readonly Statement[], env: Env): Slot[] {
  const found = new Map<string, Slot>();
  const add = ({ id, name, type }: Variable): void => {
    if (env.has(id)) found.set(id, { id, name, type });
  };
  for (const variable of assignedVariables(statements).values()) add(variable);
  for (const statement of allStatements(statements)) {
    if (statement.kind === 'store') add(statement.array);
    if (statement.kind === 'allocate') add(statement.variable);
    if (statement.kind === 'set') add(statement.object);
    if (statement.kind === 'create') for (const array of ownedArrays(statement.object)) add(array);
    if (statement.kind !== 'call') continue;
    const callee = exported.functionOf(statement.function);
    callee.parameters.forEach(({ id }, i) => {
      const argument = statement.arguments[i];
      if (!callee.modifies.includes(id)) return;
      if (argument.kind === 'array') add(argument.array);
      if (argument.kind === 'object') add(argument.object);
    });
  }
  return [...found.values()];
}

/** Parameters whose new contents a function gives back. */
export const modifiedOf = ({ parameters, modifies }: FunctionIr): readonly Variable[] =>
  parameters.filter(({ id }) => modifies.includes(id));

export const tuple = (parts: readonly string[]): string =>
  parts.length === 0 ? 'tt' : parts.length === 1 ? parts[0] : `(${parts.join(', ')})`;

export const pattern = (names: readonly string[]): string =>
  names.length === 0 ? '_' : names.length === 1 ? names[0] : `'(${names.join(', ')})`;

/** What a function gives: its result and what it modifies. */
export function resultType({ types }: Exported, subject: FunctionIr): string {
  const parts = [
    ...(subject.result.kind === 'void' ? [] : [types.of(subject.result)]),
    ...modifiedOf(subject).map(({ type }) => types.of(type)),
  ].map((part) => (part.includes(' ') ? `(${part})` : part));
  return parts.length === 0 ? 'unit' : parts.join(' * ');
}

/** Names of parameters, by id. */
export function parameterNames(subject: FunctionIr, fresh: (base: string) => string): Map<string, string> {
  return new Map(subject.parameters.map(({ id, name }) => [id, fresh(name)]));
}

const errorNames = { Error: 'Error', RangeError: 'RangeError', TypeError: 'TypeError' } as const;

/** The body, over the names of its parameters. `proving`: with invariants and assertions in it. */
export function bodyText(
  exported: Exported,
  subject: FunctionIr,
  proving: boolean,
): { parameters: string[]; body: string } {
  const namer = createNamer('v_');
  const fresh = namer.fresh;
  const start = parameterNames(subject, fresh);
  const { types } = exported;
  const scopeOf = (names: Env): Scope => ({ exported, names, old: start, fresh });
  const withName = (env: Env, id: string, name: string): Env => new Map([...env, [id, name]]);
  const claims = (env: Env, clauses: readonly { readonly expression: Parameters<typeof proposition>[1] }[]): string[] =>
    clauses.map(({ expression }) => `(${proposition(scopeOf(env), expression)})`);
  /** Gives a variable a new value, and goes on. */
  const assign = (
    env: Env,
    { id, name }: { id: string; name: string },
    term: string,
    rest: (env: Env) => string,
  ): string => {
    const made = fresh(name);
    return `let ${made} := ${term} in\n${rest(withName(env, id, made))}`;
  };
  const given = (env: Env, result: string | undefined): string =>
    tuple([...(result === undefined ? [] : [result]), ...modifiedOf(subject).map(({ id }) => env.get(id)!)]);
  const done = (env: Env, result: string | undefined): string => `Ok ${atom(given(env, result))}`;

  const loop = (env: Env, statement: Loop, exits: Exits): string => {
    const [measure] = statement.decreases;
    if (measure === undefined) return unsupported('a loop without a measure');
    if (statement.decreases.length > 1) return unsupported('a loop whose measure has more than one part');
    const slots = changed(exported, [...statement.body, ...statement.update], env);
    const bind = (): { env: Env; names: string[] } => {
      const names = slots.map(({ name }) => fresh(name));
      return { env: new Map([...env, ...slots.map(({ id }, i) => [id, names[i]] as const)]), names };
    };
    const stateOf = (now: Env): string => tuple(slots.map(({ id }) => now.get(id)!));
    const inside = bind();
    const before: Before[] = [];
    const condition = code(scopeOf(inside.env), statement.condition, before);
    const leave = (now: Env): string => `Ok (Leave ${atom(stateOf(now))})`;
    const again = (now: Env): string => `Ok (Again ${atom(stateOf(now))})`;
    const inner = {
      short: statement.update.length < 2,
      returns: (now: Env, result: string | undefined) => `Ok (Return ${atom(given(now, result))})`,
      forward: (given_: string) => `Ok (Return ${given_})`,
    };
    const update = (now: Env): string => block(now, statement.update, { ...inner, next: again, short: true });
    const round = sequence(
      before,
      `if ${condition} then (\n${block(inside.env, statement.body, { ...inner, next: update, breaks: leave, continues: update })}) else ${leave(inside.env)}`,
    );
    const variant = value(scopeOf(env), measure.expression);
    const after = bind();
    const rest = exits.next(after.env);
    let head = `cm_loop ${atom(variant)}`;
    if (proving) {
      const held = bind();
      const kept = slots.flatMap(({ id, type }) => {
        const [was, is] = [env.get(id)!, held.env.get(id)!];
        return [
          ...typed(types, type, is, fresh),
          ...(valueType(type).kind === 'array' ? [`cm_count ${is} = cm_count ${was}`] : []),
        ];
      });
      const all = [...kept, ...claims(held.env, statement.invariants)];
      const measured = bind();
      const invariant = `(fun ${pattern(held.names)} => ${all.length === 0 ? 'True' : all.join(' /\\\n ')})`;
      const measuring = `(fun ${pattern(measured.names)} => ${value(scopeOf(measured.env), measure.expression)})`;
      head = `cm_loop_with ${invariant}\n ${measuring}\n ${atom(variant)}`;
    }
    const result = fresh('value');
    const whole = `(${head} (fun ${pattern(inside.names)} =>\n${round}) ${atom(stateOf(env))}) (fun turn =>\nmatch turn with Again _ => Endless | Leave ${slots.length < 2 ? (after.names[0] ?? '_') : `(${after.names.join(', ')})`} =>\n${rest}\n| Return ${result} => `;
    return `cm_bind ${whole}${exits.forward(result)} end)`;
  };

  const block = (env: Env, statements: readonly Statement[], exits: Exits): string => {
    const [statement, ...others] = statements;
    if (statement === undefined) return exits.next(env);
    const rest = (now: Env): string => block(now, others, exits);
    const scope = scopeOf(env);
    const before: Before[] = [];
    switch (statement.kind) {
      case 'declare':
      case 'assign': {
        const term = code(scope, statement.value, before);
        return sequence(before, assign(env, statement.variable, term, rest));
      }
      case 'create': {
        const object = statement.object;
        const arrays = ownedArrays(object);
        const made = arrays.reduce<(env: Env) => string>(
          (behind, array) => (now) => assign(now, array, '(nil : list Z)', behind),
          rest,
        );
        return assign(env, object, someValue(types, object.type), made);
      }
      case 'allocate': {
        const length = code(scope, statement.length, before);
        if (statement.length.kind !== 'integer') before.push(need(`cm_between 0 ${LONGEST_ARRAY} ${atom(length)}`));
        const { values } = statement;
        const term = values?.some((one) => one !== 0n)
          ? `[${values.map(zText).join('; ')}]`
          : `cm_zeros ${values === undefined ? atom(length) : values.length}`;
        return sequence(before, assign(env, statement.variable, term, rest));
      }
      case 'store': {
        const index = code(scope, statement.index, before);
        const stored = code(scope, statement.value, before);
        const array = atom(arrayTerm(scope, statement.array));
        before.push(need(`cm_inside ${array} ${atom(index)}`));
        return sequence(before, assign(env, statement.array, `cm_set ${array} ${atom(index)} ${atom(stored)}`, rest));
      }
      case 'set': {
        const record = types.record(statement.object.type.record);
        const now = env.get(statement.object.id)!;
        const term = code(scope, statement.value, before);
        const fields = record.type.fields.map(({ name }, i) =>
          name === statement.field ? atom(term) : `(${record.fields[i]} ${now})`,
        );
        return sequence(before, assign(env, statement.object, `make_${record.name} ${fields.join(' ')}`, rest));
      }
      case 'call': {
        const callee = exported.functionOf(statement.function);
        const args = argumentTerms(scope, statement.arguments, before);
        const call = [calledName(scope, statement.function), ...args].join(' ');
        const { target } = statement;
        const now = new Map(env);
        const names: string[] = [];
        const result = callee.result.kind === 'void' ? undefined : fresh(target?.name ?? 'unused');
        if (result !== undefined) names.push(result);
        const checks: Before[] = [];
        if (result !== undefined && target !== undefined) {
          now.set(target.id, result);
          const { low, high } = rangeOfType(target.type);
          if (target.type.kind === 'integer' && low !== undefined && high !== undefined)
            checks.push(need(`cm_between ${zText(low)} ${zText(high)} ${result}`));
        }
        callee.parameters.forEach(({ id }, i) => {
          const argument = statement.arguments[i];
          if (!callee.modifies.includes(id) || (argument.kind !== 'array' && argument.kind !== 'object')) return;
          const variable = argument.kind === 'array' ? argument.array : argument.object;
          const name = fresh(variable.name);
          names.push(name);
          now.set(variable.id, name);
        });
        return sequence(before, `cm_bind (${call}) (fun ${pattern(names)} =>\n${sequence(checks, rest(now))})`);
      }
      case 'assert': {
        // A claim about bits alone is an obligation of its own, and known from there on.
        if (!proving) return rest(env);
        return `cm_claim ${claims(env, [statement.clause])[0]} (\n${rest(env)})`;
      }
      case 'ghost':
        return block(env, [...statement.body, ...others], exits);
      case 'if': {
        const condition = code(scope, statement.condition, before);
        const { whenTrue, whenFalse } = statement;
        const meet = fallsThrough(whenTrue) && fallsThrough(whenFalse);
        let after = rest;
        let join = '';
        if (meet && !(others.length === 0 && exits.short)) {
          const slots = changed(exported, [...whenTrue, ...whenFalse], env);
          const names = slots.map(({ name }) => fresh(name));
          const joinName = fresh('join');
          const met = new Map([...env, ...slots.map(({ id }, i) => [id, names[i]] as const)]);
          const parameters = slots.map(({ type }, i) => `(${names[i]} : ${types.of(type)})`);
          join = `let ${joinName} := fun ${parameters.join(' ') || '(_ : unit)'} =>\n${rest(met)} in\n`;
          after = (now) => [joinName, ...(slots.length === 0 ? ['tt'] : slots.map(({ id }) => now.get(id)!))].join(' ');
        }
        const short = join !== '' || (others.length === 0 && exits.short);
        const branch = (side: readonly Statement[]): string => block(env, side, { ...exits, next: after, short });
        return sequence(before, `${join}if ${condition} then (\n${branch(whenTrue)}) else (\n${branch(whenFalse)})`);
      }
      case 'loop':
        return loop(env, statement, { ...exits, next: rest, short: false });
      case 'break':
        return exits.breaks!(env);
      case 'continue':
        return exits.continues!(env);
      case 'return': {
        const result = statement.value === undefined ? undefined : code(scope, statement.value, before);
        return sequence(before, exits.returns(env, result));
      }
      case 'throw':
        return `Throws ${errorNames[statement.error]}`;
    }
  };

  const body = block(start, subject.body ?? [], {
    next: (env) => (subject.result.kind === 'void' ? done(env, undefined) : 'Wrong'),
    returns: done,
    forward: (whole) => `Ok ${whole}`,
    short: true,
  });
  const parameters = subject.parameters.map(({ id, type }) => `(${start.get(id)} : ${types.of(type)})`);
  return { parameters, body };
}
