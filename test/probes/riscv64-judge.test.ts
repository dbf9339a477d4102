/**
 * The judge of RISC-V's probes: only the very trap that was asked for passes, and what cannot be told is never a pass.
 */
import { describe, expect, test } from 'vitest';
import type { RiscvBootResult } from '../../targets/riscv64/boot.ts';
import { judgeProbe, machineOf } from '../../targets/riscv64/judge-probe.ts';
import { type Probe, probes } from '../../targets/riscv64/probes.ts';

const probe = (name: string): Probe => probes.find((candidate) => candidate.name === name)!;
const tries = (name: string, low = '0xffffff9000103000', high = low): string => `probe ${name} tries ${low} ${high}\n`;
const trap = (cause: number, at = '0xffffff9000103000', pc = '0x2000001000'): string =>
  `casemate: ABORT: trap: scause 0x${cause.toString(16)} stval ${at} sepc ${pc}\n`;

function ended(console: string, status = 255, rest: Partial<RiscvBootResult> = {}): RiscvBootResult {
  return { outcome: 'halted', status, reason: '', console, ...rest };
}

const judge = (name: string, result: RiscvBootResult) => judgeProbe(probe(name), 'hardened', result);
const outcome = (name: string, console: string, status = 255): string => judge(name, ended(console, status)).outcome;

describe('a trap passes', () => {
  test('when its cause is the access’s page fault and stval the announced address', () => {
    expect(judge('read-text', ended(tries('read-text') + trap(13)))).toMatchObject({
      outcome: 'pass',
      found: 'page fault reading (scause 13) at 0xffffff9000103000',
    });
    expect(outcome('write-rodata', tries('write-rodata') + trap(15))).toBe('pass');
    expect(outcome('execute-heap', tries('execute-heap') + trap(12))).toBe('pass');
  });

  test('anywhere in an announced range, its ends included', () => {
    const at = (address: string) =>
      outcome('overflow-stack', tries('overflow-stack', '0x200000', '0x200fff') + trap(15, address));
    expect(['0x1fffff', '0x200000', '0x200800', '0x200fff', '0x201000'].map(at)).toEqual([
      'unknown',
      'pass',
      'pass',
      'pass',
      'unknown',
    ]);
  });
});

describe('a trap does not pass', () => {
  test('with another cause: what firmware stops is not what page tables stop', () => {
    expect(judge('read-firmware', ended(tries('read-firmware', '0x80000000') + trap(5, '0x80000000')))).toMatchObject({
      outcome: 'fail',
      found: 'access fault reading (scause 5) at 0x80000000; expected page fault reading (scause 13)',
    });
    expect(outcome('execute-data', tries('execute-data') + trap(13))).toBe('fail');
    expect(outcome('write-text', tries('write-text') + trap(13))).toBe('fail');
    expect(outcome('write-text', tries('write-text') + trap(3))).toBe('unknown');
  });

  test('at another address: the image crashed for a reason of its own', () => {
    expect(judge('execute-data', ended(tries('execute-data') + trap(12, '0xffffff9000103001')))).toMatchObject({
      outcome: 'unknown',
      found: expect.stringMatching(/^a trap of cause 12 at 0xffffff9000103001, while the probe went for/),
    });
  });

  test('before the attempt, in another probe, or in a line that is damaged', () => {
    expect(outcome('read-text', trap(13))).toBe('unknown');
    expect(outcome('read-text', tries('read-null') + trap(13))).toBe('unknown');
    expect(outcome('read-text', trap(13) + tries('read-text'))).toBe('unknown');
    expect(outcome('read-text', tries('read-text') + trap(13).replace('stval ', 'stval'))).toBe('fail');
  });

  test('when the guest then ends as if all were well, or does not end', () => {
    const console = tries('read-text') + trap(13);
    expect(outcome('read-text', console, 0)).toBe('unknown');
    for (const how of ['timeout', 'killed', 'refused'] as const)
      expect(judge('read-text', ended(console, -1, { outcome: how, reason: 'so' })).outcome).toBe('unknown');
  });
});

describe('an attempt that nothing stopped', () => {
  test('fails where it had to be stopped, and says so', () => {
    expect(
      judge('execute-heap', ended(`${tries('execute-heap')}probe execute-heap succeeded 0x2a\n`, 0)),
    ).toMatchObject({
      outcome: 'fail',
      found: 'nothing stopped it; expected page fault executing (scause 12)',
    });
  });

  test('passes where nothing can stop it', () => {
    const console = `${tries('read-text')}probe read-text succeeded 0x90\n`;
    expect(judgeProbe(probe('read-text'), 'plain', ended(console, 0)).outcome).toBe('pass');
  });

  test('is not believed when the guest ended with another status or said more', () => {
    const console = `${tries('control')}probe control succeeded 0x2a\n`;
    expect(outcome('control', console, 0)).toBe('pass');
    expect(outcome('control', console, 3)).toBe('unknown');
    expect(outcome('control', `${console}and more\n`, 0)).toBe('unknown');
  });
});

describe('other ends', () => {
  test('finding nothing is not getting through, nor the other way round', () => {
    const nothing = `${tries('sweep-pages')}probe sweep-pages found nothing\n`;
    expect(outcome('sweep-pages', nothing, 0)).toBe('pass');
    expect(judgeProbe(probe('sweep-pages'), 'plain', ended(nothing, 0)).outcome).toBe('fail');
    expect(outcome('sweep-pages', `${tries('sweep-pages')}probe sweep-pages succeeded 0x5001\n`, 0)).toBe('fail');
  });

  test('on a plain image no code counts near where the probe jumped to, or a device that answers no fetch', () => {
    const at = (pc: string) =>
      judgeProbe(probe('execute-device'), 'plain', ended(tries('execute-device', '0x10001000') + trap(2, '0x0', pc)))
        .outcome;
    const refused = tries('execute-device', '0x10001000') + trap(1, '0x10001000');
    expect(judgeProbe(probe('execute-device'), 'plain', ended(refused)).outcome).toBe('pass');
    expect([at('0x10001000'), at('0x10001006'), at('0x10001100')]).toEqual(['pass', 'pass', 'unknown']);
    expect(outcome('execute-device', tries('execute-device', '0x5000') + trap(2, '0x0', '0x5000'))).toBe('fail');
  });

  test('a damaged canary passes only for the probe that damages it', () => {
    const abort = 'casemate: ABORT: a stack buffer was overrun (the canary is damaged)\n';
    expect(outcome('smash-stack', tries('smash-stack') + abort)).toBe('pass');
    expect(outcome('overflow-stack', tries('overflow-stack') + abort)).toBe('fail');
  });
});

test('the control tells the paging mode and whether there was entropy, and nothing else does', () => {
  expect(machineOf('machine 0xa entropy\n')).toEqual({ mode: 'sv57', entropy: true });
  expect(machineOf('machine 0x8 -\n')).toEqual({ mode: 'sv39', entropy: false });
  expect(machineOf('machine 0x0 -\n')).toEqual({ mode: 'bare', entropy: false });
  expect(machineOf('machine 0x7 -\n')).toBeUndefined();
  expect(machineOf('machine 0xa\n')).toBeUndefined();
});

test('the list begins with the control and names no probe twice', () => {
  expect(probes[0]).toMatchObject({ name: 'control', plain: { kind: 'succeeds' }, hardened: { kind: 'succeeds' } });
  expect(new Set(probes.map(({ name }) => name)).size).toBe(probes.length);
});
