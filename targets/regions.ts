/**
 * From an image's segments to regions: which pages may do what once the stub has run.
 *
 * A page has one permission, so segments that share a page must agree, and a RELRO range counts only by its whole
 * pages. Whether text can be execute-only is decided by who looked into it (each target's
 * harden.ts).
 * Sources: gABI chapter 5 "Program Header"; PT_GNU_RELRO as ld and lld write it.
 */
import { fail, hex, printable } from '../base/errors.ts';
import * as elf from '../linker/elf.ts';
import type { ElfFile, ElfSegment } from '../linker/elf-file.ts';

export const PAGE = 0x1000;

/** What a page may do once a stub has run. */
export const KINDS = ['read', 'write', 'execute', 'read-execute'] as const;
export type Kind = (typeof KINDS)[number];

/** Whole pages [start, end) that stay mapped, with one permission. What is in no region is unmapped. */
export interface Region {
  readonly start: number;
  readonly end: number;
  readonly kind: Kind;
}

/** What text may do. */
export type TextKind = 'execute' | 'read-execute';

/** Address of the page that holds `value`. */
export function pageDown(value: number): number {
  return value - (value % PAGE);
}

/** `value` rounded up to whole pages. */
export function pageUp(value: number): number {
  return pageDown(value + PAGE - 1);
}

function kindOf(segment: ElfSegment, text: TextKind): Kind | undefined {
  if ((segment.flags & elf.PF_X) !== 0) return text;
  if ((segment.flags & elf.PF_W) !== 0) return 'write';
  return (segment.flags & elf.PF_R) !== 0 ? 'read' : undefined;
}

/** Whole pages of the RELRO ranges inside [start, end). */
function relroIn(file: ElfFile, start: number, end: number): Region[] {
  return file.segments
    .filter(({ type }) => type === elf.PT_GNU_RELRO)
    .map(({ address, memorySize }) => {
      const from = Math.max(start, pageUp(Number(address)));
      const to = Math.min(end, pageDown(Number(address) + memorySize));
      return { start: from, end: to, kind: 'read' as const };
    })
    .filter((range) => range.start < range.end)
    .sort((a, b) => a.start - b.start);
}

/** A writable range with its RELRO parts cut out. */
function splitRelro(file: ElfFile, region: Region): Region[] {
  const parts: Region[] = [];
  let at = region.start;
  for (const relro of relroIn(file, region.start, region.end)) {
    const start = Math.max(relro.start, at);
    if (start >= relro.end) continue;
    if (start > at) parts.push({ ...region, start: at, end: start });
    parts.push({ ...relro, start });
    at = relro.end;
  }
  if (at < region.end) parts.push({ ...region, start: at });
  return parts;
}

/** Joins neighbours of the same kind. */
function joined(regions: readonly Region[]): Region[] {
  const result: Region[] = [];
  for (const region of regions) {
    const last = result.at(-1);
    if (last && last.end === region.start && last.kind === region.kind) {
      result[result.length - 1] = { ...last, end: region.end };
    } else result.push(region);
  }
  return result;
}

/**
 * Regions of an image's segments, ascending. A segment without permissions has none.
 * Fails with 'image' when one page would need two permissions.
 */
export function segmentRegions(file: ElfFile, name: string, text: TextKind): Region[] {
  const loads = file.segments
    .map((segment, index) => ({ segment, index }))
    .filter(({ segment }) => segment.type === elf.PT_LOAD && segment.memorySize > 0)
    .sort((a, b) => Number(a.segment.address - b.segment.address));
  const regions: (Region & { index: number })[] = [];
  for (const { segment, index } of loads) {
    const kind = kindOf(segment, text);
    const start = pageDown(Number(segment.address));
    const end = pageUp(Number(segment.address) + segment.memorySize);
    const last = regions.at(-1);
    if (last && start < last.end) {
      if (kind !== last.kind || Number(segment.address) < last.start) {
        fail(
          'image',
          `${printable(name)}: program headers ${last.index} (${last.kind}) and ${index} (${kind ?? 'no access'}) share the page at ${hex(start)}; link with a page of its own for each (-z separate-code, max-page-size 4096)`,
        );
      }
      if (end > last.end) regions[regions.length - 1] = { ...last, end };
      continue;
    }
    if (kind !== undefined) regions.push({ start, end, kind, index });
  }
  const split = regions.flatMap(({ start, end, kind }) =>
    kind === 'write' ? splitRelro(file, { start, end, kind }) : [{ start, end, kind }],
  );
  return joined(split);
}

/** The first page after every segment. */
export function imageTop(file: ElfFile): number {
  const ends = file.segments
    .filter(({ type, memorySize }) => type === elf.PT_LOAD && memorySize > 0)
    .map(({ address, memorySize }) => Number(address) + memorySize);
  return pageUp(Math.max(0, ...ends));
}
