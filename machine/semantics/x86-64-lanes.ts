/**
 * How vector instructions reach elements of their operands: vectors are lists of lanes of 64 bits, elements are cut out of
 * lanes and joined again. An SSE form overwrites its first operand, a VEX form has a destination of its own.
 */
import type { MachineAlgebra } from './algebra.ts';
import { type Computation, countOf, readLanes, type X8664Machine } from './x86-64-machine.ts';
import type { Operand, Operation } from './x86-64-operations.ts';

/** Elements of so many bits, the lowest first. */
export function elementsOf<V, B>(v: MachineAlgebra<V, B>, lanes: readonly V[], width: number): V[] {
  if (width === 64) return [...lanes];
  return lanes.flatMap((lane) => Array.from({ length: 64 / width }, (_, i) => v.extract(lane, i * width, width)));
}

export function joined<V, B>(v: MachineAlgebra<V, B>, elements: readonly V[]): V[] {
  const width = v.widthOf(elements[0]!);
  const each = 64 / width;
  return Array.from({ length: elements.length / each }, (_, i) =>
    elements.slice(i * each, (i + 1) * each).reduce((low, high) => v.concatenate(high, low)),
  );
}

/** Destination and the two that are combined; immediates come after them. */
export function operandsOf({ operands, clearsUpper }: Operation): readonly [Operand, Operand, Operand] {
  return clearsUpper ? [operands[0]!, operands[1]!, operands[2]!] : [operands[0]!, operands[0]!, operands[1]!];
}

/** Both sources' lanes; as many of the second as there are. */
export function pairOf<V, B>(m: X8664Machine<V, B>, operation: Operation): { to: Operand; a: V[]; b: V[] } {
  const [to, left, right] = operandsOf(operation);
  return { to, a: readLanes(m, left), b: readLanes(m, right) };
}

export const immediateOf = ({ operands }: Operation): number => countOf(operands.at(-1));

const letters: Readonly<Record<string, number>> = { b: 8, w: 16, d: 32, q: 64 };

/** One meaning for each size of elements: `padd` and `bwdq` name PADDB to PADDQ. */
export function sized(
  name: string,
  sizes: string,
  meaning: (width: number) => Computation,
): Record<string, Computation> {
  return Object.fromEntries([...sizes].map((letter) => [`${name}${letter}`, meaning(letters[letter]!)]));
}

export const named = (names: string, meaning: Computation): Record<string, Computation> =>
  Object.fromEntries(names.split(' ').map((name) => [name, meaning]));
