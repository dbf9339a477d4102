/**
 * Small programs for tests of one linker behaviour each: a few lines of assembly or C, one link, a look at the output.
 *
 * Our linker runs inside the test's process, through the same entry as the command, since a link of a few hundred bytes
 * takes less than starting a process. CASEMATE_TEST_LINKER=gnu runs GNU ld instead: a test that fails with both is
 * wrong about the world. (Tests of our own messages and layout say so and are skipped then.)
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLinker } from '../../cli/ld/main.ts';
import { type ElfFile, type ElfSection, readElfFile } from '../../linker/elf-file.ts';
import { type ElfSymbol, readElfSymbols, symbolTables } from '../../linker/elf-symbols.ts';
import { link as linkProgram } from '../../linker/link.ts';
import { type Program, placeText } from '../../linker/program.ts';
import { cacheFolder, temporaryFolder } from './paths.ts';
import { type RunResult, run, runOrThrow } from './run.ts';
import { compileCached, execute, linkerProgram, linkerUnderTest, type Target } from './toolchain.ts';
import { requireTool, type Tool } from './tools.ts';

/** Text of a source file; with flags when it needs any. */
export type Source = string | { readonly text: string; readonly flags: readonly string[] };

export interface LinkRun {
  readonly status: number;
  readonly stderr: string;
  readonly stdout: string;
  /** Absolute path of the output, whether it exists or not. */
  readonly output: string;
}

export interface Project {
  readonly target: Target;
  readonly folder: string;
  readonly path: (name: string) => string;
  /** Adds a file: a script, a made-up object. */
  readonly write: (name: string, content: string | Uint8Array) => void;
  /** Makes an archive of members with ar; `flags` default to `rcs` (with an index). */
  readonly archive: (name: string, members: readonly string[], flags?: string) => Promise<void>;
  /** Runs the linker in the folder; the output is `out` unless -o is given. */
  readonly run: (...args: string[]) => Promise<LinkRun>;
  /** Links and reads the output; throws with the linker's messages when it fails. */
  readonly link: (...args: string[]) => Promise<Image>;
  /** Fails to link: the messages. Throws when it succeeds. */
  readonly refusal: (...args: string[]) => Promise<string>;
  /** Runs a linked program. */
  readonly execute: (output?: string) => Promise<RunResult>;
}

/** A linked file with the questions that tests ask. */
export interface Image {
  readonly path: string;
  readonly bytes: Buffer;
  readonly file: ElfFile;
  /** What the linker said besides: warnings, notes. */
  readonly stderr: string;
  readonly symbols: readonly ElfSymbol[];
  /** The only symbol of that name. */
  readonly symbol: (name: string) => ElfSymbol;
  readonly address: (name: string) => number;
  readonly has: (name: string) => boolean;
  readonly section: (name: string) => ElfSection;
  readonly findSection: (name: string) => ElfSection | undefined;
  /** Memory at an address or symbol as the file gives it; .bss is zero. */
  readonly memory: (at: number | string, size: number) => Buffer;
  readonly word: (at: number | string) => number;
  readonly quad: (at: number | string) => number;
  /** NUL-terminated text. */
  readonly text: (at: number | string) => string;
}

export const isGnu = (): boolean => linkerUnderTest() === 'gnu';

const shownSections = (program: Program, dropped: readonly number[]): string[] =>
  dropped.map((section) => `removing unused section ${placeText(program, section)}`);

function runOurs(folder: string, args: readonly string[]): Omit<LinkRun, 'output'> {
  let stderr = '';
  let stdout = '';
  const back = process.cwd();
  process.chdir(folder);
  try {
    const status = runLinker(
      args,
      (request) => {
        const { image, warnings, map, dropped } = linkProgram(request);
        const notes = request.options.printGcSections ? shownSections(image.program, dropped) : [];
        return { bytes: image.bytes, warnings, notes, mapText: map };
      },
      {
        out: (text) => {
          stdout += text;
        },
        error: (text) => {
          stderr += text;
        },
      },
    );
    return { status, stderr, stdout };
  } finally {
    process.chdir(back);
  }
}

/** A linked file, ready to be asked. */
export function readImage(path: string, stderr = ''): Image {
  const bytes = readFileSync(path);
  const file = readElfFile(bytes, path);
  const symbols = symbolTables(file).flatMap((index) => readElfSymbols(file, index, path));
  const symbol = (name: string): ElfSymbol => {
    const found = symbols.filter((each) => each.name === name);
    if (found.length !== 1) throw new Error(`${found.length} symbols are named ${name}`);
    return found[0]!;
  };
  const findSection = (name: string) => file.sections.find((each) => each.name === name);
  const addressOf = (at: number | string) => (typeof at === 'number' ? at : Number(symbol(at).value));
  const memory = (at: number | string, size: number): Buffer => {
    const address = addressOf(at);
    for (const each of file.sections) {
      const start = Number(each.address);
      if ((each.flags & 2) === 0 || address < start || address + size > start + each.size) continue;
      // .tbss overlaps what follows it.
      if (each.type === 8) {
        if ((each.flags & 0x400) !== 0) continue;
        return Buffer.alloc(size);
      }
      return Buffer.from(each.data.subarray(address - start, address - start + size));
    }
    throw new Error(`nothing is at 0x${address.toString(16)} (${at})`);
  };
  const text = (at: number | string): string => {
    let result = '';
    for (let address = addressOf(at); ; address++) {
      const byte = memory(address, 1)[0]!;
      if (byte === 0) return result;
      result += String.fromCharCode(byte);
    }
  };
  return {
    path,
    bytes,
    file,
    stderr,
    symbols,
    symbol,
    address: (name) => Number(symbol(name).value),
    has: (name) => symbols.some((each) => each.name === name),
    section: (name) => findSection(name) ?? fail(`no section ${name}`),
    findSection,
    memory,
    word: (at) => memory(at, 4).readUInt32LE(),
    quad: (at) => Number(memory(at, 8).readBigInt64LE()),
    text,
  };
}

function fail(message: string): never {
  throw new Error(message);
}

/** Compiles one text, from the cache when it was compiled before. */
async function compileText(target: Target, name: string, source: Source): Promise<string> {
  const { text, flags } = typeof source === 'string' ? { text: source, flags: [] } : source;
  const key = createHash('sha256').update(text).digest('hex').slice(0, 24);
  const path = join(cacheFolder('small'), `${key}${name.slice(name.lastIndexOf('.'))}`);
  if (!existsSync(path)) writeFileSync(path, `${text}\n`);
  return compileCached(/\.(cc|cpp)$/.test(name) ? target.cxx! : target.cc, path, flags);
}

const archivers: Readonly<Record<string, Tool>> = { 'x86-64': 'ar', aarch64: 'aarch64-linux-gnu-ar' };

/** A fresh folder with `x.o` for each source `x.s` or `x.c`, and any other files as they are. */
export async function project(target: Target, files: Readonly<Record<string, Source>>): Promise<Project> {
  const folder = temporaryFolder('small');
  const path = (name: string): string => join(folder, name);
  const place = async ([name, source]: readonly [string, Source]): Promise<void> => {
    if (/\.(s|c|cc)$/.test(name)) {
      copyFileSync(await compileText(target, name, source), path(name.replace(/\.\w+$/, '.o')));
    } else {
      writeFileSync(path(name), typeof source === 'string' ? source : source.text);
    }
  };
  await Promise.all(Object.entries(files).map(place));
  const runLink = async (...args: string[]): Promise<LinkRun> => {
    const named = args.indexOf('-o');
    const output = path(named < 0 ? 'out' : args[named + 1]!);
    const all = named < 0 ? ['-o', 'out', ...args] : args;
    if (!isGnu()) return { ...runOurs(folder, all), output };
    const { status, stderr, stdout } = await run(linkerProgram(target), all, { cwd: folder });
    return { status, stderr, stdout, output };
  };
  return {
    target,
    folder,
    path,
    write: (name, content) => {
      writeFileSync(path(name), content);
    },
    archive: async (name, members, flags = 'rcs') => {
      await runOrThrow(requireTool(archivers[target.name] ?? 'riscv64-linux-gnu-ar'), [flags, name, ...members], {
        cwd: folder,
      });
    },
    run: runLink,
    link: async (...args) => {
      const { status, stderr, output } = await runLink(...args);
      if (status !== 0) throw new Error(stderr);
      return readImage(output, stderr);
    },
    refusal: async (...args) => {
      const { status, stderr, output } = await runLink(...args);
      if (status === 0) throw new Error('it links');
      if (existsSync(output)) throw new Error(`refused, but ${output} is left`);
      return stderr;
    },
    execute: (output = 'out') => execute(target, path(output)),
  };
}

const exits: Readonly<Record<string, string>> = {
  'x86-64': 'mov $60, %eax\nsyscall',
  aarch64: 'mov x8, #93\nsvc #0',
};

/** Assembly of a program that exits with what `body` leaves in %edi, a0 or x0. */
export function exitProgram(target: Target, body: string): string {
  const exit = exits[target.name] ?? 'li a7, 93\necall';
  return `.globl _start\n.type _start, @function\n_start:\n${body}\n${exit}\n.size _start, . - _start\n`;
}
