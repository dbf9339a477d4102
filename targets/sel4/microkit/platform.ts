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

/** Files of a root task's layer that need its capabilities. */
const rootTaskOnly = new Set([
  ...['stage0', 'invoke', 'objects', 'protect', 'heap', 'resources', 'entropy', 'seal'].map(
    (name) => `targets/sel4/stage0/${name}.c`,
  ),
  'targets/sel4/platform/lifecycle.c',
]);

/** The layer for a kernel, which must be one of Microkit's. */
export function microkitPlatform(kernel: Kernel): SeL4Platform {
  const root = sel4Platform(kernel);
  return {
    ...root,
    sources: [
      ...root.sources.filter((file) => !rootTaskOnly.has(file)),
      ...['program.c', 'lifecycle.c'].map((file) => `${folder}/${file}`),
    ],
    calls: { ...root.calls, entry: { name: 'sel4_stage0', object: objectOf(`${folder}/program.c`) } },
  };
}

/** Symbols by which Microkit's tool, and the system that we generate, write into a program. */
export const writtenSymbols: readonly string[] = [
  ...['name', 'passive', 'irqs', 'notifications', 'pps', 'ioports'].map((name) => `microkit_${name}`),
  ...['heap_physical', 'tree', 'tree_size', 'clock', 'console_ports', 'clock_ports'].map((name) => `casemate_${name}`),
  ...Array.from({ length: 8 }, (_, i) => ['', '_physical', '_size'].map((end) => `casemate_window_${i}${end}`)).flat(),
];
