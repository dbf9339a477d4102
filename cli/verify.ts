/**
 * `casemate verify BUNDLE`: flags in, what was checked and what was not out; the work is pipeline/verify.ts.
 *
 * Exit status: 1 something is not so, or not signed as it should be; 2 the bundle or a flag is malformed; 3 something
 * could not be decided here; 0 all that can be found out again is as the evidence says.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { gate, type Verdict } from '../evidence/gate.ts';
import { verdictLines } from '../evidence/verdict-text.ts';
import { DEFAULT_SEED } from '../pipeline/address-bits.ts';
import { readBundle } from '../pipeline/bundle-file.ts';
import { readApprovals, readGated, readPolicy } from '../pipeline/gate.ts';
import { readPublicKey } from '../pipeline/keys.ts';
import { readRulePages } from '../pipeline/rule-pages.ts';
import { withScratch } from '../pipeline/scratch.ts';
import type { VerifyReport, VerifyRequest } from '../pipeline/verify.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import { collect, parseRelease, parseSeconds } from './budget.ts';
import { dayOf } from './gate.ts';
import { type KernelFlags, kernelOptions, kernelPaths } from './kernel-options.ts';
import { jsonText, printWhole } from './output.ts';
import { terminalProgress } from './progress.ts';

const examples = `
Exit status: 0 as it says; 1 something is not so, or not signed by the key; 2 malformed, or wrong usage; 3 undecided.

Examples:
  casemate verify app.evidence --key builder.pub
  casemate verify app.evidence --key builder.pub --rebuild .     and image and evidence are what this project makes
  casemate verify app.evidence --key builder.pub --min-release 7
  casemate verify app.evidence --key builder.pub --slid launch.hvt   and launch.hvt is its image, slid
  casemate verify app.evidence --key builder.pub --policy mine.json  and passes this policy
  casemate verify app.evidence --unsigned                        one's own, that nobody has signed

A bundle is a tar file. docs/evidence.md says what is in it, what is checked, and what is taken on trust.`;

interface Flags extends KernelFlags {
  readonly key?: readonly string[];
  readonly unsigned?: boolean;
  readonly prove: boolean;
  readonly coq: boolean;
  readonly coqTime?: number;
  readonly minRelease?: number;
  readonly rebuild?: string;
  readonly slid?: string;
  readonly policy?: string;
  readonly approval?: readonly string[];
  readonly now?: string;
  readonly json?: boolean;
}

export function verifyStatus({ untrue, undecided }: Pick<VerifyReport, 'untrue' | 'undecided'>): number {
  if (untrue.length > 0) return 1;
  return undecided.length > 0 ? 3 : 0;
}

/** The report for people: what is not so first. */
export function verifyText({ evidence, predicate, ...report }: VerifyReport): string {
  const { name, target, sha256 } = evidence.image;
  const release = predicate.release === undefined ? '' : `, release ${predicate.release}`;
  const list = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `\n${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
  const verdict = { 0: 'verified', 1: 'NOT VERIFIED', 3: 'undecided' }[verifyStatus(report)];
  return [
    `${printable(evidence.project)}: ${name} for ${target}${release}, SHA-256 ${sha256}\n`,
    list('Not so:', report.untrue),
    list('Not decided here:', report.undecided),
    list('Checked again:', report.checked),
    list('Taken on trust:', report.trusted),
    `\n${verdict}\n`,
  ].join('');
}

/** Builds the project in a folder again, elsewhere, asking for what the evidence has. */
function rebuildOf(folder: string, flags: Flags): NonNullable<VerifyRequest['rebuild']> {
  const { kernel } = flags;
  return ({ image: { target, name }, layout, validation, proofs }) =>
    withScratch(async (scratch) => {
      const seed = layout === undefined || layout.seed === DEFAULT_SEED ? {} : { seed: layout.seed };
      const sel4 = { ...(kernel !== undefined && { kernel, ...kernelPaths(flags) }), ...seed };
      const path = resolve(scratch, 'evidence');
      mkdirSync(resolve(scratch, 'image'));
      const { buildWithEvidence } = await import('../pipeline/build-evidence.ts');
      await buildWithEvidence(
        {
          ...{ folder, output: resolve(scratch, 'image', name), target, sel4, lock: 'frozen' },
          ...(proofs && { budget: proofs.budget }),
          ...(validation && { validate: true }),
          progress: terminalProgress(false),
        },
        // Coq is asked of the bundled sources, and not twice.
        { path, keys: [], predicate: {}, measure: false, coq: { ask: false } },
      );
      return readBundle(path).evidence;
    });
}

/** The verdict of the reader's own policy on what the bundle says. */
function decided(
  path: string,
  policy: string,
  { key: keys = [], unsigned = false, approval = [], now }: Flags,
): Verdict {
  const gated = readGated({ path, keys, unsigned });
  return gate({ ...gated, policy: readPolicy(policy), approvals: readApprovals(approval), now: dayOf(now) });
}

function verdictText(verdict: Verdict): string {
  const pages = readRulePages(verdict.decisions.flatMap(({ rule, result }) => (result === 'passed' ? [] : [rule])));
  return `\n${verdictLines(verdict, pages).join('\n')}\n`;
}

/** Of several exit statuses the gravest: what is not so, then what is not decided. */
const gravest = (...statuses: readonly number[]): number => [1, 3].find((one) => statuses.includes(one)) ?? 0;

async function run(path: string, flags: Flags): Promise<void> {
  const { key = [], unsigned, minRelease, rebuild, kernel, slid } = flags;
  const paths = kernelPaths(flags);
  if (key.length === 0 && unsigned !== true)
    fail('usage', 'by whose key? give --key PUBLIC.pem, or --unsigned for a bundle of your own');
  if (key.length > 0 && unsigned === true) fail('usage', '--key and --unsigned exclude each other');
  if (minRelease !== undefined && key.length === 0) fail('usage', '--min-release needs --key: nobody signed a number');
  const { policy } = flags;
  if (policy === undefined && (flags.approval ?? flags.now) !== undefined)
    fail('usage', '--approval and --now are for --policy, which is missing');
  // A policy that cannot be read is known before anything is proved.
  if (policy !== undefined) readPolicy(policy);
  const { verifyBundle } = await import('../pipeline/verify.ts');
  const report = await terminalProgress(false).phase('verifying', (step) =>
    verifyBundle({
      ...{ path, keys: key.map(readPublicKey), prove: flags.prove, step },
      coq: { ask: flags.coq, ...(flags.coqTime !== undefined && { seconds: flags.coqTime }) },
      ...(minRelease !== undefined && { leastRelease: minRelease }),
      ...(kernel !== undefined && { kernel: readKernel(kernel, paths) }),
      ...(slid !== undefined && { slid }),
      ...(rebuild !== undefined && { rebuild: rebuildOf(rebuild, flags) }),
    }),
  );
  const verdict = policy === undefined ? undefined : decided(path, policy, flags);
  process.exitCode = gravest(verifyStatus(report), verdict?.status ?? 0);
  const { evidence, ...rest } = report;
  await printWhole(
    flags.json
      ? jsonText({
          ...{ version: 1, project: evidence.project, image: evidence.image, ...rest },
          ...(verdict && { verdict }),
        })
      : `${verifyText(report)}${verdict === undefined ? '' : verdictText(verdict)}`,
  );
}

export function verifyCommand(): Command {
  return kernelOptions(
    new Command('verify')
      .summary('check again what a bundle of evidence says')
      .description('Finds out anew what BUNDLE says of its image, and tells what was checked and what was not.')
      .argument('<BUNDLE>', 'file that casemate build --evidence wrote')
      .option('--key <FILE>', 'public key in PEM that must have signed it; may be given several times', collect)
      .option('--unsigned', 'ask for no signature')
      .option('--min-release <NUMBER>', 'refuse a release before this one', parseRelease)
      .option('--rebuild <DIR>', 'build the project in DIR again, and compare image and evidence')
      .option('--slid <FILE>', 'prove that FILE is a slide of the image')
      .option('--no-prove', 'take proofs on trust')
      .option('--policy <FILE>', 'decide again by this policy, as casemate gate does')
      .option('--approval <FILE>', 'for --policy: a waiver that a role has signed; may be given several times', collect)
      .option('--now <DAY>', 'for --policy: decide as on this day, YYYY-MM-DD in UTC (default: today)')
      .option('--no-coq', 'take what Coq has proved on trust')
      .option('--coq-time <SECONDS>', 'what Coq has not checked by then is undecided (default: 3600)', parseSeconds)
      .option('--json', 'print the report as JSON')
      .addHelpText('after', examples)
      .action(run),
    'for sel4: the kernel that the image is for',
  );
}
