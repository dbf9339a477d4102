/**
 * `casemate extract FILE.v`: a Coq file's definitions as TypeScript, beside the file or where -o says.
 */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { jsonText, print, printWhole } from './output.ts';
import { terminalProgress } from './progress.ts';

const examples = `
Numbers become bigint, inductive types unions, records objects, calls in the last place loops; docs/extract.md has the
whole table. What Coq has proved of a function without axioms stands in its comment. Refused are axioms, coinduction,
types that depend on values, and commands that do more than define.

Exit status: 0 written; 2 wrong usage, or a file that Coq or we refuse.

Examples:
  casemate extract sort.v
  casemate extract sort.v -o src/sort.ts --only sort,insert`;

interface Flags {
  readonly output?: string;
  readonly only?: string;
  readonly json?: boolean;
}

const namesOf = (text: string): string[] => {
  const names = text.split(',').map((one) => one.trim());
  for (const name of names)
    if (!/^[A-Za-z_][\w'.]*$/.test(name)) fail('usage', `--only: ${printable(name)} is no name of a definition`);
  return names;
};

async function run(path: string, { output, only, json }: Flags): Promise<void> {
  if (!path.endsWith('.v')) fail('usage', `${printable(path)}: is no Coq file; its name must end in .v`);
  const to = output ?? path.replace(/\.v$/, '.ts');
  const { extractCoq } = await import('../pipeline/extract.ts');
  const found = await terminalProgress(false).phase('extracting', (step) =>
    extractCoq({ path, ...(only !== undefined && { only: namesOf(only) }), step }),
  );
  writeFileAtomic(to, Buffer.from(found.text));
  const { definitions, proved, unproved, version, isolated } = found;
  if (json === true)
    return printWhole(jsonText({ version: 1, output: to, definitions, proved, unproved, coq: version }));
  const theorems = `${proved.length} of ${proved.length + unproved.length} theorems proved without axioms`;
  const open =
    unproved.length === 0 ? '' : `not proved, or on axioms: ${unproved.map((one) => printable(one)).join(', ')}\n`;
  const network = isolated ? '' : 'coqc could reach the network: unshare is missing, or not allowed here\n';
  print(`${printable(to)}: ${definitions.length} definitions by ${printable(version)}; ${theorems}\n${open}${network}`);
  return undefined;
}

export function extractCommand(): Command {
  return new Command('extract')
    .summary('turn a Coq file into TypeScript')
    .description('Extracts the definitions of FILE.v as typed TypeScript, with what Coq has proved of them.')
    .argument('<FILE.v>', 'a Coq file that requires libraries of Coq only')
    .option('-o, --output <FILE>', 'where the TypeScript goes (default: beside FILE.v)')
    .option('--only <NAMES>', 'extract these definitions, and what they need; separated by commas')
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', examples)
    .action(run);
}
