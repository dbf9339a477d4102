/** casemate/heap.h: blocks keep what is in them and are apart, misuse ends the program, and what is freed is gone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { run, runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';

const folder = temporaryFolder('heap-header');
const renamed = ['malloc', 'calloc', 'realloc', 'free'].map((name) => `-D${name}=heap_${name}`);

async function built(name: string, compiler: 'gcc' | 'clang', ...flags: string[]): Promise<string> {
  const output = join(folder, name);
  const own = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-Wno-use-after-free', '-Wno-unknown-warning-option'];
  const driver = join(projectRoot, 'test/include/heap-driver.c');
  const include = `-I${join(projectRoot, 'include')}`;
  await runOrThrow(requireTool(compiler), [...own, ...flags, ...renamed, include, driver, '-o', output]);
  return output;
}

describe.each([
  ['gcc', '-O2', true],
  ['clang', '-O2', true],
  ['gcc', '-O0', false],
] as const)('the heap by %s %s, wiping: %s', (compiler, level, wipes) => {
  let program: string;
  beforeAll(async () => {
    program = await built(`${compiler}${level}`, compiler, level, ...(wipes ? ['-DCASEMATE_HEAP_WIPES'] : []));
  });

  it('keeps blocks whole and apart, and leaves nothing of them where it wipes', async () => {
    for (const seed of ['a', 'b', 'c']) {
      const { stdout, status } = await run(program, [seed]);
      expect(stdout).toMatch(
        wipes ? /^20000 calls, none at times, left 0\n$/ : /^20000 calls, none at times, left [1-9]/,
      );
      expect(status).toBe(0);
    }
  });

  it.each([...'dmiouwrt'])('ends the program where it is misused: %s', async (way) => {
    const { status, stdout } = await run(program, ['a', way]);
    expect(stdout).toBe('');
    expect(status).not.toBe(0);
  });

  it('gives a block back that is used as it should be', async () => {
    expect((await run(program, ['a', '-'])).status).toBe(0);
  });
});

describe('the heap', () => {
  it('compiles freestanding, as C++ wants its declarations, for what targets there are', async () => {
    const source = join(folder, 'a.c');
    writeFileSync(source, '#define CASEMATE_HEAP_CODE\n#define CASEMATE_HEAP_WIPES\n#include <casemate/heap.h>\n');
    const include = `-I${join(projectRoot, 'include')}`;
    for (const target of ['x86_64-unknown-none-elf', 'riscv64-unknown-elf']) {
      const flags = [`--target=${target}`, '-ffreestanding', '-nostdlibinc', '-O2', '-Wall', '-Wextra', '-Werror'];
      await runOrThrow(requireTool('clang'), [...flags, include, '-c', source, '-o', join(folder, `${target}.o`)]);
    }
  });
});
