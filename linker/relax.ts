import type { AddressState } from './addresses.ts';
import type { Program } from './program.ts';
import type { LinkOptions } from './request.ts';
import type { ShrinkTable } from './shrink.ts';
import type { Edits } from './symbol-addresses.ts';
import type { WriteContext } from './write-sections.ts';
export interface Relaxation {
  readonly tables: Map<number, ShrinkTable>;
  readonly copy: WriteContext['copyRelaxed'];
}
export function createRelaxation(_p: Program, _o: LinkOptions, _s: AddressState): Relaxation {
  return { tables: new Map(), copy: undefined };
}
export function relaxOnce(_s: AddressState, _e: Edits, _r: Relaxation, _pass: number): boolean {
  return false;
}
