/**
 * `casemate gate BUNDLE --policy POLICY --key PUB`: whether a release may go out, and the answer in the formats that CI
 * systems show.
 */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { canonicalBytes } from '../evidence/canonical.ts';
import { isDay } from '../evidence/days.ts';
import { type Gated, gate, type Verdict } from '../evidence/gate.ts';
import type { RulePages } from '../evidence/rule-page.ts';
import { verdictLines } from '../evidence/verdict-text.ts';
import { readApprovals, readGated, readPolicy } from '../pipeline/gate.ts';
import { readRulePages } from '../pipeline/rule-pages.ts';
import { print } from './output.ts';

const examples = `
A rule of the policy that has no finding, one of another version, or one on a weaker ground than asked for is undecided,
and so is what is unknown. The image in the bundle, or --image, must be the one that was checked.

Exit status: 0 passed; 1 failed, or the signature or image is another; 2 wrong usage, policy or bundle; 3 undecided.

Examples:
  casemate init-policy > policy.json
  casemate gate app.bundle --policy policy.json --key release.pub
  casemate gate app.bundle --policy policy.json --unsigned --sarif app.sarif --junit app.xml
  casemate gate app.bundle --policy policy.json --key release.pub --against last.bundle
  casemate gate app.bundle --policy policy.json --key release.pub --summary "$GITHUB_STEP_SUMMARY"`;

interface Flags {
  readonly policy: string;
  readonly key?: readonly string[];
  readonly unsigned?: boolean;
  readonly image?: string;
  readonly approval?: readonly string[];
  readonly now?: string;
  readonly against?: string;
  readonly againstImage?: string;
  readonly sarif?: string;
  readonly omitWaived?: boolean;
  readonly junit?: string;
  readonly summary?: string;
  readonly verdict?: string;
  readonly all?: boolean;
}

/** Today in UTC, or the day that was given. */
export function dayOf(text: string | undefined): string {
  if (text === undefined) return new Date().toISOString().slice(0, 10);
  return isDay(text) ? text : fail('usage', `--now ${printable(text)}: must be a day, as YYYY-MM-DD`);
}

const json = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 1)}\n`);

async function writeFormats(verdict: Verdict, gated: Gated, pages: RulePages, flags: Flags): Promise<void> {
  if (flags.verdict !== undefined) writeFileAtomic(flags.verdict, canonicalBytes(verdict));
  if (flags.sarif !== undefined) {
    const { sarif } = await import('../evidence/formats/sarif.ts');
    const options = { omitWaived: flags.omitWaived === true };
    writeFileAtomic(flags.sarif, json(sarif(verdict, gated.evidence, pages, options)));
  }
  if (flags.junit !== undefined) {
    const { junit } = await import('../evidence/formats/junit.ts');
    writeFileAtomic(flags.junit, Buffer.from(junit(verdict, pages)));
  }
  if (flags.summary !== undefined) {
    const { markdown } = await import('../evidence/formats/markdown.ts');
    writeFileAtomic(flags.summary, Buffer.from(markdown(verdict, pages)));
  }
}

async function run(path: string, flags: Flags): Promise<void> {
  const { key: keys = [], unsigned = false, image, against, againstImage } = flags;
  if (flags.omitWaived && flags.sarif === undefined) fail('usage', '--omit-waived: is for --sarif, which is missing');
  if (againstImage !== undefined && against === undefined)
    fail('usage', '--against-image: is for --against, which is missing');
  const now = dayOf(flags.now);
  const policy = readPolicy(flags.policy);
  const gated = readGated({ path, keys, unsigned, ...(image !== undefined && { image }) });
  const old =
    against === undefined
      ? undefined
      : readGated({ path: against, keys, unsigned, ...(againstImage !== undefined && { image: againstImage }) });
  const approvals = readApprovals(flags.approval ?? []);
  const verdict = gate({ ...gated, policy, now, approvals, ...(old && { against: old }) });
  const pages = readRulePages(verdict.decisions.flatMap(({ rule, result }) => (result === 'passed' ? [] : [rule])));
  await writeFormats(verdict, gated, pages, flags);
  print(`${verdictLines(verdict, pages, flags.all).join('\n')}\n`);
  process.exitCode = verdict.status;
}

/** An option that may be given several times. */
const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function gateCommand(): Command {
  return new Command('gate')
    .summary('decide by a policy whether a release may go out')
    .description('Holds the evidence of a build against a policy: what failed, why it matters, how to fix it.')
    .argument('<BUNDLE>', 'a bundle of casemate evidence, or its evidence.json')
    .requiredOption('--policy <FILE>', 'the policy')
    .option('--key <FILE>', 'public key that must have signed the bundle; several: each of them', collect)
    .option('--unsigned', 'take evidence that nobody has signed; the verdict says so')
    .option('--image <FILE>', 'the image (default: the one in the bundle)')
    .option(
      '--approval <FILE>',
      'a waiver that a role has signed (casemate approve); may be given several times',
      collect,
    )
    .option('--now <DAY>', 'decide as on this day, YYYY-MM-DD in UTC (default: today)')
    .option('--against <BUNDLE>', 'an older release: only what is new or worse decides')
    .option('--against-image <FILE>', "the older release's image (default: the one in its bundle)")
    .option('--sarif <FILE>', 'write SARIF 2.1.0')
    .option('--omit-waived', 'leave waived results out of --sarif')
    .option('--junit <FILE>', 'write JUnit XML')
    .option('--summary <FILE>', "write Markdown for a job's summary")
    .option('--verdict <FILE>', 'write the verdict as JSON')
    .option('--all', 'print what passed as well')
    .addHelpText('after', examples)
    .action(run);
}
