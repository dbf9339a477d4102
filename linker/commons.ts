/**
 * Gives common symbols (tentative definitions of C) their space.
 *
 * Each becomes a NOBITS section of its own named COMMON, so that scripts place them with `*(COMMON)` and
 * --gc-sections can drop them one by one. A TLS common goes to .tcommon.
 * Source: gABI on SHN_COMMON: st_value is the alignment.
 */

import { SHF_ALLOC, SHF_TLS, SHF_WRITE, SHT_NOBITS, STT_OBJECT, STT_TLS } from './elf.ts';
import { nameCount } from './names.ts';
import { type Program, SymbolKind } from './program.ts';
import { addSynthetic } from './synthetic.ts';

export function allocateCommons(program: Program, sortByAlignment: boolean): void {
  const t = program.symbols;
  const ids: number[] = [];
  const { arena, block } = program;
  const count = nameCount(t.names);
  for (let id = 0; ; id++) {
    id = arena.kernels.nextSymbol(block, id, SymbolKind.Common);
    if (id === count) break;
    ids.push(id);
  }
  if (sortByAlignment) ids.sort((a, b) => t.value[b]! - t.value[a]! || a - b);
  for (const id of ids) {
    const tls = t.type[id] === STT_TLS;
    const section = addSynthetic(
      program,
      {
        name: tls ? '.tcommon' : 'COMMON',
        type: SHT_NOBITS,
        flags: SHF_ALLOC | SHF_WRITE | (tls ? SHF_TLS : 0),
        align: t.value[id]!,
        size: t.size[id]!,
      },
      t.object[id]!,
    );
    t.kind[id] = SymbolKind.Defined;
    t.section[id] = section;
    t.value[id] = 0;
    if (!tls) t.type[id] = STT_OBJECT;
  }
}
