/**
 * What the rules want to know about RISC-V code, gathered in one sweep over all of it.
 *
 * A RISC-V instruction holds no address: code makes one of AUIPC (or LUI, in an image at a fixed place) and an offset in
 * the instructions that follow, or counts from the global pointer. So the sweep follows which registers hold an address
 * that is known, until they are overwritten or control leaves; a load through one of them that lies in text is a read
 * of text. After a call only the registers are known that the callee preserves. What is computed out of values in
 * memory is not found here, and the rule says so.
 *
 * Lengths of instructions follow from their first bits, and functions' symbols begin anew, so that the sweep is in step
 * wherever there is code.
 */
import { ET_EXEC } from '../linker/elf.ts';
import { createInstruction, decodeRiscv64, GP, type Instruction, Kind, S0, SP } from '../machine/decode-riscv64.ts';
import {
  addressesOf,
  type CodeFacts,
  codeParts,
  type FunctionFacts,
  keep,
  MOST_INVALID,
  noFacts,
  startsIn,
  type TextLoad,
} from './code-parts.ts';
import type { CodeRange, FunctionBounds, Subject } from './subject.ts';

/** How a register's value came about: by AUIPC or LUI alone, or by an addition to such a one. */
const UNKNOWN = 0;
const PAGE_OF = 1;
const ADDRESS = 2;

/** s0, s1 and s2 to s11, which a callee preserves (RISC-V calling convention). */
const preserved = new Set([8, 9, ...Array.from({ length: 10 }, (_, i) => 18 + i)]);

interface Sweep {
  readonly subject: Subject;
  readonly part: CodeRange;
  /** Text and what else is asked for, as distances from the part's address, which are exact in doubles. */
  readonly text: readonly (readonly [number, number])[];
  readonly guard: number;
  readonly failure: ReadonlySet<number>;
  readonly globalPointer: number;
  /** Distance of address 0, where LUI's values count from; NaN in an image that may lie anywhere. */
  readonly zero: number;
  readonly known: Uint8Array;
  readonly value: Float64Array;
}

interface Gathered {
  readonly functions: FunctionFacts[];
  readonly textLoads: TextLoad[];
  readonly invalid: bigint[];
  instructions: number;
  invalidCount: number;
  canaryReads: number;
}

function distance(address: bigint, part: CodeRange): number {
  return Number(address - part.address);
}

function startSweep(subject: Subject, part: CodeRange): Sweep {
  const at = (name: string): number[] => addressesOf(subject, name).map((address) => distance(address, part));
  return {
    subject,
    part,
    text: subject.code.map(({ address, bytes }) => {
      const start = distance(address, part);
      return [start, start + bytes.length] as const;
    }),
    guard: at('__stack_chk_guard')[0] ?? Number.NaN,
    failure: new Set(at('__stack_chk_fail')),
    globalPointer: at('__global_pointer$')[0] ?? Number.NaN,
    zero: subject.file.header.type === ET_EXEC ? distance(0n, part) : Number.NaN,
    known: new Uint8Array(32),
    value: new Float64Array(32),
  };
}

/** Nothing is known of any register but those that never change. */
function forget({ known, value, globalPointer }: Sweep): void {
  known.fill(UNKNOWN);
  if (Number.isNaN(globalPointer)) return;
  known[GP] = ADDRESS;
  value[GP] = globalPointer;
}

function forgetCallers({ known }: Sweep): void {
  for (let register = 1; register < 32; register++) {
    if (register !== GP && !preserved.has(register)) known[register] = UNKNOWN;
  }
}

function give({ known, value }: Sweep, register: number, how: number, address: number): void {
  // The zero register holds none, and what loads the global pointer is what is known of it already.
  if (register === 0 || register === GP) return;
  known[register] = Number.isNaN(address) ? UNKNOWN : how;
  value[register] = address;
}

function isText({ text }: Sweep, at: number): boolean {
  return text.some(([start, end]) => start <= at && at < end);
}

function load(s: Sweep, g: Gathered, { rd, rs1, imm }: Instruction, at: number, fact: FunctionFacts | undefined): void {
  if (s.known[rs1] !== UNKNOWN) {
    const target = s.value[rs1]! + imm;
    if (target === s.guard) {
      g.canaryReads++;
      if (fact) fact.canary = true;
    }
    if (isText(s, target)) {
      const how = s.known[rs1] === PAGE_OF ? 'direct' : 'loaded';
      keep(g.textLoads, { at: s.part.address + BigInt(at), target: s.part.address + BigInt(target), how });
    }
  }
  give(s, rd, UNKNOWN, Number.NaN);
}

function add(s: Sweep, { rd, rs1, imm }: Instruction, fact: FunctionFacts | undefined, framePointer: boolean): void {
  if (rs1 === SP && rd === SP && imm < 0 && fact) fact.frame = true;
  const ofFrame = rs1 === SP || (rs1 === S0 && framePointer);
  if (ofFrame && rd !== SP && rd !== S0 && fact) fact.frameAddress = true;
  const how = s.known[rs1]!;
  if (rs1 === 0 || how === UNKNOWN) give(s, rd, UNKNOWN, Number.NaN);
  else give(s, rd, imm === 0 ? how : ADDRESS, s.value[rs1]! + imm);
}

/** Where a jump goes, as a distance; NaN when that is not known. */
function jumpTarget({ known, value }: Sweep, { kind, rs1, imm }: Instruction, at: number): number {
  if (kind === Kind.jal) return at + imm;
  return known[rs1] === UNKNOWN ? Number.NaN : value[rs1]! + imm;
}

function jump(
  s: Sweep,
  instruction: Instruction,
  at: number,
  fact: FunctionFacts | undefined,
  within: FunctionBounds | undefined,
): void {
  const target = jumpTarget(s, instruction, at);
  if (fact && s.failure.has(target)) fact.canary = true;
  if (instruction.rd !== 0) {
    forgetCallers(s);
    return;
  }
  if (fact && within) {
    const start = distance(within.address, s.part);
    // A return, a jump whose target is not known, or one out of the function (a tail call returns for it).
    if (Number.isNaN(target) || target < start || target >= start + within.size) fact.returns = true;
  }
  forget(s);
}

function gather(s: Sweep, g: Gathered): void {
  const { subject, part } = s;
  const { bytes } = part;
  const { offsets, first } = startsIn(subject, part);
  const instruction = createInstruction();
  let current = -1;
  let framePointer = false;
  forget(s);
  for (let at = 0; at < bytes.length; ) {
    while (current + 1 < offsets.length && offsets[current + 1]! <= at) {
      current++;
      framePointer = false;
      forget(s);
    }
    const fact = current >= 0 ? g.functions[first + current] : undefined;
    decodeRiscv64(bytes, at, instruction);
    const { kind, rd, rs1, imm, length } = instruction;
    g.instructions++;
    switch (kind) {
      case Kind.invalid:
        g.invalidCount++;
        if (g.invalid.length < MOST_INVALID) g.invalid.push(part.address + BigInt(at));
        forget(s);
        break;
      case Kind.auipc:
        give(s, rd, PAGE_OF, at + imm);
        break;
      case Kind.lui:
        give(s, rd, PAGE_OF, s.zero + imm);
        break;
      case Kind.addi:
        add(s, instruction, fact, framePointer);
        // addi s0, sp, size of frame: from here on s0 names the frame.
        if (rd === S0 && rs1 === SP && imm > 0) framePointer = true;
        break;
      case Kind.load:
        load(s, g, instruction, at, fact);
        break;
      case Kind.jal:
      case Kind.jalr:
        jump(s, instruction, at, fact, subject.functions[first + current]);
        break;
      case Kind.store:
      case Kind.branch:
        break;
      default:
        give(s, rd, UNKNOWN, Number.NaN);
    }
    at = Math.min(at + length, offsets[current + 1] ?? bytes.length);
  }
}

/** Sweeps all code of `subject`, a RISC-V image. */
export function readRiscv64Facts(subject: Subject): CodeFacts {
  const g: Gathered = {
    functions: subject.functions.map(noFacts),
    textLoads: [],
    invalid: [],
    instructions: 0,
    invalidCount: 0,
    canaryReads: 0,
  };
  for (const part of codeParts(subject)) gather(startSweep(subject, part), g);
  return {
    decoded: true,
    instructions: g.instructions,
    invalid: { first: g.invalid, count: g.invalidCount },
    textLoads: g.textLoads,
    possibleTextLoads: [],
    functions: g.functions,
    canaryReads: g.canaryReads,
    lidtOperands: [],
  };
}
