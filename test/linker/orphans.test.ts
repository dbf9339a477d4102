/** Sections that a user's script does not name stay out of the way of those it does. */
import { expect, test } from 'vitest';
import { exitProgram, isGnu, project } from '../support/small-links.ts';
import { x86 } from '../support/toolchain.ts';

const code = exitProgram(x86, 'xor %edi, %edi');
const note = '.section .note.other,"a",@note\n.long 4, 0, 1\n.asciz "abc"';
const constants = '.section .constants,"a"\n.quad 1';
const text = '.text : { *(.text) }';
const rodata = '. = ALIGN(0x1000); .rodata : { *(.rodata) }';
const data = '. = ALIGN(0x1000); .data : { *(.data) }';

test.each([
  ['a note, behind read-only data', note, `${text} ${rodata} ${data}`, ['.text', '.rodata', '.note.other', '.data']],
  ['a note, behind code', note, `${text} ${data}`, ['.text', '.note.other', '.data']],
  ['constants, behind code', constants, `${text} ${data}`, ['.text', '.constants', '.data']],
  ['both, behind code', `${constants}\n${note}`, text, ['.text', '.constants', '.note.other']],
])('code at a fixed address keeps it: %s', async (_what, orphan, layout, order) => {
  const p = await project(x86, { 'a.s': `${code}\n.section .rodata,"a"\n.quad 2\n.data\n.quad 3\n${orphan}` });
  p.write('layout.ld', `SECTIONS { . = 0x100000; ${layout} }`);
  const image = await p.link('a.o', '-T', 'layout.ld');
  expect(image.address('_start')).toBe(0x100000);
  const sorted = image.file.sections
    .filter(({ name }) => order.includes(name))
    .sort((a, b) => Number(a.address - b.address));
  expect(sorted.map(({ name }) => name)).toEqual(order);
});

test.skipIf(isGnu())('in the built-in layout read-only orphans precede the code, with the headers', async () => {
  const p = await project(x86, { 'a.s': `${code}\n${note}\n${constants}` });
  const image = await p.link('a.o');
  for (const name of ['.note.other', '.constants']) {
    expect(Number(image.section(name).address)).toBeLessThan(
      image.address('_start') - (image.address('_start') % 0x1000),
    );
  }
});
