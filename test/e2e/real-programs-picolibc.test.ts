/**
 * Bare-metal RISC-V with picolibc, linked by Debian's own picolibc.ld through the cross compiler's specs file and run
 * on the emulated `virt` board, for the soft-float (lp64) and the hard-float (lp64d) calling convention. The program
 * returns 23 from main; semihosting makes that the emulator's exit status.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { run, runOrThrow } from '../support/run.ts';
import { link, riscvBare } from '../support/toolchain.ts';
import { requireFile, requireTool, requireTools } from '../support/tools.ts';

requireTools('riscv64-unknown-elf-gcc', 'qemu-system-riscv64', 'readelf');
requireFile('/usr/lib/picolibc/riscv64-unknown-elf/lib/picolibc.ld', 'picolibc-riscv64-unknown-elf');

/** The memory map of the `virt` board for picolibc.ld, which is included unchanged. */
const board = `
__flash = 0x80000000;
__flash_size = 0x00400000;
__ram = 0x80400000;
__ram_size = 0x00400000;
__stack_size = 8k;
INCLUDE picolibc.ld
`;

async function build(architecture: string, abi: string, flags: readonly string[] = []): Promise<string> {
  const folder = temporaryFolder('picolibc');
  const script = join(folder, 'board.ld');
  writeFileSync(script, board);
  const output = join(folder, 'program');
  await link(riscvBare, 'riscv64-unknown-elf-gcc', [
    `-march=${architecture}`,
    `-mabi=${abi}`,
    '-mcmodel=medany',
    '-O1',
    '-DPICOLIBC_DOUBLE_PRINTF_SCANF',
    '--specs=picolibc.specs',
    '--oslib=semihost',
    '--crt0=hosted',
    '-T',
    script,
    join(projectRoot, 'test/e2e/programs/picolibc-selfcheck.c'),
    '-lm',
    ...flags,
    '-o',
    output,
  ]);
  return output;
}

function boot(kernel: string) {
  // The program's console is a character device of its own, so that nothing of the emulator's mixes with it.
  const board = ['-machine', 'virt', '-bios', 'none', '-display', 'none', '-monitor', 'none', '-serial', 'none'];
  const console = ['-chardev', 'stdio,id=out', '-semihosting-config', 'enable=on,target=native,chardev=out'];
  return run(requireTool('qemu-system-riscv64'), [...board, ...console, '-no-reboot', '-kernel', kernel]);
}

const variants = [
  { architecture: 'rv64imac', abi: 'lp64', flags: [], how: 'with relaxation' },
  { architecture: 'rv64imafdc', abi: 'lp64d', flags: [], how: 'with relaxation' },
  { architecture: 'rv64imafdc', abi: 'lp64d', flags: ['-Wl,--no-relax'], how: 'without relaxation' },
];

test.each(variants)('a picolibc program boots and exits ($abi, $how)', async ({ architecture, abi, flags }) => {
  const kernel = await build(architecture, abi, flags);
  const { status, stdout } = await boot(kernel);
  expect({ status, stdout }).toEqual({ status: 23, stdout: 'picolibc d0b0fd34\n' });
});

test('initialised data is loaded in flash and runs in RAM, as the script says', async () => {
  const kernel = await build('rv64imafdc', 'lp64d');
  const segments = await runOrThrow('readelf', ['-lW', kernel]);
  const loads = [...segments.matchAll(/LOAD\s+\S+ 0x(\S+) 0x(\S+)/g)].map((m) => ({
    virtual: Number.parseInt(m[1]!, 16),
    physical: Number.parseInt(m[2]!, 16),
  }));
  const copied = loads.filter((load) => load.virtual !== load.physical);
  expect(copied.length).toBeGreaterThan(0);
  for (const load of copied) {
    expect(load.virtual).toBeGreaterThanOrEqual(0x80400000);
    expect(load.physical).toBeGreaterThanOrEqual(0x80000000);
    expect(load.physical).toBeLessThan(0x80400000);
  }
});
