/**
 * Privilege gadgets: no bytes in executable memory that, jumped to, undo what protects the guest.
 *
 * A unikernel runs in ring 0, where one instruction switches protections off: a write of CR3 or CR4, of an MSR, of PKRU,
 * of a descriptor table. x86 instructions begin at any byte, so every byte is looked at, reachable or not. Instructions
 * that set EFLAGS.AC (STAC, POPF, IRET) are counted apart: they undo execute-only text where SMAP makes it, and nothing
 * where protection keys do, which the image cannot know: unknown until a policy asks for keys.
 *
 * The bindings' own sites are allowed by function (bindings-sites.ts) and shown. A file that a kernel loads as a user's
 * program is asked for the instructions that work in ring 3 alone.
 */
import { EM_RISCV, EM_X86_64, ET_REL } from '../../linker/elf.ts';
import { machineText } from '../../linker/identify.ts';
import { sweep } from '../../machine/decode-x86-64.ts';
import { allowedKinds } from '../bindings-sites.ts';
import { codeField } from '../code-identity.ts';
import { count, type Finding, MOST_DETAILS } from '../finding.ts';
import { findCsrWrites } from '../gadgets-riscv64.ts';
import { findGadgets, type GadgetKind, gadgetClass, userKinds } from '../gadgets-x86-64.ts';
import { type Report, type Rule, reporter } from '../rule.ts';
import { type CodeRange, type FunctionBounds, functionAt, place, type Subject } from '../subject.ts';

const identity = { id: 'privilege-gadgets', version: 1, title: 'no instruction that undoes protections' };

interface Site {
  readonly address: bigint;
  readonly kind: string;
  readonly allowed: boolean;
}

/** "mov cr 1, wrmsr 4": how many of each kind, the frequent ones first. */
function tally(sites: readonly Site[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of sites) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .map(([kind, n]) => `${kind} ${n}`)
    .join(', ');
}

/** Whether the opcode at `address` belongs to an instruction of `within` that begins at or, by its prefixes, just before it. */
function isIntended(range: CodeRange, within: FunctionBounds, address: bigint): boolean {
  const start = Number(within.address - range.address);
  const at = Number(address - within.address);
  const bytes = range.bytes.subarray(start, start + Math.min(within.size, 65_536));
  let intended = false;
  sweep(bytes, within.address, [], (_, offset, length) => {
    if (offset > at || at >= offset + length) return;
    const prefixes = bytes.subarray(offset, at);
    intended = prefixes.every(
      (byte) => (byte >= 0x40 && byte <= 0x4f) || byte === 0x66 || byte === 0xf2 || byte === 0xf3,
    );
  });
  return intended;
}

function isAllowed(subject: Subject, range: CodeRange, address: bigint, kind: GadgetKind): boolean {
  if (subject.loader !== 'solo5') return false;
  const within = functionAt(subject.functions, address);
  return within !== undefined && allowedKinds(within.name).includes(kind) && isIntended(range, within, address);
}

function sitesX86(subject: Subject): { protection: Site[]; flags: Site[] } {
  const sites = { protection: [] as Site[], flags: [] as Site[] };
  for (const range of subject.code) {
    for (const { offset, kind } of findGadgets(range.bytes)) {
      if (subject.loader === 'kernel' && !userKinds.has(kind)) continue;
      // Solo5's tenders leave EFER.SCE off, so SYSRET is an invalid opcode; to switch it on takes WRMSR, which is counted.
      if (subject.loader === 'solo5' && kind === 'sysret') continue;
      const address = range.address + BigInt(offset);
      const allowed = isAllowed(subject, range, address, kind);
      sites[gadgetClass(kind)].push({ address, kind, allowed });
    }
  }
  return sites;
}

function sitesRiscV(subject: Subject): Site[] {
  if (subject.loader === 'kernel') return [];
  return subject.code.flatMap((range) =>
    findCsrWrites(range.bytes, Number(range.address & 1n)).map(({ offset, register }) => ({
      address: range.address + BigInt(offset),
      kind: `write of ${register}`,
      allowed: false,
    })),
  );
}

function found(
  subject: Subject,
  report: Report,
  sites: readonly Site[],
  bad: 'fail' | 'unknown',
  what: string,
): Finding {
  const open = sites.filter(({ allowed }) => !allowed);
  const allowed = sites.filter((site) => site.allowed);
  const size = subject.code.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const scanned = `${size} bytes of code${subject.loader === 'kernel' ? ', as a user program' : ''}`;
  const shown =
    allowed.length > 0 ? `; ${count(allowed.length, 'site')} of the bindings allowed (${tally(allowed)})` : '';
  const lines = [...open, ...allowed]
    .slice(0, MOST_DETAILS)
    .map(({ address, kind, allowed: may }) => `${may ? 'allowed: ' : ''}${kind} at ${place(subject, address)}`);
  if (open.length === 0)
    return report('pass', 'declared', `no site ${what}, in ${scanned}${shown}`, lines, sites.length);
  const hint =
    subject.stripped && subject.loader === 'solo5' ? "; without symbols the bindings' own cannot be told apart" : '';
  const message = `${count(open.length, 'site')} ${what} (${tally(open)}), in ${scanned}${shown}${hint}`;
  const at = open.map(({ address }) => address);
  return { ...report(bad, 'declared', message, lines, sites.length), ...codeField(subject, at) };
}

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject, 'protection');
  const reportFlags = reporter(identity, subject, 'EFLAGS.AC');
  const { machine, type } = subject.file.header;
  if (subject.code.length === 0) return [report('unknown', 'declared', 'the file has no executable bytes')];
  const undoes = 'of instructions that change page tables, keys, descriptor tables or bases';
  if (machine === EM_RISCV)
    return [
      found(subject, report, sitesRiscV(subject), 'fail', 'of writes to control registers that hold protections'),
    ];
  if (machine !== EM_X86_64) return [report('unknown', 'declared', `code of ${machineText(machine)} is not scanned`)];
  const sites = sitesX86(subject);
  const findings = [found(subject, report, sites.protection, 'fail', undoes)];
  if (subject.enforcement?.requires.includes('pku')) {
    const sum = `${count(sites.flags.length, 'site')} of instructions that can set EFLAGS.AC`;
    findings.push(
      reportFlags('pass', 'enforced', `${sum} undo nothing: the image halts on a machine without protection keys`),
    );
  } else if (subject.loader !== 'kernel') {
    const setsAc = 'of instructions that can set EFLAGS.AC: undoes execute-only text by SMAP, not by protection keys';
    findings.push(found(subject, reportFlags, sites.flags, 'unknown', setsAc));
  }
  if (type === ET_REL) {
    findings.push(
      reporter(identity, subject, 'relocatable')(
        'unknown',
        'declared',
        'a relocatable file: linking writes bytes that were not there to be scanned',
      ),
    );
  }
  return findings;
}

export const privilegeGadgets: Rule = { ...identity, run };
