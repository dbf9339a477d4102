/** The bound of a program's stack holds what a run of it takes, and there is none where code does not show one. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Machine } from '../../linker/program.ts';
import { buildProject } from '../../pipeline/build.ts';
import type { ManifestStack } from '../../pipeline/manifest.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { boundOfImage, requireStack } from '../../pipeline/stack.ts';
import { riscvPlatform } from '../../targets/riscv64/platform.ts';
import { hostedTargets } from '../support/toolchain.ts';
import { requireTool } from '../support/tools.ts';
import { errorOf, project } from './support.ts';

/** Calls body(), or each of several, and writes how far below its entry's stack pointer the deepest see() of each was. */
const startFor = (bodies: readonly string[]): string => `
static char *low;
static inline __attribute__((always_inline)) char *stack(void) {
  char *sp;
#ifdef __riscv
  __asm__ volatile("mv %0, sp" : "=r"(sp));
#elif defined(__aarch64__)
  __asm__ volatile("mov %0, sp" : "=r"(sp));
#else
  __asm__ volatile("mov %%rsp, %0" : "=r"(sp));
#endif
  return sp;
}
__attribute__((noinline)) void see(void) {
  char *sp = stack();
  if (sp < low) low = sp;
}
volatile int n = 3;
${bodies.map((name) => `void ${name}(void);`).join('\n')}
static void (*const bodies[])(void) = { ${bodies.join(', ')} };
static long results[${bodies.length}];
static void call(long number, long a, const void *b, long c) {
#ifdef __riscv
  register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a2 __asm__("a2") = c;
  register const void *a1 __asm__("a1") = b;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x2 __asm__("x2") = c;
  register const void *x1 __asm__("x1") = b;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
#else
  __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
#endif
}
static __attribute__((used)) void begin(void) {
  for (unsigned i = 0; i < ${bodies.length}; i++) {
    char *top = low = stack();
    bodies[i]();
    results[i] = top - low;
  }
#if defined(__riscv) || defined(__aarch64__)
  call(64, 1, results, sizeof results);
  call(93, 0, 0, 0);
#else
  call(1, 1, results, sizeof results);
  call(60, 0, 0, 0);
#endif
}
#ifdef __riscv
__attribute__((naked)) void _start(void) {
  __asm__(".option push\\n .option norelax\\n lla gp, __global_pointer$\\n .option pop\\n andi sp, sp, -64\\n call begin\\n unimp");
}
#elif defined(__aarch64__)
__asm__(".globl _start\\n_start: mov x9, sp\\n and sp, x9, #-64\\n bl begin\\n udf #0");
#else
__attribute__((naked)) void _start(void) { __asm__("and $-64, %rsp\\n call begin\\n hlt"); }
#endif
`;

const cflags = ['-fno-pic', '-fstack-clash-protection', '-fno-stack-protector'];
const quiet = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 60_000 });

const head = 'void see(void);\nextern volatile int n;\nvoid body(void);\n';

async function measure(body: string, stack: ManifestStack = {}, given = 1 << 20) {
  const manifest = { name: 'prog', target: 'elf', sources: ['start.c', 'body.c'], cflags };
  const files = { 'start.c': startFor(['body']), 'body.c': head + body };
  const folder = project({ 'casemate.json': JSON.stringify(manifest), ...files });
  const { image, output } = await buildProject({ folder, lock: 'verify', progress: quiet });
  const taken = Number(execFileSync(output).readBigInt64LE());
  const job = {
    ...({
      image,
      manifest: { name: 'prog', target: 'elf', stack },
      at: () => 'casemate.json:1',
      strict: false,
      note: () => {},
    } as const),
    // What calls it through a pointer is the measurement's.
    target: { given: () => given, entry: { name: 'body', object: 'body.c.o' } },
  };
  return { job, taken, bound: boundOfImage(job) };
}

const cases = {
  calls:
    'static __attribute__((noinline)) void f(volatile int *p) { volatile char a[1000]; a[*p] = 1; see(); a[0] = 2; }\nvoid calls(void) { volatile int i = n; f(&i); see(); f(&i); }',
  probed: 'void probed(void) { volatile char a[70000]; a[n] = 1; see(); a[0] = 2; }',
  pages: 'void pages(void) { volatile char a[6000]; a[n] = 1; see(); a[0] = 2; }',
  aligned: 'void aligned(void) { _Alignas(64) volatile char a[128]; a[n] = 1; see(); a[0] = 2; }',
  table: `static __attribute__((noinline)) void big(void) { volatile char a[500]; a[n] = 1; see(); a[n] = 2; }
void table(void) { volatile int k = n; switch (k) { case 0: see(); see(); break; case 1: k = 9; see(); break; case 2: k = 3; break;
case 3: big(); break; case 4: k++; see(); break; case 5: k--; break; case 6: k = 77; see(); } see(); }`,
  // The table's address is kept over the calls.
  machine: `void machine(void) { static const volatile unsigned char steps[] = { 5, 1, 6, 2, 3, 0, 4 }; volatile int k = 0;
for (int i = 0; i < 7; i++) switch (steps[i]) { case 0: see(); k = 1; break; case 1: k = 9; big(); break; case 2: k = 3; break;
case 3: see(); k = 2; break; case 4: k++; see(); break; case 5: k--; break; case 6: k = 77; see(); } see(); }`,
  tail: `static __attribute__((noinline)) void end(void) { volatile char a[2000]; a[n] = 1; see(); a[0] = 2; }
void tail(void) { { volatile char a[1500]; a[n] = 1; see(); a[0] = 2; } end(); }`,
  registers: `int registers_of(int, int, int, int, int, int, int, int, int);
__attribute__((noinline)) int registers_of(int a, int b, int c, int d, int e, int f, int g, int h, int i) {
see(); a += n; see(); b *= n; see(); c ^= n; see(); return a * b - c + d * e ^ f - g * h + i; }
void registers(void) { n = registers_of(n, 2, n, 4, n, 6, n, 8, 9) > 0 ? 3 : 3; see(); }`,
};

/** An object of the cases: by the build's clang, or another compiler. */
/** A64 rounds the stack pointer by way of another register, which is not followed. */
const casesOf = (machine: Machine) =>
  Object.entries(cases).filter(([name]) => machine !== 'aarch64' || name !== 'aligned');

async function casesFor(machine: Machine, compiler?: string) {
  const own = casesOf(machine);
  const names = own.map(([name]) => name);
  const text = head + own.map(([, body]) => body).join('\n');
  const files = { 'start.c': startFor(names), 'body.c': text };
  const sources = ['start.c', ...(compiler === undefined ? ['body.c'] : [])];
  const objects = compiler === undefined ? {} : { objects: ['body.c.o'] };
  const manifest = { name: 'prog', target: 'elf', sources, cflags, link: { machine }, ...objects };
  const folder = project({ 'casemate.json': JSON.stringify(manifest), ...files });
  if (compiler !== undefined) {
    const flags = ['-O2', '-ffreestanding', '-fno-pic', '-fno-stack-protector', '-fcf-protection=none'];
    const more = { 'x86-64': [], riscv64: [], aarch64: ['-fno-jump-tables', '-mgeneral-regs-only'] }[machine];
    const plain = machine === 'x86-64' ? flags : flags.slice(0, -1);
    execFileSync(compiler, [...plain, ...more, '-c', join(folder, 'body.c'), '-o', join(folder, 'body.c.o')]);
  }
  const { image, output } = await buildProject({ folder, lock: 'verify', progress: quiet });
  const { runner } = hostedTargets[machine];
  const said = runner === undefined ? execFileSync(output) : execFileSync(requireTool(runner), [output]);
  return names.map((name, i) => {
    const entry = { name, object: 'body.c.o' };
    const bound = boundOfImage({
      image,
      manifest: { name: 'prog', target: 'elf' },
      at: () => '',
      target: { entry },
    });
    return { name, taken: Number(said.readBigInt64LE(i * 8)), bound };
  });
}

describe('the bound holds what a run takes, and little more, of', () => {
  it.each([
    ['x86-64', undefined],
    ['x86-64', 'gcc'],
    ['riscv64', undefined],
    ['riscv64', 'riscv64-linux-gnu-gcc'],
    ['aarch64', undefined],
    ['aarch64', 'aarch64-linux-gnu-gcc'],
  ] as const)('calls, frames, switches and tail calls on %s by %s', async (machine, compiler) => {
    for (const { name, taken, bound } of await casesFor(machine, compiler)) {
      if (!('bytes' in bound)) throw new Error(`${name}: ${String(bound[0].at)}: ${bound[0].text}`);
      // A call on x86-64 has put its return address above the bound's beginning.
      const above = machine === 'x86-64' ? 8 : 0;
      expect(bound.bytes + above, name).toBeGreaterThanOrEqual(taken);
      expect(bound.bytes, name).toBeLessThan(taken + 100);
      expect(bound.chain[0].name).toBe(name);
    }
  });
});

describe('there is no bound, but a reason, for', () => {
  it('a recursion, until somebody says how deep it is', async () => {
    const body =
      'static __attribute__((noinline)) void f(volatile int n) { see(); if (n > 0) f(n - 1); see(); }\nvoid body(void) { f(n); see(); }';
    const open = await measure(body);
    expect(open.bound).toMatchObject([{ name: 'f', text: expect.stringMatching(/called again before it returns/) }]);
    const { bound, taken } = await measure(body, { recursion: { f: 4 } });
    // The call of body has put its return address above the bound's beginning.
    expect('bytes' in bound && bound.bytes + 8).toBeGreaterThanOrEqual(taken);
    expect('bytes' in bound && bound.bytes).toBeLessThan(taken + 400);
  });

  it('an indirect call, until somebody says where it goes', async () => {
    const body = `static __attribute__((noinline)) void f(void) { volatile int k = 1; volatile char a[300]; a[k] = 1; see(); a[k] = 2; }
void (*volatile pointer)(void) = f;\nvoid body(void) { pointer(); see(); }`;
    const open = await measure(body);
    expect(open.bound).toMatchObject([{ name: 'body', text: expect.stringMatching(/^an indirect call/) }]);
    expect(errorOf(() => requireStack(open.job))).toMatchObject({
      code: 'unproved',
      message: expect.stringMatching(
        /^casemate\.json:1: the stack has no bound: body at 0x\w+: an indirect call.*; say in "stack"/,
      ),
    });
    // A reason is enough for a build that is not strict.
    const waived = {
      ...open.job,
      manifest: { ...open.job.manifest, stack: { unproved: 'seen' } },
      at: (at: string) => at,
    };
    expect(requireStack(waived)).toBeUndefined();
    expect(errorOf(() => requireStack({ ...waived, strict: true }))).toMatchObject({
      code: 'unproved',
      message: expect.stringMatching(
        /^\/stack\/unproved: the stack has no bound: body at .*strict build does not go on/,
      ),
    });
    const { bound, taken, job } = await measure(body, { indirect: { body: ['f'] } });
    expect('bytes' in bound && bound.bytes + 8).toBeGreaterThanOrEqual(taken);
    expect(requireStack(job)).toMatchObject({ given: 1 << 20 });
    // One that does not fit stops the build.
    const small = errorOf(() => requireStack({ ...job, target: { ...job.target, given: () => 300 } }));
    expect(small).toMatchObject({
      code: 'image',
      message: expect.stringMatching(/more than the 300 that there are \(body -> f/),
    });
    const wrong = { ...job, manifest: { ...job.manifest, stack: { indirect: { body: ['gone'] } } } };
    expect(errorOf(() => requireStack(wrong)).message).toMatch(/the image has no function gone/);
  });

  it('an array whose length is computed', async () => {
    const { bound } = await measure('void body(void) { volatile char a[n * 10]; a[n] = 1; see(); }');
    expect(bound).toMatchObject([{ name: 'body', text: expect.stringMatching(/computed in a way/) }]);
  });
});

it('the layer for riscv64 keeps to its own small stacks, before the program and after a trap', async () => {
  const files = {
    'main.c': '#include <solo5.h>\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return 0; }',
  };
  const manifest = { name: 'prog', target: 'riscv64', sources: ['main.c'] } as const;
  const folder = project({ 'casemate.json': JSON.stringify(manifest), ...files });
  const { image } = await buildProject({ folder, lock: 'verify', progress: quiet });
  const { calls } = riscvPlatform;
  const boundFrom = (name: string, file: string): number => {
    const entry = { name, object: `casemate/targets/${file}.o` };
    const bound = boundOfImage({ image, manifest, at: () => '', target: { ...calls, entry } });
    if (!('bytes' in bound)) throw new Error(bound.map((one) => `${one.name}: ${one.text}`).join('\n'));
    return bound.bytes;
  };
  // start.S and the stub keep 16 KiB for each.
  expect(boundFrom('rv_plain_boot', 'riscv64/platform/plain.c')).toBeLessThan(16384);
  expect(boundFrom('rv_relocate', 'riscv64/platform/relocate.c')).toBeLessThan(16384);
  expect(boundFrom('rv_trap_report', 'riscv64/platform/traps.c')).toBeLessThan(16384);
  expect(boundFrom('layer_start', 'platform/machine/start.c')).toBeLessThan(16384);
});
