/**
 * What a Microkit system has to know of its kernel: where a program's stack and IPC buffer are, what it may map, and
 * whether there are virtual machines.
 * Source: Microkit 2.3.0-dev, tool/microkit/src/sel4.rs (pd_ipc_buffer, pd_stack_top, pd_map_max_vaddr, page_sizes) and
 * main.rs (hypervisor).
 */
import { fail, printable } from '../../../base/errors.ts';
import type { Kernel, SeL4Machine } from '../kernel.ts';
import { isSet } from '../kernel-config.ts';

export const PAGE_SIZES: readonly number[] = [0x1000, 0x200000];
const page = 0x1000n;

export interface MicrokitMachine {
  readonly machine: SeL4Machine;
  /** The first address beyond user space, or beyond a guest's memory. */
  readonly userTop: bigint;
  readonly isHypervisor: boolean;
  readonly hasFpu: boolean;
}

/** The highest page of user space; below it, a page is left free. */
export function ipcBufferOf({ userTop }: Pick<MicrokitMachine, 'userTop'>): bigint {
  return ((userTop - 1n) / page) * page;
}

/** Where a program's stack begins; it grows down. */
export function stackTopOf(machine: Pick<MicrokitMachine, 'userTop'>): bigint {
  return ipcBufferOf(machine) - page;
}

/** A program's segments and mappings end here at the latest. */
export function mapLimitOf(machine: Pick<MicrokitMachine, 'userTop'>, stackSize: number): bigint {
  return stackTopOf(machine) - BigInt(stackSize);
}

/** Errors: 'kernel' for one that Microkit cannot run on. */
export function microkitMachine(kernel: Kernel): MicrokitMachine {
  const { machine, userTop, hasFpu, config, configFile, isMcs, name } = kernel;
  if (!isMcs)
    fail(
      'kernel',
      `${printable(name)}: KERNEL_MCS is false in ${printable(configFile)}; Microkit's kernels have it on: give the sel4.elf of a board of the SDK`,
    );
  const key = machine === 'aarch64' ? 'ARM_HYPERVISOR_SUPPORT' : 'VTX';
  return { machine, userTop, hasFpu, isHypervisor: machine !== 'riscv64' && isSet(config, key, configFile) };
}
