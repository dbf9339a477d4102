/**
 * Where the linker's tables are, for kernels: indices of 32-bit words in blocks of the arena.
 *
 * A kernel gets the address of a program's block; each word there is the address of a column of a table (see
 * program.ts), so that one word less one or two instructions leads to any value. This file is compiled twice: as
 * TypeScript for the phases, which keep the words true as tables grow, and as AssemblyScript for the kernels.
 */

// Columns of the section table; f64 where an address or a size may need more than 32 bits.
export const SECTION_OBJECT = 0;
export const SECTION_NAME = 1;
export const SECTION_TYPE = 2;
export const SECTION_FLAGS = 3;
export const SECTION_OFFSET = 4;
export const SECTION_SIZE = 5;
export const SECTION_INPUT_SIZE = 6;
export const SECTION_LINK = 7;
export const SECTION_INFO = 8;
export const SECTION_ALIGN = 9;
export const SECTION_ENTSIZE = 10;
export const SECTION_RELOCS = 11;
export const SECTION_RELOC_COUNT = 12;
export const SECTION_ROLE = 13;
export const SECTION_LIVE = 14;
export const SECTION_OUTPUT = 15;
export const SECTION_OUTPUT_OFFSET = 16;
export const SECTION_ADDRESS = 17;
/** Address of what says where the section's bytes went, 0 when they stay as they were (see below). */
export const SECTION_EDIT = 18;

// Columns of the symbol table.
export const SYMBOL_KIND = 19;
export const SYMBOL_BINDING = 20;
export const SYMBOL_TYPE = 21;
export const SYMBOL_VISIBILITY = 22;
export const SYMBOL_FLAGS = 23;
export const SYMBOL_SECTION = 24;
export const SYMBOL_VALUE = 25;
export const SYMBOL_SIZE = 26;
export const SYMBOL_OBJECT = 27;
export const SYMBOL_EXTRA = 28;

/** Blocks of the two name tables (see NAMES_...). */
export const SYMBOL_NAMES = 29;
export const SECTION_NAMES = 30;
/** u8 by section name: what the name says of a section's role. */
export const NAME_CLASSES = 31;
export const GLOBAL_REFS = 32;
/** Symbols whose archive members are wanted: a list, and how many are in it. */
export const WANTED = 33;
export const WANTED_COUNT = 34;
/** Rows of OBJECT_WORDS words, one for each object. */
export const OBJECTS = 35;
/** By output section: where it starts in the file; 0xffffffff: it has no bytes there. */
export const OUTPUT_OFFSETS = 36;
/** Blocks of relaxation, 0 when nothing can be relaxed, and of the writing phase (WRITE_...), once that has begun. */
export const RELAXATION = 37;
export const WRITING = 38;
/** How many sections there are and there is room for; the same of objects, references and wanted symbols. */
export const SECTION_COUNT = 39;
export const SECTION_CAPACITY = 40;
export const OBJECT_COUNT = 41;
export const OBJECT_CAPACITY = 42;
export const GLOBAL_REF_COUNT = 43;
export const GLOBAL_REFS_CAPACITY = 44;
export const WANTED_CAPACITY = 45;
/** The wanted symbol to look at next. */
export const WANTED_NEXT = 46;
/** Rows of RANGE_WORDS words that say what lazy symbols mean, ascending. */
export const LAZY_RANGES = 47;
export const LAZY_RANGE_COUNT = 48;
/** e_machine, the id of the empty section name, 1 to leave .debug_* out, 1 when somebody asks for groups later. */
export const MACHINE = 49;
export const NO_NAME = 50;
export const STRIP_DEBUG = 51;
export const KEEP_GROUPS = 52;
/** Local symbols of all objects together, and symbols of the object that has most. */
export const LOCALS_TOTAL = 53;
export const MOST_SYMBOLS = 54;
/** u32 by global symbol: its slot in the GOT and 1, 0 when it has none. */
export const GOT_SLOTS = 55;
/** The member that the caller has to take. */
export const LEFT_SOURCE = 56;
export const LEFT_MEMBER = 57;
/** First of the words in which a kernel leaves what its return value cannot say. */
export const RESULT = 58;
export const PROGRAM_WORDS = 80;

// Block of a name table: how many names, columns by name, and the hash table with its mask.
export const NAMES_COUNT = 0;
export const NAMES_OFFSET = 1;
export const NAMES_LENGTH = 2;
export const NAMES_HASH = 3;
export const NAMES_SLOTS = 4;
export const NAMES_MASK = 5;
export const NAMES_WORDS = 8;

// Row of an object.
export const OBJECT_SYMTAB = 0;
export const OBJECT_SYMBOL_COUNT = 1;
export const OBJECT_FIRST_GLOBAL = 2;
export const OBJECT_FIRST_GLOBAL_REF = 3;
/** Address of its extended section indices, 0 when it has none. */
export const OBJECT_EXTENDED = 4;
export const OBJECT_FIRST_SECTION = 5;
export const OBJECT_SECTION_COUNT = 6;
export const OBJECT_HAS_LOCAL_IFUNC = 7;
export const OBJECT_STRTAB = 8;
export const OBJECT_STRTAB_END = 9;
/** e_flags. */
export const OBJECT_FLAGS = 10;
export const OBJECT_START = 11;
export const OBJECT_END = 12;
/** Which input it comes from, and its number among that archive's members (0xffffffff: it is the file itself). */
export const OBJECT_SOURCE = 13;
export const OBJECT_MEMBER = 14;
export const OBJECT_WORDS = 15;

// What taking an object in returns.
export const LOAD_DONE = 0;
/** Tables are too short. */
export const LOAD_NEEDS_ROOM = 1;
/** The object needs a closer look. */
export const LOAD_LEFT = 2;
/** It is in, but for symbols from READ_INDEX on. */
export const LOAD_SYMBOL = 3;

// Block of an archive whose members may be taken in: see MEMBER_...; a byte by member says which are; the next of all.
export const DESCRIPTOR_ROWS = 0;
export const DESCRIPTOR_COUNT = 1;
export const DESCRIPTOR_LOADED = 2;
export const DESCRIPTOR_NEXT = 3;
export const DESCRIPTOR_THIN = 4;
/** The archive's number among the sources. */
export const DESCRIPTOR_SOURCE = 5;
export const DESCRIPTOR_WORDS = 6;
// Row of a range of lazy symbols: its first, the archive's block, and the member of each (u32).
export const RANGE_FIRST = 0;
export const RANGE_ARCHIVE = 1;
export const RANGE_MEMBERS = 2;
export const RANGE_WORDS = 3;

// Block of an archive being read: rows of its members and how many there are, the offset of the header to read next, and
// addresses of the table of long names.
export const ARCHIVE_ROWS = 0;
export const ARCHIVE_COUNT = 1;
export const ARCHIVE_AT = 2;
export const ARCHIVE_NAMES = 3;
export const ARCHIVE_NAMES_END = 4;
export const ARCHIVE_WORDS = 8;
// Row of a member: offset of its header, addresses of its bytes and of its name.
export const MEMBER_HEADER = 0;
export const MEMBER_START = 1;
export const MEMBER_END = 2;
export const MEMBER_NAME = 3;
export const MEMBER_NAME_END = 4;
export const MEMBER_WORDS = 5;

// What reading an object returns, and where (from RESULT on) it leaves what it found.
export const READ_DONE = 0;
/** Tables are too short: READ_SECTION_COUNT and READ_GLOBAL_COUNT say for what. */
export const READ_NEEDS_ROOM = 1;
/** Some sections are compressed: to be inflated, then read on. */
export const READ_COMPRESSED = 2;
/** Wrong, each with the index (READ_INDEX) of what is wrong. */
export const READ_BAD_HEADER = 3;
export const READ_BAD_SECTION = 4;
export const READ_BAD_SYMBOL_TABLE = 5;
export const READ_BAD_SYMBOL = 6;
export const READ_BAD_RELOCATIONS = 7;
export const READ_BAD_NAME = 8;

export const READ_INDEX = 58;
export const READ_SECTION_COUNT = 59;
export const READ_SECTION_HEADERS = 60;
export const READ_SYMTAB_SECTION = 61;
export const READ_SYMTAB = 62;
export const READ_SYMBOL_COUNT = 63;
export const READ_FIRST_GLOBAL = 64;
export const READ_STRTAB = 65;
export const READ_STRTAB_END = 66;
export const READ_EXTENDED = 67;
export const READ_HAS_LOCAL_IFUNC = 68;
export const READ_HAS_GROUPS = 69;
export const READ_HAS_LINK_ONCE = 70;
export const READ_GLOBAL_COUNT = 71;

// Block of the writing phase: what it works with, and where it stands when it asks the caller for help.
/** Address of the output file. */
export const WRITE_FILE = 0;
export const WRITE_OBJECT_COUNT = 1;
/** f64 and u8 by symbol of the current object: its address, and what is special about it (Special). */
export const WRITE_ADDRESS = 2;
export const WRITE_SPECIAL = 3;
/** The same by global symbol. */
export const WRITE_GLOBAL_ADDRESS = 4;
export const WRITE_GLOBAL_SPECIAL = 5;
/** 1 when instructions that load from the GOT may be rewritten. */
export const WRITE_RELAX = 6;
/** Current object, section and relocation of that section. */
export const WRITE_OBJECT = 7;
export const WRITE_SECTION = 8;
export const WRITE_RELOC = 9;
/** The object whose symbols WRITE_ADDRESS is about. */
export const WRITE_PREPARED = 10;
export const WRITE_MACHINE = 11;
/** i32 by relocation of the exception records being written: where it stands, -1: gone. */
export const WRITE_PLACES = 12;
/** 1 in a PIE. */
export const WRITE_PIE = 13;
/** f64, counted in words of 64 bits: where the thread pointer points, and the address of the GOT. */
export const WRITE_THREAD_POINTER = 8;
export const WRITE_GOT = 9;
/** Where the block of thread-locals starts; and RISC-V's global pointer. */
export const WRITE_TLS_START = 10;
export const WRITE_GLOBAL_POINTER = 11;
export const WRITE_WORDS = 24;
// What a kernel of that phase returns.
export const WRITE_DONE = 0;
/** The caller applies the current relocation and goes to the next. */
export const WRITE_NEEDS_RELOCATION = 2;
/** The caller finds the addresses of the current object's symbols. */
export const WRITE_NEEDS_ADDRESSES = 3;

// Block of the symbol table being written.
/** Address of the symbols, and how many there are; of the names, their bytes so far, and how many there may be. */
export const TABLE_SYMBOLS = 0;
export const TABLE_COUNT = 1;
export const TABLE_NAMES = 2;
export const TABLE_NAMES_SIZE = 3;
export const TABLE_NAMES_LIMIT = 4;
/** 1 when a symbol uses GNU's extensions. */
export const TABLE_GNU = 5;
/** 1 when names that assemblers make for themselves are left out. */
export const TABLE_DROP_TEMPORARY = 6;
/** u32 by output section: its section header index, 0 when it is not in the file. */
export const TABLE_HEADER_INDEX = 7;
/** By global symbol: its address (f64); for a symbol of the script its section header index (u32). */
export const TABLE_GLOBAL_ADDRESS = 8;
export const TABLE_HOMES = 9;
export const TABLE_WORDS = 10;

// What a section name means to the script (i32): a description, or one of these.
export const TAKEN_ORPHAN = -1;
/** Not looked at yet. */
export const TAKEN_UNKNOWN = -2;
/** It depends on more than the name. */
export const TAKEN_BY_CASE = -3;

// Row of a pattern of the script, in the script's order: a name, or a start and an end with a star between them.
export const PATTERN_START = 0;
export const PATTERN_START_LENGTH = 1;
export const PATTERN_END = 2;
export const PATTERN_END_LENGTH = 3;
export const PATTERN_KIND = 4;
export const PATTERN_DESCRIPTION = 5;
/** Number of the pattern in its description. */
export const PATTERN_INDEX = 6;
/** 1 when a match takes every section of the name, whatever its file. */
export const PATTERN_ALWAYS = 7;
export const PATTERN_WORDS = 8;
// Kinds of patterns. Where a general one's start fits, the caller has to match the whole.
export const PATTERN_NAME = 0;
export const PATTERN_STAR = 1;
export const PATTERN_GENERAL = 2;

// f64: what an output section has become by the inputs that joined.
export const JOINED_TYPE = 0;
export const JOINED_FLAGS = 1;
export const JOINED_ENTSIZE = 2;
export const JOINED_ALIGN = 3;
/** Of orphans: the description that stands for their name. */
export const JOINED_DESCRIPTION = 4;
export const JOINED_WORDS = 5;

// What SECTION_EDIT points at, by the section's role: words.
// Merged (merge.ts): pieces [first, last) of columns that all sections of the group share.
export const MERGE_LEADER = 0;
/** u32 by piece: offset in the input, and in the leader's merged contents. */
export const MERGE_STARTS = 1;
export const MERGE_OUTPUTS = 2;
export const MERGE_FIRST = 3;
export const MERGE_LAST = 4;
/** u32 by (offset >> MERGE_SHIFT): the last piece that starts at or before it. */
export const MERGE_INDEX = 5;
/** Size of the input section. */
export const MERGE_SIZE = 6;
export const MERGE_WORDS = 8;
/** Log2 of the offsets that share an entry of the index: look-ups then walk a piece or two. */
export const MERGE_SHIFT = 5;
// Exception records (eh-frame.ts): u32 columns by record.
export const FRAME_COUNT = 0;
export const FRAME_INPUT_OFFSET = 1;
export const FRAME_SIZE = 2;
/** FRAME_DROPPED for a record that is not in the output. */
export const FRAME_OUTPUT_OFFSET = 3;
/** i32: the record's CIE, -1 for a CIE. Of a record that is not in the output: where it would have stood. */
export const FRAME_CIE = 4;
/** One entry more than records: index of the record's first relocation. */
export const FRAME_FIRST_RELOC = 5;
/**
 * i32: for a CIE that is kept elsewhere, section and record; else -1. A kept CIE's FRAME_SAME_RECORD becomes how its
 * FDEs store addresses (DW_EH_PE_*), once .eh_frame_hdr has asked.
 */
export const FRAME_SAME_SECTION = 6;
export const FRAME_SAME_RECORD = 7;
export const FRAME_WORDS = 8;
export const FRAME_DROPPED = -1;
// Block of .eh_frame_hdr: the .eh_frame inputs in order, the output file, entries read so far and how many.
export const HEADER_LIST = 0;
export const HEADER_COUNT = 1;
export const HEADER_FILE = 2;
export const HEADER_TABLE = 3;
export const HEADER_ENTRIES = 4;
/** Where reading stands: index in the list, record. */
export const HEADER_POSITION = 5;
export const HEADER_RECORD = 6;
/** f64: the lowest address of .eh_frame. */
export const HEADER_START = 8;
export const HEADER_WORDS = 10;
// What reading returns.
export const HEADER_DONE = 0;
export const HEADER_NEEDS_ENCODING = 1;
export const HEADER_WRONG = 2;
// Relaxed code (relax.ts): u32 columns by place that may shrink, ascending.
export const SHRINK_COUNT = 0;
/** Offset in the input from which on so many bytes are gone, those before it included. */
export const SHRINK_AT = 1;
export const SHRINK_REMOVED = 2;
/** The section's row among the relaxed ones. */
export const SHRINK_ROW = 3;
export const SHRINK_WORDS = 4;

// Block of relaxation (relax.ts): rows of sections that have something to relax, their candidates one after another.
export const RELAX_ROWS = 0;
export const RELAX_CANDIDATES = 1;
/** u32 by row: the section, and its first candidate (one entry more than rows). */
export const RELAX_SECTION = 2;
export const RELAX_FIRST = 3;
/** By row: SHRINK_WORDS words. */
export const RELAX_TABLES = 4;
/** By candidate: index of its relocation (u32), its offset (u32) and type (u8) in the input. */
export const RELAX_RELOC = 5;
export const RELAX_OFFSET = 6;
export const RELAX_KIND = 7;
/** By candidate, as decided: bytes it loses (u32), the type its relocation gets (u8) or KEEP. */
export const RELAX_REMOVE = 8;
export const RELAX_TYPE = 9;
/** By candidate, what it refers to: section or TARGET_... (i32), offset there and addend (f64). */
export const RELAX_PLACE = 10;
export const RELAX_VALUE = 11;
export const RELAX_ADDEND = 12;
/**
 * u32 by candidate: one more than the last candidate that starts before the offset it refers to; 0 when there is none,
 * HINT_NONE when its section is edited otherwise.
 */
export const RELAX_HINT = 13;
/** u32 by candidate: columns that the sections' shrink tables are parts of, and the bytes removed before it. */
export const RELAX_AT = 14;
export const RELAX_REMOVED = 15;
export const RELAX_BEFORE = 16;
/** By relocation of the section being written: where it stands (i32, -1: gone), its type (u8). */
export const RELAX_PLACES = 17;
export const RELAX_TYPES = 18;
export const RELAX_WORDS = 20;
export const HINT_NONE = 0xffffffff;
/** A number that does not move. */
export const TARGET_ABSOLUTE = -1;
/** Nothing that a relaxation could count on: undefined, dropped, an ifunc. */
export const TARGET_NONE = -2;
/** A symbol of the script: its index is TARGET_LINKER - place. */
export const TARGET_LINKER = -3;
// What a pass of relaxation returns.
export const RELAX_SAME = 0;
export const RELAX_CHANGED = 1;
/** RESULT: row and candidate of an alignment that cannot be satisfied, or that overlaps what another one removes. */
export const RELAX_NO_PADDING = 2;
export const RELAX_SHORT_PADDING = 3;
export const RELAX_OVERLAP = 4;

// Why a relocation was not applied, in RESULT; the words after it are particular to the reason.
/** The relocation in RESULT + 1 needs its slot's (or veneer's) address. */
export const APPLY_NEEDS_SLOT = 1;
export const APPLY_OUTSIDE = 2;
export const APPLY_SYMBOL = 3;
export const APPLY_DEAD = 4;
export const APPLY_PIECE = 5;
/** f64 from RESULT + 2 on: the value, the least and the greatest that fit. */
export const APPLY_OVERFLOW = 6;
/** f64 at RESULT + 2: the distance. */
export const APPLY_ODD = 7;
export const APPLY_LABEL = 8;
/** f64 at RESULT + 2: the label's offset. */
export const APPLY_NO_HIGH = 9;
export const APPLY_ULEB_PAST = 10;
/** f64 at RESULT + 2: the value. */
export const APPLY_ULEB_SHORT = 11;
export const APPLY_ULEB_LONG = 12;
export const APPLY_UNKNOWN = 13;
/** f64 from RESULT + 2 on: the value, and what it has to be a multiple of. */
export const APPLY_COARSE = 14;
/** f64 at RESULT + 2: the instruction that is not the one of a sequence that is rewritten. */
export const APPLY_SEQUENCE = 15;
/** A distance in a PIE to what does not move. */
export const APPLY_FIXED = 16;
/** f64 at RESULT + 2: the addend that asks for a slot of its own. */
export const APPLY_SLOT_ADDEND = 17;

/** Relocation types are below this, on every machine: AArch64's end at 1032. */
export const MOST_TYPES = 1040;

/** Largest alignment taken from an input (2^26): beyond it the padding alone could fill a disk. */
export const MAX_ALIGN = 67108864;
/** Largest section (2^46): more than any address space here holds. */
export const MAX_SECTION = 70368744177664;

/** Below this address are the kernels' own constants; the arena starts here. */
export const ARENA_START = 65536;
/** Kernels read whole words, so they may look this many bytes past what they were given. */
export const READ_AHEAD = 64;
