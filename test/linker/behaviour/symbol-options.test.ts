/** Options that speak of symbols: --wrap, -u, --require-defined, --defsym, -e. */
import { describe, expect, test } from 'vitest';
import { exitProgram, isGnu, project } from '../../support/small-links.ts';
import { riscv, x86 } from '../../support/toolchain.ts';

describe.each([x86, riscv])('--wrap ($name)', (target) => {
  const call = (name: string) => (target === x86 ? `call ${name}` : `call ${name}`);
  const add = (n: number) => (target === x86 ? `add $${n}, %edi` : `addi a0, a0, ${n}`);
  const zero = target === x86 ? 'xor %edi, %edi' : 'li a0, 0';
  const leave = 'ret';
  const save = target === x86 ? '' : 'mv s1, ra';
  const restore = target === x86 ? '' : 'mv ra, s1';

  test('calls of NAME go to __wrap_NAME, and __real_NAME is the original', async () => {
    const p = await project(target, {
      'main.s': exitProgram(target, `${zero}\n${call('f')}`),
      'wrap.s': `.globl __wrap_f\n__wrap_f: ${save}\n${add(1)}\n${call('__real_f')}\n${restore}\n${leave}`,
      'f.s': `.globl f\nf: ${add(10)}\n${leave}`,
    });
    await p.link('--wrap=f', 'main.o', 'wrap.o', 'f.o');
    expect((await p.execute()).status).toBe(11);
    await p.link('main.o', 'f.o');
    expect((await p.execute()).status).toBe(10);
  });
});

test('--wrap pulls __wrap_NAME from an archive', async () => {
  const p = await project(x86, {
    'main.s': exitProgram(x86, 'call f'),
    'wrap.s': '.globl __wrap_f\n__wrap_f: mov $3, %edi\nret',
  });
  await p.archive('w.a', ['wrap.o']);
  await p.link('--wrap', 'f', 'main.o', 'w.a');
  expect((await p.execute()).status).toBe(3);
});

test('--wrap leaves calls inside the defining object to the definition', async () => {
  const p = await project(x86, {
    'a.s': `${exitProgram(x86, 'call f')}.globl f\nf: mov $5, %edi\nret`,
    'wrap.s': '.globl __wrap_f\n__wrap_f: mov $3, %edi\nret',
  });
  await p.link('--wrap=f', 'a.o', 'wrap.o');
  expect((await p.execute()).status).toBe(5);
});

test('-u pulls a member that nothing refers to', async () => {
  const p = await project(x86, { 'main.s': exitProgram(x86, ''), 'extra.s': '.globl extra\n.data\nextra: .quad 1' });
  await p.archive('e.a', ['extra.o']);
  expect((await p.link('main.o', 'e.a')).has('extra')).toBe(false);
  for (const spelling of [['-u', 'extra'], ['-uextra'], ['--undefined=extra'], ['-undefined', 'extra']]) {
    expect((await p.link(...spelling, 'main.o', 'e.a')).has('extra')).toBe(true);
  }
});

test('-u of a symbol that nothing defines is no error, --require-defined is one', async () => {
  const p = await project(x86, { 'main.s': exitProgram(x86, '') });
  expect((await p.link('-u', 'nowhere', 'main.o')).symbols.find(({ name }) => name === 'nowhere')?.section ?? 0).toBe(
    0,
  );
  expect(await p.refusal('--require-defined=nowhere', 'main.o')).toMatch(/nowhere/);
});

describe('--defsym', () => {
  const user = '.data\n.globl user\nuser: .quad made';

  test('makes an absolute symbol from a number', async () => {
    const p = await project(x86, { 'u.s': user });
    for (const [text, value] of [
      ['0x1234', 0x1234],
      ['42', 42],
      ['010', 8],
      ['4K', 4096],
    ] as const) {
      expect((await p.link('-e0', `--defsym=made=${text}`, 'u.o')).quad('user')).toBe(value);
    }
  });

  test('makes an alias that moves with its target', async () => {
    const p = await project(x86, { 'u.s': `${user}\n.globl target\ntarget: .quad 5` });
    const image = await p.link('-e0', '--defsym', 'made=target', 'u.o');
    expect(image.quad('user')).toBe(image.address('target'));
    expect(image.quad(image.quad('user'))).toBe(5);
    expect(image.symbol('made').value).toBe(image.symbol('target').value);
  });

  test('computes an expression over symbols', async () => {
    const p = await project(x86, { 'u.s': `${user}\n.globl a, b\na: .quad 5\nb: .quad 6` });
    const image = await p.link('-e0', '--defsym=made=(b - a) * 4 + 0x10', 'u.o');
    expect(image.quad('user')).toBe(48);
  });

  test.skipIf(isGnu())('in a PIE an alias is relocated and a number is not', async () => {
    const p = await project(x86, { 'u.s': `${user}\n.quad number\n.globl target\ntarget: .quad 5` });
    const image = await p.link(
      '-e0',
      '-pie',
      '--no-dynamic-linker',
      '--defsym=made=target',
      '--defsym=number=7',
      'u.o',
    );
    const rela = Buffer.from(image.section('.rela.dyn').data);
    expect(rela.length).toBe(24);
    expect(Number(rela.readBigUInt64LE(0))).toBe(image.address('user'));
    expect(Number(rela.readBigInt64LE(16))).toBe(image.address('target'));
  });

  test('pulls the members that its expression names', async () => {
    const p = await project(x86, { 'u.s': user, 't.s': '.data\n.globl target\ntarget: .quad 5' });
    await p.archive('t.a', ['t.o']);
    const image = await p.link('-e0', '--defsym=made=target', 'u.o', 't.a');
    expect(image.quad(image.quad('user'))).toBe(5);
  });

  test('of an undefined symbol is an error', async () => {
    const p = await project(x86, { 'u.s': user });
    expect(await p.refusal('-e0', '--defsym=made=nowhere', 'u.o')).toMatch(/nowhere/);
  });
});

describe('-e', () => {
  test('takes a symbol, a number, or ENTRY of a script; the flag wins', async () => {
    const p = await project(x86, {
      'a.s': '.globl _start, other\n_start: nop\nother: ret',
      'entry.ld': 'ENTRY(other)',
    });
    const entry = async (...args: string[]) => {
      const image = await p.link(...args, 'a.o');
      return { entry: Number(image.file.header.entry), image };
    };
    const plain = await entry();
    expect(plain.entry).toBe(plain.image.address('_start'));
    const named = await entry('-e', 'other');
    expect(named.entry).toBe(named.image.address('other'));
    expect((await entry('--entry=0x401001')).entry).toBe(0x401001);
    const scripted = await entry('entry.ld');
    expect(scripted.entry).toBe(scripted.image.address('other'));
    const both = await entry('entry.ld', '-e_start');
    expect(both.entry).toBe(both.image.address('_start'));
  });

  test('pulls the entry from an archive', async () => {
    const p = await project(x86, { 'start.s': exitProgram(x86, 'mov $4, %edi'), 'x.s': '.data\n.quad 1' });
    await p.archive('s.a', ['start.o']);
    await p.link('x.o', 's.a');
    expect((await p.execute()).status).toBe(4);
  });

  test('without an entry symbol there is a warning', async () => {
    const p = await project(x86, { 'x.s': 'nop' });
    const { stderr, status } = await p.run('x.o');
    expect(status).toBe(0);
    expect(stderr).toMatch(/warning: cannot find entry symbol _start/);
    if (!isGnu()) expect(await p.refusal('--fatal-warnings', 'x.o')).toMatch(/_start/);
  });
});

test.skipIf(isGnu())('loads from the GOT of a symbol that --defsym or a script makes find its value', async () => {
  const fromGot = (name: string) => `mov ${name}@GOTPCREL(%rip), %rax`;
  const p = await project(x86, {
    'a.s': `${exitProgram(x86, `${fromGot('number')}\nmov %eax, %edi\n${fromGot('alias')}\nadd (%rax), %edi`)}
      .data\nvalue: .long 30\n.globl value`,
  });
  const flags = ['--defsym=number=12', '--defsym=alias=value'];
  await p.link(...flags, 'a.o');
  expect((await p.execute()).status).toBe(42);
  const pie = await p.link('-pie', '--no-dynamic-linker', ...flags, 'a.o');
  const load = (at: number) => pie.quad(at + 7 + (pie.word(at + 3) | 0));
  expect(load(pie.address('_start'))).toBe(12);
});

test('--defsym and plain assignments win over PROVIDE', async () => {
  const p = await project(x86, {
    'a.s': `${exitProgram(x86, '')}.data\n.globl user\nuser: .quad provided, both`,
    'script.ld': `SECTIONS { both = 5; .text : { *(.text) } .data : { *(.data) } PROVIDE(provided = 1); PROVIDE(both = 2); }`,
  });
  const image = await p.link('--defsym=provided=7', '-Tscript.ld', 'a.o');
  expect([image.quad('user'), image.quad(image.address('user') + 8)]).toEqual([7, 5]);
});

test('a symbol that a script assigns twice has its last value in the end', async () => {
  const p = await project(x86, {
    'a.s': `${exitProgram(x86, '')}.data\n.globl user\nuser: .quad x, y`,
    'script.ld': 'SECTIONS { x = 1; y = x; .text : { *(.text) } .data : { *(.data) } x = 2; }',
  });
  const image = await p.link('-Tscript.ld', 'a.o');
  expect([image.quad('user'), image.quad(image.address('user') + 8)]).toEqual([2, 1]);
});
