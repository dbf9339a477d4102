/**
 * .eh_frame_hdr: a sorted table from function start to exception record, so that unwinding need not search.
 * Source: Linux Standard Base 5.0, "The .eh_frame_hdr section".
 */
import { fail } from '../base/errors.ts';
import { DROPPED, type EhPieces, pointerEncoding } from './eh-frame.ts';
import * as elf from './elf.ts';
import { placeText } from './program.ts';
import { fileOffsetOf, type WriteContext } from './write-sections.ts';

const HEADER = 12;
const ENTRY = 8;

/** Size in bytes for the records that are kept. */
export function ehFrameHeaderSize(frames: ReadonlyMap<number, EhPieces>): number {
  let count = 0;
  for (const pieces of frames.values()) {
    for (let i = 0; i < pieces.count; i++) if (pieces.cie[i]! >= 0 && pieces.outputOffset[i] !== DROPPED) count++;
  }
  return HEADER + count * ENTRY;
}

/**
 * Reads pc_begin of the FDE whose relocated bytes are at `at`; `room` bytes of the record are left there.
 * Errors: 'malformed-elf', 'unsupported-input'.
 */
function pcBegin(
  view: DataView,
  at: number,
  room: number,
  address: number,
  encoding: number,
  where: () => string,
): number {
  const pcRelative = (encoding & 0x70) === 0x10;
  const base = pcRelative ? address : 0;
  const format = encoding & 0x0f;
  const wide = format === 0x00 || format === 0x04 || format === 0x0c;
  if (room < (wide ? 8 : 4)) fail('malformed-elf', `${where()}: FDE has ${room} bytes for the address of its function`);
  if (wide) return base + elf.readSigned64(view, at);
  if (format === 0x03) return base + view.getUint32(at, true);
  if (format === 0x0b) return base + view.getInt32(at, true);
  return fail('unsupported-input', `${where()}: FDE pointers of encoding ${encoding}`);
}

/** Fills section `section` from the relocated .eh_frame in the file; `ordered` are the .eh_frame inputs in order. */
export function writeEhFrameHeader(context: WriteContext, section: number, ordered: readonly number[]): void {
  const { state, view, file } = context;
  const t = state.program.sections;
  const address = t.address[section]!;
  const pcs: number[] = [];
  const records: number[] = [];
  let frameStart = Number.POSITIVE_INFINITY;
  for (const s of ordered) {
    const pieces = context.edits.ehFrames.get(s)!;
    const at = fileOffsetOf(state, s);
    if (at < 0) continue;
    frameStart = Math.min(frameStart, t.address[s]!);
    const encodings = new Map<number, number>();
    for (let i = 0; i < pieces.count; i++) {
      const cie = pieces.cie[i]!;
      const out = pieces.outputOffset[i]!;
      if (cie < 0 || out === DROPPED) continue;
      let encoding = encodings.get(cie);
      // A link has thousands of records: their places are made into text only when there is something to say.
      const where = () => placeText(state.program, s, pieces.inputOffset[i]!);
      if (encoding === undefined) {
        encoding = cieEncoding(context, pieces, cie, where());
        encodings.set(cie, encoding);
      }
      pcs.push(pcBegin(view, at + out + 8, pieces.size[i]! - 8, t.address[s]! + out + 8, encoding, where));
      records.push(t.address[s]! + out);
    }
  }
  const order = pcs.map((_, i) => i).sort((a, b) => pcs[a]! - pcs[b]!);
  const to = fileOffsetOf(state, section);
  // version 1; eh_frame_ptr pcrel sdata4; fde_count udata4; table datarel sdata4
  file.set([1, 0x1b, 0x03, 0x3b], to);
  view.setInt32(to + 4, frameStart - (address + 4), true);
  view.setUint32(to + 8, order.length, true);
  order.forEach((i, n) => {
    view.setInt32(to + HEADER + n * ENTRY, pcs[i]! - address, true);
    view.setInt32(to + HEADER + n * ENTRY + 4, records[i]! - address, true);
  });
}

function cieEncoding(context: WriteContext, pieces: EhPieces, cie: number, where: string): number {
  const { state } = context;
  const same = pieces.sameSection[cie]!;
  const owner = same >= 0 ? context.edits.ehFrames.get(same)! : pieces;
  const piece = same >= 0 ? pieces.samePiece[cie]! : cie;
  const at = fileOffsetOf(state, owner.section);
  if (at < 0) {
    const common = placeText(state.program, owner.section, owner.inputOffset[piece]!);
    fail('layout', `${where}: its common record, ${common}, has no room in the file; place all of .eh_frame together`);
  }
  return pointerEncoding(context.file, at + owner.outputOffset[piece]!, where);
}
