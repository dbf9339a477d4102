/**
 * Headers after a move: program headers, section headers and the entry follow what they describe.
 *
 * Loaders want PT_LOADs by ascending address, so these are sorted among their places in the table. The main section of
 * code reaches from where it began to the end of its last unit; the others keep their size.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile, ElfSection, ElfSegment } from '../../linker/elf-file.ts';
import { type Moves, mapAddress, mapInSegment, segmentOf } from './moves.ts';
import { codeStart, unitAt } from './slide-info.ts';

/** `moved` has new contents and file offsets; `base` the old addresses. */
export function movedHeaders(moved: ElfFile, base: ElfFile, moves: Moves, name: string): ElfFile {
  const segments = sortLoads(moved.segments.map((segment, i) => movedSegment(segment, i, moved, moves, name)));
  const tls = base.segments.find(({ type }) => type === elf.PT_TLS);
  const home = tls ? segmentOf(moves.info, Number(tls.address)) : -1;
  const sections = moved.sections.map((section, i) => movedSection(section, i, base, moved, moves, home));
  const entry = BigInt(mapAddress(moves, Number(base.header.entry)));
  return { ...moved, header: { ...moved.header, entry }, segments, sections };
}

function sortLoads(segments: readonly ElfSegment[]): ElfSegment[] {
  const isLoad = ({ type, memorySize }: ElfSegment): boolean => type === elf.PT_LOAD && memorySize > 0;
  const loads = segments.filter(isLoad).sort((a, b) => (a.address < b.address ? -1 : 1));
  let next = 0;
  return segments.map((segment) => (isLoad(segment) ? loads[next++]! : segment));
}

function movedSegment(segment: ElfSegment, i: number, moved: ElfFile, moves: Moves, name: string): ElfSegment {
  const { info, layout } = moves;
  const own = info.segments.findIndex(({ index }) => index === i);
  const at = (address: number): ElfSegment => {
    const delta = BigInt(address) - segment.address;
    return { ...segment, address: BigInt(address), loadAddress: segment.loadAddress + delta };
  };
  if (own >= 0) {
    const size = own === info.text ? { fileSize: layout.textSize, memorySize: layout.textSize } : {};
    return { ...at(layout.segmentAddress[own]!), ...size };
  }
  // Nothing is where a header without size points (PT_GNU_STACK).
  if (segment.type === elf.PT_LOAD || (segment.memorySize === 0 && segment.fileSize === 0)) return segment;
  const start = Number(segment.address);
  const home = segmentOf(info, start);
  if (home < 0 || segment.address === 0n) return segment;
  const { address, memorySize, index } = info.segments[home]!;
  // RELRO is rounded up to its page.
  const spare = segment.type === elf.PT_GNU_RELRO || segment.type === elf.PT_TLS ? 0x200000 : 0;
  if (start + segment.memorySize > address + memorySize + spare) {
    fail('malformed-elf', `${printable(name)}: program header ${i} at ${hex(start)} reaches out of its segment`);
  }
  const to = mapInSegment(moves, home, start);
  if (home !== info.text) return at(to);
  const within = to - layout.segmentAddress[home]!;
  return { ...at(to), offset: moved.segments[index]!.offset + within };
}

function movedSection(
  section: ElfSection,
  i: number,
  base: ElfFile,
  moved: ElfFile,
  moves: Moves,
  tlsHome: number,
): ElfSection {
  const { info, layout } = moves;
  if ((section.flags & elf.SHF_ALLOC) === 0) return section;
  const address = Number(base.sections[i]!.address);
  const isTbss = section.type === elf.SHT_NOBITS && (section.flags & elf.SHF_TLS) !== 0;
  const home = isTbss && tlsHome >= 0 ? tlsHome : segmentOf(info, address);
  if (home < 0) return section;
  if (home !== info.text) return { ...section, address: BigInt(address + moves.segment[home]!) };
  const { units, segments } = info;
  const code = segments[info.text]!;
  const start = layout.segmentAddress[info.text]!;
  const { offset } = moved.segments[code.index]!;
  const within = address - code.address;
  const first = units.offset.length - units.trailing;
  const place = (at: number, size: number): ElfSection => {
    const bytes = moved.header.ident;
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset + offset + at, size);
    return { ...section, address: BigInt(start + at), offset: offset + at, size, data };
  };
  if (section.size === 0) return { ...section, address: BigInt(mapInSegment(moves, info.text, address)) };
  if (within + section.size <= codeStart(units)) return place(within, section.size);
  const unit = unitAt(units.offset, within);
  if (unit >= first) return place(within + moves.unit[unit]!, section.size);
  // The last in order of those that move, but for the trailing ones, which come behind all others.
  const last = moves.order.subarray(0, first).findLast((u) => u >= units.pinned);
  const end = last === undefined ? within : Math.max(within, layout.unitOffset[last]! + units.size[last]!);
  return place(within, end - within);
}
