/**
 * Long branches of AArch64: a call reaches 128 MiB, and one that goes farther is led over a veneer, a few instructions
 * that make the whole address in x16 and jump there (AAPCS64 leaves x16 and x17 to veneers).
 *
 * Veneers lie in islands between the input sections of the code that needs them, so that scripts need not know of them.
 * Calls that can share a veneer do, and calls that can reach an island use that one; where neither is near, an island is
 * put as far behind the call as it still reaches. All this follows the order of inputs, so that same inputs give same
 * bytes. Islands move code, which may put further calls out of reach: the layout asks again until none is left.
 *
 * Where all code is marked for branch target identification, a jump through a register must end at a landing instruction.
 * A compiler leaves that out of static functions that are only called directly; for these an island near the function
 * gets a landing pad, to which the veneer jumps.
 * Sources: AAELF64 2023Q3, 5.7.13 "Call and Jump relocations"; AAPCS64, "Use of IP0 and IP1 by the linker".
 */
import { fitsSigned } from '../base/arithmetic.ts';
import { fail, hex } from '../base/errors.ts';
import type { AddressState } from './address-state.ts';
import { R } from './arch/aarch64-types.ts';
import { Special } from './arch/architecture.ts';
import { u32 } from './arena.ts';
import * as elf from './elf.ts';
import { type GotTables, localKey } from './got.ts';
import type { BodyItem, OutputSection } from './image.ts';
import { allObjects, type InputObject, Live, type Program, placeText, Role, sectionContents } from './program.ts';
import { symbolSection } from './read-object.ts';
import { createSymbolAddresses, type GlobalAddresses, globalAddresses, objectAddresses } from './symbol-addresses.ts';
import { addSynthetic } from './synthetic.ts';

/** Bits of a call's distance in bytes, and what islands are chosen by: they grow while they are filled. */
const CALL_BITS = 28;
const REACH = 2 ** 27 - 2 ** 20;
/** What adrp reaches, with the same care. */
const PAGE_REACH = 2 ** 32 - 2 ** 28;

const NEAR_SIZE = 12;
const FAR_SIZE = 28;
const PAD_SIZE = 8;

/** bti c, bti jc, paciasp, pacibsp: where a jump through x16 may end. */
const landings = new Set([0xd503245f, 0xd50324df, 0xd503233f, 0xd503237f]);

/** A section of the linker's own among those of the inputs. */
interface Island {
  readonly section: number;
  size: number;
  readonly veneers: Veneer[];
}

/** What a veneer leads to. */
interface Target {
  /** Global symbol, or a local one's key; and what is added to it. */
  readonly key: string;
  address: number;
  /** Input section and offset there; -1: in none. */
  readonly section: number;
  readonly offset: number;
}

interface Veneer {
  readonly island: Island;
  readonly offset: number;
  readonly kind: 'near' | 'far' | 'pad';
  readonly target: Target;
  /** The landing pad that it jumps to. */
  readonly pad?: Veneer;
}

export interface Veneers {
  /** All code is marked for branch target identification. */
  readonly hasLandings: boolean;
  readonly islands: Island[];
  readonly targets: Map<string, Target>;
  /** By target. */
  readonly known: Map<string, Veneer[]>;
  readonly pads: Map<string, Veneer>;
  /** By section and relocation of the call. */
  readonly byCall: Map<number, Map<number, Veneer>>;
}

export function createVeneers(hasLandings: boolean): Veneers {
  return { hasLandings, islands: [], targets: new Map(), known: new Map(), pads: new Map(), byCall: new Map() };
}

function addressOf(program: Program, { island, offset }: Veneer): number {
  return program.sections.address[island.section]! + offset;
}

/** Address of the veneer that a call was given; undefined when it has none. */
export function veneerAddress(program: Program, veneers: Veneers, section: number, r: number): number | undefined {
  const veneer = veneers.byCall.get(section)?.get(r);
  return veneer && addressOf(program, veneer);
}

/** Whether some code or fixed address is so far from some code that a call could need a veneer. */
function mayBeFar({ outputs, program }: AddressState): boolean {
  const code = outputs.filter(({ flags, size }) => (flags & elf.SHF_EXECINSTR) !== 0 && size > 0);
  const low = code.reduce((least, { address }) => Math.min(least, address), Number.POSITIVE_INFINITY);
  const high = code.reduce((most, { address, size }) => Math.max(most, address + size), Number.NEGATIVE_INFINITY);
  if (high - low > REACH) return true;
  const { symbols } = program;
  // Symbols of scripts and fixed ones; what input sections define in code lies between the two.
  for (let id = 0; id < symbols.kind.length; id++) {
    if (symbols.kind[id]! < 5) continue;
    const value = symbols.value[id]!;
    if (value - low > REACH || high - value > REACH) return true;
  }
  return false;
}

/**
 * Gives veneers to the calls that the current addresses put out of reach; returns whether there are new ones, which
 * change the layout. Errors: 'layout' for a call that reaches no place for one.
 */
export function addVeneers(
  state: AddressState,
  veneers: Veneers,
  got: GotTables,
  iplt: { readonly section: number; readonly entrySize: number },
): boolean {
  const { program } = state;
  if (program.machine !== 'aarch64' || !mayBeFar(state)) return false;
  const place = {
    address: iplt.section >= 0 ? program.sections.address[iplt.section]! : 0,
    entrySize: iplt.entrySize,
  };
  const { used } = program.arena;
  const globals = globalAddresses(program, got, place);
  const { address, special } = createSymbolAddresses(program);
  const calls: FarCall[] = [];
  for (const object of allObjects(program)) {
    if (object.sectionCount === 0) continue;
    objectAddresses(program, object, globals, got, place, address, special);
    collectFar(program, object, address, special, calls);
  }
  clear(globals, address, special);
  program.arena.used = used;
  let isChanged = false;
  for (const call of calls) if (leadOver(state, veneers, call)) isChanged = true;
  return isChanged;
}

/** Memory beyond what the arena uses has to be zero. */
function clear(globals: GlobalAddresses, address: Float64Array, special: Uint8Array): void {
  globals.address.fill(0);
  globals.special.fill(0);
  address.fill(0);
  special.fill(0);
}

interface FarCall {
  readonly section: number;
  readonly r: number;
  readonly place: number;
  readonly target: Target;
}

function collectFar(
  program: Program,
  object: InputObject,
  address: Float64Array,
  special: Uint8Array,
  to: FarCall[],
): void {
  const t = program.sections;
  const { view } = object;
  for (let s = object.firstSection; s < object.firstSection + object.sectionCount; s++) {
    if ((t.flags[s]! & elf.SHF_EXECINSTR) === 0 || t.live[s] !== Live.Live || t.role[s] !== Role.Regular) continue;
    if (t.output[s]! < 0) continue;
    for (let r = 0; r < t.relocCount[s]!; r++) {
      const at = t.relocs[s]! + r * elf.RELA_SIZE;
      const type = view.getUint32(at + 8, true);
      if (type !== R.CALL26 && type !== R.JUMP26) continue;
      const sym = view.getUint32(at + 12, true);
      if (sym >= object.symbolCount) continue;
      const flags = special[sym]!;
      // Undefined weak ones become no call at all; a section's own symbol of edited contents is no function.
      if ((flags & (Special.Undefined | Special.Dead | Special.Merge | Special.Edited)) !== 0) continue;
      const addend = elf.readSigned64(view, at + 16);
      const goal = address[sym]! + addend;
      const place = t.address[s]! + elf.readUnsigned64(view, at);
      if (fitsSigned(goal - place, CALL_BITS) || !Number.isSafeInteger(goal)) continue;
      to.push({ section: s, r, place, target: { ...homeOf(program, object, sym, addend), address: goal } });
    }
  }
}

/** Which symbol is meant, and where its code is. */
function homeOf(program: Program, object: InputObject, sym: number, addend: number): Omit<Target, 'address'> {
  if (sym < object.firstGlobal) {
    const value = elf.readSigned64(object.view, object.symtab + sym * elf.SYM_SIZE + 8);
    const key = `${localKey(object.index, sym)}+${addend}`;
    return { key, section: symbolSection(object, sym), offset: value + addend };
  }
  const id = program.globalRefs[object.firstGlobalRef + sym - object.firstGlobal]!;
  const { section, value } = program.symbols;
  return { key: `${id}+${addend}`, section: section[id]!, offset: value[id]! + addend };
}

/** Gives a call its veneer, unless it has one that it reaches; returns whether a new one was made. */
function leadOver(state: AddressState, veneers: Veneers, call: FarCall): boolean {
  const { program } = state;
  const { section, r, place } = call;
  const known = veneers.targets.get(call.target.key);
  if (known) known.address = call.target.address;
  else veneers.targets.set(call.target.key, call.target);
  const target = known ?? call.target;
  const reaches = (veneer: Veneer) => fitsSigned(addressOf(program, veneer) - place, CALL_BITS);
  const calls = veneers.byCall.get(section) ?? new Map<number, Veneer>();
  veneers.byCall.set(section, calls);
  const given = calls.get(r);
  if (given && reaches(given)) return false;
  const others = veneers.known.get(target.key) ?? [];
  veneers.known.set(target.key, others);
  const shared = others.find(reaches);
  if (shared) {
    calls.set(r, shared);
    return false;
  }
  const pad = needsPad(program, veneers, target) ? padFor(state, veneers, target) : undefined;
  const island = islandNear(state, veneers, section, place);
  const isNear = Math.abs(target.address - place) < PAGE_REACH;
  const veneer = extend(program, island, isNear ? 'near' : 'far', target, pad);
  others.push(veneer);
  calls.set(r, veneer);
  return true;
}

function extend(program: Program, island: Island, kind: Veneer['kind'], target: Target, pad?: Veneer): Veneer {
  const veneer: Veneer = { island, offset: island.size, kind, target, ...(pad && { pad }) };
  island.veneers.push(veneer);
  island.size += { near: NEAR_SIZE, far: FAR_SIZE, pad: PAD_SIZE }[kind];
  program.sections.size[island.section] = island.size;
  program.sections.inputSize[island.section] = island.size;
  return veneer;
}

/** Whether a jump through a register may not end where the target begins. Of code that is not here nothing is known. */
function needsPad(program: Program, { hasLandings }: Veneers, { section, offset }: Target): boolean {
  if (!hasLandings || section < 0) return false;
  const bytes = sectionContents(program, section);
  if (offset < 0 || offset + 4 > bytes.length) return false;
  return !landings.has(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(offset, true));
}

function padFor(state: AddressState, veneers: Veneers, target: Target): Veneer {
  const known = veneers.pads.get(target.key);
  if (known) return known;
  const island = islandNear(state, veneers, target.section, target.address);
  const pad = extend(state.program, island, 'pad', target);
  veneers.pads.set(target.key, pad);
  return pad;
}

type Inputs = Extract<BodyItem, { readonly kind: 'inputs' }>;

/** Output sections whose pieces run into one another: nothing may come between them. */
const fallsThrough = (output: OutputSection): boolean => output.name === '.init' || output.name === '.fini';

/** Lists of inputs among which an island may be: those of the output section at hand come first. */
function listsFor(outputs: readonly OutputSection[], home: OutputSection): Inputs[] {
  return [home, ...outputs.filter((output) => output !== home)]
    .filter((output) => (output.flags & elf.SHF_EXECINSTR) !== 0 && !fallsThrough(output))
    .flatMap(({ body }) => body)
    .flatMap((item) => (item.kind === 'inputs' && item.sections.length > 0 ? [item] : []));
}

/** An island that `place`, in input section `section`, reaches: one that is there, or a new one. */
function islandNear(state: AddressState, { islands }: Veneers, section: number, place: number): Island {
  const { program, outputs } = state;
  const t = program.sections;
  const isNear = (address: number) => Math.abs(address - place) <= REACH;
  const known = islands.find((island) => isNear(t.address[island.section]! + island.size));
  if (known) return known;
  for (const list of listsFor(outputs, outputs[t.output[section]!]!)) {
    const before = (index: number): number => {
      const s = list.sections[Math.max(0, index - 1)]!;
      return t.address[s]! + (index > 0 ? t.size[s]! : 0);
    };
    for (let index = list.sections.length; index >= 0; index--)
      if (isNear(before(index))) return insertIsland(state, islands, list, index);
  }
  return fail(
    'layout',
    `${placeText(program, section)}: the branch at ${hex(place)} reaches no place between sections of code, where a ` +
      `veneer could be; its own has ${hex(t.size[section]!)} bytes: compile with -ffunction-sections`,
  );
}

function insertIsland(state: AddressState, islands: Island[], list: Inputs, index: number): Island {
  const { program } = state;
  const neighbour = list.sections[Math.max(0, index - 1)]!;
  const section = addSynthetic(program, {
    name: '.text',
    type: elf.SHT_PROGBITS,
    flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR,
    align: 4,
    size: 0,
  });
  const t = program.sections;
  t.output[section] = t.output[neighbour]!;
  // Until the next pass places it, it counts as lying at the end of its neighbour.
  t.address[section] = t.address[neighbour]! + (index === 0 ? 0 : t.size[neighbour]!);
  const next = u32(program.arena, list.sections.length + 1);
  next.set(list.sections.subarray(0, index));
  next[index] = section;
  next.set(list.sections.subarray(index), index + 1);
  list.sections = next;
  const island: Island = { section, size: 0, veneers: [] };
  islands.push(island);
  return island;
}

// --- contents

/** Fills the islands. Errors: 'layout' for a target that moved out of a veneer's reach. */
export function writeVeneers(program: Program, { islands }: Veneers): void {
  for (const island of islands) {
    const bytes = new Uint8Array(island.size);
    const view = new DataView(bytes.buffer);
    for (const veneer of island.veneers) {
      const here = addressOf(program, veneer);
      const goal = veneer.pad ? addressOf(program, veneer.pad) : veneer.target.address;
      instructionsOf(veneer.kind, here, goal).forEach((word, i) => {
        view.setUint32(veneer.offset + 4 * i, word >>> 0, true);
      });
    }
    program.contents.set(island.section, bytes);
  }
}

function instructionsOf(kind: Veneer['kind'], here: number, goal: number): number[] {
  if (kind === 'pad') {
    const distance = goal - here - 4;
    if (!fitsSigned(distance, CALL_BITS)) outOfReach(here, goal);
    return [0xd503245f, 0x14000000 | ((distance / 4) & 0x3ffffff)]; // bti c; b goal
  }
  if (kind === 'near') {
    const pages = Math.floor(goal / 0x1000) - Math.floor(here / 0x1000);
    if (!fitsSigned(pages, 21)) outOfReach(here, goal);
    // adrp x16, goal; add x16, x16, :lo12:goal; br x16
    const low = goal - Math.floor(goal / 0x1000) * 0x1000;
    return [0x90000010 | ((pages & 3) << 29) | (((pages >> 2) & 0x7ffff) << 5), 0x91000210 | (low << 10), 0xd61f0200];
  }
  // adr x17, here; mov x16, goal - here; add x16, x16, x17; br x16: right wherever the image is loaded.
  const distance = BigInt.asUintN(64, BigInt(goal - here));
  const piece = (n: number) => Number((distance >> BigInt(16 * n)) & 0xffffn) << 5;
  const moves = [0xd2800010, 0xf2a00010, 0xf2c00010, 0xf2e00010].map((opcode, n) => opcode | piece(n));
  return [0x10000011, ...moves, 0x8b110210, 0xd61f0200];
}

function outOfReach(here: number, goal: number): never {
  return fail('layout', `the veneer at ${hex(here)} does not reach ${hex(goal)}; place the two nearer to each other`);
}
