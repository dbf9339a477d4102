/**
 * Final addresses of symbols, global and local, with what makes some of them special.
 *
 * An offset in an input section is not always a distance in the output: pieces of merged sections move, exception
 * records are dropped, relaxed code shrinks. `sectionOffset` is the one place that knows all of these.
 */

import { Special } from './arch/architecture.ts';
import { type EhPieces, ehOutputOffset } from './eh-frame.ts';
import * as elf from './elf.ts';
import { type GotTables, localKey } from './got.ts';
import { type MergePieces, mergedOffset } from './merge.ts';
import { type InputObject, Live, type Program, Role, SymbolKind } from './program.ts';
import { SymbolPlace, symbolSection } from './read-object.ts';
import { type ShrinkTables, shrunkOffset } from './shrink.ts';

/** How offsets of edited sections map to the output. */
export interface Edits {
  readonly merged: ReadonlyMap<number, MergePieces>;
  readonly ehFrames: ReadonlyMap<number, EhPieces>;
  /** By section: bytes removed by relaxation. */
  readonly shrunk: ShrinkTables;
}

/** Address of `offset` bytes into input section `s`. */
export function sectionOffsetAddress(program: Program, edits: Edits, s: number, offset: number): number {
  const t = program.sections;
  switch (t.role[s]) {
    case Role.Merge: {
      const pieces = edits.merged.get(s);
      if (!pieces) break;
      const at = mergedOffset(pieces, offset);
      return t.address[pieces.leader]! + (at < 0 ? offset : at);
    }
    case Role.EhFrame: {
      const pieces = edits.ehFrames.get(s);
      if (pieces) return t.address[s]! + ehOutputOffset(pieces, offset);
      break;
    }
    default: {
      if (edits.shrunk.count === 0) break;
      const table = edits.shrunk.of[s];
      if (table) return t.address[s]! + shrunkOffset(table, offset);
    }
  }
  return t.address[s]! + offset;
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
export function globalAddresses(program: Program, edits: Edits, got: GotTables, iplt: IpltPlace): GlobalAddresses {
  const t = program.symbols;
  const count = t.names.count;
  const address = new Float64Array(count);
  const special = new Uint8Array(count);
  for (let id = 0; id < count; id++) {
    switch (t.kind[id]) {
      case SymbolKind.Defined: {
        const s = t.section[id]!;
        if (program.sections.live[s] !== Live.Live) {
          special[id] = Special.Dead;
          break;
        }
        address[id] = sectionOffsetAddress(program, edits, s, t.value[id]!);
        if (t.type[id] === elf.STT_GNU_IFUNC) {
          const slot = got.iplt.get(id);
          if (slot !== undefined) address[id] = iplt.address + slot * iplt.entrySize;
        }
        break;
      }
      case SymbolKind.Absolute:
        address[id] = t.value[id]!;
        special[id] = Special.Absolute;
        break;
      case SymbolKind.Linker:
        address[id] = t.value[id]!;
        if (t.extra[id] === -1) special[id] = Special.Absolute;
        break;
      default:
        special[id] = Special.Undefined;
    }
  }
  return { address, special };
}

/** Fills `address` and `special` (at least `object.symbolCount` long, index 0 included) for one object. */
export function objectAddresses(
  program: Program,
  edits: Edits,
  object: InputObject,
  globals: GlobalAddresses,
  got: GotTables,
  iplt: IpltPlace,
  address: Float64Array,
  special: Uint8Array,
): void {
  const { view, symtab, firstGlobal, symbolCount } = object;
  const s = program.sections;
  const { live, role } = s;
  const sectionAddress = s.address;
  address[0] = 0;
  special[0] = 0;
  const hasShrunk = edits.shrunk.count > 0;
  for (let i = 1; i < firstGlobal; i++) {
    const at = symtab + i * elf.SYM_SIZE;
    const place = symbolSection(object, i);
    if (place < 0) {
      address[i] = place === SymbolPlace.Absolute ? elf.readSigned64(view, at + 8) : 0;
      special[i] = place === SymbolPlace.Absolute ? Special.Absolute : Special.Undefined;
      continue;
    }
    if (live[place] !== Live.Live) {
      address[i] = 0;
      special[i] = Special.Dead;
      continue;
    }
    const value = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 4294967296;
    const kind = role[place]!;
    const type = view.getUint8(at + 4) & 15;
    special[i] = 0;
    if (kind === Role.Merge || kind === Role.EhFrame || hasShrunk) {
      address[i] = sectionOffsetAddress(program, edits, place, value);
      if (type === elf.STT_SECTION)
        special[i] = kind === Role.Merge ? Special.Merge : kind === Role.EhFrame ? Special.Edited : 0;
      if (type === elf.STT_SECTION && hasShrunk && edits.shrunk.of[place]) special[i] = Special.Edited;
    } else {
      address[i] = sectionAddress[place]! + value;
    }
    if (type === elf.STT_GNU_IFUNC) {
      const slot = got.iplt.get(localKey(object.index, i));
      if (slot !== undefined) address[i] = iplt.address + slot * iplt.entrySize;
    }
  }
  const refs = program.globalRefs;
  const base = object.firstGlobalRef - firstGlobal;
  for (let i = firstGlobal; i < symbolCount; i++) {
    const id = refs[base + i]!;
    address[i] = globals.address[id]!;
    special[i] = globals.special[id]!;
  }
}
