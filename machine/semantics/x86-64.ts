/**
 * What x86-64 instructions do: control, strings, and where the meaning of each kind of instruction is found.
 *
 * `execute` runs one instruction on a machine (x86-64-machine.ts) whose values are whatever somebody follows: bit
 * patterns, terms, secrets. An instruction that repeats itself (REP) is two steps, so that a loop is a loop for
 * everybody: at its address stands the question whether there is more to do, and half a byte further (`BODY`) what is
 * done once, which goes back. No other step has an address with a fraction.
 * DF is taken to be clear, as calling conventions have it: instructions that set it have no meaning.
 * Source: Intel SDM volume 2; System V ABI for x86-64, 3.2.1 (DF).
 */
import type { Control } from './code.ts';
import { conditionOf } from './x86-64-flags.ts';
import { integerComputations } from './x86-64-integer.ts';
import {
  type Computation,
  type Meaning,
  pop,
  push,
  read,
  readLanes,
  word,
  write,
  writeLanes,
  type X8664Machine,
} from './x86-64-machine.ts';
import { LANES, type Operand, type Operation, RAX, RCX, RDI, RDX, RSI } from './x86-64-operations.ts';
import { vectorComputations } from './x86-64-vector.ts';

/** What is added to the address of an instruction that repeats itself, for the step that does it once. */
export const BODY = 0.5;

const part = (number: number, width: number): Operand => ({ kind: 'register', number, low: 0, width });

const jumped: Meaning = (m, { target, operands }) =>
  target === undefined ? { kind: 'jump', target: read(m, operands[0]!) } : { kind: 'goto', to: target };

const branched: Meaning = (m, { condition, target }) => ({
  kind: 'branch',
  condition: conditionOf(m, m.flags, condition!),
  to: target!,
});

const branchedByCount =
  (width: number): Meaning =>
  (m, { target }) => {
    const v = m.algebra;
    return { kind: 'branch', condition: v.compare('=', read(m, part(RCX, width)), v.constant(0n, width)), to: target! };
  };

const called: Meaning = (m, { target, operands, address, length }) => {
  const to = target === undefined ? read(m, operands[0]!) : word(m, target);
  push(m, word(m, address + length));
  return { kind: 'call', target: to };
};

const returned: Meaning = (m, { operands: [more] }) => {
  const v = m.algebra;
  const target = pop(m, 8);
  if (more !== undefined) m.general[4] = v.operate('bvadd', m.general[4]!, v.zeroExtend(read(m, more), 64));
  return { kind: 'return', target };
};

const stopped: Meaning = () => ({ kind: 'stop' });

/** Bytes that a string instruction moves at once, by the fifth letter of its name. */
const stringWidth = (name: string): number => ({ b: 8, w: 16, d: 32 })[name.at(4)!] ?? 64;

/** One element of MOVS or STOS. */
function moveElement<V, B>(m: X8664Machine<V, B>, name: string): void {
  const v = m.algebra;
  const width = stringWidth(name);
  const step = word(m, width / 8);
  if (name.startsWith('movs')) {
    m.store(m.general[RDI]!, m.load(m.general[RSI]!, width / 8));
    m.general[RSI] = v.operate('bvadd', m.general[RSI]!, step);
  } else m.store(m.general[RDI]!, read(m, part(0, width)));
  m.general[RDI] = v.operate('bvadd', m.general[RDI]!, step);
}

const repeatable: Meaning = (m, { name, isRepeated, address, length }) => {
  if (!isRepeated) {
    moveElement(m, name);
    return undefined;
  }
  return { kind: 'branch', condition: m.algebra.compare('=', m.general[RCX]!, word(m, 0)), to: address + length };
};

/** See BODY. */
function repeatedOnce<V, B>(m: X8664Machine<V, B>, { name, address }: Operation): Control<V, B> {
  moveElement(m, name);
  m.general[RCX] = m.algebra.operate('bvsub', m.general[RCX]!, word(m, 1));
  return { kind: 'goto', to: address };
}

/** What an opaque instruction leaves: values that depend on all that it reads, and on nothing else. */
function opaquely<V, B>(m: X8664Machine<V, B>, operation: Operation): void {
  const { reads, writes, readsFlags, writesFlags, raises } = operation.opaque!;
  const sources = reads.flatMap((operand) =>
    operand.kind === 'vector' || operand.width > 64 ? readLanes(m, operand) : [read(m, operand)],
  );
  if (readsFlags) for (let i = 0; i < 16; i += 2) sources.push(flagBit(m, i));
  if (raises) m.raised?.(sources);
  for (const operand of writes) {
    if (operand.kind === 'vector' || operand.width > 64) {
      const lanes = Array.from({ length: operand.width / 64 }, () => m.opaque(sources, 64));
      writeLanes(m, operation, operand, lanes);
    } else write(m, operand, m.opaque(sources, operand.width));
  }
  if (writesFlags) m.flags = { kind: 'bits', from: [m.opaque(sources, 1)] };
}

function flagBit<V, B>(m: X8664Machine<V, B>, condition: number): V {
  const v = m.algebra;
  return v.select(conditionOf(m, m.flags, condition), v.constant(1n, 1), v.constant(0n, 1));
}

const upperCleared =
  (kept: number): Computation =>
  (m) => {
    const zero = word(m, 0);
    for (let i = 0; i < 16; i++)
      m.vectors[i] = Array.from({ length: LANES }, (_, lane) => (lane < kept ? m.vectors[i]![lane]! : zero));
  };

const strings = ['movsb', 'movsw', 'movsd', 'movsq', 'stosb', 'stosw', 'stosd', 'stosq'].map(
  (name) => `${name} string`,
);

/**
 * XGETBV: which registers the system has switched on, if ECX is 0; any other number may ask which of them hold something.
 * Source: Intel SDM volume 1, section 13.2, and volume 2, XGETBV.
 */
const enabledState: Computation = (m) => {
  const which = read(m, part(RCX, 32));
  const sources = m.algebra.known(which) === 0n ? [] : [which, ...m.vectors.flat()];
  write(m, part(RAX, 32), m.opaque(sources, 32));
  write(m, part(RDX, 32), m.opaque(sources, 32));
};

const computations: Readonly<Record<string, Computation>> = {
  ...integerComputations,
  ...vectorComputations,
  xgetbv: enabledState,
  vzeroupper: upperCleared(2),
  vzeroall: upperCleared(0),
};

const controls: Readonly<Record<string, Meaning>> = {
  jmp: jumped,
  jcc: branched,
  jrcxz: branchedByCount(64),
  jecxz: branchedByCount(32),
  call: called,
  ret: returned,
  hlt: stopped,
  ud2: stopped,
  int3: stopped,
  ...Object.fromEntries(strings.map((name) => [name, repeatable])),
};

/** Whether an instruction of that name says what it leaves in each bit. */
export const hasMeaning = (name: string): boolean => Object.hasOwn(computations, name) || Object.hasOwn(controls, name);

/** Executes one instruction; at its address + BODY, one round of an instruction that repeats itself. */
export function execute<V, B>(m: X8664Machine<V, B>, operation: Operation, isBody = false): Control<V, B> {
  if (isBody) return repeatedOnce(m, operation);
  if (operation.opaque !== undefined) {
    opaquely(m, operation);
    return undefined;
  }
  const computation = computations[operation.name];
  if (computation === undefined) return controls[operation.name]!(m, operation);
  computation(m, operation);
  return undefined;
}
