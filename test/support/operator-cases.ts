/**
 * Every operator on every type: the cases on which all columns of the table of operators are held against JavaScript.
 *
 * On types of 8 bits a case is all pairs of values, on wider ones all pairs of those near the ends of types. What a case
 * gives is a digest of its results in order, so that half a million results of a compiled program are one line.
 */
import { evaluate, isExact, type OperatorName, operatorNames, operatorOf } from '../../analyzers/operators.ts';
import { type IntegerName, inRange, rangeOf } from '../../analyzers/types.ts';

export interface Case {
  /** Of the operator and the types, as a function of TypeScript or C may be called. */
  readonly name: string;
  readonly operator: OperatorName;
  /** What the result is put into. */
  readonly wrap?: 'asUint64' | 'asInt64';
  readonly types: readonly IntegerName[];
  readonly result: IntegerName | 'boolean';
  /** Of each operand. */
  readonly values: readonly (readonly bigint[])[];
  /** For each pair, second operands within first ones: whether the table says that the result is the language's. */
  readonly allowed: Uint8Array;
  /** All pairs of a small type. */
  readonly exhaustive: boolean;
}

const byteTypes = { u8: [0n, 255n], i8: [-128n, 127n] } as const;
type ByteType = keyof typeof byteTypes;

function upTo([low, high]: readonly [bigint, bigint]): bigint[] {
  return Array.from({ length: Number(high - low) + 1 }, (_, i) => low + BigInt(i));
}

const ends = [0n, 1n, 2n, 3n, 7n, 31n, 32n, 33n, 63n, 64n, 100n];
for (const bits of [8n, 15n, 16n, 31n, 32n, 52n, 53n, 63n, 64n]) {
  for (const offset of [-1n, 0n, 1n]) ends.push(2n ** bits + offset);
}
/** Values at the ends of types, of both signs. */
export const boundary = [...new Set([...ends, ...ends.map((value) => -value)])];

const ofType = (name: IntegerName): bigint[] => boundary.filter((value) => inRange(value, rangeOf(name)));

const pairs = <T>(types: readonly T[], arity: number): T[][] =>
  arity === 1 ? types.map((type) => [type]) : types.flatMap((a) => types.map((b) => [a, b]));

/** Calls `each` with every pair, in order; a second operand that is not there is 0. */
export function forPairs({ values, allowed }: Case, each: (a: bigint, b: bigint) => void): void {
  const [first, second] = [values[0], values[1] ?? [0n]];
  let at = 0;
  for (const a of first) for (const b of second) if (allowed[at++] === 1) each(a, b);
}

/** What the language computes. */
export function expected({ operator, wrap, types }: Case, a: bigint, b: bigint): bigint | boolean {
  const value = evaluate(operator, types.length === 1 ? [a] : [a, b]);
  return wrap === undefined ? value : evaluate(wrap, [value as bigint]);
}

function isAllowed(operator: OperatorName, wrap: Case['wrap'], result: Case['result'], operands: bigint[]): boolean {
  if (!isExact(operator, operands)) return false;
  if (wrap !== undefined || result === 'boolean') return true;
  return inRange(evaluate(operator, operands) as bigint, rangeOf(result));
}

function makeCase(
  operator: OperatorName,
  types: readonly IntegerName[],
  result: Case['result'],
  wrap: Case['wrap'],
  byteTypesOf?: readonly ByteType[],
): Case {
  const values = types.map((type, i) => (byteTypesOf === undefined ? ofType(type) : upTo(byteTypes[byteTypesOf[i]])));
  const allowed = new Uint8Array(values.reduce((product, list) => product * list.length, 1));
  // Results of bytes are in range, all but shifted ones, so what is allowed depends on the second operand alone.
  const rowed = byteTypesOf !== undefined && (operator !== 'bigShiftLeft' || wrap !== undefined);
  let at = 0;
  for (const a of rowed ? values[0].slice(0, 1) : values[0])
    for (const b of values[1] ?? [0n])
      allowed[at++] = Number(isAllowed(operator, wrap, result, types.length === 1 ? [a] : [a, b]));
  if (rowed && types.length === 2) for (; at < allowed.length; at++) allowed[at] = allowed[at - values[1].length];
  else if (rowed) allowed.fill(1);
  const names = byteTypesOf === undefined ? types : types.map((type, i) => `${type}_${byteTypesOf[i]}`);
  const name = [operator, ...(wrap ? [wrap] : []), ...names, result].join('_');
  return {
    name,
    operator,
    ...(wrap && { wrap }),
    types,
    result,
    values,
    allowed,
    exhaustive: byteTypesOf !== undefined,
  };
}

/** All pairs of values of 8 bits. */
export function byteCases(): Case[] {
  return operatorNames.flatMap((operator) => {
    const entry = operatorOf(operator);
    if (entry.domain === 'number') {
      const result = entry.gives === 'boolean' ? 'boolean' : operator === 'toBigInt' ? 'i64' : 'number';
      return pairs<ByteType>(['u8', 'i8'], entry.arity).map((bytes) =>
        makeCase(operator, bytes, result, undefined, bytes),
      );
    }
    return (['u8', 'i8'] as const).flatMap((byte) => {
      const bytes = Array.from({ length: entry.arity }, () => byte);
      const types = bytes.map(() => (byte === 'u8' ? 'u64' : 'i64'));
      return bigResults(operator)
        .filter(
          ([result, wrap]) =>
            entry.gives === 'boolean' ||
            entry.result !== 'bigint' ||
            wrap === (result === 'u64' ? 'asUint64' : undefined),
        )
        .map(([result, wrap]) => makeCase(operator, types, result, wrap, bytes));
    });
  });
}

/** Results that an operator of bigints is asked for. */
function bigResults(operator: OperatorName): (readonly [Case['result'], Case['wrap']])[] {
  const entry = operatorOf(operator);
  if (entry.gives === 'boolean') return [['boolean', undefined]];
  if (entry.result !== 'bigint') return [[entry.result, undefined]];
  return [
    ['i64', undefined],
    ['u64', undefined],
    ['u64', 'asUint64'],
    ['i64', 'asInt64'],
  ];
}

/** Values near the ends of types of 16 to 64 bits. */
export function boundaryCases(): Case[] {
  return operatorNames.flatMap(boundaryCasesOf).filter(({ allowed }) => allowed.includes(1));
}

function boundaryCasesOf(operator: OperatorName): Case[] {
  const entry = operatorOf(operator);
  if (entry.domain === 'number') {
    const result = entry.gives === 'boolean' ? 'boolean' : operator === 'toBigInt' ? 'i64' : 'number';
    const types: IntegerName[][] =
      entry.arity === 1
        ? [['i16'], ['u32'], ['i32'], ['number']]
        : [
            ['u16', 'u16'],
            ['u32', 'u32'],
            ['i32', 'i32'],
            ['u32', 'i32'],
            ['number', 'number'],
          ];
    return types.map((own) => makeCase(operator, own, result, undefined));
  }
  const types: IntegerName[][] =
    entry.arity === 1
      ? [['u64'], ['i64']]
      : [
          ['u64', 'u64'],
          ['i64', 'i64'],
          ['u64', 'i64'],
        ];
  return types.flatMap((own) => bigResults(operator).map(([result, wrap]) => makeCase(operator, own, result, wrap)));
}

/** The function of TypeScript that computes a case. */
export function caseSource({ name, operator, wrap, types, result }: Case): string {
  const spelled = operatorOf(operator).spelling.replace('$1', 'a').replace('$2', 'b');
  const value = wrap === undefined ? spelled : operatorOf(wrap).spelling.replace('$1', spelled);
  const parameters = types.map((type, i) => `${'ab'[i]}: ${type}`).join(', ');
  return `/** @verified */ export function ${name}(${parameters}): ${result} { return ${value}; }`;
}

/** A digest of 64-bit words: each half goes through one step of FNV-1a on 32 bits. */
export interface Digest {
  readonly add: (value: number | bigint | boolean) => void;
  readonly value: () => number;
}

/** Of words of 64 bits; or of 63, which is what Coq has. */
export function createDigest(bits: 63 | 64 = 64): Digest {
  const highBits = bits === 64 ? -1 : 0x7fffffff;
  let digest = 0x811c9dc5;
  const word = (part: number): void => {
    digest = Math.imul(digest ^ part, 0x01000193);
  };
  return {
    add: (value) => {
      if (typeof value === 'bigint') {
        const all = BigInt.asUintN(64, value);
        word(Number(all & 0xffffffffn) | 0);
        word(Number(all >> 32n) & highBits);
        return;
      }
      const number = Number(value);
      word(number | 0);
      word(Math.floor(number / 2 ** 32) & highBits);
    },
    value: () => digest >>> 0,
  };
}

/** Of what the language computes. */
export function expectedDigest(one: Case, bits: 63 | 64 = 64): number {
  const digest = createDigest(bits);
  const { operator, wrap, types, result } = one;
  const { domain, javascript } = operatorOf(operator);
  if (domain === 'number' && wrap === undefined && result !== 'i64') {
    // Without bigints: there are millions.
    const own = javascript as unknown as (...values: number[]) => number | boolean;
    const [first, second] = [one.values[0].map(Number), (one.values[1] ?? [0n]).map(Number)];
    let at = 0;
    for (const a of first)
      for (const b of second) if (one.allowed[at++] === 1) digest.add(types.length === 1 ? own(a) : own(a, b));
  } else forPairs(one, (a, b) => digest.add(expected(one, a, b)));
  return digest.value();
}
