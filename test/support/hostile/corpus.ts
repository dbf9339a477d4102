/**
 * The good inputs that are mutated, and the links they are put into.
 *
 * Each link is small, so that thousands fit in minutes, but together they reach every phase: C and C++ objects of two
 * compilers and three machines, in the code models that use different relocations, in SysV and thin archives, with a
 * linker script, and under the options that add phases (collection, PIE, emitted relocations, build id, map).
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../../../linker/program.ts';
import type { LinkOptions } from '../../../linker/request.ts';
import { projectRoot } from '../paths.ts';
import { runOrThrow } from '../run.ts';
import { compile, hostedTargets } from '../toolchain.ts';
import { requireTool, type Tool } from '../tools.ts';
import { emulations } from './case.ts';

export interface CorpusLink {
  readonly name: string;
  readonly kind: 'object' | 'archive' | 'script';
  readonly machine: Machine;
  /** File that is mutated, and what it is called on the command line: `victim.o`, `victim.a` or `victim.ld`. */
  readonly good: string;
  readonly victim: string;
  /** Arguments before those of the variant; files are relative to the corpus folder, where the victim is written. */
  readonly args: readonly string[];
  /** The same as files, for an in-process link; a script is not among them. */
  readonly files: readonly string[];
  /** One of these is added to each run. */
  readonly variants: readonly Variant[];
}

/** Options as flags of the command and as the linker's own data. */
export interface Variant {
  readonly flags: readonly string[];
  readonly options: Partial<LinkOptions>;
}

const here = (file: string): string => join(projectRoot, 'test/support/hostile/corpus', file);

const sha256 = { kind: 'hash', algorithm: 'sha256' } as const;
const plain: Variant = { flags: [], options: {} };
const collected: Variant = { flags: ['--gc-sections'], options: { gcSections: true } };
const emitted: Variant = { flags: ['--emit-relocs'], options: { emitRelocs: true } };
const mapped: Variant = { flags: ['-Map', 'map', '-x'], options: { map: true, discardLocals: 'all' } };
const unrelaxed: Variant = { flags: ['--no-relax'], options: { relax: false } };
const common: readonly Variant[] = [
  plain,
  collected,
  emitted,
  mapped,
  unrelaxed,
  { flags: ['--eh-frame-hdr', '--build-id=sha256'], options: { ehFrameHeader: true, buildId: sha256 } },
  { flags: ['-s', '--gc-sections'], options: { strip: 'all', gcSections: true } },
  { flags: ['-S', '--eh-frame-hdr'], options: { strip: 'debug', ehFrameHeader: true } },
];
const pie: readonly Variant[] = [
  ...common,
  { flags: ['-pie'], options: { pie: true } },
  {
    flags: ['-pie', '-z', 'pack-relative-relocs', '--eh-frame-hdr'],
    options: { pie: true, packRelativeRelocs: true, ehFrameHeader: true },
  },
];

const sections = ['-ffunction-sections', '-fdata-sections'];
const freestanding = ['-ffreestanding', '-fno-stack-protector', '-fcommon'];

interface Recipe {
  readonly name: string;
  readonly compiler: Tool;
  readonly source: string;
  readonly flags: readonly string[];
}

const x86Recipes: readonly Recipe[] = [
  { name: 'C, debug information', compiler: 'gcc', source: 'victim.c', flags: ['-g', '-O1', '-fno-pie', ...sections] },
  { name: 'C, PIC', compiler: 'gcc', source: 'victim.c', flags: ['-O2', '-fPIC', '-fno-plt'] },
  { name: 'C by clang', compiler: 'clang', source: 'victim.c', flags: ['-g', '-O1', '-fPIC', ...sections] },
  { name: 'C++', compiler: 'g++', source: 'victim.cc', flags: ['-O0', '-fno-rtti', '-fPIE'] },
];
const riscvRecipes: readonly Recipe[] = [
  {
    name: 'C for RISC-V, debug information',
    compiler: 'riscv64-linux-gnu-gcc',
    source: 'victim.c',
    flags: ['-g', '-O1', '-fno-pie', ...sections],
  },
  { name: 'C for RISC-V, PIC', compiler: 'riscv64-linux-gnu-gcc', source: 'victim.c', flags: ['-O0', '-fPIC'] },
  { name: 'C++ for RISC-V', compiler: 'riscv64-linux-gnu-g++', source: 'victim.cc', flags: ['-O1', '-fno-rtti'] },
];

const aarch64Recipes: readonly Recipe[] = [
  {
    name: 'C for AArch64, PIC',
    compiler: 'aarch64-linux-gnu-gcc',
    source: 'victim.c',
    flags: ['-g', '-O1', '-fPIC', '-mtls-dialect=trad', ...sections],
  },
  { name: 'C++ for AArch64', compiler: 'aarch64-linux-gnu-g++', source: 'victim.cc', flags: ['-O1', '-fno-rtti'] },
];

/** Compiles the corpus into `folder` and returns its links. */
export async function buildCorpus(folder: string): Promise<CorpusLink[]> {
  const links: CorpusLink[] = [];
  const recipes = [
    ...x86Recipes.map((recipe) => ({
      ...recipe,
      machine: 'x86-64' as const,
      variants: recipe.flags.includes('-fno-pie') ? common : pie,
    })),
    ...riscvRecipes.map((recipe) => ({ ...recipe, machine: 'riscv64' as const, variants: common })),
    ...aarch64Recipes.map((recipe) => ({
      ...recipe,
      machine: 'aarch64' as const,
      variants: recipe.flags.includes('-fPIC') ? pie : common,
    })),
  ];
  for (const machine of ['x86-64', 'riscv64', 'aarch64'] as const) {
    const { cc: compiler } = hostedTargets[machine];
    await compile(compiler, here('start.c'), join(folder, `start-${machine}.o`), [...freestanding, '-O1', '-fPIE']);
  }
  for (const [i, { name, compiler, source, flags, machine, variants }] of recipes.entries()) {
    const good = join(folder, `good-${i}.o`);
    await compile(compiler, here(source), good, [...freestanding, ...flags]);
    const emulation = emulations[machine];
    const start = `start-${machine}.o`;
    const base = ['-m', emulation, start];
    links.push({
      name,
      kind: 'object',
      machine,
      good,
      victim: 'victim.o',
      args: [...base, 'victim.o'],
      files: [start, 'victim.o'],
      variants,
    });
    if (i % 2 === 0) {
      const archive = join(folder, `good-${i}.a`);
      // A second member with a long name, so that the archive has a name table.
      const second = join(folder, `a-member-with-a-long-name-${i}.o`);
      copyFileSync(join(folder, `start-${machine}.o`), second);
      await runOrThrow(requireTool('ar'), ['rcs', archive, second, good]);
      const args = [...base, 'victim.a'];
      links.push({
        name: `${name}, in an archive`,
        kind: 'archive',
        machine,
        good: archive,
        victim: 'victim.a',
        args,
        files: [start, 'victim.a'],
        variants,
      });
    }
  }
  const thin = join(folder, 'thin.a');
  await runOrThrow(requireTool('ar'), ['rcs', '--thin', thin, join(folder, 'good-0.o')]);
  const thinBytes = readFileSync(thin).toString('latin1');
  if (!thinBytes.startsWith('!<thin>')) throw new Error('ar made no thin archive');
  const start = 'start-x86-64.o';
  links.push({
    name: 'C, in a thin archive',
    kind: 'archive',
    machine: 'x86-64',
    good: thin,
    victim: 'victim.a',
    args: [start, 'victim.a'],
    files: [start, 'victim.a'],
    variants: [plain, collected],
  });
  links.push({
    name: 'a linker script',
    kind: 'script',
    machine: 'x86-64',
    good: here('layout.ld'),
    victim: 'victim.ld',
    args: ['-z', 'max-page-size=4096', start, 'good-0.o', '-T', 'victim.ld'],
    files: [start, 'good-0.o'],
    variants: [plain, collected, emitted, mapped],
  });
  return links;
}
