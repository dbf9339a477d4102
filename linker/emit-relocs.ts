/**
 * --emit-relocs: keeps the relocations of the linked program, in terms of its own sections and symbols.
 *
 * Tools that move or check code afterwards need to know where addresses are. A relocation against a symbol that is in
 * the output's table names it; one against a symbol that was left out names its output section, with the distance in
 * the addend. Where the linker rewrote an instruction (a GOT load into lea, a TLS sequence into a constant, a call into
 * a jump), the relocation is given the type, place and addend that fit what now stands there, or is left out when
 * nothing depends on an address. So each, applied to the output, gives the bytes that are in it.
 */
import { Special } from './arch/architecture.ts';
import { DROPPED, pieceAt, recordsOf } from './eh-frame.ts';
import * as elf from './elf.ts';
import type { OutputSection } from './image.ts';
import * as arm from './kernels/aarch64-numbers.ts';
import { allObjects, type InputObject, Live, Role, sectionContents } from './program.ts';
import { symbolSection } from './read-object.ts';
import type { Relaxation } from './relax.ts';
import { hasNoBits } from './segments.ts';
import { createSymbolAddresses, objectAddresses, sectionOffsetAddress } from './symbol-addresses.ts';
import type { SymbolTables } from './symtab.ts';
import { fileOffsetOf, type WriteContext } from './write-sections.ts';

/** A relocation of the linked program, as it fits the bytes in the output. One object, reused for every visit. */
export interface PlacedRelocation {
  object: InputObject;
  /** Input section that holds it. */
  section: number;
  output: OutputSection;
  /** Address of the relocated field. */
  place: number;
  type: number;
  /** Symbol of `object`, and the addend. */
  symbol: number;
  addend: number;
  /** S + A: the address meant. */
  target: number;
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
  const byOutput = new Map<OutputSection, number[]>();
  forEachRelocation(context, ({ object, output, place, type, symbol, addend, target }) => {
    let records = byOutput.get(output);
    if (!records) {
      records = [];
      byOutput.set(output, records);
    }
    const known = symbols.indexOf[object.index]?.[symbol] ?? 0;
    if (known !== 0 || symbol === 0) {
      records.push(place, type, known, addend);
      return;
    }
    const home = homeOf(context, object, symbol);
    const section = home && symbols.sectionSymbols.get(home);
    if (home && section !== undefined) records.push(place, type, section, target - home.address);
  });
  return kept.flatMap((output) => {
    const records = byOutput.get(output);
    return records ? [{ output, bytes: encode(records) }] : [];
  });
}

/** Visits every relocation that the output depends on, object by object, in the order of the inputs. */
export function forEachRelocation(context: WriteContext, visit: (relocation: PlacedRelocation) => void): void {
  const { program } = context.state;
  const { address, special } = createSymbolAddresses(program);
  for (const object of allObjects(program)) {
    if (object.sectionCount === 0) continue;
    objectAddresses(program, object, context.globals, context.got, context.iplt, address, special);
    for (let s = object.firstSection; s < object.firstSection + object.sectionCount; s++) {
      visitSection(context, visit, object, s, address, special);
    }
  }
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

function visitSection(
  context: WriteContext,
  visit: (relocation: PlacedRelocation) => void,
  object: InputObject,
  s: number,
  address: Float64Array,
  special: Uint8Array,
): void {
  const { state } = context;
  const t = state.program.sections;
  if (t.live[s] !== Live.Live || t.role[s] === Role.Ignored || t.relocCount[s] === 0 || t.output[s]! < 0) return;
  // Relocations of a section without bytes apply to nothing: they were never looked at.
  if (t.size[s] === 0) return;
  const output = state.outputs[t.output[s]!]!;
  if (hasNoBits(output)) return;
  const found: PlacedRelocation = { object, section: s, output, place: 0, type: 0, symbol: 0, addend: 0, target: 0 };
  const pieces = recordsOf(state.program, s);
  const base = t.relocs[s]!;
  const { machine } = state.architecture;
  const relaxedTypes = machine === 'riscv64' ? typesAfterRelaxation(context.relaxation, s) : undefined;
  for (let r = 0; r < t.relocCount[s]!; r++) {
    const at = base + r * elf.RELA_SIZE;
    const offset = elf.readUnsigned64(object.view, at);
    const sym = object.view.getUint32(at + 12, true);
    const original = object.view.getUint32(at + 8, true);
    const flags = special[sym]!;
    const rewritten = whatBecameOf(context, s, offset, original, flags, relaxedTypes?.get(r));
    // The call of __tls_get_addr that belonged to the sequence is gone.
    if (rewritten.consumesNext) r++;
    const { type } = rewritten;
    if (type < 0 || (flags & Special.Dead) !== 0) continue;
    if (pieces && pieces.outputOffset[pieceAt(pieces, offset)] === DROPPED) continue;
    const place = sectionOffsetAddress(state.program, s, offset) + rewritten.move;
    const addend = elf.readSigned64(object.view, at + 16) + rewritten.add;
    found.place = place;
    found.type = type;
    found.symbol = sym;
    found.addend = addend;
    found.target = targetAddress(context, object, sym, addend, address[sym]!, flags);
    visit(found);
  }
}

/** S + A; for a symbol of a section whose pieces moved the addend decides which piece is meant. */
function targetAddress(
  context: WriteContext,
  object: InputObject,
  sym: number,
  addend: number,
  address: number,
  flags: number,
): number {
  if ((flags & (Special.Merge | Special.Edited)) === 0) return address + addend;
  const value = elf.readSigned64(object.view, object.symtab + sym * elf.SYM_SIZE + 8);
  return sectionOffsetAddress(context.state.program, symbolSection(object, sym), value + addend);
}

/** Output section of a local symbol, for one that has no entry of its own. */
function homeOf(context: WriteContext, object: InputObject, sym: number): OutputSection | undefined {
  const { state } = context;
  const s = sym < object.firstGlobal ? symbolSection(object, sym) : -1;
  return s < 0 ? undefined : state.outputs[state.program.sections.output[s]!];
}

const R_X86_64_PC32 = 2;
const R_X86_64_TPOFF64 = 18;
const R_X86_64_TPOFF32 = 23;

/** What became of a relocation: its type now (-1: none fits), how far it moved, what its addend gained. */
interface Rewritten {
  readonly type: number;
  readonly move: number;
  readonly add: number;
  readonly consumesNext?: boolean;
}

/** What became of a relocation of section `s`; `relaxed` is the type that RISC-V's relaxation gave it. */
function whatBecameOf(
  context: WriteContext,
  s: number,
  offset: number,
  type: number,
  flags: number,
  relaxed: number | undefined,
): Rewritten {
  switch (context.state.architecture.machine) {
    case 'x86-64':
      return afterRewrite(context, s, offset, type);
    case 'riscv64':
      return { type: afterRelaxation(type, relaxed), move: 0, add: 0 };
    case 'aarch64':
      return afterRewriteAarch64(context, s, offset, type, flags);
  }
}

/** The same of an AArch64 program; see kernels/assembly/aarch64.ts for the rewrites. */
function afterRewriteAarch64(context: WriteContext, s: number, offset: number, type: number, flags: number): Rewritten {
  const same: Rewritten = { type, move: 0, add: 0 };
  switch (type) {
    case arm.TLSGD_ADR_PAGE21:
    case arm.TLSDESC_ADR_PAGE21:
    case arm.TLSIE_ADR_GOTTPREL_PAGE21:
      return { ...same, type: arm.TLSLE_MOVW_TPREL_G1 };
    case arm.TLSGD_ADD_LO12_NC:
      return { ...same, type: arm.TLSLE_MOVW_TPREL_G0_NC, consumesNext: true };
    case arm.TLSDESC_LD64_LO12:
    case arm.TLSIE_LD64_GOTTPREL_LO12_NC: {
      const isMovk = context.view.getUint32(fileOffsetOf(context.state, s) + offset, true) >>> 23 === 0x1e5;
      return { ...same, type: isMovk ? arm.TLSLE_MOVW_TPREL_G0_NC : arm.TLSLE_MOVW_TPREL_G0 };
    }
    case arm.TLSLD_ADD_LO12_NC:
      return { ...same, type: -1, consumesNext: true };
    case arm.TLSLD_ADR_PAGE21:
    case arm.TLSDESC_ADD_LO12:
    case arm.TLSDESC_CALL:
      return { ...same, type: -1 };
    case arm.CALL26:
    case arm.JUMP26:
    case arm.CONDBR19:
    case arm.TSTBR14:
    case arm.ADR_PREL_LO21:
    case arm.ADR_PREL_PG_HI21:
    case arm.ADR_PREL_PG_HI21_NC:
      // Of a weak symbol that nothing defines: no distance is left.
      return (flags & Special.Undefined) !== 0 ? { ...same, type: -1 } : same;
    default:
      return same;
  }
}

/** The relocation that fits the bytes in the output of an x86-64 program; see arch/x86-64.ts for the rewrites. */
function afterRewrite(context: WriteContext, s: number, offset: number, type: number): Rewritten {
  const at = fileOffsetOf(context.state, s) + offset;
  const same: Rewritten = { type, move: 0, add: 0 };
  // Constants count from their own place, not from the end of the instruction as PC-relative operands do.
  const constant: Rewritten = { type: R_X86_64_TPOFF32, move: 0, add: 4 };
  const alloc = (context.state.program.sections.flags[s]! & elf.SHF_ALLOC) !== 0;
  switch (type) {
    case 41: // GOTPCRELX
    case 42: {
      // The instruction as it was: the slot is meant.
      const opcode = context.file[at - 2];
      if (opcode === sectionContents(context.state.program, s)[offset - 2]) return same;
      return opcode === 0xe9 ? { type: R_X86_64_PC32, move: -1, add: 0 } : { ...same, type: R_X86_64_PC32 };
    }
    case 17: // DTPOFF64
      return alloc ? { ...same, type: R_X86_64_TPOFF64 } : same;
    case 19: // TLSGD
      return { ...constant, move: 8, consumesNext: true };
    case 20: // TLSLD: the thread pointer itself
      return { ...same, type: -1, consumesNext: true };
    case 21: // DTPOFF32
      return alloc ? { ...same, type: R_X86_64_TPOFF32 } : same;
    case 22: // GOTTPOFF
      return context.file[at - 2] === 0x8b || context.file[at - 2] === 0x03 ? same : constant;
    case 34: // GOTPC32_TLSDESC
      return constant;
    case 35: // TLSDESC_CALL
      return { ...same, type: -1 };
    default:
      return same;
  }
}

const R_RISCV_ALIGN = 43;
const R_RISCV_RELAX = 51;
/** The linker's own types for low halves on another base register, as GNU ld emits them: from gp or x0, and from tp. */
const LOW_HALVES = new Map([
  [192, 47], // R_RISCV_GPREL_I
  [193, 48], // R_RISCV_GPREL_S
  [194, 49], // R_RISCV_TPREL_I
  [195, 50], // R_RISCV_TPREL_S
]);

/** Types of a section's relocations that relaxation changed, by index of the relocation. */
function typesAfterRelaxation(relaxation: Relaxation, s: number): Map<number, number> | undefined {
  const relaxed = relaxation.bySection.get(s);
  if (!relaxed) return undefined;
  const types = new Map<number, number>();
  relaxed.candidates.forEach((r, c) => {
    if (relaxed.newType[c] !== 255) types.set(r, relaxed.newType[c]!);
  });
  return types;
}

/** Padding was cut to what the addresses need, so nothing may be relaxed again: those marks go. */
function afterRelaxation(type: number, relaxed: number | undefined): number {
  if (relaxed !== undefined) return relaxed === 0 ? -1 : (LOW_HALVES.get(relaxed) ?? relaxed);
  return type === R_RISCV_ALIGN || type === R_RISCV_RELAX ? -1 : type;
}
