/**
 * The stub as it lies before a program: pages of header, code and veneer, put there and found again.
 *
 * In an ELF file the three pages are segments of their own. Their addresses are those at which QEMU loads the file
 * (p_paddr), and far above those of the program, which is linked at 0 and lies in the pages after them; where it runs is
 * decided at each start.
 */
import { fail, hex } from '../../../base/errors.ts';
import * as elf from '../../../linker/elf.ts';
import type { ElfFile, ElfSegment } from '../../../linker/elf-file.ts';
import { assemble } from '../../../machine/assemble/listing.ts';
import { j } from '../../../machine/assemble/riscv64.ts';
import { PAGE } from '../../regions.ts';
import { stage0Listing } from './code.ts';
import { decodeConfig, encodeConfig, hasConfig, STUB_SIZE, type Stage0Config } from './config.ts';

/** Where QEMU's -kernel loads: the first address after OpenSBI. Nothing else depends on it. */
export const LOAD_BASE = 0x80200000;
export const PROGRAM_BASE = LOAD_BASE + STUB_SIZE;

export const HEADER_SECTION = '.casemate.stage0.header';
export const CODE_SECTION = '.casemate.stage0';
export const VENEER_SECTION = '.casemate.stage0.veneer';

export interface StubCode {
  /** Code and veneer, a page each; what is left of a page is zero, which is no instruction. */
  readonly pages: Uint8Array;
  readonly sizes: { readonly code: number; readonly veneer: number };
  /** Offsets of labels in the two pages. */
  readonly labels: ReadonlyMap<string, number>;
  /** The header's first instruction. */
  readonly jump: readonly number[];
}

let made: StubCode | undefined;

/** The stub's code, the same for every image. */
export function stubCode(): StubCode {
  if (made !== undefined) return made;
  const { bytes, labels } = assemble(stage0Listing());
  const sizes = { code: labels.get('code end')!, veneer: bytes.length - labels.get('veneer')! };
  if (labels.get('veneer') !== PAGE || sizes.veneer > PAGE)
    throw new Error(`the stub has ${sizes.code} bytes, its veneer ${sizes.veneer}; a page has ${PAGE}`);
  const pages = new Uint8Array(2 * PAGE);
  pages.set(bytes);
  const [first] = [j('code').forms[0]!.encode(PAGE, 0)!];
  made = { pages, sizes, labels, jump: first };
  return made;
}

/** The three pages. */
export function stubPages(config: Stage0Config): Uint8Array {
  const code = stubCode();
  const pages = new Uint8Array(STUB_SIZE);
  pages.set(encodeConfig(config, code.jump));
  pages.set(code.pages, PAGE);
  return pages;
}

export interface FoundStub {
  readonly config: Stage0Config;
  /** Program headers of the stub's pages. */
  readonly indices: readonly number[];
}

/** The bytes of the PT_LOAD that is loaded at exactly `address`. */
function loadedAt(file: ElfFile, bytes: Uint8Array, address: number): { index: number; data: Uint8Array } | undefined {
  const index = file.segments.findIndex(
    ({ type, loadAddress, fileSize }) => type === elf.PT_LOAD && Number(loadAddress) === address && fileSize === PAGE,
  );
  const segment: ElfSegment | undefined = file.segments[index];
  if (segment === undefined) return undefined;
  return { index, data: bytes.subarray(segment.offset, segment.offset + segment.fileSize) };
}

/**
 * The stub before an image; undefined for an image that has none. Fails with 'image' for one whose code is not ours or
 * whose configuration is damaged: `file` names it.
 */
export function findStub(image: ElfFile, bytes: Uint8Array, file: string): FoundStub | undefined {
  if (image.header.machine !== elf.EM_RISCV) return undefined;
  const [header, code, veneer] = [0, 1, 2].map((i) => loadedAt(image, bytes, LOAD_BASE + i * PAGE));
  if (header === undefined || !hasConfig(header.data)) return undefined;
  const ours = stubCode();
  const config = decodeConfig(header.data, ours.jump, file);
  for (const [i, part] of [code, veneer].entries()) {
    const page = ours.pages.subarray(i * PAGE, (i + 1) * PAGE);
    const differs = part === undefined ? 0 : part.data.findIndex((byte, at) => byte !== page[at]);
    if (differs >= 0)
      fail(
        'image',
        `${file}: the stub's code at ${hex(LOAD_BASE + (i + 1) * PAGE + differs)} is not this casemate's; harden the original again`,
      );
  }
  if (Number(image.header.entry) !== LOAD_BASE)
    fail('image', `${file}: is entered at ${hex(image.header.entry)}; its stub is at ${hex(LOAD_BASE)}`);
  return { config, indices: [header.index, code!.index, veneer!.index] };
}
