/**
 * Builds the commands of the layout: the script's statements with the sections that each description took, in order.
 * Source: GNU ld manual 3.6.4 "Input Section Description".
 */
import type { LayoutCommand, OutputSection } from './image.ts';
import { collectMatches, fileNameOf, matchSections, type Placer } from './match-sections.ts';
import { nameText } from './names.ts';
import { placeOrphans } from './orphans.ts';
import { createOutputSection, joinSections } from './output-sections.ts';
import { objectAt, type Program } from './program.ts';
import type { LinkOptions } from './request.ts';
import type { InputDescription } from './script/ast.ts';
import { orderMatches } from './script/sort.ts';

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
