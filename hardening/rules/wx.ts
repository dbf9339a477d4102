/**
 * W^X: nothing is both writable and executable, in segments and in the pages that they become.
 *
 * Permissions belong to pages, not to segments. Two segments that share a page get one page with whatever the loader
 * makes of both, so an image whose segments are all well-behaved can still end up with writable code or executable
 * data. PT_GNU_RELRO is taken into account: whole pages of it are read-only once relocated, and may adjoin read-only
 * segments.
 *
 * What segments say is 'declared': KVM without guest page tables of its own enforces none of it. For an image that
 * brings such tables along, what they say is 'enforced'.
 */
import * as elf from '../../linker/elf.ts';
import { excessRegions } from '../enforcement.ts';
import { count, type Finding } from '../finding.ts';
import { type Report, type Rule, reporter } from '../rule.ts';
import { higher, type Load, lower, PAGE, permissions, type Subject, sectionName } from '../subject.ts';

const identity = { id: 'wx', version: 1, title: 'nothing is writable and executable' };

const writeExecute = elf.PF_W | elf.PF_X;

function isWX(flags: number): boolean {
  return (flags & writeExecute) === writeExecute;
}

interface Pages {
  readonly load: Load;
  /** Page numbers [from, to). */
  readonly from: bigint;
  readonly to: bigint;
  readonly flags: number;
}

/** The pages of each load; those that PT_GNU_RELRO makes read-only apart. */
function pagesOf(subject: Subject): Pages[] {
  const relro = subject.file.segments
    .filter(({ type }) => type === elf.PT_GNU_RELRO)
    .slice(0, 8)
    .map(({ address, memorySize }) => ({ from: address / PAGE, to: (address + BigInt(memorySize)) / PAGE }));
  return subject.loads.flatMap((load) => {
    let parts: Pages[] = [
      { load, from: load.address / PAGE, to: (load.end + PAGE - 1n) / PAGE, flags: load.flags & 7 },
    ];
    if ((load.flags & elf.PF_W) === 0) return parts;
    for (const { from, to } of relro) {
      parts = parts.flatMap((part): Pages[] => {
        const start = higher(from, part.from);
        const end = lower(to, part.to);
        if (start >= end) return [part];
        return [
          { ...part, to: start },
          { ...part, from: start, to: end, flags: part.flags & ~elf.PF_W },
          { ...part, from: end },
        ].filter((piece) => piece.from < piece.to);
      });
    }
    return parts;
  });
}

function sharedPages(subject: Subject): { lines: string[]; writeExecute: boolean } {
  const pages = pagesOf(subject).sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const lines: string[] = [];
  let both = false;
  for (const [i, a] of pages.entries()) {
    for (const b of pages.slice(i + 1)) {
      if (b.from >= a.to) break;
      if (b.flags === a.flags || a.load === b.load) continue;
      both ||= isWX(a.flags | b.flags);
      const end = lower(a.to, b.to);
      const what = `program header ${a.load.index} (${permissions(a.flags)}) and ${b.load.index} (${permissions(b.flags)})`;
      lines.push(`pages 0x${(b.from * PAGE).toString(16)} to 0x${(end * PAGE).toString(16)}: ${what}`);
    }
  }
  return { lines, writeExecute: both };
}

/** What the image's own page tables make of the segments. */
function enforced(subject: Subject, report: Report): Finding[] {
  if (subject.enforcement === undefined) return [];
  const lines = excessRegions(subject, subject.enforcement);
  if (lines.length > 0)
    return [report('fail', 'enforced', `page tables allow more than is declared: ${lines[0]}`, lines)];
  const regions = count(subject.enforcement.regions.length, 'region');
  return [report('pass', 'enforced', `page tables of stage 0: ${regions}, none both writable and executable`)];
}

function run(subject: Subject): ReturnType<Rule['run']> {
  const report = reporter(identity, subject, 'segments');
  const reportPages = reporter(identity, subject, 'pages');
  if (subject.loads.length === 0) {
    const bad = subject.file.sections.filter(
      ({ flags }) => (flags & elf.SHF_WRITE) !== 0 && (flags & elf.SHF_EXECINSTR) !== 0,
    );
    const names = bad.map((section) => `section ${sectionName(section)} is writable and executable`);
    if (bad.length > 0) return [report('fail', 'declared', names[0]!, names)];
    return [report('unknown', 'declared', 'no PT_LOAD: nothing says how this file is mapped; check what is linked')];
  }
  const bad = subject.loads.filter(({ flags }) => isWX(flags));
  const stacks = subject.file.segments.filter(({ type, flags }) => type === elf.PT_GNU_STACK && isWX(flags));
  const lines = bad.map(({ index, flags, address, end }) => {
    return `program header ${index}: ${permissions(flags)}, 0x${address.toString(16)} to 0x${end.toString(16)}`;
  });
  if (stacks.length > 0) lines.push('PT_GNU_STACK asks for an executable stack (RWX)');
  const segments =
    lines.length > 0
      ? report('fail', 'declared', `${count(lines.length, 'segment')} writable and executable`, lines)
      : report('pass', 'declared', `none of ${count(subject.loads.length, 'PT_LOAD')} is writable and executable`);
  const shared = sharedPages(subject);
  const pages =
    shared.lines.length === 0
      ? reportPages('pass', 'declared', 'no page is shared by segments of different permissions')
      : reportPages(
          'fail',
          'declared',
          `segments of different permissions share pages${shared.writeExecute ? ', which become writable and executable or lose one of both' : ''}`,
          shared.lines,
        );
  return [segments, pages, ...enforced(subject, reporter(identity, subject, 'page tables'))];
}

export const wx: Rule = { ...identity, run };
