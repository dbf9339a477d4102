/** `casemate build` with TypeScript as a user runs it: what a second build saves, and what Ctrl-C leaves behind. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/paths.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

function projectWith(source: string) {
  const home = temporaryFolder('build-verified');
  const folder = join(home, 'project');
  for (const name of ['project', 'tmp']) mkdirSync(join(home, name));
  const manifest = { name: 'prog', target: 'elf', sources: ['start.c', 'a.ts'] };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'start.c'), 'void f(void);\nvoid _start(void) { f(); __builtin_trap(); }\n');
  writeFileSync(join(folder, 'a.ts'), source);
  const env = { ...process.env, XDG_CACHE_HOME: join(home, 'cache'), TMPDIR: join(home, 'tmp') };
  return { home, folder, env };
}

it('a second build recalls its proofs, and one with a frozen lock proves everything', () => {
  const { folder, env } = projectWith('/** @verified */ export function f(): void {}\n');
  const build = (...args: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [casemate, 'build', folder, '-v', ...args], {
      env,
      encoding: 'utf8',
    });
    return [status, stderr.includes('proved before')];
  };
  expect([build(), build(), build('--frozen-lock')]).toEqual([
    [0, false],
    [0, true],
    [0, false],
  ]);
});

/** Processes of a group, by /proc. */
const membersOf = (group: number): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(pgrp) === group && state !== 'Z' ? [name] : [];
      } catch {
        return [];
      }
    });

/** True, and beyond every solver for as long as nobody stops them. */
const beyondProof = `import type { u32 } from 'casemate';
/**
 * @requires 0 < a && 0 < b && 0 < c && a < 100000 && b < 100000 && c < 100000
 * @ensures result
 */
export function f(a: u32, b: u32, c: u32): boolean { return a * a * a + b * b * b !== c * c * c; }
`;

/** Proved at once; the compiler makes a product of 64 bits of the quotient, which is as far beyond them. */
const beyondValidation = `import type { u32 } from 'casemate';
/** @verified */
export function f(a: u32): u32 { return a % 1000003; }
`;

it.each([
  ['proving', beyondProof, []],
  ['validating', beyondValidation, ['--validate']],
])('Ctrl-C while it is %s ends with 130 and leaves no file and no solver', async (phase, source, options) => {
  const { home, folder, env } = projectWith(source);
  const args = [casemate, 'build', folder, '--budget', '1000000000', ...options];
  const child = spawn(process.execPath, args, { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const ended = once(child, 'exit');
  const solving = new Promise<void>((done) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      // Solvers have been started by now: the line comes again while it waits for them.
      if (said.includes(`${phase} f`) && membersOf(child.pid!).length > 1) done();
    });
  });
  await Promise.race([solving, ended]);
  expect(membersOf(child.pid!).length, said).toBeGreaterThan(1);
  child.kill('SIGINT');
  expect(await ended).toEqual([130, null]);
  for (let i = 0; i < 100 && membersOf(child.pid!).length > 0; i++) await new Promise((done) => setTimeout(done, 50));
  expect(membersOf(child.pid!)).toEqual([]);
  expect(readdirSync(folder).sort()).toEqual(['a.ts', 'casemate.json', 'start.c']);
  expect(readdirSync(join(home, 'tmp'))).toEqual([]);
});
