/**
 * Whole images by their notes: what a note says is asked, and whatever keeps it from being judged is unknown, by name. No
 * way to write a note, or to make an image, turns something that is left into a pass.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeAnnotation } from '../../../base/secret-notes.ts';
import { defaultPolicy, type Length, type SecretAnnotation, type SecretItem } from '../../../base/secrets.ts';
import { readSubject, type Subject } from '../../../hardening/subject.ts';
import { defaults } from '../../../hardening/zeroization/analyze.ts';
import {
  type JudgedFunction,
  type JudgeOptions,
  judgeImage,
  judgeRecords,
  reportOutcome,
  type SecretsReport,
} from '../../../hardening/zeroization/secrets.ts';
import { type Image, project } from '../../support/small-links.ts';
import { riscv, x86 } from '../../support/toolchain.ts';

const size = (bytes: number): Length => ({ kind: 'constant', bytes });
const secret = (argument: number, bytes = 8): SecretItem => ({ kind: 'secret', argument, length: size(bytes) });

const record = (name: string, change: Partial<SecretAnnotation> = {}): SecretAnnotation => ({
  function: name,
  address: 0n,
  origin: 'manifest',
  items: [secret(0)],
  result: 0,
  policy: defaultPolicy,
  ...change,
});

/** The record as assembly; `symbol`: what its address is relocated to. */
function noteText(annotation: SecretAnnotation, symbol?: string): string {
  const bytes = encodeAnnotation(annotation);
  const list = (part: Uint8Array): string => `.byte ${[...part].join(',')}`;
  // The address is after header, owner, version and origin.
  const middle = symbol === undefined ? list(bytes.subarray(32, 40)) : `.quad ${symbol}`;
  return `.pushsection .note.casemate.secrets,"",%note\n.balign 4\n${list(bytes.subarray(0, 32))}\n${middle}\n${list(bytes.subarray(40))}\n.popsection\n`;
}

const text = `.intel_syntax noprefix
.globl _start
.macro begin name
.globl \\name
.type \\name, @function
\\name:
.endm
.text
begin _start
ret
begin clean
mov rax, [rdi]
xor eax, eax
ret
begin spills
mov rax, [rdi]
push rax
pop rcx
xor eax, eax
xor ecx, ecx
ret
begin keeps
mov r9, [rdi]
ret
begin wipes
mov qword ptr [rdi], 0
ret
begin wipes_all
1: test rsi, rsi
je 2f
mov byte ptr [rdi], 0
inc rdi
dec rsi
jmp 1b
2: xor edi, edi
ret
begin long_only
cmp rsi, 40
jb 1f
mov r9, [rdi]
1: ret
begin calls_anything
call rsi
ret
begin undecodable
.byte 0x06
ret
begin "copied.constprop.0"
ret
begin copied
ret
.type indirect, @gnu_indirect_function
.globl indirect
indirect: ret
begin deep
sub rsp, 64
mov qword ptr [rsp], 0
add rsp, 64
ret
.bss
variable: .zero 8
`;

let image: Image;
let subject: Subject;
beforeAll(async () => {
  const { link } = await project(x86, { 'a.s': text });
  image = await link('a.o');
  subject = readSubject(image.bytes, 'a');
});

function judge(annotation: SecretAnnotation, options: Partial<JudgeOptions> = {}): JudgedFunction {
  const [judged] = judgeRecords(subject, [{ annotation, origin: annotation.origin }], { ...defaults, ...options });
  return judged!;
}

const parts = ({ parts: all }: JudgedFunction): Record<string, string> =>
  Object.fromEntries(all.map(({ part, outcome }) => [part, outcome]));

const reasons = ({ parts: all }: JudgedFunction): string => all.map(({ reason }) => reason ?? '').join('; ');

describe('a record', () => {
  it('is judged by each part that its policy names, and its outcome is the gravest of them', () => {
    expect(judge(record('clean')).outcome).toBe('erased');
    expect(parts(judge(record('spills')))).toMatchObject({ stack: 'residue', registers: 'erased' });
    expect(parts(judge(record('keeps')))).toMatchObject({ stack: 'erased', registers: 'residue' });
    expect(judge(record('spills')).outcome).toBe('residue');
    const registersOnly = { ...defaultPolicy, stack: false };
    expect(judge(record('spills', { policy: registersOnly })).outcome).toBe('erased');
    const clears = { ...defaultPolicy, buffer: true };
    expect(parts(judge(record('clean', { policy: clears })))).toMatchObject({ 'buffer 0': 'residue' });
    expect(judge(record('wipes', { policy: clears })).outcome).toBe('erased');
    expect(parts(judge(record('wipes', { policy: clears, items: [secret(0, 9)] })))).toMatchObject({
      'buffer 0': 'residue',
    });
    expect(judge(record('clean', { policy: { ...defaultPolicy, heap: true } })).outcome).toBe('erased');
  });

  it('lists what it takes away and takes for granted, and a declared stack that the code shows is not', () => {
    const { assumptions } = judge(
      record('clean', {
        result: 4,
        maxStack: 64,
        items: [secret(0), { kind: 'output', argument: 1, length: size(4) }, { kind: 'value', argument: 2, value: 7 }],
      }),
    );
    expect(assumptions).toEqual(
      expect.arrayContaining([
        'no more than what casemate.json names is secret, which its object does not say',
        'what is left in argument 1 is meant to be seen, as casemate.json says',
        'argument 2 is 7 at every call, as casemate.json says',
        '4 bytes of the result are meant to be seen, as casemate.json says',
      ]),
    );
    expect(assumptions.filter((one) => one.includes('bytes of stack'))).toEqual([]);
    expect(judge(record('calls_anything', { maxStack: 64 })).assumptions).toContain(
      'it takes 64 bytes of stack at most, as casemate.json says',
    );
  });

  it('of a length that an argument says is erased only if it is for every length', () => {
    const policy = { ...defaultPolicy, buffer: true };
    const items: SecretItem[] = [{ kind: 'secret', argument: 0, length: { kind: 'argument', argument: 1, most: 64 } }];
    const long = judge(record('long_only', { items }));
    expect(long.outcome).toBe('residue');
    expect(long.parts.find(({ part }) => part === 'registers')).toMatchObject({ when: 'argument 1 is 64' });
    // Lengths that are asked about singly are below 40, and show nothing of others.
    const short: SecretItem[] = [{ kind: 'secret', argument: 0, length: { kind: 'argument', argument: 1, most: 39 } }];
    const below = judge(record('long_only', { items: short }));
    expect(below.outcome).toBe('unknown');
    expect(reasons(below)).toMatch(/erased when argument 1 is 1, or .*which shows nothing of other lengths/);
    // Nothing of the stack and registers whatever the length; of the buffer nobody can count the rounds.
    const wiped = judge(record('wipes_all', { items, policy }));
    expect(parts(wiped)).toMatchObject({ stack: 'erased', registers: 'erased', 'buffer 0': 'unknown' });
  });

  it.each<[string, string, Partial<SecretAnnotation>]>([
    ['not_there', 'the image has no function not_there', {}],
    ['variable', 'the image has no function variable', {}],
    ['indirect', 'indirect is an indirect function', {}],
    ['calls_anything', 'a call to where nobody knows', {}],
    ['undecodable', '', {}],
    ['copied', 'the compiler made a copy of it, copied.constprop.0', {}],
    ['deep', 'it takes 64 bytes of stack, and 63 are declared at most', { maxStack: 63 }],
    [
      'clean',
      'the image has no variable absent',
      { items: [{ kind: 'secret symbol', symbol: 'absent', address: 0n, bytes: 8 }] },
    ],
  ])('of %s is unknown, by name', (name, reason, change) => {
    const judged = judge(record(name, change));
    expect(judged.outcome).toBe('unknown');
    expect(reasons(judged)).toContain(reason);
  });

  it('is unknown when the time is over', () => {
    expect(reasons(judge(record('clean'), { isOver: () => true }))).toContain('the time for it is over');
    let looks = 0;
    // It is looked at again while code is followed: this loop never ends by itself.
    const items: SecretItem[] = [secret(0), { kind: 'value', argument: 1, value: 0xffff_ffff }];
    const judged = judge(record('wipes_all', { items }), { isOver: () => ++looks > 2 });
    expect(reasons(judged)).toContain('the time for it is over');
  });
});

describe('an image', () => {
  const judgedImage = async (source: string, target = x86, ...flags: string[]): Promise<SecretsReport> => {
    const { link } = await project(target, { 'a.s': source });
    return judgeImage(readSubject((await link('a.o', ...flags)).bytes, 'a'), defaults);
  };
  const outcomes = (report: SecretsReport): string[] =>
    report.functions.map(
      ({ function: name, outcome, address }) => `${name} ${outcome} ${address === undefined ? '-' : 'at'}`,
    );

  it('is judged by all its notes, and one that cannot be read is unknown', async () => {
    const notes = [noteText(record('clean')), noteText(record('spills')), noteText(record('clean', { items: [] }))];
    const report = await judgedImage(`${text}.text\n${notes.join('')}`);
    expect(outcomes(report)).toEqual(['clean erased at', 'spills residue at']);
    expect(report.problems).toMatchObject([
      { function: 'clean', problem: expect.stringContaining('nothing is secret') },
    ]);
    expect(reportOutcome(report)).toBe('residue');
    const alone = await judgedImage(`${text}.text\n${notes[0]}${notes[2]}`);
    expect(reportOutcome(alone)).toBe('unknown');
  });

  it('has functions of one name told apart by their address, else they are unknown', async () => {
    const twins = (which: string): string => `.intel_syntax noprefix
.globl _start
.text
_start: ret
.type twin, @function
twin: ret
first = twin
.size twin, . - twin
${which}`;
    const other = `.intel_syntax noprefix
.text
.globl second
.type twin, @function
twin: mov r9, [rdi]
ret
second = twin
`;
    const judged = async (symbol?: string): Promise<JudgedFunction> => {
      const { link } = await project(x86, {
        'a.s': twins(noteText(record('twin', { origin: 'source' }), symbol)),
        'b.s': other,
      });
      return judgeImage(readSubject((await link('a.o', 'b.o')).bytes, 'a'), defaults).functions[0]!;
    };
    expect((await judged('first')).outcome).toBe('erased');
    expect((await judged('second')).outcome).toBe('residue');
    expect(reasons(await judged('_start'))).toContain('the image has 2 of the name twin, and none is at');
    expect(reasons(await judged())).toContain('the record does not say which; rename one');
  });

  it('without symbols, or for a machine whose code has no meaning here, is unknown', async () => {
    const note = noteText(record('clean'));
    expect(reasons((await judgedImage(`${text}.text\n${note}`, x86, '-s')).functions[0]!)).toContain('do not strip it');
    const source = `.globl _start\n_start: ret\n.globl clean\n.type clean, @function\nclean: ret\n${note}`;
    const { link } = await project(riscv, { 'a.s': source });
    // AArch64's number, in a file that is like it otherwise.
    const bytes = Buffer.from((await link('a.o')).bytes);
    bytes.writeUInt16LE(183, 18);
    const { functions } = judgeImage(readSubject(bytes, 'a'), defaults);
    expect(functions[0]!.outcome).toBe('unknown');
    expect(reasons(functions[0]!)).toContain('aarch64: what its instructions do is not known here');
  });

  it('for riscv64 is judged like one for x86-64', async () => {
    const begin = (name: string): string => `.globl ${name}\n.type ${name}, @function\n${name}:`;
    const source = `${begin('_start')} ret\n${begin('clean')} ld t0, 0(a0)\nli t0, 0\nret\n${begin('keeps')} ld t0, 0(a0)\nret\n`;
    const notes = `${noteText(record('clean'))}${noteText(record('keeps'), 'keeps')}`;
    expect(outcomes(await judgedImage(`${source}${notes}`, riscv))).toEqual(['clean erased at', 'keeps residue at']);
  });

  it('does not have functions that nothing needs, which is said, and is nothing to judge', async () => {
    const split = text
      .replace('begin spills', '.section .text.spills,"ax"\nbegin spills')
      .replace('begin keeps', '.text\nbegin keeps');
    const notes = noteText(record('spills', { origin: 'source' }), 'spills');
    const report = await judgedImage(`${split}.text\n${notes}`, x86, '--gc-sections');
    expect([outcomes(report), report.absent]).toEqual([[], ['spills']]);
    const whole = await judgedImage(`${split}.text\n${notes}`);
    expect([outcomes(whole), whole.absent]).toEqual([['spills residue at'], []]);
    // casemate.json's have no address anyhow: one that is not there is unknown.
    const manifest = await judgedImage(`${split}.text\n${noteText(record('spills'))}`, x86, '--gc-sections');
    expect([outcomes(manifest), manifest.absent]).toEqual([['spills unknown -'], []]);
  });
});
