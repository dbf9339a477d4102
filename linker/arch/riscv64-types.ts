/**
 * RISC-V's relocation types: their numbers, their names, what each needs of the linker and how wide its field is.
 * Source: RISC-V ELF psABI 1.0, table "Relocation types".
 */
import { Need } from './architecture.ts';

export const R = {
  NONE: 0,
  R32: 1,
  R64: 2,
  BRANCH: 16,
  JAL: 17,
  CALL: 18,
  CALL_PLT: 19,
  GOT_HI20: 20,
  TLS_GOT_HI20: 21,
  TLS_GD_HI20: 22,
  PCREL_HI20: 23,
  PCREL_LO12_I: 24,
  PCREL_LO12_S: 25,
  HI20: 26,
  LO12_I: 27,
  LO12_S: 28,
  TPREL_HI20: 29,
  TPREL_LO12_I: 30,
  TPREL_LO12_S: 31,
  TPREL_ADD: 32,
  ADD8: 33,
  ADD16: 34,
  ADD32: 35,
  ADD64: 36,
  SUB8: 37,
  SUB16: 38,
  SUB32: 39,
  SUB64: 40,
  GOT32_PCREL: 41,
  ALIGN: 43,
  RVC_BRANCH: 44,
  RVC_JUMP: 45,
  RVC_LUI: 46,
  RELAX: 51,
  SUB6: 52,
  SET6: 53,
  SET8: 54,
  SET16: 55,
  SET32: 56,
  R32_PCREL: 57,
  PLT32: 59,
  SET_ULEB128: 60,
  SUB_ULEB128: 61,
  // Ours, made by relaxation: a low half whose base register becomes gp, x0 or tp.
  GP_LO12_I: 192,
  GP_LO12_S: 193,
  TP_LO12_I: 194,
  TP_LO12_S: 195,
} as const;

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
  [9, 'TLS_DTPREL64'],
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

export const needs = new Uint8Array(256).fill(Need.Unknown);
for (const [need, types] of [
  [Need.Nothing, [R.NONE, R.RELAX, R.ALIGN, R.PCREL_LO12_I, R.PCREL_LO12_S, R.TPREL_ADD]],
  [Need.Nothing, [R.ADD8, R.ADD16, R.ADD32, R.ADD64, R.SUB8, R.SUB16, R.SUB32, R.SUB64, R.SUB6, R.SET6]],
  [Need.Nothing, [R.SET8, R.SET16, R.SET32, R.SET_ULEB128, R.SUB_ULEB128, 9]],
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

export const widths = new Uint8Array(256).fill(4);
for (const [width, types] of [
  [0, [R.NONE, R.RELAX, R.ALIGN, R.TPREL_ADD]],
  [1, [R.ADD8, R.SUB8, R.SET8, R.SUB6, R.SET6, R.SET_ULEB128, R.SUB_ULEB128]],
  [2, [R.ADD16, R.SUB16, R.SET16, R.RVC_BRANCH, R.RVC_JUMP, R.RVC_LUI]],
  [8, [R.R64, R.ADD64, R.SUB64, R.CALL, R.CALL_PLT, 9]],
] as const) {
  for (const type of types) widths[type] = width;
}
