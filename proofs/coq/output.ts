/**
 * What Coq prints, read strictly: a line that is not expected is no proof.
 */

/** What Print Assumptions says of each of so many proofs: an empty list, or names of axioms. Undefined: something else. */
export function assumptionsIn(output: string, count: number): readonly (readonly string[])[] | undefined {
  const found: string[][] = [];
  let open: string[] | undefined;
  for (const line of output.split('\n')) {
    if (line === 'Closed under the global context') {
      open = undefined;
      found.push([]);
    } else if (line === 'Axioms:') {
      open = [];
      found.push(open);
    } else if (open !== undefined) {
      const name = /^([A-Za-z_][\w'.]*)(?: :|$)/.exec(line)?.[1];
      if (name !== undefined) open.push(name);
      else if (!/^ {2,}\S/.test(line) && line !== '') return undefined;
    } else if (line !== '') return undefined;
  }
  // Axioms without a name would be none.
  if (found.length !== count || (open !== undefined && open.length === 0)) return undefined;
  return found;
}

const headings = [
  'Axioms',
  'Constants/Inductives relying on type-in-type',
  'Constants/Inductives relying on unsafe (co)fixpoints',
  'Inductives whose positivity is assumed',
];

/** What `coqchk -o` says that everything rests on: nothing, or a list. Undefined: something else. */
export function checkedIn(output: string): readonly string[] | undefined {
  const summary = output.split('CONTEXT SUMMARY');
  if (summary.length !== 2) return undefined;
  const lines = summary[1].split('\n').map((line) => line.trim());
  if (!lines.includes('* Theory: Set is predicative')) return undefined;
  const rests: string[] = [];
  for (const heading of headings) {
    const at = lines.findIndex((line) => line.startsWith(`* ${heading}:`));
    if (at < 0 || lines.findLastIndex((line) => line.startsWith(`* ${heading}:`)) !== at) return undefined;
    const said = lines[at].slice(heading.length + 3).trim();
    if (said === '<none>') continue;
    const listed: string[] = [];
    for (let i = at + 1; i < lines.length && !lines[i].startsWith('* '); i++)
      if (lines[i] !== '') listed.push(lines[i]);
    rests.push(...(listed.length === 0 ? [`${heading}: ${said}`] : listed.map((one) => `${heading}: ${one}`)));
  }
  return rests;
}
