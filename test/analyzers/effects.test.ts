/** Calls with an effect outside: how often and in which order they happen is what the text says, in every language. */
import { describe, expect, it } from 'vitest';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { assumptionsOf } from '../../proofs/report.ts';
import { analyzeText, complaints, library } from '../support/contracts.ts';

const declared = `/** @trusted */ declare function next(): u32;
/** @trusted */ declare function maybe(): u32 | undefined;
/** @trusted */ declare function tell(x: u32): void;
/** @trusted
 * @pure */ declare function same(x: u32): u32;
/** @verified */ function through(): u32 { const x = next(); return x; }
/** @verified */ function still(x: u32): u32 { return x; }
`;
const inFunction = (body: string): string => `${declared}/** @verified */ export function f(a: u32): u32 { ${body} }`;

describe('one statement', () => {
  it.each([
    ['two', 'return (next() ^ next()) >>> 0;', 'two calls with an effect outside in one statement, of next first'],
    ['two that another makes', 'return (through() ^ next()) >>> 0;', 'two calls with an effect outside'],
    ['one in the argument of another', 'tell(next()); return 0;', 'two calls with an effect outside'],
    ['two of which one need not happen', 'if (next() === 1 && next() === 2) return 1; return 0;', 'two calls'],
    ['one that ?? would do twice', 'return maybe() ?? 0;', 'would call it twice'],
    [
      'one that += would do twice',
      'const t = new Uint32Array(4); t[next() & 3] += 1; return 0;',
      'would call it twice',
    ],
    [
      'one that a narrower type would do twice',
      'const x: u8 | undefined = maybe(); return x === undefined ? 1 : 0;',
      'would call it twice',
    ],
    ['one as the measure of a loop', 'while (next() < 5) { tell(a); } return 0;', 'so it may hold for ever'],
  ])('does not have %s', (_, body, message) => {
    expect(complaints(inFunction(body))).toContain(message);
  });

  it.each([
    ['one', 'return next();'],
    ['one beside what has none', 'return (next() ^ same(a) ^ still(a) ^ same(a)) >>> 0;'],
    ['one in each', 'const x = next(); const y = next(); tell(x); return y;'],
    ['a widened one', 'const x: number = next(); return x < 5 ? 1 : 0;'],
    ['one that a switch is over', 'switch (next()) { case 1: return 7; case 2: return 8; default: return 9; }'],
    ['one in a branch', 'if (next() === 3) { tell(4); } else tell(5); return 0;'],
  ])('has %s', (_, body) => {
    expect(complaints(inFunction(body))).toBe('');
  });

  it('may test for an event in the condition of a loop that need not end', () => {
    const loop = 'while (next() < 5) { tell(a); }';
    expect(complaints(`${declared}/** @diverges */ export function f(a: u32): void { ${loop} }`)).toBe('');
  });
});

describe('casemate/platform', () => {
  const importing = (body: string) =>
    analyze(
      [
        {
          name: 'x.ts',
          text: `import { clockWall, netRead } from 'casemate/platform';\n/** @verified */ export function f(): bigint { ${body} }`,
        },
      ],
      library,
    );

  it('is assumed as far as it is called', () => {
    const { program } = importing('const now = clockWall(); return now;');
    expect(program!.functions.map(({ name }) => name)).toEqual(['f', 'clockWall']);
    expect(assumptionsOf(program!).filter((line) => line.includes('platform'))).toEqual([
      '/casemate:platform.ts: clockWall is trusted',
    ]);
  });

  it('is nothing that a contract may speak of', () => {
    const { diagnostics } = analyze(
      [
        {
          name: 'x.ts',
          text: "import { clockWall } from 'casemate/platform';\n/** @ensures result === clockWall() */ export function f(): bigint { return 0n; }",
        },
      ],
      library,
    );
    expect(diagnostics[0]!.message).toContain('is not @pure');
  });

  it('is not there for who does not import it', () => {
    const { program } = analyzeText('/** @verified */ export function f(): u8 { return 1; }');
    expect([...program!.sources.keys()]).toEqual(['test.ts']);
  });
});
