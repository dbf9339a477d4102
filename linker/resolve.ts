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
import * as elf from './elf.ts';
import { addNameBuffer, findText, internName, internText, nameShown, nameText } from './names.ts';
import {
  createProgram,
  fitSymbols,
  type InputObject,
  Live,
  type Program,
  placeText,
  SymbolFlag,
  SymbolKind,
} from './program.ts';
import { type Archive, isArchive, memberName, readArchive } from './read-archive.ts';
import { isBitcode, machineOf, readObject, SymbolPlace, symbolSection } from './read-object.ts';
import type { InputFile, LinkOptions, LinkRequest } from './request.ts';
import { declareAssigned } from './script-symbols.ts';

/** Most duplicate symbols that one message lists. */
const MAX_SHOWN = 20;

interface LoadedArchive {
  readonly file: InputFile;
  readonly archive: Archive;
  readonly loaded: Uint8Array;
}

interface Resolver {
  readonly program: Program;
  readonly options: LinkOptions;
  readonly readMember: LinkRequest['readMember'];
  readonly archives: LoadedArchive[];
  /** Lazy symbol's `extra`: index into these two. */
  readonly lazyArchive: number[];
  readonly lazyMember: number[];
  /** Symbols whose members are wanted, in order. */
  readonly wanted: number[];
  /** Signature (symbol index) -> 1 when a COMDAT group of it is in the link. */
  readonly comdats: Set<number>;
  readonly linkOnce: Set<number>;
  /** Reference renames of --wrap: symbol index -> symbol index. */
  readonly renames: Map<number, number>;
  readonly duplicates: string[];
}

/** Machine of the link: by -m, else that of the first object or archive member. */
function findMachine(request: LinkRequest): Program['machine'] {
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
      const archive = readArchive(file.bytes, printable(file.name));
      for (const member of archive.members) {
        const machine = machineOf(file.bytes, member.start);
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
  const program = createProgram(
    findMachine(request),
    request.files.reduce((sum, file) => sum + file.bytes.length, 0),
  );
  const resolver: Resolver = {
    program,
    options: request.options,
    readMember: request.readMember,
    archives: [],
    lazyArchive: [],
    lazyMember: [],
    wanted: [],
    comdats: new Set(),
    linkOnce: new Set(),
    renames: wrapRenames(program, request.options.wrap),
    duplicates: [],
  };
  for (const name of rootNames(request.options)) wantRoot(resolver, name);
  for (const name of declareAssigned(program, request.options)) wantMentioned(program, name);
  for (const file of request.files) {
    if (isArchive(file.bytes)) addArchive(resolver, file);
    else addObject(resolver, file.bytes, 0, file.bytes.length, printable(file.name));
    readWantedMembers(resolver);
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
  fitSymbols(program.symbols);
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
    renames.set(plain, symbolNamed(program, `__wrap_${name}`));
    renames.set(symbolNamed(program, `__real_${name}`), plain);
  }
  return renames;
}

// --- archives

function addArchive(resolver: Resolver, file: InputFile): void {
  const { program } = resolver;
  const shown = printable(file.name);
  const archive = readArchive(file.bytes, shown);
  const index = resolver.archives.push({ file, archive, loaded: new Uint8Array(archive.members.length) }) - 1;
  if (file.wholeArchive) {
    for (let m = 0; m < archive.members.length; m++) loadMember(resolver, index, m);
    return;
  }
  if (!archive.hasIndex) {
    indexByScanning(resolver, index);
    return;
  }
  const buffer = addNameBuffer(program.symbols.names, file.bytes);
  for (let i = 0; i < archive.indexNames.length; i++) {
    const id = internName(program.symbols.names, buffer, archive.indexNames[i]!, archive.indexEnd);
    fitSymbols(program.symbols);
    offerLazy(resolver, id, index, archive.indexMembers[i]!);
  }
}

/** An archive without an index: offer what its members' own symbol tables define. */
function indexByScanning(resolver: Resolver, index: number): void {
  const { program } = resolver;
  const { archive, file } = resolver.archives[index]!;
  for (let m = 0; m < archive.members.length; m++) {
    const source = memberBytes(resolver, index, m);
    if (machineOf(source.bytes, source.start) !== program.machine) continue;
    // Read into a scratch program: only the names matter until the member is wanted.
    const scratch = createProgram(program.machine);
    const name = `${printable(file.name)}(${printable(memberName(file.bytes, archive.members[m]!))})`;
    const object = readObject(scratch, source.bytes, source.start, source.end, name, { stripDebug: true });
    const buffer = addNameBuffer(program.symbols.names, source.bytes);
    for (let i = object.firstGlobal; i < object.symbolCount; i++) {
      if (symbolSection(object, i) === SymbolPlace.Undefined) continue;
      const at = object.strtab + object.view.getUint32(object.symtab + i * elf.SYM_SIZE, true);
      const id = internName(program.symbols.names, buffer, at, object.strtabEnd);
      if (id < 0) fail('malformed-elf', `${name}: symbol ${i}: name is not terminated`);
      fitSymbols(program.symbols);
      offerLazy(resolver, id, index, m);
    }
  }
}

function offerLazy(resolver: Resolver, id: number, archive: number, member: number): void {
  const { symbols } = resolver.program;
  const kind = symbols.kind[id];
  if (kind !== SymbolKind.None && kind !== SymbolKind.Undefined) return;
  const wanted = kind === SymbolKind.Undefined && symbols.binding[id] !== elf.STB_WEAK;
  symbols.kind[id] = SymbolKind.Lazy;
  symbols.extra[id] = resolver.lazyArchive.push(archive) - 1;
  resolver.lazyMember.push(member);
  if (wanted) resolver.wanted.push(id);
}

function readWantedMembers(resolver: Resolver): void {
  const { symbols } = resolver.program;
  for (let i = 0; i < resolver.wanted.length; i++) {
    const id = resolver.wanted[i]!;
    if (symbols.kind[id] !== SymbolKind.Lazy) continue;
    const lazy = symbols.extra[id]!;
    // The index may lie: without this, a member that lacks the symbol would be wanted again and again.
    symbols.kind[id] = SymbolKind.Undefined;
    loadMember(resolver, resolver.lazyArchive[lazy]!, resolver.lazyMember[lazy]!);
  }
  resolver.wanted.length = 0;
}

function memberBytes(resolver: Resolver, index: number, m: number): { bytes: Uint8Array; start: number; end: number } {
  const { archive, file } = resolver.archives[index]!;
  const member = archive.members[m]!;
  if (!archive.thin) return { bytes: file.bytes, start: member.start, end: member.end };
  const folder = file.name.includes('/') ? file.name.slice(0, file.name.lastIndexOf('/') + 1) : '';
  const name = memberName(file.bytes, member);
  const path = name.startsWith('/') ? name : folder + name;
  let bytes: Uint8Array | undefined;
  try {
    bytes = resolver.readMember(path);
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    fail(error.code, `${printable(file.name)}: thin archive's member ${error.message}`);
  }
  if (!bytes) fail('io', `${printable(file.name)}: thin archive names ${printable(path)}, which does not exist`);
  return { bytes, start: 0, end: bytes.length };
}

function loadMember(resolver: Resolver, index: number, m: number): void {
  const { archive, file, loaded } = resolver.archives[index]!;
  if (loaded[m]) return;
  loaded[m] = 1;
  const { bytes, start, end } = memberBytes(resolver, index, m);
  addObject(
    resolver,
    bytes,
    start,
    end,
    `${printable(file.name)}(${printable(memberName(file.bytes, archive.members[m]!))})`,
  );
}

// --- objects

function addObject(resolver: Resolver, bytes: Uint8Array, start: number, end: number, name: string): void {
  const { program, options } = resolver;
  const object = readObject(program, bytes, start, end, name, { stripDebug: options.strip !== 'none' });
  internGlobals(resolver, object);
  dropDuplicateGroups(resolver, object);
  dropDuplicateLinkOnce(resolver, object);
  mergeGlobals(resolver, object);
}

function internGlobals(resolver: Resolver, object: InputObject): void {
  const { program } = resolver;
  const { names } = program.symbols;
  const buffer = addNameBuffer(names, object.bytes);
  for (let i = object.firstGlobal; i < object.symbolCount; i++) {
    const at = object.strtab + object.view.getUint32(object.symtab + i * elf.SYM_SIZE, true);
    const id = internName(names, buffer, at, object.strtabEnd);
    if (id < 0) fail('malformed-elf', `${object.name}: symbol ${i}: its name does not end within the string table`);
    if (names.length[id] === 0) fail('malformed-elf', `${object.name}: symbol ${i} is global but has no name`);
    program.globalRefs[object.firstGlobalRef + i - object.firstGlobal] = id;
  }
  fitSymbols(program.symbols);
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
  const id = internName(names, addNameBuffer(names, object.bytes), name, object.strtabEnd);
  if (id < 0) fail('malformed-elf', `${object.name}: signature symbol ${symbol}: its name is not terminated`);
  fitSymbols(program.symbols);
  return id;
}

function dropDuplicateGroups(resolver: Resolver, object: InputObject): void {
  const { program } = resolver;
  const t = program.sections;
  for (let s = object.firstSection + 1; s < object.firstSection + object.sectionCount; s++) {
    if (t.type[s] !== elf.SHT_GROUP) continue;
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
    if (comdat && resolver.comdats.has(signature)) {
      for (const member of members) t.live[member] = Live.Duplicate;
    } else {
      if (comdat) resolver.comdats.add(signature);
      const linked = members.filter((member) => t.live[member] === Live.Live);
      if (linked.length > 1) program.groups.push(linked);
    }
  }
}

/** `.gnu.linkonce.*`: COMDAT's predecessor, still in hand-written assembly; the first of a name is kept. */
function dropDuplicateLinkOnce(resolver: Resolver, object: InputObject): void {
  const { sections, sectionNames } = resolver.program;
  for (let s = object.firstSection + 1; s < object.firstSection + object.sectionCount; s++) {
    const name = sections.name[s]!;
    // Cheap test on the bytes first: '.gnu.l'.
    const bytes = sectionNames.buffers[sectionNames.buffer[name]!]!;
    const at = sectionNames.offset[name]!;
    if (bytes[at + 1] !== 0x67 || bytes[at + 5] !== 0x6c || sections.live[s] !== Live.Live) continue;
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

function mergeGlobals(resolver: Resolver, object: InputObject): void {
  const { program } = resolver;
  const t = program.symbols;
  for (let i = object.firstGlobal; i < object.symbolCount; i++) {
    const ref = object.firstGlobalRef + i - object.firstGlobal;
    const at = object.symtab + i * elf.SYM_SIZE;
    const info = object.view.getUint8(at + 4);
    const visibility = object.view.getUint8(at + 5) & 3;
    let place = symbolSection(object, i);
    if (place >= 0 && program.sections.live[place] !== Live.Live) place = SymbolPlace.Undefined;
    let id = program.globalRefs[ref]!;
    if (place === SymbolPlace.Undefined) {
      const renamed = resolver.renames.get(id);
      if (renamed !== undefined) {
        id = renamed;
        program.globalRefs[ref] = id;
      }
      t.visibility[id] = mergedVisibility(t.visibility[id]!, visibility);
      addReference(resolver, id, info >> 4, info & 15, object);
      continue;
    }
    t.visibility[id] = mergedVisibility(t.visibility[id]!, visibility);
    addDefinition(resolver, id, object, at, info, place);
  }
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
      if (!weak) resolver.wanted.push(id);
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
  const firstPlace = section >= 0 ? placeText(program, section, t.value[id]!) : program.objects[t.object[id]!]!.name;
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
