/**
 * From names to bytes: searches libraries, reads inputs and scripts, and expands scripts that name further inputs.
 *
 * All reading goes through FileAccess, so that what a link read can be listed (--dependency-file, --record) and tests
 * need no disk. Whether a file is an object, an archive or a script is decided by its bytes, never by its name.
 * Source: GNU ld manual, sections 2.1 (-l, -L, -T), 3.4.2 "Commands Dealing with Files", 3.11 "Implicit Linker Scripts".
 */
import { dirname, isAbsolute, join } from 'node:path';
import { fail, printable } from '../../base/errors.ts';
import { isBitcode, isElf, machineOf } from '../../linker/identify.ts';
import type { Machine } from '../../linker/program.ts';
import { isArchive } from '../../linker/read-archive.ts';
import type { InputFile } from '../../linker/request.ts';
import type { LinkerScript, ScriptInput } from '../../linker/script/ast.ts';
import { maxScriptLength } from '../../linker/script/lex.ts';
import { parseScript } from '../../linker/script/parse.ts';
import type { LinkCommand } from './draft.ts';
import { isOutputFormat, outputFormats } from './formats.ts';

export interface FileAccess {
  /** Bytes of a file, or undefined when there is none of that name. */
  readonly read: (path: string) => Uint8Array | undefined;
  readonly exists: (path: string) => boolean;
}

export interface LoadedInputs {
  /** In link order; an archive that is named several times stands at its first place. */
  readonly files: readonly InputFile[];
  /** -T and implicit scripts, in order; scripts that do nothing but name inputs are left out. */
  readonly scripts: readonly LinkerScript[];
  readonly scriptPaths: readonly string[];
  /** OUTPUT() of the last script that has one. */
  readonly output: string | undefined;
  /** Every file that was read, in order, scripts and INCLUDEs too. */
  readonly reads: readonly string[];
}

/** Scripts that name one another. */
const maxScriptDepth = 16;
const maxInputs = 100_000;

const tripleOf: Readonly<Record<Machine, string>> = {
  'x86-64': 'x86_64-linux-gnu',
  riscv64: 'riscv64-linux-gnu',
  aarch64: 'aarch64-linux-gnu',
};

interface Loader {
  readonly command: LinkCommand;
  readonly access: FileAccess;
  /** -L and SEARCH_DIR. */
  readonly searchDirs: string[];
  /** GNU ld's own folders; a -T script takes their place. */
  standardDirs: boolean;
  machine: Machine | undefined;
  readonly files: InputFile[];
  /** Archives by path: index in `files`. */
  readonly archives: Map<string, number>;
  readonly scripts: LinkerScript[];
  readonly scriptPaths: string[];
  output: string | undefined;
  readonly reads: string[];
}

/** Reads everything that the command line names. */
export function loadInputs(command: LinkCommand, access: FileAccess): LoadedInputs {
  const loader: Loader = {
    command,
    access,
    searchDirs: command.libraryDirs.map((dir) => withSysroot(dir, command.sysroot)),
    standardDirs: !command.noStandardDirs,
    machine: command.options.machine,
    files: [],
    archives: new Map(),
    scripts: [],
    scriptPaths: [],
    output: undefined,
    reads: [],
  };
  // Scripts first: their SEARCH_DIR applies to every library of the command line.
  const explicit = new Map<string, { script: LinkerScript; path: string }>();
  for (const input of command.inputs) {
    if (input.kind === 'script' && !explicit.has(input.name))
      explicit.set(input.name, openScript(loader, input.name, '-T'));
  }
  const scripts = [...explicit.values()];
  if (command.defaultScript !== undefined && !scripts.some(({ script }) => script.hasSections && !script.insert)) {
    scripts.push(openScript(loader, command.defaultScript, '-dT'));
  }
  for (const { script, path } of scripts) adoptScript(loader, script, path);
  if (scripts.some(({ script }) => script.hasSections && script.insert === undefined)) loader.standardDirs = false;

  for (const input of command.inputs) {
    if (input.kind === 'script') {
      const opened = explicit.get(input.name);
      explicit.delete(input.name);
      if (opened !== undefined) addScriptInputs(loader, opened.script, opened.path, false, 0);
    } else if (input.kind === 'library') {
      addPath(loader, findLibrary(loader, input.name), input.whole, 0);
    } else {
      addPath(loader, input.name, input.whole, 0);
    }
  }
  const { files, scriptPaths, output, reads } = loader;
  return { files, scripts: loader.scripts, scriptPaths, output, reads };
}

/** Replaces a leading `=` or `$SYSROOT`. */
export function withSysroot(path: string, sysroot: string): string {
  if (path.startsWith('=')) return sysroot + path.slice(1);
  if (path.startsWith('$SYSROOT')) return sysroot + path.slice('$SYSROOT'.length);
  return path;
}

function readTracked(loader: Loader, path: string): Uint8Array | undefined {
  const bytes = loader.access.read(path);
  if (bytes !== undefined) loader.reads.push(path);
  return bytes;
}

/** Reads a script that a flag names: here, then in the search path. */
function openScript(loader: Loader, name: string, flag: string): { script: LinkerScript; path: string } {
  for (const path of isAbsolute(name) ? [name] : [name, ...loader.searchDirs.map((dir) => join(dir, name))]) {
    const bytes = readTracked(loader, path);
    if (bytes !== undefined) return { script: parseBytes(loader, bytes, path), path };
  }
  return fail('io', `${flag} ${printable(name)}: no such file here or in the folders of -L`);
}

function parseBytes(loader: Loader, bytes: Uint8Array, path: string): LinkerScript {
  const script = parseScript(textOf(bytes, path), path, {
    readInclude: (name) => {
      const beside = join(dirname(path), name);
      const candidates = isAbsolute(name) ? [name] : [name, ...loader.searchDirs.map((dir) => join(dir, name)), beside];
      for (const candidate of candidates) {
        const included = readTracked(loader, candidate);
        if (included !== undefined) return textOf(included, candidate);
      }
      return undefined;
    },
  });
  if (script.outputFormat !== undefined && script.outputFormat !== 'default' && !isOutputFormat(script.outputFormat)) {
    fail(
      'script',
      `${printable(path)}: OUTPUT_FORMAT(${printable(script.outputFormat, 60)}): casemate writes ${Object.values(outputFormats).join(', ')}; convert the output with objcopy -O`,
    );
  }
  return script;
}

function textOf(bytes: Uint8Array, path: string): string {
  if (bytes.length > maxScriptLength) {
    fail('script', `${printable(path)}: ${bytes.length} bytes are too long for a linker script (${maxScriptLength})`);
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** Takes over what a script says about the link as a whole. */
function adoptScript(loader: Loader, script: LinkerScript, path: string): void {
  for (const dir of script.searchDirs) loader.searchDirs.push(withSysroot(dir, loader.command.sysroot));
  loader.output = script.output ?? loader.output;
  if (!laysOut(script)) return;
  loader.scripts.push(script);
  loader.scriptPaths.push(path);
}

/** Does a script do more than name inputs? */
function laysOut(script: LinkerScript): boolean {
  return (
    script.hasSections ||
    script.commands.length > 0 ||
    script.regions.length > 0 ||
    script.segments !== undefined ||
    script.entry !== undefined ||
    script.undefinedSymbols.length > 0
  );
}

function addPath(loader: Loader, path: string, whole: boolean, depth: number): void {
  const known = loader.archives.get(path);
  if (known !== undefined) {
    // Members are searched until nothing is undefined, so one mention is enough; a whole one includes the others.
    if (whole && loader.files[known].wholeArchive !== true) {
      loader.files[known] = { ...loader.files[known], wholeArchive: true };
    }
    return;
  }
  const bytes = readTracked(loader, path) ?? fail('io', `cannot find ${printable(path)}: no such file`);
  if (loader.files.length >= maxInputs) fail('limit', `${printable(path)}: more than ${maxInputs} inputs`);
  const archive = isArchive(bytes);
  if (archive || isElf(bytes) || isBitcode(bytes)) {
    if (archive) loader.archives.set(path, loader.files.length);
    else loader.machine ??= machineOf(bytes, 0);
    loader.files.push({ name: path, bytes, ...(whole && { wholeArchive: true }) });
    return;
  }
  if (bytes.length === 0 || bytes.includes(0)) {
    fail('unsupported-input', `${printable(path)}: is neither an ELF object, nor an archive, nor a linker script`);
  }
  if (depth >= maxScriptDepth) {
    fail('script', `${printable(path)}: scripts that name one another, more than ${maxScriptDepth} deep`);
  }
  const script = parseBytes(loader, bytes, path);
  adoptScript(loader, script, path);
  addScriptInputs(loader, script, path, whole, depth + 1);
}

function addScriptInputs(loader: Loader, script: LinkerScript, path: string, whole: boolean, depth: number): void {
  for (const input of script.inputs) {
    // A library that is linked only if needed: shared ones never are.
    if (input.asNeeded && /\.so(\.[0-9.]+)?$/.test(input.name)) continue;
    const found = input.name.startsWith('-l')
      ? findLibrary(loader, input.name.slice(2))
      : findScriptInput(loader, input, path);
    addPath(loader, found, whole, depth);
  }
}

/** The file of an INPUT or GROUP entry: in the sysroot, beside the script, here, or in the search path. */
function findScriptInput(loader: Loader, { name }: ScriptInput, script: string): string {
  const { sysroot } = loader.command;
  if (name.startsWith('=') || name.startsWith('$SYSROOT')) return withSysroot(name, sysroot);
  if (isAbsolute(name)) {
    const inside = join(sysroot, name);
    const fromSysroot = sysroot !== '' && script.startsWith(join(sysroot, '/'));
    return fromSysroot && loader.access.exists(inside) ? inside : name;
  }
  const candidates = [join(dirname(script), name), name, ...searchPath(loader).map((dir) => join(dir, name))];
  return (
    candidates.find((candidate) => loader.access.exists(candidate)) ??
    fail('io', `${printable(script)}: cannot find ${printable(name)} beside it, here or in the folders of -L`)
  );
}

function searchPath(loader: Loader): string[] {
  if (!loader.standardDirs) return loader.searchDirs;
  const triple = tripleOf[loader.machine ?? 'x86-64'];
  const standard = ['/usr/local/lib', '/lib', '/usr/lib'].flatMap((dir) => [`${dir}/${triple}`, dir]);
  return [...loader.searchDirs, `/usr/${triple}/lib`, ...standard.map((dir) => loader.command.sysroot + dir)];
}

/** The archive of -lNAME or -l:FILE. */
function findLibrary(loader: Loader, name: string): string {
  const exact = name.startsWith(':');
  const file = exact ? name.slice(1) : `lib${name}.a`;
  const dirs = searchPath(loader);
  for (const dir of dirs) {
    const path = join(dir, file);
    if (loader.access.exists(path)) return path;
  }
  const flag = `-l${printable(name)}`;
  const shared = exact ? undefined : dirs.find((dir) => loader.access.exists(join(dir, `lib${name}.so`)));
  if (shared !== undefined) {
    fail(
      'io',
      `cannot find ${flag}: ${printable(shared)} has lib${printable(name)}.so only, and casemate links statically; install or build ${printable(file)}`,
    );
  }
  return fail('io', `cannot find ${flag}: no ${printable(file)} in ${dirs.length} folders; name its folder with -L`);
}
