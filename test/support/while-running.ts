/** Images that do not end by themselves, booted for as long as a test has something to do with them. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { join } from 'node:path';
import { bootSeL4Image } from '../../pipeline/boot-sel4.ts';
import { bootHvt } from '../../targets/hvt/boot.ts';
import { bootRiscv } from '../../targets/riscv64/boot.ts';
import { projectRoot } from './paths.ts';
import { findTool } from './tools.ts';

export interface Running {
  readonly image: string;
  readonly target: 'hvt' | 'riscv64' | 'sel4';
  /** Path of the kernel, for sel4. */
  readonly kernel?: string;
  readonly args?: readonly string[];
  readonly nets?: Parameters<typeof bootRiscv>[0]['nets'];
  readonly blocks?: Parameters<typeof bootRiscv>[0]['blocks'];
  /** Options of the machine, for riscv64 and sel4. */
  readonly machine?: Pick<Parameters<typeof bootRiscv>[0], 'machine' | 'cpu' | 'legacy' | 'rng'>;
  /** Further words for QEMU. */
  readonly more?: readonly string[];
  /** What its console says when it is there. */
  readonly ready: string;
  /** Seconds that it may take. */
  readonly timeout: number;
}

/** Boots an image, does the work once it is ready, and ends it; what it said. An image that ends earlier is an error. */
export async function whileRunning(running: Running, work: (pid: number) => Promise<void>): Promise<string> {
  const {
    image,
    target,
    kernel = '',
    args = [],
    nets = [],
    blocks = [],
    machine = {},
    more = [],
    ready,
    timeout,
  } = running;
  let child: ChildProcess | undefined;
  const host = {
    find: findTool,
    spawn: (path: string, words: readonly string[], options: SpawnOptions): ChildProcess => {
      child = spawn(path, [...words, ...more], options);
      return child;
    },
    emulator: join(projectRoot, 'dist/hvt-emulator.elf'),
  };
  let said = '';
  let wake = (): void => {};
  const isReady = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const onConsole = (chunk: Uint8Array): void => {
    said += Buffer.from(chunk).toString();
    if (said.includes(ready)) wake();
  };
  const options = { image, timeout, args, nets, blocks, onConsole };
  // The kernel says which machine it is.
  const { machine: _, ...onKernel } = machine;
  const boots = {
    hvt: () => bootHvt({ ...options, memory: 16, tender: 'emulator' }, host),
    riscv64: () => bootRiscv({ ...options, memory: 16, ...machine }, host),
    sel4: () => bootSeL4Image({ ...options, ...onKernel, sel4: { kernel } }, host),
  };
  const end = boots[target]();
  const early = end.then((result) => Promise.reject(new Error(`ended: ${JSON.stringify(result)}`)));
  try {
    await Promise.race([isReady, early]);
    await Promise.race([work(child!.pid!), early]);
  } finally {
    child?.kill();
    // It is this that ends it, which is an error to who boots it.
    await early.catch(() => {});
  }
  return said;
}
