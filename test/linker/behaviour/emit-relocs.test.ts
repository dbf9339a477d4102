/**
 * --emit-relocs: the relocations in the output are true. Computed again from the output's own symbols and sections,
 * each must give exactly the bytes that stand there.
 */
import { describe, expect, test } from 'vitest';
import { cRuntime, cxx, linkProgram } from '../../support/programs.ts';
import { reapply } from '../../support/reapply.ts';
import { exitProgram, type Image, isGnu, project, readImage } from '../../support/small-links.ts';
import { aarch64, riscv, x86 } from '../../support/toolchain.ts';

const SHT_RELA = 4;

function relocationSections(image: Image): string[] {
  return image.file.sections
    .filter(({ type, flags }) => type === SHT_RELA && (flags & 2) === 0)
    .map(({ name }) => name);
}

describe.each([
  [cRuntime, x86, []],
  [cRuntime, x86, ['-Wl,--no-relax']],
  [cxx, x86, ['-Wl,--gc-sections']],
  [cRuntime, riscv, ['-Wl,--no-relax']],
  [cxx, riscv, ['-Wl,--no-relax']],
  [cRuntime, riscv, []],
  [cxx, riscv, []],
  [cRuntime, aarch64, []],
  [cxx, aarch64, ['-Wl,--gc-sections']],
] as const)('%o', (program, target, flags) => {
  // GNU ld leaves relocations as they were before it rewrote their instructions.
  test.skipIf(isGnu())(`${program.name} (${target.name}) ${flags.join(' ')}`, async () => {
    const image = readImage(await linkProgram(program, target, 'static', ['-Wl,--emit-relocs', ...flags]));
    const { checked, wrong } = reapply(image);
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(checked).toBeGreaterThan(5000);
  });
});

test.skipIf(isGnu())('relocations of PIC code whose TLS sequences and GOT loads were rewritten', async () => {
  const p = await project(x86, {
    'tls.c': {
      text: `
        extern __thread int elsewhere; __thread int here = 3; static __thread int local; extern int data;
        extern int callee(int); int (*take(void))(int) { return callee; }
        int f(void) { return elsewhere + here + local + data; } int *g(void) { return &elsewhere; }
        int tail(int x) { return callee(x); }`,
      flags: ['-O2', '-fPIC', '-fno-plt'],
    },
    'desc.c': {
      text: 'extern __thread int elsewhere; extern __thread int here; int h(void) { return elsewhere + here; }',
      flags: ['-O2', '-fPIC', '-mtls-dialect=gnu2'],
    },
    'def.c': '__thread int elsewhere = 4; int data = 5; int callee(int x) { return x; } int __tls_get_addr;',
    'start.s': exitProgram(x86, ''),
  });
  for (const relax of [[], ['--no-relax']]) {
    const image = await p.link('-q', ...relax, 'start.o', 'tls.o', 'desc.o', 'def.o');
    const { checked, wrong } = reapply(image);
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(10);
  }
});

test.skipIf(isGnu())('relocations of AArch64 code whose TLS sequences were rewritten', async () => {
  const source = (more: string, name: string) => `
    extern __thread int elsewhere; extern __thread int here; static __thread int local; extern int data;
    extern int callee(int); int (*take_${name}(void))(int) { return callee; }
    int f_${name}(void) { return elsewhere + here + local + data; } int *g_${name}(void) { return &elsewhere; }
    int tail_${name}(int x) { return callee(x); } ${more}`;
  const p = await project(aarch64, {
    'desc.c': { text: source('__thread int here = 3;', 'desc'), flags: ['-O2', '-fPIC'] },
    'trad.c': { text: source('', 'trad'), flags: ['-O2', '-fPIC', '-mtls-dialect=trad'] },
    'local.c': {
      text: source('', 'local'),
      flags: ['-O2', '-fPIC', '-mtls-dialect=trad', '-ftls-model=local-dynamic'],
    },
    'ie.c': { text: source('', 'ie'), flags: ['-O2', '-fPIC', '-ftls-model=initial-exec'] },
    'le.c': { text: source('', 'le'), flags: ['-O2', '-fno-pie'] },
    'large.c': { text: source('', 'large'), flags: ['-O2', '-fno-pie', '-mcmodel=large'] },
    'def.c': '__thread int elsewhere = 4; int data = 5; int callee(int x) { return x; } int __tls_get_addr;',
    'start.s': exitProgram(aarch64, ''),
  });
  const objects = ['desc', 'trad', 'local', 'ie', 'le', 'large', 'def'].map((name) => `${name}.o`);
  const { checked, wrong } = reapply(await p.link('-q', 'start.o', ...objects));
  expect(wrong).toEqual([]);
  expect(checked).toBeGreaterThan(60);
});

test('each emitted section names the one that it applies to, and nothing without relocations has one', async () => {
  const p = await project(x86, { 'a.s': `${exitProgram(x86, '')}.data\n.quad _start\n.section .rodata\n.quad 7` });
  const image = await p.link('-q', 'a.o');
  expect(relocationSections(image)).toEqual(['.rela.data']);
  const rela = image.section('.rela.data');
  expect(image.file.sections[rela.info]!.name).toBe('.data');
  expect(image.file.sections[rela.link]!.name).toBe('.symtab');
  expect(rela.entsize).toBe(24);
});

test.skipIf(isGnu())('a relocation against a symbol that is not in the table names its section', async () => {
  const p = await project(riscv, {
    'a.s': `${exitProgram(riscv, 'la a0, .Llocal')}.data\n.dword 1\n.Llocal: .dword 2`,
  });
  const image = await p.link('-q', '--no-relax', 'a.o');
  expect(image.has('.Llocal')).toBe(false);
  expect(reapply(image)).toEqual({ checked: expect.any(Number), wrong: [] });
});
