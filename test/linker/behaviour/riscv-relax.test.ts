/** RISC-V relaxation: code shrinks, everything that spoke of it still tells the truth, and alignment is kept. */
import { describe, expect, test } from 'vitest';
import { run, runOrThrow } from '../../support/run.ts';
import { exitProgram, type Image, isGnu, project } from '../../support/small-links.ts';
import { link, riscv } from '../../support/toolchain.ts';

const half = (image: Image, at: number) => image.memory(at, 2).readUInt16LE();

describe('what shrinks', () => {
  test('call becomes jal, tail becomes c.j or j, far ones stay', async () => {
    const p = await project(riscv, {
      'a.s': `.globl _start
        _start: call near
        tail near
        call far
        .globl near
        near: ret
        .section .text.far,"ax"
        .zero 0x110000
        .globl far
        far: ret`,
    });
    const image = await p.link('-Ttext=0x20000', 'a.o');
    const start = image.address('_start');
    expect(image.word(start) & 0xfff).toBe(0x0ef); // jal ra
    expect(half(image, start + 4) & 0xe003).toBe(0xa001); // c.j
    expect(image.word(start + 6) & 0xfff).toBe(0x097); // auipc ra
    expect(image.address('near')).toBe(start + 4 + 2 + 8);
  });

  test('without the compressed extension tail becomes j', async () => {
    const p = await project(riscv, {
      'a.s': { text: '.globl _start, f\n_start: tail f\nf: ret', flags: ['-march=rv64g'] },
    });
    const image = await p.link('a.o');
    expect(image.word('_start') & 0xfff).toBe(0x06f);
    expect(image.address('f') - image.address('_start')).toBe(4);
  });

  // GNU ld turns to gp only with start-up code's own symbol.
  test.skipIf(isGnu())('lui goes when gp or x0 reaches, else becomes c.lui', async () => {
    const p = await project(riscv, {
      'a.s': `.globl _start
        _start: lui a0, %hi(small)
        addi a0, a0, %lo(small)
        lui a1, %hi(zero_page)
        lw a1, %lo(zero_page)(a1)
        lui a2, %hi(wide)
        addi a2, a2, %lo(wide)
        .globl end
        end: ret
        .section .sdata,"aw"
        .globl small
        small: .word 1
        .globl zero_page, wide
        zero_page = 0x7f0
        wide = 0x5123`,
    });
    const image = await p.link('-Ttext=0x10000', '--defsym=__global_pointer$=small+0x20', 'a.o');
    const start = image.address('_start');
    // addi a0, gp, -32; lw a1, 0x7f0(x0); c.lui a2; addi a2
    expect(image.word(start)).toBe(((-32 << 20) | (3 << 15) | (10 << 7) | 0x13) >>> 0);
    expect(image.word(start + 4)).toBe(((0x7f0 << 20) | (2 << 12) | (11 << 7) | 0x03) >>> 0);
    expect(half(image, start + 8)).toBe(0x6001 | (12 << 7) | (5 << 2));
    expect(image.address('end')).toBe(start + 14);
  });

  test('a thread-local near the start of the block needs one instruction', async () => {
    const p = await project(riscv, {
      'a.s': `.globl _start, end
        _start: lui a0, %tprel_hi(near)
        add a0, a0, tp, %tprel_add(near)
        lw a0, %tprel_lo(near)(a0)
        end: ret
        .section .tdata,"awT"
        .zero 16
        .type near, @object
        .globl near
        near: .word 1`,
    });
    const image = await p.link('a.o');
    expect(image.address('end') - image.address('_start')).toBe(4);
    expect(image.word('_start')).toBe(((16 << 20) | (4 << 15) | (2 << 12) | (10 << 7) | 0x03) >>> 0);
  });

  test('nothing, with --no-relax or .option norelax', async () => {
    const text = (option: string) => `${option}\n.globl _start, f\n_start: call f\nf: ret`;
    const p = await project(riscv, { 'a.s': text(''), 'b.s': text('.option norelax') });
    for (const args of [['--no-relax', 'a.o'], ['b.o']]) {
      const image = await p.link(...args);
      expect(image.address('f') - image.address('_start')).toBe(8);
    }
  });
});

describe('what speaks of shrunk code', () => {
  const shrinking = `
    .globl _start
    .type _start, @function
    _start: call f
    .Lmiddle: call f
    ret
    .size _start, . - _start
    .globl f
    .type f, @function
    f: call g
    ret
    .size f, . - f
    .globl g
    .type g, @function
    g: ret
    .size g, . - g
    .data
    .globl table
    table: .dword .Lmiddle, g - _start, f
    .word g - f
    .section .text
    .Lnumber: .uleb128 g - f`;

  test('addresses, sizes and differences of symbols follow', async () => {
    const p = await project(riscv, { 'a.s': shrinking.replace(/ *\.section \.text\n.*uleb.*/, '') });
    const image = await p.link('a.o');
    const start = image.address('_start');
    expect(image.address('f')).toBe(start + 10);
    expect(image.address('g')).toBe(start + 16);
    expect(Number(image.symbol('_start').size)).toBe(10);
    expect(Number(image.symbol('f').size)).toBe(6);
    const table = image.address('table');
    expect([0, 8, 16].map((at) => image.quad(table + at))).toEqual([start + 4, 16, start + 10]);
    expect(image.word(table + 24)).toBe(6);
  });

  test('jump tables and branches across shrunk code arrive', async () => {
    const cases = Array.from({ length: 12 }, (_, i) => `case ${i}: sink(${i}); return ${(i * 7) % 23};`).join('\n');
    const p = await project(riscv, {
      'a.c': {
        text: `void sink(int x); int pick(int n) { switch (n) { ${cases} } return 99; }
          int main(void) { int sum = 0; for (int i = 0; i < 13; i++) sum += pick(i); return sum & 127; }`,
        flags: ['-O2'],
      },
      'b.c': 'int total; void sink(int x) { total += x; }',
    });
    let sum = 99;
    for (let i = 0; i < 12; i++) sum += (i * 7) % 23;
    for (const flag of ['-Wl,--relax', '-Wl,--no-relax']) {
      await link(riscv, riscv.cc, ['-static', flag, '-o', p.path('out'), p.path('a.o'), p.path('b.o')]);
      expect((await p.execute()).status).toBe(sum & 127);
    }
  });

  test('line numbers: addr2line gives the line of every function and call', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `int f${i}(int x) { ext(x); ext(x + ${i}); return x * ${i}; }`);
    const p = await project(riscv, {
      'a.c': {
        text: ['void ext(int);', ...lines, 'int _start(void) { return f0(1); }'].join('\n'),
        flags: ['-O1', '-g'],
      },
      'b.c': 'void ext(int x) { }',
    });
    const image = await p.link('a.o', 'b.o');
    const addresses = lines.map((_, i) => `0x${image.address(`f${i}`).toString(16)}`);
    const told = await runOrThrow('riscv64-linux-gnu-addr2line', ['-f', '-e', image.path, ...addresses]);
    const pairs = told.trim().split('\n');
    lines.forEach((_, i) => {
      expect(pairs[2 * i]).toBe(`f${i}`);
      expect(pairs[2 * i + 1]).toMatch(new RegExp(`:${i + 2}( |$)`));
    });
    // Also inside the functions, after instructions that shrank.
    const middle = lines.map(
      (_, i) => `0x${(image.address(`f${i}`) + Number(image.symbol(`f${i}`).size) - 2).toString(16)}`,
    );
    const inner = (await runOrThrow('riscv64-linux-gnu-addr2line', ['-f', '-e', image.path, ...middle]))
      .trim()
      .split('\n');
    lines.forEach((_, i) => {
      expect(inner[2 * i]).toBe(`f${i}`);
    });
    const { stderr } = await run('riscv64-linux-gnu-readelf', ['--debug-dump=decodedline,frames,info', image.path]);
    expect(stderr).toBe('');
  });

  test('exceptions find their way through shrunk code', async () => {
    const p = await project(riscv, {
      'a.cc': {
        text: `int thrower(int x); int catcher(int x) { try { return thrower(x); } catch (int e) { return e; } }
          int main() { int s = 0; for (int i = 0; i < 5; i++) s += catcher(i); return s; }`,
        flags: ['-O1'],
      },
      'b.cc': { text: 'int thrower(int x) { if (x & 1) throw x * 10; return x; }', flags: ['-O1'] },
    });
    await link(riscv, 'riscv64-linux-gnu-g++', ['-static', '-o', p.path('out'), p.path('a.o'), p.path('b.o')]);
    expect((await p.execute()).status).toBe(10 + 30 + 2 + 4);
  });
});

describe('alignment', () => {
  const text = (align: number) => `
    .globl _start, aligned
    _start: call f
    c.nop
    .balign ${align}
    aligned: ret
    .globl f
    f: ret`;

  test.each([4, 8, 16, 64, 4096])('.balign %i holds with and without --no-relax', async (align) => {
    const p = await project(riscv, { 'a.s': text(align), 'pad.s': 'c.nop' });
    for (const flag of ['--relax', '--no-relax']) {
      for (const objects of [['a.o'], ['pad.o', 'a.o']]) {
        const image = await p.link(flag, ...objects);
        expect(image.address('aligned') % align).toBe(0);
      }
    }
  });

  test('its padding is no-ops that run', async () => {
    const p = await project(riscv, {
      'a.s': exitProgram(riscv, 'li a0, 3\nc.nop\n.balign 32\ncall g\n.balign 64\naddi a0, a0, 4').replace(
        'ecall',
        'ecall\n.globl g\ng: ret',
      ),
    });
    for (const flag of ['--relax', '--no-relax']) {
      await p.link(flag, 'a.o');
      expect((await p.execute()).status).toBe(7);
    }
  });
});

test('relaxing settles however calls and alignments chase each other', async () => {
  // Each call just reaches or just does not, depending on what the others do.
  const body = Array.from(
    { length: 40 },
    (_, i) => `f${i}: call f${39 - i}\n.balign ${2 << (i % 5)}\n.zero ${0x6000 + 2 * i}\n`,
  );
  const p = await project(riscv, { 'a.s': `.globl _start\n_start:\n${body.join('')}` });
  const image = await p.link('a.o');
  expect(image.section('.text').size).toBeGreaterThan(40 * 0x6000);
});

test('gp is where the startup code finds it', async () => {
  const p = await project(riscv, {
    'a.s': `${exitProgram(
      riscv,
      `.option push
       .option norelax
       la gp, __global_pointer$
       .option pop
       lui a0, %hi(value)
       lw a0, %lo(value)(a0)`,
    )}.section .sdata,"aw"\n.globl value\nvalue: .word 11`,
  });
  const image = await p.link('a.o');
  expect(Math.abs(image.address('__global_pointer$') - image.address('value'))).toBeLessThanOrEqual(0x800);
  expect((await p.execute()).status).toBe(11);
  if (!isGnu()) expect(image.section('.text').size).toBeLessThan(28);
});
