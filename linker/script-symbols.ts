/**
 * Which symbols the layout will define: script assignments, --defsym, PROVIDE, and those the linker itself makes.
 *
 * They are declared before relocations are scanned, so that a reference to them does not count as undefined; their
 * values come with the layout. An assignment overrides what objects define; PROVIDE gives way to objects and defines
 * nothing unless something refers to the name.
 * Source: GNU ld manual 3.5 "Assigning Values to Symbols"; gABI for the ELF-specific names.
 */
import { STB_GLOBAL, STT_NOTYPE, STV_HIDDEN } from './elf.ts';
import { findText, internText, nameCount, nameText } from './names.ts';
import { fitSymbols, type Program, SymbolFlag, SymbolKind } from './program.ts';
import type { LinkOptions } from './request.ts';
import type { Assignment, Expression, SectionsStatement } from './script/ast.ts';

/** Symbols made by the linker when something refers to them. */
const LINKER_MADE = new Set([
  '__ehdr_start',
  '_DYNAMIC',
  '_GLOBAL_OFFSET_TABLE_',
  '__global_pointer$',
  '_TLS_MODULE_BASE_',
  '__rela_iplt_start',
  '__rela_iplt_end',
]);

const BOUNDARY = /^__(start|stop)_([A-Za-z_][A-Za-z0-9_]*)$/;

/** All assignments of the statements, in order, including those inside output sections. */
export function assignmentsOf(statements: readonly SectionsStatement[]): Assignment[] {
  const result: Assignment[] = [];
  for (const statement of statements) {
    if (statement.kind === 'assign') result.push(statement);
    if (statement.kind === 'section') {
      for (const item of statement.body) if (item.kind === 'assign') result.push(item);
    }
  }
  return result;
}

/** Expressions that are no assignments but must have values: assertions and data. */
function otherExpressions(statements: readonly SectionsStatement[]): Expression[] {
  return statements.flatMap((statement) => {
    if (statement.kind === 'assertion') return [statement.test];
    if (statement.kind !== 'section') return [];
    return statement.body.flatMap((item) =>
      item.kind === 'assertion' ? [item.test] : item.kind === 'data' ? [item.value] : [],
    );
  });
}

/** Symbol names that an expression mentions (DEFINED asks, it does not mention). */
export function mentionedSymbols(expression: Expression, into: Set<string>): void {
  for (const value of Object.values(expression)) {
    if (typeof value === 'object' && value !== null && 'kind' in value) mentionedSymbols(value as Expression, into);
  }
  if (expression.kind === 'symbol') into.add(expression.name);
}

function declare(program: Program, id: number, hidden: boolean, provided: boolean): void {
  const t = program.symbols;
  t.kind[id] = SymbolKind.Linker;
  t.binding[id] = STB_GLOBAL;
  t.type[id] = STT_NOTYPE;
  t.section[id] = -1;
  t.size[id] = 0;
  t.extra[id] = -2;
  if (hidden) t.visibility[id] = STV_HIDDEN;
  if (provided) t.flags[id]! |= SymbolFlag.Provided;
}

/**
 * Declares what the script and --defsym assign unconditionally, before any input is read: such a symbol needs no
 * archive member and overrides what objects say. Returns the names that the values mention, which inputs must define.
 */
export function declareAssigned(program: Program, options: LinkOptions): Set<string> {
  const t = program.symbols;
  const mentioned = new Set<string>();
  const define = (name: string, hidden: boolean): void => {
    const id = internText(t.names, name);
    fitSymbols(program);
    declare(program, id, hidden, false);
  };
  for (const { name, value } of options.defsym) {
    mentionedSymbols(value, mentioned);
    define(name, false);
  }
  for (const assignment of assignmentsOf(options.scripts.flatMap((script) => script.commands))) {
    if (assignment.target === '.' || assignment.provide) continue;
    mentionedSymbols(assignment.value, mentioned);
    define(assignment.target, assignment.hidden);
  }
  return mentioned;
}

/**
 * Declares the symbols that statements PROVIDE and the linker defines. Returns those that expressions refer to:
 * roots for --gc-sections.
 */
export function declareScriptSymbols(
  program: Program,
  statements: readonly SectionsStatement[],
  options: LinkOptions,
): number[] {
  const t = program.symbols;
  const mentioned = declareAssigned(program, options);
  for (const expression of otherExpressions(statements)) mentionedSymbols(expression, mentioned);
  const assignments = assignmentsOf(statements).filter((assignment) => assignment.target !== '.');
  // A PROVIDE is wanted by objects, or by the expression of another symbol that is wanted.
  const provides = assignments.filter((assignment) => assignment.provide);
  for (let changed = true; changed; ) {
    changed = false;
    for (const assignment of provides) {
      const id = findText(t.names, assignment.target);
      const byScript = mentioned.has(assignment.target);
      if (id < 0 && !byScript) continue;
      const known = id >= 0 ? id : internText(t.names, assignment.target);
      fitSymbols(program);
      if (t.kind[known]! >= SymbolKind.Defined) continue;
      if (!byScript && (t.flags[known]! & (SymbolFlag.Referenced | SymbolFlag.Root)) === 0) continue;
      declare(program, known, assignment.hidden, true);
      mentionedSymbols(assignment.value, mentioned);
      changed = true;
    }
  }
  declareLinkerMade(program);
  const roots: number[] = [];
  for (const name of mentioned) {
    const id = findText(t.names, name);
    if (id >= 0) roots.push(id);
  }
  return roots;
}

function declareLinkerMade(program: Program): void {
  const t = program.symbols;
  for (const name of LINKER_MADE) {
    const id = findText(t.names, name);
    if (id >= 0 && isWanted(program, id)) declare(program, id, true, true);
  }
  const count = nameCount(t.names);
  for (let id = 0; ; id++) {
    id = program.arena.kernels.nextBoundary(program.block, id);
    if (id === count) return;
    const match = BOUNDARY.exec(nameText(t.names, id));
    if (match && hasSection(program, match[2]!)) declare(program, id, true, true);
  }
}

function isWanted(program: Program, id: number): boolean {
  const kind = program.symbols.kind[id];
  return kind === SymbolKind.Undefined || kind === SymbolKind.Lazy;
}

function hasSection(program: Program, name: string): boolean {
  return findText(program.sectionNames, name) >= 0;
}

/** `__start_X` and `__stop_X` taken apart. */
export function boundaryOf(name: string): { readonly stop: boolean; readonly section: string } | undefined {
  const match = BOUNDARY.exec(name);
  return match ? { stop: match[1] === 'stop', section: match[2]! } : undefined;
}
