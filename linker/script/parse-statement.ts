/**
 * Statements that may stand at every level of a script (assignments, ASSERT, ENTRY), and the small readers that the
 * levels share.
 * Source: GNU ld manual, section 3.5 "Assigning Values to Symbols".
 */
import { printable } from '../../base/errors.ts';
import type { Assertion, Assignment, AssignmentOperator, EntryStatement, FillPattern } from './ast.ts';
import {
  accept,
  acceptWord,
  type Cursor,
  describeNext,
  expect,
  expectWord,
  failHere,
  here,
  looksAt,
  skipBlank,
  type Word,
} from './lex.ts';
import { readExpression } from './parse-expression.ts';
import type { Parser } from './parse-state.ts';

/** Reads the unquoted word `keyword` when it is next. */
export function acceptKeyword(cursor: Cursor, keyword: string): boolean {
  return (
    tryRead(cursor, () => {
      const word = acceptWord(cursor, 'section');
      return word !== undefined && !word.quoted && word.text === keyword ? true : undefined;
    }) === true
  );
}

/** Runs `read`; when it answers undefined, the cursor goes back to where it was. */
export function tryRead<T>(cursor: Cursor, read: () => T | undefined): T | undefined {
  skipBlank(cursor);
  const { position, end } = cursor;
  const result = read();
  if (result === undefined) {
    cursor.position = position;
    cursor.end = end;
  }
  return result;
}

/**
 * A statement that may stand at top level, in SECTIONS and in a section; undefined when something else is next. `mode`
 * is how the words of that other thing are read: inside a section `lib/*.o` is one.
 */
export function readCommonStatement(
  parser: Parser,
  mode: 'section' | 'pattern' = 'section',
): Assignment | Assertion | EntryStatement | undefined {
  const { cursor } = parser;
  skipBlank(cursor);
  const at = here(cursor);
  return tryRead(cursor, () => {
    const word = acceptWord(cursor, mode);
    if (word === undefined) return undefined;
    if (!word.quoted && looksAt(cursor, '(')) {
      switch (word.text) {
        case 'ASSERT':
          return readAssertion(cursor);
        case 'ENTRY': {
          accept(cursor, '(');
          const symbol = expectWord(cursor, 'section', 'the entry symbol');
          expect(cursor, ')', 'the entry symbol');
          return { kind: 'entry', symbol };
        }
        case 'PROVIDE':
        case 'PROVIDE_HIDDEN':
        case 'HIDDEN': {
          accept(cursor, '(');
          const target = expectWord(cursor, 'section', 'a symbol');
          expect(cursor, '=', `the symbol of ${word.text}`);
          const value = readExpression(cursor);
          expect(cursor, ')', `the value of ${word.text}`);
          accept(cursor, ';');
          const provide = word.text !== 'HIDDEN';
          return { kind: 'assign', target, operator: '=', value, provide, hidden: word.text !== 'PROVIDE', at };
        }
        default:
          return undefined;
      }
    }
    const assigned = acceptAssignmentOperator(cursor, word);
    if (assigned === undefined) return undefined;
    const value = readExpression(cursor);
    if (!accept(cursor, ';') && !accept(cursor, ',')) {
      failHere(
        cursor,
        `expected ';' after the assignment to '${printable(assigned.target, 60)}', found ${describeNext(cursor)}`,
      );
    }
    return { kind: 'assign', ...assigned, value, provide: false, hidden: false, at };
  });
}

function readAssertion(cursor: Cursor): Assertion {
  const at = here(cursor);
  accept(cursor, '(');
  const test = readExpression(cursor);
  expect(cursor, ',', 'the test of ASSERT');
  const message = expectWord(cursor, 'section', 'the message of ASSERT');
  expect(cursor, ')', 'the message of ASSERT');
  accept(cursor, ';');
  return { kind: 'assertion', test, message, at };
}

const assignmentOperators: readonly AssignmentOperator[] = ['+=', '-=', '*=', '/=', '<<=', '>>=', '&=', '|=', '^='];

/** After a word: the operator, which may have been read as the word's last character (`.+=8`). */
function acceptAssignmentOperator(
  cursor: Cursor,
  word: Word,
): { target: string; operator: AssignmentOperator } | undefined {
  const touches = cursor.text.charCodeAt(cursor.position) === 61;
  if (touches && !word.quoted && word.text.length > 1) {
    const operator = `${word.text[word.text.length - 1]}=` as AssignmentOperator;
    if (assignmentOperators.includes(operator)) {
      accept(cursor, '=');
      return { target: word.text.slice(0, -1), operator };
    }
  }
  for (const operator of assignmentOperators) {
    if (accept(cursor, operator)) return { target: word.text, operator };
  }
  if (looksAt(cursor, '==') || !accept(cursor, '=')) return undefined;
  return { target: word.text, operator: '=' };
}

/** Reads a fill value: a bare hexadecimal literal stands for its digits, anything else for four bytes. */
export function readFill(cursor: Cursor): FillPattern {
  skipBlank(cursor);
  const start = cursor.position;
  const value = readExpression(cursor);
  const source = cursor.text.slice(start, cursor.end);
  if (value.kind !== 'number' || !/^0x[0-9a-f]+$/i.test(source)) return { kind: 'expression', value };
  // An odd first digit is a byte of its own.
  const digits = source.length % 2 === 0 ? source.slice(2) : `0${source.slice(2)}`;
  const bytes: number[] = [];
  for (let i = 0; i < digits.length; i += 2) bytes.push(Number.parseInt(digits.slice(i, i + 2), 16));
  return { kind: 'bytes', bytes };
}
