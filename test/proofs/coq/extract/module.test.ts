/** TypeScript of extracted terms, without Coq: the terms are written here in the form that Coq's JSON has. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { helpers } from '../../../../proofs/coq/extract/helpers.ts';
import { moduleText } from '../../../../proofs/coq/extract/module.ts';
import { camelCase, namesFrom } from '../../../../proofs/coq/extract/naming.ts';
import { readExtraction } from '../../../../proofs/coq/extract/syntax.ts';
import { temporaryFolder } from '../../../support/paths.ts';

const glob = (name: string, ...args: unknown[]) => ({ what: 'type:glob', name, args });
const arrow = (left: unknown, right: unknown) => ({ what: 'type:arrow', left, right });
const local = (name: string) => ({ what: 'expr:rel', name });
const global = (name: string) => ({ what: 'expr:global', name });
const apply = (func: unknown, ...args: unknown[]) => ({ what: 'expr:apply', func, args });
const lambda = (argnames: string[], body: unknown) => ({ what: 'expr:lambda', argnames, body });
const make = (name: string, ...args: unknown[]) => ({ what: 'expr:constructor', name, args });
const match = (expr: unknown, ...cases: [string, string[], unknown][]) => ({
  what: 'expr:case',
  expr,
  cases: cases.map(([name, argnames, body]) => ({
    what: 'case',
    pat: { what: 'pat:constructor', name, argnames },
    body,
  })),
});
const term = (name: string, type: unknown, value: unknown) => ({ what: 'decl:term', name, type, value });
const fixpoint = (name: string, type: unknown, value: unknown) => ({
  what: 'decl:fixgroup',
  fixlist: [{ what: 'fixgroup:item', name, type, value }],
});
const nat = glob('#nat');
const list = glob('#list', nat);

const textOf = (
  declarations: unknown[],
  roots: string[],
  theorems: { name: string; statement: string }[] = [],
): string =>
  moduleText({
    file: 'test.v',
    declarations: readExtraction(JSON.stringify({ what: 'module', declarations })),
    source: { definitions: [], theorems, fields: new Map(), refused: [] },
    roots,
  });

async function load(text: string): Promise<Record<string, (...args: unknown[]) => unknown>> {
  const path = join(temporaryFolder('extracted'), 'module.mjs');
  writeFileSync(path, transformSync(text, { loader: 'ts' }).code);
  return import(/* @vite-ignore */ pathToFileURL(path).href);
}

/** sum acc l = match l with nil => acc | cons x r => sum (acc + x) r end */
const sum = fixpoint(
  'sum_onto',
  arrow(nat, arrow(list, nat)),
  lambda(
    ['acc', 'l'],
    match(
      local('l'),
      ['#list.nil', [], local('acc')],
      [
        '#list.cons',
        ['x', 'r'],
        apply(global('sum_onto'), apply(global('#Init.Nat.add'), local('acc'), local('x')), local('r')),
      ],
    ),
  ),
);

describe('an extracted function', () => {
  it('that calls itself last is a loop, and takes a list of a million', async () => {
    const text = textOf([sum], ['sum_onto']);
    expect(text).toContain('export function sumOnto(acc: bigint, l: List<bigint>): bigint {\n  for (;;) {');
    const { sumOnto, listOf } = await load(text);
    expect(sumOnto!(5n, listOf!(Array.from({ length: 1_000_000 }, () => 2n)))).toBe(2_000_005n);
  });

  it('sees in a function that it makes the values of its own turn, not of the next', async () => {
    // later f n = match n with O => f | S m => later (fun k => k + n) m end
    const fn = arrow(nat, nat);
    const later = fixpoint(
      'later',
      arrow(fn, arrow(nat, fn)),
      lambda(
        ['f', 'n'],
        match(
          local('n'),
          ['#nat.O', [], local('f')],
          [
            '#nat.S',
            ['m'],
            apply(global('later'), lambda(['k'], apply(global('#Init.Nat.add'), local('k'), local('n'))), local('m')),
          ],
        ),
      ),
    );
    const module = await load(textOf([later], ['later']));
    const given = module['later']!((k: bigint) => k, 3n) as (k: bigint) => bigint;
    expect(given(10n)).toBe(11n);
  });

  it('may be given less than all that it takes, and keeps what it was given', async () => {
    const twice = term('adder', arrow(nat, arrow(nat, nat)), lambda(['n'], apply(global('#Init.Nat.add'), local('n'))));
    const { adder } = await load(textOf([twice], ['adder']));
    expect((adder!(2n) as (n: bigint) => bigint)(40n)).toBe(42n);
  });

  it('has what is proved of it in a comment that nothing ends', () => {
    const text = textOf(
      [sum],
      ['sum_onto'],
      [
        { name: 'right', statement: 'forall l, sum_onto 0 l = total */ evil(); /* l' },
        { name: 'other', statement: 'forall l, sum_onto2 0 l = 0' },
      ],
    );
    expect(text).toContain(' * right: forall l, sum_onto 0 l = total * / evil(); /* l');
    expect(text).not.toContain('other:');
  });

  it.each([
    ['an axiom', { what: 'expr:axiom' }, /bad: is an axiom/],
    ['a cast', { what: 'expr:coerce', value: local('n') }, /bad: a type in it depends on a value/],
    ['types that do not fit', make('#bool.true'), /bad: its types do not fit/],
    ['a name that nobody binds', local('nobody'), /bad: nobody binds nobody/],
  ])('is refused by its name for %s', (_what, body, message) => {
    expect(() => textOf([term('bad', arrow(nat, nat), lambda(['n'], body))], ['bad'])).toThrow(message);
  });
});

describe('an extraction', () => {
  it.each(['', '[]', '{"declarations": 1}', '{"declarations": [{"what": "decl:new"}]}'])(
    'of another form is refused: %s',
    (text) => expect(() => readExtraction(text)).toThrow(/which Coq 8.16 does not write/),
  );

  const nested = (depth: number): unknown => {
    let body: unknown = make('#nat.O');
    for (let i = 0; i < depth; i++)
      body = match(make('#nat.S', body), ['#nat.O', [], make('#nat.O')], ['#nat.S', ['p'], local('p')]);
    return body;
  };
  it('that is nested without end is refused, and one that is not is taken', async () => {
    for (const depth of [400, 3000])
      expect(() => textOf([term('deep', nat, nested(depth))], ['deep'])).toThrow(/nested too deep|call stack/);
    const { deep } = await load(textOf([term('deep', nat, nested(250))], ['deep']));
    expect(deep).toBe(0n);
  });
});

describe('names', () => {
  it('are legal, and no two the same', () => {
    const names = namesFrom(['taken']);
    const wanted = ["x'", 'sum_to', 'class', 'taken', '_', 'sumTo', '__proto__', 'List'];
    const all = wanted.map((one) => names.take(camelCase(one)));
    expect(new Set(all).size).toBe(all.length);
    for (const one of all) expect(() => new Function(`const ${one} = 1;`)).not.toThrow();
  });
});

describe('what stands for functions of Coq', () => {
  // What Coq 8.16 computes.
  it.each<[string, bigint[], unknown]>([
    ['quotient', [-7n, 2n], -4n],
    ['quotient', [7n, -2n], -4n],
    ['quotient', [5n, 0n], 0n],
    ['remainder', [-7n, 2n], 1n],
    ['remainder', [7n, -2n], -1n],
    ['remainder', [-5n, 0n], -5n],
    ['truncated', [-7n, 2n], -3n],
    ['truncated', [5n, 0n], 0n],
    ['rest', [-7n, 2n], -1n],
    ['rest', [5n, 0n], 5n],
    ['power', [2n, -1n], 0n],
    ['power', [0n, 0n], 1n],
    ['monus', [3n, 5n], 0n],
    ['hasBit', [5n, -1n], false],
    ['hasBit', [-1n, 99n], true],
    ['compare', [1n, 2n], 'less'],
  ])('%s is what Coq computes: %#', async (name, args, expected) => {
    const uses = helpers[name]!.uses.map((one) => helpers[one]!.text);
    const module = await load(`${uses.join('')}${helpers[name]!.text}export { ${name} };`);
    expect(module[name]!(...args)).toBe(expected);
  });
});
