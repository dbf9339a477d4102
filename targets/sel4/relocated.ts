/**
 * An image that can move, as a kernel that moves nothing loads it: at the address that it was linked for.
 *
 * The kernel takes executables of a fixed address, whose words are complete. A position-independent image is one once every
 * relocation has been applied for that address; its records stay, as data that the first stage reads to do it again for
 * another. Only relative ones can be applied so: an image that needs more is refused.
 *
 * Sources: gABI chapter 5, "Relocation Table", "Relative Relocation Table"; the psABIs' R_*_RELATIVE.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import { type ElfFile, type ElfSection, viewOf } from '../../linker/elf-file.ts';

const relative: ReadonlyMap<number, bigint> = new Map([
  [elf.EM_RISCV, 3n],
  [elf.EM_X86_64, 8n],
  [elf.EM_AARCH64, 1027n],
]);

/** What nobody of a loader's kind will read; the first stage reads some of it as data. */
const forLoaders = new Set([elf.SHT_RELA, elf.SHT_RELR, elf.SHT_DYNAMIC, elf.SHT_DYNSYM, elf.SHT_HASH]);

const isLoaded = ({ flags }: ElfSection): boolean => (flags & elf.SHF_ALLOC) !== 0;

/** The eight bytes at `address`. */
function wordAt(sections: readonly ElfSection[], address: bigint, where: string): DataView {
  const section = sections.find(
    (each) => isLoaded(each) && address >= each.address && address + 8n <= each.address + BigInt(each.data.length),
  );
  if (section === undefined)
    return fail('image', `${where}: a relocation is for ${hex(address)}, where the file has no word`);
  const { buffer, byteOffset } = section.data;
  return new DataView(buffer, byteOffset + Number(address - section.address), 8);
}

function applyRela(file: ElfFile, table: ElfSection, where: string): void {
  const view = viewOf(table.data);
  if (table.data.length % elf.RELA_SIZE !== 0)
    fail(
      'image',
      `${where}: ${printable(table.name)} has ${table.data.length} bytes; a relocation has ${elf.RELA_SIZE}`,
    );
  for (let at = 0; at < table.data.length; at += elf.RELA_SIZE) {
    const info = view.getBigUint64(at + 8, true);
    if (info !== relative.get(file.header.machine))
      fail(
        'image',
        `${where}: relocation ${at / elf.RELA_SIZE} is of type ${hex(info)}; an image that moves has relative ones only`,
      );
    wordAt(file.sections, view.getBigUint64(at, true), where).setBigUint64(0, view.getBigUint64(at + 16, true), true);
  }
}

/** The same image as an executable for its own address; one that is that already stays as it is. Errors: 'image'. */
export function relocated(file: ElfFile, where: string): ElfFile {
  if (file.header.type !== elf.ET_DYN) return file;
  const sections = file.sections.map((section) => ({ ...section, data: section.data.slice() }));
  const own = { ...file, sections };
  for (const section of sections)
    if (section.type === elf.SHT_RELA && isLoaded(section)) applyRela(own, section, where);
  return {
    ...own,
    header: { ...file.header, type: elf.ET_EXEC },
    sections: sections.map((section) =>
      isLoaded(section) && forLoaders.has(section.type)
        ? { ...section, type: elf.SHT_PROGBITS, link: 0, info: 0 }
        : section,
    ),
  };
}
