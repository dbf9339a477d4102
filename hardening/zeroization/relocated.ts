/**
 * What dynamic relocations make of an image's memory before any of its code runs, where it lies where its file says.
 *
 * The file of a program that may be loaded anywhere often has zeros where addresses come: who takes them for data sees
 * pointers that are null, and follows ways that nobody goes. So words that are relative to the image are what its
 * relocations say; words whose relocations name symbols, or ask functions, are unknown. Where relocations are is what a
 * loader believes, the dynamic segment, and what sections say.
 * Source: gABI, "Dynamic Section", "Relocation"; x86-64 psABI 4.4.1, RISC-V psABI "Relocations".
 */
import { fail, hex } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import { viewOf } from '../../linker/elf-file.ts';
import type { CodeBytes } from '../../machine/semantics/code.ts';
import type { Subject } from '../subject.ts';
import type { Relocated } from './question.ts';

/** A byte that relocations change, or undefined: it is what the file says. Null: nobody knows. */
export function relocatedByte({ words, spans }: Relocated, address: number): number | null | undefined {
  if (spans.some((span) => span.address <= address && address < span.address + span.size)) return null;
  let byte: number | null | undefined;
  for (let at = address - 7; at <= address; at++) {
    if (!words.has(at)) continue;
    const word = words.get(at);
    // Of two that overlap the later one would win, in an order that is nobody's to rely on.
    if (word === undefined || byte !== undefined) return null;
    byte = Number((word >> BigInt(8 * (address - at))) & 255n);
  }
  return byte;
}

/** More words than any image has addresses. */
const MOST_WORDS = 2 ** 21;
/** Of a dynamic section. */
const MOST_ENTRIES = 4096;

const DT_PLTRELSZ = 2;
const DT_REL = 17;
const DT_RELSZ = 18;
const DT_PLTREL = 20;
const DT_JMPREL = 23;

interface Table {
  readonly kind: 'rela' | 'rel' | 'relr';
  readonly data: Uint8Array;
}

/** The file's bytes of so much memory at an address. */
function loadedAt({ file, bytes }: Subject, address: bigint, size: bigint): Uint8Array | undefined {
  const part = file.segments.find(
    (segment) =>
      segment.type === elf.PT_LOAD &&
      segment.address <= address &&
      address + size <= segment.address + BigInt(segment.fileSize),
  );
  if (part === undefined) return undefined;
  const start = part.offset + Number(address - part.address);
  return bytes.subarray(start, start + Number(size));
}

function dynamicTags({ name, file, bytes }: Subject): ReadonlyMap<bigint, bigint> {
  const tags = new Map<bigint, bigint>();
  for (const segment of file.segments) {
    if (segment.type !== elf.PT_DYNAMIC) continue;
    const view = viewOf(bytes.subarray(segment.offset, segment.offset + segment.fileSize));
    for (let at = 0; at + 16 <= view.byteLength; at += 16) {
      const tag = view.getBigUint64(at, true);
      if (tag === BigInt(elf.DT_NULL)) break;
      if (at >= 16 * MOST_ENTRIES) fail('image', `${name}: more than ${MOST_ENTRIES} entries of the dynamic section`);
      tags.set(tag, view.getBigUint64(at + 8, true));
    }
  }
  return tags;
}

/** Tables that the dynamic segment names. Errors: 'image' for one that the file does not have. */
function dynamicTables(subject: Subject): Table[] {
  const tags = dynamicTags(subject);
  const table = (kind: Table['kind'], where: number, howMuch: number): Table[] => {
    const [address, size] = [tags.get(BigInt(where)), tags.get(BigInt(howMuch)) ?? 0n];
    if (address === undefined || size === 0n) return [];
    const data = loadedAt(subject, address, size);
    if (data !== undefined) return [{ kind, data }];
    const what = `${size} bytes of relocations at ${hex(address)}`;
    return fail(
      'image',
      `${subject.name}: the dynamic section has ${what}, which no segment of the file has, so what its data is when it ` +
        'is loaded is not known: link it again',
    );
  };
  const procedures = tags.get(BigInt(DT_PLTREL)) === BigInt(DT_REL) ? 'rel' : 'rela';
  return [
    ...table('rela', elf.DT_RELA, elf.DT_RELASZ),
    ...table('rel', DT_REL, DT_RELSZ),
    ...table('relr', elf.DT_RELR, elf.DT_RELRSZ),
    ...table(procedures, DT_JMPREL, DT_PLTRELSZ),
  ];
}

const kinds: Readonly<Record<number, Table['kind']>> = {
  [elf.SHT_RELA]: 'rela',
  [elf.SHT_REL]: 'rel',
  [elf.SHT_RELR]: 'relr',
};

/** Tables of sections that are loaded: of a program without a dynamic segment, its own code may go through them. */
function tablesOfSections({ file }: Subject): Table[] {
  return file.sections.flatMap(({ type, flags, data }) => {
    const kind = kinds[type];
    return kind === undefined || (flags & elf.SHF_ALLOC) === 0 ? [] : [{ kind, data }];
  });
}

/** Addresses of the words that a table of relative relocations changes. */
function* packedWords(data: Uint8Array): Generator<number> {
  const view = viewOf(data);
  let next = 0;
  for (let at = 0; at + 8 <= data.length; at += 8) {
    // An even entry is an address; an odd one a bitmap over the 63 words that follow.
    const word = view.getBigUint64(at, true);
    const bits = (word & 1n) === 0n ? 1n : word >> 1n;
    if ((word & 1n) === 0n) next = Number(word);
    for (let i = 0; bits >> BigInt(i) > 0n; i++) if (((bits >> BigInt(i)) & 1n) === 1n) yield next + 8 * i;
    next += (word & 1n) === 0n ? 8 : 63 * 8;
  }
}

/**
 * Code without what relocations change of it: of such instructions nobody knows what they do.
 * What is left keeps its addresses.
 */
export function codeLeft(code: readonly CodeBytes[], { words, spans }: Relocated): CodeBytes[] {
  const holes = [...[...words.keys()].map((address) => ({ address, size: 8 })), ...spans].sort(
    (a, b) => a.address - b.address,
  );
  return code.flatMap(({ address, bytes }) => {
    const left: CodeBytes[] = [];
    let from = 0;
    for (const hole of holes) {
      const [start, end] = [hole.address - address, hole.address + hole.size - address];
      if (end <= from || start >= bytes.length) continue;
      if (start > from) left.push({ address: address + from, bytes: bytes.subarray(from, start) });
      from = end;
    }
    if (from < bytes.length) left.push({ address: address + from, bytes: bytes.subarray(from) });
    return left;
  });
}

/** Types of relocations: to the image itself; copies of other images' data; those of two words. */
const types: Readonly<Record<number, { relative: readonly number[]; copy: number; twoWords: number }>> = {
  [elf.EM_X86_64]: { relative: [8, 38], copy: 5, twoWords: 36 },
  [elf.EM_RISCV]: { relative: [3], copy: 4, twoWords: 12 },
  [elf.EM_AARCH64]: { relative: [1027], copy: 1024, twoWords: 1031 },
};

/** What relocations change of an image. Errors: 'image' for tables that are not there, or are too large. */
export function relocatedMemory(subject: Subject): Relocated {
  const words = new Map<number, bigint | undefined>();
  const spans: { readonly address: number; readonly size: number }[] = [];
  const own = types[subject.file.header.machine];
  const put = (address: number, value: bigint | undefined): void => {
    words.set(address, words.has(address) && words.get(address) !== value ? undefined : value);
    if (words.size > MOST_WORDS)
      fail('image', `${subject.name}: relocations of more than ${MOST_WORDS} words, and no image has so many`);
  };
  const inFile = (address: number): bigint | undefined => {
    const data = loadedAt(subject, BigInt(address), 8n);
    return data && viewOf(data).getBigUint64(0, true);
  };
  const putOne = (address: number, type: number, addend: bigint | undefined): void => {
    if (own?.relative.includes(type) === true) put(address, addend);
    else if (own === undefined || type === own.copy) {
      // As much as the symbol has that it names; copies are the last of an image's data.
      spans.push({ address, size: Number.MAX_SAFE_INTEGER });
    } else {
      put(address, undefined);
      if (type === own.twoWords) put(address + 8, undefined);
    }
  };
  for (const { kind, data } of [...dynamicTables(subject), ...tablesOfSections(subject)]) {
    if (kind === 'relr') {
      for (const address of packedWords(data)) put(address, inFile(address));
      continue;
    }
    const view = viewOf(data);
    const size = kind === 'rela' ? elf.RELA_SIZE : 16;
    for (let at = 0; at + size <= data.length; at += size) {
      const address = Number(view.getBigUint64(at, true));
      putOne(
        address,
        view.getUint32(at + 8, true),
        kind === 'rela' ? view.getBigUint64(at + 16, true) : inFile(address),
      );
    }
  }
  return { words, spans };
}
