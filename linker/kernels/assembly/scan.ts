/**
 * The scan of all relocations before layout, as far as they need nothing: branches, distances, plain addresses, and
 * loads from the GOT that will be rewritten. Stops at each relocation that scan.ts has to look at.
 */
import * as layout from '../layout';
import { objectRow } from './addresses';
import * as elf from './elf';
import { getF64, getU8, getU32, word } from './words';
import { rewritesGot, rewritesGotTp } from './x86-64';

/** The first live, loaded section with relocations in [from, count), or `count`. */
export function nextScanned(program: usize, from: u32, count: u32): u32 {
  const lives = word(program, layout.SECTION_LIVE);
  const relocCounts = word(program, layout.SECTION_RELOC_COUNT);
  const roles = word(program, layout.SECTION_ROLE);
  const flags = word(program, layout.SECTION_FLAGS);
  for (let s = from; s < count; s++) {
    if (getU32(relocCounts, s) == 0 || getU8(lives, s) != elf.LIVE_LIVE) continue;
    if (getU8(roles, s) == elf.ROLE_IGNORED || (getU32(flags, s) & elf.SHF_ALLOC) == 0) continue;
    return s;
  }
  return count;
}

/**
 * Index of the first relocation of section `s`, from `from` on, that needs something; the number of its relocations
 * when there is none. `needs`: u8 by relocation type (Need). `rewrites`: 1 when instructions may be rewritten (x86-64).
 */
export function scanSection(program: usize, s: u32, from: u32, needs: usize, pie: u32, rewrites: u32): u32 {
  const row = objectRow(program, getU32(word(program, layout.SECTION_OBJECT), s));
  const symbolCount = <u32>word(row, layout.OBJECT_SYMBOL_COUNT);
  const firstGlobal = <u32>word(row, layout.OBJECT_FIRST_GLOBAL);
  const localIfunc = word(row, layout.OBJECT_HAS_LOCAL_IFUNC) != 0;
  const refs = word(program, layout.GLOBAL_REFS) + ((<usize>(<u32>word(row, layout.OBJECT_FIRST_GLOBAL_REF))) << 2);
  const kinds = word(program, layout.SYMBOL_KIND);
  const types = word(program, layout.SYMBOL_TYPE);
  const bindings = word(program, layout.SYMBOL_BINDING);
  const flags = word(program, layout.SYMBOL_FLAGS);
  const relocs = getU32(word(program, layout.SECTION_RELOCS), s);
  const count = getU32(word(program, layout.SECTION_RELOC_COUNT), s);
  const start: usize = getU32(word(program, layout.SECTION_OFFSET), s);
  const size = <u32>getF64(word(program, layout.SECTION_INPUT_SIZE), s);
  for (let r = from; r < count; r++) {
    const at = relocs + r * elf.RELA_SIZE;
    const type = load<u32>(at + 8);
    const sym = load<u32>(at + 12);
    if (type >= <u32>layout.MOST_TYPES) return r;
    const need = <u32>getU8(needs, type);
    if (sym == 0 && need == elf.NEED_NOTHING) continue;
    if (need > elf.NEED_TP_OFFSET || sym == 0 || sym >= symbolCount) return r;
    let kind = elf.KIND_DEFINED;
    if (sym >= firstGlobal) {
      const id = getU32(refs, sym - firstGlobal);
      kind = <u32>getU8(kinds, id);
      if (kind < elf.KIND_DEFINED) {
        // A call that is guarded by a test; all other undefined symbols are noted.
        if (need == elf.NEED_RELATIVE && <u32>getU8(bindings, id) == elf.STB_WEAK) continue;
        return r;
      }
      // An ifunc's first use gives it an entry.
      if (<u32>getU8(types, id) == elf.STT_GNU_IFUNC && (getU32(flags, id) & elf.FLAG_IPLT) == 0) return r;
    } else if (localIfunc) {
      return r;
    }
    switch (need) {
      case elf.NEED_NOTHING:
      case elf.NEED_RELATIVE:
      case elf.NEED_GOT_BASE:
      case elf.NEED_TP_OFFSET:
        break;
      case elf.NEED_ADDRESS:
      case elf.NEED_NARROW_ADDRESS:
        if (pie != 0) return r;
        break;
      case elf.NEED_GOT_RELAXABLE: {
        // Only a symbol that is surely somewhere in the image: not absolute, not the script's, and no local.
        if (rewrites == 0 || sym < firstGlobal || (kind != elf.KIND_DEFINED && kind != elf.KIND_COMMON)) return r;
        const offset = load<u64>(at);
        if (offset >= <u64>size) return r;
        if (!rewritesGot(start + <u32>offset, <u32>offset, size, type, load<i64>(at + 16))) return r;
        break;
      }
      case elf.NEED_GOT_TP: {
        const offset = load<u64>(at);
        if (rewrites == 0 || offset >= <u64>size) return r;
        if (!rewritesGotTp(start + <u32>offset, <u32>offset, size)) return r;
        break;
      }
      default:
        return r;
    }
  }
  return count;
}
