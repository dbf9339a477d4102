/**
 * Contracts in comments, made visible to the compiler.
 *
 * A copy of each source gets one function for each clause, with the parameters of the function that the clause belongs
 * to: `function NAME(a: Uint8Array, n: number, result: u32): boolean { return ( CLAUSE ); }`, behind the source's own
 * text or, for what a class promises, as a method of the class. The compiler then resolves and checks every name in it,
 * so a contract that still uses a parameter's old name is an error and not a contract about something else. What lies in
 * a clause maps back to its place in the comment (holders.ts).
 *
 * A clause is first parsed by itself and must be exactly one expression, or it could close the function that it is put
 * into and begin another.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { ErrorName, Span } from '../ir.ts';
import { parseSource, syntaxErrors, ts } from './compiler.ts';
import { makeHolders, PREFIX, pieceSpan } from './holders.ts';
import {
  type ContractTag,
  contractTags,
  isContractTag,
  meantTag,
  type Piece,
  readTags,
  readThrows,
  type Tag,
} from './jsdoc.ts';

export interface ShadowClause {
  readonly tag: ContractTag;
  readonly value: Piece;
  /** Name of the function that holds it; none for tags without an expression. */
  readonly holder?: string;
  /** Of @throws. */
  readonly error?: ErrorName;
}

export interface Contracted {
  /** Offset of the function's node in the shadow. */
  readonly pos: number;
  readonly name: string;
  readonly nameSpan: Span;
  readonly clauses: readonly ShadowClause[];
  readonly tags: ReadonlySet<ContractTag>;
}

/** A class all of whose members are verified, those without a contract of their own too. */
export interface ContractedClass {
  readonly pos: number;
  readonly name: string;
  readonly nameSpan: Span;
  readonly invariants: readonly ShadowClause[];
  /** Its constructor and methods. */
  readonly members: readonly Contracted[];
}

export interface Shadow {
  readonly text: string;
  readonly functions: readonly Contracted[];
  readonly classes: readonly ContractedClass[];
  /** The span in the user's own text of a span in the shadow's. */
  readonly toSource: (start: number, end: number) => Span;
  /** Whether an offset is none of the user's own text. */
  readonly isAdded: (offset: number) => boolean;
}

type Member = ts.MethodDeclaration | ts.ConstructorDeclaration;

/** The JSDoc comment before a node. */
function commentBefore(text: string, node: ts.Node): { readonly pos: number; readonly end: number } | undefined {
  const ranges = ts.getLeadingCommentRanges(text, node.pos) ?? [];
  return ranges.filter(({ pos, end }) => text.startsWith('/**', pos) && end - pos > 4).at(-1);
}

/** Splits at commas outside brackets: `a, f(b, c)` is two. */
export function splitList(piece: Piece): Piece[] {
  const parts: Piece[] = [];
  let depth = 0;
  let from = 0;
  const cut = (to: number): void => {
    const raw = piece.text.slice(from, to);
    const start = from + (raw.length - raw.trimStart().length);
    const end = Math.max(start, from + raw.trimEnd().length);
    parts.push({ text: piece.text.slice(start, end), offsets: piece.offsets.slice(start, end + 1) });
  };
  for (let i = 0; i < piece.text.length; i++) {
    if ('([{'.includes(piece.text[i])) depth++;
    if (')]}'.includes(piece.text[i])) depth--;
    if (piece.text[i] === ',' && depth === 0) {
      cut(i);
      from = i + 1;
    }
  }
  cut(piece.text.length);
  return parts;
}

/** Why a text is not exactly one expression. */
function notAnExpression(piece: Piece): string | undefined {
  if (piece.text === '') return 'the clause is empty';
  const wrapped = `(${piece.text}\n)`;
  const file = parseSource('clause.ts', wrapped);
  const [error] = syntaxErrors(file);
  if (error !== undefined) return `the clause is not an expression: ${error.message}`;
  const [statement] = file.statements;
  const whole =
    file.statements.length === 1 &&
    ts.isExpressionStatement(statement) &&
    ts.isParenthesizedExpression(statement.expression) &&
    statement.expression.getStart(file) === 0 &&
    statement.expression.end === wrapped.length;
  return whole ? undefined : 'the clause is not one expression';
}

const errorNames: readonly string[] = ['Error', 'RangeError', 'TypeError'] satisfies readonly ErrorName[];

/** Whether what follows @throws is a condition, and not the name of an error or a sentence about it. */
function isCondition(value: Piece): boolean {
  const { condition } = readThrows(value);
  if (notAnExpression(condition) !== undefined) return false;
  const [statement] = parseSource('clause.ts', `(${condition.text}\n)`).statements;
  let inner = ts.isExpressionStatement(statement) ? statement.expression : undefined;
  while (inner !== undefined && ts.isParenthesizedExpression(inner)) inner = inner.expression;
  return (
    inner !== undefined &&
    (ts.isBinaryExpression(inner) ||
      ts.isPrefixUnaryExpression(inner) ||
      ts.isCallExpression(inner) ||
      inner.kind === ts.SyntaxKind.TrueKeyword ||
      inner.kind === ts.SyntaxKind.FalseKeyword)
  );
}

/** Whether the tag makes a contract of its comment, whatever else stands there. */
const isClaim = ({ name, value }: Tag): boolean => isContractTag(name) && (name !== 'throws' || isCondition(value));

/** A tag's @throws clause, or what is wrong with it. */
function throwsClause(file: string, value: Piece, diagnostics: Diagnostic[]): Omit<ShadowClause, 'holder'>[] {
  const { error = 'Error', condition } = readThrows(value);
  if (errorNames.includes(error)) return [{ tag: 'throws', value: condition, error: error as ErrorName }];
  diagnostics.push({
    span: pieceSpan(file, value),
    message: `@throws {${error}}: no such error can be thrown`,
    advice: `Write one of ${errorNames.join(', ')}, or only the condition.`,
  });
  return [];
}

/** Tags that say something, and those of which that is a list. */
const valued: ReadonlySet<ContractTag> = new Set([
  'requires',
  'ensures',
  'modifies',
  'decreases',
  'secret',
  'declassifies',
]);
const listed: ReadonlySet<ContractTag> = new Set(['modifies', 'decreases', 'secret', 'declassifies']);

/** Tags that name parameters, and are no code. */
const naming: ReadonlySet<ContractTag> = new Set(['modifies', 'secret', 'declassifies']);

/** A function that has a contract, and what is wrong with its tags. */
function readContract(
  file: string,
  node: ts.FunctionDeclaration | Member,
  tags: readonly Tag[],
  diagnostics: Diagnostic[],
): (Omit<Contracted, 'clauses'> & { readonly clauses: readonly Omit<ShadowClause, 'holder'>[] }) | undefined {
  const isMember = !ts.isFunctionDeclaration(node);
  const ours = tags.some(isClaim) ? tags.filter(({ name }) => isContractTag(name)) : [];
  for (const { name, start } of tags) {
    const meant = meantTag(name);
    if (meant !== undefined && (meant !== 'throws' || ours.length > 0)) {
      diagnostics.push({
        span: { file, start, end: start + name.length + 1 },
        message: `@${name} is no tag of a contract`,
        advice: `Write @${meant}.`,
      });
    }
  }
  const invariant = ours.find(({ name }) => name === 'invariant');
  if (invariant !== undefined)
    diagnostics.push({
      span: { file, start: invariant.start, end: invariant.start + 'invariant'.length + 1 },
      message: '@invariant belongs to a class',
      advice: 'Write @requires and @ensures for a function; invariant(...) first in a loop.',
    });
  // A member of a verified class without a contract has one that says nothing.
  if (ours.length === 0 && !isMember) return undefined;
  const named = ts.isConstructorDeclaration(node) ? undefined : node.name;
  if (
    (named === undefined && !ts.isConstructorDeclaration(node)) ||
    node.asteriskToken !== undefined ||
    node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) ||
    (isMember && node.typeParameters !== undefined)
  ) {
    diagnostics.push({
      span: { file, start: node.getStart(), end: node.getStart() + 8 },
      message: 'a function without a name, async or a generator, or a method with type parameters, has a contract',
      advice: 'Contracts are for plain functions.',
    });
    return undefined;
  }
  const clauses = ours.flatMap(({ name, value }) => {
    const tag = name as ContractTag;
    if (tag === 'throws') return throwsClause(file, value, diagnostics);
    if (!valued.has(tag)) return [];
    return (listed.has(tag) ? splitList(value) : [value]).map((piece) => ({
      tag,
      value: piece,
    }));
  });
  const start = (named ?? node).getStart();
  const nameSpan = { file, start, end: named?.end ?? start + 'constructor'.length };
  return {
    pos: node.pos,
    name: named?.getText() ?? 'constructor',
    nameSpan,
    clauses,
    tags: new Set(ours.map(({ name }) => name as ContractTag)),
  };
}

/** Contracts that stand where none is read: they would be silently without effect. */
function strayContracts(file: string, text: string, taken: ReadonlySet<number>, diagnostics: Diagnostic[]): void {
  const pattern = new RegExp(`@(${contractTags.join('|')})\\b`);
  for (const match of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    if (taken.has(match.index) || !pattern.test(match[0])) continue;
    const tag = readTags(text, match.index, match.index + match[0].length).find(
      (one) => isClaim(one) && one.name !== 'pure',
    );
    if (tag === undefined) continue;
    diagnostics.push({
      span: { file, start: tag.start, end: tag.start + tag.name.length + 1 },
      message: `@${tag.name} stands where no contract is read`,
      advice:
        'Contracts stand in the comment right before a function declaration at the top level of a module, or before a method of a class whose own comment has @invariant or @verified.',
    });
  }
}

/** Tags in a function's comment that do not begin a line: none of them would be read. */
function hiddenTags(
  file: string,
  text: string,
  { pos: start, end }: { readonly pos: number; readonly end: number },
  hasContract: boolean,
  diagnostics: Diagnostic[],
): void {
  const read = new Set(readTags(text, start, end).map((tag) => tag.start));
  const comment = text.slice(start, end);
  // Without @pure a function can only do less; without a contract @throws is documentation.
  const names = contractTags.filter((name) => name !== 'pure' && (hasContract || name !== 'throws')).join('|');
  for (const { index, 0: tag } of comment.matchAll(new RegExp(`@(${names})\\b`, 'g'))) {
    const at = start + index;
    if (read.has(at)) continue;
    diagnostics.push({
      span: { file, start: at, end: at + tag.length },
      message: `${tag} does not begin its line, so it would not be read`,
      advice: 'Begin a line of the comment with it: /** @ensures ... */, or " * @ensures ...".',
    });
  }
}

/** Where a text has the prover's prefix, or escapes that spell some of it: a name may be written with escapes. */
function prefixIn(text: string): number | undefined {
  const plain = text.indexOf(PREFIX);
  if (plain >= 0) return plain;
  const escapes = /\\u(?:\{0*([0-9a-f]{1,6})\}|([0-9a-f]{4}))/gi;
  const spelled = text.replace(escapes, (_, long: string | undefined, short: string | undefined) => {
    const code = Number.parseInt(long ?? short ?? '', 16);
    return code > 0x10ffff ? '' : String.fromCodePoint(code);
  });
  return spelled.includes(PREFIX) ? text.search(escapes) : undefined;
}

/** The shadow of a source, or what is wrong with it. */
export function makeShadow(file: string, text: string, diagnostics: Diagnostic[]): Shadow {
  const parsed = parseSource(file, text);
  const before = diagnostics.length;
  for (const { start, end, message } of syntaxErrors(parsed))
    diagnostics.push({ span: { file, start, end: Math.max(end, start + 1) }, message });
  const at = prefixIn(text);
  if (at !== undefined)
    diagnostics.push({
      span: { file, start: at, end: Math.min(at + PREFIX.length, text.length) },
      message: `names that begin with ${PREFIX} are the prover's`,
      advice: 'Choose another name.',
    });
  const functions: Contracted[] = [];
  const classes: ContractedClass[] = [];
  const taken = new Set<number>();
  const holders = makeHolders(file, text);
  /** The clause with the function that holds it, or what is wrong with it. */
  const hold = (
    clause: Omit<ShadowClause, 'holder'>,
    place: number,
    head: (name: string, type: string) => string,
  ): ShadowClause => {
    if (naming.has(clause.tag)) return clause;
    const problem = notAnExpression(clause.value);
    if (problem !== undefined) {
      diagnostics.push({
        span: pieceSpan(file, clause.value),
        message: problem,
        advice:
          clause.tag === 'throws'
            ? 'Write the condition under which it throws: @throws {RangeError} n > 255.'
            : `Write one TypeScript expression after @${clause.tag}.`,
      });
      return clause;
    }
    const type = clause.tag === 'decreases' ? 'number | bigint' : 'boolean';
    return { ...clause, holder: holders.add(place, clause.value, (name) => head(name, type)) };
  };
  /** The contract of a function, or of a member of a class that ends at `inside`. */
  const take = (node: ts.FunctionDeclaration | Member, inside?: number): Contracted | undefined => {
    const comment = commentBefore(text, node);
    if (comment !== undefined) taken.add(comment.pos);
    const tags = comment === undefined ? [] : readTags(text, comment.pos, comment.end);
    const read =
      comment === undefined && inside === undefined ? undefined : readContract(file, node, tags, diagnostics);
    if (comment !== undefined) hiddenTags(file, text, comment, read !== undefined, diagnostics);
    if (read === undefined) return undefined;
    const parameters = node.parameters.map((parameter) => parameter.getText()).join(', ');
    const generic = node.typeParameters?.map((parameter) => parameter.getText()).join(', ');
    const types = generic === undefined ? '' : `<${generic}>`;
    const result = node.type?.getText() ?? 'void';
    const clauses = read.clauses.map((clause) =>
      hold(clause, inside ?? text.length, (name, type) => {
        const all =
          clause.tag === 'ensures' && result !== 'void'
            ? `${parameters}${parameters === '' ? '' : ', '}result: ${result}`
            : parameters;
        // Before a constructor has run there is no object.
        const before = ts.isConstructorDeclaration(node) && clause.tag !== 'ensures' ? 'static ' : '';
        return `${inside === undefined ? 'function ' : before}${name}${types}(${all}): ${type}`;
      }),
    );
    return { ...read, clauses };
  };
  for (const node of diagnostics.length > before ? [] : parsed.statements) {
    if (ts.isFunctionDeclaration(node)) {
      const contract = take(node);
      if (contract !== undefined) functions.push(contract);
    }
    if (!ts.isClassDeclaration(node)) continue;
    const comment = commentBefore(text, node);
    const invariants = comment && readClassTags(file, readTags(text, comment.pos, comment.end), diagnostics);
    if (invariants === undefined || comment === undefined) continue;
    taken.add(comment.pos);
    hiddenTags(file, text, comment, true, diagnostics);
    const nameSpan = { file, start: (node.name ?? node).getStart(), end: node.name?.end ?? node.getStart() + 5 };
    const inside = node.end - 1;
    const members = node.members.flatMap((member) =>
      ts.isMethodDeclaration(member) || ts.isConstructorDeclaration(member) ? [take(member, inside)] : [],
    );
    classes.push({
      ...{ pos: node.pos, name: node.name?.text ?? '', nameSpan },
      invariants: invariants.map((value) =>
        hold({ tag: 'invariant', value }, inside, (name, type) => `${name}(): ${type}`),
      ),
      members: members.filter((member) => member !== undefined),
    });
  }
  strayContracts(file, text, taken, diagnostics);
  const { toShadow, ...layout } = holders.layout();
  const placed = <T extends { readonly pos: number }>(one: T): T => ({ ...one, pos: toShadow(one.pos) });
  const some = functions[0]?.nameSpan ?? { file, start: 0, end: 1 };
  return {
    ...layout,
    functions: functions.map(placed),
    classes: classes.map((one) => ({ ...placed(one), members: one.members.map(placed) })),
    toSource: (start, end) => layout.toSource(start, end) ?? some,
  };
}

/** The invariants in the comment of a class that is verified; undefined for another one. */
function readClassTags(file: string, tags: readonly Tag[], diagnostics: Diagnostic[]): Piece[] | undefined {
  const ours = tags.filter(({ name }) => isContractTag(name));
  if (!ours.some(({ name }) => name === 'invariant' || name === 'verified')) return undefined;
  for (const { name, start } of ours) {
    if (name === 'invariant' || name === 'verified') continue;
    diagnostics.push({
      span: { file, start, end: start + name.length + 1 },
      message: `@${name} in the comment of a class`,
      advice: 'A class has invariants; contracts are those of its methods.',
    });
  }
  return ours.filter(({ name }) => name === 'invariant').map(({ value }) => value);
}
