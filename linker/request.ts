/**
 * What a link is asked to do: plain data, made by a command line or a manifest, read by every phase.
 *
 * Nothing here touches a file: inputs arrive as bytes, and the one callback fetches the members of thin archives.
 */
import type { Arena } from './arena.ts';
import type { Exposure } from './expose.ts';
import type { Interposition } from './interpose.ts';
import type { Machine } from './program.ts';
import type { Expression, LinkerScript } from './script/ast.ts';

/** One input in command-line order. Lazy members and groups need no positions: see resolve.ts. */
export interface InputFile {
  /** As messages, maps and script patterns name it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** --whole-archive was in force: every member is linked. */
  readonly wholeArchive?: boolean;
}

/** 'fast' is no cryptographic hash: it tells builds apart, as well as a random id would. */
export type BuildIdAlgorithm = 'fast' | 'md5' | 'sha1' | 'sha256';

export type BuildIdStyle =
  | { readonly kind: 'none' }
  /** Derived from the output's bytes, so that same inputs give the same id. `uuid` is answered with `sha1`. */
  | { readonly kind: 'hash'; readonly algorithm: BuildIdAlgorithm }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

export interface LinkOptions {
  /** Entry symbol or a number; default `_start`, then the start of text (with a warning). */
  readonly entry?: string;
  /** Position-independent executable (ET_DYN, no interpreter) instead of ET_EXEC. */
  readonly pie: boolean;
  /** -m emulation, when given: inputs of another machine are then refused. */
  readonly machine?: Machine;
  readonly gcSections: boolean;
  readonly printGcSections: boolean;
  /** -u: symbols that pull members and stay live. */
  readonly undefinedSymbols: readonly string[];
  /** --require-defined: as -u, and an error when nothing defines it. */
  readonly requiredSymbols: readonly string[];
  readonly wrap: readonly string[];
  /** Functions that are reached through a veneer from everywhere: see interpose.ts. */
  readonly interpositions?: readonly Interposition[];
  /** Variables with another name for an object of casemate's own: see expose.ts. */
  readonly exposures?: readonly Exposure[];
  /** --defsym NAME=EXPRESSION, in order. */
  readonly defsym: readonly { readonly name: string; readonly value: Expression }[];
  readonly buildId: BuildIdStyle;
  readonly emitRelocs: boolean;
  readonly strip: 'none' | 'debug' | 'all';
  /** 'temporary' drops `.L` names (-X, the default on RISC-V), 'all' every local (-x). */
  readonly discardLocals: 'none' | 'temporary' | 'all';
  /** Instruction relaxation: RISC-V shrinking; x86-64 GOT loads to leas. TLS relaxation is always done. */
  readonly relax: boolean;
  /** DT_RELR for relative relocations of a PIE. */
  readonly packRelativeRelocs: boolean;
  readonly ehFrameHeader: boolean;
  readonly relro: boolean;
  readonly maxPageSize?: number;
  readonly commonPageSize?: number;
  /** -z stack-size: memsz of PT_GNU_STACK. */
  readonly stackSize?: number;
  /** PT_NULL program headers to spare in the built-in layout, for segments that are added after the link; default none. */
  readonly spareSegments?: number;
  /** Sections by name that one object may bring, by its name, or none: those of all others are left out. */
  readonly reserved?: ReadonlyMap<string, string | undefined>;
  /** -z execstack / noexecstack; absent: no executable stack, whatever the objects' notes say. */
  readonly executableStack?: boolean;
  /** -Ttext, -Tdata, -Tbss, --section-start, --image-base. */
  readonly sectionStart: ReadonlyMap<string, number>;
  readonly imageBase?: number;
  /** Scripts in order (-T first); when none has SECTIONS the built-in layout is used. */
  readonly scripts: readonly LinkerScript[];
  readonly map: boolean;
  readonly undefinedPolicy: 'error' | 'warn' | 'ignore';
  readonly allowMultipleDefinition: boolean;
  readonly warnCommon: boolean;
  readonly fatalWarnings: boolean;
  readonly orphanHandling: 'place' | 'warn' | 'error' | 'discard';
  readonly sortCommon: boolean;
  readonly sortSection?: 'name' | 'alignment';
}

export const defaultOptions: LinkOptions = {
  pie: false,
  gcSections: false,
  printGcSections: false,
  undefinedSymbols: [],
  requiredSymbols: [],
  wrap: [],
  defsym: [],
  buildId: { kind: 'none' },
  emitRelocs: false,
  strip: 'none',
  discardLocals: 'none',
  relax: true,
  packRelativeRelocs: false,
  ehFrameHeader: false,
  relro: true,
  sectionStart: new Map(),
  scripts: [],
  map: false,
  undefinedPolicy: 'error',
  allowMultipleDefinition: false,
  warnCommon: false,
  fatalWarnings: false,
  orphanHandling: 'place',
  sortCommon: false,
};

export interface LinkRequest {
  /** Where files that are in it already need not be copied to; made anew when absent. */
  readonly arena?: Arena;
  readonly files: readonly InputFile[];
  readonly options: LinkOptions;
  /** Bytes of a thin archive's member by path, or undefined when it does not exist. */
  readonly readMember: (path: string) => Uint8Array | undefined;
}
