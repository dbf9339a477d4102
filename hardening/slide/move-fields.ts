/**
 * Changes every field that holds an address or a distance. This is the hot loop of a slide: one group at a time, so that
 * each inner loop knows what its fields are.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../linker/elf-symbols.ts';
import type { Growth } from './grown-file.ts';
import type { Moves } from './moves.ts';
import { CODE_BIAS, Encoding, encodingNames, type FieldGroup, fieldWidths, isDistance, unitAt } from './slide-info.ts';
import { findUnit, type UnitTable } from './unit-table.ts';

/** What is the same for all fields of a group. */
interface GroupMove {
  readonly view: DataView;
  readonly offsets: Uint32Array;
  /** Where the group's segment is in the new file; for fields in text: where units began. */
  readonly base: number;
  readonly own: Uint32Array | undefined;
  /** What each target moves: one number for all, by unit named, or by the unit that is looked up. */
  readonly fixed: number;
  readonly units: Uint32Array | undefined;
  readonly lookup: UnitTable | undefined;
  /** For look-ups: what values count from, less where text was. */
  readonly origin: number;
  /** What the segments move, of the target and (for a distance) of the field. */
  readonly distance: boolean;
  readonly unitMove: Int32Array;
}

/** Changes the fields in `bytes`, the new file. Errors: 'relocation' for a value that does not fit its field. */
export function moveFields(bytes: Uint8Array, file: ElfFile, moves: Moves, growth: Growth, name: string): void {
  const { info, layout } = moves;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const group of info.groups) {
    const { offset } = file.segments[info.segments[group.segment]!.index]!;
    const base = offset >= growth.oldEnd ? offset + growth.shift : offset;
    const move = groupMove(view, moves, group, base);
    const { encoding } = group;
    const bad =
      fieldWidths[encoding] === 8
        ? moveWide(move)
        : encoding === Encoding.Abs32
          ? moveUnsigned(move)
          : moveSigned(move);
    if (bad >= 0) misfit(file, moves, group, bad, name, layout.segmentAddress);
  }
}

function groupMove(view: DataView, moves: Moves, group: FieldGroup, base: number): GroupMove {
  const { info, segment, unit, end, table } = moves;
  const { encoding, offsets, target } = group;
  const distance = isDistance(encoding);
  const inText = group.segment === info.text;
  const { address } = info.segments[info.text]!;
  const here = info.segments[group.segment]!.address;
  const origin = (distance ? here + (inText ? CODE_BIAS : 0) : 0) - address;
  let fixed = segment[info.text]!;
  if (target.kind === 'segment') fixed = segment[target.segment]!;
  else if (target.kind === 'end') fixed = end(target.align);
  else if (target.kind === 'fixed') fixed = 0;
  return {
    view,
    offsets,
    base,
    own: inText ? info.units.offset : undefined,
    fixed: fixed - (distance ? segment[group.segment]! : 0),
    units: target.kind === 'units' ? target.units : undefined,
    lookup: target.kind === 'nearest' ? table : undefined,
    origin,
    distance,
    unitMove: unit,
  };
}

/**
 * Fields of four bytes, sign-extended: nearly all there are. Returns the index of the first whose new value does not fit,
 * or -1.
 */
function moveSigned({
  view,
  offsets,
  base,
  own: starts,
  fixed,
  units,
  lookup,
  origin,
  distance,
  unitMove,
}: GroupMove): number {
  let u = 0;
  for (let i = 0; i < offsets.length; i++) {
    const at = offsets[i]!;
    let moved = 0;
    if (starts) {
      while (u + 1 < starts.length && starts[u + 1]! <= at) u++;
      moved = unitMove[u]!;
    }
    const place = base + at + moved;
    const value = view.getInt32(place, true);
    let next = value + fixed - (distance ? moved : 0);
    if (lookup) next += unitMove[findUnit(lookup, value + (distance ? at : 0) + origin)]!;
    else if (units) next += unitMove[units[i]!]!;
    if (next !== (next | 0)) return i;
    view.setInt32(place, next, true);
  }
  return -1;
}

/** Fields of four bytes, zero-extended: absolute. */
function moveUnsigned({ view, offsets, base, own, fixed, units, lookup, origin, unitMove }: GroupMove): number {
  for (let i = 0; i < offsets.length; i++) {
    const at = offsets[i]!;
    const place = base + at + (own ? unitMove[unitAt(own, at)]! : 0);
    const value = view.getUint32(place, true);
    let next = value + fixed;
    if (lookup) next += unitMove[findUnit(lookup, value + origin)]!;
    else if (units) next += unitMove[units[i]!]!;
    if (next < 0 || next > 0xffffffff) return i;
    view.setUint32(place, next, true);
  }
  return -1;
}

/** Fields of eight bytes: values wrap at 64 bits, as addresses do, so all fit. */
function moveWide({ view, offsets, base, own, fixed, units, lookup, origin, distance, unitMove }: GroupMove): number {
  for (let i = 0; i < offsets.length; i++) {
    const at = offsets[i]!;
    const moved = own ? unitMove[unitAt(own, at)]! : 0;
    const place = base + at + moved;
    const low = view.getUint32(place, true);
    let next = low + fixed - (distance ? moved : 0);
    if (lookup) {
      const value = low + view.getInt32(place + 4, true) * 4294967296;
      next += unitMove[findUnit(lookup, value + (distance ? at : 0) + origin)]!;
    } else if (units) next += unitMove[units[i]!]!;
    view.setUint32(place, next, true);
    const carry = Math.floor(next / 4294967296);
    if (carry !== 0) view.setInt32(place + 4, view.getInt32(place + 4, true) + carry, true);
  }
  return -1;
}

/** Reports the field that cannot hold its new value. */
function misfit(
  file: ElfFile,
  { info }: Moves,
  { segment, offsets, encoding, target }: FieldGroup,
  i: number,
  name: string,
  addresses: readonly number[],
): never {
  const address = info.segments[segment]!.address + offsets[i]!;
  const section = file.sections.find(
    (each) => (each.flags & 2) !== 0 && address >= Number(each.address) && address < Number(each.address) + each.size,
  );
  const near = symbolTables(file)
    .flatMap((index) => readElfSymbols(file, index, name))
    .filter(({ type, value }) => type < 3 && Number(value) <= address)
    .reduce(
      (best, each) => (!best || each.value > best.value ? each : best),
      undefined as { name: string; value: bigint } | undefined,
    );
  const where = near ? ` in ${printable(near.name)}+${hex(address - Number(near.value))}` : '';
  const to = target.kind === 'segment' ? ` (segment ${target.segment} at ${hex(addresses[target.segment]!)})` : '';
  return fail(
    'relocation',
    `${printable(name)}: the ${encodingNames[encoding]} field at ${hex(address)} of ${printable(section?.name ?? 'no section')}` +
      `${where} cannot hold its new value${to}; keep the image below 2 GiB and its parts within 2 GiB of each other`,
  );
}
