/**
 * What changed between two releases, as lines for people: what is worse on top, each other part with a sign in front, `+`
 * for what is new, `-` for what is gone, `~` for what is another. Long parts are cut unless all is asked for; what is worse
 * never is.
 */
import type { Change, EvidenceDiff, FindingChange, Named } from './diff.ts';
import { inert } from './formats/inert.ts';

/** Of one part, so many lines are shown unless all are asked for. */
const MOST_SHOWN = 20;

const signOf = ({ before, after }: Change<unknown>): string =>
  before === undefined ? '+' : after === undefined ? '-' : '~';

/** A change in one line: `~ text 100 -> 120 (+20)`. */
function line<T>(change: Named<T>, show: (value: T) => string): string {
  const { name, before, after } = change;
  const values = [before, after]
    .flatMap((value) => (value === undefined ? [] : [show(value)]))
    .filter((text) => text !== '');
  const grown = typeof before === 'number' && typeof after === 'number' ? ` (${signed(after - before)})` : '';
  return `  ${signOf(change)} ${inert(name, 200)}${values.length === 0 ? '' : `  ${values.join(' -> ')}`}${grown}`;
}

const signed = (n: number): string => (n < 0 ? String(n) : `+${n}`);

function part(title: string, lines: readonly string[], all: boolean): string[] {
  if (lines.length === 0) return [];
  const most = all ? lines.length : MOST_SHOWN;
  const left = lines.length > most ? [`    ... and ${lines.length - most} more: --all shows them`] : [];
  return ['', `${title}:`, ...lines.slice(0, most), ...left];
}

const findingSigns: Readonly<Record<FindingChange['change'], string>> = {
  ...{ new: '+', gone: '-', worse: '!', better: '^', changed: '~' },
};

function findingLine({ id, change, before, after }: FindingChange): string {
  const [old, now] = [before, after].map((one) => one && `${one.outcome}, ${one.state}`);
  const what = old === undefined || now === undefined || old === now ? (now ?? old)! : `${old} -> ${now}`;
  return `  ${findingSigns[change]} ${inert(id, 200)}  ${what}: ${inert((after ?? before)!.message, 300)}`;
}

/** Worse ones first, then what is gone: new passes are many where there is new code. */
const inOrder = (findings: readonly FindingChange[]): FindingChange[] => [
  ...findings.filter(({ isWorse }) => isWorse),
  ...findings.filter(({ isWorse, change }) => !isWorse && change === 'gone'),
  ...findings.filter(({ isWorse, change }) => !isWorse && change !== 'gone'),
];

const number = (value: number): string => String(value);
const text = (value: string): string => inert(value, 120);
const hash = (value: string): string => value.slice(0, 12);

function imageLine(title: string, { project, name, sha256, size, target }: EvidenceDiff['before'], more = ''): string {
  return `${title}  ${inert(project)}: ${inert(name)} for ${target}, ${size} bytes, SHA-256 ${hash(sha256)}${more}`;
}

/** `releases`: what stands behind each image, its number and who signed it. */
export function diffLines(diff: EvidenceDiff, releases: readonly [string, string] = ['', ''], all = false): string[] {
  const { before, after, worse, findings, devices, functions, assumptions } = diff;
  const parts: [string, string[]][] = [
    ['devices asked for', (devices ?? []).map((one) => line(one, text))],
    ['findings', inOrder(findings.filter(({ rule }) => rule !== 'proof')).map(findingLine)],
    ['proofs', inOrder(findings.filter(({ rule }) => rule === 'proof')).map(findingLine)],
    [
      'assumptions',
      [
        ...assumptions.added.map(
          ({ kind, about, text: said }) =>
            `  + ${kind}: ${inert(about === undefined ? said : `${about}: ${said}`, 300)}`,
        ),
        ...assumptions.removed.map(
          ({ kind, about, text: said }) =>
            `  - ${kind}: ${inert(about === undefined ? said : `${about}: ${said}`, 300)}`,
        ),
      ],
    ],
    ['kernel', diff.kernel.map((one) => line(one, text))],
    ['segments', diff.segments.map((one) => line(one, ({ count, memorySize }) => `${count} of ${memorySize} bytes`))],
    ['bytes of code, by component', diff.tcb.map((one) => line(one, number))],
    ['numbers', diff.numbers.map((one) => line(one, number))],
    ['functions, in bytes', (functions ?? []).map((one) => line(one, number))],
    ['packages', diff.packages.map((one) => line(one, text))],
    ['inputs, by SHA-256', diff.inputs.map((one) => line(one, hash))],
    ['tools', diff.tools.map((one) => line(one, text))],
  ];
  const shown = parts.flatMap(([title, lines]) => part(title, lines, all));
  const size = after.size - before.size;
  return [
    imageLine('before', before, releases[0]),
    imageLine('after ', after, releases[1]),
    ...(before.project === after.project ? [] : ['these are releases of different projects']),
    ...part(
      'WORSE',
      worse.map((one) => `  ! ${inert(one, 500)}`),
      true,
    ),
    ...shown,
    ...(functions === undefined
      ? ['', 'functions: cannot be compared, since one of the images has no symbol table']
      : []),
    '',
    diff.isSameImage
      ? 'the image is the same'
      : `the image is another, of ${size === 0 ? 'the same size' : `${signed(size)} bytes`}`,
    worse.length === 0 ? 'nothing is worse' : `${worse.length} ${worse.length === 1 ? 'thing is' : 'things are'} worse`,
  ];
}
