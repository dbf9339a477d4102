/**
 * An image as the guest of a virtual machine monitor, with the rights of its segments.
 *
 * Today's unikernels on Microkit are loaded by their monitor into one region that is readable, writable and executable:
 * Microkit fixes what a guest may do with each page when a system is built, so that nobody can take a right away later.
 * Here each segment becomes a memory region of its own, filled when the system is built, and is mapped into the guest
 * with its own rights; what lies before, between and after is writable memory without code. The monitor gets the same
 * memory, but never the right to write what the guest only reads or runs.
 *
 * A region is filled to its last byte: the tool breaks on pages that a file does not reach.
 * Source: Microkit 2.3.0-dev, tool/microkit/src/sdf.rs and capdl/builder.rs; Solo5 loads a PT_LOAD at its p_paddr.
 */
import { fail, hex, printable } from '../../../base/errors.ts';
import * as elf from '../../../linker/elf.ts';
import { type ElfSegment, readElfFile } from '../../../linker/elf-file.ts';
import { type MicrokitMachine, PAGE_SIZES } from './machine.ts';
import type { Mapping, MemoryRegion, ProtectionDomain, Rights, System } from './system.ts';

export interface GuestRequest {
  /** Bytes of the image, and what messages and regions call it. */
  readonly image: Uint8Array;
  readonly name: string;
  /** Bytes of the guest's memory, from address 0 on. */
  readonly memory: number;
  readonly machine: MicrokitMachine;
  readonly monitor: {
    /** Path of its program, as the tool will find it. */
    readonly path: string;
    readonly priority: number;
    readonly stackSize: number;
    /** Where the guest's address 0 is in its address space. */
    readonly base: bigint;
    /** Its symbol that gets that address. */
    readonly baseSymbol?: string;
  };
}

/** A file that a region is filled with. */
export interface PrefillFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface GuestSystem {
  readonly system: System;
  readonly files: readonly PrefillFile[];
}

const page = BigInt(PAGE_SIZES[0]!);
const up = (value: bigint): bigint => ((value + page - 1n) / page) * page;

/** Regions are at most this large in all; a guest's memory is of the same order. */
const MOST_MEMORY = 2 ** 34;

/** A part of the guest's memory. */
interface Part {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly rights: Rights;
  /** Contents, for what the image has. */
  readonly bytes?: Uint8Array;
}

function rightsOf(flags: number, what: string): Rights {
  if ((flags & elf.PF_W) !== 0 && (flags & elf.PF_X) !== 0)
    fail('image', `${what}: is writable and executable; a guest's segment may be one of both`);
  const rights = `${flags & elf.PF_R ? 'r' : ''}${flags & elf.PF_W ? 'w' : ''}${flags & elf.PF_X ? 'x' : ''}`;
  if (rights === '' || rights === 'w') fail('image', `${what}: no kernel maps memory with its rights ("${rights}")`);
  return rights;
}

function contentsOf(bytes: Uint8Array, { offset, fileSize }: ElfSegment, size: bigint): Uint8Array {
  const contents = new Uint8Array(Number(size));
  contents.set(bytes.subarray(offset, offset + fileSize));
  return contents;
}

/** The image's segments, in order of their addresses. */
function segmentParts({ image, name, machine, memory }: GuestRequest): Part[] {
  const where = printable(name);
  const file = readElfFile(image, name);
  const expected = machine.machine === 'aarch64' ? elf.EM_AARCH64 : elf.EM_X86_64;
  if (file.header.machine !== expected)
    fail('image', `${where}: made for machine ${file.header.machine}; the kernel's guests are of ${expected}`);
  if (file.segments.some(({ type }) => type === elf.PT_INTERP))
    fail('image', `${where}: asks for a program interpreter; link it statically`);
  const loads = file.segments.filter(({ type, memorySize }) => type === elf.PT_LOAD && memorySize > 0);
  if (loads.length === 0) fail('image', `${where}: has no PT_LOAD with memory; there is nothing to run`);
  const parts = loads.map((segment, i): Part => {
    const { loadAddress: from, fileSize, memorySize, flags } = segment;
    const what = `${where}: PT_LOAD ${i}`;
    if (from % page !== 0n) fail('image', `${what}: begins at ${hex(from)}; rights are per page (${hex(page)})`);
    if (fileSize > memorySize) fail('image', `${what}: ${fileSize} bytes in the file, ${memorySize} in memory`);
    const to = up(from + BigInt(memorySize));
    if (to > BigInt(memory))
      fail('image', `${what}: ends at ${hex(to)}, but the guest's memory at ${hex(memory)}; give it more (--memory)`);
    const rights = rightsOf(flags, what);
    return { name: `segment${i}`, from, to, rights, bytes: contentsOf(image, segment, to - from) };
  });
  return parts.sort((a, b) => (a.from < b.from ? -1 : 1));
}

/** Segments and the memory around them, from address 0 to the end, nothing twice and nothing left out. */
function memoryParts(request: GuestRequest): Part[] {
  const all: Part[] = [];
  let at = 0n;
  const fill = (to: bigint): void => {
    if (to > at) all.push({ name: `memory${all.length}`, from: at, to, rights: 'rw' });
  };
  for (const part of segmentParts(request)) {
    if (part.from < at) {
      const before = all.at(-1)!;
      const both = `${part.name} begins at ${hex(part.from)}, but ${before.name} ends at ${hex(before.to)}`;
      fail('image', `${printable(request.name)}: ${both}; segments must not share pages`);
    }
    fill(part.from);
    all.push(part);
    at = part.to;
  }
  fill(BigInt(request.memory));
  return all;
}

/** A name for regions and files that XML and file systems take as it is. */
export function plainName(name: string): string {
  const plain = name
    .replace(/^.*\//, '')
    .replace(/\.[A-Za-z0-9]+$/, '')
    .replace(/[^A-Za-z0-9_-]+/g, '_')
    .slice(0, 40);
  return plain === '' || plain === 'monitor' ? `guest_${plain}` : plain;
}

/**
 * The system of a guest and its monitor, and the files of its regions. The same request gives the same bytes.
 * Errors: 'image' for an image that cannot be such a guest; 'usage'; those of readElfFile.
 */
export function guestSystem(request: GuestRequest): GuestSystem {
  const { machine, memory, monitor } = request;
  if (!machine.isHypervisor)
    fail('kernel', `the kernel for ${machine.machine} was not built as a hypervisor; it cannot run guests`);
  if (memory <= 0 || memory % Number(page) !== 0 || memory > MOST_MEMORY)
    fail('usage', `--memory: ${memory} bytes; must be whole pages, at most ${MOST_MEMORY}`);
  const name = plainName(request.name);
  const parts = memoryParts(request);
  const fileOf = (part: Part): string => `${name}.${part.name}.bin`;
  const regions = parts.map(
    (part): MemoryRegion => ({
      name: `${name}_${part.name}`,
      size: Number(part.to - part.from),
      // What has rights of its own is mapped page by page, wherever it lies.
      ...(part.bytes === undefined
        ? {}
        : { pageSize: PAGE_SIZES[0], prefill: { path: fileOf(part), size: part.bytes.length } }),
    }),
  );
  const guestMaps = parts.map(
    (part): Mapping => ({ region: `${name}_${part.name}`, address: part.from, rights: part.rights }),
  );
  const monitorMaps = parts.map(
    (part, i): Mapping => ({
      region: `${name}_${part.name}`,
      address: monitor.base + part.from,
      rights: part.rights.includes('w') ? 'rw' : 'r',
      ...(i === 0 && monitor.baseSymbol !== undefined ? { addressSymbol: monitor.baseSymbol } : {}),
    }),
  );
  const domain: ProtectionDomain = {
    name: `${name}_vmm`,
    priority: monitor.priority,
    stackSize: monitor.stackSize,
    floatingPoint: machine.hasFpu,
    image: monitor.path,
    mappings: monitorMaps,
    machine: { name, processors: [0], mappings: guestMaps },
    comment: ['The monitor reads and writes what its guest writes, and only reads the rest.'],
  };
  const comment = [`${name}: each segment of the guest is a region of its own, with its own rights. Made by casemate.`];
  const files = parts.flatMap((part): PrefillFile[] =>
    part.bytes === undefined ? [] : [{ name: fileOf(part), bytes: part.bytes }],
  );
  return { system: { comment, regions, domains: [domain], channels: [] }, files };
}
