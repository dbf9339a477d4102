/**
 * Compilers, and the linker under test behind them.
 *
 * A compiler driver takes its linker from the first folder given with -B that holds a program named `ld`; that is how
 * a user drops casemate-ld into an existing build, and so it is how the tests link. CASEMATE_TEST_LINKER=gnu puts GNU
 * ld in the same place instead: a test that also fails then is wrong about the world, not about our linker.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cacheFolder, projectRoot, temporaryFolder } from './paths.ts';
import { type RunOptions, type RunResult, run, runOrThrow } from './run.ts';
import { requireTool, type Tool } from './tools.ts';

/** A machine and environment that programs are built for. */
export interface Target {
  readonly name: string;
  readonly cc: Tool;
  readonly cxx?: Tool;
  readonly gnuLinker: Tool;
  /** Command before a program to run it here. */
  readonly runner?: Tool;
}

export const x86: Target = { name: 'x86-64', cc: 'gcc', cxx: 'g++', gnuLinker: 'ld' };
export const riscv: Target = {
  name: 'riscv64',
  cc: 'riscv64-linux-gnu-gcc',
  cxx: 'riscv64-linux-gnu-g++',
  gnuLinker: 'riscv64-linux-gnu-ld',
  runner: 'qemu-riscv64-static',
};
export const aarch64: Target = {
  name: 'aarch64',
  cc: 'aarch64-linux-gnu-gcc',
  cxx: 'aarch64-linux-gnu-g++',
  gnuLinker: 'aarch64-linux-gnu-ld',
  runner: 'qemu-aarch64-static',
};
export const riscvBare: Target = {
  name: 'riscv64 bare metal',
  cc: 'riscv64-unknown-elf-gcc',
  gnuLinker: 'riscv64-unknown-elf-ld',
};

/** By what the linker calls their machine. */
export const hostedTargets = { 'x86-64': x86, riscv64: riscv, aarch64 } as const;

export type LinkerChoice = 'casemate' | 'gnu';

/** The bundled command, as `npm run build` makes it. */
export const casemateLd = join(projectRoot, 'dist/casemate-ld.js');

/** What CASEMATE_TEST_LINKER asks for. */
export function linkerUnderTest(): LinkerChoice {
  const value = process.env['CASEMATE_TEST_LINKER'] ?? 'casemate';
  if (value !== 'casemate' && value !== 'gnu') throw new Error(`CASEMATE_TEST_LINKER=${value}: casemate or gnu`);
  return value;
}

/** Absolute path of the program that `choice` means for `target`. */
export function linkerProgram(target: Target, choice: LinkerChoice = linkerUnderTest()): string {
  if (choice === 'gnu') return requireTool(target.gnuLinker);
  if (!existsSync(casemateLd)) throw new Error(`${casemateLd} does not exist: run npm run build`);
  return casemateLd;
}

const folders = new Map<string, string>();

/** A folder that holds `ld`, a link to the chosen linker; for -B. */
export function linkerFolder(target: Target, choice: LinkerChoice = linkerUnderTest()): string {
  const program = linkerProgram(target, choice);
  let folder = folders.get(program);
  if (folder === undefined) {
    folder = temporaryFolder('ld');
    symlinkSync(program, join(folder, 'ld'));
    folders.set(program, folder);
  }
  return folder;
}

/** Compiles or links with `compiler`, taking the linker from linkerFolder. Throws with the compiler's messages. */
export async function link(
  target: Target,
  compiler: Tool,
  args: readonly string[],
  choice: LinkerChoice = linkerUnderTest(),
  options: RunOptions = {},
): Promise<string> {
  return runOrThrow(requireTool(compiler), [`-B${linkerFolder(target, choice)}/`, ...args], {
    timeout: 120_000,
    ...options,
  });
}

/** Runs a linked program on `target`, through its emulator where it has one. */
export function execute(target: Target, program: string, args: readonly string[] = [], options: RunOptions = {}) {
  return target.runner === undefined
    ? run(program, args, options)
    : run(requireTool(target.runner), [program, ...args], options);
}

const versions = new Map<string, Promise<string>>();

function versionOf(compiler: Tool): Promise<string> {
  let version = versions.get(compiler);
  if (version === undefined) {
    version = runOrThrow(requireTool(compiler), ['--version']);
    versions.set(compiler, version);
  }
  return version;
}

/**
 * The object that `compiler` makes of one source file, from the cache when compiler, flags and source are unchanged.
 * Headers are not looked at: they come from the compiler's packages or from an unpacked source archive, whose folder
 * is named by its version. The path is the object's in the cache; do not write to it.
 */
export async function compileCached(compiler: Tool, source: string, flags: readonly string[]): Promise<string> {
  const key = createHash('sha256')
    .update(JSON.stringify([await versionOf(compiler), flags, source]))
    .update(readFileSync(source))
    .digest('hex');
  const object = join(cacheFolder('objects'), key.slice(0, 24), `${basename(source).replace(/\.[^.]*$/, '')}.o`);
  const make = async (): Promise<void> => {
    mkdirSync(dirname(object), { recursive: true });
    const temporary = `${object}.${process.pid}.tmp`;
    await runOrThrow(requireTool(compiler), [...flags, '-c', source, '-o', temporary], { timeout: 600_000 });
    renameSync(temporary, object);
  };
  let making = compiling.get(object);
  if (making === undefined && !existsSync(object)) {
    making = make();
    compiling.set(object, making);
  }
  await making;
  return object;
}

/** Objects that are being made, or were, so that two that want the same at once do not both make it. */
const compiling = new Map<string, Promise<void>>();

/** Compiles one source file into `output`. */
export async function compile(
  compiler: Tool,
  source: string,
  output: string,
  flags: readonly string[] = [],
): Promise<string> {
  await runOrThrow(requireTool(compiler), [...flags, '-c', source, '-o', output], { timeout: 120_000 });
  return output;
}

export type { RunResult };
