/**
 * Pieces of C with how tightly they bind, so that parentheses stand where C or a reader needs them and nowhere else.
 * Compilers warn of && beside || and of shifts beside sums, so only a sum in a sum and a product in a product go bare.
 */

export interface Text {
  readonly text: string;
  readonly level: Level;
}

export const levels = { conditional: 1, logical: 2, comparison: 3, sum: 4, product: 5, unary: 6, primary: 7 } as const;
export type Level = (typeof levels)[keyof typeof levels];

export const primary = (text: string): Text => ({ text, level: levels.primary });
export const unary = (text: string): Text => ({ text, level: levels.unary });

/** The text where only what binds at least so tightly may stand. */
export const within = ({ text, level }: Text, least: Level): string => (level >= least ? text : `(${text})`);

export const operand = (text: Text): string => within(text, levels.unary);

export function binary(left: Text, operator: string, right: Text, level: Level, chain = false): Text {
  return { text: `${within(left, chain ? level : levels.unary)} ${operator} ${operand(right)}`, level };
}

/** A constant; of type int where it fits, as C has them. */
export function literal(value: bigint): Text {
  if (value === -(2n ** 63n)) return primary('INT64_MIN');
  const magnitude = value < 0n ? -value : value;
  const text =
    magnitude <= 0x7fffffffn ? `${magnitude}` : `${magnitude < 2n ** 63n ? 'INT64_C' : 'UINT64_C'}(${magnitude})`;
  return value < 0n ? { text: `-${text}`, level: levels.unary } : primary(text);
}

/** A string of C with the text; what is not printable ASCII becomes a question mark. */
export const stringLiteral = (text: string): string =>
  `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\?]/g, '\\$&')}"`;

export const cast = (type: string, inner: Text): Text => unary(`(${type})${operand(inner)}`);

export const call = (name: string, ...operands: readonly Text[]): Text =>
  primary(`${name}(${operands.map(({ text }) => text).join(', ')})`);
