/**
 * The command line that starts the machine that a kernel was built for.
 *
 * A kernel is made for one platform with one size of memory: which they are stands in its own files. QEMU has four of
 * them. Devices are as on bare RISC-V: virtio-mmio transports at known addresses, bound by words on the command line.
 */
import { fail, printable } from '../../base/errors.ts';
import {
  bareMachine,
  checkMemory,
  checkWord,
  guestCommandLine,
  type MmioLaunch,
  mmioArguments,
  type Transports,
  virtTransports,
} from '../riscv64/qemu.ts';
import type { Kernel } from './kernel.ts';

/** What QEMU must be told of a platform. */
interface Platform {
  readonly program: string;
  /** Debian's package with it. */
  readonly package: string;
  readonly machine: string;
  readonly cpu?: string;
  /** Where its memory begins. */
  readonly memoryBase: number;
  /** Mebibytes, when the kernel's files say nothing. */
  readonly memory: number;
  readonly transports?: Transports;
  /** Whether a guest can have it powered off. */
  readonly endless: boolean;
  /** Whether its serial line drops what is not taken at once; default: no. */
  readonly isLossy?: boolean;
}

/** By the kernel's PLAT. */
const platforms: Readonly<Record<string, Platform>> = {
  'qemu-riscv-virt': {
    ...{ program: 'qemu-system-riscv64', package: 'qemu-system-misc', machine: 'virt' },
    ...{ memoryBase: 0x80000000, memory: 512, transports: virtTransports, endless: true },
  },
  hifive: {
    ...{ program: 'qemu-system-riscv64', package: 'qemu-system-misc', machine: 'sifive_u' },
    ...{ memoryBase: 0x80000000, memory: 8192, endless: true, isLossy: true },
  },
  'qemu-arm-virt': {
    ...{ program: 'qemu-system-aarch64', package: 'qemu-system-arm', machine: 'virt', cpu: 'cortex-a53' },
    ...{ memoryBase: 0x40000000, memory: 512, endless: true },
    transports: { count: 32, first: 0x0a000000, stride: 0x200 },
  },
  pc99: {
    ...{ program: 'qemu-system-x86_64', package: 'qemu-system-x86', machine: 'q35' },
    cpu: 'Nehalem,+rdrand,+fsgsbase,+xsave,+xsaveopt,+syscall,+pdpe1gb',
    ...{ memoryBase: 0, memory: 512, endless: true },
  },
};

export interface SeL4Launch extends MmioLaunch {
  readonly kernel: Kernel;
  /** Paths of what pack/pack.ts made; the module is written once the command line is known. */
  readonly boot: string;
  readonly module?: (commandLine: string) => string;
  /** Mebibytes; default: what the kernel was built for. */
  readonly memory?: number;
  readonly cpu?: string;
}

export interface SeL4Run {
  readonly program: string;
  readonly package: string;
  readonly args: readonly string[];
  readonly endless: boolean;
  readonly isLossy: boolean;
}

/** Errors: 'kernel' for a platform that QEMU does not have. */
export function platformOf({ config, name }: Kernel): Platform {
  const platform = config.get('PLAT');
  // PLAT is whatever a file says: only the table's own keys count.
  const found = typeof platform === 'string' && Object.hasOwn(platforms, platform) ? platforms[platform] : undefined;
  if (found !== undefined) return found;
  const known = Object.keys(platforms).join(', ');
  return fail('kernel', `${printable(name)}: built for ${printable(String(platform), 40)}; QEMU can run: ${known}`);
}

/** Mebibytes of memory that a kernel was built for, of QEMU's machine; undefined when its files do not say. */
export function builtMemory(kernel: Kernel): number | undefined {
  const ends = (kernel.memory ?? []).map(({ end }) => Number(end));
  return ends.length === 0 ? undefined : (Math.max(...ends) - platformOf(kernel).memoryBase) / 2 ** 20;
}

/** Mebibytes that the machine gets: as many as the kernel was built for, or more. Errors: 'kernel', 'usage'. */
export function memoryFor(kernel: Kernel, wanted?: number): number {
  const built = builtMemory(kernel);
  if (wanted === undefined) {
    const fits = built === undefined || (Number.isSafeInteger(built) && built >= 8 && built <= 65536);
    if (!fits)
      fail('kernel', `${printable(kernel.name)}: built for ${built} MiB of memory; QEMU's machine has 8 to 65536`);
    return built ?? platformOf(kernel).memory;
  }
  const megabytes = checkMemory(wanted);
  if (built !== undefined && megabytes < built)
    fail(
      'usage',
      `--mem ${wanted}: ${printable(kernel.name)} was built for ${built} MiB, and stops on a machine with less`,
    );
  return megabytes;
}

/** What to run, and how. Errors: 'kernel', 'usage', 'limit'. */
export function sel4Run(launch: SeL4Launch): SeL4Run {
  const platform = platformOf(launch.kernel);
  const cpu = launch.cpu === undefined ? platform.cpu : checkWord(launch.cpu, '--cpu');
  const commandLine = guestCommandLine(launch, platform.transports);
  const args = [
    ...bareMachine,
    ...['-machine', platform.machine, '-accel', 'tcg', '-m', `${memoryFor(launch.kernel, launch.memory)}M`],
    ...(cpu === undefined ? [] : ['-cpu', cpu]),
    ...mmioArguments(launch, platform.machine, platform.transports),
    ...['-kernel', launch.boot],
    ...(launch.module === undefined ? ['-append', commandLine] : ['-initrd', launch.module(commandLine)]),
  ];
  const { program, package: from, endless, isLossy = false } = platform;
  return { program, package: from, args, endless, isLossy };
}
