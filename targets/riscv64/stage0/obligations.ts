/**
 * What holds of every start: whatever memory, tree, stack and draws, stage 0 puts nothing on top of anything else, in
 * memory or in the address space of any mode.
 *
 * placement.ts runs here on terms. Claims have numbers of their own and use the placement's results only. That the
 * machine code computes what placement.ts says is shown by running it (the tests of the stub on an interpreter).
 */
import { type Claim, type Obligations, obligationsOf } from '../../../proofs/smt/obligations.ts';
import { makeTrace, symbolicArithmetic, type Trace } from '../../../proofs/smt/symbolic.ts';
import {
  add,
  all,
  any,
  atMost,
  equal,
  integer,
  less,
  scale,
  subtract,
  type Term,
  variable,
} from '../../../proofs/smt/terms.ts';
import type { Mode } from './config.ts';

/** The placement that is proved. */
export type PlacementCode = Pick<
  typeof import('./placement.ts'),
  | 'gapChoices'
  | 'physicalPlacement'
  | 'heapPlacement'
  | 'windowChoices'
  | 'windowAddress'
  | 'heapAddress'
  | 'imageAddress'
  | 'imageChoices'
  | 'WINDOWS_OF'
  | 'TREE_OFFSET'
  | 'DEVICE_SPACE'
>;

const PAGE_BYTES = 4096;
const LARGE_BYTES = 2 ** 21;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TRAP_BYTES = 4 * PAGE_BYTES;
const LEAST_HEAP_BYTES = 64 * 1024;
/** Physical addresses have 56 bits. */
const MOST_MEMORY = 2 ** 56;
/** 36 windows of at most 64 MiB and the two pages that they may begin and end in, a guard, and large pages' rounding. */
const DEVICES_BYTES = 36 * (64 * MIB + 3 * PAGE_BYTES + LARGE_BYTES);

/** Bits of virtual addresses, and of the image's base. */
const modes: Readonly<Record<Mode, { readonly bits: number; readonly entropy: number }>> = {
  sv39: { bits: 39, entropy: 25 },
  sv48: { bits: 48, entropy: 34 },
  sv57: { bits: 57, entropy: 43 },
};

/** Exact for multiples of a page far beyond 2^53. */
function whole(value: number): Term {
  return integer(BigInt(value));
}

const zero = whole(0);

/** What the upper half of a product with a random word is: below the choices, or zero when there is none. */
function drawn(draw: Term, choices: Term): Term {
  return all([atMost(zero, draw), any([less(draw, choices), equal(draw, zero)])]);
}

/** Claims that no intermediate value leaves what 64 bits hold, as signed numbers. */
function within64(name: string, given: readonly Term[], trace: Trace): Claim {
  const most = integer(2n ** 63n);
  const least = integer(-(2n ** 63n));
  return { name, given, goal: all(trace.values.flatMap((value) => [less(least, value), less(value, most)])) };
}

/** Physical memory, for every mode. */
export function physicalObligations(code: PlacementCode): Obligations {
  const trace = makeTrace();
  const a = symbolicArithmetic(trace, 'placement');
  const claim = symbolicArithmetic(makeTrace(trace.quotients), 'claim');
  const aligned = (term: Term): Term => claim.isAligned(term, PAGE_BYTES);
  const [imageEnd, limit, tree, stack, tables, unit] = ['imageEnd', 'limit', 'tree', 'stack', 'tables', 'unit'].map(
    (name) => variable(name),
  ) as [Term, Term, Term, Term, Term, Term];
  const draws = { heap: variable('gap1'), above: variable('gap2') };
  const below = variable('gap3');
  const room = { imageEnd, limit, tree, stack };
  const choices = code.gapChoices(a, room);
  const placed = code.physicalPlacement(a, room, draws);
  const free = subtract(limit, placed.bootBlock);
  const heap = code.heapPlacement(a, placed, { free, tables, below, unit });
  const given = [
    ...[imageEnd, limit, tree, stack, tables].map(aligned),
    atMost(whole(PAGE_BYTES), imageEnd),
    atMost(imageEnd, whole(MOST_MEMORY)),
    atMost(zero, limit),
    atMost(limit, whole(MOST_MEMORY)),
    atMost(whole(PAGE_BYTES), tree),
    atMost(tree, whole(MIB)),
    atMost(whole(PAGE_BYTES), stack),
    atMost(stack, whole(GIB)),
    drawn(draws.heap, choices.heap),
    drawn(draws.above, choices.tables),
    drawn(below, choices.tables),
    any(Object.values(modes).map(({ bits }) => equal(unit, whole(2 ** (bits - 3))))),
  ];
  const fits = [...given, placed.fits];
  // Tables are taken down to here, checked one by one.
  const taken = [...fits, atMost(placed.tablesFloor, tables), atMost(tables, placed.tablesEnd)];
  const sized = [...taken, heap.fits];
  const claims: Claim[] = [
    {
      name: 'the boot block has a page of its own, after the device tree',
      given: fits,
      goal: all([
        equal(placed.bootBlock, add(imageEnd, tree)),
        atMost(add(placed.bootBlock, whole(PAGE_BYTES)), placed.stack),
      ]),
    },
    {
      name: 'the stack has at least a page and at most what was asked',
      given: fits,
      goal: all([
        atMost(whole(PAGE_BYTES), subtract(placed.trapStack, placed.stack)),
        atMost(subtract(placed.trapStack, placed.stack), stack),
      ]),
    },
    {
      name: 'the trap stack has four pages, and the heap comes after it',
      given: fits,
      goal: all([
        equal(subtract(placed.trapStackEnd, placed.trapStack), whole(TRAP_BYTES)),
        atMost(placed.trapStackEnd, placed.heap),
      ]),
    },
    {
      name: 'tables end at or below the end of free memory',
      given: fits,
      goal: atMost(placed.tablesEnd, limit),
    },
    {
      name: 'tables that stay above their floor leave 64 KiB of heap below them',
      given: fits,
      goal: atMost(add(placed.heap, whole(LEAST_HEAP_BYTES)), placed.tablesFloor),
    },
    {
      name: 'the heap has 64 KiB or more, and ends below the tables',
      given: sized,
      goal: all([
        atMost(whole(LEAST_HEAP_BYTES), heap.size),
        atMost(add(placed.heap, heap.size), heap.end),
        atMost(heap.end, tables),
      ]),
    },
    {
      name: 'between heap and tables is room for the tables that map the heap',
      // Two tables at each of four levels for what the heap begins and ends in, one for each whole GiB, and one for each
      // whole 512 GiB and 256 TiB, which are together no more than as many again.
      given: sized,
      goal: atMost(
        scale(add(whole(8), scale(claim.divide(heap.size, GIB), 2)), PAGE_BYTES),
        subtract(tables, heap.end),
      ),
    },
    {
      name: 'everything begins and ends at a page',
      given: sized,
      goal: all(
        [
          ...[placed.bootBlock, placed.stack, placed.trapStack, placed.trapStackEnd, placed.heap],
          ...[placed.tablesEnd, heap.end, heap.size],
        ].map(aligned),
      ),
    },
    {
      name: 'the gaps take at most a 32nd and two 256ths of the free memory',
      given: fits,
      goal: all([
        atMost(scale(draws.heap, 32 * PAGE_BYTES), free),
        atMost(scale(draws.above, 256 * PAGE_BYTES), free),
        atMost(scale(below, 256 * PAGE_BYTES), free),
      ]),
    },
    within64('no value wraps in 64 bits', taken, trace),
  ];
  return obligationsOf(trace.quotients.definitions, claims);
}

/** The address space of one mode. */
export function virtualObligations(code: PlacementCode, mode: Mode): Obligations {
  const trace = makeTrace();
  const a = symbolicArithmetic(trace, 'placement');
  const claim = symbolicArithmetic(makeTrace(trace.quotients), 'claim');
  const { bits, entropy } = modes[mode];
  const eighth = 2 ** (bits - 3);
  const unit = whole(eighth);
  const aligned = (term: Term): Term => claim.isAligned(term, PAGE_BYTES);
  const [span, stack, tree, heapSize, heapAt] = ['span', 'stack', 'tree', 'heapSize', 'heapAt'].map((name) =>
    variable(name),
  ) as [Term, Term, Term, Term, Term];
  const windows = code.WINDOWS_OF;
  const sizes = {
    veneer: whole(PAGE_BYTES),
    devices: whole(code.DEVICE_SPACE),
    stack,
    trapStack: whole(TRAP_BYTES),
    info: add(tree, whole(code.TREE_OFFSET)),
    heap: heapSize,
  };
  type Piece = keyof typeof sizes;
  const pieces = Object.keys(sizes) as Piece[];
  const shiftOf = (piece: Piece): number => (piece === 'heap' ? 21 : 12);
  const draws = Object.fromEntries(pieces.map((piece) => [piece, variable(`draw.${piece}`)])) as Record<Piece, Term>;
  const choices = Object.fromEntries(
    pieces.map((piece) => [piece, code.windowChoices(a, windows[piece], unit, sizes[piece], shiftOf(piece))]),
  ) as Record<Piece, Term>;
  const addresses = Object.fromEntries(
    pieces.map((piece) => [
      piece,
      piece === 'heap'
        ? code.heapAddress(a, unit, heapAt, draws.heap)
        : code.windowAddress(a, windows[piece], unit, draws[piece]),
    ]),
  ) as Record<Piece, Term>;
  const imageDraw = variable('draw.image');
  const imageChoices = code.imageChoices(a, unit);
  const image = code.imageAddress(a, unit, imageDraw);
  const given = [
    ...[span, stack, tree, heapSize, heapAt].map(aligned),
    atMost(whole(PAGE_BYTES), span),
    atMost(span, whole(GIB)),
    atMost(whole(PAGE_BYTES), stack),
    atMost(stack, whole(GIB)),
    atMost(whole(PAGE_BYTES), tree),
    atMost(tree, whole(MIB)),
    atMost(whole(LEAST_HEAP_BYTES), heapSize),
    atMost(heapSize, whole(eighth / 2)),
    atMost(zero, heapAt),
    atMost(heapAt, whole(MOST_MEMORY)),
    atMost(zero, imageDraw),
    less(imageDraw, imageChoices),
    ...pieces.flatMap((piece) => [atMost(zero, draws[piece]), less(draws[piece], choices[piece])]),
  ];
  /** Eighths of the address space that are a piece's, with guards. */
  const homes: Record<Piece, readonly [number, number]> = {
    veneer: [3.25, 3.5],
    devices: [3.5, 4],
    stack: [-4, -3],
    trapStack: [-3, -2],
    info: [-2, -1],
    heap: [-1, 0],
  };
  const claims: Claim[] = [
    {
      name: 'the image lies at a page above the lowest eighth, and ends before the veneer’s window',
      given,
      goal: all([
        aligned(image),
        atMost(unit, image),
        atMost(add(image, add(span, whole(PAGE_BYTES))), whole(homes.veneer[0] * eighth)),
      ]),
    },
    {
      name: `the image has 2^${entropy} bases`,
      given,
      goal: equal(imageChoices, whole(2 ** entropy)),
    },
    ...pieces.map((piece) => ({
      name: `${piece} lies at a page in the part that is its own, a page or more from each end`,
      given,
      goal: all([
        aligned(addresses[piece]),
        atMost(whole(homes[piece][0] * eighth + PAGE_BYTES), addresses[piece]),
        atMost(add(addresses[piece], add(sizes[piece], whole(PAGE_BYTES))), whole(homes[piece][1] * eighth)),
      ]),
    })),
    {
      name: 'the heap’s addresses have in common what large pages need',
      given,
      goal: claim.isAligned(subtract(addresses.heap, heapAt), LARGE_BYTES),
    },
    {
      name: 'every device window and its guards fit the space that is set aside for them',
      given,
      goal: atMost(whole(DEVICES_BYTES), sizes.devices),
    },
    {
      name: 'the stack has all but an eighth of a percent of its part’s pages to begin at, at its largest all but 2 %',
      given,
      goal: all([
        atMost(whole(Math.floor((0.98 * eighth) / PAGE_BYTES)), choices.stack),
        any([less(whole(MIB), stack), atMost(whole(Math.floor((0.99875 * eighth) / PAGE_BYTES)), choices.stack)]),
      ]),
    },
    within64('no value wraps in 64 bits', given, trace),
  ];
  return obligationsOf(trace.quotients.definitions, claims);
}
