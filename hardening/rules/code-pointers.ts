/**
 * Writable tables of code pointers: addresses of code that an overflow or a stray write can change.
 *
 * The interrupt descriptor table is the most valuable of them: one write and the next exception runs an attacker's code
 * in ring 0. Bindings build it at run time in .bss, from where nobody moves it to read-only memory; it is found by its
 * symbol, or from the operand of LIDT. Other tables are words in writable memory that equal the start of a function:
 * vtables and callbacks that belong into .data.rel.ro or .rodata. They are counted, not judged one by one: what is
 * mutable by design (an OCaml heap image is full of closures) has no better place.
 */
import { printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import { viewOf } from '../../linker/elf-file.ts';
import { count, type Finding, MOST_DETAILS } from '../finding.ts';
import { type Report, type Rule, reporter } from '../rule.ts';
import { loadAt, PAGE, place, type Subject } from '../subject.ts';

const identity = { id: 'code-pointers', version: 1, title: 'tables of code addresses are read-only' };

const idtName = /^((cpu_)?idt(_?table|64)?(\.\d+)?|hvt_gates)$/i;
const RELATIVE = new Map([
  [elf.EM_X86_64, 8],
  [elf.EM_RISCV, 3],
  [elf.EM_AARCH64, 1027],
]);

/** A test whether an address is writable once PT_GNU_RELRO is applied. */
function writableTest(subject: Subject): (address: bigint) => boolean {
  const relro = subject.file.segments
    .filter(({ type }) => type === elf.PT_GNU_RELRO)
    .slice(0, 8)
    .map(
      ({ address, memorySize }) => [(address / PAGE) * PAGE, ((address + BigInt(memorySize)) / PAGE) * PAGE] as const,
    );
  return (address) => {
    const load = loadAt(subject, address);
    if (load === undefined || (load.flags & elf.PF_W) === 0) return false;
    return !relro.some(([from, to]) => from <= address && address < to);
  };
}

/** The IDT's address that the table pointer of a LIDT holds in the file: u16 limit, u64 base. */
function baseFromPointer(subject: Subject, pointer: bigint): bigint | undefined {
  const load = loadAt(subject, pointer);
  if (load === undefined) return undefined;
  const at = Number(pointer - load.address);
  if (at + 10 > load.data.length) return undefined;
  const base = viewOf(load.data).getBigUint64(at + 2, true);
  return base === 0n ? undefined : base;
}

function descriptorTable(subject: Subject, report: Report): Finding[] {
  if (subject.loader === 'kernel' || subject.file.header.machine !== elf.EM_X86_64) return [];
  const writable = writableTest(subject);
  const named = subject.symbols
    .filter(({ name, type, section }) => type === elf.STT_OBJECT && section > 0 && idtName.test(name))
    .map(({ name, value }) => ({ what: printable(name, 60), address: value }));
  const loaded = subject.facts().lidtOperands.flatMap((pointer) => {
    const address = baseFromPointer(subject, pointer);
    return address === undefined ? [] : [{ what: `operand of LIDT at ${place(subject, pointer)}`, address }];
  });
  const all = [...named, ...loaded];
  const open = all.filter(({ address }) => writable(address));
  const lines = open.map(({ what, address }) => `${what}: ${place(subject, address)}`);
  if (open.length > 0)
    return [report('fail', 'declared', `the interrupt descriptor table is in writable memory: ${lines[0]}`, lines)];
  if (all.length > 0) return [report('pass', 'declared', 'the interrupt descriptor table is in read-only memory')];
  return [
    report('unknown', 'declared', 'no interrupt descriptor table was found by symbol or by a fixed operand of LIDT'),
  ];
}

type Word = readonly [address: bigint, value: bigint];

/** Aligned words of writable memory as the file has them. */
function* storedWords(subject: Subject): Generator<Word> {
  for (const load of subject.loads) {
    if ((load.flags & elf.PF_W) === 0) continue;
    const view = viewOf(load.data);
    const skew = Number((8n - (load.address & 7n)) & 7n);
    for (let at = skew; at + 8 <= load.data.length; at += 8) {
      if (view.getUint32(at, true) === 0 && view.getUint32(at + 4, true) === 0) continue;
      yield [load.address + BigInt(at), view.getBigUint64(at, true)];
    }
  }
}

/** What a file has at `address`. */
function storedAt(subject: Subject, address: bigint): bigint | undefined {
  const load = loadAt(subject, address);
  const at = load === undefined ? 0 : Number(address - load.address);
  return load === undefined || at + 8 > load.data.length ? undefined : viewOf(load.data).getBigUint64(at, true);
}

/** Words that relative relocations fill: RELA with its addends, RELR over what is stored. */
function* relocatedWords(subject: Subject): Generator<Word> {
  const relative = RELATIVE.get(subject.file.header.machine);
  // No word is relocated twice, so bitmaps that name more words than are mapped were made to cost us.
  let left = subject.loads.reduce((sum, { data }) => sum + data.length / 8, 0);
  for (const { type, data, flags } of subject.file.sections) {
    if ((flags & elf.SHF_ALLOC) === 0) continue;
    const view = viewOf(data);
    if (type === elf.SHT_RELA) {
      for (let at = 0; at + elf.RELA_SIZE <= data.length; at += elf.RELA_SIZE) {
        if (view.getUint32(at + 8, true) !== relative) continue;
        yield [view.getBigUint64(at, true), view.getBigUint64(at + 16, true)];
      }
    }
    if (type !== elf.SHT_RELR) continue;
    let next = 0n;
    for (let at = 0; at + 8 <= data.length && left > 0; at += 8) {
      // An even entry is an address; an odd one a bitmap over the 63 words that follow.
      const entry = view.getBigUint64(at, true);
      const bits = (entry & 1n) === 0n ? 1n : entry >> 1n;
      if ((entry & 1n) === 0n) next = entry;
      for (let i = 0n; bits >> i > 0n; i++) {
        if (((bits >> i) & 1n) === 0n) continue;
        left--;
        const value = storedAt(subject, next + 8n * i);
        if (value !== undefined) yield [next + 8n * i, value];
      }
      next += (entry & 1n) === 0n ? 8n : 63n * 8n;
    }
  }
}

/** In a file that is loaded anywhere, a stored number is an address only where a relocation says so. */
function* writableWords(subject: Subject): Generator<Word> {
  const movable = subject.file.header.type === elf.ET_DYN && subject.file.sections.length > 0;
  if (!movable) yield* storedWords(subject);
  yield* relocatedWords(subject);
}

function tables(subject: Subject, report: Report): Finding {
  const writable = writableTest(subject);
  const starts = new Map(subject.functions.map(({ address, name }) => [address, name]));
  // Exported functions alone are no basis: in a stripped file any address of code may be a function's.
  const known = !subject.stripped && starts.size > 0;
  const isCode = (value: bigint): boolean =>
    known
      ? starts.has(value)
      : subject.code.some(({ address, bytes }) => address <= value && value < address + BigInt(bytes.length));
  const found = new Map<bigint, bigint>();
  for (const [address, value] of writableWords(subject)) {
    if (isCode(value) && writable(address)) found.set(address, value);
  }
  const sorted = [...found].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const neighbours = sorted.filter(([address]) => found.has(address + 8n) || found.has(address - 8n)).length;
  const lines = sorted
    .slice(0, MOST_DETAILS)
    .map(([at, value]) => `${place(subject, at)} holds ${place(subject, value)}`);
  const what = known ? 'that equal the start of a function' : 'in executable memory (no function symbols)';
  const text = `${count(found.size, 'word')} of writable memory ${what}, ${neighbours} of them next to another`;
  if (found.size === 0)
    return report(
      'pass',
      'declared',
      `no word of writable memory holds ${known ? 'the start of a function' : 'an address of executable memory'}`,
    );
  return report(known ? 'fail' : 'unknown', 'declared', text, lines, found.size);
}

function run(subject: Subject): readonly Finding[] {
  const report = reporter(identity, subject);
  if (subject.loads.length === 0) return [report('unknown', 'declared', 'no PT_LOAD: check what is linked')];
  return [
    ...descriptorTable(subject, reporter(identity, subject, 'descriptor table')),
    tables(subject, reporter(identity, subject, 'words')),
  ];
}

export const codePointers: Rule = { ...identity, run };
