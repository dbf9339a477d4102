/**
 * Queries as SMT-LIB 2 text: the text that solvers read, that evidence keeps, and whose hash names it.
 *
 * The same query gives the same bytes: variables are declared in the order in which they are first met, and a term that
 * is used more than once, or is long, is defined once, as t!1, t!2, ... in that order too. A text asks exactly one question. Nothing
 * in it belongs to one solver: limits go on the solver's command line.
 */
import type { Term } from './terms.ts';

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
    case 'variable':
      return term.name;
    case 'apply':
      return undefined;
  }
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
    if (term.kind === 'apply') push(term.operands);
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
  const lines = [`; ${query.name.replace(/[^\x20-\x7e]/g, '?')}`, '(set-logic QF_LIA)'];
  const sorts = new Map<string, string>();
  const texts = new Map<Term, string>();
  let definitions = 0;
  for (const term of order) {
    if (term.kind === 'variable') {
      const declared = sorts.get(term.name);
      if (declared !== undefined && declared !== term.sort) throw new TypeError(`${term.name} has two sorts`);
      if (declared === undefined) lines.push(`(declare-const ${term.name} ${term.sort})`);
      sorts.set(term.name, term.sort);
    }
    if (term.kind !== 'apply') {
      texts.set(term, leaf(term)!);
      continue;
    }
    const text = `(${term.operator} ${term.operands.map((operand) => texts.get(operand)!).join(' ')})`;
    if (uses.get(term)! > 1 || text.length > LONGEST_LINE) {
      definitions++;
      lines.push(`(define-fun t!${definitions} () ${term.sort} ${text})`);
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
