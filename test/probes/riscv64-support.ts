/** The probes for bare RISC-V as the tests run them: built from these sources, booted in QEMU's machines. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildProbes } from '../../pipeline/probes.ts';
import type { Progress } from '../../pipeline/progress.ts';
import { defaultHardening, type HardenOptions, hardenRiscv } from '../../targets/riscv64/harden.ts';
import { probes } from '../../targets/riscv64/probes.ts';
import { type ProbeReport, type ProbeRun, runProbes } from '../../targets/riscv64/run-probes.ts';
import type { Mode } from '../../targets/riscv64/stage0/config.ts';
import { builtOnce } from '../support/built-once.ts';
import { isLong } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { findTool, requireTools } from '../support/tools.ts';

requireTools('clang', 'qemu-system-riscv64');

export const silent: Progress = { phase: async (_name, work) => work(() => {}), note: () => {}, detail: () => {} };
export const host = { find: findTool, spawn, emulator: '' };
export const long = isLong;

export const modes: readonly Mode[] = ['sv39', 'sv48', 'sv57'];
export const machines = ['virt', 'virt,aia=aplic-imsic', 'sifive_u'] as const;

/** One probe of each kind of access and place, for machines and modes on which not all run. */
const few = ['read-text', 'write-relro', 'execute-heap', 'overflow-stack', 'sweep-pages'];
export const all = probes.map(({ name }) => name);

/** Everything in long tests; otherwise without those that the sweeps do as well, of which there are many. */
export const most = all.filter(
  (name) => long || !/^(read|write|execute)-(below|above|physical|veneer|stub|page)/.test(name),
);

/** What runs where: everything in long tests; otherwise most in one place and one of each kind elsewhere. */
export function probesFor(mode: Mode, machine: string): readonly string[] {
  return long || (mode === 'sv39' && machine === 'virt') ? most : ['control', ...few];
}

let plain: Promise<string> | undefined;

/** The probes, hardened by nobody; the image's path. */
export function plainProbes(): Promise<string> {
  plain ??= builtOnce(['probes', 'riscv64'], () => buildProbes(temporaryFolder('probes-riscv64'), silent, 'riscv64'));
  return plain;
}

/** The probes, hardened; the image's path. They read their own text on purpose, which the default would allow them. */
export async function hardenedProbes(options: Partial<HardenOptions> = {}): Promise<string> {
  const stock = await plainProbes();
  const { bytes } = hardenRiscv(readFileSync(stock), stock, { ...defaultHardening, executeOnly: 'always', ...options });
  const path = join(dirname(stock), `hardened-${Object.values(options).flat().join('-')}.riscv64`);
  writeFileSync(path, bytes);
  return path;
}

/** Runs probes; `kernel` is booted in place of the image, which is what the product would refuse to boot. */
export function run({ kernel, ...run }: Omit<ProbeRun, 'parallel'> & { kernel?: string }): Promise<ProbeReport> {
  const swapped: typeof host = {
    ...host,
    spawn: ((path: string, args: readonly string[], options: SpawnOptions) =>
      spawn(
        path,
        kernel === undefined ? args : args.map((word) => (word === run.image ? kernel : word)),
        options,
      )) as typeof spawn,
  };
  return runProbes({ parallel: 2, ...run, boot: { memory: 32, ...run.boot } }, swapped);
}
