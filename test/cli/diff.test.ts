/** `casemate diff` as a user meets it: exit statuses, keys, and JSON. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createHash } from '../../base/node.ts';
import { packBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signBundle } from '../../evidence/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import { someEvidence } from '../support/evidence.ts';
import { makeKey, type TestKey } from '../support/keys.ts';
import { temporaryFolder } from '../support/paths.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));
const folder = temporaryFolder('diff');
const run = (...args: string[]) =>
  spawnSync(process.execPath, [casemate, 'diff', ...args], { encoding: 'utf8', cwd: folder });

const devices = [...someEvidence.image.devices!, { name: 'disk', type: 'block' as const }];

/** A signed bundle of an image that asks for these devices. */
function bundle(name: string, key: TestKey, release: number, more: Partial<Evidence['image']> = {}): void {
  const bytes = Buffer.from(`image ${release}`);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const evidence = { ...someEvidence, image: { ...someEvidence.image, sha256, size: bytes.length, ...more } };
  const files = new Map<string, Uint8Array>([
    ['app.hvt', bytes],
    ['evidence.json', canonicalBytes(evidence)],
  ]);
  writeFileSync(`${folder}/${name}`, Buffer.concat([...packBundle(signBundle(files, [key.signing], { release }))]));
}

it('answers 0 when nothing is worse, 1 for a new device or an older number, and trusts no other key', () => {
  const [key, next] = [makeKey(), makeKey()];
  writeFileSync(`${folder}/key.pub`, key.publicPem);
  writeFileSync(`${folder}/next.pub`, next.publicPem);
  bundle('1', key, 1);
  bundle('2', key, 2);
  bundle('3', next, 3, { devices });

  expect(run('1', '2', '--key', 'key.pub')).toMatchObject({
    ...{ status: 0, stdout: expect.stringMatching(/release 1, signed by [\s\S]*nothing is worse\n$/) },
  });
  expect(run('2', '1', '--key', 'key.pub')).toMatchObject({
    ...{ status: 1, stdout: expect.stringContaining('release: the number is 1; must be above 2') },
  });
  expect(run('1', '3', '--key', 'key.pub')).toMatchObject({ status: 1, stderr: expect.stringContaining('signed by') });
  const json = run('1', '3', '--key', 'key.pub', '--new-key', 'next.pub', '--json');
  expect(json.status).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ...{ version: 1, devices: [{ name: 'disk', after: 'block' }] },
    worse: [expect.stringContaining('NEW DEVICE')],
  });
  expect(run('1', '2').status).toBe(2);
  expect(run('1', '2', '--unsigned').stdout).toContain('UNSIGNED');
  expect(run('1', 'key.pub', '--unsigned').status).toBe(2);
}, 30_000);
