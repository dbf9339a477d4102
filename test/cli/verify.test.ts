/** `casemate build --evidence`, `sign` and `verify` as a user meets them: exit statuses, and what hostile input may print. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { project } from '../pipeline/support.ts';
import { makeKey } from '../support/keys.ts';

const casemate = join(import.meta.dirname, '../../dist/casemate.js');
const main = '#include "solo5.h"\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return 0; }\n';

it('builds, signs and verifies, and tells what is wrong with what was changed', () => {
  const key = makeKey();
  const folder = project({
    'casemate.json': JSON.stringify({ name: 'app', target: 'hvt', sources: ['main.c'] }),
    ...{ 'main.c': main, key: key.privatePem, 'key.pub': key.publicPem, 'other.pub': makeKey().publicPem },
  });
  chmodSync(join(folder, 'key'), 0o600);
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [casemate, ...args], { cwd: folder, encoding: 'utf8' });
  const verify = (...args: string[]) => run('verify', 'app.evidence', ...args);

  expect(run('build', '.', '-q', '--evidence', 'app.evidence').status).toBe(0);
  expect(verify().stderr).toContain('by whose key?');
  expect(verify('--unsigned').status).toBe(0);
  expect(verify('--key', 'key.pub')).toMatchObject({ status: 1, stderr: expect.stringContaining('nobody has signed') });

  expect(run('sign', 'app.evidence', '--key', 'key', '--release', '2').status).toBe(0);
  const good = verify('--key', 'key.pub', '--min-release', '2', '--rebuild', '.');
  expect(good).toMatchObject({ status: 0, stdout: expect.stringContaining('built again from the project') });
  expect(good.stdout).toContain('all else that evidence.json says of the build, said again by a build');
  expect(good.stdout).toMatch(/\nverified\n$/);
  expect(verify('--key', 'key.pub', '--min-release', '3').status).toBe(1);
  expect(verify('--key', 'other.pub')).toMatchObject({ status: 1, stderr: expect.stringContaining('expected') });

  // The reader's own policy decides as well, and what it says does not hide the rest.
  const policy = (imageBytes: number): string[] => {
    const rules = [{ rule: 'wx', version: 1, level: 'warn' }];
    const text = { version: 1, name: 'mine', unlisted: 'off', rules, thresholds: { imageBytes } };
    writeFileSync(join(folder, 'mine.json'), JSON.stringify(text));
    return ['--key', 'key.pub', '--no-prove', '--policy', 'mine.json'];
  };
  expect(verify(...policy(2 ** 30))).toMatchObject({ status: 0, stdout: expect.stringMatching(/app\.hvt: passed/) });
  const strict = verify(...policy(1));
  expect(strict).toMatchObject({ status: 1, stdout: expect.stringMatching(/\nverified\n\napp\.hvt: FAILED\n/) });
  expect(JSON.parse(verify(...policy(1), '--json').stdout)).toMatchObject({ untrue: [], verdict: { status: 1 } });
  expect(verify('--key', 'key.pub', '--now', '2026-01-01').stderr).toContain('for --policy, which is missing');

  const bytes = readFileSync(join(folder, 'app.evidence'));
  // A terminal's escape where a name is.
  bytes.write('\x1b[2J', bytes.indexOf('app.hvt\0'), 'latin1');
  writeFileSync(join(folder, 'app.evidence'), bytes);
  const bad = verify('--key', 'key.pub');
  expect(bad.status).toBe(2);
  expect(bad.stdout + bad.stderr).not.toContain('\x1b');

  chmodSync(join(folder, 'key'), 0o644);
  const open = run('build', '.', '-q', '--evidence', 'b.evidence', '--key', 'key');
  expect(open).toMatchObject({ status: 2, stderr: expect.stringContaining('its mode is 0644') });
}, 60_000);
