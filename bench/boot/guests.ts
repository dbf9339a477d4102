/** The images of the boot benchmark, as built and hardened, and how they are booted. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProject } from '../../pipeline/build.ts';
import type { Progress } from '../../pipeline/progress.ts';
import { type BootOptions, type BootResult, bootHvt } from '../../targets/hvt/boot.ts';
import { defaultHardening, hardenImage } from '../../targets/hvt/harden.ts';
import { cacheFolder, projectRoot } from '../../test/support/paths.ts';
import { findTool } from '../../test/support/tools.ts';

export interface Guest {
  /** Paths of the two images of the same program. */
  readonly stock: string;
  readonly hardened: string;
}

export const silent: Progress = { phase: async (_name, work) => work(() => {}), note: () => {}, detail: () => {} };

/** Builds the project in `folder`, relative to the root, and hardens the image. */
export async function buildGuest(folder: string): Promise<Guest> {
  const name = folder.split('/').at(-1)!;
  const stock = join(cacheFolder('bench/boot'), `${name}.hvt`);
  await buildProject({ folder: join(projectRoot, folder), output: stock, lock: 'update', progress: silent });
  const hardened = join(cacheFolder('bench/boot'), `${name}-hardened.hvt`);
  writeFileSync(hardened, hardenImage(readFileSync(stock), stock, defaultHardening).bytes);
  return { stock, hardened };
}

/** Boots in the emulator; `qemu` may change how QEMU is started, `started` gets its process. */
export function boot(
  image: string,
  options: Partial<BootOptions>,
  qemu: (path: string, args: readonly string[]) => readonly [string, readonly string[]] = (path, args) => [path, args],
  started: (child: ChildProcess) => void = () => {},
): Promise<BootResult> {
  const start = (path: string, args: readonly string[], how: SpawnOptions) => {
    const [program, words] = qemu(path, args);
    const child = spawn(program, words, how);
    started(child);
    return child;
  };
  const host = { find: findTool, spawn: start, emulator: join(projectRoot, 'dist/hvt-emulator.elf') };
  return bootHvt({ image, tender: 'emulator', memory: 64, timeout: 300, ...options }, host);
}

/** As `boot`, with the processor time of QEMU in milliseconds, by measure.c. */
export async function bootMeasured(
  measure: string,
  image: string,
  options: Partial<BootOptions>,
): Promise<BootResult & { readonly cpu: number }> {
  const report = join(cacheFolder('bench/boot'), 'report');
  rmSync(report, { force: true });
  const result = await boot(image, options, (path, args) => [measure, [report, path, ...args]]);
  const [, user, system] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
  return { ...result, cpu: (user! + system!) / 1000 };
}
