import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  drawSlide,
  keyedDraws,
  seededDraws,
  seededLayout,
  shuffledOrder,
  uniform,
} from '../../../hardening/slide/draws.ts';
import { createSlideArena } from '../../../hardening/slide/kernels/kernels.ts';
import { layoutSlide, roomOf, type SlideLayout, type SlideProblem, shapeOf } from '../../../hardening/slide/layout.ts';
import { kernelLoops } from '../../../hardening/slide/unit-loops.ts';

const MiB = 1 << 20;
const seed = (text: string): Uint8Array => new TextEncoder().encode(text);

const problem: SlideProblem = {
  memory: 512 * MiB,
  lowest: 0x102000,
  ceiling: 250 * MiB,
  segments: [
    { size: 0x3210, code: true },
    { size: 0x1234, code: false },
    { size: 0x1001, code: false },
    { size: 0x2000, code: false },
  ],
  signedAddresses: true,
  text: { granule: 16, headSize: 0x208, unitSizes: Uint32Array.of(0x1000, 0x10, 0x40, 0x1fc0) },
};

/** The next word of a key's keystream, at each call. */
function keystream(key: Uint8Array): () => number {
  const draws = keyedDraws(key);
  return () => uniform(draws, 2 ** 32);
}

describe('the keystream', () => {
  // RFC 8439, appendix A.1, test vectors 1 and 2: key and nonce 0, counters 0 and 1.
  it('is that of the standard', () => {
    const word = keystream(new Uint8Array(32));
    const bytes = Buffer.alloc(128);
    for (let i = 0; i < 32; i++) bytes.writeUInt32LE(word(), 4 * i);
    expect(bytes.toString('hex')).toBe(
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7' +
        'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586' +
        '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
        '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    );
  });

  it('gives uniform values: words beyond the last whole multiple are thrown away', () => {
    const counts = new Array(7).fill(0);
    const draws = seededDraws(seed('counts'));
    for (let i = 0; i < 70_000; i++) counts[uniform(draws, 7)]++;
    const chi2 = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chi2).toBeLessThan(22.5); // 0.999 quantile with 6 degrees of freedom
    // 3 * 2^30 takes three of four words; the words that are kept are the keystream's, in order.
    const key = createHash('sha256').update(seed('reject')).digest();
    const word = keystream(key);
    const kept = Array.from({ length: 400 }, word).filter((value) => value < 3 * 2 ** 30);
    const some = seededDraws(seed('reject'));
    expect(Array.from({ length: kept.length }, () => uniform(some, 3 * 2 ** 30))).toEqual(kept);
    expect(kept.length).toBeLessThan(330);
  });

  it('takes no draw without values', () => {
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) {
      expect(() => uniform(seededDraws(seed('')), bound)).toThrow(RangeError);
    }
    expect(uniform(seededDraws(seed('')), 1)).toBe(0);
  });

  it('shuffles every order equally often', () => {
    const draws = seededDraws(seed('orders'));
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = shuffledOrder(draws, 4).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chi2 = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chi2).toBeLessThan(49.7); // 0.999 quantile with 23 degrees of freedom
  });
});

describe('a seed', () => {
  it('means the same layout for ever', () => {
    expect(show(seededLayout(problem, seed('casemate')))).toMatchInlineSnapshot(
      `"9c87000 9d61000 9db7000 9e9e000 | 23a0 33a0 2360 3a0 | 4210"`,
    );
    expect(show(seededLayout(problem, new Uint8Array(32).fill(7)))).toMatchInlineSnapshot(
      `"3b82000 3cc4000 3ded000 3eb3000 | 1190 2190 4160 21a0 | 4210"`,
    );
  });

  it('changes every choice', () => {
    const draws = Array.from({ length: 60 }, (_, i) => drawSlide(problem, seededDraws(seed(`${i}`))));
    expect(new Set(draws.map(({ base }) => base)).size).toBeGreaterThan(57);
    for (let gap = 0; gap < 3; gap++) expect(new Set(draws.map(({ gaps }) => gaps[gap])).size).toBeGreaterThan(40);
    expect(new Set(draws.map(({ offset }) => offset)).size).toBeGreaterThan(40);
    expect(new Set(draws.map(({ order }) => order.join(''))).size).toBeGreaterThan(18);
  });
});

function show(layout: SlideLayout): string {
  const { segmentAddress, unitOffset, textSize } = layout;
  const hex = (values: Iterable<number>): string => Array.from(values, (value) => value.toString(16)).join(' ');
  return `${hex(segmentAddress)} | ${hex(unitOffset)} | ${hex([textSize])}`;
}

const granule = fc.constantFrom(16, 32, 64);
const problems: fc.Arbitrary<SlideProblem> = granule.chain((grain) =>
  fc
    .record({
      megabytes: fc.integer({ min: 2, max: 64 }),
      reserve: fc.integer({ min: 0, max: 2 * MiB }),
      before: fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 3 }),
      after: fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 3 }),
      headSize: fc.integer({ min: 0, max: 300 }),
      units: fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 40 }),
      signedAddresses: fc.boolean(),
    })
    .map(({ megabytes, reserve, before, after, headSize, units, signedAddresses }) => {
      const data = (size: number) => ({ size, code: false });
      const unitSizes = Uint32Array.from(units, (count) => count * grain);
      const code = { size: headSize + unitSizes.reduce((sum, size) => sum + size, 0), code: true };
      return {
        memory: megabytes * 2 * MiB,
        lowest: 0x102000,
        ceiling: megabytes * 2 * MiB - reserve,
        segments: [...before.map(data), code, ...after.map(data)],
        signedAddresses,
        text: { granule: grain, headSize, unitSizes },
      };
    }),
);

/** Bytes [start, end) of all that stands in memory, in no order. */
function ranges({ segments, text }: SlideProblem, layout: SlideLayout): [start: number, end: number][] {
  const index = segments.findIndex(({ code }) => code);
  const start = layout.segmentAddress[index];
  const units = Array.from(layout.unitOffset, (offset, i): [number, number] => [
    start + offset,
    start + offset + text!.unitSizes[i],
  ]);
  const rest = segments.flatMap(({ size }, i): [number, number][] =>
    i === index ? [] : [[layout.segmentAddress[i], layout.segmentAddress[i] + size]],
  );
  return [[start, start + text!.headSize], ...units, ...rest];
}

describe('a layout', () => {
  it('keeps everything apart, aligned and inside, for drawn and for extreme draws', () => {
    fc.assert(
      fc.property(problems, fc.string(), (slid, text) => {
        const room = roomOf(shapeOf(slid));
        const drawn = drawSlide(slid, seededDraws(seed(text)));
        const widest = {
          base: room.baseSlots - 1,
          gaps: drawn.gaps.map(() => room.gapSlots - 1),
          offset: room.offsetSlots - 1,
          order: drawn.order,
        };
        for (const draws of [drawn, widest, { ...widest, base: 0, gaps: drawn.gaps.map(() => 0), offset: 0 }]) {
          const layout = layoutSlide(slid, draws);
          for (const address of layout.segmentAddress) expect(address % 4096).toBe(0);
          for (const offset of layout.unitOffset) expect(offset % slid.text!.granule).toBe(0);
          const sorted = ranges(slid, layout)
            .filter(([start, end]) => start < end)
            .sort((a, b) => a[0] - b[0]);
          for (let i = 1; i < sorted.length; i++) expect(sorted[i - 1][1]).toBeLessThanOrEqual(sorted[i][0]);
          expect(Math.min(...layout.segmentAddress)).toBeGreaterThanOrEqual(slid.lowest);
          expect(Math.max(0, ...sorted.map(([, end]) => end))).toBeLessThanOrEqual(slid.ceiling);
          const { segmentAddress, textSize } = layout;
          const pages = slid.segments.map(({ size, code }, i) => [
            segmentAddress[i],
            segmentAddress[i] + Math.ceil((code ? textSize : size) / 4096) * 4096,
          ]);
          for (let i = 1; i < pages.length; i++) expect(pages[i - 1][1]).toBeLessThanOrEqual(pages[i][0]);
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('is the same from the kernels as from the text that is proved', () => {
    const arena = createSlideArena();
    const loops = kernelLoops(arena);
    const of = (run: () => unknown): unknown => {
      try {
        return run();
      } catch (error) {
        return `${error}`;
      }
    };
    fc.assert(
      fc.property(problems, fc.string(), fc.nat(), fc.nat(), (slid, text, at, other) => {
        expect(seededLayout(slid, seed(text), arena)).toEqual(
          layoutSlide(slid, drawSlide(slid, seededDraws(seed(text)))),
        );
        const draws = drawSlide(slid, seededDraws(seed(text)));
        const { unitSizes } = slid.text!;
        // Orders that are none, and sizes that are no whole granules, are refused in the same words.
        const order = draws.order.slice();
        if (order.length > 0) order[at % order.length] = other % (order.length + 2);
        const sizes = unitSizes.slice();
        if (sizes.length > 0) sizes[at % sizes.length]! += other % 3;
        for (const bad of [
          { ...draws, order },
          { ...draws, order: order.subarray(1) },
        ]) {
          expect(of(() => layoutSlide(slid, bad, loops))).toEqual(of(() => layoutSlide(slid, bad)));
        }
        const odd = { ...slid, text: { ...slid.text!, unitSizes: sizes } };
        expect(of(() => shapeOf(odd, loops))).toEqual(of(() => shapeOf(odd)));
      }),
      { seed: 13, numRuns: 500 },
    );
  });

  it('leaves a text without units as it is', () => {
    const { text: _, ...still } = problem;
    const empty = { ...problem, text: { ...problem.text!, unitSizes: new Uint32Array(0) } };
    for (const slid of [still, empty]) {
      const layout = seededLayout(slid, seed('x'));
      expect([layout.textSize, layout.unitOffset.length]).toEqual([0x3210, 0]);
      expect(layout.segmentAddress).toEqual(seededLayout(still, seed('x')).segmentAddress);
    }
  });

  it('throws for draws that are outside their room or no permutation', () => {
    const draws = drawSlide(problem, seededDraws(seed('x')));
    const { baseSlots, gapSlots, offsetSlots } = roomOf(shapeOf(problem));
    for (const bad of [
      { base: baseSlots },
      { base: -1 },
      { gaps: [0, 0] },
      { gaps: [0, 0, gapSlots] },
      { offset: offsetSlots },
      { order: Uint32Array.of(0, 1, 2) },
      { order: Uint32Array.of(0, 1, 2, 2) },
      { order: Uint32Array.of(0, 1, 2, 4) },
    ]) {
      expect(() => layoutSlide(problem, { ...draws, ...bad })).toThrow(RangeError);
    }
  });
});

describe('what cannot be slid is refused', () => {
  const change = (changes: Partial<SlideProblem>): SlideProblem => ({ ...problem, ...changes });
  const text = problem.text!;
  const unit = (...sizes: number[]): Uint32Array => Uint32Array.from(sizes);

  it.each<[what: string, bad: SlideProblem, message: RegExp]>([
    [
      'too little memory',
      change({ ceiling: 0x107000 }),
      /it needs \d+ bytes .*, but 20480 are free from 0x102000 to 0x107000; give the guest more memory, or its heap less$/,
    ],
    ['a ceiling below the image', change({ ceiling: -4096 }), /but 0 are free from 0x102000 to -0x1000/],
    [
      'signed addresses beyond 2 GiB',
      change({ memory: 4096 * MiB, ceiling: 4096 * MiB, lowest: 0x7fff_0000 }),
      /to 0x7fff0000; its 32-bit absolute addresses reach no further/,
    ],
    [
      'an image beyond the reach of references',
      change({
        memory: 4096 * MiB,
        ceiling: 4095 * MiB,
        signedAddresses: false,
        segments: [...problem.segments, { size: 2 ** 31, code: false }],
      }),
      /more than 32-bit relative references reach/,
    ],
    ['odd memory', change({ memory: 512 * MiB - 4096 }), /memory is a multiple of 2 MiB \(memory 0x1ffff000/],
    ['too much memory', change({ memory: 4098 * MiB }), /memory is 2 MiB to 4 GiB/],
    ['no memory', change({ memory: 0 }), /memory is 2 MiB to 4 GiB/],
    ['an odd lowest address', change({ lowest: 0x102010 }), /page aligned/],
    ['the first page', change({ lowest: 0 }), /at least 64 KiB/],
    ['a ceiling beyond the memory', change({ ceiling: 513 * MiB }), /the ceiling is inside the memory/],
    ['a negative size', change({ segments: [{ size: -1, code: true }] }), /segment 0 is at most 1 TiB/],
    [
      'a size that is no number',
      change({ segments: [{ size: Number.NaN, code: true }] }),
      /NaN is no exact number of bytes/,
    ],
    ['a fraction', change({ ceiling: 0.5 }), /0.5 is no exact number of bytes/],
    ['no segments', change({ segments: [] }), /it has 0 segments/],
    [
      'too many segments',
      change({ segments: new Array(65).fill({ size: 1, code: false }) }),
      /65 segments; a slide takes 1 to 64/,
    ],
    [
      'two texts',
      change({
        segments: [
          { size: 1, code: true },
          { size: 1, code: true },
        ],
      }),
      /2 of its segments are code/,
    ],
    ['no text', change({ segments: [{ size: 1, code: false }] }), /0 of its segments are code/],
    ['an odd granule', change({ text: { ...text, granule: 24 } }), /granule is 24 bytes; it must be 16, 32 or 64/],
    [
      'an odd unit',
      change({ text: { ...text, unitSizes: unit(16, 8) } }),
      /unit 1 has 8 bytes, which is no multiple of the granule, 16/,
    ],
    ['a negative head', change({ text: { ...text, headSize: -16 } }), /the head is at most 1 TiB/],
    [
      'units that are not the whole text',
      change({ text: { ...text, unitSizes: unit(16) } }),
      /the text is its head and its units/,
    ],
  ])('%s', (_, bad, message) => {
    const run = (): unknown => drawSlide(bad, seededDraws(seed('x')));
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ name: 'CasemateError', code: 'layout' }));
  });
});
