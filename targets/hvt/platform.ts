/**
 * What the hvt platform layer is made of and how C for this target is compiled, as data.
 *
 * The layer (targets/hvt/platform) implements Solo5's public API (targets/platform/include/solo5.h) over the hvt
 * hypercalls. Builds compile it from source together with the program, with the same flags, so that the protections
 * that a compiler brings (stack protector, stack probes) cover all of an image. Paths are relative to the package's
 * root; whoever runs the compiler resolves them and maps them out of debug information.
 */

import {
  archHeaders,
  archSources,
  type LayerCalls,
  type PlatformSources,
  sharedHeaders,
  sharedInclude,
  sharedSources,
} from '../platform/sources.ts';

const folder = 'targets/hvt/platform';

/** `imageBase`: the lowest address that the tender accepts, and the one that images are linked at. */
export const hvtPlatform: PlatformSources & {
  readonly imageBase: number;
  /** Bytes of stack that memory.c keeps, but for less than 4 MiB of free memory. */
  readonly stackReserve: number;
  /** What machine code does not show of the layer's calls. */
  readonly calls: LayerCalls;
} = {
  sources: [
    `${folder}/start.S`,
    `${folder}/start.c`,
    `${folder}/canary.c`,
    `${folder}/traps.S`,
    `${folder}/traps.c`,
    `${folder}/lifecycle.c`,
    `${folder}/console.c`,
    `${folder}/clock.c`,
    `${folder}/memory.c`,
    `${folder}/tls.c`,
    `${folder}/devices.c`,
    `${folder}/net.c`,
    `${folder}/block.c`,
    ...archSources['x86-64'],
    ...sharedSources,
  ],
  include: sharedInclude,
  headers: [sharedHeaders, archHeaders('x86-64')],
  cflags: [
    '--target=x86_64-unknown-none-elf',
    '-std=c11',
    '-O2',
    '-ffreestanding',
    // The compiler's own headers (stddef.h, stdint.h) and none of the host's.
    '-nostdlibinc',
    '-fno-pic',
    '-mcmodel=small',
    '-mno-red-zone',
    '-fno-common',
    '-ffunction-sections',
    '-fdata-sections',
    '-fno-asynchronous-unwind-tables',
    '-ftls-model=local-exec',
    // The canary lives in __stack_chk_guard: see platform/canary.c.
    '-fstack-protector-strong',
    '-mstack-protector-guard=global',
    // Large frames touch every page on their way down, so that none jumps over a guard page. Through -Xclang, because
    // the driver passes it on for hosted targets only.
    '-Xclang',
    '-fstack-clash-protection',
  ],
  platformCflags: ['-Wall', '-Wextra', '-fno-builtin'],
  entry: '_start',
  imageBase: 0x100000,
  stackReserve: 1 << 20,
  calls: {
    constructors: { name: 'run', object: `casemate/${folder}/start.c.o` },
    // A damaged canary ends the guest. It is told of by code with a canary, and nothing is promised if that is damaged too.
    activations: [{ name: '__stack_chk_fail', object: `casemate/${folder}/canary.c.o`, count: 1 }],
  },
};
