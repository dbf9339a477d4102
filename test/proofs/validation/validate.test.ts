/** Translation validation: right code is validated, code that was changed to behave otherwise never is. */
import { describe, expect, it } from 'vitest';
import { operationAt } from '../../../machine/semantics/riscv64.ts';
import { findWitness } from '../../../proofs/validation/replay.ts';
import type { Subject } from '../../../proofs/validation/subject.ts';
import { validate } from '../../../proofs/validation/validate.ts';
import { programOf } from '../../support/contracts.ts';
import { askQueries, type CodeOfFunction, compileFunctions } from '../../support/validation.ts';
import { programOfFile } from '../../support/verified-host.ts';

const isLong = process.env['CASEMATE_LONG'] === '1';

const text = `
/** @ensures result === (byte >= 65 && byte <= 90 ? byte + 32 : byte) */
export function lower(byte: u8): u8 { return byte >= 65 && byte <= 90 ? byte + 32 : byte; }
/** @requires lo <= hi */
export function midpoint(lo: u32, hi: u32): u32 { return lo + Math.trunc((hi - lo) / 2); }
/** @requires 0 <= at && at + 2 <= bytes.length */
export function read16(bytes: Readonly<Uint8Array>, at: number): u16 { return (bytes[at] << 8) | bytes[at + 1]; }
/**
 * @requires 0 <= at && at + 4 <= out.length
 * @modifies out
 */
export function put32(out: Uint8Array, at: number, value: u32): void {
  put16(out, at, value >>> 16);
  put16(out, at + 2, value & 0xffff);
}
/**
 * @requires 0 <= at && at + 2 <= out.length
 * @modifies out
 */
function put16(out: Uint8Array, at: number, value: u16): void { out[at] = value >>> 8; out[at + 1] = value & 255; }
interface Header { readonly valid: boolean; readonly kind: u8; readonly length: u16; readonly total: u32; readonly end: number }
/** @ensures !result.valid || result.length + 4 <= bytes.length */
export function readHeader(bytes: Readonly<Uint8Array>): Header {
  if (bytes.length < 4) return { valid: false, kind: 0, length: 0, total: 0, end: 0 };
  const length = read16(bytes, 2);
  if (length > bytes.length - 4) return { valid: false, kind: 0, length: 0, total: 1, end: -1 };
  return { valid: true, kind: bytes[0], length, total: length + 4, end: bytes.length };
}
interface Cursor { at: u32; readonly end: u32 }
/**
 * @requires cursor.at < 4294967295
 * @modifies cursor.at
 */
export function advance(cursor: Cursor): boolean {
  if (cursor.at >= cursor.end) return false;
  cursor.at++;
  return true;
}
/** @modifies cursor.at */
export function rewind(cursor: Cursor): boolean {
  if (cursor.at === 0) return false;
  cursor.at = 0;
  return true;
}
/** @modifies cursor.at */
export function advanceTwice(cursor: Cursor): u8 {
  if (cursor.at > 100) return 0;
  const first = advance(cursor);
  if (!first) return 1;
  const second = advance(cursor);
  return second ? 2 : 3;
}
/**
 * @requires at + 8 <= out.length && count <= 8
 * @modifies out
 */
export function fill(out: Uint8Array, at: u32, count: u32, value: u8): void {
  for (let i = 0; i < count; i++) out[at + i] = value;
}
/** @ensures result <= a.length */
export function find(a: Readonly<Uint8Array>, value: u8): number {
  let i = 0;
  while (i < a.length && a[i] !== value) {
    invariant(0 <= i && i <= a.length);
    i++;
  }
  return i;
}
/** @requires a.length <= 100 */
export function isMore(a: Readonly<Uint8Array>, b: Readonly<Uint8Array>, by: u32): boolean {
  const left = total(a);
  const right = total(b);
  return left > right + by;
}
/** @ensures result >= 0 */
export function total(a: Readonly<Uint8Array>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) { invariant(0 <= sum && sum <= 255 * i); sum += a[i]; }
  return sum;
}
`;

let compiled: Promise<CodeOfFunction[]> | undefined;
const functions = (): Promise<CodeOfFunction[]> => {
  compiled ??= compileFunctions(programOf(text));
  return compiled;
};

/** The code with one bit flipped, wherever that is another instruction. */
function mutants(subject: CodeOfFunction): Subject[] {
  const { code, start, size } = subject;
  const found: Subject[] = [];
  for (let offset = start - code.address; offset < start - code.address + size; ) {
    const length = operationAt(code.bytes, offset)?.length ?? 2;
    for (let bit = 0; bit < length * 8; bit++) {
      const bytes = new Uint8Array(code.bytes);
      bytes[offset + (bit >> 3)] ^= 1 << (bit & 7);
      if (operationAt(bytes, offset)?.length === length) found.push({ ...subject, code: { ...code, bytes } });
    }
    offset += length;
  }
  return found;
}

/** Some of those of which a run shows that they behave otherwise. */
function harmful(subjects: readonly CodeOfFunction[], perFunction: number): Subject[] {
  return subjects.flatMap((subject) => {
    const all = mutants(subject);
    // Spread over the function.
    const spread = all.map((_, i) => all[(i * 37) % all.length]);
    const found: Subject[] = [];
    for (const one of spread) {
      if (found.length === perFunction) break;
      if (findWitness(one, 60, 3) !== undefined) found.push(one);
    }
    return found;
  });
}

describe('translation validation of riscv64 code', () => {
  it('validates branches, slices, records, objects, calls and loops', async () => {
    const verdicts = new Map<string, string>();
    for (const subject of await functions()) {
      const verdict = await validate(subject, askQueries);
      verdicts.set(subject.function.name, verdict.status === 'undecided' ? verdict.reason : verdict.status);
    }
    expect(Object.fromEntries(verdicts)).toEqual({
      ...{ lower: 'validated', midpoint: 'validated', read16: 'validated', put16: 'validated', put32: 'validated' },
      ...{
        readHeader: 'validated',
        advance: 'validated',
        rewind: 'validated',
        advanceTwice: 'validated',
        isMore: 'validated',
      },
      ...{ total: 'validated', fill: 'validated', find: 'validated' },
    });
  });

  it('validates no code that a run shows to behave otherwise', async () => {
    const planted = harmful(await functions(), isLong ? 8 : 1);
    expect(planted.length).toBeGreaterThanOrEqual(isLong ? 40 : 6);
    for (const mutant of planted) {
      const verdict = await validate(mutant, askQueries);
      expect(verdict.status, mutant.function.name).not.toBe('validated');
    }
  });

  it('does not take the code of one function for another that differs in one case', async () => {
    const [midpoint, lower] = ['midpoint', 'lower'].map(
      async (name) => (await functions()).find((one) => one.function.name === name)!,
    );
    const other = programOf(text.replace('Math.trunc((hi - lo) / 2)', 'Math.trunc((hi - lo + 1) / 2)'));
    const changed = other.functions.find(({ name }) => name === 'midpoint')!;
    const verdict = await validate({ ...(await midpoint), program: other, function: changed }, askQueries);
    expect(verdict.status).toBe('refuted');
    const elsewhere = { ...(await lower), start: (await midpoint).start };
    expect((await validate(elsewhere, askQueries)).status).toBe('refuted');
  });

  it.each([
    ['another callee', 'const second = advance(cursor);', 'const second = rewind(cursor);', 'advanceTwice'],
    ['a call less', 'const second = advance(cursor);', 'const second = true;', 'advanceTwice'],
    ['another argument', 'const right = total(b);', 'const right = total(a);', 'isMore'],
    [
      'another order of calls',
      'const left = total(a);\n  const right = total(b);',
      'const right = total(b);\n  const left = total(a);',
      'isMore',
    ],
    ['another bound of a loop', 'i < count', 'i + 1 < count', 'fill'],
    ['another step of a loop', 'i++) out', 'i += 2) out', 'fill'],
    ['another place in a loop', 'out[at + i] = value', 'out[at] = value', 'fill'],
    ['another beginning of a loop', 'let i = 0;\n  while', 'let i = 1;\n  while', 'find'],
    ['another condition of a loop', 'a[i] !== value', 'a[i] > value', 'find'],
    ['another sum in a loop', 'sum += a[i]', 'sum += a[i] + 1', 'total'],
    ['another use of a result', 'left > right + by', 'right > left + by', 'isMore'],
  ])('does not validate code that makes %s', async (_, from, to, name) => {
    const own = (await functions()).find((one) => one.function.name === name)!;
    expect(text).toContain(from);
    const other = programOf(text.replace(from, to));
    const changed = other.functions.find((one) => one.name === name)!;
    const verdict = await validate({ ...own, program: other, function: changed }, askQueries);
    expect(verdict.status).not.toBe('validated');
  });

  it('wants the registers that callees keep, and the stack pointer, as they were', async () => {
    const lower = (await functions()).find((one) => one.function.name === 'lower')!;
    for (const clobber of [0x0405, 0x0489, 0x1141]) {
      // addi s0, s0, 1; addi s1, s1, 2; addi sp, sp, -16: before the function's own code.
      const own = lower.code.bytes.subarray(
        lower.start - lower.code.address,
        lower.start - lower.code.address + lower.size,
      );
      const bytes = new Uint8Array([clobber & 255, clobber >> 8, ...own]);
      const plain = { ...lower, code: { address: 0x1000, bytes: new Uint8Array([1, 0, ...own]) }, start: 0x1000 };
      expect((await validate(plain, askQueries)).status).toBe('validated');
      expect((await validate({ ...plain, code: { address: 0x1000, bytes } }, askQueries)).status).toBe('refuted');
    }
  });

  it.skipIf(!isLong)(
    'validates the DNS server for the most part, and none of 50 planted changes',
    async () => {
      const subjects = await compileFunctions(programOfFile('examples/dns/main.ts'));
      const validated: CodeOfFunction[] = [];
      for (const subject of subjects) {
        if ((await validate(subject, askQueries)).status === 'validated') validated.push(subject);
      }
      const bytes = (of: readonly CodeOfFunction[]): number => of.reduce((sum, { size }) => sum + size, 0);
      expect(validated.length / subjects.length).toBeGreaterThanOrEqual(0.6);
      expect(bytes(validated) / bytes(subjects)).toBeGreaterThanOrEqual(0.4);
      const planted = harmful(validated, 4);
      expect(planted.length).toBeGreaterThanOrEqual(50);
      for (const mutant of planted)
        expect((await validate(mutant, askQueries)).status, mutant.function.name).not.toBe('validated');
    },
    3_600_000,
  );
});
