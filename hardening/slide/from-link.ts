/**
 * The SlideInfo of an image that was linked here: everything is known exactly.
 *
 * Three kinds of fields are found: those that the inputs' relocations describe, as they fit what now stands in the
 * output; those of the linker's own tables (GOT, IPLT and its relocations), which no relocation describes; and the table
 * of .eh_frame_hdr. What a script computes and stores (QUAD(symbol)) cannot be followed and is refused.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import { forEachRelocation, type PlacedRelocation } from '../../linker/emit-relocs.ts';
import type { LinkedImage, OutputSection } from '../../linker/image.ts';
import type { Expression } from '../../linker/script/ast.ts';
import { keyHome, resolverSection, type SymbolHome, symbolHome } from '../../linker/symbol-home.ts';
import { addField, type Collector, createCollector, finishGroups, type Meaning } from './collect.ts';
import { type LinkUnits, linkUnits } from './link-units.ts';
import { describeType, fieldOf } from './relocation-types.ts';
import { type Definitions, definitionsOf, scriptMarks, scriptMeaning, sectionMeaning } from './script-symbols.ts';
import { Encoding, type FrameHeader, type SlideInfo } from './slide-info.ts';

interface Work {
  readonly image: LinkedImage;
  readonly link: LinkUnits;
  readonly definitions: Definitions;
  readonly collector: Collector;
  readonly scriptMeanings: Map<number, Meaning>;
}

/**
 * What may move in `image`. Errors: 'unsupported-input' for other machines and for position-independent executables,
 * which need no such information; 'relocation' and 'layout' for what cannot be followed.
 */
export function slideInfoFromLink(image: LinkedImage): SlideInfo {
  if (image.machine !== 'x86-64') fail('unsupported-input', `a slide of a ${image.machine} image is not supported`);
  if (image.fileType !== elf.ET_EXEC) {
    fail('unsupported-input', 'a position-independent executable moves by its own relocations; link without -pie');
  }
  const definitions = definitionsOf(image);
  const link = linkUnits(image, scriptMarks(image, definitions));
  const collector = createCollector(link.segments, link.text, link.units.offset);
  const work: Work = { image, link, definitions, collector, scriptMeanings: new Map() };
  refuseComputedData(image);
  forEachRelocation(image.context, (relocation) => {
    if ((relocation.output.flags & elf.SHF_ALLOC) !== 0) addRelocation(work, relocation);
  });
  addTables(work);
  const header = frameHeader(work);
  return {
    segments: link.segments,
    text: link.text,
    units: link.units,
    groups: finishGroups(collector),
    ...(header ? { frameHeader: header } : {}),
  };
}

function addRelocation(work: Work, relocation: PlacedRelocation): void {
  const { image, link } = work;
  const { object, output, place, type, symbol, target } = relocation;
  const field = fieldOf(type);
  if (field === 'constant') return;
  const segment = link.segmentOf.get(output);
  if (segment === undefined) return;
  const offset = place - link.segments[segment]!.address;
  const where = (): string =>
    `${printable(object.name)}: ${describeType(type)} at ${hex(place)} in ${printable(output.name)}`;
  if (field === 'unknown') fail('relocation', `${where()}: cannot be followed when the image moves`);
  if (field.gotBase || field.gotSlot) {
    const home = { kind: 'section', section: image.tables.got } as const;
    addField(work.collector, field.encoding, segment, offset, target, meaningOf(work, home, target));
    return;
  }
  const meaning = meaningOf(work, symbolHome(image, object, symbol), target);
  if (field.narrow) {
    if (meaning.kind === 'fixed' && field.narrow === 'absolute') return;
    const unit = meaning.kind === 'unit' ? meaning.unit : -1;
    if (field.narrow === 'distance' && unit >= 0 && link.unitOfInput[relocation.section] === unit + 1) return;
    fail('relocation', `${where()}: is too narrow for an address that moves`);
  }
  // A call of a function that nothing defines, beyond reach: the linker left 0, and it stays unreached.
  if (meaning.kind === 'fixed' && field.encoding === Encoding.Pc32 && Math.abs(target - place) >= 0x80000000) return;
  addField(work.collector, field.encoding, segment, offset, target, meaning);
}

function meaningOf(work: Work, home: SymbolHome, target: number): Meaning {
  if (home.kind === 'fixed') return { kind: 'fixed' };
  if (home.kind === 'section') return sectionMeaning(work.image, work.link, home.section, target);
  let meaning = work.scriptMeanings.get(home.symbol);
  if (!meaning) {
    meaning = scriptMeaning(work.image, work.link, work.definitions, home.symbol);
    work.scriptMeanings.set(home.symbol, meaning);
  }
  return meaning;
}

/** A field that is not an input's: its place and value are read from the finished file. */
function addMade(work: Work, encoding: Encoding, section: number, offset: number, meaning: Meaning): void {
  const { image, link } = work;
  const output = image.context.state.outputs[image.program.sections.output[section]!]!;
  const segment = link.segmentOf.get(output);
  if (segment === undefined) return;
  const place = image.program.sections.address[section]! + offset;
  const at = output.fileOffset + (place - output.address);
  const view = new DataView(image.bytes.buffer, image.bytes.byteOffset, image.bytes.byteLength);
  const value = encoding === Encoding.Abs64 ? elf.readSigned64(view, at) : view.getInt32(at, true) + place;
  addField(work.collector, encoding, segment, place - link.segments[segment]!.address, value, meaning);
}

/** Where the displacement of an IPLT entry's jump is, and how long an entry is. */
const IPLT_FIELD = 6;
const IPLT_ENTRY = 16;

function addTables(work: Work): void {
  const { image } = work;
  const { tables, context } = image;
  const { got } = context;
  for (const [key, slot] of tables.got >= 0 ? got.address : []) {
    const home = keyHome(image, key);
    addMade(work, Encoding.Abs64, tables.got, slot * 8, meaningOf(work, home, slotValue(work, slot)));
  }
  for (const [key, slot] of got.iplt) {
    const slotHome = meaningOf(work, { kind: 'section', section: tables.gotIplt }, 0);
    addMade(work, Encoding.Pc32, tables.iplt, slot * IPLT_ENTRY + IPLT_FIELD, slotHome);
    const resolver = meaningOf(work, { kind: 'section', section: resolverSection(image, key) }, 0);
    addMade(work, Encoding.Abs64, tables.relaIplt, slot * elf.RELA_SIZE, slotHome);
    addMade(work, Encoding.Abs64, tables.relaIplt, slot * elf.RELA_SIZE + 16, resolver);
  }
}

/** What slot `slot` of the GOT holds. */
function slotValue({ image }: Work, slot: number): number {
  const t = image.program.sections;
  const { got } = image.tables;
  const output = image.context.state.outputs[t.output[got]!]!;
  const view = new DataView(image.bytes.buffer, image.bytes.byteOffset, image.bytes.byteLength);
  return elf.readSigned64(view, output.fileOffset + t.outputOffset[got]! + slot * 8);
}

/** Data that the script computes must be plain numbers. Errors: 'layout'. */
function refuseComputedData(image: LinkedImage): void {
  for (const output of image.context.state.outputs) {
    if ((output.flags & elf.SHF_ALLOC) === 0) continue;
    for (const item of output.body) {
      if (item.kind !== 'data' || isNumber(item.value)) continue;
      fail(
        'layout',
        `${printable(item.at.file)}:${item.at.line}: section ${printable(output.name)} stores a value that the script ` +
          'computes from addresses; store it in an object instead, so that it can move',
      );
    }
  }
}

function isNumber(expression: Expression): boolean {
  if (expression.kind === 'number') return true;
  if (expression.kind === 'unary') return isNumber(expression.operand);
  return expression.kind === 'binary' && isNumber(expression.left) && isNumber(expression.right);
}

const HEADER = 12;

function frameHeader({ image, link }: Work): FrameHeader | undefined {
  const header = image.segments.find(({ type, fileSize }) => type === elf.PT_GNU_EH_FRAME && fileSize > 0);
  const output: OutputSection | undefined = header?.sections[0];
  const segment = output && link.segmentOf.get(output);
  if (!output || segment === undefined) return undefined;
  const view = new DataView(image.bytes.buffer, image.bytes.byteOffset, image.bytes.byteLength);
  const entries = output.size < HEADER ? 0 : view.getUint32(output.fileOffset + 8, true);
  const frames = image.context.state.byName.get('.eh_frame');
  if (frames && link.segmentOf.get(frames) !== segment) {
    fail('layout', '.eh_frame_hdr and .eh_frame are in different segments; place them together to slide the image');
  }
  return { segment, offset: output.address - link.segments[segment]!.address, entries };
}
