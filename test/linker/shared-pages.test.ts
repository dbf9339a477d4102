/** Segments of different permissions on one page: warned of where a loader would map the page with one of them. */
import { describe, expect, test } from 'vitest';
import { exitProgram, isGnu, project } from '../support/small-links.ts';
import { riscv, x86 } from '../support/toolchain.ts';

const source = `${exitProgram(x86, 'xor %edi, %edi')}
  .section .rodata,"a"
  .long 1
  .data
  .long 2
  .bss
  .long 0`;
const linked = await project(x86, { 'a.s': source });

async function warnings(script: string | undefined, ...flags: string[]): Promise<string> {
  if (script === undefined) return (await linked.link('a.o', ...flags)).stderr;
  linked.write('layout.ld', script);
  return (await linked.link('a.o', '-T', 'layout.ld', ...flags)).stderr;
}

const text = '.text : { *(.text) }';
const rodata = '.rodata : { *(.rodata) }';
const data = '.data : { *(.data) } .bss : { *(.bss) }';
const page = '. = ALIGN(CONSTANT(MAXPAGESIZE));';

describe.skipIf(isGnu())('a warning names both sections and the page', () => {
  test.each([
    [
      'code and data',
      `SECTIONS { . = 0x10000; ${rodata} ${page} ${text}\n${data} }`,
      'layout.ld:2: section .data: shares the page at 0x11000 with .text, but is RW and not RX',
    ],
    [
      'constants and code',
      `SECTIONS { . = 0x10000; ${rodata}\n${text} ${page} ${data} }`,
      'layout.ld:2: section .text: shares the page at 0x10000 with .rodata, but is RX and not R',
    ],
  ])('%s', async (_what, script, says) => {
    expect(await warnings(script)).toBe(
      `casemate-ld: warning: ${says}; write . = ALIGN(CONSTANT(MAXPAGESIZE)) before it\n`,
    );
  });

  test('once for a whole layout', async () => {
    const script = `SECTIONS { . = 0x10000; ${rodata} ${text} ${data} }`;
    expect((await warnings(script)).match(/warning/g)).toHaveLength(1);
    expect(await warnings(script)).toContain('; 1 more page is shared so');
  });

  test('of the size that was asked for', async () => {
    const script = `SECTIONS { . = 0x10000; ${rodata} ${text} . = ALIGN(0x1000); ${data} }`;
    expect(await warnings(script.replace(text, `. = ALIGN(0x1000); ${text}`))).toBe('');
    expect(await warnings(script.replace(text, `. = ALIGN(0x1000); ${text}`), '-z', 'max-page-size=0x10000')).toContain(
      'shares the page at 0x10000',
    );
  });
});

describe('no warning', () => {
  test.each([
    ['of the built-in layout', undefined],
    ['of pages kept apart', `SECTIONS { . = 0x10000; ${rodata} ${page} ${text} ${page} ${data} }`],
    [
      'of segments that the script lists',
      `PHDRS { all PT_LOAD FLAGS(7); } SECTIONS { . = 0x10000; ${text} :all ${rodata} ${data} }`,
    ],
    [
      "of a machine's memory",
      `MEMORY { ram : ORIGIN = 0x80000000, LENGTH = 1M } SECTIONS { ${text} > ram ${rodata} > ram .data : { *(.data) } > ram }`,
    ],
  ])('%s', async (_what, script) => {
    const said = await warnings(script);
    // GNU ld joins them and warns of the segment that is writable and executable.
    expect(isGnu() ? said.replace(/.*RWX permissions\n/, '') : said).toBe('');
  });

  test('of the built-in layout for RISC-V', async () => {
    const p = await project(riscv, {
      'a.s': `${exitProgram(riscv, 'li a0, 0')}\n.section .rodata\n.long 1\n.data\n.long 2\n.section .sdata,"aw"\n.long 3`,
    });
    expect((await p.link('a.o')).stderr).toBe('');
  });
});
