/**
 * `switch` over integers and members of enumerations, as a chain of ifs: the value is computed once, each case compares it
 * with constants. That the cases are all there are is no matter of syntax: where none is taken, what follows is demanded
 * of a state that no member is in.
 *
 * Cases do not run into each other: one ends with break, return, throw or continue, or is empty and shares the next one's
 * statements. A `break` anywhere else inside would leave the switch too, and is refused.
 */
import type { Expression, Span, Statement } from '../ir.ts';
import { boolean, domainOf, showType } from '../types.ts';
import { ts } from './compiler.ts';
import { constantOf, equalMembers } from './enumerations.ts';
import { lowerExpression, operation } from './expressions.ts';
import { refuse } from './refuse.ts';
import { declareVariable, read, type Scope } from './scope.ts';
import { lowerStatements, spanOf } from './statements.ts';

interface Case {
  /** Undefined: default. */
  readonly labels: readonly ts.Expression[] | undefined;
  readonly statements: readonly ts.Statement[];
  readonly node: ts.CaseOrDefaultClause;
}

/** A break that means the switch, below a statement. */
function innerBreak(node: ts.Node): ts.Node | undefined {
  if (ts.isBreakStatement(node) && node.label === undefined) return node;
  if (ts.isIterationStatement(node, false) || ts.isSwitchStatement(node)) return undefined;
  return ts.forEachChild(node, innerBreak);
}

function endsBlock(node: ts.Statement | undefined): boolean {
  return (
    node !== undefined && (ts.isReturnStatement(node) || ts.isContinueStatement(node) || ts.isThrowStatement(node))
  );
}

/** The clause's statements, without the braces and the break around them. */
function statementsOf(scope: Scope, clause: ts.CaseOrDefaultClause, last: boolean): readonly ts.Statement[] {
  const [only] = clause.statements;
  const nodes =
    clause.statements.length === 1 && only !== undefined && ts.isBlock(only) ? only.statements : clause.statements;
  const final = nodes.at(-1);
  const breaks = final !== undefined && ts.isBreakStatement(final) && final.label === undefined;
  if (!breaks && !endsBlock(final) && !last) {
    refuse(spanOf(scope, clause), 'a case runs into the next one', 'End it with break or return.');
  }
  const kept = breaks ? nodes.slice(0, -1) : nodes;
  const stray = kept.map(innerBreak).find((found) => found !== undefined);
  if (stray !== undefined) refuse(spanOf(scope, stray), 'a break in the middle of a case', 'Write if ... else.');
  return kept;
}

function casesOf(scope: Scope, node: ts.SwitchStatement): Case[] {
  const cases: Case[] = [];
  let labels: ts.Expression[] = [];
  const { clauses } = node.caseBlock;
  clauses.forEach((clause, i) => {
    const last = i === clauses.length - 1;
    if (ts.isDefaultClause(clause)) {
      if (!last || labels.length > 0)
        refuse(spanOf(scope, clause), 'default is not the last case by itself', 'Put it last.');
      cases.push({ labels: undefined, statements: statementsOf(scope, clause, true), node: clause });
      return;
    }
    labels.push(clause.expression);
    if (clause.statements.length === 0 && !last) return;
    cases.push({ labels, statements: statementsOf(scope, clause, last), node: clause });
    labels = [];
  });
  return cases;
}

function equalIntegers(left: Expression, right: Expression, span: Span): Expression {
  const [a, b] = [left.type, right.type];
  if (a.kind !== 'integer' || b.kind !== 'integer' || domainOf(a) !== domainOf(b))
    return refuse(span, `a case of type ${showType(b)} for a value of type ${showType(a)}`);
  return operation(domainOf(a) === 'bigint' ? 'bigEqual' : 'equal', [left, right], span);
}

export function lowerSwitch(scope: Scope, node: ts.SwitchStatement): Statement[] {
  const span = spanOf(scope, node.expression);
  const value = lowerExpression(scope, node.expression);
  if (value.type.kind !== 'integer' && value.type.kind !== 'enumeration')
    return refuse(span, 'a switch over something other than an integer, an enum or a string', 'Write if ... else if.');
  const variable = declareVariable(scope, undefined, 'switched', value.type, span);
  const chain = casesOf(scope, node).reduceRight<Statement[]>((rest, { labels, statements }) => {
    const own = lowerStatements(scope, statements);
    if (labels === undefined) return own;
    const tests = labels.map((label): Expression => {
      const at = spanOf(scope, label);
      const constant = lowerExpression(scope, label);
      if (constantOf(constant) === undefined) return refuse(at, 'a case that is no constant', 'Write if ... else if.');
      const present = read(variable, span);
      return equalMembers(present, constant, at) ?? equalIntegers(present, constant, at);
    });
    const condition = tests.reduce(
      (left, right): Expression => ({ kind: 'logical', operator: 'or', left, right, type: boolean, span: right.span }),
    );
    return [{ kind: 'if', condition, whenTrue: own, whenFalse: rest, span: spanOf(scope, labels[0]) }];
  }, []);
  return [{ kind: 'declare', variable, value, span }, ...chain];
}
