/**
 * Hostile images before casemate harden, slide and slide --check: one line of complaint, or a result that holds.
 *
 * Blind damage dies in the first checks. So most mutations put a hostile value into one field of a header, a section, a
 * symbol, the stub's configuration or the slide section and leave the rest as it is. What comes out must be an image
 * that a tender takes; and no image that loads other bytes than the slide it was made from, or with other permissions,
 * may pass as a slide.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { readSlideInfo } from '../../../hardening/slide/slide-section.ts';
import * as elf from '../../../linker/elf.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { checkHvtSlide } from '../../../targets/hvt/check-slide.ts';
import { defaultHardening, hardenImage } from '../../../targets/hvt/harden.ts';
import { readHvtImage } from '../../../targets/hvt/image.ts';
import { slideImage } from '../../../targets/hvt/slide.ts';
import { FIELD } from '../../../targets/hvt/stage0/config.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool } from '../../support/tools.ts';
import { inTurns } from '../../support/turns.ts';
import { bootGuest, buildTestGuest } from './emulator-guest.ts';
import { buildExample } from './guest.ts';

const count = isLong ? 40_000 : 100;
const name = { base: 'base', slid: 'slid' };
const MiB = 2 ** 20;

/** A place in a file that means something: what it is called, where it is, its bytes. */
interface Field {
  readonly what: string;
  readonly at: number;
  readonly width: 1 | 2 | 4 | 8;
}

type Shape = readonly (readonly [offset: number, width: 1 | 2 | 4 | 8])[];
const headerShape: Shape = [
  [16, 2],
  [18, 2],
  [24, 8],
  [32, 8],
  [40, 8],
  [54, 2],
  [56, 2],
  [58, 2],
  [60, 2],
  [62, 2],
];
const segmentShape: Shape = [
  [0, 4],
  [4, 4],
  [8, 8],
  [16, 8],
  [24, 8],
  [32, 8],
  [40, 8],
  [48, 8],
];
const sectionShape: Shape = [
  [0, 4],
  [4, 4],
  [8, 8],
  [16, 8],
  [24, 8],
  [32, 8],
  [40, 4],
  [44, 4],
  [48, 8],
  [56, 8],
];
const symbolShape: Shape = [
  [0, 4],
  [4, 1],
  [5, 1],
  [6, 2],
  [8, 8],
  [16, 8],
];
const relocationShape: Shape = [
  [0, 8],
  [8, 4],
  [12, 4],
  [16, 8],
];

function fieldsOf(bytes: Uint8Array): Field[][] {
  const file = readElfFile(bytes, 'x');
  const of = (what: string, start: number, shape: Shape): Field[] =>
    shape.map(([offset, width]) => ({ what: `${what}+${offset}`, at: start + offset, width }));
  const { programHeadersOffset: ph, sectionHeadersOffset: sh } = file.header;
  const inside = (type: number, size: number, shape: Shape): Field[] =>
    file.sections.flatMap((section, i) =>
      section.type === type
        ? Array.from({ length: Math.floor(section.data.length / size) }, (_, n) =>
            of(`section ${i} record ${n}`, section.offset + n * size, shape),
          ).flat()
        : [],
    );
  const configs = file.sections.filter((section) => section.name === '.casemate.stage0.config');
  const slides = file.sections.filter((section) => section.name === '.casemate.slide');
  const bytesOf = (section: { readonly offset: number; readonly size: number }, what: string): Field[] =>
    Array.from({ length: section.size }, (_, i) => ({
      what: `${what}+${i}`,
      at: section.offset + i,
      width: 1 as const,
    }));
  const configWords = [FIELD.require, FIELD.entry, FIELD.top, FIELD.canary, FIELD.stack, FIELD.tables, FIELD.wipeStart];
  return [
    of('header', 0, headerShape),
    file.segments.flatMap((_, i) => of(`program header ${i}`, ph + i * elf.PHDR_SIZE, segmentShape)),
    file.segments.flatMap((_, i) => of(`program header ${i}`, ph + i * elf.PHDR_SIZE, segmentShape)),
    file.sections.flatMap((_, i) => of(`section header ${i}`, sh + i * elf.SHDR_SIZE, sectionShape)),
    inside(elf.SHT_SYMTAB, elf.SYM_SIZE, symbolShape),
    inside(elf.SHT_RELA, elf.RELA_SIZE, relocationShape),
    configs.flatMap(({ offset }) =>
      [...configWords, FIELD.wipeWords, FIELD.count, FIELD.gates, FIELD.gateCount, FIELD.seed, FIELD.regions].map(
        (at) => ({ what: `configuration+${at}`, at: offset + at, width: 4 as const }),
      ),
    ),
    configs.flatMap((section) => bytesOf(section, 'configuration')),
    slides.flatMap((section) => bytesOf(section, 'slide section')),
    Array.from({ length: 4096 }, (_, i) => ({
      what: 'byte',
      at: Math.floor((i * bytes.length) / 4096),
      width: 1 as const,
    })),
  ].filter((fields) => fields.length > 0);
}

function hostile(random: Random, now: bigint, size: number, others: readonly bigint[]): bigint {
  const edges = [0n, 1n, 2n, 3n, 4n, 7n, 8n, 63n, 0xfffn, 0x1000n, 0x10000n, 0x14000n, 0xffffn];
  const addresses = [0xff000n, 0x100000n, 0x101000n, 0x102000n, 0x200000n, 0x7fffffffn, 0x80000000n, 0xfffff000n];
  const wide = [0xffffffffn, 1n << 32n, 1n << 40n, (1n << 53n) - 1n, 1n << 53n, 1n << 63n, -1n, -8n, -0x1000n];
  const near = [
    now + 1n,
    now - 1n,
    now ^ 1n,
    now ^ 2n,
    now ^ 4n,
    now + 8n,
    now - 8n,
    now + 0x1000n,
    now - 0x1000n,
    now * 2n,
  ];
  const file = [BigInt(size), BigInt(size - 1), BigInt(size + 1), BigInt(size - 64)];
  return random.pick(random.pick([edges, addresses, wide, near, near, file, others]));
}

/** A copy with one to three hostile fields, or cut off, or with two program headers changed for one another. */
function mutant(
  good: Uint8Array,
  fields: readonly (readonly Field[])[],
  random: Random,
): { bytes: Uint8Array; what: string } {
  let bytes = new Uint8Array(good);
  const done: string[] = [];
  const read = (view: DataView, { at, width }: Field): bigint =>
    width === 8
      ? view.getBigUint64(at, true)
      : BigInt(width === 4 ? view.getUint32(at, true) : width === 2 ? view.getUint16(at, true) : view.getUint8(at));
  for (let n = random.pick([1, 1, 1, 2, 3]); n > 0; n--) {
    const view = new DataView(bytes.buffer);
    if (random.oneIn(24)) {
      const [table, segments] = [
        Number(view.getBigUint64(32, true) % BigInt(bytes.length)),
        fields[1]!.length / segmentShape.length,
      ];
      const [a, b] = [random.below(segments), random.below(segments)].map((i) => table + i * elf.PHDR_SIZE) as [
        number,
        number,
      ];
      if (Math.max(a, b) + elf.PHDR_SIZE > bytes.length) continue;
      const kept = bytes.slice(a, a + elf.PHDR_SIZE);
      bytes.copyWithin(a, b, b + elf.PHDR_SIZE);
      bytes.set(kept, b);
      done.push(`program headers at ${a} and ${b} swapped`);
      continue;
    }
    const of = random.pick(fields);
    const field = random.pick(of);
    const now = read(view, field);
    const others = [random.pick(of), random.pick(fields[1]!), random.pick(fields[1]!)]
      .filter(({ at, width }) => at + width <= bytes.length)
      .map((each) => read(view, each));
    const value = BigInt.asUintN(
      8 * field.width,
      hostile(random, now, bytes.length, others.length > 0 ? others : [0n]),
    );
    if (field.width === 8) view.setBigUint64(field.at, value, true);
    else if (field.width === 4) view.setUint32(field.at, Number(value), true);
    else if (field.width === 2) view.setUint16(field.at, Number(value), true);
    else view.setUint8(field.at, Number(value));
    done.push(`${field.what} = 0x${value.toString(16)}`);
  }
  if (random.oneIn(30)) {
    bytes = bytes.slice(0, random.below(bytes.length));
    done.push(`cut to ${bytes.length}`);
  }
  return { bytes, what: done.join(', ') };
}

/** What `work` gives; undefined when it complains in one line. Everything else is a defect. */
function attempt<T>(work: () => T, what: string): T | undefined {
  const start = performance.now();
  let result: T | undefined;
  try {
    result = work();
  } catch (error) {
    if (!(error instanceof CasemateError)) throw new Error(`${what}: ${(error as Error).stack}`);
    if (/[\n\r]/.test(error.message) || error.message.length > 2000)
      throw new Error(`${what}: ${JSON.stringify(error.message)}`);
  }
  const took = performance.now() - start;
  if (took > 20_000) throw new Error(`${what}: took ${took} ms`);
  return result;
}

/** Everything that a tender or the stub takes from an image, but for the seed and the places of headers in the file. */
function meaning(bytes: Uint8Array): string {
  const file = readElfFile(bytes, 'x');
  const { header } = file;
  const parts = file.segments.map((segment) => {
    const content = bytes.slice(segment.offset, segment.offset + segment.fileSize);
    // The header's place for section headers tells the program nothing.
    const clear = (from: number, to: number): void => {
      const [a, b] = [from - segment.offset, to - segment.offset].map((at) =>
        Math.min(Math.max(at, 0), content.length),
      );
      content.fill(0, a, b);
    };
    if (segment.type === elf.PT_LOAD && segment.fileSize > 0) {
      clear(40, 48);
      const config = file.sections.find((section) => section.name === '.casemate.stage0.config');
      if (config) clear(config.offset + FIELD.seed, config.offset + FIELD.seed + 32);
    }
    const { type, flags, address, loadAddress, memorySize, align } = segment;
    return [type, flags, address, loadAddress, memorySize, align, Buffer.from(content).toString('base64')].join(' ');
  });
  return [header.entry, header.type, header.machine, ...parts].join('\n');
}

interface Subjects {
  readonly plain: readonly Uint8Array[];
  readonly hardened: readonly Uint8Array[];
}

let foreign: string;
let subjects: Subjects;

/** The foreign guest, linked by another script and with its relocations; the image's path. */
async function keptRelocations(script: string): Promise<string> {
  const folder = temporaryFolder('kept');
  const [path, image] = ['guest.ld', 'guest.hvt'].map((file) => join(folder, file)) as [string, string];
  writeFileSync(path, script);
  const objects = ['start.o', 'main.o', 'notes.o'].map((file) => join(foreign, '..', file));
  await runOrThrow(requireTool('ld'), ['-q', '-z', 'max-page-size=4096', '-T', path, '-o', image, ...objects]);
  return image;
}

beforeAll(async () => {
  foreign = await buildTestGuest('probe');
  const kept = await keptRelocations(readFileSync(join(import.meta.dirname, 'emulator-guests/guest.ld'), 'utf8'));
  const plain = [await buildExample('hello'), foreign, kept].map((path) => new Uint8Array(readFileSync(path)));
  const hardened = [plain[0]!, plain[2]!].map((bytes) => hardenImage(bytes, 'x', defaultHardening).bytes);
  subjects = { plain, hardened };
});

function slide(bytes: Uint8Array, seed: string): Uint8Array {
  return slideImage(bytes.slice(), 'x', { memory: 32 * MiB, heapMin: 4 * MiB, seed: Buffer.from(seed) });
}

describe('a hostile image', () => {
  it(`is hardened to what a tender takes, or refused in one line (${count} of each)`, {
    timeout: 14_400_000,
  }, async () => {
    let passed = 0;
    for (const [s, good] of subjects.plain.entries()) {
      const fields = fieldsOf(good);
      await inTurns(count, (i) => {
        const { bytes, what } = mutant(good, fields, createRandom(11 + s, i));
        const result = attempt(() => hardenImage(bytes, 'x', defaultHardening), `image ${s}, mutant ${i}: ${what}`);
        if (result === undefined) return;
        passed++;
        readHvtImage(result.bytes, 'x');
        attempt(() => slide(result.bytes, 'a'), `image ${s}, hardened mutant ${i}: ${what}`);
      });
    }
    expect(passed).toBeGreaterThan(count / 5);
  });

  it(`is slid to a slide of itself, or refused in one line (${count} of each)`, { timeout: 14_400_000 }, async () => {
    let passed = 0;
    for (const [s, good] of subjects.hardened.entries()) {
      const fields = fieldsOf(good);
      await inTurns(count, (i) => {
        const { bytes, what } = mutant(good, fields, createRandom(21 + s, i));
        const label = `image ${s}, mutant ${i}: ${what}`;
        const result = attempt(() => slide(bytes, 'b'), label);
        if (result === undefined) return;
        passed++;
        readHvtImage(result, 'x');
        attempt(() => checkHvtSlide(bytes, result, name), label);
      });
    }
    expect(passed).toBeGreaterThan(count / 20);
  });

  it(`passes for a slide only where it means the same (${count} of each)`, { timeout: 14_400_000 }, async () => {
    let passed = 0;
    for (const [s, base] of subjects.hardened.entries()) {
      const good = slide(base, 'c');
      checkHvtSlide(base, good, name);
      const fields = fieldsOf(good);
      const meant = meaning(good);
      await inTurns(count, (i) => {
        const { bytes, what } = mutant(good, fields, createRandom(31 + s, i));
        const label = `image ${s}, mutant ${i}: ${what}`;
        if (attempt(() => checkHvtSlide(base, bytes, name), label) === undefined) return;
        passed++;
        expect(meaning(bytes) === meant, label).toBe(true);
      });
    }
    expect(passed).toBeGreaterThan(0);
  });
});

describe('an image with a part of the size of the stub’s', () => {
  const script = `ENTRY(_start)
    PHDRS { rodata PT_LOAD FLAGS(4); text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); abi PT_NOTE; manifest PT_NOTE; }
    SECTIONS { . = 0x100000; .note.solo5.abi : { *(.note.solo5.abi) } :rodata :abi
      .note.solo5.manifest : { *(.note.solo5.manifest) } :rodata :manifest
      .rodata : { *(.rodata .rodata.*) . = ALIGN(4096); } :rodata
      .text : { *(.text.start) *(.text .text.*) } :text . = ALIGN(4096);
      .data : { *(.data .data.*) QUAD(0) } :data .bss : { *(.bss .bss.*) *(COMMON) } _end = .;
      /DISCARD/ : { *(.eh_frame) *(.comment) *(.note.GNU-stack) *(.llvm_addrsig) } }`;

  it('is slid itself, not its stub', async () => {
    const image = await keptRelocations(script);
    const { bytes } = hardenImage(new Uint8Array(readFileSync(image)), 'x', defaultHardening);
    const file = readElfFile(bytes, 'x');
    const loads = file.segments.flatMap(({ type, fileSize }, i) => (type === elf.PT_LOAD ? [{ i, fileSize }] : []));
    expect(loads.slice(0, 3).map(({ fileSize }) => fileSize)).toEqual([4096, 4096, 4096]);
    expect(readSlideInfo(file, 'x')!.segments.map(({ index }) => index)).toEqual(loads.slice(2).map(({ i }) => i));
    const slid = slide(bytes, 'd');
    expect(() => checkHvtSlide(bytes, slid, name)).not.toThrow();
    const path = join(temporaryFolder('slid'), 'slid.hvt');
    writeFileSync(path, slid);
    expect(await bootGuest(path, 'exit')).toMatchObject({ outcome: 'halted' });
  });
});

describe('what is not slid', () => {
  it('an image that was hardened in its place, whatever it says of itself', () => {
    for (const bytes of subjects.plain) {
      const stays = hardenImage(bytes, 'x', { ...defaultHardening, stay: true }).bytes;
      expect(() => slide(stays, 'e')).toThrow(
        'x: cannot be slid: it was hardened where it is, since it cannot move; casemate harden says why',
      );
    }
  });
});

describe('casemate slide --check', () => {
  it('judges what it is given in Buffers, and changes nothing of it', () => {
    for (const base of subjects.hardened) {
      const slid = Buffer.from(slide(base, 'f'));
      const before = Buffer.from(slid);
      expect(() => checkHvtSlide(Buffer.from(base), slid, name)).not.toThrow();
      expect(slid.equals(before)).toBe(true);
    }
  });

  it('refuses program headers that lie in what is loaded, in place of its bytes', () => {
    const base = subjects.hardened[0]!;
    const slid = slide(base, 'g');
    const { header, segments, rest } = readElfFile(slid, 'x');
    const size = segments.length * elf.PHDR_SIZE;
    const { programHeadersOffset: from } = header;
    const gap = rest.find(({ offset, data }) => {
      const at = segments.some((s) => s.type === elf.PT_LOAD && offset >= s.offset && offset < s.offset + s.fileSize);
      return at && data.length >= size && data.every((byte) => byte === 0);
    })!;
    slid.copyWithin(gap.offset, from, from + size);
    slid.fill(0, from, from + size);
    new DataView(slid.buffer).setBigUint64(32, BigInt(gap.offset), true);
    readHvtImage(slid, 'x');
    expect(() => checkHvtSlide(base, slid, name)).toThrow(/^slid is no slide of base: /);
  });
});

describe('a hardened image', () => {
  it('is none any more when its heap would begin in its own pages', () => {
    for (const good of subjects.hardened) {
      const bytes = good.slice();
      const { sections } = readElfFile(bytes, 'x');
      const { offset } = sections.find((section) => section.name === '.casemate.stage0.config')!;
      const view = new DataView(bytes.buffer);
      const top = view.getBigUint64(offset + FIELD.top, true);
      view.setBigUint64(offset + FIELD.top, top - 0x1000n, true);
      expect(() => slide(bytes, 'h')).toThrow(
        `x: the stub's configuration begins the heap at 0x${(top - 0x1000n).toString(16)}, the image ends at 0x${top.toString(16)};`,
      );
    }
  });
});
