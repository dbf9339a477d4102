/**
 * `casemate/platform` under Node.js: the console is standard output, clocks are the host's, and devices lie in memory.
 *
 * A program that is run as it is has a console, clocks and the boot parameters of its command line, and no devices.
 * `simulate` runs one in a world that a test makes: frames that come, blocks, the time. Everything is copied at the
 * same places where C copies it, and refused for the same reasons.
 */
import { writeSync } from 'node:fs';
import type * as platform from './platform.ts';

export type { BlockDevice, NetDevice } from './platform.ts';

/** A network device in memory. */
export interface SimulatedNet {
  readonly name: string;
  /** Six bytes. */
  readonly mac: Uint8Array;
  /** Bytes behind the Ethernet header of 14. */
  readonly mtu: number;
  /** Frames that wait for the program, the next one first. */
  readonly incoming: Uint8Array[];
  /** Frames that it sent, the last one last. */
  readonly outgoing: Uint8Array[];
}

/** A block device in memory. */
export interface SimulatedBlock {
  readonly name: string;
  readonly blockSize: number;
  /** A multiple of the block size. */
  readonly bytes: Uint8Array;
}

/** What a program runs in. */
export interface World {
  /** Boot parameters, in characters up to \xff. */
  readonly arguments: string;
  readonly nets: readonly SimulatedNet[];
  readonly blocks: readonly SimulatedBlock[];
  readonly console: (bytes: Uint8Array) => void;
  /** Nanoseconds. */
  readonly monotonic: () => bigint;
  readonly wall: () => bigint;
  /** Nothing is there to do before the deadline, in nanoseconds of the monotonic clock. May feed devices, or sleep. */
  readonly idle: (deadline: bigint) => void;
}

interface Running extends World {
  /** Names of devices that were opened, by handle; 0 is none. */
  readonly opened: string[];
}

const HEADER = 14;
/** A deadline that never comes. */
export const NEVER = 2n ** 64n - 1n;

/** How a program ends: with a status, or asleep for ever. */
class Ended extends Error {
  readonly status: number | undefined;
  constructor(status: number | undefined) {
    super('the program has ended');
    this.status = status;
  }
}

function sleep(deadline: bigint): void {
  const left = deadline - process.hrtime.bigint();
  if (left > 0n) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.ceil(Number(left) / 1e6));
}

const host: Running = {
  arguments: process.argv.slice(2).join(' '),
  nets: [],
  blocks: [],
  console: (bytes) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
  },
  monotonic: () => process.hrtime.bigint(),
  wall: () => BigInt(Date.now()) * 1_000_000n,
  idle: sleep,
  opened: [''],
};

let running: Running = host;

/**
 * Runs a program in a world; what is not given is empty, silent, or stands still: without `idle`, time goes on to the
 * deadline. Gives its exit status, 0 when it returns, undefined when it sleeps and nothing will ever wake it.
 */
export function simulate(program: () => void, given: Partial<World> = {}): number | undefined {
  let now = 0n;
  const before = running;
  running = {
    arguments: '',
    nets: [],
    blocks: [],
    console: () => {},
    monotonic: () => now,
    wall: () => 0n,
    idle: (deadline) => {
      if (deadline === NEVER) throw new Ended(undefined);
      now = deadline;
    },
    ...given,
    opened: [''],
  };
  try {
    program();
    return 0;
  } catch (error) {
    if (error instanceof Ended) return error.status;
    throw error;
  } finally {
    running = before;
  }
}

const textOf = (bytes: Readonly<Uint8Array>): string => String.fromCharCode(...bytes);

/** A handle for the device, unless it was opened before. */
function open(kind: string, name: string): number | undefined {
  const { opened } = running;
  const key = `${kind} ${name}`;
  if (opened.includes(key) || opened.length === 64) return undefined;
  return opened.push(key) - 1;
}

const netOf = (handle: number): SimulatedNet | undefined =>
  running.nets.find(({ name }) => running.opened[handle] === `net ${name}`);

const blockOf = (handle: number): SimulatedBlock | undefined =>
  running.blocks.find(({ name }) => running.opened[handle] === `block ${name}`);

export const consoleWrite: typeof platform.consoleWrite = (text, length) => running.console(text.slice(0, length));

export const bootArguments: typeof platform.bootArguments = (into) => {
  const text = running.arguments;
  if (text.length > into.length) return undefined;
  for (let i = 0; i < text.length; i++) into[i] = text.charCodeAt(i);
  return text.length;
};

export const clockMonotonic: typeof platform.clockMonotonic = () => running.monotonic();

export const clockWall: typeof platform.clockWall = () => running.wall();

function ready(): bigint {
  return running.opened.reduce(
    (set, _, handle) => (netOf(handle)?.incoming.length ? set | (1n << BigInt(handle)) : set),
    0n,
  );
}

export const yieldUntil: typeof platform.yieldUntil = (deadline) => {
  if (ready() === 0n && running.monotonic() < deadline) running.idle(deadline);
  return ready();
};

export const exit: typeof platform.exit = (status) => {
  if (running === host) process.exit(status);
  throw new Ended(status);
};

export const netAcquire: typeof platform.netAcquire = (name, mac) => {
  const device = running.nets.find((one) => one.name === textOf(name));
  if (device === undefined || device.mtu > 65535) return undefined;
  const handle = open('net', device.name);
  if (handle === undefined) return undefined;
  mac.set(device.mac.subarray(0, 6));
  return { handle, mtu: device.mtu };
};

export const netRead: typeof platform.netRead = (handle, frame) => {
  const device = netOf(handle);
  if (device === undefined || frame.length < device.mtu + HEADER) return 0;
  const next = device.incoming.shift();
  if (next === undefined || next.length > frame.length) return 0;
  frame.set(next);
  return next.length;
};

export const netWrite: typeof platform.netWrite = (handle, frame, length) => {
  const device = netOf(handle);
  if (device === undefined || length < HEADER || length > device.mtu + HEADER) return false;
  device.outgoing.push(frame.slice(0, length));
  return true;
};

export const blockAcquire: typeof platform.blockAcquire = (name) => {
  const device = running.blocks.find((one) => one.name === textOf(name));
  const handle = device && open('block', device.name);
  if (device === undefined || handle === undefined) return undefined;
  return { handle, capacity: BigInt(device.bytes.length), blockSize: device.blockSize };
};

/** The bytes of a range, if the device has it. */
function range(handle: number, offset: bigint, length: number): Uint8Array | undefined {
  const device = blockOf(handle);
  if (device === undefined || length === 0) return undefined;
  const { blockSize, bytes } = device;
  if (length % blockSize !== 0 || offset % BigInt(blockSize) !== 0n) return undefined;
  if (offset + BigInt(length) > BigInt(bytes.length)) return undefined;
  return bytes.subarray(Number(offset), Number(offset) + length);
}

export const blockRead: typeof platform.blockRead = (handle, offset, bytes, length) => {
  const found = range(handle, offset, length);
  if (found !== undefined) bytes.set(found);
  return found !== undefined;
};

export const blockWrite: typeof platform.blockWrite = (handle, offset, bytes, length) => {
  const found = range(handle, offset, length);
  found?.set(bytes.subarray(0, length));
  return found !== undefined;
};
