/**
 * What registers hold in an abstract run of machine code, as far as a stack's bound needs it (stack-use.ts): numbers, and
 * the steps of a jump by a table.
 *
 * RISC-V puts a large frame's size and every address together from parts, and a switch is a load from a table at an
 * address that was put together so. What a register holds is one of four things or unknown, and where paths meet only
 * what both know stays; so knowledge only ever shrinks, and the run ends.
 */

export type Value =
  | { readonly kind: 'number'; readonly value: number }
  /** The address of a table, and something unknown: of one of its words. */
  | { readonly kind: 'within'; readonly table: number }
  /** One of its words. */
  | { readonly kind: 'entry'; readonly table: number }
  /** The sum of the table's address and one of its words, which are distances from it. */
  | { readonly kind: 'case'; readonly table: number };

/** By register; one that is not in it holds anything. */
export type Held = ReadonlyMap<number, Value>;

/** Registers that a callee gives back as they were. */
export type Kept = ReadonlySet<number>;

/** What an instruction does to the register `to`. */
export type Move =
  | { readonly kind: 'number'; readonly to: number; readonly value: number }
  /** `from` and a number; with `word`, of the result the low 32 bits with their sign. */
  | { readonly kind: 'add'; readonly to: number; readonly from: number; readonly value: number; readonly word?: true }
  | { readonly kind: 'sum'; readonly to: number; readonly a: number; readonly b: number }
  | { readonly kind: 'load'; readonly to: number; readonly from: number; readonly offset: number }
  | { readonly kind: 'forget'; readonly to: number };

const same = (a: Value, b: Value): boolean =>
  a.kind === 'number' ? b.kind === 'number' && a.value === b.value : b.kind === a.kind && a.table === b.table;

/** What is known on both of two paths. */
export function meetHeld(a: Held, b: Held): Held {
  if (a === b) return a;
  return new Map([...a].filter(([register, value]) => b.has(register) && same(value, b.get(register)!)));
}

export const afterCall = (held: Held, kept: Kept): Held =>
  new Map([...held].filter(([register]) => kept.has(register)));

/** The sum of two values, one way round. */
function sumOf(a: Value | undefined, b: Value | undefined): Value | undefined {
  if (a?.kind !== 'number') return undefined;
  if (b === undefined) return { kind: 'within', table: a.value };
  if (b.kind === 'number') return { kind: 'number', value: a.value + b.value };
  return b.kind === 'entry' && b.table === a.value ? { kind: 'case', table: a.value } : undefined;
}

function valueAfter(held: Held, move: Move): Value | undefined {
  switch (move.kind) {
    case 'number':
      return { kind: 'number', value: move.value };
    case 'add': {
      const from = held.get(move.from);
      if (from?.kind !== 'number') return move.value === 0 && move.word !== true ? from : undefined;
      const value = from.value + move.value;
      return { kind: 'number', value: move.word ? value | 0 : value };
    }
    case 'sum': {
      const [a, b] = [held.get(move.a), held.get(move.b)];
      return sumOf(a, b) ?? sumOf(b, a);
    }
    case 'load': {
      const from = held.get(move.from);
      return from?.kind === 'within' ? { kind: 'entry', table: from.table + move.offset } : undefined;
    }
    case 'forget':
      return undefined;
  }
}

export function afterMove(held: Held, move: Move): Held {
  const value = valueAfter(held, move);
  const known = held.get(move.to);
  if (value === undefined && known === undefined) return held;
  const result = new Map(held);
  if (value === undefined) result.delete(move.to);
  else result.set(move.to, value);
  return result;
}
