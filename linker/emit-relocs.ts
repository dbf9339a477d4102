import type { OutputSection } from './image.ts';
import type { SymbolTables } from './symtab.ts';
import type { WriteContext } from './write-sections.ts';
export function writeEmittedRelocations(
  _c: WriteContext,
  _k: readonly OutputSection[],
  _s: SymbolTables,
): { output: OutputSection; bytes: Uint8Array }[] {
  return [];
}
