/**
 * Reading a linker script character by character.
 *
 * The language has no single set of tokens: `-` is part of `.note.GNU-stack` in a list of sections and an operator in
 * `. - 8`; `*` is a pattern there and a product here. GNU ld switches its lexer between states; we do the same by
 * letting the parser say, at each step, which kind of word it expects. A cursor only moves forward, so the time is
 * linear in the text.
 *
 * Where we differ from GNU ld, on purpose, and only for texts that it rejects or reads as nothing useful:
 * - `foo=.;` needs no blanks anywhere, and a section name ends at `:`, so `.text:{` is read as meant;
 * - in an expression `/` always divides (GNU ld reads `end/2` as one name), and a word like `bed` or `add` is a symbol
 *   (GNU ld reads it as a number with the suffix `d`);
 * - `#` starts a comment, as in lld, so that preprocessor line markers do no harm.
 */
import { fail, printable } from '../../base/errors.ts';
import type { Position } from './ast.ts';

/** Longest script, in UTF-16 units. */
export const maxScriptLength = 16 * 1024 * 1024;
/** Longest name, pattern, number or message. */
export const maxWordLength = 4096;

/** A place in a text. `end` is the end of the last thing read, without the blanks after it. */
export interface Cursor {
  readonly text: string;
  readonly file: string;
  position: number;
  end: number;
  /** Line of `lineOffset`; advanced on demand, so that counting lines stays linear. */
  line: number;
  lineOffset: number;
}

export interface Word {
  readonly text: string;
  /** Quoted words are never keywords. */
  readonly quoted: boolean;
}

/**
 * What a word may contain:
 * - `pattern`: an input file or section pattern (`*libc.a:mem*.o`, `.text.[a-m]*`);
 * - `section`: an output section, region, segment or symbol at statement level: as `pattern`, but ends at `:`;
 * - `file`: a name in INPUT, GROUP, INCLUDE, SEARCH_DIR: as `pattern`, and `=` belongs to it;
 * - `symbol`: a name in an expression.
 */
export type WordMode = 'pattern' | 'section' | 'file' | 'symbol';

export function openCursor(text: string, file: string): Cursor {
  if (text.length > maxScriptLength) {
    fail('script', `${printable(file)}: the script has ${text.length} characters; at most ${maxScriptLength} are read`);
  }
  return { text, file, position: 0, end: 0, line: 1, lineOffset: 0 };
}

/** Position of the next character to read. */
export function here(cursor: Cursor): Position {
  // Positions are asked for in increasing order but for a few steps back, which a recount from the start would make
  // quadratic: a step back keeps the line, which is at most one token off.
  while (cursor.lineOffset < cursor.position) {
    if (cursor.text.charCodeAt(cursor.lineOffset) === 10) cursor.line++;
    cursor.lineOffset++;
  }
  return { file: cursor.file, line: cursor.line };
}

export function describePosition(at: Position): string {
  return `${printable(at.file)}:${at.line}`;
}

/** Throws a 'script' error at the cursor. */
export function failHere(cursor: Cursor, message: string): never {
  return fail('script', `${describePosition(here(cursor))}: ${message}`);
}

const classPattern = 1;
const classSymbolStart = 2;
const classSymbol = 4;
const classDigit = 8;
const classHex = 16;

const classes = new Uint8Array(128);
function mark(characters: string, bits: number): void {
  for (const c of characters) classes[c.charCodeAt(0)] |= bits;
}
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
mark(`${letters}_.$`, classPattern | classSymbolStart | classSymbol);
mark('@', classPattern | classSymbol);
mark('\\', classPattern | classSymbolStart | classSymbol);
mark('0123456789', classPattern | classSymbol | classDigit | classHex);
mark('abcdefABCDEF', classHex);
mark('/-+:[]~?*^!%#', classPattern);

function classOf(code: number): number {
  // Anything beyond ASCII may be part of a name, as in file names.
  return code < 128 ? classes[code] : code >= 128 ? classPattern | classSymbolStart | classSymbol : 0;
}

/** Skips white space and comments. */
export function skipBlank(cursor: Cursor): void {
  const { text } = cursor;
  for (;;) {
    const code = text.charCodeAt(cursor.position);
    if (code === 32 || (code >= 9 && code <= 13)) {
      cursor.position++;
    } else if (code === 47 && text.charCodeAt(cursor.position + 1) === 42) {
      const close = text.indexOf('*/', cursor.position + 2);
      if (close < 0) failHere(cursor, 'this comment has no closing */');
      cursor.position = close + 2;
    } else if (code === 35) {
      const newline = text.indexOf('\n', cursor.position);
      cursor.position = newline < 0 ? text.length : newline + 1;
    } else {
      return;
    }
  }
}

export function atEnd(cursor: Cursor): boolean {
  skipBlank(cursor);
  return cursor.position >= cursor.text.length;
}

/** Is `mark` next? Reads nothing but blanks. */
export function looksAt(cursor: Cursor, punctuation: string): boolean {
  skipBlank(cursor);
  return cursor.text.startsWith(punctuation, cursor.position);
}

/** Reads `punctuation` when it is next. */
export function accept(cursor: Cursor, punctuation: string): boolean {
  if (!looksAt(cursor, punctuation)) return false;
  cursor.position += punctuation.length;
  cursor.end = cursor.position;
  return true;
}

/** Shows what is next, for messages. */
export function describeNext(cursor: Cursor): string {
  if (atEnd(cursor)) return 'the end of the script';
  const rest = cursor.text.slice(cursor.position, cursor.position + 24);
  const end = rest.search(/[\s;{}]/);
  return `'${printable(end > 0 ? rest.slice(0, end) : end === 0 ? rest[0] : rest)}'`;
}

export function expect(cursor: Cursor, punctuation: string, after: string): void {
  if (!accept(cursor, punctuation)) {
    failHere(cursor, `expected '${punctuation}' after ${after}, found ${describeNext(cursor)}`);
  }
}

function endOfWord(cursor: Cursor, mode: WordMode): number {
  const { text } = cursor;
  let position = cursor.position;
  if (mode === 'symbol') {
    if ((classOf(text.charCodeAt(position)) & classSymbolStart) === 0) return position;
    while (classOf(text.charCodeAt(position)) & classSymbol) position++;
    return position;
  }
  for (;;) {
    const code = text.charCodeAt(position);
    if (classOf(code) & classPattern) {
      if (mode === 'section') {
        if (code === 58) return position;
        // In patterns `lib/*.o` is a path, as for GNU ld; a section's name may touch a comment.
        if (code === 47 && text.charCodeAt(position + 1) === 42) return position;
      }
    } else if (!(mode === 'file' && code === 61)) {
      return position;
    }
    position++;
  }
}

/** Reads a word of the given kind, or nothing. */
export function acceptWord(cursor: Cursor, mode: WordMode): Word | undefined {
  skipBlank(cursor);
  const { text } = cursor;
  if (text.charCodeAt(cursor.position) === 34) {
    const close = text.indexOf('"', cursor.position + 1);
    if (close < 0) failHere(cursor, 'this quoted name has no closing quote');
    if (close - cursor.position - 1 > maxWordLength) {
      failHere(cursor, `this name is longer than ${maxWordLength} characters`);
    }
    const word = text.slice(cursor.position + 1, close);
    cursor.position = close + 1;
    cursor.end = cursor.position;
    return { text: word, quoted: true };
  }
  const end = endOfWord(cursor, mode);
  if (end === cursor.position) return undefined;
  if (end - cursor.position > maxWordLength) {
    failHere(cursor, `this name is longer than ${maxWordLength} characters`);
  }
  const word = text.slice(cursor.position, end);
  cursor.position = end;
  cursor.end = end;
  return { text: word, quoted: false };
}

export function expectWord(cursor: Cursor, mode: WordMode, what: string): string {
  const word = acceptWord(cursor, mode);
  if (word === undefined) failHere(cursor, `expected ${what}, found ${describeNext(cursor)}`);
  return word.text;
}

const multipliers: Record<string, bigint> = { k: 1024n, m: 1024n * 1024n };

/**
 * Reads a number when one is next: decimal, 0x hexadecimal, 0 octal, each with K or M; `$` hexadecimal; and the
 * suffixes H or X (hexadecimal), O (octal), B (binary), D (decimal). Wraps at 64 bits.
 */
export function acceptNumber(cursor: Cursor): bigint | undefined {
  skipBlank(cursor);
  const { text } = cursor;
  const start = cursor.position;
  const first = text.charCodeAt(start);
  const dollar = first === 36;
  if (!(classOf(first) & classDigit) && !(dollar && classOf(text.charCodeAt(start + 1)) & classHex)) return undefined;
  let end = start + 1;
  while (classOf(text.charCodeAt(end)) & (classSymbolStart | classDigit)) end++;
  if (end - start > maxWordLength) failHere(cursor, `this number is longer than ${maxWordLength} characters`);
  const value = numberOf(text.slice(start, end).toLowerCase());
  if (value === undefined) {
    // `$gp` and `$feed.x` are symbols.
    if (dollar) return undefined;
    failHere(cursor, `'${printable(text.slice(start, end), 40)}' is not a number`);
  }
  cursor.position = end;
  cursor.end = end;
  return BigInt.asUintN(64, value);
}

function digitsOf(digits: string, base: 2 | 8 | 10 | 16): bigint | undefined {
  const allowed = { 2: /^[01]+$/, 8: /^[0-7]+$/, 10: /^[0-9]+$/, 16: /^[0-9a-f]+$/ }[base];
  if (!allowed.test(digits)) return undefined;
  return BigInt({ 2: '0b', 8: '0o', 10: '', 16: '0x' }[base] + digits);
}

function numberOf(word: string): bigint | undefined {
  const last = word[word.length - 1];
  const scale = multipliers[last] ?? 1n;
  const body = scale === 1n ? word : word.slice(0, -1);
  let value: bigint | undefined;
  if (body.startsWith('$')) value = digitsOf(body.slice(1), 16);
  else if (body.startsWith('0x')) value = digitsOf(body.slice(2), 16);
  else if (/^0[0-9]+$/.test(body)) value = digitsOf(body, 8);
  else value = digitsOf(body, 10);
  if (value !== undefined) return value * scale;
  const base = ({ h: 16, x: 16, o: 8, b: 2, d: 10 } as const)[last];
  return base === undefined ? undefined : digitsOf(word.slice(0, -1), base);
}

const operators = [
  '<<',
  '>>',
  '==',
  '!=',
  '<=',
  '>=',
  '&&',
  '||',
  '+',
  '-',
  '*',
  '/',
  '%',
  '<',
  '>',
  '&',
  '|',
  '^',
] as const;

/** The binary operator that comes next, without reading it. */
export function nextOperator(cursor: Cursor): (typeof operators)[number] | undefined {
  skipBlank(cursor);
  return operators.find((operator) => cursor.text.startsWith(operator, cursor.position));
}
