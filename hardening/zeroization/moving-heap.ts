/**
 * Code that keeps its values in a heap that moves them: OCaml's.
 *
 * A collector copies what lives and leaves the old bytes where they were, whenever it runs; so a secret that once was in
 * such a heap may be anywhere in it, whatever the code does that is followed. Compilers and the run-time system name all of
 * their functions in one way; of those, and of whatever calls them while a secret is about, nothing is said but that.
 * Source of the names: OCaml's asmcomp (`caml`, the module, `__` or `.`, the function), and its runtime (`caml_`).
 */

const ofModule = /^caml[A-Z]/;
const ofRuntime = /^caml_/;

export const MOVES = "OCaml's heap moves its values, and leaves copies of them";

/** Whether a function is OCaml's own code, which has all its values there. */
export const livesInMovingHeap = (name: string): boolean => ofModule.test(name);

/** Entries of functions that nobody who has a secret may call, of names that mean one function, or several. */
export function usesOfMovingHeap(
  symbols: ReadonlyMap<string, number>,
  ambiguous: ReadonlyMap<string, ReadonlySet<number>> = new Map(),
): ReadonlySet<number> {
  const isOne = (name: string): boolean => ofModule.test(name) || ofRuntime.test(name);
  return new Set([
    ...[...symbols].filter(([name]) => isOne(name)).map(([, address]) => address),
    ...[...ambiguous].filter(([name]) => isOne(name)).flatMap(([, addresses]) => [...addresses]),
  ]);
}
