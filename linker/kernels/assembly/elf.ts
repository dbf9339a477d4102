/**
 * ELF's numbers, as far as kernels need them, and the linker's own (program.ts). The tests hold them against those of
 * the phases.
 */
export const EM_AARCH64: u32 = 183;
export const EM_RISCV: u32 = 243;

/** e_flags: compressed instructions are allowed. */
export const EF_RISCV_RVC: u32 = 1;

export const ET_REL: u32 = 1;

export const SHDR_SIZE: u32 = 64;
export const SYM_SIZE: u32 = 24;
export const RELA_SIZE: u32 = 24;

export const SHT_NULL: u32 = 0;
export const SHT_PROGBITS: u32 = 1;
export const SHT_SYMTAB: u32 = 2;
export const SHT_STRTAB: u32 = 3;
export const SHT_RELA: u32 = 4;
export const SHT_NOTE: u32 = 7;
export const SHT_NOBITS: u32 = 8;
export const SHT_REL: u32 = 9;
export const SHT_INIT_ARRAY: u32 = 14;
export const SHT_PREINIT_ARRAY: u32 = 16;
export const SHT_GROUP: u32 = 17;
export const SHT_SYMTAB_SHNDX: u32 = 18;
export const SHT_LLVM_ADDRSIG: u32 = 0x6fff4c03;

export const SHF_WRITE: u32 = 1;
export const SHF_ALLOC: u32 = 2;
export const SHF_EXECINSTR: u32 = 4;
export const SHF_MERGE: u32 = 16;
export const SHF_STRINGS: u32 = 32;
export const SHF_TLS: u32 = 0x400;
export const SHF_COMPRESSED: u32 = 0x800;
export const SHF_EXCLUDE: u32 = 0x80000000;

export const SHN_LORESERVE: u32 = 0xff00;
export const SHN_ABS: u32 = 0xfff1;
export const SHN_XINDEX: u32 = 0xffff;

export const GRP_COMDAT: u32 = 1;

export const STB_LOCAL: u32 = 0;
export const STB_GLOBAL: u32 = 1;
export const STB_WEAK: u32 = 2;
export const STB_GNU_UNIQUE: u32 = 10;
export const STV_INTERNAL: u32 = 1;
export const STV_HIDDEN: u32 = 2;
export const STT_SECTION: u32 = 3;
export const STT_FILE: u32 = 4;
export const STT_COMMON: u32 = 5;
export const STT_TLS: u32 = 6;
export const STT_GNU_IFUNC: u32 = 10;

// Role
export const ROLE_IGNORED: u32 = 0;
export const ROLE_REGULAR: u32 = 1;
export const ROLE_MERGE: u32 = 2;
export const ROLE_EH_FRAME: u32 = 3;

// Live
export const LIVE_DEAD: u32 = 0;
export const LIVE_LIVE: u32 = 1;
export const LIVE_DUPLICATE: u32 = 2;

// SymbolKind
export const KIND_NONE: u32 = 0;
export const KIND_UNDEFINED: u32 = 1;
export const KIND_LAZY: u32 = 2;
export const KIND_DEFINED: u32 = 3;
export const KIND_COMMON: u32 = 4;
export const KIND_ABSOLUTE: u32 = 5;
export const KIND_LINKER: u32 = 6;

// SymbolFlag
export const FLAG_REFERENCED: u32 = 1;
export const FLAG_STRONG_REFERENCE: u32 = 2;
export const FLAG_IPLT: u32 = 64;
export const FLAG_RENAMED: u32 = 1024;
export const FLAG_COMDAT: u32 = 2048;

// NameClass (read-object.ts)
export const NAME_UNSEEN: u32 = 0;
export const NAME_PLAIN: u32 = 1;
export const NAME_IGNORED: u32 = 2;
export const NAME_DEBUG: u32 = 3;
export const NAME_EH_FRAME: u32 = 4;
export const NAME_LINK_ONCE: u32 = 5;

// Special (arch/architecture.ts)
export const SPECIAL_MERGE: u32 = 1;
export const SPECIAL_DEAD: u32 = 2;
export const SPECIAL_UNDEFINED: u32 = 4;
export const SPECIAL_ABSOLUTE: u32 = 16;
export const SPECIAL_EDITED: u32 = 32;

// Need (arch/architecture.ts)
export const NEED_NOTHING: u32 = 0;
export const NEED_ADDRESS: u32 = 1;
export const NEED_NARROW_ADDRESS: u32 = 2;
export const NEED_RELATIVE: u32 = 3;
export const NEED_GOT_RELAXABLE: u32 = 5;
export const NEED_GOT_TP: u32 = 6;
export const NEED_GOT_BASE: u32 = 9;
export const NEED_TP_OFFSET: u32 = 10;
