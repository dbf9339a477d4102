/**
 * Modules of OCaml in an image, by the names of its functions: `caml`, the module, and `__` or (from OCaml 5.2 on) a dot.
 *
 * That is all that native code of OCaml says of where it came from: it has no notes, and neither packages nor versions. So
 * the modules can be listed, and no package follows from them.
 */
import type { EvidenceFunction } from './evidence.ts';

export function ocamlModules(functions: readonly EvidenceFunction[]): string[] {
  const found = new Set<string>();
  for (const { name } of functions) {
    const module = /^caml([A-Z][A-Za-z0-9_']*?)(?:__|\.)/.exec(name)?.[1];
    if (module !== undefined) found.add(module);
  }
  return [...found].sort();
}
