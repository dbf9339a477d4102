/**
 * `casemate init-policy`, `casemate waive ID` and `casemate explain RULE`: what it takes to live with a gate.
 */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { inert } from '../evidence/formats/inert.ts';
import { type PolicyText, policyText } from '../evidence/policy.ts';
import { knownRules, preset, presetNames } from '../evidence/presets.ts';
import { makeWaiver, withWaiver } from '../evidence/waivers.ts';
import { readEvidence, readPolicy } from '../pipeline/gate.ts';
import { readRulePage } from '../pipeline/rule-pages.ts';
import { dayOf } from './gate.ts';
import { print } from './output.ts';

interface InitFlags {
  readonly preset: string;
  readonly output?: string;
}

function init({ preset: name, output }: InitFlags): void {
  const known = presetNames.find((one) => one === name);
  if (known === undefined) fail('usage', `--preset ${printable(name)}: must be of ${presetNames.join(', ')}`);
  const text = policyText(preset(known));
  if (output === undefined) print(text);
  else writeFileAtomic(output, Buffer.from(text));
}

export function initPolicyCommand(): Command {
  return new Command('init-policy')
    .summary('print a policy to begin with')
    .description(
      'Prints a policy with a comment on every rule. strict: everything decides; baseline: what has no good exception.',
    )
    .option('--preset <NAME>', `one of ${presetNames.join(', ')}`, 'strict')
    .option('-o, --output <FILE>', 'write it to FILE (default: print it)')
    .addHelpText('after', '\nExample:\n  casemate init-policy -o policy.json')
    .action(init);
}

interface WaiveFlags {
  readonly policy: string;
  readonly evidence: string;
  readonly reason: string;
  readonly owner: string;
  readonly expires: string;
  readonly now?: string;
}

function waive(id: string, flags: WaiveFlags): void {
  const { sha256, ...policy } = readPolicy(flags.policy);
  const { evidence } = readEvidence(flags.evidence);
  const waiver = makeWaiver(evidence, { id, ...flags }, dayOf(flags.now));
  const changed: PolicyText = withWaiver(policy, waiver);
  writeFileAtomic(flags.policy, Buffer.from(policyText(changed)));
  print(`${printable(flags.policy)}: waives ${inert(id)} until ${waiver.expires}\n`);
}

export function waiveCommand(): Command {
  return new Command('waive')
    .summary('accept a finding until a day')
    .description(
      'Writes a waiver of the finding ID into a policy. It counts wherever the finding has the same places, and no longer than its day.',
    )
    .argument('<ID>', 'the id of a finding, as casemate gate prints it')
    .requiredOption('--evidence <BUNDLE>', 'a bundle or evidence.json that has the finding')
    .requiredOption('--policy <FILE>', 'the policy, which is written again')
    .requiredOption('--reason <TEXT>', 'why it is accepted')
    .requiredOption('--owner <NAME>', 'who accepts it')
    .requiredOption('--expires <DAY>', 'the last day on which it counts, YYYY-MM-DD')
    .option('--now <DAY>', 'as on this day (default: today)')
    .addHelpText(
      'after',
      '\nExample:\n  casemate waive guard-pages:stack --evidence app.bundle --policy policy.json \\\n    --reason "runs on a tender that guards" --owner ada --expires 2027-01-31',
    )
    .action(waive);
}

function explain(id: string): void {
  // A finding's id begins with its rule's.
  const rule = id.split(':')[0] ?? '';
  const page = readRulePage(rule);
  if (page === undefined)
    fail('usage', `${printable(id)}: no such rule; there are ${knownRules.map((one) => one.rule).join(', ')}`);
  print(page.text);
}

export function explainCommand(): Command {
  return new Command('explain')
    .summary('say what a rule is for, how to fix what it finds, and when to waive it')
    .description('Prints the page of a rule, named by its id or by that of a finding.')
    .argument('<ID>', 'a rule, or a finding')
    .addHelpText('after', '\nExamples:\n  casemate explain wx\n  casemate explain execute-only:loads')
    .action(explain);
}
