/**
 * Collects the property notes of all objects: few differ, and only those that do need to be understood.
 */
import * as layout from '../layout';
import * as elf from './elf';
import { hasRoom, internSpan } from './names';
import { getF64, getU8, getU32, setU8, word } from './words';

/**
 * Takes the notes named `name` of sections [from, count) out of the link. Their contents are interned in `contents`,
 * and `objects` (u8 by object) is set for those that have one. Returns `count`, or where it had no room to go on.
 */
export function collectNotes(program: usize, from: u32, count: u32, name: u32, contents: usize, objects: usize): u32 {
  const types = word(program, layout.SECTION_TYPE);
  const lives = word(program, layout.SECTION_LIVE);
  const roles = word(program, layout.SECTION_ROLE);
  const names = word(program, layout.SECTION_NAME);
  for (let s = from; s < count; s++) {
    if (getU32(types, s) != elf.SHT_NOTE || getU32(names, s) != name) continue;
    if (getU8(lives, s) != elf.LIVE_LIVE || getU8(roles, s) != elf.ROLE_REGULAR) continue;
    if (!hasRoom(contents, 1)) return s;
    const id = internSpan(
      contents,
      getU32(word(program, layout.SECTION_OFFSET), s),
      <u32>getF64(word(program, layout.SECTION_INPUT_SIZE), s),
    );
    // One of thousands that collide counts as none: it claims nothing.
    if (id >= 0) setU8(objects, getU32(word(program, layout.SECTION_OBJECT), s), 1);
    setU8(lives, s, elf.LIVE_DEAD);
  }
  return count;
}
