/** Inputs that cannot be linked are named, with the reason, and nothing is written. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runOrThrow } from '../../support/run.ts';
import { exitProgram, isGnu, project } from '../../support/small-links.ts';
import { riscv, x86 } from '../../support/toolchain.ts';
import { requireTool } from '../../support/tools.ts';

describe.skipIf(isGnu())('inputs of the wrong kind', () => {
  test('LTO bitcode is refused by name: raw, wrapped and in an archive', async () => {
    const p = await project(x86, { 'a.s': exitProgram(x86, 'call f'), 'f.c': 'int unused;' });
    writeFileSync(p.path('bitcode.c'), 'int f(void) { return 1; }');
    await runOrThrow(requireTool('clang'), ['-flto', '-c', 'bitcode.c', '-o', 'bitcode.o'], { cwd: p.folder });
    expect(await p.refusal('a.o', 'bitcode.o')).toMatch(/bitcode\.o: is LLVM bitcode.*-flto/);
    p.write('wrapped.o', Buffer.concat([Buffer.from('dec0170b', 'hex'), readFileSync(p.path('bitcode.o'))]));
    expect(await p.refusal('a.o', 'wrapped.o')).toMatch(/wrapped\.o: is LLVM bitcode/);
    await p.archive('b.a', ['bitcode.o'], 'rcS');
    expect(await p.refusal('--whole-archive', 'a.o', 'b.a')).toMatch(/b\.a\(bitcode\.o\): is LLVM bitcode/);
  });

  test('an object for another machine, a 32-bit one, a shared object, an executable', async () => {
    const p = await project(x86, { 'a.s': exitProgram(x86, '') });
    const r = await project(riscv, { 'r.s': 'nop' });
    p.write('r.o', readFileSync(r.path('r.o')));
    expect(await p.refusal('a.o', 'r.o')).toMatch(/r\.o: is for riscv64, but this link is for x86-64/);
    writeFileSync(p.path('x.c'), 'int x;');
    const compile = (...args: string[]) => runOrThrow(requireTool('gcc'), args, { cwd: p.folder });
    await compile('-m32', '-c', 'x.c', '-o', 'x32.o');
    expect(await p.refusal('a.o', 'x32.o')).toMatch(/x32\.o: not a 64-bit little-endian ELF file/);
    await compile('-shared', '-nostdlib', '-fPIC', 'x.c', '-o', 'x.so');
    expect(await p.refusal('a.o', 'x.so')).toMatch(/x\.so: is a shared object.*\.a archive/);
    await p.link('-o', 'program', 'a.o');
    expect(await p.refusal('a.o', 'program')).toMatch(/program: e_type is 2/);
    expect(await p.refusal('-m', 'elf64lriscv', 'a.o')).toMatch(/a\.o: is for x86-64, but this link is for riscv64/);
  });

  test('RISC-V objects of two floating-point ABIs', async () => {
    const p = await project(riscv, {
      'd.s': { text: exitProgram(riscv, ''), flags: ['-march=rv64gc', '-mabi=lp64d'] },
      's.s': { text: '.text\nnop', flags: ['-march=rv64imac', '-mabi=lp64'] },
      'data.s': { text: '.data\n.word 1', flags: ['-march=rv64imac', '-mabi=lp64'] },
    });
    expect(await p.refusal('d.o', 's.o')).toMatch(/s\.o: is soft-float, but d\.o is double-float.*-mabi/);
    await p.link('d.o', 'data.o');
  });

  test('text that is no script, an empty file, a folder, a file that is not there', async () => {
    const p = await project(x86, { 'a.s': exitProgram(x86, ''), 'words.o': 'these are words', 'empty.o': '' });
    for (const name of ['words.o', 'empty.o', '.', 'nowhere.o']) {
      const says = await p.refusal('a.o', name);
      expect(says).toMatch(/^casemate-ld: error: /);
      expect(says).toContain(name);
      expect(says.trim().split('\n')).toHaveLength(1);
    }
  });
});

describe('undefined symbols', () => {
  test('are all listed, each with its first referrers', async () => {
    const use = (...names: string[]) => `.data\n${names.map((name) => `.quad ${name}`).join('\n')}`;
    const p = await project(x86, {
      'a.s': exitProgram(x86, 'call one'),
      'b.s': use('one', 'two', 'two', 'two', 'two'),
      'c.s': use('three', 'weak').replace('.data', '.weak weak\n.data'),
    });
    const says = await p.refusal('a.o', 'b.o', 'c.o');
    for (const name of ['one', 'two', 'three']) expect(says).toMatch(new RegExp(`undefined.*\\b${name}\\b`));
    expect(says).not.toMatch(/\bweak\b/);
    if (isGnu()) return;
    expect(says).toMatch(/undefined symbol.*\bone\b[\s\S]*a\.o:\(\.text\+0x1\)[\s\S]*b\.o:\(\.data\+0x0\)/);
    // Of four uses the first three are shown.
    expect(says).toMatch(/b\.o:\(\.data\+0x18\)/);
    expect(says).not.toMatch(/b\.o:\(\.data\+0x20\)/);
  });

  test('are warnings or nothing when asked', async () => {
    const p = await project(x86, { 'a.s': exitProgram(x86, '').replace('_start:', '_start:\nlea gone, %rax') });
    for (const flag of ['--unresolved-symbols=ignore-all', '--warn-unresolved-symbols']) {
      const { status, stderr } = await p.run(flag, 'a.o');
      expect(status).toBe(0);
      expect(/gone/.test(stderr)).toBe(flag === '--warn-unresolved-symbols');
    }
  });
});

describe('same inputs, same bytes', () => {
  test('on every run and in any folder', async () => {
    const files = {
      'a.c': {
        text: '#include <stdio.h>\nextern int y; int main(void) { printf("%d\\n", y); return 0; }',
        flags: ['-g', '-O1'],
      },
      'b.c': { text: '__thread int t = 3; int y = 4; int *p = &y; const char *s = "text";', flags: ['-g'] },
    };
    const outputs: Buffer[] = [];
    for (let run = 0; run < 3; run++) {
      const p = await project(x86, files);
      outputs.push((await p.link('--build-id', '-e', 'main', '--unresolved-symbols=ignore-all', 'a.o', 'b.o')).bytes);
      outputs.push((await p.link('--build-id', '-e', 'main', '--unresolved-symbols=ignore-all', 'a.o', 'b.o')).bytes);
    }
    for (const bytes of outputs) expect(Buffer.compare(bytes, outputs[0]!)).toBe(0);
  });

  test('the order of inputs is the order of the output', async () => {
    const p = await project(x86, { 'a.s': '.globl _start\n_start: nop', 'b.s': '.globl b\nb: nop' });
    const one = await p.link('a.o', 'b.o');
    const two = await p.link('b.o', 'a.o');
    expect(one.address('_start')).toBeLessThan(one.address('b'));
    expect(two.address('b')).toBeLessThan(two.address('_start'));
  });
});

describe('the output file', () => {
  test('is executable, and replaces an older one as a whole', async () => {
    const p = await project(x86, { 'a.s': exitProgram(x86, 'mov $1, %edi'), 'b.s': exitProgram(x86, 'mov $2, %edi') });
    await p.link('a.o');
    const before = statSync(p.path('out'));
    expect(before.mode & 0o111).not.toBe(0);
    await p.link('b.o');
    expect((await p.execute()).status).toBe(2);
    // A new file took the name: whoever runs or maps the old one keeps it whole.
    if (!isGnu()) expect(statSync(p.path('out')).ino).not.toBe(before.ino);
  });

  test('is gone after a failed link, and no temporary file is left', async () => {
    const p = await project(x86, { 'a.s': exitProgram(x86, ''), 'bad.s': '.data\n.quad nowhere' });
    await p.link('a.o');
    const files = readdirSync(p.folder)
      .filter((name) => name !== 'out')
      .sort();
    await p.refusal('a.o', 'bad.o');
    expect(readdirSync(p.folder).sort()).toEqual(files);
  });

  test.skipIf(isGnu())('may not be one of the inputs', async () => {
    const p = await project(x86, { 'a.s': exitProgram(x86, '') });
    const before = readFileSync(p.path('a.o'));
    const { status, stderr } = await p.run('-o', 'a.o', 'a.o');
    expect(status).toBe(1);
    expect(stderr).toMatch(/a\.o is also an input/);
    expect(readFileSync(p.path('a.o')).equals(before)).toBe(true);
  });
});
