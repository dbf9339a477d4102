/**
 * What the platform layer of a seL4 root task is made of and how C for it is compiled, as data, for one kernel.
 *
 * The start-up code (stage0) runs first, with capabilities, and leaves a boot block; from there on the layer is the one
 * that bare RISC-V has (targets/platform/machine and virtio), with targets/sel4/platform in place of firmware. Every
 * number of the kernel's interface reaches C as a definition (abi.ts), so a layer fits the kernel it was compiled for and
 * no other. Code addresses data relative to itself, because a root image may lie anywhere in user space.
 */
import { fail, printable } from '../../base/errors.ts';
import type { Device } from '../hvt/manifest.ts';
import {
  archSources,
  type LayerCalls,
  type LayerFunction,
  machineCalls,
  machineCflags,
  machineHeaders,
  machineLayerCflags,
  machineSources,
  objectOf,
  type PlatformSources,
  sharedInclude,
  sharedSources,
  virtioSources,
} from '../platform/sources.ts';
import { cDefinitions } from './abi.ts';
import { dangerOf, type Kernel, type SeL4Machine } from './kernel.ts';
import { isSet } from './kernel-config.ts';

const stage0 = 'targets/sel4/stage0';
const folder = 'targets/sel4/platform';
const abi = 'targets/sel4/abi';
const firstStage = 'targets/sel4/first-stage';

const stage0Files = ['stage0.c', 'invoke.c', 'objects.c', 'protect.c', 'heap.c', 'resources.c', 'entropy.c', 'seal.c'];

/** What the start-up code has for one machine alone. */
const ownStage0: Readonly<Record<SeL4Machine, readonly string[]>> = {
  riscv64: ['devices.c', 'interrupts.c'],
  aarch64: ['devices.c'],
  'x86-64': ['ports.c', 'arguments.c'],
};

/** Devices are reached over virtio-mmio, or not at all. */
const ownFiles: Readonly<Record<SeL4Machine, readonly string[]>> = {
  riscv64: [`${folder}/wait-goldfish.c`, ...virtioSources],
  aarch64: [`${folder}/wait-none.c`, ...virtioSources],
  'x86-64': ['wait-cmos.c', 'tls.c', 'cmos.c', 'no-devices.c'].map((file) => `${folder}/${file}`),
};

/** Of an image that has new addresses at every start. */
const firstStageFiles = ['spawn.c', 'draw.c', 'copy.c', 'watch.c'];

/** Sources in link order: all of the start-up code comes first. */
function sourcesOf({ machine }: Kernel, aslr: Aslr): readonly string[] {
  // Variant II of thread-local storage is in arch/x86-64.
  const shared = machineSources.filter((file) => machine !== 'x86-64' || !file.endsWith('/tls.c'));
  return [
    `${stage0}/start-${machine}.S`,
    ...[...stage0Files, ...ownStage0[machine], 'settings.c'].map((file) => `${stage0}/${file}`),
    ...(aslr === 'boot' ? [`program-${machine}.S`, ...firstStageFiles] : []).map((file) => `${firstStage}/${file}`),
    ...['console.c', 'lifecycle.c'].map((file) => `${folder}/${file}`),
    ...shared,
    ...ownFiles[machine],
    ...archSources[machine],
    ...sharedSources,
  ];
}

/** When an image's addresses are drawn: by the build, or anew at every start. */
export const aslrs = ['build', 'boot'] as const;
export type Aslr = (typeof aslrs)[number];

function machineFlags(kernel: Kernel): readonly string[] {
  const { config, configFile, hasFpu, machine } = kernel;
  switch (machine) {
    case 'riscv64':
      return [
        '--target=riscv64-unknown-elf',
        ...(hasFpu ? ['-march=rv64gc', '-mabi=lp64d'] : ['-march=rv64imac', '-mabi=lp64']),
        '-mcmodel=medany',
      ];
    case 'x86-64':
      return [
        ...['--target=x86_64-unknown-none-elf', '-mstack-protector-guard=global'],
        // Large frames touch every page on their way down. Through -Xclang, because the driver passes it on for hosted
        // targets only.
        ...['-Xclang', '-fstack-clash-protection'],
        ...(hasFpu ? [] : ['-mgeneral-regs-only']),
      ];
    case 'aarch64': {
      const counter = isSet(config, 'EXPORT_VCNT_USER', configFile) ? 1 : 0;
      return [
        // Atomics in line: there is no library that would ask which ones the processor has.
        ...['--target=aarch64-unknown-none-elf', '-mno-outline-atomics', `-DARCH_HAS_COUNTER=${counter}`],
        // Tables of jumps hold distances there, which a bound of the stack cannot read.
        '-fno-jump-tables',
        ...(hasFpu ? [] : ['-mgeneral-regs-only']),
      ];
    }
  }
}

export type SeL4Platform = PlatformSources & {
  readonly calls: LayerCalls & { readonly entry: LayerFunction };
};

/** The layer for a kernel. */
export function sel4Platform(kernel: Kernel, aslr: Aslr = 'build'): SeL4Platform {
  const { machine } = kernel;
  return {
    sources: sourcesOf(kernel, aslr),
    include: sharedInclude,
    headers: [...machineHeaders(machine), abi, stage0, folder, firstStage],
    cflags: [...machineFlags(kernel), ...machineCflags],
    platformCflags: [
      ...machineLayerCflags,
      ...cDefinitions(kernel),
      `-DSEL4_HAS_FIRST_STAGE=${aslr === 'boot' ? 1 : 0}`,
    ],
    entry: '_start',
    calls: {
      ...machineCalls,
      activations: machineCalls.activations.filter(({ name }) => machine !== 'x86-64' || name !== 'solo5_net_write'),
      // The start-up code is on the same stack, but for a first stage's.
      entry: aslr === 'boot' ? machineCalls.entry : { name: 'sel4_stage0', object: objectOf(`${stage0}/stage0.c`) },
    },
  };
}

/**
 * Refuses what a kernel and its machine cannot give. Errors: 'kernel', 'image'.
 *
 * Solo5 lets a program set its thread pointer, and x86-64 has kernels that let nobody do so.
 */
export function checkPlatform(kernel: Kernel, devices: readonly Pick<Device, 'name' | 'type'>[], where: string): void {
  const { config, configFile, machine, name } = kernel;
  const has = (key: string): boolean => isSet(config, key, configFile);
  const danger = dangerOf(kernel);
  if (danger !== undefined)
    fail('kernel', `${printable(name)}: ${danger}; build it without: no image could be protected`);
  const [device] = devices;
  if (machine === 'x86-64' && device !== undefined)
    fail(
      'image',
      `${printable(where)}: wants the ${device.type} device "${printable(device.name)}"; on seL4 devices are reached over ` +
        'virtio-mmio, which x86-64 machines do not have: remove it from "devices", or build for riscv64 or aarch64',
    );
  if (machine === 'x86-64' && !has('FSGSBASE_INST') && !has('SET_TLS_BASE_SELF'))
    fail(
      'kernel',
      `${printable(name)}: ${printable(configFile)} sets neither FSGSBASE_INST nor SET_TLS_BASE_SELF, so that no thread ` +
        'can set its thread pointer; build the kernel with KernelFSGSBase=inst or KernelSetTLSBaseSelf',
    );
  if (machine === 'aarch64' && !has('ARM_TLS_REG_TPIDRU'))
    fail(
      'kernel',
      `${printable(name)}: ${printable(configFile)} does not set ARM_TLS_REG_TPIDRU, so that the kernel does not keep the ` +
        'thread pointer (TPIDR_EL0); build it with KernelArmTLSReg=tpidru',
    );
}
