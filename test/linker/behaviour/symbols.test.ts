/** Which definition a name means: strong, weak, common, hidden, protected. */
import { describe, expect, test } from 'vitest';
import { exitProgram, isGnu, project } from '../../support/small-links.ts';
import { x86 } from '../../support/toolchain.ts';

const define = (value: number, binding = 'globl') =>
  `.data\n.${binding} x\n.type x, @object\n.size x, 8\nx: .quad ${value}`;
const use = '.data\n.globl user\nuser: .quad x';

test('a strong definition beats weak ones in any order', async () => {
  const p = await project(x86, { 'w.s': define(1, 'weak'), 's.s': define(2), 'u.s': use });
  for (const order of [
    ['u.o', 'w.o', 's.o'],
    ['s.o', 'w.o', 'u.o'],
  ]) {
    const image = await p.link('-e0', ...order);
    expect(image.quad(image.quad('user'))).toBe(2);
  }
});

test('of weak definitions the first counts', async () => {
  const p = await project(x86, { 'a.s': define(1, 'weak'), 'b.s': define(2, 'weak') });
  expect((await p.link('-e0', 'a.o', 'b.o')).quad('x')).toBe(1);
  expect((await p.link('-e0', 'b.o', 'a.o')).quad('x')).toBe(2);
});

test('an undefined weak symbol is zero', async () => {
  const p = await project(x86, { 'u.s': '.weak x\n.data\n.globl user\nuser: .quad x\n.quad x + 5' });
  const image = await p.link('-e0', 'u.o');
  expect(image.quad('user')).toBe(0);
  expect(image.quad(image.address('user') + 8)).toBe(5);
});

test('a guarded call of an undefined weak function links and is not made', async () => {
  const body = 'mov $absent, %rax\ntest %rax, %rax\njz 1f\ncall absent\n1: mov $7, %edi';
  const p = await project(x86, { 'a.s': `.weak absent\n${exitProgram(x86, body)}` });
  await p.link('a.o');
  expect((await p.execute()).status).toBe(7);
});

describe('two strong definitions', () => {
  test('are an error that names both places', async () => {
    const p = await project(x86, { 'a.s': define(1), 'b.s': define(2) });
    const says = await p.refusal('-e0', 'a.o', 'b.o');
    expect(says).toMatch(/x/);
    expect(says).toMatch(/a\.o/);
    expect(says).toMatch(/b\.o/);
  });

  test('are allowed by -z muldefs and --allow-multiple-definition: the first counts', async () => {
    const p = await project(x86, { 'a.s': define(1), 'b.s': define(2) });
    for (const flag of ['-zmuldefs', '--allow-multiple-definition']) {
      expect((await p.link('-e0', flag, 'a.o', 'b.o')).quad('x')).toBe(1);
    }
  });

  test.skipIf(isGnu())('are all listed in one line', async () => {
    const both = ['x', 'y', 'z'].map((name) => `.globl ${name}\n${name}: .byte 0`).join('\n');
    const p = await project(x86, { 'a.s': `.data\n${both}`, 'b.s': `.data\n${both}` });
    const says = await p.refusal('-e0', 'a.o', 'b.o');
    expect(says).toMatch(/3 duplicate symbols: x: first in a\.o:\(\.data\+0x0\), again in b\.o:\(\.data\+0x0\)/);
    expect(says).toMatch(/; z: first in a\.o:\(\.data\+0x2\)/);
    expect(says.trim().split('\n')).toHaveLength(1);
  });
});

describe('hidden and protected symbols', () => {
  test('bind across objects; hidden ones become local, protected ones stay global', async () => {
    const p = await project(x86, {
      'a.s': '.data\n.globl h, p\n.hidden h\n.protected p\nh: .quad 1\np: .quad 2',
      'u.s': '.data\n.globl user\nuser: .quad h, p',
    });
    const image = await p.link('-e0', 'a.o', 'u.o');
    expect(image.quad('user')).toBe(image.address('h'));
    expect(image.quad(image.address('user') + 8)).toBe(image.address('p'));
    // GNU ld leaves this to dynamic links.
    if (!isGnu()) expect(image.symbol('h').binding).toBe(0);
    expect(image.symbol('p').binding).toBe(1);
    expect(image.symbol('p').other & 3).toBe(3);
  });

  test.skipIf(isGnu())('a reference’s visibility joins the definition’s: the most constraining wins', async () => {
    const p = await project(x86, {
      'a.s': '.data\n.globl x\nx: .quad 1',
      'u.s': '.hidden x\n.data\n.quad x',
    });
    expect((await p.link('-e0', 'a.o', 'u.o')).symbol('x').binding).toBe(0);
  });

  test('an undefined hidden symbol is an error', async () => {
    const p = await project(x86, { 'u.s': '.hidden gone\n.data\n.quad gone' });
    expect(await p.refusal('-e0', 'u.o')).toMatch(/gone/);
  });
});

describe('common symbols', () => {
  const common = (size: number, align: number) => `.comm x, ${size}, ${align}`;

  test('of one name share the largest size and the strictest alignment', async () => {
    const p = await project(x86, { 'a.s': common(100, 8), 'b.s': common(20, 256), 'pad.s': '.comm pad, 3, 1' });
    for (const order of [
      ['a.o', 'b.o'],
      ['b.o', 'a.o'],
    ]) {
      const image = await p.link('-e0', 'pad.o', ...order);
      expect(Number(image.symbol('x').size)).toBe(100);
      expect(image.address('x') % 256).toBe(0);
      expect(image.symbol('x').type).toBe(1);
      expect(image.file.sections[image.symbol('x').section]!.type).toBe(8);
    }
  });

  test('give way to a strong definition and take part in no conflict', async () => {
    const p = await project(x86, { 'c.s': common(64, 8), 's.s': define(5) });
    for (const order of [
      ['c.o', 's.o'],
      ['s.o', 'c.o'],
    ]) {
      const image = await p.link('-e0', ...order);
      expect(image.quad('x')).toBe(5);
      expect(Number(image.symbol('x').size)).toBe(8);
    }
  });

  test('win over a weak definition', async () => {
    const p = await project(x86, { 'c.s': common(64, 8), 'w.s': define(5, 'weak') });
    for (const order of [
      ['c.o', 'w.o'],
      ['w.o', 'c.o'],
    ]) {
      const image = await p.link('-e0', ...order);
      expect(image.quad('x')).toBe(0);
      expect(Number(image.symbol('x').size)).toBe(64);
    }
  });

  test('of a thread-local kind go to the TLS segment', async () => {
    const p = await project(x86, {
      'a.s':
        '.section .tbss.first,"awT",@nobits\n.quad 0\n.section .tbss,"awT",@nobits\n.globl t\n.type t, @tls_object\nt: .zero 4',
    });
    const image = await p.link('-e0', 'a.o');
    const tls = image.file.segments.find(({ type }) => type === 7)!;
    expect(tls.memorySize).toBe(12);
    expect(tls.fileSize).toBe(0);
    // The value of a TLS symbol is its offset in the block.
    expect(image.address('t')).toBe(8);
  });
});

test('an absolute symbol keeps its value wherever the image is', async () => {
  const p = await project(x86, {
    'a.s': '.globl abs\nabs = 0x123456789a',
    'u.s': '.data\n.globl user\nuser: .quad abs',
  });
  const image = await p.link('-e0', '-pie', '--no-dynamic-linker', 'a.o', 'u.o');
  expect(image.quad('user')).toBe(0x123456789a);
  expect(image.symbol('abs').section).toBe(-15);
});

test('local symbols of one name in several objects stay apart', async () => {
  const text = (value: number, user: string) => `.data\nlocal: .quad ${value}\n.globl ${user}\n${user}: .quad local`;
  const p = await project(x86, { 'a.s': text(1, 'ua'), 'b.s': text(2, 'ub') });
  const image = await p.link('-e0', 'a.o', 'b.o');
  expect(image.quad(image.quad('ua'))).toBe(1);
  expect(image.quad(image.quad('ub'))).toBe(2);
});
