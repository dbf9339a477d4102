/**
 * Sections that the linker makes itself (GOT, PLT, dynamic tables, notes, common symbols).
 *
 * They are rows of the same section table as the inputs' sections, owned by a pseudo object named `<linker>`, so that
 * scripts place them by name, maps list them and the layout sizes them like any other.
 */
import { internText } from './names.ts';
import { addSections, Live, type Program, Role } from './program.ts';

export interface SyntheticShape {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly align: number;
  readonly size: number;
  readonly entsize?: number;
}

/** Index of the pseudo object, created on first use. */
function linkerObject(program: Program): number {
  const last = program.objects.findIndex((object) => object.name === '<linker>');
  if (last >= 0) return last;
  const bytes = new Uint8Array(0);
  program.objects.push({
    index: program.objects.length,
    name: '<linker>',
    bytes,
    view: new DataView(bytes.buffer),
    start: 0,
    end: 0,
    flags: 0,
    firstSection: program.sections.count,
    sectionCount: 0,
    symtab: 0,
    symbolCount: 0,
    firstGlobal: 0,
    strtab: 0,
    strtabEnd: 0,
    extendedIndex: -1,
    firstGlobalRef: 0,
    hasLocalIfunc: false,
  });
  return program.objects.length - 1;
}

/** Adds a synthetic section; `object` (default the pseudo object) is whom maps and patterns see as its file. */
export function addSynthetic(program: Program, shape: SyntheticShape, object = linkerObject(program)): number {
  const s = addSections(program.sections, 1);
  const t = program.sections;
  t.object[s] = object;
  t.name[s] = internText(program.sectionNames, shape.name);
  t.type[s] = shape.type;
  t.flags[s] = shape.flags;
  t.offset[s] = 0;
  t.size[s] = shape.size;
  t.inputSize[s] = shape.size;
  t.link[s] = 0;
  t.info[s] = 0;
  t.align[s] = shape.align;
  t.entsize[s] = shape.entsize ?? 0;
  t.relocs[s] = 0;
  t.relocCount[s] = 0;
  t.role[s] = Role.Synthetic;
  t.live[s] = Live.Live;
  return s;
}
