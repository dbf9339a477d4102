/**
 * Fills the output's sections: copies inputs, fills gaps, applies relocations.
 */
import { fail } from '../base/errors.ts';
import type { AddressState } from './address-state.ts';
import type { AddressTables, RelocationJob } from './arch/architecture.ts';
import { u32 } from './arena.ts';
import type { EhFrames } from './eh-frame.ts';
import * as elf from './elf.ts';
import { type GotTables, localKey } from './got.ts';
import type { OutputSection } from './image.ts';
import * as layout from './kernels/layout.ts';
import { mergedOffset, mergeLeader, mergeSize } from './merge.ts';
import { type InputObject, Live, objectAt, objectCount, placeText, Role } from './program.ts';
import { symbolSection } from './read-object.ts';
import type { Relaxation } from './relax.ts';
import { findSymbol, isDefined } from './resolve.ts';
import { hasNoBits } from './segments.ts';
import {
  createSymbolAddresses,
  type GlobalAddresses,
  type IpltPlace,
  objectAddresses,
  sectionOffsetAddress,
} from './symbol-addresses.ts';
import { type Veneers, veneerAddress } from './veneers.ts';

/** Where everything is: enough for symbol tables. */
export interface AddressContext {
  readonly state: AddressState;
  readonly frames: EhFrames;
  readonly got: GotTables;
  readonly gotSection: number;
  readonly globals: GlobalAddresses;
  readonly iplt: IpltPlace;
  readonly relaxation: Relaxation;
  readonly veneers: Veneers;
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
  return output.name === '.init' || output.name === '.fini' ? architecture.nopBytes : architecture.trapBytes;
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
  const filled = new Set<OutputSection>();
  for (const output of outputs) {
    if (hasNoBits(output) || output.size === 0) continue;
    const bytes = gapBytes(state, output);
    if (bytes.every((byte) => byte === 0) || !hasGaps(state, output)) continue;
    if (bytes.length === 1) fillGaps(context, output, bytes[0]!);
    else {
      fillRange(file, output.fileOffset, output.fileOffset + output.size, bytes);
      filled.add(output);
    }
  }
  for (const { section, offset, bytes } of state.fillItems) {
    if (hasNoBits(section) || section.size === 0) continue;
    fillRange(file, section.fileOffset + offset, section.fileOffset + section.size, bytes);
    filled.add(section);
  }
  for (const output of filled) clearZeros(context, output);
  for (const { section, offset, size, value } of state.dataItems) {
    if (hasNoBits(section)) continue;
    for (let i = 0; i < size; i++) {
      file[section.fileOffset + offset + i] = Number((value >> BigInt(8 * i)) & 255n);
    }
  }
}

/** Makes zero again what inputs without bytes (.bss) take in a section that was filled as a whole. */
function clearZeros({ state, file }: WriteContext, output: OutputSection): void {
  const t = state.program.sections;
  for (const item of output.body) {
    if (item.kind !== 'inputs') continue;
    for (const s of item.sections) {
      if (t.type[s] !== elf.SHT_NOBITS) continue;
      const from = output.fileOffset + t.outputOffset[s]!;
      file.fill(0, from, from + t.size[s]!);
    }
  }
}

/** Fills what the inputs of a section leave free. */
function fillGaps({ state, file }: WriteContext, output: OutputSection, byte: number): void {
  const { arena, block } = state.program;
  const base = file.byteOffset + output.fileOffset;
  let end = 0;
  for (const item of output.body) {
    if (item.kind !== 'inputs') continue;
    const { byteOffset, length } = item.sections;
    end = arena.kernels.fillGaps(block, byteOffset, length, base, end, byte);
  }
  file.fill(byte, output.fileOffset + end, output.fileOffset + output.size);
}

function hasGaps(state: AddressState, output: OutputSection): boolean {
  const { arena, block } = state.program;
  let filled = 0;
  for (const item of output.body) {
    if (item.kind === 'inputs') filled += arena.kernels.sumSizes(block, item.sections.byteOffset, item.sections.length);
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
    veneer: (job, r) => veneerAddress(job.program, context.veneers, job.section, r),
    pieceAddress,
    symbolSize,
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
  const id = findSymbol(state.program, '__global_pointer$');
  return isDefined(state.program, id) ? state.program.symbols.value[id]! : 0;
}

function objectOf(job: RelocationJob): InputObject {
  return objectAt(job.program, job.program.sections.object[job.section]!);
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
function pieceAddress(job: RelocationJob, sym: number, addend: number): number {
  const { program, section } = job;
  const object = objectAt(program, program.sections.object[section]!);
  const at = object.symtab + sym * elf.SYM_SIZE;
  const offset = object.view.getUint32(at + 8, true) + addend;
  const s = symbolSection(object, sym);
  const { edit, role, address } = program.sections;
  if (!edit[s] || role[s] !== Role.Merge) return sectionOffsetAddress(program, s, offset);
  const merged = mergedOffset(program, s, offset);
  if (merged < 0) {
    const what = `${offset} is outside ${placeText(program, s)}, which has ${mergeSize(program, s)} bytes`;
    fail('relocation', `${placeText(program, section)}: reference to offset ${what}`);
  }
  return address[mergeLeader(program, s)]! + merged;
}

function symbolSize(job: RelocationJob, sym: number): number {
  const object = objectOf(job);
  if (sym >= object.firstGlobal) {
    return job.program.symbols.size[job.program.globalRefs[object.firstGlobalRef + sym - object.firstGlobal]!]!;
  }
  return elf.readUnsigned64(object.view, object.symtab + sym * elf.SYM_SIZE + 16);
}

/** By output section: where it starts in the file. */
function outputOffsets(context: WriteContext): number {
  const { outputs, program } = context.state;
  const offsets = u32(program.arena, outputs.length);
  outputs.forEach((output, i) => {
    offsets[i] = hasNoBits(output) ? 0xffffffff : output.fileOffset;
  });
  return offsets.byteOffset;
}

/**
 * Copies and relocates every live input section: a kernel does what is common, and comes back for relocations that are
 * not everyday ones.
 */
export function writeInputs(context: WriteContext): RelocationJob {
  const { state, globals } = context;
  const { program, architecture } = state;
  const { arena } = program;
  const job = createJob(context);
  const { address, special } = createSymbolAddresses(program);
  job.symbolAddress = address;
  job.special = special;
  const words = u32(arena, layout.WRITE_WORDS);
  program.words[layout.OUTPUT_OFFSETS] = outputOffsets(context);
  words[layout.WRITE_FILE] = context.file.byteOffset;
  words[layout.WRITE_OBJECT_COUNT] = objectCount(program);
  words[layout.WRITE_ADDRESS] = address.byteOffset;
  words[layout.WRITE_SPECIAL] = special.byteOffset;
  words[layout.WRITE_GLOBAL_ADDRESS] = globals.address.byteOffset;
  words[layout.WRITE_GLOBAL_SPECIAL] = globals.special.byteOffset;
  words[layout.WRITE_RELAX] = state.options.relax ? 1 : 0;
  words[layout.WRITE_PREPARED] = 0xffffffff;
  words[layout.WRITE_MACHINE] = architecture.elfMachine;
  words[layout.WRITE_PIE] = state.options.pie ? 1 : 0;
  words[layout.WRITE_PLACES] = context.frames.places.byteOffset;
  const doubles = new Float64Array(arena.bytes.buffer, words.byteOffset, layout.WRITE_WORDS / 2);
  doubles[layout.WRITE_THREAD_POINTER] = -architecture.threadOffset(job.tables, 0);
  doubles[layout.WRITE_GOT] = job.tables.gotAddress;
  doubles[layout.WRITE_TLS_START] = job.tables.tlsStart;
  doubles[layout.WRITE_GLOBAL_POINTER] = job.tables.globalPointer;
  program.words[layout.WRITING] = words.byteOffset;
  const prepare = (object: number): void => {
    if (words[layout.WRITE_PREPARED] === object) return;
    objectAddresses(program, objectAt(program, object), globals, context.got, context.iplt, address, special);
    words[layout.WRITE_PREPARED] = object;
  };
  for (;;) {
    const needs = arena.kernels.writeInputs(program.block, words.byteOffset);
    if (needs === layout.WRITE_DONE) break;
    const object = words[layout.WRITE_OBJECT]!;
    const s = words[layout.WRITE_SECTION]!;
    prepare(object);
    if (needs === layout.WRITE_NEEDS_ADDRESSES) continue;
    startSection(context, job, s);
    words[layout.WRITE_RELOC] = architecture.applyRelocation(job, words[layout.WRITE_RELOC]!);
  }
  writeMade(context);
  return job;
}

/** Makes section `s` the job's. */
function startSection(context: WriteContext, job: RelocationJob, s: number): void {
  const { state } = context;
  const t = state.program.sections;
  const object = objectAt(state.program, t.object[s]!);
  job.section = s;
  job.view = object.view;
  job.symbolCount = object.symbolCount;
  job.relocs = t.relocs[s]!;
  job.count = t.relocCount[s]!;
  job.outOffset = fileOffsetOf(state, s);
  job.size = t.size[s]!;
  job.address = t.address[s]!;
  job.alloc = (t.flags[s]! & elf.SHF_ALLOC) !== 0;
  // Where the kernel has put the records.
  job.places = t.role[s] === Role.EhFrame && t.edit[s] !== 0 ? context.frames.places : undefined;
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
