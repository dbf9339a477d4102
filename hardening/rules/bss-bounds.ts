/**
 * Bounds of .bss: memory without file contents is where it should be.
 *
 * Solo5's tender skips a PT_LOAD whose p_filesz is 0 before every check: such a .bss may lie over other segments, below
 * the guest's memory or beyond its end, gets no protection and is missing from kernel_end. Nobody but a tool like this
 * one would notice. For all loads: memory is not smaller than the file's part, does not wrap, and no two of them
 * overlap.
 */
import * as elf from '../../linker/elf.ts';
import { count, type Finding } from '../finding.ts';
import { type Rule, reporter } from '../rule.ts';
import { higher, type Load, PAGE, permissions, type Subject } from '../subject.ts';

const identity = { id: 'bss-bounds', version: 1, title: 'memory without file contents is in bounds' };

/** Of an hvt guest: the lowest address for an image, and the most memory that its boot page tables map. */
const GUEST_BASE = 0x100000n;
const GUEST_LIMIT = 0x100000000n;
const ADDRESS_LIMIT = 1n << 64n;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function problemsOf(subject: Subject, load: Load): string[] {
  const where = `program header ${load.index}`;
  const problems: string[] = [];
  if (load.memorySize < load.data.length) {
    problems.push(`${where}: ${load.memorySize} bytes in memory, fewer than its ${load.data.length} in the file`);
  }
  if (load.end > ADDRESS_LIMIT) problems.push(`${where}: ends at ${hex(load.end)}, beyond the address space`);
  if (subject.loader !== 'solo5') return problems;
  if (load.address < GUEST_BASE) {
    problems.push(`${where}: begins at ${hex(load.address)}; guests' memory begins at ${hex(GUEST_BASE)}`);
  }
  if (load.end > GUEST_LIMIT) {
    problems.push(`${where}: ends at ${hex(load.end)}; guests have at most ${hex(GUEST_LIMIT)}`);
  }
  const skipped = load.data.length === 0;
  if (skipped && (load.flags & 7) !== (elf.PF_R | elf.PF_W)) {
    problems.push(`${where}: ${permissions(load.flags)} without file contents: the tender skips it, memory stays RW`);
  }
  return problems;
}

function overlaps(subject: Subject): string[] {
  const sorted = [...subject.loads].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  return sorted.flatMap((before, i) =>
    sorted
      .slice(i + 1)
      .filter((after) => after.address < before.end)
      .map(
        (after) =>
          `program header ${before.index} ends at ${hex(before.end)}, ${after.index} begins at ${hex(after.address)}`,
      ),
  );
}

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject);
  if (subject.loads.length === 0) return [report('unknown', 'declared', 'no PT_LOAD: check what is linked')];
  const problems = [...subject.loads.flatMap((load) => problemsOf(subject, load)), ...overlaps(subject)];
  if (problems.length > 0) return [report('fail', 'declared', problems[0]!, problems)];
  const empty = subject.loads.filter(({ data }) => data.length === 0);
  const zeroed = subject.loads.reduce((sum, { memorySize, data }) => sum + memorySize - data.length, 0);
  const lines =
    subject.loader === 'solo5'
      ? empty.map(
          ({ index, end }) =>
            `program header ${index} is skipped by the tender: kernel_end does not count its end ${hex(end)}`,
        )
      : [];
  const last = subject.loads.reduce((most, { end }) => higher(end, most), 0n);
  const ends = `memory ends at ${hex(((last + PAGE - 1n) / PAGE) * PAGE)}`;
  return [
    report(
      'pass',
      'declared',
      `${zeroed} bytes without file contents in ${count(subject.loads.length, 'PT_LOAD')} are in bounds; ${ends}`,
      lines,
    ),
  ];
}

export const bssBounds: Rule = { ...identity, run };
