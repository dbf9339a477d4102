/**
 * Expressions of the script language: C's operators and precedences, and the functions of GNU ld.
 *
 * Trees are evaluated recursively, so their depth is bounded here: a hostile script cannot exhaust the stack, whether
 * by parentheses or by a chain of a million additions.
 * Source: GNU ld manual, section 3.10 "Expressions in Linker Scripts".
 */
import { printable } from '../../base/errors.ts';
import type { BinaryOperator, Expression, Position, SectionFunction } from './ast.ts';
import {
  accept,
  acceptNumber,
  acceptWord,
  type Cursor,
  describeNext,
  expect,
  expectWord,
  failHere,
  here,
  looksAt,
  nextOperator,
} from './lex.ts';

/** Deepest expression tree. */
export const maxExpressionDepth = 1000;
/** Deepest nesting of parentheses, functions, unary operators and conditionals. */
const maxNesting = 200;

/** C's precedences, loosest first; all associate to the left. */
const precedence: Record<BinaryOperator, number> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '<=': 7,
  '>': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
};

/** A subtree with its height, so that the bound needs no second walk. */
interface Tree {
  readonly node: Expression;
  readonly depth: number;
}

function tree(cursor: Cursor, node: Expression, ...children: readonly Tree[]): Tree {
  let depth = 0;
  for (const child of children) if (child.depth > depth) depth = child.depth;
  if (depth >= maxExpressionDepth) failHere(cursor, `this expression is nested more than ${maxExpressionDepth} deep`);
  return { node, depth: depth + 1 };
}

/** Reads one expression. */
export function readExpression(cursor: Cursor): Expression {
  return readConditional(cursor, 0).node;
}

function readConditional(cursor: Cursor, nesting: number): Tree {
  if (nesting > maxNesting) failHere(cursor, `this expression is nested more than ${maxNesting} deep`);
  const test = readBinary(cursor, nesting, 1);
  if (!accept(cursor, '?')) return test;
  const yes = readConditional(cursor, nesting + 1);
  expect(cursor, ':', "the first branch of '?'");
  const no = readConditional(cursor, nesting + 1);
  return tree(cursor, { kind: 'conditional', test: test.node, yes: yes.node, no: no.node }, test, yes, no);
}

function readBinary(cursor: Cursor, nesting: number, loosest: number): Tree {
  let left = readUnary(cursor, nesting);
  for (;;) {
    const operator = nextOperator(cursor);
    if (operator === undefined || precedence[operator] < loosest) return left;
    // `a <<= 1` is an assignment, which no expression contains; `a == b` was found whole above.
    const at = here(cursor);
    accept(cursor, operator);
    const right = readBinary(cursor, nesting, precedence[operator] + 1);
    left = tree(cursor, { kind: 'binary', operator, left: left.node, right: right.node, at }, left, right);
  }
}

function readUnary(cursor: Cursor, nesting: number): Tree {
  if (nesting > maxNesting) failHere(cursor, `this expression is nested more than ${maxNesting} deep`);
  for (const operator of ['-', '~', '!'] as const) {
    if (accept(cursor, operator)) {
      const operand = readUnary(cursor, nesting + 1);
      return tree(cursor, { kind: 'unary', operator, operand: operand.node }, operand);
    }
  }
  if (accept(cursor, '+')) return readUnary(cursor, nesting + 1);
  return readPrimary(cursor, nesting);
}

function readPrimary(cursor: Cursor, nesting: number): Tree {
  if (accept(cursor, '(')) {
    const inner = readConditional(cursor, nesting + 1);
    expect(cursor, ')', 'the parenthesised expression');
    return inner;
  }
  const number = acceptNumber(cursor);
  if (number !== undefined) return tree(cursor, { kind: 'number', value: number });
  const at = here(cursor);
  const word = acceptWord(cursor, 'symbol');
  if (word === undefined) failHere(cursor, `expected an expression, found ${describeNext(cursor)}`);
  if (!word.quoted) {
    if (word.text === '.') return tree(cursor, { kind: 'dot' });
    if (word.text === 'SIZEOF_HEADERS' || word.text === 'sizeof_headers') {
      return tree(cursor, { kind: 'sizeofHeaders' });
    }
    if (Object.hasOwn(functions, word.text) && looksAt(cursor, '(')) {
      expect(cursor, '(', word.text);
      const call = functions[word.text](cursor, nesting + 1, at);
      expect(cursor, ')', `the arguments of ${word.text}`);
      return call;
    }
  }
  return tree(cursor, { kind: 'symbol', name: word.text, at });
}

type FunctionReader = (cursor: Cursor, nesting: number, at: Position) => Tree;

function ofSection(name: SectionFunction): FunctionReader {
  return (cursor, _nesting, at) =>
    tree(cursor, { kind: 'section', function: name, section: expectWord(cursor, 'section', 'a section name'), at });
}

function ofOne(make: (operand: Expression, at: Position) => Expression): FunctionReader {
  return (cursor, nesting, at) => {
    const operand = readConditional(cursor, nesting);
    return tree(cursor, make(operand.node, at), operand);
  };
}

function ofTwo(make: (first: Expression, second: Expression) => Expression): FunctionReader {
  return (cursor, nesting) => {
    const first = readConditional(cursor, nesting);
    expect(cursor, ',', 'the first argument');
    const second = readConditional(cursor, nesting);
    return tree(cursor, make(first.node, second.node), first, second);
  };
}

function ofRegion(kind: 'origin' | 'length'): FunctionReader {
  return (cursor, _nesting, at) =>
    tree(cursor, { kind, region: expectWord(cursor, 'section', 'the name of a memory region'), at });
}

const absolute = ofOne((operand) => ({ kind: 'absolute', operand }));

const functions: Record<string, FunctionReader> = {
  ADDR: ofSection('ADDR'),
  SIZEOF: ofSection('SIZEOF'),
  LOADADDR: ofSection('LOADADDR'),
  ALIGNOF: ofSection('ALIGNOF'),
  ORIGIN: ofRegion('origin'),
  LENGTH: ofRegion('length'),
  ABSOLUTE: absolute,
  absolute,
  LOG2CEIL: ofOne((operand) => ({ kind: 'log2ceil', operand })),
  MAX: ofTwo((left, right) => ({ kind: 'max', left, right })),
  MIN: ofTwo((left, right) => ({ kind: 'min', left, right })),
  DATA_SEGMENT_ALIGN: ofTwo((maxPage, commonPage) => ({ kind: 'dataSegmentAlign', maxPage, commonPage })),
  DATA_SEGMENT_RELRO_END: ofTwo((offset, value) => ({ kind: 'dataSegmentRelroEnd', offset, value })),
  DATA_SEGMENT_END: ofOne((value) => ({ kind: 'dataSegmentEnd', value })),
  // BLOCK is the old spelling of ALIGN with one argument.
  BLOCK: ofOne((alignment, at) => ({ kind: 'align', alignment, at })),
  ALIGN: (cursor, nesting, at) => {
    const first = readConditional(cursor, nesting);
    if (!accept(cursor, ',')) return tree(cursor, { kind: 'align', alignment: first.node, at }, first);
    const second = readConditional(cursor, nesting);
    return tree(cursor, { kind: 'align', value: first.node, alignment: second.node, at }, first, second);
  },
  DEFINED: (cursor) => tree(cursor, { kind: 'defined', symbol: expectWord(cursor, 'symbol', 'a symbol') }),
  CONSTANT: (cursor) => {
    const name = expectWord(cursor, 'symbol', 'the name of a constant');
    if (name === 'MAXPAGESIZE' || name === 'COMMONPAGESIZE') return tree(cursor, { kind: 'constant', name });
    return failHere(cursor, `CONSTANT(${printable(name)}): only MAXPAGESIZE and COMMONPAGESIZE exist`);
  },
  SEGMENT_START: (cursor, nesting) => {
    const segment = expectWord(cursor, 'section', 'the name of a segment');
    expect(cursor, ',', 'the name of the segment');
    const fallback = readConditional(cursor, nesting);
    return tree(cursor, { kind: 'segmentStart', segment, fallback: fallback.node }, fallback);
  },
  ASSERT: (cursor, nesting, at) => {
    const test = readConditional(cursor, nesting);
    expect(cursor, ',', 'the test of ASSERT');
    const message = expectWord(cursor, 'symbol', 'the message of ASSERT');
    return tree(cursor, { kind: 'assert', test: test.node, message, at }, test);
  },
  NEXT: (cursor) => failHere(cursor, 'NEXT() is not supported: write ALIGN() instead'),
};
