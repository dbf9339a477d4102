/**
 * Writes .symtab and .strtab of the output.
 *
 * Locals come first, object by object under their STT_FILE, then globals; hidden symbols become local, since no other
 * component can see them. Names that only the assembler needed (`.L...`) are left out as asked.
 * Source: gABI "Symbol Table".
 */
import { fail } from '../base/errors.ts';
import type { AddressState } from './address-state.ts';
import { type Arena, allocate, u8, u32 } from './arena.ts';
import * as elf from './elf.ts';
import type { OutputSection } from './image.ts';
import * as layout from './kernels/layout.ts';
import { nameCount } from './names.ts';
import { allObjects, objectCount, SymbolKind } from './program.ts';
import type { AddressContext } from './write-sections.ts';

export interface SymbolTables {
  readonly symtab: Uint8Array;
  readonly strtab: Uint8Array;
  /** sh_info: index of the first global. */
  readonly firstGlobal: number;
  /** It uses GNU's extensions (ifuncs, unique symbols), which the file's OSABI must then say. */
  readonly gnu: boolean;
  /** With --emit-relocs: output index of symbol i of object o at `indexOf[o][i]`, 0 when it was left out. */
  readonly indexOf: readonly (Uint32Array | undefined)[];
  /** With --emit-relocs: index of each output section's symbol, by section header index. */
  readonly sectionSymbols: ReadonlyMap<OutputSection, number>;
}

/** Builds the tables; section header indices must be known. Errors: 'limit'. */
export function buildSymbolTables(
  context: AddressContext,
  kept: readonly OutputSection[],
  tlsStart: number,
): SymbolTables {
  const { state } = context;
  const { program, options } = state;
  const { arena, block, words: counts } = program;
  const { kernels } = arena;
  const globals = nameCount(program.symbols.names);
  const locals = counts[layout.LOCALS_TOTAL]!;
  const objects = objectCount(program);
  const symtab = u8(arena, (1 + kept.length + locals + globals) * elf.SYM_SIZE, 8);
  const words = u32(arena, layout.TABLE_WORDS);
  const table = words.byteOffset;
  words[layout.TABLE_SYMBOLS] = symtab.byteOffset;
  words[layout.TABLE_COUNT] = 1;
  words[layout.TABLE_NAMES_SIZE] = 1;
  words[layout.TABLE_DROP_TEMPORARY] = options.discardLocals === 'temporary' || program.machine === 'riscv64' ? 1 : 0;
  words[layout.TABLE_HEADER_INDEX] = headerIndices(state).byteOffset;
  words[layout.TABLE_GLOBAL_ADDRESS] = context.globals.address.byteOffset;
  words[layout.TABLE_HOMES] = linkerSections(state).byteOffset;
  const sectionSymbols = options.emitRelocs ? addSectionSymbols(arena, words, kept) : new Map<OutputSection, number>();
  const indexOf = options.emitRelocs ? allObjects(program).map((object) => u32(arena, object.symbolCount)) : [];
  const outIndex = options.emitRelocs ? u32(arena, globals).byteOffset : 0;
  // Names go to the end of the arena: how long they are all together shows only when they are there.
  const names = allocate(arena, 0);
  words[layout.TABLE_NAMES] = names;
  words[layout.TABLE_NAMES_LIMIT] = arena.bytes.length - layout.READ_AHEAD - names;
  let room = 1;
  if (options.discardLocals !== 'all') {
    for (let index = 0; index < objects; index++) {
      room &= kernels.addLocals(block, table, index, tlsStart, indexOf[index]?.byteOffset ?? 0);
    }
  }
  room &= kernels.addGlobals(block, table, 1, tlsStart, outIndex);
  const firstGlobal = words[layout.TABLE_COUNT]!;
  room &= kernels.addGlobals(block, table, 0, tlsStart, outIndex);
  if (room === 0) fail('limit', 'the names of the symbols do not fit the memory of the linker; strip them (-s)');
  for (const [object, indices] of indexOf.entries()) kernels.indexGlobals(block, object, outIndex, indices.byteOffset);
  return {
    symtab: symtab.subarray(0, words[layout.TABLE_COUNT]! * elf.SYM_SIZE),
    strtab: u8(arena, words[layout.TABLE_NAMES_SIZE]!),
    firstGlobal,
    gnu: words[layout.TABLE_GNU] !== 0,
    indexOf,
    sectionSymbols,
  };
}

/** A symbol for each output section, for relocations that have no other. */
function addSectionSymbols(
  arena: Arena,
  words: Uint32Array,
  kept: readonly OutputSection[],
): Map<OutputSection, number> {
  const symbols = new Map<OutputSection, number>();
  for (const output of kept) {
    if (output.index === 0) continue;
    const index = words[layout.TABLE_COUNT]!++;
    const at = words[layout.TABLE_SYMBOLS]! + index * elf.SYM_SIZE;
    arena.view.setUint8(at + 4, elf.STT_SECTION);
    arena.view.setUint16(at + 6, output.index, true);
    elf.write64(arena.view, at + 8, output.address);
    symbols.set(output, index);
  }
  return symbols;
}

/** By output section: its section header index. */
function headerIndices(state: AddressState): Uint32Array {
  const indices = u32(state.program.arena, state.outputs.length);
  state.outputs.forEach((output, i) => {
    indices[i] = output.index;
  });
  return indices;
}

/** By symbol: section header index of those that the script or the linker defines. */
function linkerSections(state: AddressState): Uint32Array {
  const { program } = state;
  const { arena, block } = program;
  const homes = u32(arena, nameCount(program.symbols.names));
  for (let id = 0; ; id++) {
    id = arena.kernels.nextSymbol(block, id, SymbolKind.Linker);
    if (id === homes.length) return homes;
    homes[id] = linkerSection(state, id);
  }
}

/** Header index for a symbol of the script: its section's, or that of the nearest section kept before it. */
function linkerSection(state: AddressState, id: number): number {
  const known = state.values.get(id);
  if (!known?.section) return elf.SHN_ABS;
  if (known.section.index !== 0) return known.section.index;
  let nearest: OutputSection | undefined;
  for (const output of state.outputs) {
    if (output === known.section) break;
    if (output.index !== 0 && (output.flags & elf.SHF_ALLOC) !== 0) nearest = output;
  }
  return nearest?.index ?? elf.SHN_ABS;
}
