import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import type { Expression, OutputSectionDescription } from '../../../linker/script/ast.ts';
import { parseExpression, parseScript } from '../../../linker/script/parse.ts';
import { expectLinear } from '../../support/processor-time.ts';

const number = (value: number): Expression => ({ kind: 'number', value: BigInt(value) });
const parse = (text: string) => parseScript(text, 'x.lds');
const sections = (text: string) => parse(`SECTIONS { ${text} }`).commands;

function section(text: string): OutputSectionDescription {
  const [first] = sections(text);
  if (first.kind !== 'section') throw new Error(`parsed as ${first.kind}`);
  return first;
}

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CasemateError);
    expect((error as CasemateError).code).toBe('script');
    return (error as CasemateError).message;
  }
  return 'no failure';
}

describe('output sections', () => {
  it('take every attribute', () => {
    expect(
      section(`.data 0x1000 (NOLOAD) : AT(0x2000) ALIGN(16) SUBALIGN(4) ONLY_IF_RW {
        BYTE(1) } >ram AT>flash :text :data =0x90`),
    ).toMatchObject({
      name: '.data',
      address: number(0x1000),
      type: 'NOLOAD',
      loadAddress: number(0x2000),
      align: number(16),
      subalign: number(4),
      constraint: 'ONLY_IF_RW',
      region: 'ram',
      loadRegion: 'flash',
      segments: ['text', 'data'],
      fill: { kind: 'bytes', bytes: [0x90] },
      body: [{ kind: 'data', size: 1, value: number(1) }],
    });
  });

  it('need no blanks', () => {
    expect(section('.a:{*(.a)}>ram AT> flash:text=0')).toMatchObject({ region: 'ram', loadRegion: 'flash' });
    expect(sections('x=.;.=.+4;.a:{y=.;.+=8;*(.a)}.b ALIGN(4):{}')).toMatchObject([
      { target: 'x', value: { kind: 'dot' } },
      { target: '.', operator: '=' },
      { name: '.a', body: [{ target: 'y' }, { target: '.', operator: '+=' }, { kind: 'input', file: '*' }] },
      { name: '.b', address: { kind: 'align' } },
    ]);
  });

  it('tell a type from an address in parentheses', () => {
    expect(section('.a (INFO) : {}')).toMatchObject({ type: 'INFO' });
    expect(section('.a (ADDR(.b) + 4) : {}')).toMatchObject({ address: { kind: 'binary' } });
    expect(section('.a (0x10) (COPY) : {}')).toMatchObject({ address: number(16), type: 'COPY' });
    expect(section('.a () : {}')).not.toHaveProperty('type');
  });

  it('may be called /DISCARD/, quoted or start with digits after a comment', () => {
    expect(section('/DISCARD/ : { *(.note*) }').name).toBe('/DISCARD/');
    expect(section('"a b:c" : {}').name).toBe('a b:c');
    expect(section('/* c */.a/* d */:/* e */{}').name).toBe('.a');
  });

  it('are followed by what belongs to the next statement', () => {
    expect(sections('.a : { } =0x0102 .b 0 : { } AT = 5;')).toMatchObject([
      { name: '.a', fill: { bytes: [1, 2] } },
      { name: '.b', address: number(0) },
      { kind: 'assign', target: 'AT' },
    ]);
  });
});

describe('input section descriptions', () => {
  const input = (text: string) => section(`.o : { ${text} }`).body[0];

  it('take KEEP, sort keys and exclusions at both places', () => {
    expect(
      input(
        'KEEP (EXCLUDE_FILE(*crtend.o) *a.o(EXCLUDE_FILE (*x.o *y.o) .ctors SORT_BY_NAME(SORT_BY_ALIGNMENT(.b.*)), COMMON))',
      ),
    ).toMatchObject({
      kind: 'input',
      file: '*a.o',
      keep: true,
      excludeFiles: ['*crtend.o'],
      sortFiles: false,
      sections: [
        { pattern: '.ctors', excludeFiles: ['*x.o', '*y.o'], sort: [] },
        { pattern: '.b.*', excludeFiles: [], sort: ['name', 'alignment'] },
        { pattern: 'COMMON' },
      ],
    });
  });

  it.each([
    ['*libc.a:mem*.o(.text .text.*)', '*libc.a:mem*.o', ['.text', '.text.*']],
    ['SORT(*)(.a)', '*', ['.a']],
    ['SORT_BY_NAME(EXCLUDE_FILE(*z.o) *)(.a)', '*', ['.a']],
    ['lib/*.o(.a)', 'lib/*.o', ['.a']],
    ['start-1+2.o (.text$x .note.GNU-stack)', 'start-1+2.o', ['.text$x', '.note.GNU-stack']],
    ['"my file.o"(".a b")', 'my file.o', ['.a b']],
    ['crt0.o', 'crt0.o', ['*']],
    ['*(.t[a-c]x[!0-9]?)', '*', ['.t[a-c]x[!0-9]?']],
    ['*(SORT_BY_INIT_PRIORITY(.i.*) SORT_NONE(.j) SORT(SORT_BY_NAME(.k)))', '*', ['.i.*', '.j', '.k']],
  ])('%s', (text, file, patterns) => {
    const description = input(text);
    expect(description).toMatchObject({ kind: 'input', file });
    expect(description.kind === 'input' && description.sections.map((s) => s.pattern)).toEqual(patterns);
  });

  it('leave CONSTRUCTORS without effect, sorted or not', () => {
    expect(section('.o : { CONSTRUCTORS SORT(CONSTRUCTORS) }').body).toEqual([
      { kind: 'constructors' },
      { kind: 'constructors' },
    ]);
  });
});

describe('data, fills and assignments', () => {
  it('take every size', () => {
    expect(section('.o : { BYTE(1) SHORT(2); LONG(3) QUAD(4) SQUAD(-5) ASCIZ "hi" }').body).toMatchObject([
      { size: 1 },
      { size: 2 },
      { size: 4 },
      { size: 8, signed: false },
      { size: 8, signed: true },
      { size: 1, value: number(0x68) },
      { size: 1, value: number(0x69) },
      { size: 1, value: number(0) },
    ]);
  });

  it.each([
    ['0x90', { kind: 'bytes', bytes: [0x90] }],
    ['0x0011223344', { kind: 'bytes', bytes: [0, 0x11, 0x22, 0x33, 0x44] }],
    ['0x123', { kind: 'bytes', bytes: [1, 0x23] }],
    ['144', { kind: 'expression', value: number(144) }],
    ['(0x90)', { kind: 'expression', value: number(144) }],
    ['0x1K', { kind: 'expression', value: number(1024) }],
  ])('FILL(%s) means its digits when it is a bare hexadecimal literal', (text, pattern) => {
    expect(section(`.o : { FILL(${text}) }`).body).toEqual([{ kind: 'fill', pattern }]);
    expect(section(`.o : { } =${text}`).fill).toEqual(pattern);
  });

  it('know PROVIDE, PROVIDE_HIDDEN, HIDDEN and ASSERT everywhere', () => {
    const text = 'PROVIDE(a = 1); PROVIDE_HIDDEN (b=2) HIDDEN(c = 3); ASSERT(a < b, "too big") ASSERT(1, "x");';
    const expected = [
      { target: 'a', provide: true, hidden: false },
      { target: 'b', provide: true, hidden: true },
      { target: 'c', provide: false, hidden: true },
      { kind: 'assertion', message: 'too big' },
      { kind: 'assertion', message: 'x' },
    ];
    expect(parse(text).commands).toMatchObject(expected);
    expect(sections(text)).toMatchObject(expected);
    expect(section(`.o : { ${text} }`).body).toMatchObject(expected);
  });

  it.each(['+=', '-=', '*=', '/=', '<<=', '>>=', '&=', '|=', '^='])('assign with %s, spaced or not', (operator) => {
    expect(parse(`a ${operator} 2;`).commands).toMatchObject([{ target: 'a', operator, value: number(2) }]);
    expect(parse(`a${operator}2;`).commands).toMatchObject([{ target: 'a', operator, value: number(2) }]);
    expect(sections(`.${operator}2;`)).toMatchObject([{ target: '.', operator }]);
  });
});

describe('commands', () => {
  it('describe memory in long and short form', () => {
    const { regions, regionAliases } = parse(
      'MEMORY { rom (rx!w) : ORIGIN = 0x1000, LENGTH = 4K ram(W ! X):o=2M l = 0x10 a : org=1,len=2 } REGION_ALIAS("code", rom);',
    );
    expect(regions).toMatchObject([
      { name: 'rom', attributes: 'RX!W', origin: number(0x1000), length: number(4096) },
      { name: 'ram', attributes: 'W!X', origin: number(2 << 20), length: number(16) },
      { name: 'a', attributes: '' },
    ]);
    expect([...regionAliases]).toEqual([['code', 'rom']]);
  });

  it('describe segments', () => {
    expect(
      parse('PHDRS { headers PT_PHDR FILEHDR PHDRS; text PT_LOAD AT(0x100) FLAGS(5); odd 0x6474e551 FLAGS(6) ; }')
        .segments,
    ).toMatchObject([
      { name: 'headers', type: number(6), fileHeader: true, programHeaders: true },
      { name: 'text', type: number(1), address: number(0x100), flags: number(5) },
      { name: 'odd', type: number(0x6474e551), flags: number(6) },
    ]);
  });

  it('name inputs, in order, with STARTUP first', () => {
    const script = parse(
      'INPUT(a.o, -lb "c d.o") GROUP ( /lib/libc.a AS_NEEDED ( =/x/ld.so ) libm-2.36.a ) STARTUP(crt0.o)',
    );
    expect(script.inputs).toEqual([
      { name: 'crt0.o', asNeeded: false },
      { name: 'a.o', asNeeded: false },
      { name: '-lb', asNeeded: false },
      { name: 'c d.o', asNeeded: false },
      { name: '/lib/libc.a', asNeeded: false },
      { name: '=/x/ld.so', asNeeded: true },
      { name: 'libm-2.36.a', asNeeded: false },
    ]);
    expect(script.hasSections).toBe(false);
  });

  it('set the output, the entry and what must be linked', () => {
    expect(
      parse(`OUTPUT_FORMAT("elf64-x86-64", "elf64-x86-64", "elf64-x86-64") OUTPUT_ARCH(i386:x86-64) OUTPUT(a.out)
        ENTRY(_start) TARGET(binary) SEARCH_DIR("=/usr/lib"); SEARCH_DIR(/x) EXTERN(a b, c) FORCE_COMMON_ALLOCATION
        VERSION { V1 { global: f; local: *; }; } SECTIONS { } INSERT AFTER .text;`),
    ).toMatchObject({
      outputFormat: 'elf64-x86-64',
      outputArch: 'i386:x86-64',
      output: 'a.out',
      entry: '_start',
      searchDirs: ['=/usr/lib', '/x'],
      undefinedSymbols: ['a', 'b', 'c'],
      forceCommonAllocation: true,
      hasSections: true,
      insert: { where: 'AFTER', section: '.text' },
      commands: [],
    });
  });

  it('keep assignments in order around SECTIONS', () => {
    expect(parse('a = 1; SECTIONS { b = 2; ENTRY(go) } c = 3;')).toMatchObject({
      entry: 'go',
      commands: [{ target: 'a' }, { target: 'b' }, { kind: 'entry', symbol: 'go' }, { target: 'c' }],
    });
  });

  it('read INCLUDEd texts at every level', () => {
    const texts: Record<string, string> = {
      top: 'ENTRY(e)',
      memory: 'rom : o = 0, l = 1',
      sections: '.b : { INCLUDE body }',
      body: '*(.b)',
    };
    const script = parseScript(
      'INCLUDE top MEMORY { INCLUDE memory ram : o = 1, l = 1 } SECTIONS { INCLUDE sections .c : { INCLUDE body } }',
      'x.lds',
      { readInclude: (name) => texts[name] },
    );
    expect(script).toMatchObject({
      entry: 'e',
      regions: [{ name: 'rom' }, { name: 'ram' }],
      commands: [
        { name: '.b', body: [{ file: '*' }], at: { file: 'sections' } },
        { name: '.c', body: [{ at: { file: 'body' } }] },
      ],
    });
  });
});

describe('expressions', () => {
  it.each([
    ['10', 10],
    ['010', 8],
    ['0x1f', 31],
    ['0X1F', 31],
    ['4K', 4096],
    ['0x10k', 0x4000],
    ['2M', 2 << 20],
    ['$ff', 255],
    ['10h', 16],
    ['0ffH', 255],
    ['17o', 15],
    ['101b', 5],
    ['12d', 12],
  ])('read %s as %d', (text, value) => {
    expect(parseExpression(text, 'x')).toEqual(number(value));
  });

  it('read words that look like suffixed numbers as symbols', () => {
    for (const name of ['bed', 'add', 'each', '$gp', '_x$y', 'a.b', '"quoted name"']) {
      expect(parseExpression(name, 'x')).toMatchObject({ kind: 'symbol', name: name.replaceAll('"', '') });
    }
  });

  it('know the functions only before a parenthesis', () => {
    expect(parseExpression('ALIGN', 'x')).toMatchObject({ kind: 'symbol', name: 'ALIGN' });
    expect(parseExpression('SIZEOF(.a-b)', 'x')).toMatchObject({ kind: 'section', section: '.a-b' });
    expect(parseExpression('SEGMENT_START("text-segment", 4)', 'x')).toMatchObject({ segment: 'text-segment' });
  });
});

describe('what the linker does not carry out is refused by name', () => {
  it.each([
    ['SECTIONS { OVERLAY 0x1000 : { .a { *(.a) } } }', /OVERLAY is not supported/],
    ['SECTIONS { .a : { INPUT_SECTION_FLAGS(SHF_ALLOC) *(.a) } }', /INPUT_SECTION_FLAGS is not supported/],
    ['SECTIONS { .a : { *(REVERSE(.a)) } }', /REVERSE is not supported/],
    ['SECTIONS { .a (TYPE=SHT_NOTE) : { } }', /TYPE= is not supported/],
    ['NOCROSSREFS(.a .b)', /NOCROSSREFS is not supported/],
    ['x = NEXT(4);', /NEXT\(\) is not supported/],
    ['SECTIONS { } INSERT AFTER .a; INSERT AFTER .b;', /second INSERT/],
  ])('%s', (text, message) => {
    expect(failure(() => parse(text))).toMatch(message);
  });
});

describe('errors', () => {
  it.each([
    ['\nSECTIONS {\n .text : { *(.text) \n', "x.lds:4: the output section '.text' has no closing '}'"],
    ['SECTIONS {\n a = 5\n b = 6; }', "x.lds:3: expected ';' after the assignment to 'a', found 'b'"],
    ['FROBNICATE(x)', "x.lds:1: 'FROBNICATE' is not a linker script command"],
    ['\n/* never closed', 'x.lds:2: this comment has no closing */'],
    ['x = (1 + 2;', "x.lds:1: expected ')' after the parenthesised expression, found ';'"],
    ['x = 1 +;', "x.lds:1: expected an expression, found ';'"],
    ['x = 0x1g;', "x.lds:1: '0x1g' is not a number"],
    ['x = "abc;', 'x.lds:1: this quoted name has no closing quote'],
    ['MEMORY { a : o=1, l=2 a : o=1, l=2 }', "x.lds:1: the memory region 'a' is defined twice"],
    ['MEMORY { a (q) : o=1, l=2 }', /attributes are letters of RWXAIL/],
    ['PHDRS { a PT_FOO; }', /'PT_FOO' is not a segment type/],
    ['OUTPUT_FORMAT(a, b)', /one or three formats, not 2/],
    ['INCLUDE nosuch.ld', 'x.lds:1: INCLUDE nosuch.ld: no such file here or in the search path'],
    ['\u001b[31m(', /\\x1b/],
    ['}', "x.lds:1: expected a command, found '}'"],
  ])('%j', (text, message) => {
    const found = failure(() => parse(text));
    if (typeof message === 'string') expect(found).toBe(message);
    else expect(found).toMatch(message);
    expect(found).not.toMatch(/\n/);
  });

  it('stop an endless INCLUDE', () => {
    expect(failure(() => parseScript('INCLUDE me', 'me', { readInclude: () => 'INCLUDE me' }))).toMatch(
      /nested more than 10 deep/,
    );
  });

  it.each([
    ['parentheses', `x = ${'('.repeat(1e6)}`],
    ['minus signs', `x = ${'-'.repeat(1e6)}`],
    ['conditionals', `x = ${'1 ? '.repeat(1e5)}`],
    ['sums', `x = ${'1 + '.repeat(1e6)}1;`],
    ['functions', `x = ${'ABSOLUTE('.repeat(1e5)}`],
    ['sort keys', `SECTIONS { .a : { *(${'SORT('.repeat(1e5)} } }`],
    ['long names', `x = ${'a'.repeat(1e6)};`],
    ['long numbers', `x = ${'9'.repeat(1e6)};`],
    ['semicolons', `${';'.repeat(1e6)} (`],
    ['comments', `${'/**/'.repeat(1e6)} (`],
    ['open comments', `${'/* '.repeat(1e6)}`],
    ['statements', 'a=1;'.repeat(1e6)],
    ['regions', `MEMORY { ${Array.from({ length: 1e5 }, (_, i) => `r${i}:o=1,l=1`).join(' ')} }`],
    ['segments of one section', `SECTIONS { .a : { } ${':a '.repeat(1e6)} }`],
    ['a huge text', ' '.repeat(17 * 1024 * 1024)],
  ])('end hostile %s in linear time', (_what, text) => {
    expect(expectLinear(() => failure(() => parse(text)))).not.toBe('no failure');
  });
});
