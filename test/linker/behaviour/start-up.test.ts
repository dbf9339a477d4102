/** Start-up and exit arrays: run in order of priority, then of the command line. */
import { expect, test } from 'vitest';
import { exitProgram, project } from '../../support/small-links.ts';
import { aarch64, link, riscv, x86 } from '../../support/toolchain.ts';

const recorder = `
  #include <unistd.h>
  static char log[64]; static int used;
  void note(char c) { log[used++] = c; }
  void flush(void) { write(1, log, used); }`;

test.each([x86, riscv, aarch64])(
  'constructors run by priority, destructors the other way round ($name)',
  async (target) => {
    const p = await project(target, {
      'main.c': `${recorder}
      __attribute__((destructor(101))) static void last(void) { note('z'); flush(); }
      int main(void) { note('.'); return 0; }`,
      'a.c': `void note(char);
      __attribute__((constructor)) static void d(void) { note('d'); }
      __attribute__((constructor(200))) static void b(void) { note('b'); }
      __attribute__((constructor(65000))) static void c(void) { note('c'); }
      __attribute__((destructor(300))) static void y(void) { note('y'); }
      __attribute__((destructor)) static void x(void) { note('x'); }`,
      'b.c': `void note(char);
      __attribute__((constructor(101))) static void a(void) { note('a'); }
      __attribute__((constructor)) static void e(void) { note('e'); }`,
    });
    for (const flag of ['-Wl,--no-gc-sections', '-Wl,--gc-sections']) {
      const objects = ['main.o', 'a.o', 'b.o'].map(p.path);
      await link(target, target.cc, ['-static', flag, '-o', p.path('out'), ...objects]);
      expect((await p.execute()).stdout).toBe('abcde.xyz');
    }
  },
);

test('the arrays are bounded by their symbols, pointers in order', async () => {
  const entry = (section: string, name: string, flags = '"aw",@init_array') =>
    `.section ${section},${flags}\n.quad ${name}\n.text\n.globl ${name}\n${name}: ret`;
  const p = await project(x86, {
    'a.s': [
      entry('.init_array', 'plain'),
      entry('.init_array.00900', 'late'),
      entry('.init_array.00005', 'early'),
    ].join('\n'),
    'b.s': [
      entry('.ctors', 'constructor', '"aw"'),
      exitProgram(x86, ''),
      '.data\n.globl bounds\nbounds: .quad __init_array_start, __init_array_end, __fini_array_start, __fini_array_end',
    ].join('\n'),
  });
  const image = await p.link('a.o', 'b.o');
  const [begin, end] = [image.quad('bounds'), image.quad(image.address('bounds') + 8)];
  const names = ['early', 'late', 'plain', 'constructor'];
  const found = Array.from({ length: (end - begin) / 8 }, (_, i) => image.quad(begin + 8 * i));
  expect(found.map((address) => names.find((name) => image.address(name) === address))).toEqual(names);
  const none = image.address('bounds') + 16;
  expect(image.quad(none + 8) - image.quad(none)).toBe(0);
});

test('.init and .fini pieces of all objects make one function each, in order', async () => {
  const piece = (n: number) => `.section .init,"ax"\nadd $${n}, %edi\n`;
  const p = await project(x86, {
    'first.s': '.section .init,"ax"\n.globl _init\n_init: xor %edi, %edi\n',
    'a.s': piece(5),
    'b.s': '.section .init,"ax"\nshl $1, %edi\n',
    'last.s': `.section .init,"ax"\nret\n${exitProgram(x86, 'call _init').replace('.globl', '.text\n.globl')}`,
  });
  await p.link('first.o', 'a.o', 'b.o', 'last.o');
  expect((await p.execute()).status).toBe(10);
});

test('SORT_BY_INIT_PRIORITY orders .init_array.N and .ctors.N together', async () => {
  const entry = (section: string, value: number) => `.section ${section},"aw"\n.quad ${value}\n`;
  const p = await project(x86, {
    'a.s':
      entry('.init_array.100', 2) + entry('.ctors.65500', 1) + entry('.init_array', 9) + entry('.init_array.20', 0),
    'script.ld': `SECTIONS {
      .text : { *(.text) }
      .init_array : {
        KEEP(*(SORT_BY_INIT_PRIORITY(.init_array.*) SORT_BY_INIT_PRIORITY(.ctors.*)))
        KEEP(*(.init_array))
      }
    }`,
  });
  const { data } = (await p.link('-e0', '-Tscript.ld', 'a.o')).section('.init_array');
  const values = Array.from({ length: data.length / 8 }, (_, i) => data[8 * i]);
  // .ctors.65500 means priority 65535 - 65500 = 35.
  expect(values).toEqual([0, 1, 2, 9]);
});
