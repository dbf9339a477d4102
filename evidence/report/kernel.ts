/**
 * For seL4: what may be claimed of the kernel, and why not more.
 *
 * The kernel's proofs are about certain configurations and no other; so the page says which one is nearest and every way
 * in which the kernel in hand differs from it, before it says what is proved.
 */
import { attributes, type Html, html } from './html.ts';
import type { ReportInput } from './input.ts';
import { badge, code, facts, fold, hashText, lines, plural, type Section, table } from './parts.ts';

/** Settings that are shown unasked. */
const MOST_AT_ONCE = 12;

const list = (title: string, all: readonly string[]): Html | undefined =>
  all.length === 0 ? undefined : html`<h3>${title}</h3>${lines(all, 20)}`;

export function kernelSection({ evidence: { kernel, image } }: ReportInput): Section | undefined {
  const base = { id: 'kernel', title: 'Kernel' };
  if (kernel === undefined) {
    if (image.target !== 'sel4') return undefined;
    const body = html`<p>The evidence names no kernel: nothing is claimed of one.</p>`;
    return { ...base, sum: badge('open', 'none named'), body };
  }
  const { name, sha256, machine, configuration, nearest, differences, proved, conditions, notCovered, enforcement } =
    kernel;
  const isVerified = configuration !== undefined && proved.length > 0;
  const body = html`${facts([
    ['Kernel', html`${name}, seL4 on ${machine}`],
    ['SHA-256', hashText(sha256)],
    [
      'Verified configuration',
      configuration === undefined ? html`none; the nearest is ${code(nearest)}` : code(configuration),
    ],
  ])}
${
  differences.length === 0
    ? html`<p>It has every setting of ${code(nearest)}.</p>`
    : fold(
        html`${plural(differences.length, 'setting')} unlike ${code(nearest)}`,
        table({
          caption: html`Settings that differ from ${nearest}`,
          columns: ['Setting', 'Verified', 'Found'],
          rows: differences.map(({ key, verified, found }) => [code(key), code(verified), code(found)]),
        }),
        false,
        attributes({ open: differences.length <= MOST_AT_ONCE }),
      )
}
${proved.length === 0 ? html`<h3>Proved</h3><p>Nothing: no proof is about this configuration.</p>` : list('Proved of this configuration', proved)}
${list('As long as', conditions)}${list('Not covered', notCovered)}${list('What the kernel enforces for this image', enforcement)}`;
  const word = isVerified ? configuration : `no proof applies: ${plural(differences.length, 'difference')}`;
  return { ...base, sum: badge(isVerified ? 'good' : 'open', word), body };
}
