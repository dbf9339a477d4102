/** Code of any alignment changes places: every plan's layouts are ones that hardening/slide accepts. */
import { describe, expect, it } from 'vitest';
import { seededLayout } from '../../../hardening/slide/draws.ts';
import { movesOf } from '../../../hardening/slide/moves.ts';
import type { SlideInfo } from '../../../hardening/slide/slide-info.ts';
import { textPlan, textProblem, unitOffsets } from '../../../targets/hvt/text-plan.ts';
import { createRandom, type Random } from '../../support/random.ts';

const BASE = 0x110000;

interface Unit {
  readonly size: number;
  readonly align: number;
}

/** A text of these units, one behind the other. */
function infoOf(units: readonly Unit[], pinned: number, trailing: number): SlideInfo {
  const offset = new Uint32Array(units.length);
  let end = 0;
  units.forEach(({ size, align }, i) => {
    offset[i] = Math.ceil(end / align) * align;
    end = offset[i]! + size;
  });
  const segment = { index: 0, address: BASE, fileSize: end, memorySize: end, align: 0x1000, flags: 5 };
  const [size, align] = [Uint32Array.from(units, (u) => u.size), Uint32Array.from(units, (u) => u.align)];
  return { segments: [segment], text: 0, units: { offset, size, align, pinned, trailing }, groups: [] };
}

function randomUnits(random: Random, alignments: readonly number[]): Unit[] {
  return Array.from({ length: 2 + random.below(30) }, () => ({
    size: 1 + random.below(300),
    align: alignments[random.below(alignments.length)]!,
  }));
}

function layoutOf(info: SlideInfo, seed: string) {
  const plan = textPlan(info)!;
  const problem = {
    memory: 2 ** 26,
    lowest: BASE,
    ceiling: 2 ** 25,
    segments: [{ size: info.segments[0]!.memorySize, code: true }],
    signedAddresses: false,
    text: textProblem(plan),
  };
  const drawn = seededLayout(problem, Buffer.from(seed));
  const segmentAddress = [...drawn.segmentAddress];
  return { segmentAddress, unitOffset: unitOffsets(info, plan, drawn), textSize: drawn.textSize };
}

describe('the plan of a text', () => {
  it('gives layouts that can be, whatever the alignments of units in it and behind it', () => {
    const random = createRandom(0x7e47, 0);
    for (let round = 0; round < 500; round++) {
      const units = randomUnits(random, [1, 4, 16, 32, 64, 128, 256, 4096]);
      const behind = randomUnits(random, [1, 4, 16, 64]).slice(0, random.below(4));
      const pinned = random.below(2);
      const info = infoOf([...units, ...behind], pinned, behind.length);
      const shuffled = units.filter(({ align }, i) => i >= pinned && align <= 64).length;
      if (shuffled < 2) {
        expect(textPlan(info)).toBeUndefined();
        continue;
      }
      expect(textPlan(info)!.shuffled).toHaveLength(shuffled);
      // Throws when units overlap, are not aligned, or pinned and trailing ones are not where they must be.
      movesOf(info, layoutOf(info, `seed ${round}`));
    }
  });

  it('keeps units of large alignment in one place and moves the others', () => {
    const unit = (align: number): Unit => ({ size: 100, align });
    const info = infoOf([unit(16), unit(16), unit(4096), unit(16), unit(256), unit(16), unit(16)], 1, 0);
    const seen = Array.from({ length: 50 }, (_, i) => layoutOf(info, `seed ${i}`).unitOffset);
    const places = (i: number): number => new Set(seen.map((offsets) => offsets[i])).size;
    expect([0, 2, 4].map(places)).toEqual([1, 1, 1]);
    for (const i of [1, 3, 5, 6]) expect(places(i)).toBeGreaterThan(3);
  });

  it('leaves the order alone where alignment cannot be kept', () => {
    const unit = (align: number): Unit => ({ size: 100, align });
    expect(textPlan(infoOf([unit(16), unit(16), unit(8192)], 0, 0))).toBeUndefined();
    expect(textPlan(infoOf([unit(16), unit(16), unit(256)], 0, 1))).toBeUndefined();
    expect(textPlan(infoOf([unit(16), unit(256)], 0, 0))).toBeUndefined();
    const info = infoOf([unit(16), unit(16)], 0, 0);
    expect(textPlan(info)).toBeDefined();
    const off = { ...info, segments: [{ ...info.segments[0]!, address: BASE + 64 }] };
    expect(textPlan(off)).toBeUndefined();
  });
});
