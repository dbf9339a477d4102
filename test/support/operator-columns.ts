/**
 * Columns of the table of operators, run on the pairs of a case: each gives the digest that JavaScript gives, or is wrong.
 *
 * Integers, bits and registers are run as the terms that a solver is asked, so what is tried is what proofs use.
 */

import type { Register } from '../../analyzers/operators/columns.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import { type IntegerName, rangeOf } from '../../analyzers/types.ts';
import { createArithmetic } from '../../proofs/arithmetic.ts';
import { bitTerms, bitVariable } from '../../proofs/bits.ts';
import { createFacts, type Facts } from '../../proofs/facts.ts';
import { createIntervals } from '../../proofs/intervals.ts';
import type { Term } from '../../proofs/smt/terms.ts';
import * as t from '../../proofs/smt/terms.ts';
import { type Case, createDigest, expected } from './operator-cases.ts';
import { compileTerm, fitsDoubles } from './term-code.ts';

export type Column = 'integers' | 'bits' | 'machine';

interface Runnable {
  /** The variables that operands are. */
  readonly inputs: readonly Term[];
  readonly term: Term;
  readonly facts?: Facts;
  /** Whether all that is computed fits doubles, for operands of 8 bits. */
  readonly small: boolean;
  /** An operand as its variable has it, and a result as a value. */
  readonly write: (value: bigint, at: number) => bigint;
  readonly read: (value: bigint) => bigint;
}

const asIs = (value: bigint): bigint => value;

function integers({ operator, wrap, types, exhaustive }: Case): Runnable {
  const facts = createFacts();
  const m = createArithmetic(facts, createIntervals(facts));
  const inputs = types.map((type, i) => facts.visible(`x${i}`, 'Int', rangeOf(type)));
  const inner = operatorOf(operator).meaning(m, inputs);
  const term = wrap === undefined ? inner : (operatorOf(wrap).meaning(m, [inner]) as Term);
  return {
    inputs,
    term,
    facts,
    small: exhaustive && operatorOf(operator).domain === 'number',
    write: asIs,
    read: asIs,
  };
}

/** The variable inside of what an operand is: without the sign that a natural one gets. */
const bareVariable = (term: Term): Term => (term.kind === 'apply' ? term.operands[0] : term);

function bits({ operator, wrap, types }: Case): Runnable {
  const operands = types.map((type, i) => bitVariable(`x${i}`, type));
  const inputs = operands.map(bareVariable);
  const inner = operatorOf(operator).bits(bitTerms, operands);
  const term = wrap === undefined ? inner : (operatorOf(wrap).bits(bitTerms, [inner]) as Term);
  return {
    inputs,
    term,
    small: [term, ...inputs].every(fitsDoubles),
    write: (value, at) => BigInt.asUintN(t.bitsOf(inputs[at]), value),
    read: (value) => (term.sort === 'Bool' ? value : BigInt.asIntN(t.bitsOf(term), value)),
  };
}

/** Registers as C's types have them: one that holds all operands, two where none does. */
function registerFor(types: readonly IntegerName[]): Register {
  if (!types.includes('u64')) return { width: 64, signed: true };
  return types.every((type) => type === 'u64') ? { width: 64, signed: false } : { width: 128, signed: true };
}

function machine({ operator, wrap, types, result }: Case): Runnable {
  const register = registerFor(types);
  const inputs = types.map((_, i) => t.variable(`x${i}`, `BV${register.width}`));
  const inner = operatorOf(operator).machine(bitTerms, inputs, register);
  const term = wrap === undefined ? inner : (operatorOf(wrap).machine(bitTerms, [inner], register) as Term);
  return {
    inputs,
    term,
    small: false,
    write: (value) => BigInt.asUintN(register.width, value),
    read: (value) => (result === 'u64' ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value)),
  };
}

const columns = { integers, bits, machine };

export interface ColumnRun {
  readonly digest: number;
  /** Pairs on which what is known of the terms is not true. */
  readonly falseFacts: number;
}

/** Runs a column; `watch` is told each result. */
export function runColumn(
  column: Column,
  one: Case,
  watch?: (a: bigint, b: bigint, result: bigint | boolean) => void,
): ColumnRun {
  const { inputs, term, facts, small, write, read } = columns[column](one);
  const digest = createDigest();
  let falseFacts = 0;
  const [first, second] = [one.values[0], one.values[1] ?? [0n]];
  const kind = small && watch === undefined ? 'number' : 'bigint';
  const own = compileTerm<bigint>(term, inputs, kind, facts);
  const convert = (value: bigint, at: number): bigint =>
    kind === 'number' ? (Number(write(value, at)) as unknown as bigint) : write(value, at);
  const [left, right] = [first.map((a) => convert(a, 0)), second.map((b) => (inputs.length === 1 ? b : convert(b, 1)))];
  // Bits come out as numbers without a sign.
  const size = kind === 'number' && column === 'bits' && term.sort !== 'Bool' ? 2 ** t.bitsOf(term) : 0;
  // Of a shift by any of 65 counts there are hundreds, on bigints.
  const sparse = one.exhaustive && kind === 'bigint' ? 31 : 1;
  let at = 0;
  for (let i = 0; i < left.length; i++) {
    for (let j = 0; j < right.length; j++) {
      if (one.allowed[at++] !== 1) continue;
      const value = own.value(left[i], right[j]);
      if (facts !== undefined && at % sparse === 0 && !own.facts(left[i], right[j])) falseFacts++;
      if (typeof value === 'bigint') {
        const result = read(value);
        digest.add(result);
        watch?.(first[i], second[j], result);
      } else if (typeof value === 'boolean') {
        digest.add(value);
        watch?.(first[i], second[j], value);
      } else digest.add(size !== 0 && (value as number) >= size / 2 ? (value as number) - size : value);
    }
  }
  return { digest: digest.value(), falseFacts };
}

/** The first pairs on which a column and the language differ, for a message. */
export function differences(column: Column, one: Case): string[] {
  const found: string[] = [];
  runColumn(column, one, (a, b, result) => {
    const wanted = expected(one, a, b);
    if (result !== wanted && found.length < 3)
      found.push(`${one.name}(${a}, ${b}): ${column} ${result}, not ${wanted}`);
  });
  return found;
}
