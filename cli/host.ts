/** What a command lends to whatever boots guests: programs on the PATH, children that end with it, our emulator. */
import { fileURLToPath } from 'node:url';
import { spawnChild } from '../pipeline/scratch.ts';
import { findProgram } from '../pipeline/tools.ts';
import type { Host } from '../targets/hvt/machine.ts';

export const host: Host = {
  find: (name) => findProgram(name),
  spawn: spawnChild,
  // The same from the bundle in dist/ and from this file.
  emulator: fileURLToPath(new URL('../dist/hvt-emulator.elf', import.meta.url)),
};
