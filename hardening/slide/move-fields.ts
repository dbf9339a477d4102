/**
 * Changes every field that holds an address or a distance. This is the hot loop of a slide: one group at a time, so that
 * each inner loop knows what its fields are.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../linker/elf-symbols.ts';
import type { Growth } from './grown-file.ts';
import type { Moves } from './moves.ts';
import { CODE_BIAS, Encoding, encodingNames, type FieldGroup, fieldWidths, isDistance } from './slide-info.ts';

/** By 2^GRAIN bytes of text: the last unit that begins at or before their end, for quick look-ups. */
const GRAIN = 6;

function unitTable(offsets: Uint32Array, size: number): Uint32Array {
  const table = new Uint32Array((size >>> GRAIN) + 1);
  let unit = 0;
  for (let i = 0; i < table.length; i++) {
    const end = (i + 1) << GRAIN;
    while (unit + 1 < offsets.length && offsets[unit + 1]! < end) unit++;
    table[i] = unit;
  }
  return table;
}

/** What each target of a group moves, or one number for all. */
function targetMove({ segment, unit, end, info }: Moves, { target }: FieldGroup): number | undefined {
  switch (target.kind) {
    case 'segment':
      return segment[target.segment]!;
    case 'end':
      return end(target.align);
    case 'fixed':
      return 0;
    default:
      return unit.length === 0 ? segment[info.text]! : undefined;
  }
}

/** Changes the fields in `bytes`, the new file. Errors: 'relocation' for a value that does not fit its field. */
export function moveFields(bytes: Uint8Array, file: ElfFile, moves: Moves, growth: Growth, name: string): void {
  const { info, layout } = moves;
  const table = unitTable(info.units.offset, info.segments[info.text]!.memorySize);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places = new Float64Array(info.groups.reduce((most, { offsets }) => Math.max(most, offsets.length), 0));
  const deltas = new Float64Array(places.length);
  for (const group of info.groups) {
    const { offset } = file.segments[info.segments[group.segment]!.index]!;
    const base = offset >= growth.oldEnd ? offset + growth.shift : offset;
    const bad = moveGroup(view, moves, group, table, base, places, deltas);
    if (bad >= 0) misfit(file, moves, group, bad, name, layout.segmentAddress);
  }
}

/** Changes one group; returns the index of the first field whose value does not fit, or -1. */
function moveGroup(
  view: DataView,
  moves: Moves,
  group: FieldGroup,
  table: Uint32Array,
  base: number,
  places: Float64Array,
  deltas: Float64Array,
): number {
  const { info, unit, segment } = moves;
  const { encoding, offsets, target } = group;
  const own = group.segment === info.text;
  placesOf(moves, group, base, places);
  const fixed = targetMove(moves, group);
  const code = info.segments[info.text]!;
  const here = info.segments[group.segment]!.address;
  const textMove = segment[info.text]!;
  const distance = isDistance(encoding);
  const wide = fieldWidths[encoding] === 8;
  const bias = distance && own ? CODE_BIAS : 0;
  if (fixed !== undefined) deltas.fill(fixed, 0, offsets.length);
  else if (target.kind === 'units') {
    for (let i = 0; i < offsets.length; i++) deltas[i] = textMove + unit[target.units[i]!]!;
  } else {
    const { offset: units } = info.units;
    const last = units.length - 1;
    const size = code.memorySize;
    for (let i = 0; i < offsets.length; i++) {
      const at = places[i]!;
      // Where the field's own target is, in text.
      let to = encoding === Encoding.Abs32 ? view.getUint32(at, true) : view.getInt32(at, true);
      if (wide) to = (to >>> 0) + view.getInt32(at + 4, true) * 4294967296;
      if (distance) to += here + offsets[i]! + bias;
      to -= code.address;
      let found = to <= 0 ? 0 : to >= size ? last : table[to >>> GRAIN]!;
      while (found > 0 && units[found]! > to) found--;
      deltas[i] = textMove + unit[found]!;
    }
  }
  if (distance) {
    const move = segment[group.segment]!;
    for (let i = 0; i < offsets.length; i++)
      deltas[i] = deltas[i]! - move - (own ? places[i]! - base - offsets[i]! : 0);
  }
  return wide
    ? addWide(view, places, deltas, offsets.length)
    : addNarrow(view, places, deltas, offsets.length, encoding);
}

/** Where the fields of a group are now in the file. */
function placesOf({ info, unit }: Moves, { segment, offsets }: FieldGroup, base: number, places: Float64Array): void {
  if (segment !== info.text) {
    for (let i = 0; i < offsets.length; i++) places[i] = base + offsets[i]!;
    return;
  }
  const units = info.units.offset;
  let u = 0;
  for (let i = 0; i < offsets.length; i++) {
    const at = offsets[i]!;
    while (u + 1 < units.length && units[u + 1]! <= at) u++;
    places[i] = base + at + (units.length === 0 ? 0 : unit[u]!);
  }
}

function addNarrow(
  view: DataView,
  places: Float64Array,
  deltas: Float64Array,
  count: number,
  encoding: Encoding,
): number {
  const unsigned = encoding === Encoding.Abs32;
  for (let i = 0; i < count; i++) {
    const at = places[i]!;
    const value = (unsigned ? view.getUint32(at, true) : view.getInt32(at, true)) + deltas[i]!;
    if (unsigned ? value < 0 || value > 0xffffffff : value < -0x80000000 || value > 0x7fffffff) return i;
    view.setInt32(at, value, true);
  }
  return -1;
}

/** 64 bits wrap, as addresses do. */
function addWide(view: DataView, places: Float64Array, deltas: Float64Array, count: number): number {
  for (let i = 0; i < count; i++) {
    const at = places[i]!;
    const low = view.getUint32(at, true) + deltas[i]!;
    view.setUint32(at, low, true);
    const carry = Math.floor(low / 4294967296);
    if (carry !== 0) view.setInt32(at + 4, view.getInt32(at + 4, true) + carry, true);
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
