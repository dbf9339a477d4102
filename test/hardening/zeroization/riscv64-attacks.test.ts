/**
 * RISC-V code of which it would be wrong to say that the secret is gone: it is left, or nobody can tell, and the analysis
 * says which. What is left is seen by the oracle, too, wherever it looks there.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { analyzeErasure, defaults } from '../../../hardening/zeroization/analyze.ts';
import type { Answer, Argument, Verdict } from '../../../hardening/zeroization/question.ts';
import { type Linked, linkedObjects } from '../../support/erasure/analysis.ts';
import { compileSubject, observe } from '../../support/erasure/oracle.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { riscv } from '../../support/toolchain.ts';

const asked: Readonly<Record<number, Argument>> = {
  0: { kind: 'secret', size: 32 },
  1: { kind: 'buffer', size: 16 },
};

const hidden = (answer: Answer): Record<string, Verdict<unknown>> => ({
  stack: answer.stack,
  registers: answer.registers,
  ...answer.elsewhere,
});

/** Parts that are not said to be clean, with the register where one is. */
function remains(answer: Answer): string[] {
  return Object.entries(hidden(answer)).flatMap(([part, verdict]) => {
    if (verdict.kind === 'erased') return [];
    if (verdict.kind === 'unknown') return [`unknown ${part}`];
    if (part !== 'registers') return [part];
    return answer.registers.kind === 'residue' ? answer.registers.residue.map(({ register }) => register) : [];
  });
}

/** What is left, and whether the oracle looks there and sees it. */
const left: readonly (readonly [string, readonly string[], 'seen' | 'unseen'])[] = [
  ['restores_secret', ['s0'], 'unseen'],
  ['leaves_temporary', ['t0'], 'seen'],
  ['leaves_below', ['stack'], 'seen'],
  ['leaves_by_gp', ['image'], 'seen'],
  ['leaves_by_tp', ['thread'], 'unseen'],
  ['tail_calls', ['t0'], 'seen'],
  ['tail_calls_far', ['t0'], 'seen'],
  ['leaves_compressed', ['stack'], 'seen'],
  ['leaves_compressed_float', ['stack'], 'seen'],
  ['leaves_under_return_address', ['stack'], 'seen'],
  ['returns_through_t0', ['ra'], 'seen'],
  ['spills_link', ['stack'], 'seen'],
  ['leaves_float', ['fs0'], 'unseen'],
  ['leaves_boxed', ['ft2'], 'seen'],
  ['raises_flags', ['fcsr'], 'unseen'],
  ['raises_flags_or_not', ['fcsr'], 'unseen'],
  ['compares_floats', ['t3', 'fcsr'], 'unseen'],
  ['multiplies_high', ['t1'], 'seen'],
  ['divides_by_secret', ['t1'], 'unseen'],
  ['swaps', ['image'], 'seen'],
  ['reads_reserved', ['t0'], 'seen'],
  ['chooses_least', ['stack'], 'seen'],
  ['branches', ['t1'], 'unseen'],
  ['sets_if_less', ['t0'], 'seen'],
  ['marks_by_secret', ['stack'], 'seen'],
  ['wipes_somewhere', ['stack'], 'seen'],
  ['leaves_high_word', ['stack'], 'seen'],
  ['wipes_low_word', ['t0'], 'seen'],
  ['leaves_above_its_frame', ['stack'], 'unseen'],
  ['leaves_behind_the_secret', ['0'], 'unseen'],
  ['stores_what_is_kept', ['stack'], 'seen'],
];

describe('RISC-V code that wants to be called clean', () => {
  let program: Linked;
  beforeAll(async () => {
    const object = await compileSubject(riscv, riscv.cc, 'attacks-riscv64.S', []);
    program = await linkedObjects(riscv, [object], temporaryFolder('attacks-riscv64'), 'attacks');
  });
  const ask = (name: string): Answer =>
    analyzeErasure(
      program.followed,
      { function: name, arguments: asked, result: 4, clears: false },
      { ...defaults, mostSteps: 1000 },
    );

  it.each(left)('leaves what is said: %s, in %s', (name, where) => {
    expect(remains(ask(name))).toEqual(where);
  });

  it.runIf(isLong).each(left.filter(([, , seen]) => seen === 'seen'))(
    'leaves what runs show: %s',
    async (name, where) => {
      const seen = await observe(riscv, program.image, {
        function: name,
        arguments: [
          { kind: 'secret', size: 32 },
          { kind: 'public', bytes: new Uint8Array(16).fill(3) },
        ],
        result: 4,
      });
      const parts = { stack: seen.stack, image: seen.memory, 1: seen.buffers.get(1)! };
      const names = Object.entries(parts).flatMap(([part, ranges]) => (ranges.length > 0 ? [part] : []));
      // By the names of the calling convention.
      const floats: Readonly<Record<string, string>> = { f2: 'ft2' };
      expect([...names, ...seen.registers.map((register) => floats[register] ?? register)]).toEqual(where);
    },
  );

  it('is clean where it is: registers are restored, prologues shared', () => {
    expect(remains(ask('keeps_and_restores'))).toEqual([]);
    expect(remains(ask('shares_its_prologue'))).toEqual([]);
  });

  it('may have the sign of its result in all of the register, and nothing more', () => {
    expect(remains(ask('says_less_than_zero'))).toEqual([]);
    expect(remains(ask('says_so_on_two_ways'))).toEqual([]);
    expect(remains(ask('says_more_than_it_should'))).toEqual(['a0']);
    expect(remains(ask('says_more_on_one_way'))).toEqual(['a0']);
  });

  it('does not decide by who calls', () => {
    expect(remains(ask('asks_who_calls'))).toEqual(['a2']);
  });

  it.each([
    ['returns_to_secret', 'a jump to where nobody knows'],
    ['jumps_by_secret', 'a jump to where nobody knows'],
    ['loses_return', 'a jump to where nobody knows'],
    ['grows_its_frame', 'the stack pointer is computed in a way that is not understood'],
    ['switches_stacks', 'the stack pointer is computed in a way that is not understood'],
    ['stores_conditionally', 'sc.d: it has no meaning here'],
    ['asks_environment', 'ecall: it has no meaning here'],
    ['asks_flags', 'csrrs: it has no meaning here'],
    ['asks_time', 'csrrs: it has no meaning here'],
    ['rotates_by_extension', '0x60b55533, no instruction of RV64GC: it has no meaning here'],
    ['changes_gp', 'a store to nobody knows where'],
    ['stores_by_pointer', 'the secret is stored to nobody knows where'],
    ['writes_its_code', 'which is code: it modifies itself'],
    ['runs_into_nothing', 'no code is there'],
  ])('is unknown where nobody can tell: %s', (name, reason) => {
    const { stack, registers } = ask(name);
    expect(stack.kind === 'unknown' ? stack.reason : stack.kind).toContain(reason);
    expect(registers.kind).toBe('unknown');
    const start = program.followed.symbols.get(name)!;
    if (name !== 'runs_into_nothing')
      expect(stack.kind === 'unknown' && stack.at >= start && stack.at - start < 20).toBe(true);
  });

  it('finds data by gp where the image says what gp is', () => {
    const { image, followed } = program;
    expect(ask('leaves_by_gp').elsewhere['image']).toMatchObject({
      residue: [{ from: image.address('small'), length: 8 }],
    });
    expect(ask('leaves_by_gp').assumptions).toContain('gp holds the address that __global_pointer$ has');
    const { globalPointer, ...unsaid } = followed;
    expect(globalPointer).toBe(image.address('small') + 2048);
    const { stack } = analyzeErasure(unsaid, { function: 'leaves_by_gp', arguments: asked, result: 4, clears: false });
    expect(stack).toMatchObject({ kind: 'unknown', reason: 'the secret is stored to nobody knows where' });
  });

  it('is unknown altogether on a machine whose instructions have no meaning here', () => {
    const { stack } = analyzeErasure(
      { ...program.followed, machine: 183 },
      { function: 'leaves_below', arguments: asked, result: 4, clears: false },
    );
    expect(stack).toMatchObject({ kind: 'unknown', reason: 'aarch64: what its instructions do is not known here' });
  });
});
