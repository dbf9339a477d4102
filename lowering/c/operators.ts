/**
 * Operators as C: the table of operators (analyzers/operators.ts) says how each is spelled, and this puts operands in.
 */

import { type CForm, divisor } from '../../analyzers/operators/columns.ts';
import { operatorNames, operatorOf } from '../../analyzers/operators.ts';
import { binary, call, cast, levels, operand, primary, type Text } from './text.ts';

/** An operand: as C has it, and whatever of it is asked. */
export interface COperand {
  readonly text: Text;
  /** Of the operator's type. */
  readonly typed: () => Text;
  /** Its low 64 bits, of type uint64_t. */
  readonly low64: () => Text;
}

/** The operator on its operands, computed in C's type `type`. */
export function spell(form: CForm, type: string, operands: readonly COperand[]): Text {
  const [a, b] = operands;
  switch (form.kind) {
    case 'infix':
      return binary(a.typed(), form.symbol, b.typed(), levels[form.level]);
    case 'chain': {
      const [left, level] = [a.typed(), levels[form.level]];
      return binary(left, form.symbol, b.typed(), level, left.level === level);
    }
    case 'prefix': {
      const inner = operand(a.typed());
      // Two minus signs side by side would be a decrement.
      return { text: `${form.symbol}${inner.startsWith('-') ? `(${inner})` : inner}`, level: levels.unary };
    }
    case 'shiftRight':
      return binary(a.typed(), '>>', b.text, levels.sum);
    case 'scale':
      return binary(a.typed(), '*', binary(cast(type, primary('1')), '<<', b.text, levels.sum), levels.product);
    case 'function':
      return call(form.name, ...operands.map(({ typed }) => typed()));
    case 'low64':
      return form.type === 'uint64_t' ? a.low64() : cast(form.type, a.low64());
    case 'cast':
      return cast(form.type, a.text);
    case 'same':
      return a.text;
  }
}

const SAFE = 2n ** 53n - 1n;

/** In ACSL: that a `number` is one of the integers that TypeScript's numbers count without gaps. */
export const safeInteger = (term: string): string => `-${SAFE} <= ${term} <= ${SAFE}`;

/** The prelude's functions, one for each operator that C has not as JavaScript has it. */
export function operatorFunctions(): string[] {
  return operatorNames.flatMap((name) => {
    const { c, arity, acsl, conditions } = operatorOf(name);
    const forms = 'kind' in c ? [{ form: c, type: 'int64_t' }] : [{ form: c.low64, type: 'uint64_t' }];
    return forms.flatMap(({ form, type }) => {
      if (form === 'exact' || form.kind !== 'function') return [];
      const parameters = ['a', 'b'].slice(0, arity).map((parameter) => `${type} ${parameter}`);
      const meaning = acsl.replace(/\$([12])/g, (_, n: string) => 'ab'[Number(n) - 1]);
      const contract = [
        // Numbers are safe integers, wherever they are.
        ...(type === 'int64_t' ? parameters.map((_, i) => `requires ${safeInteger('ab'[i])};`) : []),
        ...(conditions === divisor ? ['requires b != 0;'] : []),
        'assigns \\nothing;',
        `ensures \\result == ${type === 'int64_t' ? meaning : `(${type})(${meaning})`};`,
      ];
      return [
        `/*@ ${contract.join(' ')} */\nstatic inline ${type} ${form.name}(${parameters.join(', ')}) { return ${form.returns}; }`,
      ];
    });
  });
}
