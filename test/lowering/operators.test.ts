/**
 * An operator in C is the operator in JavaScript: each one on each type, lowered and compiled, for all pairs of bytes and
 * at the ends of wider types; by two compilers, with the sanitizers, for this processor and for riscv64.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prelude } from '../../lowering/c/prelude.ts';
import { type Build, warnings } from '../support/lowered.ts';
import { boundaryCases, byteCases, type Case, expected, expectedDigest, forPairs } from '../support/operator-cases.ts';
import { hasC, lowerCases, operatorDriver, operatorOutput } from '../support/operator-driver.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool, requireTools } from '../support/tools.ts';

requireTools('clang', 'gcc', 'riscv64-linux-gnu-gcc', 'qemu-riscv64-static');

const all = [...byteCases(), ...boundaryCases()];
const cases = all.filter(hasC);
const unit = lowerCases(cases);
const wanted = cases.map((one) => expectedDigest(one));
const folder = temporaryFolder('operators');
writeFileSync(join(folder, 'casemate-lowered.h'), prelude());
writeFileSync(join(folder, `${unit.name}.h`), unit.lowered.header);
writeFileSync(join(folder, `${unit.name}.c`), unit.lowered.source);
writeFileSync(join(folder, 'output.c'), operatorOutput);
writeFileSync(join(folder, 'driver.c'), operatorDriver(cases, unit));

/** A trap needs no library, which clang's package does not bring. */
const undefinedBehaviour = ['-fsanitize=undefined', '-fsanitize-trap=all'];
const builds: readonly (readonly [string, Build])[] = [
  [
    'gcc, which traps what is undefined',
    { compiler: requireTool('gcc'), flags: ['-O1', '-fsanitize=undefined', '-fsanitize-undefined-trap-on-error'] },
  ],
  ['clang, which traps what is undefined', { compiler: requireTool('clang'), flags: ['-O1', ...undefinedBehaviour] }],
  [
    'riscv64',
    {
      compiler: requireTool('riscv64-linux-gnu-gcc'),
      flags: ['-O2', '-static'],
      emulator: requireTool('qemu-riscv64-static'),
    },
  ],
];

/** Runs the driver; its lines. */
async function runDriver({ emulator }: Build, program: string, args: string[]): Promise<string[]> {
  const [command, all] = emulator === undefined ? [program, args] : [emulator, [program, ...args]];
  return (await runOrThrow(command, all)).split('\n').slice(0, -1);
}

/** Where a case's results begin to differ. */
async function firstDifferences(build: Build, program: string, one: Case): Promise<string[]> {
  const lines = await runDriver(build, program, [String(cases.indexOf(one))]);
  const found: string[] = [];
  let at = 0;
  forPairs(one, (a, b) => {
    const value = BigInt.asUintN(64, BigInt(expected(one, a, b)));
    const own = lines[at++];
    if (own !== String(value) && found.length < 3) found.push(`${one.name}(${a}, ${b}) is ${own}, not ${value}`);
  });
  return found;
}

it('no case but these is refused, each at its line', () => {
  const refused = all.filter((one) => !hasC(one));
  const message = String(attempt(() => lowerCases(refused)));
  expect(
    message.match(/error: (a division of more than 64 bits|this bigint may need more than 128 bits)/g),
  ).toHaveLength(refused.length);
});

function attempt(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

describe('operators in C, by', () => {
  it.each(builds)('%s', async (label, build) => {
    const program = join(folder, label.replaceAll(/\W+/g, '-'));
    const object = `${program}.o`;
    const { compiler, flags } = build;
    await runOrThrow(compiler, [
      ...flags,
      ...warnings,
      '-ffreestanding',
      '-c',
      join(folder, `${unit.name}.c`),
      '-o',
      object,
    ]);
    await runOrThrow(compiler, [
      ...flags,
      '-std=c11',
      '-w',
      ...['driver.c', 'output.c'].map((file) => join(folder, file)),
      object,
      '-o',
      program,
    ]);
    const digests = (await runDriver(build, program, [])).map(Number);
    expect(digests.length).toBe(cases.length);
    for (const [i, one] of cases.entries())
      if (digests[i] !== wanted[i]) expect(await firstDifferences(build, program, one)).toEqual([]);
    expect(digests).toEqual(wanted);
  });
});
