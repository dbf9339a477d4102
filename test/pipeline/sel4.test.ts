/**
 * What a build for seL4 refuses, and that it leaves nothing behind then; what it makes is a function of kernel, project and
 * seed. Kernels are files written by hand where no program is made for them, and else the stand-in's.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CasemateError } from '../../base/errors.ts';
import { bootSeL4Image } from '../../pipeline/boot-sel4.ts';
import { type BuildRequest, type BuildResult, buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { readSeL4Image } from '../../targets/sel4/image.ts';
import type { KernelFiles, SeL4Machine } from '../../targets/sel4/kernel.ts';
import { runOrThrow } from '../support/run.ts';
import { configOf, kernelFiles, labelled, labelNamesOf } from '../support/sel4-kernel.ts';
import { standIn } from '../support/sel4-standin.ts';
import { findTool, requireTool, requireTools } from '../support/tools.ts';
import { project, rejectionOf } from './support.ts';

requireTools('clang', 'riscv64-unknown-elf-gcc', 'qemu-system-riscv64');

const main = 'int solo5_app_main(const struct solo5_start_info *info) { (void)info; return 7; }\n';
const source = `#include <solo5.h>\n${main}`;

/** A project for seL4 with more in its manifest, and more files. */
function projectOf(manifest: object = {}, files: Record<string, string | Uint8Array> = {}): string {
  const json = { name: 'prog', target: 'sel4', sources: ['main.c'], ...manifest };
  return project({ 'casemate.json': JSON.stringify(json), 'main.c': source, ...files });
}

const memoryOf = (end: number): string => JSON.stringify({ memory: [{ start: 0x80200000, end }] });

/** A kernel's files below a folder of a project. */
function kernelIn(files: KernelFiles, more: Record<string, string> = {}): Record<string, string | Uint8Array> {
  return {
    'kernel/kernel.elf': files.elf,
    'kernel/gen_config.json': files.genConfig.text,
    'kernel/invocations_all.json': files.invocations.text,
    ...Object.fromEntries(Object.entries(more).map(([name, text]) => [`kernel/${name}`, text])),
  };
}

const named = { sel4: { kernel: 'kernel/kernel.elf' } };

const silent = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 60_000 });

const build = (folder: string, request: Partial<BuildRequest> = {}): Promise<BuildResult> =>
  buildProject({ folder, lock: 'verify', progress: silent, ...request });

const filesIn = (folder: string): string[] => (readdirSync(folder, { recursive: true }) as string[]).sort();

/** The refusal of a build, which has left the project's folder as it was. */
async function refusal(folder: string, request: Partial<BuildRequest> = {}): Promise<CasemateError> {
  const before = filesIn(folder);
  const error = await rejectionOf(build(folder, request));
  expect(filesIn(folder)).toEqual(before);
  return error;
}

describe('a build for seL4 is refused before anything is compiled', () => {
  it('without a kernel', async () => {
    for (const more of [{}, { sel4: {} }, { sel4: { seed: 'x' } }]) {
      const { code, message } = await refusal(projectOf(more));
      expect(code).toBe('manifest');
      expect(message).toMatch(
        /casemate\.json:1.*: no kernel is named; give --kernel KERNEL\.elf, or name it as "kernel"/,
      );
    }
  });

  it('with a kernel that is not there, or not in the project', async () => {
    const outside = project(kernelIn(kernelFiles('riscv64')));
    const path = join(outside, 'kernel/kernel.elf');
    expect((await refusal(projectOf({ sel4: { kernel: path } }))).message).toContain("outside the project's folder");
    expect((await refusal(projectOf(named))).code).toBe('manifest');
    const request = { sel4: { kernel: join(outside, 'none.elf') } };
    expect((await refusal(projectOf(), request)).message).toContain('none.elf: no such file');
    // Found beside the kernel, by a link that leads out of the project.
    const { 'kernel/gen_config.json': _, ...rest } = kernelIn(kernelFiles('riscv64'));
    const sly = projectOf(named, rest);
    symlinkSync(join(outside, 'kernel/gen_config.json'), join(sly, 'kernel/gen_config.json'));
    expect((await refusal(sly)).message).toContain('through a symbolic link');
  });

  const foreign = (machine: SeL4Machine, changes = {}) => kernelFiles(machine, changes);
  const good = foreign('riscv64');
  const names = labelNamesOf('riscv64', configOf('riscv64'));
  it.each<[string, KernelFiles, RegExp]>([
    [
      'MCS in its configuration alone',
      { ...good, genConfig: foreign('riscv64', { KERNEL_MCS: true }).genConfig },
      /KERNEL_MCS is true, but .*invocations_all\.json has no SchedControl.*two builds/,
    ],
    [
      'MCS in its labels alone',
      { ...good, invocations: foreign('riscv64', { KERNEL_MCS: true }).invocations },
      /KERNEL_MCS is false, but .*has SchedControl/,
    ],
    [
      'MCS in its code alone',
      { ...good, elf: foreign('riscv64', { KERNEL_MCS: true }).elf },
      /KERNEL_MCS is false, but .*kernel\.elf has the function refill_new/,
    ],
    [
      'the configuration of another machine',
      { ...good, genConfig: foreign('aarch64').genConfig },
      /is riscv64 \(riscv64\), but .*SEL4_ARCH is aarch64/,
    ],
    [
      'the labels of another machine',
      { ...good, invocations: foreign('x86-64').invocations },
      /an invocation of x86-64, but the kernel is riscv64/,
    ],
    [
      'a label missing',
      {
        ...good,
        invocations: { name: '', text: JSON.stringify(labelled(names.filter((name) => name !== 'RISCVPageMap'))) },
      },
      /labels, but not RISCVPageMap; give the invocations_all/,
    ],
    ['no labels', { ...good, invocations: { name: '', text: '{}' } }, /no invocation in it/],
    [
      'half a configuration',
      { ...good, genConfig: { name: '', text: good.genConfig.text.slice(0, 200) } },
      /gen_config\.json:/,
    ],
  ])('with a kernel that has %s', async (_, files, words) => {
    const folder = projectOf(named, kernelIn(files));
    const { code, message } = await refusal(folder);
    expect(code).toBe('kernel');
    expect(message).toMatch(words);
    // The same when it is named on the command line.
    const given = await refusal(projectOf(), { sel4: { kernel: join(folder, 'kernel/kernel.elf') } });
    expect(given.message).toMatch(words);
  });

  it.each([
    [1024, {}, 'memory: found 1024; must be at most 1022'],
    [2048, {}, 'memory: found 2048; must be at most 1022'],
    [4095, {}, 'memory: found 4095; must be at most 1022'],
    [
      64,
      { 'platform_gen.json': memoryOf(0x84000000) },
      /memory: found 64 \(MiB of heap\), which takes an untyped of 0x4000000 bytes; .*kernel\.elf was built for memory whose largest one has 0x2000000/,
    ],
    [33, { 'platform_gen.json': memoryOf(0x84000000) }, 'an untyped of 0x2000000'],
    [16, { 'platform_gen.json': '{"memory": [{"start": 5}]}' }, 'start is 5, end nothing'],
  ] as const)('with %d MiB of heap that have no room', async (memory, files, words) => {
    const folder = projectOf({ ...named, memory }, kernelIn(good, files));
    if (memory === 33) {
      // 32 MiB, in whole large pages: they fit. What is missing is a program.
      writeFileSync(join(folder, 'main.c'), '#error no program\n');
      expect((await refusal(folder)).code).toBe('compile');
      return;
    }
    expect((await refusal(folder)).message).toMatch(words);
  });

  it('with devices that x86-64 has not', async () => {
    const devices = [{ name: 'service', type: 'net' }];
    const { message } = await refusal(projectOf({ ...named, devices }, kernelIn(kernelFiles('x86-64'))));
    expect(message).toContain('prog.sel4: wants the net device "service"');
    expect(message).toContain('virtio-mmio, which x86-64 machines do not have');
  });

  it.each([
    ['x86-64', { FSGSBASE_INST: false }, 'sets neither FSGSBASE_INST nor SET_TLS_BASE_SELF'],
    ['aarch64', { ARM_TLS_REG_TPIDRU: false }, 'does not set ARM_TLS_REG_TPIDRU'],
  ] as const)('with a kernel for %s that lets nobody set a thread pointer', async (machine, changes, words) => {
    const { code, message } = await refusal(projectOf(named, kernelIn(kernelFiles(machine, changes))));
    expect(code).toBe('kernel');
    expect(message).toContain(words);
  });

  it.each<[object, string]>([
    [{ harden: { require: ['entropy'] } }, 'found "entropy"; of a root task for seL4 only "xom" can be required'],
    [{ harden: { require: ['xom', 'pku'] } }, 'found "pku"; of a root task for seL4 only "xom" can be required'],
    [{ harden: { mode: 'sv39' } }, 'found "sv39"; paging modes are bare RISC-V\'s to choose'],
    [{ platform: 'none' }, 'a root task for seL4 is started by our platform layer'],
    [{ sel4: { aslr: 'never' } }, 'found "never"; must be "build" or "boot"'],
    [{ sel4: { aslr: true } }, 'found true; must be'],
    [{ sel4: { seed: '' } }, 'found 0 characters; must be at least 1'],
    [{ sel4: { seed: 7 } }, 'found 7; must be text in double quotes'],
    [{ sel4: { seed: 'x'.repeat(257) } }, 'found 257 characters; must be at most 256'],
    [{ sel4: { kernal: 'k' } }, 'unknown key "kernal"; did you mean "kernel"?'],
    [{ sel4: { form: 'protection-domain', aslr: 'boot' } }, 'found "boot"; Microkit decides'],
    [{ memory: 1 }, 'found 1; must be at least 2'],
  ])('by its manifest: %j', async (manifest, words) => {
    const { code, message } = await refusal(projectOf(manifest));
    expect(code).toBe('manifest');
    expect(message).toMatch(/casemate\.json:1/);
    expect(message).toContain(words);
  });

  it.each([
    [{ kernel: '/none' }, '--kernel: for the target sel4 only; this build’s target is elf'],
    [{ seed: 'x' }, '--seed: for the target sel4 only; this build’s target is elf'],
  ])('when %j is for another target', async (sel4, words) => {
    const folder = projectOf({ target: 'elf' });
    expect((await refusal(folder, { sel4 })).message).toBe(words.replace('’', "'"));
  });

  it('when a kernel of the project has changed since its lock was written', async () => {
    const folder = projectOf(named, kernelIn(good));
    const hash = `sha256:${'0'.repeat(64)}`;
    for (const file of ['kernel.elf', 'gen_config.json', 'invocations_all.json']) {
      const lock = { version: 1, inputs: { [`kernel/${file}`]: hash } };
      writeFileSync(join(folder, 'casemate.lock'), JSON.stringify(lock));
      const { message } = await refusal(folder);
      expect(message).toContain(`kernel/${file}`);
      expect(message).toContain('0'.repeat(64));
      expect(await refusal(folder, { sel4: { seed: 'x' } })).toMatchObject({ message });
    }
  });
});

describe('a build for the stand-in', () => {
  let kernel: string;
  beforeAll(async () => {
    kernel = await standIn();
  });

  /** The same kernel with other bytes behind it: another hash, and the same numbers. */
  function otherKernel(): string {
    const folder = project();
    for (const name of ['gen_config.json', 'invocations_all.json', 'platform_gen.json'])
      copyFileSync(join(dirname(kernel), name), join(folder, name));
    writeFileSync(join(folder, 'kernel.elf'), Buffer.concat([readFileSync(kernel), Buffer.from('other')]));
    return join(folder, 'kernel.elf');
  }

  const bytesOf = async (folder: string, sel4: BuildRequest['sel4'] = { kernel }): Promise<Buffer> =>
    readFileSync((await build(folder, { sel4 })).output);

  it('is the same for the same kernel, project and seed, wherever that lies, and else another', async () => {
    const one = await bytesOf(projectOf());
    expect((await bytesOf(projectOf())).equals(one)).toBe(true);
    const seeded = await bytesOf(projectOf({ sel4: { seed: 'a' } }));
    expect((await bytesOf(projectOf(), { kernel, seed: 'a' })).equals(seeded)).toBe(true);
    // The command line's seed goes before the manifest's.
    expect((await bytesOf(projectOf({ sel4: { seed: 'b' } }), { kernel, seed: 'a' })).equals(seeded)).toBe(true);
    const others = [
      await bytesOf(projectOf({ sel4: { seed: 'b' } })),
      await bytesOf(projectOf({ name: 'prog2' })),
      await bytesOf(projectOf(), { kernel: otherKernel() }),
    ];
    const images = [one, seeded, ...others].map((bytes) => readSeL4Image(bytes, 'prog'));
    for (const part of ['heap', 'devices'] as const)
      expect(new Set(images.map(({ settings }) => settings[part])).size).toBe(images.length);
    expect(new Set(images.map(({ file }) => file.header.entry)).size).toBe(images.length);
  });

  it('boots on its kernel alone: another is refused with both hashes, before anything runs', async () => {
    const { output } = await build(projectOf(), { sel4: { kernel } });
    const host = { find: findTool, spawn, emulator: '' };
    expect(await bootSeL4Image({ image: output, sel4: { kernel }, timeout: 60 }, host)).toMatchObject({
      outcome: 'halted',
      status: 7,
    });
    const nothing = {
      ...host,
      spawn: () => {
        throw new Error('it ran');
      },
    };
    const other = otherKernel();
    const refused = await bootSeL4Image({ image: output, sel4: { kernel: other }, timeout: 60 }, nothing);
    expect(refused.outcome).toBe('refused');
    const hash = readSeL4Image(readFileSync(output), 'prog').binding.kernel;
    expect(refused.reason).toContain(`made for the kernel with SHA-256 ${hash}; ${other} has `);
    const small = bootSeL4Image({ image: output, sel4: { kernel }, memory: 128 }, nothing);
    expect((await rejectionOf(small)).message).toContain('--mem 128: ');
  });

  it.each<[string, object, string, RegExp]>([
    [
      'text must be execute-only and is not',
      { harden: { require: ['xom'], executeOnly: 'never' } },
      'image',
      /text cannot be execute-only, which is required/,
    ],
    [
      'its stack is larger than what is kept free for an image',
      { harden: { stack: 1 << 20 } },
      'limit',
      /takes 0x400\w+ bytes of addresses, its stack included; at most 0x20000000/,
    ],
    [
      'the kernel has no slot for each of its pages',
      { harden: { stack: 16 << 10 } },
      'image',
      /needs \d+ slots \(\d+ pages, .*, but the root CNode has 4096 \(ROOT_CNODE_SIZE_BITS of the kernel is 12\)/,
    ],
    [
      'start-up code would have no slot for its heap',
      { harden: { stack: 14 << 10 }, memory: 256 },
      'image',
      /needs \d+ slots \(.*; in start-up code up to 128 large pages of heap, .*has 4096/,
    ],
    [
      'a second stage would have no slots for its copies',
      { harden: { stack: 8 << 10 }, sel4: { aslr: 'boot' } },
      'image',
      /needs \d+ slots \(.*for a second stage\), but the root CNode has 4096/,
    ],
    [
      'a script of its own leaves out what start-up code needs',
      { link: { script: 'own.ld' } },
      'undefined-symbol',
      /sel4_/,
    ],
    ['it is linked for another machine', { link: { machine: 'x86-64' } }, 'unsupported-input', /x86-64/],
  ])('is refused when %s', async (_, manifest, code, words) => {
    const files = { 'own.ld': 'SECTIONS { .text 0x10000 : { *(.text .text.*) } }\n' };
    const error = await refusal(projectOf(manifest, files), { sel4: { kernel } });
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
  });

  it('runs with as many slots as are counted, to the last one', async () => {
    const sized = (stack: number) => projectOf({ harden: { stack } });
    const needed = async (stack: number): Promise<number> => {
      const { message } = await refusal(sized(stack), { sel4: { kernel } });
      return Number(/needs (\d+) slots \(.*start-up code/.exec(message)![1]);
    };
    // A slot is a page of stack; where a page table goes with one, there is one more.
    const [most, slots] = [57 << 8, 4096];
    let low = most - 4 * ((await needed(most)) - slots);
    if ((await needed(low + 4)) - slots > 1) low -= 4;
    const { output } = await build(sized(low), { sel4: { kernel } });
    const host = { find: findTool, spawn, emulator: '' };
    expect(await bootSeL4Image({ image: output, sel4: { kernel }, timeout: 60 }, host)).toMatchObject({ status: 7 });
  });
});

describe('floating point for a kernel that leaves it off', () => {
  const float = 'void scale(double *x) { *x *= 1.5; }\n';
  const call = 'static long word; scale(&word); return (int)word;';
  const uses = `#include <solo5.h>\nvoid scale(void *);\nint solo5_app_main(const struct solo5_start_info *info) { (void)info; ${call} }\n`;

  async function objects(folder: string, abi: string): Promise<void> {
    const flags = ['--target=riscv64-unknown-elf', '-march=rv64gc', `-mabi=${abi}`, '-mcmodel=medany', '-O2', '-c'];
    writeFileSync(join(folder, 'float.c'), float);
    mkdirSync(join(folder, 'lib'));
    await runOrThrow(requireTool('clang'), [...flags, join(folder, 'float.c'), '-o', join(folder, 'lib/float.o')]);
    await runOrThrow(requireTool('riscv64-linux-gnu-ar'), [
      'rcs',
      join(folder, 'lib/float.a'),
      join(folder, 'lib/float.o'),
    ]);
  }

  const mixed = /^lib\/float\.(o|a.*): is double-float, but .* is soft-float; compile all with one -mabi/;
  it.each([
    ['an object', { objects: ['lib/float.o'] }, 'lp64d', 'unsupported-input', mixed],
    ['an archive', { archives: ['lib/float.a'] }, 'lp64d', 'unsupported-input', mixed],
    [
      'an object that passes it in integer registers',
      { objects: ['lib/float.o'] },
      'lp64',
      'image',
      /prog\.sel4: a floating-point instruction at .*scale.*; HAVE_FPU is false in its configuration/,
    ],
  ])('is refused in %s, by name', async (_, manifest, abi, expected, words) => {
    const files = kernelFiles('riscv64', { HAVE_FPU: false, RISCV_EXT_F: false, RISCV_EXT_D: false });
    const folder = projectOf({ ...named, ...manifest }, { ...kernelIn(files), 'main.c': uses });
    await objects(folder, abi);
    const { code, message } = await refusal(folder);
    expect(code).toBe(expected);
    expect(message).toMatch(words);
  });
});
