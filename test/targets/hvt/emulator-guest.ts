/**
 * Guests for the emulator's tests: freestanding C and assembly, compiled by clang and linked by GNU ld, with nothing of
 * the platform layer in between, so that a test sees the machine and the hypercalls as they are.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BootOptions, type BootResult, bootHvt } from '../../../targets/hvt/boot.ts';
import { type ChildEnd, type Host, runQemu } from '../../../targets/hvt/machine.ts';
import type { Device } from '../../../targets/hvt/manifest.ts';
import { hvtNotesObject } from '../../../targets/hvt/notes.ts';
import { type Launch, qemuArguments } from '../../../targets/hvt/qemu.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { findTool, requireTool } from '../../support/tools.ts';

const sources = join(projectRoot, 'test/targets/hvt/emulator-guests');
const flags = [
  '--target=x86_64-unknown-none-elf',
  ...['-O1', '-ffreestanding', '-nostdlibinc', '-fno-builtin', '-fno-pic', '-mno-red-zone', '-mgeneral-regs-only'],
  ...['-fno-asynchronous-unwind-tables', '-Wall', '-Wextra', '-Werror'],
];

/** Builds emulator-guests/NAME.c; the image's path. */
export async function buildTestGuest(
  name: string,
  devices: readonly Device[] = [],
  defines: readonly string[] = [],
): Promise<string> {
  const folder = temporaryFolder('emulator-guest');
  const [start, main, notes, image] = ['start.o', 'main.o', 'notes.o', 'guest.hvt'].map((file) => join(folder, file));
  await runOrThrow(requireTool('clang'), [...flags, '-c', join(sources, 'start.S'), '-o', start]);
  await runOrThrow(requireTool('clang'), [...flags, ...defines, '-c', join(sources, `${name}.c`), '-o', main]);
  writeFileSync(notes, hvtNotesObject(devices));
  const script = ['-z', 'max-page-size=4096', '-T', join(sources, 'guest.ld')];
  await runOrThrow(requireTool('ld'), [...script, '-o', image, start, main, notes]);
  return image;
}

/** The machine under test: the emulator that the tests' setup has built. */
export const host: Host = { find: findTool, spawn, emulator: join(projectRoot, 'dist/hvt-emulator.elf') };

/** Boots an image with `words` as its command line. */
export function bootGuest(image: string, words: string, options: Partial<BootOptions> = {}): Promise<BootResult> {
  return bootHvt({ image, args: [words], tender: 'emulator', memory: 64, timeout: 60, ...options }, host);
}

/** Hands a file to the emulator without our own checks of it before. */
export function emulateFile(image: string, imageSize: number, timeout = 60_000): Promise<ChildEnd> {
  const launch: Launch = { image, imageSize, memory: 64 << 20, devices: [], commandLine: '' };
  const path = host.find('qemu-system-x86_64');
  if (path === undefined) throw new Error('qemu-system-x86_64 is not installed: run scripts/setup');
  return runQemu(host, { path, args: qemuArguments(launch, host.emulator), timeout, onConsole: () => {} });
}

/** `name=0x...` lines of a guest's console. */
export function valuesOf(console: string): Record<string, bigint> {
  const values: Record<string, bigint> = {};
  for (const [, name, value] of console.matchAll(/^ ?([\w -]+)=(0x[0-9a-f]+)$/gm)) values[name] = BigInt(value);
  return values;
}
