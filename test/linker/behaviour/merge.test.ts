/** SHF_MERGE: equal strings and constants are stored once, and every reference still finds its bytes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildObject, relocations, SHF, SHT } from '../../support/elf-builder.ts';
import { isGnu, project } from '../../support/small-links.ts';
import { x86 } from '../../support/toolchain.ts';

const strings = (names: string, ...values: string[]): string =>
  ['.section .rodata.str1.1,"aMS",@progbits,1', ...values.map((value, i) => `.L${i}: .string "${value}"`), '.data']
    .concat(`.globl ${names}\n${names}:`, ...values.map((_, i) => `.quad .L${i}`))
    .join('\n');

test('equal strings of several objects are stored once', async () => {
  const p = await project(x86, { 'a.s': strings('a', 'one', 'two'), 'b.s': strings('b', 'two', 'three', 'one') });
  const image = await p.link('-e0', 'a.o', 'b.o');
  const [one, two] = [image.quad('a'), image.quad(image.address('a') + 8)];
  expect([image.text(one), image.text(two)]).toEqual(['one', 'two']);
  expect(image.quad('b')).toBe(two);
  expect(image.text(image.quad(image.address('b') + 8))).toBe('three');
  expect(image.quad(image.address('b') + 16)).toBe(one);
  expect(image.section('.rodata').size).toBe('one two three '.length);
});

test('a reference into the middle of a string stays there', async () => {
  const middle = `
    .section .rodata.str1.1,"aMS",@progbits,1
    .string "padding"
    .Lhello: .string "hello world"
    .data
    .globl user
    user: .quad .Lhello + 6
    .globl rel
    rel: .long .Lhello + 6 - .`;
  const p = await project(x86, { 'pad.s': strings('pad', 'x', 'padding', 'hello world'), 'm.s': middle });
  const image = await p.link('-e0', 'pad.o', 'm.o');
  expect(image.text(image.quad('user'))).toBe('world');
  expect(image.text(image.address('rel') + (image.word('rel') | 0))).toBe('world');
});

test('a local symbol in merged strings means its string, with a PC-relative addend beside it', async () => {
  const text = `
    .section .rodata.str1.1,"aMS",@progbits,1
    .string "zz"
    named: .string "named"
    .text
    .globl _start
    _start: lea named(%rip), %rax
    lea named+2(%rip), %rax`;
  const p = await project(x86, { 'pad.s': strings('pad', 'zz', 'named', 'other'), 'a.s': text });
  const image = await p.link('pad.o', 'a.o');
  const start = image.address('_start');
  expect(image.text(start + 7 + (image.word(start + 3) | 0))).toBe('named');
  expect(image.text(start + 14 + (image.word(start + 10) | 0))).toBe('med');
});

test.each([2, 4, 8])('strings of %i-byte characters merge by whole characters', async (entsize) => {
  const character = { 2: '.short', 4: '.long', 8: '.quad' }[entsize];
  const wide = (name: string) => `
    .section .rodata.wide,"aMS",@progbits,${entsize}
    .balign ${entsize}
    .L0: ${character} 0x100, 0x41, 0
    .L1: ${character} 0x4200, 0
    .data
    .globl ${name}
    ${name}: .quad .L0, .L1`;
  const p = await project(x86, { 'a.s': wide('a'), 'b.s': wide('b') });
  const image = await p.link('-e0', 'a.o', 'b.o');
  expect(image.memory('a', 16)).toEqual(image.memory('b', 16));
  expect(image.section('.rodata').size).toBe(5 * entsize);
  expect(image.memory(image.quad('a'), 2).readUInt16LE()).toBe(0x100);
  expect(image.quad('a') % entsize).toBe(0);
});

test.each([4, 8, 16])('constants of %i bytes are stored once, aligned', async (entsize) => {
  const constant = (name: string, ...values: number[]) => `
    .section .rodata.cst${entsize},"aM",@progbits,${entsize}
    .balign ${entsize}
    ${values.map((value, i) => `.L${i}: .fill ${entsize}, 1, ${value}`).join('\n')}
    .data
    .globl ${name}
    ${name}: ${values.map((_, i) => `.quad .L${i}`).join('\n')}`;
  const p = await project(x86, { 'a.s': constant('a', 1, 2), 'b.s': constant('b', 2, 3, 1) });
  const image = await p.link('-e0', 'a.o', 'b.o');
  expect(image.quad('b')).toBe(image.quad(image.address('a') + 8));
  expect(image.quad(image.address('b') + 16)).toBe(image.quad('a'));
  expect(image.section('.rodata').size).toBe(3 * entsize);
  for (const at of [0, 8, 16]) {
    const address = image.quad(image.address('b') + at);
    expect(address % entsize).toBe(0);
    expect([...image.memory(address, entsize)]).toEqual(Array(entsize).fill([2, 3, 1][at / 8]));
  }
});

test('strings of different alignment are not moved to a weaker one', async () => {
  const aligned = (name: string, align: number) => `
    .section .rodata.str1.${align},"aMS",@progbits,1
    .balign ${align}
    .L0: .string "same"
    .balign ${align}
    .L1: .string "more"
    .data
    .globl ${name}
    ${name}: .quad .L0, .L1`;
  const p = await project(x86, { 'a.s': aligned('a', 1), 'b.s': aligned('b', 32) });
  const image = await p.link('-e0', 'a.o', 'b.o');
  for (const at of [0, 8]) {
    const address = image.quad(image.address('b') + at);
    expect(address % 32).toBe(0);
    expect(image.text(address)).toBe(at === 0 ? 'same' : 'more');
  }
});

test.skipIf(isGnu())('writable sections are left as they are, whatever their flags say', async () => {
  const text = '.section .data.str,"awMS",@progbits,1\n.globl a, b\na: .string "x"\nb: .string "x"';
  const p = await project(x86, { 'a.s': text });
  const image = await p.link('-e0', 'a.o');
  expect(image.address('a')).not.toBe(image.address('b'));
});

test('debug strings merge', async () => {
  const text = '.section .debug_str,"MS",@progbits,1\n.Ls: .string "int"\n.section .debug_info\n.long .Ls';
  const p = await project(x86, { 'a.s': text, 'b.s': text });
  const image = await p.link('-e0', 'a.o', 'b.o');
  expect(image.section('.debug_str').size).toBe(4);
  expect(image.section('.debug_info').size).toBe(8);
});

// GNU ld leaves such a section as it is.
test.skipIf(isGnu())('a last string that does not end is an error that names its section', async () => {
  const p = await project(x86, { 'a.s': '.section .rodata.str1.1,"aMS",@progbits,1\n.ascii "no end"' });
  expect(await p.refusal('-e0', 'a.o')).toMatch(/a\.o:\(\.rodata\.str1\.1\).*not terminated/);
});

describe('any strings and any references into them', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 4 });
  const inputs = fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 });

  test('every reference finds its text, and no string is stored twice', async () => {
    const p = await project(x86, {});
    await fc.assert(
      fc.asyncProperty(inputs, async (objects) => {
        for (const [i, words] of objects.entries()) {
          const bytes = Buffer.from(words.map((text) => `${text}\0`).join(''));
          const offsets = [...bytes.keys()];
          p.write(
            `${i}.o`,
            buildObject({
              sections: [
                { name: '.rodata.str1.1', flags: SHF.ALLOC | SHF.MERGE | SHF.STRINGS, bytes, entsize: 1 },
                { name: '.data', flags: SHF.ALLOC | SHF.WRITE, bytes: Buffer.alloc(8 * offsets.length), align: 8 },
                {
                  name: '.rela.data',
                  type: SHT.RELA,
                  bytes: relocations(offsets.map((at) => ({ offset: 8 * at, type: 1, symbol: 1, addend: at }))),
                  link: 4,
                  info: 2,
                  align: 8,
                  entsize: 24,
                },
              ],
              symbols: [
                { name: '', info: 3, section: 1 },
                { name: `user${i}`, section: 2 },
              ],
            }),
          );
        }
        const image = await p.link('-e0', ...objects.map((_, i) => `${i}.o`));
        for (const [i, words] of objects.entries()) {
          const bytes = words.map((text) => `${text}\0`).join('');
          for (let at = 0; at < bytes.length; at++) {
            const text = bytes.slice(at, bytes.indexOf('\0', at));
            expect(image.text(image.quad(image.address(`user${i}`) + 8 * at))).toBe(text);
          }
        }
        const stored = Buffer.from(image.section('.rodata').data).toString('latin1').split('\0').slice(0, -1);
        expect(new Set(stored).size).toBe(stored.length);
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});
