/**
 * Hostile section contents: strings to merge, compressed data, unwind tables, notes and initialisation arrays.
 */
import { deflateSync } from 'node:zlib';
import { type BuiltSection, SHF, SHT, words } from '../elf-builder.ts';
import { ALLOC, createCollector, DATA, object } from './case.ts';

const { cases, add } = createCollector();

// String merging.
const strings = (more: Partial<BuiltSection>): Buffer =>
  object({
    sections: [
      {
        name: '.rodata.str',
        flags: ALLOC | SHF.MERGE | SHF.STRINGS,
        entsize: 1,
        bytes: Buffer.from('no end'),
        ...more,
      },
    ],
  });
add('strings to merge without a NUL', strings({}));
add('strings to merge with an entry size of 0', strings({ entsize: 0, bytes: Buffer.from('ab\0') }), 'any');
add('strings to merge with an entry size of 3', strings({ entsize: 3, bytes: Buffer.from('abc\0\0\0') }), 'any');
add('strings to merge with an entry size of 2^40', strings({ entsize: 1n << 40n, bytes: Buffer.from('ab\0') }), 'any');
add('wide strings that end in half a character', strings({ entsize: 4, bytes: Buffer.from('a\0\0\0\0\0') }), 'any');
add(
  'constants to merge that are not whole',
  strings({ flags: ALLOC | SHF.MERGE, entsize: 16, bytes: Buffer.alloc(17) }),
  'any',
);
add(
  'strings to merge that are writable',
  strings({ flags: DATA | SHF.MERGE | SHF.STRINGS, bytes: Buffer.from('ab\0') }),
  'any',
);
add('strings to merge without bytes', strings({ type: SHT.NOBITS, size: 1n << 40n, bytes: Buffer.alloc(0) }), 'any');

// Compressed debug sections.
const compressed = (size: bigint, data: Buffer, type = 1): Buffer => {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(type, 0);
  head.writeBigUInt64LE(size, 8);
  head.writeBigUInt64LE(1n, 16);
  return object({ sections: [{ name: '.debug_info', flags: SHF.COMPRESSED, bytes: Buffer.concat([head, data]) }] });
};
add('compressed data that claims 2^50 bytes', compressed(1n << 50n, deflateSync(Buffer.alloc(100))));
add('compressed data that inflates to more than it claims', compressed(100n, deflateSync(Buffer.alloc(100_000))));
add(
  'compressed data that inflates to a gigabyte',
  compressed(1n << 30n, deflateSync(Buffer.alloc(1 << 28), { level: 9 })),
);
add(
  'compressed data that inflates to a thousand times its size',
  compressed(1n << 28n, deflateSync(Buffer.alloc(1 << 28))),
  'refused',
  { says: /victim\.o: section 2: would inflate/ },
);
add(
  'many compressed sections that inflate to a thousand times their size',
  object({
    sections: Array.from({ length: 64 }, (_, i) => {
      const head = words(1, 0, 1 << 23, 0, 1, 0);
      const bytes = Buffer.concat([head, deflateSync(Buffer.alloc(1 << 23))]);
      return { name: `.debug_${i}`, flags: SHF.COMPRESSED, bytes };
    }),
  }),
);
add(
  'compressed strings that are all empty',
  object({
    sections: [
      {
        name: '.debug_str',
        flags: SHF.COMPRESSED | SHF.MERGE | SHF.STRINGS,
        entsize: 1,
        bytes: Buffer.concat([words(1, 0, 10 << 20, 0, 1, 0), deflateSync(Buffer.alloc(10 << 20))]),
      },
    ],
  }),
  'any',
);
add(
  'a compressed section without bytes whose offset leads out of its file',
  object({
    sections: [{ name: '.debug_x', type: SHT.NOBITS, flags: SHF.COMPRESSED, size: 1n << 45n, offset: 0xfffffff0n }],
  }),
  'refused',
  { says: /shorter than its header/ },
);
add('compressed data that is damaged', compressed(100n, Buffer.alloc(50, 0xff)));
add('compressed data of an unknown kind', compressed(100n, Buffer.alloc(50), 77));
add(
  'a compressed section shorter than its header',
  object({
    sections: [{ name: '.debug_info', flags: SHF.COMPRESSED, bytes: Buffer.alloc(10) }],
  }),
);

// Unwind tables, notes, initialisation arrays.
const frames = (bytes: Buffer): Buffer => object({ sections: [{ name: '.eh_frame', flags: ALLOC, bytes, align: 8 }] });
add('an unwind record longer than its section', frames(words(0x1000, 0)), 'any', {
  args: ['victim.o', '--eh-frame-hdr'],
});
add('an unwind record of 2^64 bytes', frames(words(0xffffffff, 0xffffffff, 0xffffffff, 0)), 'any', {
  args: ['victim.o', '--eh-frame-hdr'],
});
add('an unwind record that is its own parent', frames(words(12, 4, 0, 0)), 'any', {
  args: ['victim.o', '--eh-frame-hdr'],
});
add('an unwind record with a parent before the section', frames(words(12, 0x7fffffff, 0, 0)), 'any');
const FUNCTIONS = 50_000;
const unneeded = Buffer.alloc(16 * (1 + FUNCTIONS));
for (let at = 0; at < unneeded.length; at += 16) {
  unneeded.writeUInt32LE(12, at);
  if (at > 0) unneeded.writeUInt32LE(at + 4, at + 4);
}
add(
  'fifty thousand symbols in unwind records of no function',
  object({
    sections: [{ name: '.eh_frame', flags: ALLOC, bytes: unneeded, align: 8 }],
    symbols: Array.from({ length: FUNCTIONS }, (_, i) => ({
      name: `l${i}`,
      info: 0,
      section: 2,
      value: 16 + (i & ~63),
    })),
  }),
  'any',
);
add('an unwind section of 3 bytes', frames(Buffer.from([1, 2, 3])), 'any');
add(
  'unwind augmentation text without an end',
  frames(Buffer.concat([words(12, 0), Buffer.from('\x01zPLRzPL', 'latin1')])),
  'any',
  {
    args: ['victim.o', '--eh-frame-hdr', '--gc-sections'],
  },
);
add(
  'a property note with a lying size',
  object({
    sections: [
      { name: '.note.gnu.property', type: SHT.NOTE, flags: ALLOC, bytes: words(4, 0xffffff00, 5, 0x554e47), align: 8 },
    ],
  }),
  'any',
);
add(
  'a note with a name of 2^31 bytes',
  object({
    sections: [{ name: '.note.x', type: SHT.NOTE, flags: ALLOC, bytes: words(0x7fffffff, 4, 1, 0), align: 4 }],
  }),
  'any',
);
add(
  'an initialisation priority of 99999999999999999999',
  object({
    sections: [
      { name: '.init_array.99999999999999999999', type: SHT.INIT_ARRAY, flags: DATA, bytes: Buffer.alloc(8), align: 8 },
    ],
  }),
  'any',
);
add(
  'an initialisation array of 7 bytes',
  object({
    sections: [{ name: '.init_array', type: SHT.INIT_ARRAY, flags: DATA, bytes: Buffer.alloc(7), align: 8 }],
  }),
  'any',
);

export { cases };
