/**
 * The stand-in for seL4 on RISC-V (test/sel4-standin), built and ready to be booted in a kernel's place.
 *
 * Its files are what a kernel's build leaves: kernel.elf, gen_config.json, invocations_all.json and platform_gen.json in
 * one folder. Its labels are in no kernel's order, so that a number that was not read from its files is a wrong one.
 */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { builtOnce } from './built-once.ts';
import { projectRoot, temporaryFolder } from './paths.ts';
import { runOrThrow } from './run.ts';
import { configOf, labelled, labelNamesOf } from './sel4-kernel.ts';
import { requireTool } from './tools.ts';

export const standInSources = join(projectRoot, 'test/sel4-standin');

export interface StandInOptions {
  /** Whether it has the debug calls; default true. */
  readonly printing?: boolean;
  /** Whether it lets threads use floating point; default true. */
  readonly fpu?: boolean;
  /** Whether threads have time by scheduling contexts; default false. */
  readonly mcs?: boolean;
  /** The root task's CNode has 2 ** cnodeBits slots; default 12. */
  readonly cnodeBits?: number;
  /** Whether it maps everything readable, writable and executable, whatever is asked; default false. */
  readonly lax?: boolean;
}

/** Mebibytes; as with a kernel, the machine must have as many. */
export const standInMemory = 512;

/** Without the compressed instructions nor a register for small data: what runs is told by its address. */
export const standInFlags: readonly string[] = [
  ...['-O2', '-std=c11', '-Wall', '-Wextra', '-Werror', '-Wno-missing-field-initializers', '-ffreestanding'],
  ...['-fno-builtin', '-fno-tree-loop-distribute-patterns', '-nostdlib', '-static', '-msmall-data-limit=0'],
  ...['-march=rv64ima_zicsr_zifencei', '-mabi=lp64', '-mcmodel=medany', '-mno-relax'],
  ...['-Wl,--build-id=none', '-Wl,--no-relax', '-Wl,--no-warn-rwx-segments', '-Wl,--strip-all'],
];

/** Sources of C and assembly in a folder. */
export function sourcesIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /\.[cS]$/.test(name));
  return names.sort().map((name) => join(folder, name));
}

function configFor({ printing = true, cnodeBits = 12, fpu = true, mcs = false }: StandInOptions) {
  const choices = { KERNEL_MCS: mcs, ROOT_CNODE_SIZE_BITS: `${cnodeBits}`, MAX_NUM_NODES: '1', STAND_IN: true };
  const floats = { HAVE_FPU: fpu, RISCV_EXT_F: fpu, RISCV_EXT_D: fpu };
  const changes = { ...choices, ...floats, DEBUG_BUILD: printing, PRINTING: printing };
  return configOf('riscv64', changes);
}

function labelsFor(options: StandInOptions): Record<string, number> {
  const names = new Set([...labelNamesOf('riscv64', configFor(options)), 'CNodeCancelBadgedSends']);
  return labelled([...names].reverse());
}

async function build(options: StandInOptions): Promise<string> {
  const { printing = true, cnodeBits = 12, fpu = true, lax = false, mcs = false } = options;
  const path = join(temporaryFolder('sel4-standin'), 'kernel.elf');
  const labels = Object.entries(labelsFor(options)).map(([name, label]) => `-DLABEL_${name}=${label}`);
  const choices = [
    `-DSTANDIN_MEMORY=${standInMemory * 2 ** 20}ull`,
    `-DSTANDIN_CNODE_BITS=${cnodeBits}`,
    `-DSTANDIN_PRINTING=${printing ? 1 : 0}`,
    `-DSTANDIN_IS_LAX=${lax ? 1 : 0}`,
    `-DSTANDIN_HAS_FPU=${fpu ? 1 : 0}`,
    `-DSTANDIN_IS_MCS=${mcs ? 1 : 0}`,
  ];
  const script = ['-T', join(standInSources, 'standin.ld')];
  const args = [...standInFlags, ...choices, ...labels, ...script, ...sourcesIn(standInSources), '-o', path];
  await runOrThrow(requireTool('riscv64-unknown-elf-gcc'), args);
  return path;
}

/** The path of a stand-in's kernel.elf, in a folder of its own with its files. */
export async function standIn(options: StandInOptions = {}): Promise<string> {
  const made = await builtOnce(['sel4-standin', options], () => build(options));
  const folder = dirname(made);
  const kernel = join(folder, 'kernel.elf');
  renameSync(made, kernel);
  const end = 0x80000000 + standInMemory * 2 ** 20;
  const files = {
    'gen_config.json': configFor(options),
    'invocations_all.json': labelsFor(options),
    'platform_gen.json': { memory: [{ start: 0x80200000, end }] },
  };
  for (const [name, contents] of Object.entries(files))
    writeFileSync(join(folder, name), JSON.stringify(contents, null, 4));
  return kernel;
}
