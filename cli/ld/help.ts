/**
 * The text of --help and the version line, made from the tables of flags.
 */
import { version } from '../../package.json';
import type { Flag } from './draft.ts';
import { flags } from './flags.ts';
import { ignoredKeywords, ignoredValueKeywords, keywords } from './keywords.ts';
import { ignored, refused, warned } from './other-flags.ts';

/** Build systems look for "GNU" in this line to learn which flags a linker takes. */
export const versionText = `casemate-ld ${version} (compatible with GNU ld)\n`;

const width = 100;
const column = 34;

/** Names with custom of one dash. */
const oneDash =
  /^(T|B|d[Tcpny]$|E[LB]$|(Map|Qy|Ur|init|fini|rpath|soname|static|shared|plugin|non_shared|call_shared)\b)/;

function spelling(name: string): string {
  return oneDash.test(name) ? `-${name}` : `--${name}`;
}

function syntax(flag: Flag): string {
  const letters = [...(flag.letters ?? '')].map((letter) => `-${letter}`);
  const names = [...letters, ...flag.names.map(spelling)].join(', ');
  if (flag.argument === undefined) return names;
  const metavar = flag.metavar ?? 'VALUE';
  return flag.argument === 'optional' ? `${names}[=${metavar}]` : `${names} ${metavar}`;
}

function entry(left: string, right: string): string {
  return left.length + 4 > column
    ? `  ${left}\n${' '.repeat(column)}${right}\n`
    : `  ${left}${' '.repeat(column - 2 - left.length)}${right}\n`;
}

/** Words in lines of `width`, indented. */
function paragraph(words: readonly string[], indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.map((each) => `${' '.repeat(indent)}${each}\n`).join('');
}

/** Notation of other-flags.ts as a user writes it. */
function shown(notation: string): string {
  const bare = notation.replace(/(\[=\]|=)$/, '');
  return /^-.$/.test(bare) ? bare : spelling(bare);
}

/** Rows of other-flags.ts, those with the same text joined. */
function table(rows: readonly (readonly [text: string, names: string])[]): string {
  const joined = new Map<string, string[]>();
  for (const [text, names] of rows) joined.set(text, [...(joined.get(text) ?? []), ...names.split(' ').map(shown)]);
  return [...joined].map(([text, names]) => `  ${text}:\n${paragraph(names, 4)}`).join('');
}

export function helpText(): string {
  const topics = flags.map(
    ({ topic, flags: listed }) => `\n${topic}:\n${listed.map((flag) => entry(syntax(flag), flag.help ?? '')).join('')}`,
  );
  const listed = keywords.map(({ name, value, help }) =>
    entry(`-z ${name}${value === undefined ? '' : `=${value}`}`, help),
  );
  const silent = [...Object.keys(ignoredKeywords), ...Object.keys(ignoredValueKeywords).map((name) => `${name}=`)];
  return `Usage: casemate-ld [options] file...
Links ELF objects and archives into a static program for x86-64, riscv64 or aarch64, as GNU ld does.
As the linker of a compiler: put a link named ld to it in a folder, and give the compiler -B FOLDER -static.

A file that is neither an object nor an archive is read as a linker script. @FILE stands for the
options in FILE. Long options take one dash or two (two when they begin with o).
${topics.join('')}
Keywords of -z:
${listed.join('')}
Accepted without effect:
${table(ignored)}  keywords of -z:
${paragraph(silent, 4)}
Accepted with a warning:
${table(warned)}
Refused:
${table(refused)}
Exit status: 0 when the program was written, 1 for every error.
`;
}
