/**
 * Contracts in JSDoc: a comment's tags as pieces of text that know where in the file each of their characters is.
 *
 * TypeScript's own reader of JSDoc loses line breaks and positions, and reads braces as types, so this one reads the
 * comment itself: a tag stands at the start of a line, behind its asterisk, and runs to the next tag. Tags that are
 * not ours are left alone, but not those that look like a misspelt one of ours: a contract that is silently not there
 * would be a proof of nothing.
 *
 * `@throws` is a tag of everybody's. By itself it is a contract only where a condition follows it, and not a sentence.
 */

export const contractTags = [
  'requires',
  'ensures',
  'modifies',
  'decreases',
  'throws',
  'pure',
  'diverges',
  'verified',
  'trusted',
  'invariant',
  'secret',
  'zeroized',
  'declassifies',
] as const;
export type ContractTag = (typeof contractTags)[number];

/** Tags that look like ours, and what is meant. */
const misspelt: Readonly<Record<string, ContractTag>> = {
  require: 'requires',
  pre: 'requires',
  precondition: 'requires',
  ensure: 'ensures',
  post: 'ensures',
  postcondition: 'ensures',
  modify: 'modifies',
  modifes: 'modifies',
  assigns: 'modifies',
  decrease: 'decreases',
  verify: 'verified',
  verifies: 'verified',
  trust: 'trusted',
  diverge: 'diverges',
  throw: 'throws',
  invariants: 'invariant',
  secrets: 'secret',
  zeroised: 'zeroized',
  zeroize: 'zeroized',
  declassify: 'declassifies',
};

/** A text made of pieces of a file. */
export interface Piece {
  readonly text: string;
  /** Offset in the file of each character of `text`, and of its end. */
  readonly offsets: readonly number[];
}

export interface Tag {
  readonly name: string;
  /** Offset of the @. */
  readonly start: number;
  readonly value: Piece;
}

/** The tag that a misspelt name means. */
export function meantTag(name: string): ContractTag | undefined {
  const lower = name.toLowerCase();
  if ((contractTags as readonly string[]).includes(name)) return undefined;
  if ((contractTags as readonly string[]).includes(lower)) return lower as ContractTag;
  return Object.hasOwn(misspelt, lower) ? misspelt[lower] : undefined;
}

export const isContractTag = (name: string): name is ContractTag => (contractTags as readonly string[]).includes(name);

/** `{RangeError} condition`: the name in the braces, if there are any, and what follows them. */
export function readThrows({ text, offsets }: Piece): { readonly error?: string; readonly condition: Piece } {
  const braces = /^\{\s*([\w.$]*)\s*\}\s*/.exec(text);
  if (braces === null) return { condition: { text, offsets } };
  const { length } = braces[0];
  return { error: braces[1], condition: { text: text.slice(length), offsets: offsets.slice(length) } };
}

/** The tags of a comment that lies from `start` to `end` (its opening and closing included) of a file's text. */
export function readTags(text: string, start: number, end: number): Tag[] {
  const inner = text.slice(start + 3, end - 2);
  const tags: { name: string; start: number; characters: string[]; offsets: number[] }[] = [];
  let offset = start + 3;
  for (const line of inner.split(/(?<=\n)/)) {
    const lead = /^[ \t]*\*?[ \t]*/.exec(line)![0];
    const tag = /^@([A-Za-z_]\w*)[ \t]*/.exec(line.slice(lead.length));
    let at = lead.length;
    if (tag !== null) {
      tags.push({ name: tag[1], start: offset + lead.length, characters: [], offsets: [] });
      at += tag[0].length;
    }
    const current = tags.at(-1);
    for (let i = at; current !== undefined && i < line.length; i++) {
      current.characters.push(line[i]);
      current.offsets.push(offset + i);
    }
    offset += line.length;
  }
  return tags.map(({ name, start: at, characters, offsets }) => {
    const whole = characters.join('');
    const from = whole.length - whole.trimStart().length;
    const to = Math.max(from, whole.trimEnd().length);
    const kept = offsets.slice(from, to);
    const last = kept.at(-1);
    return {
      name,
      start: at,
      value: { text: whole.slice(from, to), offsets: [...kept, last === undefined ? at + name.length + 1 : last + 1] },
    };
  });
}
