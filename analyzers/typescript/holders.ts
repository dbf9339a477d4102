/**
 * The text of a shadow: a source's own text with functions put into it that hold its clauses, one each, and which offset
 * of the one text is which of the other. What is put in stands behind the source's text, and for classes, of which a
 * clause may name what is private, before the end of the class.
 */
import type { Span } from '../ir.ts';
import type { Piece } from './jsdoc.ts';

/** Begins the name of each function that is put in; no source may use it. */
export const PREFIX = '__casemate_clause_';

export function pieceSpan(file: string, piece: Piece, start = 0, end = piece.text.length): Span {
  const from = piece.offsets[Math.min(start, piece.offsets.length - 1)];
  const last = piece.offsets[Math.min(Math.max(end - 1, start), piece.offsets.length - 1)];
  return { file, start: from, end: Math.max(from + 1, last + 1) };
}

interface Holder {
  /** Up to the clause, and behind it. */
  readonly head: string;
  readonly piece: Piece;
  readonly tail: string;
}

export interface Layout {
  readonly text: string;
  /** The span in the user's own text of a span in the shadow's; nothing of it is where that lies between. */
  readonly toSource: (start: number, end: number) => Span | undefined;
  /** The offset in the shadow of one of the user's own text. */
  readonly toShadow: (offset: number) => number;
  /** Whether an offset in the shadow is one of what was put in. */
  readonly isAdded: (offset: number) => boolean;
}

export interface Holders {
  /** A new function's name; `head` is made of it. */
  readonly add: (at: number, piece: Piece, head: (name: string) => string) => string;
  readonly layout: () => Layout;
}

/** Clauses are added in any order; those at one place stay in the order of their addition. */
export function makeHolders(file: string, source: string): Holders {
  const places = new Map<number, Holder[]>();
  let count = 0;
  const add: Holders['add'] = (at, piece, head) => {
    const name = `${PREFIX}${count++}`;
    const before = places.get(at) ?? [];
    places.set(at, [...before, { head: `\n${head(name)} { return (`, piece, tail: '\n); }' }]);
    return name;
  };
  const layout = (): Layout => {
    let text = '';
    let done = 0;
    /** Pieces of the source's own text, and clauses. */
    const kept: { readonly start: number; readonly end: number; readonly from: number }[] = [];
    const clauses: { readonly start: number; readonly piece: Piece }[] = [];
    const keep = (to: number): void => {
      kept.push({ start: text.length, end: text.length + (to - done), from: done });
      text += source.slice(done, to);
      done = to;
    };
    for (const [at, holders] of [...places].sort(([a], [b]) => a - b)) {
      keep(at);
      for (const { head, piece, tail } of holders) {
        text += head;
        clauses.push({ start: text.length, piece });
        text += piece.text + tail;
      }
    }
    if (done < source.length) keep(source.length);
    const ownOffset = (offset: number): number | undefined => {
      const part = kept.find(({ start, end }) => start <= offset && offset < end);
      return part && part.from + (offset - part.start);
    };
    const toSource: Layout['toSource'] = (start, end) => {
      const own = ownOffset(start);
      // The last character's, since behind it something may have been put in.
      if (own !== undefined) return { file, start: own, end: (ownOffset(end - 1) ?? own) + 1 };
      const clause = clauses.find(({ start: from, piece }) => from <= start && start <= from + piece.text.length);
      return clause && pieceSpan(file, clause.piece, start - clause.start, end - clause.start);
    };
    const toShadow = (offset: number): number => {
      const part = kept.find(({ start, end, from }) => from <= offset && offset < from + (end - start));
      return part === undefined ? text.length : part.start + (offset - part.from);
    };
    return { text, toSource, toShadow, isAdded: (offset) => ownOffset(offset) === undefined };
  };
  return { add, layout };
}
