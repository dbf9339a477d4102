/**
 * Our output in other people's readers.
 *
 * The same inputs are linked by our linker and by GNU ld; readelf and eu-elflint may not say anything about ours that
 * they do not say about GNU ld's. elfy, a reader that shares no code with either, must see the program headers that
 * readelf sees.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { everyNth } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import {
  cRuntime,
  cxx,
  type LinkMode,
  linkProgram,
  lua,
  ocaml,
  openssl,
  type Program,
  riscv,
  sqlite,
  x86,
} from '../support/programs.ts';
import { elflintComplaints, elfyHeaders, readelfComplaints, readelfProgramHeaders } from '../support/readers.ts';
import { runOrThrow } from '../support/run.ts';
import { aarch64, type LinkerChoice, link, linkerUnderTest, type Target } from '../support/toolchain.ts';
import { requireTools } from '../support/tools.ts';

requireTools('aarch64-linux-gnu-gcc', 'aarch64-linux-gnu-g++');
requireTools('gcc', 'g++', 'ocamlopt', 'riscv64-linux-gnu-gcc', 'riscv64-linux-gnu-g++', 'readelf', 'eu-elflint');

interface Case {
  readonly program: Program;
  readonly target: Target;
  readonly mode: LinkMode;
  readonly flags: readonly string[];
}

const cases: Case[] = [
  { program: lua, target: x86, mode: 'static', flags: [] },
  { program: sqlite, target: x86, mode: 'static', flags: ['-Wl,--gc-sections', '-Wl,--build-id=sha1'] },
  { program: openssl, target: x86, mode: 'static-pie', flags: ['-Wl,-z,pack-relative-relocs'] },
  { program: openssl, target: x86, mode: 'static', flags: [] },
  { program: cRuntime, target: x86, mode: 'static', flags: [] },
  { program: cRuntime, target: x86, mode: 'static-pie', flags: [] },
  { program: cxx, target: x86, mode: 'static-pie', flags: [] },
  { program: cxx, target: x86, mode: 'static', flags: [] },
  { program: ocaml, target: x86, mode: 'static', flags: [] },
  { program: lua, target: x86, mode: 'static', flags: ['-s'] },
  { program: lua, target: riscv, mode: 'static', flags: [] },
  { program: cRuntime, target: riscv, mode: 'static', flags: [] },
  { program: cxx, target: riscv, mode: 'static', flags: ['-Wl,--no-relax'] },
  { program: cRuntime, target: aarch64, mode: 'static', flags: [] },
  { program: cxx, target: aarch64, mode: 'static', flags: ['-Wl,--gc-sections'] },
];

function newComplaints(ours: readonly string[], theirs: readonly string[]): string[] {
  return ours.filter((complaint) => !theirs.includes(complaint));
}

describe.each(everyNth(cases, 3))('$program.name ($target.name, $mode) $flags', ({ program, target, mode, flags }) => {
  const outputs = new Map<LinkerChoice | 'ours', Promise<string>>();
  const output = (choice: LinkerChoice | 'ours'): Promise<string> => {
    let path = outputs.get(choice);
    if (path === undefined) {
      path = linkProgram(program, target, mode, flags, choice === 'ours' ? undefined : choice);
      outputs.set(choice, path);
    }
    return path;
  };

  test('readelf finds nothing that it does not find in GNU ld’s output', async () => {
    const ours = await readelfComplaints(await output('ours'));
    expect(newComplaints(ours, await readelfComplaints(await output('gnu')))).toEqual([]);
  });

  test('eu-elflint finds nothing that it does not find in GNU ld’s output', async () => {
    const ours = await elflintComplaints(await output('ours'));
    expect(newComplaints(ours, await elflintComplaints(await output('gnu')))).toEqual([]);
  });

  test('elfy reads the same entry and program headers as readelf', async () => {
    const file = await output('ours');
    const { entry, programs } = elfyHeaders(file);
    expect(programs.length).toBeGreaterThan(2);
    expect(programs).toEqual(await readelfProgramHeaders(file));
    const header = await runOrThrow('readelf', ['-hW', file]);
    expect(entry).toBe(Number.parseInt(/Entry point address:\s+0x(\w+)/.exec(header)![1]!, 16));
  });
});

test('the readers do notice a damaged file', async () => {
  const file = await linkProgram(cRuntime, x86, 'static', [], 'gnu');
  const bytes = readFileSync(file);
  const headers = Number(bytes.readBigUInt64LE(40));
  for (let i = 1; i < bytes.readUInt16LE(60); i++) {
    // The symbol table gets an entry size of 1.
    if (bytes.readUInt32LE(headers + 64 * i + 4) === 2) bytes.writeBigUInt64LE(1n, headers + 64 * i + 56);
  }
  const damaged = `${file}.damaged`;
  writeFileSync(damaged, bytes);
  expect(newComplaints(await readelfComplaints(damaged), await readelfComplaints(file))).not.toEqual([]);
  expect(newComplaints(await elflintComplaints(damaged), await elflintComplaints(file))).not.toEqual([]);
});

test('every loadable segment holds what its permissions say and none is writable and executable', async () => {
  const file = await linkProgram(cRuntime, x86, 'static');
  const loads = (await readelfProgramHeaders(file)).filter((header) => header.memsz > 0);
  expect(loads.some((header) => header.flags === 'RX')).toBe(true);
  expect(loads.some((header) => header.flags === 'RW')).toBe(true);
  expect(loads.filter((header) => header.flags.includes('W') && header.flags.includes('X'))).toEqual([]);
});

test.each([x86, riscv, aarch64])('the same inputs make the same bytes in any folder ($name)', async (target) => {
  const { objects, libraries } = await cRuntime.inputs(target, 'static');
  const outputs: Buffer[] = [];
  for (const label of ['one', 'another-folder-with-a-longer-name']) {
    const cwd = temporaryFolder(label);
    const names = objects.map((object) => basename(object));
    objects.forEach((object, i) => {
      copyFileSync(object, join(cwd, names[i]!));
    });
    const flags = ['-static', '-no-pie', '-Wl,--build-id=sha1', '-o', 'out', ...names, ...libraries];
    await link(target, target.cc, flags, linkerUnderTest(), { cwd });
    outputs.push(readFileSync(join(cwd, 'out')));
  }
  expect(outputs[0]!.equals(outputs[1]!)).toBe(true);
});
