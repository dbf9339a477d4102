/**
 * Which secrets a function handles, as its author says: the record. Its form in an ELF file is secret-notes.ts.
 *
 * C says it with a macro (include/casemate/secrets.h), TypeScript with tags that the lowering passes on, casemate.json for
 * objects that come compiled. All become the same note in a section that nothing loads, so whoever has the image has the
 * record: the analysis that judges the function, and the linker that wipes after it. A record is a claim of whoever made
 * the object. Most of it can only add to what must hold; what takes away (what is meant to be seen, a depth of stack that
 * is declared) is listed with every verdict as assumed.
 */
import { printable } from './errors.ts';

/** How many bytes there are: a constant, or what an argument says at run time, up to a bound. */
export type Length =
  | { readonly kind: 'constant'; readonly bytes: number }
  | { readonly kind: 'argument'; readonly argument: number; readonly most: number };

/**
 * What is behind a pointer. `secret`: secret bytes. `output`: room for what is meant to be seen, a ciphertext: declassified.
 * `state`: room for what is secret and the caller's to erase, a key schedule. `buffer`: memory of the caller's in which
 * nothing secret may be left.
 */
export type BufferKind = 'secret' | 'output' | 'state' | 'buffer';

export type SymbolKind = 'secret symbol' | 'output symbol' | 'state symbol';

/**
 * One argument or symbol. Arguments are numbered from 0 as the calling convention numbers the places of integers and
 * pointers: registers first, then the stack's words.
 */
export type SecretItem =
  /** Points to bytes. */
  | { readonly kind: BufferKind; readonly argument: number; readonly length: Length }
  /** Is secret itself. */
  | { readonly kind: 'secret value'; readonly argument: number }
  /** The first bytes of a variable of the image: secret, meant to be seen, or secret and somebody else's to erase. */
  | { readonly kind: SymbolKind; readonly symbol: string; readonly address: bigint; readonly bytes: number }
  /** Has this value at every call. */
  | { readonly kind: 'value'; readonly argument: number; readonly value: number };

/** What must be clear when the function returns. */
export interface ErasurePolicy {
  /** The secret bytes themselves. */
  readonly buffer: boolean;
  readonly stack: boolean;
  readonly registers: boolean;
  /** Memory that is freed. */
  readonly heap: boolean;
}

/** Functions that give and take memory: what C's function of that name does. The note numbers them from 1. */
export const allocatorRoles = [
  'malloc',
  'calloc',
  'realloc',
  'reallocarray',
  'aligned_alloc',
  'posix_memalign',
  'free',
] as const;

export type AllocatorRole = (typeof allocatorRoles)[number];

/** A function that gives or takes memory; `wipes`: what it frees it sets to zeros first. */
export interface DeclaredAllocator {
  readonly role: AllocatorRole;
  readonly wipes: boolean;
}

export interface SecretAnnotation {
  /** As assemblers see it. */
  readonly function: string;
  /** As linked, before anything moved; 0: not known. */
  readonly address: bigint;
  readonly origin: 'source' | 'manifest' | 'typescript';
  readonly items: readonly SecretItem[];
  /** Bytes of the register of results that are meant to be seen: declassified. */
  readonly result: number;
  /**
   * Bytes that it returns in the register of results, whoever may see them; 0: it returns nothing. Absent: nobody says, or
   * its result is elsewhere. Judges nothing; a veneer that wipes after it keeps that and no more.
   */
  readonly returns?: number;
  readonly policy: ErasurePolicy;
  /** Bytes below the stack pointer at the entry that it takes at most, as declared and not shown. */
  readonly maxStack?: number;
  /** It is an allocator, and the record says that and no more: nothing of it is judged. */
  readonly allocator?: DeclaredAllocator;
}

/** What is looked at where nothing is said. */
export const defaultPolicy: ErasurePolicy = { buffer: false, stack: true, registers: true, heap: false };

export const limits = {
  /** Bytes of one secret, or of one buffer. */
  size: 1 << 24,
  /** Bytes of stack that may be declared. */
  stack: 1 << 24,
  arguments: 32,
  items: 64,
  name: 4096,
  /** Records in one file. */
  records: 65_536,
  /** Bytes of results in a register. */
  result: 8,
} as const;

const isWhole = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && least <= value && value <= most;

function lengthProblem(length: Length, what: string): string | undefined {
  const bytes = length.kind === 'constant' ? length.bytes : length.most;
  if (!isWhole(bytes, 1, limits.size)) return `${what} is of ${bytes} bytes; it must be of 1 to ${limits.size}`;
  if (length.kind === 'argument' && !isWhole(length.argument, 0, limits.arguments - 1))
    return `${what} is as long as argument ${length.argument} says; arguments are numbered from 0 to ${limits.arguments - 1}`;
  return undefined;
}

function itemProblem(item: SecretItem): string | undefined {
  if ('symbol' in item) {
    if (item.symbol === '' || item.symbol === '0')
      return item.kind === 'output symbol' ? 'an output symbol has no name' : `a ${item.kind} has no name`;
    return lengthProblem({ kind: 'constant', bytes: item.bytes }, `the symbol ${printable(item.symbol)}`);
  }
  if (!isWhole(item.argument, 0, limits.arguments - 1))
    return `argument ${item.argument}: arguments are numbered from 0 to ${limits.arguments - 1}`;
  if (item.kind === 'secret value') return undefined;
  if (item.kind === 'value')
    return isWhole(item.value, 0, 0xffff_ffff)
      ? undefined
      : `argument ${item.argument}: the value ${item.value} is none of 32 bits`;
  return lengthProblem(item.length, `argument ${item.argument}`);
}

/** What contradicts itself or is out of bounds in a record; empty: nothing. */
export function problemsOf(annotation: SecretAnnotation): string[] {
  const { items, result, returns, maxStack, allocator } = annotation;
  const problems: string[] = [];
  if (annotation.function === '' || annotation.function.includes('\0')) problems.push('it names no function');
  if (items.length > limits.items)
    problems.push(`${items.length} arguments and symbols; at most ${limits.items} are read`);
  const seen = new Set<number | string>();
  for (const item of items.slice(0, limits.items)) {
    const problem = itemProblem(item);
    if (problem !== undefined) problems.push(problem);
    const subject = 'symbol' in item ? item.symbol : item.argument;
    const shown = typeof subject === 'string' ? `the symbol ${printable(subject)}` : `argument ${subject}`;
    if (seen.has(subject)) problems.push(`${shown} is described twice`);
    seen.add(subject);
  }
  for (const item of items) {
    if (!('length' in item) || item.length.kind !== 'argument') continue;
    const { argument } = item.length;
    const said = items.find((one) => 'argument' in one && one.argument === argument);
    if (said !== undefined)
      problems.push(`argument ${argument} is the length of argument ${item.argument} and cannot be a ${said.kind} too`);
  }
  if (allocator !== undefined) {
    if (items.length > 0 || result > 0 || returns !== undefined || maxStack !== undefined)
      problems.push('it is an allocator, and its record says more than that');
    if (allocator.wipes && !['free', 'realloc', 'reallocarray'].includes(allocator.role))
      problems.push(`${allocator.role} frees nothing, so it wipes nothing`);
  } else if (!items.some(({ kind }) => kind.startsWith('secret'))) problems.push('nothing is secret');
  if (!isWhole(result, 0, limits.result))
    problems.push(`a result of ${result} bytes; a register of results has ${limits.result}`);
  if (returns !== undefined && !isWhole(returns, 0, limits.result))
    problems.push(`it returns ${returns} bytes; a register of results has ${limits.result}`);
  else if (returns !== undefined && returns < result)
    problems.push(`${result} bytes of its result are meant to be seen, and it returns ${returns}`);
  if (maxStack !== undefined && !isWhole(maxStack, 0, limits.stack))
    problems.push(`a stack of ${maxStack} bytes; at most ${limits.stack} can be declared`);
  return problems;
}
