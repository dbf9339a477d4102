/**
 * AArch64's relocation types: their names, and what each needs of the linker.
 * Source: ELF for the Arm 64-bit Architecture (AAELF64) 2023Q3, section 5.7 "Relocation".
 */
import * as R from '../kernels/aarch64-numbers.ts';
import { MOST_TYPES, Need } from './architecture.ts';

export { R };

export const names: (string | undefined)[] = [];
for (const [name, type] of Object.entries(R)) names[type] = `R_AARCH64_${name}`;
// Known by name only: dynamic linkers' business, or of code models whose sequences are not rewritten.
for (const [type, name] of [
  [R.NONE_OLD, 'NONE'],
  [512, 'TLSGD_ADR_PREL21'],
  [515, 'TLSGD_MOVW_G1'],
  [516, 'TLSGD_MOVW_G0_NC'],
  [517, 'TLSLD_ADR_PREL21'],
  [520, 'TLSLD_MOVW_G1'],
  [521, 'TLSLD_MOVW_G0_NC'],
  [522, 'TLSLD_LD_PREL19'],
  [560, 'TLSDESC_LD_PREL19'],
  [561, 'TLSDESC_ADR_PREL21'],
  [565, 'TLSDESC_OFF_G1'],
  [566, 'TLSDESC_OFF_G0_NC'],
  [567, 'TLSDESC_LDR'],
  [568, 'TLSDESC_ADD'],
  [1024, 'COPY'],
  [1025, 'GLOB_DAT'],
  [1026, 'JUMP_SLOT'],
  [1028, 'TLS_DTPMOD64'],
  [1030, 'TLS_TPREL64'],
  [1031, 'TLSDESC'],
] as const) {
  names[type] = `R_AARCH64_${name}`;
}

/** All types from `first` to `last`. */
function span(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export const needs = new Uint8Array(MOST_TYPES).fill(Need.Unknown);
for (const [need, types] of [
  [Need.Nothing, [R.NONE, R.NONE_OLD, R.TLSDESC_CALL, R.TLSLD_ADR_PAGE21, R.TLS_DTPREL64]],
  [Need.Address, [R.ABS64]],
  [Need.NarrowAddress, [R.ABS32, R.ABS16, ...span(R.MOVW_UABS_G0, R.MOVW_SABS_G2)]],
  [Need.Relative, [R.PREL64, R.PREL32, R.PREL16, R.PLT32, ...span(R.LD_PREL_LO19, R.ADR_PREL_PG_HI21_NC)]],
  // The low twelve bits of an address: images move by whole pages.
  [Need.Relative, [R.ADD_ABS_LO12_NC, R.LDST8_ABS_LO12_NC, R.LDST16_ABS_LO12_NC, R.LDST32_ABS_LO12_NC]],
  [Need.Relative, [R.LDST64_ABS_LO12_NC, R.LDST128_ABS_LO12_NC]],
  [Need.Relative, [R.TSTBR14, R.CONDBR19, R.JUMP26, R.CALL26, ...span(R.MOVW_PREL_G0, R.MOVW_PREL_G3)]],
  [Need.Got, [...span(R.MOVW_GOTOFF_G0, R.MOVW_GOTOFF_G3), ...span(R.GOT_LD_PREL19, R.LD64_GOTPAGE_LO15)]],
  [Need.Got, [R.GOTPCREL32]],
  [Need.GotBase, [R.GOTREL64, R.GOTREL32]],
  [Need.TlsGd, [R.TLSGD_ADD_LO12_NC]],
  [Need.TlsLd, [R.TLSLD_ADD_LO12_NC]],
  // An executable knows the offset from the thread pointer: whatever would look it up is rewritten.
  [Need.TpOffset, [R.TLSGD_ADR_PAGE21, ...span(R.TLSLD_MOVW_DTPREL_G2, R.TLSLE_LDST64_TPREL_LO12_NC)]],
  [Need.GotTp, [R.TLSIE_MOVW_GOTTPREL_G1, R.TLSIE_MOVW_GOTTPREL_G0_NC, R.TLSIE_LD_GOTTPREL_PREL19]],
  [Need.TpOffset, [R.TLSDESC_ADR_PAGE21, R.TLSDESC_LD64_LO12, R.TLSDESC_ADD_LO12]],
  [Need.TpOffset, span(R.TLSLE_LDST128_TPREL_LO12, R.TLSLD_LDST128_DTPREL_LO12_NC)],
] as const) {
  for (const type of types) needs[type] = need;
}
