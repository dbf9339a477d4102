/** COMDAT groups: one signature, one group, and everything that named another means the one that was kept. */
import { expect, test } from 'vitest';
import { buildObject, relocations, SHF, SHT, words } from '../../support/elf-builder.ts';
import { isGnu, project } from '../../support/small-links.ts';
import { x86 } from '../../support/toolchain.ts';

const comdat = (value: number, user: string): string => `
  .section .data.shared,"awG",@progbits,shared,comdat
  .weak shared
  shared: .quad ${value}
  .data
  .globl ${user}
  ${user}: .quad shared
`;

test('of two groups with one signature the first is kept, whatever they contain', async () => {
  const p = await project(x86, { 'a.s': comdat(1, 'user_a'), 'b.s': comdat(2, 'user_b') });
  const forward = await p.link('-e0', 'a.o', 'b.o');
  expect(forward.quad('shared')).toBe(1);
  const backward = await p.link('-e0', 'b.o', 'a.o');
  expect(backward.quad('shared')).toBe(2);
});

test('references to a dropped group’s symbol mean the kept one', async () => {
  const p = await project(x86, { 'a.s': comdat(1, 'user_a'), 'b.s': comdat(2, 'user_b') });
  const image = await p.link('-e0', 'a.o', 'b.o');
  expect(image.quad('user_a')).toBe(image.address('shared'));
  expect(image.quad('user_b')).toBe(image.address('shared'));
  expect(image.section('.data').size).toBe(24);
});

test('every section of a dropped group goes', async () => {
  const text = `
    .section .text.f,"axG",@progbits,f,comdat
    .globl f
    f: ret
    .section .rodata.f,"aG",@progbits,f,comdat
    .ascii "unique text"`;
  const p = await project(x86, { 'a.s': text, 'b.s': `${text}\n.data\n.quad f` });
  const image = await p.link('-e0', 'a.o', 'b.o');
  expect(image.section('.rodata').size).toBe(11);
  expect(image.quad(Number(image.section('.data').address))).toBe(image.address('f'));
});

test('a group that is no COMDAT is never dropped', async () => {
  // GRP_COMDAT is clear: two such groups of one signature are two groups.
  const object = (name: string) =>
    buildObject({
      sections: [
        { name: '.group', type: SHT.GROUP, bytes: words(0, 2), link: 4, info: 1, align: 4, entsize: 4 },
        { name: '.data', flags: SHF.ALLOC | SHF.WRITE | SHF.GROUP, bytes: Buffer.alloc(8, 5), align: 8 },
        { name: '.note.GNU-stack' },
      ],
      symbols: [
        { name: 'signature', info: 0, section: 2 },
        { name, section: 2 },
      ],
    });
  const p = await project(x86, {});
  p.write('a.o', object('a'));
  p.write('b.o', object('b'));
  const image = await p.link('-e0', 'a.o', 'b.o');
  expect(image.address('a')).not.toBe(image.address('b'));
});

test('C++ inline functions and their exception tables come once, and work', async () => {
  const header = 'inline int answer(int x) { static int calls; if (x < 0) throw x; return ++calls + x; }\n';
  const p = await project(x86, {
    'a.cc': `${header} int other(int); int main() { try { answer(-7); } catch (int e) { return answer(1) + other(1) + e; } }`,
    'b.cc': `${header} int other(int x) { return answer(x); }`,
  });
  const { link } = await import('../../support/toolchain.ts');
  await link(x86, 'g++', ['-static', '-no-pie', '-o', p.path('out'), p.path('a.o'), p.path('b.o')]);
  // answer(1) is 2, other(1) is 3: one counter. Plus -7.
  expect((await p.execute()).status).toBe((2 + 3 - 7) & 255);
});

// GNU ld points them into the kept section, whose lines are others.
test.skipIf(isGnu())('debug information about dropped code is blanked, not pointed elsewhere', async () => {
  const text = (value: number) => `
    .section .text.f,"axG",@progbits,f,comdat
    .weak f
    f: mov $${value}, %eax
    .Lend: ret
    .section .debug_info,"",@progbits
    .quad .Lend`;
  const p = await project(x86, { 'a.s': text(1), 'b.s': text(2) });
  const image = await p.link('-e0', 'a.o', 'b.o');
  const { data } = image.section('.debug_info');
  const [kept, dropped] = [Buffer.from(data).readBigUInt64LE(0), Buffer.from(data).readBigUInt64LE(8)];
  expect(Number(kept)).toBe(image.address('f') + 5);
  expect([0n, 1n]).toContain(dropped);
});

test('an allocated section outside the group that uses the dropped one’s local is an error', async () => {
  const object = (name: string) =>
    buildObject({
      sections: [
        { name: '.group', type: SHT.GROUP, bytes: words(1, 2), link: 5, info: 2, align: 4, entsize: 4 },
        { name: '.data.g', flags: SHF.ALLOC | SHF.WRITE | SHF.GROUP, bytes: Buffer.alloc(8), align: 8 },
        { name: '.data', flags: SHF.ALLOC | SHF.WRITE, bytes: Buffer.alloc(8), align: 8 },
        {
          name: '.rela.data',
          type: SHT.RELA,
          bytes: relocations([{ offset: 0, type: 1, symbol: 1 }]),
          link: 5,
          info: 3,
          align: 8,
          entsize: 24,
        },
      ],
      symbols: [
        { name: '', info: 3, section: 2 },
        { name: 'signature', section: 2, info: 32 },
        { name, section: 3 },
      ],
    });
  const p = await project(x86, {});
  p.write('a.o', object('a'));
  p.write('b.o', object('b'));
  expect(await p.refusal('-e0', 'a.o', 'b.o')).toMatch(
    isGnu() ? /discarded section/ : /b\.o:\(\.data\+0x0\).*discarded section/,
  );
});
