/** What is found in RISC-V code: reads of text, and canaries. Real programs, linked by real tools. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';
import { outcomes, subjectOf, text } from './support.ts';

/** Compiles and links one source for RISC-V; returns the program's path. */
async function program(source: string, flags: readonly string[], extension = 'c'): Promise<string> {
  const folder = temporaryFolder('check-riscv');
  writeFileSync(join(folder, `main.${extension}`), source);
  await runOrThrow(requireTool('riscv64-linux-gnu-gcc'), [`main.${extension}`, '-o', 'main', ...flags], {
    cwd: folder,
  });
  return join(folder, 'main');
}

const bare = ['-static', '-nostdlib', '-O2', '-Wl,--build-id=none', '-Wl,-z,separate-code'];

/** A program whose text holds `code` and a table of four words behind it. */
function assembly(code: string, options = ''): string {
  return `.text\n${options}\n.globl _start\n.type _start,@function\n_start:\n${code}\n  ebreak\n  .balign 8\ntable: .word 1, 2, 3, 4\n.data\ncell: .word 5\n`;
}

describe('a read of text on RISC-V', () => {
  it.each([
    ['by auipc and a load', 'lw a0, table', ''],
    ['by auipc and a load, into another register', '1: auipc a1, %pcrel_hi(table)\n lwu a0, %pcrel_lo(1b)(a1)', ''],
    ['by an address that is formed first', 'lla a1, table\n li a2, 7\n ld a0, 8(a1)', ''],
    ['by a compressed load', 'lla a0, table\n c.lw a1, 4(a0)', ''],
    ['by a floating-point load', 'lla a0, table\n fld fa0, 0(a0)', ''],
    ['by an atomic', 'lla a0, table\n lr.d a1, (a0)', ''],
    ['by lui at a fixed address', 'lui a0, %hi(table)\n lw a1, %lo(table)(a0)', '.option nopic'],
    ['behind a branch not taken', 'lla a0, table\n beqz a1, _start\n lw a1, 0(a0)', ''],
    ['in a preserved register, behind a call', 'lla s1, table\n call _start\n lw a1, 0(s1)', ''],
  ])('is found: %s', async (_, code, options) => {
    const path = await program(assembly(code, options), [...bare, '-no-pie', '-Wl,--no-relax'], 'S');
    expect(outcomes('execute-only', subjectOf(path)).at(-1)).toBe('fail');
    expect(text('execute-only', subjectOf(path))).toMatch(/\(_start\S*\) reads/);
  });

  it.each([
    ['of data', 'lw a0, cell'],
    ['through a register that was overwritten', 'lla a0, table\n mv a0, sp\n lw a1, 0(a0)'],
    ['through a register that a call may have changed', 'lla t0, table\n call _start\n lw a1, 0(t0)'],
    ['behind a jump', 'lla a0, table\n j 1f\n1: lw a1, 0(sp)'],
    ['that is a write of data', 'lla a0, cell\n sw a1, 0(a0)'],
  ])('is not seen where there is none: a load %s', async (_, code) => {
    const path = await program(assembly(code), [...bare, '-no-pie', '-Wl,--no-relax'], 'S');
    expect(text('execute-only', subjectOf(path))).not.toMatch(/ reads [^t]/);
    expect(outcomes('execute-only', subjectOf(path))).not.toContain('fail');
  });

  it('is in none of a program in C, jump tables and constants included, at any level of optimisation', async () => {
    const source = `
      double scale(double x) { return x * 3.14159; }
      int choose(int n) {
        switch (n) { case 0: return 7; case 1: return 3; case 2: return 11; case 3: return 2; case 4: return 19;
                     case 5: return 23; case 6: return 5; default: return 1; }
      }
      const char *name(int n) { static const char *const all[] = { "a", "b", "c" }; return all[n % 3u]; }
      int main(int argc, char **argv) { return choose(argc) + (int)scale(argc) + name(argc)[0]; }`;
    for (const level of ['-O0', '-O2', '-Os']) {
      // Else GNU ld puts constants into the same segment as code.
      const path = await program(source, ['-static', level, '-Wl,-z,separate-code']);
      expect(text('execute-only', subjectOf(path))).toMatch(/no instruction's operand lies in text; \d+ instructions/);
    }
  });
});

describe('a canary on RISC-V', () => {
  const source = `
    #include <string.h>
    #include <stdio.h>
    __attribute__((noinline)) int copies(const char *text) { char room[64]; strcpy(room, text); return room[3]; }
    __attribute__((noinline)) int prints(int n) { char room[64]; sprintf(room, "%d", n); return room[0]; }
    int main(int argc, char **argv) { return copies(argv[0]) + prints(argc); }`;
  const own = async (flag: string): Promise<Map<string, boolean>> => {
    const subject = subjectOf(await program(source, ['-O2', '-static', flag]));
    const { functions } = subject.facts();
    return new Map(subject.functions.map(({ name }, i) => [name, functions[i]!.canary]));
  };

  it('is seen where the compiler put it, and nowhere else', async () => {
    const guarded = await own('-fstack-protector-strong');
    expect([guarded.get('copies'), guarded.get('prints')]).toEqual([true, true]);
    const bareOnes = await own('-fno-stack-protector');
    expect([bareOnes.get('copies'), bareOnes.get('prints')]).toEqual([false, false]);
  });

  it('counts in the share of functions that need one', async () => {
    const share = async (flag: string): Promise<string> =>
      text('canary', subjectOf(await program(source, ['-O2', '-static', flag])));
    expect(await share('-fno-stack-protector')).toMatch(/without: copies/);
    expect(await share('-fstack-protector-strong')).not.toMatch(/without: (copies|prints)/);
  });
});
