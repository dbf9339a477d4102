/** Examples for seL4 as a test wants them: built for a kernel by the product's own pipeline, booted on it in QEMU. */
import { spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bootSeL4Image, type SeL4BootOptions } from '../../../pipeline/boot-sel4.ts';
import { buildProject } from '../../../pipeline/build.ts';
import { ownCache } from '../../../pipeline/verified.ts';
import type { RiscvBootResult } from '../../../targets/riscv64/boot.ts';
import type { Kernel } from '../../../targets/sel4/kernel.ts';
import { readKernel } from '../../../targets/sel4/kernel-files.ts';
import { builtOnce } from '../../support/built-once.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { realKernels } from '../../support/sel4-kernel.ts';
import { findTool } from '../../support/tools.ts';

export const silent = {
  phase: async <T>(_name: string, work: (detail: () => void) => T | Promise<T>) => work(() => {}),
  note: () => {},
  detail: () => {},
};

const program = join(projectRoot, 'dist/casemate-prove.bundle.js');

/** The image of examples/NAME for the kernel at a path, built in a copy; `more` are further keys of its manifest. */
export function exampleFor(name: string, kernel: string, more: object = {}): Promise<string> {
  return builtOnce([name, 'sel4', readKernel(kernel).sha256.slice(0, 16), more], async () => {
    const folder = temporaryFolder('sel4-example');
    for (const part of [name, 'lib'])
      cpSync(join(projectRoot, 'examples', part), join(folder, part), { recursive: true });
    const manifest = join(folder, name, 'casemate.json');
    writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), ...more }));
    const proofs = { ...ownCache(() => {}), program };
    const options = { lock: 'update', progress: silent, proofs, target: 'sel4', sel4: { kernel } } as const;
    return (await buildProject({ folder: join(folder, name), ...options })).output;
  });
}

/** An image of one C file for the kernel at a path; `more` are further keys of its manifest. */
export async function guestFor(source: string, kernel: string, more: object = {}): Promise<string> {
  const folder = temporaryFolder('sel4-guest');
  writeFileSync(join(folder, 'main.c'), source);
  const manifest = { name: 'guest', target: 'sel4', sources: ['main.c'], ...more };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
  return (await buildProject({ folder, lock: 'update', progress: silent, sel4: { kernel } })).output;
}

/** Runs an image to its end. */
export function bootOn(
  kernel: string,
  image: string,
  options: Partial<Omit<SeL4BootOptions, 'image'>> = {},
): Promise<RiscvBootResult> {
  return bootSeL4Image({ image, sel4: { kernel }, timeout: 60, ...options }, { find: findTool, spawn, emulator: '' });
}

export interface RealKernel {
  readonly name: string;
  readonly path: string;
  readonly kernel: Kernel;
  readonly platform: string;
}

/** Those that somebody has brought, and that QEMU's processors can run and that have memory to give. */
export function runnableKernels(): RealKernel[] {
  const all = realKernels().map((path) => {
    const kernel = readKernel(path);
    return { name: basename(dirname(path)), path, kernel, platform: String(kernel.config.get('PLAT')) };
  });
  return all.filter(({ kernel, platform }) => {
    if (!['qemu-riscv-virt', 'hifive', 'qemu-arm-virt', 'pc99'].includes(platform)) return false;
    // Emulated processors have no PCIDs. Of a PC's device addresses alone 66 untypeds are made, before any of memory.
    const untypeds = Number(kernel.config.get('MAX_NUM_BOOTINFO_UNTYPED_CAPS'));
    return platform !== 'pc99' || (kernel.config.get('SUPPORT_PCID') !== true && untypeds > 66);
  });
}
