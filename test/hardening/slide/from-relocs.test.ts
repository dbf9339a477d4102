/**
 * Images that somebody else linked: with their relocations kept they move as a whole, whoever linked them, and where the
 * relocations do not explain the bytes they are refused by name.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyLayout } from '../../../hardening/slide/apply.ts';
import { slideInfoFromRelocations } from '../../../hardening/slide/from-relocs.ts';
import { type ElfFile, readElfFile } from '../../../linker/elf-file.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { cRuntime, cxx, x86 } from '../../support/programs.ts';
import { createRandom } from '../../support/random.ts';
import { run, runOrThrow } from '../../support/run.ts';
import { exitProgram, project } from '../../support/small-links.ts';
import { linkerFolder } from '../../support/toolchain.ts';
import { requireTool } from '../../support/tools.ts';
import { randomLayout } from './random-layout.ts';
import { runElf } from './slid-programs.ts';

const drivers: readonly (readonly [linker: string, flags: () => readonly string[]])[] = [
  ['GNU ld', () => []],
  ['casemate-ld', () => [`-B${linkerFolder(x86)}/`]],
];

describe.each(drivers)('linked by %s with -q', (_, flags) => {
  it.each([cRuntime, cxx])('$name runs the same with its segments anywhere', async (program) => {
    const { driver, objects, libraries } = await program.inputs(x86, 'static');
    const output = join(temporaryFolder('kept'), 'out');
    const args = ['-static', '-no-pie', '-Wl,-q', ...flags(), '-o', output, ...objects, ...libraries];
    await runOrThrow(requireTool(driver), args);
    const file = readElfFile(readFileSync(output), 'kept');
    const info = slideInfoFromRelocations(file, 'kept');
    expect(info.units.offset.length).toBe(1);
    for (let i = 0; i < 2; i++) {
      const slid = applyLayout(file, info, randomLayout(info, createRandom(0xf02e, i)));
      const { status, stdout } = await runElf(slid, program.args(temporaryFolder('run')));
      expect({ i, status, stdout }).toEqual({ i, ...program.expected });
    }
  });
});

/** Every form of load from the GOT, kept or rewritten; all numbers add up to 42. */
const loads = `
  .text
  .globl _start
_start:
  mov first@GOTPCREL(%rip), %rax
  mov (%rax), %edi
  add (%rax), %edi
  call *function@GOTPCREL(%rip)
  mov pointer(%rip), %rax
  add (%rax), %edi
  movl $first, %eax
  add (%rax), %edi
  jmp *exit@GOTPCREL(%rip)
  .globl function, exit
  .hidden function
function: add $2, %edi
  ret
exit: mov $60, %eax
  syscall
  .data
  .globl first
first: .long 10
  .quad missing
  .weak missing
pointer: .quad first
`;

async function linkLoads(linker: 'ld' | 'ld.lld', ...flags: string[]): Promise<ElfFile> {
  const { path } = await project(x86, { 'a.s': loads });
  await runOrThrow(requireTool(linker), ['-o', path('out'), path('a.o'), ...flags]);
  return readElfFile(readFileSync(path('out')), 'loads');
}

describe('what linkers make of loads from the GOT', () => {
  it.each([
    ['ld', []],
    ['ld', ['--no-relax']],
    ['ld.lld', []],
    ['ld.lld', ['--no-relax']],
  ] as const)('moves as %s %j wrote it', async (linker, flags) => {
    const file = await linkLoads(linker, '-q', ...flags);
    const info = slideInfoFromRelocations(file, 'loads');
    for (let i = 0; i < 5; i++) {
      expect((await runElf(applyLayout(file, info, randomLayout(info, createRandom(0xfeed, i))))).status).toBe(42);
    }
  });
});

describe('an image is refused by name', () => {
  const refusal =
    (file: ElfFile): (() => unknown) =>
    () =>
      slideInfoFromRelocations(file, 'image');

  it('when it keeps no relocations', async () => {
    expect(refusal(await linkLoads('ld'))).toThrow('image: keeps no relocations of .text; link it with -q');
  });

  it('when a relocation does not say what is there', async () => {
    const file = await linkLoads('ld', '-q');
    const index = file.sections.findIndex(({ name }) => name === '.rela.data');
    const data = file.sections[index]!.data.slice();
    data[24 + 16]! ^= 4;
    const sections = file.sections.map((each, i) => (i === index ? { ...each, data } : each));
    expect(refusal({ ...file, sections })).toThrow(
      /\.rela\.data: R_X86_64_64 at 0x\w+ against first says 0x\w+, but the field means 0x\w+/,
    );
  });

  it('when a relocation is of a type that cannot be followed', async () => {
    const file = await linkLoads('ld', '-q');
    const index = file.sections.findIndex(({ name }) => name === '.rela.text');
    const data = file.sections[index]!.data.slice();
    data[8] = 31;
    const sections = file.sections.map((each, i) => (i === index ? { ...each, data } : each));
    expect(refusal({ ...file, sections })).toThrow(/\.rela\.text: R_X86_64_PLTOFF64 at 0x\w+: cannot be followed/);
  });

  it('when it is position-independent or of another machine', async () => {
    const { path } = await project(x86, { 'a.s': exitProgram(x86, 'mov $1, %edi') });
    await run(requireTool('ld'), ['-pie', '-q', '-o', path('out'), path('a.o')]);
    expect(refusal(readElfFile(readFileSync(path('out')), 'image'))).toThrow(
      'is no static executable at fixed addresses',
    );
    const file = await linkLoads('ld', '-q');
    expect(refusal({ ...file, header: { ...file.header, machine: 243 } })).toThrow('only x86-64 (62) can be slid');
  });

  it('when lld described its unwind table by the inputs’ places', async () => {
    const { driver, objects, libraries } = await cRuntime.inputs(x86, 'static');
    const output = join(temporaryFolder('lld'), 'out');
    await runOrThrow(requireTool(driver), [
      '-static',
      '-no-pie',
      '-fuse-ld=lld',
      '-Wl,-q',
      '-o',
      output,
      ...objects,
      ...libraries,
    ]);
    expect(refusal(readElfFile(readFileSync(output), 'lld'))).toThrow(
      /\.rela\.eh_frame: R_X86_64_PC32 .* but the field means/,
    );
  });
});

it('never crashes for relocations and symbols that lie', async () => {
  const file = await linkLoads('ld', '-q');
  const targets = file.sections.flatMap(({ type, data }, i) =>
    (type === 4 || type === 2) && data.length > 0 ? [i] : [],
  );
  const outcomes = { refused: 0, accepted: 0 };
  for (let i = 0; i < 1500; i++) {
    const random = createRandom(77, i);
    const index = random.pick(targets);
    const data = file.sections[index]!.data.slice();
    for (let n = 1 + random.below(3); n > 0; n--) data[random.below(data.length)] = random.below(256);
    const sections = file.sections.map((each, k) => (k === index ? { ...each, data } : each));
    try {
      slideInfoFromRelocations({ ...file, sections }, 'image');
      outcomes.accepted++;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'CasemateError') throw error;
      outcomes.refused++;
    }
  }
  expect(outcomes.refused).toBeGreaterThan(500);
});
