/**
 * What page tables that an image brings along enforce, once it runs: the ground on which findings are 'enforced'.
 *
 * A section's name or a note is a claim that any file can make. So who calls the rules decides whether an image has such
 * tables, by comparing the code that builds them byte for byte with what it knows (targets/hvt/enforcement.ts), and hands
 * over here what those tables say, as plain data. The rules then hold it against the program headers: tables that allow
 * more than a segment declares are a finding, whoever made them.
 */
import * as elf from '../linker/elf.ts';
import { permissions, type Subject } from './subject.ts';

export interface EnforcedRegion {
  /** Whole pages [start, end). */
  readonly start: bigint;
  readonly end: bigint;
  readonly kind: 'read' | 'write' | 'execute' | 'read-execute';
}

export interface Enforcement {
  /** Ascending, apart. What is in none is not mapped, but for heap and stack, which are writable and never executable. */
  readonly regions: readonly EnforcedRegion[];
  /** What a machine must have or the image halts: 'xom', 'pku', 'entropy'. */
  readonly requires: readonly string[];
  /** Largest stack, bytes. */
  readonly stack: number;
  /** How hard the image's address is to guess, in words, when the image draws it itself at every start. */
  readonly addresses?: string;
}

const needed = { read: elf.PF_R, write: elf.PF_W, execute: elf.PF_X, 'read-execute': elf.PF_X } as const;

/** Regions that allow what the segments under them do not declare, one line each. */
export function excessRegions(subject: Subject, { regions }: Enforcement): string[] {
  const lines: string[] = [];
  for (const { start, end, kind } of regions) {
    for (const load of subject.loads) {
      const overlaps = load.address < end && start < load.end;
      // Text that its header does not let be read may still be executed only.
      if (!overlaps || (load.flags & needed[kind]) !== 0) continue;
      if (kind === 'read' && (load.flags & (elf.PF_W | elf.PF_R)) !== 0) continue;
      lines.push(
        `pages 0x${start.toString(16)} to 0x${end.toString(16)} are mapped for ${kind}; program header ${load.index} declares ${permissions(load.flags)}`,
      );
    }
  }
  return lines;
}

/** The regions that hold [from, to), and whether together they hold all of it. */
export function regionsOver(
  { regions }: Enforcement,
  from: bigint,
  to: bigint,
): { readonly kinds: readonly EnforcedRegion['kind'][]; readonly whole: boolean } {
  const over = regions.filter(({ start, end }) => start < to && from < end);
  let at = from;
  for (const { start, end } of over) {
    if (start <= at && end > at) at = end;
  }
  return { kinds: [...new Set(over.map(({ kind }) => kind))], whole: at >= to };
}
