/** `casemate check` as a user runs it: what it prints and what it exits with. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkStatus } from '../../cli/check.ts';
import type { Outcome } from '../../hardening/finding.ts';
import { rules } from '../../hardening/rules/index.ts';
import { load, made } from '../hardening/support.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

function check(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, 'check', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

function file(bytes: Uint8Array, name = 'a.elf'): string {
  const path = join(temporaryFolder('check'), name);
  writeFileSync(path, bytes);
  return path;
}

describe('casemate check', () => {
  it('exits 0 when all pass, 1 when one fails, 3 when one is unknown, and 2 for bad input', () => {
    const good = file(made([load(5, 0x1000n), load(6, 0x3000n)]));
    const bad = file(made([load(7, 0x1000n)]));
    const other = file(made([load(5, 0x1000n)], 183));
    expect(check('--rule', 'wx', good).status).toBe(0);
    expect(check('--rule', 'wx', good, bad).status).toBe(1);
    expect(check('--rule', 'privilege-gadgets', other).status).toBe(3);
    expect(check('--rule', 'wx', '--rule', 'privilege-gadgets', other, bad).status).toBe(1);
    expect(check('--rule', 'wx', bad, '/no/such/file')).toMatchObject({
      status: 2,
      stdout: expect.stringContaining('FAIL'),
      stderr: 'casemate: error: /no/such/file: no such file\n',
    });
    expect(check(file(Buffer.from('text')))).toMatchObject({ status: 2, stdout: '' });
    expect(check()).toMatchObject({ status: 2, stderr: 'casemate: error: check: no file given\n' });
    expect(check('--rule', 'no', good).stderr).toMatch(/^casemate: error: --rule no: no such rule; there are wx, /);
    const findings = (...outcomes: Outcome[]) => [
      {
        file: 'x',
        findings: outcomes.map((outcome) => ({
          ...rules[0]!,
          rule: 'wx',
          subject: 'x',
          outcome,
          state: 'declared' as const,
          message: '',
          details: [],
        })),
      },
    ];
    expect(checkStatus(findings('pass', 'unknown'))).toBe(3);
    expect(checkStatus(findings('unknown', 'fail', 'pass'))).toBe(1);
  });

  it('checks an image of ours without any configuration, in a table and in JSON', () => {
    const output = join(temporaryFolder('image'), 'hello.hvt');
    const build = spawnSync(process.execPath, [casemate, 'build', join(projectRoot, 'examples/hello'), '-o', output]);
    expect(build.status).toBe(0);
    const table = check(output);
    for (const { id } of rules) expect(table.stdout).toMatch(new RegExp(`^  (pass|FAIL|unknown) +${id} `, 'm'));
    expect(table.stdout).toMatch(/7 of 7 functions \(100 %\)|\d+ of \d+ functions \((9\d|100) %\)/);
    expect(table.stdout).toContain('of the bindings allowed (lgdt 1, lidt 1, ltr 1, wrmsr 1)');
    const json = JSON.parse(check('--json', output).stdout);
    expect(json.version).toBe(1);
    const failed = json.files[0].findings.filter(({ outcome }: { outcome: string }) => outcome === 'fail');
    expect(failed).toEqual([]);
  });

  it('tells of a hardened image what its page tables enforce, and passes one that asks for keys', () => {
    const folder = temporaryFolder('hardened');
    const [output, hardened] = [join(folder, 'hello.hvt'), join(folder, 'hardened.hvt')];
    const casemateRuns = (...args: string[]) => {
      const { status, stderr } = spawnSync(process.execPath, [casemate, ...args], { encoding: 'utf8' });
      expect(status, stderr).toBe(0);
    };
    casemateRuns('build', join(projectRoot, 'examples/hello'), '-o', output);
    casemateRuns('harden', output, '-o', hardened);
    const plain = check(hardened);
    expect(plain.status).toBe(3);
    expect(plain.stdout).toMatch(/pass +wx +enforced/);
    expect(plain.stdout).toMatch(/pass +guard-pages +enforced/);
    expect(plain.stdout).toMatch(/unknown +execute-only +enforced .*else by SMAP, which is undoable by popf or stac/);
    casemateRuns('harden', output, '-o', hardened, '--require', 'pku,entropy');
    const keys = check(hardened);
    expect(keys.stdout).toMatch(/pass +execute-only +enforced +by protection keys, without which it halts/);
    expect(keys.status).toBe(0);
  });

  it('lists its rules', () => {
    const { status, stdout } = check('--list');
    expect(status).toBe(0);
    expect(stdout.split('\n').filter((line) => line !== '')).toHaveLength(rules.length);
  });

  it("says something about Debian's own programs", () => {
    const { status, stdout, stderr } = check('/usr/bin/ls', '/usr/bin/readelf', '/usr/bin/env');
    expect(stderr).toBe('');
    expect(status).toBe(1);
    expect(stdout.match(/ {2}pass +wx /g)).toHaveLength(6);
  });

  it('prints no escape that a file name holds', () => {
    const path = file(made([load(7, 0x1000n)]), 'a\u001b[31m.elf');
    expect(check('--rule', 'wx', path).stdout).toContain('a\\x1b[31m.elf');
  });
});
