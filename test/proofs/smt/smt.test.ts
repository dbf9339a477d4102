import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numbers } from '../../../hardening/slide/arithmetic.ts';
import { obligationsOf, proveObligations } from '../../../proofs/smt/obligations.ts';
import { printQuery, type Query, variablesOf } from '../../../proofs/smt/print.ts';
import { judge, prove, proveAll } from '../../../proofs/smt/prove.ts';
import { type Answer, askSolver, findSolvers, type Solver } from '../../../proofs/smt/solver.ts';
import { makeTrace, symbolicArithmetic } from '../../../proofs/smt/symbolic.ts';
import * as t from '../../../proofs/smt/terms.ts';
import { temporaryFolder } from '../../support/paths.ts';

const [x, y] = [t.variable('x'), t.variable('y')];
const query = (assumptions: readonly t.Term[], goal: t.Term): Query => ({ name: 'a test', assumptions, goal });
const solvers = findSolvers();

describe('a query as text', () => {
  it('asks one question, names shared terms once, and is the same each time', () => {
    const sum = t.add(x, t.integer(-3));
    const asked = query([t.less(sum, y), t.variable('p', 'Bool')], t.any([t.equal(sum, y), t.less(sum, y)]));
    expect(printQuery(asked)).toBe(
      [
        '; a test',
        '(set-logic QF_LIA)',
        '(declare-const x Int)',
        '(define-fun t!1 () Int (+ x (- 3)))',
        '(declare-const y Int)',
        '(declare-const p Bool)',
        '(assert (< t!1 y))',
        '(assert p)',
        '(assert (not (or (= t!1 y) (< t!1 y))))',
        '(check-sat)',
        '',
      ].join('\n'),
    );
    expect(printQuery(asked)).toBe(printQuery(asked));
    expect(variablesOf(asked)).toEqual(['x', 'y']);
  });

  it('takes terms deeper than the call stack', () => {
    let deep = x;
    for (let i = 0; i < 50_000; i++) deep = t.add(deep, y);
    expect(printQuery(query([], t.less(deep, x))).length).toBeGreaterThan(200_000);
  });

  it('cannot be broken out of by a name', () => {
    expect(printQuery({ ...query([], t.truth(true)), name: 'a\n(exit)\u2028' }).split('\n')[0]).toBe('; a?(exit)?');
    for (const name of ['', '1', 'a b', 'a)', 'x|', '(check-sat)']) expect(() => t.variable(name)).toThrow(RangeError);
  });

  it('mixes no sorts', () => {
    expect(() => t.add(x, t.truth(true))).toThrow(TypeError);
    expect(() => t.not(x)).toThrow(TypeError);
    expect(() => t.select(x, x, x)).toThrow(TypeError);
    expect(() => t.integer(2 ** 53)).toThrow(RangeError);
    expect(() => printQuery(query([t.variable('x', 'Bool')], t.equal(x, x)))).toThrow(/two sorts/);
  });
});

describe('the solvers', () => {
  it('are there, and prove and refute', async () => {
    expect(solvers.map(({ name }) => name)).toEqual(['z3', 'cvc5']);
    const sound = query([t.less(x, y)], t.atMost(t.add(x, t.integer(1)), y));
    const wrong = query([t.less(x, y), t.less(t.integer(-9), x), t.less(y, t.integer(-6))], t.truth(false));
    const [proved, refuted] = await proveAll(solvers, [sound, wrong]);
    expect([proved.status, refuted.status]).toEqual(['proved', 'refuted']);
    expect(proved.answers.map(({ result }) => result)).toEqual(['unsat', 'unsat']);
    expect([...refuted.counterexample!]).toEqual([
      ['x', -8n],
      ['y', -7n],
    ]);
  });

  it('know that the two arithmetics are one', async () => {
    const value = fc.integer({ min: -(2 ** 35), max: 2 ** 35 });
    const samples = fc.sample(fc.tuple(value, value, fc.constantFrom(1, 2, 3, 7, 16, 4096, 100_000)), {
      seed: 5,
      numRuns: 40,
    });
    const trace = makeTrace();
    const s = symbolicArithmetic(trace, 'test');
    const claims = [...samples, [4096, -4096, 4096] as const, [-4097, 0, 4096] as const].flatMap(([a, b, k]) => {
      const [sa, sb] = [t.integer(a), t.integer(b)];
      const pairs: [t.Term, number][] = [
        [s.add(sa, sb), numbers.add(a, b)],
        [s.subtract(sa, sb), numbers.subtract(a, b)],
        [s.scale(sa, k), numbers.scale(a, k)],
        [s.divide(sa, k), numbers.divide(a, k)],
        [s.alignUp(sa, k), numbers.alignUp(a, k)],
        [s.alignDown(sa, k), numbers.alignDown(a, k)],
        [s.min(sa, sb), numbers.min(a, b)],
        [s.max(sa, sb), numbers.max(a, b)],
        [s.select(s.less(sa, sb), sa, sb), numbers.select(numbers.less(a, b), a, b)],
      ];
      const truths: [t.Term, boolean][] = [
        [s.atMost(sa, sb), numbers.atMost(a, b)],
        [s.isAligned(sa, k), numbers.isAligned(a, k)],
        [s.isAligned(s.scale(sb, k), k), true],
        [s.any([s.equal(sa, sb), s.truth(false)]), numbers.any([numbers.equal(a, b), false])],
      ];
      return [
        ...pairs.map(([term, number]) => t.equal(term, t.integer(number))),
        ...truths.map(([term, truth]) => (truth ? term : t.not(term))),
      ];
    });
    const verdict = await prove(solvers, query(trace.quotients.definitions, t.all(claims)));
    expect([verdict.status, ...verdict.answers.map(({ result }) => result)]).toEqual(['proved', 'unsat', 'unsat']);
  });

  it('know that a definition of a quotient excludes no value', async () => {
    const trace = makeTrace();
    const s = symbolicArithmetic(trace, 'test');
    const quotient = s.divide(x, 4096);
    // Two quotients of one value are the same, and each value in reach has one.
    const other = makeTrace();
    const again = symbolicArithmetic(other, 'other').divide(x, 4096);
    const both = [...trace.quotients.definitions, ...other.quotients.definitions];
    expect((await prove(solvers, query(both, t.equal(quotient, again)))).status).toBe('proved');
    for (const value of [-4097, -4096, -1, 0, 1, 4095, 4096]) {
      const possible = query([...trace.quotients.definitions, t.equal(x, t.integer(value))], t.truth(false));
      expect((await prove(solvers, possible)).status).toBe('refuted');
    }
  });
});

describe('what is divided', () => {
  const quotientsOf = (divide: (s: ReturnType<typeof symbolicArithmetic>, a: t.Term, k: number) => void): string[] => {
    const trace = makeTrace();
    const [s, other] = [symbolicArithmetic(trace, 's'), symbolicArithmetic(makeTrace(trace.quotients), 'other')];
    for (const arithmetic of [s, other]) divide(arithmetic, t.add(x, t.integer(-1)), 8);
    return trace.quotients.definitions.map((definition) => printQuery(query([], definition)));
  };

  it('twice by one divisor has one quotient, whoever divides and for whatever', () => {
    const once = quotientsOf((s, a, k) => s.divide(a, k));
    expect(once).toHaveLength(2);
    const same = quotientsOf((s, a, k) => [s.divide(a, k), s.alignDown(a, k), s.isAligned(a, k)]);
    expect(same).toEqual(once);
  });

  it.each<[string, t.Term, t.Term, number]>([
    ['another divisor', x, x, 9],
    ['another variable', x, y, 8],
    ['another constant', t.add(x, t.integer(1)), t.add(x, t.integer(-1)), 8],
    ['another operator', t.add(x, y), t.subtract(x, y), 8],
    ['another order', t.subtract(x, y), t.subtract(y, x), 8],
    ['another place of brackets', t.subtract(t.subtract(x, y), x), t.subtract(x, t.subtract(y, x)), 8],
    ['another branch', t.select(t.less(x, y), x, y), t.select(t.less(x, y), y, x), 8],
  ])('differently has two: %s', (_, a, b, k) => {
    const trace = makeTrace();
    const s = symbolicArithmetic(trace, 's');
    expect([s.divide(a, 8), s.divide(b, k)].map((q) => q.kind === 'variable' && q.name)).toEqual(['s.1', 's.2']);
    expect(trace.quotients.definitions).toHaveLength(4);
  });

  it('may be deeper than the call stack', () => {
    const deep = (): t.Term => Array.from({ length: 50_000 }).reduce<t.Term>((sum) => t.add(sum, y), x);
    const s = symbolicArithmetic(makeTrace(), 's');
    expect(s.divide(deep(), 8)).toBe(s.divide(deep(), 8));
    expect(s.divide(t.add(deep(), y), 8)).not.toBe(s.divide(deep(), 8));
  });
});

/** A program that pretends to be a solver. */
function pretend(name: Solver['name'], script: string): Solver {
  const path = join(temporaryFolder('solver'), name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { name, path, version: `pretended ${name}` };
}

describe('an answer that is not clear is unknown', () => {
  const text = printQuery(query([], t.less(x, y)));

  it.each([
    ['an error', 'echo "(error \\"no\\")"'],
    ['an answer and an error', 'echo unsat; echo "(error \\"no\\")"'],
    ['an error and an answer', 'echo "(error \\"no\\")"; echo unsat'],
    ['two answers', 'echo unsat; echo unsat'],
    ['an answer and a failure', 'echo unsat; exit 1'],
    ['an answer and a crash', 'echo unsat; kill -SEGV $$'],
    ['nothing', ':'],
    ['a word that holds the answer', 'echo unsatisfiable'],
    ['another case', 'echo UNSAT'],
    ['spaces', 'echo " unsat"'],
    ['giving up', 'echo unknown'],
    ['endless output', 'exec yes unsat'],
  ])('%s', async (_, script) => {
    const answer = await askSolver(pretend('z3', script), text);
    expect(answer.result).toBe('unknown');
    expect(answer.reason).not.toBe('');
    expect((await prove([answer.solver], query([], t.truth(true)))).status).toBe('unknown');
  });

  it('and so is no solver, one that is gone, and one that hangs', async () => {
    expect((await prove([], query([], t.truth(true)))).status).toBe('unknown');
    const gone: Solver = { name: 'z3', path: '/nonexistent/z3', version: '' };
    expect((await askSolver(gone, text)).result).toBe('unknown');
    const answer = await askSolver(pretend('cvc5', 'exec sleep 60'), text, { steps: 10, time: 100 });
    expect(answer).toMatchObject({ result: 'unknown', reason: 'out of time' });
  });

  it('and a real solver out of steps', async () => {
    // Bounds that only a long search decides.
    const many = Array.from({ length: 14 }, (_, i) => t.variable(`v${i}`));
    const bounds = many.flatMap((v) => [t.atMost(t.integer(0), v), t.atMost(v, t.integer(1))]);
    const weights = many.map((v, i) => t.scale(v, 2 * (10007 * (i + 3) + i * i * 31)));
    const hard = printQuery(query([...bounds, t.equal(weights.reduce(t.add), t.integer(900001))], t.truth(false)));
    for (const solver of solvers) {
      const answer = await askSolver(solver, hard, { steps: 10, time: 20_000 });
      expect([solver.name, answer.result]).toEqual([solver.name, 'unknown']);
    }
  });

  it('and the environment does not reach a solver', async () => {
    const answer = await askSolver(pretend('z3', '[ -z "$HOME$LD_PRELOAD" ] && echo unsat'), text);
    expect(answer.result).toBe('unsat');
  });
});

describe('obligations', () => {
  const [small, smaller] = [t.less(x, t.integer(9)), t.less(x, t.integer(5))];
  const claim = (name: string, given: t.Term[], goal: t.Term) => ({ name, given, goal });
  const statusOf = async (given: t.Term[], goals: t.Term[]): Promise<string> => {
    const claims = goals.map((goal, i) => claim(`claim ${i}`, given, goal));
    return (await proveObligations(solvers.slice(1), obligationsOf([], claims))).status;
  };

  it('are proved together, when all are and what they assume can be true', async () => {
    expect(await statusOf([smaller], [small, smaller])).toBe('proved');
    expect(await statusOf([small], [small, smaller])).toBe('refuted');
    expect(await statusOf([smaller, t.not(small)], [small])).toBe('refuted');
    expect(await statusOf([], [])).toBe('unknown');
    const proof = await proveObligations([], obligationsOf([], [claim('a', [], small)]));
    expect([proof.status, ...proof.verdicts.map(({ name }) => name)]).toEqual([
      'unknown',
      'a',
      'what is assumed can be true',
    ]);
  });
});

describe('solvers that contradict each other', () => {
  it('are an error, not a verdict', async () => {
    const [yes, no] = [pretend('z3', 'cat >/dev/null; echo sat'), pretend('cvc5', 'cat >/dev/null; echo unsat')];
    await expect(prove([yes, no], query([], t.truth(true)))).rejects.toThrow(
      'a test: pretended z3 says sat, pretended cvc5 says unsat; one of them is wrong, so use neither',
    );
  });

  it('differ from one that does not know', () => {
    const answer = (result: Answer['result']): Answer => ({ solver: solvers[0], result });
    expect(judge('a', [answer('unknown'), answer('unsat')])).toBe('proved');
    expect(judge('a', [answer('sat'), answer('unknown')])).toBe('refuted');
    expect(judge('a', [answer('unknown'), answer('unknown')])).toBe('unknown');
    expect(judge('a', [])).toBe('unknown');
  });
});
