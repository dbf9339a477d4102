/**
 * Merges .riscv.attributes: what each object says of the ISA it was compiled for.
 *
 * The output needs one section that holds for the whole program: the union of the extensions, each in its highest
 * version, in the canonical order. Debuggers and emulators read it.
 * Source: RISC-V ELF psABI 1.0, "Attributes"; RISC-V unprivileged ISA, "ISA Extension Naming Conventions".
 */
import { fail, printable } from '../base/errors.ts';
import { SHT_RISCV_ATTRIBUTES } from './elf.ts';
import { Live, objectAt, type Program, Role, sectionContents } from './program.ts';
import { addSynthetic } from './synthetic.ts';

const TAG_FILE = 1;
const TAG_STACK_ALIGN = 4;
const TAG_ARCH = 5;
const TAG_UNALIGNED_ACCESS = 6;

export interface Attributes {
  stackAlign: number;
  arch: string;
  unalignedAccess: number;
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

function readUleb(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (cursor.at >= cursor.end) return -1;
    const byte = cursor.bytes[cursor.at++]!;
    value += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) return value;
  }
  return -1;
}

function readText(cursor: Cursor): string | undefined {
  const end = cursor.bytes.indexOf(0, cursor.at);
  if (end < 0 || end >= cursor.end) return undefined;
  const text = Buffer.from(cursor.bytes.subarray(cursor.at, end)).toString('latin1');
  cursor.at = end + 1;
  return text;
}

/** The file-level attributes of one section; undefined when it does not parse. */
export function parseAttributes(bytes: Uint8Array): Attributes | undefined {
  const result: Attributes = { stackAlign: 0, arch: '', unalignedAccess: 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 5 || bytes[0] !== 0x41) return undefined;
  const length = view.getUint32(1, true);
  if (length < 4 || 1 + length > bytes.length) return undefined;
  const cursor: Cursor = { bytes, at: 5, end: 1 + length };
  if (readText(cursor) !== 'riscv') return undefined;
  while (cursor.at + 5 <= cursor.end) {
    const start = cursor.at;
    const tag = bytes[cursor.at]!;
    const size = view.getUint32(cursor.at + 1, true);
    if (size < 5 || start + size > cursor.end) return undefined;
    if (tag === TAG_FILE && !readFileAttributes({ bytes, at: start + 5, end: start + size }, result)) return undefined;
    cursor.at = start + size;
  }
  return result;
}

function readFileAttributes(cursor: Cursor, result: Attributes): boolean {
  while (cursor.at < cursor.end) {
    const tag = readUleb(cursor);
    if (tag < 0) return false;
    if (tag % 2 === 1) {
      const text = readText(cursor);
      if (text === undefined) return false;
      if (tag === TAG_ARCH) result.arch = text;
    } else {
      const value = readUleb(cursor);
      if (value < 0) return false;
      if (tag === TAG_STACK_ALIGN) result.stackAlign = value;
      if (tag === TAG_UNALIGNED_ACCESS) result.unalignedAccess = value;
    }
  }
  return true;
}

const SINGLE_ORDER = 'iemafdqlcbkjtpvnh';

/** Canonical position: base and single letters, then z by its second letter's position, then s, then x. */
function extensionOrder(name: string): [number, number, string] {
  if (name.length === 1) return [0, SINGLE_ORDER.indexOf(name), name];
  const group = { z: 1, s: 2, x: 3 }[name[0]!] ?? 4;
  const second = SINGLE_ORDER.indexOf(name[1]!);
  return [group, group === 1 ? (second < 0 ? 99 : second) : 0, name];
}

/** An ISA string such as rv64i2p1_m2p0 as base and extensions with versions. */
export function parseArch(arch: string): { base: string; extensions: Map<string, string> } | undefined {
  const match = /^(rv32|rv64)(.*)$/.exec(arch);
  if (!match) return undefined;
  const extensions = new Map<string, string>();
  for (const part of match[2]!.split('_')) {
    let rest = part;
    while (rest.length > 0) {
      const one = /^([a-y])(\d+p\d+)?/.exec(rest);
      const many = /^([zsx][a-z0-9]*?)(\d+p\d+)?$/.exec(rest);
      // A multi-letter name takes the whole part; single letters may follow one another.
      const taken = many && many[1]!.length > 1 ? many : one;
      if (!taken) return undefined;
      extensions.set(taken[1]!, taken[2] ?? '');
      rest = rest.slice(taken[0].length);
    }
  }
  return { base: match[1]!, extensions };
}

function newerVersion(a: string, b: string): string {
  const [aMajor = 0, aMinor = 0] = a.split('p').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('p').map(Number);
  return aMajor > bMajor || (aMajor === bMajor && aMinor >= bMinor) ? a : b;
}

/** Union of ISA strings, canonically ordered. */
export function mergeArch(archs: readonly string[]): string | undefined {
  let base: string | undefined;
  const all = new Map<string, string>();
  for (const arch of archs) {
    const parsed = parseArch(arch);
    if (!parsed || (base !== undefined && parsed.base !== base)) return undefined;
    base = parsed.base;
    for (const [name, version] of parsed.extensions) all.set(name, newerVersion(version, all.get(name) ?? ''));
  }
  if (base === undefined) return undefined;
  const names = [...all.keys()].sort((a, b) => {
    const [ga, pa, na] = extensionOrder(a);
    const [gb, pb, nb] = extensionOrder(b);
    return ga - gb || pa - pb || (na < nb ? -1 : 1);
  });
  return base + names.map((name) => name + all.get(name)).join('_');
}

function uleb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return bytes;
}

export function encodeAttributes(attributes: Attributes): Uint8Array {
  const body: number[] = [];
  if (attributes.stackAlign) body.push(TAG_STACK_ALIGN, ...uleb(attributes.stackAlign));
  if (attributes.arch) body.push(TAG_ARCH, ...Buffer.from(attributes.arch, 'latin1'), 0);
  if (attributes.unalignedAccess) body.push(TAG_UNALIGNED_ACCESS, ...uleb(attributes.unalignedAccess));
  const fileSize = 5 + body.length;
  const vendor = Buffer.from('riscv\0', 'latin1');
  const bytes = new Uint8Array(1 + 4 + vendor.length + fileSize);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x41;
  view.setUint32(1, 4 + vendor.length + fileSize, true);
  bytes.set(vendor, 5);
  bytes[5 + vendor.length] = TAG_FILE;
  view.setUint32(6 + vendor.length, fileSize, true);
  bytes.set(body, 10 + vendor.length);
  return bytes;
}

/** Replaces the inputs' attribute sections by one. Errors: 'unsupported-input' when stack alignments differ. */
export function mergeAttributes(program: Program): void {
  if (program.machine !== 'riscv64') return;
  const t = program.sections;
  const archs: string[] = [];
  const merged: Attributes = { stackAlign: 0, arch: '', unalignedAccess: 0 };
  let name: string | undefined;
  for (let s = 0; s < t.count; s++) {
    if (t.type[s] !== SHT_RISCV_ATTRIBUTES || t.live[s] !== Live.Live || t.role[s] === Role.Ignored) continue;
    t.live[s] = Live.Dead;
    const object = objectAt(program, t.object[s]!);
    const parsed = parseAttributes(sectionContents(program, s));
    if (!parsed) fail('malformed-elf', `${object.name}: .riscv.attributes does not parse`);
    if (merged.stackAlign && parsed.stackAlign && merged.stackAlign !== parsed.stackAlign) {
      fail(
        'unsupported-input',
        `${object.name}: stack alignment ${parsed.stackAlign}, but ${name} has ${merged.stackAlign}; compile all with one -mabi`,
      );
    }
    name ??= object.name;
    merged.stackAlign ||= parsed.stackAlign;
    merged.unalignedAccess ||= parsed.unalignedAccess;
    if (parsed.arch && !archs.includes(parsed.arch)) archs.push(parsed.arch);
  }
  if (name === undefined) return;
  const arch = archs.length > 0 ? mergeArch(archs) : '';
  if (arch === undefined) {
    program.warnings.push(
      `ISA strings cannot be merged: ${archs.map((text) => printable(text)).join(', ')}; the first is kept`,
    );
  }
  merged.arch = arch ?? archs[0]!;
  const bytes = encodeAttributes(merged);
  const section = addSynthetic(program, {
    name: '.riscv.attributes',
    type: SHT_RISCV_ATTRIBUTES,
    flags: 0,
    align: 1,
    size: bytes.length,
  });
  program.contents.set(section, bytes);
}
