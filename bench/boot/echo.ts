/**
 * Round trips through examples/echo: datagrams go out on a wire that is a pair of UDP sockets of this host. One at a
 * time, most of an echo is waking up, the guest and us in turns; with some on the way the guest never waits.
 */
import type { ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { CasemateError } from '../../base/errors.ts';
import * as net from '../../test/e2e/host/frames.ts';
import { boot } from './guests.ts';
import { type Contender, processorTime } from './turns.ts';

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

/**
 * `frames` there and back, at most `inFlight` of them on the way at a time. `payloads` is what must come back, in this
 * order; what else the guest sends is passed over.
 */
function roundTrips(
  socket: Socket,
  port: number,
  frames: readonly Buffer[],
  payloads: readonly Buffer[],
  inFlight: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let [sent, back] = [0, 0];
    const send = (): void => {
      if (sent < frames.length) socket.send(frames[sent++]!, port, address);
    };
    const end = (error?: Error): void => {
      clearTimeout(timer);
      socket.off('message', receive);
      if (error === undefined) resolve();
      else reject(error);
    };
    const receive = (frame: Buffer): void => {
      const datagram = net.readUdp(frame);
      if (datagram === undefined) return;
      if (!datagram.data.equals(payloads[back]!)) end(new Error(`echo ${back} came back changed`));
      else if (++back === frames.length) end();
      else send();
    };
    const timer = setTimeout(() => end(new Error('the echo guest stopped answering')), timeout);
    socket.on('message', receive);
    for (let i = 0; i < inFlight; i++) send();
  });
}

/** Starts an echo guest on a wire of its own; a turn is `count` echoes, at most `inFlight` of them at a time. */
export async function startEcho(image: string, count: number, inFlight: number): Promise<Contender> {
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
  const running = boot(image, { nets, abort: ending.signal }, undefined, seen).catch((error) => {
    // Killed: it serves for ever.
    if (!(error instanceof CasemateError) || !ending.signal.aborted) throw error;
  });
  await Promise.race([meet(socket, port), running]);
  const payloads = Array.from({ length: count }, (_, i) => Buffer.alloc(64, i));
  const frames = payloads.map((data) => net.udp(5000, 7, data));
  return {
    turn: async () => {
      const [start, used] = [performance.now(), processorTime(pid)];
      await roundTrips(socket, port, frames, payloads, inFlight);
      return { wall: performance.now() - start, cpu: processorTime(pid) - used };
    },
    stop: async () => {
      ending.abort();
      await running;
      socket.close();
    },
  };
}
