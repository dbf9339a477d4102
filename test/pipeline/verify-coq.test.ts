/**
 * Coq in a bundle: what a build puts in, and what verify makes of forgeries, each signed by the right key and with every
 * hash in evidence.json made to fit. Coq itself has a stand-in here; in long runs it is the real one at the end.
 */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, packBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signBundle } from '../../evidence/envelope.ts';
import type { Evidence, EvidenceCoq } from '../../evidence/evidence.ts';
import { hashOf } from '../../evidence/identity.ts';
import { buildWithEvidence } from '../../pipeline/build-evidence.ts';
import { type ReadBundle, readBundle } from '../../pipeline/bundle-file.ts';
import { sha256 } from '../../pipeline/lock.ts';
import { createProgress } from '../../pipeline/progress.ts';
import type { SealedStore } from '../../pipeline/sealed-store.ts';
import { type VerifyReport, verifyBundle } from '../../pipeline/verify.ts';
import type { CoqRequest } from '../../pipeline/verify-coq.ts';
import { coqStandIn, type StandIn, summary, VERSION } from '../support/coq-standin.ts';
import { makeKey } from '../support/keys.ts';
import { isLong } from '../support/long.ts';
import { requireTools } from '../support/tools.ts';
import { project as temporary } from './support.ts';

if (isLong) requireTools('coqc');
const key = makeKey();
const quiet = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 1e6 });

const HEAD = 'Require Import ZArith.\nRequire Import Verified.Casemate Verified.Program Verified.Statements.\n';
const SCRIPT = 'Require Import Verified.CasemateTactics.\n';
const proofOf = (more = ''): string =>
  `${HEAD}${SCRIPT}${more}Theorem proof : contract_sum.\nProof.\n  cm_contract.\nQed.\n`;

const sources: Readonly<Record<string, string>> = {
  'casemate.json': JSON.stringify({ name: 'app', target: 'hvt', sources: ['main.c', 'sum.ts'], coq: true }),
  'main.c': `#include "solo5.h"
#include "verified.h"
int solo5_app_main(const struct solo5_start_info *i) { (void)i; return sum(3) == 6 && twice(2) == 8 && down(2) == 0 ? 0 : 1; }
`,
  'sum.ts': `import type { u32 } from 'casemate';
/**
 * @requires n <= 1000
 * @ensures result === n * 2
 */
export function sum(n: u32): u32 {
  return n + n;
}
/**
 * @requires n <= 100
 * @ensures result === n * 4
 */
export function twice(n: u32): u32 {
  return sum(sum(n));
}
/**
 * @decreases n
 * @ensures result === 0
 */
export function down(n: u32): u32 {
  return n === 0 ? 0 : down(n - 1);
}
`,
  'coq/handwritten/contract_sum.v': proofOf(),
};

interface Built {
  readonly more?: Readonly<Record<string, string>>;
  readonly standIn?: StandIn;
  readonly verdicts?: SealedStore;
  /** Coq itself is asked. */
  readonly isReal?: boolean;
}

const OPEN = ['goal_twice_1'];

async function built({ more = {}, standIn = {}, verdicts, isReal = false }: Built = {}) {
  const home = join(realpathSync(temporary()), 'app');
  for (const [file, text] of Object.entries({ ...sources, ...more })) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), text);
  }
  const coq = coqStandIn({ open: OPEN, ...standIn });
  const path = join(home, 'app.evidence');
  // Where casemate's code is: verdicts are kept for a bundle alone.
  const program = join(home, 'own.bundle.js');
  writeFileSync(program, 'casemate');
  await buildWithEvidence(
    { folder: home, lock: 'verify', progress: quiet, proofs: { ...(verdicts && { verdicts, program }) } },
    { path, keys: [key.signing], predicate: {}, measure: false, coq: isReal ? {} : { open: coq.open } },
  );
  return { ...readBundle(path), asked: coq.asked };
}

let bundle: ReadBundle;
let own: EvidenceCoq;
beforeAll(async () => {
  bundle = await built();
  own = bundle.evidence.proofs!.coq!;
}, 120_000);

const textOf = (name: string): string => Buffer.from(bundle.files.get(name)!).toString('utf8');

interface Forged {
  /** Texts instead; undefined: none. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  readonly coq?: (coq: EvidenceCoq) => EvidenceCoq | undefined;
}

/** A bundle that says something else, with all hashes as they have to be, signed by the right key. */
function forged({ files: changed = {}, coq = (one) => one }: Forged): Bundle {
  const files = new Map(bundle.files);
  for (const [name, text] of Object.entries(changed)) {
    if (text === undefined) files.delete(name);
    else files.set(name, Buffer.from(text));
  }
  const listed = [...files].filter(([name]) => name.startsWith('coq/'));
  const named = listed.map(([name, bytes]) => ({ name, sha256: sha256(bytes) }));
  const said = coq({ ...own, files: named.sort((a, b) => (a.name < b.name ? -1 : 1)) });
  const { coq: _, ...proofs } = bundle.evidence.proofs!;
  const evidence: Evidence = { ...bundle.evidence, proofs: { ...proofs, ...(said && { coq: said }) } };
  return signBundle(new Map([...files, ['evidence.json', canonicalBytes(evidence)]]), [key.signing]);
}

async function verified(files: Bundle, coq: CoqRequest): Promise<VerifyReport> {
  const path = join(temporary(), 'one.evidence');
  writeFileSync(path, Buffer.concat([...packBundle(files)]));
  return verifyBundle({ path, keys: [key.judging], prove: false, step: () => {}, coq });
}

async function asked(forgery: Forged, standIn: StandIn = {}) {
  const coq = coqStandIn(standIn);
  const report = await verified(forged(forgery), { ask: true, open: coq.open });
  return { ...report, asked: coq.asked, seen: coq.seen };
}

/** Claims with another of the statement. */
const claiming =
  (statement: string, change: Partial<EvidenceCoq['claims'][number]>) =>
  (coq: EvidenceCoq): EvidenceCoq => ({
    ...coq,
    claims: coq.claims.map((one) => (one.statement === statement ? { ...one, ...change } : one)),
  });

/** That a statement is closed by a script, with the fingerprint that this has. */
const closing = (statement: string) => (coq: EvidenceCoq) => {
  const { id } = coq.claims.find((one) => one.statement === statement)!;
  return claiming(statement, { status: 'closed', by: 'a script', fingerprint: hashOf('coq', id, 'closed') })(coq);
};

describe('a build with Coq', () => {
  it('bundles the project and says of each statement what closed it', () => {
    expect(own).toMatchObject({ version: VERSION, coqchk: 'no axioms', trusted: [] });
    const by = Object.fromEntries(
      own.claims.map(({ statement, status, by: what }) => [statement, `${status}: ${what}`]),
    );
    expect(by).toMatchObject({
      contract_sum: 'closed: coq/handwritten/contract_sum.v',
      contract_twice: 'closed: a script',
      goal_sum_1: 'closed: a script',
      goal_twice_1: 'open: no script closes it',
    });
    expect(own.refusals).toMatchObject(
      [{ function: 'sum.ts:down', line: 20, reason: /calls itself/ }].map((one) => ({
        ...one,
        reason: expect.stringMatching(one.reason),
      })),
    );
    expect(own.files.map(({ name }) => name)).toEqual([
      ...['coq/Casemate.v', 'coq/CasemateTactics.v', 'coq/Checked.v', 'coq/Contract_sum.v', 'coq/Contract_twice.v'],
      ...[
        'coq/Goals_down.v',
        'coq/Goals_sum.v',
        'coq/Goals_twice.v',
        'coq/Makefile',
        'coq/Program.v',
        'coq/Statements.v',
      ],
      ...['coq/_CoqProject', 'coq/handwritten/contract_sum.v'],
    ]);
    for (const { name, sha256: hash } of own.files) expect(sha256(bundle.files.get(name)!)).toBe(hash);
    expect(textOf('coq/handwritten/contract_sum.v')).toBe(proofOf());
    expect(textOf('coq/Checked.v')).not.toContain('goal_twice_1');
  });

  it('gives the same bytes again, and asks Coq once for the same sources and proofs', async () => {
    const kept = new Map<string, Uint8Array>();
    const verdicts: SealedStore = { get: (name) => kept.get(name), put: (name, bytes) => void kept.set(name, bytes) };
    const first = await built({ verdicts });
    const again = await built({ verdicts });
    expect(first.asked.length).toBeGreaterThan(5);
    expect(again.asked).toEqual([]);
    for (const { files } of [first, again])
      for (const [name, bytes] of bundle.files) expect(Buffer.compare(files.get(name)!, bytes), name).toBe(0);
    const other = { 'coq/handwritten/contract_sum.v': proofOf('(* another *)\n') };
    expect((await built({ verdicts, more: other })).asked.length).toBeGreaterThan(5);
  }, 120_000);

  it.each([
    ['says what no proof may say', proofOf('Axiom a : contract_sum.\n'), /handwritten\/contract_sum\.v:4: Axiom/],
    ['is too long', `${proofOf()}${' '.repeat(1 << 20)}`, /contract_sum\.v: \d+ bytes; a proof has at most 1048576/],
  ])('refuses a proof by hand that %s', async (_, text, message) => {
    await expect(built({ more: { 'coq/handwritten/contract_sum.v': text } })).rejects.toThrow(message);
  });
});

describe('verify with Coq', () => {
  it('makes all texts anew and has Coq check what is closed, without a Makefile or anything compiled', async () => {
    const { untrue, undecided, checked, trusted, asked: names, seen } = await asked({});
    expect([untrue, undecided]).toEqual([[], []]);
    const closed = own.claims.filter(({ status }) => status === 'closed').length;
    expect(checked.join('\n')).toMatch(
      new RegExp(`${closed} of ${own.claims.length + 1} statements closed, with no axiom`),
    );
    expect(trusted).toContain('why 1 statement of Coq is open');
    expect(names.at(-2)).toBe('Checked');
    expect(names.at(-1)).toBe('coqchk Checked');
    expect(seen).not.toContain('Makefile');
  });

  it.each<[string, CoqRequest, RegExp]>([
    ['is not asked', { ask: false }, /has proved \d+ statements: it was not asked again/],
    ['is not installed', { ask: true, open: () => undefined }, /has proved \d+ statements: Coq is not installed here/],
  ])(
    'says that it takes proofs on trust where Coq %s, and still holds the texts against the sources',
    async (_, coq, words) => {
      const { untrue, undecided, trusted } = await verified(forged({}), coq);
      expect([untrue, undecided]).toEqual([[], []]);
      expect(trusted.join('\n')).toMatch(words);
      const weaker = textOf('coq/Statements.v').replace('Definition contract_sum : Prop :=', '$& True \\/');
      const caught = await verified(forged({ files: { 'coq/Statements.v': weaker } }), coq);
      expect(caught.untrue.join('\n')).toContain('coq/Statements.v: line ');
    },
  );

  const changed = (name: string, from: string | RegExp, to: string): Forged => {
    const text = textOf(name);
    const other = text.replace(from, to);
    expect(other).not.toBe(text);
    return { files: { [name]: other } };
  };

  it.each<[string, () => Forged, RegExp]>([
    [
      'a weaker statement',
      () => changed('coq/Statements.v', /Definition goal_sum_1 : Prop :=/, '$& True \\/'),
      /^coq\/Statements\.v: line \d+: has ' True/,
    ],
    [
      'another definition',
      () => changed('coq/Program.v', /Definition f_sum/, 'Definition f_other := 1.\n$&'),
      /^coq\/Program\.v: line /,
    ],
    [
      'an axiom in the library',
      () => changed('coq/Casemate.v', /$/, 'Axiom all : False.\n'),
      /^coq\/Casemate\.v: line /,
    ],
    [
      'a tactic that admits',
      () => changed('coq/CasemateTactics.v', /$/, 'Ltac cm_contract ::= admit.\n'),
      /^coq\/CasemateTactics\.v: line /,
    ],
    ['another script', () => changed('coq/Contract_twice.v', /$/, '(* *)\n'), /^coq\/Contract_twice\.v: line /],
    [
      'a proof that is not asked of Coq',
      () => changed('coq/Checked.v', /Module Type States_contract_twice[\s\S]*$/, ''),
      /^coq\/Checked\.v: line /,
    ],
    [
      'a Makefile that does more',
      () => changed('coq/Makefile', 'check:', 'check: evil\nevil:\n\trm -rf /\n'),
      /^coq\/Makefile: line /,
    ],
    [
      'a file more',
      () => ({ files: { 'coq/Extra.v': 'Axiom a : False.\n' } }),
      /^coq\/Extra\.v: is no file of what is closed/,
    ],
    [
      'a proof by hand more',
      () => ({ files: { 'coq/handwritten/contract_twice.v': proofOf() } }),
      /^coq\/handwritten\/contract_twice\.v: is no file/,
    ],
    ['a file less', () => ({ files: { 'coq/Contract_twice.v': undefined } }), /^coq\/Contract_twice\.v: is missing/],
    [
      'a proof by hand less',
      () => ({ files: { 'coq/handwritten/contract_sum.v': undefined } }),
      /^coq\/handwritten\/contract_sum\.v: is missing/,
    ],
    [
      'texts of which nothing is said',
      () => ({ coq: () => undefined }),
      /^coq\/Casemate\.v: evidence\.json says nothing of Coq/,
    ],
    [
      'an open statement that is said to be closed',
      () => ({ coq: closing('goal_twice_1') }),
      /^coq\/Checked\.v: line /,
    ],
    [
      'a closed statement that is said to be open',
      () => ({ coq: claiming('contract_twice', { status: 'open', by: 'x' }) }),
      /^coq\/Checked\.v: line /,
    ],
    [
      'a proof that is said to be of another',
      () => ({ coq: claiming('contract_sum', { by: 'a script' }) }),
      /^coq\/Contract_sum\.v: line /,
    ],
    ['a statement left out', () => ({ coq: (coq) => ({ ...coq, claims: coq.claims.slice(1) }) }), /is left out/],
    [
      'a statement of another name',
      () => ({ coq: claiming('contract_twice', { name: 'sum/contract' }) }),
      /name is "twice\/contract"/,
    ],
    [
      'what has no form left out',
      () => ({ coq: (coq) => ({ ...coq, refusals: [] }) }),
      /down: definition: is left out/,
    ],
    [
      'a contract that is believed',
      () => ({ coq: (coq) => ({ ...coq, trusted: ['sum.ts:f'] }) }),
      /proofs\.coq: trusted\[0\]/,
    ],
    ['a checker that did not run', () => ({ coq: (coq) => ({ ...coq, coqchk: 'not run' }) }), /proofs\.coq: coqchk is/],
  ])('finds out %s, and does not ask Coq', async (_, forgery, message) => {
    const { untrue, asked: names } = await asked(forgery());
    expect(untrue.some((line) => message.test(line)) ? [] : untrue).toEqual([]);
    expect(untrue.length).toBeGreaterThan(0);
    expect(names).toEqual([]);
  });

  it.each([
    'Declare ML Module "evil".',
    'Load evil.',
    'Redirect evil Print nat.',
    'Extraction evil nat.',
    'Cd evil.',
    'Drop.',
    'Add LoadPath evil.',
    'Add Rec LoadPath evil.',
    'Unset Guard Checking.',
    'Set Universe Checking.',
    'Axiom a : contract_sum.',
    'Parameter a : contract_sum.',
    'Hypothesis a : contract_sum.',
    'Notation contract_sum := True.',
    'Require Import Coq.Reals.Reals.',
    '#[bypass_check(guard)] Fixpoint f (n : nat) : False := f n.',
  ])('refuses %s in a proof by hand before Coq reads it', async (sentence) => {
    const name = 'coq/handwritten/contract_sum.v';
    const { untrue, asked: names } = await asked({ files: { [name]: proofOf(`${sentence}\n`) } });
    expect(untrue).toEqual([expect.stringMatching(/^coq\/handwritten\/contract_sum\.v: line 4: /)]);
    expect(names).toEqual([]);
  });

  it('takes no proof that admits what it is to prove', async () => {
    const text = proofOf().replace('Qed', 'Admitted');
    const { untrue, asked: names } = await asked({ files: { 'coq/handwritten/contract_sum.v': text } });
    expect(untrue).toEqual(['coq/handwritten/contract_sum.v: is not finished, or admits what it is to prove']);
    expect(names).toEqual([]);
  });

  it('ends where proofs by hand use each other in a circle', async () => {
    const name = 'coq/handwritten/contract_sum.v';
    const { files } = changed('coq/Makefile', /^handwritten\/contract_sum\.vo: .*/m, '$& Contract_sum.vo');
    const text = proofOf('Require Verified.Contract_sum.\n');
    const { untrue, asked: names } = await asked({ files: { ...files, [name]: text } });
    expect(untrue).toEqual(['coq/handwritten/: proofs use each other in a circle']);
    expect(names).toEqual([]);
  });

  it('refuses a bundle with what Coq compiled', () => {
    const files = new Map([...bundle.files, ['coq/Checked.vo', Buffer.from('forged')]]);
    expect(() => [...packBundle(files)]).toThrow(/coq\/Checked\.vo: is no name of a file in a bundle/);
  });

  const no = { status: 1, output: 'File "./x.v", line 1:\nError: No applicable tactic.\n' };
  it.each<[string, StandIn, 'untrue' | 'undecided', RegExp]>([
    [
      'says no',
      { ends: (name) => (name === 'Contract_twice' ? no : undefined) },
      'untrue',
      /^coq\/Contract_twice\.v: coqc says: Error: No applicable/,
    ],
    [
      'says no to a proof by hand',
      { ends: (name) => (name === 'contract_sum' ? no : undefined) },
      'untrue',
      /^coq\/handwritten\/contract_sum\.v: coqc says/,
    ],
    [
      'finds an axiom',
      { axioms: { contract_sum: ['Reals.sig_forall_dec'] } },
      'untrue',
      /^coq\/Checked\.v: proofs assume Reals\.sig_forall_dec/,
    ],
    [
      'says something else',
      { ends: (name) => (name === 'Checked' ? { status: 0, output: 'all is well\n' } : undefined) },
      'untrue',
      /^coq\/Checked\.v: Coq says something else/,
    ],
    [
      'says no when coqchk does',
      { checked: { status: 1, output: 'Fatal Error: mismatch\n' } },
      'untrue',
      /^coqchk: Fatal Error: mismatch/,
    ],
    [
      'rests on something by the word of coqchk',
      { checked: { status: 0, output: summary('\n    Verified.contract_sum.a\n') } },
      'untrue',
      /^coqchk: the proofs rest on Axioms: Verified\.contract_sum\.a/,
    ],
    ['checks for too long', { checked: { status: null, output: '' } }, 'undecided', /^coqchk: no answer/],
    [
      'runs out of time',
      { ends: (name) => (name === 'Contract_twice' ? { status: null, output: '' } : undefined) },
      'undecided',
      /^coq\/Contract_twice\.v: coqc says/,
    ],
    [
      'runs out of memory',
      { ends: (name) => (name === 'Program' ? { status: 2, output: 'Out of memory.\n' } : undefined) },
      'undecided',
      /^coq\/Program\.v: coqc says: Out of memory/,
    ],
    [
      'is another version and says no',
      { version: 'The Coq Proof Assistant, version 8.20.0', ends: () => no },
      'undecided',
      /here Coq is .*8\.20\.0, there it was .*8\.16\.1/,
    ],
  ])('counts nothing where Coq %s', async (_, standIn, list, message) => {
    const report = await asked({}, standIn);
    expect([report.untrue.length, report.undecided.length]).toEqual(list === 'untrue' ? [1, 0] : [0, 1]);
    expect(report[list][0]).toMatch(message);
    expect(report.checked.join('\n')).not.toContain('closed, with no axiom');
  });

  it('leaves undecided what is not checked when the time is over', async () => {
    const { open } = coqStandIn();
    const { undecided, untrue } = await verified(forged({}), { ask: true, open, seconds: 0 });
    expect(undecided).toEqual([expect.stringMatching(/^coq\/Casemate\.v: not checked: the time for Coq is over/)]);
    expect(untrue).toEqual([]);
  });
});

describe('a builder whose Coq says yes to everything', () => {
  const lying = {
    'casemate.json': JSON.stringify({
      ...JSON.parse(sources['casemate.json']!),
      waive: [{ function: 'sum.ts:sum', reason: 'for the test' }],
    }),
    'sum.ts': sources['sum.ts']!.replace('n * 2', 'n * 2 + 1').replace('n * 4', 'n * 4 + 3'),
    'coq/handwritten/contract_sum.v': proofOf('(* It is not so. *)\n'),
  };
  const toldBy = async (coq: CoqRequest): Promise<VerifyReport> => {
    const { files, evidence } = await built({ more: lying, standIn: { open: [] } });
    expect(evidence.proofs!.coq!.claims.every(({ status }) => status === 'closed')).toBe(true);
    return verified(files, coq);
  };

  it('is found out by the first text that is no proof', async () => {
    const no = { status: 1, output: 'Error: Tactic failure.\n' };
    const { open } = coqStandIn({ ends: (name) => (name === 'contract_sum' ? no : undefined) });
    const { untrue } = await toldBy({ ask: true, open });
    expect(untrue).toEqual(['coq/handwritten/contract_sum.v: coqc says: Error: Tactic failure.']);
  });

  it.skipIf(!isLong)(
    'is found out by Coq itself',
    async () => {
      const { untrue } = await toldBy({ ask: true });
      expect(untrue).toEqual([expect.stringMatching(/^coq\/handwritten\/contract_sum\.v: coqc says: Error/)]);
    },
    1_200_000,
  );
});

it.skipIf(!isLong)(
  'a build with Coq itself is verified by Coq itself, and gives the same bytes again',
  async () => {
    const home = { ...sources, 'coq/handwritten/contract_sum.v': proofOf() };
    const once = await built({ more: home, isReal: true });
    const again = await built({ more: home, isReal: true });
    for (const [name, bytes] of once.files) expect(Buffer.compare(again.files.get(name)!, bytes), name).toBe(0);
    const claims = once.evidence.proofs!.coq!.claims;
    expect(claims.filter(({ status }) => status === 'closed').map(({ statement }) => statement)).toEqual(
      expect.arrayContaining(['contract_sum', 'contract_twice', 'goal_sum_1', 'goal_twice_1']),
    );
    const { untrue, undecided, checked } = await verified(once.files, { ask: true });
    expect([untrue, undecided]).toEqual([[], []]);
    expect(checked.join('\n')).toContain('closed, with no axiom, by coqc and coqchk here');
  },
  1_200_000,
);
