/**
 * Root images for seL4: what the linker gives becomes what a kernel loads, and is read again by whoever packs or boots it.
 *
 * Only PT_LOAD stays among the program headers: kernels for x86-64 load every header, whatever its type. What the start-up
 * code enforces is decided here, from the finished code: text is execute-only unless something reads it or the machine
 * cannot. A section that is not loaded says for which kernel, by SHA-256, the image was made; its numbers are that
 * kernel's and mean something else to another.
 */
import { CasemateError, fail, hex, printable } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { readNotes } from '../../hardening/notes.ts';
import { readSubject } from '../../hardening/subject.ts';
import * as elf from '../../linker/elf.ts';
import { addSections } from '../../linker/elf-edit.ts';
import { type ElfFile, type ElfSegment, readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { type Device, decodeManifest, MFT1 } from '../hvt/manifest.ts';
import { NOTE_NAME } from '../hvt/notes.ts';
import { type ExecuteOnly, type Protection, type Text, textOf } from '../protection.ts';
import { LARGE_PAGE, MOST_HEAP, MOST_IMAGE, type SeL4Addresses } from './addresses.ts';
import type { Kernel, SeL4Machine } from './kernel.ts';
import { machineNumbers } from './kernel-elf.ts';
import { completeSections } from './layout.ts';
import { type Aslr, aslrs } from './platform.ts';
import { noExecuteOnly, protectionsOf } from './protections.ts';
import { relocated } from './relocated.ts';
import { readSettings, type SeL4Settings, withSettings } from './settings.ts';
import type { StartUp } from './slots.ts';

/** Says which kernel an image is for, as JSON. */
export const BINDING_SECTION = '.casemate.sel4';

/** How an image and a kernel belong together. */
export interface Binding {
  /** Of kernel.elf, in hexadecimal. */
  readonly kernel: string;
  readonly machine: SeL4Machine;
  readonly aslr: Aslr;
}

export interface SeL4Image {
  readonly file: ElfFile;
  readonly bytes: Uint8Array;
  readonly binding: Binding;
  readonly settings: SeL4Settings;
  readonly devices: readonly Device[];
}

export interface RootRequest {
  readonly kernel: Kernel;
  readonly addresses: SeL4Addresses;
  /** Bytes, whole large pages. */
  readonly heapSize: number;
  readonly executeOnly: ExecuteOnly;
  readonly aslr: Aslr;
}

export interface RootImage {
  readonly bytes: Uint8Array;
  readonly protections: readonly Protection[];
}

/** Whether all that a segment holds is complete when the file is: nobody needs to write it. */
function isComplete(file: ElfFile, { address, memorySize }: ElfSegment): boolean {
  const end = address + BigInt(memorySize);
  return file.sections.every(
    (section) =>
      (section.flags & elf.SHF_ALLOC) === 0 ||
      section.address < address ||
      section.address >= end ||
      completeSections.includes(section.name),
  );
}

/** Only what is loaded; the linker's other headers say nothing that a kernel should read. */
function loadsOnly(file: ElfFile): ElfFile {
  const loads = file.segments.filter(({ type, memorySize }) => type === elf.PT_LOAD && memorySize > 0);
  const segments = loads.map((load) => (isComplete(file, load) ? { ...load, flags: load.flags & ~elf.PF_W } : load));
  return { ...file, segments };
}

/** The file's word on text is what start-up code will enforce. */
function withText(file: ElfFile, { kind }: Text): ElfFile {
  const flagsOf = (flags: number): number => (flags & elf.PF_X && kind === 'execute' ? flags & ~elf.PF_R : flags);
  return { ...file, segments: file.segments.map((segment) => ({ ...segment, flags: flagsOf(segment.flags) })) };
}

function textFor(bytes: Uint8Array, name: string, { kernel, executeOnly }: RootRequest): Text {
  if (kernel.machine === 'x86-64') return { kind: 'read-execute', reason: noExecuteOnly };
  return textOf(readSubject(bytes, name), executeOnly);
}

function bound(file: ElfFile, { kernel: { sha256, machine }, aslr }: RootRequest): ElfFile {
  const text = `${JSON.stringify({ kernel: sha256, machine, aslr } satisfies Binding)}\n`;
  const section = { name: BINDING_SECTION, type: elf.SHT_PROGBITS, flags: 0, address: 0n, align: 1 };
  return addSections(file, [{ ...section, data: Buffer.from(text) }]).file;
}

/** Fails with 'limit' when an image would reach into what was drawn beside it. */
function checkSpan({ segments }: ElfFile, where: string): void {
  const [first] = segments;
  const last = segments.at(-1);
  if (first === undefined || last === undefined) return;
  const span = last.address + BigInt(last.memorySize) - first.address;
  if (span > BigInt(MOST_IMAGE))
    fail(
      'limit',
      `${where}: takes ${hex(span)} bytes of addresses, its stack included; at most ${hex(MOST_IMAGE)} are kept free for it`,
    );
}

/** The linked image as a kernel takes it. Errors: 'image', 'layout', 'malformed-elf', 'limit'. */
export function rootImage(linked: Uint8Array, name: string, request: RootRequest): RootImage {
  const where = printable(name);
  const text = textFor(linked, name, request);
  const { addresses, heapSize, kernel } = request;
  const settings = { text: text.kind, heap: addresses.heap, heapSize, devices: addresses.devices };
  const complete = relocated(readElfFile(linked.slice(), name), where);
  const file = withSettings(withText(loadsOnly(complete), text), settings, where);
  checkSpan(file, where);
  return {
    bytes: writeElfFile(bound(file, request)),
    protections: protectionsOf(kernel, text, request.aslr, devicesOf(file, where).length > 0),
  };
}

function bindingOf(file: ElfFile, where: string): Binding {
  const section = file.sections.find(({ name }) => name === BINDING_SECTION);
  if (section === undefined)
    return fail('image', `${where}: has no section ${BINDING_SECTION}; it was not made for seL4 by casemate`);
  if (section.data.length > 4096)
    fail('image', `${where}: ${BINDING_SECTION} has ${section.data.length} bytes; has 4096 at most`);
  const { value } = parseJson(Buffer.from(section.data).toString('latin1'), `${where}: ${BINDING_SECTION}`, 'image');
  const { kernel, machine, aslr } = (value ?? {}) as Partial<Record<keyof Binding, unknown>>;
  if (typeof kernel !== 'string' || !/^[0-9a-f]{64}$/.test(kernel))
    return fail('image', `${where}: ${BINDING_SECTION} names no kernel by its SHA-256`);
  const known = (Object.keys(machineNumbers) as SeL4Machine[]).find((each) => each === machine);
  return {
    kernel,
    aslr:
      aslrs.find((each) => each === aslr) ??
      fail('image', `${where}: ${BINDING_SECTION} does not say when addresses are drawn`),
    machine: known ?? fail('image', `${where}: ${BINDING_SECTION} names no machine that we know`),
  };
}

/** What the start-up code will do to text is what the file says of it, and what its machine can. */
function checkText({ segments }: ElfFile, { text }: SeL4Settings, { machine }: Binding, where: string): void {
  if (machine === 'x86-64' && text === 'execute')
    fail('image', `${where}: its settings say that text cannot be read, which x86-64 has no pages for`);
  const other = segments.find(
    ({ type, flags }) =>
      type === elf.PT_LOAD && (flags & elf.PF_X) !== 0 && ((flags & elf.PF_R) !== 0) !== (text === 'read-execute'),
  );
  if (other === undefined) return;
  const says = text === 'execute' ? 'cannot' : 'can';
  fail(
    'image',
    `${where}: its settings say that text ${says} be read; the segment at ${hex(other.address)} says otherwise`,
  );
}

/** Heap and devices lie apart from the image, with its guard pages, and from one another. */
function checkPlaces({ segments }: ElfFile, { heap, heapSize, devices }: SeL4Settings, where: string): void {
  const loads = segments.filter(({ type, memorySize }) => type === elf.PT_LOAD && memorySize > 0);
  const ends = loads.map(({ address, memorySize }) => address + BigInt(memorySize));
  const places = [
    ...loads.map(({ address }, i) => ({ name: 'the image', start: address, end: ends[i]! })),
    { name: 'the heap', start: heap, end: heap + BigInt(heapSize) },
    { name: 'devices', start: devices, end: devices + BigInt(MOST_HEAP) },
  ];
  // With BootInfo behind the image, and room below and above each for what must find nothing.
  const apart = BigInt(LARGE_PAGE);
  for (const { name, start, end } of places.slice(-2))
    for (const other of places)
      if (other.name !== name && start < other.end + apart && other.start < end + apart)
        fail(
          'image',
          `${where}: ${name} at ${hex(start)} to ${hex(end)}, ${other.name} at ${hex(other.start)} to ${hex(other.end)}; must be ${hex(apart)} bytes apart`,
        );
}

function devicesOf(file: ElfFile, where: string): Device[] {
  const section = file.sections.find(({ name }) => name === '.note.solo5.manifest');
  const note =
    section &&
    readNotes(section.data, section.align).notes.find((each) => each.name === NOTE_NAME && each.type === MFT1);
  return note === undefined ? [] : decodeManifest(note.descriptor, `${where}: MFT1 note`);
}

/** Whether a file says that it is a root image for seL4; it may be a broken one. */
export function isSeL4Image(bytes: Uint8Array): boolean {
  // The name may be text in any program; only what cannot be read is judged by it alone.
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(`${BINDING_SECTION}\0`, 0, 'latin1'))
    return false;
  try {
    return readElfFile(bytes, 'image').sections.some(({ name }) => name === BINDING_SECTION);
  } catch (error) {
    if (error instanceof CasemateError) return true;
    throw error;
  }
}

/** Reads a root image. Errors: 'image', and those of readElfFile. */
export function readSeL4Image(bytes: Uint8Array, name: string): SeL4Image {
  const where = printable(name);
  const file = readElfFile(bytes, name);
  const binding = bindingOf(file, where);
  const { machine } = file.header;
  if (machine !== machineNumbers[binding.machine])
    fail(
      'image',
      `${where}: made for machine ${machine}; ${BINDING_SECTION} says ${machineNumbers[binding.machine]} (${binding.machine})`,
    );
  const settings = readSettings(file, where);
  checkText(file, settings, binding, where);
  checkPlaces(file, settings, where);
  return { file, bytes, binding, settings, devices: devicesOf(file, where) };
}

/** What an image's start-up code will make of the kernel's capabilities. */
export function startUpOf({ binding: { aslr }, settings: { heapSize } }: SeL4Image): StartUp {
  return { aslr, heapSize };
}

/** Fails with 'image' when an image was made for another kernel. */
export function requireKernel({ binding }: SeL4Image, kernel: Kernel, where: string): void {
  if (binding.kernel !== kernel.sha256)
    fail(
      'image',
      `${where}: made for the kernel with SHA-256 ${binding.kernel}; ${printable(kernel.name)} has ${kernel.sha256}; ` +
        "build the image again with this kernel, or give the kernel's own file",
    );
}
