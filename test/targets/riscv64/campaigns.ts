/**
 * Hardened guests of whole folders under guests/, for campaigns that drive one guest for long.
 */
import { type SpawnOptions, spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProject } from '../../../pipeline/build.ts';
import type { Progress } from '../../../pipeline/progress.ts';
import { bootRiscv, type RiscvBootOptions, type RiscvBootResult } from '../../../targets/riscv64/boot.ts';
import { hardenRiscv } from '../../../targets/riscv64/harden.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { findTool } from '../../support/tools.ts';

const silent: Progress = { phase: async (_name, work) => work(() => {}), note: () => {}, detail: () => {} };

/** The image of guests/NAME, built in a copy and hardened; its path. */
export async function hardenedGuest(name: string): Promise<string> {
  const folder = temporaryFolder(name);
  const parts = [`test/targets/riscv64/guests/${name}`, 'examples/lib'];
  for (const part of parts) cpSync(join(projectRoot, part), join(folder, part), { recursive: true });
  const request = { folder: join(folder, parts[0]!), lock: 'update' as const, progress: silent };
  const { output } = await buildProject(request);
  const hardened = `${output}-hardened`;
  writeFileSync(hardened, hardenRiscv(readFileSync(output), output).bytes);
  return hardened;
}

/**
 * Boots an image; `kill` is for whoever wants QEMU gone without a word, as by SIGKILL. `change` makes other arguments of
 * QEMU's.
 */
export function launch(
  image: string,
  options: Partial<RiscvBootOptions>,
  change: (args: readonly string[]) => readonly string[] = (args) => args,
): { readonly result: Promise<RiscvBootResult>; readonly kill: () => void } {
  let kill = (): void => {};
  const start = (path: string, args: readonly string[], how: SpawnOptions) => {
    const child = spawn(path, change(args), how);
    kill = () => child.kill('SIGKILL');
    return child;
  };
  const host = { find: findTool, spawn: start, emulator: '' };
  const result = bootRiscv({ image, memory: 32, timeout: 120, ...options }, host);
  return { result, kill: () => kill() };
}
