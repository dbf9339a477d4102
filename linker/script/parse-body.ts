/**
 * The contents of an output section: input section descriptions, data, fills and assignments.
 * Source: GNU ld manual, sections 3.6.4 "Input Section Description" and 3.6.5 "Output Section Data".
 */
import { printable } from '../../base/errors.ts';
import type { DataStatement, InputDescription, OutputStatement, Position, SectionPattern, SortKey } from './ast.ts';
import { accept, acceptWord, type Cursor, describeNext, expect, failHere, here, looksAt, skipBlank } from './lex.ts';
import { readExpression } from './parse-expression.ts';
import { countNode, listEnds, type Parser, withInclude } from './parse-state.ts';
import { readCommonStatement, readFill } from './parse-statement.ts';

/** Reads statements up to the closing brace, which stays unread. */
export function readBody(parser: Parser, section: string): OutputStatement[] {
  const statements: OutputStatement[] = [];
  readStatements(parser, section, statements, false);
  return statements;
}

function readStatements(parser: Parser, section: string, statements: OutputStatement[], inInclude: boolean): void {
  while (!listEnds(parser, inInclude, `the output section '${printable(section, 60)}'`)) {
    if (!accept(parser.cursor, ';')) readStatement(parser, section, statements);
  }
}

const dataSizes: Record<string, { size: DataStatement['size']; signed: boolean }> = {
  BYTE: { size: 1, signed: false },
  SHORT: { size: 2, signed: false },
  LONG: { size: 4, signed: false },
  QUAD: { size: 8, signed: false },
  SQUAD: { size: 8, signed: true },
};

const sortKeys: Record<string, SortKey> = {
  SORT: 'name',
  SORT_BY_NAME: 'name',
  SORT_BY_ALIGNMENT: 'alignment',
  SORT_BY_INIT_PRIORITY: 'init-priority',
  SORT_NONE: 'none',
};

function readStatement(parser: Parser, section: string, statements: OutputStatement[]): void {
  const { cursor } = parser;
  countNode(parser);
  const common = readCommonStatement(parser, 'pattern');
  if (common !== undefined) {
    if (common.kind === 'entry') failHere(cursor, 'ENTRY cannot stand inside an output section');
    statements.push(common);
    return;
  }
  const at = here(cursor);
  const word = acceptWord(cursor, 'pattern');
  if (word === undefined) {
    failHere(cursor, `expected a statement of '${printable(section, 60)}', found ${describeNext(cursor)}`);
  }
  if (!word.quoted) {
    switch (word.text) {
      case 'CONSTRUCTORS':
        statements.push({ kind: 'constructors' });
        return;
      case 'INCLUDE':
        withInclude(parser, () => readStatements(parser, section, statements, true));
        return;
      case 'ASCIZ':
        readString(parser, at, statements);
        return;
      case 'CREATE_OBJECT_SYMBOLS':
      case 'LINKER_VERSION':
        failHere(cursor, `${word.text} is not supported: remove it`);
    }
    if (looksAt(cursor, '(')) {
      if (word.text === 'FILL') {
        accept(cursor, '(');
        statements.push({ kind: 'fill', pattern: readFill(cursor) });
        expect(cursor, ')', 'the fill value');
        return;
      }
      if (Object.hasOwn(dataSizes, word.text)) {
        accept(cursor, '(');
        statements.push({ kind: 'data', ...dataSizes[word.text], value: readExpression(cursor), at });
        expect(cursor, ')', `the value of ${word.text}`);
        return;
      }
      if (word.text === 'KEEP') {
        accept(cursor, '(');
        const name = readPatternWord(cursor, 'a file pattern');
        statements.push(readInput(parser, name, true, at));
        expect(cursor, ')', 'the input section description in KEEP');
        return;
      }
    }
  }
  const input = readInput(parser, word, false, at);
  const sortedConstructors = input.file === 'CONSTRUCTORS' && input.sortFiles;
  statements.push(sortedConstructors ? { kind: 'constructors' } : input);
}

function readPatternWord(cursor: Cursor, what: string): { text: string; quoted: boolean } {
  const word = acceptWord(cursor, 'pattern');
  if (word === undefined) failHere(cursor, `expected ${what}, found ${describeNext(cursor)}`);
  return word;
}

/** ASCIZ "text": its UTF-8 bytes and a zero. */
function readString(parser: Parser, at: Position, statements: OutputStatement[]): void {
  const word = acceptWord(parser.cursor, 'pattern');
  if (word === undefined || !word.quoted) failHere(parser.cursor, 'ASCIZ needs a quoted string');
  for (const byte of [...new TextEncoder().encode(word.text), 0]) {
    countNode(parser);
    statements.push({
      kind: 'data',
      size: 1,
      signed: false,
      value: { kind: 'number', value: BigInt(byte) },
      at,
    });
  }
}

function refuseFlags(cursor: Cursor, name: string): void {
  if (name === 'INPUT_SECTION_FLAGS') {
    failHere(cursor, 'INPUT_SECTION_FLAGS is not supported: select the sections by name');
  }
  if (name === 'REVERSE') failHere(cursor, 'REVERSE is not supported: select the sections one by one');
}

/** Reads the rest of an input section description whose first word is `first`. */
function readInput(
  parser: Parser,
  first: { text: string; quoted: boolean },
  keep: boolean,
  at: Position,
): InputDescription {
  const { cursor } = parser;
  const excludeFiles: string[] = [];
  let sortFiles = false;
  let open = 0;
  let word = first;
  while (!word.quoted && looksAt(cursor, '(')) {
    refuseFlags(cursor, word.text);
    if (word.text === 'EXCLUDE_FILE') {
      readNames(parser, excludeFiles);
    } else if (Object.hasOwn(sortKeys, word.text)) {
      const key = sortKeys[word.text];
      if (key !== 'name' && key !== 'none') failHere(cursor, `${word.text} orders sections, not files`);
      accept(cursor, '(');
      sortFiles ||= key === 'name';
      if (++open > 2) failHere(cursor, 'file patterns can be sorted once only');
    } else {
      break;
    }
    word = readPatternWord(cursor, 'a file pattern');
  }
  const file = word.text;
  for (; open > 0; open--) expect(cursor, ')', 'the sorted file pattern');
  const sections: SectionPattern[] = [];
  if (accept(cursor, '(')) {
    do {
      countNode(parser);
      sections.push(readSectionPattern(parser));
      accept(cursor, ',');
    } while (!accept(cursor, ')'));
  } else {
    // A bare file name stands for all its sections.
    sections.push({ pattern: '*', excludeFiles: [], sort: [] });
  }
  return { kind: 'input', file, excludeFiles, sortFiles, sections, keep, at };
}

/** Reads `( name name )`. */
function readNames(parser: Parser, names: string[]): void {
  const { cursor } = parser;
  expect(cursor, '(', 'EXCLUDE_FILE');
  while (!accept(cursor, ')')) {
    countNode(parser);
    names.push(readPatternWord(cursor, "a file pattern or ')'").text);
    accept(cursor, ',');
  }
}

/** One pattern with what wraps it: EXCLUDE_FILE and up to two sort keys. */
function readSectionPattern(parser: Parser): SectionPattern {
  const { cursor } = parser;
  skipBlank(cursor);
  const excludeFiles: string[] = [];
  const sort: SortKey[] = [];
  for (;;) {
    const word = readPatternWord(cursor, "a section pattern or ')'");
    if (word.quoted || !looksAt(cursor, '(')) {
      for (let open = sort.length; open > 0; open--) expect(cursor, ')', 'the sorted section pattern');
      // Sorting twice by the same key sorts once.
      const keys = sort.filter((key, index) => sort.indexOf(key) === index);
      return { pattern: word.text, excludeFiles, sort: keys };
    }
    refuseFlags(cursor, word.text);
    if (word.text === 'EXCLUDE_FILE') {
      readNames(parser, excludeFiles);
    } else if (Object.hasOwn(sortKeys, word.text)) {
      accept(cursor, '(');
      sort.push(sortKeys[word.text]);
      if (sort.length > 2) failHere(cursor, 'section patterns take at most two sort keys');
    } else {
      failHere(cursor, `expected a section pattern, found '${printable(word.text, 60)}('`);
    }
  }
}
