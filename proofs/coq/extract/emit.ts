/**
 * TypeScript of one extracted definition.
 *
 * Coq's terms are expressions throughout; TypeScript says most of it in statements. So a match becomes `if`s, whose
 * branches return or fill a variable, and nothing is wrapped in a function only to be called: an expression puts what it
 * needs before itself into the block it stands in. That is right since Coq's terms are pure and end, whatever the order.
 * A call of a function by itself in the last place becomes a turn of a loop, so that it does not need the stack. Functions
 * take all their parameters at once; where one is handed over as a value it takes them one by one, as its type says.
 */
import { fail, printable } from '../../../base/errors.ts';
import { characterLiteral, numberLiteral, quoted, stringLiteral } from './literals.ts';
import { camelCase, type Names } from './naming.ts';
import { type Definition, partsOf, type Term, type Type } from './syntax.ts';
import { builtinConstructors, builtinFunctions, isAtom } from './table.ts';
import { declaredText, genericText, knownText, parametersIn, type Surroundings, splitType } from './type-text.ts';
import type { Inferred, Known } from './types.ts';

interface Local {
  readonly text: string;
  /** A function that takes so many at once; undefined: a value. */
  readonly arity?: number;
}
type Scope = ReadonlyMap<string, Local>;

/** A case of a match. */
interface Branch {
  readonly test: string;
  readonly binds: readonly string[];
  readonly body: Term;
  readonly scope: Scope;
}

/** Where a value goes. */
type Place = { readonly kind: 'return'; readonly loop?: Loop } | { readonly kind: 'variable'; readonly name: string };

interface Loop {
  readonly name: string;
  readonly isGlobal: boolean;
  /** Variables of the loop, in the order of parameters. */
  readonly variables: readonly string[];
}

const isSimple = (text: string): boolean => /^(?:-?\w+|'[^'\\]*'|[\w.]+)$/.test(text);
const wrapped = (text: string): string => (isAtom(text) ? text : `(${text})`);
const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function mentions(term: Term, name: string): boolean {
  for (const one of partsOf(term)) if (one.kind === 'local' && one.name === name) return true;
  return false;
}

const callsSelf = (term: Term, name: string, isGlobal: boolean, arity: number): boolean =>
  term.kind === 'apply' &&
  term.fn.kind === (isGlobal ? 'global' : 'local') &&
  term.fn.name === name &&
  term.args.length === arity;

/** Whether the term ends in a call of that function. */
function endsInCall(term: Term, name: string, isGlobal: boolean, arity: number): boolean {
  if (term.kind === 'case') return term.cases.some(({ body }) => endsInCall(body, name, isGlobal, arity));
  if (term.kind === 'let') return endsInCall(term.body, name, isGlobal, arity);
  return callsSelf(term, name, isGlobal, arity);
}

/** The lines of a definition, without its comment. */
export function emitDefinition(
  { name, type, value }: Definition,
  inferred: Inferred,
  around: Surroundings,
  outer: Names,
): string[] {
  const names = outer.inner();
  const { functions, need } = around;
  const typeOf = (known: Known): string => knownText(known, around);
  const resultOf = (term: Term): Known => inferred.results.get(term)!;

  const fieldTexts = (ctor: string, v: string): ((i: number) => string) => {
    const built = builtinConstructors.get(ctor);
    if (built !== undefined) return (i) => built.one.field[i]!(v);
    const own = around.constructors.get(ctor)!;
    return (i) => `${v}.${own.fields[i]}`;
  };
  const testText = (ctor: string, v: string): string => {
    const built = builtinConstructors.get(ctor);
    if (built !== undefined) return built.one.test(v);
    const { form, name: kind } = around.constructors.get(ctor)!;
    return form === 'enumeration' ? `${v} === '${kind}'` : `${v}.kind === '${kind}'`;
  };
  const makeText = (ctor: string, args: readonly string[]): string => {
    const built = builtinConstructors.get(ctor);
    if (built !== undefined) {
      if (built.one.needs !== undefined) need(built.one.needs);
      return built.one.make(args);
    }
    const { form, name: kind, fields } = around.constructors.get(ctor)!;
    if (form === 'enumeration') return `'${kind}'`;
    const members = fields.map((field, i) => (field === args[i] ? field : `${field}: ${args[i]}`));
    const all = form === 'union' ? [`kind: '${kind}'`, ...members] : members;
    return all.length === 0 ? '{}' : `{ ${all.join(', ')} }`;
  };

  /** A name for a value that may be used more than once. */
  const named = (value: string, wanted: string, out: string[]): string => {
    if (isSimple(value)) return value;
    const fresh = names.take(wanted);
    out.push(`const ${fresh} = ${value};`);
    return fresh;
  };

  /** A function that takes `arity` at once, given fewer or more. */
  const applied = (
    term: Term,
    arity: number,
    args: readonly string[],
    build: (args: readonly string[]) => string,
    out: string[],
  ): string => {
    if (args.length >= arity) {
      const rest = args.slice(arity).map((one) => `(${one})`);
      const first = build(args.slice(0, arity));
      return rest.length === 0 ? first : `${wrapped(first)}${rest.join('')}`;
    }
    const kept = args.map((one) => (/^-?\d+n?$/.test(one) ? one : pinned(one, out)));
    const { from } = splitType(resultOf(term), arity - args.length);
    const params = from.map((one) => ({ name: names.take('it'), type: typeOf(one) }));
    const body = build([...kept, ...params.map((one) => one.name)]);
    return `${params.map((one) => `(${one.name}: ${one.type}) => `).join('')}${body.startsWith('{') ? `(${body})` : body}`;
  };
  /** The variables of a loop change, a constant does not. */
  const pinned = (value: string, out: string[]): string => {
    const fresh = names.take('given');
    out.push(`const ${fresh} = ${value};`);
    return fresh;
  };

  const call = (term: Term, fn: Term, args: readonly string[], scope: Scope, out: string[]): string => {
    if (fn.kind === 'global') {
      const built = builtinFunctions.get(fn.name);
      if (built !== undefined) {
        if (built.needs !== undefined) need(built.needs);
        return applied(term, built.arity, args, built.text, out);
      }
      const own = functions.get(fn.name)!;
      const called = own.isCalled ? `${own.name}()` : own.name;
      return applied(
        term,
        own.arity,
        args,
        (all) => (own.arity === 0 ? called : `${own.name}(${all.join(', ')})`),
        out,
      );
    }
    if (fn.kind === 'local') {
      const { text: local, arity } = scope.get(fn.name)!;
      if (arity !== undefined) return applied(term, arity, args, (all) => `${local}(${all.join(', ')})`, out);
      return `${local}${args.map((one) => `(${one})`).join('')}`;
    }
    if (fn.kind === 'fix') {
      const inner = emitFix(fn, scope, out);
      return call(term, { kind: 'local', name: fn.functions[0]!.name }, args, inner, out);
    }
    return `${wrapped(expression(fn, scope, out))}${args.map((one) => `(${one})`).join('')}`;
  };

  /** Declares the functions of a fixpoint; the scope in which they are known. */
  const emitFix = (term: Extract<Term, { kind: 'fix' }>, scope: Scope, out: string[]): Scope => {
    const locals = term.functions.map(({ name: coq, body }): [string, Local] => {
      if (body.kind !== 'lambda')
        return fail('extraction', `${printable(name)}: its fixpoint ${printable(coq)} takes no parameter`);
      return [coq, { text: names.take(camelCase(coq)), arity: body.params.length }];
    });
    const inner: Scope = new Map([...scope, ...locals]);
    term.functions.forEach(({ name: coq, body }, i) => {
      const lambda = body as Extract<Term, { kind: 'lambda' }>;
      const { from, to } = splitType(inferred.binders.get(term)![i]!, lambda.params.length);
      const self = { name: coq, isGlobal: false };
      const lines = emitFunction(lambda, from.map(typeOf), inner, self);
      out.push(`function ${locals[i]![1].text}(${lines.params}): ${typeOf(to)} {`, ...indent(lines.body), '}');
    });
    return inner;
  };

  /** Parameters and body of a function; a loop where it calls itself last. */
  const emitFunction = (
    { params, body }: Extract<Term, { kind: 'lambda' }>,
    types: readonly string[],
    scope: Scope,
    self: Omit<Loop, 'variables'>,
  ): { readonly params: string; readonly body: string[] } => {
    const isLoop = endsInCall(body, self.name, self.isGlobal, params.length);
    // A function that is made in one turn must not see the variables of the next.
    const isCaptured = [...partsOf(body)].some(({ kind }) => kind === 'lambda' || kind === 'fix');
    const own = params.map((one) => names.take(one === '_' ? 'unused' : camelCase(one)));
    const variables =
      isLoop && isCaptured ? own.map((one) => names.take(`next${one.replace(/^./, (c) => c.toUpperCase())}`)) : own;
    const inner: Scope = new Map([...scope, ...params.map((one, i) => [one, { text: own[i]! }] as const)]);
    const text = variables.map((one, i) => `${one}: ${types[i]}`).join(', ');
    if (!isLoop) return { params: text, body: statements(body, inner, { kind: 'return' }) };
    const copies = isCaptured ? own.map((one, i) => `const ${one} = ${variables[i]};`) : [];
    const lines = statements(body, inner, { kind: 'return', loop: { ...self, variables } });
    return { params: text, body: ['for (;;) {', ...indent([...copies, ...lines]), '}'] };
  };

  const emitLet = (term: Extract<Term, { kind: 'let' }>, scope: Scope, out: string[]): Scope => {
    const wanted = term.name === '_' ? 'unused' : camelCase(term.name);
    if (!mentions(term.body, term.name)) return scope;
    if (term.value.kind === 'fix') {
      const inner = emitFix(term.value, scope, out);
      return new Map([...inner, [term.name, inner.get(term.value.functions[0]!.name)!]]);
    }
    const type = typeOf(inferred.binders.get(term)![0]!);
    if (term.value.kind === 'case' || term.value.kind === 'let') {
      const lines: string[] = [];
      const value = expression(term.value, scope, lines);
      out.push(...lines);
      if (isSimple(value)) return new Map([...scope, [term.name, { text: value }]]);
      const fresh = names.take(wanted);
      out.push(`const ${fresh}: ${type} = ${value};`);
      return new Map([...scope, [term.name, { text: fresh }]]);
    }
    const value = expression(term.value, scope, out);
    const fresh = names.take(wanted);
    const isPlain =
      term.value.kind === 'apply' || term.value.kind === 'local' || numberLiteral(term.value) !== undefined;
    out.push(`const ${fresh}${isPlain ? '' : `: ${type}`} = ${value};`);
    return new Map([...scope, [term.name, { text: fresh }]]);
  };

  /** A match as `if`s: the value that is taken apart, and for each case its test, what it binds, and its body. */
  const branches = (term: Extract<Term, { kind: 'case' }>, scope: Scope, out: string[]): Branch[] => {
    const of = expression(term.of, scope, out);
    const isBool = term.cases.some(({ pattern }) => pattern.kind === 'constructor' && isOf(pattern.name, 'bool'));
    const v = isBool ? of : named(of, 'value', out);
    return term.cases.map(({ pattern, body }) => {
      if (pattern.kind === 'any') {
        const inner = pattern.name === undefined ? scope : new Map([...scope, [pattern.name, { text: v }]]);
        return { test: 'true', binds: [], body, scope: inner };
      }
      const field = fieldTexts(pattern.name, v);
      const binds: string[] = [];
      const inner = new Map(scope);
      pattern.args.forEach((arg, i) => {
        if (arg === '_' || !mentions(body, arg)) return;
        const value = field(i);
        const text = value === v ? v : names.take(camelCase(arg));
        if (value !== v) binds.push(`const ${text} = ${value};`);
        inner.set(arg, { text });
      });
      return { test: testText(pattern.name, v), binds, body, scope: inner };
    });
  };
  const isOf = (ctor: string, coq: string): boolean => {
    const type = builtinConstructors.get(ctor)?.type.coq;
    return type === coq || (coq === 'bool' && type === 'sumbool');
  };

  /** The branches of a match, each with its value put into the place. */
  const choose = (all: readonly Branch[], place: Place): string[] => {
    const out: string[] = [];
    const last = all.length - 1;
    all.forEach((branch, i) => {
      const lines = [...branch.binds, ...statements(branch.body, branch.scope, place)];
      if (i === last && (last === 0 || place.kind === 'return')) out.push(...lines);
      else if (place.kind === 'return') out.push(`if (${branch.test}) {`, ...indent(lines), '}');
      else {
        const head = i === 0 ? `if (${branch.test}) {` : i === last ? '} else {' : `} else if (${branch.test}) {`;
        out.push(head, ...indent(lines), ...(i === last ? ['}'] : []));
      }
    });
    return out;
  };
  /** Whether a term is one expression, with nothing to be put before it. */
  const isFlat = (term: Term): boolean => {
    switch (term.kind) {
      case 'local':
      case 'global':
      case 'erased':
        return true;
      case 'construct':
        return term.args.every(isFlat);
      case 'apply': {
        const { fn, args } = term;
        if (fn.kind === 'local') return args.every(isFlat);
        if (fn.kind !== 'global') return false;
        const arity = builtinFunctions.get(fn.name)?.arity ?? functions.get(fn.name)!.arity;
        return arity <= args.length && args.every(isFlat);
      }
      case 'case':
        return (
          term.cases.length === 2 &&
          isFlat(term.of) &&
          term.cases.every(
            ({ pattern, body }) => pattern.kind === 'constructor' && pattern.args.length === 0 && isFlat(body),
          )
        );
      default:
        return false;
    }
  };

  /** The lines that put the term's value into its place; into `return` they always leave. */
  const statements = (term: Term, scope: Scope, place: Place): string[] => {
    const out: string[] = [];
    if (term.kind === 'let') {
      const inner = emitLet(term, scope, out);
      return [...out, ...statements(term.body, inner, place)];
    }
    if (term.kind === 'case') {
      const all = branches(term, scope, out);
      return [...out, ...choose(all, place)];
    }
    if (term.kind === 'absurd') return [`throw new RangeError(${quoted(term.message)});`];
    if (place.kind === 'return' && place.loop !== undefined) {
      const { name: self, isGlobal, variables } = place.loop;
      if (term.kind === 'apply' && callsSelf(term, self, isGlobal, variables.length)) {
        const next = term.args.map((arg) => expression(arg, scope, out));
        const changed = variables.flatMap((variable, i) =>
          next[i] === variable ? [] : [{ variable, value: next[i]! }],
        );
        if (changed.length === 1) out.push(`${changed[0]!.variable} = ${changed[0]!.value};`);
        else if (changed.length > 1)
          out.push(
            `[${changed.map((one) => one.variable).join(', ')}] = [${changed.map((one) => one.value).join(', ')}];`,
          );
        return [...out, 'continue;'];
      }
    }
    const value = expression(term, scope, out);
    return [...out, place.kind === 'return' ? `return ${value};` : `${place.name} = ${value};`];
  };
  const expression = (term: Term, scope: Scope, out: string[]): string => {
    switch (term.kind) {
      case 'local':
      case 'global':
        return call(term, term, [], scope, out);
      case 'apply': {
        if (term.fn.kind === 'lambda' && term.fn.params.length === term.args.length) {
          const { params, body } = term.fn;
          const inner = new Map(scope);
          term.args.forEach((arg, i) => {
            inner.set(params[i]!, { text: pinned(expression(arg, scope, out), out) });
          });
          return expression(body, inner, out);
        }
        const args = term.args.map((arg) => expression(arg, scope, out));
        return call(term, term.fn, args, scope, out);
      }
      case 'lambda': {
        const types = inferred.binders.get(term)!.map(typeOf);
        const own = term.params.map((one) => names.take(one === '_' ? 'unused' : camelCase(one)));
        const inner: Scope = new Map([...scope, ...term.params.map((one, i) => [one, { text: own[i]! }] as const)]);
        const lines = statements(term.body, inner, { kind: 'return' });
        const head = own.map((one, i) => `(${one}: ${types[i]}) => `).join('');
        const only = lines.length === 1 ? /^return (.*);$/s.exec(lines[0]!)?.[1] : undefined;
        if (only !== undefined) return `${head}${only.startsWith('{') ? `(${only})` : only}`;
        return [`${head}{`, ...indent(lines), '}'].join('\n');
      }
      case 'let':
        return expression(term.body, emitLet(term, scope, out), out);
      case 'construct': {
        const number = numberLiteral(term);
        if (number !== undefined) return `${number}n`;
        const string = stringLiteral(term);
        if (string !== undefined) return quoted(string);
        const code = characterLiteral(term);
        if (code !== undefined) return quoted(String.fromCharCode(code));
        return makeText(
          term.name,
          term.args.map((arg) => expression(arg, scope, out)),
        );
      }
      case 'case':
        return caseExpression(term, scope, out);
      case 'fix':
        return call(term, { kind: 'local', name: term.functions[0]!.name }, [], emitFix(term, scope, out), out);
      case 'absurd': {
        out.push(`throw new RangeError(${quoted(term.message)});`);
        return 'undefined as never';
      }
      case 'erased':
        return 'undefined';
      default:
        return fail('extraction', `${printable(name)}: has no form in TypeScript`);
    }
  };

  /** As an operator where all of it is one expression; otherwise as a variable that branches fill. */
  const caseExpression = (term: Extract<Term, { kind: 'case' }>, scope: Scope, out: string[]): string => {
    if (term.cases.length === 1) {
      const [only] = branches(term, scope, out);
      out.push(...only!.binds);
      return expression(only!.body, only!.scope, out);
    }
    const all = branches(term, scope, out);
    if (isFlat({ ...term, of: { kind: 'erased' } })) {
      const inside: string[] = [];
      const [first, second] = all.map(({ body, scope: own }) => expression(body, own, inside)) as [string, string];
      const { test } = all[0]!;
      if (inside.length === 0) {
        if (first === 'false' && second === 'true') return `!${wrapped(test)}`;
        if (second === 'false') return `${wrapped(test)} && ${wrapped(first)}`;
        if (first === 'true') return `${wrapped(test)} || ${wrapped(second)}`;
        return `${wrapped(test)} ? ${wrapped(first)} : ${wrapped(second)}`;
      }
    }
    const result = names.take('result');
    out.push(`let ${result}: ${typeOf(resultOf(term))};`, ...choose(all, { kind: 'variable', name: result }));
    return result;
  };

  const own = functions.get(name)!;
  const generics = genericText(parametersIn(type));
  if (value.kind === 'lambda') {
    const types: string[] = [];
    let rest: Type = type;
    const { from, to } = splitType(inferred.type, own.arity);
    for (let i = 0; i < own.arity; i++) {
      types.push(rest.kind === 'arrow' ? declaredText(rest.from, around) : typeOf(from[i]!));
      rest = rest.kind === 'arrow' ? rest.to : rest;
    }
    const isWhole = types.length === own.arity && type.kind === 'arrow';
    const result = isWhole ? declaredText(rest, around) : typeOf(to);
    const { params, body } = emitFunction(value, types, new Map(), { name, isGlobal: true });
    return [`export function ${own.name}${generics}(${params}): ${result} {`, ...indent(body), '}'];
  }
  const result = declaredText(type, around);
  const lines = statements(value, new Map(), { kind: 'return' });
  if (own.isCalled) return [`export function ${own.name}${generics}(): ${result} {`, ...indent(lines), '}'];
  const only = lines.length === 1 ? /^return (.*);$/s.exec(lines[0]!)?.[1] : undefined;
  if (only !== undefined) return [`export const ${own.name}: ${result} = ${only};`];
  return [`export const ${own.name}: ${result} = (() => {`, ...indent(lines), '})();'];
}
