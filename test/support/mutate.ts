/**
 * Makes hostile ELF objects, archives and linker scripts out of good ones.
 *
 * Blind damage (flipped bits, cut or repeated bytes) mostly dies in the first checks of a reader. The mutations that
 * find defects know the format: they put a hostile value into one field of a header, symbol, relocation, group or
 * archive member and leave the rest intact, so that the value travels deep into the linker before it is used. Each
 * mutation is a pure function of the bytes and a seeded generator and says what it did.
 */
import type { Random } from './random.ts';

export interface Mutant {
  readonly bytes: Buffer;
  /** What was done, for the report of a failure. */
  readonly what: string;
}

type Mutation = (bytes: Buffer, random: Random) => string;

/** Values at the edges of what code assumes: signs, wraps, sizes of the file, off by one. */
function hostileNumber(random: Random, width: number, current: bigint, fileSize: number): bigint {
  const top = 1n << BigInt(8 * width);
  const edges = [0n, 1n, 2n, 3n, 7n, 0x7fn, 0xffn, 0xffffn, 0x10000n, 0x7fffffffn, 0x80000000n, 0xffffffffn];
  const wide = [1n << 32n, (1n << 53n) - 1n, 1n << 53n, 1n << 62n, (1n << 63n) - 1n, 1n << 63n, -1n, -2n, -8n, -4096n];
  const size = BigInt(fileSize);
  const near = [current + 1n, current - 1n, current * 2n, current / 2n, current ^ 0x80n, current + 0x1000n, -current];
  const ofFile = [size, size - 1n, size + 1n, size / 2n, size - 64n];
  const kinds = [edges, wide, near, ofFile, [BigInt(random.below(256)), BigInt(random.below(65536))]];
  const value = random.pick(random.pick(kinds));
  return ((value % top) + top) % top;
}

function readNumber(bytes: Buffer, offset: number, width: number): bigint {
  let value = 0n;
  for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i]!);
  return value;
}

function writeNumber(bytes: Buffer, offset: number, width: number, value: bigint): void {
  for (let i = 0, rest = value; i < width; i++, rest >>= 8n) bytes[offset + i] = Number(rest & 0xffn);
}

/** A field of a structure: name, offset in it, width in bytes. */
type Field = readonly [name: string, offset: number, width: number];

const fileHeader: readonly Field[] = [
  ['EI_CLASS', 4, 1],
  ['EI_DATA', 5, 1],
  ['EI_VERSION', 6, 1],
  ['e_type', 16, 2],
  ['e_machine', 18, 2],
  ['e_version', 20, 4],
  ['e_phoff', 32, 8],
  ['e_shoff', 40, 8],
  ['e_flags', 48, 4],
  ['e_ehsize', 52, 2],
  ['e_phnum', 56, 2],
  ['e_shentsize', 58, 2],
  ['e_shnum', 60, 2],
  ['e_shstrndx', 62, 2],
];
const sectionHeader: readonly Field[] = [
  ['sh_name', 0, 4],
  ['sh_type', 4, 4],
  ['sh_flags', 8, 8],
  ['sh_addr', 16, 8],
  ['sh_offset', 24, 8],
  ['sh_size', 32, 8],
  ['sh_link', 40, 4],
  ['sh_info', 44, 4],
  ['sh_addralign', 48, 8],
  ['sh_entsize', 56, 8],
];
const symbolFields: readonly Field[] = [
  ['st_name', 0, 4],
  ['st_info', 4, 1],
  ['st_other', 5, 1],
  ['st_shndx', 6, 2],
  ['st_value', 8, 8],
  ['st_size', 16, 8],
];
const relocationFields: readonly Field[] = [
  ['r_offset', 0, 8],
  ['r_type', 8, 4],
  ['r_sym', 12, 4],
  ['r_addend', 16, 8],
];

/** Section types worth swapping in. */
const sectionTypes = [
  0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 14, 15, 16, 17, 18, 19, 0x6fff4c03, 0x6ffffff6, 0x70000001, 0x70000003,
];
/** Single section flags, and a few known combinations. */
const sectionFlags = [0x1, 0x2, 0x4, 0x10, 0x20, 0x30, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x200000, 0x80000000];

function setField(bytes: Buffer, random: Random, base: number, [name, offset, width]: Field): string {
  const at = base + offset;
  if (at < 0 || at + width > bytes.length) return `${name} lies outside the file`;
  const current = readNumber(bytes, at, width);
  let value = hostileNumber(random, width, current, bytes.length);
  if (name === 'sh_type' && !random.oneIn(4)) value = BigInt(random.pick(sectionTypes));
  if (name === 'sh_flags' && !random.oneIn(4)) value = current ^ BigInt(random.pick(sectionFlags));
  if (name === 'st_info' && !random.oneIn(4)) value = BigInt(random.pick([0, 1, 2, 10]) * 16 + random.below(11));
  if (name === 'st_shndx' && random.oneIn(2)) value = BigInt(random.pick([0xfff1, 0xfff2, 0xffff, 0xff00, 0xfff3]));
  if (name === 'r_type' && !random.oneIn(4)) value = BigInt(random.below(70));
  writeNumber(bytes, at, width, value);
  return `${name} at ${at}: 0x${current.toString(16)} -> 0x${value.toString(16)}`;
}

interface SectionView {
  readonly header: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
}

/** Sections of a well-formed 64-bit little-endian object; those whose bytes are in the file. */
export function sectionsOf(bytes: Buffer): SectionView[] {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) return [];
  const table = Number(bytes.readBigUInt64LE(40));
  const count = bytes.readUInt16LE(60);
  const sections: SectionView[] = [];
  for (let i = 0; i < count; i++) {
    const header = table + 64 * i;
    if (header + 64 > bytes.length) break;
    sections.push({
      header,
      type: bytes.readUInt32LE(header + 4),
      flags: bytes.readUInt32LE(header + 8),
      offset: Number(bytes.readBigUInt64LE(header + 24)),
      size: Number(bytes.readBigUInt64LE(header + 32)),
    });
  }
  return sections;
}

function pickSection(
  bytes: Buffer,
  random: Random,
  wanted: (section: SectionView) => boolean,
): SectionView | undefined {
  const sections = sectionsOf(bytes).filter(wanted);
  return sections.length === 0 ? undefined : random.pick(sections);
}

/** A section whose bytes are in the file: after a first mutation, headers may lie. */
function hasBytes(bytes: Buffer, section: SectionView): boolean {
  return section.type !== 0 && section.type !== 8 && section.size > 0 && section.offset + section.size <= bytes.length;
}

/** One field of one entry of a table section. */
function setEntryField(bytes: Buffer, random: Random, type: number, size: number, fields: readonly Field[]): string {
  const section = pickSection(bytes, random, (s) => s.type === type && hasBytes(bytes, s));
  if (section === undefined) return flipBits(bytes, random);
  const entry = random.below(Math.floor(section.size / size));
  return `entry ${entry}: ${setField(bytes, random, section.offset + entry * size, random.pick(fields))}`;
}

const flipBits: Mutation = (bytes, random) => {
  const count = 1 + random.below(8);
  const where: number[] = [];
  for (let i = 0; i < count && bytes.length > 0; i++) {
    const at = random.below(bytes.length);
    bytes[at]! ^= 1 << random.below(8);
    where.push(at);
  }
  return `flipped a bit at ${where.join(', ')}`;
};

const overwriteNumber: Mutation = (bytes, random) => {
  const width = random.pick([1, 2, 4, 8]);
  const at = random.below(Math.max(1, bytes.length - width));
  return setField(bytes, random, at - (at % width), ['number', 0, width]);
};

const copyRange: Mutation = (bytes, random) => {
  const from = random.below(bytes.length);
  const to = random.below(bytes.length);
  const length = 1 + random.below(Math.min(256, bytes.length - Math.max(from, to)));
  bytes.copyWithin(to, from, from + length);
  return `copied ${length} bytes from ${from} to ${to}`;
};

const fillRange: Mutation = (bytes, random) => {
  const at = random.below(bytes.length);
  const length = 1 + random.below(Math.min(512, bytes.length - at));
  const value = random.pick([0, 0xff, 0x80, 0x41]);
  bytes.fill(value, at, at + length);
  return `filled ${length} bytes at ${at} with 0x${value.toString(16)}`;
};

const swapSectionHeaders: Mutation = (bytes, random) => {
  const sections = sectionsOf(bytes);
  if (sections.length < 2) return flipBits(bytes, random);
  const a = random.pick(sections).header;
  const b = random.pick(sections).header;
  const kept = Buffer.from(bytes.subarray(a, a + 64));
  bytes.copy(bytes, a, b, b + 64);
  if (random.oneIn(2)) kept.copy(bytes, b);
  return `section header at ${b} copied to ${a}`;
};

/** Section contents with a format of their own: strings without end, groups, unwind tables, notes, attributes. */
const damageContents: Mutation = (bytes, random) => {
  const section = pickSection(bytes, random, (s) => hasBytes(bytes, s));
  if (section === undefined) return flipBits(bytes, random);
  const end = section.offset + section.size;
  const what = `contents of the section of type ${section.type} at ${section.offset}`;
  switch (random.below(4)) {
    case 0:
      for (let at = section.offset; at < end; at++) if (bytes[at] === 0) bytes[at] = 0x41;
      return `${what}: no NUL left`;
    case 1:
      if (end > 0) bytes[end - 1] = 0x41;
      return `${what}: last byte is not NUL`;
    case 2: {
      const words = Math.max(1, Math.floor((end - section.offset) / 4));
      return `${what}: ${setField(bytes, random, section.offset + 4 * random.below(words), ['word', 0, 4])}`;
    }
    default:
      bytes.fill(random.pick([0, 0xff]), section.offset, end);
      return `${what}: filled`;
  }
};

const objectMutations: readonly Mutation[] = [
  flipBits,
  overwriteNumber,
  copyRange,
  fillRange,
  swapSectionHeaders,
  damageContents,
  damageContents,
  (bytes, random) => setField(bytes, random, 0, random.pick(fileHeader)),
  ...Array.from(
    { length: 6 },
    (): Mutation => (bytes, random) => {
      const section = pickSection(bytes, random, () => true);
      return section === undefined
        ? flipBits(bytes, random)
        : `section header ${section.header}: ${setField(bytes, random, section.header, random.pick(sectionHeader))}`;
    },
  ),
  ...Array.from({ length: 3 }, (): Mutation => (bytes, random) => setEntryField(bytes, random, 2, 24, symbolFields)),
  ...Array.from(
    { length: 4 },
    (): Mutation => (bytes, random) => setEntryField(bytes, random, 4, 24, relocationFields),
  ),
  (bytes, random) => setEntryField(bytes, random, 17, 4, [['group word', 0, 4]]),
];

/** Cuts the file, or adds to its end: changes of length happen outside the in-place mutations. */
function changeLength(bytes: Buffer, random: Random): Mutant {
  if (random.oneIn(3)) {
    const more = Buffer.alloc(1 + random.below(4096), random.pick([0, 0xff, 0x0a]));
    return { bytes: Buffer.concat([bytes, more]), what: `${more.length} bytes appended` };
  }
  const length = random.pick([random.below(bytes.length), random.below(128), bytes.length - 1 - random.below(64)]);
  return { bytes: Buffer.from(bytes.subarray(0, Math.max(0, length))), what: `cut to ${length} bytes` };
}

/** A hostile variant of a relocatable object; one to three mutations. */
export function mutateObject(good: Buffer, random: Random): Mutant {
  if (random.oneIn(12)) return changeLength(good, random);
  const bytes = Buffer.from(good);
  const count = random.pick([1, 1, 1, 2, 3]);
  const done = Array.from({ length: count }, () => random.pick(objectMutations)(bytes, random));
  return { bytes, what: done.join('; ') };
}

const memberFields: readonly Field[] = [
  ['ar_name', 0, 16],
  ['ar_date', 16, 12],
  ['ar_mode', 40, 8],
  ['ar_size', 48, 10],
  ['ar_fmag', 58, 2],
];

/** Offsets of the member headers of a well-formed archive (thin archives store only special members' bytes). */
export function memberHeaders(bytes: Buffer): number[] {
  const thin = bytes.subarray(0, 8).toString('latin1') === '!<thin>\n';
  const headers: number[] = [];
  for (let at = 8; at + 60 <= bytes.length; ) {
    headers.push(at);
    const name = bytes.subarray(at, at + 16).toString('latin1');
    const size = Number.parseInt(bytes.subarray(at + 48, at + 58).toString('latin1'), 10);
    const stored = thin && !/^\/(\/| |SYM64)/.test(name) ? 0 : size;
    if (!Number.isFinite(stored)) break;
    at += 60 + stored + (stored % 2);
  }
  return headers;
}

const memberTexts = ['-1', '0', '1', '99999999', '9999999999', '4294967296', '+12', '0x10', '1e9', ' ', '12 3', 'x'];
const memberNames = [
  '/',
  '//',
  '/SYM64/',
  '/0',
  '/99999999',
  '/-1',
  '#1/8',
  '#1/999999999',
  '../../x/',
  '/etc/passwd',
  '',
];

const archiveMutations: readonly Mutation[] = [
  flipBits,
  copyRange,
  fillRange,
  overwriteNumber,
  (bytes, random) => {
    const header = random.pick(memberHeaders(bytes));
    const [name, offset, width] = random.pick(memberFields);
    const text = name === 'ar_name' ? random.pick(memberNames) : random.pick(memberTexts);
    bytes.write(text.slice(0, width).padEnd(width), header + offset, 'latin1');
    return `${name} of the member at ${header}: "${text}"`;
  },
  (bytes, random) => {
    // The size is what everything after it depends on: wrong by a little.
    const header = random.pick(memberHeaders(bytes));
    const size = Number.parseInt(bytes.subarray(header + 48, header + 58).toString('latin1'), 10);
    const wrong = Math.max(0, size + random.pick([-61, -60, -2, -1, 1, 2, 59, 60, 1000]));
    bytes.write(String(wrong).padEnd(10), header + 48, 'latin1');
    return `size of the member at ${header}: ${size} -> ${wrong}`;
  },
  (bytes, random) => {
    // The symbol index is the first member: a big-endian count, offsets, names.
    const words = 1 + random.below(16);
    const at = 68 + 4 * random.below(words);
    if (at + 4 > bytes.length) return flipBits(bytes, random);
    const value = random.pick([
      0,
      1,
      7,
      8,
      0x7fffffff,
      0x80000000,
      0xffffffff,
      bytes.length,
      bytes.length - 1,
      0x10000,
    ]);
    bytes.writeUInt32BE(value >>> 0, at);
    return `symbol index word at ${at}: 0x${value.toString(16)}`;
  },
  (bytes, random) => {
    const header = random.pick(memberHeaders(bytes));
    const size = Number.parseInt(bytes.subarray(header + 48, header + 58).toString('latin1'), 10);
    const member = bytes.subarray(header + 60, Math.min(bytes.length, header + 60 + size));
    if (member.length < 64) return flipBits(bytes, random);
    return `in the member at ${header}: ${random.pick(objectMutations)(member, random)}`;
  },
];

/** A hostile variant of an archive. */
export function mutateArchive(good: Buffer, random: Random): Mutant {
  if (random.oneIn(10)) return changeLength(good, random);
  const bytes = Buffer.from(good);
  const count = random.pick([1, 1, 2]);
  const done = Array.from({ length: count }, () => random.pick(archiveMutations)(bytes, random));
  return { bytes, what: done.join('; ') };
}

const scriptNumbers = [
  '0',
  '1',
  '-1',
  '0x7fffffffffffffff',
  '0xffffffffffffffff',
  '1 << 63',
  '(1 << 40)',
  '99999999999999999999',
];
const scriptTokens = [
  ...['{', '}', '(', ')', ';', ',', ':', '=', '+=', '?', '/', '*', '.', '"', "'", '/*', '*/', '>', 'AT>'],
  ...['SECTIONS', 'PHDRS', 'MEMORY', 'KEEP', 'ASSERT(0, "no")', 'PROVIDE(x = .)', 'INCLUDE nothing.ld', 'ENTRY(x)'],
  ...['ALIGN(0)', 'ALIGN(3)', 'ALIGN(1 << 63)', '1 / 0', '1 % 0', 'ADDR(.nothing)', 'SIZEOF(.text)', 'LENGTH(nothing)'],
  ...['FILL(0)', 'QUAD(1 << 63)', '. = 0;', '. = . - 1;', '. += 1 << 62;', 'INSERT AFTER .text;', 'INPUT(nothing.o)'],
  ...[
    'GROUP(-lnothing)',
    'FLAGS(0xffffffff)',
    'SORT_BY_NAME(SORT_BY_NAME(SORT_BY_NAME(*)))',
    'undefined_symbol_in_script',
  ],
];

/** A hostile variant of a linker script: tokens and numbers changed, dropped, repeated; sometimes plain bytes. */
export function mutateScript(good: Buffer, random: Random): Mutant {
  if (random.oneIn(8)) {
    const bytes = Buffer.from(good);
    return { bytes, what: random.pick([flipBits, copyRange, fillRange])(bytes, random) };
  }
  if (random.oneIn(10)) return changeLength(good, random);
  const tokens = good.toString('latin1').split(/(\s+|[{}();,])/);
  const done: string[] = [];
  for (let i = 1 + random.below(3); i > 0; i--) {
    const at = random.below(tokens.length);
    const token = tokens[at]!;
    switch (random.below(6)) {
      case 0:
        tokens.splice(at, 1);
        done.push(`dropped "${token}"`);
        break;
      case 1:
        tokens.splice(at, 0, ` ${random.pick(scriptTokens)} `);
        done.push(`inserted "${tokens[at]}"`);
        break;
      case 2: {
        const numbers = tokens
          .map((t, index) => (/^-?(0x)?[0-9a-fA-F]+[KM]?$/.test(t) ? index : -1))
          .filter((n) => n >= 0);
        const which = numbers.length === 0 ? at : random.pick(numbers);
        tokens[which] = random.pick(scriptNumbers);
        done.push(`number -> ${tokens[which]}`);
        break;
      }
      case 3:
        tokens.splice(at, 0, ...tokens.slice(at, at + 1 + random.below(20)));
        done.push(`repeated tokens at ${at}`);
        break;
      case 4: {
        const other = random.below(tokens.length);
        [tokens[at], tokens[other]] = [tokens[other]!, token];
        done.push(`swapped tokens ${at} and ${other}`);
        break;
      }
      default: {
        const deep = random.pick(['(', '{', '- ', '! ', '/* ']).repeat(random.pick([50, 20_000]));
        tokens.splice(at, 0, deep);
        done.push(`nested ${deep.length} times at ${at}`);
      }
    }
  }
  return { bytes: Buffer.from(tokens.join(''), 'latin1'), what: done.join('; ') };
}
