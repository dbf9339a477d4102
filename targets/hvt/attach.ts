/**
 * Which host device stands behind which name of an image's manifest: what the user says, held against what the image
 * wants.
 *
 * A tender starts only when every device of the manifest is attached, and knows devices by their names. What is missing
 * or misspelt is answered with the image's whole list, because whoever starts a unikernel often did not build it.
 */
import { fail, printable } from '../../base/errors.ts';
import type { Device } from './manifest.ts';

export interface BlockAttachment {
  readonly name: string;
  /** A file or block device of the host. */
  readonly path: string;
  /** Bytes: a power of two from 512 to 32768; default 512. */
  readonly blockSize?: number;
}

export interface NetAttachment {
  readonly name: string;
  /** QEMU's network back end: 'user', 'socket', 'tap', ... */
  readonly backend: string;
  /** Its further options as QEMU spells them, without a leading comma: `hostfwd=tcp::8080-:80`. */
  readonly options: string;
  /** Six bytes; a random local address by default. */
  readonly mac?: readonly number[];
  /** 68 to 9000; default 1500, or that of the tap interface. */
  readonly mtu?: number;
}

/** A device of the manifest with what is attached to it. `index` is the manifest's entry. */
export type AttachedDevice =
  | { readonly index: number; readonly type: 'block'; readonly attachment: BlockAttachment }
  | { readonly index: number; readonly type: 'net'; readonly attachment: NetAttachment };

function splitName(text: string, option: string, value: string): [name: string, rest: string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) fail('usage', `${option} ${printable(text)}: must be NAME=${value}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `NAME=FILE`. */
export function parseBlock(text: string): BlockAttachment {
  const [name, path] = splitName(text, '--block', 'FILE');
  return { name, path };
}

/** `NAME=BACKEND[,OPTIONS]`; a name alone means `NAME=user`. */
export function parseNet(text: string): NetAttachment {
  if (/^[A-Za-z0-9]+$/.test(text)) return { name: text, backend: 'user', options: '' };
  const [name, rest] = splitName(text, '--net', 'user, NAME=socket,... or NAME=tap,ifname=...');
  const comma = rest.indexOf(',');
  const backend = comma < 0 ? rest : rest.slice(0, comma);
  const options = comma < 0 ? '' : rest.slice(comma + 1);
  if (!/^[a-z][a-z0-9-]*$/.test(backend))
    fail('usage', `--net ${printable(text)}: the back end is "${printable(backend)}"; must be user, socket or tap`);
  if (/(^|,)id=/.test(options)) fail('usage', `--net ${printable(text)}: id= is chosen by casemate; leave it out`);
  return { name, backend, options };
}

/** `NAME=BYTES`, for `--block-size`. */
export function parseBlockSize(text: string): { name: string; blockSize: number } {
  const [name, rest] = splitName(text, '--block-size', 'BYTES');
  const blockSize = /^[0-9]{1,6}$/.test(rest) ? Number(rest) : 0;
  if (blockSize < 512 || blockSize > 32768 || (blockSize & (blockSize - 1)) !== 0)
    fail('usage', `--block-size ${printable(text)}: must be a power of two from 512 to 32768`);
  return { name, blockSize };
}

/** `NAME=xx:xx:xx:xx:xx:xx`, for `--mac`. */
export function parseMac(text: string): { name: string; mac: readonly number[] } {
  const [name, rest] = splitName(text, '--mac', 'xx:xx:xx:xx:xx:xx');
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(rest))
    fail('usage', `--mac ${printable(text)}: must be six bytes in hexadecimal, separated by colons`);
  const mac = rest.split(':').map((byte) => Number.parseInt(byte, 16));
  if (mac[0] & 1) fail('usage', `--mac ${printable(text)}: a multicast address; the first byte must be even`);
  return { name, mac };
}

const options = { block: '--block', net: '--net' } as const;
const examples = { block: 'FILE', net: 'user' } as const;

function listOf(devices: readonly Device[]): string {
  if (devices.length === 0) return 'the image wants no devices';
  return `the image's devices are ${devices.map(({ name, type }) => `${type} "${name}"`).join(', ')}`;
}

/** The settings of devices by name: every name must be one of the attached. */
function settingsOf<T extends { readonly name: string }>(
  settings: readonly T[],
  attached: readonly { readonly name: string }[],
  option: string,
): Map<string, T> {
  const result = new Map<string, T>();
  for (const setting of settings) {
    const name = printable(setting.name);
    if (result.has(setting.name)) fail('usage', `${option} ${name}=...: given twice`);
    if (!attached.some((device) => device.name === setting.name))
      fail('usage', `${option} ${name}=...: no device of this name is attached`);
    result.set(setting.name, setting);
  }
  return result;
}

/** Block attachments with their sizes from `--block-size`. */
export function withBlockSizes(
  blocks: readonly BlockAttachment[],
  sizes: readonly { name: string; blockSize: number }[],
): BlockAttachment[] {
  const known = settingsOf(sizes, blocks, '--block-size');
  return blocks.map((block) => ({ ...block, ...known.get(block.name) }));
}

/** Network attachments with their addresses from `--mac`. */
export function withMacs(
  nets: readonly NetAttachment[],
  macs: readonly { name: string; mac: readonly number[] }[],
): NetAttachment[] {
  const known = settingsOf(macs, nets, '--mac');
  return nets.map((net) => ({ ...net, ...known.get(net.name) }));
}

/** Devices with their attachments, in the manifest's order. Throws a 'usage' error unless each has exactly one. */
export function attachDevices(
  devices: readonly Device[],
  blocks: readonly BlockAttachment[],
  nets: readonly NetAttachment[],
): AttachedDevice[] {
  const given = [
    ...blocks.map((attachment) => ({ type: 'block' as const, attachment })),
    ...nets.map((attachment) => ({ type: 'net' as const, attachment })),
  ];
  const seen = new Set<string>();
  for (const { type, attachment } of given) {
    const name = printable(attachment.name);
    if (!devices.some((device) => device.type === type && device.name === attachment.name))
      fail('usage', `${options[type]} ${name}=...: the image has no ${type} device "${name}"; ${listOf(devices)}`);
    if (seen.has(attachment.name)) fail('usage', `${options[type]} ${name}=...: given twice`);
    seen.add(attachment.name);
  }
  const missing = devices.filter(({ name }) => !seen.has(name));
  if (missing.length > 0) {
    const how = missing.map(({ name, type }) => `${options[type]} ${name}=${examples[type]}`).join(' ');
    fail('usage', `every device of the image must be attached; add ${how}; ${listOf(devices)}`);
  }
  return devices.map(({ name }, i): AttachedDevice => {
    const found = given.find(({ attachment }) => attachment.name === name)!;
    return { index: i + 1, ...found } as AttachedDevice;
  });
}
