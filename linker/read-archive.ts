/**
 * Reads ar archives: SysV (GNU) with its symbol index and long names, BSD long names, and thin archives.
 *
 * An archive is a list of members and an index that says which member defines a global symbol. The index lets the
 * linker leave a member's bytes untouched until a symbol of it is needed. The index is only a hint from a hostile
 * file: a member is judged by its own symbol table once it is read.
 * Sources: ar(5); GNU binutils' description of `!<thin>`.
 */
import { fail } from '../base/errors.ts';

export interface ArchiveMember {
  /** Where its name's bytes are: read by `memberName` when somebody asks. */
  readonly nameStart: number;
  readonly nameEnd: number;
  /** Offset of its header: what the index refers to. */
  readonly header: number;
  /** Bytes within the archive (an empty range for a thin archive's members, whose bytes are in a file of their own). */
  readonly start: number;
  readonly end: number;
}

export interface Archive {
  readonly thin: boolean;
  readonly members: readonly ArchiveMember[];
  /** Index: name offsets (absolute) and members, in the index's order. Empty when `hasIndex` is false. */
  readonly hasIndex: boolean;
  readonly indexNames: Uint32Array;
  readonly indexMembers: Uint32Array;
  /** End of the index's string table. */
  readonly indexEnd: number;
}

const HEADER = 60;

export function isArchive(bytes: Uint8Array): boolean {
  const magic = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(8, bytes.length)).toString('latin1');
  return magic === '!<arch>\n' || magic === '!<thin>\n';
}

/** Name of a member; for thin archives the path as stored, relative to the archive's folder. */
export function memberName(bytes: Uint8Array, member: ArchiveMember): string {
  const { nameStart, nameEnd } = member;
  const name = Buffer.from(bytes.buffer, bytes.byteOffset + nameStart, nameEnd - nameStart).toString('utf8');
  return name.replace(/\0+$/, '').replace(/\/$/, '');
}

/** A header field as a decimal number; -1 when it is none. */
function fieldNumber(bytes: Uint8Array, offset: number, length: number): number {
  let value = -1;
  for (let i = offset; i < offset + length && bytes[i] !== 0x20; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = Math.max(value, 0) * 10 + digit;
  }
  return value;
}

/** What a header's name field says the member is. */
type MemberKind = 'member' | 'index' | 'wideIndex' | 'names' | 'longName' | 'bsdName';

interface RawMember {
  readonly header: number;
  readonly kind: MemberKind;
  readonly start: number;
  readonly end: number;
}

const SLASH = 0x2f;
const BLANK = 0x20;

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Kind by the name field at `at`: "/", "//", "/SYM64/", "/123", "#1/20" or an ordinary name. */
function memberKind(bytes: Uint8Array, at: number): MemberKind {
  if (bytes[at] === 0x23 && bytes[at + 1] === 0x31 && bytes[at + 2] === SLASH) return 'bsdName';
  if (bytes[at] !== SLASH) return 'member';
  const second = bytes[at + 1];
  if (second === BLANK) return 'index';
  if (second === SLASH) return 'names';
  if (isDigit(second)) return 'longName';
  return second === 0x53 ? 'wideIndex' : 'member';
}

/** One header at `at`. */
function readHeader(bytes: Uint8Array, at: number, file: string, thin: boolean): RawMember & { readonly next: number } {
  if (at + HEADER > bytes.length) {
    fail('malformed-archive', `${file}: member header at ${at} goes past the end (${bytes.length} bytes)`);
  }
  if (bytes[at + 58] !== 0x60 || bytes[at + 59] !== 0x0a) {
    fail('malformed-archive', `${file}: member header at ${at} does not end in "\`\\n"; the archive is damaged`);
  }
  const size = fieldNumber(bytes, at + 48, 10);
  if (size < 0) fail('malformed-archive', `${file}: member header at ${at} has no decimal size`);
  const kind = memberKind(bytes, at);
  const start = at + HEADER;
  // A thin archive holds its index and its long names, but no member's bytes.
  const stored = !thin || kind === 'index' || kind === 'wideIndex' || kind === 'names';
  const end = stored ? start + size : start;
  if (end > bytes.length) {
    const what = `claims ${size} bytes at ${start}, but the archive has ${bytes.length}`;
    fail('malformed-archive', `${file}: the member at ${at} ${what}`);
  }
  return { header: at, kind, start, end, next: end + (end & 1) };
}

/** A member with the place of its name: the header, the long-name table or, for BSD, the member's first bytes. */
function placeName(bytes: Uint8Array, raw: RawMember, names: RawMember | undefined, file: string): ArchiveMember {
  const { header, start, end } = raw;
  if (raw.kind === 'longName') {
    const offset = fieldNumber(bytes, header + 1, 15);
    if (!names || offset < 0 || offset >= names.end - names.start) {
      fail('malformed-archive', `${file}: member at ${header} has its name at ${offset}, outside the name table`);
    }
    const nameStart = names.start + offset;
    let nameEnd = nameStart;
    while (nameEnd < names.end && bytes[nameEnd] !== 0x0a) nameEnd++;
    return { nameStart, nameEnd, header, start, end };
  }
  if (raw.kind === 'bsdName') {
    const length = fieldNumber(bytes, header + 3, 13);
    if (length < 0 || length > end - start) {
      fail('malformed-archive', `${file}: member at ${header} has a name of ${length} bytes, longer than itself`);
    }
    return { nameStart: start, nameEnd: start + length, header, start: start + length, end };
  }
  let nameEnd = header + 16;
  while (nameEnd > header && bytes[nameEnd - 1] === BLANK) nameEnd--;
  return { nameStart: header, nameEnd, header, start, end };
}

/** Parses the symbol index: big-endian count, count member offsets (4 or 8 bytes wide), then as many names. */
function readIndex(
  bytes: Uint8Array,
  index: RawMember,
  members: readonly ArchiveMember[],
  wide: boolean,
  file: string,
) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = wide ? 8 : 4;
  const read = (at: number) => (wide ? Number(view.getBigUint64(at)) : view.getUint32(at));
  const length = index.end - index.start;
  const count = length >= width ? read(index.start) : 0;
  if (length < width || count * width > length - width) {
    fail('malformed-archive', `${file}: the symbol index claims ${count} symbols in ${length} bytes`);
  }
  const byHeader = new Map(members.map((member, i) => [member.header, i]));
  const indexNames = new Uint32Array(count);
  const indexMembers = new Uint32Array(count);
  let name = index.start + width * (count + 1);
  for (let i = 0; i < count; i++) {
    const header = read(index.start + width * (i + 1));
    const member = byHeader.get(header);
    if (member === undefined) {
      fail(
        'malformed-archive',
        `${file}: the symbol index points at ${header}, where no member starts; run ranlib on it`,
      );
    }
    indexNames[i] = name;
    indexMembers[i] = member;
    const end = name < index.end ? bytes.indexOf(0, name) : -1;
    if (end < 0 || end >= index.end) {
      fail('malformed-archive', `${file}: the symbol index has fewer names than its ${count} symbols`);
    }
    name = end + 1;
  }
  return { indexNames, indexMembers, indexEnd: index.end };
}

/** Reads an archive's directory; `file` names it in messages. Member bytes are not looked at. */
export function readArchive(bytes: Uint8Array, file: string): Archive {
  const thin = bytes[2] === 0x74; // '!<thin>'
  const members: ArchiveMember[] = [];
  let names: RawMember | undefined;
  let index: RawMember | undefined;
  for (let at = 8; at < bytes.length; ) {
    const raw = readHeader(bytes, at, file, thin);
    at = raw.next;
    if (raw.kind === 'index' || raw.kind === 'wideIndex') {
      index ??= raw;
    } else if (raw.kind === 'names') {
      names = raw;
    } else {
      const member = placeName(bytes, raw, names, file);
      // BSD keeps its index as a member of this name; members are then scanned instead.
      if (raw.kind !== 'bsdName' || !memberName(bytes, member).startsWith('__.SYMDEF')) members.push(member);
    }
  }
  if (!index) {
    const none = new Uint32Array(0);
    return { thin, members, hasIndex: false, indexNames: none, indexMembers: none, indexEnd: 0 };
  }
  return { thin, members, hasIndex: true, ...readIndex(bytes, index, members, index.kind === 'wideIndex', file) };
}
