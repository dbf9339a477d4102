/**
 * --dependency-file: a make rule that says what an output was linked from, so that make links again when one changes.
 */

/** A path as make reads it: blanks, `#`, `$` and `\` escaped. */
function quoted(path: string): string {
  return path.replace(/[\\ #]/g, '\\$&').replace(/\$/g, '$$$$');
}

/** The rule, then an empty rule for each file, so that make does not stop when one has vanished. */
export function dependencyRule(output: string, reads: readonly string[]): string {
  const files = [...new Set(reads)].map(quoted);
  const rule = [`${quoted(output)}:`, ...files.map((file) => `  ${file}`)].join(' \\\n');
  return `${rule}\n${files.map((file) => `\n${file}:\n`).join('')}`;
}
