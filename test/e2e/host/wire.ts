/**
 * The other end of the echo example's network: a process whose every frame and whose clock a test controls.
 *
 * See solo5-host.c for the messages on the pipe. `exchange` sends one and collects the frames that come back until the
 * program sleeps again, so a test reads as a conversation and never waits for real time.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

const idle = 0xffff;

export class Wire {
  private readonly child: ChildProcessWithoutNullStreams;
  private input: Buffer = Buffer.alloc(0);
  private wake: (() => void) | undefined;
  /** What the program wrote to its console and a sanitizer to standard error. */
  console = '';
  /** Set when the process has ended. */
  status: number | null | undefined;

  private constructor(program: string, cmdline: string, env: Readonly<Record<string, string>>) {
    // A search for leaks would take longer than all else: nothing is allocated but the guest's memory.
    const host = { HOST_WIRE: '1', HOST_WALL: '1700000000000000000', ASAN_OPTIONS: 'detect_leaks=0' };
    this.child = spawn(program, [cmdline], { env: { ...host, ...env } });
    this.child.stdout.on('data', (chunk: Buffer) => {
      this.input = Buffer.concat([this.input, chunk]);
      this.wake?.();
    });
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.console += chunk.toString();
    });
    this.child.stdin.on('error', () => {
      // The program ended; `status` says how.
    });
    this.child.on('close', (status) => {
      this.status = status;
      this.wake?.();
    });
  }

  /** Starts the program and waits until it sleeps for the first time; frames sent before that are dropped. */
  static async start(program: string, cmdline = '', env: Readonly<Record<string, string>> = {}): Promise<Wire> {
    const wire = new Wire(program, cmdline, env);
    await wire.collect();
    return wire;
  }

  private async take(size: number): Promise<Buffer | undefined> {
    while (this.input.length < size && this.status === undefined) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.input.length < size) return undefined;
    const bytes = this.input.subarray(0, size);
    this.input = this.input.subarray(size);
    return bytes;
  }

  /** Frames that the program sends until it sleeps or ends. */
  private async collect(): Promise<Buffer[]> {
    const frames: Buffer[] = [];
    for (;;) {
      const size = (await this.take(2))?.readUInt16LE();
      if (size === undefined || size === idle) return frames;
      const frame = await this.take(size);
      if (frame === undefined) return frames;
      frames.push(Buffer.from(frame));
    }
  }

  /** Gives the program a frame; its answers. */
  async send(frame: Uint8Array): Promise<Buffer[]> {
    const size = Buffer.alloc(2);
    size.writeUInt16LE(frame.length);
    this.child.stdin.write(Buffer.concat([size, frame]));
    return this.collect();
  }

  /** Moves the program's clock; what it sends then. */
  async pass(milliseconds: number): Promise<Buffer[]> {
    const message = Buffer.alloc(6);
    message.writeUInt16LE(idle);
    message.writeUInt32LE(milliseconds, 2);
    this.child.stdin.write(message);
    return this.collect();
  }

  /** Ends the input, and with it the program; its exit status. */
  async end(): Promise<number | null> {
    this.child.stdin.end();
    while (this.status === undefined) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.status;
  }
}
