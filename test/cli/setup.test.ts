/** scripts/setup and .ci/run, on made-up machines: the programs they call are replaced through PATH. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { project } from '../pipeline/support.ts';
import { libraryPackages, toolPackages } from '../support/tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a script of ours with these programs in front of the machine's. */
function run(script: string, programs: Record<string, string>, environment: NodeJS.ProcessEnv = {}) {
  const texts = Object.entries(programs).map(([name, body]) => [name, `#!/bin/sh\n${body}\n`]);
  const folder = project(Object.fromEntries(texts));
  for (const name of Object.keys(programs)) chmodSync(join(folder, name), 0o755);
  const { status, stdout, stderr } = spawnSync('bash', [join(root, script)], {
    encoding: 'utf8',
    env: { ...process.env, ...environment, PATH: `${folder}${delimiter}${process.env['PATH']}`, FOLDER: folder },
  });
  return { status, stdout, stderr, folder };
}

const allButClang = 'case "$*" in *" clang") exit 1;; *) printf installed;; esac';

describe('setup', () => {
  it('says nothing and does nothing on a machine that is ready', () => {
    const forbidden = 'touch "$FOLDER/called"; exit 1';
    const { status, stdout, stderr, folder } = run('scripts/setup', {
      'dpkg-query': 'printf installed',
      'apt-get': forbidden,
      npm: forbidden,
    });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
    expect(existsSync(join(folder, 'called'))).toBe(false);
  });

  it('gives a user who is not root the one command to run', () => {
    const { status, stderr } = run('scripts/setup', {
      'dpkg-query': allButClang,
      id: 'echo 1000',
      'apt-get': 'exit 1',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('\n  sudo apt-get install -y --no-install-recommends clang\n');
  });

  it('installs as root what is missing and nothing else, with fresh package lists when the first try fails', () => {
    const { status, folder } = run('scripts/setup', {
      'dpkg-query': allButClang,
      id: 'echo 0',
      'apt-get':
        'echo "$@" >> "$FOLDER/log"; [ "$1" != install ] || [ -e "$FOLDER/tried" ] || { touch "$FOLDER/tried"; exit 1; }',
    });
    expect(status).toBe(0);
    const install = 'install -y --no-install-recommends clang';
    expect(readFileSync(join(folder, 'log'), 'utf8').trim().split('\n')).toEqual([install, 'update -q', install]);
  });

  /** What it would install on a machine that has nothing. */
  const missing = (purpose: string): string[] => {
    const { stderr } = run('scripts/setup', { 'dpkg-query': 'exit 1', id: 'echo 1000' }, { SETUP_FOR: purpose });
    return stderr.split('--no-install-recommends ')[1].trim().split(' ');
  };

  it('installs every package that a test may ask for', () => {
    const elsewhere = new Map([
      ['apt', 'part of every Debian'],
      ['tar', 'part of every Debian'],
      ['coq', 'only the long tests ask it, and it is large'],
      ['frama-c-base', 'only the long tests ask it, and it is large'],
      ['libbearssl-dev', 'only the long tests look at its residue'],
      ['libmbedtls-dev', 'only the long tests look at its residue'],
      ['libsodium-dev', 'only the long tests look at its residue'],
      ['libstdc++-12-dev', 'g++ depends on the one of its version'],
      ['perl', 'only the benchmarks build OpenSSL'],
      ['util-linux', 'part of every Debian'],
      ['zlib1g-dev', 'only the benchmarks link it'],
    ]);
    const installed = missing('test');
    expect(new Set(installed).size).toBe(installed.length);
    const asked = new Set<string>([...Object.values(toolPackages), ...Object.values(libraryPackages)]);
    expect([...asked].filter((name) => !installed.includes(name)).sort()).toEqual([...elsewhere.keys()].sort());
  });

  it('wants less for the demo than for the tests', () => {
    expect(missing('demo')).toEqual(['clang', 'qemu-system-x86', 'qemu-system-misc']);
    expect(missing('test')).toEqual(expect.arrayContaining(['clang', 'qemu-system-x86', 'lld', 'ocaml-nox']));
  });

  it('refuses an old Node', () => {
    const node = 'case "$1" in -p) echo 18;; --version) echo v18.19.0;; esac';
    const { status, stderr } = run('scripts/setup', { 'dpkg-query': 'printf installed', node });
    expect([status, stderr]).toEqual([1, 'setup: found Node v18.19.0; casemate needs Node 20 or newer\n']);
  });
});

describe('the run of continuous integration', () => {
  it.each([
    ['a passing run', '      Tests  25 passed | 2 skipped (27)', 0, '25 passed, 0 failed', 0],
    ['a failing test', '      Tests  1 failed | 24 passed (25)', 1, '24 passed, 1 failed', 1],
    ['a failure outside the tests', '      Tests  25 passed (25)', 1, '25 passed, 1 failed', 1],
    ['checks that fail before the tests', 'error TS2304: Cannot find name', 2, '0 passed, 1 failed', 2],
    ['a run without tests', 'nothing', 0, '0 passed, 1 failed', 1],
    [
      'colours',
      '\u001b[2m      Tests \u001b[22m \u001b[1m\u001b[32m3 passed\u001b[39m\u001b[22m (3)',
      0,
      '3 passed, 0 failed',
      0,
    ],
  ])('ends %s with its count and keeps the status', (_, line, status, last, expected) => {
    const result = run('.ci/run', { npm: `[ "$*" = test ] || exit 9\ncat <<'END'\n${line}\nEND\nexit ${status}` });
    expect(result.stdout.trimEnd().split('\n')).toEqual([line, last]);
    expect(result.status).toBe(expected);
  });
});
