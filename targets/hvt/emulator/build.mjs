/**
 * Builds the hvt emulator: clang compiles its C and assembly, a linker lays it out by link.ld.
 *
 * The same sources, clang and linker give the same bytes in any folder: nothing about the machine gets into the file.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));

const flags = [
  '--target=x86_64-unknown-none-elf',
  '-std=c11',
  '-O2',
  '-ffreestanding',
  '-nostdlibinc',
  '-fno-builtin',
  '-fno-pic',
  '-mno-red-zone',
  // The guest's floating-point and vector registers stay in the processor while the emulator runs.
  '-mgeneral-regs-only',
  '-fno-asynchronous-unwind-tables',
  '-fno-stack-protector',
  '-Wall',
  '-Wextra',
  '-Werror',
];

function run(program, args, debianPackage, cwd) {
  const result = spawnSync(program, args, { cwd, encoding: 'utf8', env: { PATH: process.env.PATH, LC_ALL: 'C' } });
  if (result.error?.code === 'ENOENT')
    throw new Error(
      `the hvt emulator needs ${program}: not found on PATH; install it with: apt-get install ${debianPackage}`,
    );
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${program} failed on the hvt emulator:\n${result.stderr}`);
}

/** Links by GNU ld. Another linker is a function of the same shape. */
export function linkWithGnuLd({ script, objects, output, cwd }) {
  run('ld', ['-m', 'elf_x86_64', '-z', 'max-page-size=4096', '-T', script, '-o', output, ...objects], 'binutils', cwd);
}

/**
 * Writes `hvt-emulator.elf` into `outDir` and returns its path. `link` gets the script's path, the names of the objects
 * and of the output, and the folder that they lie in. Throws an Error with a clear message when a program is missing or
 * fails.
 */
export function buildEmulator({ outDir, link = linkWithGnuLd }) {
  const sources = readdirSync(folder)
    .filter((name) => /\.[cS]$/.test(name))
    .sort();
  mkdirSync(outDir, { recursive: true });
  const scratch = mkdtempSync(join(resolve(outDir), '.hvt-emulator-'));
  try {
    run('clang', [...flags, '-c', ...sources.map((source) => join(folder, source))], 'clang', scratch);
    const objects = sources.map((source) => source.replace(/\.[cS]$/, '.o'));
    link({ script: join(folder, 'link.ld'), objects, output: 'hvt-emulator.elf', cwd: scratch });
    const result = join(outDir, 'hvt-emulator.elf');
    renameSync(join(scratch, 'hvt-emulator.elf'), result);
    return result;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
