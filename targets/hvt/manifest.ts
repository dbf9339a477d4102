/**
 * The device manifest: which devices an image asks its tender for.
 *
 * A unikernel names its devices at build time and the tender attaches host devices to those names at start-up. The list
 * arrives as the "devices" of casemate.json or as Solo5's own manifest.json, is checked here key by key, and leaves as
 * the descriptor of the image's MFT1 note, which the tender copies into guest memory and fills in. The same descriptor
 * can be read back, for checks of finished images and for tools that attach devices.
 *
 * Source: Solo5's mft_abi.h, manifest version 1: u32 version, u32 entries, then 104 bytes per entry; entry 0 is
 * reserved. In the note, 4 bytes of padding precede it, so that it lies 24 bytes into the note.
 */
import { fail, hex, printable } from '../../base/errors.ts';

export interface Device {
  /** 1 to 67 letters and digits, unique in the manifest. */
  readonly name: string;
  readonly type: 'block' | 'net';
}

/** Note type: "MFT1" read as a little-endian number. */
export const MFT1 = 0x3154464d;

const version = 1;
const maximumDevices = 63;
const padding = 4;
const headerSize = 8;
const entrySize = 104;
const nameSize = 68;
const typeOffset = 68;
const attachedOffset = 96;
const reservedType = 1 << 30;
const typeNumbers = { block: 1, net: 2 } as const;

type Json = unknown;

function show(value: Json): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value) : describe(value);
  return printable(text, 80);
}

function describe(value: Json): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function objectAt(value: Json, where: string, keys: readonly string[]): Record<string, Json> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail('manifest', `${where}: found ${show(value)}; must be an object with ${keys.join(' and ')}`);
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    fail('manifest', `${where}: unknown key ${show(unknown)}; the keys are ${keys.join(' and ')}`);
  return value as Record<string, Json>;
}

function deviceAt(value: Json, where: string, types: Readonly<Record<string, Device['type']>>): Device {
  const { name, type } = objectAt(value, where, ['name', 'type']);
  if (typeof name !== 'string' || !/^[A-Za-z0-9]{1,67}$/.test(name))
    fail('manifest', `${where}.name: found ${show(name)}; must be 1 to 67 letters and digits`);
  if (typeof type !== 'string' || !Object.hasOwn(types, type)) {
    const allowed = Object.keys(types).map((word) => JSON.stringify(word));
    fail('manifest', `${where}.type: found ${show(type)}; must be ${allowed.join(' or ')}`);
  }
  return { name, type: types[type] };
}

function devicesAt(value: Json, where: string, types: Readonly<Record<string, Device['type']>>): Device[] {
  if (!Array.isArray(value)) fail('manifest', `${where}: found ${show(value)}; must be a list of devices`);
  if (value.length > maximumDevices)
    fail('manifest', `${where}: ${value.length} devices; an image can have at most ${maximumDevices}`);
  const devices = value.map((device, i) => deviceAt(device, `${where}[${i}]`, types));
  const first = new Map<string, number>();
  for (const [i, { name }] of devices.entries()) {
    const before = first.get(name);
    if (before !== undefined)
      fail('manifest', `${where}[${i}].name: "${name}" is already the name of ${where}[${before}]; rename one of them`);
    first.set(name, i);
  }
  return devices;
}

/**
 * Checks the "devices" of casemate.json: a list of {"name", "type": "net" | "block"}. `where` names the list in
 * messages, for example `casemate.json: devices`.
 */
export function checkDevices(value: Json, where = 'devices'): Device[] {
  return devicesAt(value, where, { block: 'block', net: 'net' });
}

/** Reads a manifest in Solo5's own JSON form, as MirageOS writes it. `file` names it in messages. */
export function parseSolo5Manifest(text: string, file: string): Device[] {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail('manifest', `${printable(file)}: not JSON: ${printable((error as Error).message)}`);
  }
  const where = printable(file);
  const manifest = objectAt(value, where, ['type', 'version', 'devices']);
  if (manifest['type'] !== 'solo5.manifest')
    fail('manifest', `${where}: type: found ${show(manifest['type'])}; must be "solo5.manifest"`);
  if (manifest['version'] !== version)
    fail('manifest', `${where}: version: found ${show(manifest['version'])}; must be ${version}`);
  return devicesAt(manifest['devices'], `${where}: devices`, { BLOCK_BASIC: 'block', NET_BASIC: 'net' });
}

/** The MFT1 note's descriptor for checked devices, in their order. */
export function encodeManifest(devices: readonly Device[]): Uint8Array {
  const checked = checkDevices(devices);
  const entries = checked.length + 1;
  const bytes = new Uint8Array(padding + headerSize + entrySize * entries);
  const view = new DataView(bytes.buffer);
  view.setUint32(padding, version, true);
  view.setUint32(padding + 4, entries, true);
  view.setUint32(padding + headerSize + typeOffset, reservedType, true);
  for (const [i, device] of checked.entries()) {
    const at = padding + headerSize + entrySize * (i + 1);
    bytes.set(new TextEncoder().encode(device.name), at);
    view.setUint32(at + typeOffset, typeNumbers[device.type], true);
  }
  return bytes;
}

function deviceOfEntry(bytes: Uint8Array, at: number, where: string): Device {
  const end = bytes.subarray(at, at + nameSize).indexOf(0);
  if (end < 0) fail('image', `${where}: the name has no end in its ${nameSize} bytes`);
  const name = Buffer.from(bytes.buffer, bytes.byteOffset + at, end).toString('latin1');
  if (!/^[A-Za-z0-9]{1,67}$/.test(name))
    fail('image', `${where}: the name is ${show(name)}; must be 1 to 67 letters and digits`);
  const type = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(typeOffset, true);
  if (type !== typeNumbers.block && type !== typeNumbers.net)
    fail('image', `${where}: "${name}" has type ${type}; must be 1 (block) or 2 (net)`);
  if (bytes[at + attachedOffset] !== 0)
    fail('image', `${where}: "${name}" is marked as attached; only a tender may do that`);
  return { name, type: type === typeNumbers.block ? 'block' : 'net' };
}

/** Devices of an MFT1 note's descriptor; `where` names the note in messages. */
export function decodeManifest(descriptor: Uint8Array, where = 'MFT1 note'): Device[] {
  const smallest = padding + headerSize + entrySize;
  if (descriptor.length < smallest)
    fail('image', `${where}: the descriptor has ${descriptor.length} bytes; the smallest manifest has ${smallest}`);
  const view = new DataView(descriptor.buffer, descriptor.byteOffset, descriptor.length);
  const found = view.getUint32(padding, true);
  if (found !== version) fail('image', `${where}: manifest version ${found}; must be ${version}`);
  const entries = view.getUint32(padding + 4, true);
  if (entries < 1 || entries > maximumDevices + 1)
    fail('image', `${where}: ${entries} entries; must be 1 to ${maximumDevices + 1}`);
  const size = padding + headerSize + entrySize * entries;
  if (descriptor.length !== size)
    fail('image', `${where}: the descriptor has ${descriptor.length} bytes; ${entries} entries need ${size}`);
  const reserved = view.getUint32(padding + headerSize + typeOffset, true);
  if (reserved !== reservedType || descriptor[padding + headerSize] !== 0) {
    fail(
      'image',
      `${where}: entry 0 has type ${hex(reserved)}; it is reserved, without a name and of type ${hex(reservedType)}`,
    );
  }
  const devices: Device[] = [];
  for (let i = 1; i < entries; i++) {
    const device = deviceOfEntry(descriptor, padding + headerSize + entrySize * i, `${where}: entry ${i}`);
    if (devices.some(({ name }) => name === device.name))
      fail('image', `${where}: entry ${i}: the name "${device.name}" occurs twice`);
    devices.push(device);
  }
  return devices;
}
