/** Flattened device trees (Devicetree Specification 0.4, chapter 5), made for tests: sound ones, and parts of them. */

export type Property = string | readonly number[] | Uint8Array;

export interface TreeNode {
  readonly name: string;
  readonly properties?: Readonly<Record<string, Property>>;
  readonly children?: readonly TreeNode[];
}

export interface TreeOptions {
  /** Pairs of address and size. */
  readonly reserved?: readonly (readonly [address: bigint, size: bigint])[];
  /** In place of the structure block's own bytes. */
  readonly structure?: Uint8Array;
  /** Header fields by byte offset, set last. */
  readonly header?: Readonly<Record<number, number>>;
  /** Bytes of the file; shorter cuts it off, longer pads it. */
  readonly size?: number;
}

export const BEGIN_NODE = 1;
export const END_NODE = 2;
export const PROP = 3;
export const NOP = 4;
export const END = 9;

/** Big-endian 32-bit words. */
export function cells(...words: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * words.length);
  for (const [i, word] of words.entries()) bytes.writeUInt32BE(word >>> 0, 4 * i);
  return bytes;
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`, 'latin1');
}

function bytesOf(value: Property): Uint8Array {
  if (typeof value === 'string') return text(value);
  return value instanceof Uint8Array ? value : cells(...value);
}

/** A tree's bytes. */
export function deviceTree(root: TreeNode, options: TreeOptions = {}): Buffer {
  const parts: Uint8Array[] = [];
  let strings = '';
  const nameOf = (name: string): number => {
    const at = `\0${strings}`.indexOf(`\0${name}\0`);
    if (at >= 0) return at;
    strings += `${name}\0`;
    return strings.length - name.length - 1;
  };
  const add = (node: TreeNode): void => {
    parts.push(cells(BEGIN_NODE), padded(text(node.name)));
    for (const [name, value] of Object.entries(node.properties ?? {})) {
      const bytes = bytesOf(value);
      parts.push(cells(PROP, bytes.length, nameOf(name)), padded(bytes));
    }
    for (const child of node.children ?? []) add(child);
    parts.push(cells(END_NODE));
  };
  add(root);
  parts.push(cells(END));
  const structure = options.structure ?? Buffer.concat(parts);
  const reserved = [...(options.reserved ?? []), [0n, 0n] as const].map(([address, size]) => {
    const entry = Buffer.alloc(16);
    entry.writeBigUInt64BE(address, 0);
    entry.writeBigUInt64BE(size, 8);
    return entry;
  });
  const reservedAt = 40;
  const structureAt = reservedAt + 16 * reserved.length;
  const stringsAt = structureAt + structure.length;
  const total = stringsAt + strings.length;
  const header = cells(
    ...[0xd00dfeed, total, structureAt, stringsAt, reservedAt, 17, 16, 0, strings.length, structure.length],
  );
  const tree = Buffer.concat([header, ...reserved, structure, Buffer.from(strings, 'latin1')]);
  for (const [offset, value] of Object.entries(options.header ?? {})) tree.writeUInt32BE(value >>> 0, Number(offset));
  if (options.size === undefined) return tree;
  return Buffer.concat([tree, Buffer.alloc(Math.max(0, options.size - tree.length))]).subarray(0, options.size);
}

/** 64-bit numbers as cells. */
export function wide(...values: readonly (number | bigint)[]): number[] {
  return values.flatMap((value) => [Number(BigInt(value) >> 32n), Number(BigInt(value) & 0xffffffffn)]);
}

export interface MachineTree {
  readonly memory?: readonly [address: number, size: number];
  readonly bootargs?: Property;
  readonly timebase?: number;
  readonly children?: readonly TreeNode[];
}

/** The root of a small machine like QEMU's virt: memory, one hart, no devices. */
export function machineTree(machine: MachineTree = {}): TreeNode {
  const [address, size] = machine.memory ?? [0x80000000, 128 << 20];
  const controller = {
    name: 'interrupt-controller',
    properties: { compatible: 'riscv,cpu-intc', phandle: [2], '#interrupt-cells': [1] },
  };
  return {
    name: '',
    properties: { '#address-cells': [2], '#size-cells': [2], compatible: 'casemate,test' },
    children: [
      { name: 'chosen', properties: { bootargs: machine.bootargs ?? '', 'rng-seed': Buffer.alloc(32, 0x5a) } },
      {
        name: `memory@${address.toString(16)}`,
        properties: { device_type: 'memory', reg: wide(address, size) },
      },
      {
        name: 'cpus',
        properties: {
          '#address-cells': [1],
          '#size-cells': [0],
          'timebase-frequency': [machine.timebase ?? 10_000_000],
        },
        children: [{ name: 'cpu@0', properties: { device_type: 'cpu', reg: [0] }, children: [controller] }],
      },
      ...(machine.children ?? []),
    ],
  };
}
