/**
 * What vector instructions of x86-64 leave in each bit: moves, bitwise and integer arithmetic, shuffles, of SSE2 and
 * SSSE3, of what of SSE4.1 compilers use for moves, and their AVX and AVX2 forms.
 *
 * Vectors are lists of lanes of 64 bits, elements are cut out of lanes and joined again, and most shuffles happen within
 * chunks of 128 bits. An SSE form overwrites its first operand and keeps what lies above 128 bits, a VEX form has a
 * destination of its own and clears it; both are one meaning here. What is not here is opaque (x86-64-decode.ts).
 * Source: Intel SDM volume 2.
 */
import type { BitComparison, BitOperator } from '../../base/bits.ts';
import type { MachineAlgebra } from './algebra.ts';
import { elementsOf, joined, named, operandsOf, pairOf, sized } from './x86-64-lanes.ts';
import { type Computation, isSame, read, readLanes, word, write, writeLanes } from './x86-64-machine.ts';
import { shuffles, shuffleVexOnly } from './x86-64-shuffle.ts';

const bitwise =
  (operator: BitOperator, inverts = false): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, left, right] = operandsOf(operation);
    const a = readLanes(m, left);
    if (operator === 'bvxor' && isSame(left, right))
      return writeLanes(
        m,
        operation,
        to,
        a.map(() => word(m, 0)),
      );
    const b = readLanes(m, right);
    const lanes = a.map((lane, i) => v.operate(operator, inverts ? v.invert(lane) : lane, b[i]!));
    return writeLanes(m, operation, to, lanes);
  };

type Combine = <V, B>(v: MachineAlgebra<V, B>, a: V, b: V) => V;

const elementwise =
  (width: number, combine: Combine): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const { to, a, b } = pairOf(m, operation);
    const others = elementsOf(v, b, width);
    const result = elementsOf(v, a, width).map((element, i) => combine(v, element, others[i]!));
    writeLanes(m, operation, to, joined(v, result));
  };

const operated =
  (operator: BitOperator): Combine =>
  (v, a, b) =>
    v.operate(operator, a, b);

const compared =
  (comparison: BitComparison): Combine =>
  (v, a, b) => {
    const width = v.widthOf(a);
    const holds = comparison === '=' ? v.compare('=', a, b) : v.compare(comparison, b, a);
    return v.select(holds, v.constant(-1n, width), v.constant(0n, width));
  };

const lowProduct: Combine = (v, a, b) =>
  v.operate('bvmul', v.zeroExtend(v.truncate(a, 32), 64), v.zeroExtend(v.truncate(b, 32), 64));

/** Of equal vectors every element is equal: compilers make ones so. */
const comparedEqual =
  (width: number): Computation =>
  (m, operation) => {
    const [to, left, right] = operandsOf(operation);
    if (!isSame(left, right)) return elementwise(width, compared('='))(m, operation);
    return writeLanes(
      m,
      operation,
      to,
      readLanes(m, left).map(() => word(m, -1)),
    );
  };

const subtracted =
  (width: number): Computation =>
  (m, operation) => {
    const [to, left, right] = operandsOf(operation);
    if (!isSame(left, right)) return elementwise(width, operated('bvsub'))(m, operation);
    return writeLanes(
      m,
      operation,
      to,
      readLanes(m, left).map(() => word(m, 0)),
    );
  };

/** Shifts of elements by an immediate, or by the lowest lane of another vector. */
const shifted =
  (operator: 'bvshl' | 'bvlshr' | 'bvashr', width: number): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, from, by] = operandsOf(operation);
    const count = by.kind === 'immediate' ? word(m, by.value) : readLanes(m, by)[0]!;
    // In 64 bits, so that a count beyond the element is what it is.
    const result = elementsOf(v, readLanes(m, from), width).map((element) => {
      const whole = operator === 'bvashr' ? v.signExtend(element, 64) : v.zeroExtend(element, 64);
      return v.truncate(v.operate(operator, whole, count), width);
    });
    writeLanes(m, operation, to, joined(v, result));
  };

const moved: Computation = (m, operation) => {
  const [to, from] = operation.operands;
  writeLanes(m, operation, to!, readLanes(m, from!));
};

/** MOVD, MOVQ: the lowest 32 or 64 bits; a vector's others become zero. */
const movedLow =
  (width: number): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, from] = operation.operands;
    const value = from!.kind === 'vector' ? readLanes(m, from!)[0]! : v.zeroExtend(read(m, from!), 64);
    const low = width === 64 ? value : v.truncate(value, width);
    if (to!.kind === 'vector') writeLanes(m, operation, to!, [v.zeroExtend(low, 64), word(m, 0)]);
    else write(m, to!, low);
  };

/** MOVSS, MOVSD: from memory the rest becomes zero, between registers it is the first source's. */
const movedScalar =
  (width: number): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const { operands } = operation;
    const last = operands.at(-1)!;
    if (last.kind === 'memory' || operands[0]!.kind === 'memory') return movedLow(width)(m, operation);
    const { to, a, b } = pairOf(m, operation);
    const low = width === 64 ? b[0]! : v.concatenate(v.extract(a[0]!, 32, 32), v.truncate(b[0]!, 32));
    return writeLanes(m, operation, to, [low, a[1]!]);
  };

/** MOVLPS, MOVHPS and their like: one half of 128 bits from or to memory, or from the other half of a register. */
const movedHalf =
  (half: 0 | 1, from: 0 | 1): Computation =>
  (m, operation) => {
    if (operation.operands[0]!.kind === 'memory')
      return write(m, operation.operands[0]!, readLanes(m, operation.operands[1]!)[half]!);
    const { to, a, b } = pairOf(m, operation);
    const value = b.length === 1 ? b[0]! : b[from]!;
    return writeLanes(m, operation, to, half === 0 ? [value, a[1]!] : [a[0]!, value]);
  };

/** SSE forms; each has a VEX form with a v in front. */
const both: Readonly<Record<string, Computation>> = {
  ...shuffles,
  ...named('movaps movups movapd movupd movdqa movdqu lddqu movntdq movntps movntpd movntdqa', moved),
  ...named('pand andps andpd', bitwise('bvand')),
  ...named('por orps orpd', bitwise('bvor')),
  ...named('pxor xorps xorpd', bitwise('bvxor')),
  ...named('pandn andnps andnpd', bitwise('bvand', true)),
  ...sized('padd', 'bwdq', (width) => elementwise(width, operated('bvadd'))),
  ...sized('psub', 'bwdq', subtracted),
  ...sized('pcmpeq', 'bwdq', comparedEqual),
  ...sized('pcmpgt', 'bwdq', (width) => elementwise(width, compared('bvslt'))),
  pmullw: elementwise(16, operated('bvmul')),
  pmulld: elementwise(32, operated('bvmul')),
  pmuludq: elementwise(64, lowProduct),
  ...sized('psll', 'wdq', (width) => shifted('bvshl', width)),
  ...sized('psrl', 'wdq', (width) => shifted('bvlshr', width)),
  ...sized('psra', 'wd', (width) => shifted('bvashr', width)),
  movd: movedLow(32),
  movq: movedLow(64),
  movss: movedScalar(32),
  movsd: movedScalar(64),
  ...named('movlps movlpd', movedHalf(0, 0)),
  ...named('movhps movhpd', movedHalf(1, 0)),
  movhlps: movedHalf(0, 1),
  movlhps: movedHalf(1, 0),
};

export const vectorComputations: Readonly<Record<string, Computation>> = {
  ...both,
  ...Object.fromEntries(Object.entries(both).map(([name, meaning]) => [`v${name}`, meaning])),
  ...shuffleVexOnly,
};
