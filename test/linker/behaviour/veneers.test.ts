/**
 * Calls on AArch64 that go farther than 128 MiB: they are led over veneers, run, and come back. Scripts place code far
 * apart, so that the files stay small.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildObject, EM, relocations, SHF, SHT } from '../../support/elf-builder.ts';
import { addField, adrField, branchField } from '../../support/reapply-aarch64.ts';
import { exitProgram, type Image, isGnu, project } from '../../support/small-links.ts';
import { aarch64 } from '../../support/toolchain.ts';

/** `start.o` at 4 MiB, and `far.o` at an address. */
const script = (far: string): string => `SECTIONS {
  . = 0x400000;
  .text : { start.o(.text .text.*) }
  . = ${far};
  .far : { far.o(.text .text.*) }
  . = ALIGN(0x10000);
  .note.gnu.property : { *(.note.gnu.property) }
  .tables : { *(.dynsym .dynstr .hash .rela.dyn) }
  . = ALIGN(0x10000);
  .dynamic : { *(.dynamic) }
  /DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }
}`;

const start = exitProgram(aarch64, 'mov x0, #1\nbl far\nbl near\nbl far');
const near = '.globl near\nnear: add x0, x0, #2\nret';
const far = '.globl far\nfar: stp x29, x30, [sp, #-16]!\nadd x0, x0, #10\nbl near\nldp x29, x30, [sp], #16\nret';

const target = (image: Image, at: number): number => at + branchField(image.word(at));

/** Where a veneer of adrp, add and br leads to. */
function goalOf(image: Image, veneer: number): number {
  const [adrp, add, br] = [0, 4, 8].map((at) => image.word(veneer + at));
  expect([adrp! & 0x1f, add! & 0x3ff, br]).toEqual([16, 0x210, 0xd61f0200]);
  return Math.floor(veneer / 4096) * 4096 + adrField(adrp!) * 4096 + addField(add!);
}

describe.each([
  ['just beyond a call', '0x10000000'],
  ['a gigabyte away', '0x60000000'],
  ['4 GiB away', '0x140000000'],
  ['a terabyte away', '0x10000000000'],
])('code %s', (_, address) => {
  test.each([[[]], [['-pie', '--no-dynamic-linker']]])('is called and returns, linked %o', async (kind) => {
    // GNU ld's veneer for such distances needs a dynamic relocation in text.
    if (isGnu() && kind.length > 0) return;
    const p = await project(aarch64, {
      'start.s': `${start}\n${near}`,
      'far.s': far,
      'script.ld': script(address),
    });
    const image = await p.link(...kind, '-T', 'script.ld', 'start.o', 'far.o');
    // Two calls there and back again, each 10 and 2, and one of 2.
    // (An emulator reserves all that lies between.)
    if (Number(address) < 2 ** 40) expect((await p.execute()).status).toBe(1 + 12 + 2 + 12);
    const code = image.address('_start');
    // Both calls of `far` share a veneer, and the near one needs none.
    expect(target(image, code + 4)).toBe(target(image, code + 12));
    expect(target(image, code + 4)).not.toBe(image.address('far'));
    expect(target(image, code + 8)).toBe(image.address('near'));
    // What starts there may use x16 and x17 alone.
    if (!isGnu()) expect(image.word(target(image, code + 4)) & 0x1e).toBe(16);
  });
});

test.skipIf(isGnu())('the same inputs make the same veneers, and nothing changes for code that is near', async () => {
  const p = await project(aarch64, {
    'start.s': `${start}\n${near}`,
    'far.s': far,
    'far.ld': script('0x10000000'),
    'near.ld': script('0x500000'),
  });
  const [one, two] = [
    await p.link('-T', 'far.ld', 'start.o', 'far.o'),
    await p.link('-T', 'far.ld', 'start.o', 'far.o'),
  ];
  expect(one.bytes.equals(two.bytes)).toBe(true);
  const plain = await p.link('-T', 'near.ld', 'start.o', 'far.o');
  expect(plain.section('.text').size).toBe(one.section('.text').size - 12);
  expect(target(plain, plain.address('_start') + 4)).toBe(plain.address('far'));
});

test.skipIf(isGnu())('a jump and an address plus an offset have veneers of their own', async () => {
  const p = await project(aarch64, {
    'start.s': exitProgram(aarch64, 'mov x0, #1\nbl far + 4\nbl far\nb 1f\n1: nop'),
    'far.s': '.globl far\nfar: add x0, x0, #16\nadd x0, x0, #1\nb back\n.globl back\nback: ret',
    'script.ld': script('0x20000000'),
  });
  const image = await p.link('-T', 'script.ld', 'start.o', 'far.o');
  expect((await p.execute()).status).toBe(1 + 1 + 17);
  const code = image.address('_start');
  expect(target(image, code + 8)).not.toBe(target(image, code + 4));
});

test.skipIf(isGnu())('an ifunc and a fixed address are reached as well', async () => {
  const p = await project(aarch64, {
    'start.s': `${exitProgram(aarch64, 'mov x0, #5\nbl fixed')}
      .globl fixed
      fixed = 0x20000000`,
    'far.s': '.text\nmov x0, #7\nret',
    'script.ld': script('0x20000000'),
  });
  await p.link('-T', 'script.ld', 'start.o', 'far.o');
  expect((await p.execute()).status).toBe(7);
});

test.skipIf(isGnu())('.init is not interrupted: its veneer lies elsewhere', async () => {
  const p = await project(aarch64, {
    'start.s': `${exitProgram(aarch64, 'mov x0, #3\nbl _init')}
      .section .init, "ax"
      .globl _init
      _init: stp x29, x30, [sp, #-16]!
      bl far`,
    'other.s': '.section .init, "ax"\nadd x0, x0, #1\nldp x29, x30, [sp], #16\nret',
    'far.s': '.globl far\nfar: add x0, x0, #10\nret',
    'script.ld': `SECTIONS {
      . = 0x400000;
      .init : { *(.init) }
      .text : { start.o(.text) }
      .far 0x20000000 : { far.o(.text) }
      /DISCARD/ : { *(.note*) }
    }`,
  });
  const image = await p.link('-T', 'script.ld', 'start.o', 'other.o', 'far.o');
  expect((await p.execute()).status).toBe(14);
  expect(image.section('.init').size).toBe(20);
});

describe.skipIf(isGnu())('where all code is marked for branch target identification', () => {
  const property = `
    .section .note.gnu.property, "a"
    .balign 8
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000000, 4, 1, 0
    .text`;
  const bti = (text: string) => `${text}\n${property}`;

  test('a function without a landing instruction is entered over a landing pad', async () => {
    const p = await project(aarch64, {
      'start.s': bti(exitProgram(aarch64, 'mov x0, #1\nbl plain\nbl landing')),
      'far.s': bti(`.globl plain, landing
        plain: add x0, x0, #4
        ret
        landing: bti c
        add x0, x0, #8
        ret`)
        .replace('.text\n', '')
        .replace(/^/, '.arch armv8.5-a\n.text\n'),
      'script.ld': script('0x20000000'),
    });
    const image = await p.link('-T', 'script.ld', 'start.o', 'far.o');
    expect((await p.execute()).status).toBe(13);
    const goal = (call: number): number => goalOf(image, target(image, call));
    const code = image.address('_start');
    expect(goal(code + 8)).toBe(image.address('landing'));
    const pad = goal(code + 4);
    expect(image.word(pad)).toBe(0xd503245f);
    expect(target(image, pad + 4)).toBe(image.address('plain'));
    const note = Buffer.from(image.section('.note.gnu.property').data);
    expect(note.readUInt32LE(24)).toBe(1);
  });

  test('the output claims no more than every input does', async () => {
    const p = await project(aarch64, { 'a.s': bti(exitProgram(aarch64, '')), 'b.s': '.text\nret' });
    expect((await p.link('a.o')).findSection('.note.gnu.property')).toBeDefined();
    expect((await p.link('a.o', 'b.o')).findSection('.note.gnu.property')).toBeUndefined();
  });
});

test.skipIf(isGnu())('wherever code is put in 2 GiB, every call ends at its function', async () => {
  const p = await project(aarch64, {});
  const count = 10;
  const functions = Array.from({ length: count }, (_, i) => i);
  const sections = functions.flatMap((i) => [
    { name: `.f${i}`, flags: SHF.ALLOC | SHF.EXEC, bytes: Buffer.alloc(4 * count), align: 4 },
  ]);
  const symtab = 2 * count + 1;
  const calls = functions.map((i) => ({
    name: `.rela.f${i}`,
    type: SHT.RELA,
    bytes: relocations(functions.map((j) => ({ offset: 4 * j, type: 283, symbol: 1 + j }))),
    ...{ link: symtab, info: i + 1, align: 8, entsize: 24 },
  }));
  const bytes = buildObject({
    machine: EM.AARCH64,
    sections: [...sections, ...calls],
    symbols: functions.map((i) => ({ name: `f${i}`, info: 0x12, section: i + 1 })),
  });
  p.write('a.o', bytes);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: 0x7ffff }), { minLength: count, maxLength: count }),
      async (pages) => {
        const places = pages.sort((a, b) => a - b).map((page, i) => `.f${i} ${page * 4096} : { *(.f${i}) }`);
        p.write('script.ld', `SECTIONS { ${places.join('\n')} }`);
        const image = await p.link('-e0', '-T', 'script.ld', 'a.o');
        for (const i of functions)
          for (const j of functions) {
            const place = image.address(`f${i}`) + 4 * j;
            const goal = image.address(`f${j}`);
            const reached = target(image, place);
            expect(reached === goal ? goal : goalOf(image, reached)).toBe(goal);
            // A call that reaches has no detour.
            if (Math.abs(goal - place) < 2 ** 27) expect(reached).toBe(goal);
          }
      },
    ),
    { numRuns: 25, seed: 7 },
  );
});

test.skipIf(isGnu())('a branch that reaches no place for a veneer is refused, with its place', async () => {
  const p = await project(aarch64, {
    'start.s': `.section .text, "ax", @nobits\n.zero 1`,
    'a.s': `.globl _start, far
      .section .big, "ax"
      _start: bl far`,
    'script.ld': `SECTIONS { .init 0x400000 : { *(.big) } .far 0x20000000 : { far.o(.text) } }`,
    'far.s': '.globl far\nfar: ret',
  });
  expect(await p.refusal('-T', 'script.ld', 'a.o', 'far.o')).toMatch(
    /a\.o:\(\.big\): the branch at 0x400000 reaches no place .*compile with -ffunction-sections/,
  );
});
