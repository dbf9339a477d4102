/** `casemate prove` as a user runs it: what it prints, what it exits with, and what it reads. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/paths.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder('prove');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Runs with a cache of their own, so that nothing is answered by what ran before. */
const env = { ...process.env, XDG_CACHE_HOME: temporaryFolder('cache') };

function prove(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, 'prove', ...args], {
    cwd,
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const good = `import { type u8 } from 'casemate';
/** @ensures result > n */
export function next(n: u8): number {
  return n + 1;
}
`;
const bad = good.replace('result > n', 'result > n + 1');
const foreign = `/** @requires m > 0 */
export function f(n: number): number {
  return n;
}
`;
/** True, and beyond both solvers within a handful of steps. */
const hard = `/**
 * @requires 0 < a && 0 < b && 0 < c && a < 100000 && b < 100000 && c < 100000
 * @ensures result
 */
export function fermat(a: number, b: number, c: number): boolean {
  return a * a * a + b * b * b !== c * c * c;
}
`;

describe('casemate prove', () => {
  const folder = folderWith({
    'good.ts': good,
    'bad.ts': bad,
    'foreign.ts': foreign,
    'hard.ts': hard,
    'none.ts': 'export const x = 1;\n',
  });

  it('exits with its verdict though nobody reads the table', () => {
    const command = 'set -o pipefail; "$0" "$1" prove bad.ts | true';
    expect(spawnSync('bash', ['-c', command, process.execPath, casemate], { cwd: folder }).status).toBe(1);
  });

  it('exits 0 when all is proved, with a table', () => {
    expect(prove(folder, 'good.ts')).toEqual({
      status: 0,
      stdout: 'good.ts\n  proved   next  1 of 1 obligations\n\n1 proved\n',
      stderr: '',
    });
  });

  it('exits 1 for a bug, with the clause, the line and values that show it', () => {
    const { status, stdout } = prove(folder, 'good.ts', 'bad.ts');
    expect(status).toBe(1);
    expect(stdout).toContain('  FAILED   next  0 of 1 obligations\n');
    expect(stdout).toContain('bad.ts:4:3: FAILED: ensures: result > n + 1\n    return n + 1;\n    ^^^^^^^^^^^^^\n');
    expect(stdout).toContain('a confirmed bug');
    expect(stdout).toMatch(/\n {4}n = \d+\n/);
    expect(stdout).toContain('1 failed, 1 proved\n');
  });

  it('exits 2 for a contract that names nothing, with a caret', () => {
    expect(prove(folder, 'foreign.ts')).toEqual({
      status: 2,
      stdout: '',
      stderr: "foreign.ts:1:15: error: Cannot find name 'm'.\n  /** @requires m > 0 */\n                ^\n",
    });
  });

  it('exits 2 for a file without a contract, one that is not there, and one that is no TypeScript', () => {
    expect(prove(folder, 'none.ts')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no function has a contract'),
    });
    expect(prove(folder, 'gone.ts')).toMatchObject({ status: 2, stderr: 'casemate: error: gone.ts: no such file\n' });
    expect(prove(folder, casemate)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not a TypeScript source'),
    });
    expect(prove(folder)).toMatchObject({ status: 2 });
    expect(prove(folder, '--budget', '0', 'good.ts')).toMatchObject({ status: 2 });
  });

  it('exits 3 when solvers give up, and says so', () => {
    const { status, stdout } = prove(folder, '--budget', '1000', 'hard.ts');
    expect([status, stdout.includes('undecided')]).toEqual([3, true]);
  });

  it('prints JSON', () => {
    const { status, stdout } = prove(folder, '--json', 'bad.ts');
    const report = JSON.parse(stdout);
    expect(status).toBe(1);
    expect(report).toMatchObject({
      version: 1,
      functions: [
        {
          name: 'next',
          file: 'bad.ts',
          status: 'failed',
          obligations: [
            {
              name: 'next/ensures/result > n + 1',
              kind: 'ensures',
              at: 'bad.ts:4:3',
              status: 'failed',
              diagnosis: 'confirmed bug',
            },
          ],
        },
      ],
    });
  });

  it('loses nothing of what it prints to a reader that is slow', () => {
    const one = (i: number): string => `/** @verified */\nexport function f${'_'.repeat(300)}${i}(): void {}\n`;
    const cwd = folderWith({ 'many.ts': Array.from({ length: 200 }, (_, i) => one(i)).join('') });
    // It takes the first byte when that is there, and the rest when the command has had the time to end too early.
    const slow = `"$0" "$1" prove --json many.ts | (head -c 1; sleep 1; cat)`;
    const { stdout } = spawnSync('/bin/sh', ['-c', slow, process.execPath, casemate], { cwd, encoding: 'utf8' });
    expect(stdout.length).toBeGreaterThan(1 << 16);
    expect(JSON.parse(stdout).functions).toHaveLength(200);
  });

  it('reads what a file imports, but nothing above the folder', () => {
    const text = `import { next } from './lib/next.ts';\n/** @ensures result > 1 */\nexport function two(): number {\n  return next(1);\n}\n`;
    const outer = folderWith({
      'in/lib/next.ts': good,
      'in/main.ts': text,
      'in/up.ts': text.replace('./lib/next', '../above'),
      'above.ts': good,
    });
    expect(prove(join(outer, 'in'), 'main.ts')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('lib/next.ts\n'),
    });
    expect(prove(join(outer, 'in'), 'up.ts')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('next comes from a file that was not read'),
    });
  });

  it('lists what is assumed', () => {
    const trusting = folderWith({
      'a.ts':
        '/**\n * @trusted\n * @ensures result < 9\n */\nexport declare function port(): number;\n/** @ensures result < 10 */\nexport function f(): number {\n  return port();\n}\n',
    });
    const { status, stdout } = prove(trusting, '--assumptions', 'a.ts');
    expect(status).toBe(0);
    expect(stdout).toContain('  trusted  port  nothing to prove\n');
    expect(stdout).toContain('  a.ts: port is trusted: result < 9\n');
  });

  it('runs nothing of a source', () => {
    const evil = folderWith({
      'a.ts': `import { writeFileSync } from 'node:fs';\nwriteFileSync('made', '');\n/** @ensures (writeFileSync('made', ''), true) */\nexport function f(): number {\n  return 1;\n}\n`,
    });
    expect(prove(evil, 'a.ts').status).toBe(2);
    expect(spawnSync('ls', [evil], { encoding: 'utf8' }).stdout).toBe('a.ts\n');
  });
});
