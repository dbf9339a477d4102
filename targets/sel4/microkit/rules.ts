/**
 * What Microkit's tool demands of a system, and what we demand beyond it.
 *
 * The tool stops at the first thing that it does not like, and for some it stops with a panic and no reason: a region
 * of no size, a prefilled region that is longer than its file, two mappings over one page of a program. A system is
 * judged here before anything is written, rule by rule, each with both values. Beyond the tool: no memory that is both
 * written and executed, no mapping without rights, and no region that nobody maps.
 * Source: Microkit 2.3.0-dev, tool/microkit/src: sdf.rs (parsing, and the checks at its end), lib.rs (limits) and
 * capdl/builder.rs (how regions are filled and mapped).
 */
import { fail, hex, printable } from '../../../base/errors.ts';
import { type MicrokitMachine, mapLimitOf, PAGE_SIZES } from './machine.ts';
import type { ChannelEnd, Mapping, MemoryRegion, ProtectionDomain, System } from './system.ts';

export type SystemRule =
  | 'names'
  | 'domains'
  | 'scheduling'
  | 'stack'
  | 'regions'
  | 'prefill'
  | 'physical-memory'
  | 'mappings'
  | 'rights'
  | 'symbols'
  | 'channels'
  | 'interrupts'
  | 'ports'
  | 'virtual-machines'
  | 'floating-point';

export interface BrokenSystemRule {
  readonly rule: SystemRule;
  /** One line, printable, with both values. */
  readonly message: string;
}

type Break = (rule: SystemRule, message: string) => void;

const MOST_DOMAINS = 63;
/** Bytes of a name with its end: the tool cuts what is longer without a word. */
const NAME_SIZE = 64;
const HIGHEST_ID = 61;
const HIGHEST_PRIORITY = 254;
const STACK_SIZES = [0x1000, 16 * 2 ** 20] as const;
const RESERVED_NAME = 'monitor';

const quoted = (name: string): string => `"${printable(name, 80)}"`;

/** Pairs of things that are alike, each with the index of the first. */
function repeated<T>(values: readonly T[]): T[] {
  return values.filter((value, i) => values.indexOf(value) !== i);
}

function checkName(kind: string, name: string, limit: number, breaks: Break): void {
  const size = Buffer.byteLength(name);
  if (size === 0) breaks('names', `a ${kind} has no name`);
  if (size >= limit)
    breaks('names', `${kind} ${quoted(name)}: its name has ${size} bytes; must have less than ${limit}`);
  if (!/^[\x21-\x7e]*$/.test(name))
    breaks('names', `${kind} ${quoted(name)}: its name must be printable ASCII, no spaces`);
}

function checkNames({ regions, domains }: System, breaks: Break): void {
  for (const { name } of regions) checkName('memory region', name, 256, breaks);
  for (const { name } of domains) {
    checkName('protection domain', name, NAME_SIZE, breaks);
    if (name === RESERVED_NAME) breaks('names', `protection domain "${name}": that name is the monitor's own`);
  }
  const machines = domains.flatMap(({ machine }) => (machine === undefined ? [] : [machine.name]));
  for (const name of machines) checkName('virtual machine', name, NAME_SIZE, breaks);
  for (const [kind, names] of [
    ['memory region', regions.map(({ name }) => name)],
    ['protection domain', domains.map(({ name }) => name)],
    ['virtual machine', machines],
  ] as const) {
    for (const name of repeated(names)) breaks('names', `${kind} ${quoted(name)}: its name is another's too`);
  }
}

function checkRegion(region: MemoryRegion, breaks: Break): void {
  const { name, size, pageSize, physicalAddress, prefill, bootInfo } = region;
  const what = `memory region ${quoted(name)}`;
  const step = pageSize ?? PAGE_SIZES[0];
  if (!PAGE_SIZES.includes(step)) {
    breaks('regions', `${what}: page size ${hex(step)}; must be ${PAGE_SIZES.map(hex).join(' or ')}`);
    return;
  }
  if (size <= 0 || size % step !== 0)
    breaks('regions', `${what}: size ${hex(size)}; must be a multiple of its page size, ${hex(step)}, and not 0`);
  if (physicalAddress !== undefined && physicalAddress % BigInt(step) !== 0n)
    breaks('physical-memory', `${what}: physical address ${hex(physicalAddress)}; must be a multiple of ${hex(step)}`);
  if (prefill === undefined) return;
  if (bootInfo !== undefined)
    breaks('prefill', `${what}: is filled from ${quoted(prefill.path)} and from boot information`);
  if (prefill.size === 0) breaks('prefill', `${what}: ${quoted(prefill.path)} is empty; leave it out`);
  if (prefill.size > size)
    breaks('prefill', `${what}: ${quoted(prefill.path)} has ${prefill.size} bytes; the region has ${size}`);
  // The tool takes the file's rest for each page, and breaks where nothing is left.
  else if (prefill.size > 0 && size - prefill.size >= step)
    breaks(
      'prefill',
      `${what}: ${size} bytes, ${prefill.size} of them from ${quoted(prefill.path)}; its last page (${hex(step)}) would begin after the file's end`,
    );
}

function checkPhysicalMemory(regions: readonly MemoryRegion[], breaks: Break): void {
  const placed = regions.flatMap(({ name, physicalAddress, size }) =>
    physicalAddress === undefined ? [] : [{ name, from: physicalAddress, to: physicalAddress + BigInt(size) }],
  );
  placed.forEach((a, i) => {
    for (const b of placed.slice(0, i)) {
      if (a.from >= b.to || b.from >= a.to) continue;
      const both = `${quoted(a.name)} (${hex(a.from)} to ${hex(a.to)}) and ${quoted(b.name)} (${hex(b.from)} to ${hex(b.to)})`;
      breaks('physical-memory', `memory regions ${both} overlap in physical memory`);
    }
  });
}

function checkRights(rights: string, what: string, breaks: Break): void {
  if (!/^r?w?x?$/.test(rights) || rights === '')
    breaks('rights', `${what}: rights ${quoted(rights)}; must be of r, w and x, each once and in this order`);
  else if (rights === 'w') breaks('rights', `${what}: rights "w"; no kernel maps memory that is only written`);
  else if (rights.includes('w') && rights.includes('x'))
    breaks('rights', `${what}: rights ${quoted(rights)}; no memory may be written and executed`);
}

/** A part of an address space that is taken. */
export interface Taken {
  readonly what: string;
  readonly from: bigint;
  readonly to: bigint;
}

interface Space {
  /** In messages: `protection domain "a"`. */
  readonly name: string;
  /** Mappings end here at the latest. */
  readonly limit: bigint;
  /** What else is mapped there. */
  readonly taken: readonly Taken[];
}

function checkMappings(mappings: readonly Mapping[], space: Space, system: System, breaks: Break): void {
  const taken: Taken[] = [...space.taken];
  for (const { region: name, address, rights } of mappings) {
    const what = `map of ${quoted(name)} in ${space.name}`;
    checkRights(rights, what, breaks);
    const region = system.regions.find((each) => each.name === name);
    if (region === undefined) {
      breaks('mappings', `${what}: there is no memory region of that name`);
      continue;
    }
    const step = BigInt(region.pageSize ?? PAGE_SIZES[0]!);
    if (address % step !== 0n)
      breaks('mappings', `${what}: address ${hex(address)}; must be a multiple of ${hex(step)}`);
    const to = address + BigInt(region.size);
    if (to > space.limit)
      breaks('mappings', `${what}: ends at ${hex(to)}; must end at ${hex(space.limit)} at the latest`);
    for (const other of taken) {
      if (address >= other.to || other.from >= to) continue;
      const both = `${hex(address)} to ${hex(to)}, and ${other.what} is ${hex(other.from)} to ${hex(other.to)}`;
      breaks('mappings', `${what}: ${both}; they must not overlap`);
    }
    taken.push({ what: `the map of ${quoted(name)}`, from: address, to });
  }
}

function checkScheduling(
  { name, priority, budget = 1000, period = budget, stackSize }: ProtectionDomain,
  breaks: Break,
): void {
  const what = `protection domain ${quoted(name)}`;
  if (!Number.isInteger(priority) || priority < 0 || priority > HIGHEST_PRIORITY)
    breaks('scheduling', `${what}: priority ${priority}; must be 0 to ${HIGHEST_PRIORITY}`);
  if (budget > period)
    breaks('scheduling', `${what}: budget ${budget}, period ${period}; the budget must fit the period`);
  const [least, most] = STACK_SIZES;
  if (stackSize < least || stackSize > most || stackSize % least !== 0)
    breaks('stack', `${what}: stack of ${hex(stackSize)}; must be a multiple of ${hex(least)}, at most ${hex(most)}`);
}

const isId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id <= HIGHEST_ID;

function checkInterrupts({ domains, channels }: System, machine: MicrokitMachine, breaks: Break): void {
  const all = domains.flatMap(({ interrupts = [] }) => interrupts.map(({ irq }) => irq));
  for (const irq of repeated(all)) breaks('interrupts', `interrupt ${irq}: is given to two; each goes to one`);
  for (const { name, interrupts = [] } of domains) {
    const what = `protection domain ${quoted(name)}`;
    if (interrupts.length > 0 && machine.machine === 'x86-64')
      breaks(
        'interrupts',
        `${what}: interrupt ${interrupts[0]!.irq} by number; on x86-64 they come by I/O APIC or MSI`,
      );
    const ends = channels.flat().filter(({ domain }) => domain === name);
    const ids = [...interrupts, ...ends].map(({ id }) => id);
    for (const id of ids.filter((each) => !isId(each)))
      breaks('channels', `${what}: identifier ${id}; must be 0 to ${HIGHEST_ID}`);
    for (const id of repeated(ids))
      breaks('channels', `${what}: identifier ${id}: is another's too, and both would look alike`);
  }
}

function checkChannel(ends: readonly ChannelEnd[], { domains }: System, machine: MicrokitMachine, breaks: Break): void {
  const names = ends.map(({ domain }) => quoted(domain)).join(' and ');
  if (ends.length !== 2) {
    breaks('channels', `a channel has ${ends.length} ends (${names}); must have 2`);
    return;
  }
  const found = ends.map((end) => ({ end, domain: domains.find(({ name }) => name === end.domain) }));
  for (const { end, domain } of found)
    if (domain === undefined)
      breaks('channels', `channel of ${names}: there is no protection domain ${quoted(end.domain)}`);
  if (found.every(({ end }) => end.calls === true)) breaks('channels', `channel of ${names}: both ends call; one may`);
  const [a, b] = found;
  for (const [caller, called] of [
    [a!, b!],
    [b!, a!],
  ] as const) {
    if (caller.end.calls !== true || caller.domain === undefined || called.domain === undefined) continue;
    if (caller.domain.priority >= called.domain.priority) {
      const both = `priority ${caller.domain.priority} calls ${quoted(called.domain.name)} of ${called.domain.priority}`;
      breaks('channels', `channel of ${names}: ${quoted(caller.domain.name)} of ${both}; who is called must be higher`);
    }
    if (machine.machine === 'x86-64' && called.domain.machine !== undefined)
      breaks(
        'channels',
        `channel of ${names}: ${quoted(called.domain.name)} runs a virtual machine and cannot be called`,
      );
  }
}

function checkPorts({ domains }: System, { machine }: MicrokitMachine, breaks: Break): void {
  const all = domains.flatMap(({ name, ports = [] }) => ports.map((port) => ({ name, ...port })));
  all.forEach((a, i) => {
    const what = `protection domain ${quoted(a.name)}: ports from ${hex(a.port)}`;
    if (machine !== 'x86-64') breaks('ports', `${what}; ${machine} has none`);
    if (!isId(a.id)) breaks('ports', `${what}: identifier ${a.id}; must be 0 to ${HIGHEST_ID}`);
    if (a.size <= 0 || a.port + a.size > 0x10000)
      breaks('ports', `${what}: ${a.size} of them; must be 1 or more, and end at 0x10000 at the latest`);
    for (const b of all.slice(0, i)) {
      if (a.name === b.name && a.id === b.id) breaks('ports', `${what}: identifier ${a.id} is another's too`);
      if (a.port < b.port + b.size && b.port < a.port + a.size)
        breaks('ports', `${what}, ${a.size} of them, and ${b.size} from ${hex(b.port)} of ${quoted(b.name)} overlap`);
    }
  });
}

function checkPhysicalSymbols(
  { name, physicalSymbols = [] }: ProtectionDomain,
  { regions }: System,
  { machine }: MicrokitMachine,
  breaks: Break,
): void {
  for (const { symbol, region: wanted } of physicalSymbols) {
    const what = `protection domain ${quoted(name)}: symbol ${quoted(symbol)}`;
    const region = regions.find((each) => each.name === wanted);
    // The tool would write 0, or stop with a panic.
    if (region === undefined) breaks('symbols', `${what}: there is no memory region ${quoted(wanted)}`);
    else if (region.physicalAddress === undefined && machine === 'x86-64')
      breaks('symbols', `${what}: ${quoted(wanted)} has no physical address, and on x86-64 the tool gives it none`);
  }
}

function checkMachine(domain: ProtectionDomain, system: System, target: MicrokitMachine, breaks: Break): void {
  const { machine } = domain;
  if (machine === undefined) return;
  const what = `virtual machine ${quoted(machine.name)}`;
  if (!target.isHypervisor)
    breaks('virtual-machines', `${what}: the kernel for ${target.machine} was not built as a hypervisor`);
  const { processors, priority } = machine;
  const most = target.machine === 'x86-64' ? 1 : HIGHEST_ID + 1;
  if (processors.length === 0 || processors.length > most)
    breaks('virtual-machines', `${what}: ${processors.length} processors; must be 1 to ${most}`);
  for (const id of processors.filter((each) => !isId(each)))
    breaks('virtual-machines', `${what}: processor ${id}; identifiers are 0 to ${HIGHEST_ID}`);
  for (const id of repeated(processors)) breaks('virtual-machines', `${what}: processor ${id} occurs twice`);
  if (priority !== undefined && target.machine !== 'aarch64')
    breaks('virtual-machines', `${what}: priority ${priority}; only AArch64's have one of their own`);
  if (priority !== undefined && (priority < 0 || priority > HIGHEST_PRIORITY))
    breaks('virtual-machines', `${what}: priority ${priority}; must be 0 to ${HIGHEST_PRIORITY}`);
  checkMappings(machine.mappings, { name: what, limit: target.userTop, taken: [] }, system, breaks);
  const named = machine.mappings.find(({ addressSymbol, sizeSymbol }) => addressSymbol ?? sizeSymbol);
  if (named !== undefined)
    breaks('symbols', `map of ${quoted(named.region)} in ${what}: sets a symbol, but a guest has no program image`);
}

/** Symbols of its program that a domain sets. */
export function symbolsSet({ mappings, physicalSymbols = [], ports = [] }: ProtectionDomain): string[] {
  return [
    ...mappings.flatMap(({ addressSymbol, sizeSymbol }) => [addressSymbol, sizeSymbol]),
    ...physicalSymbols.map(({ symbol }) => symbol),
    ...ports.map(({ addressSymbol }) => addressSymbol),
  ].filter((symbol) => symbol !== undefined);
}

/**
 * The rules that a system breaks on a machine; none when the tool takes it. `takenBy`: what a domain's program takes of
 * its address space, by the domain's name.
 */
export function brokenSystemRules(
  system: System,
  machine: MicrokitMachine,
  takenBy: ReadonlyMap<string, readonly Taken[]> = new Map(),
): BrokenSystemRule[] {
  const broken: BrokenSystemRule[] = [];
  const breaks: Break = (rule, message) => broken.push({ rule, message });
  const { domains, regions, channels } = system;
  if (domains.length === 0 || domains.length > MOST_DOMAINS)
    breaks('domains', `${domains.length} protection domains; must be 1 to ${MOST_DOMAINS}`);
  checkNames(system, breaks);
  for (const region of regions) checkRegion(region, breaks);
  checkPhysicalMemory(regions, breaks);
  for (const domain of domains) {
    const what = `protection domain ${quoted(domain.name)}`;
    checkScheduling(domain, breaks);
    if (domain.floatingPoint && !machine.hasFpu)
      breaks('floating-point', `${what}: may use floating point, but the kernel's HAVE_FPU is false`);
    const space = { name: what, limit: mapLimitOf(machine, domain.stackSize), taken: takenBy.get(domain.name) ?? [] };
    checkMappings(domain.mappings, space, system, breaks);
    for (const symbol of repeated(symbolsSet(domain)))
      breaks('symbols', `${what}: sets the symbol ${quoted(symbol)} twice`);
    checkPhysicalSymbols(domain, system, machine, breaks);
    checkMachine(domain, system, machine, breaks);
  }
  for (const ends of channels) checkChannel(ends, system, machine, breaks);
  checkInterrupts(system, machine, breaks);
  checkPorts(system, machine, breaks);
  const mapped = new Set(
    domains.flatMap(({ mappings, machine: guest }) =>
      [...mappings, ...(guest?.mappings ?? [])].map(({ region }) => region),
    ),
  );
  for (const { name } of regions)
    if (!mapped.has(name)) breaks('regions', `memory region ${quoted(name)}: nobody maps it; leave it out`);
  return broken;
}

/** Errors: 'layout' when a rule is broken, with the first and how many more. */
export function checkSystem(
  system: System,
  machine: MicrokitMachine,
  takenBy: ReadonlyMap<string, readonly Taken[]> = new Map(),
): void {
  const [first, ...more] = brokenSystemRules(system, machine, takenBy);
  if (first === undefined) return;
  fail('layout', `the system: ${first.message}${more.length === 0 ? '' : ` (and ${more.length} more)`}`);
}
