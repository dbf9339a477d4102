/**
 * What a report says is enforced on seL4, the start-up code does: a project must not be able to have another run in its
 * place, or to have it go by another layout. Nothing boots here, so the kernels are written by hand.
 */
import { describe, expect, it } from 'vitest';
import { readFile } from '../../base/files.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { kernelFiles } from '../support/sel4-kernel.ts';
import { requireTools } from '../support/tools.ts';
import { project, rejectionOf } from './support.ts';

requireTools('clang');

const main = `#include "solo5.h"
int solo5_app_main(const struct solo5_start_info *info) { return info->cmdline[0]; }
`;

interface Project {
  /** Added to main.c. */
  readonly more?: string;
  readonly manifest?: object;
  readonly files?: Record<string, string>;
}

function build({ more = '', manifest = {}, files = {} }: Project) {
  const { elf, genConfig, invocations } = kernelFiles('riscv64');
  const json = {
    name: 'prog',
    target: 'sel4',
    sources: ['main.c'],
    sel4: { kernel: 'kernel.elf', aslr: 'boot' },
    ...manifest,
  };
  const folder = project({
    'casemate.json': JSON.stringify(json),
    'main.c': main + more,
    'kernel.elf': elf,
    'gen_config.json': genConfig.text,
    'invocations_all.json': invocations.text,
    ...files,
  });
  const progress = createProgress({ write: () => 0, terminal: false, verbose: false, now: () => 0, patience: 60_000 });
  return buildProject({ folder, lock: 'update', progress });
}

const messageOf = async (one: Project): Promise<string> => {
  const { code, message } = await rejectionOf(build(one));
  expect(code).toBe('image');
  return message;
};

describe('refuses an image whose start-up code would not be ours', () => {
  it.each([
    [
      'wrap',
      ['sel4_protect'],
      'sel4_protect must be casemate\'s own for the start-up code, and "wrap" leads it to __wrap_',
    ],
    [
      'defsym',
      ['sel4_page_map=sel4_retype'],
      'sel4_page_map must be casemate\'s own for the start-up code, and "defsym"',
    ],
    [
      'entry',
      'solo5_app_main',
      /^prog\.sel4: enters at 0x[0-9a-f]+; must enter at _start, 0x[0-9a-f]+: take "entry" out/,
    ],
  ])('by link.%s', async (key, value, message) => {
    const wrapper = 'void __wrap_sel4_protect(void) {}\n';
    expect(await messageOf({ more: wrapper, manifest: { link: { [key]: value } } })).toMatch(message);
  });

  it('but keeps ours before a weak one of the project, and leaves memory functions to a C library', async () => {
    const weak = '__attribute__((weak)) void sel4_protect(void) {}\n';
    const copy =
      'void *memcpy(void *to, const void *from, __SIZE_TYPE__ n) { for (char *t = to; n > 0; n--) t[n - 1] = ((const char *)from)[n - 1]; return to; }\n';
    const { output } = await build({ more: weak + copy });
    expect(readElfFile(readFile(output), output).segments.map(({ flags }) => flags)).not.toContain(7);
  });
});

describe('refuses an image whose layout would not be ours', () => {
  it('when an object defines a bound of it', async () => {
    expect(await messageOf({ more: 'char sel4_text_end[4096] __attribute__((aligned(4096)));\n' })).toBe(
      "prog.sel4: sel4_text_end must be the layout's for the start-up code, and main.c.o defines it; rename it there",
    );
  });

  it('when --defsym moves a bound', async () => {
    // The first page of code would stay as the kernel leaves it: readable, writable and executable.
    const link = { defsym: ['sel4_text_end=sel4_image'] };
    expect(await messageOf({ manifest: { link } })).toMatch(
      /^prog\.sel4: section \.text is at .*; with its rights it must be between (0x[0-9a-f]+) and \1 \(sel4_image, sel4_text_end\)/,
    );
    expect(await messageOf({ manifest: { link: { defsym: ['sel4_write=sel4_read_end'] } } })).toMatch(
      /^prog\.sel4: sel4_write is (0x[0-9a-f]+); must be (0x[0-9a-f]+) at least, by sel4_read_end$/,
    );
  });

  it('when a script of the project lays it out', async () => {
    const script = 'SECTIONS { . = 0x10000000; .text : { *(.text .text.*) } .data : { *(.data .data.* .bss .bss.*) } }';
    const one = { manifest: { link: { script: 'own.ld', defsym: [] } }, files: { 'own.ld': script } };
    expect((await rejectionOf(build(one))).message).toMatch(/sel4_/);
  });

  it('when a section with contents would lie where a first stage takes all for zeros', async () => {
    const script = 'SECTIONS { .late ALIGN(4096) : { KEEP(*(.late)) } } INSERT AFTER .bss;';
    const one = {
      more: '__attribute__((section(".late"), used)) int late = 1;\n',
      manifest: { link: { script: 'late.ld' } },
      files: { 'late.ld': script },
    };
    expect(await messageOf(one)).toMatch(
      /^prog\.sel4: section \.late has contents up to 0x[0-9a-f]+, beyond 0x[0-9a-f]+ \(__bss_start\)/,
    );
  });
});
