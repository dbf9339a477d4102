/** What a link leaves besides the program: the map, the build id, symbol tables cut down as asked. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runOrThrow } from '../../support/run.ts';
import { exitProgram, type Image, isGnu, project } from '../../support/small-links.ts';
import { riscv, x86 } from '../../support/toolchain.ts';
import { requireTool } from '../../support/tools.ts';

const program = `${exitProgram(x86, 'call f')}
  .section .text.f,"ax"
  .globl f
  f: ret
  .section .text.gone,"ax"
  .globl gone
  gone: ret
  .data
  .globl value
  value: .quad 1`;

describe('-Map', () => {
  test('lists sections, their inputs and symbols with addresses, and what was dropped', async () => {
    const p = await project(x86, { 'a.s': program });
    for (const flag of ['-Map=out.map', '--Map=out.map']) {
      const image = await p.link('--gc-sections', '-u', 'value', flag, 'a.o');
      const map = readFileSync(p.path('out.map'), 'utf8');
      const hexadecimal = (name: string) => image.address(name).toString(16);
      for (const name of ['_start', 'f', 'value']) {
        expect(map).toMatch(new RegExp(`^.*${hexadecimal(name)}.*\\b${name}$`, 'm'));
      }
      expect(map).toMatch(/a\.o/);
      expect(map).toMatch(/^ *.*\.text\.gone/m);
      expect(map).not.toMatch(/^.*\bgone$/m);
    }
  });

  test('names the members of archives and the symbols of scripts', async () => {
    const p = await project(x86, { 'a.s': exitProgram(x86, 'call f'), 'f.s': '.globl f\nf: ret' });
    await p.archive('f.a', ['f.o']);
    await p.link('-Map=out.map', '--defsym=made=0x1234', 'a.o', 'f.a');
    const map = readFileSync(p.path('out.map'), 'utf8');
    expect(map).toMatch(/f\.a\(f\.o\)/);
    expect(map).toMatch(/1234.*made/);
  });

  test('- is standard output', async () => {
    const p = await project(x86, { 'a.s': program });
    const { stdout } = await p.run('-Map=-', 'a.o');
    expect(stdout).toMatch(/_start/);
  });
});

function buildId(image: Image): string {
  const note = Buffer.from(image.section('.note.gnu.build-id').data);
  expect([note.readUInt32LE(0), note.readUInt32LE(8), note.toString('latin1', 12, 16)]).toEqual([4, 3, 'GNU\0']);
  return note.toString('hex', 16, 16 + note.readUInt32LE(4));
}

describe('--build-id', () => {
  test.each([
    ['--build-id', 40],
    ['--build-id=sha1', 40],
    ['--build-id=md5', 32],
    ['--build-id=0xabcdef0123', 10],
  ])('%s has its length, and readelf reads it', async (flag, digits) => {
    const p = await project(x86, { 'a.s': program });
    const image = await p.link(flag, 'a.o');
    expect(buildId(image)).toHaveLength(digits);
    const told = await runOrThrow(requireTool('readelf'), ['-nW', image.path]);
    // Of a note that ends at an odd size, as GNU ld writes it, readelf shows nothing.
    if (!isGnu() || digits % 8 === 0) expect(told).toContain(`Build ID: ${buildId(image)}`);
    expect(image.file.segments.filter(({ type }) => type === 4)).toHaveLength(1);
  });

  test('given bytes are taken as they are', async () => {
    const p = await project(x86, { 'a.s': program });
    expect(buildId(await p.link('--build-id=0xABCDEF0123', 'a.o'))).toBe('abcdef0123');
  });

  test('is a function of the content: same for the same, different for another byte', async () => {
    const p = await project(x86, { 'a.s': program, 'b.s': program.replace('.quad 1', '.quad 2') });
    const first = buildId(await p.link('--build-id', 'a.o'));
    expect(buildId(await p.link('--build-id', 'a.o'))).toBe(first);
    expect(buildId(await p.link('--build-id', 'b.o'))).not.toBe(first);
  });

  test.skipIf(isGnu())('is the hash of the file with the id blank', async () => {
    const p = await project(x86, { 'a.s': program });
    const image = await p.link('--build-id=sha1', 'a.o');
    const blank = Buffer.from(image.bytes);
    blank.fill(0, image.section('.note.gnu.build-id').offset + 16, image.section('.note.gnu.build-id').offset + 36);
    expect(createHash('sha1').update(blank).digest('hex')).toBe(buildId(image));
  });

  test('none, and by default there is none', async () => {
    const p = await project(x86, { 'a.s': program });
    for (const flags of [[], ['--build-id', '--build-id=none']]) {
      expect((await p.link(...flags, 'a.o')).findSection('.note.gnu.build-id')).toBeUndefined();
    }
  });
});

describe('symbol tables', () => {
  const locals = `${exitProgram(x86, '')}plain_local: nop\n.Ltemporary: nop\n.data\n.quad .Ltemporary, plain_local
    .section .debug_info\n.quad .Ltemporary\n.section .comment,"MS",@progbits,1\n.string "kept"`;
  const flags = ['-Wa,-L', '-Wa,--keep-locals'];
  const names = (image: Image) => ['_start', 'plain_local', '.Ltemporary'].filter((name) => image.has(name)).join(' ');

  test.each([
    [[], '_start plain_local .Ltemporary', true],
    [['-X'], '_start plain_local', true],
    [['--discard-locals'], '_start plain_local', true],
    [['-x'], '_start', true],
    [['--discard-all'], '_start', true],
    [['-S'], '_start plain_local .Ltemporary', false],
    [['--strip-debug'], '_start plain_local .Ltemporary', false],
    [['-s'], '', false],
    [['--strip-all'], '', false],
  ] as const)('%j keeps %j', async (options, expected, debug) => {
    const p = await project(x86, { 'a.s': { text: locals, flags } });
    const image = await p.link(...options, 'a.o');
    expect(names(image)).toBe(expected);
    expect(image.findSection('.debug_info') !== undefined).toBe(debug);
    expect(image.findSection('.comment')).toBeDefined();
    expect(image.findSection('.symtab') !== undefined).toBe(expected !== '');
    expect((await p.execute()).status).toBe(0);
  });

  test('stripping changes nothing that is loaded', async () => {
    const p = await project(x86, { 'a.s': { text: locals, flags } });
    const loaded = (image: Image) =>
      image.file.sections.filter((s) => (s.flags & 2) !== 0).map(({ data }) => Buffer.from(data).toString('hex'));
    expect(loaded(await p.link('-s', 'a.o'))).toEqual(loaded(await p.link('a.o')));
  });

  test('RISC-V’s .L labels go by default, since relaxation makes one of every branch target', async () => {
    const p = await project(riscv, {
      'a.c': { text: 'int x; int _start(int n) { while (n--) x += n; return x; }', flags: ['-O1'] },
    });
    const image = await p.link('a.o');
    expect(image.symbols.filter(({ name }) => name.startsWith('.L'))).toEqual([]);
    expect(image.has('x')).toBe(true);
  });

  test('locals come before globals, under the file that they are from', async () => {
    const p = await project(x86, {
      'a.s': `.file "one.c"\n${exitProgram(x86, '')}local_a: nop`,
      'b.s': '.file "two.c"\nlocal_b: nop',
    });
    const image = await p.link('a.o', 'b.o');
    const order = image.symbols.map(({ name }) => name).filter((name) => /\.c$|local|^_start/.test(name));
    expect(order).toEqual(['one.c', 'local_a', 'two.c', 'local_b', '_start']);
    const firstGlobal = image.symbols.findIndex(({ binding }) => binding !== 0);
    expect(image.section('.symtab').info).toBe(firstGlobal);
    expect(image.symbols.slice(firstGlobal).every(({ binding }) => binding !== 0)).toBe(true);
  });
});
