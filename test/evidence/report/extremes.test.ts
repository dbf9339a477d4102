/** A page comes of any evidence that its schema lets through: numbers at their ends, lists that are empty or long. */
import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../../evidence/evidence.ts';
import { reportPage } from '../../../evidence/report/page.ts';
import { someEvidence } from '../../support/evidence.ts';
import { inputOf, someSlides, words } from '../../support/report.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every value with another in its place, one at a time. */
function* replaced(value: Json, others: (value: Json) => Json[], key = ''): Generator<Json> {
  if (typeof value === 'string' && words.has(key)) return;
  for (const other of others(value)) yield other;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++)
      for (const one of replaced(value[i]!, others, key)) yield value.map((own, j) => (j === i ? one : own));
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value))
      for (const one of replaced(member, others, name)) yield { ...value, [name]: one };
  }
}

function extremes(value: Json): Json[] {
  if (typeof value === 'number') return [0, 1, Number.MAX_SAFE_INTEGER];
  if (typeof value === 'string' && value.startsWith('0x')) return ['0x0', `0x${'f'.repeat(16)}`];
  if (typeof value === 'string') return [''];
  if (Array.isArray(value)) return [[], Array.from({ length: 300 }, () => value[0] ?? '')];
  return [];
}

describe('a report', () => {
  it('is written of evidence with any number, address or list at its end', () => {
    let pages = 0;
    for (const one of replaced(someEvidence as unknown as Json, extremes)) {
      const evidence = one as unknown as Evidence;
      const page = reportPage(inputOf(evidence, { slides: someSlides, steps: [1] }));
      expect(page.slice(page.indexOf('<body>')).replace(/<script>[\s\S]*<\/script>/, '')).not.toMatch(
        /NaN|Infinity|undefined|\[object/,
      );
      expect(page).toContain('</html>');
      pages++;
    }
    expect(pages).toBeGreaterThan(150);
  });

  it('is written of evidence without anything that may be absent', () => {
    const { layout, kernel, proofs, erasure, validation, stack, ...least } = someEvidence;
    const lists = { inputs: [], findings: [], assumptions: [], wiped: [], tcb: [], controls: [] };
    const page = reportPage(inputOf({ ...least, ...lists }));
    for (const text of [
      'Nothing was checked',
      'no verified TypeScript',
      'none declared',
      'no bound',
      'not known to vary',
    ])
      expect(page).toContain(text);
  });
});
