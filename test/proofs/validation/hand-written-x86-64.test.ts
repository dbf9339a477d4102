/** Translation validation of x86-64 code that no compiler would write: what the ABI and the types forbid is never validated. */
import { describe, expect, it } from 'vitest';
import { data, type Item, label } from '../../../machine/assemble/listing.ts';
import * as x86 from '../../../machine/assemble/x86-64.ts';
import { ADDRESS, statusOn, verdictOn } from '../../support/hand-written.ts';
import { isLong } from '../../support/long.ts';

const { alu, aluImmediate, call, cmovcc, imul, jcc, jmp, jmpRegister, lea, leaLabel, load, memory, mov } = x86;
const { movImmediate, pop, push, setcc, store, storeImmediate, test: compareZero } = x86;
const ret = x86.ret();
const copy = mov('rax', 'rdi', 32);
const move = (bytes: number): Item => aluImmediate('add', 'rsp', bytes);
const raw = (...bytes: number[]): Item => data(bytes);

const statusOf = statusOn('x86-64');

const identity = '/** @verified */ export function f(a: u8): u8 { return a; }';
const counting = `
/** @requires x > 0 */
function callee(x: u8): u8 { let n = 0; while (n < x) { invariant(0 <= n && n <= x); n++; } return n; }`;
const record = `
interface R { readonly a: number; readonly b: number; readonly c: number }
${counting}
/** @verified */
export function f(): R { const n = callee(7); return { a: n, b: 1, c: 2 }; }
`;
const widen = raw(0x0f, 0xb6, 0xc0); // movzx eax, al

/** Of `record`: registers are kept in the memory of the result, and `around` stands around the call. */
const recordCode = (before: readonly Item[], after: readonly Item[], last: readonly Item[] = []): Item[] => [
  ...[store(memory('rdi'), 'rbx'), mov('rbx', 'rdi'), movImmediate('rdi', 7), ...before, call('callee'), ...after],
  ...[widen, mov('rdx', 'rbx'), load('rbx', memory('rdx')), store(memory('rdx'), 'rax')],
  ...[storeImmediate(memory('rdx', 8), 1), storeImmediate(memory('rdx', 16), 2), mov('rax', 'rdx'), ...last, ret],
];

describe('translation validation of x86-64 code written by hand', () => {
  it('validates what keeps to the ABI', async () => {
    expect(await statusOf(identity, [copy, ret])).toBe('validated');
    expect(await statusOf(identity, [copy, leaLabel('rcx', 'callee'), jmpRegister('rcx')])).toBe('validated');
    expect(await statusOf(identity, [push('rdi'), pop('rax'), ret])).toBe('validated');
    const verdict = await verdictOn('x86-64', record, recordCode([push('rax')], [pop('rcx')]));
    expect(verdict).toMatchObject({ status: 'validated', callees: ['test.ts#callee'] });
  });

  it('validates a loop as long as no round of it, on no input, goes astray', async () => {
    const total = `
      /** @ensures result >= 0 */
      export function f(a: Readonly<Uint8Array>): number {
        let sum = 0;
        for (let i = 0; i < a.length; i++) { invariant(0 <= sum && sum <= 255 * i); sum += a[i]; }
        return sum;
      }`;
    const byte = raw(0x0f, 0xb6, 0x17); // movzx edx, byte ptr [rdi]
    const around = (first: readonly Item[]): Item[] => [
      ...[lea('rcx', { base: 'rdi', index: 'rsi' }), movImmediate('rax', 0), label('round'), ...first],
      ...[alu('cmp', 'rdi', 'rcx'), jcc('e', 'end'), byte, alu('add', 'rax', 'rdx'), aluImmediate('add', 'rdi', 1)],
      ...[jmp('round'), label('end'), ret],
    ];
    expect(await statusOf(total, around([]))).toBe('validated');
    // One byte beyond the array, of which nothing is made; and no end, for one length.
    expect(await statusOf(total, around([byte]))).not.toBe('validated');
    if (isLong)
      expect(await statusOf(total, around([aluImmediate('cmp', 'rsi', 2077), jcc('e', 'round')]))).not.toBe(
        'validated',
      );
  });

  it('does not validate writes to memory that is only read, though it is as before at the end', async () => {
    // f(x, x) gives 0 here. That one array comes twice is forbidden only where one is written.
    const text = `
      /** @requires a.length > 0 && b.length > 0 */
      export function f(a: Readonly<Uint8Array>, b: Readonly<Uint8Array>): u8 { return b[0]; }`;
    const [first, second] = [memory('rdi'), memory('rdx')];
    expect(await statusOf(text, [load('rax', second, 8), ret])).toBe('validated');
    const swapping = [movImmediate('r8', 0), load('rcx', first, 8), store(first, 'r8', 8), load('rax', second, 8)];
    expect(await statusOf(text, [...swapping, store(first, 'rcx', 8), ret])).not.toBe('validated');
  });

  it.each([
    ['is above the caller’s for a moment', [copy, move(64), move(-64), ret]],
    ['is off its alignment for a moment', [copy, move(-4), move(4), ret]],
    ['is not as it was', [copy, push('rax'), ret]],
  ])('does not validate a stack pointer that %s', async (_, code) => {
    expect(await statusOf(identity, code)).not.toBe('validated');
  });

  it('does not validate what finds values below the stack pointer', async () => {
    expect(await statusOf(identity, [push('rdi'), move(8), move(-8), pop('rax'), ret])).not.toBe('validated');
    const below = memory('rsp', -8);
    expect(await statusOf(identity, [store(below, 'rdi'), load('rax', below), ret])).not.toBe('validated');
  });

  it.each([
    ['goes elsewhere', [copy, push('rdi'), ret]],
    ['takes arguments away', [copy, raw(0xc2, 8, 0)]],
    ['was written over', [copy, store(memory('rsp'), 'rdi'), ret]],
    [
      'was written over for a moment',
      [copy, load('rcx', memory('rsp')), store(memory('rsp'), 'rdi'), store(memory('rsp'), 'rcx'), ret],
    ],
  ])('does not validate a return address that %s', async (_, code) => {
    expect(await statusOf(identity, code)).not.toBe('validated');
  });

  it('wants the registers that callees keep, and the direction flag, as they were', async () => {
    for (const register of ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const) {
      expect(await statusOf(identity, [copy, aluImmediate('add', register, 1), ret])).not.toBe('validated');
      expect(await statusOf(identity, [copy, push(register), movImmediate(register, 1), pop(register), ret])).toBe(
        'validated',
      );
    }
    expect(await statusOf(identity, [copy, raw(0xfd), ret])).not.toBe('validated');
  });

  it.each([
    ['with a stack pointer off 16 bytes', [], [], []],
    ['with the caller’s frame below the stack pointer', [move(56)], [move(-56)], []],
    ['without the address of its result', [push('rax')], [pop('rcx')], [movImmediate('rax', 0)]],
  ])('does not validate a call %s', async (_, before, after, last) => {
    expect(await statusOf(record, recordCode(before, after, last))).not.toBe('validated');
  });

  it('takes nothing for granted of bits above a value, but that narrow arguments come in 32 bits', async () => {
    const wide = '/** @verified */ export function f(a: u32): number { return a; }';
    expect(await statusOf(wide, [copy, ret])).toBe('validated');
    expect(await statusOf(wide, [mov('rax', 'rdi'), ret])).not.toBe('validated');
    const caller = `${counting}\n/** @verified */ export function f(): number { const n = callee(7); return n; }`;
    const called = (argument: number, after: readonly Item[]): Item[] => [
      ...[push('rax'), movImmediate('rdi', argument), call('callee'), pop('rcx'), ...after, ret],
    ];
    expect(await statusOf(caller, called(7, [widen]))).toBe('validated');
    expect(await statusOf(caller, called(7, []))).not.toBe('validated');
    expect(await statusOf(caller, called(0x107, [widen]))).not.toBe('validated');
  });

  it('takes nothing for granted of words that the source does not use', async () => {
    const first = '/** @requires a.length > 0 */ export function f(a: Readonly<Uint8Array>): u8 { return a[0]; }';
    const byte = load('rax', memory('rdi'), 8);
    expect(await statusOf(first, [byte, ret])).toBe('validated');
    const looking = [byte, compareZero('rsi', 'rsi'), jcc('ne', 'end'), movImmediate('rax', 0), label('end'), ret];
    expect(await statusOf(first, looking)).not.toBe('validated');
    const calling = (body: string): string => `
      /** @requires a.length > 9 */
      function callee(a: Readonly<Uint8Array>): u8 { let n = 0; while (n < ${body}) { n++; } return n; }
      /** @requires a.length > 9 */
      export function f(a: Readonly<Uint8Array>): u8 { return callee(a); }`;
    const garbage = [push('rax'), movImmediate('rsi', 3), call('callee'), pop('rcx'), ret];
    expect(await statusOf(calling('a[0]'), garbage)).toBe('validated');
    expect(await statusOf(calling('(a.length > 20 ? 1 : 2)'), garbage)).not.toBe('validated');
  });

  it('does not validate what may trap', async () => {
    const sum = (of: string): string =>
      `/** @requires ${of} */ export function f(a: number, b: i32): number { return b > 0 ? a : b; }`;
    // mov rax, rdi; cqo; movsxd rcx, esi; idiv rcx
    const quotient = [mov('rax', 'rdi'), raw(0x48, 0x99), raw(0x48, 0x63, 0xce), raw(0x48, 0xf7, 0xf9)];
    const rest = [compareZero('rcx', 'rcx'), mov('rax', 'rcx'), cmovcc('g', 'rax', 'rdi'), ret];
    expect(await statusOf(sum('b > 0'), [...quotient, ...rest])).toBe('validated');
    expect(await statusOf(sum('b >= 0'), [...quotient, ...rest])).not.toBe('validated');
    // movaps [rsp + n], xmm0
    const vector = (offset: number): Item[] => [copy, move(-24), raw(0x0f, 0x29, 0x44, 0x24, offset), move(24), ret];
    expect(await statusOf(identity, vector(0))).toBe('validated');
    expect(await statusOf(identity, vector(8))).not.toBe('validated');
    expect(await statusOf(identity, [copy, jcc('o', 'on'), ret, label('on'), x86.plain('ud2')])).not.toBe('validated');
  });

  it('takes a flag that the processor leaves undefined for anything', async () => {
    const isZero = '/** @verified */ export function f(a: u32): boolean { return a === 0; }';
    expect(await statusOf(isZero, [compareZero('rdi', 'rdi', 32), setcc('e', 'rax'), ret])).toBe('validated');
    const square = [mov('rcx', 'rdi', 32), imul('rcx', 'rcx'), setcc('e', 'rax'), ret];
    expect(await statusOf(isZero, square)).not.toBe('validated');
  });

  it('does not take an address for its lower 32 bits', async () => {
    const far = [copy, leaLabel('rcx', 'callee'), movImmediate('rdx', 2n ** 32n), alu('add', 'rcx', 'rdx')];
    expect(await statusOf(identity, [...far, jmpRegister('rcx')])).not.toBe('validated');
  });

  it('validates code for wherever the image is moved to', async () => {
    const constant = `/** @verified */ export function f(): number { return ${ADDRESS + 8}; }`;
    const plain = [movImmediate('rax', ADDRESS + 8), ret];
    expect(await statusOf(constant, plain)).toBe('validated');
    expect(
      (await verdictOn('x86-64', constant, plain, () => ({ absolute: new Map([[ADDRESS + 1, 'unsigned']]) }))).status,
    ).not.toBe('validated');
    expect(await statusOf(constant, [leaLabel('rax', 'f'), ret, label('f')])).not.toBe('validated');
    expect(await statusOf(identity, [copy, movImmediate('rcx', ADDRESS + 9), jmpRegister('rcx'), ret])).not.toBe(
      'validated',
    );
  });

  it('validates nothing where what is assumed contradicts itself', async () => {
    const text = '/** @requires a > 5 && a < 3 */\nexport function f(a: u8): u8 { return a; }';
    expect(await statusOf(text, [movImmediate('rax', 7), ret])).not.toBe('validated');
    expect(await statusOf(text, [copy, ret])).not.toBe('validated');
  });
});
