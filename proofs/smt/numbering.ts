/**
 * Which terms are the same: equal ones get one number.
 *
 * Code that runs twice on terms builds what it computes twice, and by reference the two are strangers. Here a term is
 * known by its operator and its operands' numbers, so two are the same exactly when they are written alike; nothing is
 * reordered or simplified.
 */
import { operandsOf, type Term } from './terms.ts';

/** A function from terms to numbers from 0 up: the same number for terms that are written alike, and for no others. */
export function makeNumbering(): (term: Term) => number {
  const numbers = new WeakMap<Term, number>();
  const numbersByText = new Map<string, number>();
  const shallow = (term: Term): string => {
    const operands = operandsOf(term).map((operand) => numbers.get(operand));
    switch (term.kind) {
      case 'integer':
      case 'truth':
        return `${term.value}`;
      case 'bits':
        return `${term.value} ${term.sort}`;
      case 'variable':
      case 'bound':
        return `${term.name} ${term.kind} ${term.sort}`;
      case 'apply':
        return `(${term.operator} ${operands.join(' ')})`;
      case 'call':
        return `(call ${term.name} ${operands.join(' ')})`;
      case 'quantified': {
        const names = term.variables.map(({ name }) => name).join(' ');
        const triggers = term.triggers.map(({ length }) => length).join(' ');
        return `(${term.quantifier} (${names}) (${triggers}) ${operands.join(' ')})`;
      }
    }
  };
  return (root) => {
    // An explicit stack: terms may be deeper than the call stack. A term waits on it until its operands have numbers.
    const stack = [root];
    for (let term = stack.at(-1); term !== undefined; term = stack.at(-1)) {
      const missing = operandsOf(term).filter((operand) => !numbers.has(operand));
      stack.push(...missing);
      if (missing.length > 0) continue;
      const text = shallow(term);
      const number = numbersByText.get(text) ?? numbersByText.size;
      numbersByText.set(text, number);
      numbers.set(term, number);
      stack.pop();
    }
    return numbers.get(root)!;
  };
}
