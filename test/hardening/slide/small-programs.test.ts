/**
 * What compilers and scripts make of addresses, each in a program that tells when one is wrong: jump tables, arrays of
 * functions, pointers past the end, thread-locals, ifuncs, weak and absolute symbols, script symbols, C++ exceptions.
 * Linked statically for Linux, shuffled, moved, and run.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyLayout } from '../../../hardening/slide/apply.ts';
import { withSlideSection } from '../../../hardening/slide/attach.ts';
import { readSlideInfo } from '../../../hardening/slide/slide-section.ts';
import { checkSlide } from '../../../hardening/slide/verify.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { createRandom } from '../../support/random.ts';
import { elflintComplaints, readelfComplaints } from '../../support/readers.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool, requireTools, type Tool } from '../../support/tools.ts';
import { randomLayout } from './random-layout.ts';
import { linkerArguments, linkImage, runElf } from './slid-programs.ts';

requireTools('clang', 'gcc', 'g++', 'readelf', 'eu-elflint');

const layouts = process.env['CASEMATE_LONG'] === undefined ? 2 : 100;

const addresses = String.raw`
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define N(i) __attribute__((noinline)) int f##i(int x) { return x * (2 * i + 3) + i; }
N(0) N(1) N(2) N(3) N(4) N(5) N(6) N(7) N(8) N(9) N(10) N(11)
int (*const table[])(int) = {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11};
int (*volatile writable[3])(int) = {f3, f7, f11};

/* A switch that becomes a jump table. */
__attribute__((noinline)) int choose(int n, int x) {
  switch (n) {
  case 0: return f0(x) ^ 1; case 1: return f1(x) + 2; case 2: return f2(x) - 3; case 3: return f3(x) * 4;
  case 4: return f4(x) ^ 5; case 5: return f5(x) + 6; case 6: return f6(x) - 7; case 7: return f7(x) * 8;
  case 8: puts("eight"); return f8(x); case 9: return f9(f10(x)); case 10: return f11(f2(x)); default: return -x;
  }
}

/* Computed goto, as interpreters use it: distances in a table. */
__attribute__((noinline)) int interpret(const char *code) {
  static const int distance[] = {&&add - &&add, &&mul - &&add, &&sub - &&add, &&end - &&add};
  static void *const direct[] = {&&add, &&mul, &&sub, &&end};
  int value = 1, n = 0;
  for (;;) {
    char c = *code++;
    if (n++ & 1) goto *direct[(int)c]; else goto *(&&add + distance[(int)c]);
  add: value += 5; continue;
  mul: value *= 3; continue;
  sub: value -= 2; continue;
  end: return value;
  }
}

/* Pointers one past the end and before the start. */
static char buffer[64];
char *const past = buffer + sizeof buffer;
static int numbers[10];
int *const before = (int *)((uintptr_t)numbers - 4000);
extern char __start_names[], __stop_names[];
__attribute__((section("names"), used)) static const char *const one = "one", *const two = "two";

__thread int counter = 41;
__thread char block[100];
__attribute__((tls_model("initial-exec"))) extern __thread int elsewhere;
extern int missing(void) __attribute__((weak));
extern char absolute[], _etext[], _end[], __executable_start[], etext[], edata[];

static int (*resolve(void))(int) { return f5; }
int indirect(int) __attribute__((ifunc("resolve")));
int (*indirect_pointer)(int) = indirect;

static int made;
__attribute__((constructor(200))) static void first(void) { made = made * 10 + 1; }
__attribute__((constructor(300))) static void second(void) { made = made * 10 + 2; }
__attribute__((constructor)) static void last(void) { made = made * 10 + 3; }
__attribute__((destructor)) static void bye(void) { puts("bye"); }

int main(void) {
  int sum = 0;
  for (int i = 0; i < 12; i++) sum = sum * 31 + table[i](i) + choose(i, i + 1);
  for (int i = 0; i < 3; i++) sum = sum * 31 + writable[i](i);
  printf("sum %d interpret %d\n", sum, interpret("\0\1\2\0\1\1\2\3"));
  printf("past %d before %d\n", (int)(past - buffer), (int)(((uintptr_t)numbers - (uintptr_t)before)));
  printf("names %d\n", (int)((const char *const *)__stop_names - (const char *const *)__start_names));
  for (const char *const *p = (const char *const *)__start_names; p < (const char *const *)__stop_names; p++) puts(*p);
  elsewhere += counter++;
  printf("tls %d %d %d\n", counter, elsewhere, block[99]);
  printf("weak %d absolute %lx\n", missing ? missing() : -1, (unsigned long)absolute);
  printf("ifunc %d %d %d\n", indirect(7), indirect_pointer(8), indirect_pointer == indirect);
  printf("made %d\n", made);
  uintptr_t self = (uintptr_t)main;
  int inside = 1;
  for (int i = 0; i < 12; i++) inside &= (uintptr_t)table[i] < (uintptr_t)_etext && (uintptr_t)table[i] > (uintptr_t)__executable_start;
  printf("text %d %d %d\n", inside, self < (uintptr_t)etext, (uintptr_t)buffer < (uintptr_t)_end && (uintptr_t)writable < (uintptr_t)edata);
  return 0;
}
`;

const other = '__thread int elsewhere = 1; static int unused(void) { return 1; } int (*kept)(void) = unused;\n';

interface Variant {
  readonly name: string;
  readonly driver: Tool;
  readonly flags: readonly string[];
  readonly link?: readonly string[];
}

const variants: readonly Variant[] = [
  { name: 'clang -O0', driver: 'clang', flags: ['-O0', '-fno-pic', '-ffunction-sections'] },
  {
    name: 'clang -O2, position-dependent',
    driver: 'clang',
    flags: ['-O2', '-fno-pic', '-ffunction-sections', '-fdata-sections'],
  },
  { name: 'clang -Os, position-independent', driver: 'clang', flags: ['-Os', '-fPIC', '-ffunction-sections'] },
  {
    name: 'gcc -O2',
    driver: 'gcc',
    flags: ['-O2', '-fno-pic', '-ffunction-sections', '-freorder-blocks-and-partition'],
  },
  {
    name: 'gcc -O2 -fPIE without GOT rewriting',
    driver: 'gcc',
    flags: ['-O2', '-fPIE', '-ffunction-sections'],
    link: ['-Wl,--no-relax'],
  },
  { name: 'clang -O1, one section of code', driver: 'clang', flags: ['-O1', '-fno-pic'] },
  {
    name: 'clang -O2, garbage collected',
    driver: 'clang',
    flags: ['-O2', '-fno-pic', '-ffunction-sections'],
    link: ['-Wl,--gc-sections'],
  },
];

async function linkVariant({ driver, flags, link = [] }: Variant): Promise<string[]> {
  const folder = temporaryFolder('variant');
  writeFileSync(join(folder, 'main.c'), addresses);
  writeFileSync(join(folder, 'other.c'), other);
  const objects = ['main', 'other'].map((name) => join(folder, `${name}.o`));
  for (const [i, name] of ['main.c', 'other.c'].entries()) {
    await runOrThrow(requireTool(driver), ['-w', ...flags, '-c', join(folder, name), '-o', objects[i]!]);
  }
  return linkerArguments('gcc', ['-static', '-no-pie', '-Wl,--defsym=absolute=0x1234', ...link, ...objects]);
}

describe.each(variants)('$name', (variant) => {
  it('runs the same in every layout, and is proved to be a slide', async () => {
    const args = await linkVariant(variant);
    const bytes = withSlideSection(linkImage(args), 'base');
    const base = readElfFile(bytes, 'base');
    const info = readSlideInfo(base, 'base')!;
    const { status, stdout } = await runElf(base);
    expect([status, stdout.split('\n').length]).toEqual([0, 13]);
    for (let i = 0; i < layouts; i++) {
      const slid = applyLayout(base, info, randomLayout(info, createRandom(0xc0de, i)));
      const outcome = await runElf(slid);
      expect({ i, status: outcome.status, stdout: outcome.stdout }).toEqual({ i, status: 0, stdout });
      checkSlide(base, readElfFile(writeElfFile(slid), 'slid'), info);
    }
  });
});

it('leaves nothing for readelf and eu-elflint to complain about that they did not find in the base', async () => {
  const bytes = withSlideSection(linkImage(await linkVariant(variants[3]!)), 'base');
  const base = readElfFile(bytes, 'base');
  const info = readSlideInfo(base, 'base')!;
  const folder = temporaryFolder('lint');
  const paths = ['base', 'slid'].map((name) => join(folder, name));
  writeFileSync(paths[0]!, bytes);
  writeFileSync(paths[1]!, writeElfFile(applyLayout(base, info, randomLayout(info, createRandom(1, 77)))));
  expect(await readelfComplaints(paths[1]!)).toEqual(await readelfComplaints(paths[0]!));
  expect(await elflintComplaints(paths[1]!)).toEqual(await elflintComplaints(paths[0]!));
});
