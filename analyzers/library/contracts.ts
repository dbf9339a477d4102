/**
 * The `casemate` module: what verified TypeScript imports. Without a prover all of it is plain TypeScript, so code runs
 * unmodified in Node.js, in tests and in browsers; `casemate prove` proves what it says.
 *
 * Integer types are brands that cost nothing: any `number` may be written where a `u8` is expected, and the prover
 * checks that it is one. Contracts of a function stand in its JSDoc (@requires, @ensures, @modifies, @decreases,
 * @pure), claims about its inside are calls of the functions below.
 */

export type u8 = number & { readonly __u8?: never };
export type u16 = number & { readonly __u16?: never };
export type u32 = number & { readonly __u32?: never };
export type i8 = number & { readonly __i8?: never };
export type i16 = number & { readonly __i16?: never };
export type i32 = number & { readonly __i32?: never };
export type u64 = bigint & { readonly __u64?: never };
export type i64 = bigint & { readonly __i64?: never };

/** Holds before every test of the loop's condition. Stands first in a loop's body. */
export function invariant(_condition: boolean): void {}

/** Falls with every round of the loop and is never below 0; several are compared in order of rank. */
export function decreases(..._measures: readonly (number | bigint)[]): void {}

/** Holds here; is proved, and then known. At run time it does nothing. */
export function assert(_condition: boolean): void {}

/**
 * For the proof alone. `const n = ghost(e)` is a value that only clauses and other ghost code may use; a block,
 * `ghost(() => { ... })`, calls lemmas and asserts what it shows, and is never run.
 */
export function ghost(block: () => void): void;
export function ghost<T>(value: T): T;
export function ghost(value: unknown): unknown {
  return value;
}

/**
 * Like assert, for claims about bits: proved of all values of its variables' types, with nothing of what is known of them
 * here, and then known. The solver thinks in bits, where masks and shifts are easy and quotients are not.
 */
export function assertBits(_condition: boolean): void {}

/** `right` holds where `left` does. In contracts the right side is read only there. */
export function implies(left: boolean, right: boolean): boolean {
  return !left || right;
}

/** Whether the condition holds for every integer from `low` up to, and without, `high`. */
export function forall(low: number, high: number, condition: (index: number) => boolean): boolean {
  for (let index = low; index < high; index++) if (!condition(index)) return false;
  return true;
}

/** Whether the condition holds for some integer from `low` up to, and without, `high`. */
export function exists(low: number, high: number, condition: (index: number) => boolean): boolean {
  for (let index = low; index < high; index++) if (condition(index)) return true;
  return false;
}

/** A byte for each character of a text, which has none beyond \xff: `const GET = bytes('GET ')`. */
export function bytes(text: string): Uint8Array {
  const values = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) throw new RangeError('a character that is no byte');
    values[i] = code;
  }
  return values;
}

/** A list of constants for a module, frozen with all that is in it, so that verified code may rely on it. */
export function table<T>(values: readonly T[]): readonly T[] {
  const freeze = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  };
  freeze(values);
  return values;
}

/** The value that an expression had when the function was entered. Only a prover can know it: it is for contracts. */
export function old<T>(value: T): T {
  return value;
}
