/**
 * Firmware other than OpenSBI: one with the DBCN console and without a single legacy call, built for this test.
 */
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { run, runOrThrow } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';
import { buildExample } from '../hvt/guest.ts';

requireTools('clang', 'ld.lld', 'qemu-system-riscv64');

let firmware: string;
let hello: string;

beforeAll(async () => {
  const folder = temporaryFolder('firmware');
  const object = join(folder, 'firmware.o');
  const source = join(projectRoot, 'test/targets/riscv64/firmware.S');
  await runOrThrow(requireTool('clang'), ['--target=riscv64-unknown-elf', '-march=rv64gc', '-c', source, '-o', object]);
  firmware = join(folder, 'firmware.bin');
  const options = ['-Ttext=0x80000000', '--oformat=binary', '-e', 'start'];
  await runOrThrow(requireTool('ld.lld'), [...options, object, '-o', firmware]);
  hello = await buildExample('hello', 'riscv64');
}, 120_000);

test('a guest speaks through DBCN, sleeps by TIME and powers off by SRST', async () => {
  const name = 'x'.repeat(700);
  const result = await run(
    requireTool('qemu-system-riscv64'),
    [
      ...['-machine', 'virt', '-m', '64', '-nodefaults', '-nographic', '-serial', 'stdio', '-bios', firmware],
      ...['-kernel', hello, '-append', `--casemate:console=t ${name} --exit=5`],
    ],
    { timeout: 20_000 },
  );
  expect(result.timedOut).toBe(false);
  expect(result.stdout).toMatch(
    /^casemate-t: begin\nHello, x{700}!\nheap: \d+ KiB from 0x\w+\ntime: .* UTC\nslept: at least 10 ms: yes\ncasemate-t: exit 5\n\n$/,
  );
});
