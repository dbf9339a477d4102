/**
 * C to objects, with the system's clang.
 *
 * Sources compile in parallel into the build's temporary folder. The result must not depend on where the project lies
 * or on the machine's environment: the compiler runs in the project's folder on the paths as declared, folders are
 * mapped out of debug information and macros, its environment is emptied and __DATE__ is an error. Every header that
 * was read is reported back, so that the build can confine and lock it.
 *
 * For RISC-V, C goes through assembly text: clang 14 marks code as relaxable (R_RISCV_RELAX) only when it assembles, not
 * when it writes an object straight from C, and the linker may shorten nothing that is not marked.
 */
import { availableParallelism } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent } from '../base/files.ts';
import type { KeptObjects } from './object-cache.ts';
import { spawnChild } from './scratch.ts';
import { type Tool, toolEnvironment } from './tools.ts';

export interface SourceFile {
  /** As messages and the linker name it: the declared path. */
  readonly name: string;
  /** As the compiler is given it, relative to `CompileJob.folder` or absolute. */
  readonly path: string;
  readonly flags: readonly string[];
}

export interface CompileJob {
  readonly compiler: Tool;
  /** The compiler's working folder. */
  readonly folder: string;
  readonly sources: readonly SourceFile[];
  readonly scratch: string;
  /** Folder prefixes that must not show in the objects, with what stands for them. */
  readonly prefixes: readonly (readonly [from: string, to: string])[];
  /** Compiles C to assembly text and assembles that, rather than at once. */
  readonly viaAssembly?: boolean;
  readonly parallel?: number;
  /** The objects that earlier builds left of some sources; asked for those alone that it says. */
  readonly kept?: { readonly of: (source: SourceFile) => boolean; readonly objects: KeptObjects };
  /** Called as files finish. */
  readonly step?: (done: number, total: number) => void;
  /** Compiler messages, one call per source that had any, in source order; control characters are escaped. */
  readonly diagnostics: (text: string) => void;
}

export interface CompiledObject {
  /** The source's name with ".o" appended. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Absolute paths of the source and of every header that was read. */
  readonly reads: readonly string[];
}

const languages = new Set(['.c', '.s', '.S', '.ts']);
const diagnosticLimit = 1 << 20;

/** After a source's own flags; the time of the build must not reach the image, so no manifest may turn that off. */
const compileFlags = ['-fdebug-compilation-dir=.', '-Werror=date-time'];
const quietFlags = ['-fno-color-diagnostics', '-Qunused-arguments'];

/** The first source that is no C, assembly or TypeScript file is an error; `where(i)` names the i-th. */
export function checkLanguages(sources: readonly string[], where: (index: number) => string): void {
  const bad = sources.findIndex((source) => !languages.has(extname(source)) || source.endsWith('.d.ts'));
  if (bad < 0) return;
  const found = printable(JSON.stringify(sources[bad]), 300);
  fail(
    'manifest',
    `${where(bad)}: found ${found}; must be C (.c), assembly (.s, .S) or verified TypeScript (.ts); other languages come as objects`,
  );
}

/** Prerequisites of a dependency file that the compiler wrote (make syntax: escaped blanks and #, doubled $). */
export function parseDependencies(text: string): string[] {
  const joined = text.replace(/\\\r?\n/g, ' ');
  const colon = joined.indexOf(': ');
  if (colon < 0) return [];
  const rule = joined.slice(colon + 1).split('\n', 1)[0];
  return (rule.match(/(?:\\[ #]|[^\s])+/g) ?? []).map((word) => word.replace(/\\([ #])/g, '$1').replace(/\$\$/g, '$'));
}

interface Outcome {
  readonly status: number | null;
  readonly signal: string | null;
  readonly diagnostics: string;
}

function run(path: string, args: readonly string[], folder: string, scratch: string): Promise<Outcome> {
  return new Promise((done, failed) => {
    const child = spawnChild(path, args, {
      cwd: folder,
      env: toolEnvironment(scratch),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stderr?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= diagnosticLimit) chunks.push(chunk);
    });
    child.on('error', failed);
    child.on('close', (status, signal) =>
      done({ status, signal, diagnostics: Buffer.concat(chunks).toString('utf8') }),
    );
  });
}

/** Compiler output as it may reach a terminal. */
function escapeLines(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => printable(line.replace(/\t/g, '    '), 1000))
    .join('\n');
}

/** A path that a compiler cannot take for an option or a response file. */
function asArgument(path: string): string {
  return /^[-@]/.test(path) ? `./${path}` : path;
}

/** Compiles every source; the objects come in the order of the sources. */
export async function compileSources(job: CompileJob): Promise<CompiledObject[]> {
  const { sources } = job;
  const outcomes: (Outcome | undefined)[] = sources.map(() => undefined);
  const output = (i: number, extension: string): string => join(job.scratch, `${i}.${extension}`);
  const maps = job.prefixes.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`);
  const isTwice = (path: string): boolean => job.viaAssembly === true && extname(path) === '.c';
  /** What kept objects depend on beside the source and its flags; of the mapped folders only those that can show in them. */
  const recipe = ({ path }: SourceFile): string[] => {
    const shown = job.prefixes.filter(([from]) => job.kept?.objects.shows(from)).map(([from, to]) => `${from}=${to}`);
    return [...compileFlags, ...quietFlags, isTwice(path) ? 'via assembly' : 'at once', ...shown];
  };
  const kept = sources.map((source) =>
    job.kept?.of(source) ? job.kept.objects.find(source, recipe(source)) : undefined,
  );
  let next = 0;
  let done = 0;
  let failed = false;

  const compile = async ({ flags, path, name }: SourceFile, i: number): Promise<Outcome> => {
    const invoke = (args: readonly string[]): Promise<Outcome> =>
      run(job.compiler.path, [...args, ...quietFlags], job.folder, job.scratch);
    const object = ['-c', '-o', output(i, 'o')];
    const text = output(i, 's');
    const twice = isTwice(path);
    const compiled = await invoke([
      ...flags,
      ...maps,
      ...compileFlags,
      ...['-MD', '-MF', output(i, 'd')],
      ...(twice ? ['-S', '-o', text] : object),
      asArgument(path),
    ]);
    if (!twice || compiled.status !== 0) return compiled;
    // Debug information is in the text already. The text is no file that a user knows: messages name the source.
    const assembled = await invoke([...flags, '-g0', ...object, text]);
    const named = assembled.diagnostics.replaceAll(text, `${name} (assembly)`);
    return { ...assembled, diagnostics: compiled.diagnostics + named };
  };

  const worker = async (): Promise<void> => {
    while (next < sources.length && !failed) {
      const i = next++;
      if (kept[i] === undefined) {
        const outcome = await compile(sources[i], i);
        outcomes[i] = outcome;
        if (outcome.status !== 0) failed = true;
      }
      job.step?.(++done, sources.length);
    }
  };
  const workers = Math.min(job.parallel ?? availableParallelism(), sources.length);
  await Promise.all(Array.from({ length: workers }, worker));

  for (const outcome of outcomes) {
    if (outcome !== undefined && outcome.diagnostics.trim() !== '') job.diagnostics(escapeLines(outcome.diagnostics));
  }
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome === undefined || outcome.status === 0) continue;
    const name = printable(sources[i].name);
    if (outcome.signal !== null || outcome.status === null || outcome.status > 128) {
      fail(
        'tool',
        `${name}: the compiler ${job.compiler.path} crashed (${outcome.signal ?? `status ${outcome.status}`})`,
      );
    }
    fail('compile', `${name}: does not compile; the compiler's messages are above`);
  }
  return sources.map((source, i): CompiledObject => {
    const known = kept[i];
    if (known !== undefined) return known;
    const dependencies = Buffer.from(readFileIfPresent(output(i, 'd')) ?? []).toString('utf8');
    const reads = parseDependencies(dependencies).map((path) => resolve(job.folder, path));
    const object = { name: `${source.name}.o`, bytes: readFile(output(i, 'o')), reads };
    if (job.kept?.of(source) && outcomes[i]?.diagnostics.trim() === '')
      job.kept.objects.keep(source, recipe(source), object);
    return object;
  });
}
