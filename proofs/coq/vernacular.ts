/**
 * What a file of proofs may say, before Coq reads it.
 *
 * Coq's commands can do anything: load native code, write files, add axioms, switch checks off, give `=` another meaning.
 * So a handwritten file is split into sentences, and each must begin as one of a short list does: statements, tactics,
 * definitions, and libraries of Coq itself. Whatever is not known to be harmless is refused, with its line. What a proof
 * is worth is not decided here (Checked.v and coqchk do that); this is so that reading a file does nothing.
 */
import { printable } from '../../base/errors.ts';

export interface Sentence {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

export interface Objection {
  readonly line: number;
  readonly what: string;
}

export class Unreadable extends Error {
  readonly line: number;
  constructor(line: number, what: string) {
    super(what);
    this.line = line;
  }
}

/** The end of a comment that begins at `start`; comments nest, and strings in them are strings. */
function endOfComment(text: string, start: number, line: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text.startsWith('(*', i)) {
      depth++;
      i++;
    } else if (text.startsWith('*)', i)) {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    } else if (text[i] === '"') {
      const end = text.indexOf('"', i + 1);
      if (end < 0) throw new Unreadable(line, 'a string in a comment that does not end');
      i = end;
    }
  }
  throw new Unreadable(line, 'a comment that does not end');
}

/** Sentences without comments. Strings are refused: no proof needs one. */
export function sentences(text: string): Sentence[] {
  const found: Sentence[] = [];
  let line = 1;
  let start = 1;
  let now = '';
  const lineBreaks = (piece: string): number => piece.split('\n').length - 1;
  const end = (): void => {
    if (now.trim() !== '') found.push({ text: now.trim().replace(/\s+/g, ' '), line: start });
    now = '';
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (text.startsWith('(*', i)) {
      const after = endOfComment(text, i, line);
      line += lineBreaks(text.slice(i, after));
      now += ' ';
      i = after - 1;
      continue;
    }
    if (c === '"') throw new Unreadable(line, 'a string');
    if (c === '\n') line++;
    else if (c !== '\t' && c !== '\r' && (c < ' ' || c > '~'))
      throw new Unreadable(line, `the character ${printable(c)}, which is not of ASCII`);
    if (now.trim() === '' && !/\s/.test(c)) {
      start = line;
      // Bullets and braces are sentences by themselves.
      if (/[-+*{}]/.test(c)) {
        now = '';
        found.push({ text: c, line });
        continue;
      }
    }
    now += c;
    if (c === '.' && (i + 1 === text.length || /\s/.test(text[i + 1]))) end();
    // `..` and `...` end a sentence of tactics too, and mean another tactic: none is needed.
    if (c === '.' && text[i + 1] === '.') throw new Unreadable(line, 'two dots');
  }
  if (now.trim() !== '') throw new Unreadable(start, 'a sentence that does not end');
  return found;
}

const libraries = [
  'ZArith',
  'List',
  'Bool',
  'Lia',
  'Arith',
  'NArith',
  'Znumtheory',
  'Zwf',
  'Psatz',
  'ZifyBool',
  'Wellfounded',
];

const statements = /^(Lemma|Theorem|Remark|Fact|Corollary|Proposition|Example) [A-Za-z_][\w']*\b/;
const definitions = /^(Local )?(Definition|Fixpoint|Function|Ltac) [A-Za-z_][\w']*\b/;

/** Words that no sentence may have, wherever they stand. */
const words =
  /\b(admit|give_up|native_compute|native_cast_no_check|vm_cast_no_check|exact_no_check|external|ltac2|Bypass_check|bypass_check|Unset|Set|Axiom|Parameter|Notation|Declare|Redirect|Extraction|Load|Drop|Export|Primitive)\b/;

function isAllowed(text: string, inProof: boolean): boolean {
  const required = /^(?:From Coq )?Require (?:Import )?([\w. ]+)\.$/.exec(text);
  if (required !== null) {
    return required[1]
      .split(' ')
      .every((name) => libraries.includes(name.replace(/^Coq\./, '')) || /^Verified\.[A-Za-z_][\w']*$/.test(name));
  }
  if (/^Import (ListNotations|Z|Bool)\.$/.test(text) || /^Open Scope (Z_scope|list_scope|bool_scope)\.$/.test(text))
    return true;
  if (/^(Proof|Qed|Defined|Abort|Admitted)\.$/.test(text)) return true;
  if (statements.test(text) || definitions.test(text)) return true;
  if (!inProof) return false;
  return /^[-+*{}]$/.test(text) || /^(?:(?:all|\d+(?:-\d+)?(?:, ?\d+(?:-\d+)?)*) ?: ?)?[a-z[(]/.test(text);
}

/** What a text may not say. */
export function objectionsTo(text: string): Objection[] {
  let all: Sentence[];
  try {
    all = sentences(text);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return [{ line: error.line, what: error.message }];
  }
  let inProof = false;
  return all.flatMap(({ text: sentence, line }): Objection[] => {
    const allowed = isAllowed(sentence, inProof);
    const word = words.exec(sentence)?.[1];
    if (statements.test(sentence) || (/^(Local )?(Definition|Function)\b/.test(sentence) && !sentence.includes(':=')))
      inProof = true;
    if (/^(Qed|Defined|Abort|Admitted)\.$/.test(sentence)) inProof = false;
    if (word !== undefined) return [{ line, what: `${word}, which no proof needs` }];
    return allowed ? [] : [{ line, what: `\`${printable(sentence, 60)}\`, which is not among what a proof may say` }];
  });
}

/** Whether a text says of itself that it is not finished. */
export const isUnfinished = (text: string): boolean =>
  sentences(text).some(({ text: sentence }) => /^(Abort|Admitted)\.$/.test(sentence)) ||
  !sentences(text).some(({ text: sentence }) => /^(Qed|Defined)\.$/.test(sentence));
