/**
 * Writes a flattened device tree: the container that U-Boot's FIT images are.
 * Source: Devicetree Specification 0.4, chapter 5 (version 17 of the format).
 */

import { bigEndian } from './big-endian.ts';

export interface FdtNode {
  /** In the order in which they are written. */
  readonly properties: Readonly<Record<string, Uint8Array>>;
  readonly children?: Readonly<Record<string, FdtNode>>;
}

const HEADER_SIZE = 40;
const RESERVATIONS_SIZE = 16;
const FDT_BEGIN_NODE = 1;
const FDT_END_NODE = 2;
const FDT_PROP = 3;
const FDT_END = 9;

/** A property's value: text, with the NUL that ends it. */
export function fdtText(value: string): Uint8Array {
  return Buffer.from(`${value}\0`);
}

function padded(bytes: Uint8Array): Uint8Array[] {
  const rest = -bytes.length & 3;
  return rest === 0 ? [bytes] : [bytes, new Uint8Array(rest)];
}

/** Names of properties, each stored once. */
interface Names {
  readonly offsets: Map<string, number>;
  size: number;
}

function nameOffset(names: Names, name: string): number {
  const known = names.offsets.get(name);
  if (known !== undefined) return known;
  const offset = names.size;
  names.offsets.set(name, offset);
  names.size += Buffer.byteLength(name) + 1;
  return offset;
}

function nodeParts(name: string, { properties, children = {} }: FdtNode, names: Names): Uint8Array[] {
  return [
    bigEndian(FDT_BEGIN_NODE),
    ...padded(fdtText(name)),
    ...Object.entries(properties).flatMap(([key, value]) => [
      bigEndian(FDT_PROP, value.length, nameOffset(names, key)),
      ...padded(value),
    ]),
    ...Object.entries(children).flatMap(([key, child]) => nodeParts(key, child, names)),
    bigEndian(FDT_END_NODE),
  ];
}

/** The bytes of the tree whose root is `root`. */
export function writeFdt(root: FdtNode): Uint8Array {
  const names: Names = { offsets: new Map(), size: 0 };
  const structure = Buffer.concat([...nodeParts('', root, names), bigEndian(FDT_END)]);
  const strings = Buffer.concat([...names.offsets.keys()].map(fdtText));
  const structureAt = HEADER_SIZE + RESERVATIONS_SIZE;
  const stringsAt = structureAt + structure.length;
  const header = bigEndian(
    0xd00dfeed,
    stringsAt + strings.length,
    structureAt,
    stringsAt,
    HEADER_SIZE,
    17, // version
    16, // last compatible version
    0, // boot processor
    strings.length,
    structure.length,
  );
  return Buffer.concat([header, new Uint8Array(RESERVATIONS_SIZE), structure, strings]);
}
