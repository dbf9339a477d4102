/**
 * What holds of every start: whatever the memory, the image's end, the stack and the draws, stage 0 puts nothing on top
 * of anything else.
 *
 * placement.ts runs here on terms. Claims have numbers of their own and use the placement's results only. That the
 * machine code computes what placement.ts says is shown by running it (the tests of the stub's pieces).
 */
import { type Claim, type Obligations, obligationsOf } from '../../../proofs/smt/obligations.ts';
import { makeTrace, symbolicArithmetic } from '../../../proofs/smt/symbolic.ts';
import { add, all, atMost, integer, less, scale, subtract, type Term, variable } from '../../../proofs/smt/terms.ts';

/** The placement that is proved. */
export type PlacementCode = Pick<typeof import('./placement.ts'), 'gapChoices' | 'placement'>;

const PAGE_BYTES = 4096;
const MIB = 2 ** 20;
const GUARD_BYTES = 64 * 1024;
const LEAST_HEAP_BYTES = 64 * 1024;
/** Tables of the levels above the lowest: PML4, PDPT, four page directories. */
const UPPER = 6;

export function placementObligations(code: PlacementCode): Obligations {
  const trace = makeTrace();
  const a = symbolicArithmetic(trace, 'placement');
  const claim = symbolicArithmetic(makeTrace(trace.quotients), 'claim');
  const [memory, top, stack, tables, pieces] = ['memory', 'top', 'stack', 'tables', 'pieces'].map((name) =>
    variable(name),
  );
  const draws = { tables: variable('gap1'), stack: variable('gap2') };
  const choices = code.gapChoices(a, memory!);
  const placed = code.placement(a, { memory: memory!, top: top!, stack: stack!, tables: tables! }, draws);
  const zero = integer(0);
  const drawn = (draw: Term): Term => all([atMost(zero, draw), less(draw, choices)]);
  const given = [
    // hvt rounds memory to 2 MiB and gives at most 4 GiB; a network ring takes 2 MiB of it away.
    claim.isAligned(memory!, 2 * MIB),
    atMost(integer(2 * MIB), memory!),
    atMost(memory!, integer(4096 * MIB)),
    claim.isAligned(top!, PAGE_BYTES),
    atMost(integer(MIB), top!),
    atMost(top!, memory!),
    claim.isAligned(stack!, PAGE_BYTES),
    atMost(integer(4 * PAGE_BYTES), stack!),
    atMost(stack!, integer(1024 * MIB)),
    atMost(integer(1), tables!),
    atMost(tables!, integer(2048)),
    drawn(draws.tables),
    drawn(draws.stack),
  ];
  const fits = [...given, placed.fits];
  const aligned = (term: Term): Term => claim.isAligned(term, PAGE_BYTES);
  const claims: Claim[] = [
    {
      name: 'the heap begins at the image’s end and has 64 KiB or more',
      given: fits,
      goal: atMost(add(top!, integer(LEAST_HEAP_BYTES)), placed.heapEnd),
    },
    {
      name: '64 KiB of guard lie between heap and stack',
      given: fits,
      goal: atMost(add(placed.heapEnd, integer(GUARD_BYTES)), placed.stackStart),
    },
    {
      name: 'the stack has at least a page and at most what was asked',
      given: fits,
      goal: all([
        atMost(integer(PAGE_BYTES), subtract(placed.stackEnd, placed.stackStart)),
        atMost(subtract(placed.stackEnd, placed.stackStart), stack!),
      ]),
    },
    {
      name: 'a page of guard lies between stack and veneer, and has room for the switch',
      given: fits,
      goal: atMost(add(placed.stackEnd, integer(PAGE_BYTES)), placed.veneer),
    },
    {
      name: 'the veneer has a page of its own',
      given: fits,
      goal: atMost(add(placed.veneer, integer(PAGE_BYTES)), placed.bootInfo),
    },
    {
      name: 'the copy of boot_info has a page of its own',
      given: fits,
      goal: atMost(add(placed.bootInfo, integer(PAGE_BYTES)), placed.tables),
    },
    {
      name: 'the tables end a page or more below the end of memory, where the scratch space is',
      given: fits,
      goal: atMost(add(placed.tablesEnd, integer(PAGE_BYTES)), memory!),
    },
    {
      name: 'the tables have room for all that can be needed',
      given: [...fits, atMost(pieces!, tables!), atMost(scale(subtract(pieces!, integer(2)), 2 * MIB), memory!)],
      goal: atMost(add(placed.tables, scale(add(pieces!, integer(UPPER)), PAGE_BYTES)), placed.tablesEnd),
    },
    {
      name: 'everything begins at a page',
      given: fits,
      goal: all(
        [
          placed.tables,
          placed.tablesEnd,
          placed.bootInfo,
          placed.veneer,
          placed.stackStart,
          placed.stackEnd,
          placed.heapEnd,
        ].map(aligned),
      ),
    },
    {
      name: 'both gaps together take at most a 128th of the memory',
      given: given,
      goal: atMost(scale(add(draws.tables, draws.stack), 128 * PAGE_BYTES), memory!),
    },
    {
      name: 'each gap has a choice for each MiB of memory',
      given: given,
      goal: all([atMost(scale(choices, MIB), memory!), less(memory!, scale(add(choices, integer(1)), MIB))]),
    },
    {
      name: 'no value is beyond what numbers hold exactly',
      given: given,
      goal: all(trace.values.flatMap((value) => [less(integer(-(2n ** 53n)), value), less(value, integer(2n ** 53n))])),
    },
  ];
  return obligationsOf(trace.quotients.definitions, claims);
}
