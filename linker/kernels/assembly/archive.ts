/**
 * Archive directories: the list of members, and the index that says which of them defines a symbol.
 */
import * as layout from '../layout';
import { nulAfter } from './bytes';
import { getU32, setU32, setWord, word } from './words';

const HEADER: u32 = 60;

/** A header field as a decimal number, -1 when it is none. */
function fieldNumber(at: usize, length: u32): i64 {
  let value: i64 = -1;
  for (let i: u32 = 0; i < length; i++) {
    const byte = <u32>load<u8>(at + i);
    if (byte == 0x20) break;
    const digit = byte - 0x30;
    if (digit > 9) return -1;
    value = max<i64>(value, 0) * 10 + <i64>digit;
  }
  return value;
}

/**
 * Reads member headers of the archive of `size` bytes at `base`, from offset ARCHIVE_AT of the block on, into rows.
 * Returns the offset of the first header that is left to the caller (a table, a BSD name, or one that is wrong), or one
 * of at least `size`.
 */
export function readMembers(block: usize, base: usize, size: u32, thin: u32): u32 {
  const names = word(block, layout.ARCHIVE_NAMES);
  const namesEnd = word(block, layout.ARCHIVE_NAMES_END);
  let count = <u32>word(block, layout.ARCHIVE_COUNT);
  let at = <u32>word(block, layout.ARCHIVE_AT);
  while (at < size && size - at >= HEADER) {
    const header = base + at;
    if (load<u16>(header + 58) != 0x0a60) break;
    const length = fieldNumber(header + 48, 10);
    const start = at + HEADER;
    if (length < 0) break;
    const end = thin != 0 ? <i64>start : <i64>start + length;
    if (end > <i64>size) break;
    let name = header;
    let nameEnd: usize;
    const first = load<u8>(header);
    if (first == 0x2f) {
      // A slash and digits: the name is in the table. Whoever asks for it finds its end: a table may be one long name.
      const digit = <u32>load<u8>(header + 1) - 0x30;
      if (digit > 9) break;
      const offset = fieldNumber(header + 1, 15);
      if (offset < 0 || offset >= <i64>(namesEnd - names)) break;
      name = names + <usize>offset;
      nameEnd = namesEnd;
    } else {
      if (first == 0x23) break; // BSD: #1/LENGTH
      nameEnd = header + 16;
      while (nameEnd > header && load<u8>(nameEnd - 1) == 0x20) nameEnd--;
    }
    const row = word(block, layout.ARCHIVE_ROWS) + <usize>(count * layout.MEMBER_WORDS * 4);
    setU32(row, layout.MEMBER_HEADER, at);
    setU32(row, layout.MEMBER_START, <u32>(base + start));
    setU32(row, layout.MEMBER_END, <u32>(base + <usize>end));
    setU32(row, layout.MEMBER_NAME, <u32>name);
    setU32(row, layout.MEMBER_NAME_END, <u32>nameEnd);
    count++;
    at = <u32>end + (<u32>end & 1);
  }
  setWord(block, layout.ARCHIVE_COUNT, count);
  return at;
}

/**
 * Looks up every entry of an index: `count` big-endian header offsets of `width` bytes at `entries`, then as many names
 * before `end`. `rows` are those of the members, headers ascending; the member of entry i goes to `members`.
 * Returns `count`, or the entry that is wrong. `result` (an address) then gets 1 when its offset is no member's, 0 when
 * its name does not end.
 */
export function readArchiveIndex(
  result: usize,
  entries: usize,
  count: u32,
  width: u32,
  end: usize,
  rows: usize,
  memberCount: u32,
  members: usize,
): u32 {
  let name = entries + count * width;
  let member: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = entries + i * width;
    const header = width == 8 ? bswap<u64>(load<u64>(at)) : <u64>bswap<u32>(load<u32>(at));
    // Entries of one member follow one another, and members mostly are in order.
    if (member >= memberCount || headerOf(rows, member) != header) {
      member = findMember(rows, memberCount, header);
      if (member == memberCount) {
        store<u32>(result, 1);
        return i;
      }
    }
    store<u32>(members + ((<usize>i) << 2), member);
    name = nulAfter(name, end);
    if (name >= end) {
      store<u32>(result, 0);
      return i;
    }
    name++;
  }
  return count;
}

// Offset of the header of a member.
function headerOf(rows: usize, member: u32): u64 {
  return <u64>getU32(rows, member * layout.MEMBER_WORDS + layout.MEMBER_HEADER);
}

function findMember(rows: usize, count: u32, header: u64): u32 {
  let low: u32 = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (headerOf(rows, middle) < header) low = middle + 1;
    else high = middle;
  }
  return low < count && headerOf(rows, low) == header ? low : count;
}
