/**
 * Expressions of the IR as C.
 *
 * Every `number` is computed in int64_t: a proof has shown each result to be a safe integer, so nothing overflows, and
 * values that are kept in fewer bits are widened before anything is done with them, because C would compute in int. What
 * is stored goes back to its own width by a cast, which the proof has shown to keep it. Bit operators and the rest that C
 * has otherwise are functions of the prelude.
 */
import {
  type Argument,
  type ArrayVariable,
  type Expression,
  isObjectVariable,
  type Variable,
} from '../../analyzers/ir.ts';
import type { Bounds } from '../../analyzers/operators/bounds.ts';
import type { CForm } from '../../analyzers/operators/columns.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import {
  domainOf,
  type IntegerName,
  inRange,
  integer,
  type RecordType,
  rangeOf,
  sameType,
  showType,
  type Type,
  valueType,
} from '../../analyzers/types.ts';
import { refuse } from '../../analyzers/typescript/refuse.ts';
import { compareBig, lowerBig, type Others } from './big.ts';
import { bitsDecide, hasComplement, hide, hideAs, isDecided, overlapping, stripped } from './decided.ts';
import { createShapes } from './narrow.ts';
import { type COperand, spell } from './operators.ts';
import { elementOf, type Scalar, scalarTypes } from './prelude.ts';
import { binary, call, cast, levels, literal, operand, primary, type Text, unary, within } from './text.ts';
import type { CTypes } from './types.ts';

/** C's names in a function. */
export interface Names {
  readonly variable: (id: string) => string;
  /** Whether the variable is the function's own, and no parameter. */
  readonly isLocal: (id: string) => boolean;
  /** What a variable holds that C has as an int, whatever its type is; see widened.ts. */
  readonly held: ReadonlyMap<string, Bounds>;
  readonly function: (key: string) => string;
  /** The types of a function's parameters, and of its result. */
  readonly parameters: (key: string) => readonly Type[];
  readonly result: (key: string) => Type;
  readonly types: CTypes;
  readonly field: (name: string) => string;
}

/**
 * The type that C gives a variable. A local u32 is an int64_t, as a number is: compilers must let 32 bits wrap around, and
 * so could not step through memory with it.
 */
export function variableType({ isLocal, held }: Names, { id, type }: Variable): Type {
  if (held.has(id)) return integer('i32');
  const own = valueType(type);
  return own.kind === 'integer' && own.name === 'u32' && isLocal(id) ? integer('number') : own;
}

/** C's type of an integer type's values. */
export function scalarType(name: IntegerName, expression: { readonly span: Expression['span'] }): string {
  if (name === 'bigint') refuse(expression.span, 'a bigint without a bound', 'Give it a type of 64 bits: u64 or i64.');
  return scalarTypes[name as Scalar];
}

const unequal: CForm = { kind: 'infix', symbol: '!=', level: 'comparison' };

/** An operand that is of the operator's type already. */
const plain = (text: Text): COperand => ({ text, typed: () => text, low64: () => cast('uint64_t', text) });

const isPlace = ({ kind }: Expression): boolean => ['variable', 'element', 'field', 'call'].includes(kind);

/** Turns away what has no form in C yet. */
export function refuseType(at: { readonly span: Expression['span'] }, type: Type): never {
  return refuse(
    at.span,
    `${showType(type)} is not lowered to C yet`,
    'Lowered are integers, booleans, members of closed lists, arrays, records and objects.',
  );
}

/** What clauses have in C and code has not: see clauses.ts. */
export interface ClauseForms {
  /** A comparison of numbers, computed exactly, by C's operator. */
  readonly comparison: (
    expressions: Expressions,
    expression: Expression & { readonly kind: 'operation' },
    symbol: string,
  ) => Text;
  readonly quantifier: (expressions: Expressions, expression: Expression & { readonly kind: 'quantifier' }) => Text;
}

export interface Expressions {
  /** A number, of type int64_t, or a literal of int. */
  readonly number: (expression: Expression) => Text;
  readonly subscript: (index: Expression) => string;
  readonly truth: (expression: Expression) => Text;
  /** A value of C's type for a type. */
  readonly value: (expression: Expression, type: Type) => Text;
  readonly lowerCall: (key: string, args: readonly Argument[]) => Text;
  /** What a number is in that C has as an int; undefined where it has it not as one. */
  readonly intBounds: (expression: Expression) => Bounds | undefined;
}

/** Lowers expressions of one function; of its code, or with `clauses` of its contract. */
export function createExpressions(names: Names, clauses?: ClauseForms): Expressions {
  const element = (array: ArrayVariable, index: Expression): Text =>
    primary(`${names.variable(array.id)}.data[${subscript(index)}]`);

  /** C takes any integer as an index, so one that only lies somewhere needs no wider type. */
  const subscript = (index: Expression): string => {
    const bare = stripped(index);
    return (bare.kind === 'variable' || bare.kind === 'field' ? place(bare) : number(bare)).text;
  };

  const argument = (given: Argument, wanted: Type): Text => {
    if (given.kind === 'object') return primary(names.variable(given.object.id));
    // An object that is only read may be a value, which then lies in memory for the call.
    if (given.kind !== 'array' && wanted.kind === 'object')
      return primary(`(${names.types.record(wanted.record)}[1]){ ${record(given, wanted.record).text} }`);
    if (given.kind !== 'array') return value(given, wanted);
    const name = primary(names.variable(given.array.id));
    if (wanted.kind !== 'array' || !wanted.readonly || given.array.type.readonly) return name;
    return call(`cm_read_${elementOf(wanted)}s`, name);
  };

  /**
   * The type that a place has in C. An expression that was widened says so in its type without being another node, so
   * this is the type of what is declared.
   */
  const placeType = (expression: Expression): Type => {
    switch (expression.kind) {
      case 'variable':
        return variableType(names, expression.variable);
      case 'element':
        return expression.array.type.element;
      case 'field': {
        const record = placeType(expression.operand);
        if (record.kind !== 'record') throw new TypeError('no record');
        return record.fields.find(({ name }) => name === expression.name)!.type;
      }
      case 'call':
        return names.result(expression.function);
      default:
        return expression.type;
    }
  };

  /** A value that lies somewhere, of C's type for what is declared there. */
  const place = (expression: Expression): Text => {
    switch (expression.kind) {
      case 'variable': {
        const name = names.variable(expression.variable.id);
        return isObjectVariable(expression.variable) ? unary(`*${name}`) : primary(name);
      }
      case 'element':
        return element(expression.array, expression.index);
      case 'field': {
        const name = names.field(expression.name);
        const inner = expression.operand;
        if (inner.kind === 'variable' && isObjectVariable(inner.variable))
          return primary(`${names.variable(inner.variable.id)}->${name}`);
        return primary(`${within(value(inner, placeType(inner)), levels.primary)}.${name}`);
      }
      case 'call':
        return lowerCall(expression.function, expression.arguments);
      default:
        return refuse(expression.span, `${expression.kind} is not lowered to C`, 'It is for contracts.');
    }
  };

  const lowerCall = (key: string, args: readonly Argument[]): Text => {
    const types = names.parameters(key);
    return call(names.function(key), ...args.map((given, i) => argument(given, types[i])));
  };

  const shapeOf = createShapes(placeType, names.held);
  /** Comparisons that are decided by those that && or || puts before them. */
  const decidedWithOthers = new WeakSet<Expression>();

  /** Of type int64_t, or of int where the shape says so. */
  const number = (expression: Expression): Text => {
    const bare = stripped(expression);
    if (bare.type.kind !== 'integer') return refuseType(bare, bare.type);
    switch (bare.kind) {
      case 'integer':
        return literal(bare.value);
      case 'conditional':
        return {
          text: `${operand(truth(bare.condition))} ? ${operand(number(bare.whenTrue))} : ${operand(number(bare.whenFalse))}`,
          level: levels.conditional,
        };
      case 'length':
        return cast('int64_t', primary(`${names.variable(bare.array.id)}.length`));
      case 'convert':
        return converted(bare);
      case 'operation':
        return numberOperation(bare);
      default: {
        const own = placeType(bare);
        const isAsItIs = shapeOf(bare).isInt || (own.kind === 'integer' && own.name === 'number');
        return isAsItIs ? place(bare) : cast('int64_t', place(bare));
      }
    }
  };

  const numberOperation = (expression: Expression & { kind: 'operation' }): Text => {
    const { operands } = expression;
    const { c, domain } = operatorOf(expression.operator);
    if (!('kind' in c)) throw new TypeError(`${expression.operator} gives no number`);
    const values = operands.map((one) => (domain === 'number' ? number(one) : lowerBig(others, one).text));
    const { form } = shapeOf(expression);
    if (form !== undefined) return spell(form, 'int', values.map(plain));
    // What is of int on both sides would be computed in int; and a function takes what it is given as its own type.
    if (c.kind !== 'function' && domain === 'number' && operands.every((one) => shapeOf(one).isInt))
      values[0] = cast('int64_t', values[0]);
    return spell(c, 'int64_t', values.map(plain));
  };

  /** Of or to an enumeration, in whose range it was proved to be. */
  const converted = ({ operand: inner, type }: Expression & { kind: 'convert' }): Text => {
    const text = inner.type.kind === 'enumeration' ? member(inner) : number(inner);
    const name = names.types.conversion(inner.type, type);
    if (name !== undefined) return call(name, text);
    return cast(type.kind === 'integer' ? 'int64_t' : names.types.spell(type, inner), text);
  };

  /** A member of an enumeration, of its C type. */
  const member = (expression: Expression): Text => {
    const { type } = expression;
    if (type.kind !== 'enumeration') return refuseType(expression, type);
    switch (expression.kind) {
      case 'member':
        return primary(names.types.member(type, expression.value));
      case 'convert':
        return converted(expression);
      case 'conditional': {
        const text = `${operand(truth(expression.condition))} ? ${operand(member(expression.whenTrue))} : ${operand(member(expression.whenFalse))}`;
        return cast(names.types.spell(type, expression), { text, level: levels.conditional });
      }
      default:
        return place(expression);
    }
  };

  /** Equality of truths, or of members. */
  const same = ({ left, right }: Expression & { kind: 'same' }): Text => {
    const lower = left.type.kind === 'boolean' ? truth : member;
    const [a, b] = [lower(left), lower(right)];
    const isItself = a.text === b.text || (left.kind === 'member' && right.kind === 'member');
    const shown = !isItself ? b : left.type.kind === 'boolean' ? hideAs('bool', b) : hideAs('int64_t', b);
    return binary(a, '==', shown, levels.comparison);
  };

  const truth = (expression: Expression): Text => {
    switch (expression.kind) {
      case 'boolean':
        return primary(String(expression.value));
      case 'not': {
        const inner = expression.operand;
        if (inner.kind === 'operation' && (inner.operator === 'equal' || inner.operator === 'bigEqual'))
          return comparison(inner, unequal);
        return { text: `!${operand(truth(inner))}`, level: levels.unary };
      }
      case 'logical': {
        if (expression.operator === 'implies' && clauses !== undefined) {
          const not = unary(`!${operand(truth(expression.left))}`);
          return {
            text: `${not.text} || ${within(truth(expression.right), levels.comparison)}`,
            level: levels.logical,
          };
        }
        if (expression.operator === 'implies')
          return refuse(expression.span, 'implies(...) in code', 'It is for contracts: write !a || b.');
        for (const one of overlapping(expression, (inner) => number(inner).text)) decidedWithOthers.add(one);
        const symbol = expression.operator === 'and' ? '&&' : '||';
        const side = (part: Expression): string => {
          const text = truth(part);
          const bare =
            part.kind === 'logical' ? part.operator === expression.operator : text.level >= levels.comparison;
          return bare ? text.text : `(${text.text})`;
        };
        return { text: `${side(expression.left)} ${symbol} ${side(expression.right)}`, level: levels.logical };
      }
      case 'same':
        return same(expression);
      case 'conditional':
        return {
          text: `${operand(truth(expression.condition))} ? ${operand(truth(expression.whenTrue))} : ${operand(truth(expression.whenFalse))}`,
          level: levels.conditional,
        };
      case 'operation':
        return comparison(expression);
      case 'quantifier':
        return clauses === undefined ? place(expression) : clauses.quantifier(self, expression);
      default:
        return place(expression);
    }
  };

  const comparison = (expression: Expression & { kind: 'operation' }, form?: CForm): Text => {
    const { operator, operands } = expression;
    const { c, domain } = operatorOf(operator);
    if (!('kind' in c)) throw new TypeError(`${operator} gives no truth`);
    if (domain === 'bigint') return compareBig(others, form ?? c, expression);
    if (clauses !== undefined) {
      const used = form ?? c;
      if (!('symbol' in used)) throw new TypeError(`${operator} is no comparison`);
      return clauses.comparison(self, expression, used.symbol);
    }
    const loose = (text: Text): Text => (text.level >= levels.sum ? primary(text.text) : text);
    const texts = operands.map((one) => loose(number(one)));
    const shown = isTautology(expression, form ?? c, texts) ? texts.map(hide) : texts;
    return spell(form ?? c, 'int64_t', shown.map(plain));
  };

  /** Whether a compiler would say of a comparison of numbers that it is always true, or false. */
  const isTautology = (
    expression: Expression & { kind: 'operation' },
    form: CForm,
    [a, b]: readonly Text[],
  ): boolean => {
    const [left, right] = expression.operands;
    const symbol = 'symbol' in form ? form.symbol : '==';
    const byRange = isDecided(symbol, shapeOf(left).bounds, shapeOf(right).bounds);
    const own = byRange || a.text === b.text || bitsDecide(left, right) || hasComplement(expression.operands);
    return own || decidedWithOthers.has(expression);
  };

  /** A record, as the C type for `type`: one that was widened is another type in C. */
  const record = (expression: Expression, type: RecordType): Text => {
    if (expression.kind === 'record') {
      const own = expression.type;
      const fields = type.fields.map((field) => {
        const at = own.fields.findIndex(({ name }) => name === field.name);
        return `.${names.field(field.name)} = ${value(expression.fields[at], field.type).text}`;
      });
      return primary(`(${names.types.record(type)}){ ${fields.join(', ')} }`);
    }
    if (expression.kind === 'conditional')
      return {
        text: `${operand(truth(expression.condition))} ? ${operand(record(expression.whenTrue, type))} : ${operand(record(expression.whenFalse, type))}`,
        level: levels.conditional,
      };
    const own = placeType(expression);
    if (own.kind !== 'record') throw new TypeError('no record');
    return names.types.record(own) === names.types.record(type)
      ? place(expression)
      : call(names.types.widening(own, type), place(expression));
  };

  /** An expression as a value of C's type for `type`, in whose range it was proved to be. */
  const value = (expression: Expression, type: Type): Text => {
    if (type.kind === 'boolean') return truth(expression);
    if (type.kind === 'record') return record(expression, type);
    if (type.kind === 'enumeration') return member(expression);
    if (type.kind !== 'integer') return refuseType(expression, type);
    const wanted = scalarType(type.name, expression);
    const bare = stripped(expression);
    if (bare.type.kind !== 'integer') return refuseType(bare, bare.type);
    if (domainOf(bare.type) === 'bigint') {
      if (isPlace(bare) && sameType(placeType(bare), type)) return place(bare);
      if (bare.kind === 'integer') return lowerBig(others, bare).text;
      return cast(wanted, lowerBig(others, bare).text);
    }
    // One that does not fit is in code without a proof.
    if (bare.kind === 'integer') {
      const fits = inRange(bare.value, rangeOf(type.name));
      return fits ? literal(bare.value) : cast(wanted, literal(bare.value));
    }
    if (wanted === 'int64_t' || (wanted === 'int32_t' && shapeOf(bare).isInt)) return number(bare);
    return isPlace(bare) && sameType(placeType(bare), type) ? place(bare) : cast(wanted, number(bare));
  };

  const others: Others = { number, truth, place, placeType };
  const intBounds = (expression: Expression): Bounds | undefined => {
    const { isInt, bounds } = shapeOf(stripped(expression));
    return isInt ? bounds : undefined;
  };
  const self: Expressions = { number, subscript, truth, value, lowerCall, intBounds };
  return self;
}
