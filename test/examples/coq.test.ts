/** The examples in Coq: their proofs are complete, and what they compute is what the theorems say. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { argumentsOf, type CoqFunction, coqExamples } from '../support/coq-examples.ts';
import { isLong } from '../support/long.ts';
import { answersOf, type CoqValue, printedBy, wireOf } from '../support/ocaml-extraction.ts';
import { projectRoot } from '../support/paths.ts';
import { requireTools } from '../support/tools.ts';

// Half a gigabyte, which only long runs install.
if (isLong) requireTools('coqc', 'ocamlopt');
const folder = join(projectRoot, 'examples/coq');
const LONG = 1_200_000;
const expectedOf = ({ expected, gives }: CoqFunction, values: readonly CoqValue[]): string =>
  wireOf(gives, (expected as (...args: readonly CoqValue[]) => CoqValue)(...values));

describe.skipIf(!isLong)('with Coq and OCaml', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.v')))(
    'what %s computes is what its theorems say',
    async (file) => {
      const functions = coqExamples.filter((one) => `${one.file}.v` === file);
      expect(functions.length).toBeGreaterThan(2);
      const inputs = functions.map((one, i) => argumentsOf(one, 500, i));
      const answers = await answersOf(join(folder, file), functions, inputs);
      functions.forEach((one, i) => {
        expect(answers[i]).toHaveLength(inputs[i]!.length);
        if (one.expected === undefined) return;
        inputs[i]!.forEach((values, n) => {
          expect(answers[i]![n], `${one.name} of ${inputs[i]![n]!.map((v, a) => wireOf(one.takes[a]!, v))}`).toBe(
            expectedOf(one, values),
          );
        });
      });
    },
    LONG,
  );

  it(
    'expressions are evaluated as OCaml has them',
    async () => {
      const two = '(BinNums.Zpos (BinNums.Coq_xO BinNums.Coq_xH))';
      const printer = 'function BinNums.Z0 -> "0" | BinNums.Zpos BinNums.Coq_xH -> "1" | _ -> "another"';
      const powers = [`Modexp.power_mod ${two} ${two} BinNums.Z0`, `Modexp.power_mod ${two} ${two} ${two}`];
      expect(
        await printedBy(join(folder, 'modexp.v'), [...powers, `Modexp.power_mod ${two} BinNums.Z0 ${two}`], printer),
      ).toEqual(['another', '0', '1']);
    },
    LONG,
  );
});
