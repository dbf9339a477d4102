/**
 * Policies to begin with, as data: `casemate init-policy` writes one of them.
 *
 * strict asks all that casemate can check, so that what a project gives up stands in its policy for all to see. baseline
 * decides on what costs nothing and has no good exception, and shows the rest. Versions are those of the rules as they
 * are here; a test holds them against the rules.
 */
import type { State } from '../hardening/finding.ts';
import type { EvidenceImage } from './evidence.ts';
import type { Level, PolicyRule, PolicyText } from './policy.ts';

export const presetNames = ['strict', 'baseline'] as const;
export type PresetName = (typeof presetNames)[number];

interface KnownRule {
  readonly rule: string;
  readonly version: number;
  readonly strict: Level;
  readonly baseline: Level;
  readonly about: string;
  readonly state?: State;
  readonly targets?: readonly EvidenceImage['target'][];
}

const sel4: readonly EvidenceImage['target'][] = ['sel4'];

/** Every rule that findings may have, in the order in which they are shown. */
export const knownRules: readonly KnownRule[] = [
  { rule: 'wx', version: 1, strict: 'error', baseline: 'error', about: 'Nothing is writable and executable.' },
  { rule: 'execute-only', version: 1, strict: 'error', baseline: 'warn', about: 'Nothing reads text.' },
  {
    ...{ rule: 'privilege-gadgets', version: 1, strict: 'error', baseline: 'warn' },
    about: 'No instruction that undoes protections.',
  },
  { rule: 'relro', version: 1, strict: 'error', baseline: 'error', about: 'Relocated tables are read-only.' },
  { rule: 'code-pointers', version: 1, strict: 'error', baseline: 'warn', about: 'Tables of code are read-only.' },
  { rule: 'canary', version: 1, strict: 'error', baseline: 'warn', about: 'Functions with buffers check a canary.' },
  { rule: 'guard-pages', version: 1, strict: 'error', baseline: 'warn', about: 'Overflows fault before other data.' },
  {
    rule: 'bss-bounds',
    version: 1,
    strict: 'error',
    baseline: 'error',
    about: 'Memory without contents is in bounds.',
  },
  { rule: 'note-shape', version: 1, strict: 'error', baseline: 'error', about: 'Notes are where loaders look.' },
  { rule: 'secrets', version: 1, strict: 'error', baseline: 'error', about: 'No embedded private keys.' },
  { rule: 'leaks', version: 1, strict: 'error', baseline: 'warn', about: 'No paths or names of the build machine.' },
  {
    ...{ rule: 'sel4-kernel', version: 1, strict: 'error', baseline: 'error', targets: sel4 },
    about: 'The image is made for the kernel that it is given with.',
  },
  {
    ...{ rule: 'sel4-loading', version: 1, strict: 'error', baseline: 'error', targets: sel4 },
    about: 'The kernel loads the image.',
  },
  {
    ...{ rule: 'sel4-protection', version: 1, strict: 'error', baseline: 'warn', targets: sel4 },
    about: 'What the root task has enforced before the program runs.',
  },
  { rule: 'probes', version: 1, strict: 'warn', baseline: 'off', about: 'Programs that try to break out, and fault.' },
  { rule: 'proof', version: 1, strict: 'error', baseline: 'error', about: 'Obligations of verified TypeScript.' },
  { rule: 'coq', version: 1, strict: 'warn', baseline: 'off', about: 'Contracts and obligations as theorems of Coq.' },
  { rule: 'verified', version: 1, strict: 'error', baseline: 'error', about: "What is proved is the image's code." },
  { rule: 'validation', version: 1, strict: 'warn', baseline: 'off', about: 'Machine code does what its source says.' },
  { rule: 'erasure', version: 1, strict: 'error', baseline: 'error', about: 'Functions leave no secret behind.' },
];

function ruleOf(preset: PresetName, { rule, version, about, state, targets, ...levels }: KnownRule): PolicyRule {
  return {
    ...{ $comment: about, rule, version, level: levels[preset] },
    ...(state === undefined ? {} : { state }),
    ...(targets === undefined ? {} : { targets }),
  };
}

const MIB = 1024 * 1024;

const comments: Readonly<Record<PresetName, string>> = {
  strict:
    'Everything that casemate checks decides, but for what a build does only when asked to. Lower a level, or waive a finding with casemate waive, where that is too much: both stand here for all to see.',
  baseline:
    'What has no good exception decides; the rest is shown as warnings. Raise levels from warn to error one by one; casemate init-policy --preset strict has all of them.',
};

/** The policy to begin with. */
export function preset(name: PresetName): PolicyText {
  const strict = name === 'strict';
  return {
    $comment: `${comments[name]} docs/gate.md explains every key; casemate explain RULE says what a rule is for.`,
    version: 1,
    name,
    unlisted: strict ? 'error' : 'warn',
    rules: knownRules.map((one) => ruleOf(name, one)),
    thresholds: {
      $comment:
        'Bounds that are still allowed. Others: entropyBits (least bits of the image address at every start, or of every slide), assumptions (most entries of the ledger), coqOpen (most statements that Coq has not proved), unknowns (of rules that only warn, too; what is unknown of one that decides is never a pass). Set imageBytes and tcbBytes a little above what your image has: growth is then seen.',
      ...(strict ? { canaryPercent: 90 } : {}),
      imageBytes: 256 * MIB,
      tcbBytes: 64 * MIB,
    },
    waivers: [],
  };
}
