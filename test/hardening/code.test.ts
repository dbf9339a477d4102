/** Rules that decode: execute-only safety, canary coverage, tables of code pointers. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireLibrary, requireTool } from '../support/tools.ts';
import { bare, load, made, madeSubject, outcomes, program, stripped, subjectOf, text } from './support.ts';

const end = '\n.section .note.GNU-stack\n';
const start = '.globl _start\n.type _start,@function\n_start: ';

describe('execute-only', () => {
  it.each([
    ['relative to RIP', 'movl table(%rip), %eax', 'fail'],
    ['by an indirect jump', 'jmp *table(%rip)', 'fail'],
    ['at an absolute address', 'movl table, %eax', 'fail'],
    ['through an index', 'movl table(,%rcx,4), %eax', 'fail'],
    ['through a register given its address', 'leaq table(%rip), %rdx; nop; movups 8(%rdx), %xmm0', 'fail'],
    ['maybe, with a base', 'movl table(%rdi), %eax', 'unknown'],
    ['not at all, taking an address', 'leaq table(%rip), %rax', 'pass'],
    ['not at all, calling', 'call table', 'pass'],
    ['not at all, by a prefetch or a long nop', 'prefetcht0 table(%rip); nopl table(%rip)', 'pass'],
    ['not at all, when the register changed', 'leaq table(%rip), %rdx; movq %rsp, %rdx; movl (%rdx), %eax', 'pass'],
    ['not at all, from data', 'movl data(%rip), %eax; movl data, %ecx', 'pass'],
  ])('knows code that reads text %s', async (_, body, expected) => {
    const source = `${start}${body}; ret\n.p2align 4\ntable: .fill 16, 1, 0x90\n.data\ndata: .long 1${end}`;
    const path = await program(source, bare, 'S');
    expect(outcomes('execute-only', subjectOf(path))).toEqual(['pass', expected]);
    expect(outcomes('execute-only', subjectOf(await stripped(path)))).toEqual(['pass', expected]);
  });

  it('finds data symbols in text, but for markers', async () => {
    const data = `.type key,@object\n.size key,16\nkey: .fill 16,1,0x90\n.type camlA__code_end,@object\n.size camlA__code_end,8\ncamlA__code_end: .fill 8,1,0x90`;
    const subject = subjectOf(await program(`${start}ret\n${data}${end}`, bare, 'S'));
    expect(outcomes('execute-only', subject)).toEqual(['fail', 'pass']);
    expect(text('execute-only', subject)).toContain('1 piece of data');
    expect(text('execute-only', subject)).toContain('data symbol key: 16 bytes');
  });

  it('finds read-only data that is mapped executable', async () => {
    const source = 'const char* s; void _start(void) { s = "text"; for (;;); }';
    const joined = subjectOf(await program(source, [...bare, '-Wl,-z,noseparate-code']));
    expect(outcomes('execute-only', joined)[0]).toBe('fail');
    expect(text('execute-only', joined)).toContain('section .rodata');
    expect(outcomes('execute-only', subjectOf(await program(source, bare)))).toEqual(['pass', 'pass']);
  });

  it('takes a padded name of an interpreter in text for what it is, as Solo5 links it, and other data not', async () => {
    const interp = (name: string) => `${start}ret\n.section .interp,"a",@progbits\n.ascii "${name}"\n.zero 6${end}`;
    const joined = [...bare, '-Wl,-z,noseparate-code'];
    const path = subjectOf(await program(interp('/nonexistent/solo5/'), joined, 'S'));
    expect(outcomes('execute-only', path)[0]).toBe('pass');
    const data = subjectOf(await program(interp('\\001\\002\\003\\000key'), joined, 'S'));
    expect(outcomes('execute-only', data)[0]).toBe('fail');
  });

  it('is not sure of code that it cannot follow', () => {
    const invalid = { ...load(5, 0x1000n), bytes: Uint8Array.from([0x90, 0x06, 0x90, 0xc3]) };
    expect(outcomes('execute-only', madeSubject([invalid]))[1]).toBe('unknown');
    expect(outcomes('execute-only', madeSubject([load(5, 0x1000n)], 243))[1]).toBe('unknown');
  });

  it('finds the tables in the text of OpenSSL', async () => {
    requireLibrary('libcrypto.a');
    const source = `#include <openssl/evp.h>
      int main(void) { return EVP_get_cipherbyname("aes-128-gcm") == 0; }`;
    const path = await program(source, ['-static', '-lcrypto']);
    const subject = subjectOf(path);
    expect(outcomes('execute-only', subject)).toEqual(['fail', 'fail']);
    expect(text('execute-only', subject)).toMatch(/\(AES_set_decrypt_key\+0x[0-9a-f]+\) reads/);
    expect(subject.facts().textLoads.length).toBeGreaterThan(185);
    expect(outcomes('execute-only', subjectOf(await stripped(path)))[1]).toBe('fail');
  });

  it('passes a static program of the C library, and an OCaml program', async () => {
    const libc = await program('#include <stdio.h>\nint main(void) { return puts("x"); }', ['-static']);
    expect(outcomes('execute-only', subjectOf(libc))).toEqual(['pass', 'pass']);
    const folder = temporaryFolder('ocaml');
    writeFileSync(join(folder, 'p.ml'), 'let () = print_endline (String.concat "," (Array.to_list Sys.argv))\n');
    await runOrThrow(requireTool('ocamlopt'), ['-o', 'p', 'p.ml'], { cwd: folder });
    expect(outcomes('execute-only', subjectOf(join(folder, 'p')))).toEqual(['pass', 'pass']);
  });
});

describe('canary', () => {
  const source = `unsigned long __stack_chk_guard; void __stack_chk_fail(void) { for (;;); }
    void use(char*); int f(void) { char b[64]; use(b); return b[0]; } int h(void) { char b[64]; use(b); return b[1]; }
    __attribute__((noinline)) void use(char* p) { __asm__ volatile("" : : "r"(p) : "memory"); }
    int plain(int x) { return x + 1; } void _start(void) { f(); h(); plain(1); for (;;); }`;
  const flags = [...bare, '-fno-inline', '-fno-pic'];

  it.each([
    ['%fs:0x28', ['-fstack-protector-strong']],
    ['__stack_chk_guard', ['-fstack-protector-strong', '-mstack-protector-guard=global']],
  ])('counts functions that check a canary in %s', async (_, more) => {
    const subject = subjectOf(await program(source, [...flags, ...more]));
    expect(text('canary', subject)).toContain('2 of 2 functions (100 %)');
    expect(outcomes('canary', subject)).toEqual(['pass']);
  });

  it('names those that do not', async () => {
    const half = source.replace('int h(void)', '__attribute__((optimize("no-stack-protector"))) int h(void)');
    const subject = subjectOf(await program(half, [...flags, '-fstack-protector-strong']));
    expect(text('canary', subject)).toContain('1 of 2 functions (50 %)');
    expect(text('canary', subject)).toContain('without: h at 0x');
    expect(outcomes('canary', subject)).toEqual(['fail']);
    expect(outcomes('canary', subjectOf(await program(source, [...flags, '-fno-stack-protector'])))).toEqual(['fail']);
  });

  it('does not know a share of functions without symbols', async () => {
    const path = await stripped(await program(source, [...flags, '-fstack-protector-strong']));
    expect(outcomes('canary', subjectOf(path))).toEqual(['unknown']);
    expect(text('canary', subjectOf(path))).toContain('4 reads of %fs:0x28');
  });
});

describe('code-pointers', () => {
  it('finds a writable IDT by its symbol', async () => {
    const source = 'long idt[64]; void _start(void) { idt[0] = 1; for (;;); }';
    expect(text('code-pointers', subjectOf(await program(source, bare)))).toContain('idt: 0x');
    expect(outcomes('code-pointers', subjectOf(await program(source, bare)))[0]).toBe('fail');
  });

  it('finds it by the operand of LIDT in a stripped file, read-only or not', async () => {
    const guest = (section: string): string =>
      `${start}lidt pointer(%rip); ret\n.section ${section}\n.p2align 4\ngates: .fill 64,8,3\n.section .rodata\npointer: .word 511\n.quad gates${end}`;
    const open = subjectOf(await stripped(await program(guest('.data'), bare, 'S')));
    expect(outcomes('code-pointers', open)[0]).toBe('fail');
    expect(text('code-pointers', open)).toContain('operand of LIDT');
    const closed = subjectOf(await program(guest('.rodata'), bare, 'S'));
    expect(outcomes('code-pointers', closed)[0]).toBe('pass');
  });

  it('counts words that equal the start of a function, in fixed images and by relocations', async () => {
    const source =
      'int f(int x) { return x; } int (*table[3])(int) = {f, f, f}; int (*const fixed[2])(int) = {f, f}; int main(int c, char** v) { return table[c](c) + fixed[c](c); }';
    for (const flags of [
      ['-no-pie', '-static'],
      ['-pie', '-Wl,-z,relro,-z,now'],
      ['-pie', '-Wl,-z,relro,-z,now,-z,pack-relative-relocs'],
    ]) {
      const subject = subjectOf(await program(source, flags));
      expect(text('code-pointers', subject)).toMatch(/\(table\+0x\d+\) holds 0x[0-9a-f]+ \(f\+0x0\)/);
      expect(text('code-pointers', subject)).not.toContain('(fixed+');
    }
  });

  it('is not sure of words in a stripped file', async () => {
    const source =
      'int f(void) { return 1; } int (*table[2])(void) = {f, f}; void _start(void) { table[0](); for (;;); }';
    const path = await program(source, bare);
    expect(outcomes('code-pointers', subjectOf(path)).at(-1)).toBe('fail');
    expect(outcomes('code-pointers', subjectOf(await stripped(path))).at(-1)).toBe('unknown');
  });
});

describe('the sweep', () => {
  it('begins anew at each section, whatever the padding before it decodes to', async () => {
    const source = `${start}ret\n.section .text.b,"ax"\n.p2align 4,0\nsubq $8, %rsp; ret${end}`;
    const subject = subjectOf(await program(source, [...bare, '-Wl,--unique=.text.b'], 'S'));
    expect(subject.facts()).toMatchObject({ instructions: 3, invalid: { count: 0 } });
  });
});

describe('a file without sections', () => {
  it('is decoded from its segments, its headers left out', () => {
    const subject = madeSubject([load(5, 0x400000n, 64)]);
    expect(subject.facts()).toMatchObject({ decoded: true, instructions: 64 });
    expect(made([load(5, 0x400000n, 64)])).toHaveLength(64 + 56 + 64);
  });
});
