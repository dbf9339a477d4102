/**
 * How hard addresses are to guess, and slides of this very image that were drawn to see it.
 *
 * The figure that counts is computed, not sampled: bits of entropy against whoever does not know the seed. The histograms
 * are there to be looked at: a draw that favours a corner shows at once, which a number of bits from a formula would not.
 * Seeds are numbered, so the same image gives the same drawing.
 */
import { type Html, html } from './html.ts';
import type { Bits, ReportInput, Slides } from './input.ts';
import {
  badge,
  code,
  facts,
  grouped,
  hexText,
  outcomeBadge,
  type Section,
  sizeText,
  type Tone,
  table,
} from './parts.ts';

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

const BINS = 32;

/** How many values fall into each of equally wide bins from `low` up to `high`. */
export function binsOf(values: readonly number[], low: number, high: number, bins = BINS): Bin[] {
  const width = Math.max(1, (high - low) / bins);
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.max(0, Math.floor((value - low) / width)))]!++;
  return counts.map((count, i) => ({
    from: Math.round(low + i * width),
    to: Math.round(low + (i + 1) * width),
    count,
  }));
}

const [WIDTH, HEIGHT, BASE] = [720, 190, 150];

function histogram(id: string, title: string, bins: readonly Bin[]): Html {
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const all = bins.reduce((sum, { count }) => sum + count, 0);
  const step = (WIDTH - 60) / bins.length;
  const y = (count: number): number => Math.round((BASE - (count / most) * (BASE - 20)) * 10) / 10;
  const level = y(all / bins.length);
  const bars = bins.map(({ from, to, count }, i) => {
    const x = Math.round((50 + i * step) * 10) / 10;
    return html`<rect class="bar" x="${x}" y="${y(count)}" width="${Math.round((step - 2) * 10) / 10}" height="${Math.round((BASE - y(count)) * 10) / 10}"><title>${hexText(from)} to ${hexText(to)}: ${count}</title></rect>`;
  });
  return html`<figure><figcaption>${title}</figcaption>
<div class="scroll" tabindex="0" role="group" aria-label="${title}"><svg class="histogram" role="img" aria-labelledby="${id}" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">
<title id="${id}">${title}: ${all} slides in ${bins.length} stretches of equal size, ${Math.min(...bins.map(({ count }) => count))} to ${most} in each; even would be ${Math.round(all / bins.length)}.</title>
${bars}
<line class="axis" x1="50" y1="${BASE}" x2="${WIDTH - 10}" y2="${BASE}"/>
<line class="level" x1="50" y1="${level}" x2="${WIDTH - 10}" y2="${level}"/>
<text class="small" x="44" y="${level + 4}" text-anchor="end">even</text>
<text class="small" x="44" y="24" text-anchor="end">${most}</text><text class="small" x="44" y="${BASE}" text-anchor="end">0</text>
<text class="small" x="50" y="${BASE + 20}">${hexText(bins[0]!.from)}</text><text class="small" x="${WIDTH - 10}" y="${BASE + 20}" text-anchor="end">${hexText(bins[bins.length - 1]!.to)}</text>
</svg></div>
<details class="more"><summary>The numbers</summary>${table({
    caption: title,
    columns: ['From', 'To', { title: 'Slides', isNumber: true }],
    rows: bins.map(({ from, to, count }) => [code(hexText(from)), code(hexText(to)), count]),
  })}</details></figure>`;
}

const bitsText = ({ low, high }: Bits): string =>
  low === high ? `${low.toFixed(2)} bits` : `${low.toFixed(2)} to ${high.toFixed(2)} bits`;

function slidesBody(slides: Slides): Html {
  const { memory, heapMin, bases, entries, lowest, step, slots, baseBits, minimum, shannon, units, pinned } = slides;
  const top = lowest + step * slots;
  const least = entries.reduce((low, at) => Math.min(low, at), Number.POSITIVE_INFINITY);
  const most = entries.reduce((high, at) => Math.max(high, at), 0);
  const pictures =
    bases.length === 0
      ? undefined
      : html`${histogram('bases', `Where ${grouped(bases.length)} slides of this image begin`, binsOf(bases, lowest, top))}
${histogram('entries', 'Where their entry function is', binsOf(entries, least, most + 1))}`;
  return html`<p>Each launch can give the image another layout (${code('casemate slide')}): another base, other gaps between
segments, its functions in another order. Against whoever knows the seed a layout has 0 bits.</p>
${facts([
  ['Base address', `${baseBits.toFixed(2)} bits: ${grouped(slots)} places, ${sizeText(step)} apart`],
  ['Entry function, min-entropy', bitsText(minimum)],
  ['Entry function, Shannon', bitsText(shannon)],
  ['Units of code', `${grouped(units)} change places, ${grouped(pinned)} stay in theirs`],
  ['For', `a guest of ${sizeText(memory)} with a heap of ${sizeText(heapMin)} or more`],
])}
${pictures}`;
}

/** The section in a few words. */
function sumOf({ evidence: { layout }, slides, enforced }: ReportInput): readonly [Tone, string] {
  if (slides !== undefined) return ['plain', `${Math.floor(slides.baseBits)} bits of base address`];
  if (layout?.bits !== undefined) return ['plain', `${layout.bits} bits`];
  if (enforced?.addresses !== undefined) return ['plain', 'drawn at start'];
  return layout === undefined ? ['open', 'not known to vary'] : ['plain', 'fixed by the build'];
}

export function addressesSection(input: ReportInput): Section {
  const { slides, slidesAbsent, enforced } = input;
  const { layout, findings } = input.evidence;
  const bits = layout?.bits;
  const stated =
    layout === undefined
      ? undefined
      : facts([
          ['Base', code(layout.base)],
          ['Drawn from', html`${layout.seed}: fixed when the image was built`],
          bits === undefined ? undefined : ['Entropy', `${bits} bits, rounded down`],
        ]);
  const said = findings.filter(({ id }) => id.startsWith('sel4-protection:addresses'));
  const found = said.map(({ message, outcome }) => html`<p>${outcomeBadge(outcome)} ${message}.</p>`);
  const own =
    enforced?.addresses === undefined ? undefined : html`<p>Drawn anew at every start: ${enforced.addresses}.</p>`;
  const body = html`${slides && slidesBody(slides)}${stated}${found}${own}${
    slidesAbsent === undefined ? undefined : html`<p>No slides: ${slidesAbsent}.</p>`
  }`;
  const [tone, word] = sumOf(input);
  return { id: 'addresses', title: 'Addresses', sum: badge(tone, word), body };
}
