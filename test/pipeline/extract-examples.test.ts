/**
 * `casemate extract` on the examples in Coq: what it writes passes strict type-checking, runs, and computes what Coq's own
 * extraction to OCaml computes.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { extractCoq } from '../../pipeline/extract.ts';
import { argumentsOf, coqExamples, typescriptOf } from '../support/coq-examples.ts';
import { isLong } from '../support/long.ts';
import { answersOf, type CoqValue, linked, wireOf } from '../support/ocaml-extraction.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTools } from '../support/tools.ts';

// Half a gigabyte, which only long runs install.
if (isLong) requireTools('coqc', 'ocamlopt');
const examples = join(projectRoot, 'examples/coq');
const LONG = 1_200_000;

type Callable = (...args: readonly unknown[]) => unknown;

/** Functions that take some arguments and give a function of the others are called as if they took all. */
function called(f: Callable, values: readonly unknown[]): unknown {
  const taken = Math.max(f.length, 1);
  const result = f(...values.slice(0, taken));
  return taken < values.length ? called(result as Callable, values.slice(taken)) : result;
}

describe.skipIf(!isLong)('with Coq and OCaml', () => {
  it.each(readdirSync(examples).filter((name) => name.endsWith('.v')))(
    '%s in TypeScript computes what it does in OCaml',
    async (file) => {
      const path = join(examples, file);
      const { text, unproved } = await extractCoq({ path, step: () => undefined });
      expect(unproved).toEqual([]);
      const folder = temporaryFolder('extract');
      writeFileSync(join(folder, 'extracted.ts'), text);
      const strict = ['--strict', '--noEmit', '--noUncheckedIndexedAccess', '--noImplicitReturns'];
      const tsc = [join(projectRoot, 'node_modules/typescript/bin/tsc'), ...strict];
      await runOrThrow(process.execPath, [...tsc, '--target', 'es2022', '--module', 'esnext', 'extracted.ts'], {
        ...{ cwd: folder, timeout: LONG },
      });
      const functions = coqExamples.filter((one) => `${one.file}.v` === file);
      const driver = `export const functions = (m) => [${functions.map((one) => typescriptOf(one)).join(',\n')}];\n`;
      writeFileSync(join(folder, 'extracted.mjs'), transformSync(text, { loader: 'ts' }).code);
      writeFileSync(join(folder, 'driver.mjs'), driver);
      const load = (name: string) => import(/* @vite-ignore */ pathToFileURL(join(folder, name)).href);
      const ours = (await load('driver.mjs')).functions(await load('extracted.mjs')) as Callable[];
      const inputs = functions.map((one, i) => argumentsOf(one, 2000, 100 + i));
      const answers = await answersOf(path, functions, inputs);
      functions.forEach(({ name, takes, gives }, i) => {
        inputs[i]!.forEach((values, n) => {
          const args = values.map((value, a) => linked(takes[a]!, value));
          const shown = `${name} of ${values.map((value, a) => wireOf(takes[a]!, value)).join(', ')}`;
          expect(wireOf(gives, called(ours[i]!, args) as CoqValue), shown).toBe(answers[i]![n]);
        });
      });
    },
    LONG,
  );

  it(
    'a theorem that is proved stands beside the function that it is about',
    async () => {
      const { text } = await extractCoq({ path: join(examples, 'insertion_sort.v'), step: () => undefined });
      expect(text).toContain('sort_permutes: forall l, Permutation l (sort l)');
      expect(readFileSync(join(examples, 'insertion_sort.v'), 'utf8')).toContain('Theorem sort_permutes');
    },
    LONG,
  );
});
