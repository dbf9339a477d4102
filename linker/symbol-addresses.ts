/**
 * Final addresses of symbols, global and local, with what makes some of them special.
 *
 * An offset in an input section is not always a distance in the output: pieces of merged sections move, exception
 * records are dropped, relaxed code shrinks. `sectionOffsetAddress` is the one function that
 * knows all of these (kernels/assembly/edits.ts).
 */

import { f64, u8 } from './arena.ts';
import { type GotTables, localKey } from './got.ts';
import * as layout from './kernels/layout.ts';
import { nameCount } from './names.ts';
import type { InputObject, Program } from './program.ts';

/** Address of `offset` bytes into input section `s`. */
export function sectionOffsetAddress(program: Program, s: number, offset: number): number {
  const { sections, arena, block } = program;
  if (sections.edit[s] === 0) return sections.address[s]! + offset;
  return arena.kernels.sectionOffsetAddress(block, s, offset);
}

export interface GlobalAddresses {
  readonly address: Float64Array;
  readonly special: Uint8Array;
}

/** Where ifunc number n's IPLT entry is. */
export interface IpltPlace {
  readonly address: number;
  readonly entrySize: number;
}

/** Addresses of all global symbols, by symbol. */
export function globalAddresses(program: Program, got: GotTables, iplt: IpltPlace): GlobalAddresses {
  const { arena, block, symbols } = program;
  const count = nameCount(symbols.names);
  const address = f64(arena, count);
  const special = u8(arena, count);
  arena.kernels.globalAddresses(block, address.byteOffset, special.byteOffset);
  for (const [id, slot] of got.iplt) {
    if (id >= 0 && special[id] === 0) address[id] = iplt.address + slot * iplt.entrySize;
  }
  return { address, special };
}

/** Columns long enough for the symbols of any one object, index 0 included. */
export function createSymbolAddresses(program: Program): { address: Float64Array; special: Uint8Array } {
  const most = Math.max(1, program.words[layout.MOST_SYMBOLS]!);
  return { address: f64(program.arena, most), special: u8(program.arena, most) };
}

/** Fills `address` and `special` (of createSymbolAddresses) for one object. */
export function objectAddresses(
  program: Program,
  object: InputObject,
  globals: GlobalAddresses,
  got: GotTables,
  iplt: IpltPlace,
  address: Float64Array,
  special: Uint8Array,
): void {
  program.arena.kernels.objectAddresses(
    program.block,
    object.index,
    globals.address.byteOffset,
    globals.special.byteOffset,
    address.byteOffset,
    special.byteOffset,
  );
  if (!object.hasLocalIfunc) return;
  for (let i = 1; i < object.firstGlobal; i++) {
    const slot = got.iplt.get(localKey(object.index, i));
    if (slot !== undefined && special[i] === 0) address[i] = iplt.address + slot * iplt.entrySize;
  }
}
