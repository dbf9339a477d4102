/**
 * The laid-out program: output sections, segments, and the linked image that every later phase works on.
 *
 * A LinkedImage keeps the program it came from: each byte's provenance (which input section), the boundaries of
 * functions, and all relocations can be asked for, so that hardening may check, move or rewrite parts of it without
 * the objects' files.
 */
import type { Program } from './program.ts';
import type { Assertion, Assignment, DataStatement, FillPattern, FillStatement } from './script/ast.ts';
import type { TableSections } from './tables.ts';
import type { WriteContext } from './write-sections.ts';

/** What an output section is filled with, in order. */
export type BodyItem =
  /** Input sections (global indices), one after another, each at its alignment. */
  { readonly kind: 'inputs'; sections: Uint32Array } | Assignment | Assertion | DataStatement | FillStatement;

export interface OutputSection {
  readonly name: string;
  readonly body: BodyItem[];
  type: number;
  flags: number;
  /** Largest alignment of its contents, or what the script asks. */
  align: number;
  entsize: number;
  /** Virtual address, load address (differs only by AT or a load region), size in memory. */
  address: number;
  loadAddress: number;
  size: number;
  fileOffset: number;
  /** Index in the section header table; 0 while unknown or when it is left out. */
  index: number;
  /** sh_link and sh_info as output section, resolved when headers are written. */
  link?: OutputSection;
  infoSection?: OutputSection;
  info: number;
  /** Bytes between inputs (from `=fill`). */
  fill?: FillPattern;
  /** Made read-only after start-up (PT_GNU_RELRO). */
  relro: boolean;
  /** Placement asked by the script; absent in the built-in layout. */
  placement?: Placement;
  /** Occupies no file space although its type says so (NOLOAD). */
  noload: boolean;
  /** Kept although empty: the script assigns symbols or moves dot in it. */
  keepEmpty: boolean;
}

/** The parts of a script's output section description that the address phase needs. */
export type Placement = Pick<
  import('./script/ast.ts').OutputSectionDescription,
  'address' | 'loadAddress' | 'align' | 'alignWithInput' | 'subalign' | 'region' | 'loadRegion' | 'segments' | 'at'
>;

/** SECTIONS in order: what the address phase walks. */
export type LayoutCommand = Assignment | Assertion | { readonly kind: 'output'; readonly section: OutputSection };

export interface Segment {
  readonly type: number;
  flags: number;
  offset: number;
  address: number;
  loadAddress: number;
  fileSize: number;
  memorySize: number;
  align: number;
  /** Its sections in address order; empty for headers-only and stack segments. */
  readonly sections: readonly OutputSection[];
}

export interface LinkedImage {
  readonly machine: Program['machine'];
  /** ET_EXEC or ET_DYN. */
  readonly fileType: number;
  readonly entry: number;
  /** e_flags. */
  readonly flags: number;
  readonly sections: readonly OutputSection[];
  readonly segments: readonly Segment[];
  /** The ELF file. */
  readonly bytes: Uint8Array;
  readonly program: Program;
  /** Where everything went: what provenance.ts answers from. */
  readonly context: WriteContext;
  /** The linker's own sections. */
  readonly tables: TableSections;
}
