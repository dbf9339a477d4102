/**
 * C that calls a verified function comes through a test of all that the proof believes: each way to break it ends the
 * program with the clause's name before any of the function runs, and what keeps to it gets the function's result.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prelude } from '../../lowering/c/prelude.ts';
import { stringLiteral } from '../../lowering/c/text.ts';
import { drawCalls, lowerText, runLowered, warnings, writeUnit } from '../support/lowered.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool, requireTools } from '../support/tools.ts';

requireTools('clang', 'gcc');

const source = `
import { exists, forall, implies, type u8, type u16, type u32, type u64 } from 'casemate';
interface Cursor { at: u32; readonly end: u32 }
interface Point { readonly x: number; readonly y: u8 }
const LIMITS = new Uint8Array([9, 200]);
/** @pure */ function isDigit(b: u8): boolean { return b >= 48 && b <= 57; }
/**
 * @requires from.length <= to.length
 * @requires forall(0, from.length, (i) => isDigit(from[i]))
 * @modifies to
 */
export function copy(to: Uint8Array, from: Readonly<Uint8Array>): u8 {
  for (let i = 0; i < from.length; i++) to[i] = from[i];
  return 1;
}
/** @requires a * b <= 1000 && a + b + a >= -100 && -1000 < a && a < 1000
 * @requires implies(a > 3, b < 3 || a - b - b < 50) */
export function area(a: number, b: number): number { return a * b; }
/** @requires c.at < c.end && exists(0, words.length, (i) => words[i] === 7)
 * @modifies c */
export function step(c: Cursor, words: Readonly<Uint16Array>): void { c.at++; }
/** @requires a + b <= 0xffffffffffffffffn */
export function sum(a: u64, b: u64): u64 { return a + b; }
/** @requires p.x !== q.x && (n < 100 ? p.x : q.x) < n + LIMITS[1] */
export function far(p: Point, q: Point, n: u8): number { return p.x < q.x ? 1 : n; }
/** @requires a * b <= 0xfffe0001 && (a + 1) * (b + 1) > 0 */
export function wide(a: u16, b: u16): u32 { return a * b; }
type Mode = 'r' | 'w' | 'x';
interface Row { readonly mode: Mode; readonly size: number }
type Seen = { readonly seen: true; readonly mode: Mode } | { readonly seen: false; readonly row: number };
/** @requires list.length > 0 && list[0].mode !== 'r' */
export function listed(list: readonly Row[], mode: Mode, size: u8 | undefined): boolean { return list[0].mode === mode && size !== undefined; }
/** @requires s.seen ? s.mode === 'w' : s.row > 0 */
export function seen(s: Seen): boolean { return s.seen; }
/** @requires forall(0, 3, (i) => exists(0, 10, (j) => i + j === n)) */
export function nested(n: u8): u8 { return n; }
`;

const unit = lowerText('checks.ts', source, []);

/** What stands after the words of each call. */
const END = '|end|';

describe('a test of the arguments, in gcc and clang, under the sanitizers,', () => {
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-g'];
  const builds = [
    { compiler: requireTool('gcc'), flags: ['-O1', ...sanitizers] },
    { compiler: requireTool('clang'), flags: ['-O1', ...sanitizers] },
  ];

  it('lets through what keeps to the contract', async () => {
    const calls = drawCalls(unit.program, 60).filter(({ function: { exported } }) => exported);
    expect(new Set(calls.map(({ function: { name } }) => name)).size).toBe(9);
    const folder = writeUnit(unit, calls);
    for (const build of builds) {
      expect(await runLowered(folder, unit, build)).toEqual(calls.map(({ expected }) => expected));
    }
  });

  const breaks: readonly (readonly [c: string, message: string])[] = [
    ['copy((cm_u8s){ a, 2 }, (cm_const_u8s){ b, 3 })', 'checks.ts:copy: from.length <= to.length'],
    ['copy((cm_u8s){ a, 2 }, (cm_const_u8s){ a + 1, 2 })', 'checks.ts:copy: to and from are different memory'],
    ['copy((cm_u8s){ a + 1, 2 }, (cm_const_u8s){ a, 2 })', 'checks.ts:copy: to and from are different memory'],
    [
      'copy((cm_u8s){ 0, 2 }, (cm_const_u8s){ b, 2 })',
      'checks.ts:copy: to has memory, and at most 4294967296 elements',
    ],
    [
      'copy((cm_u8s){ a, 2 }, (cm_const_u8s){ b, (size_t)1 << 40 })',
      'checks.ts:copy: from has memory, and at most 4294967296 elements',
    ],
    [
      'copy((cm_u8s){ a, 2 }, (cm_const_u8s){ (const uint8_t *)UINTPTR_MAX, 2 })',
      'checks.ts:copy: from has memory, and at most 4294967296 elements',
    ],
    ['copy((cm_u8s){ a, 2 }, (cm_const_u8s){ (const uint8_t *)"47x", 3 - 1 + (a[3] = 0) })', 'ran'],
    [
      'copy((cm_u8s){ a, 4 }, (cm_const_u8s){ (const uint8_t *)"47x", 3 })',
      'checks.ts:copy: forall(0, from.length, (i) => isDigit(from[i]))',
    ],
    ['copy((cm_u8s){ 0, 0 }, (cm_const_u8s){ 0, 0 })', 'ran'],
    ['area(INT64_C(9007199254740992), 0)', 'checks.ts:area: a is a safe integer'],
    ['area(1, INT64_MIN)', 'checks.ts:area: b is a safe integer'],
    [
      // Beyond 64 bits, where wrapping would make it small.
      'area(INT64_C(4294967296) * 256, INT64_C(4294967296) * 256)',
      'checks.ts:area: a * b <= 1000 && a + b + a >= -100 && -1000 < a && a < 1000',
    ],
    ['area(60, 3)', 'checks.ts:area: implies(a > 3, b < 3 || a - b - b < 50)'],
    ['area(3, 300)', 'ran'],
    ['step(&c, (cm_const_u16s){ words, 2 })', 'ran'],
    ['step(0, (cm_const_u16s){ words, 2 })', 'checks.ts:step: c is an object'],
    ['step((Cursor *)(void *)((char *)&c + 1), (cm_const_u16s){ words, 2 })', 'checks.ts:step: c is an object'],
    [
      'step(&c, (cm_const_u16s){ (const uint16_t *)(const void *)((const char *)words + 1), 1 })',
      'checks.ts:step: words has memory, and at most 4294967296 elements',
    ],
    [
      'step(&c, (cm_const_u16s){ (const uint16_t *)(const void *)&c, 2 })',
      'checks.ts:step: c and words are different memory',
    ],
    [
      'step(&c, (cm_const_u16s){ words, 1 })',
      'checks.ts:step: c.at < c.end && exists(0, words.length, (i) => words[i] === 7)',
    ],
    ['sum(UINT64_MAX, 1)', 'checks.ts:sum: a + b <= 0xffffffffffffffffn'],
    ['sum(UINT64_MAX, 0)', 'ran'],
    ['far((Point){ INT64_MAX, 0 }, (Point){ 0, 0 }, 0)', 'checks.ts:far: p.x is a safe integer'],
    [
      'far((Point){ 300, 0 }, (Point){ 0, 0 }, 99)',
      'checks.ts:far: p.x !== q.x && (n < 100 ? p.x : q.x) < n + LIMITS[1]',
    ],
    ['far((Point){ 300, 0 }, (Point){ 0, 0 }, 101)', 'ran'],
    ['nested(10)', 'checks.ts:nested: forall(0, 3, (i) => exists(0, 10, (j) => i + j === n))'],
    // Products that an int does not hold.
    ['wide(65535, 65535)', 'ran'],
    ['nested(9)', 'ran'],
    ['listed((Row_list){ rows, 1 }, Mode_w, (optional){ 0 })', 'ran'],
    ['listed((Row_list){ rows, 1 }, 3, (optional){ 0 })', 'checks.ts:listed: mode is a member of Mode'],
    ['listed((Row_list){ rows, 2 }, 2, (optional){ 0 })', 'checks.ts:listed: each element of list is a Row'],
    ['listed((Row_list){ rows + 2, 1 }, 2, (optional){ 0 })', 'checks.ts:listed: each element of list is a Row'],
    [
      'listed((Row_list){ rows, 0 }, Mode_x, (optional){ 0 })',
      "checks.ts:listed: list.length > 0 && list[0].mode !== 'r'",
    ],
    // What is not there means nothing, whatever it holds.
    ['seen((Seen){ .seen = truth_true, .mode = Mode_w, .row = INT64_MIN })', 'ran'],
    ['seen((Seen){ .seen = truth_false, .mode = 9, .row = 1 })', 'ran'],
    [
      'seen((Seen){ .seen = truth_false, .mode = Mode_w, .row = INT64_MIN })',
      'checks.ts:seen: s.row is a safe integer',
    ],
    ['seen((Seen){ .seen = truth_true, .mode = 3 })', 'checks.ts:seen: s.mode is a member of Mode'],
    ['seen((Seen){ .seen = 2 })', 'checks.ts:seen: s.seen is a member of Seen["seen"]'],
    ['seen((Seen){ .seen = truth_true, .mode = Mode_r })', "checks.ts:seen: s.seen ? s.mode === 'w' : s.row > 0"],
  ];

  it('ends the program with the name of what is broken, and nothing else is run', async () => {
    const folder = temporaryFolder('checks');
    const cases = breaks.map(([call], n) => `    case ${n}: (void)${call}; break;`);
    // One process for each, by fork, without what sanitizers do at an exit: that and a start take longer than all calls.
    const driver = `#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checks.h"
void casemate_precondition_failed(const char *function, const char *clause) {
    printf("%s: %s", function, clause);
    fflush(stdout);
    _exit(9);
}
static void attempt(int n) {
    uint8_t a[4] = { 0 }, b[3] = "012";
    uint16_t words[2] = { 1, 7 };
    Cursor c = { 1, 2 };
    Row rows[3] = { { Mode_w, -5 }, { 3, 0 }, { Mode_x, INT64_MAX } };
    switch (n) {
${cases.join('\n')}
    }
    printf("ran");
}
int main(void) {
    for (int n = 0; n < ${breaks.length}; n++) {
        pid_t child = fork();
        if (child == 0) {
            dup2(1, 2);
            attempt(n);
            fflush(stdout);
            _exit(0);
        }
        if (child < 0 || waitpid(child, 0, 0) != child) return 1;
        printf("${END}");
        fflush(stdout);
    }
    return 0;
}
`;
    writeFileSync(join(folder, 'casemate-lowered.h'), prelude());
    writeFileSync(join(folder, 'checks.h'), unit.lowered.header);
    writeFileSync(join(folder, 'checks.c'), unit.lowered.source);
    writeFileSync(join(folder, 'driver.c'), driver);
    for (const { compiler, flags } of builds) {
      const at = (name: string): string => join(folder, name);
      await runOrThrow(compiler, [...flags, ...warnings, '-c', at('checks.c'), '-o', at('checks.o')]);
      await runOrThrow(compiler, [...flags, '-std=gnu11', '-w', at('driver.c'), at('checks.o'), '-o', at('driver')]);
      const said = (await runOrThrow(at('driver'), [])).split(END).slice(0, -1);
      expect(said).toEqual(breaks.map(([, message]) => message));
    }
  });
});

describe('what C cannot decide', () => {
  const lower = (text: string) => lowerText('x.ts', `import type { u8 } from 'casemate';\n${text}`, []).lowered;

  it('is told, with every clause behind it, and nothing of it is tested', () => {
    const { source: c, unchecked } = lower(`
/** @pure */ function spec(b: bigint): boolean { return b > 5n; }
/** @requires n < 100
 * @requires spec(BigInt(n))
 * @requires n > 7 */
export function f(n: u8): u8 { return n - 5; }`);
    expect(unchecked.map(({ clause, reason }) => [clause.text, reason])).toEqual([
      ['spec(BigInt(n))', 'spec has no form in C'],
      ['n > 7', 'one before it is not decided'],
    ]);
    expect(c.match(/cm_require\(.*\)/g)).toEqual(['cm_require(n < 100, "x.ts:f", "n < 100")']);
    expect(c).not.toMatch(/ spec\(b/);
  });
});

it('a text cannot leave its string', () => {
  expect(stringLiteral('a"\\b??/\n\u00e9')).toBe('"a\\"\\\\b\\?\\?/\\?\\?"');
});

it('proved code calls proved code, and what has no proof comes through the tests', () => {
  const text = `import type { u8 } from 'casemate';
/** @requires n < 10 */ export function low(n: u8): u8 { return n; }
/** @requires n < 20 */ function own(n: u8): u8 { return low(n & 7); }
/** @verified */ export function good(): u8 { return low(3) + own(4); }
/** @verified */ export function bad(): u8 { return low(200) + own(5); }`;
  const { lowered } = lowerText('y.ts', text);
  expect(lowered.source).not.toMatch(/cm_require/);
  const waived = lowerText('y.ts', text, ['bad']).lowered;
  const bodyOf = (name: string): string =>
    new RegExp(`${name}\\(.*\\) \\{\\n([^}]*)\\}`).exec(waived.source)![1].trim();
  expect(bodyOf('good_inner')).toBe('return (uint8_t)(low_inner(3) + own(4));');
  expect(bodyOf('bad_inner')).toBe('return (uint8_t)(low(200) + own_checked(5));');
  expect(bodyOf('uint8_t low')).toMatch(/^cm_require\(.*\);\s+return low_inner\(n\);$/);
  expect(waived.source).toMatch(/^static uint8_t own_checked\(/m);
});
