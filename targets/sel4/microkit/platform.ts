/**
 * What the platform layer of a Microkit protection domain is made of: a root task's, but for how it begins and ends.
 *
 * A root task's start-up code has capabilities to every page and gives them up; a domain's has none, and finds what
 * Microkit has mapped for it. The layer itself is the same.
 */
import { objectOf } from '../../platform/sources.ts';
import type { Kernel } from '../kernel.ts';
import { type SeL4Platform, sel4Platform } from '../platform.ts';

const folder = 'targets/sel4/microkit/program';

const startup = 'targets/sel4/stage0/';
/** Of a root task's start-up code, what needs no capability: the entry, and words in the file. */
const shared = /\/(start-[^/]+\.S|settings\.c|arguments\.c)$/;

/** Whether a file of a root task's layer is a domain's too. */
function isShared(file: string): boolean {
  return file.startsWith(startup) ? shared.test(file) : file !== 'targets/sel4/platform/lifecycle.c';
}

/** The layer for a kernel, which must be one of Microkit's. */
export function microkitPlatform(kernel: Kernel): SeL4Platform {
  const root = sel4Platform(kernel);
  return {
    ...root,
    sources: [...root.sources.filter(isShared), ...['program.c', 'lifecycle.c'].map((file) => `${folder}/${file}`)],
    calls: { ...root.calls, entry: { name: 'sel4_stage0', object: objectOf(`${folder}/program.c`) } },
  };
}

/** Symbols by which Microkit's tool, and the system that we generate, write into a program. */
export const writtenSymbols: readonly string[] = [
  ...['name', 'passive', 'irqs', 'notifications', 'pps', 'ioports'].map((name) => `microkit_${name}`),
  ...['heap_physical', 'tree', 'tree_size', 'clock', 'console_ports', 'clock_ports'].map((name) => `casemate_${name}`),
  ...Array.from({ length: 8 }, (_, i) => ['', '_physical', '_size'].map((end) => `casemate_window_${i}${end}`)).flat(),
];
