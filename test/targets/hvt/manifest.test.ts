/**
 * targets/hvt/manifest.ts: the descriptor's bytes against Solo5's published layout, and every way a manifest can be
 * wrong.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import {
  checkDevices,
  type Device,
  decodeManifest,
  encodeManifest,
  parseSolo5Manifest,
} from '../../../targets/hvt/manifest.ts';

function complaint(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    return `${error.code}: ${error.message}`;
  }
  return 'no error';
}

const both: Device[] = [
  { name: 'store', type: 'block' },
  { name: 'net0', type: 'net' },
];

const device = fc.record<Device>({
  name: fc.stringMatching(/^[A-Za-z0-9]{1,67}$/),
  type: fc.constantFrom('block', 'net'),
});

describe('the descriptor', () => {
  test('has Solo5’s layout, version 1', () => {
    const bytes = Buffer.from(encodeManifest(both));
    expect(bytes).toHaveLength(4 + 8 + 3 * 104);
    expect([bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8)]).toEqual([0, 1, 3]);
    const entry = (i: number) => bytes.subarray(12 + 104 * i, 12 + 104 * (i + 1));
    expect(entry(0).readUInt32LE(68)).toBe(1 << 30);
    expect(
      entry(0)
        .subarray(0, 68)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(entry(1).subarray(0, 6).toString('latin1')).toBe('store\0');
    expect(entry(1).readUInt32LE(68)).toBe(1);
    expect(entry(2).subarray(0, 5).toString('latin1')).toBe('net0\0');
    expect(entry(2).readUInt32LE(68)).toBe(2);
    // Properties and the attached flag are the tender's to fill in.
    for (const i of [1, 2])
      expect(
        entry(i)
          .subarray(72)
          .every((byte) => byte === 0),
      ).toBe(true);
  });

  test('of no devices still has the reserved entry', () => {
    expect(encodeManifest([])).toHaveLength(4 + 8 + 104);
  });

  test('reads back as what was written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(device, { selector: ({ name }) => name, maxLength: 63 }), (devices) => {
        expect(decodeManifest(encodeManifest(devices))).toEqual(devices);
      }),
    );
  });

  test('that was damaged is an image error or another valid manifest, never anything else', () => {
    const good = encodeManifest(both);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = good.slice(0, length);
        if (at < bytes.length) bytes[at] = value;
        const text = complaint(() => decodeManifest(bytes));
        expect(text === 'no error' || text.startsWith('image: MFT1 note: ')).toBe(true);
        expect(text).not.toContain('\n');
      }),
      { numRuns: 2000 },
    );
  });

  test('says what is wrong with it', () => {
    const broken = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(encodeManifest(both));
      change(bytes);
      return complaint(() => decodeManifest(bytes, 'x.hvt: MFT1 note'));
    };
    expect(complaint(() => decodeManifest(new Uint8Array(10)))).toContain('10 bytes; the smallest manifest has 116');
    expect(broken((bytes) => bytes.writeUInt32LE(2, 4))).toBe('image: x.hvt: MFT1 note: manifest version 2; must be 1');
    expect(broken((bytes) => bytes.writeUInt32LE(4, 8))).toContain('has 324 bytes; 4 entries need 428');
    expect(broken((bytes) => bytes.writeUInt32LE(0, 8))).toContain('0 entries; must be 1 to 64');
    expect(broken((bytes) => bytes.writeUInt32LE(0xffffffff, 8))).toContain('4294967295 entries');
    expect(broken((bytes) => bytes.writeUInt32LE(1, 12 + 68))).toContain('entry 0 has type 0x1');
    expect(broken((bytes) => bytes.fill(0x41, 12 + 104, 12 + 104 + 68))).toContain('entry 1: the name has no end');
    expect(broken((bytes) => bytes.write('\x1b[', 12 + 104, 'latin1'))).toContain('"\\u001b[ore"');
    expect(broken((bytes) => bytes.writeUInt32LE(9, 12 + 104 + 68))).toContain('"store" has type 9');
    expect(broken((bytes) => bytes.writeUInt8(1, 12 + 104 + 96))).toContain('"store" is marked as attached');
    expect(broken((bytes) => bytes.write('store\0', 12 + 208, 'latin1'))).toContain('entry 2: the name "store" occurs');
  });
});

describe('devices of casemate.json', () => {
  test('are accepted up to 63, with names of 1 to 67 letters and digits', () => {
    const devices = Array.from({ length: 63 }, (_, i) => ({ name: `d${i}`, type: 'net' }));
    expect(checkDevices(devices)).toEqual(devices);
    expect(checkDevices([{ name: 'x'.repeat(67), type: 'block' }])).toHaveLength(1);
  });

  test.each([
    ['text', 'devices: found "text"; must be a list of devices'],
    [{}, 'devices: found an object; must be a list of devices'],
    [[null], 'devices[0]: found null; must be an object with name and type'],
    [[[]], 'devices[0]: found a list of 0; must be an object with name and type'],
    [[{ name: 'a' }], 'devices[0].type: found nothing; must be "block" or "net"'],
    [[{ name: 'a', type: 'disk' }], 'devices[0].type: found "disk"; must be "block" or "net"'],
    [[{ name: 'a', type: 'constructor' }], 'devices[0].type: found "constructor"; must be "block" or "net"'],
    [[{ type: 'net' }], 'devices[0].name: found nothing; must be 1 to 67 letters and digits'],
    [[{ name: '', type: 'net' }], 'devices[0].name: found ""; must be 1 to 67 letters and digits'],
    [[{ name: 'a-b', type: 'net' }], 'devices[0].name: found "a-b"; must be 1 to 67 letters and digits'],
    [[{ name: 'a\n', type: 'net' }], 'devices[0].name: found "a\\n"; must be 1 to 67 letters and digits'],
    [[{ name: 7, type: 'net' }], 'devices[0].name: found 7; must be 1 to 67 letters and digits'],
    [[{ name: 'a', type: 'net', mtu: 9 }], 'devices[0]: unknown key "mtu"; the keys are name and type'],
    [
      [
        { name: 'a', type: 'net' },
        { name: 'b', type: 'net' },
        { name: 'a', type: 'block' },
      ],
      'devices[2].name: "a" is already the name of devices[0]; rename one of them',
    ],
  ])('%j is refused', (devices, message) => {
    expect(complaint(() => checkDevices(devices))).toBe(`manifest: ${message}`);
  });

  test('a name of 68 characters and a 64th device are refused', () => {
    expect(complaint(() => checkDevices([{ name: 'x'.repeat(68), type: 'net' }]))).toContain(
      'devices[0].name: found "x',
    );
    const devices = Array.from({ length: 64 }, (_, i) => ({ name: `d${i}`, type: 'net' }));
    expect(complaint(() => checkDevices(devices))).toBe('manifest: devices: 64 devices; an image can have at most 63');
  });
});

describe('Solo5’s own manifest.json', () => {
  const text = (devices: unknown, more = {}) =>
    JSON.stringify({ type: 'solo5.manifest', version: 1, devices, ...more });

  test('is read', () => {
    const devices = [
      { name: 'storage', type: 'BLOCK_BASIC' },
      { name: 'service', type: 'NET_BASIC' },
    ];
    expect(parseSolo5Manifest(text(devices), 'manifest.json')).toEqual([
      { name: 'storage', type: 'block' },
      { name: 'service', type: 'net' },
    ]);
  });

  test('with mistakes is refused by path', () => {
    const refused = (json: string) => complaint(() => parseSolo5Manifest(json, 'manifest.json'));
    expect(refused('{')).toMatch(/^manifest: manifest.json: not JSON: /);
    expect(refused('[]')).toContain('manifest.json: found a list of 0');
    expect(refused(text([], { version: 2 }))).toContain('version: found 2; must be 1');
    expect(refused(text([], { type: 'other' }))).toContain('type: found "other"; must be "solo5.manifest"');
    expect(refused(text([{ name: 'a', type: 'net' }]))).toContain(
      'manifest.json: devices[0].type: found "net"; must be "BLOCK_BASIC" or "NET_BASIC"',
    );
  });
});
