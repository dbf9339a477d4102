/** `casemate diff OLD NEW`: what changed between two releases, and whether anything of it is worse. */
import { Command } from 'commander';
import { fail } from '../base/errors.ts';
import { diffEvidence, type EvidenceDiff } from '../evidence/diff.ts';
import { diffLines } from '../evidence/diff-text.ts';
import { readCompared, type Trusted } from '../pipeline/gate.ts';
import { collect } from './budget.ts';
import { jsonText, printWhole } from './output.ts';

const examples = `
Worse is: a finding that fails, is unknown or is missing now, or rests on a weaker ground; a promise of verified code
that is gone; an assumption more; a device that the older release does not ask for; a release number that goes back.
All else is shown and not judged.

Exit status: 0 nothing is worse; 1 something is, or the signature or image is another; 2 wrong usage or bundle.

Examples:
  casemate diff 1.0.evidence 1.1.evidence --key release.pub
  casemate diff 1.0.evidence 1.1.evidence --unsigned --json
  casemate diff 1.0.evidence 1.1.evidence --key old.pub --new-key new.pub      the key changed in between`;

interface Flags {
  readonly key?: readonly string[];
  readonly newKey?: readonly string[];
  readonly unsigned?: boolean;
  readonly json?: boolean;
  readonly all?: boolean;
}

/** The number of a release and whose word it is, as a line ends. */
const wordOf = ({ release, trust }: Trusted): string =>
  `${release === undefined ? '' : `, release ${release}`}, ${trust.kind === 'signed' ? `signed by ${trust.key.slice(0, 12)}` : 'UNSIGNED'}`;

/** A release whose number is not above the one before takes back what that one mended. */
function withRelease(diff: EvidenceDiff, old: Trusted, now: Trusted): EvidenceDiff {
  if (old.release === undefined || diff.isSameImage || (now.release ?? -1) > old.release) return diff;
  const line = `release: the number is ${now.release ?? 'missing'}; must be above ${old.release}, the older release's`;
  return { ...diff, worse: [line, ...diff.worse] };
}

async function run(before: string, after: string, flags: Flags): Promise<void> {
  const { key: keys = [], unsigned = false, newKey } = flags;
  if (newKey !== undefined && keys.length === 0) fail('usage', '--new-key: is for --key, which is missing');
  const old = readCompared({ path: before, keys, unsigned });
  const now = readCompared({ path: after, keys: newKey ?? keys, unsigned });
  const diff = withRelease(diffEvidence(old.evidence, now.evidence), old, now);
  process.exitCode = diff.worse.length === 0 ? 0 : 1;
  const releases = [old, now].map(({ release, trust }) => ({ ...(release !== undefined && { release }), trust }));
  const text = flags.json
    ? jsonText({ version: 1, releases, ...diff })
    : `${diffLines(diff, [wordOf(old), wordOf(now)], flags.all).join('\n')}\n`;
  await printWhole(text);
}

export function diffCommand(): Command {
  return new Command('diff')
    .summary('show what changed between two releases')
    .description(
      'Compares the evidence of two releases: protections, devices, functions, segments, trusted code, assumptions, inputs, tools.',
    )
    .argument('<OLD>', 'a bundle of casemate evidence, or its evidence.json')
    .argument('<NEW>', 'the one of the newer release')
    .option('--key <FILE>', 'public key that must have signed both; several: each of them', collect)
    .option('--new-key <FILE>', 'public key that must have signed NEW, where it is another', collect)
    .option('--unsigned', 'take evidence that nobody has signed')
    .option('--json', 'print as JSON')
    .option('--all', 'print long lists as a whole')
    .addHelpText('after', examples)
    .action(run);
}
