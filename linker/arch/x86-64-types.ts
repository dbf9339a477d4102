/**
 * Numbers of the x86-64 relocation types that an object or a linked file can hold, by name: what the linker and those who
 * move what it linked share, apart from both so that a launch need not load the linker.
 *
 * Source: System V ABI for x86-64, version 1.0, table 4.9.
 */
export const R = {
  NONE: 0,
  R64: 1,
  PC32: 2,
  GOT32: 3,
  PLT32: 4,
  GOTPCREL: 9,
  R32: 10,
  R32S: 11,
  R16: 12,
  PC16: 13,
  R8: 14,
  PC8: 15,
  DTPMOD64: 16,
  DTPOFF64: 17,
  TPOFF64: 18,
  TLSGD: 19,
  TLSLD: 20,
  DTPOFF32: 21,
  GOTTPOFF: 22,
  TPOFF32: 23,
  PC64: 24,
  GOTOFF64: 25,
  GOTPC32: 26,
  GOT64: 27,
  GOTPCREL64: 28,
  GOTPC64: 29,
  PLTOFF64: 31,
  SIZE32: 32,
  SIZE64: 33,
  GOTPC32_TLSDESC: 34,
  TLSDESC_CALL: 35,
  IRELATIVE: 37,
  GOTPCRELX: 41,
  REX_GOTPCRELX: 42,
} as const;
