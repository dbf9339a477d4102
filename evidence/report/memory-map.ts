/**
 * Memory as the image lays it out, drawn to scale: what may be done where, and what lies between.
 *
 * Addresses grow downwards. The middle column is what the program headers declare, in whole pages, since those are what
 * rights are given to; the column right of it is what the image's own page tables will say, where it brings some. A
 * segment of a few bytes is a hair's breadth beside one of megabytes, so each piece has a label of its own, and a line
 * leads from the one to the other. Only empty stretches that dwarf all else are cut, and the cut is marked. Everything in
 * the drawing is in the table after it as well.
 */
import type { EvidenceSegment } from '../evidence.ts';
import { attributes, type Html, html } from './html.ts';
import type { EnforcedRegion } from './input.ts';
import { hexText, sizeText } from './parts.ts';

const PAGE = 4096n;
/** Pieces that are drawn; a hostile image may have tens of thousands. */
const MOST_PIECES = 40;

export interface Stretch {
  readonly from: bigint;
  readonly to: bigint;
}

export interface Placed extends Stretch {
  readonly segment: EvidenceSegment;
}

/** A segment's bytes; none where it has none or its end has no address. */
export function placedOf(segment: EvidenceSegment): Placed | undefined {
  const from = BigInt(segment.address);
  const to = from + BigInt(segment.memorySize);
  return segment.memorySize > 0 && to <= 2n ** 64n ? { segment, from, to } : undefined;
}

const pageDown = (at: bigint): bigint => (at / PAGE) * PAGE;
const pageUp = (at: bigint): bigint => pageDown(at + PAGE - 1n);

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);

const byAddress = (a: Stretch, b: Stretch): number => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0);

/** Whole pages that none of the stretches, ordered by address, has. */
export function gapsOf(stretches: readonly Stretch[]): Stretch[] {
  const gaps: Stretch[] = [];
  let end: bigint | undefined;
  for (const { from, to } of stretches) {
    if (end !== undefined && pageDown(from) > end) gaps.push({ from: end, to: pageDown(from) });
    end = later(pageUp(to), end ?? 0n);
  }
  return gaps;
}

/** Where addresses are in the drawing. */
export interface Scale {
  readonly height: number;
  readonly y: (address: bigint) => number;
  readonly cuts: readonly Stretch[];
}

/** Height of a cut. */
const CUT = 26;

/** A linear scale over all stretches, `height` long, but for gaps larger than everything that is mapped. */
export function scaleOf(stretches: readonly Stretch[], height: number): Scale {
  const mapped = stretches.reduce((sum, { from, to }) => sum + (pageUp(to) - pageDown(from)), 0n);
  const cuts = gapsOf(stretches).filter(({ from, to }) => to - from > mapped);
  const low = pageDown(stretches[0]!.from);
  const high = stretches.map(({ to }) => pageUp(to)).reduce(later, low);
  const hidden = cuts.reduce((sum, { from, to }) => sum + (to - from), 0n);
  const kept = high - low - hidden > 0n ? high - low - hidden : 1n;
  const room = height - CUT * cuts.length;
  const y = (address: bigint): number => {
    let bytes = address - low;
    let cut = 0;
    for (const { from, to } of cuts) {
      if (address <= from) break;
      const inside = address < to ? address - from : to - from;
      bytes -= inside;
      cut += (CUT * Number(inside)) / Number(to - from);
    }
    return (Number(bytes) / Number(kept)) * room + cut;
  };
  return { height, y, cuts };
}

/** Places for labels, near where they belong, in order and not one over the other. */
export function spread(wanted: readonly number[], apart: number, height: number): number[] {
  const places: number[] = [];
  wanted.forEach((at, i) => {
    places.push(i === 0 ? Math.max(at, apart / 2) : Math.max(at, places[i - 1]! + apart));
  });
  for (let i = places.length - 1, end = height - apart / 2; i >= 0; i--, end -= apart) {
    if (places[i]! <= end) break;
    places[i] = end;
  }
  return places;
}

const meanings: Readonly<Record<string, string>> = {
  'R--': 'constants',
  'RW-': 'data',
  'R-X': 'code, readable',
  '--X': 'code, execute only',
  RWX: 'writable and executable',
  '-WX': 'writable and executable',
  '-W-': 'write only',
  '---': 'no access',
};

/** Rights with what they mean. */
export const rightsText = (rights: string): string => `${rights} ${meanings[rights] ?? ''}`.trim();

/** Classes of the drawing by rights: hatched is code, dotted can be written. */
function fillOf(rights: string): string {
  if (rights.includes('W') && rights.includes('X')) return 'wx';
  if (rights.includes('X')) return 'x';
  if (rights.includes('W')) return 'w';
  return rights.includes('R') ? 'r' : 'none';
}

/** Rights of a region that the image's own tables give. */
export const enforcedRights = (kind: string): string =>
  ({ execute: '--X', 'read-execute': 'R-X', read: 'R--', write: 'RW-' })[kind] ?? kind;

interface Label {
  readonly at: number;
  readonly title: string;
  readonly text: string;
}

const [MIDDLE, WIDTH] = [270, 790];
const [ROW, BAR, TABLES] = [36, 130, 46];

const round = (value: number): number => Math.round(value * 10) / 10;

function labelsAt(labels: readonly Label[], side: 'left' | 'right', height: number, from: number): Html[] {
  const ordered = [...labels].sort((a, b) => a.at - b.at);
  const places = spread(
    ordered.map(({ at }) => at),
    ROW,
    height,
  );
  const [x, near, anchor] = side === 'right' ? [from + 44, from + 30, 'start'] : [from - 44, from - 30, 'end'];
  return ordered.map(({ at, title, text }, i) => {
    const y = round(places[i]!);
    const text_x = side === 'right' ? x + 4 : x - 4;
    return html`<polyline class="lead" points="${`${from},${round(at)} ${near},${y} ${x},${y}`}"/><text x="${text_x}" y="${y - 3}" text-anchor="${anchor}" class="strong">${title}</text><text x="${text_x}" y="${y + 11}" text-anchor="${anchor}" class="small">${text}</text>
`;
  });
}

const spanText = ({ from, to }: Stretch): string => `${hexText(from)}, ${sizeText(Number(to - from))}`;

function rect(scale: Scale, { from, to }: Stretch, x: number, width: number, name: string, title: string): Html {
  const y = round(scale.y(from));
  const height = Math.max(1.5, round(scale.y(to) - y));
  return html`<rect ${attributes({ class: name, x, y, width, height })}><title>${title}</title></rect>`;
}

interface Region extends Stretch {
  readonly kind: string;
}

/** What the image's own tables make of a segment, in a few words; nothing where it brings none. */
function enforcedText({ from, to }: Stretch, tables: readonly Region[]): string {
  if (tables.length === 0) return '';
  const own = tables.filter((one) => one.from < to && one.to > from).map(({ kind }) => enforcedRights(kind));
  return own.length === 0 ? '; unmapped after start' : `; then ${[...new Set(own)].join(', ')}`;
}

/** The part of a segment that its file has, and the part that is zeros. */
function loadRects(scale: Scale, { segment, from, to }: Placed): Html {
  const pages = { from: pageDown(from), to: pageUp(to) };
  const fill = fillOf(segment.rights);
  const zeros = from + BigInt(segment.fileSize);
  const title = `${rightsText(segment.rights)}, ${spanText({ from, to })}`;
  return html`${rect(scale, pages, MIDDLE, BAR, `fill-${fill}`, title)}${
    zeros < to && segment.fileSize >= 0
      ? rect(
          scale,
          { from: zeros, to },
          MIDDLE + BAR - 22,
          22,
          'zeros',
          `zeros at the start: ${spanText({ from: zeros, to })}`,
        )
      : undefined
  }`;
}

const PATTERNS = html`<defs>
<pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="7" height="7" class="ground-x"/><line x1="0" y1="0" x2="0" y2="7" class="ink"/></pattern>
<pattern id="dots" width="7" height="7" patternUnits="userSpaceOnUse"><rect width="7" height="7" class="ground-w"/><circle cx="2" cy="2" r="1.1" class="dot"/></pattern>
<pattern id="cross" width="7" height="7" patternUnits="userSpaceOnUse"><rect width="7" height="7" class="ground-wx"/><path d="M0 0L7 7M7 0L0 7" class="ink-bad"/></pattern>
</defs>`;

/** The drawing; undefined where nothing is loaded. */
export function drawing(
  segments: readonly EvidenceSegment[],
  regions: readonly EnforcedRegion[] = [],
): Html | undefined {
  const placed = segments.flatMap((one) => placedOf(one) ?? []);
  const loads = placed
    .filter(({ segment }) => segment.type === 'load')
    .sort(byAddress)
    .slice(0, MOST_PIECES);
  if (loads.length === 0) return undefined;
  const gaps = gapsOf(loads);
  const inside = placed
    .filter(({ segment, from }) => segment.type !== 'load' && loads.some((load) => load.from <= from && from < load.to))
    .slice(0, MOST_PIECES);
  const tables: Region[] = regions
    .map(({ start, end, kind }) => ({ from: start, to: end, kind }))
    .filter(({ from, to }) => loads.some((load) => from < pageUp(load.to) && to > pageDown(load.from)))
    .slice(0, MOST_PIECES);
  const rows = Math.max(loads.length + gaps.length, inside.length);
  const scale = scaleOf(loads, Math.max(420, rows * ROW + 20));
  const middle = ({ from, to }: Stretch): number => (scale.y(from) + scale.y(to)) / 2;
  const right = MIDDLE + BAR + (tables.length > 0 ? TABLES + 8 : 0);
  const isCut = (gap: Stretch): boolean => scale.cuts.some(({ from }) => from === gap.from);
  const labels: Label[] = [
    ...loads.map((one) => ({
      at: middle(one),
      title: rightsText(one.segment.rights),
      text: `${spanText(one)}${enforcedText(one, tables)}`,
    })),
    ...gaps.map((gap) => ({
      at: middle(gap),
      title: isCut(gap) ? 'not mapped (cut, not to scale)' : 'not mapped: a guard',
      text: spanText(gap),
    })),
  ];
  const height = scale.height + 34;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Drawing of memory"><svg class="map" role="img" aria-labelledby="map-drawn" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<title id="map-drawn">Memory of the image to scale: ${loads.length} segments, ${gaps.length} unmapped stretches between them. The table has the same.</title>
${PATTERNS}
<text x="${MIDDLE}" y="14" class="strong">declared</text>${tables.length > 0 ? html`<text x="${MIDDLE + BAR + 8}" y="14" class="strong">enforced</text>` : undefined}
<g transform="translate(0 24)">
${gaps.map((gap) => rect(scale, gap, MIDDLE, BAR, isCut(gap) ? 'cut' : 'gap', `not mapped, ${spanText(gap)}`))}
${loads.map((one) => loadRects(scale, one))}
${tables.length > 0 ? loads.map((one) => rect(scale, { from: pageDown(one.from), to: pageUp(one.to) }, MIDDLE + BAR + 8, TABLES, 'gap', `not mapped once the program runs, ${spanText(one)}`)) : undefined}
${tables.map((one) => rect(scale, one, MIDDLE + BAR + 8, TABLES, `fill-${fillOf(enforcedRights(one.kind))}`, `${enforcedRights(one.kind)} ${one.kind}, ${spanText(one)}`))}
${inside.map((one) => rect(scale, one, MIDDLE - 14, 8, 'inside', `${one.segment.type}, ${spanText(one)}`))}
${labelsAt(labels, 'right', scale.height, right)}
${labelsAt(
  inside.map((one) => ({ at: middle(one), title: one.segment.type, text: spanText(one) })),
  'left',
  scale.height,
  MIDDLE - 14,
)}
</g></svg></div>
<p class="note">Addresses grow downwards; hatched: can be executed; dotted: can be written; empty: nothing is mapped. What lies inside of a
segment is left of it, its zeroed part a strip on its right.</p>`;
}
