/**
 * Hostile names and strings: tens of thousands that all have one hash in the linker's tables (kernels/assembly/bytes.ts,
 * whose arithmetic is done here in reverse). Whoever compares each with all others takes seconds.
 */
import { SHT } from '../elf-builder.ts';
import { ALLOC, createCollector, GLOBAL_FUNC, object } from './case.ts';

const { cases, add } = createCollector();

const MASK = (1n << 64n) - 1n;
const SEED = 0x243f6a8885a308d3n;
const FACTOR = 0x9e3779b97f4a7c15n;

function mix(hash: bigint, word: bigint): bigint {
  const product = ((hash ^ word) * FACTOR) & MASK;
  return product ^ (product >> 32n);
}

/** `count` names of 16 bytes, none of them NUL, that leave a hash in one state. */
function collidingNames(count: number): string[] {
  const names: string[] = [];
  const bytes = Buffer.alloc(16);
  for (let i = 0; names.length < count; i++) {
    // i in digits that are no NUL.
    for (let digit = 0, rest = i; digit < 8; digit++, rest = Math.floor(rest / 250)) bytes[digit] = 1 + (rest % 250);
    // Whatever the first word made of the hash, the second undoes.
    bytes.writeBigUInt64LE(mix(SEED, bytes.readBigUInt64LE(0)) ^ 0x1234567890abcdefn, 8);
    if (!bytes.includes(0)) names.push(bytes.toString('latin1'));
  }
  return names;
}

const many = collidingNames(60_000);
const says = /made to collide/;

add(
  'symbols whose names collide',
  object({ symbols: many.map((name) => ({ name, info: GLOBAL_FUNC, section: 1 })) }),
  'refused',
  { says },
);
add('sections whose names collide', object({ sections: many.map((name) => ({ name, flags: ALLOC })) }), 'refused', {
  says,
});
add(
  'strings that collide',
  object({
    sections: [
      {
        name: '.rodata.str',
        type: SHT.PROGBITS,
        flags: ALLOC | 0x30,
        bytes: Buffer.from(many.map((name) => `${name}\0`).join(''), 'latin1'),
        entsize: 1,
      },
    ],
  }),
  'any',
);

export { cases };
