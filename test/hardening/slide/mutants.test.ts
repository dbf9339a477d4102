/**
 * How much of the layout's text its proof holds: every operator and constant of it is changed, one at a time, and each
 * change must make a claim fail, except for those that are listed here as changing nothing that can be seen.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type SlideCode, type SlideForm, slideObligations } from '../../../hardening/slide/obligations.ts';
import { prove, type Verdict } from '../../../proofs/smt/prove.ts';
import { findSolvers } from '../../../proofs/smt/solver.ts';
import { isLong as long } from '../../support/long.ts';
import { spaceFolder, spaceFrom } from './space-text.ts';

const changes: readonly (readonly [from: RegExp, to: readonly string[]])[] = [
  [/\ba\.add\(/g, ['a.subtract(']],
  [/\ba\.subtract\(/g, ['a.add(']],
  [/\ba\.alignUp\(/g, ['a.alignDown(']],
  [/\ba\.min\(/g, ['a.max(']],
  [/\ba\.less\(/g, ['a.atMost(']],
  [/\ba\.atMost\(/g, ['a.less(']],
  [/a\.constant\(0\)/g, ['a.constant(1)']],
  [/a\.constant\(1\)/g, ['a.constant(0)', 'a.constant(2)']],
  [/ - 1\b/g, [' - 2', '']],
  [/ < /g, [' <= ']],
  [/ <= /g, [' < ']],
  [/ > 0/g, [' > 1', ' >= 0']],
  [/\bPAGE\b/g, ['(PAGE / 2)', '(PAGE + 1)', '(2 * PAGE)']],
  [/\bSIGNED_END\b/g, ['UNSIGNED_END', '(SIGNED_END - 4096)', '(SIGNED_END + 4096)']],
  [/\bUNSIGNED_END\b/g, ['SIGNED_END', '(UNSIGNED_END - 4096)', '(UNSIGNED_END + 4096)']],
  [/\bREACH_MARGIN\b/g, ['0', '(REACH_MARGIN - 4096)', '(REACH_MARGIN + 4096)']],
  [/(?<!\.)\btext\.granule/g, ['(2 * text.granule)']],
  [/ - text/g, [' + text']],
  [/let segment = 0/g, ['let segment = 1']],
  [/ \? a\.constant\(0\) : /g, [' ? a.constant(4096) : ']],
];

/** No claim speaks of the size of a text that is not shuffled. */
const unseen: readonly string[] = [
  'textSize: shape.text === undefined ? a.constant(0) : textSize(a, shape.text), a.constant(0) -> a.constant(1)',
  'textSize: shape.text === undefined ? a.constant(0) : textSize(a, shape.text), ? a.constant(0) : -> ? a.constant(4096) :',
];

const forms: readonly SlideForm[] = [
  { segments: 3, signedAddresses: true, text: { segment: 1, granule: 16 } },
  { segments: 3, signedAddresses: false, text: { segment: 1, granule: 16 } },
  { segments: 1, signedAddresses: true },
  { segments: 2, signedAddresses: true },
];

interface Mutant {
  readonly name: string;
  readonly text: string;
}

/** Every change of what the layout computes; the rules that it assumes are not its own to get wrong. */
function mutantsOf(text: string): Mutant[] {
  const start = text.indexOf('/** Pages that a segment takes');
  const end = text.indexOf('/** One thing that holds of every shape');
  expect(start).toBeGreaterThan(0);
  expect(end).toBeGreaterThan(start);
  return changes.flatMap(([from, replacements]) =>
    [...text.matchAll(from)]
      .filter(({ index }) => index >= start && index < end)
      .flatMap(({ index, 0: found }) =>
        replacements.map((to) => {
          const line = text.slice(text.lastIndexOf('\n', index) + 1, text.indexOf('\n', index)).trim();
          const changed = text.slice(0, index) + to + text.slice(index + found.length);
          return { name: `${line} ${found.trim()} -> ${to.trim()}`, text: changed };
        }),
      ),
  );
}

/** Whether some claim of some form is not proved of the code; code that does not even run is no layout. */
async function fails(code: SlideCode): Promise<boolean> {
  const [z3, cvc5] = findSolvers();
  for (const form of forms) {
    const queries = (() => {
      try {
        return slideObligations(code, form).queries;
      } catch (error) {
        if (error instanceof TypeError || error instanceof RangeError) return undefined;
        throw error;
      }
    })();
    if (queries === undefined) return true;
    for (const query of queries) {
      let status: Verdict['status'] = (await prove([cvc5], query)).status;
      if (status === 'unknown') status = (await prove([z3], query)).status;
      if (status !== 'proved') return true;
    }
  }
  return false;
}

describe.runIf(long)('the proof sees', () => {
  it('every change of an operator or a constant in the layout, save those that cannot be seen', async () => {
    const survivors: string[] = [];
    const mutants = mutantsOf(readFileSync(join(spaceFolder, 'space.ts'), 'utf8'));
    for (const { name, text } of mutants) if (!(await fails(await spaceFrom(text)))) survivors.push(name);
    expect(mutants.length).toBeGreaterThan(70);
    expect(survivors).toEqual(unseen);
  }, 3_600_000);
});
