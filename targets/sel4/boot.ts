/**
 * Booting a root image on its kernel in QEMU. The phases are an image's for bare RISC-V; between the user's files and the
 * machine stands one more: kernel and image become the files that firmware starts.
 */
import { fail } from '../../base/errors.ts';
import { attachDevices } from '../hvt/attach.ts';
import { type Host, randomToken } from '../hvt/machine.ts';
import { type RiscvBootOptions, type RiscvBootResult, resolveDevice, runGuest } from '../riscv64/boot.ts';
import { argumentsOf } from '../riscv64/qemu.ts';
import type { SeL4Image } from './image.ts';
import type { Kernel } from './kernel.ts';
import { sel4Run } from './qemu.ts';

export interface SeL4Boot {
  readonly kernel: Kernel;
  readonly image: SeL4Image;
  /** Paths of the files that pack/pack.ts made of them. */
  readonly boot: string;
  readonly module?: (commandLine: string) => string;
  /** Mebibytes. */
  readonly memory?: number;
}

/** What a kernel that prints says when it stops a thread for good, its last line of interest. */
const kernelWords = /^(vm fault on|cap fault in|user exception|unknown syscall)[^\r\n]*(?=\r?\n)/m;

/** Runs it to its end. Errors: 'usage', 'io', 'tool', 'kernel', 'limit'. */
export async function bootSeL4(
  { kernel, image, boot, module, memory }: SeL4Boot,
  options: Omit<RiscvBootOptions, 'image' | 'memory' | 'machine'>,
  host: Host,
): Promise<RiscvBootResult> {
  const commandLine = argumentsOf(options.args ?? []);
  const devices = attachDevices(image.devices, options.blocks ?? [], options.nets ?? []);
  const token = randomToken();
  const run = sel4Run({
    kernel,
    boot,
    ...(module === undefined ? {} : { module }),
    ...(memory === undefined ? {} : { memory }),
    ...(options.cpu === undefined ? {} : { cpu: options.cpu }),
    devices: devices.map(resolveDevice),
    commandLine,
    token,
    legacy: options.legacy ?? false,
    rng: options.rng ?? false,
  });
  const path = host.find(run.program);
  if (path === undefined)
    return fail('tool', `${run.program}: not found on PATH; install it with: apt-get install ${run.package}`);
  const { args, endless, isLossy } = run;
  return runGuest({ path, args, token, endless, isLossy, fatal: kernelWords }, options, host);
}
