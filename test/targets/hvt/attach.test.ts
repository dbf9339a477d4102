/** What the user attaches, held against what the image wants. */
import { describe, expect, it } from 'vitest';
import {
  attachDevices,
  parseBlock,
  parseBlockSize,
  parseMac,
  parseNet,
  withBlockSizes,
  withMacs,
} from '../../../targets/hvt/attach.ts';
import type { Device } from '../../../targets/hvt/manifest.ts';
import {
  commandLineOf,
  emulatorCommandLine,
  memoryOf,
  qemuArguments,
  tenderArguments,
  tenderCanAttach,
} from '../../../targets/hvt/qemu.ts';

const devices: Device[] = [
  { name: 'service', type: 'net' },
  { name: 'storage', type: 'block' },
];
const storage = { name: 'storage', path: 'disk.img' };
const service = { name: 'service', backend: 'user', options: '' };

describe('attachments', () => {
  it('are read from NAME=VALUE, the value being all that follows the first sign', () => {
    expect(parseBlock('storage=a=b,c.img')).toEqual({ name: 'storage', path: 'a=b,c.img' });
    expect(parseNet('service=user,hostfwd=tcp::8080-:80')).toEqual({
      ...{ name: 'service', backend: 'user', options: 'hostfwd=tcp::8080-:80' },
    });
    expect(parseNet('service')).toEqual(service);
    expect(parseBlockSize('storage=4096')).toEqual({ name: 'storage', blockSize: 4096 });
    expect(parseMac('service=02:00:00:00:0a:FF')).toEqual({ name: 'service', mac: [2, 0, 0, 0, 10, 255] });
  });

  it.each([
    ['a block without a file', () => parseBlock('storage'), '--block storage: must be NAME=FILE'],
    ['a block without a name', () => parseBlock('=f'), '--block =f: must be NAME=FILE'],
    ['a back end that is none', () => parseNet('service=-x'), 'back end is "-x"'],
    ['a net with an id', () => parseNet('service=user,id=1'), 'id= is chosen by casemate'],
    ['an odd block size', () => parseBlockSize('storage=1000'), 'must be a power of two from 512 to 32768'],
    ['a block size that is too large', () => parseBlockSize('storage=65536'), 'must be a power of two'],
    ['a short address', () => parseMac('service=02:00'), 'must be six bytes'],
    ['a multicast address', () => parseMac('service=01:00:00:00:00:00'), 'a multicast address'],
    ['a size for nothing', () => withBlockSizes([], [{ name: 'x', blockSize: 512 }]), 'no device of this name'],
    ['an address for nothing', () => withMacs([service], [{ name: 'storage', mac: [2] }]), 'no device of this name'],
  ])('are refused: %s', (_, parse, message) => {
    expect(parse).toThrow(message);
  });

  it('come back in the manifest’s order with its indexes', () => {
    expect(attachDevices(devices, [storage], [service])).toEqual([
      { index: 1, type: 'net', attachment: service },
      { index: 2, type: 'block', attachment: storage },
    ]);
  });

  it.each([
    [
      'a device that is missing',
      () => attachDevices(devices, [storage], []),
      'every device of the image must be attached; add --net service=user; ' +
        'the image\'s devices are net "service", block "storage"',
    ],
    [
      'a name that the image does not know',
      () => attachDevices(devices, [{ ...storage, name: 'storag\u001b' }], [service]),
      '--block storag\\x1b=...: the image has no block device "storag\\x1b"; ' +
        'the image\'s devices are net "service", block "storage"',
    ],
    [
      'a name of the other type',
      () => attachDevices(devices, [storage], [service, { ...service, name: 'storage' }]),
      '--net storage=...: the image has no net device "storage"',
    ],
    ['a device that is given twice', () => attachDevices(devices, [storage, storage], [service]), 'given twice'],
    ['any device for an image without', () => attachDevices([], [], [service]), 'the image wants no devices'],
  ])('must fit the image: %s', (_, attach, message) => {
    expect(attach).toThrow(message);
  });
});

describe('command lines', () => {
  const attached = attachDevices(
    devices,
    [{ ...storage, path: 'a,b"c.img' }],
    [{ ...service, mac: [2, 0, 0, 0, 0, 1] }],
  );
  const launch = {
    ...{ image: 'x.hvt', imageSize: 5 << 20, memory: 64 << 20, devices: attached, commandLine: 'a b' },
  };

  it('tell the emulator which transport is which entry of the manifest', () => {
    expect(emulatorCommandLine(launch)).toBe(
      'mem=67108864 console=1 net=1:2:1500:020000000001 block=2:3:512 args=612062',
    );
  });

  it('give QEMU paths in a form without special characters, and memory for image and guest', () => {
    const args = qemuArguments(launch, 'emulator.elf');
    const node = JSON.parse(args[args.indexOf('-blockdev') + 1]);
    expect(node.file.filename).toBe('a,b"c.img');
    expect(args[args.indexOf('-m') + 1]).toBe('106M');
    expect(args[args.indexOf('-netdev') + 1]).toBe('user,id=device1');
    expect(args).toContain('virtio-net-device,netdev=device1,mac=02:00:00:00:00:01,bus=virtio-mmio-bus.2');
  });

  it('keep QEMU from running scripts for a tap interface', () => {
    const tap = attachDevices(
      devices.slice(0, 1),
      [],
      [{ ...service, backend: 'tap', options: 'ifname=t0', mac: [2] }],
    );
    const args = qemuArguments({ ...launch, devices: tap }, 'emulator.elf');
    expect(args[args.indexOf('-netdev') + 1]).toBe('tap,id=device1,ifname=t0,script=no,downscript=no');
  });

  it('speak a real tender’s language, which knows tap interfaces only', () => {
    expect(tenderCanAttach(attached)).toBe(false);
    const tap = attachDevices(
      devices,
      [{ ...storage, blockSize: 4096 }],
      [{ ...service, backend: 'tap', options: 'vhost=off,ifname=tap0', mac: [2, 0, 0, 0, 0, 171] }],
    );
    expect(tenderCanAttach(tap)).toBe(true);
    expect(tenderArguments({ ...launch, devices: tap }, ['a', '-b c'])).toEqual([
      ...['--mem=64', '--net:service=tap0', '--net-mac:service=02:00:00:00:00:ab'],
      ...['--block:storage=disk.img', '--block-sector-size:storage=4096', '--', 'x.hvt', 'a', '-b c'],
    ]);
  });

  it.each([
    ['too many devices', () => qemuArguments({ ...launch, devices: Array(23).fill(attached[0]) }, 'e'), 'room for 22'],
    ['a processor model with blanks', () => qemuArguments(launch, 'e', 'max -s'), '--cpu max -s'],
    ['too little memory', () => memoryOf(0), '--mem 0'],
    ['too much memory', () => memoryOf(4097), '--mem 4097'],
    ['half a megabyte', () => memoryOf(2.5), '--mem 2.5'],
    [
      'arguments that are too long',
      () => commandLineOf(['x'.repeat(8192)]),
      '8192 bytes; the tender takes at most 8191',
    ],
    ['arguments with a NUL', () => commandLineOf(['a\0b']), 'NUL'],
  ])('are refused: %s', (_, make, message) => {
    expect(make).toThrow(message);
  });

  it('round memory as the tender does', () => {
    expect([1, 2, 3, 512, 4096].map((mb) => memoryOf(mb) / 2 ** 20)).toEqual([2, 2, 2, 512, 4096]);
  });
});
