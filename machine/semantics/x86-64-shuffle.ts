/**
 * Vector instructions of x86-64 that move elements about: shuffles, insertions, broadcasts. Most work within chunks of 128
 * bits, whatever the vector's width.
 * Source: Intel SDM volume 2.
 */
import { elementsOf, immediateOf, joined, named, operandsOf, pairOf, sized } from './x86-64-lanes.ts';
import { type Computation, countOf, read, readLanes, word, write, writeLanes } from './x86-64-machine.ts';

/** Shuffles: which element of the sources goes where, in each chunk of 128 bits; undefined: zero. */
const shuffled =
  (
    width: number,
    sources: 'one' | 'two',
    pick: (at: number, immediate: number, count: number) => number | undefined,
  ): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, left, right] =
      sources === 'two'
        ? operandsOf(operation)
        : ([operation.operands[0]!, operation.operands[1]!, undefined] as const);
    const [a, b] = [
      elementsOf(v, readLanes(m, left), width),
      right === undefined ? [] : elementsOf(v, readLanes(m, right), width),
    ];
    const last = operation.operands.at(-1)!;
    const immediate = last.kind === 'immediate' ? countOf(last) : 0;
    const count = 128 / width;
    const zero = v.constant(0n, width);
    const result = a.map((_, i) => {
      const from = i - (i % count);
      const which = pick(i % count, immediate, count);
      if (which === undefined) return zero;
      return which < count ? a[from + which]! : b[from + which - count]!;
    });
    writeLanes(m, operation, to, joined(v, result));
  };

/** The low or high halves of two, element by element. */
const unpacked = (width: number, high: boolean): Computation =>
  shuffled(width, 'two', (i, _, count) => (i >> 1) + (high ? count / 2 : 0) + (i & 1) * count);

const two = (immediate: number, i: number): number => (immediate >> (2 * i)) & 3;

/** Whole bytes, up or down. */
const byteShifted =
  (left: boolean): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, from] = operandsOf(operation);
    const places = Math.min(immediateOf(operation), 16);
    const bytes = elementsOf(v, readLanes(m, from), 8);
    const result = bytes.map((_, i) => {
      const which = (i % 16) + (left ? -places : places);
      return which < 0 || which > 15 ? v.constant(0n, 8) : bytes[i - (i % 16) + which]!;
    });
    writeLanes(m, operation, to, joined(v, result));
  };

const aligned: Computation = (m, operation) => {
  const v = m.algebra;
  const { to, a, b } = pairOf(m, operation);
  const places = immediateOf(operation);
  const [high, low] = [elementsOf(v, a, 8), elementsOf(v, b, 8)];
  const result = high.map((_, i) => {
    const from = i - (i % 16);
    const which = (i % 16) + places;
    if (which > 31) return v.constant(0n, 8);
    return which < 16 ? low[from + which]! : high[from + which - 16]!;
  });
  writeLanes(m, operation, to, joined(v, result));
};

/** PSHUFB: each byte says which it becomes, or zero. Where a byte of the mask is not known, it depends on the chunk. */
const bytesShuffled: Computation = (m, operation) => {
  const v = m.algebra;
  const { to, a, b } = pairOf(m, operation);
  const [bytes, mask] = [elementsOf(v, a, 8), elementsOf(v, b, 8)];
  const result = mask.map((selector, i) => {
    const known = v.known(selector);
    const from = i - (i % 16);
    if (known === undefined) return m.opaque([selector, ...bytes.slice(from, from + 16)], 8);
    return (known & 0x80n) !== 0n ? v.constant(0n, 8) : bytes[from + Number(known & 15n)]!;
  });
  writeLanes(m, operation, to, joined(v, result));
};

const inserted =
  (width: number): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, left, right] = operandsOf(operation);
    const elements = elementsOf(v, readLanes(m, left), width);
    elements[immediateOf(operation) % elements.length] = v.truncate(read(m, right), width);
    writeLanes(m, operation, to, joined(v, elements));
  };

const extracted =
  (width: number): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, from] = operation.operands;
    const elements = elementsOf(v, readLanes(m, from!).slice(0, 2), width);
    const element = elements[immediateOf(operation) % elements.length]!;
    write(m, to!, v.zeroExtend(element, to!.width));
  };

/** The sign of each element, as bits of a number. */
const signs =
  (width: number): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, from] = operation.operands;
    const bits = elementsOf(v, readLanes(m, from!), width).map((element) => v.extract(element, width - 1, 1));
    write(
      m,
      to!,
      v.zeroExtend(
        bits.reduce((low, high) => v.concatenate(high, low)),
        to!.width,
      ),
    );
  };

const halfInserted: Computation = (m, operation) => {
  const [to, left, right] = operation.operands;
  const lanes = readLanes(m, left!);
  lanes.splice((immediateOf(operation) & 1) * 2, 2, ...readLanes(m, right!));
  writeLanes(m, operation, to!, lanes);
};

const halfExtracted: Computation = (m, operation) => {
  const [to, from] = operation.operands;
  const low = (immediateOf(operation) & 1) * 2;
  writeLanes(m, operation, to!, readLanes(m, from!).slice(low, low + 2));
};

/** One element everywhere. */
const broadcast =
  (width: number): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, from] = operation.operands;
    const element = v.truncate(readLanes(m, from!)[0]!, width);
    const lane = joined(
      v,
      Array.from({ length: 64 / width }, () => element),
    )[0]!;
    writeLanes(
      m,
      operation,
      to!,
      Array.from({ length: to!.width / 64 }, () => lane),
    );
  };

const broadcastHalf: Computation = (m, operation) => {
  const [to, from] = operation.operands;
  const lanes = readLanes(m, from!);
  writeLanes(m, operation, to!, [...lanes, ...lanes]);
};

const lanesPermuted: Computation = (m, operation) => {
  const [to, from] = operation.operands;
  const lanes = readLanes(m, from!);
  writeLanes(
    m,
    operation,
    to!,
    lanes.map((_, i) => lanes[two(immediateOf(operation), i)]!),
  );
};

const halvesPermuted: Computation = (m, operation) => {
  const { to, a, b } = pairOf(m, operation);
  const halves = [a.slice(0, 2), a.slice(2), b.slice(0, 2), b.slice(2)];
  const immediate = immediateOf(operation);
  const half = (selector: number) => ((selector & 8) !== 0 ? [word(m, 0), word(m, 0)] : halves[selector & 3]!);
  writeLanes(m, operation, to, [...half(immediate & 15), ...half(immediate >> 4)]);
};

/** The second source's elements where the immediate has a bit. */
const blended =
  (width: number): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const { to, a, b } = pairOf(m, operation);
    const others = elementsOf(v, b, width);
    const immediate = immediateOf(operation);
    const result = elementsOf(v, a, width).map((element, i) =>
      ((immediate >> (i % 8)) & 1) === 0 ? element : others[i]!,
    );
    writeLanes(m, operation, to, joined(v, result));
  };

/** SSE forms; each has a VEX form with a v in front. */
export const shuffles: Readonly<Record<string, Computation>> = {
  pslldq: byteShifted(true),
  psrldq: byteShifted(false),
  palignr: aligned,
  pshufb: bytesShuffled,
  pshufd: shuffled(32, 'one', (i, immediate) => two(immediate, i)),
  pshuflw: shuffled(16, 'one', (i, immediate) => (i < 4 ? two(immediate, i) : i)),
  pshufhw: shuffled(16, 'one', (i, immediate) => (i < 4 ? i : 4 + two(immediate, i - 4))),
  shufps: shuffled(32, 'two', (i, immediate, count) => two(immediate, i) + (i < 2 ? 0 : count)),
  punpcklbw: unpacked(8, false),
  punpcklwd: unpacked(16, false),
  ...named('punpckldq unpcklps', unpacked(32, false)),
  ...named('punpcklqdq unpcklpd', unpacked(64, false)),
  punpckhbw: unpacked(8, true),
  punpckhwd: unpacked(16, true),
  ...named('punpckhdq unpckhps', unpacked(32, true)),
  ...named('punpckhqdq unpckhpd', unpacked(64, true)),
  ...sized('pinsr', 'bwdq', inserted),
  ...sized('pextr', 'bwdq', extracted),
  pmovmskb: signs(8),
  movmskps: signs(32),
  movmskpd: signs(64),
  pblendw: blended(16),
};

/** Forms without an SSE one. */
export const shuffleVexOnly: Readonly<Record<string, Computation>> = {
  ...named('vinserti128 vinsertf128', halfInserted),
  ...named('vextracti128 vextractf128', halfExtracted),
  ...sized('vpbroadcast', 'bwdq', broadcast),
  vbroadcastss: broadcast(32),
  vbroadcastsd: broadcast(64),
  ...named('vbroadcasti128 vbroadcastf128', broadcastHalf),
  ...named('vpermq vpermpd', lanesPermuted),
  ...named('vperm2i128 vperm2f128', halvesPermuted),
  vpblendd: blended(32),
};
