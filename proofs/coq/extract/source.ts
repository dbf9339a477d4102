/**
 * What a user's Coq file says, sentence by sentence, before Coq reads it.
 *
 * Coq's commands can load native code and write files, so a sentence has to begin as one that does neither, as in a
 * handwritten proof (vernacular.ts); but a whole development also has modules, notations, records and strings. What is
 * extracted is found here too: names of definitions, fields of records, and theorems as they are written.
 */
import { printable } from '../../../base/errors.ts';
import type { Objection } from '../vernacular.ts';

export interface Sentence {
  /** Without comments, blanks as one. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** Sentences; a comment or string that does not end is in the last. */
export function sourceSentences(text: string): Sentence[] {
  const found: Sentence[] = [];
  let now = '';
  let line = 1;
  let start = 0;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '\n') line++;
    if (inString || (c === '"' && depth === 0)) {
      if (start === 0) start = line;
      now += c;
      if (c === '"') inString = !inString;
      continue;
    }
    if (text.startsWith('(*', i)) {
      depth++;
      i++;
    } else if (depth > 0 && text.startsWith('*)', i)) {
      depth--;
      i++;
      now += ' ';
    } else if (depth === 0) {
      if (start === 0 && !/\s/.test(c)) start = line;
      now += c;
      const isEnd = c === '.' && text[i - 1] !== '.' && (i + 1 === text.length || /\s/.test(text[i + 1]!));
      const isBullet =
        /^\s*(?:[-+*]+|[{}])$/.test(now) && /[{}]|\s/.test(c === '{' || c === '}' ? c : (text[i + 1] ?? ' '));
      if (!isEnd && !isBullet) continue;
      found.push({ text: now.trim().replaceAll(/\s+/g, ' '), line: start });
      now = '';
      start = 0;
    }
  }
  if (now.trim() !== '') found.push({ text: now.trim().replaceAll(/\s+/g, ' '), line: start });
  return found;
}

const opening = new Set(
  `Require From Import Export Open Close Local Global Definition Fixpoint Function Inductive Variant Record Structure Class Instance
Lemma Theorem Corollary Remark Fact Proposition Example Let Section Module Namespace End Variable Variables Context
Hypothesis Hypotheses Arguments Notation Infix Reserved Scheme Ltac Proof Qed Defined Admitted Abort Hint Create Existing
Coercion Canonical Generalizable Set Unset Implicit Bind Delimit Undelimit Declare Opaque Transparent Program Next Obligation
Obligations Equations Check Print Compute Eval About Search Fail Goal Tactic Combined Functional Derive Axiom Parameter
CoInductive CoFixpoint Axioms Parameters Conjecture Polymorphic Cumulative Universe Universes Constraint`.split(/\s+/),
);

/** Words that would do more than say something, wherever they stand outside of strings. */
const forbidden =
  /\b(Declare ML Module|Load|Redirect|Drop|Cd|Pwd|Add (?:Rec )?(?:LoadPath|ML Path)|Extraction|Extract|Separate|Recursive|native_compute|external|Bypass_check|Guard Checking|Positivity Checking|Universe Checking|Primitive|Register|Timeout|Time|Profile|Debug|Quit|Back|Undo|Restart|Reset|BackTo|Save|Write|Backtrace|State|Inspect|Locate File|Ltac2)\b/;

/** What such a file may not say. */
export function objectionsToSource(all: readonly Sentence[]): Objection[] {
  return all.flatMap(({ text, line }): Objection[] => {
    const bare = text
      .replaceAll(/"[^"]*"/g, '""')
      .replaceAll(/#\[[^\]]*\]/g, '')
      .trim();
    const word = forbidden.exec(bare)?.[1];
    // In proofs tactics begin with small letters, bullets or selectors.
    const first = /^(?:(?:all|!|\d+(?:\s*-\s*\d+)?(?:\s*,\s*\d+(?:\s*-\s*\d+)?)*)\s*:\s*)?[a-z_[({+*}\-|]/.test(bare)
      ? undefined
      : /^\w+/.exec(bare)?.[0];
    if (word !== undefined && !/^[a-z]/.test(bare)) return [{ line, what: `${word}, which does more than define` }];
    if (word !== undefined && /native_compute|external|Bypass/.test(word)) return [{ line, what: word }];
    if (first !== undefined && !opening.has(first))
      return [{ line, what: `\`${printable(bare, 60)}\`, which is not among what such a file may say` }];
    const required = /^(?:From\s+(\S+)\s+)?Require\b/.exec(bare);
    if (required?.[1] !== undefined && !/^(?:Coq|Verified)(?:\.|$)/.test(required[1]))
      return [{ line, what: `${printable(required[1])}, a library that is neither Coq's own nor beside the file` }];
    return [];
  });
}

/** Names of the files beside it that a file requires: `Require Import Verified.NAME`, as casemate prove --coq writes. */
export function siblingsOf(all: readonly Sentence[]): string[] {
  return all.flatMap(({ text }) => {
    const [, from, list] = /^(?:From (\S+) )?Require (?:Import |Export )?(.*)\.$/.exec(text) ?? [];
    const names = (list ?? '').split(' ').map((name) => (from === 'Verified' ? `Verified.${name}` : name));
    return names.flatMap((name) => /^Verified\.([A-Za-z_][\w']*)$/.exec(name)?.[1] ?? []);
  });
}

export interface SourceDefinition {
  /** With the modules that it is in: `M.f`. */
  readonly name: string;
  readonly line: number;
}

export interface SourceTheorem {
  readonly name: string;
  readonly statement: string;
}

export interface Source {
  readonly definitions: readonly SourceDefinition[];
  readonly theorems: readonly SourceTheorem[];
  /** Fields of constructors by their names, where all have one. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** What cannot be extracted, by name: coinduction, universes. */
  readonly refused: readonly (Objection & { readonly name: string })[];
}

const attributes = /^(?:#\[[^\]]*\]\s*)?(?:(?:Local|Global|Program|Polymorphic|Monomorphic|Cumulative)\s+)*/;
const ident = "[A-Za-z_][A-Za-z0-9_']*";
const binderGroup = /^\s*[({]([^:(){}]+):/;

/** Names of the arguments of a constructor that has binders only. */
function binderNames(text: string): string[] | undefined {
  const names: string[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const group = binderGroup.exec(rest);
    if (group === null) return rest.startsWith(':') ? names : undefined;
    names.push(...group[1]!.trim().split(/\s+/));
    let depth = 0;
    let i = 0;
    do {
      if (/[({]/.test(rest[i]!)) depth++;
      if (/[)}]/.test(rest[i]!)) depth--;
      i++;
    } while (depth > 0 && i < rest.length);
    rest = rest.slice(i).trim();
  }
  return names;
}

function fieldsIn(text: string): [string, readonly string[]][] {
  const record = new RegExp(
    `^(?:Record|Structure|Class|Inductive|Variant)\\s+(${ident})[^{]*?:=\\s*(${ident})?\\s*\\{(.*)\\}`,
  ).exec(text);
  if (record !== null) {
    const names = record[3]!.split(';').flatMap((one) => {
      const name = new RegExp(`^\\s*(${ident})[^:]*:`).exec(one)?.[1];
      return name === undefined ? [] : [name];
    });
    return [[record[2] ?? `Build_${record[1]}`, names]];
  }
  if (!/^(?:Inductive|Variant)\b/.test(text)) return [];
  const body = text.slice(text.indexOf(':=') + 2).replace(/\.$/, '');
  return body.split('|').flatMap((one): [string, readonly string[]][] => {
    const [, name, rest] = new RegExp(`^\\s*(${ident})(.*)$`).exec(one) ?? [];
    const names = name === undefined ? undefined : binderNames(rest!);
    return names === undefined || names.length === 0 ? [] : [[name!, names]];
  });
}

/** What there is to extract in a file. */
export function readSource(all: readonly Sentence[]): Source {
  const definitions: SourceDefinition[] = [];
  const theorems: SourceTheorem[] = [];
  const fields = new Map<string, readonly string[]>();
  const refused: (Objection & { name: string })[] = [];
  const path: { readonly name: string; readonly isModule: boolean }[] = [];
  const qualified = (name: string): string =>
    [...path.filter(({ isModule }) => isModule).map((one) => one.name), name].join('.');
  let isType = 0;
  for (const { text, line } of all) {
    const bare = text.replace(attributes, '');
    const universe = /^(?:#\[[^\]]*\]\s*)?(Polymorphic|Cumulative)\b/.exec(text)?.[1];
    const head = new RegExp(
      `^(Definition|Fixpoint|Function|Inductive|Variant|Record|Structure|Class|Instance|Let|CoInductive|CoFixpoint|Example)\\s+(${ident})`,
    ).exec(bare);
    if (/^Module\s+Type\b/.test(bare)) isType++;
    const opens = new RegExp(`^(Section|Module)\\s+(?:Type\\s+)?(?:Import\\s+|Export\\s+)?(${ident})`).exec(bare);
    if (opens !== null && !/:=/.test(bare)) path.push({ name: opens[2]!, isModule: opens[1] === 'Module' });
    else if (/^End\b/.test(bare)) {
      path.pop();
      if (isType > 0 && path.length === 0) isType = 0;
    }
    if (isType > 0) continue;
    const theorem = new RegExp(`^(?:Lemma|Theorem|Corollary|Remark|Fact|Proposition)\\s+(${ident})\\s*(.*)\\.$`).exec(
      bare,
    );
    if (theorem !== null) theorems.push({ name: qualified(theorem[1]!), statement: theorem[2]!.replace(/^:\s*/, '') });
    if (head === null) continue;
    const [, kind, name] = head as unknown as [string, string, string];
    if (kind.startsWith('Co')) refused.push({ name, line, what: 'coinduction, which has values without an end' });
    else if (universe !== undefined) refused.push({ name, line, what: `universes of its own (${universe})` });
    if (kind === 'Example' && !/:=/.test(bare)) continue;
    for (const one of fieldsIn(bare)) fields.set(...one);
    const more = /^(?:Fixpoint|Inductive)$/.test(kind)
      ? [...bare.matchAll(new RegExp(`\\bwith\\s+(${ident})\\s*(?=[({:])`, 'g'))].map((one) => one[1]!)
      : [];
    for (const one of [name, ...more]) definitions.push({ name: qualified(one), line });
  }
  return { definitions, theorems, fields, refused };
}
