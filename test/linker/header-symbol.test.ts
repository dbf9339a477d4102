/** `__ehdr_start` is where the ELF header is in memory, and undefined where no segment loads it. */
import { describe, expect, test } from 'vitest';
import { exitProgram, isGnu, project } from '../support/small-links.ts';
import { riscv, x86 } from '../support/toolchain.ts';

const body = { 'x86-64': 'movzbl __ehdr_start(%rip), %edi', riscv64: 'lla a0, __ehdr_start\nlbu a0, (a0)' };
const magic = 0x7f;

const withHeaders =
  'SECTIONS { . = 0x10000 + SIZEOF_HEADERS; .text : { *(.text) } . = ALIGN(0x1000); .data : { *(.data) } }';
const withoutHeaders = 'SECTIONS { . = 0x10000; .text : { *(.text) } . = ALIGN(0x1000); .data : { *(.data) } }';
const askedFor = `PHDRS { text PT_LOAD FILEHDR PHDRS; }
  SECTIONS { . = 0x10000 + SIZEOF_HEADERS; .text : { *(.text) } :text . = ALIGN(0x1000); .data : { *(.data) } }`;
const notAskedFor = askedFor.replace('FILEHDR PHDRS', 'FLAGS(7)');

const weakTest = '.weak __ehdr_start\n.data\n.globl pointer\npointer: .quad __ehdr_start';

describe.each([x86, riscv])('$name', (target) => {
  const read = exitProgram(target, body[target.name as keyof typeof body]);

  test.each([
    ['the built-in layout', undefined, []],
    ['the built-in layout of a PIE', undefined, ['-pie', '--no-dynamic-linker']],
    ['a script that leaves room', withHeaders, []],
    ['PHDRS that ask for it', askedFor, []],
  ])('the header is there under %s', async (_what, script, flags) => {
    const p = await project(target, { 'a.s': `${read}\n.data\n.quad 0` });
    if (script !== undefined) p.write('layout.ld', script);
    await p.link('a.o', ...flags, ...(script === undefined ? [] : ['-T', 'layout.ld']));
    // GNU's PIE names the dynamic loader whatever it is told, and does not start without it.
    if (!(isGnu() && flags.length > 0)) expect((await p.execute()).status).toBe(magic);
  });

  test.each([withoutHeaders, notAskedFor])(
    'a weak reference to a header that is not loaded is 0: %s',
    async (script) => {
      const p = await project(target, { 'a.s': `${exitProgram(target, '')}\n${weakTest}` });
      p.write('layout.ld', script);
      expect((await p.link('a.o', '-T', 'layout.ld')).quad('pointer')).toBe(0);
      p.write('layout.ld', withHeaders);
      expect((await p.link('a.o', '-T', 'layout.ld')).quad('pointer')).toBe(0x10000);
    },
  );

  test.each([withoutHeaders, notAskedFor])('a strong one is undefined, and says why: %s', async (script) => {
    const p = await project(target, { 'a.s': read });
    p.write('layout.ld', script);
    const message = await p.refusal('a.o', '-T', 'layout.ld');
    expect(message).toMatch(/a\.o.*undefined reference to `__ehdr_start'|undefined symbol: __ehdr_start/s);
    if (!isGnu()) expect(message).toMatch(/\(referenced by a\.o\): no segment loads the headers; leave SIZEOF_HEADERS/);
  });
});

test.skipIf(isGnu())('it may be left undefined on request', async () => {
  const p = await project(x86, { 'a.s': exitProgram(x86, 'lea __ehdr_start(%rip), %rdi') });
  p.write('layout.ld', withoutHeaders);
  const warned = await p.link('a.o', '-T', 'layout.ld', '--warn-unresolved-symbols');
  expect(warned.stderr).toMatch(/warning: undefined symbol: __ehdr_start/);
  expect((await p.link('a.o', '-T', 'layout.ld', '--unresolved-symbols=ignore-all')).stderr).toBe('');
});

test('a script may define it itself', async () => {
  const p = await project(x86, { 'a.s': `${exitProgram(x86, '')}\n${weakTest.replace('.weak', '.globl')}` });
  p.write('layout.ld', `__ehdr_start = 0x1234; ${withoutHeaders}`);
  expect((await p.link('a.o', '-T', 'layout.ld')).quad('pointer')).toBe(0x1234);
});

// GNU ld fails: it wants a PT_PHDR in a PIE.
test.skipIf(isGnu())('a pointer to a header that is not loaded stays 0 wherever a PIE is', async () => {
  const p = await project(x86, { 'a.s': `${exitProgram(x86, '')}\n${weakTest}` });
  p.write('layout.ld', withoutHeaders.replace('0x10000', '0'));
  const image = await p.link('a.o', '-pie', '-T', 'layout.ld');
  expect(image.quad('pointer')).toBe(0);
  expect(image.findSection('.rela.dyn')?.size ?? 0).toBe(0);
});
