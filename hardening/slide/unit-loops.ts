/**
 * The loops of a layout over all units as kernels: for a launch, which is over before an engine has compiled
 * `plainLoops`. Where a unit goes is what space.ts says in both (see kernels/assembly/plan.ts); a test holds the results
 * equal.
 */
import { u32 } from '../../linker/arena.ts';
import { type SlideArena, wordsIn } from './kernels/kernels.ts';
import { UNPLACED } from './kernels/numbers.ts';
import { refuseOrder, type UnitLoops } from './layout.ts';

/** Loops whose results are in `arena`. */
export function kernelLoops(arena: SlideArena): UnitLoops {
  const { kernels } = arena;
  return {
    sumOfUnits: (sizes, granule) => kernels.sumOfUnits(wordsIn(arena, sizes), sizes.length, granule),
    placeUnits: (sizes, order, first) => {
      if (order.length !== sizes.length) refuseOrder();
      const offsets = u32(arena, sizes.length).fill(UNPLACED);
      const [from, by] = [wordsIn(arena, sizes), wordsIn(arena, order)];
      if (kernels.placeUnits(from, by, sizes.length, first, offsets.byteOffset) < sizes.length) refuseOrder();
      return offsets;
    },
  };
}
