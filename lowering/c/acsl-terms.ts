/**
 * Expressions of contracts as terms and predicates of ACSL, on its unbounded integers; and pure functions as logic
 * functions of it. What has no form is thrown as Inexpressible, and whoever asked says so.
 *
 * Operators are those of the table of operators. A slice goes into a logic function as its pointer and its length, because
 * one that is written and one that is only read are two types of C. Source: ACSL 1.17, 2.2 and 2.6.
 */

import { conversionOf } from '../../analyzers/conversions.ts';
import {
  type Argument,
  type Expression,
  type FunctionIr,
  isObjectVariable,
  type Program,
  type Statement,
  type Variable,
} from '../../analyzers/ir.ts';
import type { Bounds } from '../../analyzers/operators/bounds.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import { type RecordType, sameType, type Type } from '../../analyzers/types.ts';
import { createNamer } from './names.ts';
import { elementOf, scalarTypes } from './prelude.ts';

/** Thrown where an expression has no form; the message says why. */
export class Inexpressible extends Error {}

const none = (why: string): never => {
  throw new Inexpressible(why);
};

/** How C calls things in the function whose contract it is. */
export interface AcslNames {
  /** What a variable holds that C has as an int. */
  readonly held?: ReadonlyMap<string, Bounds>;
  readonly variable: (id: string) => string;
  readonly field: (name: string) => string;
  readonly record: (type: RecordType) => string;
  /** A part of a slice. */
  readonly part: (slice: string, part: 'data' | 'length') => string;
}

/** In C. */
export const partOfSlice: AcslNames['part'] = (slice, part) => `${slice}.${part}`;

/** A pure function as ACSL has it. */
export interface Definition {
  readonly name: string;
  /** The declaration, without the comment around it. */
  readonly text: string;
}

export interface AcslTerms {
  readonly term: (expression: Expression) => string;
  readonly predicate: (expression: Expression) => string;
  /** What a variable is as an argument of a logic function. */
  readonly argument: (variable: Variable) => string;
  readonly definitionOf: (key: string) => Definition | undefined;
}

/** Where the bracket closes that the text begins with. */
function closing(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if ('(['.includes(text[at])) depth++;
    if (')]'.includes(text[at]) && --depth === 0) return at;
  }
  return text.length - 1;
}

/** Whether a text is one thing whatever stands beside it: a name, a constant, a call, an element, what is in brackets. */
function isWhole(text: string): boolean {
  let rest = text.replace(/^\\?\w*/, '');
  while (rest !== '') {
    const field = /^(?:\.|->)\w+/.exec(rest)?.[0];
    if (field !== undefined) rest = rest.slice(field.length);
    else if ('(['.includes(rest[0])) rest = rest.slice(closing(rest) + 1);
    else return false;
  }
  return true;
}

/** What a term is inside of another. */
const inner = (text: string): string => (isWhole(text) ? text : `(${text})`);

const filled = (template: string, operands: readonly string[]): string =>
  template.replace(/\$([12])/g, (_, n: string) => operands[Number(n) - 1]);

export function createTerms(
  fn: Pick<FunctionIr, 'resultVariable'>,
  names: AcslNames,
  definitionOf: AcslTerms['definitionOf'],
): AcslTerms {
  const variable = (one: Variable): string => {
    if (one.ghost) return none(`${one.name} is a variable for proofs`);
    return one.id === fn.resultVariable.id ? '\\result' : names.variable(one.id);
  };

  const place = (expression: Expression): string => {
    switch (expression.kind) {
      case 'variable': {
        const name = variable(expression.variable);
        return isObjectVariable(expression.variable) ? `(*${name})` : name;
      }
      case 'element':
        return `${names.part(variable(expression.array), 'data')}[${term(expression.index)}]`;
      case 'field': {
        const from = expression.operand;
        if (from.kind === 'variable' && isObjectVariable(from.variable))
          return `${variable(from.variable)}->${names.field(expression.name)}`;
        return `${place(from)}.${names.field(expression.name)}`;
      }
      case 'old':
        return `\\old(${expression.type.kind === 'boolean' ? none('a truth of the entry') : term(expression.operand)})`;
      default:
        return none(`${expression.kind} is no place in memory`);
    }
  };

  const term = (expression: Expression): string => {
    switch (expression.kind) {
      case 'integer':
        return expression.value < 0n ? `(${expression.value})` : String(expression.value);
      case 'length':
        return names.part(variable(expression.array), 'length');
      case 'operation': {
        const { acsl } = operatorOf(expression.operator);
        return filled(acsl, expression.operands.map(term).map(inner));
      }
      case 'convert':
        return converted(expression);
      case 'member':
        return String(expression.value);
      case 'conditional':
        return `(${inner(predicate(expression.condition))} ? ${inner(term(expression.whenTrue))} : ${inner(term(expression.whenFalse))})`;
      case 'call':
        return call(expression);
      default:
        return place(expression);
    }
  };

  /** A member is its place, and another number as another type. */
  const converted = ({ operand, type }: Expression & { kind: 'convert' }): string => {
    const own = term(operand);
    const conversion = conversionOf(operand.type, type);
    if (conversion === undefined || conversion.same) return own;
    const [[, last], ...others] = [...conversion.pairs].reverse();
    return others.reduce((rest, [from, to]) => `(${inner(own)} == (${from}) ? (${to}) : ${rest})`, `(${last})`);
  };

  const call = (expression: Expression & { kind: 'call' }): string => {
    const definition = definitionOf(expression.function);
    if (definition === undefined) return none('a call of a function that is no expression');
    return `${definition.name}(${expression.arguments.map(passed).join(', ')})`;
  };

  const passed = (given: Argument): string => {
    if (given.kind === 'object') return none('an object in a call');
    if (given.kind === 'array') return argument(given.array);
    if (given.type.kind === 'integer' || given.type.kind === 'enumeration') return term(given);
    // A record that was widened is of another type of C.
    if (given.kind === 'variable' && given.type.kind === 'record' && sameType(given.type, given.variable.type))
      return place(given);
    return none('an argument that is no integer');
  };

  const argument = (one: Variable): string => {
    const name = variable(one);
    if (one.type.kind !== 'array') return name;
    return `${names.part(name, 'data')}, ${names.part(name, 'length')}`;
  };

  const predicate = (expression: Expression): string => {
    switch (expression.kind) {
      case 'boolean':
        return expression.value ? '\\true' : '\\false';
      case 'not':
        return `!${inner(predicate(expression.operand))}`;
      case 'logical': {
        const symbol = { and: '&&', or: '||', implies: '==>' }[expression.operator];
        return `${inner(predicate(expression.left))} ${symbol} ${inner(predicate(expression.right))}`;
      }
      case 'same':
        if (expression.left.type.kind !== 'boolean')
          return `${inner(term(expression.left))} == ${inner(term(expression.right))}`;
        return `${inner(predicate(expression.left))} <==> ${inner(predicate(expression.right))}`;
      case 'conditional': {
        const [condition, whenTrue, whenFalse] = [expression.condition, expression.whenTrue, expression.whenFalse].map(
          (one) => inner(predicate(one)),
        );
        return `(${condition} ? ${whenTrue} : ${whenFalse})`;
      }
      case 'operation':
        return term(expression);
      case 'quantifier': {
        const name = names.variable(expression.variable.id);
        const range = `${inner(term(expression.low))} <= ${name} < ${inner(term(expression.high))}`;
        const [quantifier, symbol] = expression.quantifier === 'forall' ? ['\\forall', '==>'] : ['\\exists', '&&'];
        return `(${quantifier} integer ${name}; ${range} ${symbol} ${inner(predicate(expression.body))})`;
      }
      case 'call':
        return call(expression);
      case 'old':
        return `\\old(${place(expression.operand)}) != 0`;
      default:
        return `${place(expression)} != 0`;
    }
  };
  return { term, predicate, argument, definitionOf };
}

/** The parameters of a logic function that a function's own are; undefined: one of them has no form. */
function parametersOf(parameters: readonly Variable[], names: AcslNames): string[] | undefined {
  const own = parameters.map(({ id, type }): string | undefined => {
    const name = names.variable(id);
    if (type.kind === 'integer' || type.kind === 'enumeration') return `integer ${name}`;
    if (type.kind === 'record') return `${names.record(type)} ${name}`;
    if (type.kind !== 'array' || type.list) return undefined;
    return `${scalarTypes[elementOf(type)]} *${name}_data, integer ${name}_length`;
  });
  return own.every((one) => one !== undefined) ? own : undefined;
}

/** What the statements return, as one expression: branches that return, and constants. */
function bodyOf(statements: readonly Statement[], terms: AcslTerms, result: Type): string {
  const [first, ...rest] = statements;
  const say = (expression: Expression): string =>
    result.kind === 'boolean' ? terms.predicate(expression) : terms.term(expression);
  switch (first?.kind) {
    case 'return':
      return say(first.value ?? none('a function without a result'));
    case 'if': {
      const otherwise = first.whenFalse.length > 0 ? [...first.whenFalse, ...rest] : rest;
      const [whenTrue, whenFalse] = [bodyOf(first.whenTrue, terms, result), bodyOf(otherwise, terms, result)];
      return `(${inner(terms.predicate(first.condition))} ? ${inner(whenTrue)} : ${inner(whenFalse)})`;
    }
    case 'assert':
    case 'ghost':
      return bodyOf(rest, terms, result);
    default:
      return none('a function that is no expression');
  }
}

/** Whether a function's expression reads arrays, so that its value is one of a state of memory. */
const readsMemory = (parameters: readonly Variable[]): boolean => parameters.some(({ type }) => type.kind === 'array');

/** A pure function as a logic function or a predicate; undefined where it has no form. */
export function defineFunction(
  fn: FunctionIr,
  name: string,
  names: AcslNames,
  definitionOf: AcslTerms['definitionOf'],
): Definition | undefined {
  if (!fn.pure || fn.body === undefined || !['integer', 'boolean', 'enumeration'].includes(fn.result.kind))
    return undefined;
  const parameters = parametersOf(fn.parameters, names);
  if (parameters === undefined) return undefined;
  const own: Definition = { name, text: '' };
  const terms = createTerms(fn, names, (key) => (key === fn.key ? own : definitionOf(key)));
  try {
    const body = bodyOf(fn.body, terms, fn.result);
    const label = readsMemory(fn.parameters) ? '{L}' : '';
    const head = fn.result.kind === 'boolean' ? 'predicate' : 'logic integer';
    return { name, text: `${head} ${name}${label}(${parameters.join(', ')}) = ${body};` };
  } catch (error) {
    if (error instanceof Inexpressible) return undefined;
    throw error;
  }
}

/** The logic functions of a program, made as they are asked for: of those that contracts call, callees first. */
export function createLogic(
  program: Program,
  namer: (wanted: string) => string,
  tables: ReadonlyMap<string, string>,
  { field, record }: Pick<AcslNames, 'field' | 'record'>,
): { readonly definitionOf: AcslTerms['definitionOf']; readonly definitions: () => readonly string[] } {
  const byKey = new Map(program.functions.map((fn) => [fn.key, fn]));
  const known = new Map<string, Definition | undefined>();
  const texts: string[] = [];
  const definitionOf = (key: string): Definition | undefined => {
    if (known.has(key)) return known.get(key);
    // Of functions that call each other none has a form.
    known.set(key, undefined);
    const fn = byKey.get(key);
    if (fn === undefined || !fn.pure) return undefined;
    const own = createNamer(tables.values());
    const locals = new Map<string, string>();
    const variable = (id: string): string => {
      const name = tables.get(id) ?? locals.get(id) ?? own(id.replace(/\.\d+$/, ''));
      if (!tables.has(id)) locals.set(id, name);
      return name;
    };
    // A slice is a pointer and a length here; a table is the C it is.
    const isTable = new Set(tables.values());
    const part: AcslNames['part'] = (slice, of) => (isTable.has(slice) ? partOfSlice(slice, of) : `${slice}_${of}`);
    const made = defineFunction(fn, namer(`logic_${fn.name}`), { variable, field, record, part }, definitionOf);
    known.set(key, made);
    if (made !== undefined) texts.push(made.text);
    return made;
  };
  return { definitionOf, definitions: () => texts };
}
