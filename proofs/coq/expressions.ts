/**
 * Expressions as Coq: in code, with the checks that they need before they mean what JavaScript computes; in clauses, as
 * propositions over exact arithmetic.
 *
 * An expression of code is a term and what stands before it: conditions that must hold, and values that only a call or a
 * branch with a condition of its own can give. A clause has no checks: that it is defined is an obligation of its own.
 */
import { conversionOf } from '../../analyzers/conversions.ts';
import type { Argument, ArrayVariable, Expression } from '../../analyzers/ir.ts';
import { type Algebra, operatorOf } from '../../analyzers/operators.ts';
import { type RecordType, valueType, within } from '../../analyzers/types.ts';
import { rangeOfType } from '../convert.ts';
import { atom, zText } from './names.ts';
import { type Exported, unsupported } from './program.ts';
import { someValue } from './types.ts';

/** Coq terms of variables and arrays, by id. */
export type Names = ReadonlyMap<string, string>;

export interface Scope {
  readonly exported: Exported;
  readonly names: Names;
  /** What `old` means. */
  readonly old: Names;
  readonly fresh: (base: string) => string;
}

/** What stands before a term. */
export type Before =
  | { readonly kind: 'need'; readonly condition: string }
  | { readonly kind: 'bind'; readonly name: string; readonly first: string }
  | { readonly kind: 'let'; readonly name: string; readonly value: string };

export const need = (condition: string): Before => ({ kind: 'need', condition });

/** The rest behind what stands before it. */
export function sequence(before: readonly Before[], rest: string): string {
  return before.reduceRight((behind, one) => {
    if (one.kind === 'need') return `cm_need ${atom(one.condition)} (\n${behind})`;
    if (one.kind === 'let') return `let ${one.name} := ${one.value} in\n${behind}`;
    return `cm_bind (${one.first}) (fun ${one.name} =>\n${behind})`;
  }, rest);
}

const both = (conditions: readonly string[]): string =>
  conditions.length === 0 ? 'true' : conditions.map(atom).join(' && ');

/** The table's arithmetic as texts of Coq: enough of it for the conditions of operators. */
const texts: Algebra<string, string> = {
  integer: zText,
  add: (a, b) => `(${a} + ${b})`,
  subtract: (a, b) => `(${a} - ${b})`,
  multiply: (a, b) => `(${a} * ${b})`,
  floorDivide: (a, b) => `(${a} / ${b})`,
  floorModulo: (a, b) => `(Z.modulo ${a} ${b})`,
  powerOfTwo: (a) => `(2 ^ ${a})`,
  bitwise: (operator, a, b) => `(Z.${{ and: 'land', or: 'lor', xor: 'lxor' }[operator]} ${a} ${b})`,
  equal: (a, b) => `(${a} =? ${b})`,
  less: (a, b) => `(${a} <? ${b})`,
  atMost: (a, b) => `(${a} <=? ${b})`,
  not: (a) => `(negb ${a})`,
  all: (conditions) => `(${both(conditions)})`,
  select: (condition, a, b) => `(if ${condition} then ${a} else ${b})`,
  wrap: (a, bits, signed) => `(cm_${signed ? 'signed' : 'unsigned'} ${bits} ${a})`,
};

const infix: Readonly<Record<string, string>> = {
  'Z.add': '+',
  'Z.sub': '-',
  'Z.mul': '*',
  'Z.ltb': '<?',
  'Z.leb': '<=?',
  'Z.eqb': '=?',
};

/** An operator as the table's column for Coq has it, with signs where those are usual. */
function operation({ operator }: Expression & { kind: 'operation' }, operands: readonly string[]): string {
  const column = operatorOf(operator).coq;
  const [head, first, second] = column.split(' ');
  const sign = infix[head];
  if (sign !== undefined && first === '$1' && second === '$2')
    return `${atom(operands[0])} ${sign} ${atom(operands[1])}`;
  return column.replace(/\$(\d)/g, (_, place: string) => atom(operands[Number(place) - 1]));
}

const nameIn = (names: Names, id: string): string => names.get(id) ?? unsupported(`a value of ${id} that is not there`);

export const arrayTerm = ({ exported, names }: Scope, { id }: Pick<ArrayVariable, 'id'>): string =>
  names.get(id) ?? exported.tableOf(id) ?? unsupported(`an array ${id} that is not there`);

/** The projection of a field. */
export function projection({ exported }: Scope, type: RecordType, name: string): string {
  const at = type.fields.findIndex((field) => field.name === name);
  return exported.types.record(type).fields[at];
}

/** That the field of a union, or the value of a `T | undefined`, is there. */
function there(scope: Scope, type: RecordType, name: string, operand: string): string | undefined {
  const at = type.fields.findIndex((field) => field.name === name);
  const tag = `${projection(scope, type, type.fields[0].name)} ${atom(operand)}`;
  if (type.optional) return at === 0 ? undefined : tag;
  const { where } = type.fields[at];
  return where?.map((place) => `(${tag} =? ${place})`).join(' || ');
}

/** What a value becomes as another type, and whether it may. */
function converted(expression: Expression & { kind: 'convert' }, operand: string): { term: string; fits?: string } {
  const { operand: from, type } = expression;
  const found = conversionOf(from.type, type);
  if (found === undefined) {
    const [inner, outer] = [rangeOfType(from.type), rangeOfType(type)];
    if (within(inner, outer)) return { term: operand };
    const { low, high } = outer;
    if (low === undefined || high === undefined) return { term: operand };
    return { term: operand, fits: `cm_between ${zText(low)} ${zText(high)} ${atom(operand)}` };
  }
  const is = (value: bigint): string => `(${atom(operand)} =? ${zText(value)})`;
  const fits = found.total ? {} : { fits: found.pairs.map(([one]) => is(one)).join(' || ') || 'false' };
  if (found.same) return { term: operand, ...fits };
  const [last, ...others] = [...found.pairs].reverse();
  const term = others.reduce(
    (rest, [one, becomes]) => `(if ${is(one)} then ${zText(becomes)} else ${rest})`,
    zText(last[1]),
  );
  return { term, ...fits };
}

/** Arguments of a call, each as one term. */
export function argumentTerms(scope: Scope, args: readonly Argument[], before: Before[] | undefined): string[] {
  return args.map((argument) => {
    if (argument.kind === 'array') return atom(arrayTerm(scope, argument.array));
    if (argument.kind === 'object') return atom(nameIn(scope.names, argument.object.id));
    return atom(before === undefined ? value(scope, argument) : code(scope, argument, before));
  });
}

/** The name of a function that has a definition. */
export function calledName({ exported }: Scope, key: string): string {
  const callee = exported.functionOf(key);
  const why = exported.refused.get(key);
  if (callee.body === undefined) unsupported(`a call of ${callee.name}, which is trusted and has no body`);
  if (why !== undefined) unsupported(`a call of ${callee.name}, which has no definition: ${why}`);
  return exported.nameOf(key);
}

/** An expression of code; what must stand before the term is added to `before`. */
export function code(scope: Scope, expression: Expression, before: Before[]): string {
  const { exported } = scope;
  const inner = (one: Expression): string => code(scope, one, before);
  const named = (first: string): string => {
    const name = scope.fresh('x');
    before.push({ kind: 'bind', name, first });
    return name;
  };
  /** A value that only one of two ways gives. */
  const choice = (condition: string, whenTrue: Expression | string, whenFalse: Expression | string): string => {
    const side = (one: Expression | string): { term: string; steps: Before[] } => {
      const steps: Before[] = [];
      return { term: typeof one === 'string' ? one : code(scope, one, steps), steps };
    };
    const [a, b] = [side(whenTrue), side(whenFalse)];
    if (a.steps.length === 0 && b.steps.length === 0) return `if ${condition} then ${a.term} else ${b.term}`;
    const branch = ({ term, steps }: typeof a): string => sequence(steps, `Ok ${atom(term)}`);
    return named(`if ${condition} then (${branch(a)}) else (${branch(b)})`);
  };
  switch (expression.kind) {
    case 'operation': {
      const operator = operatorOf(expression.operator);
      const operands = expression.operands.map(inner);
      for (const { holds } of operator.conditions?.(texts, operands.map(atom)) ?? []) before.push(need(holds));
      const term = operation(expression, operands);
      // Every other operator's result is cut to its range, or has none.
      if (operator.gives !== 'integer' || operator.result !== 'number') return term;
      const name = scope.fresh('x');
      before.push({ kind: 'let', name, value: term }, need(`cm_safe ${name}`));
      return name;
    }
    case 'convert': {
      const operand = inner(expression.operand);
      const { term, fits } = converted(expression, operand);
      if (fits !== undefined) before.push(need(fits));
      return term;
    }
    case 'not':
      return `negb ${atom(inner(expression.operand))}`;
    case 'logical': {
      const left = inner(expression.left);
      const steps: Before[] = [];
      const right = code(scope, expression.right, steps);
      if (steps.length === 0) {
        if (expression.operator === 'implies') return `implb ${atom(left)} ${atom(right)}`;
        return `${atom(left)} ${expression.operator === 'and' ? '&&' : '||'} ${atom(right)}`;
      }
      if (expression.operator === 'and') return choice(left, expression.right, 'false');
      return expression.operator === 'or'
        ? choice(left, 'true', expression.right)
        : choice(left, expression.right, 'true');
    }
    case 'same': {
      const equal = expression.left.type.kind === 'boolean' ? 'Bool.eqb' : 'Z.eqb';
      const left = inner(expression.left);
      return `${equal} ${atom(left)} ${atom(inner(expression.right))}`;
    }
    case 'conditional':
      return choice(inner(expression.condition), expression.whenTrue, expression.whenFalse);
    case 'element': {
      const index = inner(expression.index);
      const array = atom(arrayTerm(scope, expression.array));
      before.push(need(`cm_inside ${array} ${atom(index)}`));
      return `cm_get ${someValue(exported.types, expression.array.type.element)} ${array} ${atom(index)}`;
    }
    case 'field': {
      const operand = inner(expression.operand);
      const type = valueType(expression.operand.type);
      if (type.kind !== 'record') throw new TypeError('a field of no record');
      const holds = there(scope, type, expression.name, operand);
      if (holds !== undefined) before.push(need(holds));
      return `${projection(scope, type, expression.name)} ${atom(operand)}`;
    }
    case 'record': {
      const fields = expression.fields.map((field) => atom(inner(field)));
      return [`make_${exported.types.record(expression.type).name}`, ...fields].join(' ');
    }
    case 'call': {
      const args = argumentTerms(scope, expression.arguments, before);
      return named([calledName(scope, expression.function), ...args].join(' '));
    }
    case 'quantifier':
    case 'old':
      return unsupported('a quantifier or `old` in code');
    default:
      return value(scope, expression);
  }
}

/** What a function's value in clauses is called: f_x becomes value_x. */
export const valueName = (name: string): string => name.replace(/^f_/, 'value_');

/** An expression of a clause as a value: integers as Z, truths as bool. */
export function value(scope: Scope, expression: Expression): string {
  const { exported, names } = scope;
  const inner = (one: Expression): string => value(scope, one);
  switch (expression.kind) {
    case 'integer':
    case 'member':
      return zText(expression.value);
    case 'boolean':
      return String(expression.value);
    case 'variable':
      return nameIn(names, expression.variable.id);
    case 'operation':
      return operation(expression, expression.operands.map(inner));
    case 'convert':
      return converted(expression, inner(expression.operand)).term;
    case 'not':
      return `negb ${atom(inner(expression.operand))}`;
    case 'logical': {
      const [left, right] = [atom(inner(expression.left)), atom(inner(expression.right))];
      if (expression.operator === 'implies') return `implb ${left} ${right}`;
      return `${left} ${expression.operator === 'and' ? '&&' : '||'} ${right}`;
    }
    case 'same': {
      const equal = expression.left.type.kind === 'boolean' ? 'Bool.eqb' : 'Z.eqb';
      return `${equal} ${atom(inner(expression.left))} ${atom(inner(expression.right))}`;
    }
    case 'conditional':
      return `if ${inner(expression.condition)} then ${inner(expression.whenTrue)} else ${inner(expression.whenFalse)}`;
    case 'element': {
      const otherwise = someValue(exported.types, expression.array.type.element);
      return `cm_get ${otherwise} ${atom(arrayTerm(scope, expression.array))} ${atom(inner(expression.index))}`;
    }
    case 'length':
      return `cm_count ${atom(arrayTerm(scope, expression.array))}`;
    case 'record': {
      const fields = expression.fields.map((field) => atom(inner(field)));
      return [`make_${exported.types.record(expression.type).name}`, ...fields].join(' ');
    }
    case 'field': {
      const type = valueType(expression.operand.type);
      if (type.kind !== 'record') throw new TypeError('a field of no record');
      return `${projection(scope, type, expression.name)} ${atom(inner(expression.operand))}`;
    }
    case 'call': {
      const args = argumentTerms(scope, expression.arguments, undefined);
      return [valueName(calledName(scope, expression.function)), ...args].join(' ');
    }
    case 'old':
      return value({ ...scope, names: new Map([...names, ...scope.old]) }, expression.operand);
    case 'quantifier': {
      if (expression.quantifier !== 'forall') return unsupported('`exists` where a truth is computed');
      return unsupported('`forall` where a truth is computed');
    }
  }
}

const hasQuantifier = (expression: Expression): boolean => {
  switch (expression.kind) {
    case 'quantifier':
      return true;
    case 'not':
    case 'old':
      return hasQuantifier(expression.operand);
    case 'logical':
    case 'same':
      return hasQuantifier(expression.left) || hasQuantifier(expression.right);
    case 'conditional':
      return [expression.condition, expression.whenTrue, expression.whenFalse].some(hasQuantifier);
    default:
      return false;
  }
};

const comparisons: Readonly<Record<string, string>> = { 'Z.ltb': '<', 'Z.leb': '<=', 'Z.eqb': '=' };

/** A clause as a proposition. */
export function proposition(scope: Scope, expression: Expression): string {
  const inner = (one: Expression): string => proposition(scope, one);
  switch (expression.kind) {
    case 'boolean':
      return expression.value ? 'True' : 'False';
    case 'operation': {
      const sign = comparisons[operatorOf(expression.operator).coq.split(' ')[0]];
      const [a, b] = expression.operands.map((operand) => atom(value(scope, operand)));
      if (sign !== undefined) return `${a} ${sign} ${b}`;
      return `${operation(expression, [a, b])} = true`;
    }
    case 'not':
      return `~ (${inner(expression.operand)})`;
    case 'logical': {
      const sign = { and: '/\\', or: '\\/', implies: '->' }[expression.operator];
      return `(${inner(expression.left)}) ${sign} (${inner(expression.right)})`;
    }
    case 'same':
      if (expression.left.type.kind === 'boolean')
        return `(${inner(expression.left)}) <-> (${inner(expression.right)})`;
      return `${atom(value(scope, expression.left))} = ${atom(value(scope, expression.right))}`;
    case 'conditional': {
      if (!hasQuantifier(expression))
        return `(if ${value(scope, expression.condition)} then ${atom(value(scope, expression.whenTrue))} else ${atom(value(scope, expression.whenFalse))}) = true`;
      const condition = inner(expression.condition);
      return `((${condition}) -> ${inner(expression.whenTrue)}) /\\ (~ (${condition}) -> ${inner(expression.whenFalse)})`;
    }
    case 'quantifier': {
      const index = scope.fresh(expression.variable.name);
      const within_ = { ...scope, names: new Map([...scope.names, [expression.variable.id, index]]) };
      const bounds = `${atom(value(scope, expression.low))} <= ${index} < ${atom(value(scope, expression.high))}`;
      const sign = expression.quantifier === 'forall' ? '->' : '/\\';
      return `(${expression.quantifier} ${index}, ${bounds} ${sign} (${proposition(within_, expression.body)}))`;
    }
    case 'old':
      return proposition({ ...scope, names: new Map([...scope.names, ...scope.old]) }, expression.operand);
    default:
      return `${atom(value(scope, expression))} = true`;
  }
}
