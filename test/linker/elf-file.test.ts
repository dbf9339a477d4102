/**
 * The general reader and writer of ELF files: together the identity on whatever other tools make, and no way to crash
 * or hang them.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { CasemateError } from '../../base/errors.ts';
import { type ElfFile, readElfFile } from '../../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../../linker/elf-symbols.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { buildObject, SHT } from '../support/elf-builder.ts';
import { everyNth } from '../support/long.ts';
import { expectLinear } from '../support/processor-time.ts';
import { cRuntime, linkProgram, riscv, x86 } from '../support/programs.ts';
import { createRandom } from '../support/random.ts';
import { runOrThrow } from '../support/run.ts';
import { project } from '../support/small-links.ts';
import { requireTool, requireTools } from '../support/tools.ts';

requireTools('gcc', 'ld', 'ld.lld', 'readelf', 'riscv64-linux-gnu-gcc');

function isElf64(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  const head = readFileSync(path).subarray(0, 5);
  return head.toString('latin1') === '\x7fELF\x02';
}

function expectIdentity(bytes: Uint8Array, name: string): void {
  const file = readElfFile(bytes, name);
  const written = writeElfFile(file);
  expect(Buffer.compare(written, bytes), `${name}: read and written bytes differ`).toBe(0);
  expect(isDeepStrictEqual(readElfFile(written, name), file), name).toBe(true);
}

/** Bytes of every part of a file, and what no part claims, are as many as the file has. */
function expectPartition(file: ElfFile): void {
  const parts = [...file.sections.map(({ data }) => data), ...file.rest.map(({ data }) => data)];
  const tables = 64 + 56 * file.segments.length + 64 * file.sections.length;
  expect(parts.reduce((sum, { length }) => sum + length, tables)).toBe(file.size);
}

describe('reading and writing is the identity', () => {
  test('on 64-bit ELF programs in /bin', () => {
    const files = readdirSync('/bin').map((name) => join('/bin', name));
    const programs = files.filter((path) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) < 4 << 20);
    const found = programs.filter(isElf64);
    expect(found.length).toBeGreaterThan(50);
    for (const path of everyNth(found, 4)) expectIdentity(readFileSync(path), path);
  });

  test('on the objects, shared libraries and programs that come with the C compiler', async () => {
    const crt = (await runOrThrow(requireTool('gcc'), ['-print-file-name=crt1.o'])).trim();
    const libc = (await runOrThrow(requireTool('gcc'), ['-print-file-name=libc.so.6'])).trim();
    const cc1 = (await runOrThrow(requireTool('gcc'), ['-print-prog-name=collect2'])).trim();
    for (const path of [crt, libc, cc1]) expectIdentity(readFileSync(path), path);
  });

  test.each([
    ['our', 'x86-64', 'static'],
    ['our', 'x86-64', 'static-pie'],
    ['our', 'riscv64', 'static'],
    ['GNU ld’s', 'x86-64', 'static'],
    ['GNU ld’s', 'x86-64', 'static-pie'],
    ['GNU ld’s', 'riscv64', 'static'],
  ] as const)('on %s output for %s (%s)', async (whose, machine, mode) => {
    const path = await linkProgram(
      cRuntime,
      machine === riscv.name ? riscv : x86,
      mode,
      [],
      whose === 'our' ? undefined : 'gnu',
    );
    const bytes = readFileSync(path);
    expectIdentity(bytes, path);
    expectPartition(readElfFile(bytes, path));
  });

  test('on lld’s output, and on an image without section headers', async () => {
    const p = await project(x86, { 'a.s': '.globl _start\n_start: ret\n.data\n.quad _start\n' });
    await runOrThrow(requireTool('ld.lld'), ['-o', 'lld', 'a.o'], { cwd: p.folder });
    const cut = readFileSync(p.path('lld'));
    cut.writeBigUInt64LE(0n, 40);
    cut.writeUInt32LE(0, 60);
    p.write('bare', cut);
    for (const name of ['lld', 'bare']) expectIdentity(readFileSync(p.path(name)), name);
    const bare = readElfFile(readFileSync(p.path('bare')), 'bare');
    expect(bare.sections).toEqual([]);
    expectPartition(bare);
  });

  test('on an object of more sections than the ELF header can count', async () => {
    const many = Array.from({ length: 66_000 }, (_, i) => `.section s${i},"a"\nx${i}: .byte ${i & 255}`);
    const p = await project(x86, { 'many.s': many.join('\n') });
    const bytes = readFileSync(p.path('many.o'));
    expectIdentity(bytes, 'many.o');
    const file = readElfFile(bytes, 'many.o');
    expect(file.sections.length).toBeGreaterThan(66_000);
    const symbols = readElfSymbols(file, symbolTables(file)[0]!, 'many.o');
    const last = symbols.find(({ name }) => name === 'x65999')!;
    expect(file.sections[last.section]!.name).toBe('s65999');
  });
});

test('headers read as readelf prints them', async () => {
  const path = await linkProgram(cRuntime, x86, 'static', [], 'gnu');
  const file = readElfFile(readFileSync(path), path);
  const printed = await runOrThrow(requireTool('readelf'), ['-SW', path]);
  const row =
    /^ {2}\[ *(\d+)\] (\S*) +\S+ +([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]{2,}) +[A-Zop]* +(\d+) +(\d+) +(\d+)$/gm;
  const theirs = [...printed.matchAll(row)].slice(1).map((match) => ({
    name: match[2],
    rest: [...match.slice(3, 7).map((text) => Number.parseInt(text, 16)), ...match.slice(7).map(Number)],
  }));
  expect(theirs.length).toBeGreaterThan(10);
  const ours = file.sections.slice(1).map((s) => ({
    name: s.name,
    rest: [Number(s.address), s.offset, s.size, s.entsize, s.link, s.info, s.align],
  }));
  expect(ours).toEqual(theirs);
});

test('an edited byte and an edited field are all that changes', async () => {
  const p = await project(x86, { 'a.s': '.globl _start\n_start: ret\n.data\n.globl word\nword: .quad 7\n' });
  const { bytes, file } = await p.link('a.o');
  const data = file.sections.findIndex(({ name }) => name === '.data');
  const sections = file.sections.map((section, i) => (i === data ? { ...section, data: Buffer.alloc(8, 9) } : section));
  const edited = writeElfFile({ ...file, header: { ...file.header, flags: 5 }, sections });
  const differing = [...edited.keys()].filter((i) => edited[i] !== bytes[i]);
  const word = file.sections[data]!.offset;
  expect(differing).toEqual([48, word, word + 1, word + 2, word + 3, word + 4, word + 5, word + 6, word + 7]);
});

test('an edit that does not fit is refused', async () => {
  const p = await project(x86, { 'a.s': '.globl _start\n_start: ret\n.data\n.quad 7\n' });
  const { file } = await p.link('a.o');
  const change = (edit: object) => file.sections.map((s) => (s.name === '.data' ? { ...s, ...edit } : s));
  expect(() => writeElfFile({ ...file, sections: change({ data: Buffer.alloc(9) }) })).toThrow(/its size is 8/);
  expect(() => writeElfFile({ ...file, sections: change({ offset: file.size }) })).toThrow(/do not fit the file/);
  expect(() => writeElfFile({ ...file, sections: change({ offset: 8 }) })).toThrow(/the ELF header ends at 0x40/);
});

describe('a damaged file is refused in words', () => {
  const good = buildObject({ sections: [{ name: '.text', flags: 6, bytes: Buffer.alloc(16) }] });
  const headers = Number(good.readBigUInt64LE(40));
  const patched = (at: number, ...bytes: number[]): Buffer => {
    const copy = Buffer.from(good);
    copy.set(bytes, at);
    return copy;
  };
  test.each<[what: string, bytes: Uint8Array, says: RegExp]>([
    ['too short', good.subarray(0, 63), /63 bytes are too few/],
    ['no magic', patched(0, 0x7e), /not an ELF file/],
    ['32-bit', patched(4, 1), /not a 64-bit little-endian/],
    ['e_shentsize', patched(58, 63), /e_shentsize is 63/],
    ['section headers past the end', patched(40, 0xff, 0xff, 0xff), /past the end/],
    ['an offset near 2^64', patched(headers + 64 + 24, ...Array(8).fill(0xff)), /section 1: sh_offset is 0x/],
    ['a section past the end', patched(headers + 64 + 32, 0xff, 0xff), /section 1: .* past the end of the file/],
    ['two sections in one place', patched(headers + 64 + 32, 17), /begins at/],
    ['a section over the ELF header', patched(headers + 64 + 24, 0), /the ELF header ends at 0x40, but/],
    ['a name outside the table', patched(headers + 64, 0xff, 0xff), /section 1: its name at/],
    ['a name table that does not exist', patched(62, 77), /e_shstrndx is 77/],
    ['extended counts that are not needed', patched(60, 0, 0), /section 0: counts 0 sections/],
    ['2^32 sections', Buffer.from(patched(60, 0, 0).fill(0xff, headers + 32, headers + 36)), /do not|past the end/],
  ])('%s', (_, bytes, says) => {
    expect(() => readElfFile(bytes, 'victim.o')).toThrow(says);
    expect(() => readElfFile(bytes, 'victim.o')).toThrow(/^victim\.o: /);
  });

  test('65,000 sections with one long name cannot make it slow', () => {
    const name = Buffer.alloc(1 << 20, 0x61);
    const bytes = buildObject({
      sections: Array.from({ length: 60_000 }, () => ({ name: '' })),
      patch: (file, at) => {
        // Each name is a different tail of the name table, which ends with a megabyte of one string.
        for (let i = 1; i <= 60_000; i++) file.writeUInt32LE(i, at + 64 * i);
      },
    });
    const table = 60_000 + 3;
    const all = Buffer.concat([bytes, name, Buffer.from([0])]);
    const at = Number(bytes.readBigUInt64LE(40)) + 64 * table;
    all.writeBigUInt64LE(BigInt(bytes.length), at + 24);
    all.writeBigUInt64LE(BigInt(name.length + 1), at + 32);
    expectLinear(() => expect(() => readElfFile(all, 'victim.o')).toThrow(/overlap each other too much/));
  });

  test('2,000 seeded mutations either read or end in a CasemateError', async () => {
    const p = await project(x86, { 'a.c': { text: 'int x; int _start(void) { return x; }', flags: ['-g'] } });
    const victim = readFileSync(p.path('a.o'));
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const random = createRandom(20_261_124, i);
      const bytes = Buffer.from(victim);
      const shdrs = Number(victim.readBigUInt64LE(40));
      const region = random.oneIn(2) ? [0, 64] : [shdrs, victim.length - shdrs];
      for (let n = 1 + random.below(3); n > 0; n--) bytes[region[0]! + random.below(region[1]!)] = random.below(256);
      try {
        const file = readElfFile(bytes, 'victim.o');
        expect(Buffer.compare(writeElfFile(file), bytes)).toBe(0);
        for (const index of symbolTables(file)) readElfSymbols(file, index, 'victim.o');
      } catch (error) {
        if (!(error instanceof CasemateError)) throw error;
        expect(error.message).toMatch(/^victim\.o: .+/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });

  test('a symbol table whose links lead astray', () => {
    const object = buildObject({ sections: [], symbols: [{ name: 'a' }] });
    const at = Number(object.readBigUInt64LE(40)) + 64;
    object.writeUInt32LE(1, at + 40);
    const file = readElfFile(object, 'victim.o');
    expect(file.sections[1]!.type).toBe(SHT.SYMTAB);
    expect(() => readElfSymbols(file, 1, 'victim.o')).toThrow(/section 1: sh_link 1 is not a string table/);
    expect(() => readElfSymbols(file, 2, 'victim.o')).toThrow(/is not a symbol table/);
  });
});
