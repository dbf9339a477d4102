/**
 * Random programs of the subset: the interpreter computes what Node.js computes, and whatever is proved holds when it is
 * run.
 */
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { createDraw, drawArguments } from '../../analyzers/interpreter/sample.ts';
import type { FunctionIr } from '../../analyzers/ir.ts';
import { type Result, verifyProgram } from '../../proofs/verify.ts';
import { analyzeText, askProver } from '../support/contracts.ts';
import { programs, ranged } from '../support/generated/programs.ts';
import { isLong } from '../support/long.ts';
import { compiled, nativeValue, wordsOf, wordsOfNative } from '../support/native.ts';

const PROGRAMS = isLong ? 2_000 : 100;
/** Programs that are proved, of four functions and of one, which takes less. */
const PROVED = isLong ? 2_000 : 12;
const PROVED_SMALL = isLong ? 2_000 : 40;

/** Runs the function on both and compares; how often both gave a value. */
function compare(
  program: Parameters<typeof run>[0],
  subject: FunctionIr,
  own: (...args: unknown[]) => unknown,
  runs: number,
): number {
  const draw = createDraw(7);
  let compared = 0;
  for (let i = 0; i < runs; i++) {
    const args = drawArguments(subject, draw);
    const natives = args.map((arg, k) => nativeValue(arg, subject.parameters[k].type));
    const { outcome } = run(program, subject, args);
    if (outcome.kind === 'threw') expect(() => own(...natives)).toThrow(RangeError);
    if (outcome.kind !== 'returned') continue;
    compared++;
    const result = own(...natives);
    expect(wordsOf(outcome.value!, subject.result)).toEqual(wordsOfNative(result, subject.result));
    args.forEach((arg, k) => {
      const { type } = subject.parameters[k];
      expect(wordsOf(arg, type)).toEqual(wordsOfNative(natives[k], type));
    });
  }
  return compared;
}

describe('generated programs', () => {
  it('mean in the interpreter what they mean in Node.js', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(programs, async (text) => {
        // A worker that says nothing for a minute is taken for dead.
        await setImmediate();
        const { program } = analyzeText(text);
        // TypeScript itself refuses a comparison of two constants.
        fc.pre(program !== undefined);
        const own = compiled(text);
        for (const subject of program.functions) compared += compare(program, subject, own[subject.name], 30);
      }),
      { seed: 11, numRuns: PROGRAMS, endOnFailure: isLong },
    );
    expect(compared).toBeGreaterThan(PROGRAMS * 5);
  }, 3_600_000);

  it.each([
    ['of four functions', programs, PROVED],
    ['of one function', ranged, PROVED_SMALL],
  ] as const)(
    'keep what is proved of them: %s',
    async (_, texts, count) => {
      const ask = askProver(100_000);
      let programsAsked = 0;
      let decided = 0;
      let proved = 0;
      let functions = 0;
      await fc.assert(
        fc.asyncProperty(texts, async (text) => {
          const { program } = analyzeText(text);
          fc.pre(program !== undefined);
          const results = await verifyProgram(program, { ask, samples: 400, askBroken: true });
          programsAsked++;
          if (isLong && programsAsked % 100 === 0) console.log(`${programsAsked} of ${count} programs asked`);
          // Not trivial: proved, and not without a solver.
          const bySolver = ({ by, obligation }: Result): boolean =>
            obligation.question === 'holds' && /Z3|cvc5/.test(by);
          if (results.some(({ status, results: own }) => status === 'proved' && own.some(bySolver))) decided++;
          for (const { function: subject, status, results: own } of results) {
            functions++;
            if (status === 'proved') proved++;
            // The prover itself holds what was proved against the runs; see judgeHolds.
            expect(
              own
                .filter(({ by }) => by.includes('defect'))
                .map(({ obligation }) => `${subject.name}: ${obligation.name}`),
            ).toEqual([]);
            // And what was reached is never called out of reach.
            expect(
              own.filter(
                ({ diagnosis, obligation }) => diagnosis === 'vacuous' && reached(program, subject, obligation.mark),
              ),
            ).toEqual([]);
          }
        }),
        // A long run that fails names its program at once: making that smaller takes as long again.
        { seed: 12, numRuns: count, endOnFailure: isLong },
      );
      if (isLong)
        console.log(
          `${programsAsked} programs, ${decided} with a proof by a solver; ${proved} of ${functions} functions proved`,
        );
      expect(decided).toBeGreaterThan(programsAsked / 4);
      expect(proved).toBeGreaterThan(functions / 10);
    },
    3_600_000,
  );
});

function reached(program: Parameters<typeof run>[0], subject: FunctionIr, mark: string | undefined): boolean {
  const draw = createDraw(99);
  return Array.from({ length: 300 }, () => run(program, subject, drawArguments(subject, draw))).some(
    ({ visited }) => mark !== undefined && visited.has(mark),
  );
}
