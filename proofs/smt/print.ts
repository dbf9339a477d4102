/**
 * Queries as SMT-LIB 2 text: the text that solvers read, that evidence keeps, and whose hash names it.
 *
 * The same query gives the same bytes: variables are declared in the order in which they are first met, and a term that
 * is used more than once, or is long, is defined once, as t!1, t!2, ... in that order too; one with a variable of a
 * quantifier around it stays where it is. A text asks exactly one question. Nothing in it belongs to one solver: limits
 * go on the solver's command line.
 */
import { operandsOf, type Sort, type Term } from './terms.ts';

/** "Do the assumptions imply the goal?", for all values of the variables. */
export interface Query {
  /** What is asked, on one line; stands as a comment in the text. */
  readonly name: string;
  readonly assumptions: readonly Term[];
  readonly goal: Term;
}

/** Characters of a term that may stand inside another one: texts stay as flat as they are deep. */
const LONGEST_LINE = 500;

function leaf(term: Term): string | undefined {
  switch (term.kind) {
    case 'integer':
      return term.value < 0n ? `(- ${-term.value})` : `${term.value}`;
    case 'truth':
      return `${term.value}`;
    case 'bits':
      return `#b${term.value.toString(2).padStart(Number(term.sort.slice(2)), '0')}`;
    case 'variable':
    case 'bound':
      return term.name;
    default:
      return undefined;
  }
}

function sortText(sort: Sort): string {
  if (sort === 'Array') return '(Array Int Int)';
  return sort.startsWith('BV') ? `(_ BitVec ${sort.slice(2)})` : sort;
}

/** The text of a term that is no leaf, from its operands' texts. */
function compound(term: Term, textOf: (operand: Term) => string): string {
  switch (term.kind) {
    case 'apply':
      return `(${term.operator} ${term.operands.map(textOf).join(' ')})`;
    case 'call':
      return `(${term.name} ${term.operands.map(textOf).join(' ')})`;
    case 'quantified': {
      const variables = term.variables.map(({ name }) => `(${name} Int)`).join(' ');
      const patterns = term.triggers.map((terms) => ` :pattern (${terms.map(textOf).join(' ')})`).join('');
      const body = textOf(term.body);
      return `(${term.quantifier} (${variables}) ${patterns === '' ? body : `(! ${body}${patterns})`})`;
    }
    default:
      throw new TypeError(`${term.kind} has no operands`);
  }
}

/** The least logic that older callers' texts name, and for anything beyond it all of them. */
function logicOf(terms: readonly Term[]): string {
  const linear = (term: Term): boolean => {
    if (term.kind === 'call' || term.kind === 'quantified' || term.sort === 'Array') return false;
    if (term.kind !== 'apply') return true;
    if (term.operator === '*') return term.operands.some(({ kind }) => kind === 'integer');
    return !['div', 'mod', 'select', 'store'].includes(term.operator);
  };
  if (terms.some(({ sort }) => sort.startsWith('BV'))) {
    if (terms.some(({ sort }) => sort === 'Int' || sort === 'Array'))
      throw new TypeError('integers and bits in one query');
    return terms.some(({ kind }) => kind === 'call') ? 'QF_UFBV' : 'QF_BV';
  }
  return terms.every(linear) ? 'QF_LIA' : 'ALL';
}

/** Terms in an order in which operands stand before what uses them, and how often each is used. */
function walk(roots: readonly Term[]): { readonly order: readonly Term[]; readonly uses: ReadonlyMap<Term, number> } {
  const order: Term[] = [];
  const uses = new Map<Term, number>();
  // An explicit stack: terms may be deeper than the call stack. A term is met twice, before and after its operands.
  const stack: { readonly term: Term; readonly operandsDone: boolean }[] = [];
  const push = (found: readonly Term[]): void => {
    for (let i = found.length - 1; i >= 0; i--) stack.push({ term: found[i], operandsDone: false });
  };
  push(roots);
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { term, operandsDone } = top;
    if (operandsDone) {
      order.push(term);
      continue;
    }
    const count = uses.get(term) ?? 0;
    uses.set(term, count + 1);
    if (count > 0) continue;
    stack.push({ term, operandsDone: true });
    push(operandsOf(term));
  }
  return { order, uses };
}

/**
 * The text of a query: the assumptions and the goal's negation, so that `unsat` means that the goal always holds. Of
 * two variables with one name but different sorts no text is made.
 */
export function printQuery(query: Query): string {
  const roots = [...query.assumptions, query.goal];
  const { order, uses } = walk(roots);
  const lines = [`; ${query.name.replace(/[^\x20-\x7e]/g, '?')}`, `(set-logic ${logicOf(order)})`];
  const sorts = new Map<string, string>();
  const texts = new Map<Term, string>();
  let definitions = 0;
  const declare = (name: string, operands: string, sort: Sort): void => {
    const signature = `(${operands}) ${sortText(sort)}`;
    const declared = sorts.get(name);
    if (declared !== undefined && declared !== signature) throw new TypeError(`${name} has two sorts`);
    if (declared === undefined) {
      lines.push(operands === '' ? `(declare-const ${name} ${sortText(sort)})` : `(declare-fun ${name} ${signature})`);
    }
    sorts.set(name, signature);
  };
  /** Bound variables of a term whose quantifier is around it, for the few terms that have any. */
  const freeBound = new Map<Term, ReadonlySet<string>>();
  const freeOf = (term: Term): ReadonlySet<string> => {
    if (term.kind === 'bound') return new Set([term.name]);
    const free = new Set<string>();
    for (const operand of operandsOf(term)) for (const name of freeBound.get(operand) ?? []) free.add(name);
    if (term.kind === 'quantified') for (const { name } of term.variables) free.delete(name);
    return free;
  };
  for (const term of order) {
    if (term.kind === 'variable') declare(term.name, '', term.sort);
    if (term.kind === 'call') declare(term.name, term.operands.map(({ sort }) => sortText(sort)).join(' '), term.sort);
    const leafText = leaf(term);
    const free = freeOf(term);
    if (free.size > 0) freeBound.set(term, free);
    if (leafText !== undefined) {
      texts.set(term, leafText);
      continue;
    }
    const text = compound(term, (operand) => texts.get(operand)!);
    if (free.size === 0 && (uses.get(term)! > 1 || text.length > LONGEST_LINE)) {
      definitions++;
      lines.push(`(define-fun t!${definitions} () ${sortText(term.sort)} ${text})`);
      texts.set(term, `t!${definitions}`);
    } else {
      texts.set(term, text);
    }
  }
  for (const assumption of query.assumptions) lines.push(`(assert ${texts.get(assumption)})`);
  lines.push(`(assert (not ${texts.get(query.goal)}))`, '(check-sat)', '');
  return lines.join('\n');
}

/** Names of a query's integer variables, in the order in which they are declared, without values in between. */
export function variablesOf(query: Query): string[] {
  const { order } = walk([...query.assumptions, query.goal]);
  const names = order.flatMap((term) =>
    term.kind === 'variable' && term.sort === 'Int' && !term.name.includes('.') ? [term.name] : [],
  );
  return [...new Set(names)];
}
