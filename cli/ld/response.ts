/**
 * Response files: `@FILE` stands for the arguments in FILE, which may name further ones.
 *
 * Build systems use them for command lines beyond the system's limit. Quoting is libiberty's: blanks separate, a
 * backslash takes the next character as itself, and quotes of either kind keep blanks. An `@FILE` that does not exist
 * stays an argument, as in GNU ld.
 * Source: GNU ld manual, section 2.1, "@file".
 */
import { fail, printable } from '../../base/errors.ts';

const maxDepth = 32;
/** Of all response files together. */
const maxCharacters = 64 * 1024 * 1024;
const maxArguments = 1_000_000;

/** Splits the text of a response file into arguments. */
export function splitArguments(text: string): string[] {
  const result: string[] = [];
  // Pieces between quotes and escapes; undefined between arguments.
  let current: string[] | undefined;
  let quote = '';
  const token = /\\([\s\S])|(["'])|([ \t\n\r\f\v]+)|([^\\"' \t\n\r\f\v]+)|\\$/g;
  for (const [whole, escaped, mark, blank, plain] of text.matchAll(token)) {
    if (escaped !== undefined) {
      current ??= [];
      current.push(escaped);
    } else if (mark !== undefined) {
      current ??= [];
      if (quote === '') quote = mark;
      else if (quote === mark) quote = '';
      else current.push(mark);
    } else if (blank !== undefined && quote === '') {
      if (current !== undefined) result.push(current.join(''));
      current = undefined;
    } else {
      current ??= [];
      if (plain !== undefined || blank !== undefined) current.push(whole);
    }
  }
  if (current !== undefined) result.push(current.join(''));
  return result;
}

export interface ExpandedArguments {
  readonly argv: readonly string[];
  /** For each argument the `@FILE` it stands in; undefined for those of the command line itself. */
  readonly origins: readonly (string | undefined)[];
}

/** Replaces each `@FILE`; `read` answers undefined when there is no such file. */
export function expandResponseFiles(
  argv: readonly string[],
  read: (path: string) => string | undefined,
): ExpandedArguments {
  const result: string[] = [];
  const origins: (string | undefined)[] = [];
  let characters = 0;
  const expand = (argument: string, origin: string | undefined, depth: number): void => {
    const text = argument.length > 1 && argument.startsWith('@') ? read(argument.slice(1)) : undefined;
    if (text === undefined) {
      if (result.length >= maxArguments) fail('usage', `more than ${maxArguments} arguments`);
      result.push(argument);
      origins.push(origin);
      return;
    }
    if (depth >= maxDepth) fail('usage', `${printable(argument)}: response files nested more than ${maxDepth} deep`);
    characters += text.length;
    if (characters > maxCharacters) {
      fail('usage', `${printable(argument)}: response files with more than ${maxCharacters} characters in all`);
    }
    for (const inner of splitArguments(text)) expand(inner, argument, depth + 1);
  };
  for (const argument of argv) expand(argument, undefined, 0);
  return { argv: result, origins };
}
