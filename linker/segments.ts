/**
 * Groups output sections into segments (program headers) and gives sections their place in the file.
 *
 * With PHDRS in the script its segments are used as written. Otherwise: one PT_LOAD for each run of sections with the
 * same permissions and the same distance of load and virtual address, each note in a PT_NOTE of its own (loaders such
 * as Solo5's read only the first note of a segment), and the GNU and TLS segments that the contents call for.
 * Sources: gABI chapter 5 "Program Header"; GNU ld manual 3.8 "PHDRS"; Linux Standard Base for PT_GNU_*.
 */
import { alignUp } from '../base/arithmetic.ts';
import { fail, hex, printable } from '../base/errors.ts';
import { type AddressState, isEmpty, layoutSource, toAddress } from './address-state.ts';
import { BUILTIN_NAME } from './builtin-layout.ts';
import * as elf from './elf.ts';
import type { OutputSection, Segment } from './image.ts';
import { type Program, placeText, sectionContents } from './program.ts';
import type { LinkerScript, SegmentDescription } from './script/ast.ts';
import { evaluateNumber } from './script/evaluate.ts';
import { layoutScript } from './statements.ts';

/** A segment before the file layout: which sections, which headers, what the script fixes. */
interface Plan {
  readonly type: number;
  readonly flags: number | undefined;
  readonly sections: OutputSection[];
  readonly headers: boolean;
  /** Where a segment of headers alone is in memory. */
  readonly address?: number;
  readonly loadAddress?: number;
  /** A note within its section: offset and size. */
  readonly part?: { readonly offset: number; readonly size: number };
  readonly align?: number;
}

/** Program headers that e_phnum can count. */
const MAX_SEGMENTS = 0xfffe;

/** Largest file we are willing to write beyond the sizes of the inputs: padding must not fill a disk. */
const MAX_PADDING = 2 ** 28;

export function isAlloc(output: OutputSection): boolean {
  return (output.flags & elf.SHF_ALLOC) !== 0;
}

function isTls(output: OutputSection): boolean {
  return (output.flags & elf.SHF_TLS) !== 0;
}

export function isTbss(output: OutputSection): boolean {
  return isTls(output) && output.type === elf.SHT_NOBITS;
}

/** Sections that are in the output. */
export function keptOutputs(state: AddressState): OutputSection[] {
  return state.outputs.filter((output) => !isEmpty(output) && (output.size > 0 || output.type !== elf.SHT_NULL));
}

function segmentFlags(output: OutputSection): number {
  return (
    elf.PF_R |
    ((output.flags & elf.SHF_WRITE) !== 0 ? elf.PF_W : 0) |
    ((output.flags & elf.SHF_EXECINSTR) !== 0 ? elf.PF_X : 0)
  );
}

const RELRO_NAMES = new Set([
  '.tdata',
  '.tbss',
  '.preinit_array',
  '.init_array',
  '.fini_array',
  '.ctors',
  '.dtors',
  '.jcr',
  '.data.rel.ro',
  '.dynamic',
  '.got',
]);

/** Boundaries of the notes in an output section, from the inputs' raw bytes (a note's sizes are never relocated). */
function notesOf(program: Program, output: OutputSection): { offset: number; size: number }[] {
  const notes: { offset: number; size: number }[] = [];
  const t = program.sections;
  for (const item of output.body) {
    if (item.kind !== 'inputs') continue;
    for (const s of item.sections) {
      const bytes = sectionContents(program, s);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const align = t.align[s]! >= 8 ? 8 : 4;
      const base = t.outputOffset[s]!;
      let at = 0;
      while (at + 12 <= bytes.length) {
        const nameEnd = 12 + alignUp(view.getUint32(at, true), 4);
        const size = alignUp(alignUp(nameEnd, align) + view.getUint32(at + 4, true), align);
        const end = Math.min(at + size, bytes.length);
        notes.push({ offset: base + at, size: end - at });
        at = end;
      }
      // What does not parse as a note still belongs to the segment.
      if (at < bytes.length && at === 0) notes.push({ offset: base, size: bytes.length });
    }
  }
  return notes;
}

/** An output section as messages name it, with its place in the script, else its first input. */
export function describeOutput(state: AddressState, output: OutputSection): string {
  const name = `section ${printable(output.name)}`;
  const at = output.placement?.at;
  if (at && at.file !== BUILTIN_NAME) return `${at.file}:${at.line}: ${name}`;
  for (const item of output.body) {
    if (item.kind === 'inputs' && item.sections.length > 0) {
      return `${placeText(state.program, item.sections[0]!)}: ${name}`;
    }
  }
  return `${layoutSource(state)}: ${name}`;
}

/** PT_LOADs by permission and load distance. */
function planLoads(state: AddressState, outputs: readonly OutputSection[]): Plan[] {
  const page = state.options.maxPageSize ?? state.architecture.maxPageSize;
  const loads: Plan[] = [];
  let previous: OutputSection | undefined;
  for (const output of outputs) {
    if (isTbss(output) || output.size === 0) continue;
    const current = loads.at(-1);
    const flags = segmentFlags(output);
    const joins =
      current !== undefined &&
      previous !== undefined &&
      current.flags === flags &&
      previous.loadAddress - previous.address === output.loadAddress - output.address &&
      output.address >= previous.address + previous.size &&
      output.address - (previous.address + previous.size) < Math.max(page, output.align) &&
      !(hasNoBits(previous) && !hasNoBits(output));
    if (joins) current.sections.push(output);
    else loads.push({ type: elf.PT_LOAD, flags, sections: [output], headers: false });
    previous = output;
  }
  const first = loads[0];
  if (!first) return loads;
  const room = ((first.sections[0]!.address % page) + page) % page;
  if (room >= state.headersSize && (first.flags! & elf.PF_W) === 0) {
    loads[0] = { ...first, headers: true };
    return loads;
  }
  const base = builtinBase(state);
  if (base === undefined || base % page !== 0 || base + state.headersSize > first.sections[0]!.address) return loads;
  const start = first.sections[0]!.address;
  if (first.flags === elf.PF_R && start - congruentOffset(state.headersSize, start, loadAlign(first, page)) >= base) {
    // A page before the first section's, of the same permission.
    loads[0] = { ...first, headers: true };
    return loads;
  }
  // Start-up code finds the program headers in memory, also in a program without read-only data.
  return [{ type: elf.PT_LOAD, flags: elf.PF_R, sections: [], headers: true, address: base }, ...loads];
}

/** Where the built-in layout leaves room for the headers; undefined when a script lays out. */
function builtinBase(state: AddressState): number | undefined {
  const { options, architecture } = state;
  if (layoutScript(options.scripts)) return undefined;
  return options.imageBase ?? (options.pie ? 0 : architecture.imageBase);
}

export function hasNoBits(output: OutputSection): boolean {
  return output.type === elf.SHT_NOBITS || output.noload;
}

function planAutomatic(state: AddressState, outputs: readonly OutputSection[]): Plan[] {
  const alloc = outputs.filter(isAlloc);
  const plans = planLoads(state, alloc);
  const single = (type: number, output: OutputSection | undefined, flags = elf.PF_R): void => {
    if (output) plans.push({ type, flags, sections: [output], headers: false });
  };
  const named = (name: string) => alloc.find((output) => output.name === name);
  single(elf.PT_DYNAMIC, named('.dynamic'), elf.PF_R | elf.PF_W);
  for (const output of alloc) {
    if (output.type !== elf.SHT_NOTE) continue;
    for (const part of notesOf(state.program, output)) {
      plans.push({ type: elf.PT_NOTE, flags: elf.PF_R, sections: [output], headers: false, part });
    }
  }
  const tls = alloc.filter(isTls);
  if (tls.length > 0) plans.push({ type: elf.PT_TLS, flags: elf.PF_R, sections: tls, headers: false });
  single(elf.PT_GNU_PROPERTY, named('.note.gnu.property'));
  single(elf.PT_GNU_EH_FRAME, named('.eh_frame_hdr'));
  single(
    elf.PT_RISCV_ATTRIBUTES,
    outputs.find((output) => output.type === elf.SHT_RISCV_ATTRIBUTES),
  );
  const executable = state.options.executableStack === true;
  plans.push({
    type: elf.PT_GNU_STACK,
    flags: elf.PF_R | elf.PF_W | (executable ? elf.PF_X : 0),
    sections: [],
    headers: false,
    align: 16,
  });
  const relro = relroSections(state, alloc);
  if (relro.length > 0)
    plans.push({ type: elf.PT_GNU_RELRO, flags: elf.PF_R, sections: relro, headers: false, align: 1 });
  for (let i = 0; i < (state.options.spareSegments ?? 0); i++)
    plans.push({ type: elf.PT_NULL, flags: 0, sections: [], headers: false });
  return plans;
}

/** The run of sections that can be made read-only after start-up: it must end where a page ends. */
function relroSections(state: AddressState, alloc: readonly OutputSection[]): OutputSection[] {
  if (!state.options.relro) return [];
  const first = alloc.findIndex((output) => RELRO_NAMES.has(output.name) && (output.flags & elf.SHF_WRITE) !== 0);
  if (first < 0) return [];
  const run: OutputSection[] = [];
  for (let i = first; i < alloc.length && RELRO_NAMES.has(alloc[i]!.name); i++) run.push(alloc[i]!);
  if (run.every((output) => isTbss(output) || output.size === 0)) return [];
  const next = alloc[first + run.length];
  const page = state.options.commonPageSize ?? state.architecture.commonPageSize;
  if (next && next.address % page !== 0) return [];
  for (const output of run) output.relro = true;
  return run;
}

function constantExpression(state: AddressState) {
  return {
    final: true,
    section: undefined,
    dot: () => 0n,
    symbol: () => undefined,
    defined: () => false,
    sectionAddress: () => undefined,
    sectionSize: () => undefined,
    sectionLoadAddress: () => undefined,
    sectionAlignment: () => undefined,
    region: () => undefined,
    maxPageSize: BigInt(state.options.maxPageSize ?? state.architecture.maxPageSize),
    commonPageSize: BigInt(state.options.commonPageSize ?? state.architecture.commonPageSize),
    sizeofHeaders: () => BigInt(state.headersSize),
  };
}

/** Segments as the script's PHDRS lists them. */
function planFromScript(state: AddressState, outputs: readonly OutputSection[], script: LinkerScript): Plan[] {
  const descriptions = script.segments!;
  const sections = new Map<string, OutputSection[]>(descriptions.map((description) => [description.name, []]));
  const firstLoad = descriptions.find((description) => isLoad(state, description));
  // What merely follows .interp is no part of the path of an interpreter.
  const own = new Set(
    descriptions
      .filter((description) => evaluateNumber(description.type, constantExpression(state)) === BigInt(elf.PT_INTERP))
      .map((description) => description.name),
  );
  const kept = new Set(outputs);
  let inherited: readonly string[] = firstLoad ? [firstLoad.name] : [];
  for (const output of state.outputs) {
    const names = output.placement?.segments;
    // A section that came out empty still says where those after it go.
    if (names) inherited = names;
    if (!kept.has(output) || (!isAlloc(output) && !names)) continue;
    for (const name of inherited) {
      if (name === 'NONE' || (!names && own.has(name))) continue;
      const list = sections.get(name);
      if (!list) {
        const what = `section ${printable(output.name)} names segment ${printable(name)}, which PHDRS lacks`;
        fail('script', `${script.file}: ${what}`);
      }
      list.push(output);
    }
  }
  const environment = constantExpression(state);
  return descriptions.map((description) => {
    const where = `${script.file}:${description.at.line}: segment ${printable(description.name)}`;
    const flags = description.flags ? Number(evaluateNumber(description.flags, environment) & 0xffffffffn) : undefined;
    return {
      type: Number(evaluateNumber(description.type, environment) & 0xffffffffn),
      flags,
      sections: sections.get(description.name)!,
      headers: description.fileHeader || description.programHeaders,
      ...(description.address
        ? { loadAddress: toAddress(evaluateNumber(description.address, environment), where) }
        : {}),
    };
  });
}

function isLoad(state: AddressState, description: SegmentDescription): boolean {
  return evaluateNumber(description.type, constantExpression(state)) === BigInt(elf.PT_LOAD);
}

/** What the headers will contain: decided before addresses are final, since SIZEOF_HEADERS depends on it. */
export function planSegments(state: AddressState): {
  readonly plans: Plan[];
  readonly headersSize: number;
  /** Where the ELF header is in memory, for a first PT_LOAD that holds it. */
  readonly headersAddress: number | undefined;
} {
  const outputs = keptOutputs(state);
  const script = state.options.scripts.find((candidate) => candidate.segments !== undefined);
  const plans = script ? planFromScript(state, outputs, script) : planAutomatic(state, outputs);
  if (plans.length > MAX_SEGMENTS) {
    fail('limit', `${script?.file ?? 'the layout'}: ${plans.length} segments, but ELF can hold ${MAX_SEGMENTS}`);
  }
  const headersSize = elf.EHDR_SIZE + plans.length * elf.PHDR_SIZE;
  const load = plans.find((plan) => plan.type === elf.PT_LOAD);
  if (!load?.headers) return { plans, headersSize, headersAddress: undefined };
  const start = load.sections[0]?.address;
  if (start === undefined) return { plans, headersSize, headersAddress: load.address };
  const page = state.options.maxPageSize ?? state.architecture.maxPageSize;
  return { plans, headersSize, headersAddress: start - congruentOffset(headersSize, start, loadAlign(load, page)) };
}

/** Where an output section ends in the file. Errors: 'limit'. */
export function endInFile(state: AddressState, output: OutputSection, inputSize: number): number {
  const end = output.fileOffset + output.size;
  if (end > inputSize + MAX_PADDING) {
    fail(
      'limit',
      `${describeOutput(state, output)}: the output would be ${end} bytes, more than its inputs (${inputSize}) ` +
        `and ${MAX_PADDING} bytes of padding`,
    );
  }
  return end;
}

/**
 * Gives sections file offsets and turns plans into segments. Returns the segments and where the loaded part ends.
 * `inputSize` bounds the padding that alignments may cause.
 */
export function layoutFile(
  state: AddressState,
  plans: readonly Plan[],
  inputSize: number,
): { readonly segments: Segment[]; readonly end: number } {
  const page = state.options.maxPageSize ?? state.architecture.maxPageSize;
  let cursor = state.headersSize;
  const placed = new Set<OutputSection>();
  const advance = (output: OutputSection): void => {
    cursor = endInFile(state, output, inputSize);
  };
  for (const plan of plans) {
    if (plan.type !== elf.PT_LOAD) continue;
    const lastBits = plan.sections.findLastIndex((output) => !hasNoBits(output) && output.size > 0);
    const align = loadAlign(plan, page);
    let start: { offset: number; address: number } | undefined;
    plan.sections.forEach((output, i) => {
      if (placed.has(output)) return;
      placed.add(output);
      if (!start) {
        const offset = congruentOffset(cursor, output.address, align);
        start = { offset, address: output.address };
        output.fileOffset = offset;
      } else {
        output.fileOffset = start.offset + (output.address - start.address);
      }
      if (output.fileOffset < cursor && !hasNoBits(output) && output.size > 0) {
        fail(
          'layout',
          `${describeOutput(state, output)}: at ${hex(output.address)} it overlaps what is before it in its segment, ` +
            'or lies below it; order the sections by address',
        );
      }
      // Sections without bits need none, unless bytes follow in the same segment.
      if (!hasNoBits(output) || (i < lastBits && !isTbss(output))) advance(output);
    });
  }
  for (const output of keptOutputs(state)) {
    if (placed.has(output) || !isAlloc(output)) continue;
    const home = isTbss(output) ? loadBefore(plans, output) : undefined;
    // .tbss takes no space, but its nominal offset must lie in the segment that its address lies in.
    const after = hasNoBits(output) || output.size === 0 ? cursor : alignUp(cursor, output.align);
    output.fileOffset = home ? home.fileOffset + (output.address - home.address) : after;
    if (!hasNoBits(output)) advance(output);
  }
  return { segments: plans.map((plan) => finishSegment(state, plan, page)), end: cursor };
}

/**
 * Segments without bytes have nominal offsets only (.tbss behind a large .bss, say). Readers still want them inside the
 * file, of `size` bytes: those behind its end move back by multiples of their alignment.
 */
export function keepOffsetsInFile(segments: readonly Segment[], size: number): void {
  for (const segment of segments) {
    if (segment.fileSize > 0 || segment.offset <= size) continue;
    const align = Math.max(segment.align, 1);
    // Where no such offset is left, as in a file smaller than a page, it does not matter which.
    segment.offset = Math.max(0, congruentOffset(size + 1 - align, segment.offset, align));
  }
}

/** First section of the PT_LOAD whose addresses `output` falls in. */
function loadBefore(plans: readonly Plan[], output: OutputSection): OutputSection | undefined {
  for (const plan of plans) {
    const first = plan.sections[0];
    const last = plan.sections.at(-1);
    if (plan.type !== elf.PT_LOAD || !first || !last) continue;
    if (output.address >= first.address && output.address <= last.address + last.size) return first;
  }
  return undefined;
}

/** The first file offset from `from` on that equals `address` modulo `align`, as loaders map whole pages. */
function congruentOffset(from: number, address: number, align: number): number {
  return from + ((((address - from) % align) + align) % align);
}

function loadAlign(plan: Plan, page: number): number {
  return plan.sections.reduce((align, output) => Math.max(align, output.align), page);
}

function finishSegment(state: AddressState, plan: Plan, page: number): Segment {
  const sections = plan.sections;
  const first = sections[0];
  const flags = plan.flags ?? sections.reduce((all, output) => all | segmentFlags(output), plan.headers ? elf.PF_R : 0);
  const empty: Segment = {
    type: plan.type,
    flags,
    offset: 0,
    address: 0,
    loadAddress: 0,
    fileSize: 0,
    memorySize: 0,
    align: plan.align ?? (plan.type === elf.PT_LOAD ? page : 8),
    sections,
  };
  if (plan.type === elf.PT_GNU_STACK) return { ...empty, align: 16, memorySize: state.options.stackSize ?? 0 };
  if (plan.type === elf.PT_PHDR) return { ...empty, ...programHeaderPlace(state) };
  if (!first) {
    if (!plan.headers) return empty;
    const size = state.headersSize;
    const address = plan.address ?? 0;
    return { ...empty, address, loadAddress: address, fileSize: size, memorySize: size };
  }
  if (plan.part) {
    const { offset, size } = plan.part;
    return {
      ...empty,
      offset: first.fileOffset + offset,
      address: first.address + offset,
      loadAddress: first.loadAddress + offset,
      fileSize: size,
      memorySize: size,
      align: first.align >= 8 ? 8 : 4,
    };
  }
  const isLoadSegment = plan.type === elf.PT_LOAD;
  // .tbss takes memory in the threads' blocks alone, whose template PT_TLS is.
  const counted = plan.type === elf.PT_TLS ? sections : sections.filter((output) => !isTbss(output));
  const offset = plan.headers ? 0 : first.fileOffset;
  const shift = first.fileOffset - offset;
  const address = first.address - shift;
  let fileEnd = offset;
  let memoryEnd = plan.headers ? address + state.headersSize : address;
  if (plan.headers) fileEnd = state.headersSize;
  counted.forEach((output) => {
    if (!hasNoBits(output) && output.size > 0) fileEnd = Math.max(fileEnd, output.fileOffset + output.size);
    memoryEnd = Math.max(memoryEnd, output.address + output.size);
  });
  const relroEnd = plan.type === elf.PT_GNU_RELRO ? relroMemoryEnd(state, memoryEnd) : memoryEnd;
  const align = isLoadSegment
    ? loadAlign(plan, page)
    : (plan.align ?? sections.reduce((most, output) => Math.max(most, output.align), 1));
  return {
    ...empty,
    offset,
    address,
    loadAddress: plan.loadAddress ?? first.loadAddress - shift,
    fileSize: Math.max(0, fileEnd - offset),
    memorySize: relroEnd - address,
    align,
  };
}

/** RELRO covers whole pages: its end is rounded up to the page, as the loader will only round down. */
function relroMemoryEnd(state: AddressState, end: number): number {
  return alignUp(end, state.options.commonPageSize ?? state.architecture.commonPageSize);
}

function programHeaderPlace(state: AddressState): Partial<Segment> {
  const size = state.headersSize - elf.EHDR_SIZE;
  const first = keptOutputs(state).find(isAlloc);
  const page = state.options.maxPageSize ?? state.architecture.maxPageSize;
  const base = first ? first.address - (((first.address % page) + page) % page) : 0;
  return {
    offset: elf.EHDR_SIZE,
    address: base + elf.EHDR_SIZE,
    loadAddress: base + elf.EHDR_SIZE,
    fileSize: size,
    memorySize: size,
    align: 8,
  };
}
