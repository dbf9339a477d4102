/**
 * The command line that starts a RISC-V machine with an image in it.
 *
 * QEMU's virt machine has eight virtio-mmio transports at known addresses; a device is put on one and the guest is told,
 * by name and address, which device of its manifest that is. Firmware is the OpenSBI that QEMU brings. QEMU runs under
 * its system-call filter, because images are other people's programs.
 */
import { fail, printable } from '../../base/errors.ts';
import type { AttachedDevice } from '../hvt/attach.ts';
import { blockArguments, netArguments } from '../hvt/qemu.ts';
import { consoleWord } from './console.ts';

/** What a launch needs, resolved: paths exist, addresses are chosen. */
export interface RiscvLaunch {
  readonly image: string;
  /** Mebibytes. */
  readonly memory: number;
  /** `virt` or `sifive_u`, perhaps with options: `virt,aia=aplic-imsic`. */
  readonly machine: string;
  /** Processor model; QEMU's default for the machine when absent. */
  readonly cpu?: string;
  readonly devices: readonly AttachedDevice[];
  /** The guest's arguments, joined. */
  readonly commandLine: string;
  /** Of this boot: console.ts. */
  readonly token: string;
  /** virtio-mmio of version 1. */
  readonly legacy: boolean;
  /** Whether there is a virtio-rng. */
  readonly rng: boolean;
}

/** Where a machine has its virtio-mmio transports. */
export interface Transports {
  readonly count: number;
  /** Address of the first. */
  readonly first: number;
  /** From one to the next. */
  readonly stride: number;
}

/** Of RISC-V's virt machine. */
export const virtTransports: Transports = { count: 8, first: 0x10001000, stride: 0x1000 };

/** What the kernel's command line may hold with room for the rest of a small device tree. */
const longestCommandLine = 8191;

/** Fails with 'usage' for what is no name with options. */
export function checkWord(text: string, option: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(,[+-]?[A-Za-z0-9._-]+(=[A-Za-z0-9._-]+)?)*$/.test(text))
    fail('usage', `${option} ${printable(text)}: must be a name with options, as QEMU spells them: NAME,KEY=VALUE`);
  return text;
}

function checkMachine(machine: string): string {
  if (!/^(virt|sifive_u)(,|$)/.test(checkWord(machine, '--machine')))
    fail('usage', `--machine ${printable(machine)}: must be virt or sifive_u, perhaps with options`);
  return machine;
}

/** Arguments joined, as the guest gets them. */
export function argumentsOf(args: readonly string[]): string {
  const text = args.join(' ');
  if (text.includes('\0')) fail('usage', "the guest's arguments hold a NUL character");
  const size = Buffer.byteLength(text);
  if (size > longestCommandLine)
    fail('usage', `the guest's arguments have ${size} bytes; at most ${longestCommandLine} can be passed on`);
  return text;
}

/** Mebibytes, checked. */
export function checkMemory(megabytes: number): number {
  if (!Number.isSafeInteger(megabytes) || megabytes < 8 || megabytes > 65536)
    fail('usage', `--mem ${megabytes}: must be a whole number of megabytes from 8 to 65536`);
  return megabytes;
}

function deviceArguments(device: AttachedDevice, transport: number): string[] {
  const id = `device${device.index}`;
  const bus = `virtio-mmio-bus.${transport}`;
  if (device.type === 'block') {
    const size = device.attachment.blockSize;
    const sizes = size === undefined ? '' : `,logical_block_size=${size},physical_block_size=${size}`;
    return blockArguments(device.attachment, id, bus, sizes);
  }
  const { mtu } = device.attachment;
  return netArguments(device.attachment, id, bus, mtu === undefined ? '' : `,host_mtu=${mtu}`);
}

function deviceWord(device: AttachedDevice, transport: number, { first, stride }: Transports): string {
  const address = (first + transport * stride).toString(16);
  return `--casemate:device=${device.attachment.name}@${address}`;
}

/** What a guest with virtio-mmio is launched with, whichever the machine. */
export type MmioLaunch = Pick<RiscvLaunch, 'devices' | 'rng' | 'legacy' | 'token' | 'commandLine'>;

/** The kernel's command line: words for the platform layer (its options.c), then the program's. */
export function guestCommandLine(launch: MmioLaunch, transports: Transports = virtTransports): string {
  const words = [consoleWord(launch.token), ...launch.devices.map((device, i) => deviceWord(device, i, transports))];
  return [...words, ...(launch.commandLine === '' ? [] : [launch.commandLine])].join(' ');
}

/** QEMU's arguments for devices on virtio-mmio; `transports` is undefined for a machine without. */
export function mmioArguments(launch: MmioLaunch, machine: string, transports: Transports | undefined): string[] {
  const { devices, rng, legacy } = launch;
  if (transports === undefined) {
    if (devices.length > 0 || rng) fail('usage', `--machine ${machine}: has no place for virtio devices; use virt`);
    return [];
  }
  const room = transports.count - (rng ? 1 : 0);
  if (devices.length > room) fail('limit', `${devices.length} devices; the machine has room for ${room}`);
  return [
    ...['-global', `virtio-mmio.force-legacy=${legacy}`],
    ...devices.flatMap(deviceArguments),
    ...(rng ? ['-device', `virtio-rng-device,bus=virtio-mmio-bus.${transports.count - 1}`] : []),
  ];
}

/** A machine without a screen, confined, its serial line on standard input and output. */
export const bareMachine: readonly string[] = [
  '-no-user-config',
  '-nodefaults',
  ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
  ...['-display', 'none', '-no-reboot'],
  ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
];

/** Arguments for qemu-system-riscv64. */
export function riscvQemuArguments(launch: RiscvLaunch): string[] {
  const machine = checkMachine(launch.machine);
  return [
    ...bareMachine,
    ...['-machine', machine, '-accel', 'tcg', '-m', `${launch.memory}M`],
    ...(launch.cpu === undefined ? [] : ['-cpu', checkWord(launch.cpu, '--cpu')]),
    ...mmioArguments(launch, machine, machine.startsWith('virt') ? virtTransports : undefined),
    ...['-kernel', launch.image, '-append', guestCommandLine(launch)],
  ];
}
