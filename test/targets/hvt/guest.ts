/**
 * Guests as a test wants them: C in, image out, boot it, look at what it said.
 *
 * Everything on the way is the product's own: `casemate build`'s pipeline with the platform layer and our linker, and
 * the emulator without KVM.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProject } from '../../../pipeline/build.ts';
import type { Target } from '../../../pipeline/manifest.ts';
import type { Progress } from '../../../pipeline/progress.ts';
import { ownCache } from '../../../pipeline/verified.ts';
import { type BootOptions, type BootResult, bootHvt } from '../../../targets/hvt/boot.ts';
import type { Device } from '../../../targets/hvt/manifest.ts';
import { builtOnce } from '../../support/built-once.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { findTool } from '../../support/tools.ts';

export const silent: Progress = {
  phase: async (_name, work) => work(() => {}),
  note: () => {},
  detail: () => {},
};

/** Runs an image to its end in the emulator; a guest that does not end within a minute is an outcome of its own. */
export async function boot(image: string, options: Partial<BootOptions> = {}): Promise<BootResult> {
  const host = { find: findTool, spawn, emulator: join(projectRoot, 'dist/hvt-emulator.elf') };
  return bootHvt({ image, tender: 'emulator', memory: 32, timeout: 60, ...options }, host);
}

/** The command that the tests' setup has bundled from these sources: under its name a verdict is kept for the next build. */
const program = join(projectRoot, 'dist/casemate-prove.bundle.js');

/** How the tests' setup has proofs made. */
export const provedByProgram = (): ReturnType<typeof ownCache> & { program: string } => ({
  ...ownCache(() => {}),
  program,
});

/** Builds the project in `folder`; the image's path. */
async function build(folder: string, target?: Target): Promise<string> {
  const proofs = provedByProgram();
  const own = target === undefined ? {} : { target };
  return (await buildProject({ folder, ...own, lock: 'update', progress: silent, proofs })).output;
}

/** An image of one C file. */
export async function buildGuest(
  name: string,
  source: string,
  devices: readonly Device[] = [],
  target: Target = 'hvt',
): Promise<string> {
  const folder = join(temporaryFolder('guest'), name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'main.c'), source);
  const manifest = { name, target, sources: ['main.c'], cflags: ['-Wall', '-Wextra'], devices };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
  return build(folder);
}

/** The image of examples/NAME, built in a copy; `target` replaces its manifest's, `more` are further keys of that. */
export function buildExample(name: string, target?: Target, more?: object): Promise<string> {
  return builtOnce([name, target ?? 'own', more], () => buildCopy(name, target, more));
}

/** A copy of examples/NAME, with what examples share beside it. */
export function exampleCopy(name: string): string {
  const folder = temporaryFolder('example');
  for (const part of [name, 'lib'])
    cpSync(join(projectRoot, 'examples', part), join(folder, part), { recursive: true });
  return join(folder, name);
}

async function buildCopy(name: string, target: Target | undefined, more: object | undefined): Promise<string> {
  const folder = exampleCopy(name);
  const manifest = join(folder, 'casemate.json');
  if (more !== undefined)
    writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), ...more }));
  return build(folder, target);
}
