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

/** Fails unless `address` is a word that a relocation may change. */
function checkPlace(file: ElfFile, address: number, where: string): void {
  const segment = file.segments.find(
    ({ type, address: start, memorySize }) =>
      type === elf.PT_LOAD && Number(start) <= address && address + 8 <= Number(start) + memorySize,
  );
  if (segment === undefined || address % 8 !== 0)
    fail('image', `${where}: a relocation changes ${hex(address)}, which is not an aligned word of the program`);
  if ((segment.flags & elf.PF_X) !== 0)
    fail('image', `${where}: a relocation changes code at ${hex(address)}; compile it position independent (-fPIE)`);
}

function checkRela(file: ElfFile, bytes: Uint8Array, { address, count }: Table, where: string): void {
  const view = loaded(file, bytes, address, count * 24, `${where}: RELA relocations`);
  for (let i = 0; i < count; i++) {
    const type = view.getUint32(24 * i + 8, true);
    if (type === R_RISCV_NONE) continue;
    if (type !== R_RISCV_RELATIVE)
      fail('image', `${where}: relocation ${i} is of type ${type}; a static program has RELATIVE (3) alone`);
    checkPlace(file, elf.readUnsigned64(view, 24 * i), where);
  }
}

function checkRelr(file: ElfFile, bytes: Uint8Array, { address, count }: Table, where: string): void {
  const view = loaded(file, bytes, address, count * 8, `${where}: RELR relocations`);
  let next: number | undefined;
  for (let i = 0; i < count; i++) {
    const word = view.getBigUint64(8 * i, true);
    if ((word & 1n) === 0n) {
      checkPlace(file, Number(word), where);
      next = Number(word) + 8;
      continue;
    }
    if (next === undefined) fail('image', `${where}: RELR relocations begin without an address`);
    for (let bit = 1; bit < 64; bit++) {
      if ((word >> BigInt(bit)) & 1n) checkPlace(file, next + 8 * (bit - 1), where);
    }
    next += 63 * 8;
  }
}

/** A program's relocations. `where` is its printable name. Errors: 'image'. */
export function readRelocations(file: ElfFile, bytes: Uint8Array, where: string): Relocations {
  const tables = findTables(file, bytes, where);
  if (tables.rela.count > 0) checkRela(file, bytes, tables.rela, where);
  if (tables.relr.count > 0) checkRelr(file, bytes, tables.relr, where);
  return tables;
}
