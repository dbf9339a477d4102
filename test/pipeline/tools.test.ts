/** What a build asks of the programs that it runs, and how often. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compilerFolder, requireTool } from '../../pipeline/tools.ts';
import { errorOf, project } from './support.ts';

/** A program `clang` in a folder of its own that says these words, and notes each time that it was asked. */
function pretend(folder: string, words: string, status = 0): void {
  const fresh = join(folder, 'fresh');
  writeFileSync(fresh, `#!/bin/sh\necho asked >> '${folder}/asked'\necho '${words}'\nexit ${status}\n`, {
    mode: 0o755,
  });
  renameSync(fresh, join(folder, 'clang'));
}

function timesAsked(folder: string): number {
  const asked = join(folder, 'asked');
  if (!existsSync(asked)) return 0;
  const count = readFileSync(asked, 'utf8').trim().split('\n').length;
  rmSync(asked);
  return count;
}

it('a program is asked once for as long as it is the same file, and again when another stands in its place', () => {
  const folder = project();
  pretend(folder, 'clang 1');
  expect([1, 2, 3].map(() => requireTool('clang', folder).version)).toEqual(['clang 1', 'clang 1', 'clang 1']);
  expect(timesAsked(folder)).toBe(1);
  // Another question has an answer of its own: here one that is no folder.
  expect(() => compilerFolder(requireTool('clang', folder))).toThrow(/ENOENT.*clang 1/);
  expect(timesAsked(folder)).toBe(1);
  pretend(folder, 'clang 2');
  expect(requireTool('clang', folder)).toEqual({ path: join(folder, 'clang'), version: 'clang 2' });
  expect(timesAsked(folder)).toBe(1);
});

it('one that fails is asked again, one that is gone is not there', () => {
  const folder = project();
  pretend(folder, 'clang 1', 1);
  for (let time = 0; time < 2; time++) {
    const { code, message } = errorOf(() => requireTool('clang', folder));
    expect([code, message]).toEqual(['tool', `${folder}/clang --version: exit status 1; reinstall it`]);
  }
  expect(timesAsked(folder)).toBe(2);
  pretend(folder, 'clang 1');
  expect(requireTool('clang', folder).version).toBe('clang 1');
  rmSync(join(folder, 'clang'));
  expect(errorOf(() => requireTool('clang', folder)).message).toMatch(/^clang: not found on PATH/);
});
