/** What is found in AArch64 code: reads of text, and canaries; and what is not looked for is unknown. */
import { describe, expect, it } from 'vitest';
import { exitProgram, project, type Source } from '../support/small-links.ts';
import { aarch64, link } from '../support/toolchain.ts';
import { outcomes, subjectOf, text } from './support.ts';

async function linked(source: string): Promise<string> {
  const p = await project(aarch64, { 'a.s': source });
  return (await p.link('a.o')).path;
}

/** A C program with its library. */
async function program(source: Source, flags: readonly string[]): Promise<string> {
  const p = await project(aarch64, { 'a.c': source });
  await link(aarch64, aarch64.cc, ['-static', ...flags, '-o', p.path('out'), p.path('a.o')]);
  return p.path('out');
}

const plain = exitProgram(aarch64, 'mov x0, #0');

/** A program whose text holds `code`, which is run last, and a table of words behind it, not marked as data. */
const withTable = (code: string): string => `${plain}
  .globl tried
  .type tried, @function
  tried:
  ${code}
  ret
  .balign 8
  table: .inst 1, 0x8b020020, 0x8b020020, 0x8b020020
  .data
  .balign 16
  cell: .quad 5, 6`;

describe('an image for aarch64', () => {
  it('leaves unknown what its code would have to be scanned for', async () => {
    const subject = subjectOf(await linked(plain));
    expect(outcomes('privilege-gadgets', subject)).toEqual(['unknown']);
    expect(text('privilege-gadgets', subject)).toContain('code of aarch64 is not scanned');
  });

  it('passes what needs no code: permissions of segments', async () => {
    expect(outcomes('wx', subjectOf(await linked(plain)))).toEqual(['pass', 'pass']);
  });

  it('fails for a pool of literals in text, which the assembler marks', async () => {
    const subject = subjectOf(await linked(`${plain}.globl load\nload: ldr x0, =0x123456789abcdef0\nret\n`));
    expect(outcomes('execute-only', subject)).toContain('fail');
    expect(text('execute-only', subject)).toMatch(/data that \$d marks: 8 bytes at 0x/);
  });

  it('does not take a mark without bytes, or one of data, for data in text', async () => {
    const subject = subjectOf(await linked(`${plain}.data\n.word 1\n.text\n.balign 4\n`));
    expect(outcomes('execute-only', subject)).not.toContain('fail');
  });

  it('says of bytes that are no instruction that they are none', async () => {
    const subject = subjectOf(await linked(`${plain}.inst 0x02000000, 0x00001234\n`));
    expect(text('execute-only', subject)).toMatch(/2 bytes of text that no instruction begins with/);
  });
});

describe('a read of text on AArch64', () => {
  it.each([
    ['by a literal', 'ldr x0, table'],
    ['by a signed literal', 'ldrsw x0, table'],
    ['by a literal of a vector', 'ldr q0, table'],
    ['by a page and an offset', 'adrp x1, table\nldr x0, [x1, :lo12:table]'],
    ['by an address that is formed first', 'adrp x1, table\nadd x1, x1, :lo12:table\nldr w0, [x1, #4]'],
    ['by adr', 'adr x1, table\nldrb w0, [x1, #1]'],
    ['by adr, as a table', 'adr x1, table\nldrb w0, [x1, w0, uxtw]'],
    ['of two registers', 'adr x1, table\nldp x2, x3, [x1]'],
    ['that steps on', 'adr x1, cell\nadr x1, table - 8\nldr x0, [x1, #8]!'],
    ['after a step', 'adr x1, table - 8\nstr x0, [x1], #8\nldr x0, [x1]'],
    ['through a copy', 'adr x1, table\nmov x2, x1\nldur x0, [x2, #3]'],
    ['by an exclusive load', 'adr x1, table\nldxr x0, [x1]'],
    ['by an acquiring load', 'adr x1, table\nldar x0, [x1]'],
    ['by an atomic', '.arch armv8.1-a\nadr x1, table\nldadd x2, x3, [x1]'],
    ['by a vector structure', 'adr x1, table\nld1 {v0.16b}, [x1]'],
    ['behind a branch not taken', 'adr x1, table\ncbz x2, tried\nldr x0, [x1]'],
    ['in a preserved register, behind a call', 'adr x19, table\nbl _start\nldr x0, [x19]'],
  ])('is found: %s', async (_, code) => {
    const subject = subjectOf(await linked(withTable(code)));
    expect(outcomes('execute-only', subject)).toContain('fail');
    expect(text('execute-only', subject)).toMatch(/\(tried\S*\) reads/);
  });

  it.each([
    ['a load of data', 'adrp x1, cell\nldr x0, [x1, :lo12:cell]'],
    ['a load through a register that was overwritten', 'adr x1, table\nmov x1, sp\nldr x0, [x1]'],
    ['one that was loaded', 'adr x1, table\nldr x1, [sp]\nldr x0, [x1]'],
    ['one of a pair that was loaded', 'adr x1, table\nldp x0, x1, [sp]\nldr x0, [x1]'],
    ['one whose half was computed', 'adr x1, table\nadd w1, w1, #1\nldr x0, [x1]'],
    ['one that a call may have changed', 'adr x1, table\nbl _start\nldr x0, [x1]'],
    ['a load behind a jump', 'adr x1, table\nb 1f\n1: ldr x0, [x1]'],
    ['a write', 'adr x1, table\nstr x0, [x1]\nstp x0, x2, [x1]\nstlr x0, [x1]'],
    ['a prefetch', 'adr x1, table\nprfm pldl1keep, [x1]\nprfm pldl1keep, table'],
    ['an address that is only passed on', 'adr x0, table\nbl _start'],
  ])('is not seen where there is none: %s', async (_, code) => {
    const subject = subjectOf(await linked(withTable(code)));
    expect(outcomes('execute-only', subject)).not.toContain('fail');
  });

  it('is in none of a program in C, jump tables and constants included, at any level of optimisation', async () => {
    const source = `
      double scale(double x) { return x * 3.14159; }
      int choose(int n) {
        switch (n) { case 0: return 7; case 1: return 3; case 2: return 11; case 3: return 2; case 4: return 19;
                     case 5: return 23; case 6: return 5; default: return 1; }
      }
      const char *name(int n) { static const char *const all[] = { "a", "b", "c" }; return all[n % 3u]; }
      void _start(void) { volatile int n = 3; n = choose(n) + (int)scale(n) + name(n)[0]; for (;;) {} }`;
    for (const level of ['-O0', '-O2', '-Os']) {
      const p = await project(aarch64, { 'a.c': { text: source, flags: [level, '-ffreestanding'] } });
      const subject = subjectOf((await p.link('a.o')).path);
      expect(text('execute-only', subject)).toMatch(/no instruction's operand lies in text; \d+ instructions/);
      expect(outcomes('execute-only', subject)).toEqual(['pass', 'pass']);
    }
  });
});

describe('a canary on AArch64', () => {
  const source = `
    #include <string.h>
    #include <stdio.h>
    __attribute__((noinline)) int copies(const char *text) { char room[64]; strcpy(room, text); return room[3]; }
    __attribute__((noinline)) int prints(int n) { char room[64]; sprintf(room, "%d", n); return room[0]; }
    int main(int argc, char **argv) { return copies(argv[0]) + prints(argc); }`;

  it('is seen where the compiler put it, and counts in the share of functions that need one', async () => {
    for (const [flag, has] of [
      ['-fstack-protector-strong', true],
      ['-fno-stack-protector', false],
    ] as const) {
      const subject = subjectOf(await program({ text: source, flags: ['-O2', flag] }, []));
      const { functions } = subject.facts();
      const own = new Map(subject.functions.map(({ name }, i) => [name, functions[i]!.canary]));
      expect([own.get('copies'), own.get('prints')]).toEqual([has, has]);
      expect(/without: copies/.test(text('canary', subject))).toBe(!has);
    }
  });
});
