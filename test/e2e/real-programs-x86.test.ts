/**
 * Real programs on x86-64: Lua, SQLite and OpenSSL from Debian's archives with static glibc, linked through the
 * compiler driver as a user would, position-dependent and as static PIE, then run.
 */
import { describe, expect, test } from 'vitest';
import { type LinkMode, linkProgram, lua, openssl, type Program, runProgram, sqlite } from '../support/programs.ts';
import { runOrThrow } from '../support/run.ts';
import { linkerFolder, x86 } from '../support/toolchain.ts';
import { requireTools } from '../support/tools.ts';

requireTools('gcc', 'clang', 'readelf');

async function expectToWork(program: Program, mode: LinkMode, flags: readonly string[] = []): Promise<string> {
  const executable = await linkProgram(program, x86, mode, flags);
  const { status, stdout, stderr } = await runProgram(program, x86, executable);
  expect({ status, stdout, stderr }).toEqual({ ...program.expected, stderr: '' });
  return executable;
}

test.each(['gcc', 'clang'])('%s takes its linker from the folder given with -B', async (driver) => {
  const folder = linkerFolder(x86);
  expect((await runOrThrow(driver, [`-B${folder}/`, '-print-prog-name=ld'])).trim()).toBe(`${folder}/ld`);
});

describe.each([lua, sqlite, openssl])('$name with static glibc', (program) => {
  test('runs as a position-dependent executable', async () => {
    const executable = await expectToWork(program, 'static');
    expect(await runOrThrow('readelf', ['-hW', executable])).toMatch(/Type:\s+EXEC/);
  });
  test('runs as a static PIE', async () => {
    const executable = await expectToWork(program, 'static-pie');
    expect(await runOrThrow('readelf', ['-hW', executable])).toMatch(/Type:\s+DYN/);
    expect(await runOrThrow('readelf', ['-lW', executable])).not.toContain('INTERP');
  });
  test('runs after unreferenced sections were collected', async () => {
    await expectToWork(program, 'static', ['-Wl,--gc-sections']);
  });
});

test('a static PIE with packed relative relocations runs and has almost no .rela.dyn', async () => {
  const executable = await expectToWork(openssl, 'static-pie', ['-Wl,-z,pack-relative-relocs']);
  const sections = await runOrThrow('readelf', ['-SW', executable]);
  const size = (name: string): number =>
    Number.parseInt(new RegExp(`${name}\\s+\\S+\\s+\\S+\\s+\\S+\\s+(\\S+)`).exec(sections)?.[1] ?? '0', 16);
  expect(size('\\.relr\\.dyn')).toBeGreaterThan(0);
  expect(size('\\.rela\\.dyn')).toBeLessThan(4096);
});

test('a stripped executable runs and holds no symbol table', async () => {
  const executable = await expectToWork(lua, 'static', ['-s']);
  expect(await runOrThrow('readelf', ['-SW', executable])).not.toMatch(/\.symtab|\.debug_/);
});
