/** The probes as the tests run them: built from these sources, in the emulator that the tests' setup has built. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readElfFile } from '../../linker/elf-file.ts';
import { buildProbes } from '../../pipeline/probes.ts';
import type { Progress } from '../../pipeline/progress.ts';
import { defaultHardening, hardenImage } from '../../targets/hvt/harden.ts';
import type { Host } from '../../targets/hvt/machine.ts';
import { probes } from '../../targets/hvt/probes.ts';
import { type ProbeReport, runProbes } from '../../targets/hvt/run-probes.ts';
import { findStub } from '../../targets/hvt/stage0/stub.ts';
import { builtOnce } from '../support/built-once.ts';
import { isLong } from '../support/long.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { findTool, requireTools } from '../support/tools.ts';

requireTools('clang');

const silent: Progress = { phase: async (_name, work) => work(() => {}), note: () => {}, detail: () => {} };
const host: Host = { find: findTool, spawn, emulator: join(projectRoot, 'dist/hvt-emulator.elf') };

/** Processor models, what each has to hide text with, and the probes for which that matters. */
export const processors = [
  ['EPYC-Milan', 'pku+smap'],
  ['EPYC', 'smap'],
  ['qemu64', 'none'],
] as const;

const dependOnProcessor = probes
  .filter((probe) => !('kind' in probe.stock && 'kind' in probe.hardened))
  .map(({ name }) => name);

/** What runs on a model: everything on the first and in long tests, else what depends on the model. */
export function probesFor(cpu: string): readonly string[] {
  const all = cpu === processors[0][0] || isLong;
  return all ? probes.map(({ name }) => name) : ['control', ...dependOnProcessor];
}

export function stockProbes(): Promise<string> {
  return builtOnce(['probes', 'hvt'], () => buildProbes(temporaryFolder('probes'), silent));
}

export interface HardenedProbes {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly stub: bigint;
  /** Offset in the file of the stub's configuration page. */
  readonly configuration: number;
}

export async function hardenedProbes(): Promise<HardenedProbes> {
  const stock = await stockProbes();
  const { bytes } = hardenImage(readFileSync(stock), stock, defaultHardening);
  const path = join(dirname(stock), 'hardened.hvt');
  writeFileSync(path, bytes);
  const stub = findStub(readElfFile(bytes, path), bytes, path)!;
  return { path, bytes, stub: BigInt(stub.base), configuration: stub.segment.offset + 0x1000 };
}

export function run(image: string, cpu: string, only: readonly string[], stub?: bigint): Promise<ProbeReport> {
  const boot = { tender: 'emulator', memory: 16, cpu } as const;
  const hardened = stub === undefined ? { state: 'stock' as const } : { state: 'absent' as const, stub };
  return runProbes({ image, boot, only, parallel: 2, ...hardened }, host);
}
