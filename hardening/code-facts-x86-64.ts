/**
 * What the rules want to know about x86-64 code, gathered in one sweep over all of it.
 *
 * A sweep decodes a million instructions in a fraction of a second, but only if it looks at few properties of each: so
 * it happens once for all rules, and what is rare (a memory operand that lies in text, an address of a text constant) is
 * looked into more closely when it is met. Function symbols keep the sweep in step where there are any; without them it
 * is linear, as objdump's, and `invalid` says whether that can be believed: code that was swept without meeting one
 * byte that is no instruction was in step.
 */
import { ET_EXEC } from '../linker/elf.ts';
import { effectsOf, type Instruction, iced, sweep } from '../machine/decode-x86-64.ts';
import { type AddressTracker, createAddressTracker } from './address-tracker.ts';
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

interface Gathering {
  readonly subject: Subject;
  readonly functions: FunctionFacts[];
  readonly textLoads: TextLoad[];
  readonly possible: TextLoad[];
  readonly invalid: bigint[];
  readonly lidt: bigint[];
  readonly guard: bigint | undefined;
  readonly failure: ReadonlySet<bigint>;
  /** [start, end) of executable memory, for the test whether an address is text. */
  readonly text: readonly (readonly [bigint, bigint])[];
  readonly starts: ReadonlySet<bigint>;
  readonly tracker: AddressTracker;
  instructions: number;
  invalidCount: number;
  canaryReads: number;
}

function isText(g: Gathering, address: bigint): boolean {
  return g.text.some(([start, end]) => start <= address && address < end);
}

/** Looks at an instruction with a memory operand; `fact` is its function's. */
function visitMemory(g: Gathering, instruction: Instruction, at: bigint, fact: FunctionFacts | undefined): void {
  const { Register, Code } = iced();
  const relative = instruction.isIpRelMemoryOperand;
  const base = instruction.memoryBase;
  if (!relative && base !== Register.None && instruction.memoryDisplSize < 4) return;
  const segment = instruction.memorySegment;
  const target = relative ? instruction.ipRelMemoryAddress : instruction.memoryDisplacement;
  const fixed = relative || (base === Register.None && instruction.memoryIndex === Register.None);
  if (segment === Register.FS) {
    if (fixed && target === 0x28n) {
      g.canaryReads++;
      if (fact) fact.canary = true;
    }
    return;
  }
  if (segment === Register.GS) return;
  if (fixed && target === g.guard && fact) fact.canary = true;
  if (fixed && instruction.code === Code.Lidt_m1664) keep(g.lidt, target);
  // Only images at a fixed address can name addresses in displacements; elsewhere a displacement is an offset.
  if ((!relative && g.subject.file.header.type !== ET_EXEC) || !isText(g, target)) return;
  if (effectsOf(instruction).readsMemory) {
    keep(fixed || base === Register.None ? g.textLoads : g.possible, { at, target, how: 'direct' });
  } else if (fixed && instruction.code === Code.Lea_r64_m && !g.starts.has(target)) {
    g.tracker.give(instruction.op0Register, target);
  }
}

function visitFrame(instruction: Instruction, fact: FunctionFacts, framePointer: boolean): void {
  const { Code, Register } = iced();
  switch (instruction.code) {
    case Code.Sub_rm64_imm8:
    case Code.Sub_rm64_imm32:
      if (instruction.op0Register === Register.RSP) fact.frame = true;
      return;
    case Code.Lea_r64_m: {
      const base = instruction.memoryBase;
      const ofFrame = base === Register.RSP || (framePointer && base === Register.RBP);
      const to = instruction.op0Register;
      if (ofFrame && to !== Register.RSP && to !== Register.RBP) fact.frameAddress = true;
      return;
    }
    case Code.Mov_r64_rm64:
    case Code.Mov_rm64_r64:
      if (instruction.op1Register === Register.RSP && instruction.op0Register !== Register.RBP) {
        if (instruction.op0Register !== Register.None) fact.frameAddress = true;
      }
      return;
  }
}

/** Whether the instruction returns, or jumps out of `within` (a tail call returns for it). */
function leaves(instruction: Instruction, within: FunctionBounds): boolean {
  const { FlowControl, OpKind } = iced();
  const flow = instruction.flowControl;
  if (flow === FlowControl.Return || flow === FlowControl.IndirectBranch) return true;
  if (flow !== FlowControl.UnconditionalBranch || instruction.op0Kind !== OpKind.NearBranch64) return false;
  const target = instruction.nearBranchTarget;
  return target < within.address || target >= within.address + BigInt(within.size);
}

function gather(g: Gathering, part: CodeRange): void {
  const { Code, Register, OpKind, FlowControl } = iced();
  const { offsets, first } = startsIn(g.subject, part);
  let current = -1;
  let framePointer = false;
  sweep(part.bytes, part.address, offsets, (instruction, offset, length) => {
    g.instructions++;
    while (current + 1 < offsets.length && offsets[current + 1]! <= offset) {
      current++;
      framePointer = false;
      g.tracker.forget();
    }
    const fact = current >= 0 ? g.functions[first + current] : undefined;
    const code = instruction.code;
    if (code === Code.INVALID) {
      g.invalidCount++;
      if (g.invalid.length < MOST_INVALID) g.invalid.push(part.address + BigInt(offset));
      g.tracker.forget();
      return;
    }
    if (g.tracker.active()) {
      for (const target of g.tracker.step(instruction)) {
        keep(g.textLoads, { at: part.address + BigInt(offset), target, how: 'loaded' });
      }
    }
    if (instruction.memoryDisplSize !== 0 || instruction.memoryBase !== Register.None) {
      visitMemory(g, instruction, part.address + BigInt(offset), fact);
    }
    if (fact !== undefined) {
      visitFrame(instruction, fact, framePointer);
      // push %rbp; mov %rsp,%rbp: from here on %rbp names the frame.
      if (instruction.op1Register === Register.RSP && instruction.op0Register === Register.RBP) framePointer = true;
      if (length >= 2 && instruction.op0Kind === OpKind.NearBranch64 && g.failure.has(instruction.nearBranchTarget)) {
        fact.canary = true;
      }
    }
    if (fact !== undefined && leaves(instruction, g.subject.functions[first + current]!)) fact.returns = true;
    if (g.tracker.active() && instruction.flowControl !== FlowControl.Next) g.tracker.flow(instruction.flowControl);
  });
}

/** Sweeps all code of `subject`, an x86-64 image. */
export function readX8664Facts(subject: Subject): CodeFacts {
  const named = (name: string): bigint[] => addressesOf(subject, name);
  const g: Gathering = {
    subject,
    functions: subject.functions.map(noFacts),
    textLoads: [],
    possible: [],
    invalid: [],
    lidt: [],
    guard: named('__stack_chk_guard')[0],
    failure: new Set([...named('__stack_chk_fail'), ...named('__stack_chk_fail_local')]),
    text: subject.code.map(({ address, bytes }) => [address, address + BigInt(bytes.length)] as const),
    starts: new Set(subject.functions.map(({ address }) => address)),
    tracker: createAddressTracker(effectsOf),
    instructions: 0,
    invalidCount: 0,
    canaryReads: 0,
  };
  for (const part of codeParts(subject)) gather(g, part);
  return {
    decoded: true,
    instructions: g.instructions,
    invalid: { first: g.invalid, count: g.invalidCount },
    textLoads: g.textLoads,
    possibleTextLoads: g.possible,
    functions: g.functions,
    canaryReads: g.canaryReads,
    lidtOperands: g.lidt,
  };
}
