/**
 * RISC-V's relocation types by name, and what their values count from. Compiled twice, like layout.ts: arch/riscv64-types.ts and the kernels share it.
 * Source: RISC-V ELF psABI 1.0, table "Relocation types".
 */
export const NONE = 0;
export const R32 = 1;
export const R64 = 2;
export const TLS_DTPREL64 = 9;
export const BRANCH = 16;
export const JAL = 17;
export const CALL = 18;
export const CALL_PLT = 19;
export const GOT_HI20 = 20;
export const TLS_GOT_HI20 = 21;
export const TLS_GD_HI20 = 22;
export const PCREL_HI20 = 23;
export const PCREL_LO12_I = 24;
export const PCREL_LO12_S = 25;
export const HI20 = 26;
export const LO12_I = 27;
export const LO12_S = 28;
export const TPREL_HI20 = 29;
export const TPREL_LO12_I = 30;
export const TPREL_LO12_S = 31;
export const TPREL_ADD = 32;
export const ADD8 = 33;
export const ADD16 = 34;
export const ADD32 = 35;
export const ADD64 = 36;
export const SUB8 = 37;
export const SUB16 = 38;
export const SUB32 = 39;
export const SUB64 = 40;
export const GOT32_PCREL = 41;
export const ALIGN = 43;
export const RVC_BRANCH = 44;
export const RVC_JUMP = 45;
export const RVC_LUI = 46;
export const RELAX = 51;
export const SUB6 = 52;
export const SET6 = 53;
export const SET8 = 54;
export const SET16 = 55;
export const SET32 = 56;
export const R32_PCREL = 57;
export const PLT32 = 59;
export const SET_ULEB128 = 60;
export const SUB_ULEB128 = 61;
// Ours, made by relaxation: a low half whose base register becomes gp, x0 or tp.
export const GP_LO12_I = 192;
export const GP_LO12_S = 193;
export const TP_LO12_I = 194;
export const TP_LO12_S = 195;
/** Ours: the record stays of its own type. */
export const KEEP = 255;

/** No type: glibc's and musl's dtv entries point so far into the block. */
export const DTP_BIAS = 0x800;
