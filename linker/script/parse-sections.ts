/**
 * The SECTIONS command: output section descriptions with their attributes.
 * Source: GNU ld manual, section 3.6 "SECTIONS Command".
 */
import { printable } from '../../base/errors.ts';
import type { Expression, OutputSectionDescription, SectionsStatement } from './ast.ts';
import { accept, acceptWord, type Cursor, describeNext, expect, expectWord, failHere, here, looksAt } from './lex.ts';
import { readBody } from './parse-body.ts';
import { readExpression } from './parse-expression.ts';
import { countNode, listEnds, type Parser, withInclude } from './parse-state.ts';
import { acceptKeyword, readCommonStatement, readFill, tryRead } from './parse-statement.ts';

/** Reads `{ ... }` after SECTIONS. */
export function readSections(parser: Parser): SectionsStatement[] {
  const statements: SectionsStatement[] = [];
  expect(parser.cursor, '{', 'SECTIONS');
  readStatements(parser, statements, false);
  expect(parser.cursor, '}', 'the sections');
  return statements;
}

function readStatements(parser: Parser, statements: SectionsStatement[], inInclude: boolean): void {
  while (!listEnds(parser, inInclude, 'SECTIONS')) {
    if (accept(parser.cursor, ';')) continue;
    countNode(parser);
    const common = readCommonStatement(parser);
    if (common !== undefined) {
      statements.push(common);
    } else if (acceptKeyword(parser.cursor, 'INCLUDE')) {
      withInclude(parser, () => readStatements(parser, statements, true));
    } else {
      statements.push(readOutputSection(parser));
    }
  }
}

function readOutputSection(parser: Parser): OutputSectionDescription {
  const { cursor } = parser;
  const at = here(cursor);
  const word = acceptWord(cursor, 'section');
  if (word === undefined) failHere(cursor, `expected an output section, found ${describeNext(cursor)}`);
  const name = word.text;
  if (!word.quoted && name === 'OVERLAY') {
    failHere(cursor, 'OVERLAY is not supported: give each section its own AT() and the same address instead');
  }
  if (!word.quoted && looksAt(cursor, '(') && (name === 'INSERT' || name === 'GROUP' || name === 'PHDRS')) {
    failHere(cursor, `${name} cannot stand inside SECTIONS`);
  }
  let type = acceptType(cursor);
  let address: Expression | undefined;
  if (type === undefined && !looksAt(cursor, ':')) {
    address = readExpression(cursor);
    type = acceptType(cursor);
  }
  expect(cursor, ':', `the output section '${printable(name, 60)}'`);
  const attributes = readAttributes(cursor);
  expect(cursor, '{', `the output section '${printable(name, 60)}'`);
  const body = readBody(parser, name);
  expect(cursor, '}', `the contents of '${printable(name, 60)}'`);
  const tail = readTail(cursor);
  return {
    kind: 'section',
    name,
    ...(address !== undefined && { address }),
    ...(type !== undefined && type !== '' && { type }),
    ...attributes,
    body,
    ...tail,
    at,
  };
}

const sectionTypes = ['NOLOAD', 'DSECT', 'COPY', 'INFO', 'OVERLAY', 'READONLY'] as const;

/** Reads `(NOLOAD)` and its like; '' for `()`; undefined when a parenthesised address is next, or nothing of the kind. */
function acceptType(cursor: Cursor): (typeof sectionTypes)[number] | '' | undefined {
  if (!looksAt(cursor, '(')) return undefined;
  return tryRead(cursor, () => {
    accept(cursor, '(');
    if (accept(cursor, ')')) return '' as const;
    const word = acceptWord(cursor, 'section')?.text;
    if (word === 'TYPE' || (word === 'READONLY' && looksAt(cursor, '('))) {
      failHere(cursor, 'TYPE= is not supported: the type of an output section follows from its contents');
    }
    const type = sectionTypes.find((known) => known === word);
    return type !== undefined && accept(cursor, ')') ? type : undefined;
  });
}

/** What may stand between `:` and `{`. */
type Attributes = Pick<OutputSectionDescription, 'alignWithInput'> &
  Partial<Pick<OutputSectionDescription, 'loadAddress' | 'align' | 'subalign' | 'constraint'>>;

function readAttributes(cursor: Cursor): Attributes {
  let attributes: Attributes = { alignWithInput: false };
  for (;;) {
    const word = looksAt(cursor, '{') ? undefined : acceptWord(cursor, 'section')?.text;
    switch (word) {
      case undefined:
        return attributes;
      case 'AT':
        attributes = { ...attributes, loadAddress: readArgument(cursor, word) };
        break;
      case 'ALIGN':
        attributes = { ...attributes, align: readArgument(cursor, word) };
        break;
      case 'SUBALIGN':
        attributes = { ...attributes, subalign: readArgument(cursor, word) };
        break;
      case 'ALIGN_WITH_INPUT':
        attributes = { ...attributes, alignWithInput: true };
        break;
      case 'ONLY_IF_RO':
      case 'ONLY_IF_RW':
        attributes = { ...attributes, constraint: word };
        break;
      default:
        failHere(
          cursor,
          `expected AT(), ALIGN(), SUBALIGN(), ALIGN_WITH_INPUT, ONLY_IF_RO, ONLY_IF_RW or '{' after ':', found '${printable(word, 60)}'`,
        );
    }
  }
}

function readArgument(cursor: Cursor, keyword: string): Expression {
  expect(cursor, '(', keyword);
  const value = readExpression(cursor);
  expect(cursor, ')', `the argument of ${keyword}`);
  return value;
}

/** What may stand after `}`. */
type Tail = Partial<Pick<OutputSectionDescription, 'region' | 'loadRegion' | 'segments' | 'fill'>>;

function readTail(cursor: Cursor): Tail {
  let tail: Tail = {};
  const segments: string[] = [];
  for (;;) {
    if (accept(cursor, '>')) {
      tail = { ...tail, region: expectWord(cursor, 'section', 'a memory region') };
    } else if (acceptLoadRegionMark(cursor)) {
      tail = { ...tail, loadRegion: expectWord(cursor, 'section', 'a memory region') };
    } else if (accept(cursor, ':')) {
      if (segments.length >= 1000) failHere(cursor, 'more than 1000 segments for one section');
      segments.push(expectWord(cursor, 'section', 'a segment'));
    } else if (accept(cursor, '=')) {
      tail = { ...tail, fill: readFill(cursor) };
    } else {
      accept(cursor, ',');
      return segments.length > 0 ? { ...tail, segments } : tail;
    }
  }
}

function acceptLoadRegionMark(cursor: Cursor): boolean {
  return (
    tryRead(cursor, () => {
      const word = acceptWord(cursor, 'section');
      return word?.text === 'AT' && !word.quoted && accept(cursor, '>') ? true : undefined;
    }) === true
  );
}
