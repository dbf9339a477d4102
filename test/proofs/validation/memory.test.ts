/** Translation validation of code that uses memory of its own and of the image: arrays, objects, tables, the stack protector. */
import { describe, expect, it } from 'vitest';
import { type Item, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import { tableBytes } from '../../../proofs/validation/tables.ts';
import { type Around, END, statusOn } from '../../support/hand-written.ts';

const { alu, aluImmediate, branch, call, jalr, la, li, load, mv, store } = rv;
const move = (bytes: number): Item => aluImmediate('addi', 'sp', 'sp', bytes);
const ret = jalr('zero', 'ra');

const statusOf = statusOn('riscv64');

/** A call of `callee` in a frame with the return address. */
const calling = (before: readonly Item[], after: readonly Item[] = []): Item[] => [
  ...[move(-32), store('sd', 'ra', 'sp', 24), ...before, call('callee'), ...after],
  ...[load('ld', 'ra', 'sp', 24), move(32), ret],
];

describe('translation validation', () => {
  it('holds the bytes of an array on the stack against the source where it is handed on', async () => {
    const text = `
      /** @verified */
      function callee(a: Readonly<Uint8Array>): number { let n = 0; while (n < a.length) { n++; } return n; }
      /** @verified */
      export function f(n: u8): number { const a = new Uint8Array(8); a[3] = n; return callee(a); }`;
    const code = (zeros: readonly Item[], at: number, length: number): Item[] =>
      calling([...zeros, store('sb', 'a0', 'sp', at), aluImmediate('addi', 'a0', 'sp', 8), ...li('a1', length)]);
    const zeros = [store('sd', 'zero', 'sp', 8)];
    expect(await statusOf(text, code(zeros, 11, 8))).toBe('validated');
    expect(await statusOf(text, code(zeros, 12, 8))).not.toBe('validated');
    expect(await statusOf(text, code([], 11, 8))).not.toBe('validated');
    expect(await statusOf(text, code(zeros, 11, 7))).not.toBe('validated');
  });

  it('holds the fields of an object on the stack against the source, and has what a callee leaves in it', async () => {
    const text = `
      interface P { x: u8; readonly y: number }
      /** @modifies p.x */
      function callee(p: P): void { while (p.x > 3) p.x--; }
      /** @verified */
      export function f(y: number): u8 { const p: P = { x: 9, y }; callee(p); return p.x; }`;
    const code = (x: number, y: readonly Item[], after: readonly Item[]): Item[] =>
      calling([...li('t0', x), store('sb', 't0', 'sp', 0), ...y, mv('a0', 'sp')], after);
    const y = [store('sd', 'a0', 'sp', 8)];
    const result = [load('lbu', 'a0', 'sp', 0)];
    expect(await statusOf(text, code(9, y, result))).toBe('validated');
    expect(await statusOf(text, code(8, y, result))).not.toBe('validated');
    expect(await statusOf(text, code(9, [], result))).not.toBe('validated');
    expect(await statusOf(text, code(9, y, li('a0', 9)))).not.toBe('validated');
  });

  it('reads tables where the image has them', async () => {
    const text = `
      const T = new Uint8Array([5, 6, 7]);
      /** @requires i < 3 */
      export function f(i: u8): u8 { return T[i]; }`;
    const code = (offset: number): Item[] => [
      ...[la('t0', END), alu('add', 't0', 't0', 'a0'), load('lbu', 'a0', 't0', offset), ret],
    ];
    const around: Around = ({ tables: [table] }, address) => ({
      tables: [{ table, contents: tableBytes(table)!, address }],
    });
    expect(await statusOf(text, code(0), around)).toBe('validated');
    expect(await statusOf(text, code(1), around)).not.toBe('validated');
    expect(await statusOf(text, code(0))).toBe('undecided');
  });

  it('takes the word of the stack protector for what nobody knows or changes', async () => {
    const text = '/** @verified */ export function f(a: u8): u8 { return a; }';
    const code = (between: readonly Item[]): Item[] => [
      ...[move(-16), la('t0', END), load('ld', 't0', 't0'), store('sd', 't0', 'sp', 8), ...between],
      ...[la('t0', END), load('ld', 't0', 't0'), load('ld', 't1', 'sp', 8), branch('bne', 't0', 't1', 'broken')],
      ...[move(16), ret, label('broken'), jalr('zero', 'zero')],
    ];
    const around: Around = (_, address) => ({ guard: { address, slots: [] } });
    expect(await statusOf(text, code([]), around)).toBe('validated');
    expect(await statusOf(text, code([store('sd', 'a0', 'sp', 8)]), around)).not.toBe('validated');
    expect(await statusOf(text, code([]))).toBe('undecided');
  });
});
