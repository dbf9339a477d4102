/**
 * Round trips through examples/echo: a datagram goes out on a wire that is a pair of UDP sockets of this host, and the
 * next when its echo has come. Guests that are to be compared run at the same time and get short batches in turns: the
 * one that has none sleeps.
 */
import type { ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { CasemateError } from '../../base/errors.ts';
import type { BootOptions } from '../../targets/hvt/boot.ts';
import * as net from '../../test/e2e/host/frames.ts';
import { boot } from './guests.ts';

const address = '127.0.0.1';
const timeout = 30_000;

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}

/** The guest's next frame; undefined after `patience` milliseconds. */
async function nextFrame(socket: Socket, patience: number): Promise<Buffer | undefined> {
  try {
    const [frame] = await once(socket, 'message', { signal: AbortSignal.timeout(patience) });
    return frame as Buffer;
  } catch (error) {
    if ((error as Error).name === 'AbortError') return undefined;
    throw error;
  }
}

/** Waits until the guest answers. */
async function meet(socket: Socket, port: number): Promise<void> {
  for (let waited = 0; waited < timeout; waited += 50) {
    socket.send(net.arp(1, net.peerIp, net.guestIp), port, address);
    const frame = await nextFrame(socket, 50);
    if (frame?.readUInt16BE(12) === 0x0806) return;
  }
  throw new Error('the echo guest does not answer');
}

/** The next datagram from the guest; what else it sends is passed over. */
async function nextDatagram(socket: Socket): Promise<Buffer> {
  for (;;) {
    const frame = await nextFrame(socket, timeout);
    if (frame === undefined) throw new Error('the echo guest stopped answering');
    const datagram = net.readUdp(frame);
    if (datagram !== undefined) return datagram.data;
  }
}

async function roundTrips(socket: Socket, port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const data = Buffer.alloc(64, i);
    socket.send(net.udp(5000, 7, data), port, address);
    if (!(await nextDatagram(socket)).equals(data)) throw new Error(`echo ${i} came back changed`);
  }
}

/** Milliseconds that all threads of a process have run, by the scheduler's own account. */
function processorTime(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const times = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
  return times.reduce((sum, time) => sum + Number(time), 0) / 1e6;
}

/** A running echo guest on a wire of its own. */
export interface EchoGuest {
  /** Milliseconds that `count` round trips take: by the clock, and of processor time in QEMU. */
  time(count: number): Promise<{ readonly wall: number; readonly cpu: number }>;
  stop(): Promise<void>;
}

export async function startEcho(image: string, options: Partial<BootOptions> = {}): Promise<EchoGuest> {
  const [socket, other] = [await bound(), await bound()];
  const port = other.address().port;
  other.close();
  await once(other, 'close');
  const mac = [...net.guestMac];
  const wire = `udp=${address}:${socket.address().port},localaddr=${address}:${port}`;
  const ending = new AbortController();
  const nets = [{ name: 'net0', backend: 'socket', options: wire, mac }];
  let pid = 0;
  const seen = (child: ChildProcess): void => {
    pid = child.pid!;
  };
  const running = boot(image, { ...options, nets, abort: ending.signal }, undefined, seen).catch((error) => {
    // Killed: it serves for ever.
    if (!(error instanceof CasemateError) || !ending.signal.aborted) throw error;
  });
  await Promise.race([meet(socket, port), running]);
  return {
    time: async (count) => {
      const [start, used] = [performance.now(), processorTime(pid)];
      await roundTrips(socket, port, count);
      return { wall: performance.now() - start, cpu: processorTime(pid) - used };
    },
    stop: async () => {
      ending.abort();
      await running;
      socket.close();
    },
  };
}
