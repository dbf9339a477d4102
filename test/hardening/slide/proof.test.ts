/**
 * The proof over all slides, and that it can fail: mistakes are planted in the text of the layout, one at a time, and
 * the claim that each of them breaks is refuted.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { SlideProblem } from '../../../hardening/slide/layout.ts';
import { type SlideCode, type SlideForm, slideObligations } from '../../../hardening/slide/obligations.ts';
import { formOf, proveForm, proveSlide } from '../../../hardening/slide/prove-slide.ts';
import * as space from '../../../hardening/slide/space.ts';
import { prove } from '../../../proofs/smt/prove.ts';
import { findSolvers, type Solver } from '../../../proofs/smt/solver.ts';
import { everyNth, isLong } from '../../support/long.ts';
import { spaceFolder, spaceFrom } from './space-text.ts';

const text = readFileSync(join(spaceFolder, 'space.ts'), 'utf8');

let solvers: Solver[];
beforeAll(() => {
  solvers = findSolvers();
  expect(solvers.map(({ name }) => name)).toEqual(['z3', 'cvc5']);
});

/** The layout with `from`, which its text has once, replaced. */
async function planted(from: string, to: string): Promise<SlideCode> {
  expect(text.split(from)).toHaveLength(2);
  return spaceFrom(text.replace(from, to));
}

const form: SlideForm = { segments: 3, signedAddresses: true, text: { segment: 0, granule: 16 } };

/** One to twelve segments, with 32-bit fields of either kind, not shuffled and shuffled by every granule. */
function everyForm(): SlideForm[] {
  return [1, 2, 3, 5, 8, 12].flatMap((segments) =>
    [true, false].flatMap((signedAddresses) => [
      { segments, signedAddresses },
      ...[16, 32, 64].map((granule) => ({ segments, signedAddresses, text: { segment: segments >> 1, granule } })),
    ]),
  );
}

describe('every slide of every image', () => {
  it('is proved sound and tight, by solvers that agree', async () => {
    const proof = await proveForm(solvers, { ...form, segments: 4 });
    expect(proof.verdicts.filter(({ status }) => status !== 'proved').map(({ name }) => name)).toEqual([]);
    expect(proof.status).toBe('proved');
    expect(proof.verdicts.length).toBeGreaterThan(30);
  });

  it('is proved from the text that runs: the same text bundled anew gives the same questions', async () => {
    const ask = (code: SlideCode): string => JSON.stringify(slideObligations(code, form), asText);
    expect(ask(await spaceFrom(text))).toBe(ask(space));
  });

  it('is proved for the form of a problem, which must be one that can be slid', async () => {
    const problem: SlideProblem = {
      memory: 64 << 20,
      lowest: 0x102000,
      ceiling: 32 << 20,
      segments: [{ size: 0x5000, code: true }],
      signedAddresses: false,
      text: { granule: 64, headSize: 0x40, unitSizes: Uint32Array.of(0x4fc0) },
    };
    expect(formOf(problem)).toEqual({ segments: 1, signedAddresses: false, text: { segment: 0, granule: 64 } });
    expect((await proveSlide([solvers[0]], problem)).status).toBe('proved');
    await expect(proveSlide(solvers, { ...problem, ceiling: 0x103000 })).rejects.toThrow(/cannot slide the image/);
  });

  // In quick runs the form that solvers found hardest, when it was not said that a quotient is one number.
  it.each(isLong ? everyForm() : [{ segments: 2, signedAddresses: false, text: { segment: 1, granule: 64 } }])(
    'is proved of $segments segments, fields signed: $signedAddresses, text: $text',
    async (form) => {
      const { status, verdicts } = await proveForm(solvers, form);
      expect(verdicts.filter((verdict) => verdict.status !== 'proved').map(({ name }) => name)).toEqual([]);
      expect(status).toBe('proved');
    },
    600_000,
  );
});

const asText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);

const unsigned: SlideForm = { ...form, signedAddresses: false };

describe('a mistake in the layout is refuted', () => {
  const mistakes: [mistake: string, from: string, to: string, claim: string, form?: SlideForm][] = [
    ['sizes rounded down', 'a.alignUp(size, PAGE)', 'a.alignDown(size, PAGE)', 'segments 0 and 1 share no page'],
    ['sizes not rounded', 'a.alignUp(size, PAGE)', 'size', 'segment 1 starts at a page'],
    [
      "no page reserved for the first unit's move",
      'a.constant(PAGE - text.granule)',
      'a.constant(0)',
      'before the first unit the invariant holds',
    ],
    [
      'a granule too little reserved for it',
      'a.constant(PAGE - text.granule)',
      'a.constant(PAGE - 2 * text.granule)',
      'before the first unit the invariant holds',
    ],
    [
      'a granule too much reserved for it',
      'a.constant(PAGE - text.granule)',
      'a.constant(PAGE + text.granule)',
      'the text is its head, its units and less than a page and a granule more',
    ],
    [
      'one move too many',
      'PAGE / shape.text.granule)',
      'PAGE / shape.text.granule + 1)',
      'before the first unit the invariant holds',
    ],
    [
      'one move too few',
      'PAGE / shape.text.granule)',
      'PAGE / shape.text.granule - 1)',
      'the first unit moves by a page, no less',
    ],
    [
      'the text taken with its old size',
      'shape.text?.segment === segment',
      'shape.text?.segment === segment + 1',
      'segments 0 and 1 share no page',
    ],
    [
      'a head that is not rounded',
      'a.alignUp(text.headSize, text.granule)',
      'text.headSize',
      'before the first unit the invariant holds',
    ],
    [
      'a head rounded down',
      'a.alignUp(text.headSize, text.granule)',
      'a.alignDown(text.headSize, text.granule)',
      'before the first unit the invariant holds',
    ],
    ['one base too many', 'a.divide(free, PAGE), a.constant(1)', 'a.divide(free, PAGE), a.constant(2)', imageName()],
    [
      'one base too few',
      'a.divide(free, PAGE), a.constant(1)',
      'a.divide(free, PAGE), a.constant(0)',
      'the base has all the room there is',
    ],
    [
      'the ceiling taken for a usable page',
      'a.divide(free, PAGE)',
      'a.divide(a.add(free, a.constant(PAGE - 1)), PAGE)',
      imageName(),
    ],
    [
      'one gap too wide',
      'gapSlots: a.add(widest, a.constant(1))',
      'gapSlots: a.add(widest, a.constant(2))',
      'segment 2 lies inside the span of the image',
    ],
    [
      'no gap of the widest',
      'gapSlots: a.add(widest, a.constant(1))',
      'gapSlots: widest',
      'the gaps have a 128th of the memory, to a page each',
    ],
    [
      'gaps each as wide as all together',
      'GAP_SHARE * PAGE * gaps',
      'GAP_SHARE * PAGE',
      'the gaps have a 128th of the memory, to a page each',
    ],
    [
      'room for one gap alone',
      'a.scale(widest, gaps * PAGE)',
      'a.scale(widest, PAGE)',
      'segment 2 lies inside the span of the image',
    ],
    [
      'the last segment not counted',
      'segment <= gaps',
      'segment < gaps',
      'segment 2 lies inside the span of the image',
    ],
    [
      'one segment fewer',
      'shape.sizes.length - 1',
      'shape.sizes.length - 2',
      'segment 2 lies inside the span of the image',
    ],
    ['no gap before the second segment', 'segment > 0', 'segment > 1', 'the base has all the room there is'],
    ['gaps of bytes', 'a.scale(gaps[segment - 1], PAGE)', 'gaps[segment - 1]', 'segment 1 starts at a page'],
    ['a base of bytes', 'a.scale(base, PAGE)', 'base', 'segment 0 starts at a page'],
    [
      'no margin for what points beyond the image',
      '(shape.signedAddresses ? SIGNED_END : UNSIGNED_END) - REACH_MARGIN',
      '(shape.signedAddresses ? SIGNED_END : UNSIGNED_END)',
      imageName(),
    ],
    [
      'signed fields taken for unsigned',
      'shape.signedAddresses ? SIGNED_END : UNSIGNED_END',
      'UNSIGNED_END',
      imageName(),
    ],
    ['the larger of two ends', 'a.min(shape.ceiling', 'a.max(shape.ceiling', imageName()],
    [
      'an image that does not fit taken for one that does',
      'a.less(a.constant(0), room.baseSlots)',
      'a.atMost(a.constant(0), room.baseSlots)',
      'every draw has at least one value, and no more than a word has',
    ],
    [
      'an image with a single base refused',
      'a.less(a.constant(0), room.baseSlots)',
      'a.less(a.constant(1), room.baseSlots)',
      'an image that fits is not refused',
    ],
    [
      'relative references taken for unsigned',
      'a.atMost(room.span, a.constant(SIGNED_END - REACH_MARGIN))',
      'a.atMost(room.span, a.constant(UNSIGNED_END - REACH_MARGIN))',
      'relative references fit signed fields of 32 bits',
      unsigned,
    ],
    [
      'units that overlap by a byte',
      'next: a.add(cursor, size)',
      'next: a.subtract(a.add(cursor, size), a.constant(1))',
      unitName(),
    ],
    [
      'a byte between units',
      'next: a.add(cursor, size)',
      'next: a.add(a.add(cursor, size), a.constant(1))',
      'placing a unit keeps the invariant',
    ],
    ['a unit a byte on', 'offset: cursor,', 'offset: a.add(cursor, a.constant(1)),', unitName()],
  ];
  it.each(everyNth(mistakes, 3))('%s', async (_, from, to, name, changed = form) => {
    const { queries } = slideObligations(await planted(from, to), changed);
    const query = queries.find((candidate) => candidate.name === name)!;
    // One solver is enough to see a claim fail, and the second of them is the quicker one.
    const [z3, cvc5] = solvers;
    const first = await prove([cvc5], query);
    const verdict = first.status === 'unknown' ? await prove([z3], query) : first;
    expect([name, verdict.status]).toEqual([name, 'refuted']);
    expect(verdict.counterexample?.get('memory')).toBeGreaterThanOrEqual(2n ** 21n);
  });

  it('and the same claims hold of the layout without one', async () => {
    const { queries } = slideObligations(space, unsigned);
    for (const name of ['relative references fit signed fields of 32 bits', unitName(), imageName()]) {
      const query = queries.find((candidate) => candidate.name === name)!;
      expect((await prove(solvers, query)).status).toBe('proved');
    }
  });
});

function imageName(): string {
  return 'the image lies between the lowest address and the ceiling, in whole pages';
}

function unitName(): string {
  return 'a unit stands aligned behind the head, inside the text, between its cursor and the next';
}

describe('assumptions that contradict each other prove nothing', () => {
  it('a layout that fits nothing is not proved', async () => {
    const code = await planted('a.less(a.constant(0), room.baseSlots)', 'a.truth(false)');
    const { contradiction } = slideObligations(code, { segments: 1, signedAddresses: true });
    expect((await prove(solvers, contradiction)).status).toBe('proved');
    const proof = await proveForm(solvers.slice(1), { segments: 1, signedAddresses: true }, undefined, code);
    expect(proof.status).toBe('refuted');
  });
});
