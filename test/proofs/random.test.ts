/**
 * Random programs of the subset: the interpreter computes what Node.js computes, and whatever is proved holds when it is
 * run. The generator favours what is nearly provable: small types, guards that mention what they protect, loops whose
 * counters are bounded, and postconditions taken from the code.
 */
import { transformSync } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { run } from '../../analyzers/interpreter/run.ts';
import { createDraw, drawArguments } from '../../analyzers/interpreter/sample.ts';
import { isArrayValue, type Value } from '../../analyzers/interpreter/values.ts';
import type { FunctionIr } from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import { type Result, verifyProgram } from '../../proofs/verify.ts';
import { analyzeText, askProver } from '../support/contracts.ts';

const long = process.env['CASEMATE_LONG'] === '1';
const PROGRAMS = long ? 2_000 : 200;
/** Programs that are proved, of four functions and of one, which takes less. */
const PROVED = long ? 2_000 : 40;
const PROVED_SMALL = long ? 2_000 : 160;

const scalarTypes = ['u8', 'u16', 'i8', 'i32', 'u32', 'number'] as const;

/** An expression of a number over the names. */
const expression = (names: readonly string[], depth: number): fc.Arbitrary<string> => {
  const leaf = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constantFrom('0', '1', '2', '7', '255', '256', '65535', '-1') },
  );
  if (depth === 0) return leaf;
  const inner = expression(names, depth - 1);
  const binary = (operators: readonly string[]) =>
    fc.tuple(inner, fc.constantFrom(...operators), inner).map(([a, o, b]) => `(${a} ${o} ${b})`);
  return fc.oneof(
    { weight: 3, arbitrary: leaf },
    { weight: 3, arbitrary: binary(['+', '-']) },
    { weight: 1, arbitrary: binary(['*', '&', '|', '^']) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(inner, fc.constantFrom('& 15', '& 0xf0', '% 10', '>>> 1', '>> 3', '>>> 0', '| 0', '<< 4'))
        .map(([a, o]) => `(${a} ${o})`),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(inner, fc.constantFrom('2', '3', '16')).map(([a, b]) => `Math.trunc(${a} / ${b})`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('Math.min', 'Math.max', 'Math.imul'), inner, inner)
        .map(([f, a, b]) => `${f}(${a}, ${b})`),
    },
    { weight: 1, arbitrary: fc.tuple(condition(names, 0), inner, inner).map(([c, a, b]) => `(${c} ? ${a} : ${b})`) },
  );
};

const condition = (names: readonly string[], depth: number): fc.Arbitrary<string> => {
  const simple = fc
    .tuple(expression(names, depth), fc.constantFrom('<', '<=', '>', '>=', '===', '!=='), expression(names, 0))
    .map(([a, o, b]) => `${a} ${o} ${b}`);
  return fc.oneof(
    { weight: 4, arbitrary: simple },
    {
      weight: 1,
      arbitrary: fc.tuple(simple, fc.constantFrom('&&', '||'), simple).map(([a, o, b]) => `(${a} ${o} ${b})`),
    },
    { weight: 1, arbitrary: simple.map((c) => `!(${c})`) },
  );
};

/** Statements that change x and y, the array a, and the object c. */
const statement = (names: readonly string[], depth: number): fc.Arbitrary<string> => {
  const assign = fc
    .tuple(fc.constantFrom('x', 'y', 'x', 'y', 'c.at'), fc.constantFrom('=', '=', '+=', '-='), expression(names, 2))
    .map(([v, o, e]) => `${v} ${o} ${e};`);
  const store = fc
    .tuple(expression(names, 1), expression(names, 1))
    .map(([i, e]) => `{ const at = ${i}; if (at >= 0 && at < a.length) { a[at] = (${e}) & 255; x = a[at]; } }`);
  const read = fc.tuple(expression(names, 0)).map(([i]) => `if (${i} >= 0 && ${i} < a.length) y = a[${i}];`);
  const simple = fc.oneof(
    { weight: 4, arbitrary: assign },
    { weight: 1, arbitrary: store },
    { weight: 1, arbitrary: read },
  );
  if (depth === 0) return simple;
  const block = fc.array(statement(names, depth - 1), { minLength: 1, maxLength: 2 }).map((list) => list.join(' '));
  const branch = fc.tuple(condition(names, 1), block, block).map(([c, t, e]) => `if (${c}) { ${t} } else { ${e} }`);
  const loop = fc
    .tuple(
      fc.constantFrom('3', 'a.length'),
      fc.constantFrom('true', 'x >= 0', 'x <= 255', 'y <= x', 'i >= 0'),
      block,
      fc.constantFrom('', 'if (x > 9) break;', 'if (y === 1) continue;'),
    )
    .map(
      ([end, invariant, body, exit]) => `for (let i = 0; i < ${end}; i++) { invariant(${invariant}); ${exit} ${body} }`,
    );
  const choice = fc
    .tuple(expression(names, 1), block, block)
    .map(([e, b, c]) => `switch (${e}) { case 0: case 1: ${b} break; case 2: ${c} break; default: x = 0; }`);
  return fc.oneof(
    { weight: 4, arbitrary: simple },
    { weight: 2, arbitrary: branch },
    { weight: 1, arbitrary: loop },
    { weight: 1, arbitrary: choice },
  );
};

/** The least and the greatest that an expression of p and q gives on a grid of their ranges. */
function sampledRange(text: string, p: readonly number[], q: readonly number[]): readonly number[] {
  const own = new Function('p', 'q', `return ${text};`) as (p: number, q: number) => number;
  const grid = ([low, high]: readonly number[]): number[] =>
    Array.from({ length: 9 }, (_, i) => low + Math.round(((high - low) * i) / 8));
  const all = grid(p).flatMap((x) => grid(q).map((y) => own(x, y)));
  return [Math.min(...all), Math.max(...all)];
}

/** Ranges inside every scalar type. */
const smallRange = fc
  .tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 100 }))
  .map(([low, more]) => [low, low + more]);

/**
 * A function that claims the range that its value had on samples, or a little less: mostly true, and beyond what can be
 * read off its form, so that a solver has to decide.
 */
const ranged = fc
  .record({
    types: fc.tuple(fc.constantFrom(...scalarTypes), fc.constantFrom(...scalarTypes)),
    p: smallRange,
    q: smallRange,
    test: condition(['p', 'q'], 1),
    first: expression(['p', 'q'], 1),
    second: expression(['p', 'q', 'x'], 1),
    off: fc.constantFrom(0, 0, 0, 1),
  })
  .map(({ types: [a, b], p, q, test, first, second, off }) => {
    const value = `(${test}) ? ${first} : ((x) => ${second})(${first})`;
    const [low, high] = sampledRange(value, p, q);
    return `
/**
 * @requires ${p[0]} <= p && p <= ${p[1]} && ${q[0]} <= q && q <= ${q[1]}
 * @ensures ${low} <= result && result <= ${high - off}
 */
export function k(p: ${a}, q: ${b}): number {
  const x = ${first};
  return (${test}) ? x : ${second};
}`;
  });

const programs = fc
  .record({
    types: fc.tuple(fc.constantFrom(...scalarTypes), fc.constantFrom(...scalarTypes)),
    locals: fc.tuple(fc.constantFrom(...scalarTypes), fc.constantFrom(...scalarTypes)),
    requires: condition(['p', 'q'], 1),
    first: expression(['p', 'q'], 1),
    body: fc.array(statement(['p', 'q', 'x', 'y', 'c.at'], 1), { minLength: 1, maxLength: 3 }),
    result: expression(['p', 'x', 'y'], 1),
    claim: condition(['p', 'q', 'result'], 1),
    same: fc.boolean(),
    ranged,
  })
  .map(({ types: [p, q], locals: [x, y], requires, first, body, result, claim, same, ranged: last }) => {
    // Half of them claim what they compute from their parameters, so that there is something to prove.
    const ensures = same ? `result === ${first} || result !== ${first}` : claim;
    return `
/**
 * @requires ${requires}
 * @requires a.length < 100
 * @modifies a, c
 * @ensures ${ensures}
 * @ensures c.end === old(c.end)
 */
export function f(p: ${p}, q: ${q}, a: Uint8Array, c: { at: ${y}; readonly end: u8 }): number {
  let x: ${x} = 0;
  let y: ${y} = 1;
  ${body.join('\n  ')}
  return ${result};
}
/** @ensures ${claim} */
export function g(p: ${p}, q: ${q}): number { return ${first}; }
/** @throws {RangeError} ${requires} */
export function h(p: ${p}, q: ${q}): number { if (${requires}) throw new RangeError('announced'); return p; }
${last}`;
  });

/** A value as Node.js has it. */
function native(value: Value, type: Type): unknown {
  if (isArrayValue(value)) return Uint8Array.from(value.elements, Number);
  if (type.kind === 'object' && typeof value === 'object') {
    const { fields } = type.record;
    return Object.fromEntries(fields.map(({ name, type: of }, i) => [name, native(value.fields[i], of)]));
  }
  return type.kind === 'integer' ? Number(value) : value;
}

function compiled(text: string): Readonly<Record<string, (...args: unknown[]) => unknown>> {
  const { code } = transformSync(`const invariant = (_: boolean) => {};\n${text}`, { loader: 'ts', format: 'cjs' });
  const module = { exports: {} };
  new Function('module', 'exports', code)(module, module.exports);
  return module.exports;
}

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
    const natives = args.map((arg, k) => native(arg, subject.parameters[k].type));
    const { outcome } = run(program, subject, args);
    if (outcome.kind === 'threw') expect(() => own(...natives)).toThrow(RangeError);
    if (outcome.kind !== 'returned') continue;
    compared++;
    const result = own(...natives);
    expect(Number(outcome.value)).toBe(Number(result) + 0);
    args.forEach((arg, k) => {
      if (isArrayValue(arg)) expect(arg.elements.map(Number)).toEqual([...(natives[k] as Uint8Array)]);
      else if (typeof arg === 'object') expect(native(arg, subject.parameters[k].type)).toEqual(natives[k]);
    });
  }
  return compared;
}

describe('generated programs', () => {
  it('mean in the interpreter what they mean in Node.js', () => {
    let compared = 0;
    fc.assert(
      fc.property(programs, (text) => {
        const { program } = analyzeText(text);
        // TypeScript itself refuses a comparison of two constants.
        fc.pre(program !== undefined);
        const own = compiled(text);
        for (const subject of program.functions) compared += compare(program, subject, own[subject.name], 30);
      }),
      { seed: 11, numRuns: PROGRAMS },
    );
    expect(compared).toBeGreaterThan(PROGRAMS * 5);
  }, 300_000);

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
          if (long && programsAsked % 100 === 0) console.log(`${programsAsked} of ${count} programs asked`);
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
        { seed: 12, numRuns: count, endOnFailure: long },
      );
      if (long)
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
