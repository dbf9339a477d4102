/**
 * What the check passes tells nothing of a secret: generated functions are run on two secrets with all else the same, and
 * then the result, whether they throw, and all memory that is neither @secret nor @declassifies must be the same. So must
 * be zero what a function promises to wipe. The interpreter is the oracle; it knows nothing of the check.
 */
import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../../analyzers/diagnostics.ts';
import { run } from '../../../analyzers/interpreter/run.ts';
import { createDraw, type Draw } from '../../../analyzers/interpreter/sample.ts';
import type { ArrayValue, Value } from '../../../analyzers/interpreter/values.ts';
import { type FunctionIr, isArrayVariable, type Program, type Secrets } from '../../../analyzers/ir.ts';
import { checkSecrets } from '../../../analyzers/secrets/check.ts';
import { programOf } from '../../support/contracts.ts';
import { isLong } from '../../support/long.ts';

const PROGRAMS = isLong ? 1_500 : 80;
/** Functions of one text. */
const TOGETHER = 80;
const TRIES = isLong ? 24 : 8;

const helpers = `
/** @modifies a */
function put(a: Uint8Array, x: u8): void { a[x & 3] = x; }
/** @modifies a */
function clear(a: Uint8Array): void { for (let i = 0; i < a.length; i++) a[i] = 0; }
/** @modifies a */
function expand(a: Uint8Array, b: Readonly<Uint8Array>): void { for (let i = 0; i < a.length && i < b.length; i++) a[i] = b[i] ^ 54; }
/** @modifies a */
function show(a: Uint8Array, b: Readonly<Uint8Array>): void { if (a.length > 1 && b.length > 1) { a[0] = 7; a[1] = 9; } }
/** @verified */
function mix(a: u8, b: u8): u8 { if (a > b) return a; return (a ^ b) & 255; }
/** @verified */
function less(a: u8, b: u8): u8 { let n: u8 = 0; for (let i = 0; i < (a & 3); i++) { if (i === b) break; n = (n + b) & 255; } return n; }
/** @throws {RangeError} x > 200 */
function small(x: u8): void { if (x > 200) throw new RangeError('large'); }
`;

const tags = (secret: readonly string[], more: Partial<Secrets> = {}): Secrets => ({
  secret,
  declassified: [],
  result: false,
  zeroized: false,
  ...more,
});

/** What the helpers say; `show` has nothing to show, or it would tell. Tags are put on the IR: a text that breaks their rules has none. */
const said: Readonly<Record<string, Secrets>> = {
  clear: tags(['a'], { zeroized: true }),
  expand: tags(['a', 'b']),
  show: tags(['b'], { declassified: ['a'] }),
};

const memory = ['t', 'u', 's', 'o', 'key'] as const;

/** Writes functions: each statement is one that the subset has, and does nothing that would have to be proved. */
function createWriter(draw: Draw) {
  let count = 0;
  const pick = <T>(of: readonly T[]): T => of[draw(of.length)];
  const place = (): string => `${pick(memory)}[${draw(3) === 0 ? `${pick(['x', 'y', 'p'])} & 3` : draw(4)}]`;
  const simple = (): string => pick([() => pick(['x', 'y', 'z', 'p']), place, () => String(draw(3))])();
  const value = (depth = 2): string =>
    depth === 0
      ? simple()
      : pick([
          simple,
          simple,
          () => `((${value(depth - 1)} ${pick(['^', '+', '&', '|'])} ${value(depth - 1)}) & 255)`,
          () => `(${condition()} ? ${value(depth - 1)} : ${value(depth - 1)})`,
          () => `${pick(['mix', 'less'])}(${value(depth - 1)}, ${value(depth - 1)})`,
        ])();
  const condition = (): string => {
    const one = `${pick(['x', 'y', 'z', 'p', place()])} ${pick(['<', '===', '>'])} ${pick(['x', 'z', 'p', '1', '2'])}`;
    return draw(6) === 0 ? `${one} ${pick(['&&', '||'])} ${condition()}` : one;
  };
  const wipe = (): string => {
    const name = pick(memory);
    return pick([
      () => `for (let w = 0; w < ${name}.length; w++) ${name}[w] = 0;`,
      () => `clear(${name});`,
      () => `${name}[0] = 0; ${name}[1] = 0; ${name}[2] = 0; ${name}[3] = 0;`,
      () => `for (let w = 0; w < ${draw(2) + 3}; w++) ${name}[w] = 0;`,
    ])();
  };
  const leave = (inLoop: boolean): string =>
    pick([
      () => `return ${simple()};`,
      () => "throw new RangeError('x');",
      () => (inLoop ? pick(['break;', 'continue;']) : `return ${draw(3)};`),
    ])();
  const statement = (depth: number, inLoop: boolean): string => {
    const nested = (): string => block(depth - 1, inLoop);
    const loop = (): string => {
      const i = `i${count++}`;
      return `for (let ${i} = 0; ${i} < (${simple()} & 3); ${i}++) {\n${block(depth - 1, true)}}`;
    };
    const forms = [
      () => `${pick(['x', 'y', 'z'])} = ${value()};`,
      () => `${place()} = ${value()};`,
      () => `${place()} = ${draw(2)};`,
      wipe,
      wipe,
      () => `put(${pick(memory)}, ${value(1)});`,
      () =>
        pick([
          'expand(s, key);',
          'show(o, key);',
          'expand(t, key);',
          'show(u, s);',
          'expand(s, t);',
          `small(${simple()});`,
        ]),
      ...(depth > 0
        ? [
            () => `if (${condition()}) {\n${nested()}} else {\n${nested()}}`,
            () => `if (${condition()}) {\n${nested()}${draw(2) === 0 ? `${leave(inLoop)}\n` : ''}}`,
            () =>
              `if (${condition()}) {\n${nested()}${leave(inLoop)}\n} else {\n${nested()}${inLoop ? `${leave(true)}\n` : ''}}`,
            loop,
          ]
        : []),
    ];
    return pick(forms)();
  };
  const block = (depth: number, inLoop: boolean): string =>
    Array.from({ length: 1 + draw(3) }, () => `${statement(depth, inLoop)}\n`).join('');
  return (name: string, zeroized: boolean): string => `/**
 * @requires t.length === 4 && u.length === 4 && s.length === 4 && o.length === 4 && key.length === 4
 * @throws {RangeError} p > 200
 * @modifies t, u, s, o, key
 */
function ${name}(t: Uint8Array, u: Uint8Array, s: Uint8Array, o: Uint8Array, key: Uint8Array, p: u8): u8 {
let x: u8 = 0; let y: u8 = 1; let z: u8 = 2;
${block(2, false)}${draw(3) === 0 ? '' : wipe()}
${draw(2) === 0 ? wipe() : ''}${zeroized && draw(4) > 0 ? 'clear(key); clear(s);' : ''}
return ${draw(3) === 0 ? simple() : '0'};
}
`;
}

/** The function with tags, in a program in which the helpers have theirs. */
function tagged(program: Program, own: FunctionIr, zeroized: boolean): Program {
  const functions = program.functions.flatMap((one): FunctionIr[] => {
    if (one.key === own.key) return [{ ...one, secrets: tags(['key', 's'], { declassified: ['o'], zeroized }) }];
    const secrets = said[one.name];
    return one.name.startsWith('f') ? [] : [secrets === undefined ? one : { ...one, secrets }];
  });
  return { ...program, functions };
}

/** What the outside sees of a run, and what is left in the secret arrays. */
function observe(program: Program, own: FunctionIr, given: ReadonlyMap<string, readonly bigint[]>, p: bigint) {
  const args = own.parameters.map(
    (parameter): Value =>
      isArrayVariable(parameter)
        ? { kind: 'array', type: parameter.type, elements: [...given.get(parameter.name)!] }
        : p,
  );
  const { outcome } = run(program, own, args, 5_000);
  const left = (name: string): readonly Value[] =>
    (args[own.parameters.findIndex((one) => one.name === name)] as ArrayValue).elements;
  // An error that no clause announces is a violation to the interpreter, and one way to leave all the same.
  const isThrow = outcome.kind === 'violation' && outcome.violation.kind === 'throws';
  const ended =
    outcome.kind === 'returned'
      ? `returned ${String(outcome.value)}`
      : isThrow || outcome.kind === 'threw'
        ? 'threw'
        : undefined;
  return ended === undefined
    ? undefined
    : { seen: `${ended} ${left('t').join()} ${left('u').join()}`, secrets: [...left('key'), ...left('s')] };
}

/** Whether runs with different secrets are told from one another, or leave what was promised to be wiped. */
function tells(program: Program, own: FunctionIr, draw: Draw, zeroized: boolean): boolean {
  const bytes = (): bigint[] => Array.from({ length: 4 }, () => BigInt(draw(2) === 0 ? draw(4) : draw(256)));
  return Array.from({ length: TRIES }).some(() => {
    const open = { t: bytes(), u: bytes(), o: bytes() };
    const p = BigInt(draw(2) === 0 ? draw(4) : draw(256));
    const runs = [0, 1].map(() =>
      observe(program, own, new Map(Object.entries({ ...open, s: bytes(), key: bytes() })), p),
    );
    if (runs.some((one) => one === undefined)) return false;
    return (
      runs[0]!.seen !== runs[1]!.seen || (zeroized && runs.some((one) => one!.secrets.some((byte) => byte !== 0n)))
    );
  });
}

describe('generated functions', () => {
  it('that the check passes tell nothing of their secrets, and many that it refuses do', () => {
    const draw = createDraw(11);
    const write = createWriter(draw);
    const counts = { passed: 0, refused: 0, told: 0, zeroized: 0 };
    const wrong: string[] = [];
    for (let at = 0; at < PROGRAMS; at += TOGETHER) {
      const names = Array.from({ length: TOGETHER }, (_, i) => `f${at + i}`);
      const texts = new Map(names.map((name, i) => [name, write(name, i % 4 === 0)]));
      const program = programOf(`${helpers}${[...texts.values()].join('')}`);
      for (const own of program.functions.filter(({ name }) => texts.has(name))) {
        const zeroized = names.indexOf(own.name) % 4 === 0;
        const diagnostics: Diagnostic[] = [];
        checkSecrets(tagged(program, own, zeroized), diagnostics);
        const passes = diagnostics.length === 0;
        const told = tells(program, own, draw, zeroized);
        if (passes) counts.passed++;
        else counts.refused++;
        if (passes && zeroized) counts.zeroized++;
        if (told && !passes) counts.told++;
        if (told && passes) wrong.push(texts.get(own.name)!);
      }
    }
    expect(wrong.slice(0, 5)).toEqual([]);
    // Otherwise it would say nothing.
    expect(counts.passed).toBeGreaterThan(PROGRAMS / 20);
    expect(counts.told).toBeGreaterThan(counts.refused / 5);
    expect(counts.zeroized).toBeGreaterThan(0);
  });
});
