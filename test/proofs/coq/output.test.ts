/** What Coq prints counts only where it says exactly what is expected. */
import { describe, expect, it } from 'vitest';
import { assumptionsIn, checkedIn } from '../../../proofs/coq/output.ts';

describe('Print Assumptions', () => {
  const closed = 'Closed under the global context\n';
  it('says of each proof that it is closed, or names what it assumes', () => {
    expect(assumptionsIn(closed + closed, 2)).toEqual([[], []]);
    expect(assumptionsIn(`${closed}Axioms:\ncheat : forall P : Prop,\n        P\nother : False\n${closed}`, 3)).toEqual(
      [[], ['cheat', 'other'], []],
    );
  });
  it('is no proof when it says too little, too much, or something else', () => {
    expect(assumptionsIn(closed, 2)).toBeUndefined();
    expect(assumptionsIn(closed + closed, 1)).toBeUndefined();
    expect(assumptionsIn('', 1)).toBeUndefined();
    expect(assumptionsIn(`warning\n${closed}`, 1)).toBeUndefined();
    expect(assumptionsIn('Axioms:\n', 1)).toBeUndefined();
    expect(assumptionsIn('Closed under the global context.\n', 1)).toBeUndefined();
  });
});

describe('coqchk', () => {
  const summary = (axioms: string): string =>
    `\nCONTEXT SUMMARY\n===============\n\n* Theory: Set is predicative\n  \n* Axioms:${axioms}\n  \n* Constants/Inductives relying on type-in-type: <none>\n  \n* Constants/Inductives relying on unsafe (co)fixpoints: <none>\n  \n* Inductives whose positivity is assumed: <none>\n  \n`;
  it('says that all of it rests on nothing, or on what', () => {
    expect(checkedIn(summary(' <none>'))).toEqual([]);
    expect(checkedIn(summary('\n    Verified.T1.bad'))).toEqual(['Axioms: Verified.T1.bad']);
    expect(checkedIn(summary(' <none>').replace('type-in-type: <none>', 'type-in-type: x'))).toEqual([
      'Constants/Inductives relying on type-in-type: x',
    ]);
  });
  it('is no answer without each of its lines', () => {
    expect(checkedIn('')).toBeUndefined();
    expect(checkedIn(summary(' <none>').replace(/\* Axioms.*\n/, ''))).toBeUndefined();
    expect(checkedIn(summary(' <none>') + summary(' <none>'))).toBeUndefined();
    expect(checkedIn(summary(' <none>').replace('Set is predicative', 'Set is impredicative'))).toBeUndefined();
  });
});
