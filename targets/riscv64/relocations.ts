/**
 * The relocations that a position-independent program brings for whoever loads it, checked one by one.
 *
 * At start-up nothing can be refused in a way that helps, so everything that the stub will do without looking is looked
 * at here: each entry must be RELATIVE (or nothing), and the eight bytes that it changes must be aligned, in the program,
 * and in memory that is not execute-only.
 * Sources: gABI chapter 5 "Dynamic Section"; RISC-V psABI 1.0 chapter 8.4; the RELR proposal in gABI (SHT_RELR).
 */
import { fail, hex } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';

const R_RISCV_NONE = 0;
const R_RISCV_RELATIVE = 3;

export interface Table {
  readonly address: number;
  readonly count: number;
}

export interface Relocations {
  /** Entries of 24 bytes. */
  readonly rela: Table;
  /** Words of 8 bytes. */
  readonly relr: Table;
}

const none: Table = { address: 0, count: 0 };

/** The file's bytes for `size` bytes of memory at `address`; fails when the file does not hold them. */
function loaded(file: ElfFile, bytes: Uint8Array, address: number, size: number, what: string): DataView {
  const segment = file.segments.find(
    ({ type, address: start, fileSize }) =>
      type === elf.PT_LOAD && Number(start) <= address && address + size <= Number(start) + fileSize,
  );
  if (segment === undefined)
    return fail('image', `${what}: ${size} bytes at ${hex(address)} are not loaded from the file`);
  return new DataView(bytes.buffer, bytes.byteOffset + segment.offset + address - Number(segment.address), size);
}

/** Tags of the dynamic section; undefined without one. */
function dynamicTags(file: ElfFile, bytes: Uint8Array): Map<number, number> | undefined {
  const dynamic = file.segments.find(({ type }) => type === elf.PT_DYNAMIC);
  if (dynamic === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + dynamic.offset, dynamic.fileSize);
  const tags = new Map<number, number>();
  for (let at = 0; at + 16 <= dynamic.fileSize; at += 16) {
    const tag = elf.readUnsigned64(view, at);
    if (tag === elf.DT_NULL) break;
    tags.set(tag, elf.readUnsigned64(view, at + 8));
  }
  return tags;
}

/** A table by its section, for images without a dynamic section. */
function tableOf(file: ElfFile, type: number, entry: number, where: string): Table {
  const found = file.sections.filter(
    (each) => each.type === type && (each.flags & elf.SHF_ALLOC) !== 0 && each.size > 0,
  );
  if (found.length > 1) fail('image', `${where}: has ${found.length} tables of dynamic relocations; one was expected`);
  const [section] = found;
  return section === undefined ? none : sized(Number(section.address), section.size, entry, where);
}

function sized(address: number, size: number, entry: number, where: string): Table {
  if (size % entry !== 0) fail('image', `${where}: a table of relocations has ${size} bytes, no multiple of ${entry}`);
  return size === 0 ? none : { address, count: size / entry };
}

function findTables(file: ElfFile, bytes: Uint8Array, where: string): Relocations {
  const tags = dynamicTags(file, bytes);
  if (tags === undefined)
    return { rela: tableOf(file, elf.SHT_RELA, 24, where), relr: tableOf(file, elf.SHT_RELR, 8, where) };
  const DT_NEEDED = 1;
  const DT_JMPREL = 23;
  if (tags.has(DT_NEEDED)) fail('image', `${where}: needs a shared library; link it statically (-static -pie)`);
  if (tags.has(DT_JMPREL)) fail('image', `${where}: has a procedure linkage table; link it statically (-static -pie)`);
  const table = (address: number, size: number, entry: number): Table =>
    sized(tags.get(address) ?? 0, tags.get(size) ?? 0, entry, where);
  return { rela: table(elf.DT_RELA, elf.DT_RELASZ, 24), relr: table(elf.DT_RELR, elf.DT_RELRSZ, 8) };
}

/** Fails unless a relocation may change the word at an address: given for each address in turn. */
type CheckPlace = (address: number) => void;

function placeChecker(file: ElfFile, { rela, relr }: Relocations, where: string): CheckPlace {
  const tables = [
    { start: rela.address, end: rela.address + 24 * rela.count },
    { start: relr.address, end: relr.address + 8 * relr.count },
  ];
  const loads = file.segments
    .filter(({ type }) => type === elf.PT_LOAD)
    .map(({ address, memorySize, flags }) => ({ start: Number(address), end: Number(address) + memorySize, flags }));
  return (address) => {
    if (address % 8 !== 0 || !loads.some(({ start, end }) => start <= address && address + 8 <= end))
      fail('image', `${where}: a relocation changes ${hex(address)}, which is not an aligned word of the program`);
    const touches = ({ start, end }: { readonly start: number; readonly end: number }): boolean =>
      address < end && start < address + 8;
    if (loads.some((load) => touches(load) && (load.flags & elf.PF_X) !== 0))
      fail('image', `${where}: a relocation changes code at ${hex(address)}; compile it position independent (-fPIE)`);
    if (tables.some(touches))
      fail('image', `${where}: a relocation changes the tables of relocations, at ${hex(address)}; link it again`);
  };
}

function checkRela(view: DataView, count: number, where: string, checkPlace: CheckPlace): void {
  for (let i = 0; i < count; i++) {
    const type = view.getUint32(24 * i + 8, true);
    if (type === R_RISCV_NONE) continue;
    if (type !== R_RISCV_RELATIVE)
      fail('image', `${where}: relocation ${i} is of type ${type}; a static program has RELATIVE (3) alone`);
    checkPlace(elf.readUnsigned64(view, 24 * i));
  }
}

function checkRelr(view: DataView, count: number, where: string, checkPlace: CheckPlace): void {
  let next: number | undefined;
  for (let i = 0; i < count; i++) {
    const word = view.getBigUint64(8 * i, true);
    if ((word & 1n) === 0n) {
      checkPlace(Number(word));
      next = Number(word) + 8;
      continue;
    }
    if (next === undefined) fail('image', `${where}: RELR relocations begin without an address`);
    for (let bit = 1; bit < 64; bit++) {
      if ((word >> BigInt(bit)) & 1n) checkPlace(next + 8 * (bit - 1));
    }
    next += 63 * 8;
  }
}

/** A program's relocations. `where` is its printable name. Errors: 'image'. */
export function readRelocations(file: ElfFile, bytes: Uint8Array, where: string): Relocations {
  const tables = findTables(file, bytes, where);
  const { rela, relr } = tables;
  const checkPlace = placeChecker(file, tables, where);
  if (rela.count > 0)
    checkRela(
      loaded(file, bytes, rela.address, rela.count * 24, `${where}: RELA relocations`),
      rela.count,
      where,
      checkPlace,
    );
  if (relr.count > 0)
    checkRelr(
      loaded(file, bytes, relr.address, relr.count * 8, `${where}: RELR relocations`),
      relr.count,
      where,
      checkPlace,
    );
  return tables;
}
