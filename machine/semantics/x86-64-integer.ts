/**
 * What integer instructions of x86-64 compute: arithmetic, logic, products and moves; shifts are in x86-64-shift.ts.
 *
 * Operands are read before anything is written. Where a result is known whatever the operands are (a register
 * exclusive-or itself), it is that constant: compilers clear registers so, and whoever follows secrets must see it.
 * Source: Intel SDM volume 2.
 */
import type { BitOperator } from '../../base/bits.ts';
import { bitOf, carrySource, conditionOf, flagOf, over } from './x86-64-flags.ts';
import {
  addressOf,
  type Computation,
  isSame,
  pop,
  push,
  read,
  wholeRegister,
  widthOf,
  write,
  type X8664Machine,
} from './x86-64-machine.ts';
import { type MemoryOperand, type Operand, RAX, RBP, RDX, type RegisterOperand, RSP } from './x86-64-operations.ts';
import { shiftComputations } from './x86-64-shift.ts';

const part = (number: number, width: number): RegisterOperand => ({ kind: 'register', number, low: 0, width });

const none = (): void => {};

const move: Computation = (m, { operands: [to, from] }) => {
  write(m, to!, read(m, from!), wholeRegister(from!));
};

const addressed: Computation = (m, { operands: [to, from] }) => {
  const { segment: _, ...plain } = from as MemoryOperand;
  write(m, to!, m.algebra.truncate(addressOf(m, plain), to!.width));
};

const extended =
  (signed: boolean): Computation =>
  (m, { operands: [to, from] }) => {
    const value = read(m, from!);
    const v = m.algebra;
    write(m, to!, signed ? v.signExtend(value, widthOf(to!)) : v.zeroExtend(value, widthOf(to!)));
  };

/** Additions and subtractions. `carries`: with CF; `keeps`: compare only. */
const summed =
  (kind: 'sum' | 'difference', { carries = false, discards = false } = {}): Computation =>
  (m, operation) => {
    const v = m.algebra;
    const [to, from] = operation.operands;
    const a = read(m, to!);
    const same = kind === 'difference' && isSame(to, from);
    const b = same ? a : read(m, from!);
    const width = v.widthOf(a);
    const operator = kind === 'sum' ? 'bvadd' : 'bvsub';
    const carry = carries ? flagOf(m, m.flags, 'cf') : undefined;
    let result = same ? v.constant(0n, width) : v.operate(operator, a, b);
    if (carry !== undefined) result = v.operate(operator, result, v.zeroExtend(carry, width));
    m.flags = { kind, a, b, result, ...(carry !== undefined && { carry }) };
    if (!discards) write(m, to!, result);
  };

const stepped =
  (kind: 'sum' | 'difference'): Computation =>
  (m, { operands: [to] }) => {
    const v = m.algebra;
    const a = read(m, to!);
    const b = v.constant(1n, v.widthOf(a));
    const result = v.operate(kind === 'sum' ? 'bvadd' : 'bvsub', a, b);
    m.flags = { kind, a, b, result, carryFrom: carrySource(m.flags) };
    write(m, to!, result);
  };

const logical =
  (operator: BitOperator, { discards = false, inverts = false } = {}): Computation =>
  (m, { operands }) => {
    const v = m.algebra;
    const to = operands[0]!;
    const [left, right] = operands.length === 3 ? [operands[1]!, operands[2]!] : [to, operands[1]!];
    const a = read(m, left);
    let result: typeof a;
    if (isSame(left, right) && !inverts) result = operator === 'bvxor' ? v.constant(0n, v.widthOf(a)) : a;
    else result = v.operate(operator, inverts ? v.invert(a) : a, read(m, right));
    m.flags = { kind: 'logic', result };
    if (!discards) write(m, to, result);
  };

const negated: Computation = (m, { operands: [to] }) => {
  const v = m.algebra;
  const b = read(m, to!);
  const a = v.constant(0n, v.widthOf(b));
  const result = v.operate('bvsub', a, b);
  m.flags = { kind: 'difference', a, b, result };
  write(m, to!, result);
};

const inverted: Computation = (m, { operands: [to] }) => {
  write(m, to!, m.algebra.invert(read(m, to!)));
};

/** Both halves of a product. */
function product<V, B>({ algebra: v }: X8664Machine<V, B>, a: V, b: V, signed: boolean): { low: V; high: V } {
  const width = v.widthOf(a);
  const wide = (x: V): V => (signed ? v.signExtend(x, 2 * width) : v.zeroExtend(x, 2 * width));
  const whole = v.operate('bvmul', wide(a), wide(b));
  return { low: v.extract(whole, 0, width), high: v.extract(whole, width, width) };
}

/** One operand: RDX:RAX = RAX * operand. */
function multiplied<V, B>(m: X8664Machine<V, B>, operand: Operand, signed: boolean): void {
  const v = m.algebra;
  const width = operand.width;
  const { low, high } = product(m, read(m, part(RAX, width)), read(m, operand), signed);
  m.flags = { kind: 'product', low, high, signed };
  if (width === 8) write(m, part(RAX, 16), v.concatenate(high, low));
  else {
    write(m, part(RAX, width), low);
    write(m, part(RDX, width), high);
  }
}

const signedProduct: Computation = (m, { operands }) => {
  if (operands.length === 1) return multiplied(m, operands[0]!, true);
  const to = operands[0]!;
  const [left, right] = operands.length === 3 ? [operands[1]!, operands[2]!] : [to, operands[1]!];
  const { low, high } = product(m, read(m, left), read(m, right), true);
  m.flags = { kind: 'product', low, high, signed: true };
  write(m, to, low);
};

const flaglessProduct: Computation = (m, { operands: [to, low, from] }) => {
  const halves = product(m, read(m, part(RDX, widthOf(to!))), read(m, from!), false);
  write(m, low!, halves.low);
  write(m, to!, halves.high);
};

const divided =
  (signed: boolean): Computation =>
  (m, { operands: [operand] }) => {
    const v = m.algebra;
    const width = widthOf(operand!);
    const divisor = read(m, operand!);
    const dividend =
      width === 8 ? read(m, part(RAX, 16)) : v.concatenate(read(m, part(RDX, width)), read(m, part(RAX, width)));
    const wide = signed ? v.signExtend(divisor, 2 * width) : v.zeroExtend(divisor, 2 * width);
    // A quotient that does not fit, and a divisor of 0, trap: who executes on is where neither happened.
    const quotient = v.extract(v.operate(signed ? 'bvsdiv' : 'bvudiv', dividend, wide), 0, width);
    const remainder = v.extract(v.operate(signed ? 'bvsrem' : 'bvurem', dividend, wide), 0, width);
    m.flags = { kind: 'bits', from: [dividend, divisor] };
    if (width === 8) write(m, part(RAX, 16), v.concatenate(remainder, quotient));
    else {
      write(m, part(RAX, width), quotient);
      write(m, part(RDX, width), remainder);
    }
  };

/** The half above is made of signs: CBW, CWDE, CDQE within a register, CWD, CDQ, CQO from one to another. */
const signInto =
  (from: number, to: number): Computation =>
  (m) => {
    write(m, part(RAX, to), m.algebra.signExtend(read(m, part(RAX, from)), to));
  };
const signAcross =
  (width: number): Computation =>
  (m) => {
    const v = m.algebra;
    const low = read(m, part(RAX, width));
    write(m, part(RDX, width), v.operate('bvashr', low, v.constant(BigInt(width - 1), width)));
  };

const exchanged: Computation = (m, { operands: [to, from] }) => {
  const [a, b] = [read(m, to!), read(m, from!)];
  // Memory first: its address is that of before.
  const [first, second] = from!.kind === 'memory' ? [from!, to!] : [to!, from!];
  write(m, first, first === from ? a : b);
  write(m, second, second === from ? a : b);
};

const exchangedSum: Computation = (m, { operands: [to, from] }) => {
  const v = m.algebra;
  const [a, b] = [read(m, to!), read(m, from!)];
  const result = v.operate('bvadd', a, b);
  m.flags = { kind: 'sum', a, b, result };
  if (to!.kind === 'memory') {
    write(m, to!, result);
    write(m, from!, a);
  } else {
    write(m, from!, a);
    write(m, to!, result);
  }
};

/** ADCX and ADOX: a chain of sums that touches one flag. */
const chained =
  (flag: 'cf' | 'of'): Computation =>
  (m, { operands: [to, from] }) => {
    const v = m.algebra;
    const wide = widthOf(to!) + 1;
    const carry = v.zeroExtend(flagOf(m, m.flags, flag), wide);
    const [a, b] = [v.zeroExtend(read(m, to!), wide), v.zeroExtend(read(m, from!), wide)];
    const sum = v.operate('bvadd', v.operate('bvadd', a, b), carry);
    m.flags = over(m.flags, [], { [flag]: v.extract(sum, wide - 1, 1) });
    write(m, to!, v.truncate(sum, wide - 1));
  };

/** BT, BTS, BTR, BTC: CF is a bit of a register or of one word of memory; `change` is what becomes of it. */
const bitTested =
  (change?: 'set' | 'clear' | 'flip'): Computation =>
  (m, { operands: [to, which] }) => {
    const v = m.algebra;
    const a = read(m, to!);
    const width = v.widthOf(a);
    const index = v.zeroExtend(read(m, which!), width);
    const places = v.operate('bvand', index, v.constant(BigInt(width - 1), width));
    const cf = v.extract(v.operate('bvlshr', a, places), 0, 1);
    m.flags = { kind: 'bits', cf, zf: flagOf(m, m.flags, 'zf'), from: [a, index] };
    if (change === undefined) return;
    const bit = v.operate('bvshl', v.constant(1n, width), places);
    if (change === 'set') write(m, to!, v.operate('bvor', a, bit));
    else if (change === 'clear') write(m, to!, v.operate('bvand', a, v.invert(bit)));
    else write(m, to!, v.operate('bvxor', a, bit));
  };

const bytesReversed: Computation = (m, { operands: [to] }) => {
  const v = m.algebra;
  const a = read(m, to!);
  const bytes = Array.from({ length: v.widthOf(a) / 8 }, (_, i) => v.extract(a, 8 * i, 8));
  write(
    m,
    to!,
    bytes.reduce((high, low) => v.concatenate(high, low)),
  );
};

const pushed: Computation = (m, { operands: [from] }) => push(m, read(m, from!), wholeRegister(from!));
const popped: Computation = (m, { operands: [to] }) => write(m, to!, pop(m, widthOf(to!) / 8));
const left: Computation = (m) => {
  m.general[RSP] = m.general[RBP]!;
  m.general[RBP] = pop(m, 8);
};

const setByCondition: Computation = (m, { operands: [to], condition }) => {
  const v = m.algebra;
  write(m, to!, v.zeroExtend(bitOf(v, conditionOf(m, m.flags, condition!)), 8));
};

const movedByCondition: Computation = (m, { operands: [to, from], condition }) => {
  const holds = conditionOf(m, m.flags, condition!);
  const value = read(m, from!);
  write(m, to!, m.algebra.select(holds, value, read(m, to!)));
};

const carrySet =
  (value: bigint): Computation =>
  (m) => {
    m.flags = over(m.flags, [], { cf: m.algebra.constant(value, 1) });
  };

const carryInverted: Computation = (m) => {
  m.flags = over(m.flags, [], { cf: m.algebra.invert(flagOf(m, m.flags, 'cf')) });
};

export const integerComputations: Readonly<Record<string, Computation>> = {
  ...shiftComputations,
  nop: none,
  mov: move,
  lea: addressed,
  movzx: extended(false),
  movsx: extended(true),
  movsxd: extended(true),
  add: summed('sum'),
  adc: summed('sum', { carries: true }),
  sub: summed('difference'),
  sbb: summed('difference', { carries: true }),
  cmp: summed('difference', { discards: true }),
  inc: stepped('sum'),
  dec: stepped('difference'),
  and: logical('bvand'),
  or: logical('bvor'),
  xor: logical('bvxor'),
  test: logical('bvand', { discards: true }),
  andn: logical('bvand', { inverts: true }),
  neg: negated,
  not: inverted,
  mul: (m, { operands }) => multiplied(m, operands[0]!, false),
  imul: signedProduct,
  mulx: flaglessProduct,
  div: divided(false),
  idiv: divided(true),
  cbw: signInto(8, 16),
  cwde: signInto(16, 32),
  cdqe: signInto(32, 64),
  cwd: signAcross(16),
  cdq: signAcross(32),
  cqo: signAcross(64),
  xchg: exchanged,
  xadd: exchangedSum,
  adcx: chained('cf'),
  adox: chained('of'),
  bt: bitTested(),
  bts: bitTested('set'),
  btr: bitTested('clear'),
  btc: bitTested('flip'),
  bswap: bytesReversed,
  push: pushed,
  pop: popped,
  leave: left,
  setcc: setByCondition,
  cmovcc: movedByCondition,
  clc: carrySet(0n),
  stc: carrySet(1n),
  cmc: carryInverted,
};
