/** Images for RISC-V by the bundled command: built from a manifest that is for hvt, and booted. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { requireTools } from '../support/tools.ts';

requireTools('clang', 'qemu-system-riscv64');

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('casemate build --target riscv64 builds an example as it is, and casemate boot runs it', {
  timeout: 120_000,
}, () => {
  const folder = temporaryFolder('cli-riscv64');
  for (const part of ['hello', 'lib'])
    cpSync(join(projectRoot, 'examples', part), join(folder, part), { recursive: true });
  // What a demo has built before is no matter.
  rmSync(join(folder, 'hello/build'), { recursive: true, force: true });
  const built = run('build', join(folder, 'hello'), '--target', 'riscv64');
  expect(built.status).toBe(0);
  expect(built.stdout).toMatch(/build\/hello\.riscv64: .*, entry 0x0\n/);
  const image = join(folder, 'hello/build/hello.riscv64');
  expect(existsSync(join(folder, 'hello/build/hello.hvt'))).toBe(false);
  const booted = run('boot', image, '--mem', '32', '--timeout', '60', '--', 'Ada', '--exit=9');
  expect(booted).toMatchObject({ status: 9, stderr: '' });
  expect(booted.stdout).toMatch(/^Hello, Ada!\nheap: /);

  for (const [args, said] of [
    [['build', folder, '--target', 'mips'], '--target mips: must be one of hvt, riscv64, sel4, elf'],
    [['boot', image, '--machine', 'virt,,'], '--machine virt,,: must be a name with options'],
    [['boot', image, '--machine', 'microvm'], '--machine microvm: must be virt or sifive_u'],
    [['boot', image, '--mem', '2'], '--mem 2: must be a whole number of megabytes from 8 to 65536'],
    [['boot', image, '--tender', 'emulator'], '--tender emulator: for hvt images only'],
    [['boot', image, '--block', 'a=b'], 'the image has no block device "a"'],
  ] as const) {
    const wrong = run(...args);
    expect(wrong.status, wrong.stderr).toBe(2);
    expect(wrong.stderr).toContain(said);
  }
});
