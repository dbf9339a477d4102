/**
 * Wipes that records of secrets ask for: every function that has one is found to leave something before, and nothing once
 * it is behind a veneer that clears what its record does not keep; its answers stay the same. What no record says is
 * refused by name.
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { wipedText } from '../../cli/build.ts';
import { type BuildResult, buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { riscv } from '../support/toolchain.ts';
import { requireTool } from '../support/tools.ts';
import { project, rejectionOf } from './support.ts';

/** Functions that leave their secret in the stack and in registers: with a result, without one, static, in each other. */
const source = `
#include <casemate/secrets.h>
typedef unsigned long word;
typedef const unsigned char key;

static inline __attribute__((always_inline)) unsigned mixed(key *k) {
  volatile unsigned own[8];
  unsigned a = 1, b = 2;
  for (int i = 0; i < 8; i++) { unsigned one; __builtin_memcpy(&one, k + 4 * i, 4); own[i] = one; }
  for (int i = 0; i < 8; i++) { a += own[i] ^ (b << 7 | b >> 25); b ^= a + own[7 - i]; }
  return (a ^ b) & 1;
}

CASEMATE_KEPT unsigned worker(key *k) { return mixed(k) + 5; }
CASEMATE_SECRETS(worker, CASEMATE_SECRET(0, 32), CASEMATE_RESULT(4), CASEMATE_RETURNS(4));

CASEMATE_KEPT void fill(unsigned *out, key *k) { *out = mixed(k); }
CASEMATE_SECRETS(fill, CASEMATE_SECRET(1, 32), CASEMATE_OUTPUT(0, 4), CASEMATE_RETURNS(0));

CASEMATE_KEPT static unsigned hidden(key *k) { return mixed(k) + 7; }
CASEMATE_SECRETS(hidden, CASEMATE_SECRET(0, 32), CASEMATE_RESULT(4));

/* Only what its type says is kept of the register. */
CASEMATE_KEPT unsigned upper(key *k) {
  word all;
  __builtin_memcpy(&all, k, 8);
  __asm__("" : "+r"(all));
  return (unsigned)(all >> 8);
}
CASEMATE_SECRETS(upper, CASEMATE_SECRET(0, 8), CASEMATE_RESULT(4), CASEMATE_RETURNS(4));

/* A veneer within a veneer. */
CASEMATE_KEPT unsigned calls(key *k) { unsigned one = worker(k); __asm__ volatile(""); return one + 1; }
CASEMATE_SECRETS(calls, CASEMATE_SECRET(0, 32), CASEMATE_RESULT(4), CASEMATE_RETURNS(4));
MORE

static key secret[32] = {3, 1, 4, 1, 5, 9, 2, 6};
__attribute__((used)) static int answer(void) {
  unsigned out = 9;
  fill(&out, secret);
  unsigned bit = out;
  return (int)(out > 1 || worker(secret) != 5 + bit || hidden(secret) != 7 + bit || calls(secret) != 6 + bit
    || upper(secret) != 0x05010401u MORE_CALLS);
}
#ifdef __riscv
__asm__(".globl _start\\n_start: call answer\\nli a7, 93\\necall");
#else
__asm__(".globl _start\\n_start: call answer\\nmov %eax, %edi\\nmov $60, %eax\\nsyscall");
#endif
`;
const names = ['worker', 'fill', 'hidden', 'upper', 'calls'];

interface Built {
  readonly notes: string[];
  readonly result: Promise<BuildResult>;
}

function build(manifest: object, more = '', calls = ''): Built {
  const text = source.replace('MORE_CALLS', calls).replace('MORE', more);
  const json = { name: 'app', target: 'elf', sources: ['main.c'], cflags: ['-fno-pic'], ...manifest };
  const folder = project({ 'casemate.json': JSON.stringify(json, null, 1), 'main.c': text });
  const notes: string[] = [];
  const write = (line: string): number => notes.push(line);
  const progress = createProgress({ write, terminal: false, verbose: false, now: () => 0, patience: 60_000 });
  return { notes, result: buildProject({ folder, lock: 'verify', progress }) };
}

const outcomes = ({ secrets }: BuildResult) =>
  Object.fromEntries(secrets!.functions.map(({ function: name, outcome }) => [name, outcome]));
const wipes = { secrets: { wipe: true } };
const allErased = Object.fromEntries(names.map((name) => [name, 'erased']));

describe.each(['x86-64', 'riscv64'] as const)('on %s', (machine) => {
  const link = { machine };

  it('functions that leave something are erased, and answer as before, once records have them wiped', async () => {
    const waive = names.map((name) => ({ function: name, reason: 'it is a test' }));
    const bare = await build({ link, secrets: { waive } }).result;
    expect(outcomes(bare)).toMatchObject({ worker: 'residue', fill: 'residue', hidden: 'residue', upper: 'residue' });
    const built = await build({ link, ...wipes }).result;
    expect(outcomes(built)).toEqual(allErased);
    expect(built.wiped!.map(({ function: name, isProved }) => [name, isProved])).toEqual(
      names.map((name) => [name, true]),
    );
    expect(wipedText(built.wiped!)).toMatch(/^wiped after: worker \(\d+ bytes\), fill \(\d+ bytes\), /);
    const command = machine === 'x86-64' ? [built.output] : [requireTool(riscv.runner!), built.output];
    execFileSync(command[0]!, command.slice(1));
  });
});

describe('what a wipe needs to know', () => {
  const open = `CASEMATE_KEPT unsigned open(key *k) { return mixed(k); }
CASEMATE_SECRETS(open, CASEMATE_SECRET(0, 32));`;
  const refused = async (manifest: object, more: string, calls: string) =>
    rejectionOf(build(manifest, more, calls).result);

  it('is refused by name where no record says what is returned, until it is stated or waived', async () => {
    const error = await refused(wipes, open, '|| open(secret) > 1');
    expect([error.code, error.message]).toEqual([
      'undecided',
      expect.stringMatching(/^open: nobody says what it returns, .*CASEMATE_RETURNS\(BYTES\).*"link\.wipe"/),
    ]);
    const waive = [{ function: 'open', reason: 'it is a test' }];
    const waived = await build({ secrets: { wipe: true, waive } }, open, '|| open(secret) > 1').result;
    expect(outcomes(waived)).toEqual({ ...allErased, open: 'residue' });
    // Its result is a part of its secret, and nobody said that it may be seen.
    const stated = await refused({ link: { wipe: ['open=rax'] }, ...wipes }, open, '|| open(secret) > 1');
    expect([stated.code, stated.message]).toEqual(['residue', expect.stringMatching(/^open: /)]);
    const none = await build({ link: { wipe: ['open=none'] }, ...wipes }, open, '|| open(secret) != 0').result;
    expect(outcomes(none)).toEqual({ ...allErased, open: 'erased' });
    execFileSync(none.output);
  });

  it('is a depth that is proved, or the declared one', async () => {
    const code = (declared: string) => `
CASEMATE_KEPT unsigned hungry(key *k, word n) {
  volatile unsigned char room[n & 63];
  for (word i = 0; i < (n & 63); i++) room[i] = k[i & 31];
  return 3;
}
CASEMATE_SECRETS(hungry, CASEMATE_SECRET(0, 32), CASEMATE_VALUE(1, 8), CASEMATE_RETURNS(4)${declared});`;
    const error = await refused(wipes, code(''), '|| hungry(secret, 8) != 3');
    expect([error.code, error.message]).toEqual([
      'undecided',
      expect.stringMatching(/^hungry: how much stack it takes is not proved \(.+\), .*CASEMATE_MAX_STACK/),
    ]);
    const { wiped, output } = await build(
      wipes,
      code(', CASEMATE_MAX_STACK(256)'),
      '|| hungry(secret, 8) != 3',
    ).result.catch((reason: { code: string }) => {
      throw new Error(JSON.stringify(reason));
    });
    expect(wiped!.find(({ function: name }) => name === 'hungry')).toMatchObject({ isProved: false, depth: 256 });
    expect(wipedText(wiped!)).toContain('hungry (256 bytes, declared)');
    execFileSync(output);
  });

  it('is a depth that is proved through a veneer without a frame, behind which arguments lie on the stack', async () => {
    const code = `
CASEMATE_KEPT unsigned many(key *k, int a, int b, int c, int d, int e, int f, int g, int h) {
  volatile unsigned char copy = k[1];
  return (unsigned)(a + b + c + d + e + f + g + h) + (copy & 0);
}
CASEMATE_SECRETS(many, CASEMATE_SECRET(0, 32), CASEMATE_RETURNS(4), CASEMATE_RESULT(4));
CASEMATE_KEPT unsigned outer(key *k) {
  unsigned one = many(k, 1, 2, 3, 4, 5, 6, 7, 8);
  __asm__ volatile("");
  return one + 1;
}
CASEMATE_SECRETS(outer, CASEMATE_SECRET(0, 32), CASEMATE_RETURNS(4), CASEMATE_RESULT(4));`;
    const result = await build(wipes, code, '|| outer(secret) != 37').result;
    expect(outcomes(result)).toEqual({ ...allErased, many: 'erased', outer: 'erased' });
    const plans = Object.fromEntries(result.wiped!.map((one) => [one.function, one]));
    expect(plans).toMatchObject({ many: { arguments: 'stack' }, outer: { isProved: true, arguments: 'registers' } });
    execFileSync(result.output);
  });

  it('is what is above a narrow result: cleared by its type alone', async () => {
    const wide = 'CASEMATE_SECRETS(upper, CASEMATE_SECRET(0, 8), CASEMATE_RESULT(4));';
    const text = source.replace(/CASEMATE_SECRETS\(upper,.*\);/, wide);
    expect(text).not.toBe(source);
    const folder = project({
      'casemate.json': JSON.stringify({ name: 'app', target: 'elf', sources: ['main.c'], ...wipes }),
      'main.c': text.replace('MORE_CALLS', '').replace('MORE', ''),
    });
    const progress = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 6e4 });
    const error = await rejectionOf(buildProject({ folder, lock: 'verify', progress }));
    expect([error.code, error.message]).toEqual(['residue', expect.stringMatching(/^upper: /)]);
  });
});
