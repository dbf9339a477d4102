/**
 * Places orphans: sections that no description of the script takes. Each gets an output section of its own name, behind
 * the last one of the same kind, as in GNU ld.
 * Source: GNU ld manual 3.10.4 "Orphan Sections".
 */
import { fail, printable } from '../base/errors.ts';
import { u32 } from './arena.ts';
import * as elf from './elf.ts';
import type { BodyItem, LayoutCommand, OutputSection } from './image.ts';
import * as layout from './kernels/layout.ts';
import { collectMatches, type Placer } from './match-sections.ts';
import { nameCapacity, nameText } from './names.ts';
import { createOutputSection, joinedOf, takeJoined } from './output-sections.ts';
import { Live, objectAt, type Program, Role } from './program.ts';
import type { LinkOptions } from './request.ts';
import { layoutScript } from './statements.ts';

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

export function placeOrphans(
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
