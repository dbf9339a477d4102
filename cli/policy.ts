/**
 * `casemate init-policy`, `casemate waive ID` and `casemate explain RULE`: what it takes to live with a gate.
 */
import { Command } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { approvalText, approverOf, roleKey } from '../evidence/approvals.ts';
import { sealed } from '../evidence/envelope.ts';
import { inert } from '../evidence/formats/inert.ts';
import { type PolicyText, policyText } from '../evidence/policy.ts';
import { knownRules, preset, presetNames } from '../evidence/presets.ts';
import { makeWaiver, waiverToApprove, withWaiver } from '../evidence/waivers.ts';
import { readEvidence, readPolicy } from '../pipeline/gate.ts';
import { readRulePage } from '../pipeline/rule-pages.ts';
import { dayOf } from './gate.ts';
import { print } from './output.ts';
import { type SignerFlags, signerOptions, signingKeys } from './signing.ts';

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
  readonly approvedBy?: string;
  readonly now?: string;
}

function waive(id: string, flags: WaiveFlags): void {
  const { sha256, ...policy } = readPolicy(flags.policy);
  const { evidence } = readEvidence(flags.evidence);
  const waiver = makeWaiver(evidence, { id, ...flags }, dayOf(flags.now));
  const changed: PolicyText = withWaiver(policy, waiver);
  if (flags.approvedBy !== undefined && !Object.hasOwn(policy.roles ?? {}, flags.approvedBy))
    fail('usage', `--approved-by ${printable(flags.approvedBy)}: ${printable(flags.policy)} has no such role`);
  writeFileAtomic(flags.policy, Buffer.from(policyText(changed)));
  const role = approverOf(changed, waiver);
  print(
    `${printable(flags.policy)}: waives ${inert(id)} until ${waiver.expires}${role === undefined ? '' : `, once ${role} has approved it (casemate approve)`}\n`,
  );
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
    .option('--approved-by <ROLE>', 'it counts when this role of the policy has signed it (casemate approve)')
    .option('--now <DAY>', 'as on this day (default: today)')
    .addHelpText(
      'after',
      '\nExample:\n  casemate waive guard-pages:stack --evidence app.bundle --policy policy.json \\\n    --reason "runs on a tender that guards" --owner ada --expires 2027-01-31',
    )
    .action(waive);
}

interface ApproveFlags extends SignerFlags {
  readonly policy: string;
  readonly key?: string;
  readonly output: string;
}

function approve(id: string, { policy: file, key, output, ...signer }: ApproveFlags): void {
  const policy = readPolicy(file);
  const waiver = waiverToApprove(policy, id);
  const role = approverOf(policy, waiver);
  if (role === undefined)
    fail('usage', `${printable(id)}: the policy asks for no approval ("approvedBy" of the rule or the waiver)`);
  const keys = signingKeys(key === undefined ? [] : [key], signer);
  const [own, ...more] = keys;
  if (own === undefined) fail('usage', 'with which key? give --key PRIVATE.pem, or --signer COMMAND');
  if (more.length > 0) fail('usage', 'one key signs an approval: give --key or --signer');
  const wanted = roleKey(policy.roles![role]!, `role ${role}`).id;
  if (own.id !== wanted) fail('key', `this key is ${own.id}; that of ${role} is ${wanted}: nobody would count it`);
  writeFileAtomic(output, sealed(Buffer.from(approvalText(waiver, role)), keys));
  const { rule, subject, reason, owner, expires } = waiver;
  print(
    `${printable(output)}: ${role} approves ${inert(waiver.id ?? rule)} (${subject.slice(0, 12)}), ${inert(owner)}, until ${expires}: ${inert(reason)}\n`,
  );
}

export function approveCommand(): Command {
  return signerOptions(
    new Command('approve')
      .summary('sign a waiver in the role that a policy names')
      .description(
        'Signs the waiver ID of a policy, all of it: a changed word or day needs another approval. casemate gate takes it by --approval.',
      )
      .argument('<ID>', 'id of the finding, or the beginning of the subject, of a waiver in the policy')
      .requiredOption('--policy <FILE>', 'the policy that has the waiver')
      .option('--key <FILE>', "the role's private key in PEM, mode 0600"),
  )
    .requiredOption('-o, --output <FILE>', 'where the approval goes')
    .addHelpText(
      'after',
      '\nExit status: 0 written; 2 wrong usage, policy or key.\n\nExample:\n  casemate approve execute-only:loads --policy policy.json --key security.key -o loads.approval.json\n  casemate gate app.bundle --policy policy.json --key release.pub --approval loads.approval.json',
    )
    .action(approve);
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
