/**
 * Following a secret through x86-64: the System V calling convention, and the meanings of instructions on tainted values.
 *
 * Source: System V ABI for x86-64, 3.2.1 (registers), 3.2.2 (the stack: 16 bytes aligned before a call pushes the return
 * address), 3.2.3 (arguments and results).
 */
import type { Refusal } from '../../machine/semantics/code.ts';
import { BODY, execute } from '../../machine/semantics/x86-64.ts';
import { createOperationReader } from '../../machine/semantics/x86-64-code.ts';
import { type FlagReader, type Flags, flagOf, sourcesOf } from '../../machine/semantics/x86-64-flags.ts';
import type { X8664Machine } from '../../machine/semantics/x86-64-machine.ts';
import { LANES, type Operation, RAX, RSP } from '../../machine/semantics/x86-64-operations.ts';
import { createAlgebra, opaque, type Places } from './arithmetic.ts';
import { type Comparison, type Facts, narrowedBy, noFacts, nothingShown, type Shown, shownBy } from './facts.ts';
import type { Processor, Status } from './processor.ts';
import type { FollowedImage } from './question.ts';
import { byteOf, pointer, type Truth, type Value } from './values.ts';

const names = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

const FLAGS = ['cf', 'pf', 'zf', 'sf', 'of'] as const;

/** AF, which no record computes, says no more than the low halves of the lowest bytes that were added. */
function statusOf(machine: FlagReader<Value, Truth>, flags: Flags<Value>): Status {
  const isSum = flags.kind === 'sum' || flags.kind === 'difference';
  const bits: Value[] = FLAGS.map((flag) => flagOf(machine, flags, flag));
  if (isSum) bits.push(...sourcesOf(flags).map((value) => byteOf(value, 0)));
  const determiners = [sourcesOf(flags)];
  // Of a sum, the result and one of the two give the other.
  if (isSum && flags.carry === undefined && flags.carryFrom === undefined)
    determiners.push([flags.result, flags.a], [flags.result, flags.b]);
  return { determiners, bits };
}

/** By half the number of a condition; see conditions of x86-64-operations.ts. */
const comparisons: Readonly<Record<number, Comparison>> = { 1: 'below', 2: 'equal', 3: 'below or equal' };

/** What a jump by the flags of a plain comparison shows. */
function shownByJump({ name, condition }: Operation, flags: Flags<Value>): Shown {
  const comparison = name === 'jcc' ? comparisons[condition! >> 1] : undefined;
  if (comparison === undefined || flags.kind !== 'difference') return nothingShown;
  if (flags.carry !== undefined || flags.carryFrom !== undefined) return nothingShown;
  const { holds, fails } = shownBy(comparison, flags.a, flags.b);
  return (condition! & 1) === 0 ? { holds, fails } : { holds: fails, fails: holds };
}

/** rbx, rbp and r12 to r15: what functions leave as it was. */
const KEPT: readonly number[] = [3, 5, 12, 13, 14, 15];

/** `threadRegion`: the region that segment registers point to. */
export function createX8664(image: FollowedImage, places: Places, threadRegion: number): Processor {
  const operationAt = createOperationReader(image.code);
  let facts: Facts = noFacts;
  let raised: Value;
  const algebra = createAlgebra(places, (value) => (facts.length === 0 ? value : narrowedBy(facts, value)));
  const at = (pc: number): Operation | Refusal => operationAt(Math.floor(pc));
  const next = (pc: number): number => {
    const operation = at(pc);
    if ('refused' in operation) return pc;
    if (pc !== operation.address) return operation.address;
    return operation.isRepeated ? pc + BODY : pc + operation.length;
  };
  type Mutable<T> = { -readonly [K in keyof T]: T[K] };
  const machine: Mutable<X8664Machine<Value, Truth>> = {
    algebra,
    opaque,
    general: [],
    vectors: [],
    flags: { kind: 'bits', from: [] },
    load: () => pointer(0, 0, 0),
    store: () => {},
    // Another object each time: whether flags were raised at all may be what ways differ in.
    raised: (sources) => {
      raised = opaque([raised, ...sources], 1);
    },
    segmentBase: (segment) => pointer(threadRegion, segment === 'fs' ? 0 : 2 ** 30, segment === 'fs' ? 0 : 2 ** 30),
  };
  return {
    execute: (state, access) => {
      const operation = at(state.pc);
      if ('refused' in operation) return operation.refused;
      ({ facts, raised } = state);
      machine.general = state.general;
      machine.vectors = state.vectors;
      machine.flags = state.flags;
      machine.load = access.load;
      // Another register may hold the same value; a local variable of that has an address that a program may compute.
      machine.store = (address, value, from) =>
        access.store(address, value, from !== undefined && KEPT.includes(from) && state.frame?.atEntry[from] === value);
      const control = execute(machine, operation, state.pc !== operation.address);
      state.flags = machine.flags;
      state.raised = raised;
      return control;
    },
    next,
    shownAt: (state) => {
      const operation = at(state.pc);
      return 'refused' in operation ? nothingShown : shownByJump(operation, state.flags);
    },
    flowAt: (pc, neverReturns) => {
      const operation = at(pc);
      if ('refused' in operation) return { to: [], leaves: false, isUnclear: true };
      const { name, target } = operation;
      if (pc !== operation.address) return { to: [operation.address], leaves: false };
      if (operation.isRepeated) return { to: [pc + BODY, pc + operation.length], leaves: false };
      if (name === 'ret') return { to: [], leaves: true };
      if (name === 'hlt' || name === 'ud2' || name === 'int3') return { to: [], leaves: false };
      if (name === 'jmp' && target === undefined) return { to: [], leaves: true, isUnclear: true };
      if (name === 'jmp') return { to: [target!], leaves: false };
      if (name === 'call')
        return { to: target !== undefined && neverReturns.has(target) ? [] : [next(pc)], leaves: false };
      return { to: target === undefined ? [next(pc)] : [next(pc), target], leaves: false };
    },
    stackPointer: RSP,
    argumentRegisters: [7, 6, 2, 1, 8, 9],
    names,
    vectors: { count: 32, lanes: LANES, name: (index) => `ymm${index}` },
    entryRemainders: [8, 24, 40, 56],
    returnBytes: 8,
    result: RAX,
    keeps: { general: new Set([...KEPT, RSP]), vectors: new Set() },
    atEntry: new Map(),
    assumptions: [],
    statuses: [
      {
        name: 'rflags',
        of: (state) => {
          facts = state.facts;
          return statusOf(machine, state.flags);
        },
      },
      // Flags stay until somebody clears them, which no instruction with a meaning does.
      { name: 'mxcsr', of: ({ raised }) => ({ determiners: [], bits: [raised] }) },
    ],
  };
}
