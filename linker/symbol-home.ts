/**
 * What a symbol of an input means in the finished program: the input section that it moves with, a place that only the
 * layout knows, or nothing that moves.
 *
 * An address alone does not say this. A pointer one past the end of a function is the address of the next one, and the
 * start of one segment may be the end of another; whoever moves parts of an image must ask the symbol.
 */
import { localKey, objectOfKey } from './got.ts';
import type { LinkedImage } from './image.ts';
import { type InputObject, objectAt, SymbolKind } from './program.ts';
import { symbolSection } from './read-object.ts';

export type SymbolHome =
  /** Moves with this input section (global index); an ifunc with the IPLT, through which all reach it. */
  | { readonly kind: 'section'; readonly section: number }
  /** Defined by the script, by --defsym or by the linker: index of the symbol. */
  | { readonly kind: 'linker'; readonly symbol: number }
  /** Absolute, or undefined and therefore 0. */
  | { readonly kind: 'fixed' };

const FIXED: SymbolHome = { kind: 'fixed' };

/** Home of symbol `sym` of `object`. */
export function symbolHome(image: LinkedImage, object: InputObject, sym: number): SymbolHome {
  if (sym >= object.firstGlobal) {
    return globalHome(image, image.program.globalRefs[object.firstGlobalRef + sym - object.firstGlobal]!);
  }
  if (image.context.got.iplt.has(localKey(object.index, sym))) return { kind: 'section', section: image.tables.iplt };
  const section = sym === 0 ? -1 : symbolSection(object, sym);
  return section >= 0 ? { kind: 'section', section } : FIXED;
}

/** Home of global symbol `id`. */
export function globalHome(image: LinkedImage, id: number): SymbolHome {
  if (image.context.got.iplt.has(id)) return { kind: 'section', section: image.tables.iplt };
  const { symbols } = image.program;
  switch (symbols.kind[id]) {
    case SymbolKind.Defined:
      return { kind: 'section', section: symbols.section[id]! };
    case SymbolKind.Linker:
      return { kind: 'linker', symbol: id };
    default:
      return FIXED;
  }
}

/** Home of the symbol that a slot of the GOT stands for (see got.ts for keys). */
export function keyHome(image: LinkedImage, key: number): SymbolHome {
  if (key >= 0) return globalHome(image, key);
  const { object, sym } = objectOfKey(key);
  return symbolHome(image, objectAt(image.program, object), sym);
}

/** The input section that holds the resolver of an ifunc, by its key. */
export function resolverSection(image: LinkedImage, key: number): number {
  if (key >= 0) return image.program.symbols.section[key]!;
  const { object, sym } = objectOfKey(key);
  return symbolSection(objectAt(image.program, object), sym);
}
