/**
 * The front end as one function: texts in, IR out, or what is wrong with the texts.
 *
 * Only functions with a contract are looked at; everything else in a file may be any TypeScript. Of the compiler's own
 * errors those count that lie in such a function or its contract. Nothing is returned as verified that was not lowered
 * whole: one diagnostic anywhere and there is no program.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { FunctionIr, Program, Span } from '../ir.ts';
import { isOfPlatform, PLATFORM_FILE, PLATFORM_MODULE } from '../platform.ts';
import { checkSecrets } from '../secrets/check.ts';
import { collectClass, holdersOf, infoOf, memberSymbol, membersOf, refuseClassChanges } from './classes.ts';
import { CONTRACTS_FILE, createProgram, GLOBALS_FILE, type Library, parseSource, ts } from './compiler.ts';
import { refuseDepth } from './depth.ts';
import { refuseRepeatedEffects, withoutUncalled } from './effects.ts';
import { refuseEnumChanges } from './enums.ts';
import { isTrusted, lowerFunction, lowerHeader, type Pending, type Written } from './functions.ts';
import { type Generic, refuseUnused, standsFor } from './generics.ts';
import { refuseHiddenEffects } from './ghost.ts';
import { refuseCyclicPreconditions } from './preconditions.ts';
import { refuseReassignment } from './reassignment.ts';
import { collecting, refuse } from './refuse.ts';
import { type Header, symbolOf, type World } from './scope.ts';
import { type Contracted, makeShadow, type Shadow } from './shadow.ts';

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

/** Errors of the compiler in functions with contracts, and in the contracts. */
function typeErrors(program: ts.Program, file: ts.SourceFile, shadow: Shadow): Diagnostic[] {
  const verified = [...shadow.functions, ...shadow.classes];
  if (verified.length === 0) return [];
  const ranges = file.statements.filter((node) => verified.some(({ pos }) => pos === node.pos));
  return program.getSemanticDiagnostics(file).flatMap(({ start, length, messageText }): Diagnostic[] => {
    if (start === undefined) return [];
    const inFunction = ranges.some((node) => node.pos <= start && start < node.end);
    if (!inFunction && !shadow.isAdded(start)) return [];
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
  const generics = new Map<ts.Symbol, Generic>();
  const spanOf = (node: ts.Node): Span => {
    const file = node.getSourceFile();
    const shadow = shadows.get(file.fileName);
    const start = node.getStart(file);
    return shadow === undefined ? { file: file.fileName, start, end: node.end } : shadow.toSource(start, node.end);
  };
  const world: World = {
    checker,
    headers,
    generics,
    types: new Map(),
    tables: new Map(),
    constants: new Map(),
    classes: new Map(),
    enums: new Map(),
    ghostCalls: [],
    spanOf,
    computing: new Set(),
  };
  const pending: (Pending & { readonly order: number })[] = [];
  let count = 0;
  const holders = new Map<string, Map<string, Written>>();
  for (const { name } of sources) {
    for (const node of program.getSourceFile(name)!.statements) {
      const contract = shadows.get(name)!.classes.find(({ pos }) => pos === node.pos);
      if (contract === undefined || !ts.isClassDeclaration(node)) continue;
      collecting(diagnostics, () => {
        const info = collectClass(world, name, node, contract);
        world.classes.set(symbolOf(world, node.name!)!, info);
      });
    }
  }
  for (const { name } of sources) {
    const file = program.getSourceFile(name)!;
    const own = new Map<string, Written>();
    holders.set(name, own);
    const { functions, classes } = shadows.get(name)!;
    for (const node of file.statements) {
      const info = ts.isClassDeclaration(node) ? infoOf(world, node) : undefined;
      if (ts.isClassDeclaration(node) && info !== undefined) {
        for (const holder of holdersOf(node)) own.set(holder.name.getText(), holder);
        const { members } = classes.find(({ pos }) => pos === node.pos)!;
        for (const member of membersOf(node)) {
          collecting(diagnostics, () => {
            const contract = members.find(({ pos }) => pos === member.pos);
            if (contract === undefined) return;
            const symbol = memberSymbol(world, member);
            const lowered = lowerHeader(world, name, member, contract, diagnostics, info);
            if (ts.isConstructorDeclaration(member)) info.construct = lowered.header;
            else headers.set(symbol, lowered.header);
            pending.push({ node: member, contract, order: count++, ...lowered });
          });
        }
      }
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
        const order = count++;
        const lower = (inner: World, instance: Contracted): Header => {
          const lowered = lowerHeader(inner, name, node, instance, diagnostics);
          pending.push({ node, contract: instance, order, ...lowered });
          return lowered.header;
        };
        if (node.typeParameters === undefined) {
          headers.set(symbol, lower(world, contract));
          return;
        }
        const { name: shown, nameSpan: span } = contract;
        const places = [node, ...contract.clauses.flatMap(({ holder }) => (holder === undefined ? [] : [holder]))];
        const instantiate: Generic['instantiate'] = (types, instance) => {
          const written = places.map((place) => (typeof place === 'string' ? own.get(place) : place));
          return lower({ ...world, types: standsFor(world, written, types) }, { ...contract, name: instance });
        };
        generics.set(symbol, { name: shown, span, trusted: isTrusted(node, contract), instances: [], instantiate });
      });
    }
  }
  for (const { name } of sources) {
    const { functions, classes } = shadows.get(name)!;
    const hasContracts = functions.length + classes.length > 0;
    refuseReassignment(world, program.getSourceFile(name)!, hasContracts, diagnostics);
  }
  const lowered: { readonly order: number; readonly function: FunctionIr }[] = [];
  // Grows while it is walked: what is lowered calls instances of generic functions.
  for (const one of pending) {
    lowered.push({ order: one.order, function: lowerFunction(one, holders.get(one.contract.nameSpan.file)!) });
  }
  const all = lowered.sort((a, b) => a.order - b.order).map((one) => one.function);
  // What nobody calls of the platform is not assumed either.
  const functions = withoutUncalled(all, isOfPlatform);
  refuseUnused(world, diagnostics);
  refuseCyclicPreconditions(functions, diagnostics);
  refuseHiddenEffects(functions, world.ghostCalls, diagnostics);
  refuseRepeatedEffects(functions, diagnostics);
  const files = sources.map(({ name }) => program.getSourceFile(name)!);
  refuseEnumChanges(world, files, diagnostics);
  refuseClassChanges(world, files, diagnostics);
  return {
    functions,
    tables: [...world.tables.values()],
    sources: new Map(sources.map(({ name, text }) => [name, text])),
  };
}

/** The sources, and behind them that of `casemate/platform` if one of them imports it. */
function withPlatform(sources: readonly Source[], library: Library): readonly Source[] {
  const isUsed = sources.some(
    ({ text }) => text.includes(PLATFORM_MODULE) && importsOf(text).includes(PLATFORM_MODULE),
  );
  return isUsed ? [...sources, { name: PLATFORM_FILE, text: library.platform }] : sources;
}

/** Reads sources; `library` holds the texts of casemate's own files. */
export function analyze(given: readonly Source[], library: Library): Analysis {
  const sources = withPlatform(given, library);
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
  for (const { name } of sources) {
    const file = program.getSourceFile(name);
    if (file === undefined) throw new Error(`the compiler does not know ${name}`);
    refuseDepth(file, shadows.get(name)!, diagnostics);
  }
  if (diagnostics.length > 0) return { diagnostics, sources: texts };
  for (const { name } of sources) {
    const file = program.getSourceFile(name)!;
    diagnostics.push(...typeErrors(program, file, shadows.get(name)!));
  }
  const lowered = lowerProgram(program, sources, shadows, diagnostics);
  // Of half a program nothing is to be said.
  if (diagnostics.length === 0) checkSecrets(lowered, diagnostics);
  const problems = withoutRepeats(diagnostics);
  return problems.length > 0
    ? { diagnostics: problems, sources: texts }
    : { program: lowered, diagnostics: [], sources: texts };
}

/** Contracts may use old, forall and the like without an import: they are also global, for the prover alone. */
function contractLibrary(library: Library): Library {
  const names = ['implies', 'forall', 'exists', 'old'];
  const declared = names.map((name) => `declare const ${name}: typeof import('casemate').${name};`).join('\n');
  return { ...library, globals: `${library.globals}\n${declared}\n` };
}

/** Paths that a text imports, as they are written there. */
export function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

/** Functions that a text exports where it declares them, with a contract or without: name, parameters, place of the name. */
export function exportedFunctions({ name: file, text }: Source): { name: string; parameters: number; span: Span }[] {
  return parseSource(file, text).statements.flatMap((node) => {
    if (!ts.isFunctionDeclaration(node) || node.name === undefined) return [];
    if ((ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export) === 0) return [];
    const span = { file, start: node.name.getStart(), end: node.name.end };
    return [{ name: node.name.text, parameters: node.parameters.length, span }];
  });
}

export { CONTRACTS_FILE, GLOBALS_FILE };
