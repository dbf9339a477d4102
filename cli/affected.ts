/** `casemate affected ADVISORY... --in FOLDER`: which released images have what an advisory is about, offline. */
import { Command } from 'commander';
import { affectedText } from '../evidence/advisories/text.ts';
import { affectedImages } from '../pipeline/affected.ts';
import { collect } from './budget.ts';
import { jsonText, printWhole } from './output.ts';
import { terminalProgress } from './progress.ts';

const examples = `
Packages of Debian, npm and opam are compared by their own orders of versions; others by semantic versions where the
advisory has them, and by lists. What cannot be told (commits, unknown packages, an order that is not known here) is
undecided, and never a pass. docs/updates.md says where packages of linked files are known from.

Exit status: 0 none is affected; 1 some are; 2 wrong usage, or an advisory that cannot be read; 3 could not decide.

Examples:
  casemate affected DSA-5764-1.json --in releases/
  casemate affected advisories/ --in app.evidence --key release.pub
  casemate affected advisories/ --in bills/ --named-only --json`;

interface Flags {
  readonly in: string;
  readonly key?: readonly string[];
  readonly namedOnly?: boolean;
  readonly json?: boolean;
}

async function run(advisories: readonly string[], flags: Flags): Promise<void> {
  const { in: images, key: keys = [], namedOnly = false } = flags;
  const report = await terminalProgress(false).phase('looking for affected images', (step) =>
    affectedImages({ advisories, images, keys, namedOnly, step }),
  );
  process.exitCode = report.status;
  const notes = [
    ...(keys.length === 0 ? ['signatures were not looked at: give --key'] : []),
    ...(namedOnly ? ['parts of unknown packages were left out: --named-only'] : []),
    ...(report.passedOver === 0 ? [] : [`files that are neither bundles nor bills: ${report.passedOver}`]),
  ];
  const text = flags.json ? jsonText({ version: 1, ...report }) : `${[...affectedText(report), ...notes].join('\n')}\n`;
  await printWhole(text);
}

export function affectedCommand(): Command {
  return new Command('affected')
    .summary('tell which images an advisory is about')
    .description(
      'Looks through bundles of evidence and CycloneDX bills of materials for what security advisories are about. Nothing is asked of a network.',
    )
    .argument('<ADVISORY...>', 'files in the OSV format, or folders of them')
    .requiredOption('--in <FOLDER>', 'where bundles and bills are, in folders below too; or one of them')
    .option('--key <FILE>', 'public key that must have signed every bundle; several: each of them', collect)
    .option('--named-only', 'decide by packages that are known, and leave out parts of unknown ones')
    .option('--json', 'print as JSON')
    .addHelpText('after', examples)
    .action(run);
}
