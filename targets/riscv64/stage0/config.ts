/**
 * What one image tells its stage-0 stub: the configuration, in the page of the image's header, and how to read it back.
 *
 * The page begins with the 64 bytes by which U-Boot and QEMU know a Linux-style Image; the stub's code and veneer, in the
 * two pages after it, are the same for every image. All that differs lies here: how large the program is, what each of
 * its pages may do, where its relocations are, and what the machine must have or else the guest halts. The stub's
 * constants (names in device trees, messages, the pattern of ChaCha20's rounds) and its scratch space share the page,
 * which is absent once the program runs.
 *
 * Numbers are little endian; addresses are virtual ones of a program linked at 0, so offsets from where it is loaded.
 * Sources: Linux, Documentation/riscv/boot-image-header.rst; The RISC-V Instruction Set Manual, volume II, section 4.4.
 */
import { fail, hex } from '../../../base/errors.ts';
import { littleEndian } from '../../../machine/assemble/listing.ts';
import { KINDS, type Kind, PAGE, type Region } from '../../regions.ts';

/** What a machine must have or the guest halts with a message. */
export const REQUIREMENTS = ['xom', 'entropy'] as const;
export type Requirement = (typeof REQUIREMENTS)[number];

/** Paging modes by name, with satp's number: levels of tables are 5 fewer. Best first, the order in which they are tried. */
export const MODES = { sv57: 10, sv48: 9, sv39: 8 } as const;
export type Mode = keyof typeof MODES;

export interface Stage0Config {
  readonly require: readonly Requirement[];
  /** Only this mode; absent: the best that the machine takes. */
  readonly mode?: Mode;
  readonly entry: number;
  /** Bytes of the program in memory from address 0, whole pages. */
  readonly span: number;
  /** From here to `span` the file holds nothing; a multiple of 64. */
  readonly zeroFrom: number;
  /** Largest stack, bytes, whole pages; a small guest gets a quarter of its free memory. */
  readonly stack: number;
  /** Tables of relocations in the image: RELA by entries, RELR by words. */
  readonly rela: { readonly address: number; readonly count: number };
  readonly relr: { readonly address: number; readonly count: number };
  /** Ascending, apart, within `span`. */
  readonly regions: readonly Region[];
}

/** Largest program, bytes: far below the windows that addresses are drawn from. */
export const MOST_SPAN = 2 ** 30;
export const MOST_STACK = 2 ** 30;
/** Regions of an image; with those of MOST_WINDOWS and four more they fill the boot block. */
export const MOST_REGIONS = 8;
/** Device windows that are mapped. */
export const MOST_WINDOWS = 36;
/** Largest device window that is mapped, bytes. */
export const MOST_WINDOW = 2 ** 26;
export const TRAP_STACK = 4 * PAGE;

/** Where in the page each field is: the stub's code reads them there. */
export const FIELD = {
  magic: 64,
  version: 72,
  require: 76,
  mode: 80,
  count: 84,
  entry: 88,
  span: 96,
  zeroFrom: 104,
  stack: 112,
  rela: 120,
  relaCount: 128,
  relr: 136,
  relrCount: 144,
  rounds: 160,
  sigma: 192,
  regions: 208,
  names: 208 + 16 * MOST_REGIONS,
  messages: 592,
  scratch: 1280,
} as const;

/** Bytes of a region: start and size of 32 bits, bits of a page-table entry, nothing. */
export const REGION_SIZE = 16;

const magic = 'casemate';
export const STAGE0_VERSION = 1;
export const HEADER_SIZE = 64;
/** Pages of header, code and veneer before the program. */
export const STUB_SIZE = 3 * PAGE;

/** V, R, W, X, A and D of a page-table entry. A and D are set, so that no walk writes. */
export const entryBits: Readonly<Record<Kind, number>> = {
  read: 0x43,
  write: 0xc7,
  execute: 0x49,
  'read-execute': 0x4b,
};

/** Operands of ChaCha20's quarter rounds: four columns, then four diagonals (RFC 8439, section 2.3). */
const rounds = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

/** What the stub looks for in a device tree, list by list; fdt.ts knows entries by their place. */
export const names = {
  properties: ['#address-cells', '#size-cells', 'compatible', 'device_type', 'ranges', 'reg', 'rng-seed', 'status'],
  reserved: ['reserved-memory'],
  memory: ['memory'],
  okay: ['okay', 'ok'],
  devices: ['virtio,mmio', 'google,goldfish-rtc', 'riscv,plic0', 'sifive,plic-1.0.0', 'riscv,imsics', 'riscv,aplic'],
} as const;

export type NameList = keyof typeof names;

/** Strings that end in a zero byte, and one more zero byte after each list. */
const nameBytes = Object.entries(names).map(([list, strings]) => ({
  list: list as NameList,
  bytes: Buffer.from(`${strings.map((each) => `${each}\0`).join('')}\0`, 'latin1'),
}));

const texts = {
  fdt: 'no device tree, or a damaged one',
  bank: 'the device tree has no memory node around this image',
  memory: 'not enough memory: give the guest more',
  mode: 'no paging mode of this machine is one that was asked for and reaches this memory',
  entropy: 'entropy is required, and this machine offers none (/chosen/rng-seed)',
  fault: 'memory that the device tree promises is not there',
} as const;

export type Message = keyof typeof texts;

/** What the stub can say before it halts the guest: text that ends in a zero byte. */
const messages = Object.entries(texts).map(([name, text]) => ({
  name: name as Message,
  bytes: Buffer.from(`casemate: ABORT: stage 0: ${text}\n\0`),
}));

/** Offsets of parts that stand one after another from `start`, which must not go past `end`. */
function offsetsOf<K extends string>(
  start: number,
  end: number,
  parts: readonly (readonly [K, Uint8Array])[],
): Readonly<Record<K, number>> {
  let at = start;
  const offsets = parts.map(([name, bytes]) => {
    const offset = at;
    at += bytes.length;
    return [name, offset] as const;
  });
  if (at > end) throw new Error(`constants of the stub end at ${at}, after ${end}`);
  return Object.fromEntries(offsets) as Record<K, number>;
}

export const nameOffset = offsetsOf(
  FIELD.names,
  FIELD.messages,
  nameBytes.map(({ list, bytes }) => [list, bytes] as const),
);

export const messageOffset = offsetsOf(
  FIELD.messages,
  FIELD.scratch,
  messages.map(({ name, bytes }) => [name, bytes] as const),
);

function checkRange(what: string, start: number, size: number, span: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(size) || start < 0 || size < 0 || start + size > span)
    fail('layout', `${what}: ${size} bytes at ${hex(start)} are not within the program's ${hex(span)}`);
}

function check(config: Stage0Config): void {
  const { span, stack, regions, rela, relr, zeroFrom, entry } = config;
  if (span > MOST_SPAN || span % PAGE !== 0 || span < PAGE)
    fail('limit', `the program takes ${hex(span)} bytes of memory; must be whole pages, at most ${hex(MOST_SPAN)}`);
  if (stack > MOST_STACK || stack % PAGE !== 0 || stack < PAGE)
    fail('limit', `a stack of ${stack} bytes; must be whole pages, at most ${MOST_STACK}`);
  if (regions.length > MOST_REGIONS)
    fail(
      'limit',
      `${regions.length} parts with permissions of their own; the start-up stub has room for ${MOST_REGIONS}`,
    );
  checkRange('the entry point', entry, 4, span);
  checkRange('relocations (RELA)', rela.address, rela.count * 24, span);
  checkRange('relocations (RELR)', relr.address, relr.count * 8, span);
  checkRange('memory to clear', zeroFrom, 0, span);
  if (zeroFrom % 64 !== 0 || rela.address % 8 !== 0 || relr.address % 8 !== 0 || entry % 2 !== 0)
    fail('layout', 'an address of the program is not aligned as the start-up stub needs it');
  let before = 0;
  for (const { start, end } of regions) {
    if (start < before || end <= start || start % PAGE !== 0 || end % PAGE !== 0 || end > span)
      fail('layout', `pages ${hex(start)} to ${hex(end)}: must be whole pages of the program, after ${hex(before)}`);
    before = end;
  }
}

/** The Linux-style Image header; its first instruction jumps to the stub in the next page. */
function imageHeader(jump: readonly number[], size: number): number[] {
  return [
    ...[...jump, 0, 0, 0, 0],
    ...littleEndian(0x200000, 8),
    ...littleEndian(size, 8),
    ...littleEndian(0, 8),
    ...littleEndian(2, 4),
    ...new Array<number>(12).fill(0),
    ...Buffer.from('RISCV\0\0\0RSC\x05\0\0\0\0', 'latin1'),
  ];
}

/**
 * The page's bytes; `jump` is its first instruction. Fails for regions that are out of order or too many, and for
 * addresses beyond the program.
 */
export function encodeConfig(config: Stage0Config, jump: readonly number[]): Uint8Array {
  check(config);
  const page = new Uint8Array(PAGE);
  const view = new DataView(page.buffer);
  page.set(imageHeader(jump, STUB_SIZE + config.span));
  page.set(Buffer.from(magic), FIELD.magic);
  view.setUint32(FIELD.version, STAGE0_VERSION, true);
  const flags = config.require.reduce((bits, name) => bits | (1 << REQUIREMENTS.indexOf(name)), 0);
  view.setUint32(FIELD.require, flags, true);
  view.setUint32(FIELD.mode, config.mode === undefined ? 0 : MODES[config.mode], true);
  view.setUint32(FIELD.count, config.regions.length, true);
  const { entry, span, zeroFrom, stack, rela, relr } = config;
  const words = { entry, span, zeroFrom, stack, rela: rela.address, relaCount: rela.count };
  for (const [name, value] of Object.entries({ ...words, relr: relr.address, relrCount: relr.count }))
    view.setBigUint64(FIELD[name as keyof typeof FIELD], BigInt(value), true);
  page.set(rounds.flat(), FIELD.rounds);
  page.set(Buffer.from('expand 32-byte k'), FIELD.sigma);
  for (const { list, bytes } of nameBytes) page.set(bytes, nameOffset[list]);
  for (const { name, bytes } of messages) page.set(bytes, messageOffset[name]);
  config.regions.forEach(({ start, end, kind }, i) => {
    const at = FIELD.regions + i * REGION_SIZE;
    view.setUint32(at, start, true);
    view.setUint32(at + 4, end - start, true);
    view.setUint32(at + 8, entryBits[kind], true);
  });
  return page;
}

/**
 * Reads a page that `encodeConfig` made; `file` names it in messages. Fails with 'image' when it is anything else: the
 * page must be, byte for byte, what encoding its content gives.
 */
export function decodeConfig(page: Uint8Array, jump: readonly number[], file: string): Stage0Config {
  const bad = (what: string): never =>
    fail('image', `${file}: the stub's configuration ${what}; harden the image again`);
  if (page.length !== PAGE) bad(`has ${page.length} bytes; must be ${PAGE}`);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  if (!hasConfig(page)) bad('does not begin with its magic word');
  const version = view.getUint32(FIELD.version, true);
  if (version !== STAGE0_VERSION) bad(`has version ${version}; this casemate knows ${STAGE0_VERSION}`);
  const count = view.getUint32(FIELD.count, true);
  if (count > MOST_REGIONS) bad(`counts ${count} regions; the most is ${MOST_REGIONS}`);
  const word = (at: number): number => {
    const value = view.getBigUint64(at, true);
    return value < 2n ** 32n ? Number(value) : bad(`holds ${hex(value)}, beyond 4 GiB`);
  };
  const flags = view.getUint32(FIELD.require, true);
  const number = view.getUint32(FIELD.mode, true);
  const mode = (Object.keys(MODES) as Mode[]).find((name) => MODES[name] === number);
  const config: Stage0Config = {
    require: REQUIREMENTS.filter((_, i) => (flags >> i) & 1),
    ...(mode === undefined ? {} : { mode }),
    entry: word(FIELD.entry),
    span: word(FIELD.span),
    zeroFrom: word(FIELD.zeroFrom),
    stack: word(FIELD.stack),
    rela: { address: word(FIELD.rela), count: word(FIELD.relaCount) },
    relr: { address: word(FIELD.relr), count: word(FIELD.relrCount) },
    regions: Array.from({ length: count }, (_, i) => {
      const at = FIELD.regions + i * REGION_SIZE;
      const start = view.getUint32(at, true);
      const bits = view.getUint32(at + 8, true);
      const kind = KINDS.find((name) => entryBits[name] === bits) ?? bad(`gives region ${i} the bits ${hex(bits)}`);
      return { start, end: start + view.getUint32(at + 4, true), kind };
    }),
  };
  const again = encodeConfig(config, jump);
  const differs = again.findIndex((byte, i) => byte !== page[i]);
  if (differs >= 0) bad(`holds ${hex(page[differs]!)} at ${hex(differs)} where ${hex(again[differs]!)} belongs`);
  return config;
}

/** Whether a page says that it is a stub's configuration. */
export function hasConfig(page: Uint8Array): boolean {
  return Buffer.from(page.subarray(FIELD.magic, FIELD.magic + 8)).toString('latin1') === magic;
}
