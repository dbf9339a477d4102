/**
 * Terms as functions: what a solver is asked, run on values.
 *
 * A term becomes a JavaScript function of its variables, each node one constant of it, so that half a million values are
 * a matter of seconds. Bits are numbers without a sign where all of the term is narrow enough for doubles, bigints else.
 * A quotient is a variable that its facts define; it is given the one value that they allow, and `facts` tells whether all
 * facts about the variables of the term are true.
 */
import type { Facts } from '../../proofs/facts.ts';
import { relevantFacts } from '../../proofs/facts.ts';
import { operandsOf, type Term } from '../../proofs/smt/terms.ts';

export interface TermFunctions<N extends number | bigint> {
  readonly value: (...inputs: N[]) => N | boolean;
  readonly facts: (...inputs: N[]) => boolean;
}

const bitsIn = (term: Term): number => (term.sort.startsWith('BV') ? Number(term.sort.slice(2)) : 0);

/** Whether doubles hold every node, operands and results, exactly. */
export function fitsDoubles(root: Term): boolean {
  const seen = new Set<Term>();
  const visit = (term: Term): boolean => {
    if (seen.has(term)) return true;
    seen.add(term);
    const width = bitsIn(term);
    if (width > 48) return false;
    const operator = term.kind === 'apply' ? term.operator : '';
    if (operator === 'bvmul' && width > 26 && width !== 32) return false;
    if (/^bv(and|or|xor|not|shl|[al]shr)$/.test(operator) && width > 32) return false;
    return operandsOf(term).every(visit);
  };
  return visit(root);
}

/** a and b with b * q <= a < b * q + b, as a fact about the quotient says it. */
function definitionOf(quotient: Term, facts: readonly Term[]): readonly [Term, Term] | undefined {
  for (const fact of facts) {
    const body = fact.kind === 'apply' && fact.operator === '=>' ? fact.operands[1] : fact;
    if (body.kind !== 'apply' || body.operator !== 'and') continue;
    const [least] = body.operands;
    if (least.kind !== 'apply' || least.operator !== '<=') continue;
    const [product, a] = least.operands;
    if (product.kind === 'apply' && product.operator === '*' && product.operands[1] === quotient)
      return [a, product.operands[0]];
  }
  return undefined;
}

/** Expressions for doubles; S is two's complement of w bits as a number, U the other way. */
function narrow(operator: string, w: number, x: readonly string[], inner: number): string {
  const [a, b] = x;
  const signed = (one: string, width = w): string =>
    `(${one} >= ${2 ** (width - 1)} ? ${one} - ${2 ** width} : ${one})`;
  const cut = (one: string): string => `mod(${one}, ${2 ** w})`;
  const unsigned = (one: string): string => (w === 32 ? `(${one}) >>> 0` : cut(`(${one})`));
  switch (operator) {
    case 'bvadd':
      return cut(`${a} + ${b}`);
    case 'bvsub':
      return cut(`${a} - ${b}`);
    case 'bvmul':
      return w === 32 ? `Math.imul(${a}, ${b}) >>> 0` : cut(`${a} * ${b}`);
    case 'bvand':
      return unsigned(`${a} & ${b}`);
    case 'bvor':
      return unsigned(`${a} | ${b}`);
    case 'bvxor':
      return unsigned(`${a} ^ ${b}`);
    case 'bvnot':
      return `${2 ** w - 1} - ${a}`;
    case 'bvshl':
      return `${b} >= ${w} ? 0 : ${w === 32 ? `(${a} << ${b}) >>> 0` : cut(`${a} * 2 ** ${b}`)}`;
    case 'bvlshr':
      return `Math.floor(${a} / 2 ** ${b})`;
    case 'bvashr':
      return cut(`Math.floor(${signed(a)} / 2 ** ${b})`);
    case 'bvsdiv':
      return cut(`Math.trunc(${signed(a)} / ${signed(b)}) + 0`);
    case 'bvsrem':
      return cut(`${signed(a)} % ${signed(b)} + 0`);
    case 'sign_extend':
      return cut(signed(a, inner));
    case 'zero_extend':
      return a;
    case 'extract':
      return cut(a);
    case 'bvslt':
    case 'bvsle':
      return `${signed(a, inner)} ${operator === 'bvslt' ? '<' : '<='} ${signed(b, inner)}`;
    default:
      throw new Error(`${operator} on numbers`);
  }
}

function wide(operator: string, w: number, x: readonly string[], inner: number): string {
  const [a, b] = x;
  const signed = (one: string, width = w): string => `BigInt.asIntN(${width}, ${one})`;
  const cut = (one: string): string => `BigInt.asUintN(${w}, ${one})`;
  const orZero = (divided: string): string => `(${b} === 0n ? 0n : ${divided})`;
  switch (operator) {
    case 'bvadd':
      return cut(`${a} + ${b}`);
    case 'bvsub':
      return cut(`${a} - ${b}`);
    case 'bvmul':
      return cut(`${a} * ${b}`);
    case 'bvand':
      return `${a} & ${b}`;
    case 'bvor':
      return `${a} | ${b}`;
    case 'bvxor':
      return `${a} ^ ${b}`;
    case 'bvnot':
      return cut(`~${a}`);
    case 'bvshl':
      return `${b} >= ${w}n ? 0n : ${cut(`${a} << ${b}`)}`;
    case 'bvlshr':
      return `${b} >= ${w}n ? 0n : ${a} >> ${b}`;
    case 'bvashr':
      return cut(`${signed(a)} >> (${b} >= ${w}n ? ${w}n : ${b})`);
    case 'bvsdiv':
      return orZero(cut(`${signed(a)} / ${signed(b)}`));
    case 'bvsrem':
      return orZero(cut(`${signed(a)} % ${signed(b)}`));
    case 'bvudiv':
      return orZero(`${a} / ${b}`);
    case 'bvurem':
      return orZero(`${a} % ${b}`);
    case 'sign_extend':
      return cut(signed(a, inner));
    case 'zero_extend':
      return a;
    case 'extract':
      return cut(a);
    case 'bvslt':
    case 'bvsle':
      return `${signed(a, inner)} ${operator === 'bvslt' ? '<' : '<='} ${signed(b, inner)}`;
    case 'bvult':
    case 'bvule':
      return `${a} ${operator === 'bvult' ? '<' : '<='} ${b}`;
    default:
      throw new Error(`${operator} on bigints`);
  }
}

/** The term as a function of its variables, in this order. */
export function compileTerm<N extends number | bigint>(
  root: Term,
  inputs: readonly Term[],
  kind: 'number' | 'bigint',
  facts?: Facts,
): TermFunctions<N> {
  const suffix = kind === 'bigint' ? 'n' : '';
  const names = new Map<Term, string>(inputs.map((term, i) => [term, `x${i}`]));
  const lines: string[] = [];
  const visit = (term: Term): string => {
    const known = names.get(term);
    if (known !== undefined) return known;
    const text = compute(term);
    const name = `t${names.size}`;
    names.set(term, name);
    lines.push(`const ${name} = ${text};`);
    return name;
  };
  const compute = (term: Term): string => {
    switch (term.kind) {
      case 'integer':
      case 'bits':
        return `${term.value}${suffix}`;
      case 'truth':
        return String(term.value);
      case 'variable': {
        const definition = definitionOf(term, facts?.about(term) ?? []);
        if (definition === undefined) throw new Error(`nothing defines ${term.name}`);
        return `floor(${definition.map(visit).join(', ')})`;
      }
      case 'call':
        if (term.name !== 'bits_and') throw new Error(`a call of ${term.name}`);
        return `both(${term.operands.map(visit).join(', ')})`;
      case 'apply':
        return applied(term);
      default:
        throw new Error(`a ${term.kind} has no value`);
    }
  };
  const applied = (term: Term & { kind: 'apply' }): string => {
    const x = term.operands.map(visit);
    const { operator } = term;
    switch (operator) {
      case '+':
      case '-':
      case '*':
      case '<':
      case '<=':
        return x.join(` ${operator} `);
      case '=':
        return x.join(' === ');
      case 'and':
        return x.join(' && ');
      case 'or':
        return x.join(' || ');
      case '=>':
        return `!${x[0]} || ${x[1]}`;
      case 'not':
        return `!${x[0]}`;
      case 'ite':
        return `${x[0]} ? ${x[1]} : ${x[2]}`;
      default: {
        const plain = /^\(_ (\w+)/.exec(operator)?.[1] ?? operator;
        return (kind === 'number' ? narrow : wide)(plain, bitsIn(term), x, bitsIn(term.operands[0]));
      }
    }
  };
  const library =
    kind === 'number'
      ? 'const mod = (a, m) => ((a % m) + m) % m; const floor = (a, b) => Math.floor(a / b); const both = (a, b) => a & b;'
      : 'const floor = (a, b) => b <= 0n ? 0n : (a - (((a % b) + b) % b)) / b; const both = (a, b) => a & b;';
  const parameters = inputs.map((_, i) => `x${i}`).join(', ');
  const build = (result: string): ((...values: N[]) => N | boolean) =>
    new Function(`${library} return (${parameters}) => { ${lines.join(' ')} return ${result}; };`)();
  const value = build(visit(root));
  const all = facts === undefined ? [] : relevantFacts(facts, [root, ...inputs]).map(visit);
  return { value, facts: build(all.join(' && ') || 'true') as (...values: N[]) => boolean };
}
