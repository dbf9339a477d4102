/**
 * Walking the IR: the parts of expressions and statements, and what statements change. Whoever looks for something in
 * code asks here, so that a new kind of node is known to all of them at once.
 */
import type { Argument, Expression, Statement, Variable } from './ir.ts';

/** The expressions that one is made of, in the order in which they are computed. */
export function partsOf(node: Expression | Argument): readonly (Expression | Argument)[] {
  switch (node.kind) {
    case 'operation':
      return node.operands;
    case 'convert':
    case 'not':
    case 'old':
    case 'field':
      return [node.operand];
    case 'logical':
    case 'same':
      return [node.left, node.right];
    case 'conditional':
      return [node.condition, node.whenTrue, node.whenFalse];
    case 'element':
      return [node.index];
    case 'record':
      return node.fields;
    case 'call':
      return node.arguments;
    case 'quantifier':
      return [node.low, node.high, node.body];
    case 'integer':
    case 'boolean':
    case 'member':
    case 'variable':
    case 'length':
    case 'object':
    case 'array':
      return [];
  }
}

/** Adds the keys of the functions that an expression calls. */
export function callsIn(node: Expression | Argument, found: Set<string>): void {
  if (node.kind === 'call') found.add(node.function);
  for (const part of partsOf(node)) callsIn(part, found);
}

/** The expressions that stand in a statement itself, not in statements inside it. */
export function expressionsOf(statement: Statement): readonly (Expression | Argument)[] {
  switch (statement.kind) {
    case 'declare':
    case 'assign':
    case 'set':
      return [statement.value];
    case 'store':
      return [statement.index, statement.value];
    case 'if':
      return [statement.condition];
    case 'loop':
      return [
        statement.condition,
        ...[...statement.invariants, ...statement.decreases].map(({ expression }) => expression),
      ];
    case 'return':
      return statement.value === undefined ? [] : [statement.value];
    case 'call':
      return statement.arguments;
    case 'assert':
      return [statement.clause.expression];
    case 'allocate':
      return [statement.length];
    case 'create':
    case 'ghost':
    case 'break':
    case 'continue':
    case 'throw':
      return [];
  }
}

/** The statements and all that are inside them, outer ones first. */
export function allStatements(statements: readonly Statement[]): readonly Statement[] {
  return statements.flatMap((statement) => {
    if (statement.kind === 'if') {
      return [statement, ...allStatements(statement.whenTrue), ...allStatements(statement.whenFalse)];
    }
    if (statement.kind === 'ghost') return [statement, ...allStatements(statement.body)];
    if (statement.kind === 'loop') {
      return [statement, ...allStatements(statement.body), ...allStatements(statement.update)];
    }
    return [statement];
  });
}

/** Variables that the statements declare or assign, by id. */
export function assignedVariables(statements: readonly Statement[]): Map<string, Variable> {
  const found = new Map<string, Variable>();
  for (const statement of allStatements(statements)) {
    if (statement.kind === 'assign' || statement.kind === 'declare') {
      found.set(statement.variable.id, statement.variable);
    } else if (statement.kind === 'create') {
      found.set(statement.object.id, statement.object);
    } else if (statement.kind === 'call' && statement.target !== undefined) {
      found.set(statement.target.id, statement.target);
    }
  }
  return found;
}
