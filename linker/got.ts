/**
 * The global offset table and the IPLT: which symbols have which slots.
 *
 * A slot belongs to a symbol and a purpose. Symbols are keyed by one number: a global by its index, a local by a
 * negative number made of its object and its index there, so that both kinds share one map.
 */
export interface GotTables {
  /** By key: slot number in .got (a TLS pair takes two). */
  readonly address: Map<number, number>;
  readonly threadOffset: Map<number, number>;
  readonly tlsPair: Map<number, number>;
  /** Ifuncs in order; their IPLT entry and .got.iplt slot have the same number. */
  readonly iplt: Map<number, number>;
  /** Slots taken in .got, header included. */
  slots: number;
}

const MAX_SYMBOLS_PER_OBJECT = 2 ** 27;

/** Key of local symbol `sym` of object `object`. */
export function localKey(object: number, sym: number): number {
  return -(object * MAX_SYMBOLS_PER_OBJECT + sym + 1);
}

export function objectOfKey(key: number): { object: number; sym: number } {
  const packed = -key - 1;
  return { object: Math.floor(packed / MAX_SYMBOLS_PER_OBJECT), sym: packed % MAX_SYMBOLS_PER_OBJECT };
}

export function createGotTables(): GotTables {
  return { address: new Map(), threadOffset: new Map(), tlsPair: new Map(), iplt: new Map(), slots: 0 };
}

/** Gives `key` its slot(s) in `map` unless it has them. */
export function takeSlot(got: GotTables, map: Map<number, number>, key: number, count: number): void {
  if (map.has(key)) return;
  map.set(key, got.slots);
  got.slots += count;
}

export function takeIplt(got: GotTables, key: number): void {
  if (!got.iplt.has(key)) got.iplt.set(key, got.iplt.size);
}
