/**
 * The image in memory: the drawing (memory-map.ts), the same as a table, and what rules and probes say of it.
 *
 * What an image declares is one thing, what its own tables enforce another, and what somebody tried a third; the three
 * stand side by side, since a map that shows only the first is what attackers read too.
 */
import type { EvidenceFinding, EvidenceImage, EvidenceSegment } from '../evidence.ts';
import { type Html, html, type Part } from './html.ts';
import type { Enforced, ReportInput } from './input.ts';
import { drawing, enforcedRights, rightsText } from './memory-map.ts';
import {
  code,
  facts,
  hexText,
  lines,
  outcomeBadge,
  outcomesBadge,
  plural,
  type Section,
  sizeText,
  table,
  word,
} from './parts.ts';

const segmentWords: Readonly<Record<EvidenceSegment['type'], string>> = {
  load: 'loaded',
  tls: 'thread-local',
  note: 'note',
  relro: 'read-only after start',
  stack: 'rights of the stack',
  other: 'other',
};

const segmentTable = (segments: readonly EvidenceSegment[]): Html =>
  table({
    caption: 'Program headers, as the file declares them',
    columns: [
      'Segment',
      'May',
      { title: 'Address', isNumber: true },
      { title: 'In memory', isNumber: true },
      { title: 'In the file', isNumber: true },
      { title: 'Offset', isNumber: true },
    ],
    rows: segments.map(({ type, rights, address, memorySize, fileSize, offset }) => [
      segmentWords[type],
      html`<code>${rights}</code> ${rightsText(rights).slice(4)}`,
      code(address),
      sizeText(memorySize),
      sizeText(fileSize),
      code(hexText(offset)),
    ]),
  });

const enforcedTable = ({ regions }: Enforced): Html =>
  table({
    caption: 'Memory under the tables that the image sets up before its program runs; what is not listed is not mapped',
    columns: [
      'Rights',
      { title: 'From', isNumber: true },
      { title: 'To', isNumber: true },
      { title: 'Size', isNumber: true },
    ],
    rows: regions.map(({ start, end, kind }) => [
      html`<code>${enforcedRights(kind)}</code> ${kind}`,
      code(hexText(start)),
      code(hexText(end)),
      sizeText(Number(end - start)),
    ]),
  });

/** Rules that are about memory. */
const memoryRules = new Set(['wx', 'execute-only', 'relro', 'guard-pages', 'bss-bounds', 'sel4-protection']);

const findingRow = ({ outcome, id, state, message, details }: EvidenceFinding): Part[] => [
  code(id),
  outcomeBadge(outcome),
  word(state),
  html`${message}${lines(details, 3, 'detail')}`,
];

const findingTable = (caption: string, findings: readonly EvidenceFinding[]): Html =>
  table({ caption, columns: ['Finding', 'Outcome', 'Ground', 'What was found'], rows: findings.map(findingRow) });

const devicesText = ({ devices }: EvidenceImage): Part =>
  devices === undefined
    ? 'the image has no manifest of devices'
    : devices.length === 0
      ? 'it asks for none'
      : devices.map(({ name, type }, i) => html`${i === 0 ? '' : ', '}${code(name)} (${type})`);

export function memorySection({ evidence, enforced }: ReportInput): Section {
  const { image, findings } = evidence;
  const about = findings.filter(({ rule, state }) => memoryRules.has(rule) && state !== 'exercised');
  const tried = findings.filter(({ state }) => state === 'exercised');
  const drawn = drawing(image.segments, enforced?.regions);
  const own =
    enforced === undefined
      ? image.target === 'sel4'
        ? html`<p>Its first steps ask the kernel for the rights that it declares; what comes of that is below.</p>`
        : html`<p>The image brings no tables of its own: what its program headers declare holds as far as whoever loads it
makes it hold.</p>`
      : facts([
          ['Stack', html`${sizeText(enforced.stack)} at most, with absent pages on both sides`],
          enforced.addresses === undefined ? undefined : ['Addresses', enforced.addresses],
        ]);
  const probes =
    tried.length === 0
      ? html`<p>No probe's result is in the evidence: nothing here was <em>exercised</em>.</p>`
      : html`<p>A probe is another program with the protections of this image. It tries one thing in each boot.</p>
${findingTable('What probes tried, and how it ended', tried)}`;
  const body = html`${drawn ?? html`<p>No segment is loaded.</p>`}
${own}
${findingTable('What rules say of this memory', about)}
<h3>Probes</h3>
${probes}
<h3>All segments</h3>
${segmentTable(image.segments)}${enforced && enforcedTable(enforced)}
${facts([
  ['Entry', code(image.entry)],
  ['Devices', devicesText(image)],
  ['Functions', image.functions ? plural(image.functions.length, 'name') : 'the image has no symbol table'],
  ['File', html`${image.name}, ${sizeText(image.size)}`],
])}`;
  const sum = outcomesBadge([...about, ...tried].map(({ outcome }) => outcome));
  return { id: 'memory', title: 'Memory', sum, body };
}
