/**
 * RISC-V's relocation types: their names, and what each needs of the linker.
 * Source: RISC-V ELF psABI 1.0, table "Relocation types".
 */
import * as R from '../kernels/riscv64-numbers.ts';
import { MOST_TYPES, Need } from './architecture.ts';

export { R };

export const names: (string | undefined)[] = [];
for (const [name, type] of Object.entries(R)) {
  if (type < 192) names[type] = `R_RISCV_${name.replace(/^R(?=\d)/, '')}`;
}
for (const [type, name] of [
  [3, 'RELATIVE'],
  [4, 'COPY'],
  [5, 'JUMP_SLOT'],
  [6, 'TLS_DTPMOD32'],
  [7, 'TLS_DTPMOD64'],
  [8, 'TLS_DTPREL32'],
  [10, 'TLS_TPREL32'],
  [11, 'TLS_TPREL64'],
  [12, 'TLSDESC'],
  [58, 'IRELATIVE'],
  [62, 'TLSDESC_HI20'],
  [63, 'TLSDESC_LOAD_LO12'],
  [64, 'TLSDESC_ADD_LO12'],
  [65, 'TLSDESC_CALL'],
] as const) {
  names[type] = `R_RISCV_${name}`;
}

export const needs = new Uint8Array(MOST_TYPES).fill(Need.Unknown);
for (const [need, types] of [
  [Need.Nothing, [R.NONE, R.RELAX, R.ALIGN, R.PCREL_LO12_I, R.PCREL_LO12_S, R.TPREL_ADD]],
  [Need.Nothing, [R.ADD8, R.ADD16, R.ADD32, R.ADD64, R.SUB8, R.SUB16, R.SUB32, R.SUB64, R.SUB6, R.SET6]],
  [Need.Nothing, [R.SET8, R.SET16, R.SET32, R.SET_ULEB128, R.SUB_ULEB128, R.TLS_DTPREL64]],
  [Need.Address, [R.R64]],
  [Need.NarrowAddress, [R.R32, R.HI20, R.LO12_I, R.LO12_S, R.RVC_LUI]],
  [Need.Relative, [R.BRANCH, R.JAL, R.CALL, R.CALL_PLT, R.PCREL_HI20, R.RVC_BRANCH, R.RVC_JUMP, R.R32_PCREL, R.PLT32]],
  [Need.Got, [R.GOT_HI20, R.GOT32_PCREL]],
  [Need.GotTp, [R.TLS_GOT_HI20]],
  [Need.TlsGd, [R.TLS_GD_HI20]],
  [Need.TpOffset, [R.TPREL_HI20, R.TPREL_LO12_I, R.TPREL_LO12_S]],
] as const) {
  for (const type of types) needs[type] = need;
}
