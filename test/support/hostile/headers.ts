/**
 * Hostile ELF headers: whole files that are not what they say, and section headers that lie about counts, offsets, sizes,
 * alignments and links.
 */
import { EM, SHF, SHT, words } from '../elf-builder.ts';
import { ALLOC, CODE, createCollector, DATA, header, object, relocated } from './case.ts';

const { cases, add } = createCollector();

// Whole files that are not what they say.
add('an empty file', Buffer.alloc(0));
add('one byte', Buffer.from([0x7f]));
add('only the magic', Buffer.from('\x7fELF', 'latin1'));
add('a file of zeros', Buffer.alloc(4096));
add('a file of 0xff', Buffer.alloc(4096, 0xff));
add('random text that is no script', Buffer.from('this is not a linker script at all\n'));
add('LLVM bitcode', Buffer.from('4243c0de3514000005000000620c3024', 'hex'), 'refused', { says: /bitcode/ });
add('a 32-bit object', object({ patch: (b) => void b.writeUInt8(1, 4) }));
add('a big-endian object', object({ patch: (b) => void b.writeUInt8(2, 5) }));
add('an executable', object({ type: 2 }));
add('a shared object', object({ type: 3 }), 'refused', { says: /shared object/ });
add('a core file', object({ type: 4 }));
add('an object for another machine', object({ machine: 40 }));
add('an AArch64 object in an x86-64 link', object({ machine: EM.AARCH64 }));
add('an ILP32 object', object({ machine: EM.AARCH64, patch: (b) => void b.writeUInt8(1, 4) }), 'refused', {
  machine: 'aarch64',
  says: /ILP32/,
});
add('a RISC-V object in an x86-64 link', object({ machine: EM.RISCV }));

// Section headers.
add(
  '2^32 sections',
  object({
    patch: (b, h) => {
      b.writeUInt16LE(0, 60);
      b.writeBigUInt64LE(1n << 32n, h + 32);
    },
  }),
);
add(
  '2^63 sections',
  object({
    patch: (b, h) => {
      b.writeUInt16LE(0, 60);
      b.writeBigUInt64LE(1n << 63n, h + 32);
    },
  }),
);
add('65,535 sections in a small file', object({ patch: (b) => void b.writeUInt16LE(0xffff, 60) }));
add('section headers past the end', object({ patch: (b) => void b.writeBigUInt64LE(BigInt(b.length), 40) }));
add('section headers at 2^64 - 64', object({ patch: (b) => void b.writeBigUInt64LE((1n << 64n) - 64n, 40) }));
add('section headers inside the ELF header', object({ patch: (b) => void b.writeBigUInt64LE(8n, 40) }));
add('section headers of 40 bytes', object({ patch: (b) => void b.writeUInt16LE(40, 58) }));
add('section headers of no bytes', object({ patch: (b) => void b.writeUInt16LE(0, 58) }));
add('section names in a section that does not exist', object({ patch: (b) => void b.writeUInt16LE(0xfffe, 62) }));
add('section names in the first section by way of XINDEX', object({ patch: (b) => void b.writeUInt16LE(0xffff, 62) }));
add(
  'a section name outside the name table',
  object({ patch: (b, h) => void b.writeUInt32LE(0xffffff00, header(h, 1)) }),
);
add(
  'section names without a NUL',
  object({
    patch: (b, h) => {
      const last = header(h, b.readUInt16LE(62));
      const at = Number(b.readBigUInt64LE(last + 24));
      b.fill(0x41, at, at + Number(b.readBigUInt64LE(last + 32)));
    },
  }),
);
add(
  'overlapping sections',
  object({
    sections: [{ name: '.data', flags: DATA, bytes: Buffer.alloc(64), offset: 72, align: 8 }],
  }),
  'any',
);
add(
  'a section that overlaps the section headers',
  object({
    sections: [{ name: '.data', flags: DATA, size: 128, offset: 200 }],
  }),
  'any',
);
add(
  'a section past the end of the file',
  object({ sections: [{ name: '.data', flags: DATA, offset: 1 << 20, size: 16 }] }),
);
add(
  'a section whose offset and size wrap around',
  object({
    sections: [{ name: '.data', flags: DATA, offset: (1n << 64n) - 8n, size: 16 }],
  }),
);
add('a section of 2^63 bytes', object({ sections: [{ name: '.data', flags: DATA, size: 1n << 63n }] }));
add(
  'a section of a type that does not exist',
  object({
    sections: [{ name: '.odd', type: 0x6abcdef0, flags: ALLOC, bytes: Buffer.alloc(8) }],
  }),
  'any',
);
add('an alignment of 2^63', object({ first: { align: 1n << 63n } }));
add('an alignment of 2^40', object({ first: { align: 1n << 40n } }));
add(
  'an alignment of 2^31 on zeroed data',
  object({
    sections: [{ name: '.bss', type: SHT.NOBITS, flags: DATA, size: 8, align: 1n << 31n }],
  }),
  'any',
);
add('an alignment of 3', object({ first: { align: 3 } }));
add('an alignment of 2^64 - 1', object({ first: { align: (1n << 64n) - 1n } }));
for (const bits of [33n, 46n, 47n, 60n, 63n]) {
  add(
    `zeroed data of 2^${bits} bytes`,
    object({
      sections: [{ name: '.bss', type: SHT.NOBITS, flags: DATA, size: 1n << bits }],
    }),
    bits > 47n ? 'refused' : 'any',
  );
}
add(
  'a hundred zeroed sections of 2^46 bytes',
  object({
    sections: Array.from({ length: 100 }, (_, i) => ({
      name: `.bss.${i}`,
      type: SHT.NOBITS,
      flags: DATA,
      size: 1n << 46n,
    })),
  }),
  'any',
);
add(
  'thread-local zeroed data of 2^50 bytes',
  object({
    sections: [{ name: '.tbss', type: SHT.NOBITS, flags: DATA | SHF.TLS, size: 1n << 50n, align: 8 }],
  }),
);
add('.text without bytes of its own (NOBITS)', object({ first: { type: SHT.NOBITS, size: 64 } }), 'any');
add('a writable and executable section', object({ first: { flags: CODE | SHF.WRITE } }), 'any');
add(
  'SHF_LINK_ORDER sections in a loop',
  object({
    sections: [
      { name: '.a', flags: ALLOC | SHF.LINK_ORDER, bytes: words(1), link: 3 },
      { name: '.b', flags: ALLOC | SHF.LINK_ORDER, bytes: words(2), link: 2 },
    ],
  }),
  'any',
);
add(
  'SHF_LINK_ORDER to itself',
  object({
    sections: [{ name: '.a', flags: ALLOC | SHF.LINK_ORDER, bytes: words(1), link: 2 }],
  }),
  'any',
  { args: ['victim.o', '--gc-sections'] },
);
add(
  'SHF_LINK_ORDER out of range',
  object({
    sections: [{ name: '.a', flags: ALLOC | SHF.LINK_ORDER, bytes: words(1), link: 0xfffffff0 }],
  }),
  'any',
  { args: ['victim.o', '--gc-sections'] },
);
add(
  'a section name with control characters',
  object({
    sections: [{ name: '.\x1b[31m\nred', flags: DATA, bytes: words(1), align: 3 }],
  }),
);
add(
  'a section name of a million characters',
  object({
    sections: [{ name: 'x'.repeat(1_000_000), flags: DATA, bytes: words(1), align: 3 }],
  }),
);
add(
  '10,000 sections',
  object({
    sections: Array.from({ length: 10_000 }, (_, i) => ({ name: `.text.f${i}`, flags: CODE, bytes: Buffer.alloc(2) })),
  }),
  'any',
);

// Links between sections.
add('a symbol table whose strings are itself', object({ patch: (b, h) => void b.writeUInt32LE(2, header(h, 2) + 40) }));
add(
  'a symbol table whose strings are out of range',
  object({
    patch: (b, h) => void b.writeUInt32LE(0x7fffffff, header(h, 2) + 40),
  }),
);
add(
  'two symbol tables',
  object({
    sections: [
      { name: '.symtab2', type: SHT.SYMTAB, bytes: Buffer.alloc(24), link: 4, info: 1, entsize: 24, align: 8 },
    ],
  }),
);
add('relocations that relocate themselves', relocated([{ offset: 0, type: 1, symbol: 1 }], {}, { info: 2 }));
add('relocations whose symbols are themselves', relocated([{ offset: 0, type: 1, symbol: 1 }], {}, { link: 2 }));
add('relocations for a section that does not exist', relocated([{ offset: 0, type: 1, symbol: 1 }], {}, { info: 999 }));
add('relocations with entries of 0 bytes', relocated([{ offset: 0, type: 1, symbol: 1 }], {}, { entsize: 0 }), 'any');
add('relocations with entries of 1 byte', relocated([{ offset: 0, type: 1, symbol: 1 }], {}, { entsize: 1 }));
add('relocations that are not a whole number of entries', relocated([], {}, { bytes: Buffer.alloc(25) }));
const unloaded = { name: '.debug_x', type: SHT.NOBITS, size: 3n << 30n };
add('three gigabytes of zeros that are not loaded', object({ sections: [unloaded] }), 'any');
add(
  'three gigabytes of zeros among bytes that are not loaded',
  object({ sections: [unloaded, { name: '.debug_x', bytes: Buffer.alloc(8, 1) }] }),
  'refused',
  { says: /victim\.o.*\.debug_x/ },
);
add('REL instead of RELA', relocated([{ offset: 0, type: 1, symbol: 1 }], {}, { type: 9 }));

export { cases };
