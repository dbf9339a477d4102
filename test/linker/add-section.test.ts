/**
 * A section added to a finished file is there for every reader, and all else is as it was.
 */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { addSection } from '../../linker/add-section.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { x86 } from '../support/programs.ts';
import { elflintComplaints, readelfComplaints } from '../support/readers.ts';
import { run } from '../support/run.ts';
import { exitProgram, project } from '../support/small-links.ts';
import { requireTool } from '../support/tools.ts';

const added = { name: '.note-to-self', type: 0x80000001, data: Uint8Array.of(1, 2, 3, 4, 5) };

describe('addSection', () => {
  it.each([[[]], [['-s']], [['--build-id']]])('keeps a program linked with %j as it was', async (flags) => {
    const { path, link, execute } = await project(x86, {
      'a.s': `${exitProgram(x86, 'mov $7, %edi')}\n.data\n.quad 1`,
    });
    const { file } = await link('a.o', ...flags);
    const bytes = writeElfFile(addSection(file, added));
    const read = readElfFile(bytes, 'more');
    expect(read.segments).toEqual(file.segments);
    expect(read.sections.at(-1)).toMatchObject(added);
    const names = file.header.nameTable;
    file.sections.forEach((section, i) => {
      if (i !== names) expect(read.sections[i]).toEqual(section);
    });
    writeFileSync(path('out'), bytes);
    expect((await execute()).status).toBe(7);
    const listed = await run(requireTool('readelf'), ['-SW', path('out')]);
    expect(listed.stdout).toMatch(/\.note-to-self +LOUSER\+0x1 +0{16} [0-9a-f]+ 000005 00 +0 +0 +1/);
    expect(await readelfComplaints(path('out'))).toEqual([]);
    expect((await elflintComplaints(path('out'))).filter((each) => /overlap|out of bounds|name/.test(each))).toEqual(
      [],
    );
  });

  it('refuses a file whose sections have no names', async () => {
    const { link } = await project(x86, { 'a.s': exitProgram(x86, '') });
    const { file } = await link('a.o');
    const nameless = { ...file, header: { ...file.header, nameTable: 0 } };
    expect(() => addSection(nameless, added)).toThrow('cannot be added to a file without section names');
  });
});
