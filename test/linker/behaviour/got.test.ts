/** The global offset table: loads that need no slot are rewritten, the rest find the right word; ifuncs go through it. */
import { describe, expect, test } from 'vitest';
import { exitProgram, type Image, isGnu, project } from '../../support/small-links.ts';
import { aarch64, link, riscv, x86 } from '../../support/toolchain.ts';

const loads = `
  .data
  .globl value
  value: .long 21
  .text
  .globl f
  f: mov $21, %eax
  ret
  .globl _start
  _start: mov value@GOTPCREL(%rip), %rbx
  call *f@GOTPCREL(%rip)
  add (%rbx), %eax
  mov %eax, %edi
  mov $60, %eax
  syscall
  .globl g
  g: jmp *f@GOTPCREL(%rip)`;

const start = (image: Image) => [...image.memory('_start', 13)];

// GNU ld prefers mov of a constant where it can, also to compare with.
test.skipIf(isGnu())('loads become lea, calls and jumps become direct, and no slot is left', async () => {
  const p = await project(x86, { 'a.s': loads });
  const image = await p.link('a.o');
  const code = start(image);
  expect(code.slice(0, 3)).toEqual([0x48, 0x8d, 0x1d]);
  expect(code.slice(7, 9)).toEqual([0x67, 0xe8]);
  expect(image.address('_start') + 7 + (image.word(image.address('_start') + 3) | 0)).toBe(image.address('value'));
  const jump = image.memory('g', 6);
  expect([jump[0], jump[5]]).toEqual([0xe9, 0x90]);
  expect(image.address('g') + 5 + jump.readInt32LE(1)).toBe(image.address('f'));
  // The assembler mentions _GLOBAL_OFFSET_TABLE_, so there may be one, with its reserved word alone.
  if (!isGnu()) expect(image.findSection('.got')?.size ?? 0).toBeLessThanOrEqual(8);
  expect((await p.execute()).status).toBe(42);
});

test('with --no-relax they stay, and their slots hold the addresses', async () => {
  const p = await project(x86, { 'a.s': loads });
  const image = await p.link('--no-relax', 'a.o');
  expect(start(image).slice(0, 3)).toEqual([0x48, 0x8b, 0x1d]);
  expect(start(image).slice(7, 9)).toEqual([0xff, 0x15]);
  const slot = image.address('_start') + 7 + (image.word(image.address('_start') + 3) | 0);
  expect(image.quad(slot)).toBe(image.address('value'));
  expect((await p.execute()).status).toBe(42);
});

test('an undefined weak symbol keeps its load, which gives zero', async () => {
  const p = await project(x86, {
    'a.s': `.weak absent\n${exitProgram(x86, 'mov absent@GOTPCREL(%rip), %rdi\ntest %rdi, %rdi\njnz 1f\nmov $6, %edi\n1:')}`,
  });
  for (const pie of [[], ['-pie', '--no-dynamic-linker']]) {
    await p.link(...pie, 'a.o');
    expect((await p.execute()).status).toBe(6);
  }
});

test.skipIf(isGnu())('operands that cannot be rewritten keep their slot', async () => {
  const p = await project(x86, {
    'a.s': `${exitProgram(x86, 'lea value(%rip), %rax\nxor %edi, %edi\ncmp value@GOTPCREL(%rip), %rax\nsete %dil')}
      .data\n.globl value\nvalue: .long 1`,
  });
  const image = await p.link('a.o');
  expect(image.section('.got').size).toBeGreaterThanOrEqual(8);
  expect((await p.execute()).status).toBe(1);
});

test('a symbol has one slot, however many use it', async () => {
  const use = 'cmp value@GOTPCREL(%rip), %rax\n';
  const p = await project(x86, {
    'a.s': `${exitProgram(x86, use.repeat(3))}.data\n.globl value\nvalue: .long 1`,
    'b.s': `.text\n${use.repeat(2)}`,
  });
  if (!isGnu()) expect((await p.link('a.o', 'b.o')).section('.got').size).toBe(8);
});

test('_GLOBAL_OFFSET_TABLE_ and offsets from it are right', async () => {
  const p = await project(x86, {
    'a.s': exitProgram(
      x86,
      `lea _GLOBAL_OFFSET_TABLE_(%rip), %rax
       movabs $value@GOTOFF, %rbx
       mov (%rax,%rbx), %edi
       movabs $value@GOT, %rbx
       mov (%rax,%rbx), %rbx
       add (%rbx), %edi`,
    ),
    'b.s': '.data\n.globl value\nvalue: .long 17',
  });
  await p.link('a.o', 'b.o');
  expect((await p.execute()).status).toBe(34);
});

test('RISC-V loads addresses from the table', async () => {
  const p = await project(riscv, {
    'a.s': `.option pic\n${exitProgram(riscv, 'la t0, value\nlw a0, 0(t0)\nla t1, absent\nadd a0, a0, t1')}
      .weak absent\n.data\n.globl value\nvalue: .word 19`,
  });
  for (const flag of ['--relax', '--no-relax']) {
    await p.link(flag, 'a.o');
    expect((await p.execute()).status).toBe(19);
  }
});

const addresses: Readonly<Record<string, string>> = {
  'x86-64': 'lea chosen(%rip), %rax',
  riscv64: 'la a1, chosen',
  aarch64: 'adrp x1, chosen\nadd x1, x1, :lo12:chosen',
};
const irelative: Readonly<Record<string, number>> = { 'x86-64': 37, riscv64: 58, aarch64: 1032 };

describe.each([x86, riscv, aarch64])('ifuncs ($name)', (target) => {
  const source = (linkage: string) => `
    static int one(void) { return 1; } static int two(void) { return 2; }
    typedef int (*function)(void);
    static int chosen_by = 2;
    ${linkage === 'static' ? '' : '__attribute__((visibility("default")))'}
    function resolve(void) { return chosen_by == 2 ? two : one; }
    ${linkage} int chosen(void) __attribute__((ifunc("resolve")));
    function table[] = { ${linkage === 'static' ? '' : 'chosen'} };
    function address_here(void) { return chosen; }
    int call_here(void) { return chosen(); }`;
  const main = (linkage: string) => `
    typedef int (*function)(void);
    function address_here(void); int call_here(void); extern function table[];
    ${linkage === 'static' ? '' : 'int chosen(void); function volatile other = chosen;'}
    int main(void) {
      if (call_here() != 2) return 1;
      if (address_here()() != 2) return 2;
      ${linkage === 'static' ? '' : 'if (chosen() != 2) return 3;'}
      ${linkage === 'static' ? '' : 'if (other != address_here() || table[0] != other || other() != 2) return 4;'}
      return 0;
    }`;

  // GNU ld 2.40 gives a static PIE's ifunc two addresses; Debian's RISC-V libc has no static-PIE start-up.
  const modes = target === riscv || isGnu() ? ['-no-pie'] : ['-no-pie', '-static-pie'];
  const choices = modes.flatMap((mode) => ['', 'static'].map((linkage) => [linkage, mode] as const));
  test.each(choices)('%s functions, %s: the choice is made once and has one address', async (linkage, mode) => {
    const code = mode === '-static-pie' ? ['-fPIE', '-O1'] : ['-fno-pie', '-O1'];
    const p = await project(target, {
      'f.c': { text: source(linkage), flags: code },
      'main.c': { text: main(linkage), flags: code },
    });
    const flags = mode === '-static-pie' ? ['-static-pie'] : ['-static', '-no-pie'];
    await link(target, target.cc, [...flags, '-o', p.path('out'), p.path('main.o'), p.path('f.o')]);
    expect((await p.execute()).status).toBe(0);
  });

  test('the start-up code’s table of them is bounded by __rela_iplt_start and _end', async () => {
    const address = addresses[target.name]!;
    const p = await project(target, {
      'a.s': `${exitProgram(target, address)}
        .type chosen, %gnu_indirect_function
        .globl chosen
        chosen: ret
        .data
        .globl bounds
        bounds: .quad __rela_iplt_start, __rela_iplt_end`,
    });
    const image = await p.link('a.o');
    const begin = image.quad('bounds');
    const end = image.quad(image.address('bounds') + 8);
    expect(end - begin).toBe(24);
    const record = image.memory(begin, 24);
    expect(record.readUInt32LE(8)).toBe(irelative[target.name]);
    expect(Number(record.readBigInt64LE(16))).toBe(image.address('chosen'));
  });
});
