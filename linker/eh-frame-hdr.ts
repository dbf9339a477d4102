/**
 * .eh_frame_hdr: a sorted table from function start to exception record, so that unwinding need not search.
 * Source: Linux Standard Base 5.0, "The .eh_frame_hdr section".
 *
 * A kernel (kernels/assembly/eh-frame-hdr.ts) reads the records; it comes back for what a CIE says of its FDEs, of
 * which a link has a handful.
 */
import { fail, printable } from '../base/errors.ts';
import { u32 } from './arena.ts';
import { borrow, type EhFrames, type EhPieces, recordsOf } from './eh-frame.ts';
import * as layout from './kernels/layout.ts';
import { placeText } from './program.ts';
import { fileOffsetOf, type WriteContext } from './write-sections.ts';

const HEADER = 12;
const ENTRY = 8;
/** Bytes of an entry while it is sorted. */
const SORTED = 16;

/** Size in bytes for the records that are kept. */
export function ehFrameHeaderSize(frames: EhFrames): number {
  return HEADER + frames.fdes * ENTRY;
}

/** Fills section `section` from the relocated .eh_frame in the file. */
export function writeEhFrameHeader(context: WriteContext, section: number): void {
  const { state, view, file } = context;
  const { program } = state;
  const { arena } = program;
  const { sections, fdes } = context.frames;
  const address = program.sections.address[section]!;
  const block = u32(arena, layout.HEADER_WORDS);
  const start = block.byteOffset + layout.HEADER_START * 4;
  const table = borrow(arena, fdes * SORTED * 2);
  block[layout.HEADER_LIST] = sections.byteOffset;
  block[layout.HEADER_COUNT] = sections.length;
  block[layout.HEADER_FILE] = file.byteOffset;
  block[layout.HEADER_TABLE] = table;
  arena.view.setFloat64(start, Number.POSITIVE_INFINITY, true);
  for (;;) {
    const needs = arena.kernels.readFrameHeader(program.block, block.byteOffset);
    if (needs === layout.HEADER_DONE) break;
    const pieces = recordsOf(program, sections[block[layout.HEADER_POSITION]!]!)!;
    const record = block[layout.HEADER_RECORD]!;
    if (needs === layout.HEADER_WRONG) badPointer(context, pieces, record);
    learnEncoding(context, pieces, record);
  }
  const to = fileOffsetOf(state, section);
  // version 1; eh_frame_ptr pcrel sdata4; fde_count udata4; table datarel sdata4
  file.set([1, 0x1b, 0x03, 0x3b], to);
  view.setInt32(to + 4, arena.view.getFloat64(start, true) - (address + 4), true);
  view.setUint32(to + 8, block[layout.HEADER_ENTRIES]!, true);
  const entries = file.byteOffset + to + HEADER;
  arena.kernels.writeFrameHeader(block.byteOffset, table + fdes * SORTED, entries, address);
}

/** The CIE that stands in the output for the one of FDE `i`. */
function keptCie(context: WriteContext, pieces: EhPieces, i: number): { owner: EhPieces; cie: number } {
  const cie = pieces.cie[i]!;
  const same = pieces.sameSection[cie]!;
  if (same < 0) return { owner: pieces, cie };
  return { owner: recordsOf(context.state.program, same)!, cie: pieces.samePiece[cie]! };
}

/** Finds out how the CIE of FDE `i` says that addresses are stored, and notes it there. */
function learnEncoding(context: WriteContext, pieces: EhPieces, i: number): void {
  const { program } = context.state;
  const { owner, cie } = keptCie(context, pieces, i);
  const where = placeText(program, pieces.section, pieces.inputOffset[i]!);
  const at = fileOffsetOf(context.state, owner.section);
  if (at < 0) {
    const common = placeText(program, owner.section, owner.inputOffset[cie]!);
    fail('layout', `${where}: its common record, ${common}, has no room in the file; place all of .eh_frame together`);
  }
  owner.samePiece[cie] = pointerEncoding(context.file, at + owner.outputOffset[cie]!, where);
}

/** Reports the FDE whose address cannot be read. Errors: 'malformed-elf', 'unsupported-input'. */
function badPointer(context: WriteContext, pieces: EhPieces, i: number): never {
  const { owner, cie } = keptCie(context, pieces, i);
  const encoding = owner.samePiece[cie]!;
  const where = placeText(context.state.program, pieces.section, pieces.inputOffset[i]!);
  const format = encoding & 15;
  const room = pieces.size[i]! - 8;
  if (room < (format === 0x00 || format === 0x04 || format === 0x0c ? 8 : 4)) {
    fail('malformed-elf', `${where}: FDE has ${room} bytes for the address of its function`);
  }
  return fail('unsupported-input', `${where}: FDE pointers of encoding ${encoding}`);
}

/** How an FDE stores addresses, from its CIE's augmentation `R` (DW_EH_PE_*); 0 is an absolute pointer. */
function pointerEncoding(bytes: Uint8Array, cieOffset: number, where: string): number {
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
