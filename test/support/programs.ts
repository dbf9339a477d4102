/**
 * The real programs that the linker is judged by: how each is compiled, linked and recognised as working.
 *
 * Every program checks itself and prints one digest line that does not depend on the machine, the clock or the linker,
 * so a test compares the whole output with a constant. The sources of the self-checks are in test/e2e/programs; the
 * libraries come from Debian's -dev archives on x86-64 and from Debian's sources on RISC-V.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtOnce } from './built-once.ts';
import { projectRoot, temporaryFolder } from './paths.ts';
import { inParallel, type RunResult, runOrThrow } from './run.ts';
import { sourceFolder } from './sources.ts';
import {
  compileCached,
  execute,
  type LinkerChoice,
  link,
  linkerUnderTest,
  riscv,
  type Target,
  x86,
} from './toolchain.ts';
import { requireFile, requireLibrary, requireTool, type Tool } from './tools.ts';

export type LinkMode = 'static' | 'static-pie';

/** What a compiler driver needs to link a program: objects in order, then libraries. */
export interface LinkInputs {
  readonly driver: Tool;
  readonly objects: readonly string[];
  readonly libraries: readonly string[];
}

export interface Program {
  readonly name: string;
  /** Compiles what is ours and finds or compiles the rest. */
  readonly inputs: (target: Target, mode: LinkMode) => Promise<LinkInputs>;
  /** Arguments of the self-check; `folder` is a fresh temporary folder. */
  readonly args: (folder: string) => readonly string[];
  readonly expected: { readonly status: number; readonly stdout: string };
}

const ours = (file: string): string => join(projectRoot, 'test/e2e/programs', file);

function codeModel(mode: LinkMode): string[] {
  return mode === 'static-pie' ? ['-fPIE'] : ['-fno-pie'];
}

const header = (path: string, debianPackage: string): string => requireFile(path, debianPackage);

/** Lua's core and libraries as objects for RISC-V. */
export async function luaObjects(compiler: Tool, flags: readonly string[]): Promise<string[]> {
  const folder = join(await sourceFolder('lua'), 'src');
  const files = readdirSync(folder).filter((name) => name.endsWith('.c') && name !== 'lua.c' && name !== 'luac.c');
  return inParallel(
    files.sort().map((name) => () => compileCached(compiler, join(folder, name), ['-DLUA_USE_POSIX', ...flags])),
  );
}

/** SQLite as one object, with the extensions that Debian's build has and the self-check uses. */
export async function sqliteObject(compiler: Tool, flags: readonly string[]): Promise<string> {
  const source = join(await sourceFolder('sqlite'), 'extsrc/sqlite3.c');
  const features = ['-DSQLITE_ENABLE_FTS5', '-DSQLITE_ENABLE_RTREE', '-DSQLITE_THREADSAFE=1'];
  return compileCached(compiler, source, [...features, '-DSQLITE_OMIT_LOAD_EXTENSION', ...flags]);
}

export const lua: Program = {
  name: 'Lua',
  inputs: async (target, mode) => {
    const flags = ['-O1', ...codeModel(mode)];
    if (target === x86) {
      const include = `-I${header('/usr/include/lua5.4', 'liblua5.4-dev')}`;
      const main = await compileCached(target.cc, ours('lua-main.c'), [...flags, include]);
      return { driver: target.cc, objects: [main], libraries: [requireLibrary('liblua5.4.a'), '-lm', '-ldl'] };
    }
    const include = `-I${join(await sourceFolder('lua'), 'src')}`;
    const main = await compileCached(target.cc, ours('lua-main.c'), [...flags, include]);
    return { driver: target.cc, objects: [main, ...(await luaObjects(target.cc, flags))], libraries: ['-lm'] };
  },
  args: () => [ours('lua-selfcheck.lua')],
  expected: { status: 0, stdout: 'lua 98d0291f7e377ed7\n' },
};

export const sqlite: Program = {
  name: 'SQLite',
  inputs: async (target, mode) => {
    const flags = ['-O1', ...codeModel(mode)];
    if (target === x86) {
      header('/usr/include/sqlite3.h', 'libsqlite3-dev');
      const main = await compileCached(target.cc, ours('sqlite-selfcheck.c'), flags);
      return { driver: target.cc, objects: [main], libraries: [requireLibrary('libsqlite3.a'), '-lm', '-ldl'] };
    }
    const include = `-I${join(await sourceFolder('sqlite'), 'extsrc')}`;
    const main = await compileCached(target.cc, ours('sqlite-selfcheck.c'), [...flags, include]);
    return { driver: target.cc, objects: [main, await sqliteObject(target.cc, flags)], libraries: ['-lm'] };
  },
  args: (folder) => [join(folder, 'database')],
  expected: { status: 0, stdout: 'sqlite 37b73b2f8e68d6ac\n' },
};

export const openssl: Program = {
  name: 'OpenSSL',
  inputs: async (target, mode) => {
    header('/usr/include/openssl/ssl.h', 'libssl-dev');
    const main = await compileCached(target.cc, ours('openssl-selfcheck.c'), ['-O1', ...codeModel(mode)]);
    return {
      driver: target.cc,
      objects: [main],
      libraries: [requireLibrary('libssl.a'), requireLibrary('libcrypto.a')],
    };
  },
  args: () => [],
  expected: { status: 0, stdout: 'openssl 881c315acf7d8151\n' },
};

export const cRuntime: Program = {
  name: 'the C runtime check',
  inputs: async (target, mode) => {
    const flags = ['-O1', '-fcommon', '-pthread', ...codeModel(mode)];
    const sources = ['runtime-selfcheck.c', 'runtime-other.c'];
    const objects = await inParallel(sources.map((name) => () => compileCached(target.cc, ours(name), flags)));
    return { driver: target.cc, objects, libraries: ['-pthread'] };
  },
  args: () => [],
  expected: { status: 0, stdout: 'runtime ok dtors bye\n' },
};

export const cxx: Program = {
  name: 'C++ with exceptions, threads and thread-locals',
  inputs: async (target, mode) => {
    const flags = ['-O1', '-pthread', '-std=c++17', `-I${ours('')}`, ...codeModel(mode)];
    const sources = ['cxx-selfcheck.cc', 'cxx-thrower.cc'];
    const objects = await inParallel(sources.map((name) => () => compileCached(target.cxx!, ours(name), flags)));
    return { driver: target.cxx!, objects, libraries: ['-pthread'] };
  },
  args: () => [],
  expected: { status: 0, stdout: 'cxx d90a01aec9769202\n' },
};

export const ocaml: Program = {
  name: 'OCaml',
  inputs: async (target, mode) => {
    const compiler = requireTool('ocamlopt');
    const folder = temporaryFolder('ocaml');
    const object = join(folder, 'program.o');
    // ocamlopt leaves .cmi and .cmx files beside the source: it works on a copy in the temporary folder.
    const source = join(folder, 'ocaml_selfcheck.ml');
    execFileSync('cp', [ours('ocaml_selfcheck.ml'), source]);
    await runOrThrow(compiler, ['-output-complete-obj', '-o', object, source], { cwd: folder });
    const include = (await runOrThrow(compiler, ['-where'])).trim();
    const main = await compileCached(target.cc, ours('ocaml-main.c'), ['-O1', `-I${include}`, ...codeModel(mode)]);
    return { driver: target.cc, objects: [main, object], libraries: ['-lm', '-ldl'] };
  },
  args: () => [],
  expected: { status: 0, stdout: 'ocaml b81666e08c878b1e5a4f4eed21b153d9\n' },
};

/** Links `program` and returns the executable's path, in a fresh folder. `flags` are added for the driver. */
export function linkProgram(
  program: Program,
  target: Target,
  mode: LinkMode,
  flags: readonly string[] = [],
  choice: LinkerChoice = linkerUnderTest(),
): Promise<string> {
  // Several test files look at the same program.
  const what = { program: program.name, target: target.name, mode, flags, choice };
  return builtOnce(['program', what], () => linkAnew(program, target, mode, flags, choice));
}

async function linkAnew(
  program: Program,
  target: Target,
  mode: LinkMode,
  flags: readonly string[],
  choice: LinkerChoice,
): Promise<string> {
  const inputs = await program.inputs(target, mode);
  const output = join(temporaryFolder('program'), 'program');
  // A static PIE is -static-pie for the driver; plain -static would otherwise follow the compiler's PIE default.
  const kind = mode === 'static' ? ['-static', '-no-pie'] : ['-static-pie'];
  await link(target, inputs.driver, [...kind, ...flags, '-o', output, ...inputs.objects, ...inputs.libraries], choice);
  return output;
}

/** Runs an executable that linkProgram made. */
export async function runProgram(program: Program, target: Target, executable: string): Promise<RunResult> {
  const folder = temporaryFolder('run');
  return execute(target, executable, program.args(folder), { cwd: folder, timeout: 90_000 });
}

export { riscv, x86 };
