/**
 * What the platform layer for bare RISC-V is made of and how C for this target is compiled, as data.
 *
 * The layer (targets/riscv64/platform) implements Solo5's public API (targets/platform/include/solo5.h) over SBI and
 * virtio-mmio. Builds compile it from source together with the program, with the same flags. Code is
 * position-independent: nobody knows where an image will be loaded, and a protected one moves at every boot.
 */
import { type PlatformSources, sharedInclude, sharedSources } from '../platform/sources.ts';

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

export const riscvPlatform: PlatformSources = {
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
};
