/** Thread-local storage: every model that a compiler can choose gives each thread its own, initialised variables. */
import { expect, test } from 'vitest';
import { isLong } from '../../support/long.ts';
import { exitProgram, isGnu, project } from '../../support/small-links.ts';
import { aarch64, link, riscv, type Target, x86 } from '../../support/toolchain.ts';

const definitions = `
  __thread int initialised = 42; __thread int zero; __thread char odd = 7;
  __attribute__((aligned(64))) __thread long aligned = 9;`;
const uses = `
  extern __thread int initialised, zero; extern __thread char odd; extern __thread long aligned;
  static __thread int local = 5; static __thread int local_zero;
  int step(void) { return ++initialised + ++zero + ++odd + (int)++aligned + ++local + ++local_zero; }
  int is_aligned(void) { return ((unsigned long)&aligned & 63) == 0; }`;
const check = `
  int step(void); int is_aligned(void);
  static void *run(void *unused) { for (int i = 0; i < 2; i++) step(); return is_aligned() ? (void *)(long)step() : 0; }
  static int check(void) {
    pthread_t thread; void *result; long here;
    for (int i = 0; i < 9; i++) step();
    if (pthread_create(&thread, 0, run, 0) || pthread_join(thread, &result)) return 1;
    here = step();
    /* Six variables that start at 42, 0, 7, 9, 5 and 0. */
    return is_aligned() && (long)result == 63 + 3 * 6 && here == 63 + 10 * 6 ? 0 : 1;
  }`;

/** C with names of its own for everything that is not `local` to its file. */
const named = (text: string, name: string): string =>
  text.replaceAll(/\b(initialised|zero|odd|aligned(?!\()|step|is_aligned|run|check)\b/g, `$1_${name}`);

const models = ['global-dynamic', 'local-dynamic', 'initial-exec', 'local-exec'].flatMap((model) => [
  [`-ftls-model=${model}`],
  [`-ftls-model=${model}`, '-fPIC'],
]);
const onlyX86 = [
  ['-fPIC', '-fno-plt'],
  ['-fPIC', '-mtls-dialect=gnu2'],
  ['-fPIC', '-mtls-dialect=gnu2', '-ftls-model=local-dynamic'],
];

const onlyAarch64 = [
  ...['global-dynamic', 'local-dynamic'].map((model) => ['-fPIC', '-mtls-dialect=trad', `-ftls-model=${model}`]),
  ['-ftls-model=local-exec', '-mtls-size=12'],
  ['-ftls-model=local-exec', '-mtls-size=32'],
  ['-ftls-model=initial-exec', '-mcmodel=tiny'],
];

type Case = [mode: '-no-pie' | '-static-pie', target: Target, variants: readonly (readonly string[])[]];

/** One program has code of every model, and with CASEMATE_LONG=1 each model has one for itself too. */
const together: Case[] = [
  ['-no-pie', x86, [...models, ...onlyX86]],
  ['-static-pie', x86, [...models, ...onlyX86].filter(([model]) => model !== '-ftls-model=local-exec')],
  ['-no-pie', riscv, models],
  ['-no-pie', aarch64, [...models, ...onlyAarch64]],
  ['-static-pie', aarch64, [...models, ...onlyAarch64].filter((flags) => !flags.includes('-ftls-model=local-exec'))],
];
const alone = together.flatMap(([mode, target, variants]) => variants.map((one): Case => [mode, target, [one]]));
const cases = [...together, ...(isLong ? alone : [])];

test.each(cases.map(([mode, target, variants]) => ({ name: `${target.name} ${mode}`, mode, target, variants })))(
  'code of each model has its variables: $name, $variants',
  async ({ mode, target, variants }) => {
    const code = mode === '-static-pie' ? '-fPIE' : '-fno-pie';
    const source = (text: string, more: readonly string[] = []) => ({ text, flags: ['-O1', code, ...more] });
    const name = (i: number): string => `v${i}`;
    const all = (text: string): string => variants.map((_, i) => named(text, name(i))).join('\n');
    const checks = variants.map((_, i) => `if (check_${name(i)}()) return ${i + 1};`);
    const p = await project(target, {
      'def.c': source(all(definitions)),
      'main.c': source(`#include <pthread.h>\n${all(check)}\nint main(void) { ${checks.join(' ')} return 0; }`),
      ...Object.fromEntries(variants.map((flags, i) => [`${name(i)}.c`, source(named(uses, name(i)), flags)])),
    });
    const objects = ['main', ...variants.map((_, i) => name(i)), 'def'].map((object) => p.path(`${object}.o`));
    const kind = mode === '-no-pie' ? ['-static', mode] : [mode];
    await link(target, target.cc, [...kind, '-pthread', '-o', p.path('out'), ...objects]);
    // The place of the first that is wrong.
    const { status } = await p.execute();
    expect(status === 0 ? 'right' : `${variants[status! - 1]} is wrong, or ended the program: ${status}`).toBe('right');
  },
);

test('PT_TLS covers .tdata and .tbss, with the strictest alignment', async () => {
  const p = await project(x86, {
    'a.s': `${exitProgram(x86, '')}
      .section .tdata,"awT",@progbits
      .balign 32
      .quad 1
      .section .tbss,"awT",@nobits
      .balign 64
      .zero 100
      .data
      .globl after
      after: .quad 1`,
  });
  const image = await p.link('a.o');
  const tls = image.file.segments.find(({ type }) => type === 7)!;
  expect(tls).toMatchObject({ fileSize: 8, memorySize: 64 + 100, align: 64 });
  expect(Number(tls.address) % 64).toBe(0);
  const data = image.file.segments.find(({ type, flags }) => type === 1 && flags === 6)!;
  // .tbss takes no room in memory: what follows may start inside its nominal range.
  expect(image.address('after')).toBeLessThan(Number(data.address) + data.memorySize);
});

test.each([x86, riscv, aarch64])(
  'a strictly aligned zero variable is aligned behind loosely aligned data ($name)',
  async (target) => {
    const p = await project(target, {
      'a.c': {
        text: `__thread char first = 1; __attribute__((aligned(128))) __thread char second[5]; __thread char third = 3;
        int main(void) { return first == 1 && third == 3 && ((unsigned long)second & 127) == 0 ? 0 : 1; }`,
        flags: ['-O1', '-fno-pie'],
      },
    });
    await link(target, target.cc, ['-static', '-no-pie', '-o', p.path('out'), p.path('a.o')]);
    expect((await p.execute()).status).toBe(0);
  },
);

test.each([x86, riscv, aarch64])('without thread-locals there is no PT_TLS ($name)', async (target) => {
  const p = await project(target, { 'a.s': exitProgram(target, '') });
  expect((await p.link('a.o')).file.segments.some(({ type }) => type === 7)).toBe(false);
});

test('offsets count down from the end of the block on x86-64, up from its start on RISC-V, behind two words on AArch64', async () => {
  const variables = '.section .tdata,"awT"\n.balign 16\n.globl t1, t2\n.type t1, @object\nt1: .quad 1\nt2: .quad 2';
  const x = await project(x86, { 'a.s': `${variables}\n.text\n.globl _start\n_start: mov %fs:t2@tpoff, %rax` });
  const code = (await x.link('a.o')).memory('_start', 9);
  expect(code.readInt32LE(5)).toBe(-8);
  const r = await project(riscv, { 'a.s': `${variables}\n.text\n.globl _start\n_start: lw a0, %tprel_lo(t2)(tp)` });
  expect((await r.link('a.o')).word('_start') >>> 20).toBe(8);
  const a = await project(aarch64, { 'a.s': `${variables}\n.text\n.globl _start\n_start: add x0, x0, :tprel_lo12:t2` });
  expect(((await a.link('a.o')).word('_start') >>> 10) & 0xfff).toBe(16 + 8);
});

test('a sequence that is not the ABI’s is refused, with its place', async () => {
  const p = await project(x86, {
    'a.s':
      '.text\nnop; nop; nop; nop\nlea t@tlsgd(%rip), %rdi\ncall __tls_get_addr@PLT\n.fill 16, 1, 0x90\n.section .tbss,"awT"\nt: .zero 4\n.globl __tls_get_addr\n.text\n__tls_get_addr: ret',
  });
  expect(await p.refusal('-e0', 'a.o')).toMatch(isGnu() ? /TLS|transition/ : /a\.o:\(\.text\+0x7\).*general-dynamic/);
});
