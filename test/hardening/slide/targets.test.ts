/**
 * Fields whose value is far from what they mean: taken by their value alone, each of these would follow the wrong
 * function. Small enough that one wrong field changes the exit status, in nearly every layout.
 */
import { describe, expect, it } from 'vitest';
import { applyLayout } from '../../../hardening/slide/apply.ts';
import { slideInfoFromLink } from '../../../hardening/slide/from-link.ts';
import { x86 } from '../../support/programs.ts';
import { createRandom } from '../../support/random.ts';
import { project } from '../../support/small-links.ts';
import { randomLayout } from './random-layout.ts';
import { linkedProgram, linkImage, runElf } from './slid-programs.ts';

const others = Array.from({ length: 40 }, (_, i) => `.section .text.other${i},"ax"\n.skip ${1 + i * 7}, 0x90\n ud2\n`);

/** A program that ends with 42 in %edi; functions that are never reached stand between and behind the others. */
function program(start: string, rest: string): string {
  const exit = ' mov $60, %eax\n syscall\n';
  const [some, more] = [others.slice(0, 20).join(''), others.slice(20).join('')];
  return `.section .text.start,"ax"\n.globl _start\n_start:\n${start}${exit}\n${some}\n${rest}\n${more}`;
}

const cases: Readonly<Record<string, readonly [start: string, rest: string]>> = {
  'the last entry of a jump table that counts from the table': [
    'mov $63, %edi\n call f\n',
    `.section .text.f,"ax"
f: lea table(%rip), %rax
  movslq (%rax,%rdi,4), %rcx
  add %rax, %rcx
  jmp *%rcx
target: mov $42, %edi
  ret
  .section .rodata
table: .rept 64
  .long target - table
  .endr`,
  ],
  'the end of a function, next to its start': [
    'mov end_of_f(%rip), %rdi\n sub start_of_f(%rip), %rdi\n',
    `.section .text.f,"ax"
f: .skip 42, 0xcc
end:
  .data
start_of_f: .quad f
end_of_f: .quad end`,
  ],
  'the end of a function, as code computes it': [
    'lea end(%rip), %rdi\n lea f(%rip), %rax\n sub %rax, %rdi\n',
    '.section .text.f,"ax"\nf: .skip 42, 0xcc\nend:',
  ],
  'a place far before a function, below address 0': [
    'mov before(%rip), %rax\n add $0x1000000, %rax\n call *%rax\n',
    '.section .text.f,"ax"\nf: mov $42, %edi\n ret\n.data\nbefore: .quad f - 0x1000000',
  ],
  'a place before a function': [
    'mov before(%rip), %rax\n add $5000, %rax\n call *%rax\n',
    '.section .text.f,"ax"\nf: mov $42, %edi\n ret\n.data\nbefore: .quad f - 5000',
  ],
  'an instruction with an immediate behind its operand': [
    'movl $42, cell(%rip)\n cmpl $42, cell(%rip)\n jne 1f\n cmpl $0x11223344, inside(%rip)\n jne 1f\n mov cell(%rip), %edi\n 1:\n',
    '.section .text.f,"ax"\n.skip 3\ninside: .long 0x11223344\n.bss\n.skip 100\ncell: .long 0',
  ],
  'the last byte of a function, read by code': [
    'movzbl last(%rip), %edi\n mov last-3(%rip), %eax\n cmp $0x2a909090, %eax\n je 1f\n xor %edi, %edi\n 1:\n',
    '.section .text.f,"ax"\n.skip 9, 0x90\nlast: .byte 42',
  ],
  'a function by 32 bits, signed and not': [
    'mov $f, %eax\n call *%rax\n movslq narrow(%rip), %rax\n call *%rax\n mov $f, %rax\n call *%rax\n movabs $f, %rax\n call *%rax\n',
    '.section .text.f,"ax"\nf: add $10, %edi\n add $1, %ebx\n cmp $4, %ebx\n jne 1f\n add $2, %edi\n 1: ret\n.section .rodata\nnarrow: .long f',
  ],
  'an absolute symbol, near and far': [
    'lea number(%rip), %rdi\n sub $0x1234, %rdi\n mov $number, %eax\n sub $0x1234, %eax\n add %eax, %edi\n add $42, %edi\n',
    '',
  ],
  'a distance of 64 bits': [
    'lea far(%rip), %rax\n add far(%rip), %rax\n call *%rax\n',
    '.section .text.f,"ax"\nf: mov $42, %edi\n ret\n.data\nfar: .quad f - .',
  ],
  'a section without bytes': [
    'mov mark(%rip), %rdi\n sub data(%rip), %rdi\n add $42, %rdi\n',
    '.section .data.marker,"aw"\nmarker:\n.data\ndata: .quad marker\nmark: .quad marker',
  ],
};

describe('what is meant moves, whatever the value says', () => {
  it.each(Object.entries(cases))('%s', async (_, [start, rest]) => {
    const { path } = await project(x86, { 'a.s': program(start, rest) });
    const { file, info } = linkedProgram([path('a.o'), '--defsym=number=0x1234']);
    expect(info.units.offset.length).toBeGreaterThan(40);
    expect((await runElf(file)).status).toBe(42);
    for (let i = 0; i < 8; i++) {
      const { status } = await runElf(applyLayout(file, info, randomLayout(info, createRandom(0xad, i))));
      expect({ i, status }).toEqual({ i, status: 42 });
    }
  });
});

describe('symbols of a script', () => {
  const script = (text: string): string =>
    `SECTIONS { . = 0x400000; _stext = .; .text : { ${text} } _etext = .; . = ALIGN(0x1000); rodata = .; .rodata : { *(.rodata) }
     . = ALIGN(0x1000); .data : { first = .; *(.data) last = .; } _end = .; }`;
  const source = `.section .rodata
marks: .quad _stext, _etext, rodata, first, last, _end, alias
  .data
  .quad 0
  .text
  .globl _start
_start: ret
  .section .text.g,"ax"
  .globl g
g: ret`;

  it('follow what they mark, also when the code has grown', async () => {
    const { path } = await project(x86, { 'a.s': source, 'l.ld': script('*(.text .text.*)') });
    const { file, info } = linkedProgram(['-T', path('l.ld'), path('a.o'), '--defsym=alias=g']);
    const layout = randomLayout(info, createRandom(6, 6));
    const slid = applyLayout(file, info, layout);
    const rodata = slid.sections.find(({ name }) => name === '.rodata')!;
    const data = slid.sections.find(({ name }) => name === '.data')!;
    const view = new DataView(rodata.data.buffer, rodata.data.byteOffset, rodata.data.byteLength);
    const marks = Array.from({ length: 7 }, (_, i) => Number(view.getBigUint64(8 * i, true)));
    const text = layout.segmentAddress[info.text]!;
    const g = info.units.offset.length - 1;
    expect(marks).toEqual([
      text,
      text + layout.textSize,
      Number(rodata.address),
      Number(data.address),
      Number(data.address) + data.size,
      Number(data.address) + data.size,
      text + layout.unitOffset[g]!,
    ]);
  });

  it('in the middle of code keep all of it together', async () => {
    const text = '*(.text) middle = .; *(.text.*)';
    const { path } = await project(x86, { 'a.s': `${source}\n.data\n.quad middle`, 'l.ld': script(text) });
    const { info } = linkedProgram(['-T', path('l.ld'), path('a.o'), '--defsym=alias=g']);
    expect(info.units.offset.length).toBe(1);
  });

  it('that are computed from the size of code are refused by name', async () => {
    const { path } = await project(x86, { 'a.s': `${source}\n.quad size`, 'l.ld': script('*(.text .text.*)') });
    const image = linkImage(['-T', path('l.ld'), path('a.o'), '--defsym=alias=g', '--defsym=size=_etext-_stext']);
    expect(() => slideInfoFromLink(image)).toThrow(/^symbol size is computed from places in the code, which change/);
  });

  it('stored by the script itself are refused by name', async () => {
    const text = '*(.text .text.*) QUAD(_start)';
    const { path } = await project(x86, { 'a.s': source, 'l.ld': script(text) });
    const image = linkImage(['-T', path('l.ld'), path('a.o'), '--defsym=alias=g']);
    expect(() => slideInfoFromLink(image)).toThrow(/l\.ld:1: section \.text stores a value that the script computes/);
  });
});
