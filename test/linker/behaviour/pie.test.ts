/** Static PIE: what must be relocated at start is listed once, as RELATIVE records or packed as RELR. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRelr } from '../../../linker/tables.ts';
import { runOrThrow } from '../../support/run.ts';
import { exitProgram, type Image, isGnu, project } from '../../support/small-links.ts';
import { aarch64, riscv, type Target, x86 } from '../../support/toolchain.ts';
import { requireTool } from '../../support/tools.ts';

const pie = ['-pie', '--no-dynamic-linker'];

const pointers = (target: Target): string => `${exitProgram(target, '')}
  .data
  .globl table
  table: .quad table, local, local + 8, other, 0, 7
  local: .quad 1, 2
  .section .data.rel.ro,"aw"
  .balign 8
  .quad other
  .text
  .globl other
  other: nop`;

/** Places of RELATIVE records, and what each adds the load address to. */
function relative(image: Image, type: number): Map<number, number> {
  const rela = image.findSection('.rela.dyn');
  const result = new Map<number, number>();
  const records = Buffer.from(rela?.data ?? []);
  for (let at = 0; at < records.length; at += 24) {
    expect(records.readUInt32LE(at + 8)).toBe(type);
    result.set(Number(records.readBigUInt64LE(at)), Number(records.readBigInt64LE(at + 16)));
  }
  return result;
}

function decodeRelr(data: Uint8Array): number[] {
  const words = Buffer.from(data);
  const result: number[] = [];
  let where = 0;
  for (let at = 0; at < words.length; at += 8) {
    const word = words.readBigUInt64LE(at);
    if ((word & 1n) === 0n) {
      result.push(Number(word));
      where = Number(word) + 8;
    } else {
      for (let bit = 1n; bit < 64n; bit++) if ((word >> bit) & 1n) result.push(where + Number(bit - 1n) * 8);
      where += 63 * 8;
    }
  }
  return result;
}

describe.each([
  { target: x86, type: 8 },
  { target: riscv, type: 3 },
  { target: aarch64, type: 1027 },
])('$target.name', ({ target, type }) => {
  test('every word that holds an address, and no other, has a RELATIVE record', async () => {
    const p = await project(target, { 'a.s': pointers(target) });
    const image = await p.link(...pie, 'a.o');
    expect(image.file.header.type).toBe(3);
    const table = image.address('table');
    const ro = [...image.file.sections].find(({ name }) => name.startsWith('.data.rel.ro'))!;
    expect([...relative(image, type).keys()].sort((a, b) => a - b)).toEqual(
      [table, table + 8, table + 16, table + 24, Number(ro.address)].sort((a, b) => a - b),
    );
    expect(relative(image, type).get(table + 8)).toBe(table + 48);
    expect(relative(image, type).get(table + 24)).toBe(image.address('other'));
  });

  test.skipIf(isGnu())('packed, the same places are listed, and their words hold the addresses', async () => {
    const p = await project(target, { 'a.s': pointers(target) });
    const plain = await p.link(...pie, 'a.o');
    const packed = await p.link(...pie, '-z', 'pack-relative-relocs', 'a.o');
    const places = decodeRelr(packed.section('.relr.dyn').data);
    expect(places).toHaveLength(relative(plain, type).size);
    const [first] = places;
    expect(packed.quad('table')).toBe(packed.address('table'));
    expect(packed.quad(first!)).toBeGreaterThan(0);
    expect(relative(packed, type).size).toBe(0);
  });

  test.skipIf(isGnu())('a word at an odd address stays a RELATIVE record', async () => {
    const p = await project(target, {
      'a.s': `${exitProgram(target, '')}.data\n.byte 0\n.8byte _start\n.balign 8\n.quad _start`,
    });
    const image = await p.link(...pie, '-z', 'pack-relative-relocs', 'a.o');
    expect([...relative(image, type).keys()].map((address) => address % 2)).toEqual([1]);
    expect(decodeRelr(image.section('.relr.dyn').data)).toHaveLength(1);
  });
});

test('an address in a read-only section is refused, with its place', async () => {
  const p = await project(x86, { 'a.s': `${exitProgram(x86, '')}.section .rodata\n.quad 0\n.quad _start` });
  const { status, stderr } = await p.run(...pie, 'a.o');
  if (isGnu()) return;
  expect(status).toBe(1);
  expect(stderr).toMatch(/a\.o:\(\.rodata\+0x8\)/);
});

test('a 32-bit address is refused, with the advice to compile for PIE', async () => {
  const p = await project(x86, { 'a.s': exitProgram(x86, 'mov $_start, %edi') });
  expect(await p.refusal(...pie, 'a.o')).toMatch(/a\.o.*R_X86_64_32.*(PIE|PIC)/s);
});

test('a program relocated by hand runs wherever it is', async () => {
  const p = await project(x86, {
    'a.s': exitProgram(
      x86,
      `lea __ehdr_start(%rip), %rbx
       mov table(%rip), %rax
       add %rbx, %rax
       mov (%rax), %edi`,
    ),
    'b.s': '.data\n.quad 0\n.globl table\ntable: .quad target\n.globl target\ntarget: .long 33',
  });
  // RELR leaves the addresses in the words themselves: added to where the image starts, they are right.
  await p.link(...pie, '-z', 'pack-relative-relocs', 'a.o', 'b.o');
  if (!isGnu()) expect((await p.execute()).status).toBe(33);
});

describe('RELR', () => {
  test('any ascending even addresses are encoded and decoded again', () => {
    const gaps = fc.array(
      fc.oneof(
        fc.constant(8),
        fc.integer({ min: 1, max: 70 }).map((n) => n * 8),
        fc.integer({ min: 1, max: 5000 }).map((n) => n * 2),
      ),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), gaps, (start, steps) => {
        const addresses: number[] = [];
        let at = start * 2;
        for (const step of steps) {
          addresses.push(at);
          at += step;
        }
        const words = encodeRelr(Float64Array.from(addresses));
        const bytes = Buffer.alloc(words.length * 8);
        words.forEach(({ low, high }, i) => {
          bytes.writeUInt32LE(low, 8 * i);
          bytes.writeUInt32LE(high, 8 * i + 4);
        });
        expect(decodeRelr(bytes)).toEqual(addresses);
      }),
      { numRuns: 300, seed: 11 },
    );
  });

  test.skipIf(isGnu())('readelf lists as many as there are', async () => {
    const words = Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? '.quad 1' : '.quad _start')).join('\n');
    const p = await project(x86, { 'a.s': `${exitProgram(x86, '')}.data\n${words}` });
    const image = await p.link(...pie, '-z', 'pack-relative-relocs', 'a.o');
    const listed = await runOrThrow(requireTool('readelf'), ['-rW', image.path]);
    expect(listed).toMatch(/\.relr\.dyn/);
    const places = decodeRelr(image.section('.relr.dyn').data);
    expect(places).toHaveLength(133);
    for (const place of places) expect(image.quad(place)).toBe(image.address('_start'));
    expect(image.section('.relr.dyn').size).toBeLessThanOrEqual(8 * (1 + Math.ceil(200 / 63) + 1));
  });

  test.skipIf(isGnu())('DT_RELR, DT_RELRSZ and DT_RELRENT describe it', async () => {
    const p = await project(x86, { 'a.s': `${exitProgram(x86, '')}.data\n.quad _start` });
    const image = await p.link(...pie, '-z', 'pack-relative-relocs', 'a.o');
    const dynamic = Buffer.from(image.section('.dynamic').data);
    const tags = new Map<number, number>();
    for (let at = 0; at < dynamic.length; at += 16) {
      tags.set(Number(dynamic.readBigInt64LE(at)), Number(dynamic.readBigUInt64LE(at + 8)));
    }
    const { address, size } = image.section('.relr.dyn');
    expect([tags.get(36), tags.get(35), tags.get(37)]).toEqual([Number(address), size, 8]);
  });
});
