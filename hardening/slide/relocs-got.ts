/**
 * The GOT and the PLT of an image that somebody else linked: no relocation describes what is in them.
 *
 * A slot of the GOT is found from the instructions that load from it, and holds the address of the symbol that their
 * relocations name. The slots of ifuncs are filled at start-up by IRELATIVE relocations, which are loaded with the image,
 * and used through entries of the PLT. Linkers also turn loads into what needs no slot, not all of them saying so.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { R } from '../../linker/arch/x86-64-types.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfSection } from '../../linker/elf-file.ts';
import type { ElfSymbol } from '../../linker/elf-symbols.ts';
import type { Meaning } from './collect.ts';
import { describeType, type MovingField } from './relocation-types.ts';
import { addMoving, type Place, placeOf, readTarget, type Work } from './relocs-work.ts';
import { Encoding } from './slide-info.ts';

/** Sections whose words are the slots that instructions load from. */
function isGot({ name }: ElfSection): boolean {
  return name === '.got' || name === '.got.plt';
}

export function gotSegment({ file, segments, name }: Work, address: number, what: string): number {
  const got = file.sections.find(
    (section) =>
      isGot(section) && address >= Number(section.address) && address <= Number(section.address) + section.size,
  );
  const start = Number(got?.address ?? 0n);
  const segment = segments.findIndex((each) => got && start >= each.address && start < each.address + each.memorySize);
  return segment >= 0 ? segment : fail('relocation', `${name}: ${what} means ${hex(address)}, which is no GOT`);
}

/** A load from the GOT, or what a linker made of it. */
export function addGotLoad(
  work: Work,
  place: Place,
  type: number,
  field: MovingField,
  symbol: ElfSymbol,
  addend: number,
  meaning: Meaning,
  what: string,
): void {
  const { view, file, name, slots, loaded } = work;
  const value = Number(BigInt.asIntN(64, symbol.value));
  const { address, at } = place;
  const target = readTarget(view, field.encoding, at, address);
  const slot = target - addend;
  const got = file.sections.some(
    (each) => isGot(each) && slot >= Number(each.address) && slot + 8 <= Number(each.address) + each.size,
  );
  if (type === R.GOTTPOFF) {
    // mov or add from the slot, unless rewritten to hold the offset itself.
    if (work.bytes[at - 2] !== 0x8b && work.bytes[at - 2] !== 0x03) return;
    if (!got) fail('relocation', `${name}: ${what} means ${hex(slot)}, which is no slot of the GOT`);
    addMoving(work, place, field.encoding, target, { kind: 'segment', segment: gotSegment(work, slot, what) });
    return;
  }
  if (type !== R.GOTPCREL && addRewritten(work, place, value + addend, meaning)) return;
  if (got) {
    const where = placeOf(work, slot, 8, `a slot of the GOT that ${what} means`);
    const held = elf.readSigned64(view, where.at);
    const home = held === value ? meaning : heldMeaning(work, held, symbol, what);
    loaded.add(slot);
    addMoving(work, place, field.encoding, target, { kind: 'segment', segment: where.segment });
    if (!slots.has(slot)) addMoving(work, where, Encoding.Abs64, held, home);
    slots.add(slot);
    return;
  }
  // The address itself, as in mov $address, %reg.
  const immediate = view.getInt32(at, true);
  if (immediate === value) addMoving(work, place, Encoding.Abs32Signed, immediate, meaning);
  else fail('relocation', `${name}: ${what} against ${hex(value)} does not explain ${hex(immediate)}, which is there`);
}

/** What linkers make of a load from the GOT, whether they change the relocation's type or not: lea, a call or a jump. */
function addRewritten(work: Work, place: Place, expected: number, meaning: Meaning): boolean {
  const { bytes, view } = work;
  const { address, at } = place;
  const opcode = at >= 2 ? bytes[at - 2] : 0;
  const jump = opcode === 0xe9;
  // lea x(%rip), %reg; addr32 call x; and jmp x, one byte shorter.
  if (opcode !== 0x8d && !(opcode === 0x67 && bytes[at - 1] === 0xe8) && !jump) return false;
  const field = jump ? { ...place, address: address - 1, at: at - 1 } : place;
  if (view.getInt32(field.at, true) + field.address !== expected) return false;
  addMoving(work, field, Encoding.Pc32, expected, meaning);
  return true;
}

/** A slot that holds another address than its symbol's: an ifunc's entry in the PLT, or nothing. */
function heldMeaning(work: Work, held: number, symbol: ElfSymbol, what: string): Meaning {
  const plt = symbol.type === elf.STT_GNU_IFUNC ? pltOf(work, held) : undefined;
  if (plt !== undefined) return { kind: 'segment', segment: plt };
  // To be filled by an IRELATIVE relocation.
  if (symbol.type === elf.STT_GNU_IFUNC && held === 0) return { kind: 'fixed' };
  const expected = hex(symbol.value);
  return fail('relocation', `${work.name}: ${what}: the slot of the GOT holds ${hex(held)}, expected ${expected}`);
}

export function pltOf({ file, segments }: Work, address: number): number | undefined {
  const plt = file.sections.find(
    (section) =>
      /^\.i?plt(\.|$)/.test(section.name) &&
      address >= Number(section.address) - 8 &&
      address < Number(section.address) + section.size,
  );
  if (!plt) return undefined;
  const start = Number(plt.address);
  return segments.findIndex((each) => start >= each.address && start < each.address + each.memorySize);
}

/** IRELATIVE relocations that start-up code applies: each fills a slot, through which an entry of the PLT jumps. */
export function addIrelative(work: Work, section: ElfSection): void {
  const { name, view, segments } = work;
  const start = Number(section.address);
  for (let r = 0; r + elf.RELA_SIZE <= section.data.length; r += elf.RELA_SIZE) {
    const where = `${printable(section.name)}: record ${r / elf.RELA_SIZE}`;
    const record = placeOf(work, start + r, elf.RELA_SIZE, where);
    const type = view.getUint32(record.at + 8, true);
    if (type !== R.IRELATIVE) fail('relocation', `${name}: ${where}: ${describeType(type)} in a static executable`);
    const slot = elf.readUnsigned64(view, record.at);
    const resolver = elf.readUnsigned64(view, record.at + 16);
    const slotPlace = placeOf(work, slot, 8, `${where}: its slot`);
    const code = placeOf(work, resolver, 1, `${where}: its resolver`).segment;
    addMoving(work, record, Encoding.Abs64, slot, { kind: 'segment', segment: slotPlace.segment });
    const field = { ...record, address: record.address + 16, at: record.at + 16 };
    addMoving(work, field, Encoding.Abs64, resolver, { kind: 'segment', segment: code });
    const held = elf.readSigned64(view, slotPlace.at);
    const holder = segments.findIndex((each) => held >= each.address && held < each.address + each.memorySize);
    if (holder >= 0 && !work.slots.has(slot)) {
      work.slots.add(slot);
      addMoving(work, slotPlace, Encoding.Abs64, held, { kind: 'segment', segment: holder });
    }
    addJumps(work, slot, slotPlace.segment, where);
  }
}

/** The entries of the PLT that jump through `slot`: jmp *slot(%rip). */
function addJumps(work: Work, slot: number, segment: number, where: string): void {
  let found = 0;
  for (const section of work.file.sections) {
    if (!/^\.i?plt(\.|$)/.test(section.name) || (section.flags & elf.SHF_EXECINSTR) === 0) continue;
    const { data } = section;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at + 6 <= data.length; at++) {
      if (data[at] !== 0xff || data[at + 1] !== 0x25) continue;
      const address = Number(section.address) + at + 2;
      if (view.getInt32(at + 2, true) + address + 4 !== slot) continue;
      found++;
      const place = placeOf(work, address, 4, 'a jump of the PLT');
      addMoving(work, place, Encoding.Pc32, slot - 4, { kind: 'segment', segment });
    }
  }
  if (found === 0) work.unused.set(slot, where);
}

/** Whatever start-up code fills must be used by something that was found, or something was not found. */
export function checkSlots({ unused, loaded, name }: Work): void {
  for (const [slot, where] of unused) {
    if (!loaded.has(slot)) fail('relocation', `${name}: ${where}: nothing known uses the slot at ${hex(slot)}`);
  }
}
