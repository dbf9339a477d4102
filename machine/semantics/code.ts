/**
 * Code and where it goes, as every machine has it: what whoever executes instructions needs to know of none in
 * particular.
 */

/** Bytes at an address, of the code that may be executed. */
export interface CodeBytes {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** An instruction that has no meaning here. */
export interface Refusal {
  readonly refused: string;
}

/** Where control goes; undefined: to the next instruction. */
export type Control<V, B> =
  | undefined
  | { readonly kind: 'goto'; readonly to: number }
  /** To `to` where the condition holds, else to the next instruction. */
  | { readonly kind: 'branch'; readonly condition: B; readonly to: number }
  | { readonly kind: 'jump'; readonly target: V }
  | { readonly kind: 'call'; readonly target: V }
  | { readonly kind: 'return'; readonly target: V }
  /** The program ends here. */
  | { readonly kind: 'stop' };
