/**
 * The machine's side: linked code executed on terms, on every path, from where a segment begins to each stop.
 *
 * Stops are as the source has them (source.ts): a return, a call that is an event, the head of a loop that is cut. The
 * code of a short callee is followed; what other calls leave behind is in machine-calls.ts, memory in machine-memory.ts,
 * what instructions do in machine-riscv64.ts and machine-x86-64.ts.
 */
import type { Term } from '../smt/terms.ts';
import { terms } from './algebra.ts';
import type { MachineName } from './convention.ts';
import type { Effort } from './effort.ts';
import type { Entry } from './entry.ts';
import { type MachineState, stackTop } from './machine-memory.ts';
import { riscv64Instructions } from './machine-riscv64.ts';
import { x8664Instructions } from './machine-x86-64.ts';
import type { SourceProgram } from './source.ts';
import { undecided } from './undecided.ts';
import { type CodeImage, hex, type Instructions, type MachineCut, type MachineStop, type Walk } from './walk.ts';

/** Bounds of the walk through one segment. */
const MOST_STEPS = 20_000;
const MOST_STOPS = 256;

export const instructionsOf = ({ machine }: CodeImage): Instructions => instructions[machine];

const instructions: Readonly<Record<MachineName, Instructions>> = {
  riscv64: riscv64Instructions,
  'x86-64': x8664Instructions,
};

/**
 * The state behind an instruction, held to what the ABI wants at all times and not only of a return: the stack pointer is
 * aligned and never above where it was at the entry, since what lies below it may be overwritten whenever a handler runs;
 * so what it moves past is lost. Some registers (gp and tp) stay as they are.
 */
function settled(entry: Entry, before: MachineState, state: MachineState): MachineState {
  const { registers, stack } = state;
  const { alignment, stackPointer, unchanged } = entry.convention;
  const at = hex(before.pc);
  for (const register of unchanged)
    if (registers[register] !== entry.registers[register]) undecided(`${at}: a change of x${register}`);
  if (registers[stackPointer] === before.registers[stackPointer]) return state;
  const top = stackTop(entry, state, at);
  if (top > 0) undecided(`${at}: a stack pointer above the caller's`);
  if (top % alignment !== 0) undecided(`${at}: a stack pointer that is not aligned`);
  if (top <= stackTop(entry, before, at)) return state;
  return { ...state, stack: new Map([...stack].filter(([offset]) => offset >= top)) };
}

/** All ways from where a segment begins to their stops. */
export function machineStops(
  program: SourceProgram,
  code: CodeImage,
  start: number,
  entry: Entry,
  cuts: readonly MachineCut[],
  from: { readonly segment: string; readonly state: MachineState },
  effort: Effort,
): MachineStop[] {
  const { step } = instructionsOf(code);
  const walk: Walk = { program, code, start, entry, segment: from.segment, cuts, stops: [] };
  const pending: MachineState[] = [from.state];
  let steps = 0;
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    const { pc } = state;
    const cut = steps === 0 ? undefined : cuts.find(({ head }) => head === pc);
    steps++;
    effort.step(1);
    if (steps > MOST_STEPS) undecided(`more than ${MOST_STEPS} instructions: a loop`);
    if (cut !== undefined) walk.stops.push({ kind: 'cut', cut: cut.number, state });
    else pending.push(...step(walk, state).map((next) => settled(entry, state, next)));
    if (walk.stops.length + pending.length > MOST_STOPS) undecided(`more than ${MOST_STOPS} ways through the code`);
  }
  return walk.stops;
}

/** The state at a function's entry. */
export const entryState = (entry: Entry, start: number, segment: string): MachineState => ({
  pc: start,
  ...{ registers: entry.registers, stack: entry.stack, regions: entry.regions, conditions: [], checks: [] },
  history: [],
  unknown: { prefix: segment, count: 0 },
});

/** What the ABI wants of a return: the stack pointer and the registers that callees keep are as they were. */
export function restored({ convention, registers: before }: Entry, { registers }: MachineState): Term[] {
  const { kept, stackPointer, unchanged } = convention;
  return [stackPointer, ...unchanged, ...kept].map((register) =>
    terms.compare('=', registers[register], before[register]),
  );
}
