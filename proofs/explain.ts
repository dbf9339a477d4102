/**
 * Which part of a claim does not hold: a claim that fails is asked about again in parts.
 *
 * `a && b` is a and b; implies(a, b && c), forall(..., b && c) and a choice between truths have the parts of what is in
 * them; a call of a pure function that is a single return has the parts of what it returns. The parts are clauses of
 * their own in a copy of the program, so all else of how claims become questions is as it was. Each is asked without
 * the parts before it: from one that is false anything would follow. No verdict rests on an explanation.
 */
import type { Argument, Clause, Expression, FunctionIr, Program, Span, Statement, Variable } from '../analyzers/ir.ts';
import type { Obligation, ObligationKind } from './obligation.ts';
import type { Term } from './smt/terms.ts';

export interface Part {
  /** As it is written, with what is around it. */
  readonly text: string;
  readonly status: 'proved' | 'failed' | 'unknown';
}

/** Whether what is claimed is a clause itself, not that it is defined or what it needs. */
export const isClause = (kind: ObligationKind): boolean =>
  ['requires', 'ensures', 'invariant entry', 'invariant kept', 'assert'].includes(kind);

interface Piece {
  readonly text: string;
  readonly expression: Expression;
}

/** Definitions in definitions, and parts of one claim. */
const DEEPEST_DEFINITION = 4;
const MOST_PARTS = 32;

type TextOf = (span: Span) => string;

/**
 * An expression of a callee with arguments for its parameters; undefined where one is an object. What quantifiers bind in
 * it gets names of its own: an argument may speak of the caller's by the same name.
 */
function instantiate(callee: FunctionIr, body: Expression, args: readonly Argument[]): Expression | undefined {
  if (args.some(({ kind }) => kind === 'object')) return undefined;
  const given = new Map(callee.parameters.map(({ id }, i) => [id, args[i]]));
  const map = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(map);
    if (typeof node !== 'object' || node === null) return node;
    const { kind, variable, id } = node as { kind?: unknown; variable?: Variable; id?: unknown };
    const value = kind === 'variable' ? given.get(variable!.id) : undefined;
    if (value !== undefined && value.kind !== 'array') return value;
    const array = typeof id === 'string' ? given.get(id) : undefined;
    if (array?.kind === 'array') return array.array;
    const mapped = Object.entries(node).map(([name, inner]) => [name, map(inner)]);
    const bound =
      kind === 'variable' || kind === 'quantifier'
        ? { variable: { ...variable, id: `${callee.key} ${variable!.id}` } }
        : {};
    return { ...Object.fromEntries(mapped), ...bound };
  };
  return map(body) as Expression;
}

/** What a pure function returns, where its body is that and nothing else. */
function definitionOf({ pure, body }: FunctionIr): Expression | undefined {
  const [statement] = body ?? [];
  return pure && body?.length === 1 && statement.kind === 'return' ? statement.value : undefined;
}

const flat = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Expressions that together say what this one says; itself alone when it has no parts. */
export function splitExpression(program: Program, expression: Expression, textOf: TextOf, depth = 0): Piece[] {
  const split = (inner: Expression): Piece[] => splitExpression(program, inner, textOf, depth);
  const whole = [{ text: flat(textOf(expression.span)), expression }];
  switch (expression.kind) {
    case 'logical': {
      const { left, right, operator } = expression;
      if (operator === 'and') return [...split(left), ...split(right)];
      if (operator === 'or') return whole;
      return split(right).map((piece) => ({
        text: `implies(${flat(textOf(left.span))}, ${piece.text})`,
        expression: { ...expression, right: piece.expression },
      }));
    }
    case 'quantifier': {
      if (expression.quantifier === 'exists') return whole;
      const { low, high, variable, body } = expression;
      const range = `${flat(textOf(low.span))}, ${flat(textOf(high.span))}, (${variable.name}) => `;
      return split(body).map((piece) => ({
        text: `forall(${range}${piece.text})`,
        expression: { ...expression, body: piece.expression },
      }));
    }
    case 'conditional': {
      const { condition, whenTrue, whenFalse, span, type } = expression;
      const test = flat(textOf(condition.span));
      const under = (left: Expression, text: string, right: Expression): Piece[] =>
        split(right).map((piece) => ({
          text: `implies(${text}, ${piece.text})`,
          expression: { kind: 'logical', operator: 'implies', left, right: piece.expression, span, type },
        }));
      const negated: Expression = { kind: 'not', operand: condition, span: condition.span, type: condition.type };
      return [...under(condition, test, whenTrue), ...under(negated, `!(${test})`, whenFalse)];
    }
    case 'call': {
      const callee = program.functions.find(({ key }) => key === expression.function);
      const definition = callee && definitionOf(callee);
      if (definition === undefined || depth >= DEEPEST_DEFINITION) return whole;
      const pieces = splitExpression(program, definition, textOf, depth + 1).flatMap((piece): Piece[] => {
        const inner = instantiate(callee!, piece.expression, expression.arguments);
        return inner === undefined ? [] : [{ text: `${piece.text} (of ${whole[0].text})`, expression: inner }];
      });
      return pieces.length > 1 ? pieces : whole;
    }
    default:
      return whole;
  }
}

const separator = '\u0000';

interface Split {
  /** The program with each claim in parts, whose texts are the claim's with their number behind. */
  readonly program: Program;
  /** What a part says, by its text there. */
  readonly shown: ReadonlyMap<string, string>;
}

/** A program in which a function's claims, and what its callees demand, are in parts. */
export function splitProgram(program: Program, subject: FunctionIr): Split {
  const shown = new Map<string, string>();
  const textOf: TextOf = ({ file, start, end }) => (program.sources.get(file) ?? '').slice(start, end);
  const splitClause = (clause: Clause): Clause[] => {
    const pieces = splitExpression(program, clause.expression, textOf);
    if (pieces.length < 2 || pieces.length > MOST_PARTS) return [clause];
    return pieces.map(({ text, expression }, i) => {
      const name = `${clause.text}${separator}${i}`;
      shown.set(name, text);
      return { ...clause, text: name, expression };
    });
  };
  const splitStatements = (statements: readonly Statement[]): Statement[] =>
    statements.flatMap((statement): Statement[] => {
      if (statement.kind === 'assert') return splitClause(statement.clause).map((clause) => ({ ...statement, clause }));
      if (statement.kind === 'loop') {
        const invariants = statement.invariants.flatMap(splitClause);
        return [
          {
            ...statement,
            invariants,
            body: splitStatements(statement.body),
            update: splitStatements(statement.update),
          },
        ];
      }
      if (statement.kind === 'if') {
        const { whenTrue, whenFalse } = statement;
        return [{ ...statement, whenTrue: splitStatements(whenTrue), whenFalse: splitStatements(whenFalse) }];
      }
      return [statement];
    });
  const functions = program.functions.map((one): FunctionIr => {
    const requires = one.requires.flatMap(splitClause);
    if (one.key !== subject.key) return { ...one, requires };
    const ensures = one.ensures.flatMap(splitClause);
    return { ...one, requires, ensures, body: one.body && splitStatements(one.body) };
  });
  return { program: { ...program, functions }, shown };
}

/**
 * The parts of a claim, with their obligations in the program in parts, each without those before it; what its form alone
 * shows to hold has none. Nothing for a claim without parts.
 */
export function partsOfClaim(
  { shown }: Split,
  claim: Obligation,
  obligations: readonly Obligation[],
): { readonly text: string; readonly obligation?: Obligation }[] {
  const { span, kind } = claim;
  const before = new Set<Term>();
  const found = new Map<string, Obligation>();
  for (const obligation of obligations) {
    const [text, number] = obligation.text.split(separator);
    if (number === undefined || text !== claim.text || kind !== obligation.kind) continue;
    if (span.file !== obligation.span.file || span.start !== obligation.span.start) continue;
    found.set(number, { ...obligation, assumptions: obligation.assumptions.filter((term) => !before.has(term)) });
    before.add(obligation.goal);
  }
  if (found.size === 0) return [];
  // A precondition stands behind its function's name.
  const own = kind === 'requires' ? claim.text.slice(claim.text.indexOf(': ') + 2) : claim.text;
  const parts: { readonly text: string; readonly obligation?: Obligation }[] = [];
  for (let i = 0; shown.has(`${own}${separator}${i}`); i++) {
    const obligation = found.get(`${i}`);
    parts.push({ text: shown.get(`${own}${separator}${i}`)!, ...(obligation && { obligation }) });
  }
  return parts;
}
