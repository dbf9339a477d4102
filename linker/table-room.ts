/**
 * Refuses layouts without room for what the linker made.
 *
 * A script decides where the GOT, the IPLT and the relocation tables go, and may put them where the file has no bytes
 * (NOLOAD, a section of zeros) or into /DISCARD/. Code that loads from a table which does not exist would run into
 * nothing, so it is refused here, before anything is written. What only a dynamic loader or an unwinder reads may be
 * discarded: freestanding programs do, and no code refers to it.
 */
import { fail } from '../base/errors.ts';
import { type AddressState, layoutSource } from './address-state.ts';
import type { ScanResult } from './scan.ts';
import { describeOutput, hasNoBits } from './segments.ts';
import type { TableSections } from './tables.ts';

interface Demand {
  readonly section: number;
  readonly name: string;
  /** What needs it; undefined when it may be discarded. */
  readonly reason: string | undefined;
  /** Only its addresses count: start-up code fills it. */
  readonly zeros?: boolean;
}

/** `header` is the .eh_frame_hdr section, -1 without one. Errors: 'layout'. */
export function checkTableRoom(state: AddressState, tables: TableSections, scan: ScanResult, header: number): void {
  const { got } = scan;
  const t = state.program.sections;
  const slots = got.slots - state.architecture.gotHeaderSlots;
  const ifuncs = `${got.iplt.size} ifunc${got.iplt.size === 1 ? '' : 's'}`;
  const relocations = (section: number): string | undefined =>
    section >= 0 && t.size[section]! > 0 ? 'the relocations of a position-independent program' : undefined;
  const demands: readonly Demand[] = [
    { section: tables.got, name: '.got', reason: slots > 0 ? 'addresses that code loads' : undefined },
    { section: tables.iplt, name: '.iplt', reason: ifuncs },
    { section: tables.gotIplt, name: '.igot.plt', reason: ifuncs, zeros: true },
    { section: tables.relaIplt, name: '.rela.iplt', reason: ifuncs },
    { section: tables.relaDyn, name: '.rela.dyn', reason: relocations(tables.relaDyn) },
    { section: tables.relrDyn, name: '.relr.dyn', reason: relocations(tables.relrDyn) },
    { section: tables.dynamic, name: '.dynamic', reason: undefined },
    { section: tables.dynsym, name: '.dynsym', reason: undefined },
    { section: tables.dynstr, name: '.dynstr', reason: undefined },
    { section: tables.hash, name: '.hash', reason: undefined },
    { section: header, name: '.eh_frame_hdr', reason: undefined },
  ];
  for (const demand of demands) if (demand.section >= 0) checkRoom(state, demand);
}

function checkRoom(state: AddressState, { section, name, reason, zeros }: Demand): void {
  const index = state.program.sections.output[section]!;
  const output = index < 0 ? undefined : state.outputs[index]!;
  if (output === undefined) {
    if (reason !== undefined)
      fail('layout', `${layoutSource(state)}: discards ${name}, which holds ${reason}; keep it`);
    return;
  }
  if (zeros || !hasNoBits(output) || state.program.sections.size[section] === 0) return;
  const what = `has no room in the file for ${name}${reason === undefined ? '' : `, which holds ${reason}`}`;
  fail('layout', `${describeOutput(state, output)}: ${what}; place it in a section with contents`);
}
