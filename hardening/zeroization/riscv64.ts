/**
 * Following a secret through RV64GC: its calling convention, and the meanings of instructions on tainted values.
 *
 * Any register may be jumped to, and which jump is a return is known by where it goes: to where this function was called
 * from. So functions that others share their prologues and epilogues with (-msave-restore, returning through t0), tail
 * calls and calls that a linker did not shorten need no patterns. gp is a constant of the image, where it has one; tp
 * points to the thread's own data.
 * Source: RISC-V ELF psABI 1.0, "Register Convention", "Integer Calling Convention" (the stack is aligned to 16 bytes).
 */
import type { Control, Refusal } from '../../machine/semantics/code.ts';
import {
  createRiscv64Reader,
  execute,
  type Riscv64Instruction,
  type Riscv64Machine,
} from '../../machine/semantics/riscv64-execute.ts';
import { sourcesOf } from '../../machine/semantics/x86-64-flags.ts';
import { createAlgebra, opaque, type Places } from './arithmetic.ts';
import { type Facts, narrowedBy, noFacts, nothingShown, type Shown, shownBy } from './facts.ts';
import type { Flow } from './flow.ts';
import type { Processor } from './processor.ts';
import type { FollowedImage } from './question.ts';
import type { State } from './state.ts';
import { isOne, known, pointer, type Truth, type Value } from './values.ts';

const names =
  'zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6'.split(' ');
const floatNames =
  'ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11'.split(
    ' ',
  );
const numberOf = (name: string): number => names.indexOf(name);
const RA = numberOf('ra');
const T0 = numberOf('t0');
const GP = numberOf('gp');
const TP = numberOf('tp');
/** What a function stores in its frame to have it back: no pointer of a program leads there. */
const saved = new Set('ra s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11'.split(' ').map(numberOf));

/** What functions leave as it was. ra is not among them, though they return to what it held. */
const keeps = {
  general: new Set([...'zero sp gp tp'.split(' ').map(numberOf), ...[...saved].filter((one) => one !== RA)]),
  vectors: new Set(floatNames.flatMap((name, i) => (name.startsWith('fs') ? [i] : []))),
};

/** What AUIPC leaves for the jump that follows it: a call to far away is these two. */
function farTarget(at: (pc: number) => Riscv64Instruction | Refusal, jump: Riscv64Instruction): number | undefined {
  if (jump.operation.kind !== 'jumpRegister') return undefined;
  const { rs1, offset } = jump.operation;
  const before = at(jump.address - 4);
  if ('refused' in before || before.length !== 4 || before.operation.kind !== 'upper') return undefined;
  const { rd, value, relative } = before.operation;
  return relative && rd === rs1 ? before.address + value + offset : undefined;
}

/** Where control may go from an instruction, as far as the code alone tells. */
function flowOf(
  at: (pc: number) => Riscv64Instruction | Refusal,
  instruction: Riscv64Instruction,
  neverReturns: ReadonlySet<number>,
): Flow {
  const { operation, address, length } = instruction;
  const next = address + length;
  const called = (target: number | undefined): Flow => ({
    to: target !== undefined && neverReturns.has(target) ? [] : [next],
    leaves: false,
  });
  switch (operation.kind) {
    case 'branch':
      return { to: [next, address + operation.offset], leaves: false };
    case 'jump': {
      const target = address + operation.offset;
      return operation.rd === 0 ? { to: [target], leaves: false } : called(target);
    }
    case 'jumpRegister': {
      const target = farTarget(at, instruction);
      if (operation.rd !== 0) return called(target);
      if (target !== undefined) return { to: [target], leaves: false };
      const isReturn = operation.offset === 0 && (operation.rs1 === RA || operation.rs1 === T0);
      return isReturn ? { to: [], leaves: true } : { to: [], leaves: true, isUnclear: true };
    }
    case 'trap':
      return { to: [], leaves: false };
    default:
      return { to: [next], leaves: false };
  }
}

/** A jump to where the function was called from is its return, whatever register holds the address. */
function settledControl({ frame }: State, control: Control<Value, Truth>): Control<Value, Truth> {
  if (control === undefined || (control.kind !== 'jump' && control.kind !== 'return')) return control;
  const { target } = control;
  return { kind: frame !== undefined && isOne(target, frame.returnTo) ? 'return' : 'jump', target };
}

/** What a branch shows of the registers that it compares. */
function shownByBranch({ operation }: Riscv64Instruction, general: readonly Value[]): Shown {
  if (operation.kind !== 'branch') return nothingShown;
  const [a, b] = [general[operation.rs1]!, general[operation.rs2]!];
  const turned = ({ holds, fails }: Shown): Shown => ({ holds: fails, fails: holds });
  switch (operation.condition) {
    case 'beq':
      return shownBy('equal', a, b);
    case 'bne':
      return turned(shownBy('equal', a, b));
    case 'bltu':
      return shownBy('below', a, b);
    case 'bgeu':
      return turned(shownBy('below', a, b));
    default:
      return nothingShown;
  }
}

/** `threadRegion`: the region that tp points to. */
export function createRiscv64(image: FollowedImage, places: Places, threadRegion: number): Processor {
  const at = createRiscv64Reader(image.code);
  type Mutable<T> = { -readonly [K in keyof T]: T[K] };
  let state: State;
  let facts: Facts = noFacts;
  const machine: Mutable<Riscv64Machine<Value, Truth>> = {
    algebra: createAlgebra(places, (value) => (facts.length === 0 ? value : narrowedBy(facts, value))),
    opaque,
    general: [],
    float: (register) => state.vectors[register]![0]!,
    setFloat: (register, value) => {
      state.vectors[register] = [value];
    },
    // Another object each time: whether flags were raised at all may be what ways differ in.
    raised: (sources) => {
      state.flags = { kind: 'bits', from: [opaque([...sourcesOf(state.flags), ...sources], 1)] };
    },
    load: (address) => address,
    store: () => {},
  };
  return {
    execute: (of, access) => {
      const instruction = at(of.pc);
      if ('refused' in instruction) return instruction.refused;
      state = of;
      facts = of.facts;
      machine.general = of.general;
      machine.load = access.load;
      machine.store = (address, value, from) =>
        access.store(address, value, from !== undefined && saved.has(from) && of.frame?.atEntry[from] === value);
      return settledControl(of, execute(machine, instruction));
    },
    next: (pc) => {
      const instruction = at(pc);
      return 'refused' in instruction ? pc : pc + instruction.length;
    },
    shownAt: ({ pc, general }) => {
      const instruction = at(pc);
      return 'refused' in instruction ? nothingShown : shownByBranch(instruction, general);
    },
    flowAt: (pc, neverReturns) => {
      const instruction = at(pc);
      return 'refused' in instruction
        ? { to: [], leaves: false, isUnclear: true }
        : flowOf(at, instruction, neverReturns);
    },
    stackPointer: numberOf('sp'),
    argumentRegisters: 'a0 a1 a2 a3 a4 a5 a6 a7'.split(' ').map(numberOf),
    names,
    vectors: { count: 32, lanes: 1, name: (index) => floatNames[index]! },
    entryRemainders: [0, 16, 32, 48],
    returnBytes: 0,
    link: RA,
    result: numberOf('a0'),
    keeps,
    atEntry: new Map([
      [0, known(0n, 64)],
      [TP, pointer(threadRegion, 0, 0)],
      ...(image.globalPointer === undefined ? [] : [[GP, known(BigInt(image.globalPointer), 64)] as const]),
    ]),
    // Flags stay until somebody clears them, which no instruction with a meaning does.
    statuses: [{ name: 'fcsr', of: ({ flags }) => ({ determiners: [], bits: sourcesOf(flags) }) }],
    assumptions: image.globalPointer === undefined ? [] : ['gp holds the address that __global_pointer$ has'],
  };
}
