/** What changed between two releases, and what of it counts as worse. */
import { describe, expect, it } from 'vitest';
import { diffEvidence, type EvidenceDiff } from '../../evidence/diff.ts';
import { diffLines } from '../../evidence/diff-text.ts';
import type { Evidence, EvidenceFinding } from '../../evidence/evidence.ts';
import { hashOf } from '../../evidence/identity.ts';
import { hash, someEvidence } from '../support/evidence.ts';

const base: Evidence = {
  ...someEvidence,
  image: {
    ...someEvidence.image,
    devices: [{ name: 'net0', type: 'net' }],
    functions: [
      { name: 'f', size: 16 },
      { name: 'local', size: 8 },
      { name: 'local', size: 24 },
      { name: 'wipe_key', size: 32 },
    ],
  },
};

const image = (change: Partial<Evidence['image']>): Evidence => ({ ...base, image: { ...base.image, ...change } });

/** The first finding is `wx:segments`, which passes. */
const finding = (change: Partial<EvidenceFinding>): Evidence => ({
  ...base,
  findings: base.findings.map((one, i) => {
    if (i !== 0) return one;
    const now = { ...one, ...change };
    return { ...now, fingerprint: hashOf(now.outcome, now.state, ...now.details) };
  }),
});

/** Its theorems: `f/contract` is closed, another statement is open. */
const theorems = base.proofs!.coq!;
const inCoq = (coq: Partial<typeof theorems> | undefined): Evidence => {
  const { coq: _, ...proofs } = base.proofs!;
  return { ...base, proofs: { ...proofs, ...(coq && { coq: { ...theorems, ...coq } }) } };
};

const worse = (after: Evidence, before: Evidence = base): string => diffEvidence(before, after).worse.join('\n');

describe('a newer release is worse', () => {
  it.each<[string, Evidence, RegExp]>([
    [
      'with a theorem that is open again',
      inCoq({ claims: theorems.claims.map((one) => ({ ...one, status: 'open' as const, fingerprint: hash('open') })) }),
      /coq:app\.ts:f\/contract: unknown, declared \(was pass, declared\)/,
    ],
    ['without the theorem of a contract', inCoq({ claims: [] }), /coq:app\.ts:f\/contract: passed, and is no longer/],
    ['that Coq was not asked about', inCoq(undefined), /coq:app\.ts:f\/contract: passed, and is no longer looked at/],
    [
      'with a device more',
      image({ devices: [...base.image.devices!, { name: 'disk', type: 'block' }] }),
      /^NEW DEVICE: asks for "disk" as a block device; the older release does not/,
    ],
    [
      'with a device of another type',
      image({ devices: [{ name: 'net0', type: 'block' }] }),
      /^NEW DEVICE: asks for "net0" as a block device; the older release as a net device/,
    ],
    [
      'when it does not say any more which devices it asks for',
      image({ devices: undefined } as never),
      /^devices: the newer release does not say/,
    ],
    ['when a finding fails', finding({ outcome: 'fail' }), /^wx:segments: fail, declared \(was pass, declared\)/],
    ['when a finding is unknown', finding({ outcome: 'unknown' }), /^wx:segments: unknown/],
    [
      'when a finding is gone that passed',
      { ...base, findings: base.findings.slice(1) },
      /^wx:segments: passed, and is no longer looked at/,
    ],
    [
      'with an assumption more',
      { ...base, assumptions: [...base.assumptions, { kind: 'waiver', about: 'f', text: 'later' }] },
      /^assumed and not shown \(waiver\): f: later$/,
    ],
    [
      'when a function promises less',
      { ...base, proofs: { ...base.proofs!, obligations: [] } },
      /^proof:app\.ts:f\/ensures\/result > 0: passed, and is no longer looked at/,
    ],
    [
      'when a verified function is in the image without its proof',
      { ...base, proofs: { ...base.proofs!, functions: [] } },
      /^verified:app\.ts:f: passed, and is no longer looked at/,
    ],
    [
      'with fewer bits of address',
      { ...base, layout: { ...base.layout!, bits: 9 } },
      /: 9 bits of entropy \(were 12\)/,
    ],
    [
      'on a kernel that covers less',
      { ...base, kernel: { ...base.kernel!, enforcement: [], notCovered: ['DMA', 'timing'] } },
      /kernel: no longer enforced: Text is not writable\.\n.*kernel: now not covered: timing/,
    ],
  ])('%s', (_, after, message) => {
    expect(worse(after)).toMatch(message);
    expect(worse(after, after)).toBe('');
  });

  it('when a finding passes on a weaker ground', () => {
    const before = finding({ state: 'exercised' });
    expect(worse(finding({ state: 'enforced' }), before)).toMatch(
      /wx:segments: pass, enforced \(was pass, exercised\)/,
    );
    expect(diffEvidence(finding({ state: 'enforced' }), before)).toMatchObject({
      ...{ worse: [], findings: [{ id: 'wx:segments', change: 'better' }] },
    });
  });

  it('when a finding that failed before fails at a place more, and not when at one less', () => {
    const one = finding({ outcome: 'fail', details: ['0x1 (a+0x0)'] });
    const two = finding({ outcome: 'fail', details: ['0x1 (a+0x0)', '0x9 (b+0x0)'] });
    expect(worse(two, one)).toContain('wx:segments');
    expect(diffEvidence(two, one)).toMatchObject({ worse: [], findings: [{ change: 'better' }] });
  });

  it('asking for a device where the older one had no manifest', () => {
    const { devices: _, ...rest } = base.image;
    expect(worse(base, { ...base, image: rest })).toMatch(
      /^NEW DEVICE: asks for "net0" as a net device; the older release does not/,
    );
  });
});

describe('a newer release is not worse', () => {
  it.each<[string, Evidence]>([
    ['when it is the same', base],
    [
      'with other and larger code',
      image({ size: 9000, sha256: hash('other'), functions: [{ name: 'g', size: 9 }, ...base.image.functions!] }),
    ],
    ['with a device less', image({ devices: [] })],
    ['with an assumption less', { ...base, assumptions: [] }],
    [
      'when a function left the image with what was said of it',
      {
        ...base,
        image: { ...base.image, functions: [] },
        proofs: { ...base.proofs!, functions: [] },
        ...{ erasure: [], validation: [] },
      },
    ],
  ])('%s', (_, after) => {
    expect(worse(after)).toBe('');
  });
});

const named = (diff: EvidenceDiff) =>
  (['devices', 'functions', 'segments', 'tcb', 'inputs', 'packages', 'tools', 'kernel', 'numbers'] as const).flatMap(
    (key) => (diff[key] ?? []).map(({ name, before, after }) => ({ key, name, before, after })),
  );

const other: Evidence = {
  ...base,
  image: {
    ...base.image,
    ...{ devices: [{ name: 'disk', type: 'block' }], size: 5000, sha256: hash('other') },
    functions: [
      { name: 'local', size: 24 },
      { name: 'f', size: 20 },
    ],
    segments: [{ ...base.image.segments[0]!, rights: 'RWX' }],
  },
  inputs: [{ ...base.inputs[1]!, sha256: hash('changed') }],
  tools: { ...base.tools, node: 'v22.0.0', packages: [] },
  tcb: [{ component: 'library', objects: 1, codeBytes: 7, functions: 1 }],
  findings: base.findings.slice(2),
};

describe('the difference of two releases', () => {
  it('read the other way round has each change the other way round', () => {
    const forth = named(diffEvidence(base, other));
    const back = named(diffEvidence(other, base));
    expect(back).toEqual(forth.map(({ before, after, ...rest }) => ({ ...rest, before: after, after: before })));
    expect(new Set(forth.map(({ key }) => key))).toEqual(
      new Set(['devices', 'functions', 'segments', 'tcb', 'inputs', 'packages', 'tools']),
    );
  });

  it('tells functions of one name apart', () => {
    expect(diffEvidence(base, other).functions).toEqual([
      { name: 'f', before: 16, after: 20 },
      { name: 'local', before: 8, after: 24 },
      { name: 'local (2)', before: 24 },
      { name: 'wipe_key', before: 32 },
    ]);
  });

  it('does not take images without symbols for images without functions', () => {
    const { functions: _, ...rest } = base.image;
    const diff = diffEvidence({ ...base, image: rest }, base);
    expect(diff.functions).toBeUndefined();
    expect(diffLines(diff).join('\n')).toContain('functions: cannot be compared');
  });

  it('is text without anything that a terminal acts on, cut where it is long, and never where it is worse', () => {
    const name = '\u001b[31m<b>\n';
    const many = Array.from({ length: 30 }, (_, i) => ({ kind: 'waiver' as const, text: `${name}${i}` }));
    const diff = diffEvidence(base, {
      ...base,
      ...{ project: name, assumptions: many },
      image: { ...base.image, functions: [{ name, size: 1 }] },
    });
    const lines = diffLines(diff);
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
    expect(lines.filter((line) => line.includes('assumed and not shown'))).toHaveLength(30);
    expect(lines.join('\n')).toMatch(/\.\.\. and 11 more: --all shows them/);
    expect(diffLines(diff, ['', ''], true).join('\n')).not.toContain('--all');
  });
});
