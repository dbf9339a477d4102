/**
 * The same program in another order, where the order says nothing: functions and interfaces of a file, neighbouring
 * declarations of locals that do not use each other, and neighbouring clauses of one tag that are defined whatever the
 * others say. A proof that depends on such an order is luck.
 */
import { ts } from '../../analyzers/typescript/compiler.ts';
import { createRandom } from '../../test/support/random.ts';

type Below = (limit: number) => number;

function permuted<T>(items: readonly T[], below: Below): T[] {
  const left = [...items];
  return items.map(() => left.splice(below(left.length), 1)[0]);
}

interface Piece {
  readonly start: number;
  readonly end: number;
}

/** The text with each run's pieces in another order; runs do not overlap. */
function reorder(text: string, runs: readonly (readonly Piece[])[], below: Below): string {
  const moves = runs.flatMap((run) => {
    const order = permuted(run, below);
    return run.map((to, i) => ({ to, from: order[i] }));
  });
  let result = text;
  for (const { to, from } of moves.sort((a, b) => b.to.start - a.to.start))
    result = result.slice(0, to.start) + text.slice(from.start, from.end) + result.slice(to.end);
  return result;
}

/** Neighbours of which each fits to all that are in the run before it. */
function runsOf<T>(items: readonly T[], fits: (item: T, run: readonly T[]) => boolean): T[][] {
  const runs: T[][] = [[]];
  for (const item of items) {
    const run = runs.at(-1)!;
    if (fits(item, run)) run.push(item);
    else runs.push(fits(item, []) ? [item] : []);
  }
  return runs.filter(({ length }) => length > 1);
}

const parse = (text: string): ts.SourceFile => ts.createSourceFile('x.ts', text, ts.ScriptTarget.ES2022, true);

const identifiers = (node: ts.Node): string[] => {
  const found: string[] = [];
  const visit = (one: ts.Node): void => {
    if (ts.isIdentifier(one)) found.push(one.text);
    ts.forEachChild(one, visit);
  };
  visit(node);
  return found;
};

/** A local that is computed without a call. */
function isPlain(statement: ts.Statement): statement is ts.VariableStatement {
  if (!ts.isVariableStatement(statement)) return false;
  let calls = false;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) calls = true;
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return !calls;
}

function shuffleLocals(text: string, below: Below): string {
  const runs: Piece[][] = [];
  const names = (statement: ts.Statement): string[] =>
    (statement as ts.VariableStatement).declarationList.declarations.flatMap(({ name }) => identifiers(name));
  const independent = (a: ts.Statement, b: ts.Statement): boolean =>
    !names(a).some((name) => identifiers(b).includes(name)) && !names(b).some((name) => identifiers(a).includes(name));
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node)) {
      const found = runsOf(node.statements, (item, run) => isPlain(item) && run.every((one) => independent(one, item)));
      runs.push(...found.map((run) => run.map((one) => ({ start: one.getFullStart(), end: one.end }))));
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(text));
  return reorder(text, runs, below);
}

function shuffleClauses(text: string, below: Below): string {
  const lines = [...text.matchAll(/^ \* @(requires|ensures) (.*)$/gm)].map(({ 0: line, 1: tag, 2: clause, index }) => {
    return { tag, clause, start: index, end: index + line.length };
  });
  // Without an index, a division or a call a clause is always defined; one with an open bracket goes on below.
  const plain = (clause: string): boolean => !/[[\]/%*]|\w\(/.test(clause);
  const runs = runsOf(lines, ({ tag, clause, start }, run) => {
    const last = run.at(-1);
    return plain(clause) && (last === undefined || (last.tag === tag && last.end + 1 === start));
  });
  return reorder(text, runs, below);
}

function shuffleDeclarations(text: string, below: Below): string {
  const runs = runsOf(
    parse(text).statements,
    (node) => ts.isFunctionDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node),
  );
  const pieces = runs.map((run) => run.map((one) => ({ start: one.getFullStart(), end: one.end })));
  return reorder(text, pieces, below);
}

/** The program in the order that the seed gives. */
export function shuffle(text: string, seed: number): string {
  const { below } = createRandom(seed, 0);
  return shuffleDeclarations(shuffleLocals(shuffleClauses(text, below), below), below);
}
