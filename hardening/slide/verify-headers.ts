/**
 * The part of verify.ts that compares what is not loaded: headers, symbols and all sections that no segment holds.
 */
import { hex, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile, ElfSection, ElfSegment } from '../../linker/elf-file.ts';
import { SHT_CASEMATE_SLIDE } from './codec.ts';
import { type Comparison, differs } from './comparison.ts';
import { encodePlacement } from './encode.ts';
import { fileBytes } from './file-bytes.ts';
import { unitAt } from './slide-info.ts';

/** Where an address of the base is in the slid image: undefined when nothing moves there. */
function whereIs({ info, address, placement }: Comparison, at: number): number | undefined {
  const { segments, text, units } = info;
  const inside = segments.findIndex(({ address: start, memorySize }) => at >= start && at < start + memorySize);
  const i =
    inside >= 0 ? inside : segments.findLastIndex(({ address: start, memorySize }) => at === start + memorySize);
  if (i < 0) return undefined;
  const offset = at - segments[i]!.address;
  if (i !== text) return address[i]! + offset;
  if (offset >= segments[i]!.memorySize) return address[i]! + placement.textSize;
  const unit = unitAt(units.offset, offset);
  return address[i]! + offset + placement.unitOffset[unit]! - units.offset[unit]!;
}

export function checkHeaders(comparison: Comparison): void {
  const { base, slid } = comparison;
  const [a, b] = [base.header, slid.header];
  const expect = (what: string, found: number | bigint, expected: number | bigint): void => {
    if (found !== expected) differs(comparison, `${what} is ${hex(found)}, expected ${hex(expected)}`);
  };
  if (Buffer.compare(a.ident, b.ident) !== 0) differs(comparison, 'e_ident is another');
  for (const field of ['type', 'machine', 'version', 'flags', 'nameTable'] as const)
    expect(`e_${field}`, b[field], a[field]);
  expect('the entry', b.entry, BigInt(whereIs(comparison, Number(a.entry)) ?? Number(a.entry)));
  expect('e_phoff', b.programHeadersOffset, comparison.place(a.programHeadersOffset));
  expect('e_shoff', b.sectionHeadersOffset, comparison.place(a.sectionHeadersOffset));
  expect('the number of program headers', slid.segments.length, base.segments.length);
  expect('the number of sections', slid.sections.length, base.sections.length);
  base.segments.forEach((segment, i) => {
    if (segment.type !== elf.PT_LOAD || segment.memorySize === 0)
      checkSegment(comparison, i, segment, slid.segments[i]!);
    else if (slid.segments[i]!.type !== elf.PT_LOAD) differs(comparison, `program header ${i} is no PT_LOAD`);
  });
  base.sections.forEach((section, i) => {
    checkSection(comparison, i, section, slid.sections[i]!);
  });
}

/** Notes, thread-local storage, RELRO and the like lie where the same bytes of their segment are. */
function checkSegment(comparison: Comparison, i: number, a: ElfSegment, b: ElfSegment): void {
  const { info, address, header, base, slid, place } = comparison;
  const what = `program header ${i}`;
  for (const field of ['type', 'flags', 'fileSize', 'memorySize', 'align'] as const) {
    if (a[field] !== b[field]) differs(comparison, `${what}: ${field} is ${hex(b[field])}, expected ${hex(a[field])}`);
  }
  const start = Number(a.address);
  const used = a.memorySize > 0 || a.fileSize > 0;
  const home = info.segments.findIndex(({ address, memorySize }) => start >= address && start <= address + memorySize);
  const expected = used && start !== 0 && home >= 0 ? BigInt(whereIs(comparison, start)!) : a.address;
  if (b.address !== expected) differs(comparison, `${what} is at ${hex(b.address)}, expected ${hex(expected)}`);
  if (b.loadAddress - b.address !== a.loadAddress - a.address) differs(comparison, `${what} has another load address`);
  const holder = a.fileSize > 0 && home >= 0 ? slid.segments[header[home]!]! : undefined;
  const offset = holder ? holder.offset + (Number(b.address) - address[home]!) : place(a.offset);
  if (!holder && Buffer.compare(bytesOf(base, a), bytesOf(slid, b)) !== 0)
    differs(comparison, `${what} has other bytes`);
  if (b.offset !== offset) differs(comparison, `${what} is at ${hex(b.offset)} in the file, expected ${hex(offset)}`);
}

function bytesOf(file: ElfFile, { offset, fileSize }: ElfSegment): Uint8Array {
  return fileBytes(file).subarray(offset, offset + fileSize);
}

function checkSection(comparison: Comparison, i: number, a: ElfSection, b: ElfSection): void {
  const { info, address, header, slid, place } = comparison;
  const what = `section ${i} (${printable(a.name)})`;
  for (const field of ['type', 'flags', 'link', 'info', 'align', 'entsize', 'nameOffset'] as const) {
    if (a[field] !== b[field]) differs(comparison, `${what}: ${field} is ${hex(b[field])}, expected ${hex(a[field])}`);
  }
  if ((a.flags & elf.SHF_ALLOC) === 0) {
    if (b.offset !== place(a.offset)) differs(comparison, `${what} is elsewhere in the file`);
    if (a.address !== b.address) differs(comparison, `${what} has another address`);
    if (a.type === SHT_CASEMATE_SLIDE) {
      // One form only, and no padding.
      if (Buffer.compare(b.data, encodePlacement(comparison.placement)) !== 0)
        differs(comparison, `${what} is not as a slide writes it`);
      return;
    }
    if (a.type === elf.SHT_SYMTAB) checkSymbols(comparison, what, a, b);
    else if (a.size !== b.size || Buffer.compare(a.data, b.data) !== 0)
      differs(comparison, `${what} has other contents`);
    return;
  }
  const { units, text, segments } = info;
  const code = segments[text]!;
  const within = Number(a.address) - code.address;
  const first = units.offset.length - units.trailing;
  const main = within >= 0 && within < code.memorySize && a.size > 0;
  const own = main ? unitAt(units.offset, within) : -1;
  const grows = main && own >= units.pinned && own < first;
  let size = a.size;
  let expected: number | undefined;
  if (grows) {
    size =
      Math.max(...Array.from({ length: first - units.pinned }, (_, n) => endOf(comparison, n + units.pinned))) - within;
    expected = address[text]! + within;
  } else {
    const tls = comparison.base.segments.find(({ type }) => type === elf.PT_TLS);
    const tbss = a.type === elf.SHT_NOBITS && (a.flags & elf.SHF_TLS) !== 0 && tls;
    const anchor = tbss ? Number(tls.address) : Number(a.address);
    const moved = whereIs(comparison, anchor);
    expected = moved === undefined ? undefined : moved + Number(a.address) - anchor;
  }
  if (b.size !== size) differs(comparison, `${what} has ${b.size} bytes, expected ${size}`);
  if (Number(b.address) !== (expected ?? Number(a.address))) {
    differs(comparison, `${what} is at ${hex(b.address)}, expected ${hex(expected ?? a.address)}`);
  }
  // Its bytes were compared where they are loaded; it must not show others.
  const holder = header.map((index) => slid.segments[index]!).find((segment) => holds(segment, b));
  const offset = holder && b.data.length > 0 ? holder.offset + Number(b.address - holder.address) : place(a.offset);
  if (b.offset !== offset) differs(comparison, `${what} is at ${hex(b.offset)} in the file, expected ${hex(offset)}`);
  if (!holder && Buffer.compare(a.data, b.data) !== 0) differs(comparison, `${what} has other contents`);
}

function endOf({ placement, info }: Comparison, unit: number): number {
  return placement.unitOffset[unit]! + info.units.size[unit]!;
}

function holds(segment: ElfSegment, section: ElfSection): boolean {
  return section.address >= segment.address && section.address < segment.address + BigInt(segment.memorySize);
}

function checkSymbols(comparison: Comparison, what: string, a: ElfSection, b: ElfSection): void {
  const { base, slid } = comparison;
  if (a.size !== b.size) differs(comparison, `${what} has ${b.size} bytes, expected ${a.size}`);
  const [old, now] = [a, b].map(({ data }) => new DataView(data.buffer, data.byteOffset, data.byteLength)) as [
    DataView,
    DataView,
  ];
  // No symbol, but bytes all the same.
  const odd = a.size - (a.size % elf.SYM_SIZE);
  if (Buffer.compare(a.data.subarray(odd), b.data.subarray(odd)) !== 0) differs(comparison, `${what} ends otherwise`);
  for (let at = 0; at < odd; at += elf.SYM_SIZE) {
    const index = old.getUint16(at + 6, true);
    const type = old.getUint8(at + 4) & 15;
    const value = old.getBigUint64(at + 8, true);
    const placed =
      index !== elf.SHN_UNDEF &&
      type !== elf.STT_TLS &&
      type !== elf.STT_FILE &&
      (index < elf.SHN_LORESERVE
        ? ((base.sections[index]?.flags ?? 0) & elf.SHF_ALLOC) !== 0
        : index === elf.SHN_XINDEX);
    const moved = !placed
      ? value
      : type === elf.STT_SECTION && index < elf.SHN_LORESERVE
        ? slid.sections[index]!.address
        : BigInt(whereIs(comparison, Number(value)) ?? value);
    const found = now.getBigUint64(at + 8, true);
    const same =
      old.getBigUint64(at, true) === now.getBigUint64(at, true) &&
      old.getBigUint64(at + 16, true) === now.getBigUint64(at + 16, true);
    if (!same || found !== moved) {
      differs(comparison, `${what}: symbol ${at / elf.SYM_SIZE} is ${hex(found)}, expected ${hex(moved)}`);
    }
  }
}
