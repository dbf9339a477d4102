/**
 * Says what is wrong with .eh_frame sections at which a kernel stopped. The checks are those of the kernels; here they
 * know where they are.
 */
import { fail } from '../base/errors.ts';
import type { EhPieces } from './eh-frame.ts';
import { RELA_SIZE } from './elf.ts';
import { objectAt, type Program, placeText, sectionContents } from './program.ts';

/** Reports the first section whose records are malformed. Errors: 'malformed-elf', 'unsupported-input'. */
export function badRecords(program: Program, sections: Uint32Array): never {
  for (const s of sections) checkRecords(program, s);
  return fail('malformed-elf', `${placeText(program, sections.at(-1)!)}: malformed exception records`);
}

/** Fails when a section does not consist of whole records that refer to CIEs before them. */
function checkRecords(program: Program, section: number): void {
  const bytes = sectionContents(program, section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ends: number[] = [];
  const cies = new Set<number>();
  const where = (at: number) => placeText(program, section, at);
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) fail('malformed-elf', `${where(at)}: ${bytes.length - at} stray bytes at the end`);
    const length = view.getUint32(at, true);
    if (length === 0xffffffff) fail('unsupported-input', `${where(at)}: 64-bit record length in .eh_frame`);
    if (length !== 0 && (length < 4 || at + 4 + length > bytes.length)) {
      fail('malformed-elf', `${where(at)}: record of ${length} bytes does not fit the section (${bytes.length} bytes)`);
    }
    if (length !== 0) {
      const id = view.getUint32(at + 4, true);
      if (id === 0) cies.add(at);
      else if (!cies.has(at + 4 - id)) {
        fail('malformed-elf', `${where(at)}: no CIE at offset ${at + 4 - id}, to which this FDE points`);
      }
    }
    at += 4 + length;
    ends.push(at);
  }
  checkRelocations(program, section, ends);
}

/** Fails when relocations are not in the order of the records, which end at `ends`. */
function checkRelocations(program: Program, section: number, ends: readonly number[]): void {
  const { view } = program.arena;
  const base = program.sections.relocs[section]!;
  const count = program.sections.relocCount[section]!;
  let r = 0;
  let previous = -1;
  for (const end of ends) {
    for (; r < count; r++) {
      const offset = view.getUint32(base + r * RELA_SIZE, true);
      if (offset < previous) {
        fail('unsupported-input', `${placeText(program, section)}: relocations are not in order of offset`);
      }
      if (offset >= end) break;
      previous = offset;
    }
  }
  if (r < count) {
    const offset = view.getUint32(base + r * RELA_SIZE, true);
    fail('malformed-elf', `${placeText(program, section, offset)}: relocation outside every record`);
  }
}

/** Reports the first FDE of a section that describes a symbol which does not exist. Errors: 'malformed-elf'. */
export function badSymbol(program: Program, pieces: EhPieces): never {
  const { view } = program.arena;
  const t = program.sections;
  const { section } = pieces;
  const { symbolCount } = objectAt(program, t.object[section]!);
  for (let i = 0; i < pieces.count; i++) {
    const r = pieces.firstReloc[i]!;
    if (pieces.cie[i]! < 0 || r === pieces.firstReloc[i + 1]!) continue;
    const at = t.relocs[section]! + r * RELA_SIZE;
    const symbol = view.getUint32(at + 12, true);
    // pc_begin is the field at offset 8 of an FDE.
    if (view.getUint32(at, true) === pieces.inputOffset[i]! + 8 && symbol >= symbolCount) {
      fail('malformed-elf', `${placeText(program, section)}: relocation ${r} names symbol ${symbol}`);
    }
  }
  return fail('malformed-elf', `${placeText(program, section)}: an exception record describes no symbol`);
}
