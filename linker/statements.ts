/**
 * The statements that a link is laid out by: those of the user's script or the built-in one, INSERT scripts in place.
 * Source: GNU ld manual 3.10.5 "INSERT".
 */
import { fail, printable } from '../base/errors.ts';
import type { LinkerScript, SectionsStatement } from './script/ast.ts';

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
