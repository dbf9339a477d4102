/**
 * Which fields of a linked image hold addresses of it, for translation validation (validation.ts): code that has such a
 * field in an instruction does something else wherever the image is moved to, and validation is about all of that.
 *
 * The relocations say it: whoever moves the image rewrites what they describe. A field whose symbol belongs to no section
 * moves as a script or a number says, or not at all. Of an address that does not move nothing is said here, it is a
 * constant; how far one is from code that moves is no constant, so such a field is named as one that is not understood.
 */
import { fieldOf } from '../hardening/slide/relocation-types.ts';
import { Encoding, isDistance } from '../hardening/slide/slide-info.ts';
import { ET_EXEC } from '../linker/elf.ts';
import { forEachRelocation } from '../linker/emit-relocs.ts';
import type { LinkedImage } from '../linker/image.ts';
import { relocationsOf } from '../linker/provenance.ts';
import { symbolHome } from '../linker/symbol-home.ts';
import type { AddressField } from '../proofs/validation/walk.ts';

/** Fields that hold addresses, by where they begin in the linked image. */
export interface ImageFields {
  /** Rewritten where the image is moved; until then, they say where it was linked to. */
  readonly moved: ReadonlyMap<number, AddressField>;
  /** Filled in when the program starts: what the file has there is nothing. */
  readonly filledIn: ReadonlySet<number>;
}

const kinds = new Map<Encoding, AddressField>([
  [Encoding.Abs64, 'word'],
  [Encoding.Abs32, 'unsigned'],
  [Encoding.Abs32Signed, 'signed'],
]);

function x8664Fields(image: LinkedImage): ImageFields {
  const moved = new Map<number, AddressField>();
  const filledIn = new Set<number>();
  // What a position-independent executable has in its file where an address belongs is left to its loader.
  const isFilledIn = image.fileType !== ET_EXEC;
  forEachRelocation(image.context, ({ object, place, type, symbol }) => {
    const field = fieldOf(type);
    if (field === 'constant') return;
    if (field === 'unknown') {
      moved.set(place, 'other');
      return;
    }
    const { encoding, gotSlot = false, gotBase = false, narrow } = field;
    // Both move with the image, whatever the symbol is.
    if (gotSlot || gotBase) return;
    const { kind } = symbolHome(image, object, symbol);
    if (isDistance(encoding)) {
      if (kind !== 'section') moved.set(place, 'other');
      return;
    }
    if (kind === 'fixed') return;
    const known = kind === 'section' && narrow === undefined ? kinds.get(encoding) : undefined;
    if (isFilledIn) filledIn.add(place);
    else moved.set(place, known ?? 'other');
  });
  return { moved, filledIn };
}

/** Relocations whose fields are words that hold an address: R_RISCV_32 and _64, R_AARCH64_ABS32 and _ABS64. */
const addressWords = { riscv64: new Set([1, 2]), aarch64: new Set([258, 257]) } as const;

export function fieldsOf(image: LinkedImage): ImageFields {
  if (image.machine === 'x86-64') return x8664Fields(image);
  const { place, type, count } = relocationsOf(image);
  const words = addressWords[image.machine];
  const filledIn = new Set<number>();
  for (let i = 0; i < count; i++) if (words.has(type[i])) filledIn.add(place[i]);
  return { moved: new Map(), filledIn };
}
