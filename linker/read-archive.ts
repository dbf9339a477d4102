/**
 * Reads ar archives: SysV (GNU) with its symbol index and long names, BSD long names, and thin archives.
 *
 * An archive is a list of members and an index that says which member defines a global symbol. The index lets the
 * linker leave a member's bytes untouched until a symbol of it is needed. The index is only a hint from a hostile
 * file: a member is judged by its own symbol table once it is read.
 * Sources: ar(5); GNU binutils' description of `!<thin>`.
 */
import { fail } from '../base/errors.ts';
import { type Arena, u32 } from './arena.ts';
import * as layout from './kernels/layout.ts';

export interface ArchiveMember {
  /**
   * Where its name's bytes are (addresses): read by `memberName` when somebody asks. A name in the table ends with its
   * line.
   */
  readonly nameStart: number;
  readonly nameEnd: number;
  /** Offset of its header in the archive: what the index refers to. */
  readonly header: number;
  /** Addresses of its bytes (an empty range for a thin archive's members, whose bytes are in a file of their own). */
  readonly start: number;
  readonly end: number;
}

export interface Archive {
  readonly thin: boolean;
  /** How many members it has, and a row of MEMBER_WORDS words for each. */
  readonly count: number;
  readonly rows: Uint32Array;
  readonly index: RawMember | undefined;
}

/** An archive's index in the arena. */
export interface ArchiveIndex {
  /** By entry: the member that defines the symbol. */
  readonly members: Uint32Array;
  /** Addresses of the first name and of the end of the last; names follow one another in the order of the entries. */
  readonly names: number;
  readonly end: number;
}

const HEADER = 60;

export function isArchive(bytes: Uint8Array): boolean {
  const magic = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(8, bytes.length)).toString('latin1');
  return magic === '!<arch>\n' || magic === '!<thin>\n';
}

export function memberAt({ rows }: Archive, m: number): ArchiveMember {
  const row = m * layout.MEMBER_WORDS;
  return {
    nameStart: rows[row + layout.MEMBER_NAME]!,
    nameEnd: rows[row + layout.MEMBER_NAME_END]!,
    header: rows[row + layout.MEMBER_HEADER]!,
    start: rows[row + layout.MEMBER_START]!,
    end: rows[row + layout.MEMBER_END]!,
  };
}

/** Name of a member; for thin archives the path as stored, relative to the archive's folder. */
export function memberName(arena: Arena, { nameStart, nameEnd }: ArchiveMember): string {
  const bytes = Buffer.from(arena.bytes.buffer, nameStart, nameEnd - nameStart);
  const line = bytes.indexOf(0x0a);
  const name = bytes.toString('utf8', 0, line < 0 ? bytes.length : line);
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

export interface RawMember {
  /** Offset of its header in the archive, and the header's address; addresses of its bytes. */
  readonly header: number;
  readonly at: number;
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

/** The header at offset `at` of the archive, whose address is `base`. */
function readHeader(
  bytes: Uint8Array,
  base: number,
  at: number,
  file: string,
  thin: boolean,
): RawMember & { readonly next: number } {
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
  return { header: at, at: base + at, kind, start: base + start, end: base + end, next: end + (end & 1) };
}

/** A member with the place of its name: the header, the long-name table or, for BSD, the member's first bytes. */
function placeName(arena: Arena, raw: RawMember, names: RawMember | undefined, file: string): ArchiveMember {
  const { bytes } = arena;
  const { header, at, start, end } = raw;
  if (raw.kind === 'longName') {
    const offset = fieldNumber(bytes, at + 1, 15);
    if (!names || offset < 0 || offset >= names.end - names.start) {
      fail('malformed-archive', `${file}: member at ${header} has its name at ${offset}, outside the name table`);
    }
    return { nameStart: names.start + offset, nameEnd: names.end, header, start, end };
  }
  if (raw.kind === 'bsdName') {
    const length = fieldNumber(bytes, at + 3, 13);
    if (length < 0 || length > end - start) {
      fail('malformed-archive', `${file}: member at ${header} has a name of ${length} bytes, longer than itself`);
    }
    return { nameStart: start, nameEnd: start + length, header, start: start + length, end };
  }
  let nameEnd = at + 16;
  while (nameEnd > at && bytes[nameEnd - 1] === BLANK) nameEnd--;
  return { nameStart: at, nameEnd, header, start, end };
}

/** Parses the symbol index: big-endian count, count member offsets (4 or 8 bytes wide), then as many names. */
export function readArchiveIndex(arena: Arena, archive: Archive, file: string): ArchiveIndex {
  const { index, rows, count: memberCount } = archive;
  if (!index) return { members: u32(arena, 0), names: 0, end: 0 };
  const width = index.kind === 'wideIndex' ? 8 : 4;
  const { view, kernels } = arena;
  const { start, end } = index;
  const length = end - start;
  const read = (at: number) => (width === 8 ? Number(view.getBigUint64(at)) : view.getUint32(at));
  const count = length >= width ? read(start) : 0;
  if (length < width || count * width > length - width) {
    fail('malformed-archive', `${file}: the symbol index claims ${count} symbols in ${length} bytes`);
  }
  const found = u32(arena, count);
  const result = u32(arena, 1);
  const entries = start + width;
  const wrong = kernels.readArchiveIndex(
    result.byteOffset,
    entries,
    count,
    width,
    end,
    rows.byteOffset,
    memberCount,
    found.byteOffset,
  );
  if (wrong < count) {
    if (result[0] === 0) {
      fail('malformed-archive', `${file}: the symbol index has fewer names than its ${count} symbols`);
    }
    const header = read(entries + wrong * width);
    fail(
      'malformed-archive',
      `${file}: the symbol index points at ${header}, where no member starts; run ranlib on it`,
    );
  }
  return { members: found, names: entries + count * width, end };
}

/**
 * Reads the directory of the archive of `size` bytes at address `base`; `file` names it in messages. Members' bytes are
 * not looked at. The kernel reads the usual headers, the others are read here, one by one.
 */
export function readArchive(arena: Arena, base: number, size: number, file: string): Archive {
  const bytes = arena.bytes.subarray(base, base + size);
  const thin = bytes[2] === 0x74; // '!<thin>'
  const words = u32(arena, layout.ARCHIVE_WORDS);
  // As many as there can be: what is left over was never written, and is free again.
  const rows = u32(arena, Math.ceil(size / HEADER) * layout.MEMBER_WORDS);
  words[layout.ARCHIVE_ROWS] = rows.byteOffset;
  words[layout.ARCHIVE_AT] = 8;
  let index: RawMember | undefined;
  let names: RawMember | undefined;
  for (;;) {
    const at = arena.kernels.readMembers(words.byteOffset, base, size, thin ? 1 : 0);
    if (at >= size) break;
    const raw = readHeader(bytes, base, at, file, thin);
    words[layout.ARCHIVE_AT] = raw.next;
    if (raw.kind === 'index' || raw.kind === 'wideIndex') {
      index ??= raw;
    } else if (raw.kind === 'names') {
      names = raw;
      words[layout.ARCHIVE_NAMES] = raw.start;
      words[layout.ARCHIVE_NAMES_END] = raw.end;
    } else {
      const member = placeName(arena, raw, names, file);
      // BSD keeps its index as a member of this name; members are then scanned instead.
      if (raw.kind === 'bsdName' && memberName(arena, member).startsWith('__.SYMDEF')) continue;
      const { nameStart, nameEnd, header, start, end } = member;
      rows.set([header, start, end, nameStart, nameEnd], words[layout.ARCHIVE_COUNT]!++ * layout.MEMBER_WORDS);
    }
  }
  const count = words[layout.ARCHIVE_COUNT]!;
  arena.used = rows.byteOffset + count * layout.MEMBER_WORDS * 4;
  return { thin, count, rows: rows.subarray(0, count * layout.MEMBER_WORDS), index };
}
