/**
 * The lines of a source that one function is: its doc comment, its head and its body.
 *
 * Nothing is parsed: a report must not fail on a text that a compiler would refuse. The function's declaration is looked
 * for by its name; what stands above it as a comment belongs to it, and its body ends at the first brace as far to the
 * left as it began. Where that finds nothing, the lines that its obligations name are shown. A text is taken apart once
 * for all of its functions, and in time that is linear in its length.
 */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/** A source, ready to be quoted from. */
export interface SourceText {
  readonly lines: readonly string[];
  /** Index of the first line that declares each name. */
  readonly declared: ReadonlyMap<string, number>;
}

const MOST_LINES = 400;
/** Characters of a line. */
const MOST_WIDE = 300;

const declaration = /^\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:function|const)\s+([\w$]{1,200})/;

export function sourceText(text: string): SourceText {
  const lines = text.split(/\r\n|\n|\r/);
  const declared = new Map<string, number>();
  lines.forEach((line, i) => {
    const name = declaration.exec(line.slice(0, MOST_WIDE))?.[1];
    if (name !== undefined && !declared.has(name)) declared.set(name, i);
  });
  return { lines, declared };
}

const isComment = (line: string): boolean => /^(?:\/\*|\*|\/\/)/.test(line.slice(0, MOST_WIDE).trimStart());

function startOf(lines: readonly string[], at: number): number {
  let start = at;
  while (start > 0 && at - start < MOST_LINES / 2 && isComment(lines[start - 1]!)) start--;
  return start;
}

function endOf(lines: readonly string[], at: number): number {
  const head = lines[at]!.trimEnd();
  // A head without a body, or all in a single line.
  if (head.endsWith(';') || head.endsWith('}')) return at;
  const close = `${head.slice(0, head.length - head.trimStart().length)}}`;
  for (let i = at + 1; i < lines.length && i < at + MOST_LINES; i++) if (lines[i]!.startsWith(close)) return i;
  return Math.min(lines.length - 1, at + 20);
}

const cut = (text: string): string => (text.length > MOST_WIDE ? `${text.slice(0, MOST_WIDE)} ...` : text);

/** Lines of a function; `named`: those that its obligations name. None where nothing is known. */
export function excerptOf({ lines, declared }: SourceText, name: string, named: readonly number[]): Line[] {
  const at = declared.get(name);
  let [from, to] = [0, -1];
  if (at !== undefined) [from, to] = [startOf(lines, at), endOf(lines, at)];
  else {
    const inside = named.filter((line) => line >= 1 && line <= lines.length);
    if (inside.length > 0) from = inside.reduce((low, line) => Math.min(low, line)) - 1;
    const last = inside.reduce((high, line) => Math.max(high, line), 0) - 1;
    to = Math.min(last, from + MOST_LINES);
  }
  return lines.slice(from, to + 1).map((text, i) => ({ number: from + i + 1, text: cut(text).replace(/\t/g, '  ') }));
}
