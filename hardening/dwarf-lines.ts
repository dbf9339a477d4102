/**
 * Source lines of instructions, from DWARF: .debug_line of a linked image.
 *
 * Each unit is a program for a small machine that writes rows of addresses, files and lines; a sequence of rows covers
 * the code from its first address up to its last. What is here runs all of them when the first address is asked about.
 *
 * A wrong line is worse than none, and debug information may describe another image than the one it is in: a slide moves
 * code and leaves .debug_line as it was. So a line is only said of an instruction in a function that symbols name and
 * that has a row of its own at its first instruction, of an image that does not say it was moved, and where no two
 * sequences contradict each other. A unit that cannot be read gives no lines, nor does anything behind a length that
 * cannot be true. Compressed sections are not read.
 *
 * Source: DWARF 5, section 6.2; versions 2 to 5.
 */
import { SHF_COMPRESSED } from '../linker/elf.ts';
import type { ElfFile } from '../linker/elf-file.ts';
import { type Cursor, leb, signedLeb, Unreadable, unitOf, unsigned } from './dwarf-cursor.ts';
import { fileEntry, fileName, type LineHeader, readLineHeader } from './dwarf-line-header.ts';
import { HEADER, KIND_INFO, SHT_CASEMATE_SLIDE } from './slide/codec.ts';
import { functionAt, type Subject } from './subject.ts';

export interface SourceLine {
  /** As the compiler was given it. Not printable as it stands. */
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
}

/** The line of the instruction at an address; undefined: nobody knows. */
export type LineAt = (address: number) => SourceLine | undefined;

/** Rows of one sequence, at least two; the last one ends it. */
interface Sequence {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
  readonly unit: Unit;
}

interface Unit {
  readonly header: LineHeader;
  readonly defined: ReturnType<typeof fileEntry>[];
}

/** Rows of all sequences, one after another. */
interface Rows {
  readonly addresses: number[];
  readonly files: number[];
  readonly lines: number[];
}

interface Lines extends Rows {
  readonly sequences: Sequence[];
}

const MOST_ROWS = 8_000_000;
/** Code lies below. */
const FARTHEST = 2 ** 52;
const MOST_LINES = 2 ** 31;

/** One sequence while it is written. */
interface Registers {
  address: number;
  file: number;
  line: number;
  /** Where its rows begin. */
  from: number;
  /** Addresses go up, and are ones. */
  isOrdered: boolean;
}

const begun = (from: number): Registers => ({ address: 0, file: 1, line: 1, from, isOrdered: true });

function writeRow({ addresses, files, lines }: Lines, registers: Registers): void {
  const { address, file, line, from } = registers;
  if (addresses.length >= MOST_ROWS) throw new TooMany();
  if (!(address < FARTHEST) || (addresses.length > from && addresses.at(-1)! > address)) registers.isOrdered = false;
  addresses.push(address);
  files.push(file);
  // A line that cannot be is none.
  lines.push(line > 0 && line < MOST_LINES ? line : 0);
}

/** There is no end of rows: then nothing is known of any. */
class TooMany extends Error {}

/** Forgets rows from one on. */
function cut(lines: Lines, from: number): void {
  for (const column of [lines.addresses, lines.files, lines.lines]) column.length = from;
}

function endSequence(lines: Lines, unit: Unit, registers: Registers): void {
  writeRow(lines, registers);
  const { from, isOrdered } = registers;
  const to = lines.addresses.length;
  const [start, end] = [lines.addresses[from]!, lines.addresses[to - 1]!];
  if (isOrdered && start < end) lines.sequences.push({ from, to, start, end, unit });
  else cut(lines, from);
}

/** An opcode of several bytes; whether the sequence ends. */
function extended(program: Cursor, unit: Unit, registers: Registers): boolean {
  const length = leb(program);
  const end = program.at + length;
  if (length === 0 || end > program.data.length) throw new Unreadable('an opcode ends outside of its unit');
  const opcode = unsigned(program, 1);
  // Other sizes of addresses are other machines'.
  if (opcode === 2) registers.address = length === 9 ? unsigned(program, 8) : Number.NaN;
  else if (opcode === 3) unit.defined.push(fileEntry(program));
  if (program.at > end) throw new Unreadable('an opcode is longer than it says');
  program.at = end;
  return opcode === 1;
}

/** Opcodes that all units define. */
function standard(opcode: number, program: Cursor, { header }: Unit, registers: Registers): void {
  switch (opcode) {
    case 2:
      registers.address += leb(program) * header.least;
      return;
    case 3:
      registers.line += signedLeb(program);
      return;
    case 4:
      registers.file = leb(program);
      return;
    case 8:
      registers.address += Math.floor((255 - header.opcodeBase) / header.lineRange) * header.least;
      return;
    case 9:
      registers.address += unsigned(program, 2);
      return;
    default:
      for (let i = 0; i < header.operands[opcode - 1]!; i++) leb(program);
  }
}

/** Runs the program of a unit. */
function runProgram(program: Cursor, unit: Unit, lines: Lines): void {
  const { opcodeBase, lineBase, lineRange, least } = unit.header;
  let registers = begun(lines.addresses.length);
  while (program.at < program.data.length) {
    const opcode = unsigned(program, 1);
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      registers.address += Math.floor(adjusted / lineRange) * least;
      registers.line += lineBase + (adjusted % lineRange);
      writeRow(lines, registers);
    } else if (opcode === 1) writeRow(lines, registers);
    else if (opcode !== 0) standard(opcode, program, unit, registers);
    else if (extended(program, unit, registers)) {
      endSequence(lines, unit, registers);
      registers = begun(lines.addresses.length);
    }
  }
}

/** All rows of a file; undefined where there is no table, or none that is read. */
function readLines(file: ElfFile): Lines | undefined {
  const named = (name: string) => file.sections.find((section) => section.name === name);
  const section = named('.debug_line');
  if (section === undefined || (section.flags & SHF_COMPRESSED) !== 0) return undefined;
  const data = (name: string): Uint8Array => named(name)?.data ?? new Uint8Array(0);
  const names = { strings: data('.debug_str'), lineStrings: data('.debug_line_str') };
  const lines: Lines = { addresses: [], files: [], lines: [], sequences: [] };
  const whole: Cursor = { data: section.data, at: 0 };
  try {
    while (whole.at + 4 <= whole.data.length) {
      const { unit: program, offsetSize } = unitOf(whole);
      const [rows, sequences] = [lines.addresses.length, lines.sequences.length];
      try {
        runProgram(program, { header: readLineHeader(program, offsetSize, names), defined: [] }, lines);
        // What no end was written for covers nothing.
        cut(lines, lines.sequences.at(-1)?.to ?? 0);
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        cut(lines, rows);
        lines.sequences.length = sequences;
      }
    }
  } catch (error) {
    if (error instanceof TooMany) return undefined;
    if (!(error instanceof Unreadable)) throw error;
  }
  return lines;
}

/** The last row at or before an address, of a sequence that covers it. */
function rowAt({ addresses }: Rows, { from, to }: Sequence, address: number): number {
  let [low, high] = [from, to - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (addresses[middle]! <= address) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The image says that it was moved after it was linked: debug information says where its code was. */
const wasMoved = ({ sections }: ElfFile): boolean =>
  sections.some(({ type, data }) => type === SHT_CASEMATE_SLIDE && (data.length < HEADER || data[5] !== KIND_INFO));

const same = (a: SourceLine | undefined, b: SourceLine | undefined): boolean =>
  a?.file === b?.file && a?.line === b?.line;

/** What a sequence says of an instruction in a function that begins at `start`. */
function lineIn(lines: Lines, sequence: Sequence, start: number, address: number): SourceLine | undefined {
  if (start < sequence.start || lines.addresses[rowAt(lines, sequence, start)] !== start) return undefined;
  const row = rowAt(lines, sequence, address);
  const line = lines.lines[row]!;
  const file = fileName(sequence.unit.header, lines.files[row]!, sequence.unit.defined);
  return line === 0 || file === undefined ? undefined : { file, line };
}

/** Source lines of an image's instructions. Nothing in the image makes this fail: what is not understood has no line. */
export function sourceLines({ file, functions }: Pick<Subject, 'file' | 'functions'>): LineAt {
  let lines: Lines | undefined | null = null;
  return (address) => {
    if (lines === null) lines = wasMoved(file) ? undefined : readLines(file);
    const within = functionAt(functions, BigInt(Math.floor(address)));
    if (lines === undefined || within === undefined) return undefined;
    const covering = lines.sequences.filter(({ start, end }) => start <= address && address < end);
    const found = covering.map((sequence) => lineIn(lines!, sequence, Number(within.address), address));
    return found.every((one) => same(one, found[0])) ? found[0] : undefined;
  };
}
