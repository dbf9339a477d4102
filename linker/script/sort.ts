/**
 * The order of input sections inside one input section description.
 *
 * Constructors run in the order of their sections, so SORT_BY_INIT_PRIORITY must understand both namings of compilers:
 * `.init_array.00101` counts up, while `.ctors.65434` is 65535 minus the priority because that list was run backwards.
 * Both kinds may stand in one list and are then merged: GNU ld keeps one sorted sequence for a whole description.
 * Source: GNU ld manual, section 3.6.4.3; gcc's init_priority attribute.
 */
import type { InputDescription, SectionPattern, SortKey } from './ast.ts';
import type { FileName } from './match.ts';

/** What sorting looks at. */
export interface SortedSection {
  readonly name: string;
  /** sh_addralign in bytes. */
  readonly alignment: number;
}

/** One input section that a description matched; `pattern` is the index of the pattern that did. */
export interface Match<S extends SortedSection> {
  readonly section: S;
  readonly file: FileName;
  readonly pattern: number;
}

/**
 * Initialization priority in a section's name, from the digits after its last dot; undefined when there are none or
 * they exceed what GNU ld accepts (2^31 - 1).
 */
export function initPriority(name: string): number | undefined {
  const dot = name.lastIndexOf('.');
  const digits = name.slice(dot + 1);
  if (dot < 0 || digits.length > 20 || !/^[0-9]+$/.test(digits)) return undefined;
  const value = Number(digits);
  const reversed = dot === 6 && (name.startsWith('.ctors') || name.startsWith('.dtors'));
  const priority = reversed ? 65535 - value : value;
  return priority >= 0 && priority <= 0x7fffffff ? priority : undefined;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type Comparison = (a: SortedSection, b: SortedSection) => number;

const comparisons: Record<Exclude<SortKey, 'none'>, Comparison> = {
  name: (a, b) => compareText(a.name, b.name),
  // Descending, so that little padding is needed.
  alignment: (a, b) => b.alignment - a.alignment,
  // Sections without a number come after all with one, where comparing names puts them as well.
  'init-priority': (a, b) => {
    const first = initPriority(a.name) ?? Number.POSITIVE_INFINITY;
    const second = initPriority(b.name) ?? Number.POSITIVE_INFINITY;
    return first === second ? compareText(a.name, b.name) : first - second;
  },
};

/**
 * Comparison for a pattern's sort keys, outermost first; undefined when sections stay in input order.
 * `commandLine` is --sort-section, which stands in for patterns without keys of their own and comes second after one.
 */
export function sectionComparison(
  sort: readonly SortKey[],
  commandLine?: 'name' | 'alignment',
): Comparison | undefined {
  if (sort.includes('none')) return undefined;
  const keys = [...sort, ...(commandLine !== undefined && !sort.includes(commandLine) ? [commandLine] : [])];
  const used = keys.flatMap((key) => (key === 'none' ? [] : [comparisons[key]])).slice(0, 2);
  if (used.length === 0) return undefined;
  return (a, b) => {
    for (const compare of used) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

function compareFiles(a: FileName, b: FileName): number {
  return compareText(a.archive ?? a.name, b.archive ?? b.name) || compareText(a.name, b.name);
}

/**
 * Puts the matches of one description, given in input order, into output order. Patterns with the same keys that stand
 * next to each other share one sorted sequence; unsorted patterns that stand next to each other keep input order.
 */
export function orderMatches<S extends SortedSection>(
  description: Pick<InputDescription, 'sections' | 'sortFiles'>,
  matches: readonly Match<S>[],
  commandLine?: 'name' | 'alignment',
): Match<S>[] {
  const ordered = description.sortFiles ? [...matches].sort((a, b) => compareFiles(a.file, b.file)) : [...matches];
  const groups = groupOfPatterns(description.sections);
  if (groups.at(-1) !== 0) ordered.sort((a, b) => groups[a.pattern] - groups[b.pattern]);
  const result: Match<S>[] = [];
  for (let start = 0; start < ordered.length; ) {
    const group = groups[ordered[start].pattern];
    let end = start + 1;
    while (end < ordered.length && groups[ordered[end].pattern] === group) end++;
    const compare = sectionComparison(description.sections[ordered[start].pattern].sort, commandLine);
    const part = ordered.slice(start, end);
    if (compare !== undefined) part.sort((a, b) => compare(a.section, b.section));
    for (const match of part) result.push(match);
    start = end;
  }
  return result;
}

/** For each pattern the number of its run of equal sort keys. */
function groupOfPatterns(patterns: readonly SectionPattern[]): number[] {
  const groups: number[] = [];
  patterns.forEach((pattern, index) => {
    const previous = index === 0 ? undefined : patterns[index - 1];
    const same = previous === undefined || previous.sort.join() === pattern.sort.join();
    groups.push(index === 0 ? 0 : groups[index - 1] + (same ? 0 : 1));
  });
  return groups;
}
