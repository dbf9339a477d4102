import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { alignUp, type Environment, evaluate, evaluateNumber, holds } from '../../../linker/script/evaluate.ts';
import { parseExpression } from '../../../linker/script/parse.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { requireTools } from '../../support/tools.ts';

const nothing: Environment = {
  final: true,
  section: undefined,
  dot: () => 0x1234n,
  symbol: () => undefined,
  defined: () => false,
  sectionAddress: () => undefined,
  sectionSize: () => undefined,
  sectionLoadAddress: () => undefined,
  sectionAlignment: () => undefined,
  region: () => undefined,
  maxPageSize: 0x1000n,
  commonPageSize: 0x1000n,
  sizeofHeaders: () => 0xb0n,
};

const value = (text: string, environment: Partial<Environment> = {}) =>
  evaluate(parseExpression(text, 'x.lds'), { ...nothing, ...environment });

/**
 * Expressions over: abs1 (absolute), t1 in .text, d1 in .data, and dot. Each is assigned before, inside and after
 * .data; GNU ld's value and section index are the truth.
 */
const expressions = [
  '.',
  '. + 4',
  '4',
  '-4',
  '. - 0x10',
  '~.',
  '-.',
  '!.',
  't1',
  't1 + 4',
  '4 + t1',
  't1 - 4',
  't1 - d1',
  'd1 - t1',
  't1 + d1',
  't1 - t1',
  't1 - ADDR(.text)',
  't1 * 2',
  't1 & ~3',
  '(t1 | 1)',
  't1 << 1',
  't1 >> 1',
  't1 / 3',
  't1 % 7',
  'abs1',
  'abs1 + 4',
  'abs1 - 4',
  'abs1 - t1',
  'abs1 + t1',
  't1 + abs1',
  'abs1 + abs1',
  'ABSOLUTE(t1)',
  'ABSOLUTE(t1) + 4',
  'ABSOLUTE(t1) + t1',
  'ABSOLUTE(.)',
  'ABSOLUTE(.) + 4',
  'ABSOLUTE(. + 4)',
  'ADDR(.text)',
  'ADDR(.text) + SIZEOF(.text)',
  'SIZEOF(.text) + ADDR(.text)',
  'ADDR(.data) + 0x10',
  'ADDR(.data)',
  'LOADADDR(.text)',
  'LOADADDR(.text) + SIZEOF(.text)',
  'LOADADDR(.data) - ADDR(.data)',
  'LOADADDR(.text) - ADDR(.text)',
  'SIZEOF(.text)',
  'SIZEOF(.text) + 4',
  'SIZEOF(.text) * 2 + SIZEOF(.data)',
  'ALIGNOF(.text)',
  'ALIGN(0x100)',
  'ALIGN(t1, 0x100)',
  'ALIGN(abs1, 0x100)',
  'ALIGN(., 0x40)',
  'ALIGN(5, 4)',

  'MAX(t1, d1)',
  'MIN(t1, d1)',
  'MAX(t1, 4)',
  'MAX(4, 8)',
  'MIN(SIZEOF(.text), 3)',
  'MAX(SIZEOF(.text), SIZEOF(.data))',
  'DEFINED(t1)',
  'DEFINED(nosuch)',
  'DEFINED(nosuch) ? nosuch : 5',
  'DEFINED(t1) ? t1 : 5',
  '1 ? t1 : 4',
  't1 > 4',
  't1 > d1',
  '. < 0x1000',
  '. > 0x100',
  't1 == t1',
  't1 && 1',
  '0 || t1',
  'ORIGIN(ram)',
  'LENGTH(ram)',
  'ORIGIN(ram) + LENGTH(ram)',
  'ORIGIN(ram) + t1',
  't1 - ORIGIN(ram)',
  'ORIGIN(ram) - t1',
  '. - ORIGIN(ram)',
  'ABSOLUTE(ORIGIN(ram))',
  'LENGTH(ram) + t1',
  'LENGTH(ram) - 4',
  'ORIGIN(ram) + LENGTH(ram) - t1',
  'CONSTANT(MAXPAGESIZE)',
  'CONSTANT(COMMONPAGESIZE) + .',
  'LOG2CEIL(SIZEOF(.text))',
  'LOG2CEIL(5)',
  'SEGMENT_START("text-segment", 0x1000)',
  'SEGMENT_START("text-segment", .)',
  'DATA_SEGMENT_END(.)',
  '(. + 3) & ~3',
  '(t1 + 3) & ~3',
  '1 << 40',
  '1 << 64',
  '-1 >> 1',
  '-7 / 2',
  '-7 % 3',
  '7 / -2',
  '~0 / 2',
  '2 + 3 * 4',
  '1 - 2 - 3',
  '0x10K + 1M',
  '010 + 10h + 101b + $ff',
  '0xffffffffffffffff + 2',
  '1 == 2 < 3',
  '5 % 3 * 2',
  '1 ? 2 : 0 ? 3 : 4',
];

/** Outside sections GNU ld ties these to a section because they mention dot; they are no addresses. */
const plainNumbers = ['~.', '-.', '!.', '. < 0x1000', '. > 0x100', '. - ORIGIN(ram)'];
/** Outside sections GNU ld makes these absolute; they are addresses that must move with a program's load address. */
const movingAddresses = [
  't1 + 4',
  '4 + t1',
  't1 - 4',
  't1 & ~3',
  '(t1 | 1)',
  '(t1 + 3) & ~3',
  'abs1 + t1',
  't1 + abs1',
  'ABSOLUTE(t1) + t1',
  'ADDR(.data) + 0x10',
  'ALIGN(t1, 0x100)',
  'MAX(t1, d1)',
  'MIN(t1, d1)',
  'MAX(t1, 4)',
];
/** Functions of whole segments, which GNU ld muddles inside a section. */
const outsideOnly = /SEGMENT/;

requireTools('gcc', 'ld', 'readelf');
const folder = temporaryFolder('evaluate');

interface Linked {
  readonly symbols: Map<string, { value: bigint; section: string | undefined }>;
  readonly sections: Map<string, { address: bigint; size: bigint; alignment: bigint }>;
}

/** Links a small object with GNU ld and reads what its symbols came to. */
function linkWithGnuLd(script: string): Linked {
  const at = (name: string) => join(folder, name);
  writeFileSync(
    at('a.s'),
    '.globl t1, d1, abs1\n.text\n.byte 1,2,3,4,5\nt1: .byte 6\n.zero 7\n.data\n.p2align 3\n.quad 1\nd1: .quad 2\nabs1 = 0x1234\n',
  );
  writeFileSync(at('a.lds'), script);
  execFileSync('gcc', ['-c', at('a.s'), '-o', at('a.o')]);
  execFileSync('ld', ['-T', at('a.lds'), at('a.o'), '-o', at('a.out')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const sections: Linked['sections'] = new Map();
  const names: string[] = [];
  for (const line of execFileSync('readelf', ['-SW', at('a.out')], { encoding: 'utf8' }).split('\n')) {
    const match = /^ +\[ *(\d+)\] (\S+) +\S+ +([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+).* (\d+)$/.exec(line);
    if (match === null) continue;
    names[Number(match[1])] = match[2];
    sections.set(match[2], {
      address: BigInt(`0x${match[3]}`),
      size: BigInt(`0x${match[4]}`),
      alignment: BigInt(match[5]),
    });
  }
  const symbols: Linked['symbols'] = new Map();
  for (const line of execFileSync('readelf', ['-sW', at('a.out')], { encoding: 'utf8' }).split('\n')) {
    const match = /^ +\d+: ([0-9a-f]{16}) .* (ABS|\d+) (\S+)$/.exec(line);
    if (match === null) continue;
    const section = match[2] === 'ABS' ? undefined : names[Number(match[2])];
    symbols.set(match[3], { value: BigInt(`0x${match[1]}`), section });
  }
  return { symbols, sections };
}

const loadAddresses: Record<string, bigint> = { '.text': 0x801000n, '.data': 0x802004n };

function environmentOf(linked: Linked, dot: bigint, section: string | undefined, near: string): Environment {
  return {
    ...nothing,
    section,
    dot: () => dot,
    sectionNear: () => near,
    symbol: (name) => linked.symbols.get(name),
    defined: (name) => linked.symbols.has(name),
    sectionAddress: (name) => linked.sections.get(name)?.address,
    sectionSize: (name) => linked.sections.get(name)?.size,
    sectionAlignment: (name) => linked.sections.get(name)?.alignment,
    sectionLoadAddress: (name) => loadAddresses[name],
    region: (name) => (name === 'ram' ? { origin: 0x500000n, length: 0x2000n } : undefined),
  };
}

describe('evaluate agrees with GNU ld on value and section', () => {
  let linked: Linked;
  beforeAll(() => {
    const assign = (where: string) => expressions.map((text, i) => `    ${where}_${i} = ${text};`).join('\n');
    linked = linkWithGnuLd(`MEMORY { ram : ORIGIN = 0x500000, LENGTH = 0x2000 }
SECTIONS {
    . = 0x400104;
    dot_before = .;
${assign('before')}
    .text 0x401000 : AT(0x801000) { *(.text) }
    .data 0x402004 : AT(0x802004) { *(.data)
    . = . + 3;
    dot_inside = ABSOLUTE(.);
${assign('inside')}
    LONG(0) }
    dot_after = .;
${assign('after')}
}`);
  });
  it.each(expressions.map((text, index) => [text, index] as const))('%s', (text, index) => {
    for (const [where, section, near] of [
      ['before', undefined, '.text'],
      ['inside', '.data', '.data'],
      ['after', undefined, '.data'],
    ] as const) {
      if (where === 'inside' && outsideOnly.test(text)) continue;
      const environment = environmentOf(linked, linked.symbols.get(`dot_${where}`)!.value, section, near);
      const ours = value(text, environment);
      const theirs = linked.symbols.get(`${where}_${index}`)!;
      const outside = where !== 'inside';
      const expected =
        outside && plainNumbers.includes(text)
          ? undefined
          : outside && movingAddresses.includes(text)
            ? near
            : theirs.section;
      expect(`${where}: 0x${ours.value.toString(16)} in ${ours.section}`).toBe(
        `${where}: 0x${theirs.value.toString(16)} in ${expected}`,
      );
    }
  });
});

describe('evaluate', () => {
  const failure = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(CasemateError);
      return `${(error as CasemateError).code}: ${(error as CasemateError).message}`;
    }
    return 'no failure';
  };

  it('reports unknown names and division by zero with their line in the final pass', () => {
    expect(failure(() => value('1 +\n nosuch'))).toBe("script: x.lds:2: undefined symbol 'nosuch' in an expression");
    expect(failure(() => value('ADDR(.nosuch)'))).toBe(
      'script: x.lds:1: ADDR(.nosuch): there is no such output section',
    );
    expect(failure(() => value('ORIGIN(ram)'))).toBe("script: x.lds:1: memory region 'ram' is not declared in MEMORY");
    expect(failure(() => value('1 / 0'))).toBe("script: x.lds:1: '/' by zero");
    expect(failure(() => value('1 % (2 - 2)'))).toBe("script: x.lds:1: '%' by zero");
    expect(failure(() => value('ASSERT(0, "too big")'))).toBe('assertion: x.lds:1: too big');
  });

  it('reads every unknown as zero before the final pass', () => {
    for (const text of ['nosuch', 'ADDR(.x)', 'SIZEOF(.x)', 'LENGTH(ram)', '1 / 0', '7 % nosuch', 'ASSERT(0, "x")']) {
      expect(value(text, { final: false }).value).toBe(0n);
    }
  });

  it('evaluates only the branch and operand that decide', () => {
    expect(value('0 && nosuch').value).toBe(0n);
    expect(value('1 || nosuch').value).toBe(1n);
    expect(value('1 ? 5 : nosuch').value).toBe(5n);
  });

  it('gives region bounds, header size and exclusive or', () => {
    const region = () => ({ origin: 0x80000000n, length: 0x1000n });
    expect(value('ORIGIN(ram) + LENGTH(ram)', { region }).value).toBe(0x80001000n);
    expect(value('SIZEOF_HEADERS').value).toBe(0xb0n);
    expect(value('1 | 6 ^ 3 & 2').value).toBe(5n);
  });

  it('takes sizes and conditions as plain numbers, even inside a section', () => {
    const inside = { ...nothing, section: '.data', dot: () => 0x2010n, sectionAddress: () => 0x2000n };
    expect(evaluateNumber(parseExpression('16', 'x'), inside)).toBe(16n);
    expect(evaluate(parseExpression('16', 'x'), inside)).toEqual({ value: 0x2010n, section: '.data' });
    expect(evaluateNumber(parseExpression('.', 'x'), inside)).toBe(0x2010n);
    expect(holds(parseExpression('. <= 0x10', 'x'), inside)).toBe(true);
    expect(holds(parseExpression('. <= 0xf', 'x'), inside)).toBe(false);
  });

  it('makes DATA_SEGMENT_RELRO_END end on a page', () => {
    expect(value('DATA_SEGMENT_ALIGN(0x1000, 0x1000)', { dot: () => 0x401230n }).value).toBe(0x402230n);
    expect(value('DATA_SEGMENT_RELRO_END(0x18, 0x402100)').value).toBe(0x402fe8n);
  });

  it('evaluates the deepest tree that the parser lets through', () => {
    expect(value(`${'1+'.repeat(998)}1`).value).toBe(999n);
    expect(failure(() => parseExpression(`${'1+'.repeat(1001)}1`, 'x.lds'))).toMatch(/nested more than 1000 deep/);
    expect(value(`${'('.repeat(199)}1${')'.repeat(199)}`).value).toBe(1n);
  });

  it('rounds up to multiples, powers of two or not', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 62n }), fc.bigInt({ min: 0n, max: 1n << 20n }), (n, alignment) => {
        const up = alignUp(n, alignment);
        expect(up >= n && up - n < (alignment || 1n) && (alignment <= 1n || up % alignment === 0n)).toBe(true);
      }),
    );
  });
});
