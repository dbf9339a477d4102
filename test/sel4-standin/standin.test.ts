/**
 * The stand-in for seL4, held against what a kernel answers.
 *
 * One root task (root/root.c) makes every call that ours make, and the mistakes that can be made with each. What seL4
 * 16.0.0 for qemu-riscv-virt said to it is in answers.txt, and the stand-in must say the same; where the environment
 * variable CASEMATE_SEL4_KERNELS names kernels, they are asked again.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readElfFile } from '../../linker/elf-file.ts';
import { cDefinitions } from '../../targets/sel4/abi.ts';
import type { Kernel } from '../../targets/sel4/kernel.ts';
import { readKernel } from '../../targets/sel4/kernel-files.ts';
import { packRiscv } from '../../targets/sel4/pack/riscv64.ts';
import { isLong } from '../support/long.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { inParallel, type RunResult, run, runOrThrow } from '../support/run.ts';
import { realKernels } from '../support/sel4-kernel.ts';
import { sourcesIn, standIn, standInFlags, standInMemory, standInSources } from '../support/sel4-standin.ts';
import { requireTool, requireTools } from '../support/tools.ts';

requireTools('riscv64-unknown-elf-gcc', 'qemu-system-riscv64');

/** What the root task does, by its number. */
const parts = ['memory and capabilities', 'threads', 'interrupts', 'a seal', 'a fault'] as const;
type Part = (typeof parts)[number];

interface RootOptions {
  /** More for the compiler. */
  readonly flags?: readonly string[];
  readonly base?: string;
}

async function rootFor(kernel: Kernel, part: Part, { flags = [], base = '0x2123456000' }: RootOptions = {}) {
  const path = join(temporaryFolder('sel4-root'), 'root.elf');
  const folder = join(standInSources, 'root');
  const script = ['-T', join(folder, 'root.ld'), `-Wl,--defsym=root_base=${base}`];
  const sources = [...sourcesIn(folder), join(standInSources, 'mem.c')];
  const include = ['-I', join(projectRoot, 'targets/sel4/abi')];
  const args = [...standInFlags, ...cDefinitions(kernel), `-DPART=${parts.indexOf(part)}`, ...include, ...flags];
  await runOrThrow(requireTool('riscv64-unknown-elf-gcc'), [...args, ...script, ...sources, '-o', path]);
  return readFileSync(path);
}

async function bootRoot(kernel: Kernel, part: Part, options: RootOptions = {}): Promise<RunResult> {
  const root = await rootFor(kernel, part, options);
  const file = (bytes: Uint8Array) => ({ file: readElfFile(bytes, 'file'), bytes });
  const path = join(temporaryFolder('sel4-boot'), 'boot.elf');
  writeFileSync(path, packRiscv({ kernel: file(kernel.bytes), root: file(root), where: 'root' }));
  const machine = ['-machine', 'virt', '-accel', 'tcg', '-m', `${standInMemory}`, '-nographic', '-no-reboot'];
  // A kernel that has nothing left to run idles for ever.
  return run(requireTool('qemu-system-riscv64'), [...machine, '-kernel', path], { timeout: 10_000 });
}

const linesOf = ({ stdout }: RunResult): string[] => stdout.split(/\r?\n/).filter((line) => line.startsWith('> '));

const answers = readFileSync(join(standInSources, 'answers.txt'), 'utf8').split('\n');

/** The recorded lines of a part; with scheduling contexts only what is said of threads is other. */
function answersOf(part: Part, isMcs: boolean): string[] {
  const from = answers.indexOf(isMcs && part === 'threads' ? '# threads with MCS' : `# ${part}`) + 1;
  const to = answers.findIndex((line, i) => i >= from && !line.startsWith('> '));
  expect(from, part).toBeGreaterThan(0);
  return answers.slice(from, to < 0 ? undefined : to);
}

const standInKernel = async (options = {}): Promise<Kernel> => readKernel(await standIn(options));

const faultLines = (console: string): string[] =>
  console.split(/\r?\n/).filter((line) => /fault|exception|syscall/.test(line));

test.each(isLong ? [false, true] : [false])(
  'answers every call, and every mistake, as seL4 does (MCS: %s)',
  async (mcs) => {
    const kernel = await standInKernel({ mcs });
    const runs = await inParallel(parts.map((part) => () => bootRoot(kernel, part)));
    for (const [i, part] of parts.entries()) {
      expect(linesOf(runs[i]!), part).toEqual(answersOf(part, mcs));
      expect(linesOf(runs[i]!).length, part).toBeGreaterThan(0);
    }
    expect(runs.map(({ status }) => status)).toEqual([0, 0, 0, 1, 1]);
    expect(faultLines(runs[3]!.stdout)).toEqual([
      mcs ? 'Found thread has no fault handler' : 'Caught cap fault in send phase at address 0',
      'cap fault in send phase at address 0x1000000000000000',
    ]);
    expect(faultLines(runs[4]!.stdout)[1]).toBe('vm fault on data at address 0x2123456000 with status 0x5');
  },
);

/** Kernels that a root task can be told from by no more than their labels. */
const comparable = realKernels().filter((path) => {
  const { config, hasPrinting, machine } = readKernel(path);
  return machine === 'riscv64' && config.get('PLAT') === 'qemu-riscv-virt' && hasPrinting;
});

test.each(comparable.flatMap((path) => parts.map((part) => ({ path, part }))))(
  '$path answers $part as was recorded',
  async ({ path, part }) => {
    const kernel = readKernel(path);
    expect(linesOf(await bootRoot(kernel, part))).toEqual(answersOf(part, kernel.isMcs));
  },
);

test('refuses an image with more pages than the CNode has slots', async () => {
  const kernel = await standInKernel({ cnodeBits: 7 });
  const { status, stdout } = await bootRoot(kernel, 'a fault', { flags: ['-DPADDING=120*4096'] });
  expect({ status, lines: linesOf({ stdout } as RunResult) }).toEqual({ status: 1, lines: [] });
  expect(stdout).toContain("stand-in: cannot boot: the root task's CNode has too few slots for its pages");
});

test('refuses an image beyond user space', async () => {
  const { status, stdout } = await bootRoot(await standInKernel(), 'a fault', { base: '0x3fffffd000' });
  expect(status).toBe(1);
  expect(stdout).toContain("stand-in: cannot boot: the image's addresses are beyond user space");
});

test('has no debug calls when it is built without printing', async () => {
  const { status, stdout } = await bootRoot(await standInKernel({ printing: false }), 'a fault');
  expect(status).toBe(1);
  expect(faultLines(stdout)[1]).toBe('unknown syscall 0xfffffffffffffff7');
});

test('stops a thread that uses floating point where the kernel has none', async () => {
  const flags = ['-DUSES_FLOATS'];
  const has = await bootRoot(await standInKernel(), 'a fault', { flags });
  expect(linesOf(has)[0]).toBe('> half of 5: 2');
  const { status, stdout } = await bootRoot(await standInKernel({ fpu: false }), 'a fault', { flags });
  expect(status).toBe(1);
  expect(faultLines(stdout)[1]).toBe('user exception 0x2 code 0');
});

test('ends with a message that names what it does not do', async () => {
  const { status, stdout } = await bootRoot(await standInKernel(), 'memory and capabilities', {
    flags: ['-DTRIED_LABEL=SEL4_LABEL_CNODE_ROTATE'],
  });
  expect(status).toBe(1);
  expect(stdout).toContain('stand-in: no answer to an invocation of a CNode, label ');
});
