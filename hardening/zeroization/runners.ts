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

export interface Run {
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
    const ended = runConcrete(machine, operationAt, run.end, run.most);
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
    const problem = followRiscv64(machine, at, run);
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
  { entry, end, most }: Run,
): string | undefined {
  let pc = entry;
  for (let steps = 0; pc !== end; steps++) {
    if (steps >= most) return `more than ${most} steps`;
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
