/**
 * Gives every output section, input section and script symbol its address.
 *
 * The script's statements are walked in order with the location counter. Sizes and addresses depend on each other
 * (SIZEOF of later sections, symbols defined further down, relaxation, packed relocations), so the walk is repeated
 * until nothing changes; only the last walk reports what is undefined or does not fit.
 * Source: GNU ld manual 3.6 "SECTIONS", 3.7 "MEMORY", 3.6.8.2 "Output Section LMA".
 */
import { fail, hex, printable } from '../base/errors.ts';
import type { Architecture } from './arch/architecture.ts';
import { BUILTIN_NAME } from './builtin-layout.ts';
import * as elf from './elf.ts';
import type { LayoutCommand, OutputSection } from './image.ts';
import { findText, nameCount, nameText } from './names.ts';
import { objectAt, objectCount, type Program, SymbolFlag, SymbolKind } from './program.ts';
import type { LinkOptions } from './request.ts';
import type { Assertion, Assignment, BinaryOperator, Expression, FillPattern, Region } from './script/ast.ts';
import { type Environment, evaluate, evaluateNumber, holds, type Value } from './script/evaluate.ts';
import { boundaryOf } from './script-symbols.ts';

interface RegionState {
  readonly region: Region;
  readonly origin: number;
  readonly length: number;
  current: number;
  /** Difference of load and virtual address of the last section put here. */
  delta: number;
  used: boolean;
}

/** A BYTE/SHORT/LONG/QUAD: bytes at an offset of an output section. */
export interface DataItem {
  readonly section: OutputSection;
  readonly offset: number;
  readonly size: number;
  readonly value: bigint;
}

/** From `offset` on, gaps of the section are filled with this. */
export interface FillItem {
  readonly section: OutputSection;
  readonly offset: number;
  readonly bytes: readonly number[];
}

export interface AddressState {
  readonly program: Program;
  readonly options: LinkOptions;
  readonly architecture: Architecture;
  readonly commands: readonly LayoutCommand[];
  readonly outputs: readonly OutputSection[];
  readonly byName: ReadonlyMap<string, OutputSection>;
  readonly regions: Map<string, RegionState>;
  readonly aliases: ReadonlyMap<string, string>;
  /** Values of Linker symbols, by symbol. */
  readonly values: Map<number, { readonly value: number; readonly section: OutputSection | undefined }>;
  /** Bytes of ELF header and program headers: set by the segment phase, a guess in the first walk. */
  headersSize: number;
  /** Where the ELF header is in memory; undefined when no segment loads it. Set with `headersSize`. */
  headersAddress: number | undefined;
  dataItems: DataItem[];
  fillItems: FillItem[];
}

interface Walk {
  readonly state: AddressState;
  readonly final: boolean;
  dot: number;
  section: OutputSection | undefined;
  readonly assigned: Set<number>;
  changed: boolean;
  /** Of the last section that takes room in memory. */
  permissions: number | undefined;
  /** Load minus virtual address of the previous section without a region. */
  delta: number;
}

/** A 64-bit script value as an address of the tables: signed, exact within +-2^53. */
export function toAddress(value: bigint, what: string): number {
  const number = Number(BigInt.asIntN(64, value));
  if (!Number.isSafeInteger(number)) fail('script', `${what}: ${hex(value)} is outside the supported addresses`);
  return number;
}

function toBig(value: number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}

export function createAddressState(
  program: Program,
  options: LinkOptions,
  architecture: Architecture,
  commands: readonly LayoutCommand[],
): AddressState {
  const outputs = commands.flatMap((command) => (command.kind === 'output' ? [command.section] : []));
  const byName = new Map<string, OutputSection>();
  for (const output of outputs) if (!byName.has(output.name)) byName.set(output.name, output);
  return {
    program,
    options,
    architecture,
    commands,
    outputs,
    byName,
    regions: new Map(),
    aliases: new Map(options.scripts.flatMap((script) => [...script.regionAliases])),
    values: new Map(),
    headersSize: elf.EHDR_SIZE,
    headersAddress: undefined,
    dataItems: [],
    fillItems: [],
  };
}

/**
 * Origins and lengths for this walk. They may ask for symbols of the script (picolibc: `DEFINED(__flash) ? ...`), whose
 * values are those of the walk before.
 */
function resetRegions(walk: Walk): void {
  const { state } = walk;
  const symbols = environmentOf(walk);
  const environment: Environment = {
    ...symbols,
    final: false,
    defined: (name) => symbols.defined(name) || state.values.has(findText(state.program.symbols.names, name)),
  };
  for (const script of state.options.scripts) {
    for (const region of script.regions) {
      const where = `${region.at.file}:${region.at.line}: region ${printable(region.name)}`;
      const origin = toAddress(evaluateNumber(region.origin, environment), where);
      const length = toAddress(evaluateNumber(region.length, environment), where);
      const known = state.regions.get(region.name);
      if (known?.origin !== origin || known.length !== length) walk.changed = true;
      state.regions.set(region.name, { region, origin, length, current: origin, delta: 0, used: false });
    }
  }
}

/** Whom to blame for a layout as a whole: the script, else the first input. */
export function layoutSource(state: AddressState): string {
  return (
    state.options.scripts[0]?.file ?? (objectCount(state.program) > 0 ? objectAt(state.program, 0).name : BUILTIN_NAME)
  );
}

function newWalk(state: AddressState, final: boolean): Walk {
  return {
    state,
    final,
    dot: 0,
    section: undefined,
    assigned: new Set(),
    changed: false,
    permissions: undefined,
    delta: 0,
  };
}

function regionOf(state: AddressState, name: string): RegionState | undefined {
  return state.regions.get(state.aliases.get(name) ?? name);
}

/** Value of any symbol as scripts see it. */
function symbolValue(state: AddressState, id: number): Value | undefined {
  const t = state.program.symbols;
  if (id < 0) return undefined;
  switch (t.kind[id]) {
    case SymbolKind.Defined: {
      const section = t.section[id]!;
      const s = state.program.sections;
      const output = s.output[section]! >= 0 ? state.outputs[s.output[section]!] : undefined;
      const address = output ? output.address + s.outputOffset[section]! + t.value[id]! : t.value[id]!;
      return { value: toBig(address), section: output?.name };
    }
    case SymbolKind.Absolute:
      return { value: toBig(t.value[id]!), section: undefined };
    case SymbolKind.Linker: {
      const known = state.values.get(id);
      return known ? { value: toBig(known.value), section: known.section?.name } : undefined;
    }
    case SymbolKind.Undefined:
      return t.binding[id] === elf.STB_WEAK ? { value: 0n, section: undefined } : undefined;
    default:
      return undefined;
  }
}

function environmentOf(walk: Walk): Environment {
  const { state } = walk;
  const { architecture, options } = state;
  const of = (pick: (output: OutputSection) => number) => (name: string) => {
    const output = state.byName.get(name);
    return output ? toBig(pick(output)) : undefined;
  };
  return {
    final: walk.final,
    section: walk.section?.name,
    dot: () => toBig(walk.dot),
    symbol: (name) => symbolValue(state, findText(state.program.symbols.names, name)),
    defined: (name) => {
      const id = findText(state.program.symbols.names, name);
      if (id < 0) return false;
      const kind = state.program.symbols.kind[id]!;
      return kind === SymbolKind.Linker ? walk.assigned.has(id) : kind >= SymbolKind.Defined;
    },
    sectionAddress: of((output) => output.address),
    sectionSize: of((output) => output.size),
    sectionLoadAddress: of((output) => output.loadAddress),
    sectionAlignment: of((output) => output.align),
    region: (name) => {
      const region = regionOf(state, name);
      return region && { origin: toBig(region.origin), length: toBig(region.length) };
    },
    maxPageSize: BigInt(options.maxPageSize ?? architecture.maxPageSize),
    commonPageSize: BigInt(options.commonPageSize ?? architecture.commonPageSize),
    sizeofHeaders: () => BigInt(state.headersSize),
    sectionNear: (address) => sectionNear(state, Number(BigInt.asIntN(64, address)))?.name,
    segmentStart: (segment) => {
      const start = segment === 'text-segment' ? options.imageBase : undefined;
      return start === undefined ? undefined : toBig(start);
    },
  };
}

/** The loaded section that holds an address, else the last that starts below it, else the first. */
function sectionNear(state: AddressState, address: number): OutputSection | undefined {
  let near: OutputSection | undefined;
  for (const output of state.outputs) {
    if ((output.flags & elf.SHF_ALLOC) === 0 || isEmpty(output)) continue;
    if (!near || (output.address <= address && output.address >= near.address)) near = output;
  }
  return near;
}

/** One walk over all statements. Returns whether any address, size or symbol changed since the last. */
export function assignAddresses(state: AddressState, final: boolean): boolean {
  const walk = newWalk(state, final);
  const before = new Map(state.values);
  resetRegions(walk);
  state.dataItems = [];
  state.fillItems = [];
  for (const { name, value } of state.options.defsym) {
    setSymbol(walk, name, evaluate(value, environmentOf(walk)), `--defsym ${printable(name)}`);
  }
  for (const command of state.commands) {
    if (command.kind === 'output') placeOutput(walk, command.section);
    else if (command.kind === 'assign') assign(walk, command);
    else check(walk, command);
  }
  setLinkerMade(walk);
  return walk.changed || valuesChanged(before, state.values);
}

/** Compares what symbols were after two walks: within one, a script may well assign a symbol twice. */
function valuesChanged(before: AddressState['values'], after: AddressState['values']): boolean {
  for (const [id, { value, section }] of after) {
    const old = before.get(id);
    if (!old || old.value !== value || old.section !== section) return true;
  }
  return false;
}

function check(walk: Walk, assertion: Assertion): void {
  if (!walk.final || holds(assertion.test, environmentOf(walk))) return;
  fail('assertion', `${assertion.at.file}:${assertion.at.line}: ${printable(assertion.message)}`);
}

/** The expression that an assignment stands for: `a += b` is `a = a + (b)`. */
function assignedExpression(assignment: Assignment): Expression {
  const { operator, target, value, at } = assignment;
  if (operator === '=') return value;
  const old: Expression = target === '.' ? { kind: 'dot' } : { kind: 'symbol', name: target, at };
  return { kind: 'binary', operator: operator.slice(0, -1) as BinaryOperator, left: old, right: value, at };
}

function assign(walk: Walk, assignment: Assignment): void {
  const { state } = walk;
  if (assignment.provide) {
    const id = findText(state.program.symbols.names, assignment.target);
    if (id < 0 || state.program.symbols.kind[id] !== SymbolKind.Linker) return;
    // --defsym or another statement assigns it outright.
    if ((state.program.symbols.flags[id]! & SymbolFlag.Provided) === 0) return;
  }
  const where = `${assignment.at.file}:${assignment.at.line}: ${printable(assignment.target)}`;
  const value = evaluate(assignedExpression(assignment), environmentOf(walk));
  if (assignment.target !== '.') {
    setSymbol(walk, assignment.target, value, where);
    return;
  }
  const next = toAddress(value.value, where);
  if (walk.section && next < walk.dot && walk.final) {
    fail(
      'script',
      `${where}: moves backwards inside ${printable(walk.section.name)}, from ${hex(walk.dot)} to ${hex(next)}`,
    );
  }
  walk.dot = next;
}

function setSymbol(walk: Walk, name: string, value: Value, where: string): void {
  const { state } = walk;
  const id = findText(state.program.symbols.names, name);
  if (id < 0 || state.program.symbols.kind[id] !== SymbolKind.Linker) return;
  const number = toAddress(value.value, where);
  const section = value.section === undefined ? undefined : state.byName.get(value.section);
  putValue(walk, id, number, section);
}

function putValue(walk: Walk, id: number, value: number, section: OutputSection | undefined): void {
  walk.state.values.set(id, { value, section });
  walk.state.program.symbols.value[id] = value;
  walk.state.program.symbols.extra[id] = section ? 0 : -1;
  walk.assigned.add(id);
}

// --- output sections

function isTbss(output: OutputSection): boolean {
  return output.type === elf.SHT_NOBITS && (output.flags & elf.SHF_TLS) !== 0;
}

/** Size of a section's body when it starts at `address`; sets its inputs' offsets, symbols and data on the way. */
function walkBody(walk: Walk, output: OutputSection, address: number): number {
  const { state } = walk;
  const subalign = output.placement?.subalign;
  const forced = subalign ? alignmentOf(subalign, environmentOf(walk), printable(output.name)) : 0;
  walk.section = output;
  walk.dot = address;
  const index = state.outputs.indexOf(output);
  const { block, arena } = state.program;
  const { kernels } = arena;
  // Offsets are aligned as addresses are; the address itself matters only when it is less aligned than the section.
  const base = address % output.align === 0 ? 0 : address;
  for (const item of output.body) {
    switch (item.kind) {
      case 'inputs':
        walk.dot =
          address +
          kernels.placeInputs(
            block,
            item.sections.byteOffset,
            item.sections.length,
            index,
            forced,
            base,
            walk.dot - address,
          );
        break;
      case 'assign':
        assign(walk, item);
        break;
      case 'assertion':
        check(walk, item);
        break;
      case 'data':
        state.dataItems.push({
          section: output,
          offset: walk.dot - address,
          size: item.size,
          value: evaluateNumber(item.value, environmentOf(walk)),
        });
        walk.dot += item.size;
        break;
      case 'fill':
        state.fillItems.push({ section: output, offset: walk.dot - address, bytes: fillBytes(walk, item.pattern) });
        break;
    }
  }
  walk.section = undefined;
  return walk.dot - address;
}

function fillBytes(walk: Walk, pattern: FillPattern): readonly number[] {
  if (pattern.kind === 'bytes') return pattern.bytes;
  const value = evaluateNumber(pattern.value, environmentOf(walk));
  return [24n, 16n, 8n, 0n].map((shift) => Number((value >> shift) & 255n));
}

/** Value of ALIGN or SUBALIGN: a power of two. */
function alignmentOf(expression: Expression, environment: Environment, where: string): number {
  const value = evaluateNumber(expression, environment);
  if (value > 1n << 40n || (value & (value - 1n)) !== 0n) {
    if (environment.final) fail('script', `${where}: alignment ${hex(value)} is not a power of two up to 2^40`);
    return 1;
  }
  return Math.max(1, Number(value));
}

function permissionsOf(output: OutputSection): number {
  return output.flags & (elf.SHF_WRITE | elf.SHF_EXECINSTR);
}

/**
 * The built-in layout never lets two permissions share a page, wherever orphans went. A script of the user's decides
 * for itself.
 */
function newPage(walk: Walk, output: OutputSection, address: number): number {
  const { options, architecture } = walk.state;
  if (walk.permissions === undefined || walk.permissions === permissionsOf(output)) return address;
  if (options.scripts.some((script) => script.hasSections && !script.insert)) return address;
  return elf.alignUp(address, options.maxPageSize ?? architecture.maxPageSize);
}

function placeOutput(walk: Walk, output: OutputSection): void {
  const { state } = walk;
  const alloc = (output.flags & elf.SHF_ALLOC) !== 0 || output.type === elf.SHT_NULL;
  if (!alloc) {
    const saved = walk.dot;
    setSize(walk, output, walkBody(walk, output, 0));
    setAddress(walk, output, 0, 0);
    walk.dot = saved;
    return;
  }
  const { placement } = output;
  const environment = environmentOf(walk);
  const where = `${placement ? `${placement.at.file}:${placement.at.line}: ` : ''}${printable(output.name)}`;
  const region = placement?.region ? regionNamed(walk, placement.region, where) : undefined;
  let align = output.align;
  if (placement?.align) align = Math.max(align, alignmentOf(placement.align, environment, where));
  const forcedStart = state.options.sectionStart.get(output.name);
  const explicit = forcedStart !== undefined || placement?.address !== undefined;
  let address: number;
  if (forcedStart !== undefined) address = forcedStart;
  else if (placement?.address) address = toAddress(evaluate(placement.address, environment).value, where);
  else address = region ? region.current : walk.dot;
  const empty = isEmpty(output);
  // A section that will not exist must not move those that do; its symbols take the place as it is.
  if (!empty && !(explicit && placement?.address === undefined)) {
    address = explicit ? address : elf.alignUp(newPage(walk, output, address), align);
  }
  output.align = align;
  const start = walk.dot;
  const size = walkBody(walk, output, address);
  setSize(walk, output, size);
  setLoadAddress(walk, output, address, region, explicit, environment, where);
  if (output.fill) state.fillItems.unshift({ section: output, offset: 0, bytes: fillBytes(walk, output.fill) });
  const end = isTbss(output) ? address : address + size;
  if (empty && size === 0) {
    walk.dot = explicit ? address : start;
    return;
  }
  walk.dot = isTbss(output) ? start : end;
  if (size > 0) walk.permissions = permissionsOf(output);
  if (region) {
    region.used = true;
    region.current = Math.max(end, region.origin);
    checkRegion(walk, output, region, end, where);
  }
}

function regionNamed(walk: Walk, name: string, where: string): RegionState {
  return regionOf(walk.state, name) ?? fail('script', `${where}: memory region ${printable(name)} is not declared`);
}

function checkRegion(walk: Walk, output: OutputSection, region: RegionState, end: number, where: string): void {
  const limit = region.origin + region.length;
  if (!walk.final || end <= limit) return;
  fail(
    'layout',
    `${where}: ends at ${hex(end)}, ${end - limit} bytes past region ${printable(region.region.name)} ` +
      `([${hex(region.origin)}, ${hex(limit)})); enlarge the region or shrink ${printable(output.name)}`,
  );
}

function setLoadAddress(
  walk: Walk,
  output: OutputSection,
  address: number,
  region: RegionState | undefined,
  explicit: boolean,
  environment: Environment,
  where: string,
): void {
  const { placement } = output;
  let load = address;
  if (placement?.loadAddress) {
    load = toAddress(evaluate(placement.loadAddress, environment).value, where);
    walk.delta = load - address;
    if (region) region.delta = walk.delta;
  } else if (placement?.loadRegion) {
    const target = regionNamed(walk, placement.loadRegion, where);
    // The load copy is packed at its own alignment unless asked to follow the virtual one.
    load = elf.alignUp(target.current, output.align);
    if (target !== region && !isEmpty(output)) {
      target.current = load + (output.type === elf.SHT_NOBITS ? 0 : output.size);
      checkRegion(walk, output, target, target.current, where);
    }
    if (region) region.delta = load - address;
    walk.delta = load - address;
  } else if (explicit) {
    load = address;
    if (!region) walk.delta = 0;
  } else if (region) {
    load = address + (region.used ? region.delta : 0);
    if (!region.used) region.delta = 0;
  } else if (walk.state.regions.size === 0) {
    load = address + walk.delta;
  }
  setAddress(walk, output, address, load);
}

function setAddress(walk: Walk, output: OutputSection, address: number, load: number): void {
  if (output.address !== address || output.loadAddress !== load) walk.changed = true;
  output.address = address;
  output.loadAddress = load;
  if (!Number.isSafeInteger(address + output.size)) {
    fail('layout', `${printable(output.name)}: ends beyond the supported addresses (starts at ${hex(address)})`);
  }
}

function setSize(walk: Walk, output: OutputSection, size: number): void {
  if (output.size !== size) walk.changed = true;
  output.size = size;
}

/** No inputs, no data, no movement of dot: the section will not be in the output. */
export function isEmpty(output: OutputSection): boolean {
  return !output.keepEmpty && output.body.every((item) => item.kind !== 'inputs' || item.sections.length === 0);
}

// --- symbols the linker makes

const EHDR_START = '__ehdr_start';

/** Only the finished layout shows whether the headers are in memory. Errors: 'undefined-symbol'. */
function leaveUndefined(state: AddressState, id: number): void {
  const { program, options } = state;
  const t = program.symbols;
  if ((t.flags[id]! & SymbolFlag.StrongReference) !== 0) {
    const what = `undefined symbol: ${nameText(t.names, id)} (referenced by ${objectAt(program, t.object[id]!).name})`;
    const why = 'no segment loads the headers; leave SIZEOF_HEADERS bytes before the first section';
    if (options.undefinedPolicy === 'error') fail('undefined-symbol', `${what}: ${why}, or give a PT_LOAD FILEHDR`);
    if (options.undefinedPolicy === 'warn') program.warnings.push(`${what}: ${why}`);
  }
  t.kind[id] = SymbolKind.Undefined;
  t.binding[id] = elf.STB_WEAK;
  t.value[id] = 0;
  t.extra[id] = -1;
}

function setLinkerMade(walk: Walk): void {
  const { state } = walk;
  const t = state.program.symbols;
  const { arena, block } = state.program;
  const count = nameCount(t.names);
  for (let id = 0; ; id++) {
    id = arena.kernels.nextSymbol(block, id, SymbolKind.Linker);
    if (id === count) return;
    if (walk.assigned.has(id)) continue;
    const name = nameText(t.names, id);
    const made = linkerMadeValue(state, name);
    if (made) putValue(walk, id, made.value, made.section);
    else if (walk.final && name === EHDR_START) leaveUndefined(state, id);
    else if (!state.values.has(id)) putValue(walk, id, 0, undefined);
  }
}

/**
 * What local-dynamic code adds its variables' offsets to. On x86-64 these become offsets from the thread pointer, so
 * the base must be where that points: the end of the block.
 */
function tlsModuleBase(state: AddressState): { value: number; section: OutputSection } | undefined {
  const block = state.outputs.filter((output) => (output.flags & elf.SHF_TLS) !== 0 && output.size > 0);
  const first = block[0];
  if (!first || state.architecture.machine !== 'x86-64') return first && { value: first.address, section: first };
  const size = Math.max(...block.map((output) => output.address + output.size)) - first.address;
  const align = Math.max(...block.map((output) => output.align));
  return { value: first.address + elf.alignUp(size, align), section: first };
}

function linkerMadeValue(
  state: AddressState,
  name: string,
): { value: number; section: OutputSection | undefined } | undefined {
  const at = (section: string, plus = 0) => {
    const output = state.byName.get(section);
    return output && !isEmpty(output) ? { value: output.address + plus, section: output } : undefined;
  };
  switch (name) {
    case EHDR_START: {
      if (state.headersAddress === undefined) return undefined;
      const first = state.outputs.find((output) => (output.flags & elf.SHF_ALLOC) !== 0 && !isEmpty(output));
      return { value: state.headersAddress, section: first };
    }
    case '_DYNAMIC':
      return at('.dynamic');
    case '_GLOBAL_OFFSET_TABLE_':
      return at('.got') ?? at('.got.plt') ?? at('.data');
    case '__global_pointer$':
      return at('.sdata', 0x800) ?? at('.data', 0x800) ?? at('.bss', 0x800);
    case '_TLS_MODULE_BASE_':
      return tlsModuleBase(state);
    case '__rela_iplt_start':
    case '__rela_iplt_end': {
      const output = state.byName.get('.rela.iplt');
      const size = output && name.endsWith('end') && !state.options.pie ? output.size : 0;
      return output && { value: output.address + size, section: output };
    }
  }
  const boundary = boundaryOf(name);
  if (!boundary) return undefined;
  const output = state.byName.get(boundary.section);
  return output && { value: output.address + (boundary.stop ? output.size : 0), section: output };
}
