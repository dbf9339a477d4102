/**
 * What the platform layer for bare RISC-V is made of and how C for this target is compiled, as data.
 *
 * The layer implements Solo5's public API (targets/platform/include/solo5.h) over SBI (targets/riscv64/platform) and
 * virtio-mmio (targets/platform/machine and virtio). Builds compile it from source together with the program, with the same flags. Code is
 * position-independent: nobody knows where an image will be loaded, and a protected one moves at every boot.
 */
import {
  archSources,
  type LayerCalls,
  type LayerFunction,
  machineCalls,
  machineCflags,
  machineHeaders,
  machineLayerCflags,
  machineSources,
  type PlatformSources,
  sharedInclude,
  sharedSources,
  virtioSources,
} from '../platform/sources.ts';

const folder = 'targets/riscv64/platform';

const files = [
  'start.S',
  'relocate.c',
  'plain.c',
  'traps.S',
  'traps.c',
  'lifecycle.c',
  'console.c',
  'wait.c',
  'interrupts.c',
  'aia.c',
];

export const riscvPlatform: PlatformSources & {
  /** Bytes of stack that plain.c keeps, but for less than 4 MiB of free memory. */
  readonly stackReserve: number;
  /** What machine code does not show of the layer's calls. */
  readonly calls: LayerCalls & {
    /** Where the program's stack begins: what runs before has a small one of its own. */
    readonly entry: LayerFunction;
  };
} = {
  sources: [
    ...files.map((file) => `${folder}/${file}`),
    ...machineSources,
    ...virtioSources,
    ...archSources.riscv64,
    ...sharedSources,
  ],
  include: sharedInclude,
  headers: machineHeaders('riscv64'),
  cflags: ['--target=riscv64-unknown-elf', '-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany', ...machineCflags],
  platformCflags: machineLayerCflags,
  entry: '_start',
  stackReserve: 1 << 20,
  calls: machineCalls,
};
