/** An obligation's name says what it is about, and stays when something else is edited. */
import { describe, expect, it } from 'vitest';
import type { Program } from '../../analyzers/ir.ts';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { groupFunctions } from '../../proofs/groups.ts';
import { printQuery } from '../../proofs/smt/print.ts';
import { obligationsOf } from '../../proofs/verify.ts';
import { library, programOf, withImports } from '../support/contracts.ts';

function obligations(text: string, name = 'f') {
  const program = programOf(text);
  const group = groupFunctions(program.functions).find(({ functions }) => functions.some((one) => one.name === name))!;
  return obligationsOf(program, group.functions[0], group, new Set()).obligations;
}

const names = (text: string): string[] => obligations(text).map((obligation) => obligation.name);

const text = `
/**
 * @requires a.length > 2
 * @modifies a
 * @ensures a[0] === 1
 */
export function f(a: Uint8Array, n: u8): void {
  a[0] = 1;
  if (n < 7) a[1] = n + 1;
  a[1] = 2;
  a[1] = 2;
}`;

/** All functions count as proved. */
const ended = ({ functions }: Program): string[] => functions.map(({ key }) => key);

describe("an obligation's name", () => {
  it('is the function, the kind and what was written, with an ordinal among equals', () => {
    expect(names(text)).toEqual([
      'f/satisfiable/precondition',
      'f/defined/a[0] === 1',
      'f/bounds/a[0] = 1',
      'f/reachable/n < 7',
      'f/range/n + 1 is u8',
      'f/bounds/a[1] = n + 1',
      'f/bounds/a[1] = 2',
      'f/bounds/a[1] = 2#2',
      'f/ensures/a[0] === 1',
    ]);
    expect(new Set(names(text)).size).toBe(names(text).length);
  });

  it('stays when another function, a comment, a space or a statement elsewhere is edited', () => {
    const edits = [
      `/** @verified */ export function g(n: u8): u8 { return n; }\n${text}`,
      text.replace('  a[0] = 1;', '  // a comment\n  a[0]   =   1;'.replace('   =   ', ' = ')),
      text
        .replace(
          'export function f',
          'const unused = 1;\n/** @requires a.length > 2\n * @modifies a\n * @ensures a[0] === 1\n */\nexport function f',
        )
        .replace(/^\n\/\*\*[\s\S]*?\*\/\n/, '\n'),
    ];
    for (const edited of edits) expect(names(edited)).toEqual(names(text));
    const longer = names(text.replace('a[0] = 1;', 'const m = a[2]; a[0] = 1;'));
    expect(longer.filter((name) => name !== 'f/bounds/a[2]')).toEqual(names(text));
  });

  it('and its question do not know the place of the file, nor what else is in it', () => {
    const calls = `
      /** @pure
       * @ensures result > n */
      export function p(n: u8): number { return n + 1; }
      /** @ensures result > n + 1 */
      export function f(n: u8): number { return p(p(n) & 255) + 1; }`;
    const texts = (name: string, more: string): string[] => {
      const { program } = analyze([{ name, text: withImports(`${more}${calls}`) }], library);
      const group = groupFunctions(program!.functions).find(({ functions }) => functions[0].name === 'f')!;
      const { obligations: own } = obligationsOf(program!, group.functions[0], group, new Set(ended(program!)));
      return own.map(({ query }) => printQuery(query));
    };
    expect(texts('p.ts', '').join('')).toMatch(/f_p\.1\.1/);
    expect(texts('p.ts', '/** @verified */ export function other(): void {}')).toEqual(texts('p.ts', ''));
    expect(texts('far/away.ts', '')).toEqual(texts('p.ts', ''));
  });

  it('and its question are the same each time', () => {
    const [first, second] = [obligations(text), obligations(text)];
    expect(first.map(({ query }) => printQuery(query))).toEqual(second.map(({ query }) => printQuery(query)));
  });
});

describe('a question', () => {
  it('holds no name of the source that a solver could take for its own', () => {
    const hostile = `
      /**
       * @requires store.length > 2 && assert_ < 3
       * @modifies store
       */
      export function f(store: Uint8Array, assert_: u8, $_: u32, é: u8, __proto__: boolean, toString: u8): void {
        const check_sat = 1, declare = $_, ite = é;
        if (__proto__) store[check_sat] = declare > ite ? 1 : toString;
      }`;
    const texts = obligations(hostile).map(({ query }) => printQuery(query));
    expect(texts.length).toBeGreaterThan(2);
    for (const line of texts.join('').split('\n')) {
      if (line.startsWith(';')) expect(line).toMatch(/^[\x20-\x7e]*$/);
      else {
        const words = line.match(/[^\s()]+/g) ?? [];
        for (const word of words) {
          expect(word).toMatch(
            /^([svf]_[A-Za-z0-9_.]+|t![0-9]+|q\.\d+|bits_and|[0-9]+|true|false|:pattern|!|[-+*<>=]+|set-logic|declare-const|declare-fun|define-fun|assert|check-sat|ALL|QF_LIA|Int|Bool|Array|select|store|and|or|not|ite|forall|exists|div|mod)$/,
          );
        }
      }
    }
  });
});
