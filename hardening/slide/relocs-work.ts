/**
 * What from-relocs.ts works with: the file, and how a field of it is read and noted.
 */
import { fail, hex } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { addField, type Collector, type Meaning } from './collect.ts';
import { Encoding, type SlideSegment } from './slide-info.ts';

export interface Work {
  readonly file: ElfFile;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly segments: readonly SlideSegment[];
  readonly collector: Collector;
  /** Addresses of the GOT's slots that were described already. */
  readonly slots: Set<number>;
  /** Slots that instructions load from, and those that no entry of the PLT jumps through, with what fills them. */
  readonly loaded: Set<number>;
  readonly unused: Map<number, string>;
}

/** A field of the file: in which segment, and where. */
export interface Place {
  readonly segment: number;
  readonly address: number;
  /** In the file. */
  readonly at: number;
}

export function placeOf({ file, segments, name }: Work, address: number, size: number, what: string): Place {
  const segment = segments.findIndex(
    ({ address: start, fileSize }) => address >= start && address + size <= start + fileSize,
  );
  if (segment < 0) return fail('malformed-elf', `${name}: ${what} at ${hex(address)} is in no segment's contents`);
  const own = segments[segment]!;
  return { segment, address, at: file.segments[own.index]!.offset + address - own.address };
}

/** What a field's value means: S + A. */
export function readTarget(view: DataView, encoding: Encoding, at: number, address: number): number {
  switch (encoding) {
    case Encoding.Abs64:
      return elf.readSigned64(view, at);
    case Encoding.Abs32:
      return view.getUint32(at, true);
    case Encoding.Abs32Signed:
      return view.getInt32(at, true);
    case Encoding.Pc32:
      return view.getInt32(at, true) + address;
    case Encoding.Pc64:
      return elf.readSigned64(view, at) + address;
  }
}

export function addMoving(work: Work, place: Place, encoding: Encoding, target: number, meaning: Meaning): void {
  const offset = place.address - work.segments[place.segment]!.address;
  addField(work.collector, encoding, place.segment, offset, target, meaning);
}
