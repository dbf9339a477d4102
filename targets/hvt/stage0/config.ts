/**
 * What one image tells its stage-0 stub: the configuration page, and how to read it back.
 *
 * The stub's code is the same for every image. All that differs lies in the page after it: where the image's parts are
 * and what each may do, what must be there or else the guest halts, where the stack-protector canary lives, and 32 bytes
 * of seed that are secret in an image made for one launch and zero otherwise. The stub's own constants (messages, the
 * pattern of ChaCha20's rounds) share the page, so that the page of code holds nothing but code.
 *
 * Numbers are little endian; addresses are guest-physical, below 4 GiB, as everything that hvt loads.
 */
import { fail, hex } from '../../../base/errors.ts';
import { KINDS, type Kind, PAGE, type Region } from '../../regions.ts';

export { KINDS, type Kind, PAGE, type Region };

/** What a machine must have or the guest halts with a message. */
export const REQUIREMENTS = ['xom', 'pku', 'entropy'] as const;
export type Requirement = (typeof REQUIREMENTS)[number];

export interface Stage0Config {
  readonly require: readonly Requirement[];
  /** The program's entry point. */
  readonly entry: number;
  /** First page after the image: the heap begins here. */
  readonly top: number;
  /** Address of __stack_chk_guard; 0 when the image has none that is known. */
  readonly canary: number;
  /** The interrupt gates that the stub completes before their page becomes read-only; 16 bytes each, see gates.ts. */
  readonly gates: { readonly address: number; readonly count: number };
  /** Largest stack, bytes, whole pages; a small guest gets a quarter of its free memory. */
  readonly stack: number;
  /** Bytes that the stub clears last, whole pages: itself, where it lies in memory that the program gets. */
  readonly wipe: { readonly start: number; readonly size: number };
  /** 32 bytes. */
  readonly seed: Uint8Array;
  /** Ascending, apart; the page of boot_info included. */
  readonly regions: readonly Region[];
}

/** Where in the page each field is: code.ts reads them there. */
export const FIELD = {
  magic: 0,
  version: 8,
  require: 12,
  entry: 16,
  top: 24,
  canary: 32,
  stack: 40,
  /** How many page tables of the lowest level the regions can need. */
  tables: 48,
  wipeStart: 52,
  wipeWords: 56,
  count: 60,
  seed: 64,
  kinds: 96,
  rounds: 128,
  sigma: 160,
  gates: 176,
  gateCount: 184,
  messages: 192,
  regions: 704,
} as const;

const magic = 'casemate';
export const STAGE0_VERSION = 1;

/** Bits of a page-table entry: Intel SDM volume 3, section 4.5. Accessed and dirty are set so that no walk writes. */
const entryBits: Record<Kind, bigint> = {
  read: (1n << 63n) | 0x21n,
  write: (1n << 63n) | 0x63n,
  // A user page under protection key 1: fetches succeed, data accesses fault under PKRU or SMAP.
  execute: (1n << 59n) | 0x25n,
  'read-execute': 0x21n,
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

const texts = {
  memory: 'not enough memory: give the guest more (tender option --mem)',
  nx: 'this machine has no no-execute pages (NX)',
  xom: 'execute-only text is required, and this machine has neither PKU nor SMAP',
  pku: 'protection keys are required, and this machine has none (PKU)',
  entropy: 'entropy is required, and this machine has neither RDSEED nor RDRAND that works',
} as const;

export type Message = keyof typeof texts;

/** What the stub can say before it halts the guest: a byte of length, then the text. */
const messages = Object.entries(texts).map(([name, text]) => ({
  name: name as Message,
  bytes: Buffer.from(`casemate: ABORT: stage 0: ${text}\n`),
}));

/** Offset of each message in the page. */
export const messageOffset: Readonly<Record<Message, number>> = (() => {
  let at: number = FIELD.messages;
  const offsets = messages.map(({ name, bytes }) => {
    const offset = at;
    at += 1 + bytes.length;
    return [name, offset];
  });
  if (at > FIELD.regions) throw new Error(`the stub's messages end at ${at}, after ${FIELD.regions}`);
  return Object.fromEntries(offsets);
})();

export const MOST_REGIONS = (PAGE - FIELD.regions) / 8 - 1;

/**
 * Page tables of the lowest level that can be needed: one for each 2 MiB through which a boundary runs. Six boundaries
 * beside the regions' own are chosen by the stub (ends of heap and stack, the pages beside them), and a network ring
 * brings two.
 */
function tablesFor(regions: readonly Region[]): number {
  return new Set(regions.flatMap(({ start, end }) => [start, end])).size + 8;
}

function checkRegions(regions: readonly Region[]): void {
  if (regions.length > MOST_REGIONS)
    fail(
      'limit',
      `${regions.length} parts with permissions of their own; the start-up stub has room for ${MOST_REGIONS}`,
    );
  let before = 0;
  for (const { start, end } of regions) {
    if (start < before || end <= start || start % PAGE !== 0 || end % PAGE !== 0 || end > 2 ** 32 - PAGE) {
      fail('layout', `pages ${hex(start)} to ${hex(end)}: must be whole pages below 4 GiB, after ${hex(before)}`);
    }
    before = end;
  }
}

function checkAddresses({ entry, top, canary, gates }: Stage0Config): void {
  for (const [what, at] of Object.entries({ entry, top, canary, gates: gates.address })) {
    if (!Number.isSafeInteger(at) || at < 0 || at >= 2 ** 32)
      fail('layout', `the ${what} of the image would be at ${hex(at)}; must be below 4 GiB`);
  }
}

/** The page's bytes. Fails for regions that are out of order or too many, and for addresses beyond 4 GiB. */
export function encodeConfig(config: Stage0Config): Uint8Array {
  checkAddresses(config);
  checkRegions(config.regions);
  const page = new Uint8Array(PAGE);
  const view = new DataView(page.buffer);
  page.set(Buffer.from(magic), FIELD.magic);
  view.setUint32(FIELD.version, STAGE0_VERSION, true);
  const flags = config.require.reduce((bits, name) => bits | (1 << REQUIREMENTS.indexOf(name)), 0);
  view.setUint32(FIELD.require, flags, true);
  view.setBigUint64(FIELD.entry, BigInt(config.entry), true);
  view.setBigUint64(FIELD.top, BigInt(config.top), true);
  view.setBigUint64(FIELD.canary, BigInt(config.canary), true);
  view.setBigUint64(FIELD.stack, BigInt(config.stack), true);
  view.setBigUint64(FIELD.gates, BigInt(config.gates.address), true);
  view.setUint32(FIELD.gateCount, config.gates.count, true);
  view.setUint32(FIELD.tables, tablesFor(config.regions), true);
  view.setUint32(FIELD.wipeStart, config.wipe.start, true);
  view.setUint32(FIELD.wipeWords, config.wipe.size / 8, true);
  view.setUint32(FIELD.count, config.regions.length, true);
  page.set(config.seed, FIELD.seed);
  KINDS.forEach((kind, i) => {
    view.setBigUint64(FIELD.kinds + 8 * i, entryBits[kind], true);
  });
  page.set(rounds.flat(), FIELD.rounds);
  page.set(Buffer.from('expand 32-byte k'), FIELD.sigma);
  for (const { name, bytes } of messages) {
    page[messageOffset[name]] = bytes.length;
    page.set(bytes, messageOffset[name] + 1);
  }
  config.regions.forEach(({ start, end, kind }, i) => {
    view.setUint32(FIELD.regions + 8 * i, start | KINDS.indexOf(kind), true);
    view.setUint32(FIELD.regions + 8 * i + 4, end, true);
  });
  return page;
}

/**
 * Reads a page that `encodeConfig` made; `file` names it in messages. Fails with 'image' when it is anything else: the
 * page must be, byte for byte, what encoding its content gives.
 */
export function decodeConfig(page: Uint8Array, file: string): Stage0Config {
  const bad = (what: string): never =>
    fail('image', `${file}: the stub's configuration ${what}; harden the image again`);
  if (page.length !== PAGE) bad(`has ${page.length} bytes; must be ${PAGE}`);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  if (Buffer.from(page.subarray(0, 8)).toString('latin1') !== magic) bad('does not begin with its magic word');
  const version = view.getUint32(FIELD.version, true);
  if (version !== STAGE0_VERSION) bad(`has version ${version}; this casemate knows ${STAGE0_VERSION}`);
  const count = view.getUint32(FIELD.count, true);
  if (count > MOST_REGIONS) bad(`counts ${count} regions; the most is ${MOST_REGIONS}`);
  const word = (at: number): number => {
    const value = view.getBigUint64(at, true);
    return value < 2n ** 32n ? Number(value) : bad(`holds ${hex(value)}, beyond 4 GiB`);
  };
  const flags = view.getUint32(FIELD.require, true);
  const config: Stage0Config = {
    require: REQUIREMENTS.filter((_, i) => (flags >> i) & 1),
    entry: word(FIELD.entry),
    top: word(FIELD.top),
    canary: word(FIELD.canary),
    gates: { address: word(FIELD.gates), count: view.getUint32(FIELD.gateCount, true) },
    stack: word(FIELD.stack),
    wipe: { start: view.getUint32(FIELD.wipeStart, true), size: 8 * view.getUint32(FIELD.wipeWords, true) },
    seed: page.slice(FIELD.seed, FIELD.seed + 32),
    regions: Array.from({ length: count }, (_, i) => {
      const start = view.getUint32(FIELD.regions + 8 * i, true);
      return {
        start: start - (start % PAGE),
        end: view.getUint32(FIELD.regions + 8 * i + 4, true),
        kind: KINDS[start % PAGE] ?? bad(`gives region ${i} the unknown kind ${start % PAGE}`),
      };
    }),
  };
  const again = encodeConfig(config);
  const differs = again.findIndex((byte, i) => byte !== page[i]);
  if (differs >= 0) bad(`holds ${hex(page[differs]!)} at ${hex(differs)} where ${hex(again[differs]!)} belongs`);
  return config;
}
