/**
 * What verifying a bundle comes to, as lists of lines, and how records are held against what was found: by their ids, and
 * each with the first value that differs.
 */
import { printable } from '../base/errors.ts';
import { canonicalJson } from '../evidence/canonical.ts';

/** Lists that grow while a bundle is looked at. */
export interface Account {
  readonly checked: string[];
  readonly trusted: string[];
  readonly undecided: string[];
  readonly untrue: string[];
}

/** Whether two values of evidence are spelled the same. */
export const same = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b);

/** "1 file", "2 files". */
export const many = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** What differs in two records, both values shown. */
export function differenceOf(claimed: object, found: object): string {
  const [a, b] = [claimed, found] as Readonly<Record<string, unknown>>[];
  const keys = [...new Set([...Object.keys(a!), ...Object.keys(b!)])].sort();
  const key = keys.find((one) => !same({ one: a![one] }, { one: b![one] }))!;
  const show = (value: unknown): string => printable(JSON.stringify(value) ?? 'nothing', 200);
  const [mine, theirs] = [b![key], a![key]];
  if (!Array.isArray(mine) || !Array.isArray(theirs))
    return `${key} is ${show(mine)}; the evidence says ${show(theirs)}`;
  // Of a long list the first element that differs is what helps.
  let at = 0;
  while (same({ one: mine[at] }, { one: theirs[at] })) at++;
  return `${key}[${at}] is ${show(mine[at])}; the evidence says ${show(theirs[at])}`;
}

/** What is wrong with one record, and in which list that goes; undefined: it is as it is said to be. */
export type Judged = { readonly list: 'untrue' | 'undecided'; readonly text: string } | undefined;

/** Holds records with ids against those that were found, each by its id. Returns how many are the same. */
export function compareById<T extends { readonly id: string }>(
  account: Account,
  claimed: readonly T[],
  found: readonly T[],
  judge: (claimed: T, found: T) => Judged = (one, own) =>
    same(one, own) ? undefined : { list: 'untrue', text: differenceOf(one, own) },
  absent = 'there is no such thing',
): number {
  const byId = new Map(found.map((one) => [one.id, one]));
  let equal = 0;
  for (const one of claimed) {
    const own = byId.get(one.id);
    byId.delete(one.id);
    const wrong: Judged = own === undefined ? { list: 'untrue', text: absent } : judge(one, own);
    if (wrong === undefined) equal++;
    else account[wrong.list].push(printable(`evidence.json: ${one.id}: ${wrong.text}`, 1000));
  }
  for (const id of byId.keys()) account.untrue.push(printable(`evidence.json: ${id}: is left out`, 500));
  return equal;
}
