/**
 * Guard pages: an overflow out of one region faults before it reaches the next.
 *
 * Three places matter. Between segments the file decides: behind writable memory there must be an unmapped page or
 * memory that cannot be written. Behind .bss, the last writable memory, comes what the loader or the program puts there
 * (a heap, as a rule), and around the stack only page tables can help: both are enforced at run time or not at all. A
 * stock hvt guest has neither, its heap follows _end and its stack grows down into the heap, but no file shows it; so the
 * outcome there is unknown unless the image was hardened.
 */
import * as elf from '../../linker/elf.ts';
import type { Finding } from '../finding.ts';
import { type Report, type Rule, reporter } from '../rule.ts';
import { PAGE, permissions, type Subject } from '../subject.ts';

const identity = { id: 'guard-pages', version: 1, title: 'overflows fault before they reach other data' };

interface Pages {
  readonly index: number;
  readonly flags: number;
  readonly from: bigint;
  readonly to: bigint;
}

function byAddress(subject: Subject): Pages[] {
  return subject.loads
    .map(({ index, flags, address, end }) => ({
      index,
      flags,
      from: (address / PAGE) * PAGE,
      to: ((end + PAGE - 1n) / PAGE) * PAGE,
    }))
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
}

function between(subject: Subject, report: Report): Finding {
  const pages = byAddress(subject);
  const open: string[] = [];
  const touching: string[] = [];
  for (let i = 1; i < pages.length; i++) {
    const [before, after] = [pages[i - 1]!, pages[i]!];
    if (before.to < after.from) continue;
    const line = `program header ${before.index} (${permissions(before.flags)}) ends at 0x${before.to.toString(16)}, ${after.index} (${permissions(after.flags)}) begins at 0x${after.from.toString(16)}`;
    if ((before.flags & after.flags & elf.PF_W) !== 0) open.push(line);
    else touching.push(`no unmapped page, but a change of permission: ${line}`);
  }
  if (open.length > 0) {
    return report('fail', 'declared', 'writable segments follow each other without a guard page', [
      ...open,
      ...touching,
    ]);
  }
  return report(
    'pass',
    'declared',
    `no writable segment runs into another; ${pages.length - 1 - touching.length} of ${Math.max(0, pages.length - 1)} borders have an unmapped page`,
    touching,
  );
}

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject, 'stack');
  if (subject.loads.length === 0) return [report('unknown', 'declared', 'no PT_LOAD: check what is linked')];
  const segments = between(subject, reporter(identity, subject, 'segments'));
  if (subject.enforcement !== undefined) {
    const { stack, addresses } = subject.enforcement;
    const guarded = `stage 0 leaves pages absent on both sides of the stack (at most ${stack >> 10} KiB)`;
    const apart = addresses === undefined ? [] : [`image, stack and heap lie apart, anew at every start: ${addresses}`];
    return [segments, report('pass', 'enforced', guarded, apart)];
  }
  const who = {
    solo5: 'Solo5 maps all of memory: without hardening the heap follows .bss and the stack grows down into the heap',
    firmware: 'firmware hands all of memory over as one: without hardening, stack and heap follow .bss',
    kernel: "they are the kernel's and the C library's to provide",
    unknown: 'nothing in the file says who provides them',
  }[subject.loader];
  return [segments, report('unknown', 'enforced', `guards around the stack and behind .bss: ${who}`)];
}

export const guardPages: Rule = { ...identity, run };
