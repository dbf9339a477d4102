/** Translation validation: right code is validated, code that was changed to behave otherwise never is. */
import { describe, expect, it } from 'vitest';
import { validate } from '../../../proofs/validation/validate.ts';
import { programOf } from '../../support/contracts.ts';
import { isLong } from '../../support/long.ts';
import { harmful, functionsText as text } from '../../support/validated-functions.ts';
import { askQueries, type CodeOfFunction, compileFunctions } from '../../support/validation.ts';

let compiled: Promise<CodeOfFunction[]> | undefined;
const functions = (): Promise<CodeOfFunction[]> => {
  compiled ??= compileFunctions(programOf(text));
  return compiled;
};

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
      const at = { machine: 'riscv64', address: 0x1000 } as const;
      const plain = { ...lower, code: { ...at, bytes: new Uint8Array([1, 0, ...own]) }, start: 0x1000 };
      expect((await validate(plain, askQueries)).status).toBe('validated');
      expect((await validate({ ...plain, code: { ...at, bytes } }, askQueries)).status).toBe('refuted');
    }
  });
});
