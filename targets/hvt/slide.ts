/**
 * `casemate slide`: a hardened image at other addresses, its code in another order, drawn from one seed.
 *
 * hvt's tender loads a program where its headers say, so the layout is chosen before each launch, here, and the guest
 * itself never learns how. The room for it is what the guest's memory leaves when the program has its heap and the stub
 * its stack and tables, each at their largest; hardening/slide draws in that room, and the stub's configuration is
 * written anew for what came out, with 32 bytes of the seed's own for the guest's start.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { createHash } from '../../base/node.ts';
import { applyLayoutInPieces } from '../../hardening/slide/apply.ts';
import { numbers } from '../../hardening/slide/arithmetic.ts';
import { seededLayout } from '../../hardening/slide/draws.ts';
import { type AddressEntropy, addressEntropy } from '../../hardening/slide/entropy.ts';
import { finishedBytes } from '../../hardening/slide/file-bytes.ts';
import { createSlideArena, type SlideArena } from '../../hardening/slide/kernels/kernels.ts';
import { roomOf, type SlideProblem, shapeOf } from '../../hardening/slide/layout.ts';
import { addressUnder } from '../../hardening/slide/moves.ts';
import { Encoding, type Layout, type SlideInfo, unitAt } from '../../hardening/slide/slide-info.ts';
import { u8 } from '../../linker/arena.ts';
import * as elf from '../../linker/elf.ts';
import { type ElfFile, readElfFile } from '../../linker/elf-file.ts';
import { readHvtImage } from './image.ts';
import { movableParts } from './movable.ts';
import { imageCapacity } from './slide-room.ts';
import { encodeConfig, PAGE, type Stage0Config } from './stage0/config.ts';
import { gapChoices, placement } from './stage0/placement.ts';
import { imageRegions, imageTop, pageDown, type TextKind } from './stage0/regions.ts';
import { type FoundStub, findStub, PROGRAM_BASE, STUB_BASE } from './stage0/stub.ts';
import { type TextPlan, textPlan, textProblem, unitOffsets } from './text-plan.ts';

export interface SlideOptions {
  /** Guest memory, bytes: a multiple of 2 MiB. */
  readonly memory: number;
  /** Least heap that the program must get, bytes. */
  readonly heapMin: number;
  /** From the operating system, or a user's text. */
  readonly seed: Uint8Array;
}

/** A hardened image that can be slid, taken apart. */
export interface Slidable {
  readonly file: ElfFile;
  readonly bytes: Uint8Array;
  readonly stub: FoundStub;
  readonly info: SlideInfo;
}

/** Reads an image; one that is not hardened, or cannot move, is an 'image' error that says what to do. */
export function readSlidable(input: Uint8Array, name: string, arena?: SlideArena): Slidable {
  const where = printable(name);
  readHvtImage(input, name);
  const file = readElfFile(input, name);
  const stub = findStub(file, input, where);
  if (stub === undefined) fail('image', `${where}: is not hardened; first: casemate harden ${where} -o HARDENED`);
  // Whatever the file says: what hardening left in place was not to be moved, and the stub behind it would be in the way.
  if (stub!.base !== STUB_BASE)
    return fail(
      'image',
      `${where}: cannot be slid: it was hardened where it is, since it cannot move; casemate harden says why`,
    );
  const { info, reason } = movableParts(file, name, arena);
  if (info === undefined) return fail('image', `${where}: cannot be slid: ${reason}`);
  return { file, bytes: input, stub: stub!, info };
}

/** Pages below the top of memory that the stub may take, at their most: gaps, tables, stack and guards. */
function ceilingOf({ file, stub, info }: Slidable, options: Omit<SlideOptions, 'seed'>): number {
  const { memory, heapMin } = options;
  const most = gapChoices(numbers, memory) - 1;
  // Each RELRO cuts off two parts at most; gaps may part any two, and boot_info is one more (see config.ts).
  const relros = file.segments.filter(({ type }) => type === elf.PT_GNU_RELRO).length;
  const tables = 2 * (info.segments.length + 2 * relros + 1) + 8;
  const room = { memory, top: PROGRAM_BASE, stack: stub.config.stack, tables };
  const { heapEnd } = placement(numbers, room, { tables: most, stack: most });
  return numbers.alignDown(heapEnd - heapMin, PAGE);
}

/** The problem that hardening/slide solves for this image; `plan` is its text's, where it is known already. */
export function slideProblem(
  image: Slidable,
  options: Omit<SlideOptions, 'seed'>,
  name: string,
  plan: TextPlan | undefined = textPlan(image.info),
): SlideProblem {
  const { info } = image;
  info.segments.forEach(({ align }, i) => {
    if (align > PAGE)
      fail(
        'image',
        `${printable(name)}: segment ${i} is aligned to ${hex(align)}; a slide moves by pages, link it with -z max-page-size=4096`,
      );
  });
  return {
    memory: options.memory,
    lowest: PROGRAM_BASE,
    ceiling: ceilingOf(image, options),
    segments: info.segments.map(({ address, memorySize }, i) => ({
      size: address - pageDown(address) + memorySize,
      code: i === info.text,
    })),
    signedAddresses: info.groups.some(({ encoding }) => encoding === Encoding.Abs32Signed),
    ...(plan === undefined ? {} : { text: textProblem(plan) }),
  };
}

/** A drawn layout in the terms of the image. */
function layoutOf(
  info: SlideInfo,
  plan: TextPlan | undefined,
  problem: SlideProblem,
  seed: Uint8Array,
  arena: SlideArena,
): Layout {
  const drawn = seededLayout(problem, seed, arena);
  const segmentAddress = info.segments.map(({ address }, i) => drawn.segmentAddress[i]! + (address % PAGE));
  if (plan === undefined) {
    return { segmentAddress, unitOffset: info.units.offset.slice(), textSize: info.segments[info.text]!.memorySize };
  }
  return { segmentAddress, unitOffset: unitOffsets(info, plan, drawn, arena), textSize: drawn.textSize };
}

export interface SlideEntropy {
  /** Of the address of the program's entry function. */
  readonly entry: AddressEntropy;
  /** Units of code that change places, and those that stay in theirs. */
  readonly units: number;
  readonly pinned: number;
}

/** How unpredictable a layout is to whoever does not know its seed; exact unless the text is huge (see AddressEntropy). */
export function slideEntropy(image: Slidable, options: Omit<SlideOptions, 'seed'>, name: string): SlideEntropy {
  const { info, stub } = image;
  const problem = slideProblem(image, options, name);
  const { offset } = info.units;
  const shuffled = textPlan(info)?.shuffled ?? new Uint32Array(0);
  const at = shuffled.indexOf(unitAt(offset, stub.config.entry - info.segments[info.text]!.address));
  return {
    entry: addressEntropy(problem, at < 0 ? undefined : at),
    units: shuffled.length,
    pinned: offset.length - shuffled.length,
  };
}

/** At how many pages a slide's first segment may begin; whatever the code is, it takes no convolution to know. */
export function baseSlots(image: Slidable, options: Omit<SlideOptions, 'seed'>, name: string): number {
  return roomOf(shapeOf(slideProblem(image, options, name))).baseSlots;
}

/** Where slides put an image, without making them. */
export interface SlidePlaces {
  /** First address that a base may have, and how many pages it may begin at. */
  readonly lowest: number;
  readonly slots: number;
  /** Of each seed, the first segment's address and the entry function's. */
  readonly bases: readonly number[];
  readonly entries: readonly number[];
}

/** Where the slides of some seeds put the image and its entry function. Errors as those of slideInPieces. */
export function slidePlaces(
  image: Slidable,
  options: Omit<SlideOptions, 'seed'>,
  seeds: readonly Uint8Array[],
  name: string,
): SlidePlaces {
  const { info, stub } = image;
  const plan = textPlan(info);
  const problem = slideProblem(image, options, name, plan);
  const arena = createSlideArena();
  const layouts = seeds.map((seed) => layoutOf(info, plan, problem, seed, arena));
  return {
    lowest: problem.lowest,
    slots: roomOf(shapeOf(problem)).baseSlots,
    bases: layouts.map(({ segmentAddress }) => pageDown(segmentAddress[0]!)),
    entries: layouts.map((layout) => addressUnder(info, layout, stub.config.entry)),
  };
}

/** 32 bytes for the stub, which tell nothing of the layout: the seed's hash under another name. */
function guestSeed(seed: Uint8Array): Uint8Array {
  return createHash('sha256').update('casemate stage 0\0').update(seed).digest();
}

/** Where data went that the stub writes to: its segment moves as a whole. 0 stays: there is none. */
function movedData(info: SlideInfo, layout: Layout, at: number): number {
  if (at === 0) return 0;
  const i = info.segments.findIndex(({ address, memorySize }) => at >= address && at + 8 <= address + memorySize);
  return i < 0 ? 0 : at + layout.segmentAddress[i]! - info.segments[i]!.address;
}

/** The image without the stub's two segments, its entry the program's. */
function program(file: ElfFile, entry: number): ElfFile {
  const isStub = (address: bigint): boolean => address < BigInt(PROGRAM_BASE);
  const segments = file.segments.filter(({ type, address }) => type !== elf.PT_LOAD || !isStub(address));
  return { ...file, segments, header: { ...file.header, entry: BigInt(entry) } };
}

/** What hardening decided about text. */
function textKind({ regions }: Stage0Config): TextKind {
  return regions.some(({ kind }) => kind === 'read-execute') ? 'read-execute' : 'execute';
}

/** The stub's configuration for a layout; `moved` is the image in it. */
export function slidConfig({ info, stub }: Slidable, layout: Layout, moved: ElfFile, name: string): Stage0Config {
  const { config } = stub;
  const entry = addressUnder(info, layout, config.entry);
  const own = program(moved, entry);
  return {
    ...config,
    entry,
    top: imageTop(own),
    canary: movedData(info, layout, config.canary),
    gates: { ...config.gates, address: movedData(info, layout, config.gates.address) },
    regions: imageRegions(own, name, textKind(config)),
  };
}

/** Where the page of the configuration is in the file. */
export function configOffset(file: ElfFile, stub: FoundStub): number {
  const at = BigInt(stub.base + PAGE);
  return file.segments.find(({ type, address }) => type === elf.PT_LOAD && address === at)!.offset;
}

/**
 * The image with a new layout, as pieces of a file; each holds until the next is taken. `input` is used up where it is in
 * `arena` (see slide-room.ts). Errors, before there is a piece: 'image', 'layout' for too little memory, 'relocation',
 * 'malformed-elf', 'limit'.
 */
export function slideInPieces(
  input: Uint8Array,
  name: string,
  options: SlideOptions,
  arena: SlideArena = createSlideArena(),
): Iterable<Uint8Array> {
  const image = readSlidable(input, name, arena);
  const { file, stub, info } = image;
  const plan = textPlan(info, arena);
  const layout = layoutOf(info, plan, slideProblem(image, options, name, plan), options.seed, arena);
  const inArena = input.buffer === arena.bytes.buffer;
  const room = (size: number): Uint8Array =>
    inArena && size <= imageCapacity(input.length)
      ? new Uint8Array(input.buffer, input.byteOffset, size)
      : u8(arena, size, 16);
  const { file: moved, pieces } = applyLayoutInPieces(file, info, layout, name, { arena, room });
  const config = { ...slidConfig(image, layout, moved, name), seed: guestSeed(options.seed) };
  const bytes = finishedBytes(moved);
  bytes.set(encodeConfig(config), configOffset(moved, stub));
  readHvtImage(bytes, name);
  return pieces();
}

/** The same as one file in memory of its own. */
export function slideImage(input: Uint8Array, name: string, options: SlideOptions): Uint8Array {
  return Buffer.concat(Array.from(slideInPieces(input, name, options), (piece) => piece.slice()));
}
