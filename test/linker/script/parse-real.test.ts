/**
 * Scripts that people use: GNU ld's own and picolibc's, as installed, whole and damaged.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import type { Expression, LinkerScript, OutputSectionDescription } from '../../../linker/script/ast.ts';
import { parseExpression, parseScript } from '../../../linker/script/parse.ts';
import { requireFile, requireTool } from '../../support/tools.ts';

/** The built-in script that `ld --verbose` prints between two lines of equals signs. */
function builtIn(tool: Parameters<typeof requireTool>[0], ...flags: string[]): string {
  const text = execFileSync(requireTool(tool), [...flags, '--verbose'], { encoding: 'utf8' });
  return text.split(/^={10,}$/m)[1];
}

const picolibc = readFileSync(
  requireFile('/usr/lib/picolibc/riscv64-unknown-elf/lib/picolibc.ld', 'picolibc-riscv64-unknown-elf'),
  'utf8',
);

const descriptions = (script: LinkerScript) =>
  script.commands.filter((command): command is OutputSectionDescription => command.kind === 'section');

describe("GNU ld's built-in scripts", () => {
  it.each([
    ['ld', []],
    ['ld', ['-pie']],
    ['ld', ['-z', 'norelro']],
    ['riscv64-linux-gnu-ld', []],
    ['riscv64-linux-gnu-ld', ['-pie']],
    ['riscv64-unknown-elf-ld', []],
  ] as const)('parse: %s %j', (tool, flags) => {
    const text = builtIn(tool, ...flags);
    const script = parseScript(text, tool);
    // Every `name address : {` near the margin that GNU ld's scripts use is a description of ours, in the same order.
    const plain = text.replace(/\/\*[\s\S]*?\*\//g, '');
    const names = [...plain.matchAll(/^ {0,2}(\.[\w.-]+|\/DISCARD\/)\s[^;={}]*:[^;={}]*\{/gm)].map((m) => m[1]);
    expect(names.length).toBeGreaterThan(40);
    expect(descriptions(script).map((d) => d.name)).toEqual(names);
    expect(script.entry).toBe('_start');
  });
});

describe("picolibc's script", () => {
  const script = parseScript(picolibc, 'picolibc.ld');

  it('has its regions, segments and sections', () => {
    expect(script.regions.map((r) => [r.name, r.attributes, r.origin.kind])).toEqual([
      ['flash', 'RX!W', 'conditional'],
      ['ram', 'W!RX', 'conditional'],
    ]);
    expect(script.segments?.map((s) => s.name)).toEqual(['text', 'ram', 'ram_init', 'tls']);
    const data = descriptions(script).find((d) => d.name === '.tdata');
    expect(data).toMatchObject({
      alignWithInput: true,
      region: 'ram',
      loadRegion: 'flash',
      segments: ['tls', 'ram_init'],
    });
  });

  it('keeps its constructors in priority order', () => {
    const text = descriptions(script).find((d) => d.name === '.text');
    expect(text?.body.filter((s) => s.kind === 'input' && s.keep)).toContainEqual(
      expect.objectContaining({
        file: '*',
        sections: [
          { pattern: '.init_array.*', excludeFiles: [], sort: ['init-priority'] },
          { pattern: '.ctors.*', excludeFiles: [], sort: ['init-priority'] },
        ],
      }),
    );
  });

  it('ends with its assertion', () => {
    expect(script.commands.at(-1)).toMatchObject({
      kind: 'assertion',
      message: 'ERROR: .data/.tdata flash size does not match RAM size',
    });
  });
});

/** Parses, letting only our own errors of the right code pass. */
function survives(text: string): void {
  try {
    parseScript(text, 'x.lds', { readInclude: (name) => (name.length % 2 === 0 ? 'a = 1;' : undefined) });
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    expect(error.code).toBe('script');
    expect(error.message).toMatch(/^[^\n]+:\d+: [^\n]+$/);
  }
}

describe('damaged scripts end in a script error or parse', () => {
  it('any characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), survives), { numRuns: 1000 });
  });

  it('any sequence of the words of a real script', () => {
    const words = fc.constantFrom(...new Set(picolibc.split(/\s+|(?<=[(){};:,])|(?=[(){};:,])/)));
    fc.assert(
      fc.property(fc.array(words, { maxLength: 60 }), (list) => survives(list.join(' '))),
      { numRuns: 2000 },
    );
  });

  it('a real script with a piece cut out, doubled or replaced', () => {
    const place = fc.nat({ max: picolibc.length });
    const piece = fc.oneof(
      fc.constant(''),
      fc.string({ maxLength: 8 }),
      fc.constantFrom('(', ')', '{', '}', '"', '/*'),
    );
    fc.assert(
      fc.property(place, fc.nat({ max: 40 }), piece, (at, length, text) =>
        survives(picolibc.slice(0, at) + text + picolibc.slice(at + length)),
      ),
      { numRuns: 1000 },
    );
  });
});

/** Prints an expression with every parenthesis written out. */
function print(e: Expression): string {
  switch (e.kind) {
    case 'number':
      return `0x${e.value.toString(16)}`;
    case 'dot':
      return '.';
    case 'symbol':
      return `"${e.name}"`;
    case 'unary':
      return `${e.operator}(${print(e.operand)})`;
    case 'binary':
      return `(${print(e.left)}${e.operator}${print(e.right)})`;
    case 'conditional':
      return `(${print(e.test)}?${print(e.yes)}:${print(e.no)})`;
    case 'section':
      return `${e.function}(${e.section})`;
    case 'max':
      return `MAX(${print(e.left)},${print(e.right)})`;
    case 'align':
      return `ALIGN(${e.value === undefined ? '' : `${print(e.value)},`}${print(e.alignment)})`;
    default:
      throw new Error(`no printer for ${e.kind}`);
  }
}

describe('printing an expression and parsing it again', () => {
  const at = { file: 'x', line: 1 };
  const { expression } = fc.letrec<{ expression: Expression }>((tie) => {
    const sub = tie('expression');
    const operator = fc.constantFrom(
      '+',
      '-',
      '*',
      '/',
      '%',
      '<<',
      '>>',
      '&',
      '|',
      '^',
      '==',
      '!=',
      '<=',
      '>',
      '&&',
      '||',
    );
    return {
      expression: fc.oneof(
        { maxDepth: 5 },
        fc.record({ kind: fc.constant('number'), value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) }),
        fc.constant({ kind: 'dot' }),
        fc.record({
          kind: fc.constant('symbol'),
          name: fc.stringMatching(/^[a-z_.][a-z0-9_.]{1,8}$/),
          at: fc.constant(at),
        }),
        fc.record({ kind: fc.constant('unary'), operator: fc.constantFrom('-', '~', '!'), operand: sub }),
        fc.record({ kind: fc.constant('binary'), operator, left: sub, right: sub, at: fc.constant(at) }),
        fc.record({ kind: fc.constant('conditional'), test: sub, yes: sub, no: sub }),
        fc.record({ kind: fc.constant('max'), left: sub, right: sub }),
        fc.record({ kind: fc.constant('align'), value: sub, alignment: sub, at: fc.constant(at) }),
        fc.record({
          kind: fc.constant('section'),
          function: fc.constantFrom('ADDR', 'SIZEOF', 'LOADADDR', 'ALIGNOF'),
          section: fc.stringMatching(/^\.[a-z][a-z0-9.-]{0,8}$/),
          at: fc.constant(at),
        }),
      ) as fc.Arbitrary<Expression>,
    };
  });

  it('gives the same tree', () => {
    fc.assert(
      fc.property(expression, (e) => {
        expect(parseExpression(print(e), 'x')).toEqual(e);
      }),
    );
  });

  it('binds operators as C does', () => {
    const same = (a: string, b: string) => expect(parseExpression(a, 'x')).toEqual(parseExpression(b, 'x'));
    same(
      '1 + 2 * 3 << 4 < 5 == 6 & 7 ^ 8 | 9 && 10 || 11',
      '((((((((1 + (2 * 3)) << 4) < 5) == 6) & 7) ^ 8) | 9) && 10) || 11',
    );
    same('1 - 2 - 3', '(1 - 2) - 3');
    same('-1 + ~2 * !3', '(-1) + ((~2) * (!3))');
    same('1 ? 2 : 3 ? 4 : 5', '1 ? 2 : (3 ? 4 : 5)');
    same('1 || 2 ? 3 : 4', '(1 || 2) ? 3 : 4');
  });
});
