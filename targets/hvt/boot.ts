/**
 * Booting an hvt image and learning what became of it.
 *
 * Any image that Solo5's tender runs is run here: by the tender itself where it and /dev/kvm are there and can do what
 * is asked, else by the emulator (emulator/) in QEMU, which needs neither. The phases: read the image's device list,
 * match it with what the user attaches, choose the tender, launch, and translate the end into an outcome.
 */
import { CasemateError, fail, printable } from '../../base/errors.ts';
import { readFile } from '../../base/files.ts';
import { type AttachedDevice, attachDevices, type BlockAttachment, type NetAttachment } from './attach.ts';
import { readHvtImage } from './image.ts';
import {
  type ChildEnd,
  checkStorage,
  type Host,
  interfaceMtu,
  kvmIsUsable,
  type OnConsole,
  randomMac,
  runPrinting,
  runQemu,
} from './machine.ts';
import {
  commandLineOf,
  type Launch,
  memoryOf,
  qemuArguments,
  tapInterface,
  tenderArguments,
  tenderCanAttach,
} from './qemu.ts';

export type Tender = 'solo5-hvt' | 'emulator';

export interface BootOptions {
  /** The image's path. */
  readonly image: string;
  /** Arguments of the guest. */
  readonly args?: readonly string[];
  /** Megabytes, 1 to 4096; default 512, as the tender's. */
  readonly memory?: number;
  readonly blocks?: readonly BlockAttachment[];
  readonly nets?: readonly NetAttachment[];
  /** Processor model of QEMU, for the emulator. */
  readonly cpu?: string;
  /** Default 'auto': the real tender where it can be used. */
  readonly tender?: Tender | 'auto';
  /** Seconds until the guest is killed. */
  readonly timeout?: number;
  /** Gets console output as it appears; the result has all of it too, unless `keepConsole` is false. */
  readonly onConsole?: OnConsole;
  readonly keepConsole?: boolean;
  readonly abort?: AbortSignal;
}

export interface BootResult {
  /**
   * halted: the guest ended itself. refused: the tender would not run the image. killed: the tender died of what the
   * guest did (a write to text, an invalid hypercall, a triple fault, ...). timeout: it was still running.
   */
  readonly outcome: 'halted' | 'refused' | 'killed' | 'timeout';
  /** What the guest passed to solo5_exit; -1 unless halted. The low 8 bits are all that a real tender passes on. */
  readonly status: number;
  /** Why, for refused and killed; one line. */
  readonly reason: string;
  readonly console: string;
  readonly tender: Tender;
}

const timeoutSeconds = { most: 86_400 };

/** Milliseconds from seconds. */
export function checkTimeout(seconds: number | undefined): number | undefined {
  if (seconds === undefined) return undefined;
  if (!(seconds > 0 && seconds <= timeoutSeconds.most))
    fail('usage', `--timeout ${seconds}: must be a number of seconds, above 0 and at most ${timeoutSeconds.most}`);
  return seconds * 1000;
}

/** Addresses and sizes that the user left open. */
function resolveDevice(device: AttachedDevice, tender: Tender): AttachedDevice {
  if (device.type === 'block') {
    checkStorage(device.attachment.path, device.attachment.blockSize ?? 512);
    return device;
  }
  if (tender === 'solo5-hvt') return device;
  const tap = tapInterface(device.attachment);
  const mtu = device.attachment.mtu ?? (tap === undefined ? undefined : interfaceMtu(tap)) ?? 1500;
  if (!Number.isSafeInteger(mtu) || mtu < 68 || mtu > 9000)
    fail('usage', `--net ${printable(device.attachment.name)}: MTU ${mtu}; the emulator takes 68 to 9000`);
  return { ...device, attachment: { ...device.attachment, mac: device.attachment.mac ?? randomMac(), mtu } };
}

interface Choice {
  readonly tender: Tender;
  readonly path: string;
}

function requireQemu(host: Host): Choice {
  const path = host.find('qemu-system-x86_64');
  if (path === undefined)
    fail('tool', 'qemu-system-x86_64: not found on PATH; install it with: apt-get install qemu-system-x86');
  return { tender: 'emulator', path: path! };
}

function chooseTender(wanted: Tender | 'auto', devices: readonly AttachedDevice[], host: Host): Choice {
  if (wanted === 'emulator') return requireQemu(host);
  const path = host.find('solo5-hvt');
  const kvm = host.kvm ?? kvmIsUsable();
  const able = tenderCanAttach(devices);
  if (wanted === 'auto') return path !== undefined && able && kvm ? { tender: 'solo5-hvt', path } : requireQemu(host);
  if (!able)
    fail('usage', '--tender solo5-hvt: it attaches networks by NAME=tap,ifname=INTERFACE only; use --tender emulator');
  if (path === undefined) fail('tool', 'solo5-hvt: not found on PATH; use --tender emulator');
  if (!kvm) fail('tool', '/dev/kvm: cannot be used, and solo5-hvt needs it; use --tender emulator');
  return { tender: 'solo5-hvt', path: path! };
}

type End = Pick<BootResult, 'outcome' | 'status' | 'reason'>;

/** QEMU's complaints without its notes about processor features that it does not emulate. */
export function qemuErrors(errors: string): string {
  const lines = errors.split('\n').filter((line) => line !== '' && !line.includes("TCG doesn't support requested"));
  return printable(lines.join('; '), 1000);
}

function endOfEmulator(end: ChildEnd): End {
  const verdict = end.verdict ?? '';
  const space = verdict.indexOf(' ');
  const reason = printable(verdict.slice(space + 1), 1000);
  switch (verdict.slice(0, space)) {
    case 'halted':
      return { outcome: 'halted', status: Number(verdict.slice(space + 1)), reason: '' };
    case 'refused':
      return { outcome: 'refused', status: -1, reason };
    case 'killed':
      return { outcome: 'killed', status: -1, reason };
    case 'broken':
      return fail('tool', `the hvt emulator failed: ${reason}`);
  }
  const how = end.signal === null ? `exit status ${end.status}` : `signal ${end.signal}`;
  return fail('tool', `qemu-system-x86_64 stopped (${how}): ${qemuErrors(end.errors) || 'without a message'}`);
}

/** What a real tender says when its guest has done something that it does not survive. */
const killing = /^KVM: (unhandled exit|internal error|entry failure|host\/guest)|Invalid guest |^Fatal error/;

/** A real tender passes the guest's status on, or ends with status 1 and a last word on standard error. */
function endOfTender(end: ChildEnd): End {
  const last = end.errors.trimEnd().split('\n').at(-1) ?? '';
  const words = /^(?:solo5-hvt: )?(?!WARNING|adjusting)(.*)$/.exec(last)?.[1] ?? '';
  if (end.signal !== null) return { outcome: 'killed', status: -1, reason: `the tender died of ${end.signal}` };
  if (end.status !== 1 || words === '') return { outcome: 'halted', status: end.status ?? -1, reason: '' };
  return { outcome: killing.test(words) ? 'killed' : 'refused', status: -1, reason: printable(words, 1000) };
}

async function runLaunch(choice: Choice, launch: Launch, options: BootOptions, host: Host): Promise<BootResult> {
  const chunks: Uint8Array[] = [];
  const timeout = checkTimeout(options.timeout);
  const run = {
    path: choice.path,
    ...(timeout === undefined ? {} : { timeout }),
    ...(options.abort === undefined ? {} : { abort: options.abort }),
    onConsole: (chunk: Uint8Array) => {
      if (options.keepConsole !== false) chunks.push(chunk);
      return options.onConsole?.(chunk);
    },
  };
  const end =
    choice.tender === 'emulator'
      ? await runQemu(host, { ...run, args: qemuArguments(launch, host.emulator, options.cpu) })
      : await runPrinting(host, { ...run, args: tenderArguments(launch, options.args ?? []) });
  const verdict: End = end.timedOut
    ? { outcome: 'timeout', status: -1, reason: `still running after ${options.timeout} s` }
    : choice.tender === 'emulator'
      ? endOfEmulator(end)
      : endOfTender(end);
  return { ...verdict, console: Buffer.concat(chunks).toString(), tender: choice.tender };
}

/**
 * Runs an image to its end. An image that no tender would run is the outcome 'refused'; throws a CasemateError for
 * wrong options ('usage'), files that cannot be read ('io'), and programs that are missing or break down ('tool').
 */
export async function bootHvt(options: BootOptions, host: Host): Promise<BootResult> {
  const memory = memoryOf(options.memory ?? 512);
  const commandLine = commandLineOf(options.args ?? []);
  checkTimeout(options.timeout);
  const bytes = readFile(options.image);
  let devices: AttachedDevice[];
  try {
    const image = readHvtImage(bytes, options.image);
    devices = attachDevices(image.devices, options.blocks ?? [], options.nets ?? []);
  } catch (error) {
    if (!(error instanceof CasemateError) || error.code !== 'image') throw error;
    const tender = options.tender === 'solo5-hvt' ? options.tender : 'emulator';
    return { outcome: 'refused', status: -1, reason: error.message, console: '', tender };
  }
  const choice = chooseTender(options.tender ?? 'auto', devices, host);
  const launch: Launch = {
    image: options.image,
    imageSize: bytes.length,
    memory,
    devices: devices.map((device) => resolveDevice(device, choice.tender)),
    commandLine,
  };
  return runLaunch(choice, launch, options, host);
}
