/** `casemate report BUNDLE`: what a bundle of evidence says, as one page for people. */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readPolicy } from '../pipeline/gate.ts';
import { collect } from './budget.ts';
import { dayOf } from './gate.ts';
import { terminalProgress } from './progress.ts';
import { DEFAULT_SLIDES, writeReport } from './write-report.ts';

const examples = `
The page needs no network and runs no script but its own. It says what the evidence says; casemate verify finds out
whether that is so, and casemate gate decides.

Exit status: 0 the page is written, whatever it says; 1 the signature or image is another; 2 wrong usage, policy or bundle.

Examples:
  casemate report app.evidence -o app.html
  casemate report app.evidence -o app.html --key release.pub --policy policy.json --against last.evidence
  casemate report app.evidence --slides 10000 > app.html`;

interface Flags {
  readonly output?: string;
  readonly key?: readonly string[];
  readonly unsigned?: boolean;
  readonly policy?: string;
  readonly now?: string;
  readonly against?: string;
  readonly slides: number;
}

/** Most slides that are drawn: a second's work for an ordinary image. */
const MOST_SLIDES = 20_000;

function parseSlides(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > MOST_SLIDES)
    fail('usage', `--slides ${printable(text)}: must be a whole number from 0 to ${MOST_SLIDES}`);
  return Number(text);
}

async function run(path: string, flags: Flags): Promise<void> {
  const { output, key: keys = [], unsigned = false, policy, against, slides } = flags;
  if (unsigned && keys.length > 0) fail('usage', '--key and --unsigned exclude each other');
  if (policy !== undefined && keys.length === 0 && !unsigned)
    fail(
      'usage',
      '--policy: whose word is it decided by? give --key PUBLIC.pem, or --unsigned for a bundle of your own',
    );
  if (policy === undefined && flags.now !== undefined) fail('usage', '--now: is for --policy, which is missing');
  const now = dayOf(flags.now);
  await writeReport(
    output,
    {
      ...{ path, keys, now, slides },
      ...(policy !== undefined && { policy: readPolicy(policy) }),
      ...(against !== undefined && { against }),
    },
    terminalProgress(false),
  );
}

export function reportCommand(): Command {
  return new Command('report')
    .summary('write what evidence says as a page for people')
    .description('Writes the evidence of a BUNDLE as one HTML page, to read and to print.')
    .argument('<BUNDLE>', 'a bundle of casemate evidence, or its evidence.json')
    .option('-o, --output <FILE>', 'where to write it (default: print it)')
    .option('--key <FILE>', 'public key that must have signed the bundle; several: each of them', collect)
    .option('--unsigned', 'ask for no signature; the page says so')
    .option('--policy <FILE>', 'put what the gate decides by this policy on top')
    .option('--now <DAY>', 'decide as on this day, YYYY-MM-DD in UTC (default: today)')
    .option('--against <BUNDLE>', 'the release before: show what has changed; only what is new or worse decides')
    .option('--slides <NUMBER>', 'how many slides of the image are drawn', parseSlides, DEFAULT_SLIDES)
    .addHelpText('after', examples)
    .action(run);
}
