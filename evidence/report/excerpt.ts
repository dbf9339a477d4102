/**
 * The lines of a source that one function is: its doc comment, its head and its body.
 *
 * Nothing is parsed: a report must not fail on a text that a compiler would refuse. The function's declaration is looked
 * for by its name; what stands above it as a comment belongs to it, and its body ends at the first brace as far to the
 * left as it began. Where that finds nothing, the lines that its obligations name are shown.
 */
export interface Line {
  readonly number: number;
  readonly text: string;
}

const MOST_LINES = 400;
/** Characters of a line. */
const MOST_WIDE = 300;

const literally = (name: string): string => name.replace(/[^\w$]/g, '\\$&');

/** Index of the declaration of a name; -1 without one. */
function declarationOf(lines: readonly string[], name: string): number {
  if (!/^[\w$]{1,200}$/.test(name)) return -1;
  const pattern = new RegExp(
    `^\\s*(?:export\\s+)?(?:default\\s+)?(?:function\\s+|const\\s+)${literally(name)}(?![\\w$])`,
  );
  return lines.findIndex((line) => pattern.test(line.slice(0, MOST_WIDE)));
}

function startOf(lines: readonly string[], at: number): number {
  let start = at;
  const isComment = (line: string): boolean => /^\s*(?:\/\*\*?|\*|\/\/)/.test(line);
  while (start > 0 && at - start < MOST_LINES / 2 && isComment(lines[start - 1]!)) start--;
  return start;
}

function endOf(lines: readonly string[], at: number): number {
  const indent = /^\s*/.exec(lines[at]!)![0];
  const close = new RegExp(`^${indent}\\}`);
  // A head without a body, or one in a single line.
  if (/;\s*$|\}\s*$/.test(lines[at]!)) return at;
  for (let i = at + 1; i < lines.length && i < at + MOST_LINES; i++) if (close.test(lines[i]!)) return i;
  return Math.min(lines.length - 1, at + 20);
}

const cut = (text: string): string => (text.length > MOST_WIDE ? `${text.slice(0, MOST_WIDE)} ...` : text);

/** Lines of a function; `named`: those that its obligations name. None where nothing is known. */
export function excerptOf(source: string, name: string, named: readonly number[]): Line[] {
  const lines = source.split(/\r\n|\n|\r/);
  const at = declarationOf(lines, name);
  const inside = named.filter((line) => line >= 1 && line <= lines.length);
  let [from, to] = at < 0 ? [0, -1] : [startOf(lines, at), endOf(lines, at)];
  if (at < 0 && inside.length > 0) {
    from = inside.reduce((low, line) => Math.min(low, line)) - 1;
    to = Math.min(inside.reduce((high, line) => Math.max(high, line)) - 1, from + MOST_LINES);
  }
  return lines.slice(from, to + 1).map((text, i) => ({ number: from + i + 1, text: cut(text.replace(/\t/g, '  ')) }));
}
