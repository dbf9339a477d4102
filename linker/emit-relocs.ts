/**
 * --emit-relocs: keeps the relocations of the linked program, in terms of its own sections and symbols.
 *
 * Tools that move or check code afterwards need to know where addresses are. A relocation against a symbol that is in
 * the output's table names it; one against a symbol that was left out names its output section, with the distance in
 * the addend. Where the linker rewrote an instruction (a GOT load into lea, a TLS sequence into a constant), the
 * relocation is given the type that fits what now stands there, or is left out when nothing depends on an address.
 */
import { Need, Special } from './arch/architecture.ts';
import { DROPPED, pieceAt } from './eh-frame.ts';
import * as elf from './elf.ts';
import type { OutputSection } from './image.ts';
import { type InputObject, Live, Role } from './program.ts';
import { hasNoBits } from './segments.ts';
import { objectAddresses, sectionOffsetAddress } from './symbol-addresses.ts';
import type { SymbolTables } from './symtab.ts';
import { fileOffsetOf, type WriteContext } from './write-sections.ts';

interface Emitter {
  readonly context: WriteContext;
  readonly symbols: SymbolTables;
  readonly byOutput: Map<OutputSection, number[]>;
}

/** The relocations of one output section, as RELA records. */
export interface EmittedRelocations {
  readonly output: OutputSection;
  readonly bytes: Uint8Array;
}

/** Relocation sections, one for each output section that has relocations, in section order. */
export function writeEmittedRelocations(
  context: WriteContext,
  kept: readonly OutputSection[],
  symbols: SymbolTables,
): EmittedRelocations[] {
  const emitter: Emitter = { context, symbols, byOutput: new Map() };
  const { program } = context.state;
  let address = new Float64Array(256);
  let special = new Uint8Array(256);
  for (const object of program.objects) {
    if (object.sectionCount === 0) continue;
    if (object.symbolCount > address.length) {
      address = new Float64Array(object.symbolCount * 2);
      special = new Uint8Array(object.symbolCount * 2);
    }
    objectAddresses(program, context.edits, object, context.globals, context.got, context.iplt, address, special);
    for (let s = object.firstSection; s < object.firstSection + object.sectionCount; s++) {
      emitSection(emitter, object, s, address, special);
    }
  }
  return kept.flatMap((output) => {
    const records = emitter.byOutput.get(output);
    return records ? [{ output, bytes: encode(records) }] : [];
  });
}

/** Records are four numbers each: place, type, symbol, addend. */
const RECORD = 4;

function encode(records: readonly number[]): Uint8Array {
  const count = records.length / RECORD;
  const order = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => records[a * RECORD]! - records[b * RECORD]! || a - b,
  );
  const bytes = new Uint8Array(count * elf.RELA_SIZE);
  const view = new DataView(bytes.buffer);
  order.forEach((i, n) => {
    const at = n * elf.RELA_SIZE;
    elf.write64(view, at, records[i * RECORD]!);
    view.setUint32(at + 8, records[i * RECORD + 1]!, true);
    view.setUint32(at + 12, records[i * RECORD + 2]!, true);
    elf.write64(view, at + 16, records[i * RECORD + 3]!);
  });
  return bytes;
}

function emitSection(
  emitter: Emitter,
  object: InputObject,
  s: number,
  address: Float64Array,
  special: Uint8Array,
): void {
  const { context } = emitter;
  const { state } = context;
  const t = state.program.sections;
  if (t.live[s] !== Live.Live || t.role[s] === Role.Ignored || t.relocCount[s] === 0 || t.output[s]! < 0) return;
  // Relocations of a section without bytes apply to nothing: they were never looked at.
  if (t.size[s] === 0) return;
  const output = state.outputs[t.output[s]!]!;
  if (hasNoBits(output)) return;
  const records = emitter.byOutput.get(output) ?? [];
  if (records.length === 0) emitter.byOutput.set(output, records);
  const pieces = context.edits.ehFrames.get(s);
  const base = t.relocs[s]!;
  for (let at = base; at < base + t.relocCount[s]! * elf.RELA_SIZE; at += elf.RELA_SIZE) {
    const offset = elf.readUnsigned64(object.view, at);
    const sym = object.view.getUint32(at + 12, true);
    const inputType = object.view.getUint32(at + 8, true);
    const flags = special[sym]!;
    if ((flags & Special.Dead) !== 0) continue;
    if (pieces && pieces.outputOffset[pieceAt(pieces, offset)] === DROPPED) continue;
    if (takesCall(context, inputType)) {
      at += elf.RELA_SIZE;
      continue;
    }
    const place = sectionOffsetAddress(state.program, context.edits, s, offset);
    const type = typeAfterRewrite(context, s, offset, inputType);
    if (type < 0) continue;
    const addend = elf.readSigned64(object.view, at + 16);
    const known = emitter.symbols.indexOf[object.index]?.[sym] ?? 0;
    if (known !== 0 || sym === 0) {
      records.push(place, type, known, addend);
      continue;
    }
    const home = homeOf(context, object, sym, addend, address, flags);
    const section = home && emitter.symbols.sectionSymbols.get(home.output);
    if (home && section !== undefined) records.push(place, type, section, home.target - home.output.address);
  }
}

/** The rewritten TLS sequence has no call of __tls_get_addr left: the relocation that follows describes nothing. */
function takesCall(context: WriteContext, type: number): boolean {
  const { consumesCall, needs } = context.state.architecture;
  return consumesCall && (needs[type] === Need.TlsGd || needs[type] === Need.TlsLd);
}

/** Output section and address (S + A) of a symbol that has no entry of its own. */
function homeOf(
  context: WriteContext,
  object: InputObject,
  sym: number,
  addend: number,
  address: Float64Array,
  flags: number,
): { output: OutputSection; target: number } | undefined {
  const { state } = context;
  const index = object.view.getUint16(object.symtab + sym * elf.SYM_SIZE + 6, true);
  if (sym >= object.firstGlobal || index === 0 || index >= elf.SHN_LORESERVE) return undefined;
  const s = object.firstSection + index;
  const output = state.outputs[state.program.sections.output[s]!];
  if (!output) return undefined;
  const edited = (flags & (Special.Merge | Special.Edited)) !== 0;
  const value = elf.readSigned64(object.view, object.symtab + sym * elf.SYM_SIZE + 8);
  const target = edited
    ? sectionOffsetAddress(state.program, context.edits, s, value + addend)
    : address[sym]! + addend;
  return { output, target };
}

const R_X86_64_PC32 = 2;
const R_X86_64_TPOFF32 = 23;

/** Type of the relocation that fits the bytes in the output; -1 when none does. */
function typeAfterRewrite(context: WriteContext, s: number, offset: number, type: number): number {
  if (context.state.architecture.machine !== 'x86-64') return type;
  const at = fileOffsetOf(context.state, s) + offset;
  switch (type) {
    case 41: // GOTPCRELX
    case 42: {
      // Still a load (mov, or call/jmp through memory)? Then the slot is meant.
      const opcode = context.file[at - 2];
      const modrm = context.file[at - 1];
      const viaSlot = opcode === 0x8b || (opcode === 0xff && (modrm === 0x15 || modrm === 0x25));
      if (viaSlot) return type;
      return opcode === 0xe9 ? -1 : R_X86_64_PC32;
    }
    case 19: // TLSGD, TLSLD, TLSDESC: replaced whole
    case 20:
    case 35:
      return -1;
    case 22: // GOTTPOFF
    case 34:
      return context.file[at - 2] === 0x8b || context.file[at - 2] === 0x03 ? type : R_X86_64_TPOFF32;
    default:
      return type;
  }
}
