/**
 * JSON as people write it by hand: every value remembers its line, so that an error can say where to look.
 *
 * JSON.parse loses positions, reports a byte offset, silently keeps the last of two equal keys (so that what a reviewer
 * saw and what we did could differ) and turns "__proto__" into something else than a key. This reader refuses
 * duplicates and "__proto__", bounds nesting, and otherwise accepts exactly RFC 8259.
 */
import { type ErrorCode, fail, printable } from './errors.ts';

export interface JsonDocument {
  readonly value: unknown;
  /** Line (from 1) of the value at a JSON pointer such as "/link/inputs/2"; the nearest enclosing value otherwise. */
  readonly lineOf: (pointer: string) => number;
}

/** Where a complaint about a key points: file, line and key of a JSON pointer. */
export type At = (pointer: string) => string;

const deepest = 64;
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const spacePattern = /[ \t\r\n]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings may not hold raw control characters
const stringPattern = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** One step of a JSON pointer (RFC 6901): `~` and `/` inside a key are escaped. */
export function pointerStep(key: string | number): string {
  return `/${String(key).replace(/~/g, '~0').replace(/\//g, '~1')}`;
}

/** A JSON pointer as messages show it: "/link/inputs/2/path" becomes `link.inputs[2].path`. */
export function readablePath(pointer: string): string {
  let path = '';
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replace(/~1/g, '/').replace(/~0/g, '~');
    if (/^\d+$/.test(key)) path += `[${key}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(key)) path += path === '' ? key : `.${key}`;
    else path += `[${printable(JSON.stringify(key), 60)}]`;
  }
  return path;
}

/** Parses `text`; a violation is an error of `code` that names `file` and line. */
export function parseJson(text: string, file: string, code: ErrorCode = 'manifest'): JsonDocument {
  const lines = new Map<string, number>();
  let at = 0;
  let counted = 0;
  let line = 1;

  const lineHere = (): number => {
    for (; counted < at; counted++) if (text.charCodeAt(counted) === 10) line++;
    return line;
  };
  const reject = (message: string): never => fail(code, `${printable(file)}:${lineHere()}: ${message}`);
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? '';
    at += found.length;
    return found;
  };
  const here = (): string => (at < text.length ? `'${printable(text.slice(at, at + 12), 12)}'` : 'the end of the file');
  const expect = (wanted: string, context: string): void => {
    match(spacePattern);
    if (!text.startsWith(wanted, at)) reject(`expected '${wanted}' ${context}, found ${here()}`);
    at += wanted.length;
  };
  const string = (what: string): string => {
    const literal = match(stringPattern);
    if (literal === '') reject(`expected ${what}, found ${here()}`);
    return JSON.parse(literal) as string;
  };

  const members = (pointer: string, depth: number): Record<string, unknown> => {
    const object: Record<string, unknown> = {};
    at++;
    match(spacePattern);
    if (text[at] === '}') {
      at++;
      return object;
    }
    for (;;) {
      match(spacePattern);
      const key = string('a key in double quotes');
      if (key === '__proto__') reject('the key "__proto__" is not allowed');
      if (Object.hasOwn(object, key)) reject(`the key ${printable(JSON.stringify(key), 60)} occurs twice`);
      expect(':', `after the key ${printable(JSON.stringify(key), 60)}`);
      object[key] = value(pointer + pointerStep(key), depth);
      match(spacePattern);
      if (text[at] === '}') {
        at++;
        return object;
      }
      expect(',', 'or } after a member');
    }
  };

  const elements = (pointer: string, depth: number): unknown[] => {
    const array: unknown[] = [];
    at++;
    match(spacePattern);
    if (text[at] === ']') {
      at++;
      return array;
    }
    for (;;) {
      array.push(value(pointer + pointerStep(array.length), depth));
      match(spacePattern);
      if (text[at] === ']') {
        at++;
        return array;
      }
      expect(',', 'or ] after an element');
    }
  };

  const value = (pointer: string, depth: number): unknown => {
    if (depth > deepest) reject(`nested more than ${deepest} deep`);
    match(spacePattern);
    lines.set(pointer, lineHere());
    const c = text[at];
    if (c === '{') return members(pointer, depth + 1);
    if (c === '[') return elements(pointer, depth + 1);
    if (c === '"') return string('a string');
    for (const [word, meaning] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    const number = match(numberPattern);
    if (number === '') reject(`expected a value, found ${here()}`);
    return Number(number);
  };

  const result = value('', 0);
  match(spacePattern);
  if (at < text.length) reject(`expected the end of the file, found ${here()}`);
  return {
    value: result,
    lineOf: (pointer) => {
      for (let p = pointer; ; p = p.slice(0, p.lastIndexOf('/'))) {
        const found = lines.get(p);
        if (found !== undefined) return found;
        if (p === '') return 1;
      }
    },
  };
}
