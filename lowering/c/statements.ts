/**
 * Statements of the IR as C. The shape stays the user's: a loop is a loop, a block a block, a name a name. What is for
 * proofs alone (assertions, invariants, measures) is a comment in ACSL. A variable that only they speak of is kept and marked as
 * unused, so that the C can be read beside its source.
 */
import {
  type ArrayVariable,
  type FunctionIr,
  type Loop,
  ownedArrays,
  type Statement,
  type Variable,
} from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import { refuse } from '../../analyzers/typescript/refuse.ts';
import { runStatements, visitCode } from '../reachable.ts';
import type { Acsl } from './acsl.ts';
import { type Expressions, type Names, variableType } from './expressions.ts';
import { memoryName } from './names.ts';
import { fillOwned, ownedLength } from './objects.ts';
import { elementOf, scalarTypes } from './prelude.ts';
import { literal } from './text.ts';

export interface Body {
  readonly expressions: Expressions;
  readonly names: Names;
  readonly result: Type;
  /** Variables that code reads. */
  readonly read: ReadonlySet<string>;
  /** What is said of it to other provers. */
  readonly acsl: Acsl;
  readonly functionOf: (key: string) => FunctionIr;
}

/** Ids of the variables that code reads; what contracts read does not count. */
export function variablesRead(body: readonly Statement[]): Set<string> {
  const found = new Set<string>();
  for (const statement of runStatements(body)) {
    if (statement.kind === 'store') found.add(statement.array.id);
    if (statement.kind === 'set') found.add(statement.object.id);
  }
  visitCode(body, (node) => {
    if (node.kind === 'variable') found.add(node.variable.id);
    if (node.kind === 'element' || node.kind === 'length' || node.kind === 'array') found.add(node.array.id);
    if (node.kind === 'object') found.add(node.object.id);
  });
  return found;
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => (line === '' ? line : `    ${line}`));

/** C's type of a variable's values; of an object, of its address. */
const declaredType = ({ names }: Body, variable: Variable): Type =>
  variable.type.kind === 'integer' ? variableType(names, variable) : variable.type;

function declaration(body: Body, variable: Variable, value: string): string[] {
  const { names, read } = body;
  const name = names.variable(variable.id);
  const line = `${names.types.spell(declaredType(body, variable), variable)} ${name} = ${value};`;
  return read.has(variable.id) ? [line] : [line, `(void)${name};`];
}

/** A new variable with a value; an object's is memory beside it. */
function declareWith(body: Body, variable: Variable, value: string): string[] {
  if (variable.type.kind !== 'object') return declaration(body, variable, value);
  const name = memoryName(body.names.variable(variable.id));
  return [
    `${body.names.types.spell(variable.type.record, variable)} ${name} = ${value};`,
    ...declaration(body, variable, `&${name}`),
  ];
}

/** Memory for an array, zeros but for what is given, and the slice of it. */
function memoryOf(body: Body, array: ArrayVariable, length: bigint, values = '0'): string[] {
  const name = body.names.variable(array.id);
  const memory = `${scalarTypes[elementOf(array.type)]} ${memoryName(name)}[${length}] = { ${values} };`;
  return [memory, ...declaration(body, array, `{ ${memoryName(name)}, ${length} }`)];
}

function lowerAllocate(body: Body, statement: Statement & { kind: 'allocate' }): string[] {
  const { variable, length, values } = statement;
  const name = body.names.variable(variable.id);
  // Whoever makes the object has made its arrays: see objects.ts.
  if (!body.names.isLocal(variable.id)) return fillOwned(name, values);
  if (length.kind !== 'integer')
    return refuse(
      statement.span,
      'the length of this array is no constant',
      'Memory of C has a constant size: write it.',
    );
  if (length.value === 0n) refuse(statement.span, 'an array without elements', 'C has none: give it a length.');
  return memoryOf(body, variable, length.value, values?.map((value) => literal(value).text).join(', '));
}

function lowerCall(body: Body, statement: Statement & { kind: 'call' }): string[] {
  const { target } = statement;
  const { text } = body.expressions.lowerCall(statement.function, statement.arguments);
  if (target === undefined) return [`${text};`];
  const narrowed =
    target.type.kind === 'integer' ? `(${body.names.types.spell(declaredType(body, target), target)})${text}` : text;
  return statement.declares
    ? declareWith(body, target, narrowed)
    : [`${body.names.variable(target.id)} = ${narrowed};`];
}

/** A statement without blocks, as an expression of C. */
function update(body: Body, statement: Statement): string {
  const [line, ...more] = lowerStatement(body, statement);
  if (more.length > 0 || !line.endsWith(';') || statement.kind === 'declare')
    refuse(statement.span, 'this update of a loop is not lowered to C', 'Write one assignment, such as i++.');
  return line.slice(0, -1);
}

function lowerLoop(body: Body, loop: Loop): string[] {
  const condition = body.expressions.truth(loop.condition).text;
  const head =
    loop.update.length === 0
      ? `while (${condition}) {`
      : `for (; ${condition}; ${loop.update.map((one) => update(body, one)).join(', ')}) {`;
  return [...body.acsl.loop(loop), head, ...indented(lowerStatements(body, loop.body)), '}'];
}

function lowerIf(body: Body, statement: Statement & { kind: 'if' }): string[] {
  const lines = [
    `if (${body.expressions.truth(statement.condition).text}) {`,
    ...indented(lowerStatements(body, statement.whenTrue)),
  ];
  const { whenFalse } = statement;
  if (whenFalse.length === 0) return [...lines, '}'];
  if (whenFalse.length === 1 && whenFalse[0].kind === 'if') {
    const [first, ...rest] = lowerIf(body, whenFalse[0]);
    return [...lines, `} else ${first}`, ...rest];
  }
  return [...lines, '} else {', ...indented(lowerStatements(body, whenFalse)), '}'];
}

/** Compilers ask whether a place that is given its own value was meant to be given another. */
const assignment = (place: string, value: string): string[] => [
  place === value ? `(void)${place};` : `${place} = ${value};`,
];

export function lowerStatement(body: Body, statement: Statement): string[] {
  const { expressions, names } = body;
  switch (statement.kind) {
    case 'declare': {
      const { variable } = statement;
      return declareWith(body, variable, expressions.value(statement.value, variableType(names, variable)).text);
    }
    case 'assign': {
      const { text } = expressions.value(statement.value, declaredType(body, statement.variable));
      return assignment(names.variable(statement.variable.id), text);
    }
    case 'allocate':
      return lowerAllocate(body, statement);
    case 'store': {
      const at = expressions.subscript(statement.index);
      const { text } = expressions.value(statement.value, statement.array.type.element);
      return [`${names.variable(statement.array.id)}.data[${at}] = ${text};`];
    }
    case 'set': {
      const { record } = statement.object.type;
      const { type } = record.fields.find(({ name }) => name === statement.field)!;
      const place = `${names.variable(statement.object.id)}->${names.field(statement.field)}`;
      return assignment(place, expressions.value(statement.value, type).text);
    }
    case 'if':
      return lowerIf(body, statement);
    case 'loop':
      return lowerLoop(body, statement);
    case 'create':
      throw new TypeError('an object without a call of its constructor');
    case 'break':
      return ['break;'];
    case 'continue':
      return ['continue;'];
    case 'return':
      return [
        statement.value === undefined ? 'return;' : `return ${expressions.value(statement.value, body.result).text};`,
      ];
    case 'call':
      return lowerCall(body, statement);
    case 'assert':
    case 'ghost':
      return body.acsl.statement(statement);
    case 'throw':
      return refuse(statement.span, 'throw is not lowered to C', 'Return what went wrong: a boolean, or undefined.');
  }
}

/** An object of a class, and the arrays that it owns: memory of the function that makes it. Its constructor is called next. */
function lowerCreate(body: Body, { object, span }: Statement & { kind: 'create' }, next: Statement): string[] {
  if (next?.kind !== 'call') throw new TypeError('no call of a constructor');
  const arrays = ownedArrays(object).flatMap((array, i) =>
    memoryOf(body, array, ownedLength(body.functionOf(next.function), next, i, array, span)),
  );
  return [...declareWith(body, object, '{ 0 }'), ...arrays];
}

export function lowerStatements(body: Body, statements: readonly Statement[]): string[] {
  return statements.flatMap((statement, i) =>
    statement.kind === 'create' ? lowerCreate(body, statement, statements[i + 1]) : lowerStatement(body, statement),
  );
}

/** Whether control may come to the end of the statements, as far as a compiler sees. */
function mayEnd(statements: readonly Statement[]): boolean {
  return statements.every((statement) => {
    if (statement.kind === 'return') return false;
    if (statement.kind === 'if') return mayEnd(statement.whenTrue) || mayEnd(statement.whenFalse);
    if (statement.kind !== 'loop') return true;
    const { condition } = statement;
    const endless = condition.kind === 'boolean' && condition.value;
    return !endless || breaks(statement.body);
  });
}

const breaks = (statements: readonly Statement[]): boolean =>
  statements.some(
    (statement) =>
      statement.kind === 'break' ||
      (statement.kind === 'if' && (breaks(statement.whenTrue) || breaks(statement.whenFalse))),
  );

/** The lines of a function's body. */
export function lowerBody(body: Body, { parameters, body: statements, result }: FunctionIr): string[] {
  const unused = parameters.filter(({ id }) => !body.read.has(id)).map(({ id }) => `(void)${body.names.variable(id)};`);
  // No run comes here: that each one returns is proved.
  const end = result.kind !== 'void' && mayEnd(statements!) ? ['__builtin_unreachable();'] : [];
  return indented([...unused, ...lowerStatements(body, statements!), ...end]);
}
