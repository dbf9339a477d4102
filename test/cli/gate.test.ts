/** `casemate gate` and what goes with it, as a user runs them: on signed bundles with an image. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHash, verifyBytes } from '../../base/node.ts';
import { packBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { preAuthenticated, signBundle } from '../../evidence/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import { identified } from '../../evidence/identity.ts';
import { parsePolicy } from '../../evidence/policy.ts';
import type { Finding } from '../../hardening/finding.ts';
import { casemateIn } from '../support/casemate.ts';
import { findingOf as finding, someEvidence } from '../support/evidence.ts';
import { makeKey, type TestKey } from '../support/keys.ts';
import { temporaryFolder } from '../support/paths.ts';
import { readXml } from '../support/xml.ts';

const folder = temporaryFolder('gate');
const at = (name: string): string => join(folder, name);

const run = casemateIn(folder);

const image = Buffer.from('an image');
function evidenceOf(findings: readonly Finding[]): Evidence {
  const { proofs, validation, erasure, ...rest } = someEvidence;
  const sha256 = createHash('sha256').update(image).digest('hex');
  return { ...rest, image: { ...rest.image, sha256, size: image.length }, findings: identified(findings) };
}

function bundle(name: string, findings: readonly Finding[], keys: readonly TestKey[], its: Uint8Array = image): string {
  const files = new Map([
    ['app.hvt', its],
    ['evidence.json', canonicalBytes(evidenceOf(findings))],
  ]);
  const signed =
    keys.length === 0
      ? files
      : signBundle(
          files,
          keys.map(({ signing }) => signing),
        );
  writeFileSync(at(name), Buffer.concat([...packBundle(signed)]));
  return name;
}

const [own, other] = [makeKey(), makeKey('p-256')];
writeFileSync(at('own.pub'), own.publicPem);
writeFileSync(at('other.pub'), other.publicPem);
writeFileSync(
  at('small.json'),
  JSON.stringify({ version: 1, name: 'small', unlisted: 'error', rules: [{ rule: 'wx', version: 1, level: 'error' }] }),
);
const policy = ['--policy', 'small.json'];
const signed = [...policy, '--key', 'own.pub'];
const bad = finding('relro', { outcome: 'fail', details: ['.got stays writable'] });
const good = bundle('good.bundle', [finding('wx')], [own]);
const failing = bundle('failing.bundle', [finding('wx'), bad], [own]);

describe('casemate gate', () => {
  it('exits 0, 1 and 3 by the verdict, and says what failed, why and how to fix it', () => {
    expect(run('gate', good, ...signed)).toMatchObject({ status: 0, stderr: '' });
    const { status, stdout } = run('gate', failing, ...signed);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^app\.hvt: FAILED\n/);
    expect(stdout).toMatch(
      /FAIL +relro:image \(declared\): relro: found\n +\.got stays writable\n +why: \S.*\n +fix: Link with -z relro/,
    );
    expect(stdout).toContain(`signed by ${own.signing.id}`);
    const doubt = bundle('doubt.bundle', [finding('wx', { outcome: 'unknown' })], [own]);
    expect(run('gate', doubt, ...signed).status).toBe(3);
    expect(
      run('gate', bundle('both.bundle', [finding('wx', { outcome: 'unknown' }), bad], [own]), ...signed).status,
    ).toBe(1);
  });

  it('takes nothing that is unsigned, of another key or changed for signed', () => {
    const none = bundle('none.bundle', [finding('wx')], []);
    expect(run('gate', good, ...policy)).toMatchObject({ status: 2, stdout: '' });
    expect(run('gate', none, ...signed)).toMatchObject({ status: 1, stdout: '' });
    expect(run('gate', good, ...policy, '--key', 'other.pub')).toMatchObject({ status: 1, stdout: '' });
    expect(run('gate', good, ...signed, '--unsigned')).toMatchObject({ status: 2, stdout: '' });
    const unsigned = run('gate', none, ...policy, '--unsigned');
    expect(unsigned.status).toBe(0);
    expect(unsigned.stdout).toContain('UNSIGNED: nobody vouches for it');
    const changed = Buffer.from(
      readFileSync(at(good)).toString('latin1').replace('"relro"', '"wx"').replace('wx: found', 'wx: fOund'),
      'latin1',
    );
    writeFileSync(at('changed.bundle'), changed);
    const forged = run('gate', 'changed.bundle', ...signed);
    expect(forged).toMatchObject({ status: 1, stdout: '' });
    expect(forged.stderr).toContain('evidence.json: its SHA-256 is');
  });

  it('needs the image that was checked, and no other', () => {
    const evidence = at('evidence.json');
    writeFileSync(evidence, canonicalBytes(evidenceOf([finding('wx')])));
    writeFileSync(at('app.hvt'), image);
    writeFileSync(at('late.hvt'), 'another!');
    expect(run('gate', evidence, ...policy, '--unsigned')).toMatchObject({ status: 2, stdout: '' });
    expect(run('gate', evidence, ...policy, '--unsigned', '--image', 'app.hvt').status).toBe(0);
    const late = run('gate', evidence, ...policy, '--unsigned', '--image', 'late.hvt');
    expect(late).toMatchObject({ status: 1, stdout: '' });
    expect(late.stderr).toContain('late.hvt: has 8 bytes with SHA-256');
    expect(run('gate', evidence, ...signed, '--image', 'app.hvt').stderr).toContain('is evidence by itself');
    // Signed with the bundle, and yet not what the evidence is about.
    expect(run('gate', bundle('mixed.bundle', [finding('wx')], [own], Buffer.from('another!')), ...signed).status).toBe(
      1,
    );
  });

  it('fails only on what is new or worse against an older release, which must be signed too', () => {
    expect(run('gate', failing, ...signed, '--against', failing).status).toBe(0);
    expect(run('gate', failing, ...signed, '--against', good).status).toBe(1);
    const unsigned = bundle('old.bundle', [finding('wx'), bad], []);
    expect(run('gate', failing, ...signed, '--against', unsigned)).toMatchObject({ status: 1, stdout: '' });
  });

  it('writes the verdict, SARIF, JUnit and a summary, the same each time', () => {
    const write = (n: number) => {
      const names = ['sarif', 'junit', 'summary', 'verdict'];
      const flags = names.flatMap((name) => [`--${name}`, `${n}.${name}`]);
      run('gate', failing, ...signed, '--now', '2026-11-30', ...flags);
      return names.map((name) => readFileSync(at(`${n}.${name}`), 'utf8'));
    };
    const [sarif, junit, summary, verdict] = write(1) as [string, string, string, string];
    expect(write(2)).toEqual([sarif, junit, summary, verdict]);
    const { sha256 } = parsePolicy(readFileSync(at('small.json')), 'small.json');
    expect(JSON.parse(verdict)).toMatchObject({ status: 1, now: '2026-11-30', policy: { name: 'small', sha256 } });
    expect(JSON.parse(sarif)).toMatchObject({ version: '2.1.0', runs: [{ invocations: [{ exitCode: 1 }] }] });
    expect(readXml(junit).attributes.get('failures')).toBe('1');
    expect(summary).toContain('app\\.hvt: FAILED');
  });

  it('answers 2 for a policy that it cannot decide by, and for a day that is none', () => {
    writeFileSync(at('broken.json'), '{"version":1}');
    expect(run('gate', good, '--policy', 'broken.json', '--key', 'own.pub')).toMatchObject({
      ...{ status: 2, stdout: '' },
      stderr: expect.stringMatching(/^casemate: error: broken\.json:1: the key "name" is missing/),
    });
    expect(run('gate', good, ...signed, '--now', 'today').status).toBe(2);
    expect(run('gate', 'small.json', ...signed).status).toBe(2);
  });
});

describe('living with a gate', () => {
  it('lets a waiver count when the role that the policy names has approved it', () => {
    const key = other.judging.key.export({ type: 'spki', format: 'der' }).toString('base64');
    const rules = [{ rule: 'relro', version: 1, level: 'error', approvedBy: 'security' }];
    const text = { version: 1, name: 'roles', unlisted: 'off', roles: { security: { key } }, rules };
    writeFileSync(at('roles.json'), JSON.stringify(text));
    writeFileSync(at('other.key'), other.privatePem, { mode: 0o600 });
    writeFileSync(at('own.key'), own.privatePem, { mode: 0o600 });
    const wish = ['--reason', 'empty', '--owner', 'ada', '--expires', '2026-12-31', '--now', '2026-11-30'];
    const waived = run('waive', 'relro:image', '--evidence', failing, '--policy', 'roles.json', ...wish);
    expect(waived).toMatchObject({ status: 0, stdout: expect.stringContaining('once security has approved it') });
    const gated = (...more: string[]) =>
      run('gate', failing, '--policy', 'roles.json', '--key', 'own.pub', '--now', '2026-11-30', ...more);
    expect(gated()).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('nobody has approved it for security'),
    });
    const approve = (by: string) =>
      run('approve', 'relro:image', '--policy', 'roles.json', '--key', by, '-o', 'relro.approval.json');
    expect(approve('own.key')).toMatchObject({ status: 2, stderr: expect.stringContaining('nobody would count it') });
    expect(approve('other.key')).toMatchObject({ status: 0, stdout: expect.stringContaining('ada, until 2026-12-31') });
    expect(gated('--approval', 'relro.approval.json').status).toBe(0);
    writeFileSync(at('roles.json'), readFileSync(at('roles.json'), 'utf8').replace('2026-12-31', '2027-12-31'));
    expect(gated('--approval', 'relro.approval.json')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('its expires is "2026-12-31"; the policy says "2027-12-31"'),
    });
  });

  it('begins with a policy that the gate reads, waives until a day, and keeps the rest of the file', () => {
    writeFileSync(at('policy.json'), run('init-policy', '--preset', 'baseline').stdout);
    expect(run('init-policy', '--preset', 'lax').status).toBe(2);
    const before = JSON.parse(readFileSync(at('policy.json'), 'utf8'));
    const waive = (...more: string[]) =>
      run(
        'waive',
        'relro:image',
        '--evidence',
        failing,
        '--policy',
        'policy.json',
        '--reason',
        'empty',
        '--owner',
        'ada',
        ...more,
      );
    expect(waive('--expires', '2026-01-01', '--now', '2026-11-30')).toMatchObject({ status: 2, stdout: '' });
    expect(JSON.parse(readFileSync(at('policy.json'), 'utf8'))).toEqual(before);
    expect(waive('--expires', '2026-12-31', '--now', '2026-11-30').status).toBe(0);
    const after = JSON.parse(readFileSync(at('policy.json'), 'utf8'));
    expect({ ...after, waivers: [] }).toEqual(before);
    expect(after.waivers).toMatchObject([{ rule: 'relro', owner: 'ada', expires: '2026-12-31' }]);
    expect(statSync(at('policy.json')).isFile()).toBe(true);
    const gated = (now: string) =>
      run('gate', failing, '--policy', 'policy.json', '--key', 'own.pub', '--now', now).stdout;
    expect(gated('2026-12-31')).toContain('waived by ada until 2026-12-31: empty');
    expect(gated('2027-01-01')).toMatch(/FAIL +relro:image/);
  });

  it('explains rules by their id or by that of a finding', () => {
    expect(run('explain', 'relro:image').stdout).toMatch(/^# relro: [\s\S]*## Fix by/);
    expect(run('explain', '../design')).toMatchObject({ status: 2, stdout: '' });
  });

  it('shows what came and went from release to release', () => {
    const { status, stdout } = run('trend', good, failing, good);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\+ relro:image\n[\s\S]*- relro:image\n$/);
    expect(JSON.parse(run('trend', '--json', good, failing).stdout).releases[1]).toMatchObject({ fail: 1, pass: 1 });
  });
});

describe('casemate statement', () => {
  const bundled = bundle('stated.bundle', [finding('wx'), finding('relro', { outcome: 'fail' })], [own]);
  const passing = bundle('passing.bundle', [finding('wx')], [own]);
  const key = ['--key', 'own.pub'];
  writeFileSync(at('gate.key'), other.privatePem, { mode: 0o600 });
  const stated = (...args: string[]) => JSON.parse(run('statement', ...args).stdout);

  it.each([
    ['slsa', 'https://slsa.dev/provenance/v1'],
    ['scai', 'https://in-toto.io/attestation/scai/v0.3'],
  ])('says what is known of the image as %s, by its hash', (kind, type) => {
    const { _type, subject, predicateType } = stated(kind, bundled, ...key);
    expect({ _type, predicateType }).toEqual({ _type: 'https://in-toto.io/Statement/v1', predicateType: type });
    expect(subject).toEqual([
      { name: 'app.hvt', digest: { sha256: createHash('sha256').update(image).digest('hex') } },
    ]);
  });

  it('names in provenance every file that was read, and not what the build made of them', () => {
    const { predicate } = stated('slsa', bundled, ...key, '--by', 'https://ci.example/builder');
    const { resolvedDependencies, buildType, externalParameters } = predicate.buildDefinition;
    expect({ buildType, externalParameters }).toMatchObject({
      buildType: 'urn:casemate:build:1',
      externalParameters: { target: 'hvt' },
    });
    expect(predicate.runDetails.builder.id).toBe('https://ci.example/builder');
    const named = new Set(resolvedDependencies.map(({ name }: { name: string }) => name));
    const { inputs } = evidenceOf([]);
    const sources = inputs.filter(({ kind }) => kind === 'source');
    expect(sources.length).toBeGreaterThan(0);
    for (const { name } of sources) {
      expect(named).toContain(name);
      expect(named).not.toContain(`${name}.o`);
    }
  });

  it('has no attribute for what does not hold', () => {
    const { attributes } = stated('scai', bundled, ...key).predicate;
    const names = attributes.map(({ attribute }: { attribute: string }) => attribute);
    expect(names).toEqual([expect.stringMatching(/^wx:/)]);
    expect(attributes[0]).toMatchObject({ conditions: { ground: 'declared' }, evidence: { name: 'evidence.json' } });
  });

  it('attests a verdict that is a pass, by the policy’s hash, and no other', () => {
    const svr = ['--policy', 'small.json', '--now', '2026-11-30', '--by', 'https://example.org/gate'];
    const { predicate } = stated('svr', passing, ...key, ...svr);
    const sha256 = createHash('sha256')
      .update(readFileSync(at('small.json')))
      .digest('hex');
    expect(predicate).toEqual({
      verifier: { id: 'https://example.org/gate' },
      timeCreated: '2026-11-30T00:00:00Z',
      properties: ['CASEMATE_GATE_PASSED', 'CASEMATE_WX'],
      policies: [{ name: 'small', digest: { sha256 } }],
    });
    const refused = run('statement', 'svr', bundled, ...key, ...svr, '-o', 'refused.json');
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain('failed by this policy, so there is nothing to attest');
    expect(() => statSync(at('refused.json'))).toThrow();
  });

  it('names no property of a rule that was only waived', () => {
    const flawed = bundle('waived.bundle', [finding('wx'), finding('relro', { outcome: 'fail' })], [own]);
    writeFileSync(at('waiving.json'), readFileSync(at('small.json')));
    const wish = ['--evidence', flawed, '--reason', 'known', '--owner', 'ada', '--expires', '2027-01-31'];
    expect(run('waive', 'relro:image', '--policy', 'waiving.json', '--now', '2026-11-30', ...wish).status).toBe(0);
    const { properties } = stated('svr', flawed, ...key, '--policy', 'waiving.json', '--now', '2026-11-30').predicate;
    expect(properties).toEqual(['CASEMATE_GATE_PASSED', 'CASEMATE_WX']);
  });

  it('is signed as a bundle is, and by nobody else', () => {
    expect(run('statement', 'scai', bundled, ...key, '--sign', 'gate.key', '-o', 'app.scai.json').status).toBe(0);
    const { payload, payloadType, signatures } = JSON.parse(readFileSync(at('app.scai.json'), 'utf8'));
    expect(payloadType).toBe('application/vnd.in-toto+json');
    const signed = Buffer.from(payload, 'base64');
    expect(`${signed}\n`).toBe(run('statement', 'scai', bundled, ...key).stdout);
    expect(signatures.map(({ keyid }: { keyid: string }) => keyid)).toEqual([other.judging.id]);
    const sig = Buffer.from(signatures[0].sig, 'base64');
    expect(verifyBytes('sha256', preAuthenticated(signed), other.judging.key, sig)).toBe(true);
    expect(
      verifyBytes('sha256', preAuthenticated(Buffer.concat([signed, Buffer.from(' ')])), other.judging.key, sig),
    ).toBe(false);
  });

  it.each([
    [['svr', passing, ...key], 'by which policy?'],
    [['scai', passing, ...key, '--policy', 'small.json'], '--policy: is for svr'],
    [['vsa', passing, ...key], 'must be slsa, scai or svr'],
    [['slsa', passing, ...key, '--by', 'me'], 'must be a URI'],
    [['slsa', passing, ...key, '--by', 'urn:a\u001b[31m'], 'must be a URI'],
    [['slsa', passing], 'name the key that must have signed it'],
  ])('refuses %j', (args, message) => {
    const { status, stderr, stdout } = run('statement', ...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('\u001b');
  });
});
