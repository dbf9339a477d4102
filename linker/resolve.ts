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
import { CasemateError, fail, hex, printable } from '../base/errors.ts';
import { type Arena, adopt, createArena, u8, u32 } from './arena.ts';
import * as elf from './elf.ts';
import * as layout from './kernels/layout.ts';
import { findText, internName, internText, nameShown, nameText, reserveNames } from './names.ts';
import {
  createProgram,
  fitSymbols,
  type InputObject,
  Live,
  objectAt,
  type Program,
  placeText,
  SymbolFlag,
  SymbolKind,
} from './program.ts';
import { type Archive, isArchive, memberAt, memberName, readArchive, readArchiveIndex } from './read-archive.ts';
import { isBitcode, machineOf, makeRoom, readObject, SymbolPlace, symbolSection } from './read-object.ts';
import type { InputFile, LinkOptions, LinkRequest } from './request.ts';
import { declareAssigned } from './script-symbols.ts';

/** Most duplicate symbols that one message lists. */
const MAX_SHOWN = 20;

interface LoadedArchive {
  readonly file: InputFile;
  readonly archive: Archive;
  /** Which input it is; by member: whether it is loaded. */
  readonly source: number;
  readonly loaded: Uint8Array;
  /** Address of its block for kernels (DESCRIPTOR_...). */
  readonly descriptor: number;
}

interface Resolver {
  readonly program: Program;
  readonly options: LinkOptions;
  readonly readMember: LinkRequest['readMember'];
  readonly archives: LoadedArchive[];
  /** What a lazy symbol's `extra` means: rows (RANGE_...), and how many symbols they are. */
  ranges: Uint32Array;
  lazyCount: number;
  /** Symbols whose members are wanted, in order; how many is the block's WANTED_COUNT. */
  wanted: Uint32Array;
  readonly linkOnce: Set<number>;
  /** Reference renames of --wrap: symbol index -> symbol index. */
  readonly renames: Map<number, number>;
  readonly duplicates: string[];
}

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
  return `${printable(first.name)}: neither it nor another input is an x86-64 or riscv64 ELF object`;
}

/** Reads and resolves all inputs. Undefined symbols are left as such: see undefined.ts. */
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

function symbolNamed(program: Program, name: string): number {
  const id = internText(program.symbols.names, name);
  fitSymbols(program);
  return id;
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

// --- archives

/** Room for `extra` more wanted symbols: kernels add to the list, but they cannot grow it. */
function reserveWanted(resolver: Resolver, extra: number): void {
  const { arena, words } = resolver.program;
  const needed = words[layout.WANTED_COUNT]! + extra;
  if (needed <= resolver.wanted.length) return;
  const wanted = u32(arena, Math.max(needed, resolver.wanted.length * 2, 4096));
  wanted.set(resolver.wanted);
  resolver.wanted = wanted;
  words[layout.WANTED] = wanted.byteOffset;
  words[layout.WANTED_CAPACITY] = wanted.length;
}

function addArchive(resolver: Resolver, file: InputFile): void {
  const { program } = resolver;
  const { arena } = program;
  const shown = printable(file.name);
  const archive = readArchive(arena, adopt(arena, file.bytes), file.bytes.length, shown);
  const index = readArchiveIndex(arena, archive, shown);
  const nameOf = (member: number) => `${shown}(${printable(memberName(arena, memberAt(archive, member)))})`;
  const source = program.sources.push(nameOf) - 1;
  const loaded = u8(arena, archive.count);
  const descriptor = describeArchive(arena, archive, source, loaded);
  const number = resolver.archives.push({ file, archive, source, loaded, descriptor }) - 1;
  if (file.wholeArchive) {
    takeAll(resolver, descriptor);
    return;
  }
  if (!archive.index) {
    indexByScanning(resolver, number);
    return;
  }
  const count = index.members.length;
  reserveNames(program.symbols.names, count);
  fitSymbols(program);
  reserveWanted(resolver, count);
  const first = offerRange(resolver, number, index.members);
  arena.kernels.offerLazy(program.block, index.names, index.end, count, first);
}

/** The archive's block for kernels. */
function describeArchive(arena: Arena, archive: Archive, source: number, loaded: Uint8Array): number {
  const words = u32(arena, layout.DESCRIPTOR_WORDS);
  words[layout.DESCRIPTOR_ROWS] = archive.rows.byteOffset;
  words[layout.DESCRIPTOR_COUNT] = archive.count;
  words[layout.DESCRIPTOR_LOADED] = loaded.byteOffset;
  words[layout.DESCRIPTOR_THIN] = archive.thin ? 1 : 0;
  words[layout.DESCRIPTOR_SOURCE] = source;
  return words.byteOffset;
}

/** Notes that the next lazy symbols are these members; returns the first. */
function offerRange(resolver: Resolver, archive: number, members: Uint32Array): number {
  const { arena, words } = resolver.program;
  const count = words[layout.LAZY_RANGE_COUNT]!++;
  if ((count + 1) * layout.RANGE_WORDS > resolver.ranges.length) {
    const ranges = u32(arena, Math.max(64, count * 2) * layout.RANGE_WORDS);
    ranges.set(resolver.ranges);
    resolver.ranges = ranges;
    words[layout.LAZY_RANGES] = ranges.byteOffset;
  }
  const first = resolver.lazyCount;
  const row = [first, resolver.archives[archive]!.descriptor, members.byteOffset];
  resolver.ranges.set(row, count * layout.RANGE_WORDS);
  resolver.lazyCount += members.length;
  return first;
}

/** An archive without an index: offer what its members' own symbol tables define. */
function indexByScanning(resolver: Resolver, index: number): void {
  const { program } = resolver;
  const { arena } = program;
  const { archive, source } = resolver.archives[index]!;
  for (let m = 0; m < archive.count; m++) {
    const { start, end } = placeMember(resolver, index, m);
    if (machineOf(arena.bytes.subarray(start, end), 0) !== program.machine) continue;
    // Read into a scratch program: only the names matter until the member is wanted.
    const scratch = createProgram(program.machine, arena);
    scratch.sources.push(program.sources[source]!);
    const object = readObject(scratch, start, end, 0, m, { stripDebug: true });
    for (let i = object.firstGlobal; i < object.symbolCount; i++) {
      if (symbolSection(object, i) === SymbolPlace.Undefined) continue;
      const at = object.strtab + object.view.getUint32(object.symtab + i * elf.SYM_SIZE, true);
      const id = internName(program.symbols.names, at, object.strtabEnd);
      if (id < 0) fail('malformed-elf', `${object.name}: symbol ${i}: name is not terminated`);
      fitSymbols(program);
      reserveWanted(resolver, 1);
      arena.kernels.offerSymbol(program.block, id, offerRange(resolver, index, u32(arena, 1).fill(m)));
    }
  }
}

/**
 * Takes in all members that are wanted, first wanted first, and those that they want in turn: the kernel does, and comes
 * back for what needs a closer look.
 */
function takeWanted(resolver: Resolver): void {
  const { arena, block } = resolver.program;
  for (;;) {
    const status = arena.kernels.loadWanted(block);
    if (status === layout.LOAD_DONE) return;
    if (!goOn(resolver, status)) takeLeft(resolver);
  }
}

/** Takes in all members of an archive. */
function takeAll(resolver: Resolver, descriptor: number): void {
  const { arena, block } = resolver.program;
  for (;;) {
    const status = arena.kernels.loadArchive(block, descriptor);
    if (status === layout.LOAD_DONE) return;
    if (!goOn(resolver, status)) takeLeft(resolver);
  }
}

/** Takes in a file that is an object. */
function addFile(resolver: Resolver, file: InputFile): void {
  const { program } = resolver;
  const { arena, block } = program;
  const start = adopt(arena, file.bytes);
  const end = start + file.bytes.length;
  const source = program.sources.push(() => printable(file.name)) - 1;
  let status: number;
  do {
    status = arena.kernels.loadObject(block, start, end, source, -1);
    if (status !== layout.LOAD_DONE && !goOn(resolver, status)) takeObject(resolver, start, end, source, -1);
  } while (status === layout.LOAD_NEEDS_ROOM);
}

/** Does what a kernel needs so that it can go on; false when that is an object that it left. */
function goOn(resolver: Resolver, status: number): boolean {
  const { program } = resolver;
  const { words } = program;
  if (status === layout.LOAD_LEFT) return false;
  if (status === layout.LOAD_NEEDS_ROOM) {
    makeRoom(program);
    reserveWanted(resolver, words[layout.READ_GLOBAL_COUNT]!);
  } else {
    mergeGlobals(resolver, objectAt(program, words[layout.OBJECT_COUNT]! - 1), words[layout.READ_INDEX]!);
  }
  return true;
}

/** Takes in the member that a kernel left. */
function takeLeft(resolver: Resolver): void {
  const { words } = resolver.program;
  const source = words[layout.LEFT_SOURCE]!;
  const m = words[layout.LEFT_MEMBER]!;
  const archive = resolver.archives.findIndex((known) => known.source === source);
  resolver.archives[archive]!.loaded[m] = 1;
  const { start, end } = placeMember(resolver, archive, m);
  takeObject(resolver, start, end, source, m);
}

/** Addresses of a member's bytes; those of a thin archive's are read into the arena. */
function placeMember(resolver: Resolver, index: number, m: number): { start: number; end: number } {
  const { archive, file } = resolver.archives[index]!;
  const { arena } = resolver.program;
  const member = memberAt(archive, m);
  if (!archive.thin) return member;
  const folder = file.name.includes('/') ? file.name.slice(0, file.name.lastIndexOf('/') + 1) : '';
  const name = memberName(arena, member);
  const path = name.startsWith('/') ? name : folder + name;
  let bytes: Uint8Array | undefined;
  try {
    bytes = resolver.readMember(path);
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    fail(error.code, `${printable(file.name)}: thin archive's member ${error.message}`);
  }
  if (!bytes) fail('io', `${printable(file.name)}: thin archive names ${printable(path)}, which does not exist`);
  const start = adopt(arena, bytes);
  return { start, end: start + bytes.length };
}

// --- objects

/** Takes an object in, step by step. */
function takeObject(resolver: Resolver, start: number, end: number, source: number, member: number): void {
  const { program, options } = resolver;
  const object = readObject(program, start, end, source, member, { stripDebug: options.strip !== 'none' });
  dropGroups(resolver, object);
  dropDuplicateLinkOnce(resolver, object);
  mergeGlobals(resolver, object, object.firstGlobal);
}

function groupSignature(resolver: Resolver, object: InputObject, symbol: number): number {
  const { program } = resolver;
  if (symbol >= object.firstGlobal) return program.globalRefs[object.firstGlobalRef + symbol - object.firstGlobal]!;
  const at = object.symtab + symbol * elf.SYM_SIZE;
  const { names } = program.symbols;
  const section = symbolSection(object, symbol);
  if ((object.view.getUint8(at + 4) & 15) === elf.STT_SECTION && section >= 0) {
    return symbolNamed(program, nameText(program.sectionNames, program.sections.name[section]!));
  }
  const name = object.strtab + object.view.getUint32(at, true);
  const id = internName(names, name, object.strtabEnd);
  if (id < 0) fail('malformed-elf', `${object.name}: signature symbol ${symbol}: its name is not terminated`);
  fitSymbols(program);
  return id;
}

/** Of groups with one signature the first is kept: in the kernel, unless somebody wants to know what belongs together. */
function dropGroups(resolver: Resolver, object: InputObject): void {
  const { program, options } = resolver;
  const { kernels } = program.arena;
  if (!options.gcSections && kernels.dropDuplicateGroups(program.block, object.index) !== 0) return;
  const end = object.firstSection + object.sectionCount;
  for (let s = object.firstSection + 1; ; s++) {
    s = kernels.findSection(program.block, s, end, elf.SHT_GROUP);
    if (s === end) return;
    dropDuplicateGroup(resolver, object, s);
  }
}

function dropDuplicateGroup(resolver: Resolver, object: InputObject, s: number): void {
  const { program } = resolver;
  const t = program.sections;
  const where = `${object.name}: group section ${s - object.firstSection}`;
  const size = t.size[s]!;
  if (size < 4 || size % 4 !== 0) fail('malformed-elf', `${where}: ${size} bytes are not a list of 32-bit words`);
  const symbol = t.info[s]!;
  if (symbol >= object.symbolCount || symbol === 0) {
    fail('malformed-elf', `${where}: signature is symbol ${symbol}, but there are ${object.symbolCount} symbols`);
  }
  const members: number[] = [];
  const offset = t.offset[s]!;
  for (let i = 4; i < size; i += 4) {
    const index = object.view.getUint32(offset + i, true);
    if (index === 0 || index >= object.sectionCount) {
      fail('malformed-elf', `${where}: member ${index} is not one of the ${object.sectionCount} sections`);
    }
    members.push(object.firstSection + index);
  }
  const comdat = (object.view.getUint32(offset, true) & elf.GRP_COMDAT) !== 0;
  const signature = comdat ? groupSignature(resolver, object, symbol) : -1;
  // Not before: naming a signature may have made the columns longer.
  const { flags } = program.symbols;
  if (comdat && (flags[signature]! & SymbolFlag.Comdat) !== 0) {
    for (const member of members) t.live[member] = Live.Duplicate;
  } else {
    if (comdat) flags[signature]! |= SymbolFlag.Comdat;
    const linked = members.filter((member) => t.live[member] === Live.Live);
    if (linked.length > 1) program.groups.push(linked);
  }
}

/** `.gnu.linkonce.*`: COMDAT's predecessor, still in hand-written assembly; the first of a name is kept. */
function dropDuplicateLinkOnce(resolver: Resolver, object: InputObject): void {
  const { sections, sectionNames } = resolver.program;
  for (let s = object.firstSection + 1; s < object.firstSection + object.sectionCount; s++) {
    const name = sections.name[s]!;
    if (sections.live[s] !== Live.Live) continue;
    if (!nameText(sectionNames, name).startsWith('.gnu.linkonce.')) continue;
    if (resolver.linkOnce.has(name)) sections.live[s] = Live.Duplicate;
    else resolver.linkOnce.add(name);
  }
}

/** The more constraining of two visibilities (gABI: internal, hidden, protected, default). */
function mergedVisibility(a: number, b: number): number {
  if (a === elf.STV_DEFAULT) return b;
  return b === elf.STV_DEFAULT ? a : Math.min(a, b);
}

/** Merges an object's globals from `from` on: the usual ones in the kernel, the others one by one. */
function mergeGlobals(resolver: Resolver, object: InputObject, from: number): void {
  const { program } = resolver;
  const { kernels } = program.arena;
  reserveWanted(resolver, object.symbolCount - object.firstGlobal);
  for (let i = from; i < object.symbolCount; i++) {
    i = kernels.mergeGlobals(program.block, object.index, i);
    if (i === object.symbolCount) return;
    mergeGlobal(resolver, object, i);
  }
}

function mergeGlobal(resolver: Resolver, object: InputObject, i: number): void {
  const { program } = resolver;
  const t = program.symbols;
  const ref = object.firstGlobalRef + i - object.firstGlobal;
  const at = object.symtab + i * elf.SYM_SIZE;
  const info = object.view.getUint8(at + 4);
  const visibility = object.view.getUint8(at + 5) & 3;
  let place = symbolSection(object, i);
  if (place >= 0 && program.sections.live[place] !== Live.Live) place = SymbolPlace.Undefined;
  let id = program.globalRefs[ref]!;
  if (place === SymbolPlace.Undefined) {
    id = resolver.renames.get(id) ?? id;
    program.globalRefs[ref] = id;
    t.visibility[id] = mergedVisibility(t.visibility[id]!, visibility);
    addReference(resolver, id, info >> 4, info & 15, object);
    return;
  }
  t.visibility[id] = mergedVisibility(t.visibility[id]!, visibility);
  addDefinition(resolver, id, object, at, info, place);
}

function addReference(resolver: Resolver, id: number, binding: number, type: number, object: InputObject): void {
  const t = resolver.program.symbols;
  const weak = binding === elf.STB_WEAK;
  t.flags[id]! |= weak ? SymbolFlag.Referenced : SymbolFlag.Referenced | SymbolFlag.StrongReference;
  switch (t.kind[id]) {
    case SymbolKind.None:
      t.kind[id] = SymbolKind.Undefined;
      t.binding[id] = binding;
      t.type[id] = type;
      t.object[id] = object.index;
      break;
    case SymbolKind.Undefined:
      if (t.object[id]! < 0) t.object[id] = object.index;
      if (!weak) t.binding[id] = elf.STB_GLOBAL;
      break;
    case SymbolKind.Lazy:
      if (!weak) resolver.wanted[resolver.program.words[layout.WANTED_COUNT]++] = id;
      else if ((t.flags[id]! & SymbolFlag.StrongReference) === 0) t.binding[id] = elf.STB_WEAK;
      break;
  }
}

function addDefinition(
  resolver: Resolver,
  id: number,
  object: InputObject,
  at: number,
  info: number,
  place: number,
): void {
  const { program } = resolver;
  const t = program.symbols;
  const binding = info >> 4;
  const type = info & 15;
  const value = elf.readSigned64(object.view, at + 8);
  const size = elf.readUnsigned64(object.view, at + 16);
  const common = place === SymbolPlace.Common || type === elf.STT_COMMON;
  const kind = t.kind[id]!;
  // The script has the last word on the symbols it assigns.
  if (kind === SymbolKind.Linker) return;
  if (common) checkCommon(program, id, object, value, size);
  if (kind === SymbolKind.Defined || kind === SymbolKind.Absolute) {
    if (common) {
      if (t.binding[id] !== elf.STB_WEAK) return;
    } else if (binding === elf.STB_WEAK) {
      return;
    } else if (t.binding[id] !== elf.STB_WEAK) {
      // GNU: unique symbols and equal absolute values are not in conflict.
      if (binding === elf.STB_GNU_UNIQUE && t.binding[id] === elf.STB_GNU_UNIQUE) return;
      if (place === SymbolPlace.Absolute && kind === SymbolKind.Absolute && t.value[id] === value) return;
      if (!resolver.options.allowMultipleDefinition) noteDuplicate(resolver, id, object, place, value);
      return;
    }
  } else if (kind === SymbolKind.Common) {
    if (common) {
      if (resolver.options.warnCommon) {
        program.warnings.push(`${object.name}: common symbol ${nameShown(t.names, id)} is defined more than once`);
      }
      // The value of a common symbol is its alignment.
      t.value[id] = Math.max(t.value[id]!, value);
      if (size > t.size[id]!) {
        t.size[id] = size;
        t.object[id] = object.index;
      }
      return;
    }
    if (binding === elf.STB_WEAK) return;
  }
  if (place >= 0 && value + size < 0)
    fail('malformed-elf', `${object.name}: symbol ${nameShown(t.names, id)}: bad value`);
  if (place < 0 && place !== SymbolPlace.Absolute && !common) {
    fail(
      'malformed-elf',
      `${object.name}: symbol ${nameShown(t.names, id)} is in reserved section ${elf.SHN_LORESERVE}+`,
    );
  }
  t.kind[id] = common ? SymbolKind.Common : place === SymbolPlace.Absolute ? SymbolKind.Absolute : SymbolKind.Defined;
  t.binding[id] = binding;
  t.type[id] = type;
  t.section[id] = place >= 0 && !common ? place : -1;
  t.value[id] = value;
  t.size[id] = size;
  t.object[id] = object.index;
}

/** A common symbol's value is its alignment. It is checked here, where its object is known. */
function checkCommon(program: Program, id: number, object: InputObject, alignment: number, size: number): void {
  const aligned = alignment >= 1 && alignment <= 1 << 26 && (alignment & (alignment - 1)) === 0;
  if (aligned && size <= 2 ** 46) return;
  const what = aligned ? `size ${hex(size)}, above 2^46` : `alignment ${hex(alignment)}, no power of two up to 2^26`;
  fail('malformed-elf', `${object.name}: common symbol ${nameShown(program.symbols.names, id)} has ${what}`);
}

function noteDuplicate(resolver: Resolver, id: number, object: InputObject, place: number, value: number): void {
  const { program } = resolver;
  const t = program.symbols;
  const section = t.section[id]!;
  const firstPlace = section >= 0 ? placeText(program, section, t.value[id]!) : objectAt(program, t.object[id]!).name;
  const secondPlace = place >= 0 ? placeText(program, place, value) : object.name;
  resolver.duplicates.push(`${nameShown(t.names, id)}: first in ${firstPlace}, again in ${secondPlace}`);
}

function reportDuplicates(resolver: Resolver): void {
  const { duplicates } = resolver;
  if (duplicates.length === 0) return;
  const shown = duplicates.slice(0, MAX_SHOWN).join('; ');
  const rest = duplicates.length > MAX_SHOWN ? `; and ${duplicates.length - MAX_SHOWN} more` : '';
  const noun = duplicates.length === 1 ? 'duplicate symbol' : `${duplicates.length} duplicate symbols`;
  fail('duplicate-symbol', `${noun}: ${shown}${rest}; rename or make one of each weak or static`);
}

/** Index of a symbol by name, or -1 when nothing mentions it. */
export function findSymbol(program: Program, name: string): number {
  return findText(program.symbols.names, name);
}

/** True when a name has a definition from an input (or was made by the linker). */
export function isDefined(program: Program, id: number): boolean {
  return id >= 0 && program.symbols.kind[id]! >= SymbolKind.Defined;
}
