/** Archives: members come in when they are wanted, wherever on the command line the archive stands. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildArchive } from '../../support/elf-builder.ts';
import { isGnu, type Project, project } from '../../support/small-links.ts';
import { x86 } from '../../support/toolchain.ts';

let p: Project;

beforeAll(async () => {
  p = await project(x86, {
    'main.s': '.data\n.globl main\nmain: .quad f',
    'f.s': '.data\n.globl f\nf: .quad g',
    'g.s': '.data\n.globl g\ng: .quad 1',
    'other.s': '.data\n.globl other\nother: .quad missing',
    'weak.s': '.weak f\n.data\n.globl user\nuser: .quad f',
    'common.s': '.comm f, 32, 8\n.data\n.globl main\nmain: .quad f',
  });
  await p.archive('f.a', ['f.o', 'other.o']);
  await p.archive('g.a', ['g.o']);
});

test('only wanted members are linked, and what they want in turn', async () => {
  const image = await p.link('-e0', 'main.o', 'f.a', 'g.a');
  expect(image.quad('main')).toBe(image.address('f'));
  expect(image.quad('f')).toBe(image.address('g'));
  expect(image.has('other')).toBe(false);
});

test.skipIf(isGnu())('the order of objects and archives does not matter', async () => {
  const image = await p.link('-e0', 'g.a', 'f.a', 'main.o');
  expect(image.quad('f')).toBe(image.address('g'));
});

test('--start-group changes nothing', async () => {
  const plain = await p.link('-e0', 'main.o', 'f.a', 'g.a');
  const grouped = await p.link('-e0', 'main.o', '--start-group', 'f.a', 'g.a', '--end-group');
  expect(Buffer.compare(plain.bytes, grouped.bytes)).toBe(0);
});

test('archives that need each other resolve', async () => {
  const q = await project(x86, {
    'main.s': '.data\n.quad a1',
    'a1.s': '.globl a1\n.data\na1: .quad b1',
    'b1.s': '.globl b1\n.data\nb1: .quad a2',
    'a2.s': '.globl a2\n.data\na2: .quad 7',
  });
  await q.archive('a.a', ['a1.o', 'a2.o']);
  await q.archive('b.a', ['b1.o']);
  const image = await q.link('-e0', 'main.o', '--start-group', 'a.a', 'b.a', '--end-group');
  expect(image.quad('a2')).toBe(7);
});

test('of two archives that offer a symbol the first named is used', async () => {
  const q = await project(x86, {
    'main.s': '.data\n.quad f',
    'f1.s': '.globl f\n.data\nf: .quad 1',
    'f2.s': '.globl f\n.data\nf: .quad 2',
  });
  await q.archive('one.a', ['f1.o']);
  await q.archive('two.a', ['f2.o']);
  expect((await q.link('-e0', 'main.o', 'one.a', 'two.a')).quad('f')).toBe(1);
  expect((await q.link('-e0', 'main.o', 'two.a', 'one.a')).quad('f')).toBe(2);
});

test('a weak reference pulls no member', async () => {
  const image = await p.link('-e0', 'weak.o', 'f.a', 'g.a');
  expect(image.quad('user')).toBe(0);
  expect(image.has('g')).toBe(false);
});

test('a weak reference uses a member that something else pulled', async () => {
  const image = await p.link('-e0', 'weak.o', 'main.o', 'f.a', 'g.a');
  expect(image.quad('user')).toBe(image.address('f'));
});

test('a common symbol is a definition: it leaves the member alone', async () => {
  const q = await project(x86, { 'c.s': '.comm f, 32, 8', 'text.s': '.text\n.globl f\nf: ret' });
  await q.archive('t.a', ['text.o']);
  const image = await q.link('-e0', 'c.o', 't.a');
  expect(Number(image.symbol('f').size)).toBe(32);
});

// GNU ld refuses archives without an index.
test.skipIf(isGnu())('an archive without an index works, as do members with long names', async () => {
  const long = 'a_member_whose_name_is_longer_than_sixteen_characters.o';
  p.write(long, readFileSync(p.path('f.o')));
  await p.archive('plain.a', [long, 'g.o'], 'rcS');
  const image = await p.link('-e0', 'main.o', 'plain.a');
  expect(image.quad('f')).toBe(image.address('g'));
});

test('a thin archive links the files that it names', async () => {
  await p.archive('thin.a', ['f.o', 'g.o'], 'rcsT');
  expect(readFileSync(p.path('thin.a')).toString('latin1').startsWith('!<thin>')).toBe(true);
  const image = await p.link('-e0', 'main.o', 'thin.a');
  expect(image.quad('f')).toBe(image.address('g'));
});

test('--whole-archive links every member, up to --no-whole-archive', async () => {
  const image = await p.link('-e0', '--whole-archive', 'g.a', '--no-whole-archive', 'f.a');
  expect(image.has('g')).toBe(true);
  expect(image.has('f')).toBe(false);
  expect(await p.refusal('-e0', '--whole-archive', 'f.a', 'g.a')).toMatch(/missing/);
});

describe('-l', () => {
  test('finds libNAME.a in the folders of -L, in their order', async () => {
    const q = await project(x86, { 'main.s': '.data\n.quad g' });
    const { mkdirSync } = await import('node:fs');
    for (const [folder, value] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      const { path } = await project(x86, { 'g.s': `.globl g\n.data\ng: .quad ${value}` });
      mkdirSync(q.path(folder));
      q.write(`${folder}/g.o`, readFileSync(path('g.o')));
      await q.archive(`${folder}/libg.a`, [`${folder}/g.o`]);
    }
    expect((await q.link('-e0', 'main.o', '-Lone', '-Ltwo', '-lg')).quad('g')).toBe(1);
    expect((await q.link('-e0', 'main.o', '-L', 'two', '-Lone', '-l', 'g')).quad('g')).toBe(2);
  });

  test('-l:FILE takes the file of exactly that name', async () => {
    const image = await p.link('-e0', 'main.o', '-L.', '-l:f.a', '-l:g.o');
    expect(image.quad('f')).toBe(image.address('g'));
  });

  test('a library that is nowhere is named', async () => {
    expect(await p.refusal('-e0', 'main.o', '-lnowhere')).toMatch(/nowhere/);
  });
});

test('an archive’s text form, GROUP and INPUT, is followed', async () => {
  p.write('text.a', '/* GNU ld script */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( f.a g.a )\n');
  p.write('text2.a', 'INPUT(f.a g.a)\n');
  for (const name of ['text.a', 'text2.a']) {
    const image = await p.link('-e0', 'main.o', name);
    expect(image.quad('f')).toBe(image.address('g'));
  }
});

test.skipIf(isGnu())('an index that promises what the member lacks leaves the symbol undefined', async () => {
  const { symbolIndex } = await import('../../support/elf-builder.ts');
  const member = readFileSync(p.path('g.o'));
  const index = symbolIndex([{ name: 'f', offset: 0 }]);
  const at = 8 + 60 + index.length + (index.length & 1);
  const lying = buildArchive([
    { name: '/', bytes: symbolIndex([{ name: 'f', offset: at }]) },
    { name: 'g.o/', bytes: member },
  ]);
  p.write('lying.a', lying);
  expect(await p.refusal('-e0', 'main.o', 'lying.a')).toMatch(/undefined symbol.*\bf\b/);
});
