/**
 * Hostile AArch64 objects: sequences of thread-local code are rewritten several instructions at a time, and branches that
 * do not reach get veneers.
 */
import { EM, type relocations, words } from '../elf-builder.ts';
import { CODE, createCollector, object, relocated } from './case.ts';

const { cases, add } = createCollector();

const aarch64 = { machine: 'aarch64' } as const;
const onAarch64 = (entries: Parameters<typeof relocations>[0], more: Parameters<typeof object>[0] = {}): Buffer =>
  relocated(entries, { machine: EM.AARCH64, ...more });

/** Code whose general-dynamic sequence ends with the section: adrp, add, bl, nop. */
const sequence = words(0x90000000, 0x91000000, 0x94000000, 0xd503201f);
const code = (bytes: Buffer) => ({ sections: [{ name: '.text.s', flags: CODE, bytes, align: 4 }] });

add('a CALL26 half outside its section', onAarch64([{ offset: 62, type: 283, symbol: 1 }]), 'refused', aarch64);
add('a CALL26 at an odd place', onAarch64([{ offset: 1, type: 283, symbol: 1 }]), 'any', aarch64);
add('an ABS64 at the last byte', onAarch64([{ offset: 63, type: 257, symbol: 1 }]), 'refused', aarch64);
add('a TLSGD without its call', onAarch64([{ offset: 0, type: 514, symbol: 1 }]), 'refused', aarch64);
add('a TLSLD at the end of its section', onAarch64([{ offset: 60, type: 519, symbol: 1 }]), 'refused', aarch64);
add(
  'a TLSGD whose call belongs to another place',
  onAarch64([
    { offset: 0, type: 514, symbol: 1 },
    { offset: 40, type: 283, symbol: 1 },
  ]),
  'refused',
  aarch64,
);
add('a TLSDESC of what is no load', onAarch64([{ offset: 0, type: 563, symbol: 1 }]), 'refused', aarch64);
add('a TLSLE of 2^60', onAarch64([{ offset: 0, type: 550, symbol: 1, addend: 1n << 60n }]), 'refused', aarch64);
add('a slot for no symbol', onAarch64([{ offset: 0, type: 311, symbol: 0 }]), 'any', aarch64);
add('a slot with an addend', onAarch64([{ offset: 0, type: 311, symbol: 1, addend: 8 }]), 'refused', aarch64);
add('a symbol beyond the table', onAarch64([{ offset: 0, type: 275, symbol: 0x7fffffff }]), 'refused', aarch64);
add('a type beyond all', onAarch64([{ offset: 0, type: 0xffffffff, symbol: 1 }]), 'refused', aarch64);
add('a type of no meaning', onAarch64([{ offset: 0, type: 281, symbol: 1 }]), 'refused', aarch64);
add('a call 2^62 bytes away', onAarch64([{ offset: 0, type: 283, symbol: 1, addend: 1n << 62n }]), 'any', aarch64);
add('sixteen calls to sixteen far places', far(), 'any', aarch64);
add('code that is all sequence', object({ machine: EM.AARCH64, ...code(sequence) }), 'any', aarch64);

function far(): Buffer {
  const entries = Array.from({ length: 16 }, (_, i) => ({
    offset: 4 * i,
    type: 283,
    symbol: 1,
    addend: 2 ** 40 + i * 2 ** 32,
  }));
  return onAarch64(entries);
}

export { cases };
