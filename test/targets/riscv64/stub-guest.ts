/**
 * Small freestanding RISC-V guests, hardened, and booted in QEMU.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultHardening, type HardenOptions, hardenRiscv } from '../../../targets/riscv64/harden.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool } from '../../support/tools.ts';

const guests = join(projectRoot, 'test/targets/riscv64/guests');

const target = ['--target=riscv64-unknown-elf', '-march=rv64imac', '-mabi=lp64', '-mno-relax', '-fPIE'];
const plain = ['-O2', '-ffreestanding', '-fno-builtin', '-fno-stack-protector', '-fvisibility=hidden'];

/** Links objects or sources as a static position-independent program. */
export async function linkProgram(
  sources: readonly string[],
  {
    flags = [],
    link = ['--pack-dyn-relocs=relr'],
    script = true,
  }: { flags?: readonly string[]; link?: readonly string[]; script?: boolean } = {},
): Promise<Uint8Array> {
  const folder = temporaryFolder('rvguest');
  const objects: string[] = [];
  for (const [i, source] of sources.entries()) {
    const object = join(folder, `${i}.o`);
    await runOrThrow(requireTool('clang'), [...target, ...plain, ...flags, '-c', join(guests, source), '-o', object]);
    objects.push(object);
  }
  const output = join(folder, 'program.elf');
  const layout = script ? ['-T', join(guests, 'guest.ld')] : [];
  const options = ['-pie', '--no-dynamic-linker', ...layout, '-e', '_start', ...link];
  await runOrThrow(requireTool('ld.lld'), [...options, '-o', output, ...objects]);
  return new Uint8Array(readFileSync(output));
}

const programs = new Map<string, Promise<Uint8Array>>();

/** The guest of guest.c; `relocations` are packed (RELR) or not (RELA). */
export function guestProgram(relocations: 'relr' | 'rela' = 'relr'): Promise<Uint8Array> {
  const known = programs.get(relocations);
  if (known !== undefined) return known;
  const link = relocations === 'relr' ? ['--pack-dyn-relocs=relr'] : [];
  const made = linkProgram(['start.S', 'guest.c'], { flags: ['-Wno-infinite-recursion'], link });
  programs.set(relocations, made);
  return made;
}

export function harden(program: Uint8Array, options: Partial<HardenOptions> = {}): Uint8Array {
  return hardenRiscv(program, 'guest.elf', { ...defaultHardening, ...options }).bytes;
}

export interface Machine {
  readonly machine?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly args?: readonly string[];
}

/** What a guest said, of the lines that it and the stub can say: the firmware's banner ends anywhere. */
export interface Said {
  readonly lines: readonly string[];
  readonly timedOut: boolean;
}

const own =
  /(?:casemate: ABORT: [^\n]*|trap: scause [^\n]*|wrong: [^\n]*|try 0x0|survived|(?<=\n)[a-z]+(?:-[a-z]+)? 0x[0-9a-f]+)\n/g;
const last = /(?:casemate: ABORT: |trap: scause |survived)[^\n]*\n/;

/** Boots a file by -kernel, until it says its last line: not every machine can be turned off. */
export async function boot(kernel: Uint8Array, append: string, on: Machine = {}): Promise<Said> {
  const path = join(temporaryFolder('rvboot'), 'kernel');
  writeFileSync(path, kernel);
  const { machine = 'virt', cpu, memory = '128M', args = [] } = on;
  const options = ['-M', machine, '-m', memory, '-nographic', '-no-reboot', '-nodefaults', '-serial', 'stdio'];
  const cpuOption = cpu === undefined ? [] : ['-cpu', cpu];
  const child = spawn(
    requireTool('qemu-system-riscv64'),
    [...options, ...cpuOption, '-kernel', path, '-append', append, ...args],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let text = '';
  let timedOut = false;
  const timer = setTimeout(
    () => {
      timedOut = true;
      child.kill('SIGKILL');
    },
    machine === 'sifive_u' ? 8000 : 20_000,
  );
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1').replaceAll('\r', '');
    if (last.test(text)) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  return { lines: [...text.matchAll(own)].map((match) => match[0].trimEnd()), timedOut };
}

/** The numbers of "show;" by name; what is said several times is a list. */
export function shown(said: Said): Record<string, bigint[]> {
  const found: Record<string, bigint[]> = {};
  for (const line of said.lines) {
    const match = /^([a-z-]+) (0x[0-9a-f]+)$/.exec(line);
    if (match === null) continue;
    found[match[1]!] ??= [];
    found[match[1]!]!.push(BigInt(match[2]!));
  }
  return found;
}
