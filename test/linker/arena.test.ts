/** Memory that is given back is taken again first, and nothing is taken twice. */
import { describe, expect, it } from 'vitest';
import { allocate, createArena, giveBack } from '../../linker/arena.ts';

describe('an arena', () => {
  it('takes what was given back first, while it suffices', () => {
    const arena = createArena();
    const first = allocate(arena, 100, 16);
    const behind = allocate(arena, 8);
    giveBack(arena, first, 100);
    expect([allocate(arena, 40), allocate(arena, 32, 16), allocate(arena, 4, 4)]).toEqual([
      first,
      first + 48,
      first + 80,
    ]);
    expect(allocate(arena, 17)).toBeGreaterThan(behind);
    expect(allocate(arena, 12)).toBe(first + 88);
    expect(allocate(arena, 1)).toBeGreaterThan(behind + 8);
  });

  it('takes nothing at its end when nothing was given back', () => {
    const arena = createArena();
    const [one, none, two] = [allocate(arena, 8), allocate(arena, 0), allocate(arena, 8)];
    expect([none, two]).toEqual([one + 8, one + 8]);
  });

  it('keeps the larger of two that are given back', () => {
    const arena = createArena();
    const [small, large] = [allocate(arena, 16), allocate(arena, 160)];
    giveBack(arena, large, 160);
    giveBack(arena, small, 16);
    expect(allocate(arena, 160)).toBe(large);
  });
});
