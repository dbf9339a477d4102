/**
 * Protection domains that casemate builds, on real kernels with MCS, where somebody has brought some
 * (CASEMATE_SEL4_KERNELS). Microkit itself is not at hand: a stand-in of ours does for one domain what its tool and
 * initialiser do (test/microkit-standin). So that a domain's rights are those in its file is tried, not only declared.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readElfFile } from '../../linker/elf-file.ts';
import { withArguments } from '../../targets/sel4/arguments.ts';
import { deviceTree } from '../support/device-tree.ts';
import { standInFor } from '../support/microkit-standin.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { bootOn, type RealKernel, runnableKernels } from '../targets/sel4/on-kernels.ts';

const kernels = runnableKernels().filter(
  ({ kernel }) => kernel.isMcs && kernel.hasPrinting && kernel.machine !== 'aarch64',
);
const casemate = join(projectRoot, 'dist/casemate.js');

function run(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, ...args], { encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(0);
}

const built = new Map<string, string>();

/** The program for a kernel. */
function programFor({ path, name, kernel }: RealKernel): string {
  const before = built.get(name);
  if (before !== undefined) return before;
  const folder = temporaryFolder('domain');
  copyFileSync(join(projectRoot, 'test/microkit-standin/program.c'), join(folder, 'program.c'));
  const manifest = {
    ...{ name: 'pd', target: 'sel4', sources: ['program.c'], memory: 4, sel4: { form: 'protection-domain' } },
    // The program reads its own text on purpose, which a build would otherwise see and allow.
    ...(kernel.machine === 'x86-64' ? {} : { harden: { executeOnly: 'always', require: ['xom'] } }),
  };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
  run('build', folder, '--kernel', path);
  built.set(name, join(folder, 'build/pd.pd'));
  return join(folder, 'build/pd.pd');
}

/** What the domain and the stand-in say, with this word on the domain's command line. */
async function said(on: RealKernel, attempt: string): Promise<string> {
  const folder = temporaryFolder('domain-system');
  const program = join(folder, 'pd.pd');
  const bytes = readFileSync(programFor(on));
  const isX86 = on.kernel.machine === 'x86-64';
  writeFileSync(program, isX86 ? withArguments(readElfFile(bytes, 'pd'), attempt, 'pd') : bytes);
  const tree = join(folder, 'tree.dtb');
  const cpu = { name: 'cpu@0', properties: { device_type: 'cpu', reg: [0] } };
  const cpus = { '#address-cells': [1], '#size-cells': [0], 'timebase-frequency': [10_000_000] };
  writeFileSync(
    tree,
    deviceTree({
      name: '',
      properties: { '#address-cells': [2], '#size-cells': [2] },
      children: [
        { name: 'chosen', properties: { bootargs: attempt } },
        { name: 'cpus', properties: cpus, children: [cpu] },
      ],
    }),
  );
  run('microkit', program, '-o', folder, '--kernel', on.path, ...(isX86 ? [] : ['--device-tree', tree]));
  const { console } = await bootOn(on.path, await standInFor(on.kernel, folder, 'pd'));
  return console;
}

/** How an attempt is stopped; x86-64 has no page that is executed and not read, or not executed. */
const attempts: readonly (readonly [name: string, access: 'reading' | 'writing' | 'executing'])[] = [
  ['write-text', 'writing'],
  ['write-rodata', 'writing'],
  ['write-name', 'writing'],
  ['read-below-stack', 'reading'],
  ['read-above-stack', 'reading'],
  ['read-after-text', 'reading'],
  ['overflow-stack', 'writing'],
  ['read-text', 'reading'],
  ['execute-data', 'executing'],
  ['execute-rodata', 'executing'],
  ['execute-heap', 'executing'],
];
const notOnX86 = ['read-text', 'execute-data', 'execute-rodata', 'execute-heap'];

// A file must say what it would try.
if (kernels.length === 0) it.skip('a protection domain on each kernel of CASEMATE_SEL4_KERNELS', () => {});

describe.each(kernels)('a protection domain on $name', (on) => {
  it('has its name, a heap and a clock, and does what it may', { timeout: 240_000 }, async () => {
    const console = await said(on, 'control');
    expect(console).toContain('domain pd, has a heap, has a clock\ngot through\n');
    expect(console).toMatch(/ABORT: fault: writing 0x10 at 0x/);
  });

  const tried = attempts.filter(([name]) => on.kernel.machine !== 'x86-64' || !notOnX86.includes(name));
  it.each(tried)('is stopped when it tries to %s', { timeout: 240_000 }, async (name, access) => {
    const console = await said(on, name);
    expect(console).toContain('domain pd, has a heap, has a clock\n');
    expect(console).not.toContain('got through');
    expect(console).toMatch(new RegExp(`ABORT: fault: ${access} 0x[0-9a-f]{3,}`));
  });
});
