/**
 * RISC-V linker relaxation: replaces instruction sequences by shorter ones once distances are known, and satisfies
 * alignment requests.
 *
 * Compilers emit the longest form (auipc + jalr for a call) marked R_RISCV_RELAX; the linker shortens what reaches.
 * R_RISCV_ALIGN marks padding of which the linker keeps just what the final address needs: this is mandatory, with or
 * without relaxation. Each pass decides anew from current addresses and tells the layout the new sizes. Since removing
 * bytes may lengthen a distance (alignment in between grows), a decision may be taken back; from SETTLE_AFTER on it may
 * only be taken back, so that passes end.
 * Sources: RISC-V ELF psABI 1.0, chapter 9 "Linker Relaxation"; RISC-V ISA for encodings.
 */
import { fail } from '../base/errors.ts';
import type { AddressState } from './addresses.ts';
import { R } from './arch/riscv64-types.ts';
import * as elf from './elf.ts';
import { findText } from './names.ts';
import { type InputObject, Live, type Program, placeText, Role, SymbolKind, sectionContents } from './program.ts';
import { SymbolPlace, symbolSection } from './read-object.ts';
import type { LinkOptions } from './request.ts';
import type { ShrinkTable, ShrinkTables } from './shrink.ts';
import { type Edits, sectionOffsetAddress } from './symbol-addresses.ts';

const SETTLE_AFTER = 6;

/** One section with RELAX or ALIGN relocations. */
interface RelaxedSection {
  readonly section: number;
  readonly count: number;
  /** Relocations that may remove bytes: indices, ascending by offset. */
  readonly candidates: Uint32Array;
  /** By candidate: bytes removed now, and the relocation type that takes the place (255: none). */
  readonly remove: Uint32Array;
  readonly newType: Uint8Array;
  /** By candidate: what its symbol means, so that passes need not look it up again (see Target). */
  readonly targetPlace: Int32Array;
  readonly targetValue: Float64Array;
  readonly targetAddend: Float64Array;
  readonly table: ShrinkTable & { count: number };
}

export interface Relaxation {
  readonly sections: RelaxedSection[];
  /** Part of Edits: filled as sections shrink. */
  readonly tables: ShrinkTables;
  readonly bySection: Map<number, RelaxedSection>;
}

const KEEP_TYPE = 255;

/** Finds what can shrink. On machines without relaxation the result is empty. */
export function createRelaxation(program: Program, options: LinkOptions): Relaxation {
  const relaxation: Relaxation = { sections: [], tables: { count: 0, of: [] }, bySection: new Map() };
  if (program.machine !== 'riscv64') return relaxation;
  const t = program.sections;
  for (let s = 0; s < t.count; s++) {
    if (t.live[s] !== Live.Live || t.role[s] !== Role.Regular || t.relocCount[s] === 0) continue;
    if ((t.flags[s]! & elf.SHF_EXECINSTR) === 0) continue;
    const relaxed = findCandidates(program, s, options.relax);
    if (!relaxed) continue;
    relaxation.sections.push(relaxed);
    relaxation.bySection.set(s, relaxed);
    if (relaxation.tables.count++ === 0) relaxation.tables.of = new Array(t.count).fill(undefined);
    relaxation.tables.of[s] = relaxed.table;
  }
  return relaxation;
}

function findCandidates(program: Program, section: number, relax: boolean): RelaxedSection | undefined {
  const object = program.objects[program.sections.object[section]!]!;
  const base = program.sections.relocs[section]!;
  const count = program.sections.relocCount[section]!;
  const candidates: number[] = [];
  let previous = 0;
  for (let r = 0; r < count; r++) {
    const at = base + r * elf.RELA_SIZE;
    const type = object.view.getUint32(at + 8, true);
    const offset = elf.readUnsigned64(object.view, at);
    if (offset < previous) {
      fail('unsupported-input', `${placeText(program, section, offset)}: relocations are not in order of offset`);
    }
    previous = offset;
    if (type === R.ALIGN) {
      candidates.push(r);
    } else if (relax && r + 1 < count && isRelaxable(type)) {
      const next = at + elf.RELA_SIZE;
      const marked =
        object.view.getUint32(next + 8, true) === R.RELAX && elf.readUnsigned64(object.view, next) === offset;
      if (marked) candidates.push(r);
    }
  }
  if (candidates.length === 0) return undefined;
  const targetPlace = new Int32Array(candidates.length);
  const targetValue = new Float64Array(candidates.length);
  const targetAddend = new Float64Array(candidates.length);
  candidates.forEach((r, c) => {
    const target = targetOf(program, object, base + r * elf.RELA_SIZE);
    targetPlace[c] = target.place;
    targetValue[c] = target.value;
    targetAddend[c] = target.addend;
  });
  return {
    section,
    count,
    targetPlace,
    targetValue,
    targetAddend,
    candidates: Uint32Array.from(candidates),
    remove: new Uint32Array(candidates.length),
    newType: new Uint8Array(candidates.length).fill(KEEP_TYPE),
    table: { count: 0, at: new Uint32Array(candidates.length), removed: new Uint32Array(candidates.length) },
  };
}

function isRelaxable(type: number): boolean {
  switch (type) {
    case R.CALL:
    case R.CALL_PLT:
    case R.HI20:
    case R.LO12_I:
    case R.LO12_S:
    case R.TPREL_HI20:
    case R.TPREL_ADD:
    case R.TPREL_LO12_I:
    case R.TPREL_LO12_S:
      return true;
    default:
      return false;
  }
}

interface Pass {
  readonly program: Program;
  readonly edits: Edits;
  readonly settling: boolean;
  readonly globalPointer: number;
  readonly tlsStart: number;
}

/** Decides once for all sections; returns whether any size changed. */
export function relaxOnce(state: AddressState, edits: Edits, relaxation: Relaxation, pass: number): boolean {
  if (relaxation.sections.length === 0) return false;
  const { program } = state;
  const gp = findText(program.symbols.names, '__global_pointer$');
  const hasGp = gp >= 0 && program.symbols.kind[gp]! >= SymbolKind.Defined && program.symbols.value[gp] !== 0;
  const tls = state.outputs.find((output) => (output.flags & elf.SHF_TLS) !== 0 && output.size > 0);
  const context: Pass = {
    program,
    edits,
    settling: pass >= SETTLE_AFTER,
    globalPointer: hasGp ? program.symbols.value[gp]! : Number.NaN,
    tlsStart: tls?.address ?? 0,
  };
  let changed = false;
  for (const relaxed of relaxation.sections) if (relaxSection(context, relaxed)) changed = true;
  // Sizes are set only now: decisions of one pass all see the same addresses.
  for (const relaxed of relaxation.sections) if (applyDecisions(program, relaxed)) changed = true;
  return changed;
}

function relaxSection(pass: Pass, relaxed: RelaxedSection): boolean {
  const { program } = pass;
  const { section, candidates, remove, newType } = relaxed;
  const object = program.objects[program.sections.object[section]!]!;
  const base = program.sections.relocs[section]!;
  const start = program.sections.address[section]!;
  let changed = false;
  let removed = 0;
  for (let c = 0; c < candidates.length; c++) {
    const at = base + candidates[c]! * elf.RELA_SIZE;
    const offset = object.view.getUint32(at, true);
    const type = object.view.getUint32(at + 8, true);
    let count: number;
    let replacement: number = KEEP_TYPE;
    if (type === R.ALIGN) {
      count = alignRemoval(pass, object, section, at, start + offset - removed);
    } else {
      const target = targetAddress(pass, relaxed, c);
      const decided = decide(pass, object, section, type, target, offset, start + offset - removed);
      count = decided >> 8;
      replacement = decided & 255;
      const before = remove[c]!;
      const wasTaken = newType[c] !== KEEP_TYPE;
      if (pass.settling && (count > before || (replacement !== KEEP_TYPE && !wasTaken))) {
        count = before;
        replacement = newType[c]!;
      }
    }
    if (count !== remove[c] || replacement !== newType[c]) {
      changed = true;
      remove[c] = count;
      newType[c] = replacement;
    }
    removed += count;
  }
  return changed;
}

/** Bytes of an ALIGN's padding that the address does not need. */
function alignRemoval(pass: Pass, object: InputObject, section: number, at: number, address: number): number {
  const padding = elf.readSigned64(object.view, at + 16);
  const offset = object.view.getUint32(at, true);
  if (padding <= 0 || offset + padding > pass.program.sections.inputSize[section]!) {
    const where = placeText(pass.program, section, offset);
    fail('relocation', `${where}: R_RISCV_ALIGN asks for ${padding} bytes, which the section does not have`);
  }
  let alignment = 4;
  while (alignment < padding + 2) alignment *= 2;
  if (padding === 2) alignment = 4;
  const needed = elf.alignUp(address, alignment) - address;
  if (needed > padding) {
    const where = placeText(pass.program, section, offset);
    fail('relocation', `${where}: aligning to ${alignment} needs ${needed} bytes of padding, but there are ${padding}`);
  }
  return padding - needed;
}

/** Packed (bytes removed << 8 | replacing type). */
function decide(
  pass: Pass,
  object: InputObject,
  section: number,
  type: number,
  target: number,
  offset: number,
  address: number,
): number {
  if (Number.isNaN(target)) return KEEP_TYPE;
  switch (type) {
    case R.CALL:
    case R.CALL_PLT: {
      const distance = target - address;
      if (distance < -0x100000 || distance >= 0x100000) return KEEP_TYPE;
      const { offset: starts, inputSize } = pass.program.sections;
      if (offset + 8 > inputSize[section]!) return KEEP_TYPE;
      // rd of the jalr: a jump without link may become c.j.
      const jalr = starts[section]! + offset + 4;
      const register = (((object.bytes[jalr + 1]! << 8) | object.bytes[jalr]!) >> 7) & 31;
      if (register === 0 && (object.flags & elf.EF_RISCV_RVC) !== 0 && distance >= -0x800 && distance < 0x800) {
        return (6 << 8) | R.RVC_JUMP;
      }
      return (4 << 8) | R.JAL;
    }
    case R.HI20:
      if (reachesFromRegister(pass, target)) return (4 << 8) | R.NONE;
      return luiRemoval(pass, object, section, offset, target);
    case R.LO12_I:
      return reachesFromRegister(pass, target) ? R.GP_LO12_I : KEEP_TYPE;
    case R.LO12_S:
      return reachesFromRegister(pass, target) ? R.GP_LO12_S : KEEP_TYPE;
    default: {
      const tpoff = target - pass.tlsStart;
      if (tpoff < -0x800 || tpoff >= 0x800) return KEEP_TYPE;
      if (type === R.TPREL_LO12_I) return R.TP_LO12_I;
      if (type === R.TPREL_LO12_S) return R.TP_LO12_S;
      return (4 << 8) | R.NONE;
    }
  }
}

function reachesFromRegister(pass: Pass, target: number): boolean {
  if (target >= -0x800 && target < 0x800) return true;
  const distance = target - pass.globalPointer;
  return distance >= -0x800 && distance < 0x800;
}

/** `lui` of a small value as `c.lui` (not for x0 and sp, nor for zero). */
function luiRemoval(pass: Pass, object: InputObject, section: number, offset: number, target: number): number {
  if ((object.flags & elf.EF_RISCV_RVC) === 0) return KEEP_TYPE;
  const contents = sectionContents(pass.program, section);
  if (offset + 4 > contents.length) return KEEP_TYPE;
  const register = (((contents[offset + 1]! << 8) | contents[offset]!) >> 7) & 31;
  const high = (target + 0x800) >> 12;
  const fits = target >= -0x20000 && target < 0x1f800 && high !== 0;
  return register !== 0 && register !== 2 && fits ? (2 << 8) | R.RVC_LUI : KEEP_TYPE;
}

/** Places of a Target that are no section. */
const Target = {
  /** A number that does not move. */
  Absolute: -1,
  /** Nothing that a relaxation could count on: undefined, dropped, an ifunc. */
  None: -2,
  /** A symbol of the script: its index is Linker - place. */
  Linker: -3,
} as const;

interface TargetPlace {
  /** Section (global index), or one of Target. */
  readonly place: number;
  /** Offset in the section, or the number. */
  readonly value: number;
  /** Added to the address after offsets were mapped. */
  readonly addend: number;
}

/** What the symbol and addend of the relocation at `at` mean. */
function targetOf(program: Program, object: InputObject, at: number): TargetPlace {
  const sym = object.view.getUint32(at + 12, true);
  const addend = elf.readSigned64(object.view, at + 16);
  const none = { place: Target.None, value: 0, addend: 0 };
  if (sym === 0 || sym >= object.symbolCount) return none;
  if (sym < object.firstGlobal) {
    const place = symbolSection(object, sym);
    const value = elf.readSigned64(object.view, object.symtab + sym * elf.SYM_SIZE + 8);
    if (place === SymbolPlace.Absolute) return { place: Target.Absolute, value, addend };
    const type = object.view.getUint8(object.symtab + sym * elf.SYM_SIZE + 4) & 15;
    if (place < 0 || program.sections.live[place] !== Live.Live || type === elf.STT_GNU_IFUNC) return none;
    // A section's own symbol has no place but by its addend.
    return type === elf.STT_SECTION ? { place, value: value + addend, addend: 0 } : { place, value, addend };
  }
  const id = program.globalRefs[object.firstGlobalRef + sym - object.firstGlobal]!;
  const { symbols } = program;
  switch (symbols.kind[id]) {
    case SymbolKind.Defined: {
      const place = symbols.section[id]!;
      if (program.sections.live[place] !== Live.Live || symbols.type[id] === elf.STT_GNU_IFUNC) return none;
      return { place, value: symbols.value[id]!, addend };
    }
    case SymbolKind.Absolute:
      return { place: Target.Absolute, value: symbols.value[id]!, addend };
    case SymbolKind.Linker:
      return { place: Target.Linker - id, value: 0, addend };
    default:
      return none;
  }
}

/** S + A of candidate `c` now; NaN when there is none. */
function targetAddress(pass: Pass, relaxed: RelaxedSection, c: number): number {
  const place = relaxed.targetPlace[c]!;
  const addend = relaxed.targetAddend[c]!;
  if (place >= 0) return sectionOffsetAddress(pass.program, pass.edits, place, relaxed.targetValue[c]!) + addend;
  if (place === Target.Absolute) return relaxed.targetValue[c]! + addend;
  return place === Target.None ? Number.NaN : pass.program.symbols.value[Target.Linker - place]! + addend;
}

/** Rebuilds the section's table of removals and its size. */
function applyDecisions(program: Program, relaxed: RelaxedSection): boolean {
  const { section, candidates, remove, newType, table } = relaxed;
  const object = program.objects[program.sections.object[section]!]!;
  const base = program.sections.relocs[section]!;
  let n = 0;
  let total = 0;
  for (let c = 0; c < candidates.length; c++) {
    if (remove[c] === 0) continue;
    const at = base + candidates[c]! * elf.RELA_SIZE;
    const offset = object.view.getUint32(at, true);
    total += remove[c]!;
    table.at[n] = offset + keptBytes(object, at, remove[c]!, newType[c]!);
    table.removed[n] = total;
    n++;
  }
  table.count = n;
  const size = program.sections.inputSize[section]! - total;
  if (program.sections.size[section] === size) return false;
  program.sections.size[section] = size;
  return true;
}

/** Bytes that stay of a candidate's own instruction(s), before the removed ones. */
function keptBytes(object: InputObject, at: number, removed: number, newType: number): number {
  switch (newType) {
    case R.JAL:
      return 4;
    case R.RVC_JUMP:
    case R.RVC_LUI:
      return 2;
    case R.NONE:
      return 0;
    default:
      return elf.readSigned64(object.view, at + 16) - removed;
  }
}

/** Where each relocation of a relaxed section now stands (-1: gone) and of which type it is. */
export interface RelaxedRelocations {
  readonly places: Int32Array;
  readonly types: Uint8Array;
}

/** Copies a section without the removed bytes to `to` of `file`, with its shorter instructions in place. */
export function copyRelaxed(
  program: Program,
  relaxed: RelaxedSection,
  file: Uint8Array,
  to: number,
): RelaxedRelocations {
  const { section, candidates, remove, newType, count } = relaxed;
  const object = program.objects[program.sections.object[section]!]!;
  const base = program.sections.relocs[section]!;
  const contents = sectionContents(program, section);
  const places = new Int32Array(count);
  const types = new Uint8Array(count);
  const view = new DataView(file.buffer, file.byteOffset);
  let from = 0;
  let out = to;
  let c = 0;
  let removed = 0;
  for (let r = 0; r < count; r++) {
    const at = base + r * elf.RELA_SIZE;
    const offset = object.view.getUint32(at, true);
    const type = object.view.getUint32(at + 8, true);
    types[r] = type > 255 ? 254 : type;
    places[r] = type === R.RELAX || type === R.ALIGN ? -1 : offset - removed;
    if (c >= candidates.length || candidates[c] !== r) continue;
    const kind = newType[c]!;
    if (kind !== KEEP_TYPE) {
      types[r] = kind;
      if (kind === R.NONE) places[r] = -1;
    }
    if (remove[c]! > 0 || type === R.ALIGN) {
      file.set(contents.subarray(from, offset), out);
      out += offset - from;
      const kept =
        type === R.ALIGN
          ? elf.readSigned64(object.view, at + 16) - remove[c]!
          : keptBytes(object, at, remove[c]!, kind);
      writeKept(view, out, contents, offset, kind, kept);
      out += kept;
      from = offset + kept + remove[c]!;
      removed += remove[c]!;
    }
    c++;
  }
  file.set(contents.subarray(from), out);
  return { places, types };
}

/** The bytes that replace a sequence: a jump, a c.lui, or the no-ops of an alignment. */
function writeKept(
  view: DataView,
  out: number,
  contents: Uint8Array,
  offset: number,
  kind: number,
  kept: number,
): void {
  if (kind === R.JAL) {
    const register = (((contents[offset + 5]! << 8) | contents[offset + 4]!) >> 7) & 31;
    view.setUint32(out, 0x6f | (register << 7), true);
  } else if (kind === R.RVC_JUMP) {
    view.setUint16(out, 0xa001, true);
  } else if (kind === R.RVC_LUI) {
    const register = (((contents[offset + 1]! << 8) | contents[offset]!) >> 7) & 31;
    view.setUint16(out, 0x6001 | (register << 7), true);
  } else if (kind === KEEP_TYPE) {
    let at = out;
    if (kept % 4 === 2) {
      view.setUint16(at, 0x0001, true); // c.nop
      at += 2;
    }
    for (; at < out + kept; at += 4) view.setUint32(at, 0x00000013, true); // nop
  }
}
