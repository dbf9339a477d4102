/** The layer of a root task as objects, for kernels of all kinds, and what a kernel or a machine cannot give. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readElfFile } from '../../../linker/elf-file.ts';
import { buildProject } from '../../../pipeline/build.ts';
import { argumentsIn, withArguments } from '../../../targets/sel4/arguments.ts';
import type { SeL4Machine } from '../../../targets/sel4/kernel.ts';
import { checkPlatform, sel4Platform } from '../../../targets/sel4/platform.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { run } from '../../support/run.ts';
import { kernelFiles, kernelOf, machines } from '../../support/sel4-kernel.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('clang', 'readelf');

/** Kernels whose choices change what is compiled. */
const kinds: readonly [name: string, machine: SeL4Machine, changes: Record<string, boolean>][] = [
  ['a debug kernel', 'riscv64', {}],
  [
    'an MCS kernel that neither prints nor has floating point',
    'riscv64',
    { KERNEL_MCS: true, PRINTING: false, DEBUG_BUILD: false, HAVE_FPU: false, RISCV_EXT_F: false, RISCV_EXT_D: false },
  ],
  ['a debug kernel', 'x86-64', {}],
  [
    'a kernel that does not print and sets thread pointers',
    'x86-64',
    { PRINTING: false, FSGSBASE_INST: false, SET_TLS_BASE_SELF: true },
  ],
  ['a debug kernel', 'aarch64', {}],
  [
    'a kernel that does not print and shares its counter',
    'aarch64',
    { PRINTING: false, DEBUG_BUILD: false, EXPORT_VCNT_USER: true },
  ],
];

describe.each(kinds)('for %s on %s', (_, machine, changes) => {
  test('the layer compiles without a warning', async () => {
    const { cflags, headers, include, platformCflags, sources } = sel4Platform(kernelOf(machine, changes));
    const flags = [...cflags, ...platformCflags, '-Werror', ...[include, ...headers].map((each) => `-I${each}`)];
    // What knows nothing of a kernel is the same for the next one of a machine.
    const isOwn = (source: string) => /^targets\/(sel4\/|platform\/machine\/(start|tls|pl031)\.c)/.test(source);
    const isFirst = Object.keys(changes).length === 0;
    const c = sources.filter((source) => source.endsWith('.c') && (isFirst || isOwn(source)));
    expect(c.length).toBeGreaterThan(12);
    const { stderr } = await run(requireTool('clang'), [...flags, '-fsyntax-only', ...c], { cwd: projectRoot });
    expect(stderr).toBe('');
  });
});

describe.each(machines)('an image for %s', (machine) => {
  let image: string;
  beforeAll(async () => {
    const project = temporaryFolder('sel4-image');
    const files = kernelFiles(machine);
    writeFileSync(join(project, 'kernel.elf'), files.elf);
    writeFileSync(join(project, 'gen_config.json'), files.genConfig.text);
    writeFileSync(join(project, 'invocations_all.json'), files.invocations.text);
    writeFileSync(
      join(project, 'main.c'),
      '#include <solo5.h>\nint solo5_app_main(const struct solo5_start_info *info) { return (int)info->heap_size; }\n',
    );
    const manifest = { name: 'small', target: 'sel4', sources: ['main.c'], sel4: { kernel: 'kernel.elf' } };
    writeFileSync(join(project, 'casemate.json'), JSON.stringify(manifest));
    const progress = {
      phase: async (_: string, work: (detail: () => void) => unknown) => work(() => {}),
      note: () => {},
      detail: () => {},
    };
    image = (await buildProject({ folder: project, lock: 'update', progress: progress as never })).output;
  }, 120_000);

  test('has no name of ours that could meet a program’s own', async () => {
    const { stdout } = await run(requireTool('readelf'), ['-sW', image]);
    const names = [...stdout.matchAll(/^ *\d+: \S+ +\d+ \S+ +(?:GLOBAL|WEAK) +\S+ +\S+ (\S+)$/gm)].map(
      ([, name]) => name!,
    );
    expect(names.length).toBeGreaterThan(50);
    const ours =
      /^((sel4|layer)_\w+|arch_(ticks|frequency)|solo5_\w+|_start|mem(cpy|move|set|cmp)|__stack_chk_(guard|fail))$/;
    // A linker script's, and those that any C runtime has.
    const common =
      /^(__init_array_(start|end)|__global_pointer\$|__bss_(start|end)|_?_?e?(text|data|end)|__solo5_mft1_note)$/;
    expect(names.filter((name) => !ours.test(name) && !common.test(name))).toEqual([]);
  });

  test('has at most 4 KiB of start-up code', async () => {
    const { stdout } = await run(requireTool('readelf'), ['-sW', image]);
    const addressOf = (name: string): bigint => BigInt(`0x${new RegExp(`: (\\w+) .* ${name}$`, 'm').exec(stdout)![1]}`);
    const size = Number(addressOf('layer_console_init') - addressOf('_start'));
    expect(size).toBeLessThanOrEqual(4096);
    expect(size).toBeGreaterThan(2048);
  });

  test('has room for a command line where no device tree brings one', () => {
    const bytes = new Uint8Array(readFileSync(image));
    const file = readElfFile(bytes, 'small');
    if (machine !== 'x86-64') {
      expect(argumentsIn(bytes, 'small')).toBeUndefined();
      expect(() => withArguments(file, 'x', 'small')).toThrow('small: has no section .sel4.arguments');
      return;
    }
    expect(argumentsIn(bytes, 'small')).toBe('');
    for (const text of ['', 'Ada "Charles Babbage"', 'é'.repeat(1023), 'x'.repeat(2047)])
      expect(argumentsIn(withArguments(file, text, 'small'), 'small')).toBe(text);
    // What was there before is gone.
    const long = readElfFile(withArguments(file, 'x'.repeat(2047), 'small'), 'small');
    expect(argumentsIn(withArguments(long, 'ab', 'small'), 'small')).toBe('ab');
    expect(() => withArguments(file, 'x'.repeat(2048), 'small')).toThrow(
      'small: a command line of 2048 bytes; the image has room for 2047',
    );
    expect(() => withArguments(file, 'a\0b', 'small')).toThrow('small: the command line holds a NUL character');
  });
});

describe('refused by name', () => {
  test('are devices on x86-64, and nowhere else', () => {
    const devices = [{ name: 'net0', type: 'net' }] as const;
    expect(() => checkPlatform(kernelOf('x86-64'), devices, 'web')).toThrow(
      'web: wants the net device "net0"; on seL4 devices are reached over virtio-mmio, which x86-64 machines do not have',
    );
    expect(() => checkPlatform(kernelOf('x86-64'), [], 'web')).not.toThrow();
    for (const machine of ['riscv64', 'aarch64'] as const)
      expect(() => checkPlatform(kernelOf(machine), devices, 'web')).not.toThrow();
  });

  test('are kernels under which no thread can set its thread pointer', () => {
    expect(() => checkPlatform(kernelOf('x86-64', { FSGSBASE_INST: false }), [], 'web')).toThrow(
      'kernel.elf: gen_config.json sets neither FSGSBASE_INST nor SET_TLS_BASE_SELF',
    );
    const call = kernelOf('x86-64', { FSGSBASE_INST: false, SET_TLS_BASE_SELF: true });
    expect(() => checkPlatform(call, [], 'web')).not.toThrow();
    expect(() => checkPlatform(kernelOf('aarch64', { ARM_TLS_REG_TPIDRU: false }), [], 'web')).toThrow(
      'gen_config.json does not set ARM_TLS_REG_TPIDRU',
    );
  });
});
