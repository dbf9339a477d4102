/**
 * Hostile relocations, symbols and groups: offsets, indices and names out of range, and values that no layout can hold.
 */
import { type BuiltSection, SHT, words } from '../elf-builder.ts';
import { createCollector, GLOBAL_FUNC, GLOBAL_OBJECT, header, object, relocated } from './case.ts';

const { cases, add } = createCollector();

// Relocations.
for (const [what, offset] of [
  ['at the end of its section', 64n],
  ['that sticks out of its section by a byte', 61n],
  ['at offset 2^32', 1n << 32n],
  ['at offset 2^63', 1n << 63n],
  ['at offset 2^64 - 1', (1n << 64n) - 1n],
] as const) {
  add(`a relocation ${what}`, relocated([{ offset, type: 2, symbol: 1 }]), 'refused', { says: /\.text/ });
}
add('a relocation with a symbol out of range', relocated([{ offset: 0, type: 2, symbol: 0x00fffff0 }]));
add('a relocation with symbol 2^32 - 1', relocated([{ offset: 0, type: 2, symbol: 0xffffffff }]));
add('a relocation of unknown type', relocated([{ offset: 8, type: 250, symbol: 1 }]), 'refused', {
  says: /victim\.o.*\.text.*0x8.*250/,
});
add('a relocation of type 2^32 - 1', relocated([{ offset: 0, type: 0xffffffff, symbol: 1 }]));
add('a relocation whose value overflows', relocated([{ offset: 0, type: 10, symbol: 1, addend: 1n << 40n }]));
add('a relocation with addend -2^63', relocated([{ offset: 0, type: 2, symbol: 1, addend: -(1n << 63n) }]));
add('a dynamic relocation type in an object', relocated([{ offset: 0, type: 5, symbol: 1 }]), 'any');
add('a thread-local relocation to a function', relocated([{ offset: 4, type: 23, symbol: 1 }]), 'any');
add('a TLSGD relocation without its call', relocated([{ offset: 4, type: 19, symbol: 1, addend: -4 }]), 'any');
add(
  'a TLSGD relocation at the start of its section',
  relocated([{ offset: 0, type: 19, symbol: 1, addend: -4 }]),
  'any',
);
add(
  'a GOTTPOFF relocation on no known instruction',
  relocated([{ offset: 1, type: 22, symbol: 1, addend: -4 }]),
  'any',
);
add(
  'a GOTPCRELX relocation at the start of its section',
  relocated([{ offset: 0, type: 42, symbol: 1, addend: -4 }]),
  'any',
);
add(
  'a relocation in zeroed data',
  relocated([{ offset: 0, type: 1, symbol: 1 }], { first: { type: SHT.NOBITS, size: 64 } }),
);

// Symbols.
add(
  'a symbol table cut in the middle of a symbol',
  object({
    patch: (b, h) => void b.writeBigUInt64LE(47n, header(h, 2) + 32),
  }),
);
add('more local symbols than symbols', object({ patch: (b, h) => void b.writeUInt32LE(1000, header(h, 2) + 44) }));
add(
  'no local symbols, not even the first',
  object({ patch: (b, h) => void b.writeUInt32LE(0, header(h, 2) + 44) }),
  'any',
);
add('symbol entries of 16 bytes', object({ patch: (b, h) => void b.writeBigUInt64LE(16n, header(h, 2) + 56) }));
add('a symbol name outside the string table', object({ symbols: [{ name: 0x7fffffff }] }));
add('a symbol name at the end of the string table', object({ symbols: [{ name: 8 }] }), 'any');
add(
  'symbol names without a NUL',
  object({
    patch: (b, h) => {
      const strings = header(h, 3);
      const at = Number(b.readBigUInt64LE(strings + 24));
      b.fill(0x42, at, at + Number(b.readBigUInt64LE(strings + 32)));
    },
  }),
);
add('a symbol in a section that does not exist', object({ symbols: [{ name: 'lost', section: 4000 }] }));
add('a symbol in a reserved section', object({ symbols: [{ name: 'lost', section: 0xff05 }] }));
add('a symbol with an extended index but no index table', object({ symbols: [{ name: 'lost', section: 0xffff }] }));
add(
  'an index table shorter than the symbol table',
  object({
    sections: [{ name: '.symtab_shndx', type: SHT.SYMTAB_SHNDX, bytes: words(0), link: 3, entsize: 4, align: 4 }],
    symbols: [{ name: 'lost', section: 0xffff }],
  }),
);
add('a symbol value of 2^64 - 1', object({ symbols: [{ name: 'far', section: 1, value: (1n << 64n) - 1n }] }), 'any');
add('an absolute symbol of 2^63', object({ symbols: [{ name: 'far', section: 0xfff1, value: 1n << 63n }] }), 'any');
add(
  'a common symbol of 2^60 bytes',
  object({ symbols: [{ name: 'big', info: GLOBAL_OBJECT, section: 0xfff2, value: 8, size: 1n << 60n }] }),
);
add(
  'a common symbol aligned to 2^62',
  object({ symbols: [{ name: 'big', info: GLOBAL_OBJECT, section: 0xfff2, value: 1n << 62n, size: 8 }] }),
);
add(
  'a common symbol aligned to 3',
  object({ symbols: [{ name: 'big', info: GLOBAL_OBJECT, section: 0xfff2, value: 3, size: 8 }] }),
  'any',
);
add(
  'a local common symbol',
  object({ symbols: [{ name: 'local', info: 1, section: 0xfff2, value: 8, size: 8 }] }),
  'any',
);
add('a symbol of unknown binding and type', object({ symbols: [{ name: 'odd', info: 0xff, section: 1 }] }), 'any');
add('a section symbol that is global', object({ symbols: [{ name: '', info: 0x13, section: 1 }] }), 'any');
add(
  'a thread-local symbol outside thread-local sections',
  relocated([{ offset: 4, type: 23, symbol: 2 }], {
    symbols: [{ name: 'tls', info: 0x16, section: 1 }],
  }),
  'any',
);
add(
  'an undefined symbol with a newline in its name',
  relocated([{ offset: 4, type: 2, symbol: 2 }], {
    symbols: [{ name: 'a\ncasemate-ld: error: forged\x1b[0m' }],
  }),
);
add(
  'an undefined symbol of a million characters',
  relocated([{ offset: 4, type: 2, symbol: 2 }], {
    symbols: [{ name: 'u'.repeat(1_000_000) }],
  }),
);
add(
  'a thousand undefined symbols',
  relocated(
    Array.from({ length: 1000 }, (_, i) => ({ offset: 4, type: 2, symbol: i + 2 })),
    { symbols: Array.from({ length: 1000 }, (_, i) => ({ name: `missing_${i}` })) },
  ),
  'refused',
  { says: /missing_0/ },
);
add(
  'the same symbol defined twice',
  object({ symbols: [{ name: '_start', info: GLOBAL_FUNC, section: 1 }] }),
  'refused',
  {
    says: /_start/,
  },
);

// Groups.
const group = (bytes: Buffer, info = 1, link = 3): BuiltSection => ({
  name: '.group',
  type: SHT.GROUP,
  bytes,
  link,
  info,
  entsize: 4,
  align: 4,
});
add('a group that holds itself', object({ sections: [group(words(1, 2))] }), 'any');
add('a group with a member out of range', object({ sections: [group(words(1, 0xfffffff0))] }));
add('a group whose signature is out of range', object({ sections: [group(words(1, 1), 5000)] }));
add('a group whose symbol table is another section', object({ sections: [group(words(1, 1), 1, 1)] }), 'any');
add(
  'a group whose signature has its name 32 bytes before 2^32',
  object({ symbols: [{ name: 0xffffffe0, info: 1, section: 1 }], sections: [group(words(1, 1))] }),
  'refused',
  { says: /signature symbol 1/ },
);
add('an empty group', object({ sections: [group(Buffer.alloc(0))] }));
add('a group of 3 bytes', object({ sections: [group(Buffer.from([1, 0, 0]))] }));
add(
  'a group that lists a section a million times',
  object({ sections: [group(words(1, ...Array(100_000).fill(1)))] }),
  'any',
);
add(
  'a section in two groups',
  object({
    sections: [group(words(1, 1), 1, 4), group(words(1, 1), 1, 4)],
  }),
  'any',
);
add('a group that holds the symbol table', object({ sections: [group(words(1, 3))] }), 'any');

export { cases };
