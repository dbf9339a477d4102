/**
 * A linker script's commands: everything outside SECTIONS, and the public entry points of the parser.
 *
 * The parser refuses by name what it knows but does not carry out (OVERLAY, NOCROSSREFS, ...): silently dropping a
 * check or a placement would give an image that is not the one the script describes.
 * Source: GNU ld manual, sections 3.4 "Simple Linker Script Commands", 3.7 "MEMORY", 3.8 "PHDRS", 3.11 "Implicit".
 */
import { printable } from '../../base/errors.ts';
import type {
  Expression,
  InsertStatement,
  LinkerScript,
  Region,
  ScriptInput,
  SectionsStatement,
  SegmentDescription,
} from './ast.ts';
import {
  accept,
  acceptWord,
  atEnd,
  type Cursor,
  describeNext,
  expect,
  expectWord,
  failHere,
  here,
  looksAt,
  openCursor,
  skipBlank,
} from './lex.ts';
import { readExpression } from './parse-expression.ts';
import { readSections } from './parse-sections.ts';
import { countNode, listEnds, openParser, type Parser, withInclude } from './parse-state.ts';
import { readCommonStatement } from './parse-statement.ts';

export interface ParseOptions {
  /** Text of an INCLUDEd script, or undefined when there is none of that name. */
  readonly readInclude?: (name: string) => string | undefined;
}

/** Parses a whole script. Throws CasemateError 'script' with `file:line`. */
export function parseScript(text: string, file: string, options: ParseOptions = {}): LinkerScript {
  const parser = openParser(text, file, options.readInclude);
  const draft = emptyDraft();
  readCommands(parser, draft);
  return finish(draft, file);
}

/** Parses one expression that fills the whole text, as in `--defsym NAME=EXPRESSION`. */
export function parseExpression(text: string, file: string): Expression {
  const cursor = openCursor(text, file);
  const expression = readExpression(cursor);
  if (!atEnd(cursor)) failHere(cursor, `expected the end of the expression, found ${describeNext(cursor)}`);
  return expression;
}

/** A LinkerScript being collected. */
interface Draft {
  entry: string | undefined;
  output: string | undefined;
  outputFormat: string | undefined;
  outputArch: string | undefined;
  insert: InsertStatement | undefined;
  segments: SegmentDescription[] | undefined;
  hasSections: boolean;
  forceCommonAllocation: boolean;
  startup: ScriptInput | undefined;
  readonly searchDirs: string[];
  readonly inputs: ScriptInput[];
  readonly undefinedSymbols: string[];
  readonly commands: SectionsStatement[];
  readonly regions: Region[];
  readonly regionAliases: Map<string, string>;
}

function emptyDraft(): Draft {
  return {
    entry: undefined,
    output: undefined,
    outputFormat: undefined,
    outputArch: undefined,
    insert: undefined,
    segments: undefined,
    hasSections: false,
    forceCommonAllocation: false,
    startup: undefined,
    searchDirs: [],
    inputs: [],
    undefinedSymbols: [],
    commands: [],
    regions: [],
    regionAliases: new Map(),
  };
}

function finish(draft: Draft, file: string): LinkerScript {
  const { entry, output, outputFormat, outputArch, insert, segments, startup, ...rest } = draft;
  return {
    ...rest,
    file,
    inputs: startup === undefined ? draft.inputs : [startup, ...draft.inputs],
    ...(entry !== undefined && { entry }),
    ...(output !== undefined && { output }),
    ...(outputFormat !== undefined && { outputFormat }),
    ...(outputArch !== undefined && { outputArch }),
    ...(insert !== undefined && { insert }),
    ...(segments !== undefined && { segments }),
  };
}

/** Reads commands to the end of the text: a whole script or an INCLUDEd one. */
function readCommands(parser: Parser, draft: Draft): void {
  while (!atEnd(parser.cursor)) {
    if (!accept(parser.cursor, ';')) readCommand(parser, draft);
  }
}

function readCommand(parser: Parser, draft: Draft): void {
  const { cursor } = parser;
  countNode(parser);
  const statement = readCommonStatement(parser);
  if (statement !== undefined) {
    if (statement.kind === 'entry') draft.entry = statement.symbol;
    else draft.commands.push(statement);
    return;
  }
  const at = here(cursor);
  const word = acceptWord(cursor, 'section');
  if (word === undefined) failHere(cursor, `expected a command, found ${describeNext(cursor)}`);
  const reader = word.quoted || !Object.hasOwn(commands, word.text) ? undefined : commands[word.text];
  if (reader !== undefined) {
    reader(parser, draft);
    return;
  }
  if (word.text === 'INSERT' && !word.quoted) {
    const where = expectWord(cursor, 'section', 'AFTER or BEFORE');
    if (where !== 'AFTER' && where !== 'BEFORE') {
      failHere(cursor, `expected AFTER or BEFORE after INSERT, found '${printable(where)}'`);
    }
    const section = expectWord(cursor, 'section', 'the name of an output section');
    if (draft.insert !== undefined)
      failHere(cursor, 'a second INSERT in one script: put each INSERT in its own script');
    draft.insert = { where, section, at };
    return;
  }
  failHere(cursor, `'${printable(word.text, 60)}' is not a linker script command`);
}

/** Reads `( NAME )`. */
function inParentheses(cursor: Cursor, command: string, what: string): string {
  expect(cursor, '(', command);
  const name = expectWord(cursor, 'file', what);
  expect(cursor, ')', what);
  return name;
}

/** Reads `( item item, item )`. */
function readList(cursor: Cursor, command: string, readItem: () => void): void {
  expect(cursor, '(', command);
  while (!accept(cursor, ')')) {
    readItem();
    accept(cursor, ',');
  }
}

function readInputs(parser: Parser, draft: Draft, command: string, asNeeded: boolean): void {
  const { cursor } = parser;
  readList(cursor, command, () => {
    countNode(parser);
    const word = acceptWord(cursor, 'file');
    if (word === undefined) failHere(cursor, `expected a file name, found ${describeNext(cursor)}`);
    if (word.text === 'AS_NEEDED' && !word.quoted && looksAt(cursor, '(')) {
      if (asNeeded) failHere(cursor, 'AS_NEEDED inside AS_NEEDED');
      readInputs(parser, draft, word.text, true);
    } else {
      draft.inputs.push({ name: word.text, asNeeded });
    }
  });
}

function refuse(command: string, advice: string): CommandReader {
  return (parser) => failHere(parser.cursor, `${command} is not supported: ${advice}`);
}

type CommandReader = (parser: Parser, draft: Draft) => void;

const commands: Record<string, CommandReader> = {
  SECTIONS: (parser, draft) => {
    draft.hasSections = true;
    for (const statement of readSections(parser)) {
      if (statement.kind === 'entry') draft.entry = statement.symbol;
      draft.commands.push(statement);
    }
  },
  MEMORY: (parser, draft) => {
    expect(parser.cursor, '{', 'MEMORY');
    readRegions(parser, draft, false);
    expect(parser.cursor, '}', 'the memory regions');
  },
  PHDRS: (parser, draft) => {
    draft.segments ??= [];
    expect(parser.cursor, '{', 'PHDRS');
    while (!accept(parser.cursor, '}')) draft.segments.push(readSegment(parser));
  },
  INCLUDE: (parser, draft) => withInclude(parser, () => readCommands(parser, draft)),
  INPUT: (parser, draft) => readInputs(parser, draft, 'INPUT', false),
  GROUP: (parser, draft) => readInputs(parser, draft, 'GROUP', false),
  STARTUP: (parser, draft) => {
    draft.startup = { name: inParentheses(parser.cursor, 'STARTUP', 'a file name'), asNeeded: false };
  },
  EXTERN: (parser, draft) =>
    readList(parser.cursor, 'EXTERN', () => {
      countNode(parser);
      draft.undefinedSymbols.push(expectWord(parser.cursor, 'section', 'a symbol'));
    }),
  OUTPUT: (parser, draft) => {
    draft.output = inParentheses(parser.cursor, 'OUTPUT', 'a file name');
  },
  OUTPUT_FORMAT: ({ cursor }, draft) => {
    const names: string[] = [];
    readList(cursor, 'OUTPUT_FORMAT', () => names.push(expectWord(cursor, 'section', 'a format')));
    if (names.length !== 1 && names.length !== 3) {
      failHere(cursor, `OUTPUT_FORMAT takes one or three formats, not ${names.length}`);
    }
    // Default, big-endian, little-endian: -EB and -EL choose; ours are little-endian, where the default is the same.
    draft.outputFormat = names[0];
  },
  OUTPUT_ARCH: (parser, draft) => {
    draft.outputArch = inParentheses(parser.cursor, 'OUTPUT_ARCH', 'an architecture');
  },
  SEARCH_DIR: (parser, draft) => {
    countNode(parser);
    draft.searchDirs.push(inParentheses(parser.cursor, 'SEARCH_DIR', 'a folder'));
  },
  REGION_ALIAS: ({ cursor }, draft) => {
    expect(cursor, '(', 'REGION_ALIAS');
    const alias = expectWord(cursor, 'section', 'an alias');
    expect(cursor, ',', 'the alias');
    const region = expectWord(cursor, 'section', 'a memory region');
    expect(cursor, ')', 'the memory region');
    if (draft.regionAliases.has(alias) || draft.regions.some((r) => r.name === alias)) {
      failHere(cursor, `the memory region '${printable(alias)}' is defined twice`);
    }
    draft.regionAliases.set(alias, region);
  },
  FORCE_COMMON_ALLOCATION: (_parser, draft) => {
    // Commons of a final link always get space, so this changes nothing; kept for the record.
    draft.forceCommonAllocation = true;
  },
  // TARGET names the object format of the following inputs; ours say it themselves.
  TARGET: (parser) => void inParentheses(parser.cursor, 'TARGET', 'a format'),
  // Numbers outside sections are absolute either way once a value is assigned; see evaluate.ts.
  LD_FEATURE: (parser) => void inParentheses(parser.cursor, 'LD_FEATURE', 'a feature'),
  // Symbol versions exist in dynamic symbol tables only, and we make none.
  VERSION: (parser) => skipBraces(parser),
  INHIBIT_COMMON_ALLOCATION: refuse('INHIBIT_COMMON_ALLOCATION', 'a final link must give common symbols space'),
  NOCROSSREFS: refuse('NOCROSSREFS', 'casemate does not check cross references; remove it to link without the check'),
  NOCROSSREFS_TO: refuse(
    'NOCROSSREFS_TO',
    'casemate does not check cross references; remove it to link without the check',
  ),
};

/** Skips `{ ... }` with balanced braces. */
function skipBraces({ cursor }: Parser): void {
  expect(cursor, '{', 'VERSION');
  for (let depth = 1; depth > 0; ) {
    if (atEnd(cursor)) failHere(cursor, "VERSION has no closing '}'");
    if (accept(cursor, '{')) depth++;
    else if (accept(cursor, '}')) depth--;
    else if (acceptWord(cursor, 'pattern') === undefined) cursor.position++;
  }
}

function readRegions(parser: Parser, draft: Draft, inInclude: boolean): void {
  const { cursor } = parser;
  for (;;) {
    while (accept(cursor, ',') || accept(cursor, ';'));
    if (listEnds(parser, inInclude, 'MEMORY')) return;
    const at = here(cursor);
    const name = expectWord(cursor, 'section', 'the name of a memory region');
    if (name === 'INCLUDE' && !looksAt(cursor, ':') && !looksAt(cursor, '(')) {
      withInclude(parser, () => readRegions(parser, draft, true));
      continue;
    }
    countNode(parser);
    const attributes = looksAt(cursor, '(') ? readAttributes(cursor) : '';
    expect(cursor, ':', 'the name of the memory region');
    readKeyword(cursor, ['ORIGIN', 'org', 'o']);
    const origin = readExpression(cursor);
    accept(cursor, ',');
    readKeyword(cursor, ['LENGTH', 'len', 'l']);
    const length = readExpression(cursor);
    if (draft.regions.some((region) => region.name === name) || draft.regionAliases.has(name)) {
      failHere(cursor, `the memory region '${printable(name)}' is defined twice`);
    }
    if (draft.regions.length >= 1000) failHere(cursor, 'more than 1000 memory regions');
    draft.regions.push({ name, attributes, origin, length, at });
  }
}

function readKeyword(cursor: Cursor, names: readonly string[]): void {
  const word = expectWord(cursor, 'section', names[0]);
  if (!names.includes(word)) failHere(cursor, `expected ${names.join(' or ')}, found '${printable(word, 60)}'`);
  expect(cursor, '=', names[0]);
}

function readAttributes(cursor: Cursor): string {
  accept(cursor, '(');
  let attributes = '';
  while (!accept(cursor, ')')) {
    const word = acceptWord(cursor, 'section');
    if (word === undefined || !/^[rwxail!]+$/i.test(word.text)) {
      failHere(cursor, `a memory region's attributes are letters of RWXAIL and '!', found ${describeNext(cursor)}`);
    }
    attributes += word.text.toUpperCase();
  }
  return attributes;
}

const segmentTypes: Record<string, bigint> = {
  PT_NULL: 0n,
  PT_LOAD: 1n,
  PT_DYNAMIC: 2n,
  PT_INTERP: 3n,
  PT_NOTE: 4n,
  PT_SHLIB: 5n,
  PT_PHDR: 6n,
  PT_TLS: 7n,
  PT_GNU_EH_FRAME: 0x6474e550n,
  PT_GNU_STACK: 0x6474e551n,
  PT_GNU_RELRO: 0x6474e552n,
  PT_GNU_PROPERTY: 0x6474e553n,
};

function readSegment(parser: Parser): SegmentDescription {
  const { cursor } = parser;
  countNode(parser);
  skipBlank(cursor);
  const at = here(cursor);
  const name = expectWord(cursor, 'section', 'the name of a segment');
  const named = readExpression(cursor);
  let type: Expression = named;
  if (named.kind === 'symbol') {
    if (!Object.hasOwn(segmentTypes, named.name)) {
      failHere(cursor, `'${printable(named.name)}' is not a segment type: write PT_LOAD, PT_NOTE, ... or a number`);
    }
    type = { kind: 'number', value: segmentTypes[named.name] };
  }
  let fileHeader = false;
  let programHeaders = false;
  let address: Expression | undefined;
  let flags: Expression | undefined;
  while (!accept(cursor, ';')) {
    const word = expectWord(cursor, 'section', "FILEHDR, PHDRS, AT(), FLAGS() or ';'");
    if (word === 'FILEHDR') fileHeader = true;
    else if (word === 'PHDRS') programHeaders = true;
    else if (word === 'AT' || word === 'FLAGS') {
      expect(cursor, '(', word);
      const value = readExpression(cursor);
      expect(cursor, ')', `the argument of ${word}`);
      if (word === 'AT') address = value;
      else flags = value;
    } else {
      failHere(cursor, `'${printable(word, 60)}' is not one of FILEHDR, PHDRS, AT() and FLAGS()`);
    }
  }
  return {
    name,
    type,
    fileHeader,
    programHeaders,
    ...(address !== undefined && { address }),
    ...(flags !== undefined && { flags }),
    at,
  };
}
