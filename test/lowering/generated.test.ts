/**
 * Generated programs mean in C what they mean in Node.js: many at a time become one file of C, which compilers take
 * without a warning and sanitizers without a word. They need not be proved for it: they are run on what the interpreter
 * finds no fault with, because C has a meaning only there.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FunctionIr, Program, Statement } from '../../analyzers/ir.ts';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { lowerToC } from '../../lowering/c/lower.ts';
import { reachableFrom } from '../../lowering/reachable.ts';
import { library, withImports } from '../support/contracts.ts';
import { classPrograms } from '../support/generated/classes.ts';
import { constructPrograms } from '../support/generated/constructs.ts';
import { programs } from '../support/generated/programs.ts';
import { valuePrograms } from '../support/generated/values.ts';
import { isLong as long } from '../support/long.ts';
import { type Build, type Call, drawCalls, runLowered, writeUnit } from '../support/lowered.ts';
import { allBuilds, sanitized } from '../support/lowered-builds.ts';
import { compiled, nativeValue, wordsOfNative } from '../support/native.ts';
import { requireTool } from '../support/tools.ts';
import { inTurns } from '../support/turns.ts';

const PROGRAMS = long ? 2_000 : 50;
/** Programs of one file of C. */
const TOGETHER = 50;
/** Inputs of each function. */
const TRIES = long ? 40 : 15;

const builds: readonly (readonly [string, Build])[] = [
  ...allBuilds(),
  ...(long
    ? ([
        ['gcc -O2', { compiler: requireTool('gcc'), flags: ['-O2'] }],
        ['gcc -O2, sanitized', sanitized('gcc', '-O2')],
        ['clang -O2, sanitized', sanitized('clang', '-O2')],
      ] as const)
    : []),
];

/** The statements without what they claim: a false claim is no fault of the code. */
const withoutClaims = (statements: readonly Statement[]): readonly Statement[] =>
  statements.flatMap((one): readonly Statement[] => {
    switch (one.kind) {
      case 'assert':
        return [];
      case 'if':
        return [{ ...one, whenTrue: withoutClaims(one.whenTrue), whenFalse: withoutClaims(one.whenFalse) }];
      case 'loop':
        return [{ ...one, invariants: [], body: withoutClaims(one.body) }];
      default:
        return [one];
    }
  });

const unclaimed = (fn: FunctionIr): FunctionIr =>
  fn.body === undefined ? fn : { ...fn, ensures: [], body: withoutClaims(fn.body) };

/** A program's functions that C has: one that throws has no form in it. */
const lowerable = (program: Program): Program => ({
  ...program,
  functions: program.functions.filter(({ throws }) => throws.length === 0).map(unclaimed),
});

/** What is refused of bigints, whose ranges a generator does not follow. */
const tooWide = /^this bigint may need more than 128 bits|more than 64 bits$/;

/** Whether a program compares two constants, or switches over one, which the compiler itself refuses. */
const isIdle = (text: string): boolean => /(^|[(!] ?|[&|?:] |return )-?\d+ [!=]== -?\d+\b|switch \(-?\d+\)/m.test(text);

/** Of these programs the first TOGETHER that are in the language, and in C, as one. */
function analyzeAll(texts: readonly string[]): Program {
  const sources = texts.map((text, i) => ({ name: `p${i}.ts`, text: withImports(text) }));
  const whole = analyze(sources, library);
  const bad = new Set(whole.diagnostics.map(({ span }) => span.file));
  const good = sources.filter(({ name }) => !bad.has(name));
  const program = lowerable(whole.program ?? analyze(good, library).program!);
  const { diagnostics } = lowerToC(program, 'generated');
  expect(diagnostics.filter(({ message }) => !tooWide.test(message))).toEqual([]);
  const wide = new Set(diagnostics.map(({ span }) => span.file));
  const kept = good.filter(({ name }) => !wide.has(name)).slice(0, TOGETHER);
  expect(kept.length).toBe(TOGETHER);
  const files = new Set(kept.map(({ name }) => name));
  const roots = program.functions.filter(({ span }) => files.has(span.file)).map(({ key }) => key);
  return reachableFrom(program, new Set(roots));
}

/** What Node.js makes of calls of exported functions: the words of results, then of what arrays and objects hold. */
function inNode(texts: readonly string[], calls: readonly Call[]): string[][] {
  const modules = new Map<string, ReturnType<typeof compiled>>();
  return calls.map(({ function: { name, parameters, result, span }, args }) => {
    const own = modules.get(span.file) ?? compiled(texts[Number(/\d+/.exec(span.file)![0])]);
    modules.set(span.file, own);
    const natives = args.map((arg, i) => nativeValue(arg, parameters[i].type));
    const value = own[name](...natives);
    const held = parameters.flatMap(({ type }, i) =>
      type.kind === 'array' || type.kind === 'object' ? wordsOfNative(natives[i], type) : [],
    );
    return [...wordsOfNative(value, result), ...held];
  });
}

interface Batch {
  readonly texts: readonly string[];
  readonly calls: readonly Call[];
  readonly folder: string;
}

function makeBatch(texts: readonly string[]): Batch {
  const program = analyzeAll(texts);
  const lowered = lowerToC(program, 'generated');
  // A constructor makes its arrays anew, so no run of it is on arrays that are given.
  const calls = drawCalls(
    program,
    TRIES,
    program.functions.filter(({ name }) => !name.startsWith('new ')),
  );
  return { texts, calls, folder: writeUnit({ program, lowered, name: 'generated' }, calls) };
}

const DRAWN = TOGETHER * 1.3;
const drawn = fc
  .oneof(
    { weight: 2, arbitrary: programs },
    { weight: 3, arbitrary: valuePrograms },
    { weight: 3, arbitrary: constructPrograms },
    { weight: 1, arbitrary: classPrograms },
  )
  .filter((text) => !isIdle(text));
const texts = fc.sample(drawn, { seed: 21, numRuns: (PROGRAMS / TOGETHER) * DRAWN });
const shown = (calls: readonly Call[], lines: readonly (readonly string[])[]) =>
  calls.map(({ function: { key }, args }, i) => ({ key, args, is: lines[i] }));

const expectedOf = (calls: readonly Call[]) => calls.map(({ expected }) => expected);

describe('generated programs', async () => {
  const batches: Batch[] = [];
  await inTurns(PROGRAMS / TOGETHER, (i) => {
    batches.push(makeBatch(texts.slice(i * DRAWN, (i + 1) * DRAWN)));
  });

  it('are compared in most of their functions, on many inputs', () => {
    const called = batches.map(({ calls }) => new Set(calls.map(({ function: subject }) => subject)));
    const compared = batches.reduce((sum, { calls }) => sum + calls.length, 0);
    const functions = called.reduce((sum, { size }) => sum + size, 0);
    const programs = called.reduce((sum, some) => sum + new Set([...some].map(({ span }) => span.file)).size, 0);
    if (long) console.log(`${compared} calls of ${functions} functions in ${programs} programs`);
    expect(programs).toBeGreaterThan(PROGRAMS * 0.95);
    expect(functions).toBeGreaterThan(PROGRAMS * 2);
    expect(compared).toBeGreaterThan(PROGRAMS * TRIES);
  });

  it('mean in the interpreter what they mean in Node.js', async () => {
    await inTurns(batches.length, (i) => {
      const { calls, texts: own } = batches[i];
      const exported = calls.filter(({ function: subject }) => subject.exported);
      expect(shown(exported, inNode(own, exported))).toEqual(shown(exported, expectedOf(exported)));
    });
  }, 3_600_000);

  it.each(builds)(
    'mean the same in C: %s',
    async (_, build) => {
      for (const { calls, folder } of batches) {
        const lines = await runLowered(folder, { name: 'generated' }, build);
        expect(shown(calls, lines)).toEqual(shown(calls, expectedOf(calls)));
      }
    },
    3_600_000,
  );
});
