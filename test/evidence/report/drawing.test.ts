/** What the drawings and quotations of a report are computed from. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EvidenceSegment } from '../../../evidence/evidence.ts';
import { binsOf } from '../../../evidence/report/addresses.ts';
import { excerptOf, sourceText } from '../../../evidence/report/excerpt.ts';
import { html, textOfHtml } from '../../../evidence/report/html.ts';
import { drawing, gapsOf, scaleOf, spread } from '../../../evidence/report/memory-map.ts';
import { namedInstructions, secretsSection } from '../../../evidence/report/secrets.ts';
import { hash, someEvidence } from '../../support/evidence.ts';
import { expectLinear } from '../../support/processor-time.ts';
import { inputOf } from '../../support/report.ts';

const load = (address: string, memorySize: number, rights = 'RW-', fileSize = memorySize): EvidenceSegment => ({
  ...{ type: 'load', rights, address, memorySize, fileSize, offset: 0 },
});
const stretch = (from: number, to: number) => ({ from: BigInt(from), to: BigInt(to) });
const markup = (segments: readonly EvidenceSegment[]): string => textOfHtml(html`${drawing(segments)}`);

describe('the map of memory', () => {
  it('is to scale: what is twice as large is drawn twice as high', () => {
    const { y, cuts } = scaleOf([stretch(0x1000, 0x2000), stretch(0x3000, 0x5000)], 400);
    expect(cuts).toEqual([]);
    expect([0x1000n, 0x2000n, 0x3000n, 0x5000n].map(y)).toEqual([0, 100, 200, 400]);
  });

  it('cuts only gaps larger than all that is mapped, and keeps the order of addresses', () => {
    const { y, cuts } = scaleOf([stretch(0x1000, 0x3000), stretch(0x80000000, 0x80002000)], 426);
    expect(cuts).toEqual([stretch(0x3000, 0x80000000)]);
    expect([0x1000n, 0x3000n, 0x80000000n, 0x80002000n].map(y)).toEqual([0, 200, 226, 426]);
  });

  it('takes whole pages alone for gaps', () => {
    expect(gapsOf([stretch(0x1000, 0x1001), stretch(0x1ff0, 0x2000), stretch(0x2001, 0x2002)])).toEqual([]);
    expect(gapsOf([stretch(0x1000, 0x1001), stretch(0x3800, 0x4000)])).toEqual([stretch(0x2000, 0x3000)]);
  });

  it('places labels in order, apart, and inside, wherever they would like to be', () => {
    const places = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(places, (wanted) => {
        const found = spread(
          [...wanted].sort((a, b) => a - b),
          36,
          400,
        );
        expect(found[0]).toBeGreaterThanOrEqual(18);
        expect(found[found.length - 1]).toBeLessThanOrEqual(382);
        for (let i = 1; i < found.length; i++) expect(found[i]! - found[i - 1]!).toBeGreaterThanOrEqual(36 - 1e-6);
      }),
      { seed: 1 },
    );
  });

  it('names every segment, however small, and never draws outside of numbers', () => {
    const value = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((at) => `0x${at.toString(16)}`);
    const segment = fc.tuple(value, fc.maxSafeNat(), fc.constantFrom('R--', 'RWX', '--X', '---'), fc.maxSafeNat());
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 60 }), (all) => {
        const segments = all.map(([address, size, rights, file]) => load(address, size, rights, file));
        const drawn = markup(segments);
        expect(drawn).not.toMatch(/NaN|Infinity|undefined|e\+/);
      }),
      { seed: 1, numRuns: 200 },
    );
    const tiny = markup([load('0x1000', 2 ** 30), load('0x50000000', 1, '--X')]);
    expect(tiny).toContain('--X code, execute only');
    expect(tiny).toContain('0x50000000, 1 byte');
  });

  it('shows what is writable and executable as what it is', () => {
    expect(markup([load('0x1000', 10, 'RWX')])).toMatch(/class="fill-wx"[\s\S]*RWX writable and executable/);
  });
});

describe('a histogram', () => {
  it('counts every value once, those at the ends too', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 ** 32 })),
        fc.integer({ min: 1, max: 2 ** 32 }),
        (values, high) => {
          expect(binsOf(values, 0, high).reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
        },
      ),
      { seed: 1 },
    );
    expect(binsOf([0, 1, 2, 3], 0, 4, 2).map(({ count }) => count)).toEqual([2, 2]);
  });
});

describe('the source of a function', () => {
  const source = [
    '// first',
    'const x = 1;',
    '',
    '/**',
    ' * @ensures a',
    ' */',
    'export function f(): void {',
    '  if (x) {',
    '  }',
    '}',
    'function g() {}',
  ].join('\n');
  const numbers = (name: string, named: number[] = [], text = source): number[] =>
    excerptOf(sourceText(text), name, named).map(({ number }) => number);

  it('is its comment, head and body, found by its name', () => {
    expect(numbers('f')).toEqual([4, 5, 6, 7, 8, 9, 10]);
    expect(numbers('g')).toEqual([11]);
  });

  it('is what its obligations name where its name is not found, and nothing where those lie', () => {
    expect(numbers('h', [8, 7])).toEqual([7, 8]);
    expect(numbers('h', [0, 999, -1])).toEqual([]);
    expect(numbers('(.*)+$', [2])).toEqual([2]);
  });

  it('is bounded, whatever the text is', () => {
    const endless = `function f() {\n${'x\n'.repeat(100_000)}`;
    expect(numbers('f', [], endless).length).toBeLessThanOrEqual(401);
    const [wide] = excerptOf(sourceText(`function f() { ${'a'.repeat(1e6)}`), 'f', []);
    expect(wide!.text.length).toBeLessThan(400);
  });

  it('is found in time that is linear in the text', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `function f${i}() {\n}`).join('\n');
    const texts = [many, `${' '.repeat(1e6)}function f() {`, `function f() {${'; '.repeat(5e5)}x`, '/*\n'.repeat(2e5)];
    expectLinear(() => {
      for (const text of texts) {
        const source = sourceText(text);
        for (let i = 0; i < 20_000; i++) excerptOf(source, `f${i}`, [1]);
      }
    });
  });
});

describe('residue', () => {
  it('is shown with its instruction and the line of a bundled source', () => {
    const line = 'stack: 8 bytes at -8, of the secret itself, written at 0x401010 (f+0x10), app.ts:8; two runs show it';
    const erasure = [
      { ...someEvidence.erasure![0]!, parts: [{ part: 'stack', outcome: 'residue' as const, details: [line] }] },
    ];
    const evidence = { ...someEvidence, erasure };
    expect(namedInstructions(evidence)).toEqual(['0x401010']);
    const { body } = secretsSection(inputOf(evidence, { instructions: new Map([['0x401010', 'push rax']]) }));
    expect(textOfHtml(body)).toContain('0x401010: push rax');
    expect(textOfHtml(body)).toContain('app.ts:8 return x + 1;');
    const { body: without } = secretsSection(inputOf(evidence, { sources: new Map([[hash('other'), 'x']]) }));
    expect(textOfHtml(without)).not.toContain('return x + 1');
  });
});
