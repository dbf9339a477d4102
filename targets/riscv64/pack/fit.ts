/**
 * FIT: U-Boot's image tree, a device tree that holds a raw image, where it goes, and its SHA-256, which `bootm` checks
 * before it copies the image. Whoever signs images signs this hash.
 * Source: U-Boot, doc/usage/fit/source_file_format.rst.
 */
import { createHash } from '../../../base/node.ts';
import { bigEndian } from './big-endian.ts';
import { fdtText, writeFdt } from './fdt.ts';

/** An address as one cell, or as two where it needs them; U-Boot takes either. */
function address(value: number): Uint8Array {
  return value > 0xffffffff ? bigEndian(Math.floor(value / 2 ** 32), value) : bigEndian(value);
}

/** `load`: physical address where the image goes. The tree's time is 0, so that equal images are equal. */
export function fitImage(raw: Uint8Array, load: number, name: string): Uint8Array {
  const kernel = {
    properties: {
      description: fdtText(name),
      data: raw,
      type: fdtText('kernel'),
      arch: fdtText('riscv'),
      os: fdtText('linux'),
      compression: fdtText('none'),
      load: address(load),
      entry: address(load),
    },
    children: {
      'hash-1': { properties: { algo: fdtText('sha256'), value: createHash('sha256').update(raw).digest() } },
    },
  };
  const configuration = { properties: { description: fdtText(name), kernel: fdtText('kernel-1') } };
  return writeFdt({
    properties: { timestamp: bigEndian(0), description: fdtText(name), '#address-cells': bigEndian(1) },
    children: {
      images: { properties: {}, children: { 'kernel-1': kernel } },
      configurations: { properties: { default: fdtText('conf-1') }, children: { 'conf-1': configuration } },
    },
  });
}
