/**
 * Booting an image for bare RISC-V in QEMU and learning what became of it.
 *
 * The phases are an hvt image's: read its device list, match it with what the user attaches, launch, translate the end
 * into an outcome. There is no tender: the machine powers off, and the guest's last word on the console says with which
 * status (console.ts).
 */
import { basename } from 'node:path';
import { CasemateError, fail, printable } from '../../base/errors.ts';
import { readFile } from '../../base/files.ts';
import { type AttachedDevice, attachDevices } from '../hvt/attach.ts';
import { type BootOptions, checkTimeout, qemuErrors } from '../hvt/boot.ts';
import {
  type ChildEnd,
  checkStorage,
  type Host,
  interfaceMtu,
  randomMac,
  randomToken,
  runPrinting,
} from '../hvt/machine.ts';
import { tapInterface } from '../hvt/qemu.ts';
import { type ConsoleFilter, consoleFilter } from './console.ts';
import { readRiscvImage } from './image.ts';
import { argumentsOf, checkMemory, type RiscvLaunch, riscvQemuArguments } from './qemu.ts';

export interface RiscvBootOptions extends Omit<BootOptions, 'tender' | 'memory'> {
  /** Mebibytes, 8 to 65536; default 512. */
  readonly memory?: number;
  /** QEMU's machine with its options; default `virt`. */
  readonly machine?: string;
  /** virtio-mmio of version 1 instead of 2. */
  readonly legacy?: boolean;
  /** With a virtio-rng, which is where a machine without a boot seed has random numbers from. */
  readonly rng?: boolean;
}

export interface RiscvBootResult {
  /**
   * halted: the guest ended itself. refused: the image breaks the target's rules. killed: the machine ended without the
   * guest's last word. timeout: it was still running.
   */
  readonly outcome: 'halted' | 'refused' | 'killed' | 'timeout';
  /** What the guest passed to solo5_exit, its low 8 bits; -1 unless halted. */
  readonly status: number;
  /** Why, for refused and killed; one line. */
  readonly reason: string;
  readonly console: string;
}

/** A device with its file checked and its address drawn. Errors: 'usage', 'io'. */
export function resolveDevice(device: AttachedDevice): AttachedDevice {
  if (device.type === 'block') {
    checkStorage(device.attachment.path, device.attachment.blockSize ?? 512);
    return device;
  }
  const tap = tapInterface(device.attachment);
  const mtu = device.attachment.mtu ?? (tap === undefined ? undefined : interfaceMtu(tap));
  if (mtu !== undefined && (!Number.isSafeInteger(mtu) || mtu < 68 || mtu > 9000))
    fail('usage', `--net ${printable(device.attachment.name)}: MTU ${mtu}; a guest takes 68 to 9000`);
  const mac = device.attachment.mac ?? randomMac();
  return { ...device, attachment: { ...device.attachment, mac, ...(mtu === undefined ? {} : { mtu }) } };
}

function endOf(
  end: ChildEnd,
  filter: ConsoleFilter,
  timeout: number | undefined,
  path: string,
): Omit<RiscvBootResult, 'console'> {
  const status = filter.status();
  if (status !== undefined) return { outcome: 'halted', status, reason: '' };
  if (end.timedOut) return { outcome: 'timeout', status: -1, reason: `still running after ${timeout} s` };
  const last = filter.gaveUp();
  if (last !== undefined)
    return { outcome: 'killed', status: -1, reason: `its start-up code gave up: ${printable(last)}` };
  const errors = qemuErrors(end.errors);
  if (end.signal === null && end.status === 0) {
    return { outcome: 'killed', status: -1, reason: 'the machine powered off without an exit status of the guest' };
  }
  const how = end.signal === null ? `exit status ${end.status}` : `signal ${end.signal}`;
  return fail('tool', `${basename(path)} stopped (${how}): ${errors || 'without a message'}`);
}

/** How QEMU is run for a guest that tells its end on the console. */
export interface GuestRun {
  /** QEMU's. */
  readonly path: string;
  readonly args: readonly string[];
  readonly token: string;
  /** Whether the machine cannot power off: it is stopped once the guest, or its start-up code, has had its last word. */
  readonly endless: boolean;
  /** Whether the machine's serial line drops what is not taken at once. */
  readonly isLossy: boolean;
  /** Words after which nothing more comes of the guest, such as a kernel's about a fault; they end the run. */
  readonly fatal?: RegExp;
}

/** So much of what the console showed last is looked through for fatal words. */
const FATAL_WITHIN = 512;

/** Runs a guest to its end. */
export async function runGuest(
  { path, args, token, endless, isLossy, fatal }: GuestRun,
  options: Pick<RiscvBootOptions, 'timeout' | 'abort' | 'onConsole' | 'keepConsole'>,
  host: Host,
): Promise<RiscvBootResult> {
  const chunks: Uint8Array[] = [];
  const timeout = checkTimeout(options.timeout);
  const filter = consoleFilter(token);
  const stop = new AbortController();
  let tail = '';
  let stopped: string | undefined;
  // Of the line as it comes: a guest that is stopped early has not said that it begins.
  const lookForEnd = (chunk: Uint8Array): void => {
    if (fatal === undefined || stopped !== undefined) return;
    tail = (tail + Buffer.from(chunk).toString('latin1')).slice(-FATAL_WITHIN);
    stopped = fatal.exec(tail)?.[0];
    if (stopped !== undefined) stop.abort();
  };
  const show = (bytes: Uint8Array): unknown => {
    if (bytes.length === 0) return undefined;
    if (options.keepConsole !== false) chunks.push(bytes);
    return options.onConsole?.(bytes);
  };
  options.abort?.addEventListener('abort', () => stop.abort());
  if (options.abort?.aborted) stop.abort();
  const end = await runPrinting(host, {
    ...{ path, args, isLossy },
    ...(timeout === undefined ? {} : { timeout }),
    abort: stop.signal,
    onConsole: (chunk) => {
      lookForEnd(chunk);
      const waiting = show(filter.feed(chunk));
      if ((filter.status() ?? filter.gaveUp()) !== undefined && endless) stop.abort();
      return waiting;
    },
  });
  await show(filter.end());
  if (stopped !== undefined && filter.status() === undefined)
    return { outcome: 'killed', status: -1, reason: stopped, console: Buffer.concat(chunks).toString() };
  return { ...endOf(end, filter, options.timeout, path), console: Buffer.concat(chunks).toString() };
}

/**
 * Runs an image to its end. Throws a CasemateError for wrong options ('usage'), files that cannot be read ('io'), and
 * QEMU missing or breaking down ('tool').
 */
export async function bootRiscv(options: RiscvBootOptions, host: Host): Promise<RiscvBootResult> {
  const memory = checkMemory(options.memory ?? 512);
  const commandLine = argumentsOf(options.args ?? []);
  const bytes = readFile(options.image);
  let devices: AttachedDevice[];
  try {
    devices = attachDevices(readRiscvImage(bytes, options.image).devices, options.blocks ?? [], options.nets ?? []);
  } catch (error) {
    if (!(error instanceof CasemateError) || error.code !== 'image') throw error;
    return { outcome: 'refused', status: -1, reason: error.message, console: '' };
  }
  const path = host.find('qemu-system-riscv64');
  if (path === undefined)
    fail('tool', 'qemu-system-riscv64: not found on PATH; install it with: apt-get install qemu-system-misc');
  const launch: RiscvLaunch = {
    image: options.image,
    memory,
    machine: options.machine ?? 'virt',
    ...(options.cpu === undefined ? {} : { cpu: options.cpu }),
    devices: devices.map(resolveDevice),
    commandLine,
    token: randomToken(),
    legacy: options.legacy ?? false,
    rng: options.rng ?? false,
  };
  const run = { path: path!, args: riscvQemuArguments(launch), token: launch.token };
  const isSifive = launch.machine.startsWith('sifive_u');
  return runGuest({ ...run, endless: isSifive, isLossy: isSifive }, options, host);
}
