/**
 * Flattened device trees for tests, from nested plain data.
 * Source: Devicetree Specification 0.4, chapter 5.
 */

export interface TreeNode {
  readonly [name: string]: TreeNode | Uint8Array | string | readonly number[];
}

export interface TreeOptions {
  /** Memory reservations: address and size. */
  readonly reservations?: readonly (readonly [bigint, bigint])[];
}

/** Values of 32 bits, big endian. */
export function cells(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value);
  return bytes;
}

/** Values of 64 bits as two cells each. */
export function wide(...values: (bigint | number)[]): Uint8Array {
  return cells(...values.flatMap((value) => [Number(BigInt(value) >> 32n), Number(BigInt(value) & 0xffffffffn)]));
}

function isNode(value: TreeNode[string]): value is TreeNode {
  return typeof value !== 'string' && !(value instanceof Uint8Array) && !Array.isArray(value);
}

/** Strings become bytes with a zero at the end, lists of numbers cells, objects nodes. */
export function deviceTree(root: TreeNode, { reservations = [] }: TreeOptions = {}): Uint8Array {
  const strings: string[] = [];
  const offsetOf = (name: string): number => {
    const at = strings.indexOf(name);
    if (at < 0) strings.push(name);
    const index = at < 0 ? strings.length - 1 : at;
    return strings.slice(0, index).reduce((sum, each) => sum + each.length + 1, 0);
  };
  const padded = (bytes: Uint8Array): number[] => [
    ...bytes,
    ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0),
  ];
  const structure: number[] = [];
  const token = (...values: number[]): void => {
    structure.push(...cells(...values));
  };
  const write = (name: string, node: TreeNode): void => {
    token(1);
    structure.push(...padded(Buffer.from(`${name}\0`)));
    for (const [key, value] of Object.entries(node)) {
      if (isNode(value)) continue;
      const bytes =
        typeof value === 'string'
          ? Buffer.from(`${value}\0`, 'latin1')
          : value instanceof Uint8Array
            ? value
            : cells(...(value as readonly number[]));
      token(3, bytes.length, offsetOf(key));
      for (const byte of padded(bytes)) structure.push(byte);
    }
    for (const [key, value] of Object.entries(node)) if (isNode(value)) write(key, value);
    token(2);
  };
  write('', root);
  token(9);
  const names = Buffer.from(strings.map((each) => `${each}\0`).join(''), 'latin1');
  const reserved = wide(...reservations.flat(), 0, 0);
  const structureAt = 40 + reserved.length;
  const stringsAt = structureAt + structure.length;
  const total = (stringsAt + names.length + 7) & ~7;
  const header = cells(0xd00dfeed, total, structureAt, stringsAt, 40, 17, 16, 0, names.length, structure.length);
  const blob = new Uint8Array(total);
  blob.set(header);
  blob.set(reserved, 40);
  blob.set(structure, structureAt);
  blob.set(names, stringsAt);
  return blob;
}
