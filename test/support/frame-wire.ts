/**
 * The other end of a guest's network as a stream of Ethernet frames, each after its length in four bytes, big-endian:
 * what QEMU's `stream` back end speaks over a socket with a name in the file system. It needs no privileges, and it
 * loses nothing by itself: who cannot take a frame makes the other wait.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from './paths.ts';

const mostBytes = 65_536;

/** Frames of a stream that arrives in any pieces. */
export function frameReader(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const size = bytes.readUInt32BE(at);
      if (size > mostBytes) throw new Error(`a frame of ${size} bytes on the wire`);
      if (bytes.length - at - 4 < size) break;
      onFrame(bytes.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    rest = bytes.subarray(at);
  };
}

export interface FrameWire {
  /** For `nets` of a boot, with a name and a MAC address. */
  readonly net: { readonly backend: 'stream'; readonly options: string };
  /** Sends frames in this order, at once; the guest must have connected. */
  readonly send: (frames: readonly Uint8Array[]) => void;
  /** Who gets the guest's frames from now on; the memory of a frame is the receiver's only during the call. */
  receive: (frame: Buffer) => void;
  /** Settled when QEMU has connected. */
  readonly connected: Promise<void>;
  readonly close: () => Promise<void>;
}

/** A wire that waits for QEMU. */
export async function openFrameWire(): Promise<FrameWire> {
  const path = join(temporaryFolder('wire'), 'socket');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  let socket: Socket | undefined;
  const connected = once(server, 'connection').then(([arrived]) => {
    socket = arrived as Socket;
    // QEMU may end at any time; whoever waits for frames notices.
    socket.on('error', () => {});
    socket.on(
      'data',
      frameReader((frame) => wire.receive(frame)),
    );
  });
  const wire: FrameWire = {
    net: { backend: 'stream', options: `server=off,addr.type=unix,addr.path=${path}` },
    send: (frames) => {
      if (socket === undefined) throw new Error('nobody is at the other end of the wire');
      socket.cork();
      for (const frame of frames) {
        const size = Buffer.alloc(4);
        size.writeUInt32BE(frame.length);
        socket.write(size);
        socket.write(frame);
      }
      socket.uncork();
    },
    receive: () => {},
    connected,
    close: async () => {
      socket?.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return wire;
}
