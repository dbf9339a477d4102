/**
 * Objects of classes: a struct of their fields, and beside it the arrays that they own, each a parameter of its own wherever
 * the object is passed, as in the IR.
 *
 * Nothing is allocated, so the memory of an array is made where the object is, by the function that says `new`. Its length
 * is what the constructor computes of its arguments, and has to be a constant there, as for any other array. The
 * constructor then finds the slice, and fills it.
 */
import type { ArrayVariable, Expression, FunctionIr, Span, Statement } from '../../analyzers/ir.ts';
import { exact, operatorOf } from '../../analyzers/operators.ts';
import { refuse } from '../../analyzers/typescript/refuse.ts';
import { literal } from './text.ts';

type Values = ReadonlyMap<string, bigint>;

/** The value of an expression over constants, and over variables whose values are known; undefined: it is not known. */
function constantOf(expression: Expression, known: Values): bigint | undefined {
  switch (expression.kind) {
    case 'integer':
      return expression.value;
    case 'variable':
      return known.get(expression.variable.id);
    case 'convert':
      return expression.type.kind === 'integer' && expression.operand.type.kind === 'integer'
        ? constantOf(expression.operand, known)
        : undefined;
    case 'operation': {
      const { gives, meaning } = operatorOf(expression.operator);
      const values = expression.operands.map((one) => constantOf(one, known));
      if (gives !== 'integer' || values.includes(undefined)) return undefined;
      return meaning(exact, values as bigint[]) as bigint;
    }
    default:
      return undefined;
  }
}

/** How long the array is that a constructor makes for its object, in this call of it. */
export function ownedLength(
  maker: FunctionIr,
  call: Statement & { kind: 'call' },
  place: number,
  { name }: ArrayVariable,
  span: Span,
): bigint {
  const { parameters, body = [] } = maker;
  const known = new Map<string, bigint>();
  parameters.forEach(({ id }, i) => {
    const given = call.arguments[i];
    const value = given.kind === 'array' || given.kind === 'object' ? undefined : constantOf(given, new Map());
    if (value !== undefined) known.set(id, value);
  });
  // The object is the first parameter, its arrays come next.
  const own = parameters[place + 1].id;
  const made = body.find((one) => one.kind === 'allocate' && one.variable.id === own);
  const length = made?.kind === 'allocate' ? constantOf(made.length, known) : undefined;
  if (length === undefined)
    return refuse(
      span,
      `the length of ${name} is no constant`,
      'Memory of C has a constant size: make the object with constants, new Queue(16).',
    );
  if (length <= 0n) refuse(span, `${name} has no elements`, 'C has no such array: give it a length.');
  return length;
}

/** What a constructor does to make an array: zeros, or these values. */
export function fillOwned(name: string, values: readonly bigint[] | undefined): string[] {
  if (values !== undefined) return values.map((value, i) => `${name}.data[${i}] = ${literal(value).text};`);
  const claims = [
    `loop invariant 0 <= cm_i <= ${name}.length;`,
    `loop invariant (\\forall integer cm_k; 0 <= cm_k < cm_i ==> ${name}.data[cm_k] == 0);`,
    `loop assigns cm_i, ${name}.data[0 .. ${name}.length - 1];`,
    `loop variant ${name}.length - cm_i;`,
  ];
  return [`/*@ ${claims.join(' ')} */`, `for (size_t cm_i = 0; cm_i < ${name}.length; cm_i++) ${name}.data[cm_i] = 0;`];
}
