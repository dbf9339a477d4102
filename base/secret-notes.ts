/**
 * Records of secrets as notes of an ELF file: the form, written and read.
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
import {
  allocatorRoles,
  defaultPolicy,
  type Length,
  limits,
  problemsOf,
  type SecretAnnotation,
  type SecretItem,
} from './secrets.ts';

/** Of the note, and of its owner. */
export const SECRETS_NOTE = { section: '.note.casemate.secrets', name: 'casemate', type: 2, version: 1 } as const;

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
interface RawItem {
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
