/** The stub's configuration page and its code as bytes. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeConfig,
  encodeConfig,
  KINDS,
  MOST_REGIONS,
  PAGE,
  REQUIREMENTS,
  type Stage0Config,
} from '../../../../targets/hvt/stage0/config.ts';
import { STUB_BASE, STUB_DIGEST, stubCode } from '../../../../targets/hvt/stage0/stub.ts';

const pages = (most: number) => fc.nat({ max: most }).map((n) => n * PAGE);

const configs: fc.Arbitrary<Stage0Config> = fc.record({
  require: fc.subarray([...REQUIREMENTS]),
  entry: fc.nat({ max: 0x7fff_ffff }),
  top: pages(0xfffff),
  canary: fc.nat({ max: 0x7fff_ffff }),
  gates: fc.record({ address: fc.nat({ max: 0x7fff_ffff }), count: fc.nat({ max: 256 }) }),
  stack: pages(0xfffff),
  wipe: fc.record({ start: pages(0xfffff), size: pages(2) }),
  seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  regions: fc
    .array(
      fc.record({ gap: fc.nat({ max: 3 }), size: fc.integer({ min: 1, max: 99 }), kind: fc.constantFrom(...KINDS) }),
      {
        maxLength: 30,
      },
    )
    .map((parts) => {
      let at = 0x10000;
      return parts.map(({ gap, size, kind }) => {
        const start = at + gap * PAGE;
        at = start + size * PAGE;
        return { start, end: at, kind };
      });
    }),
});

const RUNS = { seed: 7, numRuns: 200 };

describe('the configuration page', () => {
  it('reads back as what was written', () => {
    fc.assert(
      fc.property(configs, (config) => {
        expect(decodeConfig(encodeConfig(config), 'x.hvt')).toEqual(config);
      }),
      RUNS,
    );
  });

  it('with any byte changed is refused or says something else', () => {
    fc.assert(
      fc.property(configs, fc.nat({ max: PAGE - 1 }), fc.integer({ min: 1, max: 255 }), (config, at, change) => {
        const page = encodeConfig(config);
        page[at] = page[at]! ^ change;
        try {
          expect(decodeConfig(page, 'x.hvt')).not.toEqual(config);
        } catch (error) {
          expect((error as Error).message).toMatch(/^(x\.hvt: the stub's configuration|pages 0x[0-9a-f]+ to 0x)/);
        }
      }),
      RUNS,
    );
  });

  it('has room for the regions of 64 segments and no more than it says', () => {
    const region = (i: number) => ({
      start: (0x100 + 2 * i) * PAGE,
      end: (0x101 + 2 * i) * PAGE,
      kind: 'read' as const,
    });
    const base = fc.sample(configs, { seed: 1, numRuns: 1 })[0]!;
    const of = (count: number) => ({ ...base, regions: Array.from({ length: count }, (_, i) => region(i)) });
    expect(MOST_REGIONS).toBeGreaterThan(3 * 64);
    expect(decodeConfig(encodeConfig(of(MOST_REGIONS)), 'x')).toEqual(of(MOST_REGIONS));
    expect(() => encodeConfig(of(MOST_REGIONS + 1))).toThrow('has room for');
  });

  it('refuses regions that overlap, are empty, or are no whole pages', () => {
    const base = fc.sample(configs, { seed: 1, numRuns: 1 })[0]!;
    const kind = 'read' as const;
    for (const regions of [
      [{ start: 0x10000, end: 0x10000, kind }],
      [{ start: 0x10000, end: 0x10800, kind }],
      [
        { start: 0x10000, end: 0x12000, kind },
        { start: 0x11000, end: 0x13000, kind },
      ],
    ]) {
      expect(() => encodeConfig({ ...base, regions })).toThrow('must be whole pages');
    }
  });
});

describe('the stub’s code', () => {
  it('is what its digest says, by which a slide recognises it', () => {
    const code = stubCode(STUB_BASE);
    const sha256 = createHash('sha256').update(code).digest('hex');
    expect(STUB_DIGEST).toEqual({ size: code.length, sha256 });
  });

  it('has at most 1.5 KiB, the veneer included', () => {
    expect(stubCode(0x100000).length).toBeLessThanOrEqual(1536);
  });

  it('differs between addresses only in the one that it gives its configuration', () => {
    const [one, two] = [stubCode(0x100000), stubCode(0x7654000)];
    const different = [...one.keys()].filter((i) => one[i] !== two[i]);
    expect(two.length).toBe(one.length);
    expect(different.length).toBeGreaterThan(0);
    expect(Math.max(...different) - Math.min(...different)).toBeLessThan(4);
  });
});
