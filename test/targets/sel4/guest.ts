/** Root images as a test wants them: built by the product's own pipeline for a kernel, booted on it in QEMU's machine. */
import { spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bootSeL4Image, type SeL4BootOptions } from '../../../pipeline/boot-sel4.ts';
import type { RiscvBootResult } from '../../../targets/riscv64/boot.ts';
import { readKernel } from '../../../targets/sel4/kernel-files.ts';
import { builtOnce } from '../../support/built-once.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { findTool } from '../../support/tools.ts';
import { buildFolder } from '../hvt/guest.ts';

/** The root image of examples/NAME for the kernel at a path, whose folder holds its files; `more` are keys of its manifest. */
export function buildRoot(name: string, kernel: string, more: object = {}): Promise<string> {
  return builtOnce([name, 'sel4', readKernel(kernel).sha256, more], () => {
    const folder = temporaryFolder('root');
    for (const part of [name, 'lib'])
      cpSync(join(projectRoot, 'examples', part), join(folder, part), { recursive: true });
    cpSync(dirname(kernel), join(folder, name, 'kernel'), { recursive: true, dereference: true });
    const manifest = join(folder, name, 'casemate.json');
    const own = JSON.parse(readFileSync(manifest, 'utf8')) as object;
    const changed = { ...own, ...more, sel4: { kernel: 'kernel/kernel.elf', ...(more as { sel4?: object }).sel4 } };
    writeFileSync(manifest, JSON.stringify(changed));
    return buildFolder(join(folder, name), 'sel4');
  });
}

/** Runs an image on its kernel to its end; one that does not end within a minute is an outcome of its own. */
export function bootRoot(
  image: string,
  kernel: string,
  options: Partial<SeL4BootOptions> = {},
): Promise<RiscvBootResult> {
  return bootSeL4Image({ image, sel4: { kernel }, timeout: 60, ...options }, { find: findTool, spawn, emulator: '' });
}
