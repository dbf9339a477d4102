/**
 * The front end as one function: texts in, IR out, or what is wrong with the texts.
 *
 * Only functions with a contract are looked at; everything else in a file may be any TypeScript. Of the compiler's own
 * errors those count that lie in such a function or its contract. Nothing is returned as verified that was not lowered
 * whole: one diagnostic anywhere and there is no program.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { Clause, ErrorName, FunctionIr, Program, Span, Variable } from '../ir.ts';
import { valueType } from '../types.ts';
import { CONTRACTS_FILE, createProgram, GLOBALS_FILE, type Library, ts } from './compiler.ts';
import { refuseDepth } from './depth.ts';
import { refuseEnumChanges } from './enums.ts';
import { lowerCondition, lowerInteger } from './expressions.ts';
import { refuseHiddenEffects } from './ghost.ts';
import { lowerModifies } from './modifies.ts';
import { lowerPlaceType } from './objects.ts';
import { refuseCyclicPreconditions } from './preconditions.ts';
import { refuseReassignment } from './reassignment.ts';
import { collecting, refuse } from './refuse.ts';
import { declareVariable, type Header, noHeader, type Scope, symbolOf, type World } from './scope.ts';
import { type Contracted, makeShadow, type Shadow } from './shadow.ts';
import { lowerStatements } from './statements.ts';

export interface Source {
  /** A relative path with slashes, or an absolute one; as messages show it. */
  readonly name: string;
  readonly text: string;
}

export interface Analysis {
  /** Undefined when there is a diagnostic. */
  readonly program?: Program;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: ReadonlyMap<string, string>;
}

interface Pending {
  readonly node: ts.FunctionDeclaration;
  readonly contract: Contracted;
  readonly header: Header;
  readonly scope: Scope;
  readonly resultVariable: Variable;
}

/** Names that contracts give a meaning of their own. */
const reserved = new Set(['result', 'old', 'forall', 'exists', 'implies', 'invariant', 'decreases', 'assert', 'ghost']);

function isTrusted(node: ts.FunctionDeclaration, contract: Contracted): boolean {
  return node.body === undefined || contract.tags.has('trusted');
}

/** What callers see of a function, its parameters in scope. */
function lowerHeader(
  world: World,
  file: string,
  node: ts.FunctionDeclaration,
  contract: Contracted,
  diagnostics: Diagnostic[],
): Omit<Pending, 'node' | 'contract'> {
  const { nameSpan } = contract;
  const signature = world.checker.getSignatureFromDeclaration(node);
  if (node.type === undefined || signature === undefined)
    refuse(nameSpan, `${contract.name} has no return type`, 'Write it: function f(x: u8): u32, or void.');
  if (ts.isTypePredicateNode(node.type))
    refuse(
      world.spanOf(node.type),
      'a type predicate is not supported',
      'The compiler would believe it unproved: return boolean.',
    );
  const scope: Scope = {
    world,
    variables: new Map(),
    ids: new Map(),
    diagnostics,
    place: 'body',
    oldAllowed: false,
    header: noHeader,
  };
  const parameters = node.parameters.map((parameter) => {
    const span = world.spanOf(parameter);
    if (!ts.isIdentifier(parameter.name))
      return refuse(span, 'a pattern as a parameter is not supported', 'Name the parameter.');
    if (parameter.type === undefined)
      refuse(span, `the parameter ${parameter.name.text} has no type`, 'Write it down.');
    if (parameter.questionToken ?? parameter.initializer ?? parameter.dotDotDotToken)
      refuse(
        span,
        `the parameter ${parameter.name.text} is optional, has a default, or takes the rest`,
        'Take a value always.',
      );
    if (parameter.name.text === 'this') refuse(span, 'this as a parameter is not supported', 'Leave it out.');
    if (reserved.has(parameter.name.text))
      refuse(
        span,
        `a parameter is called ${parameter.name.text}, which has a meaning in contracts`,
        'Choose another name.',
      );
    const type = lowerPlaceType(
      world,
      world.checker.getTypeAtLocation(parameter.name),
      world.spanOf(parameter.type ?? parameter),
      'parameter',
    );
    if (type.kind === 'void') refuse(span, `the parameter ${parameter.name.text} has no value`, 'Leave it out.');
    return declareVariable(
      scope,
      world.checker.getSymbolAtLocation(parameter.name),
      parameter.name.text,
      type,
      world.spanOf(parameter.name),
    );
  });
  const result = lowerPlaceType(world, signature.getReturnType(), world.spanOf(node.type), 'result');
  if (result.kind === 'array')
    refuse(
      world.spanOf(node.type),
      'an array is returned',
      'Take the array as a parameter and fill it in: @modifies out.',
    );
  const { modifies, fields } = lowerModifies(file, contract, parameters);
  const pure = contract.tags.has('pure');
  const diverges = contract.tags.has('diverges');
  if (pure && diverges) refuse(nameSpan, `${contract.name} is @pure and @diverges`, 'A pure function ends.');
  if (pure && (modifies.length > 0 || result.kind === 'void'))
    refuse(
      nameSpan,
      `${contract.name} is @pure and has an effect or no value`,
      'A pure function only computes a value.',
    );
  const header: Header = {
    key: `${file}#${contract.name}`,
    name: contract.name,
    parameters,
    result,
    modifies,
    fields,
    pure,
    diverges,
    throws: contract.clauses.some(({ tag }) => tag === 'throws'),
    trusted: isTrusted(node, contract),
  };
  const resultVariable: Variable = { id: '@result', name: 'result', type: valueType(result), span: nameSpan };
  return { header, scope: { ...scope, header }, resultVariable };
}

/** The clauses of one tag; they stand in functions of the shadow. */
function lowerClauses(
  pending: Pending,
  holders: ReadonlyMap<string, ts.FunctionDeclaration>,
  tag: 'requires' | 'ensures' | 'decreases' | 'throws',
): (Clause & { readonly error?: ErrorName })[] {
  const { contract, scope, header, resultVariable } = pending;
  return contract.clauses.flatMap(({ tag: own, value, holder, error }) => {
    const node = holder === undefined ? undefined : holders.get(holder);
    if (own !== tag || node === undefined) return [];
    return (
      collecting(scope.diagnostics, () => {
        const variables = new Map(scope.variables);
        node.parameters.forEach((parameter, i) => {
          const symbol = scope.world.checker.getSymbolAtLocation(parameter.name);
          if (symbol !== undefined) variables.set(symbol, header.parameters[i] ?? resultVariable);
        });
        const inner: Scope = { ...scope, variables, place: 'contract', oldAllowed: tag === 'ensures' };
        const statement = node.body?.statements[0];
        if (
          node.body?.statements.length !== 1 ||
          statement === undefined ||
          !ts.isReturnStatement(statement) ||
          statement.expression === undefined
        )
          return [];
        // The parentheses around it are the shadow's.
        const written = ts.isParenthesizedExpression(statement.expression)
          ? statement.expression.expression
          : statement.expression;
        const expression =
          tag === 'decreases' ? lowerInteger(inner, statement.expression) : lowerCondition(inner, statement.expression);
        const text = value.text.replace(/\s+/g, ' ');
        return [{ text, expression, span: scope.world.spanOf(written), ...(error && { error }) }];
      }) ?? []
    );
  });
}

function lowerFunction(pending: Pending, holders: ReadonlyMap<string, ts.FunctionDeclaration>): FunctionIr {
  const { node, contract, header, scope, resultVariable } = pending;
  const { trusted, throws: _, ...rest } = header;
  return {
    ...rest,
    result: valueType(header.result),
    resultVariable,
    requires: lowerClauses(pending, holders, 'requires'),
    ensures: lowerClauses(pending, holders, 'ensures'),
    throws: lowerClauses(pending, holders, 'throws').map((clause) => ({ ...clause, error: clause.error ?? 'Error' })),
    decreases: lowerClauses(pending, holders, 'decreases'),
    body: trusted || node.body === undefined ? undefined : lowerStatements(scope, node.body.statements),
    span: contract.nameSpan,
  };
}

/** Errors of the compiler in functions with contracts, and in the contracts. */
function typeErrors(program: ts.Program, file: ts.SourceFile, shadow: Shadow, sourceLength: number): Diagnostic[] {
  if (shadow.functions.length === 0) return [];
  const ranges = file.statements.filter((node) => shadow.functions.some(({ pos }) => pos === node.pos));
  return program.getSemanticDiagnostics(file).flatMap(({ start, length, messageText }): Diagnostic[] => {
    if (start === undefined) return [];
    const inFunction = ranges.some((node) => node.pos <= start && start < node.end);
    if (!inFunction && start < sourceLength) return [];
    const message = ts.flattenDiagnosticMessageText(messageText, ' ');
    return [{ span: shadow.toSource(start, start + (length ?? 1)), message }];
  });
}

/** Of errors that begin at one place the first says it; the compiler's come first. */
function withoutRepeats(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics.filter(({ span }) => {
    const key = `${span.file}:${span.start}`;
    return !seen.has(key) && seen.add(key);
  });
}

function lowerProgram(
  program: ts.Program,
  sources: readonly Source[],
  shadows: ReadonlyMap<string, Shadow>,
  diagnostics: Diagnostic[],
): Program {
  const checker = program.getTypeChecker();
  const headers = new Map<ts.Symbol, Header>();
  const spanOf = (node: ts.Node): Span => {
    const file = node.getSourceFile();
    const shadow = shadows.get(file.fileName);
    const start = node.getStart(file);
    return shadow === undefined ? { file: file.fileName, start, end: node.end } : shadow.toSource(start, node.end);
  };
  const world: World = {
    checker,
    headers,
    tables: new Map(),
    constants: new Map(),
    enums: new Map(),
    ghostCalls: [],
    spanOf,
    computing: new Set(),
  };
  const pending: Pending[] = [];
  const holders = new Map<string, Map<string, ts.FunctionDeclaration>>();
  for (const { name } of sources) {
    const file = program.getSourceFile(name)!;
    const own = new Map<string, ts.FunctionDeclaration>();
    holders.set(name, own);
    const { functions } = shadows.get(name)!;
    for (const node of file.statements) {
      if (!ts.isFunctionDeclaration(node) || node.name === undefined) continue;
      own.set(node.name.text, node);
      const contract = functions.find(({ pos }) => pos === node.pos);
      if (contract === undefined) continue;
      collecting(diagnostics, () => {
        const symbol = symbolOf(world, node.name!);
        if (symbol === undefined || (symbol.declarations?.length ?? 0) !== 1)
          refuse(
            contract.nameSpan,
            `${contract.name} is declared more than once`,
            'Overloads are not supported: declare one function.',
          );
        const lowered = lowerHeader(world, name, node, contract, diagnostics);
        headers.set(symbol, lowered.header);
        pending.push({ node, contract, ...lowered });
      });
    }
  }
  for (const { name } of sources) {
    const hasContracts = shadows.get(name)!.functions.length > 0;
    refuseReassignment(world, program.getSourceFile(name)!, hasContracts, diagnostics);
  }
  const functions = pending.map((one) => lowerFunction(one, holders.get(one.contract.nameSpan.file)!));
  refuseCyclicPreconditions(functions, diagnostics);
  refuseHiddenEffects(functions, world.ghostCalls, diagnostics);
  const files = sources.map(({ name }) => program.getSourceFile(name)!);
  refuseEnumChanges(world, files, diagnostics);
  return {
    functions,
    tables: [...world.tables.values()],
    sources: new Map(sources.map(({ name, text }) => [name, text])),
  };
}

/** Reads sources; `library` holds the texts of casemate's own two files. */
export function analyze(sources: readonly Source[], library: Library): Analysis {
  try {
    return analyzeAll(sources, library);
  } catch (error) {
    // The compiler's own walks are recursive too, also through what has no contract.
    if (!(error instanceof RangeError && error.message.includes('call stack'))) throw error;
    const span: Span = { file: sources[0]?.name ?? '', start: 0, end: 1 };
    const message = 'this or a file that it imports is nested too deeply for the compiler';
    return { diagnostics: [{ span, message }], sources: new Map(sources.map(({ name, text }) => [name, text])) };
  }
}

function analyzeAll(sources: readonly Source[], library: Library): Analysis {
  const texts = new Map(sources.map(({ name, text }) => [name, text]));
  const diagnostics: Diagnostic[] = [];
  const shadows = new Map(sources.map(({ name, text }) => [name, makeShadow(name, text, diagnostics)]));
  if (diagnostics.length > 0) return { diagnostics, sources: texts };
  const program = createProgram(
    new Map([...shadows].map(([name, { text }]) => [name, text])),
    contractLibrary(library),
  );
  for (const { name, text } of sources) {
    const file = program.getSourceFile(name);
    if (file === undefined) throw new Error(`the compiler does not know ${name}`);
    refuseDepth(file, shadows.get(name)!, text.length, diagnostics);
  }
  if (diagnostics.length > 0) return { diagnostics, sources: texts };
  for (const { name, text } of sources) {
    const file = program.getSourceFile(name)!;
    diagnostics.push(...typeErrors(program, file, shadows.get(name)!, text.length));
  }
  const lowered = lowerProgram(program, sources, shadows, diagnostics);
  const problems = withoutRepeats(diagnostics);
  return problems.length > 0
    ? { diagnostics: problems, sources: texts }
    : { program: lowered, diagnostics: [], sources: texts };
}

/** Contracts may use old, forall and the like without an import: they are also global, for the prover alone. */
function contractLibrary(library: Library): Library {
  const names = ['implies', 'forall', 'exists', 'old'];
  const declared = names.map((name) => `declare const ${name}: typeof import('casemate').${name};`).join('\n');
  return { contracts: library.contracts, globals: `${library.globals}\n${declared}\n` };
}

/** Paths that a text imports, as they are written there. */
export function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

export { CONTRACTS_FILE, GLOBALS_FILE };
