/**
 * The judge of probes: only the very fault that was asked for passes, and what cannot be told is never a pass.
 */
import { describe, expect, test } from 'vitest';
import type { BootResult } from '../../targets/hvt/boot.ts';
import { judgeProbe, machineOf } from '../../targets/hvt/judge-probe.ts';
import { type Probe, probes } from '../../targets/hvt/probes.ts';

const probe = (name: string): Probe => probes.find((candidate) => candidate.name === name)!;
const tries = (name: string, low = '0x103000', high = low): string => `probe ${name} tries ${low} ${high}\n`;
const trap = (what: string, error: string): string =>
  `casemate: ABORT: trap ${what}: error ${error}, rip 0x102000, rsp 0xfff000, rflags 0x10002, cr2 0x0\n`;
const fault = (access: string, address: string, error: string): string =>
  trap(`14 (page fault) ${access} ${address} (forbidden by its page's permissions)`, error);

function ended(console: string, status = 255, rest: Partial<BootResult> = {}): BootResult {
  return { outcome: 'halted', status, reason: '', console, tender: 'emulator', ...rest };
}

const judge = (name: string, result: BootResult, guard: 'pku' | 'smap' | 'none' = 'pku') =>
  judgeProbe(probe(name), 'hardened', guard, result);

describe('a fault passes', () => {
  test('when it has the announced address, the access and one of the error codes', () => {
    const console = tries('read-text') + fault('reading', '0x103000', '0x21');
    expect(judge('read-text', ended(console))).toMatchObject({
      outcome: 'pass',
      found: 'page fault reading 0x103000, error 0x21',
    });
    for (const error of ['0x3', '0x23'])
      expect(judge('write-text', ended(tries('write-text') + fault('writing', '0x103000', error))).outcome).toBe(
        'pass',
      );
  });

  test('anywhere in an announced range, its ends included', () => {
    const at = (address: string) =>
      judge('overflow-stack', ended(tries('overflow-stack', '0x200000', '0x2ffff8') + fault('writing', address, '0x2')))
        .outcome;
    expect(['0x1fffff', '0x200000', '0x280000', '0x2ffff8', '0x2ffff9'].map(at)).toEqual([
      'unknown',
      'pass',
      'pass',
      'pass',
      'unknown',
    ]);
  });
});

describe('a fault does not pass', () => {
  test('with another error code: text that SMAP hides is not text that a key hides', () => {
    const console = tries('read-text') + fault('reading', '0x103000', '0x1');
    expect(judge('read-text', ended(console), 'pku')).toMatchObject({
      outcome: 'fail',
      found: 'page fault reading 0x103000, error 0x1; expected a page fault reading, error 0x21',
    });
    expect(judge('read-text', ended(console), 'smap').outcome).toBe('pass');
  });

  test('with another access', () => {
    expect(judge('execute-data', ended(tries('execute-data') + fault('reading', '0x103000', '0x11'))).outcome).toBe(
      'fail',
    );
  });

  test('at another address: the image crashed for a reason of its own', () => {
    expect(judge('execute-data', ended(tries('execute-data') + fault('executing', '0x103001', '0x11')))).toMatchObject({
      outcome: 'unknown',
      found: expect.stringMatching(/^a fault at 0x103001, while the probe went for 0x103000 to 0x103000/),
    });
  });

  test('before the attempt, or in another probe', () => {
    expect(judge('read-text', ended(fault('reading', '0x103000', '0x21'))).outcome).toBe('unknown');
    const other = tries('read-null') + fault('reading', '0x103000', '0x21');
    expect(judge('read-text', ended(other)).outcome).toBe('unknown');
    const before = fault('reading', '0x103000', '0x21') + tries('read-text');
    expect(judge('read-text', ended(before)).outcome).toBe('unknown');
  });

  test('when the guest then halts as if all were well', () => {
    const console = tries('read-text') + fault('reading', '0x103000', '0x21');
    expect(judge('read-text', ended(console, 0)).outcome).toBe('unknown');
  });
});

describe('an attempt that nothing stopped', () => {
  test('fails where it had to be stopped, and says so', () => {
    const console = `${tries('execute-heap')}probe execute-heap succeeded 0x2a\n`;
    expect(judge('execute-heap', ended(console, 0))).toMatchObject({
      outcome: 'fail',
      found: 'nothing stopped it; expected a page fault executing, error 0x11',
    });
  });

  test('passes where nothing can stop it', () => {
    const console = `${tries('read-text')}probe read-text succeeded 0x90\n`;
    expect(judge('read-text', ended(console, 0), 'none').outcome).toBe('pass');
  });

  test('is not believed when the guest ended with another status', () => {
    const console = `${tries('control')}probe control succeeded 0x2a\n`;
    expect(judge('control', ended(console, 0)).outcome).toBe('pass');
    expect(judge('control', ended(console, 3)).outcome).toBe('unknown');
    expect(judge('control', ended(`${console}and more\n`, 0)).outcome).toBe('unknown');
  });
});

describe('other ends', () => {
  test('the tender’s death passes only where it is expected', () => {
    const died = ended(tries('write-text'), -1, { outcome: 'killed', reason: 'write to 0x103000' });
    expect(judge('write-text', died).outcome).toBe('fail');
    expect(judgeProbe(probe('write-text'), 'stock', 'pku', died).outcome).toBe('pass');
  });

  test('a death before the attempt, a refused image and a time-out are unknown', () => {
    for (const outcome of ['killed', 'refused', 'timeout'] as const)
      expect(judge('host-write-text', ended('', -1, { outcome, reason: 'so' }))).toMatchObject({
        outcome: 'unknown',
        found: expect.stringContaining('so'),
      });
    const late = ended(tries('host-write-text'), -1, { outcome: 'timeout', reason: 'still running' });
    expect(judge('host-write-text', late).outcome).toBe('unknown');
  });

  test('finding nothing is not getting through', () => {
    const nothing = ended(`${tries('read-stub')}probe read-stub found nothing\n`, 0);
    expect(judge('read-stub', nothing).outcome).toBe('pass');
    expect(judgeProbe(probe('read-stub'), 'stock', 'pku', nothing).outcome).toBe('fail');
    const something = ended(`${tries('read-stub')}probe read-stub succeeded 0x1\n`, 0);
    expect(judge('read-stub', something).outcome).toBe('fail');
  });

  test('another exception is told apart', () => {
    const invalid = ended(tries('undo-stac') + trap('6 (invalid opcode)', '0x0'));
    expect(judge('undo-stac', invalid, 'none').outcome).toBe('pass');
    expect(judge('undo-stac', invalid, 'smap')).toMatchObject({
      outcome: 'fail',
      found: 'trap 6; expected nothing may stop it',
    });
  });
});

test('the control tells what the processor has, and nothing else does', () => {
  expect(machineOf('machine smap pku 0x104000\n')).toEqual({ guard: 'pku+smap', text: 0x104000n });
  expect(machineOf('machine - pku 0x1\n')?.guard).toBe('pku');
  expect(machineOf('machine smap - 0x1\n')?.guard).toBe('smap');
  expect(machineOf('machine - - 0x1\n')?.guard).toBe('none');
  expect(machineOf('machine smap\n')).toBeUndefined();
});

test('the list begins with the control and names no probe twice', () => {
  expect(probes[0]).toMatchObject({ name: 'control', stock: { kind: 'succeeds' }, hardened: { kind: 'succeeds' } });
  expect(new Set(probes.map(({ name }) => name)).size).toBe(probes.length);
});
