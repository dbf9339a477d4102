/**
 * Decides which description of the script takes each input section.
 *
 * A script's input descriptions are tried in order and the first that matches takes the section. To keep this fast
 * for links with tens of thousands of section names, a kernel decides all names for which the name alone decides, once
 * each; names of which only some files' sections match, or whose pattern is intricate, are matched here.
 * Source: GNU ld manual 3.6.4 "Input Section Description".
 */
import { type Arena, adopt, i32, u32 } from './arena.ts';
import * as elf from './elf.ts';
import * as layout from './kernels/layout.ts';
import { nameCapacity, nameText } from './names.ts';
import { Live, objectAt, type Program } from './program.ts';
import type { InputDescription, OutputSectionDescription, SectionsStatement } from './script/ast.ts';
import {
  compileFilePattern,
  compileFilePatterns,
  compilePattern,
  type FileName,
  isWild,
  type Matcher,
} from './script/match.ts';

interface CompiledDescription {
  readonly source: InputDescription;
  readonly output: number;
  readonly matchesFile: (file: FileName) => boolean;
  readonly anyFile: boolean;
  readonly excludes: (file: FileName) => boolean;
}

interface Candidate {
  readonly source: string;
  readonly description: number;
  readonly pattern: number;
  readonly matches: Matcher;
  /** Takes every section whose name matches, whatever its file. */
  readonly always: boolean;
  readonly discards: boolean;
  readonly excludes: ((file: FileName) => boolean) | undefined;
}

/** A script made ready for matching. */
export interface Placer {
  readonly statements: readonly SectionsStatement[];
  readonly outputs: readonly OutputSectionDescription[];
  readonly descriptions: readonly CompiledDescription[];
  /** Candidates in script order. */
  readonly candidates: readonly Candidate[];
  /** The same for kernels: rows of PATTERN_WORDS words. */
  readonly rows: Uint32Array;
  /** By section name: its candidates, where the name alone does not decide. */
  readonly byName: Map<number, readonly Candidate[]>;
  /** By section name: the description that takes all sections of the name, or TAKEN_..., and its pattern. */
  taken: Int32Array;
  takenPattern: Int32Array;
  /** By section: description and pattern; -1 an orphan. Grows as sections are added. */
  description: Int32Array;
  pattern: Int32Array;
  placed: number;
}

/** A pattern for kernels: its kind, what it starts with and, after a star, what it ends with. */
function patternParts(pattern: string): { kind: number; start: string; end: string } {
  if (!isWild(pattern)) return { kind: layout.PATTERN_NAME, start: pattern, end: '' };
  const wild = pattern.search(/[*?[\\]/);
  const start = pattern.slice(0, wild);
  const end = pattern.slice(wild + 1);
  if (pattern[wild] === '*' && !isWild(end)) return { kind: layout.PATTERN_STAR, start, end };
  return { kind: layout.PATTERN_GENERAL, start, end: '' };
}

/** Puts patterns into the arena as rows. */
function patternRows(arena: Arena, candidates: readonly Candidate[]): Uint32Array {
  const rows = u32(arena, candidates.length * layout.PATTERN_WORDS);
  const place = (text: string): [number, number] => {
    const bytes = Buffer.from(text, 'utf8');
    return [adopt(arena, bytes), bytes.length];
  };
  candidates.forEach(({ source, description, pattern, always, discards }, i) => {
    const { kind, start, end } = patternParts(source);
    const takes = always && !discards && kind !== layout.PATTERN_GENERAL ? 1 : 0;
    rows.set([...place(start), ...place(end), kind, description, pattern, takes], i * layout.PATTERN_WORDS);
  });
  return rows;
}

/** Compiles the SECTIONS statements of `scripts` (INSERT applied to the first). */
export function createPlacer(arena: Arena, statements: readonly SectionsStatement[]): Placer {
  const outputs: OutputSectionDescription[] = [];
  const descriptions: CompiledDescription[] = [];
  const candidates: Candidate[] = [];
  for (const statement of statements) {
    if (statement.kind !== 'section') continue;
    const output = outputs.push(statement) - 1;
    for (const item of statement.body) {
      if (item.kind !== 'input') continue;
      const description =
        descriptions.push({
          source: item,
          output,
          matchesFile: compileFilePattern(item.file),
          anyFile: item.file === '*',
          excludes: compileFilePatterns(item.excludeFiles),
        }) - 1;
      item.sections.forEach((section, pattern) => {
        candidates.push({
          source: section.pattern,
          description,
          pattern,
          matches: compilePattern(section.pattern),
          always:
            item.file === '*' &&
            item.excludeFiles.length === 0 &&
            section.excludeFiles.length === 0 &&
            statement.constraint === undefined,
          discards: statement.name === '/DISCARD/',
          excludes: section.excludeFiles.length > 0 ? compileFilePatterns(section.excludeFiles) : undefined,
        });
      });
    }
  }
  return {
    statements,
    outputs,
    descriptions,
    candidates,
    rows: patternRows(arena, candidates),
    byName: new Map(),
    taken: new Int32Array(0),
    takenPattern: new Int32Array(0),
    description: new Int32Array(0),
    pattern: new Int32Array(0),
    placed: 0,
  };
}

/** Candidates of a name, in script order; found once for each name. */
function candidatesOf(placer: Placer, program: Program, name: number): readonly Candidate[] {
  const known = placer.byName.get(name);
  if (known) return known;
  const text = nameText(program.sectionNames, name);
  const matching = placer.candidates.filter((candidate) => candidate.matches(text));
  // What takes any section of the name makes all later candidates idle.
  const last = matching.findIndex((candidate) => candidate.always);
  const found = last < 0 ? matching : matching.slice(0, last + 1);
  placer.byName.set(name, found);
  return found;
}

export function fileNameOf(name: string): FileName {
  const open = name.endsWith(')') ? name.lastIndexOf('(') : -1;
  return open > 0 ? { archive: name.slice(0, open), name: name.slice(open + 1, -1) } : { name };
}

/** Matches all sections added since the last call; /DISCARD/ed ones die. */
export function matchSections(placer: Placer, program: Program): void {
  const t = program.sections;
  const { arena, block } = program;
  fitColumns(placer, program);
  const files: (FileName | undefined)[] = [];
  const fileOf = (s: number): FileName => {
    const object = t.object[s]!;
    const known = files[object];
    if (known) return known;
    const made = fileNameOf(objectAt(program, object).name);
    files[object] = made;
    return made;
  };
  for (let s = placer.placed; ; s++) {
    s = arena.kernels.matchSections(
      block,
      s,
      t.count,
      placer.rows.byteOffset,
      placer.candidates.length,
      placer.taken.byteOffset,
      placer.takenPattern.byteOffset,
      placer.description.byteOffset,
      placer.pattern.byteOffset,
    );
    if (s === t.count) break;
    placer.description[s] = -1;
    const candidates = candidatesOf(placer, program, t.name[s]!);
    for (const candidate of candidates) {
      const description = placer.descriptions[candidate.description]!;
      if (!description.anyFile && !description.matchesFile(fileOf(s))) continue;
      if (candidate.excludes?.(fileOf(s))) continue;
      if (description.source.excludeFiles.length > 0 && description.excludes(fileOf(s))) continue;
      const output = placer.outputs[description.output]!;
      if (output.constraint && !satisfies(output, t.flags[s]!)) continue;
      placer.description[s] = candidate.description;
      placer.pattern[s] = candidate.pattern;
      if (output.name === '/DISCARD/') t.live[s] = Live.Dead;
      break;
    }
  }
  placer.placed = t.count;
}

/** Makes the columns as long as the tables they follow may become. */
function fitColumns(placer: Placer, program: Program): void {
  const { arena, sections } = program;
  if (placer.description.length < sections.count) {
    placer.description = longer(arena, placer.description, sections.count * 2);
    placer.pattern = longer(arena, placer.pattern, sections.count * 2);
  }
  const names = nameCapacity(program.sectionNames);
  if (placer.taken.length < names) {
    const known = placer.taken.length;
    placer.taken = longer(arena, placer.taken, names).fill(layout.TAKEN_UNKNOWN, known);
    placer.takenPattern = longer(arena, placer.takenPattern, names);
  }
}

function longer(arena: Arena, column: Int32Array, length: number): Int32Array {
  const next = i32(arena, length);
  next.set(column);
  return next;
}

/** ONLY_IF_RO and ONLY_IF_RW choose by the section at hand; GNU ld by all that match, which differs only for mixes. */
function satisfies(output: OutputSectionDescription, flags: number): boolean {
  const writable = (flags & elf.SHF_WRITE) !== 0;
  return output.constraint === 'ONLY_IF_RW' ? writable : !writable;
}

/** Whether the script's KEEP covers a section. */
export function isKept(placer: Placer, section: number): boolean {
  const description = placer.description[section]!;
  return description >= 0 && placer.descriptions[description]!.source.keep;
}

/** By description, of which there are `count`: the live sections that it took, in order. */
export function collectMatches(placer: Placer, program: Program, count: number): Uint32Array[] {
  const { arena, block, sections } = program;
  const descriptions = placer.description.byteOffset;
  const counts = u32(arena, count);
  arena.kernels.countMatches(block, sections.count, descriptions, counts.byteOffset);
  const ends = u32(arena, count);
  const lists = Array.from(counts, (size, i) => {
    const list = u32(arena, size);
    ends[i] = list.byteOffset;
    return list;
  });
  arena.kernels.collectMatches(block, sections.count, descriptions, ends.byteOffset);
  return lists;
}
