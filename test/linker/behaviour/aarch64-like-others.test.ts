/**
 * The same objects for aarch64, linked to the same addresses by GNU ld, by lld and by us: code and data are the same bytes,
 * thread-local sequences that each rewrites included.
 */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runOrThrow } from '../../support/run.ts';
import { isGnu, project, readImage } from '../../support/small-links.ts';
import { aarch64 } from '../../support/toolchain.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('aarch64-linux-gnu-gcc', 'aarch64-linux-gnu-ld', 'ld.lld', 'clang');

const source = `
  extern int data[]; extern const char text[]; extern int far(int); extern int zeros[1000];
  extern __thread int first, second; static __thread long local = 3;
  int (*const table[])(int) = { far, far }; int *pointers[] = { data, data + 5, zeros + 999 };
  static int cases(int n) {
    switch (n) { case 0: return data[1]; case 1: return zeros[3]; case 2: return far(7); case 3: return text[0];
      case 4: return far(9) + 1; case 5: return data[2] * 3; case 6: return zeros[5] ^ 1; default: return -n; }
  }
  int NAME(int n) { return cases(n) + first + second + (int)local++ + table[n & 1](n) + *pointers[n % 3]; }
  char bytes(unsigned i) { return text[i & 15] + (char)zeros[i & 7]; }
  double wide(void) { static double d[] = { 1.5, 2.5 }; return d[0] * d[1] + data[0]; }
  __int128 wider(void) { static __int128 v = 5; return v * 3; }
  short halves(int i) { static short h[9] = { 4 }; return h[i & 7]; }`;

const others = `
  int data[] = { 1, 2, 3, 4, 5, 6 }; const char text[] = "0123456789abcdef"; int zeros[1000];
  __attribute__((aligned(64))) __thread int first = 8; __thread int second;
  int far(int x) { return x + data[0]; }`;

const script = `SECTIONS {
  .text 0x400000 : { *(.text .text.*) }
  .rodata 0x480000 : { *(.rodata .rodata.* .data.rel.ro .data.rel.ro.*) }
  .data 0x500000 : { *(.data .data.*) }
  .tdata 0x580000 : { *(.tdata .tdata.*) }
  .tbss : { *(.tbss .tbss.*) }
  .bss 0x600000 : { *(.bss .bss.* COMMON) }
  /DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }
}`;

const variants = [
  ['gcc, small', 'aarch64-linux-gnu-gcc', ['-O2', '-fno-pie']],
  ['gcc, small, unoptimised', 'aarch64-linux-gnu-gcc', ['-O0', '-fno-pie']],
  ['gcc, large', 'aarch64-linux-gnu-gcc', ['-O2', '-fno-pie', '-mcmodel=large']],
  ['gcc, sections', 'aarch64-linux-gnu-gcc', ['-Os', '-fno-pie', '-ffunction-sections', '-fdata-sections']],
  [
    'gcc, descriptors',
    'aarch64-linux-gnu-gcc',
    ['-O2', '-fno-pie', '-ftls-model=global-dynamic', '-fvisibility=hidden'],
  ],
  ['gcc, initial exec', 'aarch64-linux-gnu-gcc', ['-O2', '-fno-pie', '-ftls-model=initial-exec']],
  ['clang, small', 'clang', ['--target=aarch64-linux-gnu', '-O2', '-fno-pic']],
  ['clang, 24 bits', 'clang', ['--target=aarch64-linux-gnu', '-O1', '-fno-pic', '-ftls-model=local-exec']],
] as const;

// Linking with GNU ld in our place would compare it with itself.
test.skipIf(isGnu()).each(variants)('%s', async (_, compiler, flags) => {
  const target = { ...aarch64, cc: compiler };
  const more = [...flags, '-fno-asynchronous-unwind-tables', '-fno-stack-protector'];
  const p = await project(target, {
    'a.c': { text: source.replaceAll('NAME', '_start'), flags: more },
    'b.c': { text: others, flags: more },
    'script.ld': script,
  });
  const ours = await p.link('-T', 'script.ld', 'a.o', 'b.o');
  for (const [name, program, extra] of [
    ['GNU ld', 'aarch64-linux-gnu-ld', []],
    ['lld', 'ld.lld', ['--no-relax']],
  ] as const) {
    const output = join(p.folder, program);
    const args = [...extra, '-m', 'aarch64linux', '-T', 'script.ld', '-o', output, 'a.o', 'b.o'];
    await runOrThrow(requireTool(program), args, { cwd: p.folder });
    const theirs = readImage(output);
    for (const section of ['.text', '.rodata', '.data', '.tdata']) {
      const found = Buffer.from(ours.section(section).data);
      const expected = Buffer.from(theirs.section(section).data);
      const at = found.findIndex((byte, i) => byte !== expected[i]);
      expect({ name, section, size: found.length, at }).toEqual({ name, section, size: expected.length, at: -1 });
    }
  }
});
