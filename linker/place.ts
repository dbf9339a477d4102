/**
 * Decides which output section each input section goes to.
 *
 * A script's input descriptions are tried in order and the first that matches takes the section. To keep this fast
 * for links with tens of thousands of section names, a kernel decides all names for which the name alone decides, once
 * each; names of which only some files' sections match, or whose pattern is intricate, are matched here. What no description takes is an orphan: it gets an output section
 * of its own name, placed behind the last one of the same kind, as in GNU ld.
 * Source: GNU ld manual 3.6.4 "Input Section Description", 3.10.4 "Orphan Sections".
 */
import { fail, printable } from '../base/errors.ts';
import { type Arena, adopt, f64, i32, u32 } from './arena.ts';
import * as elf from './elf.ts';
import type { BodyItem, LayoutCommand, OutputSection } from './image.ts';
import * as layout from './kernels/layout.ts';
import { nameCapacity, nameText } from './names.ts';
import { Live, objectAt, type Program, Role } from './program.ts';
import type { LinkOptions } from './request.ts';
import type { InputDescription, LinkerScript, OutputSectionDescription, SectionsStatement } from './script/ast.ts';
import {
  compileFilePattern,
  compileFilePatterns,
  compilePattern,
  type FileName,
  isWild,
  type Matcher,
} from './script/match.ts';
import { orderMatches } from './script/sort.ts';

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

function fileNameOf(name: string): FileName {
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

export function createOutputSection(name: string, description?: OutputSectionDescription): OutputSection {
  const section: OutputSection = {
    name,
    body: [],
    type: elf.SHT_NULL,
    flags: 0,
    align: 1,
    entsize: 0,
    address: 0,
    loadAddress: 0,
    size: 0,
    fileOffset: 0,
    index: 0,
    info: 0,
    relro: false,
    noload: description?.type === 'NOLOAD',
    keepEmpty: false,
  };
  if (description) {
    section.placement = description;
    if (description.fill) section.fill = description.fill;
  }
  return section;
}

/** Builds the commands of the layout: the script's statements with their inputs filled in, orphans inserted. */
export function buildCommands(placer: Placer, program: Program, options: LinkOptions): LayoutCommand[] {
  matchSections(placer, program);
  const byDescription = collectMatches(placer, program, placer.descriptions.length);
  const commands: LayoutCommand[] = [];
  const byName = new Map<string, OutputSection>();
  let description = 0;
  for (const statement of placer.statements) {
    if (statement.kind === 'entry') continue;
    if (statement.kind !== 'section') {
      commands.push(statement);
      continue;
    }
    const first = description;
    description += statement.body.filter((item) => item.kind === 'input').length;
    if (statement.name === '/DISCARD/') continue;
    const output = createOutputSection(statement.name, statement);
    let next = first;
    for (const item of statement.body) {
      if (item.kind === 'constructors') continue;
      if (item.kind !== 'input') {
        output.body.push(item);
        if (item.kind === 'data' || (item.kind === 'assign' && item.target === '.')) output.keepEmpty = true;
        continue;
      }
      const sections = orderDescription(program, item, byDescription[next++]!, placer, options);
      output.body.push({ kind: 'inputs', sections });
      joinSections(program, output, sections);
    }
    commands.push({ kind: 'output', section: output });
    if (!byName.has(statement.name)) byName.set(statement.name, output);
  }
  placeOrphans(placer, program, options, commands, byName);
  return commands;
}

/** By description, of which there are `count`: the live sections that it took, in order. */
function collectMatches(placer: Placer, program: Program, count: number): Uint32Array[] {
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

function orderDescription(
  program: Program,
  item: InputDescription,
  sections: Uint32Array,
  placer: Placer,
  options: LinkOptions,
): Uint32Array {
  const sorted = item.sortFiles || options.sortSection !== undefined || item.sections.some((p) => p.sort.length > 0);
  if (!sorted) return sections;
  const t = program.sections;
  const matches = Array.from(sections, (s) => ({
    section: { name: nameText(program.sectionNames, t.name[s]!), alignment: t.align[s]!, index: s },
    file: fileNameOf(objectAt(program, t.object[s]!).name),
    pattern: placer.pattern[s]!,
  }));
  orderMatches(item, matches, options.sortSection).forEach((match, i) => {
    sections[i] = match.section.index;
  });
  return sections;
}

/** Output flags, type, entry size and alignment from the inputs that join. */
function joinSections(program: Program, output: OutputSection, sections: Uint32Array): void {
  const joined = joinedOf(program, output);
  program.arena.kernels.joinSections(program.block, sections.byteOffset, sections.length, joined.byteOffset);
  takeJoined(output, joined);
}

/** What an output section is now, for kernels to have more inputs join. */
function joinedOf(program: Program, { type, flags, entsize, align }: OutputSection): Float64Array {
  const joined = f64(program.arena, layout.JOINED_WORDS);
  joined[layout.JOINED_TYPE] = type;
  joined[layout.JOINED_FLAGS] = flags;
  joined[layout.JOINED_ENTSIZE] = entsize;
  joined[layout.JOINED_ALIGN] = align;
  return joined;
}

function takeJoined(output: OutputSection, joined: Float64Array): void {
  output.type = joined[layout.JOINED_TYPE]!;
  output.flags = joined[layout.JOINED_FLAGS]!;
  output.entsize = joined[layout.JOINED_ENTSIZE]!;
  output.align = joined[layout.JOINED_ALIGN]!;
}

// --- orphans

/** Kinds in the order in which sections without a place follow one another. */
function rankOf(type: number, flags: number): number {
  if ((flags & elf.SHF_ALLOC) === 0) return 9;
  if ((flags & elf.SHF_EXECINSTR) !== 0) return (flags & elf.SHF_WRITE) !== 0 ? 4 : 3;
  if ((flags & elf.SHF_WRITE) === 0) return type === elf.SHT_NOTE ? 1 : 2;
  if ((flags & elf.SHF_TLS) !== 0) return 5;
  return type === elf.SHT_NOBITS ? 8 : 7;
}

/** Index behind the last output section of a rank, or -1. */
function behindRank(commands: readonly LayoutCommand[], rank: number): number {
  const last = commands.findLastIndex(
    (command) =>
      command.kind === 'output' &&
      command.section.type !== elf.SHT_NULL &&
      rankOf(command.section.type, command.section.flags) === rank,
  );
  return last < 0 ? -1 : last + 1;
}

/**
 * Where an orphan of this kind goes: behind the last output section of the nearest kind not after its own. A user's
 * script (`scripted`) may want its first section at a fixed address, so nothing read-only comes before the code there.
 */
function orphanPosition(commands: readonly LayoutCommand[], type: number, flags: number, scripted: boolean): number {
  const rank = rankOf(type, flags);
  let best = -1;
  let bestRank = -1;
  let firstLater = -1;
  commands.forEach((command, i) => {
    if (command.kind !== 'output' || command.section.type === elf.SHT_NULL) return;
    const other = rankOf(command.section.type, command.section.flags);
    if (other <= rank && other >= bestRank) {
      best = i;
      bestRank = other;
    } else if (other > rank && firstLater < 0) {
      firstLater = i;
    }
  });
  if (best >= 0) return best + 1;
  const others = rank === 1 ? [2, 3] : rank === 2 ? [3] : [];
  const behind = scripted ? others.map((other) => behindRank(commands, other)).find((index) => index >= 0) : undefined;
  if (behind !== undefined) return behind;
  if (firstLater < 0) return commands.length;
  // Before the statement that starts the later one's page, if (empty) sections stand before that.
  const moves = (command: LayoutCommand) => command.kind === 'assign' && command.target === '.';
  const start = commands.findLastIndex((command, i) => i < firstLater && moves(command));
  const follows = commands.slice(0, Math.max(start, 0)).some((command) => command.kind === 'output');
  return follows ? start : firstLater;
}

/** An orphan goes to the memory regions of the section it follows. */
function inheritPlacement(output: OutputSection, previous: LayoutCommand | undefined): void {
  if (previous?.kind !== 'output' || !previous.section.placement) return;
  const { region, loadRegion, at } = previous.section.placement;
  if (region === undefined && loadRegion === undefined) return;
  output.placement = {
    alignWithInput: false,
    at,
    ...(region === undefined ? {} : { region }),
    ...(loadRegion === undefined ? {} : { loadRegion }),
  };
}

function placeOrphans(
  placer: Placer,
  program: Program,
  options: LinkOptions,
  commands: LayoutCommand[],
  byName: Map<string, OutputSection>,
): void {
  const { arena, block, sections: t } = program;
  const { kernels } = arena;
  const scripted = layoutScript(options.scripts) !== undefined;
  // By name: the same orphans come in every object.
  const groups = u32(arena, nameCapacity(program.sectionNames));
  const created: Orphans[] = [];
  const ask = options.orphanHandling === 'place' ? 0 : 1;
  const first = placer.descriptions.length;
  for (let s = 0; ; s++) {
    s = kernels.placeOrphans(block, s, t.count, placer.description.byteOffset, groups.byteOffset, ask);
    if (s === t.count) break;
    if (ask === 1 && !mayPlaceOrphan(program, options, s)) continue;
    const name = t.name[s]!;
    if (groups[name] === 0) {
      // Where a new one goes depends on what the others have become.
      for (const { output, joined } of created) takeJoined(output, joined);
      const made = createOrphan(program, commands, byName, s, scripted);
      made.joined[layout.JOINED_DESCRIPTION] = first + created.push(made) - 1;
      groups[name] = made.joined.byteOffset;
    }
    const joined = groups[name]!;
    kernels.joinSection(block, s, joined);
    placer.description[s] = arena.view.getFloat64(joined + 8 * layout.JOINED_DESCRIPTION, true);
  }
  const lists = collectMatches(placer, program, first + created.length);
  for (const [i, { output, item, joined }] of created.entries()) {
    takeJoined(output, joined);
    item.sections = lists[first + i]!;
  }
}

/** The orphans of one name. */
interface Orphans {
  readonly output: OutputSection;
  readonly item: Extract<BodyItem, { readonly kind: 'inputs' }>;
  readonly joined: Float64Array;
}

/** --orphan-handling: an error, a warning, or the section's end. Returns whether it is still placed. */
function mayPlaceOrphan(program: Program, options: LinkOptions, s: number): boolean {
  const t = program.sections;
  if ((t.flags[s]! & elf.SHF_ALLOC) === 0 || t.role[s] === Role.Synthetic) return true;
  const name = nameText(program.sectionNames, t.name[s]!);
  const what = `${objectAt(program, t.object[s]!).name}: section ${printable(name)} is not named by the script`;
  if (options.orphanHandling === 'error') fail('layout', `${what}; name it or give --orphan-handling=place`);
  if (options.orphanHandling === 'warn') program.warnings.push(what);
  if (options.orphanHandling !== 'discard') return true;
  t.live[s] = Live.Dead;
  return false;
}

/** Where orphans named as `s` go: an output section of that name, made now unless the script has one. */
function createOrphan(
  program: Program,
  commands: LayoutCommand[],
  byName: Map<string, OutputSection>,
  s: number,
  scripted: boolean,
): Orphans {
  const t = program.sections;
  const name = nameText(program.sectionNames, t.name[s]!);
  const item: Orphans['item'] = { kind: 'inputs', sections: u32(program.arena, 0) };
  const existing = byName.get(name);
  if (existing) {
    existing.body.push(item);
    return { output: existing, item, joined: joinedOf(program, existing) };
  }
  const output = createOutputSection(name);
  output.body.push(item);
  const position = orphanPosition(commands, t.type[s]!, t.flags[s]!, scripted);
  inheritPlacement(output, commands[position - 1]);
  commands.splice(position, 0, { kind: 'output', section: output });
  return { output, item, joined: joinedOf(program, output) };
}

/** The user's script that lays sections out; undefined when the built-in layout does. */
export function layoutScript(scripts: readonly LinkerScript[]): LinkerScript | undefined {
  return scripts.find((script) => script.hasSections && !script.insert);
}

/** SECTIONS statements to lay out by: the main script's (or the built-in's), with INSERT scripts put in their place. */
export function sectionStatements(scripts: readonly LinkerScript[], builtin: () => LinkerScript): SectionsStatement[] {
  const main = layoutScript(scripts) ?? builtin();
  const statements = [...main.commands];
  for (const script of scripts) {
    if (script === main) continue;
    if (!script.insert) {
      // Assignments outside SECTIONS apply before the layout; more SECTIONS follow it, as in GNU ld.
      statements.push(...script.commands);
      continue;
    }
    const { where, section, at } = script.insert;
    const anchor = statements.findIndex((statement) => statement.kind === 'section' && statement.name === section);
    if (anchor < 0) {
      fail(
        'script',
        `${at.file}:${at.line}: INSERT ${where} ${printable(section)}: the main script has no such section`,
      );
    }
    statements.splice(where === 'AFTER' ? anchor + 1 : anchor, 0, ...script.commands);
  }
  return statements;
}
