/** The grammar of texts: what our printer writes passes, what could forge a verdict or reach outside does not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printQuery } from '../../../proofs/smt/print.ts';
import { readScript, scriptLimits } from '../../../proofs/smt/script.ts';
import * as t from '../../../proofs/smt/terms.ts';

const problemOf = (text: string): string | undefined => {
  const reading = readScript(text);
  return 'problem' in reading ? reading.problem : undefined;
};

const frame = (...commands: readonly string[]): string =>
  ['(set-logic ALL)', ...commands, '(check-sat)', ''].join('\n');

describe('texts that are accepted', () => {
  it.each([
    [
      'bit-vectors',
      '(declare-const a (_ BitVec 8))',
      '(assert (= ((_ extract 3 0) a) #b0101))',
      '(assert (bvult a #xFf))',
    ],
    [
      'arrays',
      '(declare-fun m () (Array Int Int))',
      '(assert (= (select (store m 0 1) 0) (select ((as const (Array Int Int)) 1) 0)))',
    ],
    [
      'functions and sorts',
      '(declare-sort R 0)',
      '(declare-fun f (R Int) Bool)',
      '(declare-const r R)',
      '(assert (f r (- 5)))',
    ],
    [
      'quantifiers with triggers',
      '(declare-fun f (Int) Int)',
      '(assert (forall ((x Int)) (! (> (f x) x) :pattern ((f x)) :qid q.1)))',
    ],
    ['let', '(declare-const x Int)', '(assert (let ((y (+ x 1)) (z 2)) (> y z)))'],
    ['names and cores', '(declare-const x Int)', '(assert (! (> x 1) :named h!1))'],
    ['quoted symbols', '(declare-const |a.ts:3 x;(check-sat)| Int)', '(assert (> |a.ts:3 x;(check-sat)| 0))'],
    ['definitions', '(define-fun t!1 ((x Int)) Int (ite (> x 0) x (- x)))', '(assert (> (t!1 3) 1))'],
    ['comments', '; (echo "unsat") ) ( | "', '(assert true) ; (exit)'],
    ['decimals', '(assert (= 1.50 1.5))'],
  ])('%s', (_, ...commands) => {
    expect(problemOf(frame(...commands))).toBeUndefined();
  });

  it('tell their constants and names', () => {
    const text = frame(
      '(declare-const x Int)',
      '(declare-fun |y z| () Int)',
      '(declare-fun f (Int) Int)',
      '(assert (! (> x 1) :named h))',
    );
    expect(readScript(text)).toEqual({ script: { logic: 'ALL', constants: ['x', '|y z|'], named: ['h'] } });
    expect(problemOf(`(set-option :produce-models true)\n${text}`)).toBeUndefined();
  });

  const names = fc.constantFrom('x', 'y', 'set', 'a.b', 'Z_9', 'assert_1', 'checksat');
  const ints: fc.Arbitrary<t.Term> = fc.letrec<{ int: t.Term; bool: t.Term }>((tie) => ({
    int: fc.oneof(
      { depthSize: 'medium' },
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(t.integer),
      names.map((name) => t.variable(`i${name}`)),
      fc.tuple(tie('int'), tie('int')).map(([a, b]) => t.add(a, b)),
      fc.tuple(tie('bool'), tie('int'), tie('int')).map(([c, a, b]) => t.select(c, a, b)),
    ),
    bool: fc.oneof(
      { depthSize: 'medium' },
      fc.boolean().map(t.truth),
      names.map((name) => t.variable(`b${name}`, 'Bool')),
      fc.tuple(tie('int'), tie('int')).map(([a, b]) => t.less(a, b)),
      fc.array(tie('bool'), { maxLength: 3 }).map(t.all),
      tie('bool').map(t.not),
    ),
  })).int;

  it('are all that our printer writes, whatever a query is called', () => {
    fc.assert(
      fc.property(fc.array(ints, { maxLength: 4 }), ints, fc.string({ unit: 'binary' }), (some, last, name) => {
        const text = printQuery({
          name,
          assumptions: some.map((term) => t.less(term, last)),
          goal: t.equal(last, last),
        });
        expect(problemOf(text)).toBeUndefined();
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('may be long', () => {
    let deep: t.Term = t.variable('x');
    for (let i = 0; i < 20_000; i++) deep = t.add(deep, t.variable(`y${i}`));
    const text = printQuery({ name: 'long', assumptions: [], goal: t.less(deep, deep) });
    expect(problemOf(text)).toBeUndefined();
    expect(problemOf(frame(`(assert (and ${'true '.repeat(1_000_000)}))`))).toBeUndefined();
  });
});

describe('texts that are refused', () => {
  it.each([
    ['an echo', frame('(echo "unsat")'), /string literal/],
    ['an echo of a symbol', frame('(echo |unsat|)'), /command echo is not allowed/],
    ['only an echo', '(set-logic ALL)(echo unsat)', /echo/],
    ['an output channel', `(set-option :regular-output-channel "/tmp/x")${frame()}`, /string literal/],
    [
      'an output channel as a symbol',
      `(set-option :regular-output-channel |/tmp/x|)${frame()}`,
      /option :regular-output-channel/,
    ],
    ['diagnostics', `(set-option :diagnostic-output-channel stdout)${frame()}`, /not allowed/],
    ["a solver's own option", `(set-option :smt.arith.solver 2)${frame()}`, /not allowed/],
    ['a limit', `(set-option :rlimit 1)${frame()}`, /not allowed/],
    ['an option later on', frame('(set-option :produce-models true)'), /before set-logic/],
    ['no check-sat', '(set-logic ALL)\n(assert false)\n', /no check-sat/],
    ['nothing', '', /no check-sat/],
    ['two check-sats', `${frame()}(check-sat)`, /after check-sat/],
    ['an assertion after check-sat', `${frame()}(assert false)`, /after check-sat/],
    ['a model', `${frame()}(get-model)`, /after check-sat/],
    ['assumptions', frame('(check-sat-assuming (p))'), /check-sat-assuming is not allowed/],
    ['a tactic', frame('(check-sat-using smt)'), /not allowed/],
    ['scopes', frame('(push 1)'), /command push/],
    ['a reset', frame('(reset)'), /command reset/],
    ['an exit', frame('(exit)'), /command exit/],
    ['an include', frame('(include |/etc/passwd|)'), /not allowed/],
    ['information', frame('(set-info :status unsat)'), /not allowed/],
    ['a quoted command', '(set-logic ALL)(|check-sat|)', /command \|check-sat\| is not allowed/],
    ['a recursive definition', frame('(define-fun-rec f ((x Int)) Int (f x))'), /not allowed/],
    ['datatypes', frame('(declare-datatypes ((T 0)) (((c))))'), /not allowed/],
    ['an unknown logic', '(set-logic HORN)(check-sat)', /logic HORN/],
    ['two logics', '(set-logic ALL)(set-logic QF_LIA)(check-sat)', /second set-logic/],
    ['no logic', '(check-sat)', /before set-logic/],
    ['a redefined not', frame('(define-fun not ((x Bool)) Bool x)'), /not has a meaning/],
    ['a redefined |not|', frame('(define-fun |not| ((x Bool)) Bool x)'), /has a meaning/],
    ['a bound true', frame('(assert (let ((true false)) true))'), /has a meaning/],
    ['a bound parameter named =', frame('(assert (forall ((= Int)) true))'), /has a meaning/],
    ['a part named and', frame('(assert (! true :named and))'), /has a meaning/],
    ['a redefined bvadd', frame('(declare-fun bvadd (Int) Int)'), /has a meaning/],
    ["a solver's name", frame('(declare-const @x Int)'), /solver's/],
    ['an odd attribute', frame('(assert (! true :status unsat))'), /attribute :status/],
    ['an atom outside', `unsat ${frame()}`, /outside a command/],
    ['a command without name', frame('((check-sat))'), /without a name/],
    ['an empty command', frame('()'), /without a name/],
    ['an empty term', frame('(assert ())'), /no term/],
    ['no term', frame('(assert)'), /takes 1 operands, not 0/],
    ['an open command', '(set-logic ALL)\n(check-sat', /line 2: a command without an end/],
    ['a parenthesis too many', frame(')'), /closes nothing/],
    ['an open quote', frame('(declare-const |x Int)'), /quoted symbol/],
    ['a quote over lines', frame('(declare-const |x\ny| Int)'), /quoted symbol/],
    ['a backslash in a quote', frame('(declare-const |x\\| Int)'), /quoted symbol/],
    ['a backslash', frame('(declare-const x\\y Int)'), /no name/],
    ['a carriage return', frame('; comment\r(echo)'), /no printable ASCII/],
    ['a NUL', `${frame()}\0(check-sat)`, /no printable ASCII/],
    ['a letter beyond ASCII', frame('; \u2028'), /no printable ASCII/],
    ['a numeral with a zero before it', frame('(assert (= 01 1))'), /01 is no/],
    ['a keyword as a term', frame('(assert :named)'), /:named is no/],
  ])('%s', (_, text, problem) => {
    expect(problemOf(text)).toMatch(problem);
  });

  it('too deep, and too long', () => {
    const deep = (depth: number): string => frame(`(assert ${'(not '.repeat(depth)}true${')'.repeat(depth)})`);
    expect(problemOf(deep(scriptLimits.depth - 1))).toBeUndefined();
    expect(problemOf(deep(scriptLimits.depth))).toMatch(/deeper/);
    expect(problemOf('('.repeat(1_000_000))).toMatch(/deeper/);
    expect(problemOf(' '.repeat(scriptLimits.bytes + 1))).toMatch(/more than/);
  });

  it('with the line where it is', () => {
    expect(problemOf(frame('; one', '(assert', 'true)', '(echo', '5)'))).toMatch(/^line 5: the command echo/);
  });

  it('and never crash the reader, nor make it ask twice', () => {
    const piece = fc.constantFrom(
      ...[
        '(',
        ')',
        '|',
        '"',
        ';',
        '\n',
        ' ',
        '\\',
        '(check-sat)',
        '(echo "unsat")',
        '(set-logic ALL)',
        '(assert',
        'true',
      ],
      ...[
        '(set-option :regular-output-channel "x")',
        '(exit)',
        '(push)',
        '!',
        ':named',
        'let',
        '((x',
        '_',
        '#b',
        '#x',
        '0',
        'x',
        '\r',
        '\0',
        '\u2028',
      ],
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = `(set-logic ALL)${pieces.join('')}(check-sat)`;
        if (problemOf(text) !== undefined) return;
        accepted++;
        const bare = text.replace(/;[^\n]*/g, '').replace(/\|[^|]*\|/g, '');
        expect(bare.match(/check-sat/g)).toHaveLength(1);
        expect(bare).not.toMatch(/echo|set-option|exit|push|"/);
      }),
      { seed: 11, numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});
