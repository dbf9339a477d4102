/** What statements change, found by walking them: the same answer for the front end, the proofs and the interpreter. */
import type { Statement, Variable } from './ir.ts';

/** Variables that the statements declare or assign, by id. */
export function assignedVariables(
  statements: readonly Statement[],
  found = new Map<string, Variable>(),
): Map<string, Variable> {
  for (const statement of statements) {
    switch (statement.kind) {
      case 'assign':
      case 'declare':
        found.set(statement.variable.id, statement.variable);
        break;
      case 'call':
        if (statement.target !== undefined) found.set(statement.target.id, statement.target);
        break;
      case 'if':
        assignedVariables(statement.whenTrue, found);
        assignedVariables(statement.whenFalse, found);
        break;
      case 'loop':
        assignedVariables(statement.body, found);
        assignedVariables(statement.update, found);
        break;
    }
  }
  return found;
}
