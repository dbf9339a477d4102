/**
 * Assembles the ELF file: headers, sections, symbol tables.
 *
 * Section contents are written in place by the phases before; here the non-loaded tables are appended and all headers
 * are filled in. Nothing depends on anything but the layout, so equal inputs give equal bytes.
 * Source: gABI chapters 4 and 5.
 */
import { fail } from '../base/errors.ts';
import * as elf from './elf.ts';
import type { OutputSection, Segment } from './image.ts';

export interface ImageParts {
  readonly elfMachine: number;
  readonly fileType: number;
  /** EI_OSABI: 0 (System V), or 3 when GNU's symbol extensions are used. */
  readonly osAbi: number;
  readonly entry: number;
  readonly flags: number;
  readonly segments: readonly Segment[];
  /** In header order; each has its final offset. */
  readonly sections: readonly OutputSection[];
  readonly sectionHeadersOffset: number;
}

/** A string table built by hand: names in order, each once. */
export function buildStringTable(names: readonly string[]): { bytes: Uint8Array; offsets: Map<string, number> } {
  const offsets = new Map<string, number>([['', 0]]);
  const chunks: Buffer[] = [Buffer.from([0])];
  let size = 1;
  for (const name of names) {
    if (offsets.has(name)) continue;
    offsets.set(name, size);
    const chunk = Buffer.from(`${name}\0`, 'utf8');
    chunks.push(chunk);
    size += chunk.length;
  }
  return { bytes: Buffer.concat(chunks), offsets };
}

/** Writes the ELF header, program headers and section headers into `file`. */
export function writeHeaders(file: Uint8Array, parts: ImageParts, nameOffsets: ReadonlyMap<string, number>): void {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const count = parts.sections.length + 1;
  if (count >= elf.SHN_LORESERVE)
    fail('limit', `the output would have ${count} sections, more than ELF's ${elf.SHN_LORESERVE - 1}`);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, parts.osAbi], 0);
  view.setUint16(16, parts.fileType, true);
  view.setUint16(18, parts.elfMachine, true);
  view.setUint32(20, 1, true);
  elf.write64(view, 24, parts.entry);
  elf.write64(view, 32, parts.segments.length > 0 ? elf.EHDR_SIZE : 0);
  elf.write64(view, 40, parts.sectionHeadersOffset);
  view.setUint32(48, parts.flags, true);
  view.setUint16(52, elf.EHDR_SIZE, true);
  view.setUint16(54, elf.PHDR_SIZE, true);
  view.setUint16(56, parts.segments.length, true);
  view.setUint16(58, elf.SHDR_SIZE, true);
  view.setUint16(60, count, true);
  view.setUint16(62, count - 1, true);
  parts.segments.forEach((segment, i) => {
    writeSegment(view, elf.EHDR_SIZE + i * elf.PHDR_SIZE, segment);
  });
  parts.sections.forEach((section, i) => {
    writeSection(
      view,
      parts.sectionHeadersOffset + (i + 1) * elf.SHDR_SIZE,
      section,
      nameOffsets.get(section.name) ?? 0,
    );
  });
}

function writeSegment(view: DataView, at: number, segment: Segment): void {
  view.setUint32(at, segment.type, true);
  view.setUint32(at + 4, segment.flags, true);
  elf.write64(view, at + 8, segment.offset);
  elf.write64(view, at + 16, segment.address);
  elf.write64(view, at + 24, segment.loadAddress);
  elf.write64(view, at + 32, segment.fileSize);
  elf.write64(view, at + 40, segment.memorySize);
  elf.write64(view, at + 48, segment.align);
}

function writeSection(view: DataView, at: number, section: OutputSection, name: number): void {
  view.setUint32(at, name, true);
  view.setUint32(at + 4, section.noload ? elf.SHT_NOBITS : section.type, true);
  elf.write64(view, at + 8, section.flags);
  elf.write64(view, at + 16, section.address);
  elf.write64(view, at + 24, section.fileOffset);
  elf.write64(view, at + 32, section.size);
  view.setUint32(at + 40, section.link?.index ?? 0, true);
  view.setUint32(at + 44, section.infoSection?.index ?? section.info, true);
  elf.write64(view, at + 48, section.align);
  elf.write64(view, at + 56, section.entsize);
}
