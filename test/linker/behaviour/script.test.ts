/** Linker scripts end to end: what a script says is what the output has. */
import { describe, expect, test } from 'vitest';
import { exitProgram, type Image, isGnu, type Project, project } from '../../support/small-links.ts';
import { x86 } from '../../support/toolchain.ts';

const sections = `
  .globl _start
  _start: nop
  .section .rodata,"a"
  .globl ro
  ro: .quad 1
  .data
  .globl data
  data: .quad 2
  .bss
  .globl zero
  zero: .zero 24
  .section .note.test,"a",@note
  .globl note
  note: .long 4, 4, 1, 0x54534554, 7`;

async function scripted(script: string, source = sections, ...args: string[]): Promise<Image> {
  const p = await project(x86, { 'a.s': source, 'script.ld': script });
  return p.link('-Tscript.ld', ...args, 'a.o');
}

async function refused(script: string, source = sections): Promise<string> {
  const p = await project(x86, { 'a.s': source, 'script.ld': script });
  return p.refusal('-Tscript.ld', 'a.o');
}

const plain =
  '.text : { *(.text) } .rodata : { *(.rodata) } .data : { *(.data) } .bss : { *(.bss) } .note : { *(.note.*) }';

describe('PHDRS', () => {
  const phdrs = `
    PHDRS { code PT_LOAD FLAGS(1); all PT_LOAD FLAGS(4) ; rw PT_LOAD; notes PT_NOTE FLAGS(0x4); none PT_LOAD FLAGS(7); }
    SECTIONS {
      . = 0x100000;
      .text : { *(.text) } :code
      . = ALIGN(CONSTANT(MAXPAGESIZE));
      .note : { *(.note.test) } :all :notes
      .rodata : { *(.rodata) } :all
      . = ALIGN(CONSTANT(MAXPAGESIZE));
      .data : { *(.data) } :rw
      .bss : { *(.bss) }
    }`;

  test('segments have the given flags, in the given order', async () => {
    const { file } = await scripted(phdrs);
    expect(file.segments.map(({ type, flags }) => [type, flags])).toEqual([
      [1, 1],
      [1, 4],
      [1, 6],
      [4, 4],
      [1, 7],
    ]);
  });

  test('a section may be in two segments, and one without a name follows the one before it', async () => {
    const image = await scripted(phdrs);
    const [, all, rw, notes] = image.file.segments;
    const note = image.section('.note');
    expect(all!.address).toBe(note.address);
    expect(notes).toMatchObject({ address: note.address, fileSize: note.size, offset: note.offset });
    expect(rw!.memorySize).toBe(Number(image.section('.bss').address) + 24 - Number(image.section('.data').address));
    expect(rw!.fileSize).toBe(8);
  });

  test('FILEHDR and PHDRS put the headers into a segment', async () => {
    const image = await scripted(`
      PHDRS { headers PT_PHDR PHDRS; text PT_LOAD FILEHDR PHDRS; }
      SECTIONS { . = 0x200000 + SIZEOF_HEADERS; .all : { *(.text) *(.rodata) *(.data) *(.note.*) *(.bss) } :text }`);
    const [headers, text] = image.file.segments;
    expect(text).toMatchObject({ offset: 0, address: 0x200000n });
    expect(headers).toMatchObject({ type: 6, offset: 64, address: 0x200040n, fileSize: 112 });
  });

  test('what follows .interp without a segment of its own does not join PT_INTERP', async () => {
    const image = await scripted(
      `PHDRS { interp PT_INTERP; text PT_LOAD FLAGS(5); }
       SECTIONS { . = 0x100000; .text : { *(.text) } :text
         .interp : { *(.interp) } :interp :text
         .rodata : { *(.rodata) *(.data) *(.note.*) *(.bss) } }`,
      `${sections}\n.section .interp,"a"\n.string "/nowhere"`,
    );
    expect(image.file.segments[0]).toMatchObject({ type: 3, fileSize: 9 });
    expect(image.file.segments[1]!.memorySize).toBeGreaterThan(40);
  });

  test('an unknown segment is an error with its line', async () => {
    const says = await refused('PHDRS { text PT_LOAD; }\nSECTIONS { .text : { *(.text) } :nowhere }');
    expect(says).toMatch(/nowhere/);
  });
});

describe('/DISCARD/', () => {
  test('drops sections; a reference to one is an error with its place', async () => {
    const script = 'SECTIONS { /DISCARD/ : { *(.note.*) *(.bss) } .text : { *(.text) } .data : { *(.data) } }';
    const image = await scripted(script);
    expect(image.findSection('.note.test')).toBeUndefined();
    expect(image.has('note')).toBe(false);
    const says = await refused(script, `${sections}\n.data\n.quad zero`);
    expect(says).toMatch(isGnu() ? /discarded/ : /a\.o:\(\.data\+0x8\).*zero.*discarded section/);
  });
});

describe('addresses', () => {
  test('AT() sets load addresses, which LOADADDR and p_paddr give back', async () => {
    const image = await scripted(`SECTIONS {
      . = 0xffffffff80100000;
      .text : AT(ADDR(.text) - 0xffffffff80000000) { *(.text) }
      . = ALIGN(0x1000);
      .data : AT(ADDR(.data) - 0xffffffff80000000) { *(.data) load = .; }
      lma = LOADADDR(.data);
      .rest : AT(0x300000) { *(.rodata) *(.note.*) *(.bss) }
    }`);
    const text = image.file.segments.find(({ type, flags }) => type === 1 && flags === 5)!;
    expect(text.address).toBe(0xffffffff80100000n);
    expect(text.loadAddress).toBe(0x100000n);
    expect(image.symbol('lma').value).toBe(0x101000n);
    expect(image.file.segments.some(({ loadAddress }) => loadAddress === 0x300000n)).toBe(true);
  });

  test('MEMORY: regions fill up, load regions follow, and too much is an error with both sizes', async () => {
    const memory = (length: string) => `
      MEMORY { flash (rx) : ORIGIN = 0x8000000, LENGTH = 64K  ram (rw) : ORIGIN = 0x20000000, LENGTH = ${length} }
      SECTIONS {
        .text : { *(.text) *(.rodata) *(.note.*) } >flash
        .data : ALIGN_WITH_INPUT { data_start = .; *(.data) } >ram AT>flash
        data_load = LOADADDR(.data);
        .bss (NOLOAD) : { *(.bss) } >ram
        ram_end = ORIGIN(ram) + LENGTH(ram);
      }`;
    const image = await scripted(memory('1K'));
    expect(image.address('data_start')).toBe(0x20000000);
    const text = image.section('.text');
    expect(image.address('data_load')).toBe(0x8000000 + text.size);
    expect(image.address('ram_end')).toBe(0x20000400);
    const says = await refused(memory('16'));
    expect(says).toMatch(/ram/);
    if (!isGnu()) expect(says).toMatch(/(16|0x10)\b/);
  });

  test('ALIGN, BLOCK, SIZEOF, ADDR, MAX, MIN, ALIGNOF and arithmetic', async () => {
    const image = await scripted(`SECTIONS {
      . = 0x400123;
      .text : ALIGN(64) { *(.text) }
      .data : { *(.data) . = ALIGN(32); inside = .; QUAD(ADDR(.text)) LONG(SIZEOF(.text)) SHORT(0x1234) BYTE(7) }
      a = ALIGN(0x1000); b = MAX(SIZEOF(.data), 3) * 2; c = (1 << 20) | 0xf; d = ALIGNOF(.text); e = 4K + 1M;
      f = 7 / 2 + 7 % 4; g = 1 ? 10 : 20; h = ~0 & 0xff; i = !5; j = -1 > 0 ? 1 : 2;
      .rest : { *(.rodata) *(.note.*) *(.bss) }
    }`);
    expect(image.address('_start')).toBe(0x400140);
    expect(image.address('inside')).toBe(Math.ceil((0x400141 + 8) / 32) * 32);
    expect(image.quad('inside')).toBe(0x400140);
    expect(image.word(image.address('inside') + 8)).toBe(1);
    expect([...image.memory(image.address('inside') + 12, 3)]).toEqual([0x34, 0x12, 7]);
    const values = Object.fromEntries(
      ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((name) => [name, image.address(name)]),
    );
    const size = image.section('.data').size;
    expect(values).toEqual({ b: size * 2, c: 0x10000f, d: 64, e: 4096 + 1048576, f: 6, g: 10, h: 255, i: 0 });
  });
});

describe('symbols', () => {
  test('PROVIDE defines only what is referred to and not defined', async () => {
    const image = await scripted(
      `SECTIONS { ${plain} PROVIDE(wanted = 11); PROVIDE(unwanted = 12); PROVIDE(data = 13); PROVIDE_HIDDEN(quiet = 14); }`,
      `${sections}\n.data\n.globl user\nuser: .quad wanted, data, quiet`,
    );
    expect(image.quad('user')).toBe(11);
    expect(image.has('unwanted')).toBe(false);
    expect(image.quad(image.address('user') + 8)).toBe(image.address('data'));
    expect(image.quad(image.address('data'))).toBe(2);
    expect(image.quad(image.address('user') + 16)).toBe(14);
  });

  test('DEFINED asks whether an object or an earlier statement has it', async () => {
    const image = await scripted(`SECTIONS { ${plain}
      x = DEFINED(data) ? 1 : 2; y = DEFINED(nowhere) ? 1 : 2; z = DEFINED(x) ? 1 : 2; }`);
    expect([image.address('x'), image.address('y'), image.address('z')]).toEqual([1, 2, 1]);
  });

  test('HIDDEN and += work', async () => {
    const image = await scripted(`SECTIONS { ${plain} HIDDEN(secret = 3); count = 1; count += 4; count <<= 1; }`);
    expect(image.address('count')).toBe(10);
    const { binding, other } = image.symbol('secret');
    expect(binding === 0 || (other & 3) === 2).toBe(true);
  });

  test('ASSERT fails with its message, once everything is laid out', async () => {
    await scripted(`SECTIONS { ${plain} } ASSERT(SIZEOF(.bss) == 24, "bss is odd")`);
    const says = await refused(`SECTIONS { ${plain} }\nASSERT(SIZEOF(.bss) < 24, "bss is too large")`);
    expect(says).toMatch(/bss is too large/);
    if (!isGnu()) expect(says).toMatch(/script\.ld:2: bss is too large/);
  });
});

describe('contents', () => {
  const many = ['b', 'a', 'c'].map((name) => `.section .data.${name},"aw"\n.byte '${name}'`).join('\n');
  const order = (image: Image) => Buffer.from(image.section('.data').data).toString('latin1');

  test.each([
    ['*(.data.*)', 'bac'],
    ['*(SORT(.data.*))', 'abc'],
    ['*(SORT_BY_NAME(.data.*))', 'abc'],
    ['*(.data.c .data.a) *(.data.*)', 'acb'],
    ['*(.data.c) *(.data.a) *(.data.*)', 'cab'],
    ['*(EXCLUDE_FILE(*a.o) .data.*) *(.data.c .data.b .data.a)', 'bac'],
    ['a.o(.data.[ab]) *(.data.?)', 'bac'],
    ['KEEP(*(SORT_BY_ALIGNMENT(.data.*)))', 'bac'],
  ])('%s', async (pattern, expected) => {
    expect(
      order(await scripted(`SECTIONS { .text : { *(.text) } .data : { ${pattern} } }`, `nop\n${many}`, '-e0')),
    ).toBe(expected);
  });

  test('fills: =pattern, FILL and what lies between', async () => {
    const image = await scripted(
      `SECTIONS { .data : { *(.data.b) . = 8; *(.data.a) FILL(0x1122) . = 14; BYTE(0xff) } =0xaabbccdd .text : { *(.text) } }`,
      `nop\n${many}`,
      '-e0',
    );
    const bytes = Buffer.from(image.section('.data').data);
    expect(bytes.subarray(0, 9).toString('hex')).toBe(
      `62${isGnu() ? 'aabbccddaabbcc' : bytes.toString('hex', 1, 8)}61`,
    );
    expect(bytes.toString('hex', 1, 8)).toMatch(/^(aabbccdd|bbccddaa)/);
    expect(bytes.toString('hex', 9, 14)).toMatch(/^(1122|2211)/);
    expect(bytes[14]).toBe(0xff);
  });

  test('NOLOAD sections have an address and no bytes in the file', async () => {
    const image = await scripted(
      `SECTIONS { .text : { *(.text) } .quiet (NOLOAD) : { *(.data) } .rest : { *(.rodata) *(.note.*) *(.bss) } }`,
    );
    const quiet = image.section('.quiet');
    expect(quiet.size).toBe(8);
    expect(quiet.data.length).toBe(0);
    expect(image.address('data')).toBe(Number(quiet.address));
  });

  test('KEEP and ONLY_IF_RO choose as they say', async () => {
    const image = await scripted(
      'SECTIONS { .text : { *(.text) } .one : ONLY_IF_RO { *(.mixed) } .two : ONLY_IF_RW { *(.mixed) } }',
      'nop\n.section .mixed,"aw"\n.quad 1',
      '-e0',
    );
    expect(image.findSection('.one')).toBeUndefined();
    expect(image.section('.two').size).toBe(8);
  });
});

describe('INSERT', () => {
  const extra = '.section .extra,"aw"\n.quad 9';
  const names = (image: Image) =>
    image.file.sections.map(({ name }) => name).filter((name) => /^\.(text|rodata|extra|data|bss)$/.test(name));

  test.each([
    ['AFTER .text', ['.text', '.extra', '.rodata', '.data', '.bss']],
    ['BEFORE .data', ['.text', '.rodata', '.extra', '.data', '.bss']],
  ])('%s puts sections into the script before', async (where, expected) => {
    const p = await project(x86, {
      'a.s': `${sections}\n${extra}`,
      'main.ld': `SECTIONS { ${plain} }`,
      'extra.ld': `SECTIONS { .extra : { *(.extra) } } INSERT ${where};`,
    });
    expect(names(await p.link('-Textra.ld', '-Tmain.ld', 'a.o'))).toEqual(expected);
  });

  test('without another script it joins the built-in layout', async () => {
    const p = await project(x86, {
      'a.s': `${sections}\n${extra}`,
      'extra.ld': 'SECTIONS { .extra : { extra_start = .; *(.extra) } } INSERT AFTER .data;',
    });
    const image = await p.link('-Textra.ld', 'a.o');
    const order = names(image);
    expect(order.indexOf('.extra')).toBe(order.indexOf('.data') + 1);
    expect(image.address('extra_start')).toBe(Number(image.section('.extra').address));
  });
});

describe('orphans', () => {
  test('go behind the last section of their kind', async () => {
    const image = await scripted(
      'SECTIONS { . = 0x10000; .text : { *(.text) } .rodata : { *(.rodata) } . = ALIGN(0x1000); .data : { *(.data) } .bss : { *(.bss) } }',
      `${sections}
       .section other_text,"ax"\nnop
       .section other_ro,"a"\n.quad 1
       .section other_data,"aw"\n.quad 1
       .section other_bss,"aw",@nobits\n.zero 8`,
    );
    const at = (name: string) => image.file.sections.findIndex((section) => section.name === name);
    expect(at('other_text')).toBe(at('.text') + 1);
    expect(at('other_ro')).toBeGreaterThan(at('.rodata'));
    expect(at('other_ro')).toBeLessThan(at('.data'));
    expect(at('other_data')).toBe(at('.data') + 1);
    expect(at('other_bss')).toBeGreaterThan(at('other_data'));
    expect(image.section('other_bss').type).toBe(8);
  });

  test.skipIf(isGnu())('--orphan-handling: error names the section, warn places it, discard drops it', async () => {
    const p: Project = await project(x86, {
      'a.s': `${sections}\n.section odd,"a"\n.quad 1`,
      'script.ld': `SECTIONS { ${plain} }`,
    });
    expect(await p.refusal('-Tscript.ld', '--orphan-handling=error', 'a.o')).toMatch(/a\.o: section odd is not named/);
    const warned = await p.link('-Tscript.ld', '--orphan-handling=warn', 'a.o');
    expect(warned.stderr).toMatch(/warning: a\.o: section odd/);
    expect(warned.findSection('odd')).toBeDefined();
    expect((await p.link('-Tscript.ld', '--orphan-handling=discard', 'a.o')).findSection('odd')).toBeUndefined();
  });
});

describe('zeros among bytes', () => {
  test.each([16, 5000])('%d bytes of .bss placed between data are zero in the file', async (size) => {
    const p = await project(x86, {
      'a.s': `${exitProgram(x86, 'xor %edi, %edi')}\n.data\n.quad -1\n.bss\nzeros: .skip ${size}\n.section .last,"aw"\n.quad -1`,
    });
    p.write('layout.ld', 'SECTIONS { . = 0x100000; .text : { *(.text) } .data : { *(.data) *(.bss) *(.last) } }');
    const image = await p.link('a.o', '-T', 'layout.ld');
    const data = Buffer.from(image.section('.data').data);
    expect(data.readBigInt64LE(0)).toBe(-1n);
    expect(data.subarray(8, 8 + size).every((byte) => byte === 0)).toBe(true);
    expect(data.readBigInt64LE(8 + size)).toBe(-1n);
  });

  test.each(['=0xffffffff', ''])('they are zero where gaps are filled (%s)', async (fill) => {
    const p = await project(x86, {
      'a.s': `${exitProgram(x86, 'xor %edi, %edi')}\n.data\n.byte 1\n.bss\n.balign 16\n.skip 16\n.comm shared, 16, 16`,
    });
    const body = `${fill === '' ? 'FILL(0xffffffff) ' : ''}*(.data) *(.bss) *(COMMON) . = ALIGN(64); QUAD(0)`;
    p.write('layout.ld', `SECTIONS { . = 0x100000; .text : { *(.text) } .data 0x200000 : { ${body} }${fill} }`);
    const data = Buffer.from((await p.link('a.o', '-T', 'layout.ld')).section('.data').data);
    expect(data.subarray(1, 16).every((byte) => byte === 0xff)).toBe(true);
    expect(data.subarray(16, 48).every((byte) => byte === 0)).toBe(true);
    expect(data.subarray(48, 64).every((byte) => byte === 0xff)).toBe(true);
  });
});
