/**
 * Listings: machine code as a list of instructions and labels, turned into bytes.
 *
 * casemate emits a few hundred instructions of its own (start-up stubs), on the user's machine, where no assembler is.
 * What machines share is here: instructions are plain data, made by one small function each, and references to labels
 * take the shortest form that reaches. What differs is in one file for each machine.
 */

/** An instruction that stands by itself. */
export interface Instruction {
  readonly kind: 'instruction';
  readonly bytes: readonly number[];
}

/** A place to refer to; takes no room. */
export interface Label {
  readonly kind: 'label';
  readonly name: string;
}

/** One way to write an instruction that refers to a label. */
export interface Form {
  readonly size: number;
  /** Its bytes when it stands at `at` and means `target`; undefined when it does not reach. */
  readonly encode: (target: number, at: number) => readonly number[] | undefined;
}

/** An instruction that refers to a label: its forms, shortest first. */
export interface Reference {
  readonly kind: 'reference';
  readonly label: string;
  readonly forms: readonly Form[];
}

/** Bytes that are no instructions. */
export interface Data {
  readonly kind: 'data';
  readonly bytes: readonly number[];
  /** Starts at a multiple of this. */
  readonly align: number;
}

export type Item = Instruction | Label | Reference | Data;

export interface Assembled {
  readonly bytes: Uint8Array;
  /** Addresses of the labels. */
  readonly labels: ReadonlyMap<string, number>;
  /** How many instructions it holds. */
  readonly instructions: number;
}

export function label(name: string): Label {
  return { kind: 'label', name };
}

/** `bytes` at a multiple of `align`. */
export function data(bytes: ArrayLike<number>, align = 1): Data {
  return { kind: 'data', bytes: Array.from(bytes), align };
}

/** `size` low bytes of a number, least significant first. Numbers are integers within +-2^53, or bigints. */
export function littleEndian(value: number | bigint, size: number): number[] {
  const bits = BigInt.asUintN(8 * size, BigInt(value));
  return Array.from({ length: size }, (_, i) => Number((bits >> BigInt(8 * i)) & 255n));
}

/** Where every item stands, given the form that each reference has now. */
function placeItems(items: readonly Item[], forms: readonly number[], origin: number): number[] {
  let at = origin;
  return items.map((item, i) => {
    if (item.kind === 'data') at = Math.ceil(at / item.align) * item.align;
    const place = at;
    if (item.kind === 'reference') at += item.forms[forms[i]!]!.size;
    else if (item.kind !== 'label') at += item.bytes.length;
    return place;
  });
}

function labelsOf(items: readonly Item[], places: readonly number[]): Map<string, number> {
  const labels = new Map<string, number>();
  items.forEach((item, i) => {
    if (item.kind !== 'label') return;
    if (labels.has(item.name)) throw new Error(`label ${item.name} stands twice`);
    labels.set(item.name, places[i]!);
  });
  return labels;
}

/**
 * Turns a listing into bytes that start at address `origin`; gaps before aligned data are zero. References start in
 * their shortest form and only ever grow, so this ends. Throws for labels that are missing, stand twice or cannot be
 * reached: listings are our own.
 */
export function assemble(items: readonly Item[], origin = 0): Assembled {
  const forms = items.map(() => 0);
  for (;;) {
    const places = placeItems(items, forms, origin);
    const labels = labelsOf(items, places);
    const pieces = items.map((item, i) => encodeItem(item, forms[i]!, places[i]!, labels));
    if (pieces.every((piece) => piece !== undefined)) {
      const last = pieces.length - 1;
      const end = last < 0 ? origin : places[last]! + pieces[last]!.length;
      const bytes = new Uint8Array(end - origin);
      for (const [i, piece] of pieces.entries()) bytes.set(piece!, places[i]! - origin);
      const instructions = items.filter(({ kind }) => kind === 'instruction' || kind === 'reference').length;
      return { bytes, labels, instructions };
    }
    pieces.forEach((piece, i) => {
      if (piece !== undefined) return;
      const item = items[i] as Reference;
      forms[i]!++;
      if (forms[i]! === item.forms.length) throw new Error(`label ${item.label} is out of reach`);
    });
  }
}

/** Bytes of an item; undefined when a longer form is needed. */
function encodeItem(
  item: Item,
  form: number,
  at: number,
  labels: ReadonlyMap<string, number>,
): readonly number[] | undefined {
  if (item.kind === 'label') return [];
  if (item.kind !== 'reference') return item.bytes;
  const target = labels.get(item.label);
  if (target === undefined) throw new Error(`label ${item.label} is missing`);
  return item.forms[form]!.encode(target, at);
}
