/**
 * Reads an object: section headers into the section table, symbols checked and globals interned, relocations attached,
 * roles found.
 *
 * These loops see every header and symbol of every input, and run for thousands of small objects. They check all that
 * read-object.ts promises to later phases; that says what is wrong when they stop. Nothing is appended to the tables
 * for good until the caller counts the object in, so a stop leaves no traces but interned names.
 * Sources: gABI chapter 4 "Object Files".
 */
import * as layout from '../layout';
import * as elf from './elf';
import { hasRoom, internName } from './names';
import { getF64, getU8, getU32, setF64, setU8, setU32, setWord, word } from './words';

/**
 * Reads the object at [start, end) as the program's next. `resume`: its sections were read before, and compressed ones
 * inflated. Returns READ_..., with more in the words from READ_INDEX on.
 */
export function readObject(program: usize, start: usize, end: usize, resume: u32): u32 {
  const size = <u32>(end - start);
  const first = <u32>word(program, layout.SECTION_COUNT);
  const headers = sectionHeaders(program, start, size);
  if (headers == 0) return layout.READ_BAD_HEADER;
  const count = <u32>word(program, layout.READ_SECTION_COUNT);
  if (resume == 0) {
    setWord(program, layout.READ_GLOBAL_COUNT, 0);
    if (<u64>first + count > <u64>word(program, layout.SECTION_CAPACITY)) return layout.READ_NEEDS_ROOM;
    if (!hasRoom(word(program, layout.SECTION_NAMES), count)) return layout.READ_NEEDS_ROOM;
    const status = readSections(program, headers, count, start, size, first);
    if (status != layout.READ_DONE) return status;
  }
  const last = first + count;
  if (!readSymbolTable(program, first, last)) return layout.READ_BAD_SYMBOL_TABLE;
  const symbolCount = <u32>word(program, layout.READ_SYMBOL_COUNT);
  const wrongSymbol = checkSymbols(program, count);
  if (wrongSymbol < symbolCount) return wrong(program, layout.READ_BAD_SYMBOL, wrongSymbol);
  const wrongSection = attachRelocations(program, first, count, first + <u32>word(program, layout.READ_SYMTAB_SECTION));
  if (wrongSection < last) return wrong(program, layout.READ_BAD_RELOCATIONS, wrongSection - first);
  const globals = symbolCount - <u32>word(program, layout.READ_FIRST_GLOBAL);
  setWord(program, layout.READ_GLOBAL_COUNT, globals);
  // A group's signature may be a name of its own.
  if (!hasRoom(word(program, layout.SYMBOL_NAMES), globals + <u32>word(program, layout.READ_HAS_GROUPS)))
    return layout.READ_NEEDS_ROOM;
  assignRoles(program, first + 1, last);
  return layout.READ_DONE;
}

function wrong(program: usize, status: u32, index: u32): u32 {
  setWord(program, layout.READ_INDEX, index);
  return status;
}

/** Address of the section headers, 0 when the ELF header is wrong. Results: where they are and how many. */
function sectionHeaders(program: usize, start: usize, size: u32): usize {
  const machine = <u32>word(program, layout.MACHINE);
  if (size < 64 || load<u32>(start) != 0x464c457f || load<u16>(start + 4) != 0x0102) return 0;
  if (load<u16>(start + 16) != elf.ET_REL || load<u16>(start + 18) != machine) return 0;
  if (load<u16>(start + 58) != elf.SHDR_SIZE) return 0;
  const offset = load<u64>(start + 40);
  if (offset == 0 || offset > <u64>size || <u64>size - offset < elf.SHDR_SIZE) return 0;
  const headers = start + <usize>offset;
  let count = <u64>load<u16>(start + 60);
  let names = <u32>load<u16>(start + 62);
  if (count == 0) count = load<u64>(headers + 32);
  if (names == elf.SHN_XINDEX) names = load<u32>(headers + 40);
  if (count == 0 || count > (<u64>size - offset) / elf.SHDR_SIZE || <u64>names >= count) return 0;
  const header = headers + names * elf.SHDR_SIZE;
  const namesOffset = load<u64>(header + 24);
  const namesSize = load<u64>(header + 32);
  if (namesOffset > <u64>size || namesSize > <u64>size - namesOffset) return 0;
  setWord(program, layout.READ_SECTION_HEADERS, <u32>headers);
  setWord(program, layout.READ_SECTION_COUNT, <u32>count);
  // Read again by readSections.
  setWord(program, layout.READ_INDEX, names);
  return headers;
}

/** Tables that are the linker's business alone; nobody asks for their names. */
function isLinkerTable(type: u32): bool {
  return (
    type == elf.SHT_NULL ||
    type == elf.SHT_SYMTAB ||
    type == elf.SHT_STRTAB ||
    type == elf.SHT_RELA ||
    type == elf.SHT_GROUP ||
    type == elf.SHT_SYMTAB_SHNDX ||
    type == elf.SHT_LLVM_ADDRSIG
  );
}

/** Reads the section headers; row `first` is the object's null section. */
function readSections(program: usize, headers: usize, count: u32, start: usize, size: u32, first: u32): u32 {
  const object = <u32>word(program, layout.OBJECT_COUNT);
  const noName = <u32>word(program, layout.NO_NAME);
  const objects = word(program, layout.SECTION_OBJECT);
  const names = word(program, layout.SECTION_NAME);
  const types = word(program, layout.SECTION_TYPE);
  const flags = word(program, layout.SECTION_FLAGS);
  const offsets = word(program, layout.SECTION_OFFSET);
  const sizes = word(program, layout.SECTION_SIZE);
  const inputSizes = word(program, layout.SECTION_INPUT_SIZE);
  const links = word(program, layout.SECTION_LINK);
  const infos = word(program, layout.SECTION_INFO);
  const aligns = word(program, layout.SECTION_ALIGN);
  const entsizes = word(program, layout.SECTION_ENTSIZE);
  const relocCounts = word(program, layout.SECTION_RELOC_COUNT);
  const roles = word(program, layout.SECTION_ROLE);
  const lives = word(program, layout.SECTION_LIVE);
  const table = word(program, layout.SECTION_NAMES);
  const outputs = word(program, layout.SECTION_OUTPUT);
  const edits = word(program, layout.SECTION_EDIT);
  const relocs = word(program, layout.SECTION_RELOCS);
  const namesHeader = headers + <u32>word(program, layout.READ_INDEX) * elf.SHDR_SIZE;
  const namesStart = start + <usize>load<u64>(namesHeader + 24);
  const namesSize = <u32>load<u64>(namesHeader + 32);
  const namesEnd = namesStart + namesSize;
  let compressed: u32 = 0;
  let groups: u32 = 0;
  setU32(objects, first, object);
  setU32(names, first, noName);
  setU32(types, first, elf.SHT_NULL);
  setU8(roles, first, elf.ROLE_IGNORED);
  setU8(lives, first, elf.LIVE_DEAD);
  setU32(outputs, first, 0xffffffff);
  setF64(sizes, first, 0);
  setU32(relocCounts, first, 0);
  for (let i: u32 = 1; i < count; i++) {
    const h = headers + i * elf.SHDR_SIZE;
    const s = first + i;
    const type = load<u32>(h + 4);
    const ours = isLinkerTable(type);
    let name = noName;
    if (!ours) {
      const at = load<u32>(h);
      if (at >= namesSize) return wrong(program, layout.READ_BAD_SECTION, i);
      name = internName(table, namesStart + at, namesEnd);
      if (<i32>name < 0) return wrong(program, layout.READ_BAD_SECTION, i);
    }
    const from = load<u64>(h + 24);
    const length = load<u64>(h + 32);
    const align = load<u64>(h + 48);
    if (load<u32>(h + 12) != 0 || type == elf.SHT_REL || length > <u64>layout.MAX_SECTION)
      return wrong(program, layout.READ_BAD_SECTION, i);
    if (align > <u64>layout.MAX_ALIGN || (align & (align - 1)) != 0) return wrong(program, layout.READ_BAD_SECTION, i);
    const stored = type != elf.SHT_NOBITS && type != elf.SHT_NULL;
    if (stored && (from > <u64>size || length > <u64>size - from)) return wrong(program, layout.READ_BAD_SECTION, i);
    setU32(objects, s, object);
    setU32(names, s, name);
    setU32(types, s, type);
    const bits = load<u32>(h + 8);
    setU32(flags, s, bits);
    setU32(offsets, s, <u32>(start + <usize>from));
    setF64(sizes, s, <f64>length);
    setF64(inputSizes, s, <f64>length);
    setU32(links, s, load<u32>(h + 40));
    setU32(infos, s, load<u32>(h + 44));
    setU32(aligns, s, align == 0 ? 1 : <u32>align);
    setF64(entsizes, s, <f64>load<u64>(h + 56));
    setU32(relocCounts, s, 0);
    setU32(relocs, s, 0);
    setU32(outputs, s, 0xffffffff);
    setU32(edits, s, 0);
    setU8(lives, s, elf.LIVE_DEAD);
    setU8(roles, s, ours ? elf.ROLE_IGNORED : elf.ROLE_REGULAR);
    if ((bits & elf.SHF_COMPRESSED) != 0) compressed++;
    if (type == elf.SHT_GROUP) groups++;
  }
  setWord(program, layout.READ_HAS_GROUPS, groups);
  return compressed == 0 ? layout.READ_DONE : layout.READ_COMPRESSED;
}

/** Index of the first section of `type` in rows [from, to), or `to`. */
export function findSection(program: usize, from: u32, to: u32, type: u32): u32 {
  const types = word(program, layout.SECTION_TYPE);
  let s = from;
  while (s < to && getU32(types, s) != type) s++;
  return s;
}

/** Finds the object's symbol table, its names and its extended indices; false when one of them is wrong. */
function readSymbolTable(program: usize, first: u32, last: u32): bool {
  const sizes = word(program, layout.SECTION_SIZE);
  const offsets = word(program, layout.SECTION_OFFSET);
  const links = word(program, layout.SECTION_LINK);
  const section = findSection(program, first + 1, last, elf.SHT_SYMTAB);
  setWord(program, layout.READ_SYMTAB, 0);
  setWord(program, layout.READ_SYMBOL_COUNT, 0);
  setWord(program, layout.READ_FIRST_GLOBAL, 0);
  setWord(program, layout.READ_STRTAB, 0);
  setWord(program, layout.READ_STRTAB_END, 0);
  setWord(program, layout.READ_EXTENDED, 0);
  setWord(program, layout.READ_SYMTAB_SECTION, 0xffffffff);
  if (section == last) return true;
  if (findSection(program, section + 1, last, elf.SHT_SYMTAB) != last) return false;
  const size = <u32>getF64(sizes, section);
  const count = size / elf.SYM_SIZE;
  if (getF64(word(program, layout.SECTION_ENTSIZE), section) != <f64>elf.SYM_SIZE || size % elf.SYM_SIZE != 0)
    return false;
  const firstGlobal = getU32(word(program, layout.SECTION_INFO), section);
  const strings = getU32(links, section);
  if (firstGlobal > count || strings == 0 || strings >= last - first) return false;
  if (getU32(word(program, layout.SECTION_TYPE), first + strings) != elf.SHT_STRTAB) return false;
  const extended = findSection(program, first + 1, last, elf.SHT_SYMTAB_SHNDX);
  if (extended < last) {
    if (getU32(links, extended) != section - first || getF64(sizes, extended) < <f64>count * 4) return false;
    setWord(program, layout.READ_EXTENDED, getU32(offsets, extended));
  }
  const strtab = getU32(offsets, first + strings);
  setWord(program, layout.READ_SYMTAB_SECTION, section - first);
  setWord(program, layout.READ_SYMTAB, getU32(offsets, section));
  setWord(program, layout.READ_SYMBOL_COUNT, count);
  setWord(program, layout.READ_FIRST_GLOBAL, firstGlobal);
  setWord(program, layout.READ_STRTAB, strtab);
  setWord(program, layout.READ_STRTAB_END, strtab + <u32>getF64(sizes, first + strings));
  return true;
}

/**
 * Checks the symbol table: sections exist, locals come first. Returns how many symbols there are, or the index of the
 * first that is wrong.
 */
function checkSymbols(program: usize, sections: u32): u32 {
  const symtab = word(program, layout.READ_SYMTAB);
  const count = <u32>word(program, layout.READ_SYMBOL_COUNT);
  const firstGlobal = <u32>word(program, layout.READ_FIRST_GLOBAL);
  const extended = word(program, layout.READ_EXTENDED);
  let ifunc: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = symtab + i * elf.SYM_SIZE;
    const index = <u32>load<u16>(at + 6);
    const info = <u32>load<u8>(at + 4);
    if (index == elf.SHN_XINDEX && extended != 0) {
      if (getU32(extended, i) >= sections) return i;
    } else if (index >= sections && (index < elf.SHN_LORESERVE || index == elf.SHN_XINDEX)) {
      return i;
    }
    const local = i < firstGlobal;
    if (i > 0 && (info >> 4 == elf.STB_LOCAL) != local) return i;
    if (local && i > 0 && (info & 15) == elf.STT_GNU_IFUNC) ifunc = 1;
  }
  setWord(program, layout.READ_HAS_LOCAL_IFUNC, ifunc);
  return count;
}

/** Notes with each section where its relocations lie. Returns `first + count`, or the first row that is wrong. */
function attachRelocations(program: usize, first: u32, count: u32, symtab: u32): u32 {
  const types = word(program, layout.SECTION_TYPE);
  const sizes = word(program, layout.SECTION_SIZE);
  const infos = word(program, layout.SECTION_INFO);
  const links = word(program, layout.SECTION_LINK);
  const entsizes = word(program, layout.SECTION_ENTSIZE);
  const offsets = word(program, layout.SECTION_OFFSET);
  const relocs = word(program, layout.SECTION_RELOCS);
  const relocCounts = word(program, layout.SECTION_RELOC_COUNT);
  const end = first + count;
  for (let s = first + 1; s < end; s++) {
    if (getU32(types, s) != elf.SHT_RELA) continue;
    // A size of over 2^32 was refused: relocations lie in their file.
    const size = <u32>getF64(sizes, s);
    const info = getU32(infos, s);
    const target = first + info;
    if (getF64(entsizes, s) != <f64>elf.RELA_SIZE || size % elf.RELA_SIZE != 0) return s;
    if (info == 0 || info >= count || isLinkerTable(getU32(types, target))) return s;
    if (size == 0) continue;
    if (first + getU32(links, s) != symtab) return s;
    if (getU32(relocCounts, target) != 0 || getU32(types, target) == elf.SHT_NOBITS) return s;
    setU32(relocs, target, getU32(offsets, s));
    setU32(relocCounts, target, size / elf.RELA_SIZE);
  }
  return end;
}

/** Whether the name of `length` bytes at `at` starts with `text` (ASCII). */
function startsWith(at: usize, length: u32, text: string): bool {
  const count = <u32>text.length;
  if (length < count) return false;
  const from = changetype<usize>(text);
  for (let i: u32 = 0; i < count; i++) if (<u16>load<u8>(at + i) != load<u16>(from + (i << 1))) return false;
  return true;
}

/** What a section's name alone says of its role. */
function classify(names: usize, id: u32): u32 {
  const at = getU32(word(names, layout.NAMES_OFFSET), id);
  const length = getU32(word(names, layout.NAMES_LENGTH), id);
  if (length < 7 || load<u8>(at) != 0x2e) return elf.NAME_PLAIN;
  if (length == 9 && startsWith(at, length, '.eh_frame')) return elf.NAME_EH_FRAME;
  if (length == 9 && startsWith(at, length, '.llvm.lto')) return elf.NAME_IGNORED;
  if (length == 13 && startsWith(at, length, '.llvm_addrsig')) return elf.NAME_IGNORED;
  if (length == 15 && startsWith(at, length, '.note.GNU-stack')) return elf.NAME_IGNORED;
  if (startsWith(at, length, '.debug_') || startsWith(at, length, '.zdebug_')) return elf.NAME_DEBUG;
  if (startsWith(at, length, '.gnu.lto_') || startsWith(at, length, '.gnu.warning')) return elf.NAME_IGNORED;
  if (startsWith(at, length, '.gnu.linkonce.')) return elf.NAME_LINK_ONCE;
  return elf.NAME_PLAIN;
}

/** Gives sections in rows [from, to) their role and life. */
function assignRoles(program: usize, from: u32, to: u32): void {
  const stripDebug = word(program, layout.STRIP_DEBUG) != 0;
  const types = word(program, layout.SECTION_TYPE);
  const flags = word(program, layout.SECTION_FLAGS);
  const names = word(program, layout.SECTION_NAME);
  const sizes = word(program, layout.SECTION_SIZE);
  const entsizes = word(program, layout.SECTION_ENTSIZE);
  const relocCounts = word(program, layout.SECTION_RELOC_COUNT);
  const roles = word(program, layout.SECTION_ROLE);
  const lives = word(program, layout.SECTION_LIVE);
  const classes = word(program, layout.NAME_CLASSES);
  const sectionNames = word(program, layout.SECTION_NAMES);
  setWord(program, layout.READ_HAS_LINK_ONCE, 0);
  for (let s = from; s < to; s++) {
    if (getU8(roles, s) != elf.ROLE_REGULAR) continue;
    const bits = getU32(flags, s);
    const alloc = (bits & elf.SHF_ALLOC) != 0;
    let role = elf.ROLE_REGULAR;
    if ((bits & elf.SHF_EXCLUDE) != 0 && !alloc) {
      role = elf.ROLE_IGNORED;
    } else {
      const name = getU32(names, s);
      let kind = <u32>getU8(classes, name);
      if (kind == elf.NAME_UNSEEN) {
        kind = classify(sectionNames, name);
        setU8(classes, name, kind);
      }
      if (kind == elf.NAME_IGNORED || (kind == elf.NAME_DEBUG && stripDebug && !alloc)) {
        role = elf.ROLE_IGNORED;
      } else if (kind == elf.NAME_EH_FRAME && alloc) {
        role = elf.ROLE_EH_FRAME;
      } else if ((bits & (elf.SHF_MERGE | elf.SHF_WRITE)) == elf.SHF_MERGE) {
        const entsize = <u64>getF64(entsizes, s);
        const size = <u64>getF64(sizes, s);
        const plain = getU32(types, s) == elf.SHT_PROGBITS && getU32(relocCounts, s) == 0;
        if (plain && entsize > 0 && size > 0 && size % entsize == 0) role = elf.ROLE_MERGE;
      }
      if (kind == elf.NAME_LINK_ONCE) setWord(program, layout.READ_HAS_LINK_ONCE, 1);
    }
    setU8(roles, s, role);
    if (role != elf.ROLE_IGNORED) setU8(lives, s, elf.LIVE_LIVE);
  }
}

/**
 * Interns the names of the globals of the object that was read last, into its references from `refs` on. Returns
 * READ_DONE, or READ_BAD_NAME for a name that does not end or is empty.
 */
export function internGlobals(program: usize, refs: u32): u32 {
  const names = word(program, layout.SYMBOL_NAMES);
  const symtab = word(program, layout.READ_SYMTAB);
  const count = <u32>word(program, layout.READ_SYMBOL_COUNT);
  const strtab = word(program, layout.READ_STRTAB);
  const strtabEnd = word(program, layout.READ_STRTAB_END);
  let ref = word(program, layout.GLOBAL_REFS) + ((<usize>refs) << 2);
  for (let i = <u32>word(program, layout.READ_FIRST_GLOBAL); i < count; i++) {
    const offset = load<u32>(symtab + i * elf.SYM_SIZE);
    const start = strtab + offset;
    if (offset >= <u32>(strtabEnd - strtab) || load<u8>(start) == 0) return wrong(program, layout.READ_BAD_NAME, i);
    const id = internName(names, start, strtabEnd);
    if (id < 0) return wrong(program, layout.READ_BAD_NAME, i);
    store<u32>(ref, id);
    ref += 4;
  }
  return layout.READ_DONE;
}
