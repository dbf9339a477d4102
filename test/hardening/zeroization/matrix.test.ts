/**
 * Ways to erase memory, as compilers leave them at every level and after their optimisation of whole programs: every
 * verdict of the analysis against what runs show (test/support/erasure/matrix.ts).
 *
 * Clean where a run shows residue: never. Unknown, and residue that no run shows: as seldom as is asserted here. The depth
 * of the stack is the one that runs take.
 */
import { describe, expect, it } from 'vitest';
import { type Build, createTally, judgeBuild, levels } from '../../support/erasure/matrix.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { riscv, x86 } from '../../support/toolchain.ts';

const folder = temporaryFolder('matrix');

const x86Builds = (['gcc', 'clang'] as const).flatMap((compiler) =>
  levels.map((level): Build => ({ target: x86, compiler, level })),
);
/** Prologues and epilogues that functions share, too. */
const riscvBuilds = (['riscv64-linux-gnu-gcc', 'clang'] as const).flatMap((compiler) =>
  [...levels, '-Os -msave-restore'].map((level): Build => ({ target: riscv, compiler, level })),
);

describe.each([
  ['x86-64', x86Builds, 'gcc', 12],
  ['riscv64', riscvBuilds, 'riscv64-linux-gnu-gcc', 16],
] as const)('the matrix of scrubbers and builds for %s', (_, builds, compiler, one) => {
  const some = isLong ? builds : builds.filter((build) => build.compiler === compiler && build.level === 'LTO');
  it('has no verdict of erased where a run shows residue, and few that say less than runs', async () => {
    const tally = createTally();
    for (const build of some) await judgeBuild(build, tally, folder, (i) => isLong || i % one === 0);
    const { verdicts, unsound, unknown, unseen, depths } = tally;
    console.log(`${verdicts} verdicts; unknown:`, unknown, 'residue that no run shows:', unseen);
    expect(unsound).toEqual([]);
    expect(depths).toEqual([]);
    expect(verdicts).toBeGreaterThanOrEqual(isLong ? 1200 : 6);
    expect(unknown.length / verdicts).toBeLessThanOrEqual(0.03);
    expect(unseen.length / verdicts).toBeLessThanOrEqual(0.01);
  }, 1_800_000);
});
