/**
 * The edge of the hvt target: processes, sockets, the clock and the host's devices.
 *
 * A guest runs in a child process, either QEMU with the emulator or a real tender. Its console streams to the caller as
 * it appears; the emulator's line (emulator/report.h) is read here and answered. Neither child gets our standard input
 * or terminal, so nothing has to be restored when one is killed.
 *
 * How a child is started is the caller's: a command kills its children when it is interrupted, and knows how.
 */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import { fail, printable } from '../../base/errors.ts';
import { reasonOf } from '../../base/files.ts';
import { CONSOLE_FD, CONTROL_FD } from './qemu.ts';

/** What the caller lends. */
export interface Host {
  /** Absolute path of a program on the PATH, or undefined. */
  find(name: string): string | undefined;
  /** As node:child_process's; the child must not outlive the caller. */
  spawn(path: string, args: readonly string[], options: SpawnOptions): ChildProcess;
  /** The built emulator, dist/hvt-emulator.elf. */
  readonly emulator: string;
  /** Whether hardware virtualisation can be used; looked up when absent. */
  readonly kvm?: boolean;
}

/**
 * Gets console output. When it answers with a promise, no more is read until that is kept: a slow reader slows the
 * guest down.
 */
export type OnConsole = (chunk: Uint8Array) => unknown;

/** How a child ended. */
export interface ChildEnd {
  /** Exit status; 128 + signal number is not used: `signal` tells. */
  readonly status: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Standard error, at most its first 64 KiB. */
  readonly errors: string;
  /** Last line of the emulator that is a verdict. */
  readonly verdict?: string;
}

interface ChildRun {
  readonly path: string;
  readonly args: readonly string[];
  /** Milliseconds. */
  readonly timeout?: number;
  readonly onConsole: OnConsole;
  readonly abort?: AbortSignal;
  /** Whether it drops what its standard output does not take at once. */
  readonly isLossy?: boolean;
}

const longestErrors = 64 * 1024;
const longestLine = 4096;

function collectErrors(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < longestErrors) chunks.push(chunk.subarray(0, longestErrors - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString();
}

function streamConsole(stream: Readable, onConsole: OnConsole): void {
  stream.on('data', (chunk: Buffer) => {
    const wait = onConsole(chunk);
    if (!(wait instanceof Promise)) return;
    stream.pause();
    void wait.then(() => stream.resume());
  });
}

/** Nanoseconds since 1970 as the emulator reads them. */
function timeAnswer(): string {
  const microseconds = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
  return (microseconds * 1000n).toString(16).padStart(16, '0');
}

/** Answers the emulator's questions; returns how to get its verdict. */
function attendControl(line: Duplex): () => string | undefined {
  let pending = '';
  let verdict: string | undefined;
  line.on('data', (chunk: Buffer) => {
    pending = (pending + chunk.toString('latin1')).slice(-longestLine);
    const lines = pending.split('\n');
    pending = lines.pop()!;
    for (const text of lines) {
      if (text === 'time') line.write(timeAnswer());
      else verdict = text;
    }
  });
  // QEMU closes its end when it stops, perhaps with our answer unread.
  line.on('error', () => {});
  return () => verdict;
}

function finish(child: ChildProcess, run: ChildRun, errors: () => string, verdict: () => string | undefined) {
  return new Promise<ChildEnd>((resolve, reject) => {
    let timedOut = false;
    const timer =
      run.timeout === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            child.kill('SIGKILL');
          }, run.timeout);
    const abort = (): void => {
      child.kill('SIGKILL');
    };
    run.abort?.addEventListener('abort', abort);
    if (run.abort?.aborted) abort();
    const settle = (): void => {
      clearTimeout(timer);
      run.abort?.removeEventListener('abort', abort);
    };
    child.on('error', (error) => {
      settle();
      reject(error);
    });
    child.on('close', (status, signal) => {
      settle();
      const found = verdict();
      resolve({ status, signal, timedOut, errors: errors(), ...(found === undefined ? {} : { verdict: found }) });
    });
  });
}

function startFailure(path: string): (error: unknown) => never {
  return (error) => fail('tool', `${printable(path)}: cannot start: ${reasonOf(error)}`);
}

/** Runs QEMU with the emulator's sockets. */
export async function runQemu(host: Host, run: ChildRun): Promise<ChildEnd> {
  if (!existsSync(host.emulator)) fail('tool', `${printable(host.emulator)}: not built; run: npm run build`);
  const stdio: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'];
  const child = host.spawn(run.path, run.args, { stdio });
  const errors = collectErrors(child.stderr!);
  const console = child.stdio[CONSOLE_FD] as Duplex;
  streamConsole(console, run.onConsole);
  console.on('error', () => {});
  const verdict = attendControl(child.stdio[CONTROL_FD] as Duplex);
  return finish(child, run, errors, verdict).catch(startFailure(run.path));
}

/**
 * A program whose output goes through a pipe and `cat`. What Node.js gives a child is a socket, which takes some hundred
 * single bytes while we are busy, and then no more; a pipe takes 64 KiB, and cat is never busy. The process that is
 * started is still the program's own, so that killing it works. Without bash it is started as it is.
 */
function throughPipe(host: Host, path: string, args: readonly string[]): [string, readonly string[]] {
  const shell = host.find('bash');
  return shell === undefined ? [path, args] : [shell, ['-c', 'exec "$0" "$@" > >(exec cat)', path, ...args]];
}

/** Runs a program that prints its guest's console to its standard output: a real tender, or QEMU. */
export async function runPrinting(host: Host, run: ChildRun): Promise<ChildEnd> {
  const [path, args] = run.isLossy ? throughPipe(host, run.path, run.args) : [run.path, run.args];
  const child = host.spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const errors = collectErrors(child.stderr!);
  streamConsole(child.stdout!, run.onConsole);
  return finish(child, run, errors, () => undefined).catch(startFailure(run.path));
}

/** Whether this process may use hardware virtualisation. */
export function kvmIsUsable(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Checks that a file can back a block device: that it exists and has a whole number of blocks. A block device of the
 * host has no size here; the tender looks at it.
 */
export function checkStorage(path: string, blockSize: number): void {
  const where = printable(path);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) fail('io', `${where}: no such file; make one with truncate -s SIZE`);
  if (stat.isBlockDevice()) return;
  if (!stat.isFile()) fail('io', `${where}: neither a regular file nor a block device`);
  if (stat.size === 0 || stat.size % blockSize !== 0) {
    fail(
      'io',
      `${where}: ${stat.size} bytes; storage must be one or more blocks of ${blockSize} (truncate -s makes it so)`,
    );
  }
}

/** MTU of a host interface, or undefined. */
export function interfaceMtu(name: string): number | undefined {
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(name) || name === '.' || name === '..') return undefined;
  try {
    return Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Letters and digits that no program's output holds by accident. */
export function randomToken(): string {
  return randomBytes(12).toString('hex');
}

/** A random address: unicast, locally administered. */
export function randomMac(): number[] {
  const bytes = [...randomBytes(6)];
  bytes[0] = (bytes[0] & 0xfc) | 2;
  return bytes;
}
