/**
 * Which type each part of an extracted term has.
 *
 * The extraction gives the types of declarations only, and strict TypeScript wants those of local functions and of
 * variables that branches fill as well. They are found by unification, as for any language of this kind; where they do
 * not fit together the Coq program computes types from values, which TypeScript cannot say without casting, and it is
 * refused.
 */
import { fail, printable } from '../../../base/errors.ts';
import type { Declaration, Term, Type } from './syntax.ts';
import { builtFunctions, builtTypes, constructorName, functionName, typeName } from './table.ts';

/** A type under way: a variable may be bound to another later. */
export type Known =
  | { readonly kind: 'variable'; bound?: Known }
  /** `->` of two, the name of a type and its arguments, or a parameter of the declaration, `'1`. */
  | { readonly kind: 'applied'; readonly name: string; readonly args: readonly Known[] };

const applied = (name: string, ...args: readonly Known[]): Known => ({ kind: 'applied', name, args });
export const functionType = (from: Known, to: Known): Known => applied('->', from, to);
const fresh = (): Known => ({ kind: 'variable' });

/** What a type is bound to now. */
export function resolved(type: Known): Known {
  let now = type;
  while (now.kind === 'variable' && now.bound !== undefined) now = now.bound;
  return now;
}

export interface ConstructorInfo {
  readonly type: string;
  readonly params: number;
  readonly fields: readonly Type[];
}

export interface Globals {
  readonly aliases: ReadonlyMap<string, Extract<Declaration, { kind: 'alias' }>>;
  readonly constructors: ReadonlyMap<string, ConstructorInfo>;
  readonly types: ReadonlyMap<string, Type>;
}

/** A type as the table writes it. */
export function parseType(text: string): Type {
  let at = 0;
  const list = (end: string): Type[] => {
    const all: Type[] = [];
    while (at < text.length && text[at] !== end) {
      if (text[at] === ',') at++;
      all.push(one());
    }
    return all;
  };
  const one = (): Type => {
    if (text[at] === '(') {
      at++;
      const type = arrows();
      at++;
      return type;
    }
    const name = /^\w+/.exec(text.slice(at))![0];
    at += name.length;
    if (/^\d/.test(name)) return { kind: 'parameter', index: Number(name) };
    if (text[at] !== '<') return { kind: 'named', name: typeName(name), args: [] };
    at++;
    const args = list('>');
    at++;
    return { kind: 'named', name: typeName(name), args };
  };
  const arrows = (): Type => {
    const all = [one()];
    while (text[at] === ',' || text.startsWith('->', at)) {
      at += text[at] === ',' ? 1 : 2;
      all.push(one());
    }
    return all.reduceRight((to, from) => ({ kind: 'arrow', from, to }));
  };
  return arrows();
}

/** What declarations and the table say of names. */
export function globalsOf(declarations: readonly Declaration[]): Globals {
  const aliases = new Map<string, Extract<Declaration, { kind: 'alias' }>>();
  const constructors = new Map<string, ConstructorInfo>();
  const types = new Map<string, Type>();
  for (const one of declarations) {
    if (one.kind === 'alias') aliases.set(one.name, one);
    else if (one.kind === 'terms') for (const { name, type } of one.terms) types.set(name, type);
    else
      for (const { name, args } of one.constructors)
        constructors.set(name, { type: one.name, params: one.params.length, fields: args });
  }
  for (const { coq, params, constructors: all } of builtTypes)
    for (const { name, fields } of all)
      constructors.set(constructorName(coq, name), { type: typeName(coq), params, fields: fields.map(parseType) });
  for (const { coq, type } of builtFunctions) types.set(functionName(coq), parseType(type));
  return { aliases, constructors, types };
}

/** Types of one definition: of names that it binds, and of what its cases come to. */
export interface Inferred {
  /** By the term that binds them and their place in it. */
  readonly binders: ReadonlyMap<Term, readonly Known[]>;
  /** Of every term. */
  readonly results: ReadonlyMap<Term, Known>;
  readonly type: Known;
}

/** Types of the definition `name`. Errors: 'extraction'. */
export function inferDefinition(name: string, declared: Type, value: Term, globals: Globals): Inferred {
  const refuse = (why: string): never =>
    fail('extraction', `${printable(name)}: ${why}; it cannot be written in TypeScript without casts`);
  const binders = new Map<Term, readonly Known[]>();
  const results = new Map<Term, Known>();

  const instance = (type: Type, params: Known[], depth = 0): Known => {
    if (depth > 400) return refuse('its types are nested too deep');
    const inner = (one: Type): Known => instance(one, params, depth + 1);
    switch (type.kind) {
      case 'arrow':
        return functionType(inner(type.from), inner(type.to));
      case 'parameter': {
        while (params.length < type.index) params.push(fresh());
        return params[type.index - 1]!;
      }
      case 'named': {
        const alias = globals.aliases.get(type.name);
        const args = type.args.map(inner);
        return alias === undefined ? applied(type.name, ...args) : instance(alias.type, args, depth + 1);
      }
      case 'erased':
        return applied(typeName('unit'));
      case 'unknown':
        return refuse('a type in it depends on a value');
    }
  };
  const occurs = (variable: Known, type: Known): boolean => {
    const now = resolved(type);
    return now === variable || (now.kind === 'applied' && now.args.some((one) => occurs(variable, one)));
  };
  const unify = (first: Known, second: Known): void => {
    const [a, b] = [resolved(first), resolved(second)];
    if (a === b) return;
    if (a.kind === 'variable') {
      if (occurs(a, b)) refuse('it applies a function to itself');
      a.bound = b;
    } else if (b.kind === 'variable') unify(b, a);
    else if (a.name !== b.name || a.args.length !== b.args.length) refuse('its types do not fit each other');
    else for (const [i, one] of a.args.entries()) unify(one, b.args[i]!);
  };
  type Scope = ReadonlyMap<string, Known>;
  const bind = (scope: Scope, names: readonly string[], types: readonly Known[]): Scope =>
    new Map([...scope, ...names.map((one, i) => [one, types[i]!] as const)]);

  const infer = (term: Term, scope: Scope): Known => {
    const type = inferred(term, scope);
    results.set(term, type);
    return type;
  };
  const inferred = (term: Term, scope: Scope): Known => {
    switch (term.kind) {
      case 'local':
        return scope.get(term.name) ?? refuse(`nobody binds ${printable(term.name)}`);
      case 'global':
        return instance(globals.types.get(term.name) ?? refuse(`nobody declares ${printable(term.name)}`), []);
      case 'apply': {
        let type = infer(term.fn, scope);
        for (const arg of term.args) {
          const [from, to] = [infer(arg, scope), fresh()];
          unify(type, functionType(from, to));
          type = to;
        }
        return type;
      }
      case 'lambda': {
        const types = term.params.map(fresh);
        binders.set(term, types);
        return types.reduceRight(
          (to, from) => functionType(from, to),
          infer(term.body, bind(scope, term.params, types)),
        );
      }
      case 'let': {
        const type = infer(term.value, scope);
        binders.set(term, [type]);
        return infer(term.body, bind(scope, [term.name], [type]));
      }
      case 'construct': {
        const info = globals.constructors.get(term.name) ?? refuse(`nobody declares ${printable(term.name)}`);
        const params = Array.from({ length: info.params }, fresh);
        if (info.fields.length !== term.args.length) refuse(`${printable(term.name)} has other arguments`);
        for (const [i, arg] of term.args.entries()) unify(instance(info.fields[i]!, params), infer(arg, scope));
        return applied(info.type, ...params);
      }
      case 'case': {
        const of = infer(term.of, scope);
        binders.set(term, [of]);
        const result = fresh();
        for (const { pattern, body } of term.cases) {
          if (pattern.kind === 'any') {
            unify(result, infer(body, pattern.name === undefined ? scope : bind(scope, [pattern.name], [of])));
            continue;
          }
          const info = globals.constructors.get(pattern.name) ?? refuse(`nobody declares ${printable(pattern.name)}`);
          const params = Array.from({ length: info.params }, fresh);
          unify(of, applied(info.type, ...params));
          if (info.fields.length !== pattern.args.length) refuse(`${printable(pattern.name)} has other arguments`);
          const types = info.fields.map((field) => instance(field, params));
          unify(result, infer(body, bind(scope, pattern.args, types)));
        }
        return result;
      }
      case 'fix': {
        const names = term.functions.map((one) => one.name);
        const types = names.map(fresh);
        binders.set(term, types);
        const inner = bind(scope, names, types);
        for (const [i, { body }] of term.functions.entries()) unify(types[i]!, infer(body, inner));
        return types[0]!;
      }
      case 'absurd':
        return fresh();
      case 'erased':
        return applied(typeName('unit'));
      case 'coerce':
        return refuse('a type in it depends on a value');
      case 'axiom':
        return fail('extraction', `${printable(name)}: is an axiom, which computes nothing; define it`);
    }
  };
  const rigid: Known[] = Array.from({ length: 26 }, (_, i) => applied(`'${i + 1}`));
  const type = instance(declared, rigid);
  unify(type, infer(value, new Map()));
  return { binders, results, type };
}
