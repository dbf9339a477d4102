/**
 * Symbols after a move: the values of .symtab follow what they name. Their sections keep their numbers; absolute symbols
 * and offsets of thread-local variables stay.
 */
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { type Moves, mapAddress } from './moves.ts';

export function moveSymbols(moved: ElfFile, base: ElfFile, moves: Moves): ElfFile {
  const loaded = base.sections.map(({ flags }) => (flags & elf.SHF_ALLOC) !== 0);
  for (const section of moved.sections) {
    if (section.type !== elf.SHT_SYMTAB || section.entsize !== elf.SYM_SIZE) continue;
    const { data } = section;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = elf.SYM_SIZE; at + elf.SYM_SIZE <= data.length; at += elf.SYM_SIZE) {
      const index = view.getUint16(at + 6, true);
      const type = data[at + 4]! & 15;
      if (index === elf.SHN_UNDEF || type === elf.STT_TLS || type === elf.STT_FILE) continue;
      if (index >= elf.SHN_LORESERVE ? index !== elf.SHN_XINDEX : !loaded[index]) continue;
      const value = elf.readUnsigned64(view, at + 8);
      // A section's symbol is where the section begins, not what is first in it.
      const to =
        type === elf.STT_SECTION && index < elf.SHN_LORESERVE
          ? Number(moved.sections[index]!.address)
          : mapAddress(moves, value);
      if (to !== value) elf.write64(view, at + 8, to);
    }
  }
  return moved;
}
