/** What is false is rejected by the tools that are here, and a build ends where one is not. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  erasureControls,
  falseContracts,
  proofControls,
  requireRejected,
  ruleControls,
} from '../../pipeline/controls.ts';
import { requireTools } from '../support/tools.ts';
import { buildGuest } from '../targets/hvt/guest.ts';

requireTools('clang');

describe('negative controls', () => {
  let image: Uint8Array;
  beforeAll(async () => {
    const source = '#include "solo5.h"\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return 0; }\n';
    image = readFileSync(await buildGuest('controls', source));
  }, 60_000);

  it('are rejected by solvers, which are named where no run comes upon the value', async () => {
    const controls = await proofControls({ budget: 5_000_000 });
    expect(controls.map(({ name }) => name)).toEqual(falseContracts);
    expect(controls.every(({ found }) => found === 'failed')).toBe(true);
    const [pair, one] = controls;
    for (const { tool } of [pair!, one!]) expect(tool).toMatch(/Z3|cvc5/i);
  }, 60_000);

  it('are rejected by rules, on the image itself made worse by a bit', () => {
    expect(ruleControls(image, 'own').map(({ found }) => found)).toEqual(['fail', 'fail']);
  });

  it('are seen as residue, on each machine that the analysis knows', () => {
    expect(erasureControls('own').map(({ name, found }) => [name.split(' ').at(-1), found])).toEqual([
      ['x86-64', 'residue'],
      ['riscv64', 'residue'],
    ]);
  });

  it('end the build where one is not rejected, which names tool and control', () => {
    const blind = { name: 'a false contract: x', tool: 'z3 0', expected: 'failed', found: 'proved, or unknown' };
    expect(() => requireRejected([blind])).toThrow(
      'a false contract: x: z3 0 said "proved, or unknown"; must be "failed": what this tool says of the project is worth nothing',
    );
  });
});
