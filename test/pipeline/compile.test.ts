import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readElfFile, viewOf } from '../../linker/elf-file.ts';
import { checkLanguages, compileSources, parseDependencies } from '../../pipeline/compile.ts';
import { withScratch } from '../../pipeline/scratch.ts';
import { requireTool } from '../../pipeline/tools.ts';
import { errorOf, project, rejectionOf } from './support.ts';

const clang = requireTool('clang');

function compile(
  folder: string,
  sources: readonly string[],
  flags: readonly string[] = [],
  messages: string[] = [],
  viaAssembly = false,
) {
  return withScratch((scratch) =>
    compileSources({
      viaAssembly,
      compiler: clang,
      folder,
      scratch,
      sources: sources.map((path) => ({ name: path, path, flags })),
      prefixes: [[folder, '.']],
      diagnostics: (text) => messages.push(text),
    }),
  );
}

describe('compiling', () => {
  it('gives the same bytes in any folder, with debug information and __FILE__ in the object', async () => {
    const files = {
      'main.c': '#include "inc/a.h"\nconst char *f(void) { return __FILE__ NAME; }\n',
      'inc/a.h': '#define NAME __FILE__\nstatic inline int g(int a) { return a; }\n',
    };
    const objects = await Promise.all(
      [project(files), project(files)].flatMap((folder) => [
        compile(folder, ['main.c'], ['-g', '-O1', '-Iinc']),
        compile(folder, [join(folder, 'main.c')], ['-g', '-O1', `-I${folder}/inc`]),
      ]),
    );
    const texts = objects.map(([object]) => Buffer.from(object.bytes).toString('latin1'));
    expect(texts[2]).toBe(texts[0]);
    expect(texts[3]).toBe(texts[1]);
    for (const text of texts) expect(text).not.toContain('casemate-test-');
  });

  it('marks calls as relaxable for RISC-V by way of assembly, in any folder the same, with debug information', async () => {
    const files = { 'main.c': 'int g(int);\nint f(int a) { return g(a) + 1; }\n', 's.S': '.globl h\nh: ret\n' };
    const flags = ['--target=riscv64-unknown-elf', '-march=rv64gc', '-mabi=lp64d', '-g', '-O1', '-Wall', '-Werror'];
    const R_RISCV_RELAX = 51;
    const relaxable = async (viaAssembly: boolean): Promise<[number, string]> => {
      const objects = await Promise.all(
        [project(files), project(files)].map((folder) => compile(folder, Object.keys(files), flags, [], viaAssembly)),
      );
      const [first, second] = objects.map((each) => each.map(({ bytes }) => Buffer.from(bytes).toString('latin1')));
      expect(second).toEqual(first);
      const rela = readElfFile(objects[0][0].bytes, 'main.c.o').sections.find(({ name }) => name === '.rela.text')!;
      const view = viewOf(rela.data);
      const types = Array.from({ length: view.byteLength / 24 }, (_, i) => view.getUint32(24 * i + 8, true));
      return [types.filter((type) => type === R_RISCV_RELAX).length, first[0]];
    };
    const [marks, text] = await relaxable(true);
    expect(marks).toBe(1);
    expect(text).toContain('main.c');
    expect(text).not.toContain('casemate-');
    // Why it takes this way: should a compiler ever mark them at once, this fails and the way can go.
    expect((await relaxable(false))[0]).toBe(0);
  });

  it('says of inline assembly that does not assemble in which source it is', async () => {
    const messages: string[] = [];
    const folder = project({ 'a.c': 'void f(void) { __asm__("nonsense"); }' });
    const error = await rejectionOf(compile(folder, ['a.c'], ['--target=riscv64-unknown-elf'], messages, true));
    expect(error.message).toBe("a.c: does not compile; the compiler's messages are above");
    expect(messages.join('\n')).toMatch(/a\.c.*error: unrecognized instruction/);
    expect(messages.join('\n')).not.toContain('casemate-');
  });

  it('keeps the order of the sources, whichever finishes first', async () => {
    const slow = Array.from({ length: 2000 }, (_, i) => `int f${i}(int a) { return a * ${i}; }`).join('\n');
    const folder = project({ 'slow.c': slow, 'b.c': 'int b;', 'c.c': 'int c;' });
    const objects = await compile(folder, ['slow.c', 'b.c', 'c.c'], ['-O2']);
    expect(objects.map((object) => object.name)).toEqual(['slow.c.o', 'b.c.o', 'c.c.o']);
    expect(objects[0].bytes.length).toBeGreaterThan(objects[1].bytes.length);
  });

  it('reports every header that was read, with blanks, # and $ in their names', async () => {
    const folder = project({ 'a.c': '#include "x y#$z.h"\n', 'x y#$z.h': '#include <stddef.h>\n' });
    const [object] = await compile(folder, ['a.c']);
    expect(object.reads).toContain(join(folder, 'a.c'));
    expect(object.reads).toContain(join(folder, 'x y#$z.h'));
    expect(object.reads.some((path) => path.endsWith('/stddef.h'))).toBe(true);
    expect(parseDependencies('a.o: a.c \\\n  b\\ c.h d\\#$$.h\n')).toEqual(['a.c', 'b c.h', 'd#$.h']);
  });

  it('shows the messages of every failing source and ends in one line', async () => {
    const messages: string[] = [];
    const folder = project({ 'good.c': 'int a;', 'bad.c': 'int f( {', 'warn.c': 'int g(void) { }' });
    const error = await rejectionOf(compile(folder, ['warn.c', 'bad.c', 'good.c'], [], messages));
    expect(error.code).toBe('compile');
    expect(error.message).toBe("bad.c: does not compile; the compiler's messages are above");
    expect(messages.join('\n')).toMatch(/warn\.c:1:15: warning: [\s\S]*bad\.c:1:8: error: /);
  });

  it('lets neither terminal escapes through, nor the time of day into an object, whatever its warnings', async () => {
    const messages: string[] = [];
    const folder = project({ 'esc.c': '#error \u001b[2Jboo\n', 'time.c': 'const char *t = __TIME__;' });
    await rejectionOf(compile(folder, ['esc.c'], [], messages));
    expect(messages.join('')).toContain('boo');
    expect(messages.join('')).not.toContain('\u001b');
    for (const flags of [['-Wno-everything'], ['-Wno-error=date-time'], ['-Wno-date-time']]) {
      expect((await rejectionOf(compile(folder, ['time.c'], flags))).code).toBe('compile');
    }
  });

  it('does not take a file name for an option or a response file', async () => {
    const folder = project({ '-v.c': 'int a;', '@x.c': 'int b;', x: '-DNOPE' });
    expect(await compile(folder, ['-v.c', '@x.c'])).toHaveLength(2);
  });

  it('leaves nothing behind, after success and failure', async () => {
    const folder = project({ 'a.c': 'int a;', 'bad.c': '}' });
    let scratch = '';
    for (const source of ['a.c', 'bad.c']) {
      await withScratch(async (temporary) => {
        scratch = temporary;
        writeFileSync(join(temporary, 'x'), '');
        await compileSources({
          compiler: clang,
          folder,
          scratch,
          sources: [{ name: source, path: source, flags: [] }],
          prefixes: [],
          diagnostics: () => {},
        });
      }).catch(() => {});
      expect(() => readdirSync(scratch)).toThrow('ENOENT');
    }
    expect(readdirSync(folder).sort()).toEqual(['a.c', 'bad.c']);
  });
});

describe('what is compiled', () => {
  it('is C and assembly', () => {
    expect(() => checkLanguages(['a.c', 'b.S', 'c.s'], String)).not.toThrow();
    expect(errorOf(() => checkLanguages(['a.c', 'b.cc'], (i) => `sources[${i}]`)).message).toBe(
      'sources[1]: found "b.cc"; must be C (.c), assembly (.s, .S) or verified TypeScript (.ts); other languages come as objects',
    );
  });
});

describe('the compiler', () => {
  it('that is missing is named with its package', () => {
    const error = errorOf(() => requireTool('clang', project()));
    expect(error.code).toBe('tool');
    expect(error.message).toBe('clang: not found on PATH; install it with: apt-get install clang');
  });

  it('is never taken from a relative PATH entry', () => {
    expect(errorOf(() => requireTool('clang', '.:bin:')).code).toBe('tool');
  });
});
