/**
 * RISC-V linker relaxation: replaces instruction sequences by shorter ones once distances are known, and satisfies
 * alignment requests.
 *
 * Compilers emit the longest form (auipc + jalr for a call) marked R_RISCV_RELAX; the linker shortens what reaches.
 * R_RISCV_ALIGN marks padding of which the linker keeps just what the final address needs: this is mandatory, with or
 * without relaxation. Each pass decides anew from current addresses and tells the layout the new sizes. Since removing
 * bytes may lengthen a distance (alignment in between grows), a decision may be taken back; from SETTLE_AFTER on it may
 * only be taken back, so that passes end.
 *
 * The decisions are kernels/assembly/relax*.ts; here are the tables they work on, and what is wrong where they stop.
 * Sources: RISC-V ELF psABI 1.0, chapter 9 "Linker Relaxation"; RISC-V ISA for encodings.
 */
import { alignUp } from '../base/arithmetic.ts';
import { fail } from '../base/errors.ts';
import type { AddressState } from './address-state.ts';
import { allocate, u32 } from './arena.ts';
import * as elf from './elf.ts';
import * as layout from './kernels/layout.ts';
import { findText } from './names.ts';
import { type Program, placeText, SymbolKind } from './program.ts';
import type { LinkOptions } from './request.ts';

const SETTLE_AFTER = 6;

/** One section with RELAX or ALIGN relocations. */
export interface RelaxedSection {
  readonly section: number;
  /** Relocations that may remove bytes: indices, ascending by offset. */
  readonly candidates: Uint32Array;
  /** By candidate: the relocation type that takes the place (255: none). */
  readonly newType: Uint8Array;
}

export interface Relaxation {
  /** The kernels' block: see RELAX_... in kernels/layout.ts. */
  readonly words: Uint32Array;
  readonly bySection: { get(section: number): RelaxedSection | undefined };
}

/** Finds what can shrink. On machines without relaxation the result is empty. */
export function createRelaxation(program: Program, options: LinkOptions): Relaxation {
  const words = u32(program.arena, layout.RELAX_WORDS);
  if (program.machine === 'riscv64') findCandidates(program, words, options.relax ? 1 : 0);
  return {
    words,
    bySection: { get: (section) => relaxedSection(program, words, section) },
  };
}

function findCandidates(program: Program, words: Uint32Array, relax: number): void {
  const { arena, block, sections } = program;
  const wrong = arena.kernels.countRelaxable(block, sections.count, relax);
  if (wrong < sections.count) {
    const record = sections.relocs[wrong]! + program.words[layout.RESULT]! * elf.RELA_SIZE;
    const where = placeText(program, wrong, elf.readUnsigned64(arena.view, record));
    fail('unsupported-input', `${where}: relocations are not in order of offset`);
  }
  const rows = program.words[layout.RESULT]!;
  const candidates = program.words[layout.RESULT + 1]!;
  const mostRelocations = program.words[layout.RESULT + 2]!;
  if (rows === 0) return;
  // Bytes of each column.
  const columns: readonly [number, number][] = [
    [layout.RELAX_SECTION, rows * 4],
    [layout.RELAX_FIRST, (rows + 1) * 4],
    [layout.RELAX_TABLES, rows * layout.SHRINK_WORDS * 4],
    [layout.RELAX_RELOC, candidates * 4],
    [layout.RELAX_OFFSET, candidates * 4],
    [layout.RELAX_KIND, candidates],
    [layout.RELAX_REMOVE, candidates * 4],
    [layout.RELAX_TYPE, candidates],
    [layout.RELAX_PLACE, candidates * 4],
    [layout.RELAX_VALUE, candidates * 8],
    [layout.RELAX_ADDEND, candidates * 8],
    [layout.RELAX_HINT, candidates * 4],
    [layout.RELAX_AT, candidates * 4],
    [layout.RELAX_REMOVED, candidates * 4],
    [layout.RELAX_BEFORE, candidates * 4],
    [layout.RELAX_PLACES, mostRelocations * 4],
    [layout.RELAX_TYPES, mostRelocations],
  ];
  for (const [word, size] of columns) words[word] = allocate(arena, size);
  words[layout.RELAX_ROWS] = rows;
  words[layout.RELAX_CANDIDATES] = candidates;
  program.words[layout.RELAXATION] = words.byteOffset;
  arena.kernels.collectRelaxable(block, sections.count, relax);
}

/** Row of `section` among the relaxed ones, or -1. */
function rowOf(program: Program, words: Uint32Array, section: number): number {
  const row = (program.sections.edit[section]! - words[layout.RELAX_TABLES]!) / (layout.SHRINK_WORDS * 4);
  return row >= 0 && row < words[layout.RELAX_ROWS]! ? row : -1;
}

function relaxedSection(program: Program, words: Uint32Array, section: number): RelaxedSection | undefined {
  const row = rowOf(program, words, section);
  if (row < 0) return undefined;
  const { bytes, view } = program.arena;
  const at = words[layout.RELAX_FIRST]! + row * 4;
  const first = view.getUint32(at, true);
  const count = view.getUint32(at + 4, true) - first;
  return {
    section,
    get candidates() {
      return new Uint32Array(bytes.buffer, words[layout.RELAX_RELOC]! + first * 4, count);
    },
    get newType() {
      return new Uint8Array(bytes.buffer, words[layout.RELAX_TYPE]! + first, count);
    },
  };
}

/** Decides once for all sections; returns whether any size changed. */
export function relaxOnce(state: AddressState, relaxation: Relaxation, pass: number): boolean {
  if (relaxation.words[layout.RELAX_ROWS] === 0) return false;
  const { program } = state;
  const gp = findText(program.symbols.names, '__global_pointer$');
  const hasGp = gp >= 0 && program.symbols.kind[gp]! >= SymbolKind.Defined && program.symbols.value[gp] !== 0;
  const tls = state.outputs.find((output) => (output.flags & elf.SHF_TLS) !== 0 && output.size > 0);
  const found = program.arena.kernels.relaxPass(
    program.block,
    pass >= SETTLE_AFTER ? 1 : 0,
    hasGp ? program.symbols.value[gp]! : Number.NaN,
    tls?.address ?? 0,
  );
  if (found > layout.RELAX_CHANGED) cannotRelax(program, relaxation, found);
  return found === layout.RELAX_CHANGED;
}

/** Says why a pass stopped at the row and candidate that it left as its result. */
function cannotRelax(program: Program, relaxation: Relaxation, why: number): never {
  const { view } = program.arena;
  const { words } = relaxation;
  const row = program.words[layout.RESULT]!;
  const c = program.words[layout.RESULT + 1]!;
  const column = (word: number, index: number) => view.getUint32(words[word]! + index * 4, true);
  const section = column(layout.RELAX_SECTION, row);
  const at = program.sections.relocs[section]! + column(layout.RELAX_RELOC, c) * elf.RELA_SIZE;
  const offset = view.getUint32(at, true);
  const where = placeText(program, section, offset);
  const padding = elf.readSigned64(view, at + 16);
  if (why === layout.RELAX_OVERLAP) {
    fail('relocation', `${where}: a relaxation removes bytes that an earlier one has changed`);
  }
  if (why === layout.RELAX_NO_PADDING) {
    fail('relocation', `${where}: R_RISCV_ALIGN asks for ${padding} bytes, which the section does not have`);
  }
  let alignment = 4;
  while (alignment < padding + 2) alignment *= 2;
  let address = program.sections.address[section]! + offset;
  for (let i = column(layout.RELAX_FIRST, row); i < c; i++) address -= column(layout.RELAX_REMOVE, i);
  const needed = alignUp(address, alignment) - address;
  return fail(
    'relocation',
    `${where}: aligning to ${alignment} needs ${needed} bytes of padding, but there are ${padding}`,
  );
}
