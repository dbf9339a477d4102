/**
 * Output sections, and what they become by the inputs that join them.
 */
import { f64 } from './arena.ts';
import * as elf from './elf.ts';
import type { OutputSection } from './image.ts';
import * as layout from './kernels/layout.ts';
import type { Program } from './program.ts';
import type { OutputSectionDescription } from './script/ast.ts';

export function createOutputSection(name: string, description?: OutputSectionDescription): OutputSection {
  const section: OutputSection = {
    name,
    body: [],
    type: elf.SHT_NULL,
    flags: 0,
    align: 1,
    entsize: 0,
    address: 0,
    loadAddress: 0,
    size: 0,
    fileOffset: 0,
    index: 0,
    info: 0,
    relro: false,
    noload: description?.type === 'NOLOAD',
    keepEmpty: false,
  };
  if (description) {
    section.placement = description;
    if (description.fill) section.fill = description.fill;
  }
  return section;
}

/** Output flags, type, entry size and alignment from the inputs that join. */
export function joinSections(program: Program, output: OutputSection, sections: Uint32Array): void {
  const joined = joinedOf(program, output);
  program.arena.kernels.joinSections(program.block, sections.byteOffset, sections.length, joined.byteOffset);
  takeJoined(output, joined);
}

/** What an output section is now, for kernels to have more inputs join. */
export function joinedOf(program: Program, { type, flags, entsize, align }: OutputSection): Float64Array {
  const joined = f64(program.arena, layout.JOINED_WORDS);
  joined[layout.JOINED_TYPE] = type;
  joined[layout.JOINED_FLAGS] = flags;
  joined[layout.JOINED_ENTSIZE] = entsize;
  joined[layout.JOINED_ALIGN] = align;
  return joined;
}

export function takeJoined(output: OutputSection, joined: Float64Array): void {
  output.type = joined[layout.JOINED_TYPE]!;
  output.flags = joined[layout.JOINED_FLAGS]!;
  output.entsize = joined[layout.JOINED_ENTSIZE]!;
  output.align = joined[layout.JOINED_ALIGN]!;
}
