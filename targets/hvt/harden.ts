/**
 * `casemate harden`: any hvt image in, one that protects itself at run time out.
 *
 * Nothing of the program changes but its entry point, and a store that would overwrite the canary; the protections are
 * the stub's (stage0/code.ts), which is told here what it needs. What an image does not allow is not guessed around:
 * it is reported by name, with the reason, next to what is enforced.
 */
import { fail, printable } from '../../base/errors.ts';
import { applyLayout } from '../../hardening/slide/apply.ts';
import { addSlideSection } from '../../hardening/slide/attach.ts';
import { decodeSlideInfo } from '../../hardening/slide/decode.ts';
import { encodeSlideInfo } from '../../hardening/slide/encode.ts';
import { identityLayout, type SlideInfo } from '../../hardening/slide/slide-info.ts';
import { slideSectionIndex } from '../../hardening/slide/slide-section.ts';
import { readSubject } from '../../hardening/subject.ts';
import * as elf from '../../linker/elf.ts';
import { addSections, addSegment, replaceSection, roomForSegments } from '../../linker/elf-edit.ts';
import { type ElfFile, type ElfSegment, readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { type ExecuteOnly, type Protection, textOf } from '../protection.ts';
import { readHvtImage } from './image.ts';
import { type Movable, movableParts } from './movable.ts';
import { protectionsOf } from './protections.ts';
import { bytesAt, findCanary, replacementFor } from './stage0/canary.ts';
import { PAGE, type Requirement, type Stage0Config } from './stage0/config.ts';
import { findGates } from './stage0/gates.ts';
import { imageRegions, imageTop } from './stage0/regions.ts';
import {
  CODE_SECTION,
  CONFIG_SECTION,
  findStub,
  PROGRAM_BASE,
  STUB_BASE,
  STUB_SIZE,
  stubPages,
} from './stage0/stub.ts';

export const DEFAULT_STACK = 1 << 20;

export interface HardenOptions {
  readonly require: readonly Requirement[];
  /** Largest stack, bytes, whole pages. */
  readonly stack: number;
  readonly executeOnly: ExecuteOnly;
  /** Leave the image where it is, also one that could move. */
  readonly stay?: boolean;
}

export const defaultHardening: HardenOptions = { require: [], stack: DEFAULT_STACK, executeOnly: 'auto' };

export interface Hardened {
  readonly bytes: Uint8Array;
  readonly protections: readonly Protection[];
}

/** A PT_LOAD over one or both of the stub's pages. */
function stubSegment(flags: number, offset: number, address: number, size: number): ElfSegment {
  const at = BigInt(address);
  return {
    type: elf.PT_LOAD,
    flags,
    offset,
    address: at,
    loadAddress: at,
    fileSize: size,
    memorySize: size,
    align: PAGE,
  };
}

function withStubSections(file: ElfFile, base: number, pages: Uint8Array): { file: ElfFile; offsets: number[] } {
  const type = elf.SHT_PROGBITS;
  const code = { name: CODE_SECTION, type, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, align: PAGE };
  const configuration = { name: CONFIG_SECTION, type, flags: elf.SHF_ALLOC | elf.SHF_WRITE, align: PAGE };
  return addSections(file, [
    { ...code, address: BigInt(base), data: pages.subarray(0, PAGE) },
    { ...configuration, address: BigInt(base + PAGE), data: pages.subarray(PAGE) },
  ]);
}

/** The stub below the image: absent once it has run. */
function addStubBelow(file: ElfFile, config: Omit<Stage0Config, 'wipe'>): ElfFile {
  const base = STUB_BASE;
  const added = withStubSections(file, base, stubPages(base, { ...config, wipe: { start: 0, size: 0 } }));
  const [code, configuration] = added.offsets as [number, number];
  const beforeLoads = (to: ElfFile, segment: ElfSegment): ElfFile =>
    addSegment(
      to,
      segment,
      to.segments.findIndex(({ type }) => type === elf.PT_LOAD),
    );
  // The stub erases its seed, so the configuration is writable.
  const writable = stubSegment(elf.PF_R | elf.PF_W, configuration, base + PAGE, PAGE);
  const executable = stubSegment(elf.PF_R | elf.PF_X, code, base, PAGE);
  const result = beforeLoads(beforeLoads(added.file, writable), executable);
  return { ...result, header: { ...result.header, entry: BigInt(base) } };
}

/** The stub after the image: cleared by its own veneer, since the program takes that memory as its heap. */
function addStubAtEnd(file: ElfFile, config: Omit<Stage0Config, 'wipe'>): ElfFile {
  const base = config.top;
  const pages = stubPages(base, { ...config, wipe: { start: base, size: STUB_SIZE } });
  const added = withStubSections(file, base, pages);
  const last = file.segments.findLastIndex(({ type }) => type === elf.PT_LOAD);
  // The tender makes only read-only segments read-only for the guest, and this memory becomes its heap.
  const segment = stubSegment(elf.PF_R | elf.PF_W, added.offsets[0]!, base, STUB_SIZE);
  const result = addSegment(added.file, segment, last + 1);
  return { ...result, header: { ...result.header, entry: BigInt(base) } };
}

/** Writes and reads again, so that what follows sees a file as anyone would. */
function settled(file: ElfFile, name: string): { file: ElfFile; bytes: Uint8Array } {
  const bytes = writeElfFile(file);
  return { file: readElfFile(bytes, name), bytes };
}

/** Moves the image above the stub's pages. */
function movedUp(file: ElfFile, info: SlideInfo, name: string): ElfFile {
  const lowest = Math.min(...info.segments.map(({ address }) => address));
  const step = Math.max(PAGE, ...info.segments.map(({ align }) => align));
  const distance = Math.max(0, Math.ceil((PROGRAM_BASE - lowest) / step) * step);
  const segmentAddress = info.segments.map(({ address }) => address + distance);
  return applyLayout(file, info, { ...identityLayout(info), segmentAddress }, name);
}

/** What can be moved, when there is also room for the program headers of a stub below the image. */
function movableWithRoom(file: ElfFile, name: string, stay: boolean): Movable {
  if (stay) return { reason: 'it was to stay where it is' };
  const movable = movableParts(file, name);
  const room = roomForSegments(file);
  if (movable.info === undefined || room >= 2) return movable;
  return { reason: `its program headers are loaded and have room for ${room} more; two are needed` };
}

/** Indices of PT_LOADs. */
function loadIndices(file: ElfFile): number[] {
  return file.segments.flatMap(({ type }, i) => (type === elf.PT_LOAD ? [i] : []));
}

/** The info of the moved image, in whose program headers the stub's two come first. */
function infoBehindStub(info: SlideInfo, before: ElfFile, after: ElfFile): SlideInfo {
  const [from, to] = [loadIndices(before), loadIndices(after).slice(2)];
  const segments = info.segments.map((segment) => {
    const index = to[from.indexOf(segment.index)]!;
    return { ...segment, index, address: Number(after.segments[index]!.address) };
  });
  return { ...info, segments };
}

function withSlideInfo(file: ElfFile, info: SlideInfo, name: string): ElfFile {
  const data = encodeSlideInfo(info, file);
  // Segments are known by their sizes: where that is not enough, a slide would move others.
  const found = decodeSlideInfo(data, file, name).segments.map(({ index }) => index);
  if (found.some((index, i) => index !== info.segments[i]!.index))
    fail(
      'image',
      `${printable(name)}: a part that moves and one that stays have the same sizes and cannot be told apart; build it again`,
    );
  const index = slideSectionIndex(file, name);
  if (index >= 0) return replaceSection(file, index, data);
  return addSlideSection(file, data);
}

/**
 * Hardens an image; `name` names it in messages. Errors: 'image' for one that no tender would run, that breaks W^X,
 * or that is hardened already; 'malformed-elf'; 'layout'.
 */
export function hardenImage(input: Uint8Array, name: string, options: HardenOptions): Hardened {
  const where = printable(name);
  readHvtImage(input, name);
  const original = readElfFile(input.slice(), name);
  if (findStub(original, input, where) !== undefined)
    fail(
      'image',
      `${where}: is hardened already; harden the original, or give the hardened image a new layout: casemate slide`,
    );
  if (roomForSegments(original) === 0)
    fail(
      'image',
      `${where}: its program headers are loaded and have no room for another; link it with a spare one (PT_GNU_STACK)`,
    );
  const movable = movableWithRoom(original, name, options.stay === true);
  const { file, bytes } =
    movable.info === undefined ? settled(original, name) : settled(movedUp(original, movable.info, name), name);
  const subject = readSubject(bytes, name);
  const text = textOf(subject, options.executeOnly);
  const regions = imageRegions(file, name, text.kind);
  const canary = findCanary(file, bytes, name);
  if (canary.store !== undefined) {
    const { address, size } = canary.store;
    bytesAt(file, bytes, address, size).set(replacementFor(size));
  }
  const gates = findGates(file, bytes, name);
  const config = {
    require: options.require,
    entry: Number(file.header.entry),
    top: imageTop(file),
    canary: canary.address,
    gates,
    stack: options.stack,
    seed: new Uint8Array(32),
    regions,
  };
  const stubbed = movable.info === undefined ? addStubAtEnd(file, config) : addStubBelow(file, config);
  const complete =
    movable.info === undefined ? stubbed : withSlideInfo(stubbed, infoBehindStub(movable.info, file, stubbed), name);
  const output = writeElfFile(complete);
  readHvtImage(output, name);
  return { bytes: output, protections: protectionsOf({ subject, text, config, canary, movable }) };
}
