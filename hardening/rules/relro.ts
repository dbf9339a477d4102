/**
 * RELRO: what is written once, by relocation, is read-only afterwards.
 *
 * Tables of addresses (.got, .data.rel.ro, .init_array, .dynamic) are an attacker's first target, since overwriting one
 * entry redirects a call. PT_GNU_RELRO names the memory that a loader write-protects once relocation is done. Tools that
 * only look whether the header is there are fooled by one that covers nothing, so this rule asks what lies outside: a
 * loader protects whole pages only, rounding the end down, and a table that lazy binding needs writable is not covered
 * however the header reads.
 *
 * 'declared': Solo5's tender ignores PT_GNU_RELRO; hardening an image makes its page tables obey it.
 */
import * as elf from '../../linker/elf.ts';
import { type ElfSection, viewOf } from '../../linker/elf-file.ts';
import { regionsOver } from '../enforcement.ts';
import { count, type Finding } from '../finding.ts';
import { type Report, type Rule, reporter } from '../rule.ts';
import { higher, loadAt, lower, PAGE, type Subject, sectionName } from '../subject.ts';

const identity = { id: 'relro', version: 1, title: 'relocated tables are read-only' };

const DT_PLTRELSZ = 2;
const names = /^\.(got|got\.plt|data\.rel\.ro|init_array|fini_array|preinit_array|dynamic|ctors|dtors)(\.|$)/;
const types = new Set([elf.SHT_INIT_ARRAY, elf.SHT_FINI_ARRAY, elf.SHT_PREINIT_ARRAY, elf.SHT_DYNAMIC]);

interface Region {
  /** As the header has it. */
  readonly address: bigint;
  readonly from: bigint;
  readonly to: bigint;
}

/** Whole pages of each PT_GNU_RELRO, as a loader takes them: the start is rounded down, and so is the end. */
function protectedRegions(subject: Subject): Region[] {
  return subject.file.segments
    .filter(({ type }) => type === elf.PT_GNU_RELRO)
    .slice(0, 8)
    .map(({ address, memorySize }) => ({
      address,
      from: (address / PAGE) * PAGE,
      to: ((address + BigInt(memorySize)) / PAGE) * PAGE,
    }));
}

/** The dynamic section's entries, from PT_DYNAMIC; at most 256. */
function dynamicEntries(subject: Subject): Map<number, bigint> {
  const entries = new Map<number, bigint>();
  const segment = subject.file.segments.find(({ type }) => type === elf.PT_DYNAMIC);
  if (segment === undefined) return entries;
  const data = subject.bytes.subarray(segment.offset, segment.offset + segment.fileSize);
  const view = viewOf(data);
  for (let at = 0; at + 16 <= data.length && at < 16 * 256; at += 16) {
    const tag = elf.readUnsigned64(view, at);
    if (tag === elf.DT_NULL) break;
    entries.set(tag, view.getBigUint64(at + 8, true));
  }
  return entries;
}

/** Whether function addresses are filled in at their first call, for which .got.plt must stay writable. */
function bindsLazily(entries: ReadonlyMap<number, bigint>): boolean {
  if ((entries.get(DT_PLTRELSZ) ?? 0n) === 0n) return false;
  const now =
    entries.has(24) || // DT_BIND_NOW
    ((entries.get(elf.DT_FLAGS) ?? 0n) & BigInt(elf.DF_BIND_NOW)) !== 0n ||
    ((entries.get(elf.DT_FLAGS_1) ?? 0n) & BigInt(elf.DF_1_NOW)) !== 0n;
  return !now;
}

function isTable(section: ElfSection): boolean {
  return (
    (section.flags & elf.SHF_ALLOC) !== 0 &&
    section.size > 0 &&
    (section.flags & elf.SHF_TLS) === 0 &&
    (names.test(section.name) || types.has(section.type))
  );
}

/** Bytes of the section that stay writable. */
function outside(subject: Subject, section: ElfSection, regions: readonly Region[]): bigint {
  const end = section.address + BigInt(section.size);
  const load = loadAt(subject, section.address);
  if (load === undefined || (load.flags & elf.PF_W) === 0) return 0n;
  const covered = regions.reduce((most, { from, to }) => {
    const start = higher(from, section.address);
    const stop = lower(to, end);
    return higher(stop - start, most);
  }, 0n);
  return BigInt(section.size) - covered;
}

/** Whether the image's own page tables obey PT_GNU_RELRO. */
function enforced(subject: Subject, report: Report, regions: readonly Region[]): Finding[] {
  const { enforcement } = subject;
  if (enforcement === undefined) return [];
  return regions.map(({ from, to }) => {
    const { kinds, whole } = regionsOver(enforcement, from, to);
    const range = `0x${from.toString(16)} to 0x${to.toString(16)}`;
    return whole && kinds.every((kind) => kind === 'read')
      ? report('pass', 'enforced', `page tables of stage 0 make ${range} read-only`)
      : report('fail', 'enforced', `page tables of stage 0 map ${range} for ${kinds.join(', ') || 'nothing'}`);
  });
}

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject, 'tables');
  if (subject.loads.length === 0) return [report('unknown', 'declared', 'no PT_LOAD: check what is linked')];
  const regions = protectedRegions(subject);
  const lines = subject.file.sections.filter(isTable).flatMap((section): string[] => {
    const left = outside(subject, section, regions);
    return left === 0n ? [] : [`${sectionName(section)}: ${left} of ${section.size} bytes stay writable`];
  });
  for (const { address, from, to } of regions) {
    const load = loadAt(subject, address);
    if (from >= to) lines.push(`PT_GNU_RELRO at 0x${address.toString(16)} covers no whole page`);
    else if (load === undefined) lines.push(`PT_GNU_RELRO at 0x${address.toString(16)} lies in no PT_LOAD`);
  }
  if (bindsLazily(dynamicEntries(subject)))
    lines.push('functions are bound lazily (no BIND_NOW): .got.plt stays writable');
  const whole = regions.reduce((sum, { from, to }) => sum + higher(to - from, 0n), 0n);
  const covered =
    regions.length === 0 ? 'no PT_GNU_RELRO' : `PT_GNU_RELRO covers ${count(Number(whole / PAGE), 'whole page')}`;
  if (lines.length > 0)
    return [report('fail', 'declared', `relocated tables stay writable; ${covered}: ${lines[0]}`, lines)];
  if (regions.length === 0 && !subject.file.sections.some(({ flags }) => (flags & elf.SHF_ALLOC) !== 0)) {
    return [
      report(
        'unknown',
        'declared',
        'no PT_GNU_RELRO, and no sections that would tell whether there is anything to cover',
      ),
    ];
  }
  return [
    report('pass', 'declared', `no relocated table stays writable; ${covered}`),
    ...enforced(subject, reporter(identity, subject, 'page tables'), regions),
  ];
}

export const relro: Rule = { ...identity, run };
