/**
 * The stub as it lies in an image: a page of code and its configuration page, put there and found again.
 *
 * Where relocations let the image move up, the stub takes the lowest pages that the tender allows, in a segment of its
 * own that is neither writable nor there once the program runs. Otherwise it lies after the image, where the program's
 * heap will be, and is cleared before the program starts.
 */
import { fail, hex } from '../../../base/errors.ts';
import { createHash } from '../../../base/node.ts';
import * as elf from '../../../linker/elf.ts';
import type { ElfFile, ElfSegment } from '../../../linker/elf-file.ts';
import { assemble } from '../../../machine/assemble/listing.ts';
import { bytesAt } from './canary.ts';
import { stage0Listing } from './code.ts';
import { decodeConfig, encodeConfig, PAGE, type Stage0Config } from './config.ts';
import { imageTop } from './regions.ts';

/** Bytes of the stub in memory: code, then configuration. */
export const STUB_SIZE = 2 * PAGE;

/** Where the stub lies when the image can move up: the lowest pages that the tender allows; and what comes after. */
export const STUB_BASE = 0x100000;
export const PROGRAM_BASE = STUB_BASE + STUB_SIZE;

/** Sections that describe it. */
export const CODE_SECTION = '.casemate.stage0';
export const CONFIG_SECTION = '.casemate.stage0.config';

/** The stub's code for the address `base`: at most a page. */
export function stubCode(base: number): Uint8Array {
  const { bytes } = assemble(stage0Listing(base + PAGE), base);
  if (bytes.length > PAGE) throw new Error(`the stub has ${bytes.length} bytes; a page has ${PAGE}`);
  return bytes;
}

/**
 * What `stubCode(STUB_BASE)` is: its bytes and their SHA-256, held true by a test, which says what to put here. A launch
 * waits for a slide, and that recognises the stub by its digest in a tenth of the time that assembling it takes.
 */
export const STUB_DIGEST = {
  size: 1435,
  sha256: 'e15ab3328c23f3b3e579e26950a9445678a8d6727fcf028af96d1dcbcf5c31b4',
};

function isKnownStub(base: number, code: Uint8Array): boolean {
  const { size, sha256 } = STUB_DIGEST;
  return base === STUB_BASE && createHash('sha256').update(code.subarray(0, size)).digest('hex') === sha256;
}

/** Where a page that should begin with the stub for `base` differs from it first; -1: nowhere. */
function firstDifference(base: number, page: Uint8Array): number {
  return isKnownStub(base, page) ? -1 : stubCode(base).findIndex((byte, i) => byte !== page[i]);
}

/** Both pages. */
export function stubPages(base: number, config: Stage0Config): Uint8Array {
  const pages = new Uint8Array(STUB_SIZE).fill(0xcc, 0, PAGE);
  // First what checks addresses, `base` among them: the image's end, or the lowest page.
  pages.set(encodeConfig(config), PAGE);
  pages.set(stubCode(base));
  return pages;
}

export interface FoundStub {
  readonly base: number;
  readonly config: Stage0Config;
  readonly segment: ElfSegment;
}

/**
 * The stub that an image begins with; undefined for an image that has none. Fails with 'image' for one whose code is
 * not ours or whose configuration is damaged: `file` names it.
 */
export function findStub(image: ElfFile, bytes: Uint8Array, file: string): FoundStub | undefined {
  const base = Number(image.header.entry);
  if (base >= 2 ** 32) return undefined;
  // Code and configuration may be in segments of their own.
  const [code, page] = [bytesAt(image, bytes, base, PAGE), bytesAt(image, bytes, base + PAGE, PAGE)];
  const magic = Buffer.from(page.subarray(0, 8)).toString('latin1');
  if (code.length !== PAGE || page.length !== PAGE || base % PAGE !== 0 || magic !== 'casemate') return undefined;
  const config = decodeConfig(page, file);
  const differs = firstDifference(base, code);
  if (differs >= 0)
    fail(
      'image',
      `${file}: the stub's code at ${hex(base + differs)} is not this casemate's; harden the original again`,
    );
  // The heap is mapped last and writable: beginning lower it would undo what the regions say of pages that it takes.
  const own = ({ address }: ElfSegment): boolean => address >= BigInt(base) && address < BigInt(base + STUB_SIZE);
  const top = imageTop({ ...image, segments: image.segments.filter((each) => !own(each)) });
  if (config.top !== top)
    fail(
      'image',
      `${file}: the stub's configuration begins the heap at ${hex(config.top)}, the image ends at ${hex(top)}; harden the original again`,
    );
  if (config.stack % PAGE !== 0)
    fail('image', `${file}: the stub's configuration asks for a stack of ${config.stack} bytes; must be whole pages`);
  const segment = image.segments.find(
    ({ type, address, memorySize }) =>
      type === elf.PT_LOAD && Number(address) <= base && base < Number(address) + memorySize,
  );
  return segment === undefined ? undefined : { base, config, segment };
}
