/**
 * The patterns of input section descriptions, compiled once and matched many times.
 *
 * Patterns are those of fnmatch(3) without flags: `*` (also across `/`), `?`, `[a-z]`, `[!a-z]`, `[^a-z]` and `\` to
 * take a character as itself. Most section patterns are exact names or a prefix with a star, so these two need no
 * general matcher; the general one remembers only the last star and so takes at most pattern times text steps.
 * Source: GNU ld manual, sections 3.6.4.1 and 3.6.4.2.
 */

export type Matcher = (text: string) => boolean;

/** Compiles a pattern for names of sections. */
export function compilePattern(pattern: string): Matcher {
  if (!isWild(pattern)) return (text) => text === pattern;
  if (pattern === '*') return () => true;
  if (pattern.endsWith('*') && !isWild(pattern.slice(0, -1))) {
    const prefix = pattern.slice(0, -1);
    return (text) => text.startsWith(prefix);
  }
  const steps = compileSteps(pattern);
  return (text) => matchSteps(steps, text);
}

/** Has the pattern a character that does not stand for itself? GNU ld compares other names as they are. */
export function isWild(pattern: string): boolean {
  return /[*?[\\]/.test(pattern);
}

/** Character ranges as pairs of code units, both inclusive. */
type Step =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'character'; readonly code: number }
  | { readonly kind: 'set'; readonly negated: boolean; readonly ranges: readonly number[] };

function compileSteps(pattern: string): Step[] {
  const steps: Step[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '*') {
      if (steps.at(-1)?.kind !== 'star') steps.push({ kind: 'star' });
    } else if (c === '?') {
      steps.push({ kind: 'any' });
    } else if (c === '[') {
      const set = readSet(pattern, i);
      // Without a closing bracket it is an ordinary character.
      if (set === undefined) {
        steps.push({ kind: 'character', code: pattern.charCodeAt(i) });
      } else {
        steps.push(set.step);
        i = set.end;
      }
    } else {
      if (c === '\\' && i + 1 < pattern.length) i++;
      steps.push({ kind: 'character', code: pattern.charCodeAt(i) });
    }
  }
  return steps;
}

/** The set that starts at the bracket at `start`; `end` is its closing bracket. */
function readSet(pattern: string, start: number): { step: Step; end: number } | undefined {
  let i = start + 1;
  const negated = pattern[i] === '!' || pattern[i] === '^';
  if (negated) i++;
  const ranges: number[] = [];
  const read = (): number => {
    if (pattern[i] === '\\' && i + 1 < pattern.length) i++;
    return pattern.charCodeAt(i++);
  };
  // A closing bracket that comes first is a member.
  for (let first = true; i < pattern.length && (first || pattern[i] !== ']'); first = false) {
    const low = read();
    if (pattern[i] === '-' && i + 1 < pattern.length && pattern[i + 1] !== ']') {
      i++;
      ranges.push(low, read());
    } else {
      ranges.push(low, low);
    }
  }
  return i < pattern.length ? { step: { kind: 'set', negated, ranges }, end: i } : undefined;
}

function matchesStep(step: Step, code: number): boolean {
  switch (step.kind) {
    case 'character':
      return step.code === code;
    case 'set': {
      const { ranges } = step;
      for (let i = 0; i < ranges.length; i += 2) {
        if (code >= ranges[i] && code <= ranges[i + 1]) return !step.negated;
      }
      return step.negated;
    }
    default:
      return true;
  }
}

function matchSteps(steps: readonly Step[], text: string): boolean {
  let step = 0;
  let position = 0;
  // Where to go on when the steps after the last star fail: that star takes one character more.
  let starStep = -1;
  let starPosition = 0;
  while (position < text.length) {
    if (step < steps.length && steps[step].kind === 'star') {
      starStep = step++;
      starPosition = position;
    } else if (step < steps.length && matchesStep(steps[step], text.charCodeAt(position))) {
      step++;
      position++;
    } else if (starStep >= 0) {
      step = starStep + 1;
      position = ++starPosition;
    } else {
      return false;
    }
  }
  while (step < steps.length && steps[step].kind === 'star') step++;
  return step === steps.length;
}

/** How file patterns see an input: an object, or a member with the archive it came from. */
export interface FileName {
  /** The object's path, or the member's name. */
  readonly name: string;
  /** The archive's path, for a member. */
  readonly archive?: string | undefined;
}

/**
 * Compiles a file pattern:
 * `archive:member` a member of a matching archive; `archive:` all its members; `:file` an object that is no member;
 * anything else matches the file's or member's name, or the path of the member's archive.
 */
export function compileFilePattern(pattern: string): (file: FileName) => boolean {
  const colon = pattern.indexOf(':');
  if (colon < 0) {
    const matches = compilePattern(pattern);
    return pattern === '*'
      ? () => true
      : (file) => matches(file.name) || (file.archive !== undefined && matches(file.archive));
  }
  const matchesMember = colon === pattern.length - 1 ? () => true : compilePattern(pattern.slice(colon + 1));
  if (colon === 0) return (file) => file.archive === undefined && matchesMember(file.name);
  const matchesArchive = compilePattern(pattern.slice(0, colon));
  return (file) => file.archive !== undefined && matchesArchive(file.archive) && matchesMember(file.name);
}

/** Compiles EXCLUDE_FILE's list: does any of its patterns match the file? */
export function compileFilePatterns(patterns: readonly string[]): (file: FileName) => boolean {
  if (patterns.length === 0) return () => false;
  const matchers = patterns.map(compileFilePattern);
  return (file) => matchers.some((matches) => matches(file));
}
