/**
 * Real programs on riscv64: Lua and SQLite compiled from Debian's sources, linked with static glibc through the cross
 * compiler, with and without relaxation, and run under user-mode emulation.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { everyNth } from '../support/long.ts';
import { linkProgram, lua, riscv, runProgram, sqlite } from '../support/programs.ts';
import { runOrThrow } from '../support/run.ts';
import { linkerFolder } from '../support/toolchain.ts';
import { requireTools } from '../support/tools.ts';

requireTools('riscv64-linux-gnu-gcc', 'qemu-riscv64-static', 'readelf');

async function textSize(executable: string): Promise<number> {
  const sections = await runOrThrow('readelf', ['-SW', executable]);
  return Number.parseInt(/ \.text\s+PROGBITS\s+\S+\s+\S+\s+(\S+)/.exec(sections)![1]!, 16);
}

test('the cross compiler takes its linker from the folder given with -B', async () => {
  const folder = linkerFolder(riscv);
  const found = await runOrThrow('riscv64-linux-gnu-gcc', [`-B${folder}/`, '-print-prog-name=ld']);
  expect(found.trim()).toBe(`${folder}/ld`);
});

describe.each(everyNth([lua, sqlite], 2))('$name on riscv64', (program) => {
  // Compiling SQLite takes most of a minute on a cold cache; the tests proper are about linking.
  beforeAll(async () => {
    await program.inputs(riscv, 'static');
  });

  test('runs with relaxation, and relaxation makes it smaller', async () => {
    const relaxed = await linkProgram(program, riscv, 'static');
    const { status, stdout, stderr } = await runProgram(program, riscv, relaxed);
    expect({ status, stdout, stderr }).toEqual({ ...program.expected, stderr: '' });
    const plain = await linkProgram(program, riscv, 'static', ['-Wl,--no-relax']);
    expect(await textSize(relaxed)).toBeLessThan(0.97 * (await textSize(plain)));
  });

  test('runs without relaxation', async () => {
    const executable = await linkProgram(program, riscv, 'static', ['-Wl,--no-relax']);
    const { status, stdout, stderr } = await runProgram(program, riscv, executable);
    expect({ status, stdout, stderr }).toEqual({ ...program.expected, stderr: '' });
  });

  test('keeps no .L names in its symbol table', async () => {
    const executable = await linkProgram(program, riscv, 'static');
    expect(await runOrThrow('readelf', ['-sW', executable])).not.toMatch(/ \.L\S*$/m);
  });
});
