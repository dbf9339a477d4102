/**
 * The programs that a build runs: found once, by absolute path, and named in errors by the package that holds them.
 *
 * Only absolute PATH entries count, so a project's folder cannot put its own `clang` in front of the system's.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { stampOfFiles } from './user-secret.ts';

export interface Tool {
  readonly path: string;
  /** First line of `--version`. */
  readonly version: string;
}

const packages: Record<string, string> = { clang: 'clang' };

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Absolute path of a program on `searchPath`, or undefined. */
export function findProgram(name: string, searchPath = process.env['PATH'] ?? ''): string | undefined {
  return searchPath
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/**
 * The environment of a tool: what it needs to run and nothing that changes its output. CPATH, COMPILER_PATH and their
 * like would let the machine's environment into the image.
 */
export function toolEnvironment(scratch: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TMPDIR: scratch };
}

/**
 * What programs answered, for as long as they are the same files: a build asks more than once, and clang takes longer to
 * start than to compile a small file.
 */
const answers = new Map<string, string>();

function ask(path: string, question: string): string {
  const key = `${stampOfFiles([path]).stamp} ${question}`;
  const known = answers.get(key);
  if (known !== undefined) return known;
  const answer = askProgram(path, question);
  answers.set(key, answer);
  return answer;
}

function askProgram(path: string, question: string): string {
  const run = spawnSync(path, [question], { encoding: 'utf8', timeout: 10_000, env: toolEnvironment('/tmp') });
  const answer = run.stdout?.split('\n')[0].trim() ?? '';
  if (run.status === 0 && answer !== '') return answer;
  const why = run.error?.message ?? (run.signal === null ? `exit status ${run.status}` : `signal ${run.signal}`);
  return fail('tool', `${path} ${question}: ${printable(why)}; reinstall it`);
}

/** Finds a program and asks its version; its absence is a 'tool' error that names the package. */
export function requireTool(name: string, searchPath?: string): Tool {
  const path = findProgram(name, searchPath);
  if (path === undefined) {
    const wanted = packages[name] ?? name;
    return fail('tool', `${name}: not found on PATH; install it with: apt-get install ${wanted}`);
  }
  return { path, version: ask(path, '--version') };
}

/** The folder of clang's own headers (stddef.h, stdint.h, ...), resolved. */
export function compilerFolder(compiler: Tool): string {
  return realpathSync.native(ask(compiler.path, '-print-resource-dir'));
}
