/**
 * What the parts of the script parser share: the text being read, INCLUDE, and the bounds that keep a hostile script
 * from exhausting memory or the stack.
 */
import { fail, printable } from '../../base/errors.ts';
import {
  atEnd,
  type Cursor,
  describePosition,
  expectWord,
  failHere,
  here,
  looksAt,
  maxScriptLength,
  openCursor,
} from './lex.ts';

/** GNU ld's own bound on nested INCLUDEs. */
const maxIncludeDepth = 10;
/** Statements, patterns and names of one script, with its INCLUDEs. */
const maxNodes = 500_000;

export interface Parser {
  /** Replaced while an INCLUDEd text is read. */
  cursor: Cursor;
  readonly readInclude: (name: string) => string | undefined;
  includeDepth: number;
  /** Characters of all texts so far: ten levels of INCLUDE must not multiply. */
  characters: number;
  nodes: number;
}

export function openParser(
  text: string,
  file: string,
  readInclude: (name: string) => string | undefined = () => undefined,
): Parser {
  return { cursor: openCursor(text, file), readInclude, includeDepth: 0, characters: text.length, nodes: 0 };
}

/** Counts a statement against the bound. */
export function countNode(parser: Parser): void {
  if (++parser.nodes > maxNodes)
    failHere(parser.cursor, `the script has more than ${maxNodes} statements and patterns`);
}

/** Reads the file name after INCLUDE and runs `read` on that file's text. */
export function withInclude(parser: Parser, read: () => void): void {
  const outer = parser.cursor;
  countNode(parser);
  const at = here(outer);
  const name = expectWord(outer, 'file', 'a file name after INCLUDE');
  if (parser.includeDepth >= maxIncludeDepth) {
    failHere(outer, `INCLUDE ${printable(name)}: nested more than ${maxIncludeDepth} deep`);
  }
  const text = parser.readInclude(name);
  if (text === undefined) {
    fail('script', `${describePosition(at)}: INCLUDE ${printable(name)}: no such file here or in the search path`);
  }
  parser.characters += text.length;
  if (parser.characters > maxScriptLength) {
    failHere(outer, `INCLUDE ${printable(name)}: all texts together have more than ${maxScriptLength} characters`);
  }
  parser.cursor = openCursor(text, name);
  parser.includeDepth++;
  read();
  parser.includeDepth--;
  parser.cursor = outer;
}

/** Has a braced list come to its end? An INCLUDEd part of it ends with its text. */
export function listEnds(parser: Parser, inInclude: boolean, list: string): boolean {
  if (atEnd(parser.cursor)) return inInclude || failHere(parser.cursor, `${list} has no closing '}'`);
  return !inInclude && looksAt(parser.cursor, '}');
}
