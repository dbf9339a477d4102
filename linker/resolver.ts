/**
 * What resolution knows while it runs, shared by its steps: take-in.ts and merge-globals.ts.
 */
import { u32 } from './arena.ts';
import * as layout from './kernels/layout.ts';
import { internText } from './names.ts';
import { fitSymbols, type Program } from './program.ts';
import type { Archive } from './read-archive.ts';
import type { InputFile, LinkOptions, LinkRequest } from './request.ts';

export interface LoadedArchive {
  readonly file: InputFile;
  readonly archive: Archive;
  /** Which input it is; by member: whether it is loaded. */
  readonly source: number;
  readonly loaded: Uint8Array;
  /** Address of its block for kernels (DESCRIPTOR_...). */
  readonly descriptor: number;
}

export interface Resolver {
  readonly program: Program;
  readonly options: LinkOptions;
  readonly readMember: LinkRequest['readMember'];
  readonly archives: LoadedArchive[];
  /** What a lazy symbol's `extra` means: rows (RANGE_...), and how many symbols they are. */
  ranges: Uint32Array;
  lazyCount: number;
  /** Symbols whose members are wanted, in order; how many is the block's WANTED_COUNT. */
  wanted: Uint32Array;
  /** Files that thin archives name, each read once however many members it is: where its bytes are, by path. */
  readonly thinFiles: Map<string, { readonly start: number; readonly end: number }>;
  readonly linkOnce: Set<number>;
  /** Reference renames of --wrap: symbol index -> symbol index. */
  readonly renames: Map<number, number>;
  readonly duplicates: string[];
}

export function symbolNamed(program: Program, name: string): number {
  const id = internText(program.symbols.names, name);
  fitSymbols(program);
  return id;
}

/** Room for `extra` more wanted symbols: kernels add to the list, but they cannot grow it. */
export function reserveWanted(resolver: Resolver, extra: number): void {
  const { arena, words } = resolver.program;
  const needed = words[layout.WANTED_COUNT]! + extra;
  if (needed <= resolver.wanted.length) return;
  const wanted = u32(arena, Math.max(needed, resolver.wanted.length * 2, 4096));
  wanted.set(resolver.wanted);
  resolver.wanted = wanted;
  words[layout.WANTED] = wanted.byteOffset;
  words[layout.WANTED_CAPACITY] = wanted.length;
}
