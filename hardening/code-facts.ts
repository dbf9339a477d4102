/**
 * What the rules want to know about the code, gathered in one sweep over all of it.
 *
 * A sweep decodes a million instructions in a fraction of a second, but only if it looks at few properties of each: so
 * it happens once for all rules, and what is rare (a memory operand that lies in text, an address of a text constant) is
 * looked into more closely when it is met. Function symbols keep the sweep in step where there are any; without them it
 * is linear, as objdump's, and `invalid` says whether that can be believed: code that was swept without meeting one
 * byte that is no instruction was in step.
 *
 * Only x86-64 is decoded; for other machines `decoded` is false and rules say unknown.
 */
import { EM_X86_64, ET_EXEC, ET_REL, PHDR_SIZE, SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS } from '../linker/elf.ts';
import { effectsOf, type Instruction, iced, sweep } from '../machine/decode-x86-64.ts';
import { type AddressTracker, createAddressTracker } from './address-tracker.ts';
import { type CodeRange, type FunctionBounds, firstFunctionFrom, higher, lower, type Subject } from './subject.ts';

/** A read of executable memory. */
export interface TextLoad {
  /** Of the instruction. */
  readonly at: bigint;
  /** What it reads; for an operand with registers, the constant part. */
  readonly target: bigint;
  /** direct: its operand names the address; loaded: through a register that was given it just before. */
  readonly how: 'direct' | 'loaded';
}

/** What is known of one function, in the order of Subject.functions. */
export interface FunctionFacts {
  /** Compares or reads the canary, or calls __stack_chk_fail. */
  canary: boolean;
  /** Makes room on the stack. */
  frame: boolean;
  /** Takes the address of something in its frame, as code with arrays or pointers to locals must. */
  frameAddress: boolean;
  /** Has a way back to its caller: without one, no return address is there to be protected. */
  returns: boolean;
}

export interface CodeFacts {
  readonly decoded: boolean;
  readonly instructions: number;
  /** Addresses of bytes that are no instruction: the first few, and how many. */
  readonly invalid: { readonly first: readonly bigint[]; readonly count: number };
  readonly textLoads: readonly TextLoad[];
  /** Operands with a register whose displacement lies in text: a table in text, or a large offset. */
  readonly possibleTextLoads: readonly TextLoad[];
  readonly functions: readonly FunctionFacts[];
  /** Whether the code reads %fs:0x28 anywhere: for files without function symbols. */
  readonly canaryReads: number;
  /** Addresses that LIDT instructions name (their table pointer lies there). */
  readonly lidtOperands: readonly bigint[];
}

/** Whether bytes that no section claims are padding: all zero, or all INT3. */
function isPadding(bytes: Uint8Array): boolean {
  const first = bytes[0];
  return (first === 0 || first === 0xcc) && bytes.every((byte) => byte === first);
}

/**
 * Parts of code ranges to decode, in order: each section with code, and what no section claims. A section begins with an
 * instruction whatever the padding before it decodes to.
 */
export function codeParts(subject: Subject): CodeRange[] {
  const sections = subject.file.sections
    .filter(({ flags, type, size }) => (flags & SHF_ALLOC) !== 0 && type !== SHT_NOBITS && size > 0)
    .map(({ flags, address, size }) => ({
      from: address,
      to: address + BigInt(size),
      code: (flags & SHF_EXECINSTR) !== 0,
    }));
  return subject.code.flatMap((range) => {
    const end = range.address + BigInt(range.bytes.length);
    const inside = sections.filter(({ from, to }) => to > range.address && from < end);
    if (range.bytes.byteOffset === subject.bytes.byteOffset && subject.file.segments.length > 0) {
      // The file's own headers, which the range holds.
      const size = subject.file.header.programHeadersOffset + PHDR_SIZE * subject.file.segments.length;
      inside.push({ from: range.address, to: range.address + BigInt(size), code: false });
    }
    inside.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
    const parts: CodeRange[] = [];
    let at = range.address;
    const take = (upTo: bigint, claimed: boolean): void => {
      const bytes = range.bytes.subarray(Number(at - range.address), Number(upTo - range.address));
      if (claimed || !isPadding(bytes)) parts.push({ address: at, bytes, what: range.what });
    };
    for (const { from, to, code } of [...inside, { from: end, to: end, code: false }]) {
      if (from > at) {
        take(from, false);
        at = from;
      }
      const stop = lower(to, end);
      if (code && stop > at) take(stop, true);
      at = higher(at, stop);
    }
    return parts;
  });
}

const MOST_KEPT = 10_000;

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

function keep<T>(list: T[], value: T): void {
  if (list.length < MOST_KEPT) list.push(value);
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

/** Offsets in `part` at which functions begin, and the functions' indices. */
function startsIn(subject: Subject, part: CodeRange): { offsets: number[]; first: number } {
  const end = part.address + BigInt(part.bytes.length);
  const first = firstFunctionFrom(subject.functions, part.address);
  const offsets: number[] = [];
  for (let i = first; i < subject.functions.length && subject.functions[i]!.address < end; i++) {
    offsets.push(Number(subject.functions[i]!.address - part.address));
  }
  return { offsets, first };
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
      if (g.invalid.length < 8) g.invalid.push(part.address + BigInt(offset));
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

function nothing(): CodeFacts {
  return {
    decoded: false,
    instructions: 0,
    invalid: { first: [], count: 0 },
    textLoads: [],
    possibleTextLoads: [],
    functions: [],
    canaryReads: 0,
    lidtOperands: [],
  };
}

/** Sweeps all code of `subject`. */
export function readCodeFacts(subject: Subject): CodeFacts {
  const { header } = subject.file;
  if (header.machine !== EM_X86_64 || header.type === ET_REL) return nothing();
  const named = (name: string): bigint[] =>
    subject.symbols.filter((symbol) => symbol.name === name && symbol.section !== 0).map(({ value }) => value);
  const g: Gathering = {
    subject,
    functions: subject.functions.map(() => ({ canary: false, frame: false, frameAddress: false, returns: false })),
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
