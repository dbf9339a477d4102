/**
 * The linker's phases, in order. Each is a file of its own; this one only passes the tables on.
 *
 *   resolve -> commons -> script symbols -> collect garbage -> scan -> tables -> place -> merge
 *     -> (addresses, relax, size) until stable -> segments -> write
 */
import { createHash } from 'node:crypto';
import { fail, printable } from '../base/errors.ts';
import { type AddressState, assignAddresses, createAddressState } from './addresses.ts';
import type { Architecture, RelocationJob } from './arch/architecture.ts';
import { riscv64 } from './arch/riscv64.ts';
import { x86_64 } from './arch/x86-64.ts';
import { builtinScript } from './builtin-layout.ts';
import { allocateCommons } from './commons.ts';
import { compactEhFrames, type EhPieces } from './eh-frame.ts';
import { ehFrameHeaderSize, writeEhFrameHeader } from './eh-frame-hdr.ts';
import * as elf from './elf.ts';
import { writeEmittedRelocations } from './emit-relocs.ts';
import { collectGarbage } from './gc.ts';
import type { LinkedImage, OutputSection, Segment } from './image.ts';
import { mapText } from './map.ts';
import { type MergePieces, mergeSections } from './merge.ts';
import { addBuildId, mergeProperties } from './notes.ts';
import { buildCommands, createOutputSection, createPlacer, isKept, matchSections, sectionStatements } from './place.ts';
import { Live, type Program, Role, SymbolKind } from './program.ts';
import { createRelaxation, type Relaxation, relaxOnce } from './relax.ts';
import type { LinkOptions, LinkRequest } from './request.ts';
import { findSymbol, resolveInputs } from './resolve.ts';
import { mergeAttributes } from './riscv-attributes.ts';
import { type ScanResult, scanRelocations } from './scan.ts';
import { declareScriptSymbols } from './script-symbols.ts';
import { checkOverlaps, hasNoBits, isAlloc, keptOutputs, layoutFile, planSegments } from './segments.ts';
import { type Edits, globalAddresses } from './symbol-addresses.ts';
import { buildSymbolTables, type SymbolTables } from './symtab.ts';
import { addSynthetic } from './synthetic.ts';
import { addTables, sizeDynamicRelocations, type TableSections, writeTables } from './tables.ts';
import { buildStringTable, writeHeaders } from './write-image.ts';
import { setTables, type WriteContext, writeFills, writeInputs } from './write-sections.ts';

export interface LinkResult {
  readonly image: LinkedImage;
  readonly warnings: readonly string[];
  /** Text of the map file, when asked for. */
  readonly map?: string;
  /** Sections dropped by --gc-sections, for --print-gc-sections. */
  readonly dropped: readonly number[];
}

const ELFOSABI_GNU = 3;

/** Most walks over the layout before we call it unstable. */
const MAX_PASSES = 40;

const architectures: Record<Program['machine'], Architecture> = { 'x86-64': x86_64, riscv64 };

export function architectureOf(machine: Program['machine']): Architecture {
  return architectures[machine];
}

/** Links. Errors are CasemateErrors of any linker code; nothing is written to disk. */
export function link(request: LinkRequest): LinkResult {
  const { options } = request;
  const program = resolveInputs(request);
  const architecture = architectures[program.machine];
  allocateCommons(program, options.sortCommon);
  const imageBase = options.imageBase ?? (options.pie ? 0 : architecture.imageBase);
  const statements = sectionStatements(options.scripts, () => builtinScript(program.machine, imageBase, options.pie));
  const placer = createPlacer(statements);
  matchSections(placer, program);
  const scriptRoots = declareScriptSymbols(program, statements, options);
  const dropped = options.gcSections ? collectGarbage(program, (s) => isKept(placer, s), scriptRoots) : [];
  mergeProperties(program);
  mergeAttributes(program);
  const scan = scanRelocations(program, architecture, options);
  const tables = addTables(program, architecture, options, scan);
  const buildId = addBuildId(program, options.buildId);
  const frames = liveFrames(program);
  const header =
    options.ehFrameHeader && frames.length > 0
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
  const { merged, ehFrames, orderedFrames } = editContents(program, state);
  if (header >= 0) program.sections.size[header] = ehFrameHeaderSize(ehFrames);
  const relaxation = createRelaxation(program, options);
  const edits: Edits = { merged, ehFrames, shrunk: relaxation.tables };
  settle(state, edits, tables, scan, relaxation);
  const inputSize = request.files.reduce((sum, file) => sum + file.bytes.length, 0);
  checkOverlaps(state);
  const { plans } = planSegments(state);
  const { segments, end } = layoutFile(state, plans, inputSize);
  const context = createContext(state, edits, scan, tables, relaxation, end);
  const entry = entryAddress(state, context);
  const image = writeImage(context, tables, scan, segments, { header, orderedFrames, entry, end });
  if (buildId.section >= 0 && options.buildId.kind === 'hash') {
    writeBuildId(state, image.bytes, buildId, options.buildId.algorithm);
  }
  return {
    image,
    warnings: program.warnings,
    dropped,
    ...(options.map ? { map: mapText(state, context.globals, dropped) } : {}),
  };
}

function liveFrames(program: Program): number[] {
  const t = program.sections;
  const result: number[] = [];
  for (let s = 0; s < t.count; s++) if (t.role[s] === Role.EhFrame && t.live[s] === Live.Live) result.push(s);
  return result;
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

/** Merges strings and constants, compacts exception records: both need the final order of inputs. */
function editContents(
  program: Program,
  state: AddressState,
): { merged: Map<number, MergePieces>; ehFrames: Map<number, EhPieces>; orderedFrames: number[] } {
  const merged = new Map<number, MergePieces>();
  const orderedFrames: number[] = [];
  for (const output of state.outputs) {
    const mergeable: number[] = [];
    for (const item of output.body) {
      if (item.kind !== 'inputs') continue;
      for (const s of item.sections) {
        if (program.sections.role[s] === Role.Merge) mergeable.push(s);
        else if (program.sections.role[s] === Role.EhFrame) orderedFrames.push(s);
      }
    }
    if (mergeable.length > 0) mergeSections(program, mergeable, { pieces: merged });
  }
  return { merged, ehFrames: compactEhFrames(program, orderedFrames), orderedFrames };
}

/** Walks the layout until addresses, sizes and symbols no longer change. */
function settle(
  state: AddressState,
  edits: Edits,
  tables: TableSections,
  scan: ScanResult,
  relaxation: Relaxation,
): void {
  state.headersSize = planSegments(state).headersSize;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    let changed = assignAddresses(state, false);
    setSectionAddresses(state);
    const { headersSize } = planSegments(state);
    if (headersSize !== state.headersSize) {
      state.headersSize = headersSize;
      changed = true;
    }
    if (relaxOnce(state, edits, relaxation, pass)) changed = true;
    if (sizeDynamicRelocations(state, edits, tables, scan)) changed = true;
    if (!changed) {
      assignAddresses(state, true);
      setSectionAddresses(state);
      return;
    }
  }
  fail(
    'layout',
    `the layout does not settle after ${MAX_PASSES} passes; look for a script symbol that depends on itself`,
  );
}

function setSectionAddresses(state: AddressState): void {
  const t = state.program.sections;
  for (let s = 0; s < t.count; s++) {
    const output = t.output[s]!;
    if (output >= 0) t.address[s] = state.outputs[output]!.address + t.outputOffset[s]!;
  }
}

function createContext(
  state: AddressState,
  edits: Edits,
  scan: ScanResult,
  tables: TableSections,
  relaxation: Relaxation,
  end: number,
): WriteContext {
  const { program, architecture } = state;
  const iplt = {
    address: tables.iplt >= 0 ? program.sections.address[tables.iplt]! : 0,
    entrySize: architecture.ipltEntrySize,
  };
  // Not loaded sections of the inputs follow the loaded part.
  let size = end;
  for (const output of keptOutputs(state)) {
    if (isAlloc(output)) continue;
    output.fileOffset = elf.alignUp(size, output.align);
    size = output.fileOffset + output.size;
  }
  const file = new Uint8Array(size);
  return {
    state,
    edits,
    got: scan.got,
    gotSection: tables.got,
    globals: globalAddresses(program, edits, scan.got, iplt),
    iplt,
    file,
    view: new DataView(file.buffer),
    relaxation,
  };
}

function entryAddress(state: AddressState, context: WriteContext): number {
  const { options, program } = state;
  const asked = options.entry ?? options.scripts.findLast((script) => script.entry !== undefined)?.entry;
  const name = asked ?? '_start';
  if (/^[0-9]/.test(name)) return Number(name);
  const id = findSymbol(program, name);
  if (id >= 0 && program.symbols.kind[id]! >= SymbolKind.Defined) return context.globals.address[id]!;
  const text = state.byName.get('.text') ?? state.outputs.find((output) => (output.flags & elf.SHF_EXECINSTR) !== 0);
  const address = text?.address ?? 0;
  program.warnings.push(`cannot find entry symbol ${printable(name)}; the image starts at 0x${address.toString(16)}`);
  return address;
}

interface WritePlan {
  readonly header: number;
  readonly orderedFrames: readonly number[];
  readonly entry: number;
  readonly end: number;
}

function writeImage(
  context: WriteContext,
  tables: TableSections,
  scan: ScanResult,
  segments: readonly Segment[],
  plan: WritePlan,
): LinkedImage {
  const { state } = context;
  const kept = keptOutputs(state);
  kept.forEach((output, i) => {
    output.index = i + 1;
  });
  writeFills(context, kept);
  const job = writeInputs(context);
  writeSynthetic(context, tables, scan, job, plan);
  linkTables(state);
  const { bytes, sections, gnu } = appendTables(context, kept, job);
  const image: LinkedImage = {
    machine: state.program.machine,
    fileType: state.options.pie ? elf.ET_DYN : elf.ET_EXEC,
    entry: plan.entry,
    flags: state.architecture.mergeFlags(state.program),
    sections,
    segments,
    bytes,
    program: state.program,
  };
  const headersOffset = bytes.length - (sections.length + 1) * elf.SHDR_SIZE;
  const names = buildStringTable(sections.map((section) => section.name));
  writeHeaders(
    bytes,
    {
      elfMachine: state.architecture.elfMachine,
      fileType: image.fileType,
      osAbi: gnu ? ELFOSABI_GNU : 0,
      entry: image.entry,
      flags: image.flags,
      segments,
      sections,
      sectionHeadersOffset: headersOffset,
    },
    names.offsets,
  );
  return image;
}

function writeSynthetic(
  context: WriteContext,
  tables: TableSections,
  scan: ScanResult,
  job: RelocationJob,
  plan: WritePlan,
): void {
  const { state } = context;
  setTables(context, job.tables);
  writeTables(
    context,
    tables,
    scan,
    (address) => state.architecture.threadOffset(job.tables, address),
    job.tables.tlsStart,
  );
  if (plan.header >= 0) writeEhFrameHeader(context, plan.header, plan.orderedFrames);
}

/** sh_link and sh_info of the tables. */
function linkTables(state: AddressState): void {
  const find = (name: string) => {
    const output = state.byName.get(name);
    return output && output.index !== 0 ? output : undefined;
  };
  const connect = (name: string, link: string, info = 0): void => {
    const section = find(name);
    const target = find(link);
    if (section && target) section.link = target;
    if (section) section.info = info;
  };
  connect('.dynsym', '.dynstr', 1);
  connect('.hash', '.dynsym');
  connect('.dynamic', '.dynstr');
  connect('.rela.dyn', '.dynsym');
}

/** IRELATIVE relocations of a static executable: they name no symbols, but readers expect a table to look in. */
function linkIrelative(state: AddressState, symtab: OutputSection): void {
  for (const name of ['.rela.plt', '.rela.iplt']) {
    const section = state.byName.get(name);
    if (!section || section.index === 0 || section.type !== elf.SHT_RELA || section.link) continue;
    section.link = symtab;
    const slots = state.byName.get('.igot.plt') ?? state.byName.get('.got');
    if (!slots || slots.index === 0) continue;
    section.infoSection = slots;
    section.flags |= elf.SHF_INFO_LINK;
  }
}

/** Appends .symtab, .strtab, .shstrtab, emitted relocations and room for the section headers. */
function appendTables(
  context: WriteContext,
  kept: readonly OutputSection[],
  job: RelocationJob,
): { bytes: Uint8Array; sections: OutputSection[]; gnu: boolean } {
  const { state, file } = context;
  const { options } = state;
  const sections = [...kept];
  const chunks: { section: OutputSection; bytes: Uint8Array }[] = [];
  const append = (name: string, type: number, align: number, entsize: number, bytes: Uint8Array): OutputSection => {
    const section = createOutputSection(name);
    section.type = type;
    section.align = align;
    section.entsize = entsize;
    section.size = bytes.length;
    section.index = sections.push(section);
    chunks.push({ section, bytes });
    return section;
  };
  let gnu = context.got.iplt.size > 0;
  if (options.strip !== 'all') {
    const symbols: SymbolTables = buildSymbolTables(context, kept, job.tables.tlsStart);
    if (options.emitRelocs) {
      for (const { output, bytes } of writeEmittedRelocations(context, kept, symbols)) {
        const rela = append(`.rela${output.name}`, elf.SHT_RELA, 8, elf.RELA_SIZE, bytes);
        rela.infoSection = output;
        rela.flags = elf.SHF_INFO_LINK;
      }
    }
    const symtab = append('.symtab', elf.SHT_SYMTAB, 8, elf.SYM_SIZE, symbols.symtab);
    gnu ||= symbols.gnu;
    symtab.info = symbols.firstGlobal;
    symtab.link = append('.strtab', elf.SHT_STRTAB, 1, 0, symbols.strtab);
    for (const { section } of chunks) if (section.type === elf.SHT_RELA) section.link = symtab;
    linkIrelative(state, symtab);
  }
  const names = buildStringTable([...sections.map((section) => section.name), '.shstrtab']);
  append('.shstrtab', elf.SHT_STRTAB, 1, 0, names.bytes);
  let size = file.length;
  for (const { section } of chunks) {
    section.fileOffset = elf.alignUp(size, section.align);
    size = section.fileOffset + section.size;
  }
  const headers = elf.alignUp(size, 8);
  const bytes = new Uint8Array(headers + (sections.length + 1) * elf.SHDR_SIZE);
  bytes.set(file);
  for (const { section, bytes: content } of chunks) bytes.set(content, section.fileOffset);
  return { bytes, sections, gnu };
}

/** The id is a hash of everything else in the file, with the id itself zero. */
function writeBuildId(
  state: AddressState,
  bytes: Uint8Array,
  buildId: { section: number; size: number },
  algorithm: 'md5' | 'sha1' | 'sha256',
): void {
  const t = state.program.sections;
  const output = state.outputs[t.output[buildId.section]!];
  if (!output || hasNoBits(output)) return;
  const at = output.fileOffset + t.outputOffset[buildId.section]! + 16;
  bytes.set(createHash(algorithm).update(bytes).digest(), at);
}

export type { LinkOptions };
