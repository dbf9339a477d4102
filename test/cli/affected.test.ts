/** `casemate affected` as a user meets it: which of a folder's images, by which exit status, and what hostile files print. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createHash } from '../../base/node.ts';
import { packBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signBundle } from '../../evidence/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import { cyclonedx } from '../../evidence/formats/cyclonedx.ts';
import { affectedPackage, openssl, osvBytes, range, semver } from '../support/advisories.ts';
import { someEvidence } from '../support/evidence.ts';
import { makeKey } from '../support/keys.ts';
import { temporaryFolder } from '../support/paths.ts';

const casemate = join(import.meta.dirname, '../../dist/casemate.js');
const folder = temporaryFolder('affected');
const at = (...names: string[]): string => join(folder, ...names);
const run = (...args: string[]) =>
  spawnSync(process.execPath, [casemate, 'affected', ...args], { encoding: 'utf8', cwd: folder });
const key = makeKey();

const bytes = Buffer.from('an image');
const image = { ...someEvidence.image, sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };

/** Linked with a libcrypto.a of this version. */
function evidence(version: string): Evidence {
  const [archive, ...rest] = someEvidence.inputs;
  const from = { ...archive!.package!, version, source: { name: 'openssl', version } };
  return { ...someEvidence, image, inputs: [{ ...archive!, package: from }, ...rest] };
}

function bundle(path: string, its: Evidence): void {
  const files = new Map<string, Uint8Array>([
    ['app.hvt', bytes],
    ['evidence.json', canonicalBytes(its)],
  ]);
  writeFileSync(path, Buffer.concat([...packBundle(signBundle(files, [key.signing]))]));
}

mkdirSync(at('all/deeper'), { recursive: true });
mkdirSync(at('fixed'));
mkdirSync(at('advisories'));
writeFileSync(at('key.pub'), key.publicPem);
writeFileSync(at('other.pub'), makeKey().publicPem);
writeFileSync(at('advisories', 'openssl.json'), osvBytes(openssl));
writeFileSync(at('advisories', 'semver.json'), osvBytes(semver));
bundle(at('all/deeper', '1.evidence'), evidence('3.0.9-1'));
bundle(at('all', '2.evidence'), evidence('3.0.14-1~deb12u2'));
writeFileSync(at('all', '1.cdx.json'), cyclonedx(evidence('3.0.9-1')));
writeFileSync(at('all', 'notes.txt'), 'not an image');
symlinkSync('.', at('all', 'loop'));
bundle(at('fixed', '2.evidence'), evidence('3.0.14-1~deb12u2'));

it('names the affected images of a folder, with the version that is fixed', () => {
  const { status, stdout } = run('advisories', '--in', 'all');
  expect(status).toBe(1);
  expect(stdout).toContain('3 images, 2 advisories');
  for (const file of ['all/1.cdx.json', 'all/deeper/1.evidence'])
    expect(stdout).toContain(
      `AFFECTED: ${file} (app.hvt)\n  DSA-5764-1 (CVE-2024-6119): libssl-dev 3.0.9-1; fixed in 3.0.14-1~deb12u2`,
    );
  expect(stdout).not.toContain('all/2.evidence');
  expect(stdout).toContain('files that are neither bundles nor bills: 1');
});

it('answers 0 when none is affected, by signed bundles where a key is given', () => {
  expect(run('advisories', '--in', 'fixed')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('none is affected'),
  });
  expect(run('advisories', '--in', 'fixed', '--key', 'key.pub').status).toBe(0);
  const other = run('advisories', '--in', 'fixed', '--key', 'other.pub');
  expect(other).toMatchObject({ status: 3, stdout: expect.stringContaining('signed by') });
});

it('answers 3 for what it cannot tell: an image that cannot be read, a part of an unknown package, commits', () => {
  mkdirSync(at('open'));
  const good = readFileSync(at('fixed', '2.evidence'));
  writeFileSync(at('open', 'cut.evidence'), good.subarray(0, good.length - 1024));
  writeFileSync(at('open', 'deep.json'), `{"bomFormat":"CycloneDX","specVersion":"1.6","x":${'['.repeat(1e5)}`);
  const unread = run('advisories', '--in', 'open');
  expect(unread.status).toBe(3);
  expect(unread.stdout).toMatch(/open\/cut\.evidence\n.*it is no bundle, or was changed/);
  expect(unread.stdout).toMatch(/open\/deep\.json\n.*nested more than 64 deep/);

  const vendored = evidence('3.0.14-1~deb12u2');
  const archive = { kind: 'archive', name: 'z\u001b[2J.a', sha256: image.sha256, size: 1 } as const;
  mkdirSync(at('vendored'));
  bundle(at('vendored', 'v.evidence'), { ...vendored, inputs: [...vendored.inputs, archive] });
  const unknown = run('advisories', '--in', 'vendored');
  expect(unknown).toMatchObject({
    status: 3,
    stdout: expect.stringContaining('nobody knows of which package it is: DSA-5764-1'),
  });
  expect(unknown.stdout).not.toContain('\u001b');
  expect(run('advisories', '--in', 'vendored', '--named-only')).toMatchObject({
    ...{ status: 0, stdout: expect.stringContaining('left out: --named-only') },
  });

  const commits = {
    ...openssl,
    affected: [affectedPackage('Debian:12', 'openssl', range('GIT', { introduced: '0' }))],
  };
  writeFileSync(at('git.json'), osvBytes(commits));
  const json = run('git.json', '--in', 'fixed/2.evidence', '--json');
  expect(json.status).toBe(3);
  expect(JSON.parse(json.stdout)).toMatchObject({
    version: 1,
    status: 3,
    images: [{ found: [{ advisory: 'DSA-5764-1' }] }],
  });
});

it('follows links to files, and says of links to folders elsewhere that it does not', () => {
  mkdirSync(at('links'));
  mkdirSync(at('elsewhere'));
  symlinkSync(at('all/deeper/1.evidence'), at('links', 'latest'));
  writeFileSync(at('links', 'sources.tar'), Buffer.concat([...packBundle(new Map([['README', Buffer.from('x')]]))]));
  expect(run('advisories', '--in', 'links')).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('links/latest'),
  });
  symlinkSync(at('elsewhere'), at('links', 'more'));
  const { stdout } = run('advisories', '--in', 'links');
  expect(stdout).toMatch(/undecided: links\/more\n.*name that folder/);
  expect(stdout).toContain('files that are neither bundles nor bills: 1');
  expect(run('links', '--in', 'all')).toMatchObject({ status: 2, stderr: expect.stringContaining('name that folder') });
});

it('prints JSON that no terminal acts on', () => {
  mkdirSync(at('hostile'));
  const name = 'z\u009b2J\u202e.a';
  const its = evidence('3.0.9-1');
  const archive = { kind: 'archive', name, sha256: image.sha256, size: 1 } as const;
  bundle(at('hostile', 'h.evidence'), { ...its, inputs: [...its.inputs, archive] });
  const { stdout } = run('advisories', '--in', 'hostile', '--json');
  expect(stdout).not.toMatch(/[\u0080-\u009f\u202e]/);
  expect(JSON.stringify(JSON.parse(stdout))).toContain(name);
});

it('refuses advisories that cannot be read, and folders without an image', () => {
  writeFileSync(at('bad.json'), '{"id":"X","modified":"2025-01-01T00:00:00Z","affected":[{"ranges":7}]}');
  const bad = run('advisories', 'bad.json', '--in', 'all');
  expect(bad).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('bad.json:1: affected[0].ranges'),
  });
  mkdirSync(at('twice'));
  writeFileSync(at('twice', 'a.json'), osvBytes(semver));
  writeFileSync(at('twice', 'b.json'), osvBytes({ ...semver, affected: [] }));
  writeFileSync(at('twice', 'c.json'), osvBytes({ ...openssl, modified: '2020-01-01T00:00:00Z', affected: [] }));
  expect(run('twice', '--in', 'all').stderr).toContain('says something else there');
  expect(run('twice/c.json', 'advisories', '--in', 'fixed').status).toBe(0);
  for (const [words, message] of [
    [['advisories', '--in', 'advisories'], 'holds no bundle of evidence'],
    [['advisories', '--in', 'none'], 'no such file or folder'],
    [['fixed', '--in', 'fixed'], 'holds no .json file'],
    [['advisories', '--in', 'key.pub'], 'is neither a bundle of evidence nor a CycloneDX bill'],
    [['advisories'], "required option '--in <FOLDER>'"],
  ] as const)
    expect(run(...words), message).toMatchObject({ status: 2, stderr: expect.stringContaining(message) });
});

const archive = '/usr/lib/x86_64-linux-gnu/libcrypto.a';
it.runIf(existsSync('/etc/debian_version') && existsSync(archive))(
  'finds the package of an archive that a build has linked',
  () => {
    const home = at('project');
    mkdirSync(home);
    const manifest = {
      name: 'app',
      target: 'hvt',
      sources: ['main.c'],
      archives: [archive],
      roots: ['/usr/lib/x86_64-linux-gnu'],
    };
    writeFileSync(join(home, 'casemate.json'), JSON.stringify(manifest));
    writeFileSync(
      join(home, 'main.c'),
      '#include "solo5.h"\nint ossl_tolower(int);\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return ossl_tolower(65) == 97 ? 0 : 1; }\n',
    );
    const built = spawnSync(process.execPath, [casemate, 'build', home, '-q', '--evidence', at('built.evidence')], {
      encoding: 'utf8',
    });
    expect(built.status, built.stderr).toBe(0);
    const all = (fixed: string) => ({
      ...openssl,
      affected: [affectedPackage('Debian', 'openssl', range('ECOSYSTEM', { introduced: '0' }, { fixed }))],
    });
    writeFileSync(at('later.json'), osvBytes(all('99:1')));
    expect(run('later.json', '--in', 'built.evidence')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('libssl-dev'),
    });
    writeFileSync(at('earlier.json'), osvBytes(all('0.9')));
    expect(run('earlier.json', '--in', 'built.evidence').status).toBe(0);
  },
  60_000,
);
