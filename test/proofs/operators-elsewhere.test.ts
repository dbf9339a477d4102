/**
 * The table of operators in Coq and in ACSL: what it says there is what the language computes, for all bytes and at the
 * ends of types, as Coq's kernel and Frama-C's own arithmetic compute it. Long tests: the two are a gigabyte.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acslDefinitions, coqDefinitions } from '../../analyzers/operators/columns.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import { prelude } from '../../lowering/c/prelude.ts';
import { isLong as long } from '../support/long.ts';
import { boundaryCases, byteCases, type Case, expected, expectedDigest, forPairs } from '../support/operator-cases.ts';
import { hasC, lowerCases, operatorDriver, operatorOutput } from '../support/operator-driver.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';

const cases = long ? [...byteCases(), ...boundaryCases()] : [];

/** The column's text with operands put in. */
function filled(column: 'coq' | 'acsl', { operator, wrap, types }: Case, a: string, b: string): string {
  const put = (template: string, ...operands: string[]): string =>
    `(${template.replace(/\$([12])/g, (_, n: string) => operands[Number(n) - 1])})`;
  const inner = put(operatorOf(operator)[column], ...[a, b].slice(0, types.length));
  return wrap === undefined ? inner : put(operatorOf(wrap)[column], inner);
}

/** A case of fewer values, where reading them would take longer than computing. */
function thinned(one: Case, step: number): Case {
  if (one.exhaustive) return one;
  const keep = (_: unknown, i: number): boolean => i % step === 0;
  const [first, second] = [one.values[0], one.values[1] ?? [0n]];
  const allowed = first.flatMap((_, i) =>
    i % step === 0 ? Array.from(second, (__, j) => one.allowed[i * second.length + j]).filter(keep) : [],
  );
  return { ...one, values: one.values.map((list) => list.filter(keep)), allowed: Uint8Array.from(allowed) };
}

/** Coq's text: each case is folded over groups of first operands that have the same second ones. */
function coqText(all: readonly Case[]): string {
  const lists = new Map<string, string>();
  const list = (values: readonly bigint[]): string => {
    const text = values.map((value) => `(${value})`).join('; ');
    if (!lists.has(text)) lists.set(text, `l${lists.size}`);
    return lists.get(text)!;
  };
  const digests = all.map((one) => {
    const second = one.values[1] ?? [0n];
    const groups: { readonly first: bigint[]; readonly second: string }[] = [];
    one.values[0].forEach((a, i) => {
      const own = list(second.filter((_, j) => one.allowed[i * second.length + j] === 1));
      const last = groups.at(-1);
      if (last?.second === own) last.first.push(a);
      else groups.push({ first: [a], second: own });
    });
    const body = filled('coq', one, 'a', 'b');
    const value = one.result === 'boolean' ? `Z.b2z ${body}` : body;
    const texts = groups.map(({ first, second: own }) => `(${list(first)}, ${own})`);
    return `Eval vm_compute in digest (fun a b => ${value}) [${texts.join('; ')}].`;
  });
  const definitions = [...lists].map(([text, name]) => `Definition ${name} : list Z := [${text}].`);
  return `Require Import ZArith List Uint63.
Import ListNotations.
Open Scope Z_scope.
${coqDefinitions.join('\n')}
Definition step (digest part : int) : int := ((digest lxor part) * 16777619 land 4294967295)%uint63.
Definition add (digest : int) (value : Z) : int :=
  let bits := Uint63.of_Z value in
  step (step digest (bits land 4294967295)%uint63) (bits >> 32)%uint63.
Definition digest (f : Z -> Z -> Z) (groups : list (list Z * list Z)) : int :=
  fold_left (fun d group => fold_left (fun e a => fold_left (fun h b => add h (f a b)) (snd group) e) (fst group) d)
    groups 2166136261%uint63.
${definitions.join('\n')}
${digests.join('\n')}
`;
}

/** What this Frama-C can run: it takes the magnitude of a negative value of more than 64 bits for its low bits. */
const runs = (one: Case): boolean =>
  hasC(one) && one.wrap === undefined && one.operator !== 'asUint64' && one.operator !== 'asInt64';

describe.runIf(long)('operators', () => {
  it('in Coq', async () => {
    const folder = temporaryFolder('coq');
    const own = cases.map((one) => thinned(one, 3));
    writeFileSync(join(folder, 'operators.v'), coqText(own));
    const output = await runOrThrow(requireTool('coqc'), [join(folder, 'operators.v')], { timeout: 1_800_000 });
    const digests = [...output.matchAll(/= (\d+)%uint63/g)].map(([, digest]) => Number(digest));
    const shown = (list: readonly number[]): string[] => own.map(({ name }, i) => `${name}: ${list[i]}`);
    expect(shown(digests)).toEqual(shown(own.map((one) => expectedDigest(one, 63))));
  }, 1_800_000);

  it('in ACSL, evaluated by Frama-C at run time beside what C computes', async () => {
    const folder = temporaryFolder('acsl');
    const own = cases.filter(runs);
    const unit = lowerCases(own);
    const assertion = (one: Case): string => {
      // In 64 bits: of a signed byte that is cast to more bits without a sign, this Frama-C believes that it stays negative.
      const wide = one.types.map((type, i) => `${type === 'u64' ? 'u' : ''}int64_t wide_${'ab'[i]} = ${'ab'[i]};`);
      const value = filled('acsl', one, 'wide_a', 'wide_b');
      return `${wide.join(' ')} /*@ assert ${one.result === 'boolean' ? `${value} <==> r == 1` : `${value} == r`}; */`;
    };
    const definitions = `/*@ ${acslDefinitions.join('\n')} */\n`;
    const driver = operatorDriver(own, unit, assertion).replace(/(?=static uint64_t call0)/, definitions);
    writeFileSync(join(folder, 'casemate-lowered.h'), prelude());
    writeFileSync(join(folder, `${unit.name}.h`), unit.lowered.header);
    writeFileSync(join(folder, `${unit.name}.c`), unit.lowered.source);
    writeFileSync(join(folder, 'output.c'), operatorOutput);
    writeFileSync(join(folder, 'driver.c'), driver);
    const [gcc, framaC] = [requireTool('gcc'), requireTool('frama-c')];
    const checked = join(folder, 'checked.c');
    await runOrThrow(framaC, ['-e-acsl', join(folder, 'driver.c'), '-then-last', '-print', '-ocode', checked], {
      timeout: 600_000,
    });
    const share = (await runOrThrow(framaC, ['-print-share-path'])).trim();
    const library = (await runOrThrow(framaC, ['-print-lib-path'])).trim();
    const program = join(folder, 'program');
    await runOrThrow(
      gcc,
      [
        ...[
          '-O1',
          '-w',
          '-DE_ACSL_SEGMENT_MMODEL',
          `-I${share}/e-acsl`,
          checked,
          join(folder, `${unit.name}.c`),
          join(folder, 'output.c'),
        ],
        ...[`${share}/e-acsl/e_acsl_rtl.c`, `${library}/e-acsl/libeacsl-dlmalloc.a`, '-lgmp', '-lm', '-lpthread'],
        ...['-o', program],
      ],
      { timeout: 600_000 },
    );
    const digests = (await runOrThrow(program, [], { timeout: 1_800_000 })).split('\n').slice(0, -1).map(Number);
    expect(digests).toEqual(own.map((one) => expectedDigest(one)));
  }, 3_600_000);

  it('in ACSL where that cannot be run: constants, by the prover of lemmas', async () => {
    const folder = temporaryFolder('lemmas');
    // What is simplified there knows no definitions of ours, and a shift to the right has one; it has been run.
    const own = cases.filter((one) => !runs(one) && one.operator !== 'bigShiftRight').map((one) => thinned(one, 4));
    const lemmas = own.map((one) => {
      const claims: string[] = [];
      let count = 0;
      forPairs(one, (a, b) => {
        if (count++ % (one.exhaustive ? 601 : 1) === 0)
          claims.push(`${filled('acsl', one, `(${a})`, `(${b})`)} == ${expected(one, a, b)}`);
      });
      return `/*@ check lemma ${one.name}: ${claims.join(' && ')}; */`;
    });
    const text = ['#include <stdint.h>', ...acslDefinitions.map((one) => `/*@ ${one} */`), ...lemmas];
    writeFileSync(join(folder, 'lemmas.c'), text.join('\n'));
    const output = await runOrThrow(requireTool('frama-c'), ['-wp', '-wp-prover', 'qed', join(folder, 'lemmas.c')], {
      timeout: 600_000,
    });
    expect(output).toMatch(new RegExp(`Proved goals: +${own.length} / ${own.length}\\b`));
  }, 1_800_000);
});
