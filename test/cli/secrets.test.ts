/** `casemate secrets` as a user runs it: what it prints and what it exits with. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeAnnotation } from '../../base/secret-notes.ts';
import { failureStatus } from '../../cli/failure.ts';
import { secretsCommand, secretsStatus } from '../../cli/secrets.ts';
import type { SecretsReport } from '../../hardening/zeroization/secrets.ts';
import { reportJson, reportText } from '../../hardening/zeroization/secrets-report.ts';
import { type Project, project } from '../support/small-links.ts';
import { x86 } from '../support/toolchain.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

function secrets(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [casemate, 'secrets', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const note = encodeAnnotation({
  function: 'spills',
  address: 0n,
  origin: 'manifest',
  items: [{ kind: 'secret', argument: 0, length: { kind: 'constant', bytes: 8 } }],
  result: 0,
  policy: { buffer: false, stack: true, registers: true, heap: false },
});

const text = `.intel_syntax noprefix
.globl _start
.text
.type spills, @function
spills: mov rax, [rdi]
push rax
pop rcx
xor eax, eax
xor ecx, ecx
_start: ret
.type spins, @function
spins: mov ecx, -1
1: dec ecx
jne 1b
ret
.section .note.casemate.secrets,"",%note
.balign 4
.byte ${[...note].join(',')}
`;

describe('casemate secrets', () => {
  let made: Project;
  beforeAll(async () => {
    made = await project(x86, { 'a.s': text, 'plain.s': '.globl _start\n_start: ret\n' });
    await made.link('a.o', '-o', 'noted');
    await made.link('plain.o', '-o', 'plain');
  });

  it('gives up after --budget, and calls unknown what was not followed by then', () => {
    const { status, stdout } = secrets(made.path('noted'), '--function', 'spins', '--arg', '0:8', '--budget', '1');
    expect(status).toBe(3);
    expect(stdout).toMatch(/unknown {2}spins\n.*the time for it is over/);
  });

  it('says where something is left and which instruction wrote it, and exits 1', () => {
    const { status, stdout, stderr } = secrets(made.path('noted'));
    expect([status, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(
      /RESIDUE {2}spills .*\n +stack: 8 bytes at -8 from the stack pointer at the entry, of the secret itself, written at 0x[0-9a-f]+ \(spills\+0x3\); two runs show it\n/,
    );
    expect(stdout).toContain('no more than what casemate.json names is secret');
    expect(stdout).toMatch(/\n1 residue\n$/);
  });

  it('judges any function for any arguments, exits 0 if all is erased, and prints JSON', () => {
    const { status, stdout } = secrets(
      made.path('noted'),
      '--function',
      'spills',
      '--arg',
      '1:16',
      '--buffer',
      '0:8',
      '--json',
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      outcome: 'erased',
      functions: [{ function: 'spills', origin: 'command line', outcome: 'erased', depth: 8 }],
      absent: [],
      problems: [],
    });
  });

  it.each([
    [['noted', '--function', 'nobody', '--arg', '0:8'], 'the image has no function nobody'],
    [['noted', '--function', 'spills', '--arg', '0:8', '--value', '0:1'], 'argument 0 is described twice'],
    [['noted', '--arg', '0:8'], 'name it with --function'],
    [['noted', '--function', 'spills', '--arg', '40:8'], 'the number of an argument from 0 to 31 is expected'],
    [['plain'], 'nothing says which secrets any function handles'],
    [['a.o'], 'is not linked'],
  ])('refuses %s as wrong usage or input', async ([file, ...args], message) => {
    const command = secretsCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    const error: unknown = await command
      .parseAsync([join(made.folder, file!), ...args], { from: 'user' })
      .catch((one) => one);
    expect((error as Error).message).toContain(message);
    expect(error instanceof CommanderError || failureStatus(error) === 2).toBe(true);
  });
});

describe('reports on secrets', () => {
  const placeOf = (address: number): string => `<${address}>`;
  const places = { place: placeOf, line: (address: number) => (address === 9 ? { file: 'a.c', line: 5 } : undefined) };
  const of = (change: Partial<SecretsReport['functions'][number]>): SecretsReport => ({
    functions: [
      {
        function: 'f',
        origin: 'source',
        outcome: 'erased',
        parts: [],
        stops: [],
        steps: 1,
        assumptions: [],
        ...change,
      },
    ],
    absent: [],
    problems: [],
  });

  it('exit 3 for what is unknown, a note that cannot be read too, and 1 where something is left besides', () => {
    expect(secretsStatus(of({}))).toBe(0);
    expect(secretsStatus(of({ outcome: 'unknown' }))).toBe(3);
    expect(secretsStatus({ ...of({}), problems: [{ problem: 'a note' }] })).toBe(3);
    expect(secretsStatus({ ...of({ outcome: 'residue' }), problems: [{ problem: 'a note' }] })).toBe(1);
  });

  it('say one reason once, and what is left where a function does not return', () => {
    const unknown = (part: string) =>
      ({ part, outcome: 'unknown', reason: 'a call to where nobody knows', at: 7 }) as const;
    const report = of({
      outcome: 'unknown',
      parts: [unknown('stack'), unknown('registers')],
      stops: [{ at: 9, callee: 'abort', parts: [{ part: 'stack', outcome: 'residue', bytes: [] }] }],
    });
    const text = reportText('a', report, places);
    expect(text).toContain('  stack, registers: unknown: a call to where nobody knows, at <7>\n');
    expect(text).toContain('  if it ends in abort, at <9>, a.c:5: left in stack\n');
    expect(reportJson('a', report, places)).toMatchObject({
      functions: [
        {
          parts: [{ at: '0x7', place: '<7>' }, {}],
          stops: [{ callee: 'abort', source: { file: 'a.c', line: 5 }, parts: [{ part: 'stack' }] }],
        },
      ],
    });
  });

  it('print nothing of an image as it is', () => {
    const hostile = 'f\u001b[2J';
    const text = reportText(
      'a',
      { ...of({ function: hostile, assumptions: [hostile] }), absent: [hostile], problems: [{ problem: hostile }] },
      places,
    );
    expect(text).not.toContain('\u001b');
  });
});
