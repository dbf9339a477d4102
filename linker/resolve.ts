/**
 * Resolves global symbols: which definition each name means, and which archive members that needs.
 *
 * Inputs are taken in command-line order. An archive offers its members lazily: a member is linked when a symbol it
 * defines is wanted by a strong undefined reference, whether that reference comes before or after the archive. (GNU
 * ld looks only backwards and needs --start-group for cycles; whatever links there links here, from the same members
 * unless two archives offer one symbol, where the first named wins.) After each file the wanted members are read,
 * first wanted first, so that the order of objects, and with it the output, depends on the command line alone.
 *
 * Of COMDAT groups with one signature the first is kept; symbols that the others define become references to it.
 * Sources: gABI "Symbol Table" and "Section Groups"; GNU ld manual for common, weak, --wrap and -u.
 */
import { fail, printable } from '../base/errors.ts';
import { type Arena, adopt, createArena, u32 } from './arena.ts';
import * as elf from './elf.ts';
import { isBitcode, machineOf } from './identify.ts';
import * as layout from './kernels/layout.ts';
import { reportDuplicates } from './merge-globals.ts';
import { findText } from './names.ts';
import { createProgram, type Program, SymbolFlag, SymbolKind } from './program.ts';
import { isArchive, memberAt, readArchive } from './read-archive.ts';
import type { InputFile, LinkOptions, LinkRequest } from './request.ts';
import { type Resolver, symbolNamed } from './resolver.ts';
import { declareAssigned } from './script-symbols.ts';
import { addArchive, addFile, takeWanted } from './take-in.ts';

/** Machine of the link: by -m, else that of the first object or archive member. */
function findMachine(request: LinkRequest, arena: Arena): Program['machine'] {
  if (request.options.machine) return request.options.machine;
  for (const file of request.files) {
    const direct = machineOf(file.bytes, 0);
    if (direct) return direct;
    if (isBitcode(file.bytes)) {
      fail(
        'unsupported-input',
        `${printable(file.name)}: is LLVM bitcode (compiled with -flto); recompile it without -flto`,
      );
    }
    if (isArchive(file.bytes)) {
      const archive = readArchive(arena, adopt(arena, file.bytes), file.bytes.length, printable(file.name));
      for (let m = 0; m < archive.count; m++) {
        const { start, end } = memberAt(archive, m);
        const machine = machineOf(arena.bytes.subarray(start, end), 0);
        if (machine) return machine;
      }
    }
  }
  return fail('unsupported-input', noMachineText(request.files));
}

function noMachineText(files: readonly InputFile[]): string {
  const first = files[0];
  if (!first) return 'no input files; name at least one object';
  return `${printable(first.name)}: neither it nor another input is an ELF object for x86-64, riscv64 or aarch64`;
}

/** Reads and resolves all inputs. Undefined symbols are left as such: scan.ts reports those that are used. */
export function resolveInputs(request: LinkRequest): Program {
  const arena = request.arena ?? createArena();
  const program = createProgram(
    findMachine(request, arena),
    arena,
    request.files.reduce((sum, file) => sum + file.bytes.length, 0),
  );
  const resolver: Resolver = {
    program,
    options: request.options,
    readMember: request.readMember,
    archives: [],
    ranges: u32(program.arena, 0),
    lazyCount: 0,
    wanted: u32(program.arena, 0),
    thinFiles: new Map(),
    linkOnce: new Set(),
    renames: wrapRenames(program, request.options.wrap),
    duplicates: [],
  };
  program.words[layout.STRIP_DEBUG] = request.options.strip === 'none' ? 0 : 1;
  program.words[layout.KEEP_GROUPS] = request.options.gcSections ? 1 : 0;
  for (const name of rootNames(request.options)) wantRoot(resolver, name);
  for (const name of declareAssigned(program, request.options)) wantMentioned(program, name);
  for (const file of request.files) {
    if (isArchive(file.bytes)) addArchive(resolver, file);
    else addFile(resolver, file);
    takeWanted(resolver);
  }
  reportDuplicates(resolver);
  return program;
}

function rootNames(options: LinkOptions): string[] {
  const names = [...options.undefinedSymbols, ...options.requiredSymbols];
  for (const script of options.scripts) names.push(...script.undefinedSymbols);
  const entry = options.entry ?? options.scripts.findLast((script) => script.entry !== undefined)?.entry ?? '_start';
  if (!/^[0-9]/.test(entry)) names.push(entry);
  return names;
}

function wantRoot(resolver: Resolver, name: string): void {
  const { symbols } = resolver.program;
  const id = symbolNamed(resolver.program, name);
  symbols.flags[id]! |= SymbolFlag.Root;
  if (symbols.kind[id] === SymbolKind.None) symbols.kind[id] = SymbolKind.Undefined;
  if (symbols.kind[id] === SymbolKind.Undefined) symbols.binding[id] = elf.STB_GLOBAL;
}

/** A name in a script's expression is a reference like any other: it may need an archive member. */
function wantMentioned(program: Program, name: string): void {
  const id = symbolNamed(program, name);
  if (program.symbols.kind[id] === SymbolKind.None) program.symbols.kind[id] = SymbolKind.Undefined;
}

function wrapRenames(program: Program, names: readonly string[]): Map<number, number> {
  const renames = new Map<number, number>();
  for (const name of names) {
    const plain = symbolNamed(program, name);
    const real = symbolNamed(program, `__real_${name}`);
    renames.set(plain, symbolNamed(program, `__wrap_${name}`));
    renames.set(real, plain);
    program.symbols.flags[plain]! |= SymbolFlag.Renamed;
    program.symbols.flags[real]! |= SymbolFlag.Renamed;
  }
  return renames;
}

/** Index of a symbol by name, or -1 when nothing mentions it. */
export function findSymbol(program: Program, name: string): number {
  return findText(program.symbols.names, name);
}

/** True when a name has a definition from an input (or was made by the linker). */
export function isDefined(program: Program, id: number): boolean {
  return id >= 0 && program.symbols.kind[id]! >= SymbolKind.Defined;
}
