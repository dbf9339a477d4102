/**
 * Fills the output's sections: copies inputs, fills gaps, applies relocations.
 */
import { fail } from '../base/errors.ts';
import type { AddressState } from './addresses.ts';
import type { AddressTables, RelocationJob } from './arch/architecture.ts';
import { DROPPED, type EhPieces } from './eh-frame.ts';
import * as elf from './elf.ts';
import { type GotTables, localKey } from './got.ts';
import type { OutputSection } from './image.ts';
import { mergedOffset } from './merge.ts';
import { findText } from './names.ts';
import { type InputObject, Live, placeText, Role, SymbolKind, sectionContents } from './program.ts';
import { symbolSection } from './read-object.ts';
import { copyRelaxed, type Relaxation } from './relax.ts';
import { hasNoBits } from './segments.ts';
import {
  type Edits,
  type GlobalAddresses,
  type IpltPlace,
  objectAddresses,
  sectionOffsetAddress,
} from './symbol-addresses.ts';

/** Where everything is: enough for symbol tables. */
export interface AddressContext {
  readonly state: AddressState;
  readonly edits: Edits;
  readonly got: GotTables;
  readonly gotSection: number;
  readonly globals: GlobalAddresses;
  readonly iplt: IpltPlace;
  readonly relaxation: Relaxation;
}

/** Where everything is, and the file to write it to. */
export interface WriteContext extends AddressContext {
  readonly file: Uint8Array;
  readonly view: DataView;
}

/** Offset in the file of input section `s`, or -1 when it has no bytes there. */
export function fileOffsetOf(state: AddressState, s: number): number {
  const t = state.program.sections;
  const index = t.output[s]!;
  if (index < 0) return -1;
  const output = state.outputs[index]!;
  return hasNoBits(output) ? -1 : output.fileOffset + t.outputOffset[s]!;
}

/** Bytes that stand in gaps of code: traps, except in .init and .fini, whose pieces fall through into one another. */
function gapBytes(state: AddressState, output: OutputSection): readonly number[] {
  if ((output.flags & elf.SHF_EXECINSTR) === 0) return [];
  const { architecture } = state;
  if (output.name === '.init' || output.name === '.fini')
    return architecture.machine === 'x86-64' ? [0x90] : [0x13, 0, 0, 0];
  return architecture.trapBytes;
}

function fillRange(file: Uint8Array, from: number, to: number, bytes: readonly number[]): void {
  if (bytes.length === 0) return;
  if (bytes.every((byte) => byte === bytes[0])) {
    file.fill(bytes[0]!, from, to);
    return;
  }
  for (let i = from; i < to; i++) file[i] = bytes[(i - from) % bytes.length]!;
}

/** Prepares gaps: default bytes for code, then what the script asks, then data statements. */
export function writeFills(context: WriteContext, outputs: readonly OutputSection[]): void {
  const { state, file } = context;
  for (const output of outputs) {
    if (hasNoBits(output) || output.size === 0) continue;
    const bytes = gapBytes(state, output);
    if (bytes.length === 0 || !hasGaps(state, output)) continue;
    fillRange(file, output.fileOffset, output.fileOffset + output.size, bytes);
  }
  for (const { section, offset, bytes } of state.fillItems) {
    if (hasNoBits(section) || section.size === 0) continue;
    fillRange(file, section.fileOffset + offset, section.fileOffset + section.size, bytes);
  }
  for (const { section, offset, size, value } of state.dataItems) {
    if (hasNoBits(section)) continue;
    for (let i = 0; i < size; i++) {
      file[section.fileOffset + offset + i] = Number((value >> BigInt(8 * i)) & 255n);
    }
  }
}

function hasGaps(state: AddressState, output: OutputSection): boolean {
  const t = state.program.sections;
  let filled = 0;
  for (const item of output.body) {
    if (item.kind === 'inputs') for (const s of item.sections) filled += t.size[s]!;
    else if (item.kind === 'data') filled += item.size;
  }
  return filled < output.size;
}

function createJob(context: WriteContext): RelocationJob {
  const { state } = context;
  const tls = tlsBlock(state);
  const tables: AddressTables = {
    pie: state.options.pie,
    relax: state.options.relax,
    gotAddress: context.gotSection >= 0 ? state.program.sections.address[context.gotSection]! : 0,
    tlsStart: tls.start,
    tlsSize: tls.size,
    tlsAlign: tls.align,
    globalPointer: globalPointer(state),
    gotSlot: (job, sym) => slotAddress(context, job, sym, context.got.address),
    gotTpSlot: (job, sym) => slotAddress(context, job, sym, context.got.threadOffset),
    tlsGdSlot: (job, sym) => slotAddress(context, job, sym, context.got.tlsPair),
    pieceAddress: (job, sym, addend) => pieceAddress(context, job, sym, addend),
    symbolSize: (job, sym) => symbolSize(context, job, sym),
  };
  return {
    program: state.program,
    typeNames: state.architecture.relocationNames,
    section: 0,
    view: context.view,
    relocs: 0,
    count: 0,
    out: context.view,
    file: context.file,
    outOffset: 0,
    size: 0,
    address: 0,
    alloc: true,
    tombstone: 0,
    symbolAddress: new Float64Array(0),
    special: new Uint8Array(0),
    symbolCount: 0,
    places: undefined,
    types: undefined,
    tables,
  };
}

/** The TLS block: start, size and alignment. */
export function tlsBlock(state: AddressState): { start: number; size: number; align: number } {
  const tls = state.outputs.filter((output) => (output.flags & elf.SHF_TLS) !== 0 && output.size > 0);
  if (tls.length === 0) return { start: 0, size: 0, align: 1 };
  const start = tls[0]!.address;
  return {
    start,
    size: Math.max(...tls.map((output) => output.address + output.size)) - start,
    align: Math.max(...tls.map((output) => output.align)),
  };
}

/** Value of `__global_pointer$`, or 0 when the program has none. */
function globalPointer(state: AddressState): number {
  const id = findText(state.program.symbols.names, '__global_pointer$');
  return id >= 0 && state.program.symbols.kind[id]! >= SymbolKind.Defined ? state.program.symbols.value[id]! : 0;
}

function objectOf(job: RelocationJob): InputObject {
  return job.program.objects[job.program.sections.object[job.section]!]!;
}

function keyOf(job: RelocationJob, sym: number): number {
  const object = objectOf(job);
  if (sym < object.firstGlobal) return localKey(object.index, sym);
  return job.program.globalRefs[object.firstGlobalRef + sym - object.firstGlobal]!;
}

function slotAddress(context: WriteContext, job: RelocationJob, sym: number, map: ReadonlyMap<number, number>): number {
  const slot = map.get(keyOf(job, sym));
  if (slot === undefined) {
    return fail(
      'relocation',
      `${placeText(job.program, job.section)}: a debug or data section asks for a GOT slot; not possible`,
    );
  }
  return job.program.sections.address[context.gotSection]! + slot * 8;
}

/** Address of (symbol + addend) in a section whose pieces moved. Hot for debug information, which names strings so. */
function pieceAddress(context: WriteContext, job: RelocationJob, sym: number, addend: number): number {
  const { program, section } = job;
  const object = program.objects[program.sections.object[section]!]!;
  const at = object.symtab + sym * elf.SYM_SIZE;
  const offset = object.view.getUint32(at + 8, true) + addend;
  const s = symbolSection(object, sym);
  const pieces = context.edits.merged.get(s);
  if (!pieces) return sectionOffsetAddress(program, context.edits, s, offset);
  const merged = mergedOffset(pieces, offset);
  if (merged < 0) {
    const what = `${offset} is outside ${placeText(program, s)}, which has ${pieces.size} bytes`;
    fail('relocation', `${placeText(program, section)}: reference to offset ${what}`);
  }
  return program.sections.address[pieces.leader]! + merged;
}

function symbolSize(_context: WriteContext, job: RelocationJob, sym: number): number {
  const object = objectOf(job);
  if (sym >= object.firstGlobal) {
    return job.program.symbols.size[job.program.globalRefs[object.firstGlobalRef + sym - object.firstGlobal]!]!;
  }
  return elf.readUnsigned64(object.view, object.symtab + sym * elf.SYM_SIZE + 16);
}

/** Copies and relocates every live input section. */
export function writeInputs(context: WriteContext): RelocationJob {
  const { state, file } = context;
  const { program } = state;
  const t = program.sections;
  const job = createJob(context);
  let address = new Float64Array(256);
  let special = new Uint8Array(256);
  for (const object of program.objects) {
    let prepared = false;
    for (let s = object.firstSection; s < object.firstSection + object.sectionCount; s++) {
      if (t.live[s] !== Live.Live || t.role[s] === Role.Ignored || t.size[s] === 0) continue;
      const to = fileOffsetOf(state, s);
      if (to < 0) continue;
      const relaxed = context.relaxation.bySection.get(s);
      const eh = t.role[s] === Role.EhFrame ? context.edits.ehFrames.get(s) : undefined;
      job.places = undefined;
      job.types = undefined;
      if (eh) job.places = copyEhFrame(context, eh, to);
      else if (relaxed) ({ places: job.places, types: job.types } = copyRelaxed(program, relaxed, file, to));
      else copySection(context, object, s, to);
      if (t.relocCount[s] === 0) continue;
      if (!prepared) {
        prepared = true;
        if (object.symbolCount > address.length) {
          address = new Float64Array(object.symbolCount * 2);
          special = new Uint8Array(object.symbolCount * 2);
        }
        objectAddresses(program, context.edits, object, context.globals, context.got, context.iplt, address, special);
        job.symbolAddress = address;
        job.special = special;
        job.symbolCount = object.symbolCount;
        job.view = object.view;
      }
      job.section = s;
      job.relocs = t.relocs[s]!;
      job.count = t.relocCount[s]!;
      job.outOffset = to;
      job.size = t.size[s]!;
      job.address = t.address[s]!;
      job.alloc = (t.flags[s]! & elf.SHF_ALLOC) !== 0;
      state.architecture.applyRelocations(job);
    }
  }
  writeMade(context);
  return job;
}

/** Most bytes that a loop copies faster than a call. */
const SMALL = 96;

/** Copies an input section as it is. */
function copySection(context: WriteContext, object: InputObject, s: number, to: number): void {
  const { program } = context.state;
  const size = program.sections.inputSize[s]!;
  if (size > SMALL || program.contents.has(s)) {
    context.file.set(sectionContents(program, s), to);
    return;
  }
  const { file } = context;
  const { bytes } = object;
  const from = program.sections.offset[s]!;
  for (let i = 0; i < size; i++) file[to + i] = bytes[from + i]!;
}

/** Contents that the linker made before layout (notes, attributes). */
function writeMade(context: WriteContext): void {
  const t = context.state.program.sections;
  for (const [s, bytes] of context.state.program.contents) {
    if (t.role[s] !== Role.Synthetic || t.live[s] !== Live.Live) continue;
    const to = fileOffsetOf(context.state, s);
    if (to >= 0) context.file.set(bytes, to);
  }
}

/** Copies the kept records, repairs their CIE pointers; returns where each relocation now stands. */
function copyEhFrame(context: WriteContext, pieces: EhPieces, to: number): Int32Array {
  const { program } = context.state;
  const t = program.sections;
  const bytes = sectionContents(program, pieces.section);
  const object = program.objects[t.object[pieces.section]!]!;
  const base = t.relocs[pieces.section]!;
  const places = new Int32Array(t.relocCount[pieces.section]!).fill(-1);
  const address = t.address[pieces.section]!;
  for (let i = 0; i < pieces.count; i++) {
    const out = pieces.outputOffset[i]!;
    if (out === DROPPED) continue;
    const from = pieces.inputOffset[i]!;
    context.file.set(bytes.subarray(from, from + pieces.size[i]!), to + out);
    const cie = pieces.cie[i]!;
    if (cie >= 0) {
      const cieAddress = keptCieAddress(context, pieces, cie);
      context.view.setUint32(to + out + 4, address + out + 4 - cieAddress, true);
    }
    for (let r = pieces.firstReloc[i]!; r < pieces.firstReloc[i + 1]!; r++) {
      places[r] = object.view.getUint32(base + r * elf.RELA_SIZE, true) - from + out;
    }
  }
  return places;
}

function keptCieAddress(context: WriteContext, pieces: EhPieces, cie: number): number {
  const t = context.state.program.sections;
  if (pieces.sameSection[cie]! >= 0) {
    const other = context.edits.ehFrames.get(pieces.sameSection[cie]!)!;
    return t.address[other.section]! + other.outputOffset[pieces.samePiece[cie]!]!;
  }
  return t.address[pieces.section]! + pieces.outputOffset[cie]!;
}
