/**
 * x86-64 relocation types, as far as a moving image cares: what field each describes and whether moving changes it.
 *
 * Source: x86-64 psABI 1.0, table 4.10. Thread-local offsets count from the thread pointer and sizes from nothing, so
 * neither moves.
 */
import { R } from '../../linker/arch/x86-64-types.ts';
import { Encoding } from './slide-info.ts';

export interface MovingField {
  readonly encoding: Encoding;
  /** The symbol's slot in the GOT is meant, or the GOT itself. */
  readonly gotSlot?: boolean;
  readonly gotBase?: boolean;
  /** Too narrow to hold an address that moves. */
  readonly narrow?: 'absolute' | 'distance';
}

const names = new Map<number, string>(
  Object.entries(R).map(([name, type]) => [type, `R_X86_64_${name.replace(/^R(?=\d)/, '')}`]),
);

export function describeType(type: number): string {
  return names.get(type) ?? `relocation type ${type}`;
}

const fields = new Map<number, MovingField>([
  [R.R64, { encoding: Encoding.Abs64 }],
  [R.PC32, { encoding: Encoding.Pc32 }],
  [R.PLT32, { encoding: Encoding.Pc32 }],
  [R.R32, { encoding: Encoding.Abs32 }],
  [R.R32S, { encoding: Encoding.Abs32Signed }],
  [R.PC64, { encoding: Encoding.Pc64 }],
  [R.GOTPCREL, { encoding: Encoding.Pc32, gotSlot: true }],
  [R.GOTPCRELX, { encoding: Encoding.Pc32, gotSlot: true }],
  [R.REX_GOTPCRELX, { encoding: Encoding.Pc32, gotSlot: true }],
  [R.GOTTPOFF, { encoding: Encoding.Pc32, gotSlot: true }],
  [R.GOTPCREL64, { encoding: Encoding.Pc64, gotSlot: true }],
  [R.GOTPC32, { encoding: Encoding.Pc32, gotBase: true }],
  [R.GOTPC64, { encoding: Encoding.Pc64, gotBase: true }],
  [R.R16, { encoding: Encoding.Abs32, narrow: 'absolute' }],
  [R.R8, { encoding: Encoding.Abs32, narrow: 'absolute' }],
  [R.PC16, { encoding: Encoding.Pc32, narrow: 'distance' }],
  [R.PC8, { encoding: Encoding.Pc32, narrow: 'distance' }],
]);

const constants = new Set<number>([
  R.NONE,
  R.GOT32,
  R.GOT64,
  R.DTPOFF64,
  R.TPOFF64,
  R.TLSGD,
  R.TLSLD,
  R.DTPOFF32,
  R.TPOFF32,
  R.SIZE32,
  R.SIZE64,
  R.GOTPC32_TLSDESC,
  R.TLSDESC_CALL,
]);

/** The field that a relocation of this type describes. */
export function fieldOf(type: number): MovingField | 'constant' | 'unknown' {
  return fields.get(type) ?? (constants.has(type) ? 'constant' : 'unknown');
}
