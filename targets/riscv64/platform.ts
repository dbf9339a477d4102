/**
 * What the platform layer for bare RISC-V is made of and how C for this target is compiled, as data.
 *
 * The layer (targets/riscv64/platform) implements Solo5's public API (targets/platform/include/solo5.h) over SBI and
 * virtio-mmio. Builds compile it from source together with the program, with the same flags. Code is
 * position-independent: nobody knows where an image will be loaded, and a protected one moves at every boot.
 */
import {
  type LayerCalls,
  type LayerFunction,
  type PlatformSources,
  sharedInclude,
  sharedSources,
} from '../platform/sources.ts';

const folder = 'targets/riscv64/platform';

const files = [
  'start.S',
  'start.c',
  'relocate.c',
  'plain.c',
  'canary.c',
  'traps.S',
  'traps.c',
  'lifecycle.c',
  'console.c',
  'options.c',
  'fdt.c',
  'machine.c',
  'address.c',
  'heap.c',
  'tls.c',
  'clock.c',
  'interrupts.c',
  'aia.c',
  'virtio.c',
  'devices.c',
  'net.c',
  'block.c',
  'random.c',
  'mem.c',
  'copy.S',
];

const objectOf = (file: string): string => `casemate/${folder}/${file}.o`;

export const riscvPlatform: PlatformSources & {
  /** Bytes of stack that plain.c keeps, but for less than 4 MiB of free memory. */
  readonly stackReserve: number;
  /** What machine code does not show of the layer's calls. */
  readonly calls: LayerCalls & {
    /** Where the program's stack begins: what runs before has a small one of its own. */
    readonly entry: LayerFunction;
  };
} = {
  sources: [...files.map((file) => `${folder}/${file}`), ...sharedSources],
  include: sharedInclude,
  cflags: [
    '--target=riscv64-unknown-elf',
    '-march=rv64gc',
    '-mabi=lp64d',
    '-mcmodel=medany',
    '-fpie',
    // All of an image is linked at once: no symbol comes from elsewhere, so none needs the GOT.
    '-fdirect-access-external-data',
    '-std=c11',
    '-O2',
    '-ffreestanding',
    // The compiler's own headers (stddef.h, stdint.h) and none of the host's.
    '-nostdlibinc',
    '-fno-common',
    '-ffunction-sections',
    '-fdata-sections',
    '-fno-asynchronous-unwind-tables',
    '-ftls-model=local-exec',
    // The canary lives in __stack_chk_guard: see platform/canary.c.
    '-fstack-protector-strong',
  ],
  // Small rather than fast: what is called often (memcpy) is written to be fast.
  platformCflags: ['-Oz', '-Wall', '-Wextra', '-fno-builtin'],
  entry: '_start',
  stackReserve: 1 << 20,
  calls: {
    entry: { name: 'rv_start', object: objectOf('start.c') },
    constructors: { name: 'run_constructors', object: objectOf('start.c') },
    // The one visitor of a tree: machine.c.
    indirect: [
      {
        from: { name: 'rv_fdt_walk', object: objectOf('fdt.c') },
        to: ['visit', 'reserve'].map((name) => ({ name, object: objectOf('machine.c') })),
      },
    ],
    activations: [
      // A damaged canary ends the program. It is told of by code with a canary, and nothing is promised if that is damaged too.
      { name: '__stack_chk_fail', object: objectOf('canary.c'), count: 1 },
      // What has waited for a free buffer writes again, and does not wait then.
      { name: 'solo5_net_write', object: objectOf('net.c'), count: 2 },
    ],
  },
};
