/**
 * Sections that the linker makes itself (GOT, PLT, dynamic tables, notes, common symbols).
 *
 * They are rows of the same section table as the inputs' sections, owned by a pseudo object named `<linker>`, so that
 * scripts place them by name, maps list them and the layout sizes them like any other.
 */
import * as layout from './kernels/layout.ts';
import { internText } from './names.ts';
import { addSections, Live, objectCount, type Program, Role, reserveObjects } from './program.ts';

export interface SyntheticShape {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly align: number;
  readonly size: number;
  readonly entsize?: number;
}

/** Index of the pseudo object, created on first use: the one that has no bytes. */
function linkerObject(program: Program): number {
  if (program.linkerObject >= 0) return program.linkerObject;
  const { arena, block, words } = program;
  const source = program.sources.push(() => '<linker>') - 1;
  reserveObjects(program);
  // It has none of what an object that was read leaves.
  words.fill(0, layout.READ_INDEX, layout.READ_GLOBAL_COUNT + 1);
  arena.kernels.writeObjectRow(block, 0, 0, source, -1);
  arena.kernels.commitObject(block);
  program.linkerObject = objectCount(program) - 1;
  return program.linkerObject;
}

/** Adds a synthetic section; `object` (default the pseudo object) is whom maps and patterns see as its file. */
export function addSynthetic(program: Program, shape: SyntheticShape, object = linkerObject(program)): number {
  const s = addSections(program, 1);
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
