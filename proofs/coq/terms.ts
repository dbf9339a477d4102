/**
 * An obligation as a proposition of Coq: for all values of its variables, what it assumes implies its goal.
 *
 * The very terms that solvers are asked about are printed, so whoever believes Coq need not believe a solver. Integers
 * are Z, truths propositions (or bool, where a choice depends on one), arrays functions from Z to Z of which two are the
 * same when they are so at each index, functions of which nothing is known are variables; bits are the number that they
 * are without a sign. What is used more than once is named once, so that a text is as long as the graph that it prints.
 */
import type { Query } from '../smt/print.ts';
import { bitsOf, operandsOf, type Sort, type Term } from '../smt/terms.ts';
import { atom, zText } from './names.ts';
import { unsupported } from './program.ts';

const MOST_CHARACTERS = 400_000;

const power = (bits: number): string => `${2n ** BigInt(bits)}`;

function sortText(sort: Sort): string {
  if (sort === 'Bool') return 'bool';
  return sort === 'Array' ? 'Z -> Z' : 'Z';
}

/** A name of a term as Coq reads names. */
const nameText = (name: string): string => `s_${name.replace(/\./g, "'")}`;

interface Texts {
  /** A number, an array, or the bits of one. */
  readonly value: (term: Term) => string;
  readonly proposition: (term: Term) => string;
  readonly truth: (term: Term) => string;
}

/** Bits with their sign. */
const signed = (term: Term, text: string): string => `(cm_signed ${bitsOf(term)} ${atom(text)})`;

function bitsText(term: Term & { kind: 'apply' }, texts: Texts): string {
  const width = bitsOf(term);
  const operands = term.operands.map((operand) => atom(texts.value(operand)));
  const [a, b] = operands;
  const [first, second] = term.operands;
  const cut = (text: string): string => `(${text}) mod ${power(width)}`;
  const extended = /^\(_ (sign_extend|zero_extend|extract) (\d+)(?: (\d+))?\)$/.exec(term.operator);
  if (extended !== null) {
    if (extended[1] === 'zero_extend') return a;
    if (extended[1] === 'sign_extend') return cut(signed(first, a));
    return cut(`Z.shiftr ${a} ${extended[3]}`);
  }
  switch (term.operator) {
    case 'bvadd':
      return cut(`${a} + ${b}`);
    case 'bvsub':
      return cut(`${a} - ${b}`);
    case 'bvmul':
      return cut(`${a} * ${b}`);
    case 'bvand':
      return `Z.land ${a} ${b}`;
    case 'bvor':
      return `Z.lor ${a} ${b}`;
    case 'bvxor':
      return `Z.lxor ${a} ${b}`;
    case 'bvnot':
      return `${2n ** BigInt(width) - 1n} - ${a}`;
    case 'bvshl':
      return cut(`Z.shiftl ${a} ${b}`);
    case 'bvlshr':
      return `Z.shiftr ${a} ${b}`;
    case 'bvashr':
      return cut(`Z.shiftr ${signed(first, a)} ${b}`);
    case 'bvsdiv':
      return cut(`Z.quot ${signed(first, a)} ${signed(second, b)}`);
    case 'bvsrem':
      return cut(`Z.rem ${signed(first, a)} ${signed(second, b)}`);
    case 'bvudiv':
      return `${a} / ${b}`;
    case 'bvurem':
      return `Z.modulo ${a} ${b}`;
    case 'concat':
      return `${a} * ${power(bitsOf(second))} + ${b}`;
    default:
      return unsupported(`${term.operator} of bits`);
  }
}

function valueText(term: Term, texts: Texts): string {
  switch (term.kind) {
    case 'integer':
    case 'bits':
      return zText(term.value);
    case 'variable':
    case 'bound':
      return nameText(term.name);
    case 'call':
      return [
        nameText(term.name),
        ...term.operands.map((operand) => atom(operand.sort === 'Bool' ? texts.truth(operand) : texts.value(operand))),
      ].join(' ');
    case 'apply': {
      if (term.operator === 'ite') {
        const [condition, a, b] = term.operands;
        return `if ${texts.truth(condition)} then ${texts.value(a)} else ${texts.value(b)}`;
      }
      if (term.sort.startsWith('BV')) return bitsText(term, texts);
      const [a, b, c] = term.operands.map((operand) => atom(texts.value(operand)));
      switch (term.operator) {
        case '+':
        case '-':
        case '*':
          return `${a} ${term.operator} ${b}`;
        case 'div':
          return `${a} / ${b}`;
        case 'mod':
          return `Z.modulo ${a} ${b}`;
        case 'select':
          return `${a} ${b}`;
        case 'store':
          return `fun index => if index =? ${b} then ${c} else ${a} index`;
        default:
          return unsupported(term.operator);
      }
    }
    default:
      return unsupported(`${term.kind} as a value`);
  }
}

const comparisons: Readonly<Record<string, readonly [proposition: string, truth: string, signed: boolean]>> = {
  '<': ['<', '<?', false],
  '<=': ['<=', '<=?', false],
  '=': ['=', '=?', false],
  bvslt: ['<', '<?', true],
  bvsle: ['<=', '<=?', true],
  bvult: ['<', '<?', false],
  bvule: ['<=', '<=?', false],
};

const isPlain = (term: Term): boolean => term.sort === 'Bool' && (term.kind === 'variable' || term.kind === 'call');

function comparison(term: Term & { kind: 'apply' }, texts: Texts, asTruth: boolean): string {
  const [sign, truthSign, isSigned] = comparisons[term.operator];
  const [a, b] = term.operands.map((operand) => {
    const text = atom(texts.value(operand));
    return isSigned ? signed(operand, text) : text;
  });
  return `${a} ${asTruth ? truthSign : sign} ${b}`;
}

function propositionText(term: Term, texts: Texts): string {
  if (term.kind === 'truth') return term.value ? 'True' : 'False';
  if (isPlain(term)) return `${atom(valueText(term, texts))} = true`;
  const inner = (operand: Term): string => atom(texts.proposition(operand));
  if (term.kind === 'quantified') {
    const names = term.variables.map(({ name }) => nameText(name)).join(' ');
    return `${term.quantifier} ${names}, ${texts.proposition(term.body)}`;
  }
  if (term.kind !== 'apply') return unsupported(`${term.kind} as a proposition`);
  const [a, b, c] = term.operands;
  switch (term.operator) {
    case 'and':
      return term.operands.map(inner).join(' /\\ ');
    case 'or':
      return term.operands.map(inner).join(' \\/ ');
    case 'not':
      return `~ ${inner(a)}`;
    case '=>':
      return `${inner(a)} -> ${inner(b)}`;
    case 'ite':
      return `(${inner(a)} -> ${inner(b)}) /\\ (~ ${inner(a)} -> ${inner(c)})`;
    case '=':
      if (a.sort === 'Bool') return `${inner(a)} <-> ${inner(b)}`;
      if (a.sort === 'Array') return `forall index, ${atom(texts.value(a))} index = ${atom(texts.value(b))} index`;
      return comparison(term, texts, false);
    default:
      return comparison(term, texts, false);
  }
}

function truthText(term: Term, texts: Texts): string {
  if (term.kind === 'truth') return String(term.value);
  if (isPlain(term)) return valueText(term, texts);
  if (term.kind !== 'apply') return unsupported('a quantifier where a truth is computed');
  const inner = (operand: Term): string => atom(texts.truth(operand));
  const [a, b, c] = term.operands;
  switch (term.operator) {
    case 'and':
      return term.operands.map(inner).join(' && ');
    case 'or':
      return term.operands.map(inner).join(' || ');
    case 'not':
      return `negb ${inner(a)}`;
    case '=>':
      return `implb ${inner(a)} ${inner(b)}`;
    case 'ite':
      return `if ${texts.truth(a)} then ${texts.truth(b)} else ${texts.truth(c)}`;
    case '=':
      if (a.sort === 'Bool') return `Bool.eqb ${inner(a)} ${inner(b)}`;
      if (a.sort === 'Array') return unsupported('equality of arrays where a truth is computed');
      return comparison(term, texts, true);
    default:
      return comparison(term, texts, true);
  }
}

/** Every term of a query, operands first, and how often each is used. */
function walk(roots: readonly Term[]): { readonly order: readonly Term[]; readonly uses: ReadonlyMap<Term, number> } {
  const order: Term[] = [];
  const uses = new Map<Term, number>();
  const stack: { readonly term: Term; readonly done: boolean }[] = [...roots]
    .reverse()
    .map((term) => ({ term, done: false }));
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { term, done } = top;
    if (done) {
      order.push(term);
      continue;
    }
    const count = uses.get(term) ?? 0;
    uses.set(term, count + 1);
    if (count > 0) continue;
    stack.push({ term, done: true });
    for (const operand of [...(term.kind === 'quantified' ? [term.body] : operandsOf(term))].reverse())
      stack.push({ term: operand, done: false });
  }
  return { order, uses };
}

/** Throws Unsupported where a query has no form in Coq, or is too large. */
export function statement({ assumptions, goal }: Query): string {
  const { order, uses } = walk([...assumptions, goal]);
  const free = new Map<Term, boolean>();
  const values = new Map<Term, string>();
  const propositions = new Map<Term, string>();
  const truths = new Map<Term, string>();
  const memo =
    (known: Map<Term, string>, make: (term: Term, texts: Texts) => string) =>
    (term: Term): string => {
      const before = known.get(term);
      if (before !== undefined) return before;
      const made = make(term, texts);
      if (made.length > MOST_CHARACTERS) return unsupported(`a term of ${made.length} characters`);
      known.set(term, made);
      return made;
    };
  const texts: Texts = {
    value: memo(values, valueText),
    proposition: memo(propositions, propositionText),
    truth: memo(truths, truthText),
  };
  const declared = new Map<string, string>();
  const given: string[] = [];
  const lets: string[] = [];
  let total = 0;
  for (const term of order) {
    const bound = term.kind === 'bound' || operandsOf(term).some((operand) => free.get(operand) === true);
    free.set(term, bound);
    if (term.kind === 'variable' || term.kind === 'call') {
      const operands = term.kind === 'call' ? term.operands.map(({ sort }) => atom(sortText(sort))) : [];
      const type = [...operands, sortText(term.sort)].join(' -> ');
      const name = nameText(term.name);
      if (declared.has(name) && declared.get(name) !== type) return unsupported(`${term.name} of two sorts`);
      if (!declared.has(name) && term.kind === 'variable' && term.sort.startsWith('BV'))
        given.push(`0 <= ${name} < ${power(bitsOf(term))}`);
      declared.set(name, type);
    }
    const shared = uses.get(term)! > 1 && !bound && (term.kind === 'apply' || term.kind === 'quantified');
    if (
      !shared ||
      term.sort === 'Array' ||
      (term.sort === 'Bool' && term.kind === 'apply' && term.operands.every(({ kind }) => kind !== 'apply'))
    )
      continue;
    const name = `named'${lets.length + 1}`;
    const text = term.sort === 'Bool' ? texts.proposition(term) : texts.value(term);
    total += text.length;
    lets.push(`let ${name} := ${text} in`);
    (term.sort === 'Bool' ? propositions : values).set(term, name);
  }
  const parts = [...given, ...assumptions.map((one) => texts.proposition(one))].map(atom);
  const end = texts.proposition(goal);
  if (total + parts.reduce((sum, part) => sum + part.length, end.length) > MOST_CHARACTERS)
    return unsupported(`a claim of more than ${MOST_CHARACTERS} characters`);
  const variables = [...declared].map(([name, type]) => `(${name} : ${type})`);
  return [
    ...(variables.length === 0 ? [] : [`forall ${variables.join(' ')},`]),
    ...lets,
    [...parts, end].join(' ->\n'),
  ].join('\n');
}
