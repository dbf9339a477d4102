/**
 * Hostile RISC-V objects: relaxation deletes bytes, and ALIGN, paired and ULEB128 relocations refer to each other.
 */
import { type BuiltSymbol, EM, type relocations } from '../elf-builder.ts';
import { createCollector, object, relocated } from './case.ts';

const { cases, add } = createCollector();

// RISC-V.
const riscv = { machine: 'riscv64' } as const;
const onRiscv = (entries: Parameters<typeof relocations>[0], more: Parameters<typeof object>[0] = {}): Buffer =>
  relocated(entries, { machine: EM.RISCV, ...more });
const locals: BuiltSymbol[] = [{ name: '.L0', info: 0, section: 1 }];
add('an ALIGN of 2^31 bytes', onRiscv([{ offset: 0, type: 43, symbol: 0, addend: 0x7ffffffe }]), 'refused', riscv);
add('an ALIGN of a negative size', onRiscv([{ offset: 0, type: 43, symbol: 0, addend: -2 }]), 'refused', riscv);
add(
  'an ALIGN that is larger than its section',
  onRiscv([{ offset: 60, type: 43, symbol: 0, addend: 30 }]),
  'refused',
  riscv,
);
add('a RELAX that belongs to nothing', onRiscv([{ offset: 0, type: 51, symbol: 0 }]), 'any', riscv);
add(
  'a CALL at the end of its section',
  onRiscv([
    { offset: 60, type: 19, symbol: 1 },
    { offset: 60, type: 51, symbol: 0 },
  ]),
  'refused',
  riscv,
);
add(
  'a PCREL_LO12 without its PCREL_HI20',
  onRiscv([{ offset: 4, type: 24, symbol: 1 }], { symbols: locals }),
  'refused',
  riscv,
);
add(
  'a PCREL_LO12 that points at itself',
  onRiscv([{ offset: 0, type: 24, symbol: 1 }], { symbols: locals }),
  'refused',
  riscv,
);
add(
  'relocations in descending order',
  onRiscv([
    { offset: 40, type: 19, symbol: 1 },
    { offset: 40, type: 51, symbol: 0 },
    { offset: 8, type: 43, symbol: 0, addend: 6 },
    { offset: 0, type: 19, symbol: 1 },
    { offset: 0, type: 51, symbol: 0 },
  ]),
  'any',
  riscv,
);
add(
  'two deletions of the same bytes',
  onRiscv([
    { offset: 0, type: 19, symbol: 1 },
    { offset: 0, type: 51, symbol: 0 },
    { offset: 4, type: 19, symbol: 1 },
    { offset: 4, type: 51, symbol: 0 },
    { offset: 4, type: 43, symbol: 0, addend: 6 },
  ]),
  'any',
  riscv,
);
add(
  'a ULEB128 without an end',
  onRiscv(
    [
      { offset: 0, type: 60, symbol: 1 },
      { offset: 0, type: 61, symbol: 1 },
    ],
    { first: { bytes: Buffer.alloc(64, 0xff) } },
  ),
  'any',
  riscv,
);
add('a SUB_ULEB128 without its SET_ULEB128', onRiscv([{ offset: 0, type: 61, symbol: 1 }]), 'any', riscv);
add('an ADD64 at the last byte', onRiscv([{ offset: 63, type: 36, symbol: 1 }]), 'refused', riscv);
add(
  'RISC-V attributes that lie about their length',
  object({
    machine: EM.RISCV,
    sections: [
      {
        name: '.riscv.attributes',
        type: 0x70000003,
        bytes: Buffer.from('A\xff\xff\xff\xffriscv\0\x01\xff\xff\xff\xff', 'latin1'),
      },
    ],
  }),
  'any',
  riscv,
);
add(
  'RISC-V attributes of one byte',
  object({
    machine: EM.RISCV,
    sections: [{ name: '.riscv.attributes', type: 0x70000003, bytes: Buffer.from('A') }],
  }),
  'any',
  riscv,
);
// Two labels, so that remembering the last one does not help.
const crowd = (offset: number): Parameters<typeof relocations>[0] =>
  Array.from({ length: 30_000 }, () => ({ offset, type: 0, symbol: 0 }));
add(
  'a high half among thousands of relocations, wanted by thousands of low halves',
  onRiscv(
    [
      ...[0, 4].flatMap((offset) => [...crowd(offset), { offset, type: 23, symbol: 1 }]),
      ...Array.from({ length: 30_000 }, (_, i) => ({ offset: 8, type: 24, symbol: 1 + (i % 2) })),
    ],
    {
      symbols: [
        { name: '.L0', info: 0, section: 1 },
        { name: '.L1', info: 0, section: 1, value: 4 },
      ],
    },
  ),
  'any',
  riscv,
);
add('an object for the single-float ABI', object({ machine: EM.RISCV, flags: 3 }), 'any', riscv);

export { cases };
