/**
 * Hostile archives: member sizes, names and symbol indices that lie, and thin archives that name what they should not.
 */
import { buildArchive, buildObject, symbolIndex } from '../elf-builder.ts';
import { type CaseOptions, createCollector, DATA, GLOBAL_FUNC, type HostileCase, object, text } from './case.ts';

const { cases, addFiles } = createCollector();

// Archives.
const member = object();
const archive = (...members: Parameters<typeof buildArchive>[0]): Buffer => buildArchive(members);
const indexed = (offset: number, count?: number): Buffer => symbolIndex([{ name: 'wanted', offset }], count);
const firstMember = 8 + 60 + indexed(0).length + (indexed(0).length % 2);
function addArchive(
  name: string,
  bytes: Buffer,
  expected: HostileCase['expected'] = 'refused',
  more: CaseOptions = {},
): void {
  addFiles(name, { 'victim.a': bytes }, expected, more);
}
addArchive('an archive of nothing but its magic', archive(), 'refused', { says: /wanted/ });
addArchive('half a member header', Buffer.concat([archive(), Buffer.from('victim.o/       0')]));
addArchive('a member larger than the archive', archive({ name: 'a.o/', bytes: member, size: '9999999999' }));
addArchive('a member smaller than it is', archive({ name: 'a.o/', bytes: member, size: '100' }));
addArchive('a member of negative size', archive({ name: 'a.o/', bytes: member, size: '-1' }));
addArchive('a member size that is no number', archive({ name: 'a.o/', bytes: member, size: '0x10' }));
addArchive('a member header without its end mark', archive({ name: 'a.o/', bytes: member, end: 'xx' }));
addArchive(
  'a member name outside the name table',
  archive({ name: '//', bytes: Buffer.from('a.o/\n') }, { name: '/9999', bytes: member }),
);
addArchive(
  'thousands of members with one name of a megabyte',
  archive(
    { name: '//', bytes: Buffer.alloc(1 << 20, 0x61) },
    ...Array.from({ length: 16_000 }, () => ({ name: '/0', bytes: Buffer.alloc(0) })),
  ),
);
addArchive('a long name without a name table', archive({ name: '/0', bytes: member }), 'any');
addArchive('a BSD name longer than its member', archive({ name: '#1/99999', bytes: member }));
addArchive(
  'two symbol indices',
  archive(
    { name: '/', bytes: indexed(firstMember) },
    { name: '/', bytes: indexed(8) },
    { name: 'a.o/', bytes: member },
  ),
  'any',
);
addArchive(
  'a symbol index of 2^31 entries',
  archive({ name: '/', bytes: indexed(firstMember, 0x80000000) }, { name: 'a.o/', bytes: member }),
);
addArchive(
  'a symbol index of 3 bytes',
  archive({ name: '/', bytes: Buffer.from([0, 0, 0]) }, { name: 'a.o/', bytes: member }),
  'any',
);
addArchive(
  'a symbol index that points into a member',
  archive({ name: '/', bytes: indexed(firstMember + 100) }, { name: 'a.o/', bytes: member }),
  'any',
);
addArchive(
  'a symbol index that points at itself',
  archive({ name: '/', bytes: indexed(8) }, { name: 'a.o/', bytes: member }),
  'any',
);
addArchive(
  'a symbol index that points past the end',
  archive({ name: '/', bytes: indexed(0x7fffffff) }, { name: 'a.o/', bytes: member }),
  'any',
);
addArchive(
  'a symbol index that promises what its member lacks',
  archive(
    { name: '/', bytes: indexed(firstMember) },
    {
      name: 'a.o/',
      bytes: buildObject({ sections: [text], symbols: [{ name: 'other', info: GLOBAL_FUNC, section: 1 }] }),
    },
  ),
  'refused',
  { says: /wanted/ },
);
addArchive(
  'an archive inside an archive',
  archive(
    { name: '/', bytes: indexed(firstMember) },
    { name: 'a.a/', bytes: archive({ name: 'a.o/', bytes: member }) },
  ),
);
addArchive(
  'fifty thousand empty members',
  buildArchive(Array.from({ length: 50_000 }, (_, i) => ({ name: `m${i}/` }))),
  'any',
);
addArchive(
  'a 64-bit symbol index of 2^63 entries',
  archive({ name: '/SYM64/', bytes: Buffer.from('8000000000000000', 'hex') }, { name: 'a.o/', bytes: member }),
  'any',
);

const thin = (name: string): Buffer => {
  const names = Buffer.from(`${name}/\n`, 'latin1');
  return Buffer.concat([
    buildArchive(
      [
        { name: '/', bytes: indexed(firstMember + 60 + names.length + (names.length % 2)) },
        { name: '//', bytes: names },
      ],
      true,
    ),
    buildArchive([{ name: '/0', size: String(member.length) }]).subarray(8),
  ]);
};
for (const [what, path] of [
  ['an absolute path to a system file', '/etc/passwd'],
  ['a path out of its folder', '../../../../../../../../etc/hostname'],
  ['a file that does not exist', 'nothing.o'],
  ['an endless device', '/dev/zero'],
  ['a folder', '.'],
  ['itself', 'victim.a'],
  ['a path with a NUL', 'a\0b.o'],
] as const) {
  addArchive(`a thin archive that names ${what}`, thin(path));
}
addFiles(
  'a thin archive whose member is an archive that names it back',
  { 'victim.a': thin('other.a'), 'other.a': thin('victim.a') },
  'refused',
);
addFiles(
  'a thin archive that names a large file again and again',
  {
    'victim.a': buildArchive(
      [
        { name: '//', bytes: Buffer.from('other.o/\n') },
        ...Array.from({ length: 50 }, () => ({ name: '/0', size: '1' })),
      ],
      true,
    ),
    'other.o': object({ symbols: [], sections: [{ name: '.data', flags: DATA, bytes: Buffer.alloc(1 << 24, 1) }] }),
  },
  'any',
);
addFiles(
  'a thin archive whose member has another size',
  { 'victim.a': thin('other.o'), 'other.o': member.subarray(0, member.length - 100) },
  'refused',
);

export { cases };
