/**
 * The value of a script expression, and the section it belongs to.
 *
 * A symbol that a script defines inside an output section moves with that section and must carry its index; one that is
 * a plain number must not. GNU ld decides by the kinds of the operands, and scripts depend on it, so we follow its
 * rules (manual, section 3.10.8 "The Section of an Expression"):
 *
 * - A term is a number, an absolute address, or an address relative to an output section. SIZEOF, ALIGNOF, CONSTANT,
 *   LENGTH, DEFINED, `!` and comparisons give numbers. A literal is a number inside an output section and an absolute
 *   address outside. ADDR is relative to the section it names, LOADADDR absolute. Dot and ORIGIN are relative inside an
 *   output section and absolute outside. A symbol is relative to its section; an absolute symbol counts as a number
 *   inside an output section.
 * - An operator on two terms of one section, or on a relative term and a number, works on the offsets; on terms of
 *   different sections, or of a section and an absolute address, on the addresses.
 * - Arithmetic on two terms of one section, or on two absolute ones, gives a number (two absolute ones outside output
 *   sections: an absolute address); with one plain number the other operand's section stays. MAX, MIN, ?: and ALIGN
 *   keep it as well.
 * - When a plain number is assigned inside an output section, it is an offset in that section; elsewhere it is absolute.
 *
 * These rules make `end = .` between sections absolute, yet in a position-independent program it must move with the
 * load address. GNU ld then picks a section nearby. So do we, by asking the environment; and unlike GNU ld, which
 * leaves `_end + 8` absolute there, for every absolute result that is one address plus numbers: each term counts how
 * many times the load address is in it (`bases`: `.` has 1, `. - start` 0). ABSOLUTE() resets the count.
 *
 * Arithmetic wraps at 64 bits; `/` and `%` are signed, comparisons, `>>`, MAX, MIN and ALIGN unsigned, and shifts take
 * their count modulo 64: what GNU ld does on 64-bit hosts.
 *
 * Layout evaluates a script several times. Until the last pass addresses and sizes are guesses and some symbols have no
 * value yet: a pass with `final: false` reads every unknown as 0 and reports nothing.
 */
import { fail, printable } from '../../base/errors.ts';
import type { BinaryOperator, Expression, Position } from './ast.ts';
import { describePosition } from './lex.ts';

/** A finished value: always an address or number in full, with the output section that a symbol of it belongs to. */
export interface Value {
  /** Unsigned 64-bit. */
  readonly value: bigint;
  /** Output section the value moves with; undefined: absolute (SHN_ABS). */
  readonly section: string | undefined;
}

/** What an expression may ask. Lookups answer undefined for what is not known (yet). */
export interface Environment {
  /** In the final pass an unknown is an error; before, it is 0. */
  readonly final: boolean;
  /** Output section whose description is being evaluated; undefined outside. */
  readonly section: string | undefined;
  /** The location counter, as an address. */
  readonly dot: () => bigint;
  /** Value of a defined symbol; of a weak undefined one: { value: 0n, section: undefined }. */
  readonly symbol: (name: string) => Value | undefined;
  /** Is the symbol defined by an input or by an earlier statement of the script? */
  readonly defined: (name: string) => boolean;
  /** The four section lookups: undefined for a name that no description has; 0 sizes for one that came out empty. */
  readonly sectionAddress: (name: string) => bigint | undefined;
  readonly sectionSize: (name: string) => bigint | undefined;
  readonly sectionLoadAddress: (name: string) => bigint | undefined;
  readonly sectionAlignment: (name: string) => bigint | undefined;
  /** A memory region or alias. */
  readonly region: (name: string) => { readonly origin: bigint; readonly length: bigint } | undefined;
  readonly maxPageSize: bigint;
  readonly commonPageSize: bigint;
  /** SIZEOF_HEADERS: bytes of the ELF header and program headers. */
  readonly sizeofHeaders: () => bigint;
  /** -Ttext and its like, for SEGMENT_START("text-segment", ...). */
  readonly segmentStart?: (segment: string) => bigint | undefined;
  /** An output section near `address`, for symbols that a script sets outside sections; see the essay above. */
  readonly sectionNear?: (address: bigint) => string | undefined;
  /** Where DATA_SEGMENT_RELRO_END ends RELRO; absent: `value + offset` rounded up to the common page, as GNU ld. */
  readonly relroEnd?: (address: bigint) => bigint;
}

/** A term while evaluating: `value` is an offset when `kind` is 'relative'. */
type Term =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'absolute'; readonly value: bigint; readonly bases: number }
  | { readonly kind: 'relative'; readonly value: bigint; readonly section: string };

const wrap = (value: bigint) => BigInt.asUintN(64, value);
const signed = (value: bigint) => BigInt.asIntN(64, value);

/**
 * Value of `expression` as an assignment, a data statement or an address takes it: plain numbers are placed in the
 * section being described, or made absolute outside. Throws 'script' (final pass only) for undefined symbols, sections
 * and regions and for division by zero, and 'assertion' for a failed ASSERT().
 */
export function evaluate(expression: Expression, environment: Environment): Value {
  const term = fold(expression, environment);
  if (term.kind === 'relative') return { value: addressOf(term, environment), section: term.section };
  if (term.kind === 'absolute' || environment.section === undefined) {
    const moves = environment.section === undefined && term.kind === 'absolute' && term.bases === 1;
    return { value: term.value, section: moves ? environment.sectionNear?.(term.value) : undefined };
  }
  const base = environment.sectionAddress(environment.section) ?? 0n;
  return { value: wrap(base + term.value), section: environment.section };
}

/**
 * Value of `expression` as a size, an alignment, a flag, a fill or a condition: a plain number stays itself, a relative
 * value counts as its address. ASSERT and data statements inside a section use this too.
 */
export function evaluateNumber(expression: Expression, environment: Environment): bigint {
  return addressOf(fold(expression, environment), environment);
}

/** Is the condition of ASSERT true? Offsets count, as in GNU ld: a relative 0 is false. */
export function holds(test: Expression, environment: Environment): boolean {
  return fold(test, environment).value !== 0n;
}

function addressOf(term: Term, environment: Environment): bigint {
  if (term.kind !== 'relative') return term.value;
  return wrap((environment.sectionAddress(term.section) ?? 0n) + term.value);
}

function relative(address: bigint, section: string, environment: Environment): Term {
  return { kind: 'relative', section, value: wrap(address - (environment.sectionAddress(section) ?? 0n)) };
}

function absolute(value: bigint, bases = 0): Term {
  return { kind: 'absolute', value: wrap(value), bases };
}

function number(value: bigint): Term {
  return { kind: 'number', value: wrap(value) };
}

/** An address in terms of the section being described. */
function hereOrAbsolute(address: bigint, environment: Environment): Term {
  return environment.section === undefined ? absolute(address, 1) : relative(address, environment.section, environment);
}

/** `known`, or in the final pass an error. */
function orUnknown<T>(known: T | undefined, otherwise: T, environment: Environment, at: Position, what: string): T {
  if (known !== undefined) return known;
  if (environment.final) fail('script', `${describePosition(at)}: ${what}`);
  return otherwise;
}

/** `value` rounded up to a multiple of `alignment`, which need not be a power of two; 0 and 1 change nothing. */
export function alignUp(value: bigint, alignment: bigint): bigint {
  if (alignment <= 1n) return value;
  return wrap(((value + alignment - 1n) / alignment) * alignment);
}

function fold(expression: Expression, environment: Environment): Term {
  switch (expression.kind) {
    case 'number':
      return environment.section === undefined ? absolute(expression.value) : number(expression.value);
    case 'dot':
      return hereOrAbsolute(environment.dot(), environment);
    case 'symbol':
      return foldSymbol(expression.name, expression.at, environment);
    case 'unary':
      return foldUnary(expression.operator, fold(expression.operand, environment));
    case 'binary':
      return foldBinary(expression.operator, expression.left, expression.right, expression.at, environment);
    case 'conditional':
      return fold(fold(expression.test, environment).value !== 0n ? expression.yes : expression.no, environment);
    case 'section':
      return foldSection(expression.function, expression.section, expression.at, environment);
    case 'defined':
      return number(environment.defined(expression.symbol) ? 1n : 0n);
    case 'constant':
      return number(expression.name === 'MAXPAGESIZE' ? environment.maxPageSize : environment.commonPageSize);
    case 'sizeofHeaders':
      return number(environment.sizeofHeaders());
    case 'align': {
      if (expression.value === undefined) {
        const alignment = addressOf(fold(expression.alignment, environment), environment);
        return hereOrAbsolute(alignUp(environment.dot(), alignment), environment);
      }
      const [value, alignment] = matched(
        fold(expression.value, environment),
        fold(expression.alignment, environment),
        environment,
      );
      return chosen(alignUp(value.value, alignment.value), value, alignment);
    }
    case 'absolute':
      return absolute(addressOf(fold(expression.operand, environment), environment));
    case 'max':
    case 'min': {
      const [left, right] = matched(
        fold(expression.left, environment),
        fold(expression.right, environment),
        environment,
      );
      const takeLeft = left.value > right.value === (expression.kind === 'max');
      return takeLeft ? chosen(left.value, left, right) : chosen(right.value, right, left);
    }
    case 'origin':
    case 'length': {
      const region = orUnknown(
        environment.region(expression.region),
        { origin: 0n, length: 0n },
        environment,
        expression.at,
        `memory region '${printable(expression.region)}' is not declared in MEMORY`,
      );
      // An origin is an address, like dot; a length is a number. It shows when a symbol is added or subtracted.
      return expression.kind === 'origin' ? hereOrAbsolute(region.origin, environment) : number(region.length);
    }
    case 'log2ceil':
      return number(log2ceil(addressOf(fold(expression.operand, environment), environment)));
    case 'segmentStart': {
      const start = environment.segmentStart?.(expression.segment);
      if (start !== undefined) return hereOrAbsolute(start, environment);
      const fallback = fold(expression.fallback, environment);
      // A literal there is an address all the same.
      return fallback.kind === 'absolute' ? absolute(fallback.value, 1) : fallback;
    }
    case 'dataSegmentAlign': {
      const maxPage = addressOf(fold(expression.maxPage, environment), environment);
      const dot = environment.dot();
      return hereOrAbsolute(maxPage <= 1n ? dot : alignUp(dot, maxPage) + (dot % maxPage), environment);
    }
    case 'dataSegmentRelroEnd': {
      const offset = addressOf(fold(expression.offset, environment), environment);
      const end = wrap(addressOf(fold(expression.value, environment), environment) + offset);
      const aligned = environment.relroEnd?.(end) ?? alignUp(end, environment.commonPageSize);
      return hereOrAbsolute(wrap(aligned - offset), environment);
    }
    case 'dataSegmentEnd':
      return fold(expression.value, environment);
    case 'assert': {
      const term = fold(expression.test, environment);
      if (term.value === 0n && environment.final) {
        fail('assertion', `${describePosition(expression.at)}: ${printable(expression.message)}`);
      }
      return term;
    }
  }
}

function foldSymbol(name: string, at: Position, environment: Environment): Term {
  const symbol = orUnknown(
    environment.symbol(name),
    { value: 0n, section: undefined },
    environment,
    at,
    `undefined symbol '${printable(name)}' in an expression`,
  );
  if (symbol.section !== undefined) return relative(symbol.value, symbol.section, environment);
  return environment.section === undefined ? absolute(symbol.value) : number(symbol.value);
}

function foldSection(
  name: 'ADDR' | 'SIZEOF' | 'LOADADDR' | 'ALIGNOF',
  section: string,
  at: Position,
  environment: Environment,
): Term {
  const lookup = {
    ADDR: environment.sectionAddress,
    SIZEOF: environment.sectionSize,
    LOADADDR: environment.sectionLoadAddress,
    ALIGNOF: environment.sectionAlignment,
  }[name];
  const missing = `${name}(${printable(section)}): there is no such output section`;
  const value = orUnknown(lookup(section), 0n, environment, at, missing);
  if (name === 'SIZEOF' || name === 'ALIGNOF') return number(value);
  return name === 'LOADADDR' ? absolute(value) : relative(value, section, environment);
}

function foldUnary(operator: '-' | '~' | '!', operand: Term): Term {
  if (operator === '!') return number(operand.value === 0n ? 1n : 0n);
  const value = wrap(operator === '-' ? -operand.value : ~operand.value);
  return operand.kind === 'absolute' ? absolute(value) : { ...operand, value };
}

const isSame = (a: Term, b: Term) =>
  a.kind === b.kind && (a.kind !== 'relative' || (b.kind === 'relative' && a.section === b.section));

const basesOf = (term: Term) => (term.kind === 'relative' ? 1 : term.kind === 'absolute' ? term.bases : 0);

function toAbsolute(term: Term, environment: Environment): Term {
  return absolute(addressOf(term, environment), basesOf(term));
}

/** Both terms as offsets where that is meant, else as addresses. */
function matched(left: Term, right: Term, environment: Environment): [Term, Term] {
  if (isSame(left, right) || left.kind === 'number' || right.kind === 'number') return [left, right];
  return [toAbsolute(left, environment), toAbsolute(right, environment)];
}

/** One of two matched terms, or that term rounded: in its own section, or the other's when it is a plain number. */
function chosen(value: bigint, term: Term, other: Term): Term {
  return { ...(term.kind === 'number' ? other : term), value: wrap(value) };
}

/** How many load addresses a result of absolute terms has. */
function basesOfResult(operator: BinaryOperator, left: Term, right: Term): number {
  switch (operator) {
    case '+':
    case '|':
      return basesOf(left) + basesOf(right);
    case '-':
      return basesOf(left) - basesOf(right);
    case '&':
      // `. & ~0xfff` is still an address, `. & 0xfff` is not.
      return right.value >> 63n === 1n ? basesOf(left) : left.value >> 63n === 1n ? basesOf(right) : 0;
    default:
      return 0;
  }
}

/** An arithmetic result of two matched terms. */
function combined(operator: BinaryOperator, value: bigint, left: Term, right: Term, environment: Environment): Term {
  if (left.kind === 'absolute' || right.kind === 'absolute') {
    const isNumber = left.kind === right.kind && environment.section !== undefined;
    return isNumber ? number(value) : absolute(value, basesOfResult(operator, left, right));
  }
  if (left.kind === right.kind) return number(value);
  return { ...(left.kind === 'number' ? right : left), value: wrap(value) };
}

const comparisons: Partial<Record<BinaryOperator, (a: bigint, b: bigint) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function foldBinary(
  operator: BinaryOperator,
  leftExpression: Expression,
  rightExpression: Expression,
  at: Position,
  environment: Environment,
): Term {
  const first = fold(leftExpression, environment);
  // GNU ld evaluates the second operand only when it decides.
  if (operator === '&&' && first.value === 0n) return number(0n);
  if (operator === '||' && first.value !== 0n) return number(1n);
  const second = fold(rightExpression, environment);
  if (operator === '&&' || operator === '||') return number(second.value !== 0n ? 1n : 0n);
  const [left, right] = matched(first, second, environment);
  const compare = comparisons[operator];
  if (compare !== undefined) return number(compare(left.value, right.value) ? 1n : 0n);
  return combined(operator, arithmetic(operator, left.value, right.value, at, environment), left, right, environment);
}

function arithmetic(operator: BinaryOperator, a: bigint, b: bigint, at: Position, environment: Environment): bigint {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
    case '%':
      if (b === 0n) {
        if (environment.final) fail('script', `${describePosition(at)}: '${operator}' by zero`);
        return 0n;
      }
      return operator === '/' ? signed(a) / signed(b) : signed(a) % signed(b);
    case '<<':
      return a << (b & 63n);
    case '>>':
      return a >> (b & 63n);
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    default:
      return 0n;
  }
}

/** Smallest n with 2^n >= value; 0 for 0. */
function log2ceil(value: bigint): bigint {
  let n = 0n;
  while (n < 64n && 1n << n < value) n++;
  return n;
}
