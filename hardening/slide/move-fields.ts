/**
 * Changes every field that holds an address or a distance: a kernel does, one group at a time, since it is the hot loop
 * of a slide. What cannot hold its new value is reported here.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../linker/elf-symbols.ts';
import type { Growth } from './grown-file.ts';
import { wordsIn } from './kernels/kernels.ts';
import * as numbers from './kernels/numbers.ts';
import type { Moves } from './moves.ts';
import { CODE_BIAS, Encoding, encodingNames, type FieldGroup, fieldWidths, isDistance } from './slide-info.ts';

/**
 * Changes the fields in `bytes`, the new file, in the arena; its text is still in the old order. Errors: 'relocation' for a
 * value that does not fit its field.
 */
export function moveFields(bytes: Uint8Array, file: ElfFile, moves: Moves, growth: Growth, name: string): void {
  const { info, layout } = moves;
  for (const group of info.groups) {
    const { offset, fileSize } = file.segments[info.segments[group.segment]!.index]!;
    const base = offset >= growth.oldEnd ? offset + growth.shift : offset;
    const done = moveGroup(moves, group, bytes.byteOffset + base, fileSize);
    if (done < group.offsets.length) misfit(file, moves, group, done, name, layout.segmentAddress);
  }
}

function kindOf(encoding: Encoding): number {
  if (fieldWidths[encoding] === 8) return numbers.FIELD_WIDE;
  return encoding === Encoding.Abs32 ? numbers.FIELD_UNSIGNED : numbers.FIELD_SIGNED;
}

/** Changes the fields of a group whose segment is at `address` of the arena, `size` bytes of it; returns how many it could. */
function moveGroup(moves: Moves, group: FieldGroup, address: number, size: number): number {
  const { info, segment, unit, end, table, arena } = moves;
  const { encoding, offsets, target } = group;
  const distance = isDistance(encoding);
  const inText = group.segment === info.text;
  const here = info.segments[group.segment]!.address;
  let fixed = segment[info.text]!;
  if (target.kind === 'segment') fixed = segment[target.segment]!;
  else if (target.kind === 'end') fixed = end(target.align);
  else if (target.kind === 'fixed') fixed = 0;
  return arena.kernels.moveGroup(
    kindOf(encoding),
    address,
    size,
    wordsIn(arena, offsets),
    offsets.length,
    fixed - (distance ? segment[group.segment]! : 0),
    table.starts.byteOffset,
    table.starts.length,
    unit.byteOffset,
    table.size,
    table.last.byteOffset,
    inText,
    distance,
    target.kind === 'units' ? wordsIn(arena, target.units) : 0,
    target.kind === 'nearest',
    (distance ? here + (inText ? CODE_BIAS : 0) : 0) - info.segments[info.text]!.address,
  );
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
