/** Fields of linked code that hold addresses: as they move and as instructions extend them; what moves otherwise is named. */
import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../../pipeline/validation-fields.ts';
import { linkImage } from '../hardening/slide/slid-programs.ts';
import { x86 } from '../support/programs.ts';
import { project } from '../support/small-links.ts';

describe('fields that hold addresses', () => {
  it('are told by their sizes, and by whether what they mean moves with a section', async () => {
    const source = `.globl _start, f
_start: mov $f, %eax
  mov $f, %rax
  movabs $f, %rax
  mov $number, %eax
  lea f(%rip), %rax
  lea number(%rip), %rax
  mov $alias, %eax
  ret
  .section .text.f,"ax"
f: ret`;
    const { path } = await project(x86, { 'a.s': source, 'b.s': '.globl number\nnumber = 0x1234\n' });
    const image = linkImage([path('a.o'), path('b.o'), '--defsym=alias=f']);
    const { moved, filledIn } = fieldsOf(image);
    const found = [...moved].map(([place, kind]) => [place - image.entry, kind]);
    expect(found).toEqual([
      [1, 'unsigned'],
      [8, 'signed'],
      [14, 'word'],
      [37, 'other'],
      [42, 'other'],
    ]);
    expect(filledIn.size).toBe(0);
  });

  it('are filled in by the loader of a position-independent executable', async () => {
    const source = '.globl _start\n_start: ret\n.data\n.quad 7\n.quad _start\n';
    const { path } = await project(x86, { 'a.s': source });
    const image = linkImage(['-pie', path('a.o')]);
    const data = image.sections.find(({ name }) => name === '.data')!;
    expect(fieldsOf(image)).toEqual({ moved: new Map(), filledIn: new Set([data.address + 8]) });
  });
});
