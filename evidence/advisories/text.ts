/**
 * Which images are affected, as lines for people: what is affected first, by image, then what nobody can tell, by its
 * reason, since one archive of an unknown package leaves every advisory open.
 */
import { inert } from '../formats/inert.ts';
import type { AffectedReport, Found, ImageAnswer } from './affected.ts';

/** So many ids are shown of advisories that are open for one reason. */
const MOST_IDS = 5;

const nameOf = ({ file, image }: ImageAnswer): string =>
  `${inert(file)}${image === undefined ? '' : ` (${inert(image)})`}`;

function affectedLines(one: ImageAnswer): string[] {
  const lines = one.found.flatMap(({ advisory, aliases, parts }) => {
    const hit = parts.filter(({ answer }) => answer === 'affected');
    const also = aliases.length === 0 ? '' : ` (${aliases.map((id) => inert(id, 60)).join(', ')})`;
    return hit.map(({ part, fixed, isTool }) => {
      const role = isTool ? ', which built the image and is no part of it' : '';
      return `  ${inert(advisory, 128)}${also}: ${inert(part, 200)}${role}; ${fixed === undefined ? 'the advisory names no fixed version' : `fixed in ${inert(fixed, 200)}`}`;
    });
  });
  return lines.length === 0 ? [] : ['', `AFFECTED: ${nameOf(one)}`, ...new Set(lines)];
}

function openLines(one: ImageAnswer): string[] {
  if (one.problem !== undefined) return ['', `undecided: ${nameOf(one)}`, `  ${inert(one.problem)}`];
  const byReason = new Map<string, string[]>();
  for (const { advisory, parts } of one.found)
    for (const { answer, part, reason } of parts) {
      if (answer !== 'undecided') continue;
      const key = `${inert(part, 200)}: ${inert(reason, 300)}`;
      const ids = byReason.get(key) ?? [];
      if (ids.at(-1) !== advisory) ids.push(advisory);
      byReason.set(key, ids);
    }
  if (byReason.size === 0) return [];
  const lines = [...byReason].map(([reason, ids]) => {
    const more = ids.length > MOST_IDS ? ` and ${ids.length - MOST_IDS} more` : '';
    return `  ${reason}: ${ids
      .slice(0, MOST_IDS)
      .map((id) => inert(id, 128))
      .join(', ')}${more}`;
  });
  return ['', `undecided: ${nameOf(one)}`, ...lines];
}

export function affectedText({ images, advisories, withdrawn }: AffectedReport): string[] {
  const has =
    (wanted: Found['answer']) =>
    (one: ImageAnswer): boolean =>
      one.found.some(({ parts }) => parts.some(({ answer }) => answer === wanted)) ||
      (wanted === 'undecided' && one.problem !== undefined);
  const [hit, open] = [images.filter(has('affected')), images.filter(has('undecided'))];
  return [
    `${images.length} ${images.length === 1 ? 'image' : 'images'}, ${advisories} ${advisories === 1 ? 'advisory' : 'advisories'}${withdrawn.length === 0 ? '' : `, and ${withdrawn.length} withdrawn, which decide nothing`}`,
    ...hit.flatMap(affectedLines),
    ...open.flatMap(openLines),
    '',
    hit.length === 0 && open.length === 0 ? 'none is affected' : `${hit.length} affected, ${open.length} undecided`,
  ];
}
