/**
 * The command lines that start a guest: QEMU with the emulator in it, or a real tender.
 *
 * QEMU's microvm machine starts in milliseconds and has what the emulator's drivers know: virtio-mmio transports, a
 * serial line, a timer. Everything else is left out. The guest's console and the emulator's line to us are sockets that
 * QEMU inherits, so neither a terminal nor a file is involved and nobody else can connect. QEMU itself runs under its
 * system-call filter, because images are other people's programs.
 */
import { fail, printable } from '../../base/errors.ts';
import type { AttachedDevice, BlockAttachment, NetAttachment } from './attach.ts';

/** What a launch needs, resolved: paths exist, addresses are chosen. */
export interface Launch {
  readonly image: string;
  /** Bytes of the image's file. */
  readonly imageSize: number;
  /** Bytes that the guest sees; a multiple of 2 MiB, at most 4 GiB. */
  readonly memory: number;
  readonly devices: readonly AttachedDevice[];
  /** The guest's command line. */
  readonly commandLine: string;
}

const MiB = 1 << 20;
/** Of the emulator itself, at the bottom of memory (emulator/memory.h), and for rounding the rest to large pages. */
const emulatorMemory = 36 * MiB;
/** Bytes of the guest's command line, its final NUL included. */
const commandLineSize = 8192;
/**
 * virtio-mmio transports of the machine. The first stays empty: QEMU takes its interrupt, pin 0 of an I/O APIC, for a
 * PC's timer and moves it to pin 2. The console has the second, devices those after it.
 */
const transports = 24;
const consoleTransport = 1;
const firstDeviceTransport = 2;

/** File descriptors of the sockets that QEMU inherits. */
export const CONSOLE_FD = 3;
export const CONTROL_FD = 4;

export const DEFAULT_CPU = 'EPYC-Milan';

/** Guest memory in bytes from megabytes, as the tender rounds: down to 2 MiB, at least that. */
export function memoryOf(megabytes: number): number {
  if (!Number.isSafeInteger(megabytes) || megabytes < 1 || megabytes > 4096)
    fail('usage', `--mem ${megabytes}: must be a whole number of megabytes from 1 to 4096`);
  return Math.max(2, megabytes - (megabytes % 2)) * MiB;
}

/** Arguments joined as the tender joins them. */
export function commandLineOf(args: readonly string[]): string {
  const text = args.join(' ');
  if (text.includes('\0')) fail('usage', "the guest's arguments hold a NUL character");
  const size = Buffer.byteLength(text);
  if (size >= commandLineSize)
    fail('usage', `the guest's arguments have ${size} bytes; the tender takes at most ${commandLineSize - 1}`);
  return text;
}

function checkCpu(model: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(,[+-]?[A-Za-z0-9._=-]+)*$/.test(model))
    fail('usage', `--cpu ${printable(model)}: must be a QEMU processor model, as qemu-system-x86_64 -cpu help lists`);
  return `${model},+svm,+npt`;
}

/** `properties`: further ones of the device, each with its leading comma. */
export function blockArguments({ path }: BlockAttachment, id: string, bus: string, properties = ''): string[] {
  // As JSON, in which no character of a path has a meaning of its own.
  const node = { driver: 'raw', 'node-name': id, file: { driver: 'file', filename: path } };
  return ['-blockdev', JSON.stringify(node), '-device', `virtio-blk-device,drive=${id},bus=${bus}${properties}`];
}

/** A tap interface exists already: QEMU must not run scripts to make one. */
function backendOptions({ backend, options }: NetAttachment): string {
  const parts = options === '' ? [] : [options];
  if (backend === 'tap') {
    for (const script of ['script', 'downscript']) {
      if (!new RegExp(`(^|,)${script}=`).test(options)) parts.push(`${script}=no`);
    }
  }
  return parts.map((part) => `,${part}`).join('');
}

/** As blockArguments. */
export function netArguments(net: NetAttachment, id: string, bus: string, properties = ''): string[] {
  const mac = net.mac!.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  return [
    '-netdev',
    `${net.backend},id=${id}${backendOptions(net)}`,
    '-device',
    `virtio-net-device,netdev=${id},mac=${mac},bus=${bus}${properties}`,
  ];
}

function busOf(transport: number): string {
  return `virtio-mmio-bus.${transport}`;
}

function deviceArguments(device: AttachedDevice, transport: number): string[] {
  const id = `device${device.index}`;
  return device.type === 'block'
    ? blockArguments(device.attachment, id, busOf(transport))
    : netArguments(device.attachment, id, busOf(transport));
}

/** The emulator's word for a device: emulator/config.h. */
function deviceWord(device: AttachedDevice, transport: number): string {
  if (device.type === 'block') return `block=${device.index}:${transport}:${device.attachment.blockSize ?? 512}`;
  const mac = Buffer.from(device.attachment.mac!).toString('hex');
  return `net=${device.index}:${transport}:${device.attachment.mtu ?? 1500}:${mac}`;
}

/** The emulator's own command line. */
export function emulatorCommandLine(launch: Launch): string {
  const words = [
    `mem=${launch.memory}`,
    `console=${consoleTransport}`,
    ...launch.devices.map((device, i) => deviceWord(device, firstDeviceTransport + i)),
  ];
  if (launch.commandLine !== '') words.push(`args=${Buffer.from(launch.commandLine).toString('hex')}`);
  return words.join(' ');
}

/** Arguments for qemu-system-x86_64. `emulator` is the path of hvt-emulator.elf. */
export function qemuArguments(launch: Launch, emulator: string, cpu = DEFAULT_CPU): string[] {
  const room = transports - firstDeviceTransport;
  if (launch.devices.length > room)
    fail('limit', `${launch.devices.length} devices; the emulator has room for ${room}`);
  const total = launch.memory + Math.ceil(launch.imageSize / (2 * MiB)) * 2 * MiB + emulatorMemory;
  return [
    '-no-user-config',
    '-nodefaults',
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...[
      '-machine',
      'microvm,acpi=on,ioapic2=on,pit=on,pic=on,rtc=off,isa-serial=off,x-option-roms=off,auto-kernel-cmdline=off',
    ],
    // Starts faster than the machine's default firmware.
    ...['-bios', 'qboot.rom'],
    ...['-accel', 'tcg', '-cpu', checkCpu(cpu), '-smp', '1', '-m', `${total / MiB}M`],
    ...['-display', 'none', '-no-reboot'],
    ...['-global', 'virtio-mmio.force-legacy=false'],
    ...['-device', 'isa-debug-exit,iobase=0xf4'],
    ...['-chardev', `socket,id=control,fd=${CONTROL_FD}`, '-device', 'isa-serial,index=0,chardev=control'],
    ...['-chardev', `socket,id=console,fd=${CONSOLE_FD}`],
    ...[
      '-device',
      `virtio-serial-device,bus=${busOf(consoleTransport)}`,
      '-device',
      'virtserialport,chardev=console,nr=1',
    ],
    ...launch.devices.flatMap((device, i) => deviceArguments(device, firstDeviceTransport + i)),
    ...['-kernel', emulator, '-initrd', launch.image, '-append', emulatorCommandLine(launch)],
  ];
}

/** The interface of a tap attachment, or undefined. */
export function tapInterface(net: NetAttachment): string | undefined {
  return net.backend === 'tap' ? /(?:^|,)ifname=([^,]+)/.exec(net.options)?.[1] : undefined;
}

/** Whether a real tender can do what is asked: its only network back end is a tap interface. */
export function tenderCanAttach(devices: readonly AttachedDevice[]): boolean {
  return devices.every((device) => device.type === 'block' || tapInterface(device.attachment) !== undefined);
}

/** Arguments for solo5-hvt. */
export function tenderArguments(launch: Launch, args: readonly string[]): string[] {
  const words = launch.devices.flatMap((device): string[] => {
    const { name } = device.attachment;
    if (device.type === 'block') {
      const size = device.attachment.blockSize;
      return [
        `--block:${name}=${device.attachment.path}`,
        ...(size === undefined ? [] : [`--block-sector-size:${name}=${size}`]),
      ];
    }
    const mac = device.attachment.mac;
    return [
      `--net:${name}=${tapInterface(device.attachment)}`,
      ...(mac === undefined
        ? []
        : [`--net-mac:${name}=${mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`]),
    ];
  });
  return [`--mem=${launch.memory / MiB}`, ...words, '--', launch.image, ...args];
}
