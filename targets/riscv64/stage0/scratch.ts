/**
 * The stub's memory while it runs: the rest of the header's page, and how its code reaches it.
 *
 * s0 points to the middle of that page, so that one instruction reaches all of it. Everything from FIELD.scratch on is
 * zero when the stub starts (it is zero in the file) and is cleared before the program does.
 */
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { PAGE } from '../../regions.ts';
import { FIELD, type Message, MOST_WINDOWS, messageOffset } from './config.ts';

/** What s0 is above the page's start. */
export const MIDDLE = PAGE / 2;

/** Depth of nodes in a device tree that is followed. */
export const MOST_DEPTH = 16;

const values = [
  /** No memory at or above this is free: end of the bank, or a reserved range. */
  ...['limit', 'memoryEnd', 'imageEnd', 'windowCount', 'hasEntropy', 'early', 'fdtSize'],
  ...['free', 'stack', 'stackSize', 'trapStack', 'heap', 'below', 'unit'],
  ...['veneerAddress', 'stackAddress', 'trapAddress', 'infoAddress', 'deviceAddress', 'heapAddress', 'heapSize'],
] as const;

/** ChaCha20's input; its key gathers the seed. */
export const STATE = FIELD.scratch;
export const KEY = STATE + 16;
/** Two blocks of random words. */
export const BLOCK = STATE + 64;
const VALUES = BLOCK + 128;
/** One frame of 4 bytes for each open node: see fdt.ts. */
export const FRAMES = VALUES + 8 * values.length;
/** Device windows: first address, and the one after the last, 8 bytes each. */
export const WINDOWS = FRAMES + 4 * (MOST_DEPTH + 1) + 4;
/** Below this the stub has its stack, from the page's end down. */
const END = WINDOWS + 16 * MOST_WINDOWS;
if (END > PAGE - 64 || WINDOWS % 8 !== 0) throw new Error(`the stub's scratch space ends at ${END}`);

/** Words of the random blocks, by consumer: offsets in the page. */
export const words = {
  image: BLOCK,
  veneer: BLOCK + 8,
  stack: BLOCK + 16,
  trapStack: BLOCK + 24,
  info: BLOCK + 32,
  devices: BLOCK + 40,
  heap: BLOCK + 48,
  heapGap: BLOCK + 56,
  canary: BLOCK + 64,
  gapAbove: BLOCK + 72,
  gapBelow: BLOCK + 80,
  seed: BLOCK + 96,
};

/** Offset from s0 of what is at `offset` in the page. */
export function fromMiddle(offset: number): number {
  return offset - MIDDLE;
}

export function loadField(to: rv.Register, offset: number, op: rv.Load = 'ld'): Item {
  return rv.load(op, to, 's0', fromMiddle(offset));
}

/** Offset in the page of a value of 64 bits. */
function valueOffset(name: string): number {
  const index = (values as readonly string[]).indexOf(name);
  if (index < 0) throw new Error(`no value ${name}`);
  return VALUES + 8 * index;
}

export function get(to: rv.Register, name: string): Item {
  return loadField(to, valueOffset(name));
}

export function put(name: string, from: rv.Register): Item {
  return rv.store('sd', from, 's0', fromMiddle(valueOffset(name)));
}

/** to = the address of what is at `offset` in the page. */
export function addressOf(to: rv.Register, offset: number): Item {
  return rv.aluImmediate('addi', to, 's0', fromMiddle(offset));
}

/** What to say when something traps from here on. */
export function onTrap(message: Message): Item {
  return addressOf('tp', messageOffset[message]);
}

/** Halts with `message`. */
export function refuse(message: Message): Item[] {
  return [label(`refuse ${message}`), onTrap(message), rv.j('halt')];
}

/** register = register rounded down to whole pages. */
export function pageDown(register: rv.Register): Item[] {
  return [rv.shift('srli', register, register, 12), rv.shift('slli', register, register, 12)];
}

/** to = the smaller of to and other, unsigned; `name` is of this place alone. */
export function minimum(to: rv.Register, other: rv.Register, name: string): Item[] {
  return [rv.branch('bgeu', other, to, name), rv.mv(to, other), label(name)];
}
