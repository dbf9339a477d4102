/**
 * Edits .eh_frame and describes it for .eh_frame_hdr.
 *
 * Exception tables are a list of records: common ones (CIE) and one for each function (FDE). A record whose function
 * was dropped (a duplicate COMDAT, a section collected as garbage) must go too, or it would describe address 0; equal
 * CIEs are kept once; a zero terminator may stand only at the very end. Each input section keeps its place and is
 * merely compacted, so addresses and relocations of what remains follow a list of pieces.
 * Sources: Linux Standard Base 5.0, "Exception Frames"; DWARF 5 section 6.4.1.
 */
import { fail, printable } from '../base/errors.ts';
import { RELA_SIZE, readSigned64 } from './elf.ts';
import { nameText } from './names.ts';
import { Live, type Program, placeText, Role, sectionContents } from './program.ts';
import { symbolSection } from './read-object.ts';

/** Records of one input section, in order; offsets are within the section, before and after compaction. */
export interface EhPieces {
  readonly section: number;
  readonly count: number;
  readonly inputOffset: Uint32Array;
  readonly size: Uint32Array;
  /** Offset after compaction; 0xffffffff when dropped. */
  readonly outputOffset: Uint32Array;
  /** For an FDE: index of its CIE piece in this section; -1 for a CIE. */
  readonly cie: Int32Array;
  /** First relocation of the piece, as index into the section's relocations. */
  readonly firstReloc: Uint32Array;
  /** For a duplicate CIE: section and piece of the one kept. */
  readonly sameSection: Int32Array;
  readonly samePiece: Int32Array;
}

export const DROPPED = 0xffffffff;

/** Splits an .eh_frame section into records; relocations must be in order of offset, as assemblers emit them. */
export function splitEhFrame(program: Program, section: number): EhPieces {
  const bytes = sectionContents(program, section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets: number[] = [];
  const sizes: number[] = [];
  const cies: number[] = [];
  const byOffset = new Map<number, number>();
  const where = (at: number) => placeText(program, section, at);
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) fail('malformed-elf', `${where(at)}: ${bytes.length - at} stray bytes at the end`);
    const length = view.getUint32(at, true);
    if (length === 0) {
      offsets.push(at);
      sizes.push(4);
      cies.push(-1);
      at += 4;
      continue;
    }
    if (length === 0xffffffff) fail('unsupported-input', `${where(at)}: 64-bit record length in .eh_frame`);
    if (length < 4 || at + 4 + length > bytes.length) {
      fail('malformed-elf', `${where(at)}: record of ${length} bytes does not fit the section (${bytes.length} bytes)`);
    }
    const id = view.getUint32(at + 4, true);
    let cie = -1;
    if (id !== 0) {
      cie = byOffset.get(at + 4 - id) ?? -1;
      if (cie < 0) fail('malformed-elf', `${where(at)}: no CIE at offset ${at + 4 - id}, to which this FDE points`);
    } else {
      byOffset.set(at, offsets.length);
    }
    offsets.push(at);
    sizes.push(4 + length);
    cies.push(cie);
    at += 4 + length;
  }
  const count = offsets.length;
  // One buffer for all columns: a link has thousands of these sections.
  const block = new Int32Array(count * 7 + 1);
  const column = (i: number) => block.subarray(i * count, (i + 1) * count);
  const unsigned = (i: number) => new Uint32Array(block.buffer, i * count * 4, count);
  return {
    section,
    count,
    inputOffset: filled(unsigned(0), offsets),
    size: filled(unsigned(1), sizes),
    outputOffset: unsigned(2),
    cie: filled(column(3), cies),
    sameSection: column(4).fill(-1),
    samePiece: column(5).fill(-1),
    firstReloc: assignRelocations(
      program,
      section,
      offsets,
      sizes,
      new Uint32Array(block.buffer, count * 24, count + 1),
    ),
  };
}

function filled<T extends Uint32Array | Int32Array>(column: T, values: readonly number[]): T {
  for (let i = 0; i < values.length; i++) column[i] = values[i]!;
  return column;
}

/** Index of each piece's first relocation, in `first` (one entry more than pieces). */
function assignRelocations(
  program: Program,
  section: number,
  offsets: readonly number[],
  sizes: readonly number[],
  first: Uint32Array,
): Uint32Array {
  const object = program.objects[program.sections.object[section]!]!;
  const base = program.sections.relocs[section]!;
  const count = program.sections.relocCount[section]!;
  let r = 0;
  let previous = -1;
  for (let i = 0; i < offsets.length; i++) {
    first[i] = r;
    const end = offsets[i]! + sizes[i]!;
    for (; r < count; r++) {
      const offset = object.view.getUint32(base + r * RELA_SIZE, true);
      if (offset < previous) {
        fail('unsupported-input', `${placeText(program, section)}: relocations are not in order of offset`);
      }
      if (offset >= end) break;
      previous = offset;
    }
  }
  if (r < count) {
    const offset = object.view.getUint32(base + r * RELA_SIZE, true);
    fail('malformed-elf', `${placeText(program, section, offset)}: relocation outside every record`);
  }
  first[offsets.length] = count;
  return first;
}

/** The section that an FDE describes (its first relocation's target), or -1 when it has no relocation there. */
function describedSection(program: Program, pieces: EhPieces, i: number): number {
  const r = pieces.firstReloc[i]!;
  if (r >= pieces.firstReloc[i + 1]!) return -1;
  const object = program.objects[program.sections.object[pieces.section]!]!;
  const at = program.sections.relocs[pieces.section]! + r * RELA_SIZE;
  // pc_begin is the field at offset 8 of an FDE.
  if (object.view.getUint32(at, true) !== pieces.inputOffset[i]! + 8) return -1;
  const symbol = object.view.getUint32(at + 12, true);
  if (symbol >= object.symbolCount) {
    fail('malformed-elf', `${placeText(program, pieces.section)}: relocation ${r} names symbol ${symbol}`);
  }
  if (symbol < object.firstGlobal) return symbolSection(object, symbol);
  return program.symbols.section[program.globalRefs[object.firstGlobalRef + symbol - object.firstGlobal]!]!;
}

/** What makes two CIEs equal: their bytes and what their relocations mean. */
function cieKey(program: Program, pieces: EhPieces, i: number): string {
  const bytes = sectionContents(program, pieces.section);
  const from = pieces.inputOffset[i]!;
  let key = Buffer.from(bytes.buffer, bytes.byteOffset + from, pieces.size[i]!).toString('latin1');
  const object = program.objects[program.sections.object[pieces.section]!]!;
  for (let r = pieces.firstReloc[i]!; r < pieces.firstReloc[i + 1]!; r++) {
    const at = program.sections.relocs[pieces.section]! + r * RELA_SIZE;
    const symbol = object.view.getUint32(at + 12, true);
    const global = symbol >= object.firstGlobal && symbol < object.symbolCount;
    const target = global
      ? nameText(program.symbols.names, program.globalRefs[object.firstGlobalRef + symbol - object.firstGlobal]!)
      : `${object.index}:${symbol}`;
    const offset = object.view.getUint32(at, true) - from;
    key += `|${offset}:${object.view.getUint32(at + 8, true)}:${target}:${readSigned64(object.view, at + 16)}`;
  }
  return key;
}

/**
 * Compacts the .eh_frame input sections in their output order: sets `outputOffset` of every piece and the sections'
 * sizes in the section table. Sections that end up empty stay, with size 0.
 */
export function compactEhFrames(program: Program, ordered: readonly number[]): Map<number, EhPieces> {
  const t = program.sections;
  const kept = new Map<string, { section: number; piece: number }>();
  const all = ordered.map((section) => splitEhFrame(program, section));
  const lastWithBytes = all.findLastIndex((pieces) => pieces.count > 0);
  all.forEach((pieces, position) => {
    const needed = new Uint8Array(pieces.count);
    for (let i = 0; i < pieces.count; i++) {
      const cie = pieces.cie[i]!;
      if (cie < 0) continue;
      const described = describedSection(program, pieces, i);
      if (described >= 0 && t.live[described] === Live.Live) {
        needed[i] = 1;
        needed[cie] = 1;
      }
    }
    let out = 0;
    for (let i = 0; i < pieces.count; i++) {
      pieces.outputOffset[i] = DROPPED;
      if (pieces.size[i] === 4) {
        // A terminator: only the one at the very end may stay.
        if (position !== lastWithBytes || i !== pieces.count - 1) continue;
      } else if (!needed[i]) {
        continue;
      } else if (pieces.cie[i]! < 0) {
        const key = cieKey(program, pieces, i);
        const same = kept.get(key);
        if (same) {
          pieces.sameSection[i] = same.section;
          pieces.samePiece[i] = same.piece;
          continue;
        }
        kept.set(key, { section: pieces.section, piece: i });
      }
      pieces.outputOffset[i] = out;
      out += pieces.size[i]!;
    }
    t.size[pieces.section] = out;
    // No padding may stand between records, for it would read as a terminator.
    if (position > 0) t.align[pieces.section] = 1;
  });
  return new Map(all.map((pieces) => [pieces.section, pieces]));
}

/** Index of the piece that holds input offset `at`, or -1. */
export function pieceAt(pieces: EhPieces, at: number): number {
  let low = 0;
  let high = pieces.count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const from = pieces.inputOffset[middle]!;
    if (at < from) high = middle - 1;
    else if (at >= from + pieces.size[middle]!) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** Offset after compaction of input offset `at`; a dropped piece maps to where it would have stood. */
export function ehOutputOffset(pieces: EhPieces, at: number): number {
  const i = pieceAt(pieces, at);
  if (i < 0) return at === 0 ? 0 : endOf(pieces);
  if (pieces.outputOffset[i] !== DROPPED) return pieces.outputOffset[i]! + (at - pieces.inputOffset[i]!);
  for (let j = i + 1; j < pieces.count; j++) if (pieces.outputOffset[j] !== DROPPED) return pieces.outputOffset[j]!;
  return endOf(pieces);
}

function endOf(pieces: EhPieces): number {
  for (let j = pieces.count - 1; j >= 0; j--) {
    if (pieces.outputOffset[j] !== DROPPED) return pieces.outputOffset[j]! + pieces.size[j]!;
  }
  return 0;
}

/** The `.eh_frame` sections of the program that are live, in section order. */
export function liveEhFrames(program: Program): number[] {
  const t = program.sections;
  const result: number[] = [];
  for (let s = 0; s < t.count; s++) if (t.role[s] === Role.EhFrame && t.live[s] === Live.Live) result.push(s);
  return result;
}

/** How an FDE stores addresses, from its CIE's augmentation `R` (DW_EH_PE_*); 0 is an absolute pointer. */
export function pointerEncoding(bytes: Uint8Array, cieOffset: number, where: string): number {
  let at = cieOffset + 8;
  const end = cieOffset + 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(cieOffset, true);
  const byte = (): number => {
    if (at >= end) fail('malformed-elf', `${where}: CIE is cut short`);
    return bytes[at++]!;
  };
  const skipLeb = (): void => {
    while (byte() & 0x80);
  };
  const version = byte();
  let augmentation = '';
  for (let c = byte(); c !== 0; c = byte()) augmentation += String.fromCharCode(c);
  if (version !== 1 && version !== 3) fail('unsupported-input', `${where}: CIE version ${version}`);
  skipLeb(); // code alignment
  skipLeb(); // data alignment
  if (version === 1) byte();
  else skipLeb(); // return address register
  if (!augmentation.startsWith('z')) return 0;
  skipLeb(); // augmentation length
  for (const letter of augmentation.slice(1)) {
    if (letter === 'R') return byte();
    if (letter === 'L') byte();
    else if (letter === 'P') {
      const encoding = byte();
      const size = [8, 0, 2, 4, 8][encoding & 7];
      if (!size) fail('unsupported-input', `${where}: personality encoding ${encoding}`);
      at += size;
    } else if (letter !== 'S' && letter !== 'B') {
      fail('unsupported-input', `${where}: CIE augmentation "${printable(augmentation)}"`);
    }
  }
  return 0;
}
