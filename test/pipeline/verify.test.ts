/**
 * Bundles of real builds, and what is found of forged ones: each forgery is signed by the right key, so that only the
 * analysis stands between it and a reader.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partsOfEvidence } from '../../evidence/advisories/parts.ts';
import { type Bundle, packBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signBundle } from '../../evidence/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import { hashOf } from '../../evidence/identity.ts';
import { buildWithEvidence } from '../../pipeline/build-evidence.ts';
import { readBundle } from '../../pipeline/bundle-file.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { type VerifyReport, verifyBundle } from '../../pipeline/verify.ts';
import { makeKey } from '../support/keys.ts';
import { project as temporary } from './support.ts';

const key = makeKey();
const quiet = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 1e6 });

const sources = {
  'casemate.json': JSON.stringify({
    name: 'app',
    target: 'hvt',
    sources: ['main.c', 'sum.ts'],
    devices: [{ name: 'net0', type: 'net' }],
  }),
  'main.c':
    '#include "solo5.h"\n#include "verified.h"\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return sum(3) == 6 ? 0 : 1; }\n',
  'sum.ts': `import type { u32 } from 'casemate';
/**
 * @requires n <= 1000
 * @ensures result === n * 2
 */
export function sum(n: u32): u32 {
  return n + n;
}
`,
};

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'casemate-verify-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function built(name: string): Promise<string> {
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  for (const [file, text] of Object.entries(sources)) writeFileSync(join(home, file), text);
  const path = join(folder, `${name}.evidence`);
  await buildWithEvidence(
    { folder: home, lock: 'verify', progress: quiet, proofs: {} },
    { path, keys: [key.signing], predicate: { release: 4 }, measure: false },
  );
  return path;
}

const verify = (path: string, prove = true): Promise<VerifyReport> =>
  verifyBundle({ path, keys: [key.judging], prove, step: () => {} });

let bundle: string;
let files: Bundle;
let evidence: Evidence;
beforeAll(async () => {
  bundle = await built('first');
  ({ files, evidence } = readBundle(bundle));
}, 120_000);

/** A bundle with some files exchanged, signed as the real one is. */
function forged(changes: Readonly<Record<string, Uint8Array>>): string {
  const path = join(temporary(), 'forged.evidence');
  const all = new Map([...files, ...Object.entries(changes)]);
  writeFileSync(path, Buffer.concat([...packBundle(signBundle(all, [key.signing]))]));
  return path;
}

/** A bundle whose evidence says something else. */
const saying = (change: (evidence: Evidence) => Evidence): string =>
  forged({ 'evidence.json': canonicalBytes(change(evidence)) });

describe('a bundle of a build', () => {
  it('is found to be true, proofs included, and says what it does not show', async () => {
    const { untrue, undecided, checked, trusted, predicate } = await verify(bundle);
    expect({ untrue, undecided, predicate }).toEqual({ untrue: [], undecided: [], predicate: { release: 4 } });
    const text = checked.join('\n');
    expect(text).toMatch(/every byte of \d+ files, signed by/);
    expect(text).toMatch(/(\d+) findings of \1, by running all rules/);
    expect(text).toMatch(/([1-9]\d*) of \1 obligations?, made anew from the bundled sources and proved here/);
    expect(text).toContain('where the code of 1 verified function is');
    expect(trusted.join('\n')).toContain('compiled from the bundled sources');
  });

  it('holds what was read, by kind and name, and the table of trusted code', () => {
    const names = evidence.inputs.map(({ kind, name }) => `${kind} ${name}`);
    expect(names).toEqual([...names].sort());
    for (const name of [
      'manifest casemate.json',
      'source main.c',
      'source sum.ts',
      'object main.c.o',
      'object verified.c.o',
    ])
      expect(names).toContain(name);
    expect(names.some((name) => name.startsWith('source casemate/targets/hvt/'))).toBe(true);
    const rows = new Map(evidence.tcb.map((row) => [row.component, row]));
    expect(rows.get('application')).toMatchObject({ objects: 1, functions: 1, sourceLines: 3 });
    expect(rows.get('verified')!.codeBytes).toBeGreaterThan(0);
    const code = evidence.tcb.reduce((sum, { codeBytes }) => sum + codeBytes, 0);
    const loaded = evidence.image.segments.filter(({ type, rights }) => type === 'load' && rights.endsWith('X'));
    expect(code).toBe(loaded.reduce((sum, { fileSize }) => sum + fileSize, 0));
    expect(evidence.tools.solvers.length).toBeGreaterThan(0);
  });

  it('has its devices and functions, and knows where all of its code is from', () => {
    expect(evidence.image.devices).toEqual([{ name: 'net0', type: 'net' }]);
    expect(evidence.image.functions!.map(({ name }) => name)).toContain('solo5_app_main');
    expect(partsOfEvidence(evidence).unknown).toEqual([]);
  });

  it('is the same bytes when it is built again elsewhere', async () => {
    const second = readBundle(await built('second/deeper'.replace('/', '-')));
    expect([...second.files.keys()]).toEqual([...files.keys()]);
    for (const [name, bytes] of files) expect(Buffer.compare(second.files.get(name)!, bytes), name).toBe(0);
  }, 120_000);

  it('names nothing of the machine that built it', () => {
    for (const [name, bytes] of files) expect(Buffer.from(bytes).includes(folder), name).toBe(false);
  });
});

describe('a forged bundle under the right signature', () => {
  const first = (change: Partial<Evidence['findings'][number]>) => (own: Evidence) => ({
    ...own,
    findings: own.findings.map((one, i) => (i === 0 ? { ...one, ...change } : one)),
  });

  it.each<[string, (own: Evidence) => Evidence, RegExp]>([
    [
      'a finding with another outcome',
      first({ outcome: 'fail' }),
      /wx:segments: outcome is "pass"; the evidence says "fail"/,
    ],
    ['a finding with another message', first({ message: 'all is well' }), /wx:segments: message is/],
    ['a finding with another fingerprint', first({ fingerprint: hashOf('x') }), /wx:segments: fingerprint is/],
    ['a finding that a probe is said to have made', first({ state: 'exercised' }), /wx:segments: state is "declared"/],
    ['a finding left out', (own) => ({ ...own, findings: own.findings.slice(1) }), /wx:segments: is left out/],
    [
      'a finding made up',
      (own) => ({ ...own, findings: [...own.findings, { ...own.findings[0]!, id: 'wx:all' }] }),
      /wx:all: there is no such thing/,
    ],
    [
      'other rights of a segment',
      (own) => ({
        ...own,
        image: { ...own.image, segments: own.image.segments.map((one) => ({ ...one, rights: 'R--' })) },
      }),
      /app\.hvt: segments\[\d\] is .*"R-X".*; the evidence says .*"R--"/,
    ],
    [
      'a device left out',
      (own) => ({ ...own, image: { ...own.image, devices: [] } }),
      /app\.hvt: devices\[0\] is {"name":"net0","type":"net"}; the evidence says nothing/,
    ],
    [
      'no word of devices',
      ({ image: { devices: _, ...image }, ...own }) => ({ ...own, image }),
      /app\.hvt: devices is/,
    ],
    [
      'a function that the image has not',
      (own) => ({
        ...own,
        image: { ...own.image, functions: [...own.image.functions!, { name: 'zz_check', size: 1 }] },
      }),
      /app\.hvt: functions\[\d+\] is nothing; the evidence says .*zz_check/,
    ],
    [
      'another size',
      (own) => ({ ...own, image: { ...own.image, size: 1 } }),
      /app\.hvt: size is \d+; the evidence says 1/,
    ],
    [
      'a function that is elsewhere',
      (own) => ({
        ...own,
        proofs: {
          ...own.proofs!,
          functions: own.proofs!.functions.map((fn) => ({
            ...fn,
            places: fn.places.map((place) => ({ ...place, address: own.image.entry })),
          })),
        },
      }),
      /sum\.ts:sum: its code has SHA-256/,
    ],
    [
      'a function that leaves nothing of a secret',
      (own) => ({
        ...own,
        erasure: [
          {
            ...{ id: 'erasure:sum', function: 'sum', origin: 'source', outcome: 'erased', waived: false, parts: [] },
            fingerprint: hashOf('x'),
          },
        ],
      }),
      /erasure:sum: there is no such thing/,
    ],
  ])('is caught: %s', async (_, change, message) => {
    const { untrue } = await verify(saying(change), false);
    expect(untrue.join('\n')).toMatch(message);
  });

  it.each<[string, (own: Evidence) => Evidence, RegExp]>([
    [
      'controls that pass as they were expected to',
      (own) => ({ ...own, controls: own.controls.map((one) => ({ ...one, expected: 'pass', found: 'pass' })) }),
      /controls: .*: said "pass", expected "pass"; must be/,
    ],
    ['a control named twice', (own) => ({ ...own, controls: [...own.controls, own.controls[0]!] }), /is there twice/],
    [
      'a layout that no build for this target has',
      (own) => ({ ...own, layout: { seed: 'x', base: '0x1000', bits: 64 } }),
      /layout: an image for hvt is laid out by no seed[\s\S]*layout: base is/,
    ],
    [
      'a finding of a rule that does not exist',
      (own) => ({
        ...own,
        findings: [...own.findings, { ...own.findings[0]!, id: 'cfi:image', rule: 'cfi', state: 'enforced' }],
      }),
      /cfi:image: no rule finds this in an image for hvt/,
    ],
    [
      'a verdict on code that does not exist',
      (own) => ({
        ...own,
        validation: [
          {
            ...{ id: 'validation:sum.ts:none', function: 'sum.ts:none', symbol: 'none', address: '0x1000', size: 4 },
            ...{ verdict: 'validated', callees: [], fingerprint: hashOf('x') },
          },
        ],
      }),
      /validation:sum\.ts:none: is about none at 0x1000, which no verified function is/,
    ],
  ])('is caught, though all of it fits together: %s', async (_, change, message) => {
    const { untrue } = await verify(saying(change), false);
    expect(untrue.join('\n')).toMatch(message);
  });

  it('is caught with another image than the one that was analyzed', async () => {
    const image = Uint8Array.from(files.get('app.hvt')!);
    image[image.length - 1]! ^= 1;
    const { untrue } = await verify(forged({ 'app.hvt': image }), false);
    expect(untrue.join('\n')).toMatch(/app\.hvt: its SHA-256 is/);
  });

  it('is caught with a weaker contract that was never in the sources', async () => {
    const { untrue } = await verify(
      saying((own) => ({
        ...own,
        proofs: {
          ...own.proofs!,
          obligations: own.proofs!.obligations.map((one) => ({ ...one, contract: 'true' })),
        },
      })),
    );
    expect(untrue.join('\n')).toMatch(/proof:sum\.ts:.*: contract is .*; the evidence says "true"/);
    expect(untrue.join('\n')).toContain('proofs/obligations.json: says something else than evidence.json');
  });

  it('is caught with a source whose proof fails, though evidence and index call it proved', async () => {
    const text = sources['sum.ts'].replace('n * 2', 'n * 3');
    const hash = (await import('../../pipeline/lock.ts')).sha256(Buffer.from(text));
    const path = forged({
      [`sources/${hash}.ts`]: Buffer.from(text),
      'evidence.json': canonicalBytes({
        ...evidence,
        proofs: { ...evidence.proofs!, sources: [{ file: 'sum.ts', sha256: hash }] },
      }),
    });
    const { untrue } = await verify(path);
    expect(untrue.join('\n')).toMatch(/proof:sum\.ts:sum\/ensures.*the sources give no such obligation/);
  });

  it('is caught with the text of a question exchanged', async () => {
    const name = [...files.keys()].find((one) => one.endsWith('.smt2'))!;
    const { untrue } = await verify(forged({ [name]: Buffer.from('(assert false)(check-sat)\n') }), false);
    expect(untrue.join('\n')).toContain(`${name}: has SHA-256`);
  });

  it('is caught with a source that is not what its name says', async () => {
    const name = [...files.keys()].find((one) => one.startsWith('sources/'))!;
    const { untrue } = await verify(forged({ [name]: Buffer.from('export {};\n') }));
    expect(untrue.join('\n')).toContain(`${name}: has SHA-256`);
  });

  it.each(['/casemate:platform.ts', 'casemate:x.ts', 'sum.d.ts', 'sum.t', '', '/abs/sum.ts'])(
    'is caught with a source under a name that no build reads: %s',
    async (file) => {
      const { untrue } = await verify(
        saying((own) => ({
          ...own,
          proofs: { ...own.proofs!, sources: own.proofs!.sources.map((one) => ({ ...one, file })) },
        })),
      );
      expect(untrue.join('\n')).toContain('is no name of a source that a build reads');
    },
  );

  it('is refused with a file that no bundle has', async () => {
    await expect(verify(forged({ Makefile: Buffer.from('all:\n') }))).rejects.toThrow(
      'Makefile: is no file of a bundle',
    );
  });

  it('is of an older release than is asked for', async () => {
    const report = await verifyBundle({
      path: bundle,
      keys: [key.judging],
      prove: false,
      leastRelease: 5,
      step: () => {},
    });
    expect(report.untrue).toEqual(['the release is 4; must be at least 5']);
  });
});
