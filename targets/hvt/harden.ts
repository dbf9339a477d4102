/**
 * `casemate harden`: any hvt image in, one that protects itself at run time out.
 *
 * Nothing of the program changes but its entry point, and a store that would overwrite the canary; the protections are
 * the stub's (stage0/code.ts), which is told here what it needs. What an image does not allow is not guessed around:
 * it is reported by name, with the reason, next to what is enforced.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import { addSections, addSegment } from '../../linker/elf-edit.ts';
import { type ElfFile, type ElfSegment, readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { readHvtImage } from './image.ts';
import { type Canary, findCanary, replacementFor } from './stage0/canary.ts';
import { PAGE, type Region, type Requirement, type Stage0Config } from './stage0/config.ts';
import { dataSectionsIn, imageRegions, imageTop } from './stage0/regions.ts';
import { CODE_SECTION, CONFIG_SECTION, findStub, STUB_SIZE, stubPages } from './stage0/stub.ts';

export const DEFAULT_STACK = 1 << 20;

export interface HardenOptions {
  readonly require: readonly Requirement[];
  /** Largest stack, bytes, whole pages. */
  readonly stack: number;
}

/** One protection: whether the hardened image enforces it, and in words how, or why not. */
export interface Protection {
  readonly name: string;
  readonly enforced: boolean;
  readonly detail: string;
}

export interface Hardened {
  readonly bytes: Uint8Array;
  readonly protections: readonly Protection[];
}

function withBytes(bytes: Uint8Array, file: ElfFile, address: number, replacement: Uint8Array): void {
  const segment = file.segments.find(
    (s) => s.type === elf.PT_LOAD && address >= Number(s.address) && address < Number(s.address) + s.fileSize,
  );
  if (segment === undefined) throw new Error(`nothing is loaded at ${hex(address)}`);
  bytes.set(replacement, segment.offset + (address - Number(segment.address)));
}

/** The stub after the image: cleared by its own veneer, since the program takes that memory as its heap. */
function addStubAtEnd(file: ElfFile, config: Omit<Stage0Config, 'wipe'>): ElfFile {
  const base = config.top;
  const pages = stubPages(base, { ...config, wipe: { start: base, size: STUB_SIZE } });
  const flags = elf.SHF_ALLOC | elf.SHF_WRITE;
  const { file: longer, offsets } = addSections(file, [
    {
      name: CODE_SECTION,
      type: elf.SHT_PROGBITS,
      flags: flags | elf.SHF_EXECINSTR,
      address: BigInt(base),
      align: PAGE,
      data: pages.subarray(0, PAGE),
    },
    {
      name: CONFIG_SECTION,
      type: elf.SHT_PROGBITS,
      flags,
      address: BigInt(base + PAGE),
      align: PAGE,
      data: pages.subarray(PAGE),
    },
  ]);
  const segment: ElfSegment = {
    type: elf.PT_LOAD,
    // The tender makes only read-only segments read-only for the guest, and this memory becomes its heap.
    flags: elf.PF_R | elf.PF_W,
    offset: offsets[0]!,
    address: BigInt(base),
    loadAddress: BigInt(base),
    fileSize: STUB_SIZE,
    memorySize: STUB_SIZE,
    align: PAGE,
  };
  const last = longer.segments.findLastIndex(({ type }) => type === elf.PT_LOAD);
  const added = addSegment(longer, segment, last + 1);
  return { ...added, header: { ...added.header, entry: BigInt(base) } };
}

function textProtection(file: ElfFile, regions: readonly Region[]): Protection {
  const name = 'execute-only text';
  const texts = file.segments.filter(({ type, flags }) => type === elf.PT_LOAD && (flags & elf.PF_X) !== 0);
  if (texts.length === 0) return { name, enforced: false, detail: 'the image has no executable segment' };
  const open = regions.filter(({ kind }) => kind === 'read-execute');
  if (open.length === 0) return { name, enforced: true, detail: 'by protection keys (PKU), else by SMAP' };
  const sections = texts.flatMap((segment) => dataSectionsIn(file, segment)).map((section) => printable(section));
  return {
    name,
    enforced: false,
    detail: `the executable segment at ${hex(open[0]!.start)} also holds data (${sections.slice(0, 4).join(', ')}); link with -z separate-code`,
  };
}

function canaryProtection(canary: Canary): Protection {
  const name = 'random stack canary';
  if (canary.address === 0) return { name, enforced: false, detail: canary.reason };
  if (canary.reason !== '') return { name, enforced: false, detail: canary.reason };
  const kept = canary.store === undefined ? '' : `; the store at ${hex(canary.store.address)} that replaced it is gone`;
  return { name, enforced: true, detail: `at ${hex(canary.address)}${kept}` };
}

function relroProtection(file: ElfFile): Protection {
  const name = 'read-only after start (RELRO)';
  const enforced = file.segments.some(({ type }) => type === elf.PT_GNU_RELRO);
  const detail = enforced ? 'whole pages of PT_GNU_RELRO' : 'the image has no PT_GNU_RELRO; link it with -z relro';
  return { name, enforced, detail };
}

/**
 * Hardens an image; `name` names it in messages. Errors: 'image' for one that no tender would run, that breaks W^X,
 * or that is hardened already; 'malformed-elf'; 'layout'.
 */
export function hardenImage(input: Uint8Array, name: string, options: HardenOptions): Hardened {
  const where = printable(name);
  const bytes = input.slice();
  readHvtImage(bytes, name);
  const file = readElfFile(bytes, name);
  if (findStub(file, bytes, where) !== undefined)
    fail(
      'image',
      `${where}: is hardened already; harden the original, or give the hardened image a new layout: casemate slide`,
    );
  const regions = imageRegions(file, name);
  const canary = findCanary(file, bytes, name);
  if (canary.store !== undefined) withBytes(bytes, file, canary.store.address, replacementFor(canary.store.size));
  const hardened = addStubAtEnd(file, {
    require: options.require,
    entry: Number(file.header.entry),
    top: imageTop(file),
    canary: canary.address,
    stack: options.stack,
    seed: new Uint8Array(32),
    regions,
  });
  const output = writeElfFile(hardened);
  readHvtImage(output, name);
  return {
    bytes: output,
    protections: [
      { name: 'no-execute data, stack, heap', enforced: true, detail: 'page tables of 4 KiB and 2 MiB, EFER.NXE' },
      { name: 'read-only text and rodata', enforced: true, detail: 'page tables, CR0.WP' },
      textProtection(file, regions),
      relroProtection(file),
      {
        name: 'guarded stack',
        enforced: true,
        detail: `at most ${options.stack >> 10} KiB, absent pages on both sides`,
      },
      { name: 'absent page 0', enforced: true, detail: 'everything below boot_info' },
      { name: 'hidden page tables', enforced: true, detail: 'at a random place, absent in themselves' },
      canaryProtection(canary),
      { name: 'stub gone', enforced: true, detail: 'cleared before the program starts; its memory becomes heap' },
      {
        name: 'new layout at every launch',
        enforced: false,
        detail: 'the image keeps no relocations (ld -q, or build it with casemate)',
      },
    ],
  };
}
