/** The fast ways of a move do what the plain ones do. */
import { describe, expect, it } from 'vitest';
import { createSlideArena, wordsIn } from '../../../hardening/slide/kernels/kernels.ts';
import { addressUnder, mapAddress, movesOf } from '../../../hardening/slide/moves.ts';
import { type SlideInfo, unitAt } from '../../../hardening/slide/slide-info.ts';
import { findUnit, unitTable } from '../../../hardening/slide/unit-table.ts';
import { u8 } from '../../../linker/arena.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { randomLayout } from './random-layout.ts';

/** Two segments, of code and of data; units of a byte to some thousands, at any offset or at multiples of 16. */
function randomInfo(random: Random): SlideInfo {
  const align = random.oneIn(2) ? 1 : 16;
  const count = 1 + random.below(60);
  const units = {
    offset: new Uint32Array(count),
    size: Uint32Array.from({ length: count }, () => 1 + random.below(random.oneIn(8) ? 6000 : 90)),
    align: new Uint32Array(count).fill(align),
    pinned: random.below(2),
    trailing: 0,
  };
  let end = random.below(40) * align;
  for (let i = 0; i < count; i++) {
    units.offset[i] = Math.ceil(end / align) * align;
    end = units.offset[i]! + units.size[i]!;
  }
  const size = end + random.below(100);
  const code = { index: 0, address: 0x400000, fileSize: size, memorySize: size, align: 0x1000, flags: 5 };
  const data = { ...code, index: 1, address: 0x800000, fileSize: 500, memorySize: 700, flags: 6 };
  return { segments: [code, data], text: 0, units, groups: [] };
}

describe('a move', () => {
  const arena = createSlideArena();

  it('finds the unit of every offset by its table as by searching', () => {
    for (let round = 0; round < 100; round++) {
      const info = randomInfo(createRandom(0x0f5e7, round));
      const table = unitTable(info, arena);
      for (let at = -5; at < info.segments[0]!.memorySize + 5; at++) {
        if (findUnit(table, at) !== unitAt(info.units.offset, at)) expect.fail(`round ${round}, offset ${at}`);
      }
    }
  });

  it('takes one address where many would go', () => {
    for (let round = 0; round < 100; round++) {
      const random = createRandom(0xadd7e55, round);
      const info = randomInfo(random);
      const layout = randomLayout(info, random);
      const moves = movesOf(info, layout, arena);
      for (const { address, memorySize } of info.segments) {
        for (let at = address - 2; at < address + memorySize + 2; at++) {
          if (addressUnder(info, layout, at) !== mapAddress(moves, at)) expect.fail(`round ${round}, address ${at}`);
        }
      }
    }
  });

  it('copies units to the byte and touches nothing else, wherever they and the memory lie', () => {
    for (let round = 0; round < 200; round++) {
      const random = createRandom(0xc09e, round);
      const info = randomInfo(random);
      const { units } = info;
      const { unitOffset, textSize } = randomLayout(info, random);
      const size = info.segments[0]!.memorySize;
      const [skewFrom, skewTo] = [random.below(2) * random.below(8), random.below(2) * random.below(8)];
      const code = u8(arena, size + skewFrom).subarray(skewFrom);
      for (let i = 0; i < size; i++) code[i] = random.below(256);
      const around = u8(arena, textSize + skewTo + 16).fill(0xcc);
      const text = around.subarray(skewTo, skewTo + textSize);
      const expected = around.slice();
      for (let i = units.pinned; i < unitOffset.length; i++) {
        const from = units.offset[i]!;
        expected.set(code.slice(from, from + units.size[i]!), skewTo + unitOffset[i]!);
      }
      const copied = arena.kernels.copyUnits(
        code.byteOffset,
        code.length,
        text.byteOffset,
        text.length,
        units.pinned,
        unitOffset.length,
        wordsIn(arena, units.offset),
        wordsIn(arena, units.size),
        wordsIn(arena, unitOffset),
      );
      expect(copied).toBe(unitOffset.length);
      expect(Buffer.compare(around, expected)).toBe(0);
    }
  });
});
