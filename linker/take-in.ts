/**
 * Takes objects into the program: files, all members of an archive, or those that are wanted. Kernels do
 * (kernels/assembly/load.ts), and come back when tables must grow or an object needs a closer look: compressed sections,
 * groups that are no COMDAT, members of thin archives, and whatever is wrong.
 */
import { CasemateError, fail, printable } from '../base/errors.ts';
import { type Arena, adopt, u8, u32 } from './arena.ts';
import * as elf from './elf.ts';
import { machineOf } from './identify.ts';
import * as layout from './kernels/layout.ts';
import { mergeGlobals } from './merge-globals.ts';
import { COLLIDES, internName, nameText, noNameText, reserveNames } from './names.ts';
import { createProgram, fitSymbols, type InputObject, Live, objectAt, SymbolFlag } from './program.ts';
import { type Archive, memberAt, memberName, readArchive, readArchiveIndex } from './read-archive.ts';
import { makeRoom, readObject, SymbolPlace, symbolSection } from './read-object.ts';
import type { InputFile } from './request.ts';
import { type Resolver, reserveWanted, symbolNamed } from './resolver.ts';

export function addArchive(resolver: Resolver, file: InputFile): void {
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
  const offered = arena.kernels.offerLazy(program.block, index.names, index.end, count, first);
  if (offered < count) fail('limit', `${shown}: entry ${offered} of its index: ${COLLIDES}`);
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
  // Read into a scratch program: only the names matter until a member is wanted.
  const scratch = createProgram(program.machine, arena);
  scratch.sources.push(program.sources[source]!);
  for (let m = 0; m < archive.count; m++) {
    const { start, end } = placeMember(resolver, index, m);
    if (machineOf(arena.bytes.subarray(start, end), 0) !== program.machine) continue;
    const object = readObject(scratch, start, end, 0, m);
    for (let i = object.firstGlobal; i < object.symbolCount; i++) {
      if (symbolSection(object, i) === SymbolPlace.Undefined) continue;
      const at = object.strtab + object.view.getUint32(object.symtab + i * elf.SYM_SIZE, true);
      const id = internName(program.symbols.names, at, object.strtabEnd);
      if (id < 0) {
        const why = noNameText(program.symbols.names, at, object.strtabEnd);
        fail('malformed-elf', `${object.name}: symbol ${i}: ${why}`);
      }
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
export function takeWanted(resolver: Resolver): void {
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
export function addFile(resolver: Resolver, file: InputFile): void {
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
  const known = resolver.thinFiles.get(path);
  if (known) return known;
  let bytes: Uint8Array | undefined;
  try {
    bytes = resolver.readMember(path);
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    fail(error.code, `${printable(file.name)}: thin archive's member ${error.message}`);
  }
  if (!bytes) fail('io', `${printable(file.name)}: thin archive names ${printable(path)}, which does not exist`);
  const start = adopt(arena, bytes);
  const placed = { start, end: start + bytes.length };
  resolver.thinFiles.set(path, placed);
  return placed;
}

/** Takes an object in, step by step. */
function takeObject(resolver: Resolver, start: number, end: number, source: number, member: number): void {
  const { program } = resolver;
  const object = readObject(program, start, end, source, member);
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
  // Kernels take addresses modulo 2^32.
  const id = name < object.strtabEnd ? internName(names, name, object.strtabEnd) : -1;
  if (id < 0) {
    const why = noNameText(names, name, object.strtabEnd);
    fail('malformed-elf', `${object.name}: signature symbol ${symbol}: ${why}`);
  }
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
