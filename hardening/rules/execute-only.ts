/**
 * Execute-only safety: nothing reads the bytes of text, so that text can be mapped without read permission.
 *
 * Text that cannot be read cannot be searched for gadgets by an attacker who found a read primitive; but a program that
 * keeps constants or jump tables in its text faults on the first of them. Compilers put such data into .rodata, and
 * hand-written assembly often does not (OpenSSL). Three things give it away: data symbols and data sections in
 * executable segments; instructions whose operand names an address in text (relative to RIP, or an absolute 32-bit
 * address in images linked at a fixed one); and addresses of text constants that are read through within a few
 * instructions. What is computed at run time cannot be seen here: a probe run of the program says the rest.
 */

import { printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfSection } from '../../linker/elf-file.ts';
import { machineText } from '../../linker/identify.ts';
import { codeField } from '../code-identity.ts';
import type { TextLoad } from '../code-parts.ts';
import { count, type Finding, MOST_DETAILS } from '../finding.ts';
import { readNotes } from '../notes.ts';
import { type Report, type Rule, reporter } from '../rule.ts';
import { place, type Subject, sectionName } from '../subject.ts';

const identity = { id: 'execute-only', version: 1, title: 'nothing reads text' };

/** OCaml marks where a unit's code begins and ends with symbols that are no data, on some machines typed as objects. */
const marker = /__?code_(begin|end)$|^(_stext|_etext|etext|__executable_start)$/;

function isText(subject: Subject, address: bigint): boolean {
  return subject.code.some((range) => range.address <= address && address < range.address + BigInt(range.bytes.length));
}

function dataSymbols(subject: Subject): string[] {
  return subject.symbols
    .filter(
      (symbol) =>
        symbol.type === elf.STT_OBJECT &&
        symbol.size > 0n &&
        symbol.section > 0 &&
        !marker.test(symbol.name) &&
        isText(subject, symbol.value) &&
        // A data section inside an executable segment is reported once, as a section.
        ((subject.file.sections[symbol.section]?.flags ?? 0) & elf.SHF_EXECINSTR) !== 0,
    )
    .map(({ name, value, size }) => `data symbol ${printable(name, 60)}: ${size} bytes at 0x${value.toString(16)}`);
}

/**
 * Data between code on AArch64, where the assembler marks its beginning with `$d` and that of code with `$x`.
 * Source: AAELF64 2023Q3, 5.5.5 "Mapping symbols".
 */
function markedData(subject: Subject): string[] {
  const { file } = subject;
  if (file.header.machine !== elf.EM_AARCH64 || file.header.type === elf.ET_REL) return [];
  const marks = subject.symbols
    .filter(({ name, section }) => /^\$[dx](\.|$)/.test(name) && isCode(file.sections[section]))
    .sort((a, b) => a.section - b.section || (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  return marks.flatMap((mark, i) => {
    if (!mark.name.startsWith('$d') || !isText(subject, mark.value)) return [];
    const { address, size } = file.sections[mark.section]!;
    const next = marks[i + 1];
    const end = next?.section === mark.section ? next.value : address + BigInt(size);
    return end > mark.value ? [`data that $d marks: ${end - mark.value} bytes at 0x${mark.value.toString(16)}`] : [];
  });
}

const isCode = (section: ElfSection | undefined): boolean =>
  section !== undefined && (section.flags & elf.SHF_ALLOC) !== 0 && (section.flags & elf.SHF_EXECINSTR) !== 0;

/** Notes and the interpreter's name are for loaders, not for code; what only says that it is one must look like it. */
function isForLoaders({ name, type, data, align }: ElfSection): boolean {
  if (type === elf.SHT_NOTE) return readNotes(data, align).problem === undefined;
  return name === '.interp' && /^[\x20-\x7e]{1,255}\0{1,16}$/.test(Buffer.from(data).toString('latin1'));
}

/** Sections of data that a loader maps executable. */
function dataSections(subject: Subject): string[] {
  return subject.file.sections
    .filter(
      (section) =>
        (section.flags & elf.SHF_ALLOC) !== 0 &&
        (section.flags & elf.SHF_EXECINSTR) === 0 &&
        section.type !== elf.SHT_NOBITS &&
        section.size > 0 &&
        isText(subject, section.address) &&
        !isForLoaders(section),
    )
    .map((section) => `section ${sectionName(section)}: ${section.size} bytes of data in an executable segment`);
}

function dataInText(subject: Subject, report: Report): Finding {
  const data = [...dataSections(subject), ...dataSymbols(subject), ...markedData(subject)];
  if (data.length > 0)
    return report('fail', 'declared', `${count(data.length, 'piece')} of data in executable memory`, data);
  return subject.stripped && subject.file.sections.length === 0
    ? report('unknown', 'declared', 'data in text: no sections and no symbols to tell it by')
    : report('pass', 'declared', 'no section or symbol of data in executable memory');
}

function lineOf(subject: Subject, { at, target, how }: TextLoad): string {
  return `${place(subject, at)} reads ${place(subject, target)}${how === 'loaded' ? ', whose address it was given' : ''}`;
}

/** The lines of the first few, and how many there are in all. */
function linesOf(subject: Subject, loads: readonly TextLoad[]): [lines: string[], total: number] {
  return [loads.slice(0, MOST_DETAILS).map((load) => lineOf(subject, load)), loads.length];
}

const codeOf = (subject: Subject, loads: readonly TextLoad[]): ReturnType<typeof codeField> =>
  codeField(
    subject,
    loads.map(({ at }) => at),
  );

function loads(subject: Subject, report: Report): Finding {
  const facts = subject.facts();
  if (!facts.decoded) {
    const machine = subject.file.header.machine;
    const why =
      subject.file.header.type === elf.ET_REL
        ? 'operands of a relocatable file have no addresses yet; check what is linked'
        : `code of ${machineText(machine)} is not decoded`;
    return report('unknown', 'declared', `loads from text: ${why}`);
  }
  const how =
    subject.functions.length > 0
      ? `in step with ${count(subject.functions.length, 'function symbol')}`
      : 'linearly, without symbols';
  const swept = `${count(facts.instructions, 'instruction')} decoded ${how}`;
  if (facts.textLoads.length > 0) {
    const message = `${count(facts.textLoads.length, 'instruction')} ${facts.textLoads.length === 1 ? 'reads' : 'read'} text; ${swept}`;
    return {
      ...report('fail', 'declared', message, ...linesOf(subject, facts.textLoads)),
      ...codeOf(subject, facts.textLoads),
    };
  }
  if (facts.possibleTextLoads.length > 0) {
    const message = `${count(facts.possibleTextLoads.length, 'operand')} with a register may lie in text; ${swept}`;
    return {
      ...report('unknown', 'declared', message, ...linesOf(subject, facts.possibleTextLoads)),
      ...codeOf(subject, facts.possibleTextLoads),
    };
  }
  if (facts.invalid.count > 0) {
    return report(
      'unknown',
      'declared',
      `${count(facts.invalid.count, 'byte')} of text that no instruction begins with: data, or the sweep out of step; ${swept}`,
      facts.invalid.first.map((at) => place(subject, at)),
    );
  }
  return report('pass', 'declared', `no instruction's operand lies in text; ${swept}`);
}

/**
 * Whether the image's own page tables keep text from being read. Which of the two ways a machine has is known only when
 * it runs; an image that halts on a machine with neither is enforced on every machine that it runs on.
 */
function enforced(subject: Subject, report: Report): Finding[] {
  const { enforcement } = subject;
  if (enforcement === undefined) return [];
  const open = enforcement.regions.find(({ kind }) => kind === 'read-execute');
  if (open !== undefined) {
    return [report('fail', 'enforced', `page tables let text at 0x${open.start.toString(16)} be read`)];
  }
  if (subject.file.header.machine === elf.EM_RISCV)
    return [
      report('pass', 'enforced', 'by page tables that let text be executed alone (undoable by a write of sstatus.MXR)'),
    ];
  if (enforcement.requires.includes('pku'))
    return [report('pass', 'enforced', 'by protection keys, without which it halts')];
  const how = 'by protection keys (PKU), else by SMAP, which is undoable by popf or stac';
  if (enforcement.requires.includes('xom'))
    return [report('pass', 'enforced', `${how}; on a machine with neither it halts`)];
  return [
    report('unknown', 'enforced', `${how}; on a machine with neither, not at all (harden with --require xom or pku)`),
  ];
}

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject);
  if (subject.code.length === 0) return [report('unknown', 'declared', 'the file has no executable bytes')];
  return [
    dataInText(subject, reporter(identity, subject, 'data')),
    loads(subject, reporter(identity, subject, 'loads')),
    ...enforced(subject, reporter(identity, subject, 'page tables')),
  ];
}

export const executeOnly: Rule = { ...identity, run };
