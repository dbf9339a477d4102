/** Guests for bare RISC-V as a test wants them: built by the product's own pipeline, booted in QEMU's machine. */
import { spawn } from 'node:child_process';
import { bootRiscv, type RiscvBootOptions, type RiscvBootResult } from '../../../targets/riscv64/boot.ts';
import { findTool } from '../../support/tools.ts';

/** The machines that every image must run on: both versions of virtio-mmio, both kinds of interrupt controller. */
export const machines = [
  { machine: 'virt', legacy: false },
  { machine: 'virt', legacy: true },
  { machine: 'virt,aia=aplic-imsic', legacy: false },
] as const;

/** Runs an image to its end; a guest that does not end within a minute is an outcome of its own. */
export function boot(image: string, options: Partial<RiscvBootOptions> = {}): Promise<RiscvBootResult> {
  return bootRiscv({ image, memory: 32, timeout: 60, ...options }, { find: findTool, spawn, emulator: '' });
}
