/** What the bundled command refuses about seL4, with its exit status. Nothing here is compiled, and nothing runs. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { readKernel } from '../../targets/sel4/kernel-files.ts';
import { temporaryFolder } from '../support/paths.ts';
import { bindingText, builtRoot } from '../support/sel4-image.ts';
import { kernelFiles } from '../support/sel4-kernel.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

let folder: string;
const at = (name: string): string => join(folder, name);

/** The command's status, and its line on standard error; paths in the folder are given as @NAME. */
function run(...args: string[]): { status: number | null; said: string } {
  const words = args.map((word) => (word.startsWith('@') ? at(word.slice(1)) : word));
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, ...words], { encoding: 'utf8' });
  expect(stdout).toBe('');
  return { status, said: stderr.replaceAll(folder, '@') };
}

beforeAll(() => {
  folder = temporaryFolder('cli-sel4');
  const { elf, genConfig, invocations } = kernelFiles('riscv64');
  writeFileSync(at('kernel.elf'), elf);
  writeFileSync(at('gen_config.json'), genConfig.text);
  writeFileSync(at('invocations_all.json'), invocations.text);
  writeFileSync(at('arm.json'), kernelFiles('aarch64').genConfig.text);
  writeFileSync(at('mcs.json'), kernelFiles('riscv64', { KERNEL_MCS: true }).invocations.text);
  writeFileSync(at('casemate.json'), JSON.stringify({ name: 'prog', target: 'sel4', sources: ['main.c'] }));
  writeFileSync(at('main.c'), 'int solo5_app_main(const void *info) { return info != 0; }\n');
  const kernel = readKernel(at('kernel.elf'));
  writeFileSync(at('other.sel4'), builtRoot(kernel, { binding: bindingText(kernel, { kernel: 'ab'.repeat(32) }) }));
  writeFileSync(at('good.sel4'), builtRoot(kernel));
  writeFileSync(at('broken.sel4'), builtRoot(kernel, { binding: '{}' }));
  writeFileSync(at('plain.elf'), elf);
});

describe('casemate build', () => {
  it.each<[string[], RegExp]>([
    [[], /@\/casemate\.json:1: no kernel is named; give --kernel KERNEL\.elf/],
    [['--gen-config', '@gen_config.json'], /--gen-config and --invocations belong to --kernel, which is missing/],
    [['--invocations', '@invocations_all.json'], /belong to --kernel, which is missing/],
    [['--kernel', '@none.elf'], /@\/none\.elf: no such file/],
    [['--kernel', '@casemate.json'], /@\/casemate\.json: not an ELF file/],
    [
      ['--kernel', '@kernel.elf', '--gen-config', '@arm.json'],
      /is riscv64 \(riscv64\), but @\/arm\.json: SEL4_ARCH is aarch64/,
    ],
    [
      ['--kernel', '@kernel.elf', '--invocations', '@mcs.json'],
      /KERNEL_MCS is false, but @\/mcs\.json has SchedControlConfigureFlags/,
    ],
    [['--kernel', '@kernel.elf', '--target', 'hvt'], /--kernel: for the target sel4 only; this build's target is hvt/],
    [['--seed', 'x', '--target', 'riscv64'], /--seed: for the target sel4 only; this build's target is riscv64/],
  ])('is refused with %j, and writes nothing', (args, words) => {
    const { status, said } = run('build', folder, ...args);
    expect(said).toMatch(words);
    expect(said).toMatch(/^casemate: error: [^\n]+\n$/);
    expect(status).toBe(2);
    expect(existsSync(at('build')) || existsSync(at('casemate.lock'))).toBe(false);
  });
});

describe('casemate boot', () => {
  it.each<[string[], number, RegExp]>([
    [['@good.sel4'], 2, /good\.sel4: is a root image for seL4; name its kernel with --kernel/],
    [['@good.sel4', '--gen-config', '@gen_config.json'], 2, /name its kernel with --kernel/],
    [['@plain.elf', '--kernel', '@kernel.elf'], 2, /--kernel: @\/plain\.elf is no root image for seL4/],
    [['@plain.elf', '--gen-config', '@gen_config.json'], 2, /--gen-config: @\/plain\.elf is no root image/],
    [['@good.sel4', '--kernel', '@kernel.elf', '--machine', 'virt'], 2, /--machine: for images for riscv64 only/],
    [['@good.sel4', '--kernel', '@kernel.elf', '--tender', 'emulator'], 2, /--tender emulator: for hvt images only/],
    [['@good.sel4', '--kernel', '@kernel.elf', '--mem', '7'], 2, /--mem 7: must be a whole number of megabytes/],
    [['@good.sel4', '--kernel', '@kernel.elf', '--invocations', '@mcs.json'], 2, /KERNEL_MCS is false, but/],
    [
      ['@other.sel4', '--kernel', '@kernel.elf'],
      125,
      /other\.sel4: made for the kernel with SHA-256 (ab){32}; @\/kernel\.elf has [0-9a-f]{64}; build the image again/,
    ],
    [['@broken.sel4', '--kernel', '@kernel.elf'], 125, /broken\.sel4: \.casemate\.sel4 names no kernel by its SHA-256/],
    [['@other.sel4', '--kernel', '@kernel.elf', '--probe'], 1, /made for the kernel with SHA-256 (ab){32}/],
  ])('is refused with %j', (args, expected, words) => {
    const { status, said } = run('boot', ...args);
    expect(said).toMatch(words);
    expect(said).toMatch(/^casemate: error: [^\n]+\n$/);
    expect(status).toBe(expected);
  });
});

describe.each(['check', 'pack', 'verify'])('casemate %s', (command) => {
  it.each(['--gen-config', '--invocations'])('takes %s only beside a kernel', (option) => {
    const more = command === 'pack' ? ['-o', '@out'] : command === 'verify' ? ['--unsigned'] : [];
    const { status, said } = run(command, '@plain.elf', option, '@gen_config.json', ...more);
    expect(said).toContain('--gen-config and --invocations belong to --kernel, which is missing');
    expect(status).toBe(2);
  });
});
