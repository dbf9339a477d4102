/**
 * What the table says of an operator: a column for each language in which it has a meaning.
 *
 * An entry without a column does not compile, so who adds an operator decides what it is everywhere:
 *
 * - `javascript`: the language itself, on doubles or bigints.
 * - `meaning`: on unbounded integers, the same as the language wherever `conditions` hold and the result is in the range
 *   of `result`. With this programs are proved.
 * - `bits`: on bits that grow with what they may hold, for claims about bits alone.
 * - `c`: how the lowering spells it. Operands of `number` are of type int64_t.
 * - `acsl`: on ACSL's unbounded integers, in contracts of the C. Negative integers are not shifted: tools differ about it.
 *   Source: ACSL 1.17, 2.2.
 * - `coq`: on Coq's Z, as a term; a truth is a bool. Source: Coq 8.16, ZArith.
 * - `machine`: on registers, whose bits do not grow: what compiled code leaves in one, on x86-64 and on riscv64 alike,
 *   once it has gone into the result's type.
 *
 * In `acsl` and `coq` operands are $1 and $2, which are put in parentheses where they need some; each is a whole in
 * itself.
 */

import type { BitAlgebra } from '../../base/bits.ts';
import type { Domain, IntegerName } from '../types.ts';
import type { Algebra } from './algebra.ts';
import type { Bounds } from './bounds.ts';

export type ConditionKind = 'division by zero' | 'shift count';

export interface Condition<B> {
  readonly kind: ConditionKind;
  readonly holds: B;
}

type Conditions = <I, B>(algebra: Algebra<I, B>, operands: readonly I[]) => readonly Condition<B>[];

export type Value = number | bigint;

/** How C spells an operator of operands of one type, T, which holds its result too. */
export type CForm =
  | { readonly kind: 'infix'; readonly symbol: string; readonly level: 'sum' | 'product' | 'comparison' }
  /** Of + - *, which are computed from the left: a first operand of the same level needs no parentheses. */
  | { readonly kind: 'chain'; readonly symbol: string; readonly level: 'sum' | 'product' }
  | { readonly kind: 'prefix'; readonly symbol: '-' | '~' }
  /** `a >> k`: k stays of its own type. */
  | { readonly kind: 'shiftRight' }
  /** `a * ((T)1 << k)`: C leaves shifts of negative values undefined. */
  | { readonly kind: 'scale' }
  /** An inline function of the prelude that returns this expression of its parameters a and b, all of type T. */
  | { readonly kind: 'function'; readonly name: string; readonly returns: string }
  /** The low 64 bits of the operand, as this type. */
  | { readonly kind: 'low64'; readonly type: 'uint64_t' | 'int64_t' }
  /** The operand as this type, which holds it. */
  | { readonly kind: 'cast'; readonly type: string }
  | { readonly kind: 'same' };

/** A result without a bound in TypeScript is computed exactly in a type that is wide enough, or modulo 2 ** 64. */
export interface WideForm {
  /** T holds the operands, and what `range` says of the result. */
  readonly exact: CForm;
  /** T is uint64_t, and the operands are known modulo 2 ** 64. 'exact': there is none but the exact one, cut off. */
  readonly low64: CForm | 'exact';
  /** Of the result, where operands are in these. */
  readonly range: (a: Bounds, b: Bounds) => Bounds;
}

/** Registers, one or two together, that hold a value with a sign or without. */
export interface Register {
  readonly width: 64 | 128;
  readonly signed: boolean;
}

interface Common {
  /** Of the operands. */
  readonly domain: Domain;
  readonly arity: 1 | 2;
  /** As messages show it. */
  readonly spelling: string;
  /** What must hold of the operands for the meaning to be the language's. */
  readonly conditions?: Conditions;
  readonly acsl: string;
  readonly coq: string;
}

interface GivesInteger extends Common {
  readonly gives: 'integer';
  /** Type whose range the exact result must be in, for it to be the language's. */
  readonly result: IntegerName;
  readonly javascript: (...operands: readonly never[]) => Value;
  readonly meaning: <I, B>(algebra: Algebra<I, B>, operands: readonly I[]) => I;
  readonly bits: <V, B>(algebra: BitAlgebra<V, B>, operands: readonly V[]) => V;
  /** Operands and result in registers of one kind, numbers in 64 bits with a sign. */
  readonly machine: <V, B>(algebra: BitAlgebra<V, B>, operands: readonly V[], register: Register) => V;
}

/** One that gives a `number`. */
export interface NumberOperator extends GivesInteger {
  readonly result: Exclude<IntegerName, 'u64' | 'i64' | 'bigint'>;
  readonly c: CForm;
}

/** One that gives a `bigint`. */
export interface BigOperator extends GivesInteger {
  readonly result: 'u64' | 'i64' | 'bigint';
  readonly c: WideForm;
}

export interface TruthOperator extends Common {
  readonly gives: 'boolean';
  readonly javascript: (...operands: readonly never[]) => boolean;
  readonly meaning: <I, B>(algebra: Algebra<I, B>, operands: readonly I[]) => B;
  readonly bits: <V, B>(algebra: BitAlgebra<V, B>, operands: readonly V[]) => B;
  readonly machine: <V, B>(algebra: BitAlgebra<V, B>, operands: readonly V[], register: Register) => B;
  readonly c: CForm;
}

export type Operator = NumberOperator | BigOperator | TruthOperator;

export const divisor: Conditions = (m, [, b]) => [
  { kind: 'division by zero', holds: m.not(m.equal(b, m.integer(0n))) },
];

/** A bigint may be shifted to any length; more than the machine's widest integer is never meant. */
export const shiftCount: Conditions = (m, [, k]) => [
  { kind: 'shift count', holds: m.all([m.atMost(m.integer(0n), k), m.atMost(k, m.integer(64n))]) },
];

/** What `acsl` uses of its own. */
export const acslDefinitions: readonly string[] = [
  'logic integer cm_floored(integer a, integer b) = ' +
    '(a % b != 0 && ((a < 0 && 0 < b) || (0 < a && b < 0))) ? a / b - 1 : a / b;',
];

/** What `coq` uses of its own, over `Require Import ZArith`. */
export const coqDefinitions: readonly string[] = [
  'Definition cm_unsigned (n x : Z) : Z := Z.modulo x (Z.pow 2 n).',
  'Definition cm_signed (n x : Z) : Z := Z.sub (Z.modulo (Z.add x (Z.pow 2 (Z.sub n 1))) (Z.pow 2 n)) (Z.pow 2 (Z.sub n 1)).',
];
