/** Segments cover the memory and the bytes of their sections, and nothing besides. */
import { describe, expect, test } from 'vitest';
import * as elf from '../../linker/elf.ts';
import { exitProgram, type Image, isGnu, project } from '../support/small-links.ts';
import { link, riscv, x86 } from '../support/toolchain.ts';

const segments = (image: Image, type: number) => image.file.segments.filter((segment) => segment.type === type);

const threadLocal = (data: string): string => `
  ${exitProgram(x86, 'movb $1, variable\nmov %fs:0, %rax\nxor %edi, %edi')}
  ${data}
  .section .tbss,"awT",@nobits
  .skip 0x8000
  .data
  .globl variable
  variable: .byte 5
  .bss
  .skip 0x100`;

describe('RELRO', () => {
  test.each([
    ['with data before it', '.section .tdata,"awT",@progbits\n.quad 1\n.section .init_array,"aw"\n.quad _start'],
    ['alone', ''],
  ])('does not count .tbss, which takes no memory: %s', async (_what, data) => {
    const p = await project(x86, { 'a.s': threadLocal(data) });
    const image = await p.link('a.o', '-z', 'relro');
    for (const { address, memorySize } of segments(image, elf.PT_GNU_RELRO)) {
      expect(Number(address) + memorySize).toBeLessThanOrEqual(image.address('variable'));
    }
    expect(segments(image, elf.PT_GNU_RELRO)).toHaveLength(data === '' ? 0 : 1);
  });

  test('leaves data writable behind a large .tbss of a C program', async () => {
    const source = `__thread char big[65536]; int data = 1; char zero[100000];
      int main(void) { data++; zero[5000] = 1; big[3] = data; return big[3] + big[4]; }`;
    for (const target of [x86, riscv]) {
      const p = await project(target, { 'a.c': source });
      await link(target, target.cc, ['-static', p.path('a.o'), '-o', p.path('out')]);
      expect((await p.execute()).status).toBe(2);
    }
  });
});

test('an empty section makes no segment', async () => {
  const p = await project(x86, { 'a.s': exitProgram(x86, 'xor %edi, %edi') });
  const image = await p.link('a.o');
  expect(segments(image, elf.PT_LOAD).filter(({ memorySize }) => memorySize === 0)).toEqual([]);
});

describe('a segment without bytes', () => {
  const source = `.globl _start
    _start: nop
    .bss
    .skip 0x20000
    .section .tbss,"awT",@nobits
    .skip 0x100`;
  const layout = (bss: string): string => `
    PHDRS { text PT_LOAD; zero PT_LOAD; tls PT_TLS; }
    SECTIONS {
      . = 0x10000;
      .text : { *(.text) } :text
      . = 0x4fff0;
      .bss ${bss}: { *(.bss) } :zero
      .tbss : { *(.tbss) } :zero :tls
      .data : { *(.data) } :zero
    }`;

  test.each(['', 'ALIGN(0x8000) ', 'ALIGN(0x100000) '])('has its offset in the file: .bss %s', async (bss) => {
    const p = await project(x86, { 'a.s': source });
    p.write('layout.ld', layout(bss));
    for (const flags of [[], ['-s']]) {
      const image = await p.link('a.o', '-T', 'layout.ld', ...flags);
      expect(image.file.segments).toHaveLength(3);
      const [, zero, tls] = image.file.segments;
      // An empty .data behind it has no bytes either.
      expect([zero!.fileSize, tls!.fileSize]).toEqual([0, 0]);
      expect(zero!.memorySize).toBe(0x20000);
      // GNU ld leaves the offset of PT_TLS behind the end.
      const bounded = isGnu() ? [zero!] : [zero!, tls!];
      for (const { offset } of bounded) expect(offset).toBeLessThanOrEqual(image.bytes.length);
      expect(zero!.offset % 0x1000).toBe(Number(zero!.address) % 0x1000);
    }
  });
});
