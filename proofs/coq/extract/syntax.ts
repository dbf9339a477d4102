/**
 * What Coq's JSON extraction says, as plain data: the types and terms of a small typed functional language.
 *
 * The file is a program's output that another program wrote for a text of a user, so nothing of its shape is taken for
 * granted: what has another form than Coq 8.16 gives it, or is nested deeper than a reader can go, is refused.
 */
import { fail, printable } from '../../../base/errors.ts';

export type Type =
  | { readonly kind: 'arrow'; readonly from: Type; readonly to: Type }
  | { readonly kind: 'named'; readonly name: string; readonly args: readonly Type[] }
  /** A parameter of the declaration, from 1. */
  | { readonly kind: 'parameter'; readonly index: number }
  /** What has no computational content. */
  | { readonly kind: 'erased' }
  /** No type of this language: the Coq type depends on a value. */
  | { readonly kind: 'unknown' };

export type Pattern =
  | { readonly kind: 'constructor'; readonly name: string; readonly args: readonly string[] }
  | { readonly kind: 'any'; readonly name?: string };

export type Term =
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'global'; readonly name: string }
  | { readonly kind: 'apply'; readonly fn: Term; readonly args: readonly Term[] }
  | { readonly kind: 'lambda'; readonly params: readonly string[]; readonly body: Term }
  | { readonly kind: 'let'; readonly name: string; readonly value: Term; readonly body: Term }
  | { readonly kind: 'construct'; readonly name: string; readonly args: readonly Term[] }
  | { readonly kind: 'case'; readonly of: Term; readonly cases: readonly { pattern: Pattern; body: Term }[] }
  | { readonly kind: 'fix'; readonly functions: readonly { readonly name: string; readonly body: Term }[] }
  | { readonly kind: 'absurd'; readonly message: string }
  | { readonly kind: 'erased' }
  | { readonly kind: 'coerce' }
  | { readonly kind: 'axiom' };

export interface Constructor {
  readonly name: string;
  readonly args: readonly Type[];
}

export type Declaration =
  | {
      readonly kind: 'inductive';
      readonly name: string;
      readonly params: readonly string[];
      readonly constructors: readonly Constructor[];
    }
  | { readonly kind: 'alias'; readonly name: string; readonly params: readonly string[]; readonly type: Type }
  | { readonly kind: 'terms'; readonly terms: readonly Definition[] };

export interface Definition {
  readonly name: string;
  readonly type: Type;
  readonly value: Term;
}

/** Deeper than this a term is nobody's program, and would take the stack with it. */
const DEEPEST = 600;

type Json = Readonly<Record<string, unknown>>;

function broken(what: string): never {
  return fail('tool', `coqc: its extraction has ${printable(what, 120)}, which Coq 8.16 does not write`);
}

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : broken('no object');
const textOf = (value: unknown): string => (typeof value === 'string' ? value : broken('no text'));
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : broken('no list'));
const textsOf = (value: unknown): string[] => listOf(value).map(textOf);

function typeOf(value: unknown, params: readonly string[], depth: number): Type {
  if (depth > DEEPEST) fail('limit', 'a type of the extraction is nested too deep');
  const json = objectOf(value);
  const inner = (one: unknown): Type => typeOf(one, params, depth + 1);
  switch (json.what) {
    case 'type:arrow':
      return { kind: 'arrow', from: inner(json.left), to: inner(json.right) };
    case 'type:glob':
      return { kind: 'named', name: textOf(json.name), args: listOf(json.args).map(inner) };
    case 'type:varidx':
      return { kind: 'parameter', index: Number(json.name) };
    case 'type:var': {
      const at = params.indexOf(textOf(json.name));
      return at < 0 ? { kind: 'unknown' } : { kind: 'parameter', index: at + 1 };
    }
    case 'type:dummy':
      return { kind: 'erased' };
    case 'type:unknown':
    case 'type:axiom':
      return { kind: 'unknown' };
    default:
      return broken(`a type "${json.what}"`);
  }
}

function patternOf(value: unknown): Pattern {
  const json = objectOf(value);
  switch (json.what) {
    case 'pat:constructor':
      return { kind: 'constructor', name: textOf(json.name), args: textsOf(json.argnames) };
    case 'pat:wild':
      return { kind: 'any' };
    case 'pat:rel':
      return { kind: 'any', name: textOf(json.name) };
    default:
      return broken(`a pattern "${json.what}"`);
  }
}

function termOf(value: unknown, depth: number): Term {
  if (depth > DEEPEST) fail('limit', 'a term of the extraction is nested too deep');
  const json = objectOf(value);
  const inner = (one: unknown): Term => termOf(one, depth + 1);
  switch (json.what) {
    case 'expr:rel':
      return { kind: 'local', name: textOf(json.name) };
    case 'expr:global':
      return { kind: 'global', name: textOf(json.name) };
    case 'expr:apply':
      return { kind: 'apply', fn: inner(json.func), args: listOf(json.args).map(inner) };
    case 'expr:lambda': {
      const params = textsOf(json.argnames);
      const body = inner(json.body);
      return params.length === 0 ? body : { kind: 'lambda', params, body };
    }
    case 'expr:let':
      return { kind: 'let', name: textOf(json.name), value: inner(json.nameval), body: inner(json.body) };
    case 'expr:constructor':
      return { kind: 'construct', name: textOf(json.name), args: listOf(json.args).map(inner) };
    case 'expr:case':
      return {
        kind: 'case',
        of: inner(json.expr),
        cases: listOf(json.cases).map((one) => {
          const { pat, body } = objectOf(one);
          return { pattern: patternOf(pat), body: inner(body) };
        }),
      };
    case 'expr:fix':
      return {
        kind: 'fix',
        functions: listOf(json.funcs).map((one) => {
          const { name, body } = objectOf(one);
          return { name: textOf(name), body: inner(body) };
        }),
      };
    case 'expr:exception':
      return { kind: 'absurd', message: textOf(json.msg) };
    case 'expr:dummy':
      return { kind: 'erased' };
    case 'expr:coerce':
      return { kind: 'coerce' };
    case 'expr:axiom':
      return { kind: 'axiom' };
    default:
      return broken(`a term "${json.what}"`);
  }
}

function definitionOf(value: unknown): Definition {
  const { name, type, value: body } = objectOf(value);
  return { name: textOf(name), type: typeOf(type, [], 0), value: termOf(body, 0) };
}

function isIn(name: string, type: Type): boolean {
  if (type.kind === 'arrow') return isIn(name, type.from) || isIn(name, type.to);
  return type.kind === 'named' && (type.name === name || type.args.some((one) => isIn(name, one)));
}

function declarationOf(value: unknown): Declaration[] {
  const json = objectOf(value);
  switch (json.what) {
    case 'decl:ind': {
      const params = textsOf(json.argnames);
      const constructors = listOf(json.constructors).map((one): Constructor => {
        const { name, argtypes } = objectOf(one);
        return { name: textOf(name), args: listOf(argtypes).map((type) => typeOf(type, params, 0)) };
      });
      const name = textOf(json.name);
      // A type that only wraps another is that other in all terms, as in every language that Coq extracts to.
      const [only] = constructors.length === 1 ? constructors[0]!.args : [];
      if (only !== undefined && constructors[0]!.args.length === 1 && !isIn(name, only))
        return [{ kind: 'alias', name, params, type: only }];
      return [{ kind: 'inductive', name, params, constructors }];
    }
    case 'decl:singleton':
    case 'decl:type': {
      const params = textsOf(json.argnames);
      return [{ kind: 'alias', name: textOf(json.name), params, type: typeOf(json.value, params, 0) }];
    }
    case 'decl:term':
      return [{ kind: 'terms', terms: [definitionOf(json)] }];
    case 'decl:fixgroup':
      return [{ kind: 'terms', terms: listOf(json.fixlist).map(definitionOf) }];
    default:
      return broken(`a declaration "${json.what}"`);
  }
}

/** The declarations of an extraction, in its order. Errors: 'tool' for another form; 'limit'. */
export function readExtraction(text: string): Declaration[] {
  let json: unknown;
  try {
    // Of an inductive proposition nothing is left, and Coq writes that between two commas.
    json = JSON.parse(text.replaceAll(/,(?=\s*[,\]])/g, '').replaceAll(/\[\s*,/g, '['));
  } catch {
    return broken('no JSON');
  }
  return listOf(objectOf(json).declarations).flatMap(declarationOf);
}

/** All terms that a term consists of, itself first. */
export function* partsOf(term: Term): Generator<Term> {
  const stack = [term];
  while (stack.length > 0) {
    const next = stack.pop()!;
    yield next;
    if (next.kind === 'apply') stack.push(next.fn, ...next.args);
    else if (next.kind === 'lambda') stack.push(next.body);
    else if (next.kind === 'let') stack.push(next.value, next.body);
    else if (next.kind === 'construct') stack.push(...next.args);
    else if (next.kind === 'case') stack.push(next.of, ...next.cases.map(({ body }) => body));
    else if (next.kind === 'fix') stack.push(...next.functions.map(({ body }) => body));
  }
}
