/** The stack: the most that it can take, and the chain of calls that takes it. */
import { html } from './html.ts';
import type { ReportInput } from './input.ts';
import { badge, code, facts, grouped, type Section, sizeText, table } from './parts.ts';

export function stackSection({ evidence: { stack } }: ReportInput): Section {
  const base = { id: 'stack', title: 'Stack' };
  if (stack === undefined)
    return {
      ...base,
      sum: badge('open', 'no bound'),
      body: html`<p>Nobody has worked out how much stack the image takes.</p>`,
    };
  const { bytes, given, chain } = stack;
  const fits = given === undefined ? undefined : bytes <= given;
  let sum = 0;
  const rows = chain.map(({ function: name, bytes: own }) => {
    sum += own;
    return [code(name), grouped(own), grouped(sum)];
  });
  const body = html`${facts([
    ['At most', `${grouped(bytes)} bytes (${sizeText(bytes)})`],
    ['Given', given === undefined ? 'not said' : `${grouped(given)} bytes (${sizeText(given)})`],
  ])}
${table({
  caption: 'The chain of calls that takes it, outermost first',
  columns: ['Function', { title: 'Bytes', isNumber: true }, { title: 'All so far', isNumber: true }],
  rows,
})}`;
  const word = `${sizeText(bytes)} at most`;
  return { ...base, sum: badge(fits === undefined ? 'plain' : fits ? 'good' : 'bad', word), body, isOpen: false };
}
