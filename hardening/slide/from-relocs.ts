/**
 * The SlideInfo of an image that somebody else linked and kept the relocations of (ld -q, --emit-relocs).
 *
 * Such a file says where its fields are, but not where one function ends and the next begins: its segments can move, the
 * order of its code cannot, so all of the text is one pinned unit. Nothing is taken on trust: each relocation must explain
 * the bytes that are there, since linkers rewrite instructions and do not always say so. What no relocation describes
 * (slots of the GOT, the entries of the PLT and their IRELATIVE relocations) is found from what refers to it.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { R } from '../../linker/arch/x86-64-types.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile, ElfSection } from '../../linker/elf-file.ts';
import { type ElfSymbol, readElfSymbols } from '../../linker/elf-symbols.ts';
import { createCollector, finishGroups, type Meaning } from './collect.ts';
import { fileBytes } from './file-bytes.ts';
import { FRAME_HEADER_START } from './frame-header.ts';
import { describeType, fieldOf, type MovingField } from './relocation-types.ts';
import { addGotLoad, addIrelative, checkSlots, gotSegment, pltOf } from './relocs-got.ts';
import { addMoving, type Place, placeOf, readTarget, type Work } from './relocs-work.ts';
import { type FrameHeader, fieldWidths, isDistance, type SlideInfo, type SlideSegment } from './slide-info.ts';

/**
 * What may move in `file`, by its relocations. Errors: 'image' when it keeps none; 'unsupported-input' for other machines
 * and kinds of files; 'relocation' for a type that cannot be followed or one that does not explain its bytes.
 */
export function slideInfoFromRelocations(file: ElfFile, name: string): SlideInfo {
  const shown = printable(name);
  if (file.header.machine !== elf.EM_X86_64) {
    fail(
      'unsupported-input',
      `${shown}: e_machine is ${file.header.machine}; only x86-64 (${elf.EM_X86_64}) can be slid`,
    );
  }
  if (file.header.type !== elf.ET_EXEC || file.segments.some(({ type }) => type === elf.PT_DYNAMIC)) {
    fail('unsupported-input', `${shown}: is no static executable at fixed addresses (e_type ${file.header.type})`);
  }
  const segments = loadedSegments(file, shown);
  const text = textSegment(file, segments, shown);
  const units = {
    offset: Uint32Array.of(0),
    size: Uint32Array.of(segments[text]!.fileSize),
    align: Uint32Array.of(1),
    pinned: 1,
    trailing: 0,
  };
  const bytes = fileBytes(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const collector = createCollector(segments, text, units.offset);
  const work: Work = {
    file,
    name: shown,
    bytes,
    view,
    segments,
    collector,
    slots: new Set(),
    loaded: new Set(),
    unused: new Map(),
  };
  const described = new Set<ElfSection>();
  const symbols = new Map<number, ElfSymbol[]>();
  for (const section of file.sections) {
    if (section.type === elf.SHT_REL)
      fail('unsupported-input', `${shown}: ${printable(section.name)}: SHT_REL on x86-64`);
    if (section.type !== elf.SHT_RELA) continue;
    if ((section.flags & elf.SHF_ALLOC) !== 0) {
      addIrelative(work, section);
      continue;
    }
    const target = file.sections[section.info];
    if (!target || (target.flags & elf.SHF_ALLOC) === 0) continue;
    described.add(target);
    let table = symbols.get(section.link);
    if (!table) {
      table = readElfSymbols(file, section.link, name);
      symbols.set(section.link, table);
    }
    addSection(work, section, target, table);
  }
  checkKept(work, described);
  checkSlots(work);
  const header = frameHeader(work);
  return { segments, text, units, groups: finishGroups(collector), ...(header ? { frameHeader: header } : {}) };
}

function loadedSegments(file: ElfFile, name: string): SlideSegment[] {
  return file.segments.flatMap((segment, index) => {
    if (segment.type !== elf.PT_LOAD || segment.memorySize === 0) return [];
    const address = Number(segment.address);
    if (!Number.isSafeInteger(address + segment.memorySize) || segment.memorySize > 0xffffffff) {
      fail(
        'unsupported-input',
        `${name}: program header ${index} loads ${segment.memorySize} bytes at ${hex(address)}`,
      );
    }
    const { fileSize, memorySize, flags } = segment;
    return [{ index, address, fileSize, memorySize, align: Math.max(1, segment.align), flags }];
  });
}

/** The segment of code: the one with the entry, else the largest. */
function textSegment(file: ElfFile, segments: readonly SlideSegment[], name: string): number {
  const entry = Number(file.header.entry);
  const usable = [...segments.keys()].filter(
    (i) => (segments[i]!.flags & elf.PF_X) !== 0 && segments[i]!.fileSize === segments[i]!.memorySize,
  );
  const holds = (i: number): boolean =>
    entry >= segments[i]!.address && entry < segments[i]!.address + segments[i]!.memorySize;
  usable.sort((a, b) => Number(holds(b)) - Number(holds(a)) || segments[b]!.memorySize - segments[a]!.memorySize);
  return usable[0] ?? fail('unsupported-input', `${name}: no segment holds code and nothing but what is in the file`);
}

/** Code and unwind tables without relocations would be left pointing to where things were. */
function checkKept({ file, name }: Work, described: ReadonlySet<ElfSection>): void {
  for (const section of file.sections) {
    if ((section.flags & elf.SHF_ALLOC) === 0 || section.type !== elf.SHT_PROGBITS || described.has(section)) continue;
    const code = section.name === '.text';
    if (!code && section.name !== '.eh_frame') continue;
    if (section.size <= (code ? 0 : 4)) continue;
    fail('image', `${name}: keeps no relocations of ${section.name}; link it with -q (--emit-relocs) to slide it`);
  }
  if (described.size === 0) fail('image', `${name}: keeps no relocations; link it with -q (--emit-relocs) to slide it`);
}

function addSection(work: Work, relocations: ElfSection, target: ElfSection, symbols: readonly ElfSymbol[]): void {
  const { name } = work;
  const where = `${printable(relocations.name)}`;
  if (relocations.data.length % elf.RELA_SIZE !== 0) fail('malformed-elf', `${name}: ${where} has no whole records`);
  if (target.type === elf.SHT_NOBITS) return;
  const view = new DataView(relocations.data.buffer, relocations.data.byteOffset, relocations.data.byteLength);
  const start = Number(target.address);
  for (let r = 0; r < view.byteLength; r += elf.RELA_SIZE) {
    const type = view.getUint32(r + 8, true);
    const field = fieldOf(type);
    const address = elf.readUnsigned64(view, r);
    const what = `${where}: ${describeType(type)} at ${hex(address)}`;
    if (field === 'unknown') fail('relocation', `${name}: ${what}: cannot be followed when the image moves`);
    const symbol = symbols[view.getUint32(r + 12, true)] ?? fail('malformed-elf', `${name}: ${what}: no such symbol`);
    // The call that ended a TLS sequence was overwritten with it.
    if (type === R.TLSGD || type === R.TLSLD) r += elf.RELA_SIZE;
    if (field === 'constant') continue;
    if (address < start || address + fieldWidths[field.encoding] > start + target.size) {
      fail('malformed-elf', `${name}: ${what} is outside ${printable(target.name)}`);
    }
    const addend = elf.readSigned64(view, r + 16);
    addRelocation(work, placeOf(work, address, fieldWidths[field.encoding], what), type, field, symbol, addend, what);
  }
}

/** What a symbol moves with. */
function meaningOf({ file, segments, name }: Work, symbol: ElfSymbol): Meaning {
  if (symbol.section <= 0) return { kind: 'fixed' };
  const section = file.sections[symbol.section]!;
  if ((section.flags & elf.SHF_ALLOC) === 0) return { kind: 'fixed' };
  const address = Number(section.address);
  // A section that is empty or all thread-local may begin where its segment ends.
  const inside = segments.findIndex(
    ({ address: start, memorySize }) => address >= start && address < start + memorySize,
  );
  const segment =
    inside >= 0 ? inside : segments.findLastIndex(({ address: start, memorySize }) => address === start + memorySize);
  if (segment < 0) return fail('malformed-elf', `${name}: section ${printable(section.name)} is in no segment`);
  return { kind: 'segment', segment };
}

function addRelocation(
  work: Work,
  place: Place,
  type: number,
  field: MovingField,
  symbol: ElfSymbol,
  addend: number,
  what: string,
): void {
  const { view, name } = work;
  const { address, at } = place;
  const value = Number(BigInt.asIntN(64, symbol.value));
  const meaning = meaningOf(work, symbol);
  if (field.narrow) {
    if (meaning.kind === 'fixed' || field.narrow === 'distance') return;
    fail('relocation', `${name}: ${what}: is too narrow for an address that moves`);
  }
  if (field.gotSlot) {
    addGotLoad(work, place, type, field, symbol, addend, meaning, what);
    return;
  }
  if (field.gotBase) {
    const target = readTarget(view, field.encoding, at, address);
    addMoving(work, place, field.encoding, target, {
      kind: 'segment',
      segment: gotSegment(work, target - addend, what),
    });
    return;
  }
  const target = readTarget(view, field.encoding, at, address);
  if (target === value + addend) {
    addMoving(work, place, field.encoding, target, meaning);
    return;
  }
  // A call of what nothing defines may have been left at 0; strings were merged; an ifunc is reached through the PLT.
  if (meaning.kind === 'fixed' && symbol.section === 0) return;
  const section = work.file.sections[symbol.section];
  const elsewhere = symbol.type === elf.STT_GNU_IFUNC ? pltOf(work, target) : undefined;
  if (elsewhere !== undefined) {
    addMoving(work, place, field.encoding, target, { kind: 'segment', segment: elsewhere });
    return;
  }
  if (section && (section.flags & elf.SHF_MERGE) !== 0 && meaning.kind === 'segment') {
    const start = Number(section.address);
    const reach = target - (isDistance(field.encoding) ? addend : 0);
    if (target >= start - 8 && target <= start + section.size && reach >= start - 8) {
      addMoving(work, place, field.encoding, target, meaning);
      return;
    }
  }
  fail(
    'relocation',
    `${name}: ${what} against ${printable(symbol.name)} says ${hex(value + addend)}, but the field means ${hex(target)}`,
  );
}

const HEADER = 12;

function frameHeader({ file, segments, view, name }: Work): FrameHeader | undefined {
  const header = file.segments.find(({ type, fileSize }) => type === elf.PT_GNU_EH_FRAME && fileSize >= HEADER);
  if (!header) return undefined;
  const address = Number(header.address);
  const segment = segments.findIndex(
    (each) => address >= each.address && address + header.fileSize <= each.address + each.fileSize,
  );
  if (segment < 0) return fail('malformed-elf', `${name}: .eh_frame_hdr is in no segment`);
  const own = segments[segment]!;
  if (view.getUint32(header.offset, true) !== FRAME_HEADER_START) {
    fail('unsupported-input', `${name}: .eh_frame_hdr begins with ${hex(view.getUint32(header.offset, true))}`);
  }
  const frames = address + 4 + view.getInt32(header.offset + 4, true);
  if (frames < own.address || frames > own.address + own.fileSize) {
    fail('unsupported-input', `${name}: .eh_frame is not in the segment of .eh_frame_hdr`);
  }
  const entries = view.getUint32(header.offset + 8, true);
  if (HEADER + entries * 8 > header.fileSize) {
    fail('malformed-elf', `${name}: .eh_frame_hdr of ${header.fileSize} bytes counts ${entries} entries`);
  }
  return { segment, offset: address - own.address, entries };
}
