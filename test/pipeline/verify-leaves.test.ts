/**
 * Every statement of an evidence file, made untrue one by one, signed by the right key: either verify finds out, or it is one
 * of those that it says are taken on trust. The list of these is here, and a new part of the evidence is on neither side
 * until somebody has decided.
 */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, packBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signBundle } from '../../evidence/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import { parseEvidence } from '../../evidence/parse.ts';
import { buildWithEvidence } from '../../pipeline/build-evidence.ts';
import { readBundle } from '../../pipeline/bundle-file.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { type VerifyRequest, verifyBundle } from '../../pipeline/verify.ts';
import { coqStandIn } from '../support/coq-standin.ts';
import { makeKey } from '../support/keys.ts';
import { isLong } from '../support/long.ts';
import { project as temporary } from './support.ts';

const key = makeKey();
const quiet = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 1e6 });

/** What no later reader can find out, by the beginning of its path, and the words in which verify says so. */
const trusted: readonly (readonly [RegExp, string])[] = [
  [/^project$/, "the project's name"],
  [/^inputs(\.|$)/, 'what the image was built from'],
  [/^tools\./, 'by which tools'],
  [/^assumptions(\.|$)/, 'assumptions, listed in evidence.json'],
  [/^tcb(\.|$)/, 'the table of trusted code'],
  [/^stack(\.|$)/, 'the bound of the stack'],
  [/^validation(\.|$)/, 'translation validation was done where it was built'],
  [/^controls\.\*\.tool$/, 'that those of the build rejected them too'],
  // Whose word it is that a residue is let pass, and how long a solver was given.
  [/^erasure\.\*\.waived$/, ''],
  [/^proofs\.budget$/, 'steps for each question'],
  // Whoever has another Coq is told so; why a statement is open is no claim of anything.
  [/^proofs\.coq\.version$/, ''],
  [/^proofs\.coq\.claims\.\*\.why$/, 'why 1 statement of Coq is open'],
  // Why a function's code is not what was made: it is said to be worth nothing already.
  [/^proofs\.functions\.\*\.reason$/, ''],
];
/** What stays a matter of trust for whoever builds the project again: with which tools that was done elsewhere. */
const trustedAlways = /^(tools|controls\.\*\.tool$|inputs\.\*\.package|proofs\.coq\.)/;
const isTrusted = (shape: string): boolean => trusted.some(([path]) => path.test(shape));

/** What may be said of a function although more is so: gravest first. To say less is no lie. */
const standing = ['lost', 'waived', 'relying', 'proved'];
const saysLess = (shape: string, before: unknown, after: unknown): boolean =>
  shape === 'proofs.functions.*.status' &&
  standing.includes(String(after)) &&
  standing.indexOf(String(after)) < standing.indexOf(String(before));

type Path = readonly (string | number)[];

/** Paths of all texts, numbers and truths. */
function leavesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, one]) =>
    leavesOf(one, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}

/** A path without numbers; what `by` says of a statement of Coq that is open is another thing than of one that is closed. */
function shapeOf(path: Path): string {
  const shape = path.map((step) => (typeof step === 'number' ? '*' : step)).join('.');
  const isOpen = evidence.proofs?.coq?.claims[path[3] as number]?.status === 'open';
  return isOpen && shape === 'proofs.coq.claims.*.by' ? 'proofs.coq.claims.*.why' : shape;
}

/** Words that a member may be instead, so that the shape holds. */
const others: Record<string, readonly string[]> = {
  outcome: ['pass', 'fail', 'unknown', 'erased', 'residue'],
  state: ['declared', 'enforced', 'exercised'],
  status: ['proved', 'failed', 'unknown', 'relying', 'waived', 'absent', 'lost', 'closed', 'open'],
  coqchk: ['no axioms', 'not run'],
  question: ['holds', 'exists'],
  verdict: ['validated', 'refuted', 'undecided', 'assumed'],
  type: ['load', 'tls', 'note', 'net', 'block'],
  machine: ['x86-64', 'riscv64'],
  target: ['hvt', 'riscv64'],
  kind: [
    'manifest',
    'source',
    'object',
    'archive',
    'proof',
    'audit',
    'erasure',
    'ensures',
    'invariant',
    'contract',
    'obligation',
  ],
  component: ['application', 'library'],
  origin: ['source', 'manifest', 'typescript'],
  rights: ['R-X', 'RW-', 'R--'],
};

/** Values of the same form that say something else. */
function changesOf(value: unknown, name: string): unknown[] {
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'number') return [value + 1, value === 0 ? 2 : value - 1];
  if (typeof value !== 'string') return [];
  if (others[name] !== undefined) return others[name].filter((word) => word !== value);
  if (/^[0-9a-f]{64}$/.test(value)) return [value.replace(/^./, (first) => (first === '0' ? '1' : '0'))];
  if (/^0x[0-9a-f]+$/.test(value)) return [`0x${(BigInt(value) + 16n).toString(16)}`];
  return [`${value}x`, value.length > 1 ? value.slice(0, -1) : 'y'];
}

function withLeaf(value: unknown, path: Path, leaf: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return leaf;
  if (Array.isArray(value)) return value.map((one, i) => (i === step ? withLeaf(one, rest, leaf) : one));
  const object = value as Record<string, unknown>;
  return { ...object, [step]: withLeaf(object[step], rest, leaf) };
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((whole, step) => (whole as Record<string, unknown>)[step], value);

const sources = {
  'casemate.json': JSON.stringify({
    ...{ name: 'app', target: 'hvt', sources: ['main.c', 'sum.ts'], harden: {} },
    devices: [{ name: 'net0', type: 'net' }],
    waive: [{ function: 'sum.ts:twice', reason: 'for the test' }],
  }),
  'main.c': `#include "solo5.h"
#include "verified.h"
#include <casemate/secrets.h>
void forget(volatile unsigned char *key);
CASEMATE_SECRETS(forget, CASEMATE_SECRET(0, 16));
CASEMATE_KEPT void forget(volatile unsigned char *key) { for (int i = 0; i < 16; i++) key[i] = 0; }
static unsigned char key[16];
int solo5_app_main(const struct solo5_start_info *i) { (void)i; forget(key); return sum(3) == 6 && twice(2) ? 0 : 1; }
`,
  'sum.ts': `import type { u32 } from 'casemate';
/**
 * @requires n <= 1000
 * @ensures result === n * 2
 */
export function sum(n: u32): u32 {
  return n + n;
}
/** @ensures result > n */
export function twice(n: u32): u32 {
  return n;
}
/** @decreases n */
export function down(n: u32): u32 {
  return n === 0 ? 0 : down(n - 1);
}
`,
};

/** Coq as it would be, were one statement open. */
const coq = coqStandIn({ open: ['goal_sum_1'] });

let files: Bundle;
let evidence: Evidence;
const home = join(realpathSync(temporary()), 'app');
beforeAll(async () => {
  mkdirSync(home);
  for (const [file, text] of Object.entries(sources)) writeFileSync(join(home, file), text);
  const path = join(home, 'app.evidence');
  await buildWithEvidence(
    { folder: home, lock: 'verify', progress: quiet, proofs: {} },
    { path, keys: [key.signing], predicate: {}, measure: false, coq: { ask: true, open: coq.open } },
  );
  ({ files, evidence } = readBundle(path));
}, 120_000);

/** Whether a reader takes it for evidence at all: what the shape refuses shows nothing of the analysis. */
function isWellFormed(changed: unknown): boolean {
  try {
    parseEvidence(canonicalBytes(changed as Evidence), 'changed');
    return true;
  } catch {
    return false;
  }
}

/** Paths of all that could be left out: members of lists, and of objects. */
function partsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => {
    const here = [...path, Array.isArray(value) ? Number(name) : name];
    return [here, ...partsOf(one, here)];
  });
}

function without(value: unknown, path: Path): unknown {
  const [step, ...rest] = path;
  if (rest.length > 0) {
    if (Array.isArray(value)) return value.map((one, i) => (i === step ? without(one, rest) : one));
    return { ...(value as object), [step!]: without((value as Record<string, unknown>)[step!], rest) };
  }
  if (Array.isArray(value)) return value.filter((_, i) => i !== step);
  const { [step as string]: _, ...others } = value as Record<string, unknown>;
  return others;
}

/** Without Coq, where nothing of that was changed: to hold it against the sources each time takes long. */
function lighter(changed: unknown): [files: Bundle, evidence: unknown] {
  const { proofs } = changed as Partial<Evidence>;
  const own = new Map([...files].filter(([name]) => !name.startsWith('coq/')));
  if (proofs === undefined) return [own, changed];
  if (proofs.coq !== evidence.proofs!.coq) return [files, changed];
  const { coq: _, ...rest } = proofs;
  return [own, { ...(changed as Evidence), proofs: rest }];
}

/** What verify says of a bundle with this evidence: whether something is not so, or it is no evidence at all. */
async function isCaught(changed: unknown, prove: boolean, more: Partial<VerifyRequest> = {}): Promise<boolean> {
  // A test that never pauses loses the runner that it reports to.
  await setImmediate();
  const path = join(temporary(), 'changed.evidence');
  const [own, said] = lighter(changed);
  const all = new Map([...own, ['evidence.json', canonicalBytes(said as Evidence)]]);
  writeFileSync(path, Buffer.concat([...packBundle(signBundle(all as Bundle, [key.signing]))]));
  try {
    const { untrue, undecided } = await verifyBundle({
      ...{ path, keys: [key.judging], prove, step: () => {}, coq: { ask: true, open: coq.open } },
      ...more,
    });
    return untrue.length + undecided.length > 0;
  } catch (error) {
    if (['evidence', 'signature'].includes((error as { code?: string }).code ?? '')) return true;
    throw error;
  }
}

describe('every statement of an evidence file', () => {
  it('is there to be made untrue', async () => {
    expect(await isCaught(evidence, true)).toBe(false);
    const shapes = new Set(leavesOf(evidence).map(shapeOf));
    for (const shape of [
      'findings.*.outcome',
      'proofs.obligations.*.status',
      'erasure.*.outcome',
      'image.segments.*.rights',
      'proofs.coq.claims.*.status',
      'proofs.coq.refusals.*.reason',
    ])
      expect([...shapes]).toContain(shape);
  });

  it('is found out when it is untrue, or is one of those that are said to be taken on trust', async () => {
    // One leaf of each shape, and in long runs all of them.
    const seen = new Set<string>();
    const missed: string[] = [];
    let tried = 0;
    for (const path of leavesOf(evidence)) {
      const shape = shapeOf(path);
      if (isTrusted(shape) || (!isLong && seen.has(shape))) continue;
      const name = String(path.findLast((step) => typeof step === 'string'));
      const changes = changesOf(at(evidence, path), name).filter(
        (change) => !saysLess(shape, at(evidence, path), change) && isWellFormed(withLeaf(evidence, path, change)),
      );
      for (const change of isLong ? changes : changes.slice(0, 1)) {
        seen.add(shape);
        tried++;
        // Proving is what takes long, and finds most by itself.
        const changed = withLeaf(evidence, path, change);
        if (!(await isCaught(changed, false)) && !(await isCaught(changed, true)))
          missed.push(`${path.join('.')}: ${JSON.stringify(change)}`);
      }
    }
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(40);
  }, 1_200_000);

  it('cannot be left out, but for what is taken on trust', async () => {
    const seen = new Set<string>();
    const missed: string[] = [];
    let tried = 0;
    // Half of the shapes, and in long runs every part.
    for (const path of partsOf(evidence)) {
      const shape = shapeOf(path);
      if (isTrusted(shape) || (!isLong && seen.has(shape))) continue;
      const changed = without(evidence, path);
      if (!isWellFormed(changed)) continue;
      seen.add(shape);
      if (!isLong && seen.size % 2 === 0) continue;
      tried++;
      if (!(await isCaught(changed, false)) && !(await isCaught(changed, true))) missed.push(path.join('.'));
    }
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(8);
  }, 1_200_000);

  it('is found out by whoever builds the project again, but for the tools that were used', async () => {
    const more = { rebuild: async () => evidence };
    expect(await isCaught(evidence, false, more)).toBe(false);
    const missed: string[] = [];
    const seen = new Set<string>();
    for (const path of [...leavesOf(evidence), ...partsOf(evidence)]) {
      const shape = shapeOf(path);
      if (!isTrusted(shape) || trustedAlways.test(shape) || (!isLong && seen.has(shape))) continue;
      const name = String(path.findLast((step) => typeof step === 'string'));
      const changed = [
        ...changesOf(at(evidence, path), name).map((change) => withLeaf(evidence, path, change)),
        without(evidence, path),
      ].filter(isWellFormed);
      for (const one of isLong ? changed : changed.slice(0, 1)) {
        seen.add(shape);
        if (!(await isCaught(one, false, more))) missed.push(path.join('.'));
      }
    }
    expect(missed).toEqual([]);
    expect(seen.size).toBeGreaterThan(8);
  }, 600_000);

  it('is called trusted by verify where this test calls it so', async () => {
    const path = join(temporary(), 'own.evidence');
    writeFileSync(path, Buffer.concat([...packBundle(signBundle(files, [key.signing]))]));
    const report = await verifyBundle({ path, keys: [key.judging], prove: false, step: () => {}, coq: { ask: false } });
    const said = report.trusted.join('\n');
    const present = new Set(partsOf(evidence).map(shapeOf));
    for (const [shape, words] of trusted)
      if ([...present].some((one) => shape.test(one))) expect(said).toContain(words);
  });
});
