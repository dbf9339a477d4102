/**
 * The linker's phases, in order. Each is a file of its own; this one only passes the tables on.
 *
 *   resolve -> interpose -> commons -> script symbols -> collect garbage -> scan -> tables -> place -> merge
 *     -> (addresses, relax, size) until stable -> segments -> write
 */
import { fail } from '../base/errors.ts';
import { type AddressState, createAddressState, isEmpty, layoutSource } from './address-state.ts';
import { assignAddresses } from './addresses.ts';
import { aarch64 } from './arch/aarch64.ts';
import type { Architecture } from './arch/architecture.ts';
import { riscv64 } from './arch/riscv64.ts';
import { x86_64 } from './arch/x86-64.ts';
import { f64, u32 } from './arena.ts';
import { builtinScript } from './builtin-layout.ts';
import { allocateCommons } from './commons.ts';
import { compactEhFrames, type EhFrames } from './eh-frame.ts';
import { ehFrameHeaderSize } from './eh-frame-hdr.ts';
import * as elf from './elf.ts';
import { exposeVariables } from './expose.ts';
import { collectGarbage } from './gc.ts';
import type { LinkedImage } from './image.ts';
import { interposeFunctions } from './interpose.ts';
import { mapText } from './map.ts';
import { createPlacer, isKept, matchSections } from './match-sections.ts';
import { mergeSections } from './merge.ts';
import { addBuildId, mergeProperties } from './notes.ts';
import { writeOutput } from './output.ts';
import { checkOverlaps, warnOfSharedPages } from './overlaps.ts';
import { buildCommands } from './place.ts';
import { type Program, Role } from './program.ts';
import { createRelaxation, type Relaxation, relaxOnce } from './relax.ts';
import type { LinkRequest } from './request.ts';
import { dropReserved } from './reserved.ts';
import { resolveInputs } from './resolve.ts';
import { mergeAttributes } from './riscv-attributes.ts';
import { type ScanResult, scanRelocations } from './scan.ts';
import { declareScriptSymbols } from './script-symbols.ts';
import { layoutFile, planSegments } from './segments.ts';
import { sectionStatements } from './statements.ts';
import { addSynthetic } from './synthetic.ts';
import { addTables, sizeDynamicRelocations, type TableSections } from './tables.ts';
import { addVeneers, createVeneers, type Veneers, writeVeneers } from './veneers.ts';

export interface LinkResult {
  readonly image: LinkedImage;
  readonly warnings: readonly string[];
  /** Text of the map file, when asked for. */
  readonly map?: string;
  /** Sections dropped by --gc-sections, for --print-gc-sections. */
  readonly dropped: readonly number[];
}

/** Most walks over the layout before we call it unstable. */
const MAX_PASSES = 40;

const architectures: Record<Program['machine'], Architecture> = { 'x86-64': x86_64, riscv64, aarch64 };

/** Links. Errors are CasemateErrors of any linker code; nothing is written to disk. */
export function link(request: LinkRequest): LinkResult {
  const { options } = request;
  const program = resolveInputs(request);
  const architecture = architectures[program.machine];
  interposeFunctions(program, options.interpositions ?? []);
  dropReserved(program, options);
  allocateCommons(program, options.sortCommon);
  exposeVariables(program, options.exposures ?? []);
  const imageBase = options.imageBase ?? (options.pie ? 0 : architecture.imageBase);
  const statements = sectionStatements(options.scripts, () => builtinScript(program.machine, imageBase, options.pie));
  const placer = createPlacer(program.arena, statements);
  matchSections(placer, program);
  const scriptRoots = declareScriptSymbols(program, statements, options);
  const dropped = options.gcSections ? collectGarbage(program, (s) => isKept(placer, s), scriptRoots) : [];
  const veneers = createVeneers(mergeProperties(program));
  mergeAttributes(program);
  const scan = scanRelocations(program, architecture, options);
  const tables = addTables(program, architecture, options, scan);
  const buildId = addBuildId(program, options.buildId);
  const header =
    options.ehFrameHeader && hasLiveFrames(program)
      ? addSynthetic(program, {
          name: '.eh_frame_hdr',
          type: elf.SHT_PROGBITS,
          flags: elf.SHF_ALLOC,
          align: 4,
          size: 12,
        })
      : -1;
  const commands = buildCommands(placer, program, options);
  const state = createAddressState(program, options, architecture, commands);
  fixKinds(state);
  alignThreadLocals(state);
  const frames = editContents(program, state);
  if (header >= 0) program.sections.size[header] = ehFrameHeaderSize(frames);
  const relaxation = createRelaxation(program, options);
  settle(state, tables, scan, relaxation, veneers);
  writeVeneers(program, veneers);
  const inputSize = request.files.reduce((sum, file) => sum + file.bytes.length, 0);
  checkOverlaps(state);
  const { plans } = planSegments(state);
  const { segments, end } = layoutFile(state, plans, inputSize);
  warnOfSharedPages(state, segments);
  const laidOut = { state, frames, scan, tables, relaxation, veneers, segments, end, header, buildId };
  const { image, globals } = writeOutput(laidOut);
  return {
    image,
    warnings: program.warnings,
    dropped,
    ...(options.map ? { map: mapText(state, globals, dropped) } : {}),
  };
}

function hasLiveFrames(program: Program): boolean {
  return program.arena.kernels.hasLive(program.block, program.sections.count, Role.EhFrame) !== 0;
}

/** Kinds of output sections that only hold what the script puts there; NOLOAD; order-dependent flags. */
function fixKinds(state: AddressState): void {
  for (const output of state.outputs) {
    if (output.type === elf.SHT_NULL && output.keepEmpty) {
      const data = output.body.some((item) => item.kind === 'data');
      output.type = data ? elf.SHT_PROGBITS : elf.SHT_NOBITS;
      output.flags = elf.SHF_ALLOC | elf.SHF_WRITE;
    } else if (output.type === elf.SHT_NOBITS && output.body.some((item) => item.kind === 'data')) {
      output.type = elf.SHT_PROGBITS;
    }
    if (output.name === '.eh_frame') output.entsize = 0;
  }
}

/**
 * Start-up code aligns each thread's copy of the block as a whole, so the block must start where its strictest
 * variable would: .tdata is aligned for .tbss too.
 */
function alignThreadLocals(state: AddressState): void {
  const block = state.outputs.filter((output) => (output.flags & elf.SHF_TLS) !== 0 && !isEmpty(output));
  for (const output of block.slice(1)) block[0]!.align = Math.max(block[0]!.align, output.align);
}

/** Merges strings and constants, compacts exception records: both need the final order of inputs. */
function editContents(program: Program, state: AddressState): EhFrames {
  const { arena, block } = program;
  const parts = state.outputs.map((output) =>
    output.body.flatMap((item) => (item.kind === 'inputs' ? [item.sections] : [])),
  );
  const total = parts.reduce((sum, lists) => lists.reduce((part, list) => part + list.length, sum), 0);
  const order = u32(arena, total);
  const ends: number[] = [];
  let end = 0;
  for (const lists of parts) {
    for (const list of lists) {
      order.set(list, end);
      end += list.length;
    }
    ends.push(end);
  }
  const frames = u32(arena, total);
  const count = arena.kernels.pickRole(block, order.byteOffset, total, Role.EhFrame, frames.byteOffset);
  arena.used = frames.byteOffset + count * 4;
  ends.forEach((to, i) => {
    const from = ends[i - 1] ?? 0;
    mergeSections(program, order.byteOffset + from * 4, to - from);
  });
  return compactEhFrames(program, frames.subarray(0, count));
}

/** Walks the layout until addresses, sizes and symbols no longer change. */
function settle(
  state: AddressState,
  tables: TableSections,
  scan: ScanResult,
  relaxation: Relaxation,
  veneers: Veneers,
): void {
  const iplt = { section: tables.iplt, entrySize: state.architecture.ipltEntrySize };
  state.headersSize = planSegments(state).headersSize;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    let changed = assignAddresses(state, false);
    setSectionAddresses(state);
    const { headersSize, headersAddress } = planSegments(state);
    if (headersSize !== state.headersSize || headersAddress !== state.headersAddress) {
      state.headersSize = headersSize;
      state.headersAddress = headersAddress;
      changed = true;
    }
    if (relaxOnce(state, relaxation, pass)) changed = true;
    if (sizeDynamicRelocations(state, tables, scan)) changed = true;
    // Only of addresses that are right for what there is: a veneer stays.
    if (!changed && addVeneers(state, veneers, scan.got, iplt)) changed = true;
    if (!changed) {
      assignAddresses(state, true);
      setSectionAddresses(state);
      return;
    }
  }
  fail(
    'layout',
    `${layoutSource(state)}: the layout does not settle after ${MAX_PASSES} passes; ` +
      'look for a script symbol that depends on itself',
  );
}

function setSectionAddresses(state: AddressState): void {
  const { arena, block, sections } = state.program;
  const { used } = arena;
  const addresses = f64(arena, state.outputs.length);
  state.outputs.forEach((output, i) => {
    addresses[i] = output.address;
  });
  arena.kernels.setSectionAddresses(block, sections.count, addresses.byteOffset);
  addresses.fill(0);
  arena.used = used;
}
