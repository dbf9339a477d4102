/**
 * The machines that a function can be run on, with numbers for values: the meanings of instructions that secrets are
 * followed with (processors.ts), and memory that whoever runs it gives.
 *
 * What an instruction without an exact meaning leaves is drawn from what it reads, and that this happened is said: such a
 * run shows what depends on what, and no value.
 */
import { CasemateError, hex } from '../../base/errors.ts';
import { EM_RISCV, EM_X86_64 } from '../../linker/elf.ts';
import { type Pattern, patterns } from '../../machine/semantics/algebra.ts';
import {
  createRiscv64Reader,
  execute as executeRiscv64,
  type Riscv64Machine,
} from '../../machine/semantics/riscv64-execute.ts';
import { createOperationReader } from '../../machine/semantics/x86-64-code.ts';
import { createConcreteMachine, runConcrete } from '../../machine/semantics/x86-64-concrete.ts';
import { flagOf } from '../../machine/semantics/x86-64-flags.ts';
import type { FollowedImage } from './question.ts';

/** What a function that is not run does instead: from registers to a result. */
export type Native = (register: (number: number) => bigint, returnsTo: bigint) => bigint;

export interface Run {
  /** Functions that are not run, by where they begin. All registers that they need not keep are zero after them. */
  readonly natives: ReadonlyMap<number, Native>;
  readonly entry: number;
  /** Where it ends: an address at which no code is. */
  readonly end: number;
  /** Instructions. */
  readonly most: number;
  /** 64 bits each; those that are not named are zero. */
  readonly registers: ReadonlyMap<number, bigint>;
  readonly thread: bigint;
  readonly load: (address: bigint, bytes: number) => bigint;
  readonly store: (address: bigint, value: bigint, bytes: number) => void;
}

export interface Ran {
  /** Absent: it came to its end. */
  readonly problem?: string;
  /** As whoever follows secrets numbers them; vectors in lanes of 64 bits. */
  readonly general: readonly bigint[];
  readonly vectors: readonly (readonly bigint[])[];
  /** Of registers of flags that are computed, by name: one bit each. */
  readonly flags: ReadonlyMap<string, readonly bigint[]>;
  /** Some instruction's result was drawn. */
  readonly drew: boolean;
}

export type Runner = (run: Run) => Ran;

/** Calls of functions that are not run, of one run. */
const MOST_NATIVES = 1000;

const word = (value: bigint): Pattern => patterns.constant(value, 64);

/** Some bits that depend on all of these, and on nothing else. */
function drawn(sources: readonly Pattern[], width: number): Pattern {
  let hash = 0xcbf29ce484222325n;
  for (const { value } of sources) hash = BigInt.asUintN(64, (hash ^ value) * 0x100000001b3n + (value >> 32n));
  return patterns.constant(hash ^ (hash >> 29n), width);
}

function memoryOf(run: Run): { load: (a: Pattern, bytes: number) => Pattern; store: (a: Pattern, v: Pattern) => void } {
  return {
    load: ({ value }, bytes) => patterns.constant(run.load(value, bytes), 8 * bytes),
    store: ({ value: address }, { value, width }) => run.store(address, value, width / 8),
  };
}

function x8664(image: FollowedImage): Runner {
  const operationAt = createOperationReader(image.code);
  return (run) => {
    let drew = false;
    const opaque = (sources: readonly Pattern[], width: number): Pattern => {
      drew = true;
      return drawn(sources, width);
    };
    const machine = { ...createConcreteMachine(() => 0n, run.thread), ...memoryOf(run), opaque, pc: run.entry };
    for (const [register, value] of run.registers) machine.general[register] = word(value);
    const ended = runX8664(machine, operationAt, run);
    return {
      ...(ended !== 'ended' && { problem: ended }),
      general: machine.general.map(({ value }) => value),
      vectors: machine.vectors.map((lanes) => lanes.map(({ value }) => value)),
      drew,
      // Which flags floating point raises is not computed, here or on riscv64: of them nothing is ever confirmed.
      flags: new Map([
        ['rflags', (['cf', 'pf', 'zf', 'sf', 'of'] as const).map((flag) => flagOf(machine, machine.flags, flag).value)],
      ]),
    };
  };
}

const zero = word(0n);
const RAX = 0;
const RSP = 4;
/** rbx, rsp, rbp, r12 to r15. */
const KEPT_X86_64: readonly number[] = [3, RSP, 5, 12, 13, 14, 15];

function runX8664(
  machine: ReturnType<typeof createConcreteMachine>,
  operationAt: ReturnType<typeof createOperationReader>,
  { end, most, natives }: Run,
): 'ended' | string {
  for (let calls = 0; calls < MOST_NATIVES; calls++) {
    const ended = runConcrete(machine, operationAt, end, most, natives);
    const native = natives.get(machine.pc);
    if (ended !== 'ended' || machine.pc === end || native === undefined) return ended;
    try {
      const top = machine.general[RSP]!;
      const back = machine.load(top, 8).value;
      const result = native((register) => machine.general[register]!.value, back);
      for (const register of machine.general.keys())
        if (!KEPT_X86_64.includes(register)) machine.general[register] = zero;
      for (const [i, lanes] of machine.vectors.entries()) machine.vectors[i] = lanes.map(() => zero);
      machine.flags = { kind: 'bits', from: [] };
      machine.general[RAX] = word(result);
      machine.general[RSP] = word(BigInt.asUintN(64, top.value + 8n));
      machine.pc = Number(back);
    } catch (error) {
      if (error instanceof CasemateError) return `${hex(machine.pc)}: ${error.message}`;
      throw error;
    }
  }
  return `more than ${MOST_NATIVES} calls of allocators`;
}

const RA = 1;
const A0 = 10;
/** zero, sp, gp, tp, s0 to s11; and of floating point fs0 to fs11. */
const isKeptRiscv64 = (register: number): boolean =>
  register === 0 ||
  (2 <= register && register <= 4) ||
  register === 8 ||
  register === 9 ||
  (18 <= register && register <= 27);

function riscv64(image: FollowedImage): Runner {
  const at = createRiscv64Reader(image.code);
  return (run) => {
    let drew = false;
    const floats = Array.from({ length: 32 }, () => word(0n));
    const machine: Riscv64Machine<Pattern, boolean> = {
      algebra: patterns,
      opaque: (sources, width) => {
        drew = true;
        return drawn(sources, width);
      },
      general: Array.from({ length: 32 }, () => word(0n)),
      float: (register) => floats[register]!,
      setFloat: (register, value) => {
        floats[register] = value;
      },
      raised: () => {},
      ...memoryOf(run),
    };
    if (image.globalPointer !== undefined) machine.general[3] = word(BigInt(image.globalPointer));
    machine.general[4] = word(run.thread);
    for (const [register, value] of run.registers) machine.general[register] = word(value);
    const problem = followRiscv64(machine, at, run, () => {
      for (const register of floats.keys())
        if (!(register === 8 || register === 9 || (18 <= register && register <= 27))) floats[register] = zero;
    });
    return {
      ...(problem !== undefined && { problem }),
      general: machine.general.map(({ value }) => value),
      vectors: floats.map(({ value }) => [value]),
      flags: new Map(),
      drew,
    };
  };
}

function followRiscv64(
  machine: Riscv64Machine<Pattern, boolean>,
  at: ReturnType<typeof createRiscv64Reader>,
  { entry, end, most, natives }: Run,
  clearFloats: () => void,
): string | undefined {
  let pc = entry;
  for (let steps = 0; pc !== end; steps++) {
    if (steps >= most) return `more than ${most} steps`;
    const native = natives.get(pc);
    if (native !== undefined) {
      const { general } = machine;
      try {
        const back = general[RA]!.value;
        const result = native((register) => general[register]!.value, back);
        for (const register of general.keys()) if (!isKeptRiscv64(register)) general[register] = zero;
        clearFloats();
        general[A0] = word(result);
        pc = Number(back);
      } catch (error) {
        if (error instanceof CasemateError) return `${hex(pc)}: ${error.message}`;
        throw error;
      }
      continue;
    }
    const instruction = at(pc);
    if ('refused' in instruction) return `${hex(pc)}: ${instruction.refused}`;
    try {
      const control = executeRiscv64(machine, instruction);
      const next = pc + instruction.length;
      if (control === undefined) pc = next;
      else if (control.kind === 'goto') pc = control.to;
      else if (control.kind === 'branch') pc = control.condition ? control.to : next;
      else if (control.kind === 'stop') return `${hex(pc)}: the program stops`;
      else pc = Number(control.target.value);
    } catch (error) {
      if (error instanceof CasemateError) return `${hex(pc)}: ${error.message}`;
      throw error;
    }
  }
  return undefined;
}

/** Undefined: instructions of the image's machine have no meaning. */
export function runnerOf(image: FollowedImage): Runner | undefined {
  if (image.machine === EM_X86_64) return x8664(image);
  return image.machine === EM_RISCV ? riscv64(image) : undefined;
}
