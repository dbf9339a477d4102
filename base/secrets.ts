/**
 * Which secrets a function handles, as its author says: the record, and its form in a note of an ELF file.
 *
 * C says it with a macro (include/casemate/secrets.h), TypeScript with tags that the lowering passes on, casemate.json for
 * objects that come compiled. All become the same note in a section that nothing loads, so whoever has the image has the
 * record: the analysis that judges the function, and the linker that wipes after it. A note is a claim of whoever made
 * the object. Most of it can only add to what must hold; what takes away (what is meant to be seen, a depth of stack that
 * is declared) is listed with every verdict as assumed.
 *
 * The note's owner is `casemate`, its type 2; numbers are little-endian, and what follows a string begins at a multiple of
 * four from the descriptor's beginning:
 *
 *   u32 version (1)    u32 origin (0 source, 1 casemate.json, 2 verified TypeScript)
 *   u64 address of the function, as linked; 0: it is found by its name
 *   the function's name as assemblers see it, ended by NUL
 *   items up to the end, each:
 *     u64 address of a symbol or 0    u64 word    the symbol's name, or "0", ended by NUL
 *
 * A word is, from its least bit: kind (8 bits), argument (8), length (8), nothing (8), size (32). The length is 0 for a
 * size that is constant, and 1 + N for what argument N says, at most the size.
 *
 * Source: gABI chapter 5 "Note Section".
 */
import { hex, printable } from './errors.ts';

/** Of the note, and of its owner. */
export const SECRETS_NOTE = { section: '.note.casemate.secrets', name: 'casemate', type: 2, version: 1 } as const;

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

const origins = ['source', 'manifest', 'typescript'] as const;

/** Kinds of items, as the note numbers them. include/casemate/secrets.h has the same numbers. */
const KIND = {
  secret: 1,
  'secret value': 2,
  'secret symbol': 3,
  output: 4,
  state: 5,
  buffer: 6,
  value: 7,
  result: 8,
  policy: 9,
  maxStack: 10,
  returns: 11,
  'output symbol': 12,
  'state symbol': 13,
  allocator: 14,
} as const;

/** Of an allocator that wipes, beside its number. */
const WIPES = 256;

type Kind = keyof typeof KIND;

const kindOf = (code: number): Kind | undefined => (Object.keys(KIND) as Kind[]).find((kind) => KIND[kind] === code);

const parts = ['buffer', 'stack', 'registers', 'heap'] as const;

/** An item as the note has it. */
export interface RawItem {
  readonly address: bigint;
  readonly word: bigint;
  readonly name: string;
}

const word = (kind: Kind, argument: number, size: number, length = 0): bigint =>
  BigInt(KIND[kind]) | (BigInt(argument) << 8n) | (BigInt(length) << 16n) | (BigInt(size) << 32n);

const sized = (kind: Kind, argument: number, length: Length): bigint =>
  length.kind === 'constant'
    ? word(kind, argument, length.bytes)
    : word(kind, argument, length.most, 1 + length.argument);

function itemWord(item: SecretItem): RawItem {
  const plain = (value: bigint): RawItem => ({ address: 0n, word: value, name: '0' });
  switch (item.kind) {
    case 'secret value':
      return plain(word(item.kind, item.argument, 0));
    case 'value':
      return plain(word(item.kind, item.argument, item.value));
    case 'secret symbol':
    case 'output symbol':
    case 'state symbol':
      return { address: item.address, word: word(item.kind, 0, item.bytes), name: item.symbol };
    default:
      return plain(sized(item.kind, item.argument, item.length));
  }
}

/** The items of a record's note, in order: its own, then what else it says. */
function rawItems({ items, result, returns, policy, maxStack, allocator }: SecretAnnotation): RawItem[] {
  const mask = parts.reduce((bits, part, i) => bits | (policy[part] ? 1 << i : 0), 0);
  const plain = (kind: Kind, size: number): RawItem => ({ address: 0n, word: word(kind, 0, size), name: '0' });
  if (allocator !== undefined)
    return [plain('allocator', 1 + allocatorRoles.indexOf(allocator.role) + (allocator.wipes ? WIPES : 0))];
  return [
    ...items.map(itemWord),
    ...(result > 0 ? [plain('result', result)] : []),
    ...(returns === undefined ? [] : [plain('returns', returns)]),
    plain('policy', mask),
    ...(maxStack === undefined ? [] : [plain('maxStack', maxStack)]),
  ];
}

/** Number of an origin in the note. */
const originCode = (origin: SecretAnnotation['origin']): number => origins.indexOf(origin);

const padded = (size: number): number => (size + 3) & ~3;

const text = (name: string): Buffer =>
  Buffer.alloc(padded(Buffer.byteLength(name) + 1), 0).fill(name, 0, Buffer.byteLength(name));

/** The whole note: header, owner, descriptor. The record is in bounds: see `problemsOf`. */
export function encodeAnnotation(annotation: SecretAnnotation): Uint8Array {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(SECRETS_NOTE.version, 0);
  head.writeUInt32LE(originCode(annotation.origin), 4);
  head.writeBigUInt64LE(annotation.address, 8);
  const items = rawItems(annotation).map(({ address, word: value, name }) => {
    const fixed = Buffer.alloc(16);
    fixed.writeBigUInt64LE(address, 0);
    fixed.writeBigUInt64LE(value, 8);
    return Buffer.concat([fixed, text(name)]);
  });
  const descriptor = Buffer.concat([head, text(annotation.function), ...items]);
  const owner = text(SECRETS_NOTE.name);
  const header = Buffer.alloc(12);
  for (const [i, value] of [SECRETS_NOTE.name.length + 1, descriptor.length, SECRETS_NOTE.type].entries())
    header.writeUInt32LE(value, i * 4);
  return Buffer.concat([header, owner, descriptor]);
}

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

/** A note that is no record, or one that contradicts itself: what it is about stays unknown. */
export interface AnnotationProblem {
  /** Of the note's header, within the bytes that were read. */
  readonly offset: number;
  /** The function, as far as it could be read. */
  readonly function?: string;
  readonly problem: string;
}

export interface DecodedAnnotations {
  readonly annotations: readonly SecretAnnotation[];
  readonly problems: readonly AnnotationProblem[];
}

/** A string that ends before `end`, and where what follows it begins; undefined: there is none. */
function readString(bytes: Buffer, at: number, end: number): { value: string; next: number } | undefined {
  const stop = bytes.subarray(at, Math.min(end, at + limits.name + 1)).indexOf(0);
  return stop < 0 ? undefined : { value: bytes.toString('utf8', at, at + stop), next: at + padded(stop + 1) };
}

/** What one item says; a text says why it says nothing. */
function meaningOf({ address, word: value, name }: RawItem): SecretItem | { kind: Kind; size: number } | string {
  const field = (from: bigint, bits: bigint): number => Number((value >> from) & ((1n << bits) - 1n));
  const [code, argument, lengthCode, nothing, size] = [
    field(0n, 8n),
    field(8n, 8n),
    field(16n, 8n),
    field(24n, 8n),
    field(32n, 32n),
  ] as const;
  const kind = kindOf(code);
  if (kind === undefined) return `an item of kind ${code}, which version ${SECRETS_NOTE.version} does not have`;
  if (nothing !== 0) return `an item ${hex(value)}, with bits that mean nothing`;
  const length: Length =
    lengthCode === 0 ? { kind: 'constant', bytes: size } : { kind: 'argument', argument: lengthCode - 1, most: size };
  const plain = argument === 0 && lengthCode === 0;
  switch (kind) {
    case 'secret symbol':
    case 'output symbol':
    case 'state symbol':
      return plain ? { kind, symbol: name, address, bytes: size } : `an item ${hex(value)}: a symbol is no argument`;
    case 'secret value':
      return lengthCode === 0 && size === 0 ? { kind, argument } : `an item ${hex(value)}: a value has no size`;
    case 'value':
      return lengthCode === 0 ? { kind, argument, value: size } : `an item ${hex(value)}: a value has no length`;
    case 'result':
    case 'policy':
    case 'maxStack':
    case 'returns':
    case 'allocator':
      return plain ? { kind, size } : `an item ${hex(value)}, with bits that mean nothing`;
    default:
      return { kind, argument, length };
  }
}

/** The record in a descriptor, or why there is none. */
function decodeDescriptor(bytes: Buffer): SecretAnnotation | { readonly function?: string; readonly problem: string } {
  if (bytes.length < 20) return { problem: `a record of ${bytes.length} bytes; it has 20 at least` };
  const version = bytes.readUInt32LE(0);
  if (version !== SECRETS_NOTE.version)
    return { problem: `a record of version ${version}; this casemate reads version ${SECRETS_NOTE.version}` };
  const origin = origins[bytes.readUInt32LE(4)];
  if (origin === undefined) return { problem: `a record of origin ${bytes.readUInt32LE(4)}; there are 0, 1 and 2` };
  const name = readString(bytes, 16, bytes.length);
  if (name === undefined) return { problem: `the function's name does not end within ${limits.name} bytes` };
  const about = { function: name.value };
  const items: SecretItem[] = [];
  const said = new Map<Kind, number>();
  for (let at = name.next, count = 0; at < bytes.length; count++) {
    // Result, what it returns, policy, stack and that it is an allocator are items of the note, too.
    if (count === limits.items + 5) return { ...about, problem: `more than ${limits.items} arguments and symbols` };
    if (bytes.length - at < 17) return { ...about, problem: `${bytes.length - at} bytes after the last item` };
    const symbol = readString(bytes, at + 16, bytes.length);
    if (symbol === undefined) return { ...about, problem: `a symbol's name does not end within ${limits.name} bytes` };
    const raw = { address: bytes.readBigUInt64LE(at), word: bytes.readBigUInt64LE(at + 8), name: symbol.value };
    const meaning = meaningOf(raw);
    if (typeof meaning === 'string') return { ...about, problem: meaning };
    if (!('size' in meaning)) items.push(meaning);
    else if (said.has(meaning.kind)) return { ...about, problem: `its ${meaning.kind} is said twice` };
    else said.set(meaning.kind, meaning.size);
    at = symbol.next;
  }
  const mask = said.get('policy');
  if (mask !== undefined && mask >> parts.length !== 0)
    return { ...about, problem: `a policy ${hex(mask)}, with bits that mean nothing` };
  const has = (part: (typeof parts)[number]): boolean => ((mask! >> parts.indexOf(part)) & 1) === 1;
  const declared = said.get('allocator');
  const role = declared === undefined ? undefined : allocatorRoles[(declared & ~WIPES) - 1];
  if (declared !== undefined && role === undefined)
    return { ...about, problem: `an allocator of kind ${declared}; there are 1 to ${allocatorRoles.length}` };
  const maxStack = said.get('maxStack');
  const returns = said.get('returns');
  const annotation: SecretAnnotation = {
    ...about,
    address: bytes.readBigUInt64LE(8),
    origin,
    items,
    result: said.get('result') ?? 0,
    ...(returns !== undefined && { returns }),
    policy:
      mask === undefined
        ? defaultPolicy
        : { buffer: has('buffer'), stack: has('stack'), registers: has('registers'), heap: has('heap') },
    ...(maxStack !== undefined && { maxStack }),
    ...(role !== undefined && { allocator: { role, wipes: (declared! & WIPES) !== 0 } }),
  };
  const problems = problemsOf(annotation);
  return problems.length === 0 ? annotation : { ...about, problem: problems.join('; ') };
}

/**
 * All records in the contents of a section `.note.casemate.secrets`. Notes of others are passed over; whatever cannot be
 * read is a problem, so that no record is lost in silence.
 */
export function decodeAnnotations(contents: Uint8Array): DecodedAnnotations {
  const bytes = Buffer.from(contents.buffer, contents.byteOffset, contents.length);
  const annotations: SecretAnnotation[] = [];
  const problems: AnnotationProblem[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 12) {
      problems.push({ offset: at, problem: `${bytes.length - at} bytes after the last note` });
      break;
    }
    if (annotations.length + problems.length === limits.records) {
      problems.push({ offset: at, problem: `more than ${limits.records} records` });
      break;
    }
    const [nameSize, size, type] = [0, 4, 8].map((field) => bytes.readUInt32LE(at + field)) as [number, number, number];
    const start = at + 12 + Math.ceil(nameSize / 4) * 4;
    const end = start + size;
    if (end > bytes.length) {
      problems.push({ offset: at, problem: `a note (namesz ${nameSize}, descsz ${size}) that ends after its section` });
      break;
    }
    const owner = bytes.toString('latin1', at + 12, at + 12 + Math.min(nameSize, 64));
    if (owner === `${SECRETS_NOTE.name}\0` && type === SECRETS_NOTE.type) {
      const decoded = decodeDescriptor(bytes.subarray(start, end));
      if ('problem' in decoded) problems.push({ offset: at, ...decoded });
      else annotations.push(decoded);
    } else problems.push({ offset: at, problem: `a note of another owner or type (${printable(owner)}, ${type})` });
    at = start + Math.ceil(size / 4) * 4;
  }
  return { annotations, problems };
}
