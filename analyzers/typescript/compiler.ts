/**
 * The TypeScript compiler behind one door. Its API comes from ts-morph's `ts`, so that there is one copy and one
 * version of it; only this folder may import it.
 *
 * The compiler reads nothing but the texts that it is given: no file system, no package folders, no lib files but ours.
 * It parses and checks types; nothing of what it reads is ever run.
 */
import { ts } from 'ts-morph';
import { PLATFORM_FILE, PLATFORM_MODULE } from '../platform.ts';

export { ts };

/** Texts of the files that come with casemate: two modules, and the names of the language's library. */
export interface Library {
  /** The module `casemate`. */
  readonly contracts: string;
  readonly globals: string;
  /** The module `casemate/platform`. */
  readonly platform: string;
}

/** Names of those in a program; no source of a user can have them. */
export const CONTRACTS_FILE = '/casemate:contracts.ts';
export const GLOBALS_FILE = '/casemate:globals.d.ts';

const options: ts.CompilerOptions = {
  strict: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  allowImportingTsExtensions: true,
  noEmit: true,
  types: [],
};

/** The library's files are the same in every program, so they are parsed once. */
const parsed = new Map<string, ts.SourceFile>();

function parseLibrary(name: string, text: string): ts.SourceFile {
  const before = parsed.get(name);
  if (before?.text === text) return before;
  const file = parseSource(name, text);
  parsed.set(name, file);
  return file;
}

/** Comments that turn off the compiler's errors (@ts-ignore and the like) do not: proofs rest on those errors. */
export function parseSource(name: string, text: string): ts.SourceFile {
  const file = ts.createSourceFile(name, text, { languageVersion: ts.ScriptTarget.ES2022 }, true, ts.ScriptKind.TS);
  // Where the parser notes them, which is not in the public type.
  return Object.assign(file, { commentDirectives: undefined, checkJsDirective: undefined });
}

/** Whether something is only declared, by itself or by what it lies in. */
export function isAmbient(node: ts.Node): boolean {
  if (ts.isSourceFile(node)) return node.isDeclarationFile;
  const declared = ts.canHaveModifiers(node) ? ts.getModifiers(node) : undefined;
  return declared?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword) === true || isAmbient(node.parent);
}

/** Whether a type is a number's, with a brand or without, an enum's among them. */
export function isNumber(type: ts.Type): boolean {
  if (type.isUnion()) return type.types.every(isNumber);
  return (type.flags & ts.TypeFlags.NumberLike) !== 0 || (type.isIntersection() && type.types.some(isNumber));
}

/** = and all that assign as well as compute. */
export function isAssignment(token: ts.SyntaxKind): boolean {
  return token >= ts.SyntaxKind.FirstAssignment && token <= ts.SyntaxKind.LastAssignment;
}

/** What a syntax error says and where. */
export interface SyntaxError {
  readonly start: number;
  readonly end: number;
  readonly message: string;
}

export function syntaxErrors(file: ts.SourceFile): SyntaxError[] {
  // Not in the public type, but the only way to a file's own errors without a program.
  const { parseDiagnostics } = file as ts.SourceFile & {
    readonly parseDiagnostics: readonly ts.DiagnosticWithLocation[];
  };
  return parseDiagnostics.map(({ start, length, messageText }) => ({
    start,
    end: start + length,
    message: ts.flattenDiagnosticMessageText(messageText, ' '),
  }));
}

/** The source that a module name means, from a file: a relative path of one of the sources. */
function resolveModule(name: string, from: string, sources: ReadonlyMap<string, unknown>): string | undefined {
  if (name === 'casemate') return CONTRACTS_FILE;
  if (name === PLATFORM_MODULE) return sources.has(PLATFORM_FILE) ? PLATFORM_FILE : undefined;
  if (!name.startsWith('.')) return undefined;
  const parts: string[] = from.split('/').slice(0, -1);
  for (const part of name.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  const path = parts.join('/');
  const candidates = [path, `${path}.ts`, path.replace(/\.js$/, '.ts'), `${path}/index.ts`];
  return candidates.find((candidate) => sources.has(candidate));
}

/** A program of these texts by name. */
export function createProgram(sources: ReadonlyMap<string, string>, library: Library): ts.Program {
  const files = new Map<string, ts.SourceFile>();
  for (const [name, text] of sources) files.set(name, parseSource(name, text));
  files.set(CONTRACTS_FILE, parseLibrary(CONTRACTS_FILE, library.contracts));
  files.set(GLOBALS_FILE, parseLibrary(GLOBALS_FILE, library.globals));
  const host: ts.CompilerHost = {
    getSourceFile: (name) => files.get(name),
    getDefaultLibFileName: () => GLOBALS_FILE,
    writeFile: () => {},
    getCurrentDirectory: () => '',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => files.has(name),
    readFile: (name) => files.get(name)?.text,
    resolveModuleNameLiterals: (literals, from) =>
      literals.map(({ text }) => {
        const found = resolveModule(text, from, sources);
        return {
          resolvedModule: found === undefined ? undefined : { resolvedFileName: found, extension: ts.Extension.Ts },
        };
      }),
  };
  return ts.createProgram([...sources.keys()], options, host);
}
