/**
 * Hand-made hostile inputs, each through the whole command as a user runs it: a one-line error that names file and
 * cause, exit status 1, within two seconds and 512 MiB, and nothing left behind. The cases that may link must then
 * leave a complete output.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { link } from '../../linker/link.ts';
import { defaultOptions } from '../../linker/request.ts';
import { buildObject, SHF, SHT } from '../support/elf-builder.ts';
import { emulations, goodStart } from '../support/hostile/case.ts';
import { type HostileCase, hostileCases } from '../support/hostile/index.ts';
import { runJudged, violations } from '../support/judge.ts';
import { everyNth } from '../support/long.ts';
import { temporaryFolder } from '../support/paths.ts';
import { hostedTargets, linkerProgram, x86 } from '../support/toolchain.ts';
import { requireTools } from '../support/tools.ts';

requireTools('time');

function prepare(hostile: HostileCase): string {
  const folder = temporaryFolder('hostile');
  for (const [name, bytes] of Object.entries(hostile.files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

async function expectGoodManners(hostile: HostileCase): Promise<void> {
  const folder = prepare(hostile);
  const program = linkerProgram(hostedTargets[hostile.machine]);
  const command = [program, '-m', emulations[hostile.machine], '-o', 'out', ...hostile.args];
  const outcome = await runJudged(command, folder, 'out', new Set(Object.keys(hostile.files)));
  // A message may also blame a flag's value, or a file that a script or thin archive names.
  const blamable = [
    ...Object.keys(hostile.files),
    ...hostile.args.map((arg) => arg.split('=')[0]!),
    'nothing.o',
    'nothing.ld',
    '/dev/zero',
    '/etc/',
    'wanted',
  ];
  expect({ wrong: violations(outcome, blamable), stderr: outcome.stderr.slice(0, 2000) }).toEqual({
    wrong: [],
    stderr: outcome.stderr.slice(0, 2000),
  });
  if (hostile.expected === 'refused') expect(outcome.status).toBe(1);
  if (hostile.says !== undefined) expect(outcome.stderr).toMatch(hostile.says);
}

test('the names of the hostile cases are unique', () => {
  const names = hostileCases.map((hostile) => hostile.name);
  expect(new Set(names).size).toBe(names.length);
});

// A process takes a third of a second: every run takes each fourth one.
test.each(everyNth(hostileCases, 4))('good manners with $name', expectGoodManners);

/** Links objects in this process. */
function linkObjects(objects: readonly Uint8Array[]): Uint8Array {
  return link({
    files: objects.map((bytes, i) => ({ name: `${i}.o`, bytes })),
    options: { ...defaultOptions, undefinedPolicy: 'ignore' },
    readMember: () => undefined,
  }).image.bytes;
}

test('names of local symbols come from their table alone, whatever their offset', () => {
  const offsets = Array.from({ length: 100 }, (_, i) => 2 ** 32 - 16 * (i + 1));
  const secret = buildObject({
    sections: [{ name: '.secret', flags: 0x80000000, bytes: Buffer.alloc(1024, 'SECRET') }],
    symbols: offsets.map((name) => ({ name, info: 1, section: 0xfff1 })),
  });
  expect(Buffer.from(linkObjects([goodStart['x86-64'], secret])).includes('SECRET')).toBe(false);
});

test('sizes of sections whose sum is 2^64 are too large together', () => {
  const sections = Array.from({ length: 2 ** 18 }, () => ({
    name: '.bss',
    type: SHT.NOBITS,
    flags: SHF.ALLOC | SHF.WRITE,
    size: 1n << 46n,
  }));
  // Section names need an index: so many do not fit the header's 16 bits.
  const bytes = buildObject({
    sections,
    patch: (b, headers) => {
      b.writeBigUInt64LE(BigInt(sections.length + 4), headers + 32);
      b.writeUInt32LE(sections.length + 3, headers + 40);
      b.writeUInt16LE(0, 60);
      b.writeUInt16LE(0xffff, 62);
    },
  });
  expect(() => linkObjects([goodStart['x86-64'], bytes])).toThrow(/outside the supported addresses/);
});

test('a thin archive that names a pipe does not make the linker wait', async () => {
  const hostile = hostileCases.find((each) => each.name === 'a thin archive that names a file that does not exist')!;
  const folder = prepare(hostile);
  execFileSync('mkfifo', [join(folder, 'nothing.o')]);
  const command = [linkerProgram(x86), '-o', 'out', ...hostile.args];
  const outcome = await runJudged(command, folder, 'out', new Set([...Object.keys(hostile.files), 'nothing.o']));
  expect(violations(outcome, ['nothing.o'])).toEqual([]);
  expect(outcome.status).toBe(1);
});
