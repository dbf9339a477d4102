/**
 * Leaves out sections that are not their object's to bring.
 *
 * Some sections say what whoever links has found out, a note of what is proved for one. Any object can hold a section of
 * that name; in an output it would be taken for the linker's word. So a link may reserve a name for one object, and the
 * sections of all others are treated as if a script discarded them.
 */
import { findText } from './names.ts';
import { allObjects, Live, type Program, Role } from './program.ts';
import type { LinkOptions } from './request.ts';

/** Marks them dead; a relocation to what is in them is an error like one to any discarded section. */
export function dropReserved(program: Program, { reserved }: Pick<LinkOptions, 'reserved'>): void {
  const { sections: t, sectionNames } = program;
  for (const [name, owner] of reserved ?? []) {
    const id = findText(sectionNames, name);
    if (id < 0) continue;
    for (const object of allObjects(program)) {
      if (object.name === owner) continue;
      for (let s = object.firstSection; s < object.firstSection + object.sectionCount; s++)
        if (t.name[s] === id && t.role[s] !== Role.Ignored) t.live[s] = Live.Dead;
    }
  }
}
