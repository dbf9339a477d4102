/**
 * The built-in layout, for any program: one segment for each permission, no page with two, nothing writable and
 * executable, each note in a PT_NOTE of its own, and a file that agrees with memory.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ElfSection } from '../../../linker/elf-file.ts';
import { buildObject, EM, SHF, SHT } from '../../support/elf-builder.ts';
import { type Image, isGnu, project } from '../../support/small-links.ts';
import { riscv, x86 } from '../../support/toolchain.ts';

const PAGE = 0x1000;
const PT = { LOAD: 1, NOTE: 4, TLS: 7, RELRO: 0x6474e552 };

const kind = fc.constantFrom(
  { name: '.text', type: SHT.PROGBITS, flags: SHF.ALLOC | SHF.EXEC },
  { name: '.text.hot', type: SHT.PROGBITS, flags: SHF.ALLOC | SHF.EXEC },
  { name: '.rodata', type: SHT.PROGBITS, flags: SHF.ALLOC },
  { name: '.rodata.x', type: SHT.PROGBITS, flags: SHF.ALLOC },
  { name: '.data', type: SHT.PROGBITS, flags: SHF.ALLOC | SHF.WRITE },
  { name: '.data.rel.ro', type: SHT.PROGBITS, flags: SHF.ALLOC | SHF.WRITE },
  { name: '.bss', type: SHT.NOBITS, flags: SHF.ALLOC | SHF.WRITE },
  { name: '.tdata', type: SHT.PROGBITS, flags: SHF.ALLOC | SHF.WRITE | SHF.TLS },
  { name: '.tbss', type: SHT.NOBITS, flags: SHF.ALLOC | SHF.WRITE | SHF.TLS },
  { name: '.init_array', type: SHT.INIT_ARRAY, flags: SHF.ALLOC | SHF.WRITE },
  { name: 'orphan_text', type: SHT.PROGBITS, flags: SHF.ALLOC | SHF.EXEC },
  { name: 'orphan_ro', type: SHT.PROGBITS, flags: SHF.ALLOC },
  { name: 'orphan_rw', type: SHT.PROGBITS, flags: SHF.ALLOC | SHF.WRITE },
  { name: 'orphan_bss', type: SHT.NOBITS, flags: SHF.ALLOC | SHF.WRITE },
  { name: 'not_loaded', type: SHT.PROGBITS, flags: 0 },
);

const note = fc.record({
  name: fc.constantFrom('.note.one', '.note.two', '.note.three'),
  words: fc.integer({ min: 0, max: 9 }),
});

const object = fc.record({
  sections: fc.array(
    fc.record({
      kind,
      size: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.constantFrom(PAGE - 1, PAGE, 3 * PAGE + 5)),
      align: fc.integer({ min: 0, max: 13 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  notes: fc.array(note, { maxLength: 2 }),
});

const program = fc.array(object, { minLength: 1, maxLength: 4 });

function noteBytes(words: number): Buffer {
  const bytes = Buffer.alloc(20 + 4 * words, 0x42);
  bytes.writeUInt32LE(5, 0);
  bytes.writeUInt32LE(4 * words, 4);
  bytes.writeUInt32LE(words, 8);
  bytes.write('Test\0\0\0\0', 12, 'latin1');
  return bytes;
}

type Program = typeof program extends fc.Arbitrary<infer T> ? T : never;

function objectsOf(input: Program, machine: number): Buffer[] {
  return input.map(({ sections, notes }, i) =>
    buildObject({
      machine,
      sections: [
        ...sections.map(({ kind: { name, type, flags }, size, align }) => ({
          name,
          type,
          flags,
          align: 2 ** align,
          ...(type === SHT.NOBITS ? { size } : { bytes: Buffer.alloc(size, 0x30 + i) }),
        })),
        ...notes.map(({ name, words }) => ({
          name,
          type: SHT.NOTE,
          flags: SHF.ALLOC,
          align: 4,
          bytes: noteBytes(words),
        })),
        ...(i === 0 ? [{ name: '.text', flags: SHF.ALLOC | SHF.EXEC, bytes: Buffer.alloc(4, 0x90) }] : []),
      ],
      symbols: i === 0 ? [{ name: '_start', section: sections.length + notes.length + 1 }] : [],
    }),
  );
}

const isTbss = ({ type, flags }: ElfSection) => type === SHT.NOBITS && (flags & SHF.TLS) !== 0;

/** Everything that a program header table should satisfy; the list of what is wrong. */
function complaints(image: Image): string[] {
  const wrong: string[] = [];
  const { segments, sections } = image.file;
  const loads = segments.filter(({ type }) => type === PT.LOAD);
  const pages = new Map<number, number>();
  for (const [i, load] of loads.entries()) {
    const name = `PT_LOAD ${i}`;
    const [address, flags] = [Number(load.address), load.flags];
    if ((flags & 3) === 3) wrong.push(`${name} is writable and executable`);
    // An empty section of a large alignment may leave whole pages free between two of one permission.
    const same = loads.slice(0, i).findLast((other) => other.flags === flags);
    if (same && address - Number(same.address) - same.memorySize < PAGE) wrong.push(`two segments with flags ${flags}`);
    if (load.offset % PAGE !== address % PAGE) wrong.push(`${name}: offset and address disagree about the page`);
    if (load.fileSize > load.memorySize) wrong.push(`${name}: more in the file than in memory`);
    if (load.offset + load.fileSize > image.bytes.length) wrong.push(`${name} ends behind the file`);
    if (i > 0 && address < Number(loads[i - 1]!.address) + loads[i - 1]!.memorySize)
      wrong.push(`${name} is not in order`);
    if (load.memorySize === 0) continue;
    for (let page = Math.floor(address / PAGE); page * PAGE < address + load.memorySize; page++) {
      if (pages.has(page) && pages.get(page) !== flags) wrong.push(`page ${page} has two permissions`);
      pages.set(page, flags);
    }
  }
  for (const section of sections) {
    if ((section.flags & SHF.ALLOC) === 0 || section.size === 0 || isTbss(section)) continue;
    const address = Number(section.address);
    const wanted = 4 | ((section.flags & SHF.WRITE) !== 0 ? 2 : 0) | ((section.flags & SHF.EXEC) !== 0 ? 1 : 0);
    const home = loads.find(
      (load) => address >= Number(load.address) && address + section.size <= Number(load.address) + load.memorySize,
    );
    if (home?.flags !== wanted) wrong.push(`${section.name} needs flags ${wanted}, its segment has ${home?.flags}`);
    if (address % section.align !== 0) wrong.push(`${section.name} is not aligned to ${section.align}`);
    if (home && section.type !== SHT.NOBITS && section.offset - home.offset !== address - Number(home.address)) {
      wrong.push(`${section.name} is not where its segment puts it`);
    }
    const overlaps = sections.find(
      (other) =>
        other !== section &&
        (other.flags & SHF.ALLOC) !== 0 &&
        !isTbss(other) &&
        other.size > 0 &&
        Number(other.address) < address + section.size &&
        address < Number(other.address) + other.size,
    );
    if (overlaps) wrong.push(`${section.name} overlaps ${overlaps.name}`);
  }
  return wrong;
}

/** Notes of all PT_NOTEs, as bytes; each must hold exactly one. */
function notesOf(image: Image): string[] {
  return image.file.segments
    .filter(({ type }) => type === PT.NOTE)
    .map((segment) => {
      const bytes = image.bytes.subarray(segment.offset, segment.offset + segment.fileSize);
      const size = 20 + Math.ceil(bytes.readUInt32LE(4) / 4) * 4;
      expect(segment.fileSize).toBe(size);
      return bytes.toString('hex');
    });
}

describe.skipIf(isGnu())('any program', () => {
  test.each([
    { target: x86, machine: EM.X86_64, flags: [] },
    { target: x86, machine: EM.X86_64, flags: ['-pie', '--no-dynamic-linker'] },
    { target: riscv, machine: EM.RISCV, flags: [] },
  ])('$target.name $flags', async ({ target, machine, flags }) => {
    const p = await project(target, {});
    await fc.assert(
      fc.asyncProperty(program, async (input) => {
        const names = objectsOf(input, machine).map((bytes, i) => {
          p.write(`${i}.o`, bytes);
          return `${i}.o`;
        });
        const image = await p.link(...flags, ...names);
        expect(complaints(image)).toEqual([]);
        const given = input.flatMap(({ notes }) => notes.map(({ words }) => noteBytes(words).toString('hex')));
        expect(notesOf(image).sort()).toEqual(given.sort());
        const tls = image.file.segments.find(({ type }) => type === PT.TLS);
        const tlsSections = image.file.sections.filter(({ flags: bits, size }) => (bits & SHF.TLS) !== 0 && size > 0);
        // An empty thread-local section may still have its (empty) segment.
        expect((tls?.memorySize ?? 0) === 0).toBe(tlsSections.length === 0);
        if (tls) expect(Number(tls.address) % tls.align).toBe(0);
      }),
      { numRuns: 80, seed: 20_261_124 },
    );
  });
});

test('bytes of every section are all there, in command-line order', async () => {
  const p = await project(x86, {});
  for (const [i, bytes] of ['aa', 'bbb', 'c'].entries()) {
    p.write(
      `${i}.o`,
      buildObject({ sections: [{ name: '.rodata', flags: SHF.ALLOC, bytes: Buffer.from(bytes), align: 4 }] }),
    );
  }
  const image = await p.link('-e0', '0.o', '1.o', '2.o');
  expect(Buffer.from(image.section('.rodata').data).toString('hex')).toBe('6161000062626200' + '63');
});

test('RELRO covers whole pages that nothing else shares', async () => {
  const p = await project(x86, {
    'a.s':
      '.globl _start\n_start: nop\n.section .data.rel.ro,"aw"\n.quad _start\n.section .init_array,"aw",@init_array\n.quad _start\n.data\n.globl d\nd: .quad 1',
  });
  const image = await p.link('-pie', '--no-dynamic-linker', '-z', 'relro', 'a.o');
  const relro = image.file.segments.find(({ type }) => type === PT.RELRO)!;
  const end = Number(relro.address) + relro.memorySize;
  if (!isGnu()) expect(end % PAGE).toBe(0);
  expect(image.address('d')).toBeGreaterThanOrEqual(end);
  expect(Number(image.section('.data.rel.ro').address)).toBeGreaterThanOrEqual(Number(relro.address));
  const without = await p.link('-pie', '--no-dynamic-linker', '-z', 'norelro', 'a.o');
  expect(without.file.segments.some(({ type }) => type === PT.RELRO)).toBe(false);
});

test('PT_GNU_STACK says that the stack is not executable, and how large it is wanted', async () => {
  const p = await project(x86, { 'a.s': '.globl _start\n_start: nop\n.section .note.GNU-stack,"",@progbits' });
  const stack = async (...args: string[]) =>
    (await p.link(...args, 'a.o')).file.segments.find(({ type }) => type === 0x6474e551)!;
  expect((await stack()).flags).toBe(6);
  expect((await stack('-z', 'execstack')).flags).toBe(7);
  expect((await stack('-z', 'stack-size=0x40000')).memorySize).toBe(0x40000);
});

test('-Ttext, -Tdata, -Tbss, --section-start and --image-base put sections where they say', async () => {
  const p = await project(x86, {
    'a.s': '.globl _start\n_start: nop\n.data\n.quad 1\n.bss\n.quad 0\n.section odd,"a"\n.quad 2',
  });
  const image = await p.link(
    '-Ttext=0x1000000',
    '-Tdata',
    '0x2000000',
    '-Tbss=0x3000000',
    '--section-start=odd=0x500000',
    'a.o',
  );
  const addresses = ['.text', '.data', '.bss', 'odd'].map((name) => Number(image.section(name).address));
  expect(addresses).toEqual([0x1000000, 0x2000000, 0x3000000, 0x500000]);
  if (!isGnu()) {
    const moved = await p.link('--image-base=0x7000000', 'a.o');
    expect(Number(moved.file.segments.find(({ type }) => type === PT.LOAD)!.address)).toBe(0x7000000);
  }
});
