import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RiscvBootResult } from '../../../targets/riscv64/boot.ts';
import { judgeProbe, observe, type ProbeVerdict } from '../../../targets/sel4/judge-probe.ts';
import { type ProbedState, probes, probesOf } from '../../../targets/sel4/probes.ts';
import { machines } from '../../support/sel4-kernel.ts';

const said: ProbedState = { machine: 'riscv64', text: 'execute', aslr: 'build', tells: true };
const silentKernel: ProbedState = { ...said, tells: false };

const probeOf = (name: string) => probes.find((probe) => probe.name === name)!;
const at = (name: string, low = '0x1000', high = low): string => `probe ${name} tries ${low} ${high}\n`;
const kernelLine = (address: string, what = 'data', status = '0x7'): string =>
  `vm fault on ${what} at address ${address} with status ${status}\n`;
const stageLine = (word: string, address: string): string =>
  `casemate: ABORT: fault: ${word} ${address} at 0x3000, status 0xf\n`;

const halted = (console: string, status = 0): RiscvBootResult => ({ outcome: 'halted', status, reason: '', console });
const killed = (console: string): RiscvBootResult => ({
  outcome: 'killed',
  status: -1,
  reason: 'vm fault on',
  console,
});
const timeout = (console: string): RiscvBootResult => ({
  outcome: 'timeout',
  status: -1,
  reason: 'still running after 5 seconds',
  console,
});
const judged = (name: string, result: RiscvBootResult, state = said): ProbeVerdict =>
  judgeProbe(probeOf(name), state, result);

const write = 'write-rodata';
const execute = 'execute-data';

describe('an attempt that has to be stopped', () => {
  it.each([
    ['by a kernel that says so', write, killed(`${at(write)}${kernelLine('0x1000')}`)],
    ['at address 0, as kernels print it', 'read-null', killed(`${at('read-null', '0x0')}${kernelLine('0')}`)],
    ['on code', execute, killed(`${at(execute)}${kernelLine('0x1000', 'code', '0x1')}`)],
    ['by a first stage', write, halted(`${at(write)}${stageLine('writing', '0x1000')}`, 255)],
    ['by a first stage, on code', execute, halted(`${at(execute)}${stageLine('executing', '0x1000')}`, 255)],
    ['behind other words', write, killed(`hello\n${at(write)}Caught cap fault\n${kernelLine('0x1000')}more\n`)],
    [
      'within the announced addresses',
      'overflow-stack',
      killed(`${at('overflow-stack', '0x1000', '0x1fff')}${kernelLine('0x1fe0')}`),
    ],
  ])('passes when it is stopped %s', (_, name, result) => {
    expect(judged(name, result)).toMatchObject({ outcome: 'pass', observed: { kind: 'faults' } });
  });

  it.each([
    [
      'it succeeded',
      write,
      halted(`${at(write)}probe ${write} succeeded 0x0\n`),
      'got through; has to be stopped writing',
    ],
    [
      'the fault was on code',
      write,
      killed(`${at(write)}${kernelLine('0x1000', 'code')}`),
      'stopped by a fault on code',
    ],
    ['the fault was on data', execute, killed(`${at(execute)}${kernelLine('0x1000')}`), 'stopped by a fault on data'],
    ['the guest aborted of itself', write, halted(`${at(write)}casemate: ABORT: no\n`, 255), 'ended with "no"'],
    [
      'it found nothing',
      write,
      halted(`${at(write)}probe ${write} found nothing\n`),
      'found nothing; has to be stopped',
    ],
  ])('fails when %s', (_, name, result, words) => {
    const verdict = judged(name, result);
    expect(verdict.outcome).toBe('fail');
    expect(verdict.found).toContain(words);
  });

  it.each([
    ['nothing at all', timeout(''), 'did not come to its attempt: still running'],
    ['another probe', killed(`${at('read-text')}${kernelLine('0x1000')}`), 'did not come to its attempt'],
    ['an announcement that is not a line of its own', killed(`x${at(write)}${kernelLine('0x1000')}`), 'did not come'],
    ['a fault before the announcement', killed(`${kernelLine('0x1000')}${at(write)}`), 'vm fault on'],
    [
      'a fault elsewhere',
      killed(`${at(write)}${kernelLine('0x1001')}`),
      'a fault at 0x1001, while the probe went for 0x1000',
    ],
    ['a fault below', killed(`${at(write)}${kernelLine('0xfff')}`), 'a fault at 0xfff'],
    [
      'a first stage that tells of another place',
      halted(`${at(write)}${stageLine('writing', '0x2000')}`, 255),
      '0x2000',
    ],
    ['a fault amid a line', killed(`${at(write)}I see: ${kernelLine('0x1000')}`), 'vm fault on'],
    ['a fault that has no status', killed(`${at(write)}vm fault on data at address 0x1000\n`), 'vm fault on'],
    ['the line of a fault, and a guest that ended well', halted(`${at(write)}${kernelLine('0x1000')}`), 'went on'],
    ['the line of a fault, and a guest that aborted', halted(`${at(write)}${kernelLine('0x1000')}`, 255), 'went on'],
    ['the line of a fault, and a guest that goes on', timeout(`${at(write)}${kernelLine('0x1000')}`), 'went on'],
    ['a first stage that did not end', timeout(`${at(write)}${stageLine('writing', '0x1000')}`), 'went on'],
    ['a first stage that ended well', halted(`${at(write)}${stageLine('writing', '0x1000')}`), 'went on'],
    ['a fault and a success', halted(`${at(write)}${kernelLine('0x1000')}probe ${write} succeeded 0x0\n`), 'besides'],
    [
      'a success and a fault',
      killed(`${at(write)}probe ${write} succeeded 0x0\n${kernelLine('0x1000')}`),
      'and of how the attempt ended besides',
    ],
    [
      'silence, of a kernel that would tell',
      timeout(at(write)),
      'not heard of again, and nothing said what stopped it',
    ],
    ['words, and silence', timeout(`${at(write)}still here\n`), 'the guest went on'],
    ['an end without a word', halted(at(write), 255), 'aborted without a word'],
    [
      'a status that is none of a probe',
      halted(`${at(write)}probe ${write} succeeded 0x0\n`, 2),
      'halted with status 2',
    ],
    ['an end that says nothing', halted(at(write)), 'did not say how the probe ended'],
    ['a machine that would not start', { ...killed(at(write)), reason: 'QEMU: no such machine' }, 'no such machine'],
  ])('is not decided by %s', (_, result, words) => {
    const verdict = judged(write, result);
    expect(verdict.outcome).toBe('unknown');
    expect(verdict.found).toContain(words);
  });

  it('passes by silence where nobody would say what stopped it, and only right after the announcement', () => {
    expect(judged(write, timeout(at(write)), silentKernel).outcome).toBe('pass');
    expect(judged(write, timeout(`${at(write)}x`), silentKernel).outcome).toBe('unknown');
    expect(judged(write, timeout(''), silentKernel).outcome).toBe('unknown');
    expect(judged(write, halted(at(write)), silentKernel).outcome).toBe('unknown');
    expect(judged('control', timeout(at('control')), silentKernel).outcome).toBe('fail');
    expect(judged('page-map', timeout(at('page-map', '0x0')), silentKernel).outcome).toBe('fail');
  });
});

describe('other attempts', () => {
  it.each([
    ['control', `${at('control')}probe control succeeded 0x25\n`, 0],
    ['page-map', `${at('page-map', '0x0')}probe page-map refused 0x2\n`, 0],
    ['sweep-names', `${at('sweep-names', '0x0', '0x1f')}<<seL4: null cap>>\nprobe sweep-names found nothing\n`, 0],
    ['smash-stack', `${at('smash-stack')}casemate: ABORT: the canary is damaged\n`, 255],
  ])('pass as they have to: %s', (name, console, status) => {
    expect(judged(name, halted(console, status)).outcome).toBe('pass');
  });

  it.each([
    ['page-map', `${at('page-map', '0x0')}probe page-map succeeded 0x0\n`, 0, 'got through; has to be refused'],
    ['page-map', `${at('page-map', '0x0')}probe page-map found nothing\n`, 0, 'found nothing; has to be refused'],
    ['sweep-names', `${at('sweep-names', '0x0', '0x1f')}probe sweep-names succeeded 0x3\n`, 0, 'has to find nothing'],
    ['smash-stack', `${at('smash-stack')}probe smash-stack succeeded 0xa5\n`, 0, 'the canary is damaged'],
    ['smash-stack', `${at('smash-stack')}casemate: ABORT: another reason\n`, 255, 'has to end with'],
    ['control', `${at('control')}probe control refused 0x2\n`, 0, "refused with seL4's error 2; has to get through"],
  ])('fail when they do not end so: %s', (name, console, status, words) => {
    const verdict = judged(name, halted(console, status));
    expect(verdict.outcome).toBe('fail');
    expect(verdict.found).toContain(words);
  });

  it('say of a call that a fault stopped it, which is no refusal', () => {
    const result = killed(`${at('page-map', '0x0')}${kernelLine('0')}`);
    expect(judged('page-map', result)).toMatchObject({ outcome: 'fail', observed: { kind: 'faults' } });
  });

  it.each(machines)('execute data and read code only where a machine lets them: %s', (machine) => {
    const state: ProbedState = { ...said, machine, text: machine === 'x86-64' ? 'read-execute' : 'execute' };
    for (const name of ['execute-data', 'read-text']) {
      const succeeded = judged(name, halted(`${at(name)}probe ${name} succeeded 0x2a\n`), state).outcome;
      const code = name === 'read-text' ? 'data' : 'code';
      const stopped = judged(name, killed(`${at(name)}${kernelLine('0x1000', code)}`), state).outcome;
      expect([succeeded, stopped]).toEqual(machine === 'x86-64' ? ['pass', 'fail'] : ['fail', 'pass']);
    }
    expect(judged('write-text', killed(`${at('write-text')}${kernelLine('0x1000')}`), state).outcome).toBe('pass');
  });
});

it('pass on no console that lacks the probe’s own announcement, and are judged in one line on any', () => {
  const pieces = [
    ...[at(write), kernelLine('0x1000'), kernelLine('0x2000'), stageLine('writing', '0x1000')],
    ...[`probe ${write} succeeded 0x0\n`, `probe ${write} found nothing\n`, `probe ${write} refused 0x2\n`],
    ...['casemate: ABORT: x\n', 'probe ', '\n', '\r\n', 'vm fault on ', '\0', '🦀', `probe ${write} tries 0x1 `],
  ];
  const outcomes = fc.constantFrom('halted' as const, 'killed' as const, 'timeout' as const, 'refused' as const);
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...pieces), { maxLength: 6 }),
      outcomes,
      fc.constantFrom(-1, 0, 2, 255),
      fc.boolean(),
      (parts, outcome, status, tells) => {
        const result = { outcome, status, reason: 'why', console: parts.join('') };
        const verdict = judgeProbe(probeOf(write), { ...said, tells }, result);
        expect(verdict.found).toMatch(/^[^\n]+$/);
        if (verdict.outcome !== 'pass') return;
        const tail = new RegExp(`^${at(write)}`, 'm').exec(result.console);
        expect(tail).not.toBeNull();
        const rest = result.console.slice(tail!.index + at(write).length);
        // Stopped by somebody, and never heard of again.
        expect(rest).not.toMatch(/^probe write-rodata (succeeded|found|refused)/m);
        if (tells || rest !== '') expect(rest).toMatch(/^vm fault on data at address 0x1000 |fault: writing 0x1000 /m);
        else expect(outcome).toBe('timeout');
      },
    ),
    { seed: 5, numRuns: 3000 },
  );
});

describe('the list of probes', () => {
  it('begins with the control, names each once, and leaves out what an image does not have', () => {
    expect(probes[0]!.name).toBe('control');
    expect(new Set(probes.map(({ name }) => name)).size).toBe(probes.length);
    const left = probes.filter((probe) => !probesOf({ aslr: 'boot' }).includes(probe));
    expect(left.map(({ name }) => name)).toEqual(['write-bootinfo']);
    expect(probesOf({ aslr: 'build' })).toEqual(probes);
  });

  it('observes every probe by its own name alone', () => {
    for (const { name } of probes)
      for (const other of probes)
        expect(observe(name, timeout(at(other.name))).kind).toBe(name === other.name ? 'silent' : 'unclear');
  });
});
