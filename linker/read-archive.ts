/**
 * Reads ar archives: SysV (GNU) with its symbol index and long names, BSD long names, and thin archives.
 *
 * An archive is a list of members and an index that says which member defines a global symbol. The index lets the
 * linker leave a member's bytes untouched until a symbol of it is needed. The index is only a hint from a hostile
 * file: a member is judged by its own symbol table once it is read.
 * Sources: ar(5); GNU binutils' description of `!<thin>`.
 */
import { fail, printable } from '../base/errors.ts';

export interface ArchiveMember {
  /** Member name; for thin archives the path as stored, relative to the archive's folder. */
  readonly name: string;
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

/** A header field as text, without the blanks that pad it. */
function fieldText(bytes: Uint8Array, offset: number, length: number): string {
  let end = offset + length;
  while (end > offset && bytes[end - 1] === 0x20) end--;
  return String.fromCharCode(...bytes.subarray(offset, end));
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

interface RawMember {
  readonly header: number;
  readonly field: string;
  readonly start: number;
  readonly end: number;
}

/** One header at `at`; `stored` tells whether the member's bytes follow it. */
function readHeader(bytes: Uint8Array, at: number, file: string, thin: boolean): RawMember & { readonly next: number } {
  if (at + HEADER > bytes.length) {
    fail('malformed-archive', `${file}: member header at ${at} goes past the end (${bytes.length} bytes)`);
  }
  if (bytes[at + 58] !== 0x60 || bytes[at + 59] !== 0x0a) {
    fail('malformed-archive', `${file}: member header at ${at} does not end in "\`\\n"; the archive is damaged`);
  }
  const size = fieldNumber(bytes, at + 48, 10);
  if (size < 0) fail('malformed-archive', `${file}: member header at ${at} has no decimal size`);
  const field = fieldText(bytes, at, 16);
  const start = at + HEADER;
  const stored = !thin || field === '/' || field === '//' || field === '/SYM64/';
  const end = stored ? start + size : start;
  if (end > bytes.length) {
    fail(
      'malformed-archive',
      `${file}: member ${printable(field)} claims ${size} bytes at ${start}, but the archive has ${bytes.length}`,
    );
  }
  return { header: at, field, start, end, next: end + (end & 1) };
}

/** Member name from a header's name field, the long-name table and, for BSD, the member's first bytes. */
function memberName(bytes: Uint8Array, raw: RawMember, names: RawMember | undefined, file: string) {
  const { field } = raw;
  const first = field.charCodeAt(0);
  if (first === 0x2f && /^\/\d+$/.test(field)) {
    const offset = Number(field.slice(1));
    if (!names || offset >= names.end - names.start) {
      fail('malformed-archive', `${file}: member at ${raw.header} has its name at ${offset}, outside the name table`);
    }
    const from = names.start + offset;
    let end = bytes.indexOf(0x0a, from);
    if (end < 0 || end > names.end) end = names.end;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from).toString('utf8');
    return { name: text.replace(/\/$/, ''), start: raw.start };
  }
  if (first === 0x23 && /^#1\/\d+$/.test(field)) {
    const length = Number(field.slice(3));
    if (length > raw.end - raw.start) {
      fail('malformed-archive', `${file}: member at ${raw.header} has a name of ${length} bytes, longer than itself`);
    }
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + raw.start, length).toString('utf8');
    return { name: text.replace(/\0+$/, ''), start: raw.start + length };
  }
  return { name: field.replace(/\/$/, ''), start: raw.start };
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
  let wide = false;
  for (let at = 8; at < bytes.length; ) {
    const raw = readHeader(bytes, at, file, thin);
    at = raw.next;
    if (raw.field === '/' || raw.field === '/SYM64/') {
      if (!index) {
        index = raw;
        wide = raw.field !== '/';
      }
    } else if (raw.field === '//') {
      names = raw;
    } else {
      const { name, start } = memberName(bytes, raw, names, file);
      // BSD keeps its index as a member of this name; members are then scanned instead.
      if (name !== '__.SYMDEF' && name !== '__.SYMDEF SORTED') {
        members.push({ name, header: raw.header, start, end: raw.end });
      }
    }
  }
  if (!index) {
    const none = new Uint32Array(0);
    return { thin, members, hasIndex: false, indexNames: none, indexMembers: none, indexEnd: 0 };
  }
  return { thin, members, hasIndex: true, ...readIndex(bytes, index, members, wide, file) };
}
