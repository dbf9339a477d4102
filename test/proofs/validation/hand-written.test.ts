/** Translation validation of code that no compiler would write: what the ABI and the types forbid is never validated. */
import { describe, expect, it } from 'vitest';
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { ADDRESS, statusOn, verdictOn } from '../../support/hand-written.ts';

const { alu, aluImmediate, branch, call, j, jalr, la, li, load, mv, store } = rv;
const move = (bytes: number): Item => aluImmediate('addi', 'sp', 'sp', bytes);
const ret = jalr('zero', 'ra');

const statusOf = statusOn('riscv64');

const identity = '/** @verified */ export function f(a: u8): u8 { return a; }';
const record = `
interface R { readonly a: number; readonly b: number; readonly c: number }
/** @requires x > 0 */
function callee(x: u8): number { let n = 0; while (n < x) { n++; } return n; }
/** @verified */
export function f(): R { const n = callee(7); return { a: n, b: 1, c: 2 }; }
`;

/** Of `record`: registers are kept in the memory of the result, and `around` stands around the call. */
const recordCode = (before: readonly Item[], after: readonly Item[]): Item[] => [
  ...[store('sd', 's0', 'a0', 0), store('sd', 's1', 'a0', 8), mv('s0', 'ra'), mv('s1', 'a0'), ...li('a0', 7)],
  ...[...before, call('callee'), ...after],
  ...[mv('ra', 's0'), mv('t1', 's1'), load('ld', 's0', 't1', 0), load('ld', 's1', 't1', 8), store('sd', 'a0', 't1', 0)],
  ...[...li('t0', 1), store('sd', 't0', 't1', 8), ...li('t0', 2), store('sd', 't0', 't1', 16), ret],
];

describe('translation validation of code written by hand', () => {
  it('validates what keeps to the ABI', async () => {
    expect(await statusOf(identity, [ret])).toBe('validated');
    expect(await statusOf(identity, [la('t1', 'callee'), jalr('zero', 't1')])).toBe('validated');
    const saved = [move(-16), store('sd', 'a0', 'sp', 8), load('ld', 'a0', 'sp', 8), move(16), ret];
    expect(await statusOf(identity, saved)).toBe('validated');
    const verdict = await verdictOn('riscv64', record, recordCode([move(-16)], [move(16)]));
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
    const around = (before: readonly Item[], first: readonly Item[], last: readonly Item[]): Item[] => [
      ...[mv('t0', 'a0'), alu('add', 't1', 'a0', 'a1'), ...li('a0', 0), ...before, label('round'), ...first],
      ...[branch('beq', 't0', 't1', 'end'), load('lbu', 't2', 't0'), alu('add', 'a0', 'a0', 't2')],
      ...[aluImmediate('addi', 't0', 't0', 1), ...last, j('round'), label('end'), ret],
    ];
    expect(await statusOf(total, around([], [], []))).toBe('validated');
    // One byte beyond the array, of which nothing is made; and no end, for one length.
    expect(await statusOf(total, around([], [], [load('lbu', 't2', 't0')]))).not.toBe('validated');
    expect(await statusOf(total, around(li('t3', 2077), [branch('beq', 'a1', 't3', 'round')], []))).not.toBe(
      'validated',
    );
  });

  it('does not validate writes to memory that is only read, though it is as before at the end', async () => {
    // f(x, x) gives 0 here. That one array comes twice is forbidden only where one is written.
    const text = `
      /** @requires a.length > 0 && b.length > 0 */
      export function f(a: Readonly<Uint8Array>, b: Readonly<Uint8Array>): u8 { return b[0]; }`;
    const honest = [load('lbu', 'a0', 'a2'), ret];
    const swapping = [
      ...[load('lbu', 't0', 'a0'), store('sb', 'zero', 'a0'), load('lbu', 't1', 'a2'), store('sb', 't0', 'a0')],
      ...[mv('a0', 't1'), ret],
    ];
    expect(await statusOf(text, honest)).toBe('validated');
    expect(await statusOf(text, swapping)).not.toBe('validated');
  });

  it.each([
    ['above the caller', [move(64), move(-64), ret]],
    ['off its alignment', [move(-8), move(8), ret]],
  ])('does not validate a stack pointer that is %s for a moment', async (_, code) => {
    expect(await statusOf(identity, code)).not.toBe('validated');
  });

  it('does not validate what finds values below the stack pointer again', async () => {
    const code = [move(-16), store('sd', 'a0', 'sp', 8), move(16), move(-16), load('ld', 'a0', 'sp', 8), move(16), ret];
    expect(await statusOf(identity, code)).not.toBe('validated');
  });

  it.each([
    ['with the caller’s frame below the stack pointer', [move(64)], [move(-64)]],
    [
      'with another thread pointer',
      [move(-16), store('sd', 'tp', 'sp', 8), ...li('tp', 0)],
      [load('ld', 'tp', 'sp', 8), move(16)],
    ],
  ])('does not validate a call %s', async (_, before, after) => {
    expect(await statusOf(record, recordCode(before, after))).not.toBe('validated');
  });

  it('does not take an address for its lower 32 bits', async () => {
    const far = [la('t1', 'callee'), ...li('t0', 2n ** 32n), alu('add', 't1', 't1', 't0'), jalr('zero', 't1')];
    expect(await statusOf(identity, far)).not.toBe('validated');
  });

  it('validates code for wherever the image is moved to', async () => {
    expect(await statusOf(identity, [...li('t1', ADDRESS + 12), jalr('zero', 't1'), ret])).not.toBe('validated');
    const constant = `/** @verified */ export function f(): number { return ${ADDRESS + 8}; }`;
    expect(await statusOf(constant, [...li('a0', ADDRESS + 8), ret])).toBe('validated');
    expect(await statusOf(constant, [la('a0', 'f'), label('f'), ret])).not.toBe('validated');
  });

  it('validates nothing where what is assumed contradicts itself', async () => {
    const text = '/** @requires a > 5 && a < 3 */\nexport function f(a: u8): u8 { return a; }';
    expect(await statusOf(text, [...li('a0', 7), ret])).not.toBe('validated');
    expect(await statusOf(text, [ret])).not.toBe('validated');
  });

  it('assumes nothing false of a bigint', async () => {
    const local = '/** @verified */ export function f(): u32 { const y: bigint = 5n; const z: u64 = y; return 3; }';
    expect(await statusOf(local, [...li('a0', 7), ret])).not.toBe('validated');
    const field = `
      interface Pair { a: u64; b: i64 }
      /**
       * @requires pair.b >= 0n
       * @modifies pair
       */
      export function f(pair: Pair): void { pair.a = pair.b; }`;
    expect(await statusOf(field, [store('sd', 'zero', 'a0'), ret])).not.toBe('validated');
  });
});
