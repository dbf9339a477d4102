/** A second solver beside Z3: it rescues, it checks, and it is never hushed when it disagrees. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  openProver,
  openWorkers,
  type Prover,
  type ProverOptions,
  type Question,
  statusOf,
} from '../../../proofs/smt/prover.ts';
import { findSolvers, type Solver } from '../../../proofs/smt/solver.ts';
import { listStore } from '../../../proofs/smt/store/files.ts';
import { z3Identity } from '../../../proofs/smt/z3/process.ts';
import { temporaryFolder } from '../../support/paths.ts';

const cvc5 = findSolvers().find(({ name }) => name === 'cvc5')!;
/** One worker for all provers but those that are to lose it. */
const pool = openWorkers({ workers: 1 });
afterAll(pool.close);
const z3 = z3Identity();
const open = (options: ProverOptions): Prover => openProver({ pool, workers: 1, ...options });
/** With workers of another script. */
const openWith = (workerScript: string, options: ProverOptions): Prover =>
  openProver({ workers: 1, workerScript, ...options });

/** A program that pretends to be cvc5; it has read the question as $text. */
function pretend(script: string): Solver {
  const path = join(temporaryFolder('solver'), 'cvc5');
  writeFileSync(path, `#!/bin/sh\ntext=$(cat)\n${script}\n`);
  chmodSync(path, 0o755);
  return { name: 'cvc5', path, version: 'pretended cvc5' };
}

const text = (low: number, high: number): string =>
  `(set-logic QF_LIA)\n(declare-const x Int)\n(assert (< ${low} x ${high}))\n(check-sat)\n`;
const easy: Question = { name: 'easy', text: text(1, 2), expect: 'unsat' };
const possible: Question = { name: 'possible', text: text(1, 3), expect: 'sat', model: true };
const cubes: Question = {
  name: 'cubes',
  text: `(set-logic QF_NIA)
(declare-const a Int) (declare-const b Int) (declare-const c Int)
(assert (> a 1)) (assert (> b 1)) (assert (= (+ (* a a a) (* b b b)) (+ (* c c c) 5)))
(check-sat)\n`,
  expect: 'unsat',
};

describe('a second solver that checks', () => {
  it('answers everything too', async () => {
    const prover = open({ second: { solver: cvc5, mode: 'check' } });
    const results = await prover.ask([easy, possible]);
    expect(
      results.map(({ status, answers }) => [status, ...answers.map(({ solver, result }) => `${solver} ${result}`)]),
    ).toEqual([
      ['proved', 'z3 unsat', 'cvc5 unsat'],
      ['proved', 'z3 sat', 'cvc5 sat'],
    ]);
    expect(results[0].answers[1].build).toMatch(/cvc5/);
  });

  it('is asked again where another program of the same version has answered before', async () => {
    const folder = join(temporaryFolder('records'), 'cache');
    const cache = { folder, secret: new Uint8Array(32), identity: () => z3 };
    const said = async (script: string): Promise<unknown> => {
      const prover = open({ second: { solver: pretend(script), mode: 'rescue', headStart: 0 }, cache, steps: 1000 });
      return [(await prover.ask([cubes]))[0].status, prover.counts().believed];
    };
    expect(await said('echo unsat')).toEqual(['proved', 0]);
    expect(await said('echo unsat')).toEqual(['proved', 1]);
    expect(await said('echo unknown')).toEqual(['unknown', 0]);
  });

  it('and disagrees: that is no verdict, and is not kept', async () => {
    const folder = join(temporaryFolder('records'), 'cache');
    const prover = open({
      second: { solver: pretend('echo sat'), mode: 'check' },
      cache: { folder, secret: new Uint8Array(32), identity: () => z3 },
    });
    const [result, refuted] = await prover.ask([easy, { ...easy, expect: 'sat' }]);
    for (const { status, reason } of [result, refuted]) {
      expect(status).toBe('disagreement');
      expect(reason).toBe('Z3 5.1.0.0 says unsat, pretended cvc5 says sat; one of them is wrong, so use neither');
    }
    expect(() => listStore(folder)).toThrow();
  });

  it('and fails: then Z3 stands alone, and says so', async () => {
    const prover = open({ second: { solver: pretend('exit 1'), mode: 'check' } });
    const [result] = await prover.ask([easy]);
    expect([result.status, ...result.answers.map(({ result }) => result)]).toEqual(['proved', 'unsat', 'unknown']);
  });
});

describe('a second solver that rescues', () => {
  it('is not asked what Z3 answers at once', async () => {
    const prover = open({ second: { solver: pretend('echo sat'), mode: 'rescue', headStart: 60_000 } });
    const [result] = await prover.ask([easy]);
    expect([result.status, result.answers.length]).toEqual(['proved', 1]);
  });

  it('answers when Z3 gives up, or dies', async () => {
    const second = { solver: pretend('echo unsat'), mode: 'rescue' } as const;
    const [steps] = await open({ second, steps: 1000 }).ask([cubes]);
    expect(steps).toMatchObject({
      status: 'proved',
      answers: [
        { solver: 'z3', result: 'unknown' },
        { solver: 'cvc5', result: 'unsat' },
      ],
    });
    const [dead] = await openWith('/nonexistent/worker.js', { second }).ask([easy]);
    expect(dead).toMatchObject({ status: 'proved', answers: [{ result: 'unknown' }, { result: 'unsat' }] });
  });

  it('ends Z3 when it answers first, and what waits behind is answered', async () => {
    // It has nothing to say of the other question, however long Z3 takes for that.
    const solver = pretend('case "$text" in *QF_NIA*) echo unsat;; *) exec sleep 60;; esac');
    const second = { solver, mode: 'rescue', headStart: 0 } as const;
    const prover = open({ second, steps: 4_000_000_000 });
    const { lost } = prover.counts();
    const results = await prover.ask([cubes, possible]);
    expect(results[0]).toMatchObject({
      status: 'proved',
      answers: [{ reason: 'cvc5 answered first' }, { result: 'unsat' }],
    });
    expect(results[1]).toMatchObject({ status: 'proved', answers: [{ solver: 'z3', result: 'sat' }] });
    expect(prover.counts().lost - lost).toBe(1);
  });

  it('gives up too: unknown, with both reasons', async () => {
    const prover = open({ second: { solver: pretend('echo unknown'), mode: 'rescue' }, steps: 1000 });
    const [result] = await prover.ask([cubes]);
    expect(result).toMatchObject({ status: 'unknown', reason: 'z3: out of steps; cvc5: gave up' });
  });

  it('shows its model when it alone finds one', async () => {
    const [result] = await openWith('/nonexistent', { second: { solver: cvc5, mode: 'rescue' } }).ask([possible]);
    expect(result).toMatchObject({ status: 'proved', model: expect.stringMatching(/define-fun x \(\) Int 2/) });
  });

  it('for align-up by div and mod, which Z3 takes long for', async () => {
    const align = `(set-logic QF_NIA)
(declare-const a Int) (declare-const n Int)
(assert (> n 0)) (assert (>= a 0))
(define-fun up () Int (* n (div (+ a (- n 1)) n)))
(assert (not (and (>= up a) (< up (+ a n)) (= (mod up n) 0))))
(check-sat)`;
    const [result] = await open({ second: { solver: cvc5, mode: 'rescue' } }).ask([
      { name: 'align', text: align, expect: 'unsat' },
    ]);
    expect(result.status).toBe('proved');
  });
});

describe('a status', () => {
  const answer = (result: 'sat' | 'unsat' | 'unknown') => ({ solver: 'z3' as const, build: 'b', result, wall: 0 });
  it.each([
    ['unsat', ['unsat', 'unknown'], 'proved'],
    ['unsat', ['sat', 'unknown'], 'refuted'],
    ['sat', ['unknown', 'sat'], 'proved'],
    ['sat', ['unsat'], 'refuted'],
    ['unsat', ['unknown', 'unknown'], 'unknown'],
    ['unsat', [], 'unknown'],
    ['unsat', ['unsat', 'sat'], 'disagreement'],
    ['sat', ['unsat', 'sat'], 'disagreement'],
  ] as const)('of %s, answered %j, is %s', (expected, results, status) => {
    expect(statusOf(expected, results.map(answer)).status).toBe(status);
  });
});
