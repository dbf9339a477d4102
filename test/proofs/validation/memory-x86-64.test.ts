/** Translation validation of x86-64 code that uses memory of its own, of the image and of its thread, by every kind of address. */
import { describe, expect, it } from 'vitest';
import { data, type Item, label, littleEndian } from '../../../machine/assemble/listing.ts';
import * as x86 from '../../../machine/assemble/x86-64.ts';
import { tableBytes } from '../../../proofs/validation/tables.ts';
import type { AddressField } from '../../../proofs/validation/walk.ts';
import { ADDRESS, type Around, END, statusOn } from '../../support/hand-written.ts';

const TABLE = 0x20000;
const { aluImmediate, aluLoad, call, jcc, lea, leaLabel, load, memory, mov, movImmediate, plain, store } = x86;
const { storeImmediate } = x86;
const ret = x86.ret();
const move = (bytes: number): Item => aluImmediate('add', 'rsp', bytes);
const raw = (...bytes: number[]): Item => data(bytes);

const statusOf = statusOn('x86-64');

const element = `
  const T = new Uint8Array([5, 6, 7]);
  /** @requires i < 3 */
  export function f(i: u8): u8 { return T[i]; }`;

/** The table, and how a field of the code, so many bytes behind its beginning, holds an address. */
const fieldAt =
  (offset: number, kind: AddressField): Around =>
  ({ tables: [table] }) => ({
    tables: [{ table, contents: tableBytes(table)!, address: TABLE }],
    absolute: new Map([[ADDRESS + offset, kind]]),
  });

const low = mov('rax', 'rdi', 32);
const four = (address: number): number[] => littleEndian(address, 4);
/** Behind `low`, from its third byte on. */
const byDisplacement = (address: number): Item[] => [low, raw(0x0f, 0xb6, 0x80, ...four(address)), ret];
/** An instruction, then movzx eax, byte ptr [rcx + rax]. */
const through = (...bytes: number[]): Item[] => [low, raw(...bytes), raw(0x0f, 0xb6, 0x04, 0x01), ret];
const MOV_ECX = 0xb9;

describe('translation validation of x86-64 code', () => {
  it('reads tables at places that displacements say, wherever the image is moved to', async () => {
    expect(await statusOf(element, byDisplacement(TABLE), fieldAt(5, 'signed'))).toBe('validated');
    expect(await statusOf(element, byDisplacement(TABLE + 1), fieldAt(5, 'signed'))).not.toBe('validated');
    // Without the table, with a number that does not move, in a field that is none, and in one that the processor extends otherwise.
    const bare: Around = () => ({ absolute: new Map([[ADDRESS + 5, 'signed']]) });
    expect(await statusOf(element, byDisplacement(TABLE), bare)).toBe('undecided');
    for (const [offset, kind] of [
      [99, 'signed'],
      [4, 'signed'],
      [5, 'unsigned'],
      [5, 'word'],
      [5, 'other'],
    ] as const)
      expect(await statusOf(element, byDisplacement(TABLE), fieldAt(offset, kind)), `${offset} ${kind}`).toBe(
        'undecided',
      );
  });

  it.each([
    ['mov ecx, address', [MOV_ECX, ...four(TABLE)], 3, 'unsigned', 'signed'],
    ['mov rcx, address', [0x48, 0xc7, 0xc1, ...four(TABLE)], 5, 'signed', 'unsigned'],
    ['movabs rcx, address', [0x48, MOV_ECX, ...littleEndian(TABLE, 8)], 4, 'word', 'signed'],
  ] as const)(
    'takes what an immediate says for an address as its field is extended: %s',
    async (_, bytes, offset, kind, other) => {
      expect(await statusOf(element, through(...bytes), fieldAt(offset, kind))).toBe('validated');
      expect(await statusOf(element, through(...bytes), fieldAt(offset, other))).toBe('undecided');
      expect(await statusOf(element, through(...bytes), fieldAt(99, kind))).toBe('undecided');
    },
  );

  it('takes the word of the stack protector for what nobody knows or changes, in the image or in the thread', async () => {
    const text = '/** @verified */ export function f(a: u8): u8 { return a; }';
    const code = (protector: readonly Item[], between: readonly Item[] = []): Item[] => [
      ...[low, move(-24), ...protector, store(memory('rsp', 8), 'rcx'), ...between, ...protector],
      ...[aluLoad('cmp', 'rcx', memory('rsp', 8)), jcc('ne', 'broken'), move(24), ret],
      ...[label('broken'), plain('ud2')],
    ];
    const overwritten = [store(memory('rsp', 8), 'rdi')];
    const image = [leaLabel('rcx', END), load('rcx', memory('rcx'))];
    const around: Around = (_, address) => ({ guard: { address, slots: [] } });
    expect(await statusOf(text, code(image), around)).toBe('validated');
    expect(await statusOf(text, code(image, overwritten), around)).not.toBe('validated');
    expect(await statusOf(text, code(image))).toBe('undecided');
    const segment = (prefix: number, offset: number): Item[] => [raw(prefix, 0x48, 0x8b, 0x0c, 0x25, ...four(offset))];
    const [fs, gs] = [0x64, 0x65];
    expect(await statusOf(text, code(segment(fs, 0x28)))).toBe('validated');
    expect(await statusOf(text, code(segment(fs, 0x28), overwritten))).not.toBe('validated');
    expect(await statusOf(text, code(segment(fs, 0x30)))).toBe('undecided');
    expect(await statusOf(text, code(segment(gs, 0x28)))).toBe('undecided');
  });

  it('holds the bytes of an array on the stack against the source where it is handed on', async () => {
    const text = `
      /** @verified */
      function callee(a: Readonly<Uint8Array>): number { let n = 0; while (n < a.length) { n++; } return n; }
      /** @verified */
      export function f(n: u8): number { const a = new Uint8Array(8); a[3] = n; return callee(a); }`;
    const code = (at: number, length: number): Item[] => [
      ...[move(-24), storeImmediate(memory('rsp', 8), 0), store(memory('rsp', at), 'rdi', 8)],
      ...[lea('rdi', memory('rsp', 8)), movImmediate('rsi', length), call('callee'), move(24), ret],
    ];
    expect(await statusOf(text, code(11, 8))).toBe('validated');
    expect(await statusOf(text, code(12, 8))).not.toBe('validated');
    expect(await statusOf(text, code(11, 7))).not.toBe('validated');
  });
});
