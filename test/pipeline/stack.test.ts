/** The bound of a program's stack holds what a run of it takes, and there is none where code does not show one. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { buildProject } from '../../pipeline/build.ts';
import type { ManifestStack } from '../../pipeline/manifest.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { boundOfImage, requireStack } from '../../pipeline/stack.ts';
import { errorOf, project } from './support.ts';

/** Calls body(), and says how far below the entry's stack pointer the deepest see() was. */
const start = `
static char *top, *low;
__attribute__((noinline)) void see(void) {
  char *sp;
  __asm__ volatile("mov %%rsp, %0" : "=r"(sp));
  if (sp < low) low = sp;
}
void body(int n);
static __attribute__((used)) void begin(char *sp) {
  top = low = sp;
  body(3);
  long n = top - low;
  __asm__ volatile("syscall" : : "a"(1), "D"(1), "S"(&n), "d"(8) : "rcx", "r11", "memory");
  __asm__ volatile("syscall" : : "a"(60), "D"(0));
}
__attribute__((naked)) void _start(void) {
  __asm__("mov %rsp, %rdi\\n and $-64, %rsp\\n call begin\\n hlt");
}
`;

const target = { given: () => 1 << 20, constructors: { name: '', object: '' }, activations: [] };

async function measure(body: string, stack: ManifestStack = {}, given = 1 << 20) {
  const cflags = ['-fno-pic', '-fstack-clash-protection', '-fno-stack-protector'];
  const manifest = { name: 'prog', target: 'elf', sources: ['start.c', 'body.c'], cflags };
  const head = 'void see(void);\nvoid body(int n);\n';
  const folder = project({ 'casemate.json': JSON.stringify(manifest), 'start.c': start, 'body.c': head + body });
  const progress = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 60_000 });
  const { image, output } = await buildProject({ folder, lock: 'verify', progress });
  const taken = Number(execFileSync(output).readBigInt64LE());
  const job = {
    ...({
      image,
      manifest: { name: 'prog', target: 'elf', stack },
      at: () => 'casemate.json:1',
      note: () => {},
    } as const),
    target: { ...target, given: () => given },
  };
  return { job, taken, bound: boundOfImage(job) };
}

describe('the bound holds what a run takes, and little more, of', () => {
  it.each([
    [
      'calls, pushes and frames',
      'static __attribute__((noinline)) void f(volatile int *p) { volatile char a[1000]; a[*p] = 1; see(); a[0] = 2; }\nvoid body(int n) { volatile int i = n; f(&i); see(); f(&i); }',
    ],
    [
      'a frame whose pages are probed in a loop',
      'void body(int n) { volatile char a[70000]; a[n] = 1; see(); a[0] = 2; }',
    ],
    [
      'a switch by a table of jumps',
      `static __attribute__((noinline)) void big(void) { volatile int k = 1; volatile char a[500]; a[k] = 1; see(); a[k] = 2; }
void body(int n) { volatile int k = n; switch (k) { case 0: see(); see(); break; case 1: k = 9; see(); break; case 2: k = 3; break;
case 3: big(); break; case 4: k++; see(); break; case 5: k--; break; case 6: k = 77; see(); } }`,
    ],
    ['an aligned frame', 'void body(int n) { _Alignas(64) volatile char a[128]; a[n] = 1; see(); a[0] = 2; }'],
  ])('%s', async (_, body) => {
    const { bound, taken } = await measure(body);
    if (!('bytes' in bound)) throw new Error(JSON.stringify(bound, (__, value: unknown) => String(value)));
    expect(bound.bytes).toBeGreaterThanOrEqual(taken);
    expect(bound.bytes).toBeLessThan(taken + 400);
    expect(bound.chain.map(({ name }) => name).slice(0, 3)).toEqual(['_start', 'begin', 'body']);
  });
});

describe('there is no bound, but a reason, for', () => {
  it('a recursion, until somebody says how deep it is', async () => {
    const body =
      'static __attribute__((noinline)) void f(volatile int n) { see(); if (n > 0) f(n - 1); see(); }\nvoid body(int n) { f(n); see(); }';
    const open = await measure(body);
    expect(open.bound).toMatchObject([{ name: 'f', text: expect.stringMatching(/called again before it returns/) }]);
    const { bound, taken } = await measure(body, { recursion: { f: 4 } });
    expect('bytes' in bound && bound.bytes).toBeGreaterThanOrEqual(taken);
    expect('bytes' in bound && bound.bytes).toBeLessThan(taken + 400);
  });

  it('an indirect call, until somebody says where it goes', async () => {
    const body = `static __attribute__((noinline)) void f(void) { volatile int k = 1; volatile char a[300]; a[k] = 1; see(); a[k] = 2; }
void (*volatile pointer)(void) = f;\nvoid body(int n) { pointer(); see(); (void)n; }`;
    const open = await measure(body);
    expect(open.bound).toMatchObject([{ name: 'body', text: expect.stringMatching(/^an indirect call/) }]);
    expect(errorOf(() => requireStack(open.job))).toMatchObject({
      code: 'unproved',
      message: expect.stringMatching(
        /^casemate\.json:1: the stack has no bound: body at 0x\w+: an indirect call.*; say in "stack"/,
      ),
    });
    const { bound, taken, job } = await measure(body, { indirect: { body: ['f'] } });
    expect('bytes' in bound && bound.bytes).toBeGreaterThanOrEqual(taken);
    expect(requireStack(job)).toMatchObject({ given: 1 << 20 });
    // One that does not fit stops the build.
    const small = errorOf(() => requireStack({ ...job, target: { ...target, given: () => 300 } }));
    expect(small).toMatchObject({
      code: 'image',
      message: expect.stringMatching(/more than the 300 that there are \(_start -> begin -> body -> f/),
    });
    const wrong = { ...job, manifest: { ...job.manifest, stack: { indirect: { body: ['gone'] } } } };
    expect(errorOf(() => requireStack(wrong)).message).toMatch(/the image has no function gone/);
  });

  it('an array whose length is computed', async () => {
    const { bound } = await measure('void body(int n) { volatile char a[n * 10]; a[n] = 1; see(); }');
    expect(bound).toMatchObject([{ name: 'body', text: expect.stringMatching(/computed in a way/) }]);
  });
});
