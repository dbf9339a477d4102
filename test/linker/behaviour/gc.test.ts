/** --gc-sections: what the program can reach stays, the rest goes. */
import { describe, expect, test } from 'vitest';
import { exitProgram, type Image, isGnu, project, type Source } from '../../support/small-links.ts';
import { link, x86 } from '../../support/toolchain.ts';

const data = (name: string, body = '.quad 1', flags = 'aw'): string =>
  `.section .data.${name},"${flags}"\n.globl ${name}\n${name}: ${body}`;

async function collected(files: Readonly<Record<string, Source>>, ...args: string[]): Promise<Image> {
  const p = await project(x86, files);
  const objects = Object.keys(files)
    .filter((name) => /\.s$/.test(name))
    .map((name) => name.replace(/s$/, 'o'));
  return p.link('--gc-sections', ...objects, ...args);
}

const present = (image: Image, ...names: string[]): string[] => names.filter((name) => image.has(name));

test('what the entry reaches stays, through any number of steps; the rest goes', async () => {
  const image = await collected({
    'a.s': [
      exitProgram(x86, 'mov used(%rip), %rax'),
      data('used', '.quad next'),
      data('next'),
      data('unused', '.quad alone'),
      data('alone'),
    ].join('\n'),
  });
  expect(present(image, '_start', 'used', 'next', 'unused', 'alone')).toEqual(['_start', 'used', 'next']);
});

test('a cycle that nothing reaches goes', async () => {
  const image = await collected({ 'a.s': `${exitProgram(x86, '')}${data('x', '.quad y')}\n${data('y', '.quad x')}` });
  expect(present(image, 'x', 'y')).toEqual([]);
});

test('-e, -u, --require-defined and --undefined= are roots', async () => {
  const text = ['start', 'a', 'b', 'c', 'd'].map((name) => data(name)).join('\n');
  const image = await collected({ 'a.s': text }, '-estart', '-u', 'a', '--undefined=b', '--require-defined=c');
  expect(present(image, 'start', 'a', 'b', 'c', 'd')).toEqual(['start', 'a', 'b', 'c']);
});

test('KEEP in a script is a root, and so are the symbols that it mentions', async () => {
  const script = `SECTIONS {
    .text : { *(.text) }
    .data : { KEEP(*(.data.kept)) *(.data.*) }
    mentioned = named;
  }`;
  const text = exitProgram(x86, '') + ['kept', 'named', 'gone'].map((name) => data(name)).join('\n');
  const image = await collected({ 'a.s': text, 'script.ld': script }, '-Tscript.ld');
  expect(present(image, 'kept', 'gone')).toEqual(['kept']);
  if (image.has('named')) expect(image.address('mentioned')).toBe(image.address('named'));
});

test('SHF_GNU_RETAIN is a root', async () => {
  const image = await collected({ 'a.s': `${exitProgram(x86, '')}${data('kept', '.quad 1', 'awR')}\n${data('gone')}` });
  expect(present(image, 'kept', 'gone')).toEqual(['kept']);
});

test('start-up arrays and .init are roots, with what they name', async () => {
  const arrays = ['preinit_array', 'init_array', 'fini_array'].map(
    (name) => `.section .${name},"aw",@${name}\n.quad ${name}_function\n${data(`${name}_function`)}`,
  );
  const image = await collected({ 'a.s': `${exitProgram(x86, '')}${arrays.join('\n')}\n${data('gone')}` });
  const names = ['preinit_array_function', 'init_array_function', 'fini_array_function', 'gone'];
  expect(present(image, ...names)).toEqual(names.slice(0, 3));
});

describe('__start_ and __stop_', () => {
  const member = (value: number) => `.section my_list,"a"\n.globl item${value}\nitem${value}: .quad ${value}`;
  const bounded = 'lea __start_my_list(%rip), %rax\nlea __stop_my_list(%rip), %rbx';

  test('keep all sections of the name and bound them', async () => {
    const image = await collected({ 'a.s': exitProgram(x86, bounded), 'b.s': member(1), 'c.s': member(2) });
    expect(present(image, 'item1', 'item2')).toEqual(['item1', 'item2']);
    const start = image.address('_start');
    expect(start + 7 + (image.word(start + 3) | 0)).toBe(image.address('item1'));
    expect(start + 14 + (image.word(start + 10) | 0)).toBe(image.address('item2') + 8);
  });

  test('without them the sections go', async () => {
    const image = await collected({ 'a.s': exitProgram(x86, ''), 'b.s': member(1) });
    expect(present(image, 'item1')).toEqual([]);
  });
});

test('a section with SHF_LINK_ORDER lives and dies with the one that it names', async () => {
  const pair = (name: string) => `.section .text.${name},"ax"\n.globl ${name}\n${name}: ret
    .section .meta.${name},"ao",@progbits,.text.${name}\n.globl meta_${name}\nmeta_${name}: .quad 1`;
  const image = await collected({ 'a.s': `${exitProgram(x86, 'call used')}${pair('used')}\n${pair('unused')}` });
  expect(present(image, 'used', 'meta_used', 'unused', 'meta_unused')).toEqual(['used', 'meta_used']);
});

test('the sections of a group live and die together', async () => {
  const group = (name: string) => `.section .text.${name},"axG",@progbits,${name},comdat\n.globl ${name}\n${name}: ret
    .section .rodata.${name},"aG",@progbits,${name},comdat\n.globl data_${name}\ndata_${name}: .quad 1`;
  const image = await collected({ 'a.s': `${exitProgram(x86, 'call used')}${group('used')}\n${group('unused')}` });
  expect(present(image, 'used', 'data_used', 'unused', 'data_unused')).toEqual(['used', 'data_used']);
});

test('debug sections stay, with blanks for what is gone', async () => {
  const image = await collected({
    'a.s': `${exitProgram(x86, '')}${data('gone')}\n.section .debug_info\n.quad gone\n.quad _start`,
  });
  const info = Buffer.from(image.section('.debug_info').data);
  expect(Number(info.readBigUInt64LE(0))).toBeLessThan(2);
  expect(Number(info.readBigUInt64LE(8))).toBe(image.address('_start'));
});

test('exception records and tables follow their functions', async () => {
  const thrower = (name: string) =>
    `int ${name}(int x) { try { if (x) throw 5; return 1; } catch (int e) { return e + ${name.length}; } }\n`;
  const p = await project(x86, {
    'a.cc': {
      text: `${thrower('used')}${thrower('unused')} int main() { return used(1); }`,
      flags: ['-O1', '-ffunction-sections'],
    },
  });
  const sizes: number[] = [];
  for (const flag of ['-Wl,--no-gc-sections', '-Wl,--gc-sections']) {
    await link(x86, 'g++', ['-static', '-no-pie', flag, '-o', p.path('out'), p.path('a.o')]);
    expect((await p.execute()).status).toBe(9);
    const { readImage } = await import('../../support/small-links.ts');
    const image = readImage(p.path('out'));
    expect(image.has('_Z4usedi')).toBe(true);
    expect(image.has('_Z6unusedi')).toBe(flag === '-Wl,--no-gc-sections');
    sizes.push(image.section('.eh_frame').size, image.section('.gcc_except_table').size);
  }
  expect(sizes[2]).toBeLessThan(sizes[0]!);
  expect(sizes[3]).toBeLessThan(sizes[1]!);
});

test.skipIf(isGnu())('a common symbol that nothing uses goes', async () => {
  const image = await collected({
    'a.s': `${exitProgram(x86, 'mov used(%rip), %eax')}.comm used, 8, 8\n.comm gone, 8, 8`,
  });
  expect(present(image, 'used', 'gone')).toEqual(['used']);
});

test('an undefined symbol that only dropped code names is no error', async () => {
  const image = await collected({ 'a.s': exitProgram(x86, '') + data('gone', '.quad nowhere') });
  expect(present(image, 'gone')).toEqual([]);
});

test('--print-gc-sections names what went', async () => {
  const p = await project(x86, { 'a.s': exitProgram(x86, '') + data('gone') });
  const { stderr, stdout } = await p.run('--gc-sections', '--print-gc-sections', 'a.o');
  expect(stderr + stdout).toMatch(/removing unused section.*\.data\.gone/);
});

test.skipIf(isGnu())('without --gc-sections everything stays', async () => {
  const p = await project(x86, { 'a.s': exitProgram(x86, '') + data('alone') });
  expect((await p.link('a.o')).has('alone')).toBe(true);
});
