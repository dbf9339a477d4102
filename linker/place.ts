/**
 * Decides which output section each input section goes to.
 *
 * A script's input descriptions are tried in order and the first that matches takes the section. To keep this fast
 * for links with tens of thousands of section names, descriptions are indexed by the literal start of their patterns
 * and the candidates of each name are found once. What no description takes is an orphan: it gets an output section
 * of its own name, placed behind the last one of the same kind, as in GNU ld.
 * Source: GNU ld manual 3.6.4 "Input Section Description", 3.10.4 "Orphan Sections".
 */
import { fail, printable } from '../base/errors.ts';
import * as elf from './elf.ts';
import type { BodyItem, LayoutCommand, OutputSection } from './image.ts';
import { nameText } from './names.ts';
import { Live, type Program, Role } from './program.ts';
import type { LinkOptions } from './request.ts';
import type { InputDescription, LinkerScript, OutputSectionDescription, SectionsStatement } from './script/ast.ts';
import {
  compileFilePattern,
  compileFilePatterns,
  compilePattern,
  type FileName,
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
  readonly description: number;
  readonly pattern: number;
  readonly matches: Matcher;
  /** The pattern's bytes when it is a name, or a name and a star; `exact` tells which. */
  readonly literal: Uint8Array | undefined;
  readonly exact: boolean;
  /** Takes every section whose name matches, whatever its file. */
  readonly always: boolean;
  readonly excludes: ((file: FileName) => boolean) | undefined;
}

/** A script made ready for matching. */
export interface Placer {
  readonly statements: readonly SectionsStatement[];
  readonly outputs: readonly OutputSectionDescription[];
  readonly descriptions: readonly CompiledDescription[];
  /** Candidates in script order, by the first characters of their pattern; '' for patterns that start wild. */
  readonly buckets: ReadonlyMap<string, Candidate[]>;
  /** Buckets with the wild ones merged in, by the name's first bytes as a number. */
  readonly merged: Map<number, readonly Candidate[]>;
  /** By name. */
  readonly byName: (readonly Candidate[] | undefined)[];
  /** By section: description and pattern; -1 an orphan. Grows as sections are added. */
  description: Int32Array;
  pattern: Int32Array;
  placed: number;
}

const BUCKET = 4;

function literalStart(pattern: string): string {
  const wild = pattern.search(/[*?[\\]/);
  return wild < 0 ? pattern : pattern.slice(0, wild);
}

/** Bytes of a pattern without wildcards but for a star at its end; undefined for others. */
function literalBytes(pattern: string): Uint8Array | undefined {
  const name = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern;
  return literalStart(name) === name ? Buffer.from(name, 'utf8') : undefined;
}

/** Compiles the SECTIONS statements of `scripts` (INSERT applied to the first). */
export function createPlacer(statements: readonly SectionsStatement[]): Placer {
  const outputs: OutputSectionDescription[] = [];
  const descriptions: CompiledDescription[] = [];
  const buckets = new Map<string, Candidate[]>();
  const add = (key: string, candidate: Candidate): void => {
    const list = buckets.get(key);
    if (list) list.push(candidate);
    else buckets.set(key, [candidate]);
  };
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
        const candidate: Candidate = {
          description,
          pattern,
          matches: compilePattern(section.pattern),
          literal: literalBytes(section.pattern),
          exact: !section.pattern.endsWith('*'),
          always:
            item.file === '*' &&
            item.excludeFiles.length === 0 &&
            section.excludeFiles.length === 0 &&
            statement.constraint === undefined,
          excludes: section.excludeFiles.length > 0 ? compileFilePatterns(section.excludeFiles) : undefined,
        };
        const literal = literalStart(section.pattern);
        const exact = literal === section.pattern;
        // A pattern shorter than the key matches names of any key with that start, so it goes to the common bucket.
        add(literal.length >= BUCKET ? literal.slice(0, BUCKET) : exact ? literal : '', candidate);
      });
    }
  }
  return {
    statements,
    outputs,
    descriptions,
    buckets,
    merged: new Map(),
    byName: [],
    description: new Int32Array(0),
    pattern: new Int32Array(0),
    placed: 0,
  };
}

/** Candidates of a name, in script order; found once for each name. */
function candidatesOf(placer: Placer, program: Program, name: number): readonly Candidate[] {
  const known = placer.byName[name];
  if (known) return known;
  const { sectionNames } = program;
  const bytes = sectionNames.buffers[sectionNames.buffer[name]!]!;
  const start = sectionNames.offset[name]!;
  const length = sectionNames.length[name]!;
  let text: string | undefined;
  const found: Candidate[] = [];
  for (const candidate of bucketOf(placer, bytes, start, length)) {
    // Most patterns are a name or a name and a star: those are compared as bytes.
    if (candidate.literal === undefined) text ??= nameText(sectionNames, name);
    const matches =
      candidate.literal === undefined ? candidate.matches(text!) : startsWith(bytes, start, length, candidate);
    if (!matches) continue;
    found.push(candidate);
    // What takes any section of the name makes all later candidates idle.
    if (candidate.always) break;
  }
  placer.byName[name] = found;
  return found;
}

function startsWith(bytes: Uint8Array, start: number, length: number, candidate: Candidate): boolean {
  const literal = candidate.literal!;
  if (candidate.exact ? length !== literal.length : length < literal.length) return false;
  for (let i = 0; i < literal.length; i++) if (bytes[start + i] !== literal[i]) return false;
  return true;
}

/** The bucket of a name, with the patterns that start wild merged in: script order. */
function bucketOf(placer: Placer, bytes: Uint8Array, start: number, length: number): readonly Candidate[] {
  let key = 0;
  for (let i = 0; i < BUCKET && i < length; i++) key = key * 256 + bytes[start + i]!;
  const known = placer.merged.get(key);
  if (known) return known;
  const text = Buffer.from(bytes.subarray(start, start + Math.min(BUCKET, length))).toString('utf8');
  const all = [...(placer.buckets.get(text) ?? []), ...(placer.buckets.get('') ?? [])];
  all.sort((a, b) => a.description - b.description || a.pattern - b.pattern);
  placer.merged.set(key, all);
  return all;
}

function fileNameOf(name: string): FileName {
  const open = name.endsWith(')') ? name.lastIndexOf('(') : -1;
  return open > 0 ? { archive: name.slice(0, open), name: name.slice(open + 1, -1) } : { name };
}

/** Matches all sections added since the last call; /DISCARD/ed ones die. */
export function matchSections(placer: Placer, program: Program): void {
  const t = program.sections;
  if (placer.description.length < t.count) {
    const description = new Int32Array(t.count * 2).fill(-1);
    description.set(placer.description);
    placer.description = description;
    const pattern = new Int32Array(t.count * 2);
    pattern.set(placer.pattern);
    placer.pattern = pattern;
  }
  const files: (FileName | undefined)[] = [];
  const fileOf = (s: number): FileName => {
    const object = t.object[s]!;
    const known = files[object];
    if (known) return known;
    const made = fileNameOf(program.objects[object]!.name);
    files[object] = made;
    return made;
  };
  for (let s = placer.placed; s < t.count; s++) {
    placer.description[s] = -1;
    if (t.live[s] !== Live.Live || t.role[s] === Role.Ignored) continue;
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
  const byDescription = collectMatches(placer, program);
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
      for (const s of sections) joinFlags(program, output, s);
    }
    commands.push({ kind: 'output', section: output });
    if (!byName.has(statement.name)) byName.set(statement.name, output);
  }
  placeOrphans(placer, program, options, commands, byName);
  return commands;
}

function collectMatches(placer: Placer, program: Program): number[][] {
  const lists: number[][] = placer.descriptions.map(() => []);
  const t = program.sections;
  for (let s = 0; s < t.count; s++) {
    const description = placer.description[s]!;
    if (description >= 0 && t.live[s] === Live.Live) lists[description]!.push(s);
  }
  return lists;
}

function orderDescription(
  program: Program,
  item: InputDescription,
  sections: number[],
  placer: Placer,
  options: LinkOptions,
): number[] {
  const sorted = item.sortFiles || options.sortSection !== undefined || item.sections.some((p) => p.sort.length > 0);
  if (!sorted) return sections;
  const t = program.sections;
  const matches = sections.map((s) => ({
    section: { name: nameText(program.sectionNames, t.name[s]!), alignment: t.align[s]!, index: s },
    file: fileNameOf(program.objects[t.object[s]!]!.name),
    pattern: placer.pattern[s]!,
  }));
  return orderMatches(item, matches, options.sortSection).map((match) => match.section.index);
}

/** Output flags and type from an input that joins. */
export function joinFlags(program: Program, output: OutputSection, s: number): void {
  const t = program.sections;
  const flags =
    t.flags[s]! & (elf.SHF_WRITE | elf.SHF_ALLOC | elf.SHF_EXECINSTR | elf.SHF_TLS | elf.SHF_MERGE | elf.SHF_STRINGS);
  const type = t.type[s]!;
  const entsize = t.entsize[s]!;
  const merging = elf.SHF_MERGE | elf.SHF_STRINGS;
  if (output.type === elf.SHT_NULL) {
    output.type = type;
    output.flags = flags;
    output.entsize = entsize;
  } else {
    const same = output.entsize === entsize && (output.flags & merging) === (flags & merging);
    output.flags = (output.flags | flags) & (same ? -1 : ~merging);
    if (output.entsize !== entsize) output.entsize = 0;
    if (output.type !== type) {
      // A section that holds bytes besides zeros holds bytes; else the more particular type gives way.
      const plain = output.type === elf.SHT_NOBITS ? type : type === elf.SHT_NOBITS ? output.type : elf.SHT_PROGBITS;
      output.type = isArray(output.type) && isArray(type) ? output.type : plain;
    }
  }
  if ((output.flags & elf.SHF_MERGE) === 0) output.flags &= ~elf.SHF_STRINGS;
  if (t.align[s]! > output.align) output.align = t.align[s]!;
}

function isArray(type: number): boolean {
  return type >= elf.SHT_INIT_ARRAY && type <= elf.SHT_PREINIT_ARRAY;
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
  const t = program.sections;
  const scripted = layoutScript(options.scripts) !== undefined;
  // By name: the same orphans come in every object.
  const created = new Map<number, { output: OutputSection; sections: number[] }>();
  for (let s = 0; s < t.count; s++) {
    if (t.live[s] !== Live.Live || t.role[s] === Role.Ignored || placer.description[s]! >= 0) continue;
    if (options.orphanHandling !== 'place' && !mayPlaceOrphan(program, options, s)) continue;
    let entry = created.get(t.name[s]!);
    if (!entry) {
      entry = createOrphan(program, commands, byName, s, scripted);
      created.set(t.name[s]!, entry);
    }
    entry.sections.push(s);
    joinFlags(program, entry.output, s);
  }
}

/** --orphan-handling: an error, a warning, or the section's end. Returns whether it is still placed. */
function mayPlaceOrphan(program: Program, options: LinkOptions, s: number): boolean {
  const t = program.sections;
  if ((t.flags[s]! & elf.SHF_ALLOC) === 0 || t.role[s] === Role.Synthetic) return true;
  const name = nameText(program.sectionNames, t.name[s]!);
  const what = `${program.objects[t.object[s]!]!.name}: section ${printable(name)} is not named by the script`;
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
): { output: OutputSection; sections: number[] } {
  const t = program.sections;
  const name = nameText(program.sectionNames, t.name[s]!);
  const sections: number[] = [];
  const item: BodyItem = { kind: 'inputs', sections };
  const existing = byName.get(name);
  if (existing) {
    existing.body.push(item);
    return { output: existing, sections };
  }
  const output = createOutputSection(name);
  output.body.push(item);
  const position = orphanPosition(commands, t.type[s]!, t.flags[s]!, scripted);
  inheritPlacement(output, commands[position - 1]);
  commands.splice(position, 0, { kind: 'output', section: output });
  return { output, sections };
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
