/**
 * What holds of every slide, as obligations for SMT solvers: not of the layouts that a test happened to draw.
 *
 * space.ts runs here on terms: sizes, addresses and draws are variables, so one proof covers every image with that many
 * segments, every memory size and every seed. What is claimed is written in this file alone, with numbers of its own
 * (a page, a field's range) and from the layout's results only, so that a mistake in the layout cannot excuse itself.
 * The loop over the units is proved by induction: its invariant holds at the start, and one step keeps it, whichever
 * unit comes next. Beside safety stand claims of tightness (no page of room is given away), which is entropy.
 */
import { type Claim, type Obligations, obligationsOf } from '../../proofs/smt/obligations.ts';
import { exactAsNumbers, makeTrace, symbolicArithmetic, type Trace } from '../../proofs/smt/symbolic.ts';
import {
  add,
  all,
  atMost,
  equal,
  implies,
  integer,
  less,
  scale,
  subtract,
  type Term,
  variable,
} from '../../proofs/smt/terms.ts';
import type { Arithmetic } from './arithmetic.ts';
import type { Room, Shape } from './space.ts';

/** The layout that is proved: the functions of space.ts. */
export type SlideCode = Pick<
  typeof import('./space.ts'),
  'firstUnit' | 'placeSegments' | 'placeUnit' | 'shapeRules' | 'slideFits' | 'slideRoom'
>;

/** What of an image is not a variable. */
export interface SlideForm {
  /** How many segments it has. */
  readonly segments: number;
  readonly signedAddresses: boolean;
  /** Which segment's units are shuffled, if any's. */
  readonly text?: { readonly segment: number; readonly granule: number };
}

// What is claimed has its own numbers.
const PAGE_BYTES = 4096;
const MARGIN = 65536;
const GAP_PART = 128;

interface Scene {
  readonly code: SlideCode;
  readonly form: SlideForm;
  /** The layout's arithmetic and what it computed. */
  readonly a: Arithmetic<Term, Term>;
  readonly trace: Trace;
  /** Arithmetic for what is claimed. */
  readonly claim: Arithmetic<Term, Term>;
  readonly shape: Shape<Term>;
  readonly room: Room<Term>;
  readonly base: Term;
  readonly gaps: readonly Term[];
  readonly offset: Term;
  readonly addresses: readonly Term[];
  /** In memory; the text's is what the layout says. */
  readonly sizes: readonly Term[];
  /** The rules of shapes; the room's fit; the draws within their room. */
  readonly rules: readonly Term[];
  readonly fits: Term;
  readonly drawn: readonly Term[];
  /** What was computed to decide whether the image fits, and to place its segments. */
  readonly decided: readonly Term[];
  readonly placed: readonly Term[];
}

const zero = integer(0);
const within = (low: Term, value: Term, end: Term): Term => all([atMost(low, value), less(value, end)]);

function makeScene(code: SlideCode, form: SlideForm): Scene {
  const trace = makeTrace();
  const a = symbolicArithmetic(trace, 'layout');
  const claim = symbolicArithmetic(makeTrace(trace.quotients), 'claim');
  const indices = Array.from({ length: form.segments }, (_, i) => i);
  const shape: Shape<Term> = {
    memory: variable('memory'),
    lowest: variable('lowest'),
    ceiling: variable('ceiling'),
    sizes: indices.map((i) => variable(`size${i}`)),
    signedAddresses: form.signedAddresses,
    ...(form.text === undefined
      ? {}
      : { text: { ...form.text, headSize: variable('head'), unitsSize: variable('units') } }),
  };
  const rules = code.shapeRules(a, shape).map(({ holds }) => holds);
  const room = code.slideRoom(a, shape);
  const fits = code.slideFits(a, room);
  const decided = trace.values.splice(0);
  const base = variable('base');
  const gaps = indices.slice(1).map((i) => variable(`gap${i}`));
  const offset = variable('offset');
  const addresses = code.placeSegments(a, shape, base, gaps);
  return {
    code,
    form,
    a,
    trace,
    claim,
    shape,
    room,
    base,
    gaps,
    offset,
    addresses,
    sizes: shape.sizes.map((size, i) => (i === form.text?.segment ? room.textSize : size)),
    rules,
    fits,
    drawn: [
      within(zero, base, room.baseSlots),
      ...gaps.map((gap) => within(zero, gap, room.gapSlots)),
      within(zero, offset, room.offsetSlots),
    ],
    decided,
    placed: trace.values.splice(0),
  };
}

/** First address behind the whole image: its first segment's and the widest span. */
function imageEnd(scene: Scene): Term {
  return add(scene.addresses[0], scene.room.span);
}

/**
 * Claims of the image as a whole. The claims below rest on these: they are proved for themselves, and then assumed, so
 * that no question has to reason about all segments and about whole pages at once.
 */
function imageClaims(scene: Scene): Claim[] {
  const { addresses, sizes, shape, form } = scene;
  const given = [...scene.rules, scene.fits, ...scene.drawn];
  const [first, end] = [addresses[0], imageEnd(scene)];
  const parts = addresses.map(
    (address, i): Claim => ({
      name: `segment ${i} lies inside the span of the image`,
      given,
      goal: all([atMost(first, address), atMost(add(address, sizes[i]), end)]),
    }),
  );
  const reach = integer((form.signedAddresses ? 2 ** 31 : 2 ** 32) - MARGIN);
  return [
    ...parts,
    {
      name: 'the image lies between the lowest address and the ceiling, in whole pages',
      given,
      goal: all([
        atMost(shape.lowest, first),
        atMost(end, shape.ceiling),
        atMost(end, shape.memory),
        atMost(end, reach),
        scene.claim.isAligned(end, PAGE_BYTES),
      ]),
    },
  ];
}

/** Claims of each segment, and of it and the next one. */
function segmentClaims(scene: Scene, image: readonly Claim[]): Claim[] {
  const { addresses, sizes, shape, claim } = scene;
  const given = [...scene.rules, scene.fits, ...scene.drawn];
  const proved = image.map(({ goal }) => goal);
  return addresses.flatMap((address, i): Claim[] => {
    const byte = variable(`byte${i}`);
    const isByte = within(address, byte, add(address, sizes[i]));
    const pageEnd = add(claim.alignDown(byte, PAGE_BYTES), integer(PAGE_BYTES));
    const claims: Claim[] = [
      { name: `segment ${i} starts at a page`, given, goal: claim.isAligned(address, PAGE_BYTES) },
      {
        name: `each page of segment ${i} lies between the lowest address and the ceiling`,
        given: [...given, ...proved, isByte],
        goal: all([
          atMost(shape.lowest, subtract(pageEnd, integer(PAGE_BYTES))),
          atMost(pageEnd, shape.ceiling),
          atMost(pageEnd, shape.memory),
        ]),
      },
    ];
    const next = addresses[i + 1];
    if (next === undefined) return claims;
    return [
      ...claims,
      { name: `segment ${i} starts no higher than segment ${i + 1}`, given, goal: atMost(address, next) },
      {
        name: `segments ${i} and ${i + 1} share no page`,
        given: [...given, isByte],
        goal: atMost(pageEnd, next),
      },
    ];
  });
}

/** Claims of relocated values: what points into the image, or up to the margin before or behind it. */
function reachClaims(scene: Scene, image: readonly Claim[]): Claim[] {
  const first = scene.addresses[0];
  const end = imageEnd(scene);
  const [place, target] = [variable('place'), variable('target')];
  const isPlace = within(first, place, end);
  const isTarget = within(subtract(first, integer(MARGIN)), target, add(end, integer(MARGIN)));
  const proved = image.map(({ goal }) => goal);
  const given = [...scene.rules, scene.fits, ...scene.drawn, ...proved];
  const fixed = variable('fixed');
  const toFixed: Claim = {
    name: 'relative references to places below 2 GiB that stay fit signed fields of 32 bits',
    given: [...given, isPlace, within(zero, fixed, integer(2 ** 31))],
    goal: within(integer(-(2 ** 31)), subtract(fixed, place), integer(2 ** 31)),
  };
  return [
    ...(scene.form.signedAddresses ? [toFixed] : []),
    {
      name: 'absolute addresses fit their 32-bit fields',
      given: [...given, isTarget],
      goal: within(zero, target, integer(scene.form.signedAddresses ? 2 ** 31 : 2 ** 32)),
    },
    {
      name: 'relative references fit signed fields of 32 bits',
      given: [...given, isTarget, isPlace],
      goal: within(integer(-(2 ** 31)), subtract(target, place), integer(2 ** 31)),
    },
  ];
}

function drawClaims(scene: Scene): Claim[] {
  const { room, shape, claim, form } = scene;
  const given = [...scene.rules, scene.fits];
  const gaps = form.segments - 1;
  const most = integer(2 ** 32);
  const count = (slots: Term): Term => all([less(zero, slots), atMost(slots, most)]);
  // One page more for the base, with every gap at its widest, and the last segment no longer fits.
  const widest = scene.gaps.map(() => subtract(room.gapSlots, integer(1)));
  const beyond = scene.code.placeSegments(claim, shape, room.baseSlots, widest);
  const end = add(beyond[gaps], claim.alignUp(scene.sizes[gaps], PAGE_BYTES));
  const reach = integer((form.signedAddresses ? 2 ** 31 : 2 ** 32) - MARGIN);
  const gapBytes = (slots: Term): Term => scale(slots, gaps * PAGE_BYTES * GAP_PART);
  return [
    {
      name: 'every draw has at least one value, and no more than a word has',
      given,
      goal: all([count(room.baseSlots), count(room.gapSlots), count(room.offsetSlots)]),
    },
    {
      name: 'an image that fits is not refused',
      given: scene.rules,
      goal: implies(
        all([
          atMost(add(shape.lowest, room.span), shape.ceiling),
          atMost(add(shape.lowest, room.span), reach),
          atMost(room.span, integer(2 ** 31 - MARGIN)),
        ]),
        scene.fits,
      ),
    },
    {
      name: 'the base has all the room there is',
      given,
      goal: claim.any([less(shape.ceiling, end), less(reach, end)]),
    },
    {
      name: 'the gaps have a 128th of the memory, to a page each',
      given,
      goal:
        gaps === 0
          ? equal(room.gapSlots, integer(1))
          : all([
              atMost(gapBytes(subtract(room.gapSlots, integer(1))), shape.memory),
              less(shape.memory, gapBytes(room.gapSlots)),
            ]),
    },
  ];
}

function unitClaims(scene: Scene): Claim[] {
  const { room, shape, claim, code, a } = scene;
  const { text } = shape;
  if (text === undefined) return [];
  const { granule, headSize, unitsSize } = text;
  const aligned = (value: Term): Term => claim.isAligned(value, granule);
  /** Between two units: where the next one stands, and how many bytes are left to place. */
  const invariant = (cursor: Term, remaining: Term): Term =>
    all([
      aligned(cursor),
      aligned(remaining),
      atMost(headSize, cursor),
      atMost(zero, remaining),
      atMost(add(cursor, remaining), room.textSize),
    ]);
  const first = code.firstUnit(a, text, scene.offset);
  const firstValues = scene.trace.values.splice(0);
  const [cursor, remaining, size] = ['cursor', 'remaining', 'unit'].map((name) => variable(name));
  const { offset, next } = code.placeUnit(a, cursor, size);
  const stepValues = scene.trace.values.splice(0);
  const end = add(offset, size);
  const step = [invariant(cursor, remaining), atMost(zero, size), atMost(size, remaining), aligned(size)];
  const given = [...scene.rules, scene.fits];
  return [
    {
      name: 'before the first unit the invariant holds',
      given: [...given, ...scene.drawn],
      goal: invariant(first, unitsSize),
    },
    {
      name: 'placing a unit keeps the invariant',
      given: [...given, ...step],
      goal: invariant(next, subtract(remaining, size)),
    },
    {
      name: 'a unit stands aligned behind the head, inside the text, between its cursor and the next',
      given: [...given, ...step],
      goal: all([
        aligned(offset),
        atMost(headSize, offset),
        atMost(cursor, offset),
        atMost(end, next),
        atMost(end, room.textSize),
      ]),
    },
    {
      name: 'no byte is lost between units',
      given: [...given, ...step],
      goal: all([equal(offset, cursor), equal(next, end)]),
    },
    {
      name: 'the first unit moves by a page, no less',
      given,
      goal: equal(scale(room.offsetSlots, granule), integer(PAGE_BYTES)),
    },
    {
      name: 'the text is its head, its units and less than a page and a granule more',
      given,
      goal: all([
        atMost(add(headSize, unitsSize), room.textSize),
        less(room.textSize, add(add(headSize, unitsSize), integer(PAGE_BYTES))),
      ]),
    },
    {
      name: 'what places the first unit is exact',
      given: [...given, ...scene.drawn],
      goal: exactAsNumbers(firstValues),
    },
    { name: 'what places a unit is exact', given: [...given, ...step], goal: exactAsNumbers(stepValues) },
    { name: 'offsets in the text are 32-bit', given, goal: less(room.textSize, integer(2 ** 32 - 1)) },
  ];
}

function exactClaims(scene: Scene): Claim[] {
  const { rules, fits, drawn } = scene;
  return [
    { name: 'what decides whether the image fits is exact', given: rules, goal: exactAsNumbers(scene.decided) },
    {
      name: 'what places the segments is exact',
      given: [...rules, fits, ...drawn],
      goal: exactAsNumbers(scene.placed),
    },
  ];
}

/** The obligations of a form of image, for the layout whose text is `code`. */
export function slideObligations(code: SlideCode, form: SlideForm): Obligations {
  const scene = makeScene(code, form);
  const image = imageClaims(scene);
  const claims = [
    ...image,
    ...segmentClaims(scene, image),
    ...reachClaims(scene, image),
    ...drawClaims(scene),
    ...unitClaims(scene),
    ...exactClaims(scene),
  ];
  return obligationsOf(scene.trace.quotients.definitions, claims);
}
