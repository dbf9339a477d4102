/**
 * The check of secrets in source: programs that keep the rules pass, and each that breaks one is refused at its line, with
 * the reason and the way of the secret.
 */
import { describe, expect, it } from 'vitest';
import { analyze } from '../../../analyzers/typescript/analyze.ts';
import { analyzeText, complaints, library } from '../../support/contracts.ts';

/** What the programs call. */
const declared = `
/**
 * @secret a
 * @modifies a
 * @zeroized
 */
function clear(a: Uint8Array): void { for (let i = 0; i < a.length; i++) a[i] = 0; }
/**
 * @secret key
 * @declassifies out
 * @modifies out
 */
function seal(out: Uint8Array, key: Readonly<Uint8Array>): void { for (let i = 0; i < out.length && i < key.length; i++) out[i] = key[i]; }
/**
 * @secret state, key
 * @modifies state
 */
function expand(state: Uint8Array, key: Readonly<Uint8Array>): void { for (let i = 0; i < state.length && i < key.length; i++) state[i] = key[i] ^ 0x36; }
/** @verified */
function rotate(x: u32, n: u32): u32 { return ((x << n) | (x >>> (32 - n))) >>> 0; }
/** @modifies to */
function copy(to: Uint8Array, from: Readonly<Uint8Array>): void { for (let i = 0; i < to.length && i < from.length; i++) to[i] = from[i]; }
/** @throws {RangeError} n > 9 */
function small(n: u32): void { if (n > 9) throw new RangeError('large'); }
/** @trusted */ declare function tell(x: u32): void;
/** @trusted */ declare function send(a: Readonly<Uint8Array>): void;
/**
 * @trusted
 * @modifies a
 */
declare function receive(a: Uint8Array): u32;
/**
 * @trusted
 * @secret key
 * @modifies tag
 */
declare function foreign(tag: Uint8Array, key: Readonly<Uint8Array>): u32;
const TABLE = bytes('0123456789');
`;

const keyed = (body: string, tags = '', result = 'void', parameters = 'out: Uint8Array, key: Uint8Array'): string =>
  `${declared}/**
 * @requires key.length === 4
 * @secret key
 * @modifies out, key
${tags === '' ? '' : ` * ${tags}\n`} */
export function f(${parameters}): ${result} {
${body}
}`;

/** Line, counted in what is written, and message of each complaint; the line where the text says HERE is shown as HERE. */
function refusals(text: string): string[] {
  const { diagnostics, sources } = analyzeText(text);
  const whole = sources.get('test.ts')!;
  const lineOf = (offset: number): number => whole.slice(0, offset).split('\n').length;
  const here = whole.includes('HERE') ? lineOf(whole.indexOf('HERE')) : -1;
  return diagnostics.map(
    ({ span, message }) => `${lineOf(span.start) === here ? 'HERE' : lineOf(span.start)}: ${message}`,
  );
}

const loop = (name: string): string => `for (let i = 0; i < ${name}.length; i++) ${name}[i] = 0;`;
const made = 'const t = new Uint8Array(4);\nt[1] = key[1];';

describe('what keeps the rules', () => {
  it.each([
    ['a copy that is wiped by a loop', keyed(`${made}\n${loop('t')}`)],
    [
      'one whose loop counts to its length as a number',
      keyed(`${made}\nlet i: u32 = 0;\nwhile (i < 4) { t[i] = 0; i++; }`),
    ],
    [
      'two in one loop',
      keyed(
        `${made}\nconst s = new Uint8Array(4);\ns[0] = key[0];\nfor (let i = 0; i < s.length; i++) { s[i] = 0; t[i] = 0; }`,
      ),
    ],
    ['one that is wiped element by element', keyed(`${made}\nt[0] = 0;\nt[1] = 0;\nt[2] = 0;\nt[3] = 0;`)],
    ['one that is wiped by a function', keyed(`${made}\nclear(t);`)],
    [
      'one that is wiped before an error',
      keyed(`${made}\n${loop('t')}\nsmall(out.length);`, '@throws {RangeError} out.length > 9'),
    ],
    ['one that is wiped on both ways', keyed(`${made}\nif (out.length > 2) { clear(t); return; }\nclear(t);`)],
    [
      'a secret that is lent, and its copy in what is secret too',
      keyed('const t = new Uint8Array(4);\nexpand(t, key);\nseal(out, t);\nclear(t);'),
    ],
    [
      'what is meant to be seen, also if a secret decides it',
      keyed('if (out.length > 0) { if (key[0] === 1) out[0] = 1; else out[0] = 2; }', '@declassifies out'),
    ],
    ['a result that is meant to be seen', keyed('return key[0];', '@declassifies result', 'u32')],
    [
      'values that only are computed with',
      keyed('const x = rotate(key[0], 7);\nif (out.length > 0) out[0] = x & 1;', '@declassifies out'),
    ],
    ['its own secret that is wiped', keyed('clear(key);', '@zeroized')],
    [
      'a way that a secret decides, with a wipe on each',
      keyed(`${made}\nif (key[0] === 1) { clear(t); } else { ${loop('t')} }`),
    ],
    [
      'one that a secret ends early, with a wipe on each',
      keyed(`${made}\nif (key[0] === 1) { clear(t); return; }\nclear(t);`),
    ],
    [
      'a secret of its own, read and wiped',
      `${declared}/** @modifies out */\nexport function g(out: Uint8Array): void { const k = new Uint8Array(32);\nreceive(k);\nseal(out, k);\nclear(k); }`,
    ],
    [
      'one in each round',
      `${declared}/** @modifies out */\nexport function g(out: Uint8Array): void { for (let n = 0; n < 3; n++) { const k = new Uint8Array(32);\nreceive(k);\nseal(out, k);\nclear(k); } }`,
    ],
    [
      'no tag at all',
      `/** @modifies a */\nexport function g(a: Uint8Array): u8 { if (a.length > 0) { a[0] = 1; return a[0]; } return 2; }`,
    ],
  ])('passes: %s', (_, text) => {
    expect(complaints(text)).toBe('');
  });
});

describe('a copy that is left is refused where it is made', () => {
  const left = 't holds what depends on a secret, and is not wiped where';
  it.each([
    ['at the end', keyed('const t = new Uint8Array(4);\nt[1] = key[1]; // HERE'), `${left} f ends`],
    [
      'at a return',
      keyed(`const t = new Uint8Array(4);\nt[1] = key[1]; // HERE\nif (out.length > 2) return;\n${loop('t')}`),
      `${left} f returns`,
    ],
    [
      'at an error',
      keyed(
        `const t = new Uint8Array(4);\nt[1] = key[1]; // HERE\nif (out.length > 2) throw new RangeError('long');\n${loop('t')}`,
        '@throws {RangeError} out.length > 2',
      ),
      `${left} f throws`,
    ],
    [
      "at a callee's error",
      keyed(
        `const t = new Uint8Array(4);\nt[1] = key[1]; // HERE\nsmall(out.length);\n${loop('t')}`,
        '@throws {RangeError} out.length > 9',
      ),
      `${left} small may throw`,
    ],
    [
      'by a loop that stops early',
      keyed('const t = new Uint8Array(4);\nt[1] = key[1]; // HERE\nfor (let i = 0; i < 3; i++) t[i] = 0;'),
      `${left} f ends`,
    ],
    [
      'by a loop that starts late',
      keyed('const t = new Uint8Array(4);\nt[1] = key[1]; // HERE\nfor (let i = 1; i < t.length; i++) t[i] = 0;'),
      `${left} f ends`,
    ],
    [
      'by a loop that skips',
      keyed(
        'const t = new Uint8Array(4);\nt[1] = key[1]; // HERE\nfor (let i = 0; i < t.length; i++) if (i !== 1) t[i] = 0;',
      ),
      `${left} f ends`,
    ],
    [
      'by a loop that need not be run',
      keyed(`const t = new Uint8Array(4);\nt[1] = key[1]; // HERE\nif (out.length > 1) ${loop('t')}`),
      `${left} f ends`,
    ],
    [
      'by stores that miss an element',
      keyed('const t = new Uint8Array(4);\nt[1] = key[1]; // HERE\nt[0] = 0;\nt[1] = 0;\nt[2] = 0;'),
      `${left} f ends`,
    ],
    [
      'by different constants',
      keyed('const t = new Uint8Array(2);\nt[1] = key[1]; // HERE\nt[0] = 0;\nt[1] = 1;'),
      `${left} f ends`,
    ],
    [
      'after it was wiped',
      keyed(`const t = new Uint8Array(4);\n${loop('t')}\nt[1] = key[1]; // HERE`),
      `${left} f ends`,
    ],
    [
      'through variables',
      keyed('const t = new Uint8Array(4);\nconst x = key[0];\nlet y = x & 7;\ny = y + 1;\nt[0] = y & 255; // HERE'),
      `${left} f ends`,
    ],
    [
      'through a function that computes',
      keyed('const t = new Uint8Array(4);\nt[0] = rotate(key[0], 3) & 255; // HERE'),
      `${left} f ends`,
    ],
    ['by a callee', keyed('const t = new Uint8Array(4);\nexpand(t, key); // HERE'), `${left} f ends`],
    [
      'by a callee of which nothing is known',
      keyed('const t = new Uint8Array(4);\nforeign(t, key); // HERE'),
      `${left} f ends`,
    ],
    [
      'in what the caller gave',
      keyed('if (out.length > 0)\nout[0] = key[0]; // HERE'),
      'out holds what depends on a secret, and is not wiped where f ends',
    ],
    ['at a place that is secret', keyed('const t = new Uint8Array(256);\nt[key[0]] = 1; // HERE'), `${left} f ends`],
    ['by a branch', keyed('const t = new Uint8Array(4);\nif (key[0] === 1)\nt[0] = 1; // HERE'), `${left} f ends`],
    [
      'by a branch of an expression',
      keyed('const t = new Uint8Array(4);\nt[0] = key[0] === 1 ? 3 : 4; // HERE'),
      `${left} f ends`,
    ],
    [
      'by how often a loop turns',
      keyed('const t = new Uint8Array(4);\nlet n: u32 = 0;\nwhile (n < key[0]) n++;\nt[0] = n & 255; // HERE'),
      `${left} f ends`,
    ],
    [
      'by when a loop is left',
      keyed(
        'const t = new Uint8Array(4);\nlet n = 0;\nfor (let i = 0; i < 4; i++) { if (key[i] === 0) break;\nn = i; }\nt[0] = n; // HERE',
      ),
      `${left} f ends`,
    ],
    [
      'behind a return that a secret decides',
      keyed('const t = new Uint8Array(4);\nif (key[0] === 1) return;\nt[0] = 1; // HERE'),
      `${left} f ends`,
    ],
    [
      'behind a loop from which a secret returns, or goes on',
      keyed(
        'const t = new Uint8Array(4);\nfor (let i = 0; i < 4; i++) { if (key[i] === 1) return; else continue; }\nt[0] = 1; // HERE',
      ),
      `${left} f ends`,
    ],
    [
      'in a secret of its own',
      `${declared}/** @modifies out */\nexport function g(out: Uint8Array): void { const t = new Uint8Array(32);\nreceive(t); // HERE\nseal(out, t); }`,
      't holds what depends on a secret, and is not wiped where g ends',
    ],
    [
      'in the block that it was read with',
      `${declared}/** @modifies out */\nexport function g(out: Uint8Array): void { const t = new Uint8Array(512);\nconst k = new Uint8Array(4);\nreceive(t); // HERE\nfor (let i = 0; i < 4; i++) k[i] = t[i];\nseal(out, k);\nclear(k); }`,
      't holds what depends on a secret, and is not wiped where g ends',
    ],
  ])('%s', (_, text, message) => {
    expect(refusals(text)).toEqual([expect.stringContaining(`HERE: ${message}`)]);
  });

  it('and where it is made anew in the next round', () => {
    const text = keyed('for (let n = 0; n < 3; n++) {\nconst t = new Uint8Array(4); // HERE\nt[1] = key[1]; }');
    expect(refusals(text)[0]).toContain('HERE: t is made anew here, and what it held before depends on a secret');
  });

  it('and in what another function copied a secret of its own from, which may not do that', () => {
    const text = `${declared}/** @modifies out */
export function g(out: Uint8Array): void {
const t = new Uint8Array(512);
const k = new Uint8Array(4);
receive(t); // HERE
copy(k, t);
seal(out, k);
clear(k);
}`;
    expect(refusals(text)).toEqual([
      expect.stringContaining(
        't holds what depends on a secret, and goes to copy, whose parameter from is not @secret',
      ),
      expect.stringContaining('HERE: t holds what depends on a secret, and is not wiped where g ends'),
    ]);
  });

  it('and at the end of the program', () => {
    const text = (wipe: string): string => `import { exit } from 'casemate/platform';
/**
 * @requires key.length === 4
 * @secret key
 */
export function f(key: Readonly<Uint8Array>): void {
  const t = new Uint8Array(4);
  t[0] = key[0];
  ${wipe}
  stop();
  t[0] = 0; t[1] = 0; t[2] = 0; t[3] = 0;
}
/** @verified */
function stop(): void { exit(1); }
`;
    const of = (wipe: string): string[] =>
      analyze([{ name: 'x.ts', text: text(wipe) }], library).diagnostics.map(({ message }) => message);
    expect(of('')).toEqual(['t holds what depends on a secret, and is not wiped where stop may end the program']);
    expect(of(loop('t'))).toEqual([]);
  });
});

describe('a flow that is none of copies is refused', () => {
  it.each([
    [
      'to a parameter that is not @secret',
      keyed('copy(out, key); // HERE'),
      'key holds what depends on a secret, and goes to copy, whose parameter from is not @secret',
    ],
    [
      'to a function without a body',
      keyed('send(key); // HERE'),
      'goes to send, which is only declared and believed, and whose parameter a is not @secret',
    ],
    ['of a value to one', keyed('tell(key[0]); // HERE'), 'what depends on a secret goes to tell'],
    [
      'of a copy to one',
      keyed(`${made}\nsend(t); // HERE\nclear(t);`),
      't holds what depends on a secret, and goes to send',
    ],
    [
      'to the result',
      keyed('return key[0] & 1; // HERE', '', 'u32'),
      'what f returns depends on a secret, and its result is not @declassifies',
    ],
    [
      'to the result by a branch',
      keyed('if (key[0] === 1) return 1; /* HERE */ else return 2;', '', 'u32'),
      'what f returns depends on a secret',
    ],
    [
      'to an error',
      keyed(`if (key[0] === 1)\nthrow new RangeError('one'); // HERE`, '@throws {RangeError} key[0] === 1'),
      'whether f throws this depends on a secret',
    ],
    [
      "to a callee's error",
      keyed('if (key[0] === 1)\nsmall(out.length); // HERE', '@throws {RangeError} out.length > 9'),
      'whether small, which may throw, is called depends on a secret',
    ],
    [
      'to an effect outside',
      keyed('if (key[0] === 1)\ntell(1); // HERE'),
      'whether tell, which has an effect outside, is called depends on a secret',
    ],
    [
      'to an effect outside of a callee',
      keyed('for (let i = 0; i < key[0]; i++)\nindirect(); // HERE').replace(
        'const TABLE',
        '/** @verified */ function indirect(): void { tell(1); }\nconst TABLE',
      ),
      'whether tell, which has an effect outside',
    ],
    [
      'from a caller that does not say so',
      `${declared}/** @modifies out */\nexport function g(out: Uint8Array, k: Readonly<Uint8Array>): void {\nseal(out, k); // HERE\n}`,
      'k is passed on as @secret key of seal, and g does not say that it is secret',
    ],
    [
      'from a constant',
      `${declared}/** @modifies out */\nexport function g(out: Uint8Array): void {\nseal(out, TABLE); // HERE\n}`,
      'a constant of the image, which nobody can wipe',
    ],
    [
      'of what is its own secret to the outside',
      `${declared}/** @modifies out */\nexport function g(out: Uint8Array): void { const k = new Uint8Array(32);\nreceive(k);\nsend(k); // HERE\nseal(out, k);\nclear(k); }`,
      'k holds what depends on a secret, and goes to send',
    ],
    [
      'of a promise to wipe',
      keyed('out[0] = 1;', '@zeroized', 'void', 'out: Uint8Array,\nkey: Uint8Array /* HERE */'),
      'f is @zeroized, and key is not all zeros where f ends',
    ],
    [
      'of a wipe that a secret decides',
      keyed(`const t = new Uint8Array(4);\nreceive(t);\nif (key[0] === 1) // HERE\n${loop('t')}`),
      't holds what depends on a secret',
    ],
  ])('%s', (_, text, message) => {
    const found = refusals(text);
    expect(found[0]).toMatch(/^HERE: /);
    expect(found.join('\n')).toContain(message);
  });

  it('by a wipe on one of two ways out that a secret chooses between', () => {
    const text = keyed(`const t = new Uint8Array(4);\nreceive(t);\nif (key[0] === 1) { ${loop('t')} return; }`);
    expect(refusals(text).join()).toContain(
      'a secret decides by which way the function is left, and t is overwritten on one of them only',
    );
  });

  it('in a promise to wipe that a Readonly array cannot keep, with the reason', () => {
    const text = '/** @secret key\n * @zeroized */\nexport function f(key: Readonly<Uint8Array>): void {}';
    expect(complaints(text)).toContain('key is Readonly: nothing can wipe it here');
  });
});

describe('objects', () => {
  const box = `/** @verified */
class Box {
  readonly #bytes: Uint8Array;
  #last: u32;
  /** @verified */
  constructor() { this.#bytes = new Uint8Array(4); this.#last = 0; }
  /** @modifies this.#last */
  keep(x: u32): void { this.#last = x; }
  /** @modifies this.#bytes */
  put(x: u8): void { this.#bytes[0] = x; }
}
`;
  it.each([
    ['field', 'keep', 'this.#last'],
    ['array', 'put', 'this.#bytes'],
  ])('a copy in a %s is one', (_, method, place) => {
    const text = `${box}/**\n * @requires key.length === 4\n * @secret key\n */\nexport function f(key: Readonly<Uint8Array>): void {\nconst b = new Box();\nb.${method}(key[0]);\n}`;
    expect(refusals(text).join()).toContain(
      `${place} holds what depends on a secret, and is not wiped where Box.${method} ends`,
    );
  });
});

describe('an error', () => {
  it('shows the way of the secret, a line each', () => {
    const text = keyed(
      'const t = new Uint8Array(4);\nconst x = rotate(key[0], 3);\nif (out.length > 1) return;\nt[0] = x & 255;',
    );
    const first = complaints(text);
    const line = (part: string): number => `\n${text}`.split('\n').findIndex((one) => one.includes(part)) + 1;
    const steps = first.split('\n').filter((one) => one.startsWith('  test.ts:'));
    expect(steps.map((one) => one.replace(/^ {2}test\.ts:(\d+):\d+/, '$1'))).toEqual([
      `${line('export function f')}: key is @secret in f`,
      `${line('const x')}: it goes to rotate as x`,
      `${line('const x')}: rotate gives what depends on it`,
      `${line('const x')}: x depends on it`,
      `${line('t[0] = x')}: t gets what depends on it`,
      `${line('export function f')}: t is left as it is: f ends`,
    ]);
  });

  it('says so where there are too many ways to follow', () => {
    // Each round of the loop takes the secret one variable further.
    const names = Array.from({ length: 330 }, (_, i) => `x${i}`);
    const chain = names.map((name, i) => `${name} = ${names[i + 1] ?? 'key[0]'};`).join(' ');
    const text = keyed(
      `${names.map((name) => `let ${name}: u8 = 0;`).join(' ')}\nfor (let i = 0; i < 9; i++) { ${chain} }`,
    );
    expect(complaints(text)).toContain('f is not followed to its end for its secrets: it has too many ways');
  });
});
