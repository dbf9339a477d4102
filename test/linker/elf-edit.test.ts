/**
 * What is added to a finished file is there for every reader, and all else is as it was.
 */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as elf from '../../linker/elf.ts';
import { addSections, addSegment, replaceSection, roomForSegments } from '../../linker/elf-edit.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { writeElfFile } from '../../linker/write-elf-file.ts';
import { x86 } from '../support/programs.ts';
import { elflintComplaints, readelfComplaints } from '../support/readers.ts';
import { run } from '../support/run.ts';
import { exitProgram, project } from '../support/small-links.ts';
import { requireTool } from '../support/tools.ts';

const added = {
  name: '.note-to-self',
  type: 0x80000001,
  flags: 0,
  address: 0n,
  align: 1,
  data: Uint8Array.of(1, 2, 3, 4, 5),
};

describe('addSections', () => {
  it.each([[[]], [['-s']], [['--build-id']]])('keeps a program linked with %j as it was', async (flags) => {
    const { path, link, execute } = await project(x86, {
      'a.s': `${exitProgram(x86, 'mov $7, %edi')}\n.data\n.quad 1`,
    });
    const { file } = await link('a.o', ...flags);
    const bytes = writeElfFile(addSections(file, [added]).file);
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

  it('adds contents alone to a file whose sections have no names', async () => {
    const { link } = await project(x86, { 'a.s': exitProgram(x86, '') });
    const { file } = await link('a.o');
    const nameless = { ...file, header: { ...file.header, nameTable: 0 } };
    const { file: more, offsets } = addSections(nameless, [added]);
    expect(more.sections).toEqual(nameless.sections);
    expect(writeElfFile(more).subarray(offsets[0], offsets[0]! + 5)).toEqual(added.data);
  });
});

describe('addSegment', () => {
  it('takes the place of a spare header, where headers are loaded, and is refused without one', async () => {
    const { link } = await project(x86, { 'a.s': exitProgram(x86, '') });
    const { file } = await link('a.o');
    const segment = { ...file.segments[0]!, address: 0x10_0000n };
    expect(roomForSegments(file)).toBe(1);
    const more = addSegment(file, segment, 0);
    expect(more.segments).toHaveLength(file.segments.length);
    expect(more.segments[0]).toEqual(segment);
    expect(more.segments.some(({ type }) => type === elf.PT_GNU_STACK)).toBe(false);
    expect(more.header.programHeadersOffset).toBe(file.header.programHeadersOffset);
    expect(roomForSegments(more)).toBe(0);
    expect(() => addSegment(more, segment, 0)).toThrow('cannot move');
  });

  it('finds the spare header before as well as behind', async () => {
    const { link } = await project(x86, { 'a.s': exitProgram(x86, '') });
    const { file } = await link('a.o');
    const { segments } = file;
    const spare = segments.findIndex(({ type }) => type === elf.PT_GNU_STACK);
    const load = { ...segments.find(({ type }) => type === elf.PT_LOAD)!, memorySize: 4711 };
    const rest = segments.filter((_, i) => i !== spare);
    for (const before of [0, rest.length]) {
      const moved = { ...file, segments: rest.toSpliced(before, 0, segments[spare]!) };
      const more = addSegment(moved, load, 1);
      expect(more.segments).toHaveLength(segments.length);
      expect(more.segments.filter((each) => each !== load)).toEqual(rest);
      const next = moved.segments.slice(1).find((each) => each !== segments[spare]);
      expect(more.segments[more.segments.indexOf(load) + 1]).toBe(next);
    }
  });

  it('moves headers that are not loaded to the end of the file', async () => {
    const { link } = await project(x86, { 'a.s': exitProgram(x86, '') });
    const { file } = await link('a.o');
    const unloaded = {
      ...file,
      segments: file.segments.filter(({ type, offset }) => type === elf.PT_LOAD && offset > 0),
    };
    expect(roomForSegments(unloaded)).toBe(Number.POSITIVE_INFINITY);
    const more = addSegment(unloaded, { ...unloaded.segments[0]!, address: 0x10_0000n }, 0);
    expect(more.header.programHeadersOffset).toBeGreaterThanOrEqual(file.size);
    expect(readElfFile(writeElfFile(more), 'more').segments).toEqual(more.segments);
  });
});

describe('replaceSection', () => {
  it.each([3, 5, 900])('gives a section %d bytes, in its place or at the end', async (size) => {
    const { link } = await project(x86, { 'a.s': exitProgram(x86, '') });
    const { file } = await link('a.o');
    const { file: more } = addSections(file, [added]);
    const data = Uint8Array.from({ length: size }, (_, i) => i & 255);
    const index = more.sections.length - 1;
    const read = readElfFile(writeElfFile(replaceSection(more, index, data)), 'more');
    expect(read.sections[index]).toMatchObject({ ...added, size, data });
    expect(read.sections[index]!.offset === more.sections[index]!.offset).toBe(size <= 5);
  });
});
