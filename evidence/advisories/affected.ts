/**
 * Whether an image has what an advisory is about.
 *
 * Three answers, and the third is no pass: affected, not affected, and nobody can tell. The last is for commits (an image
 * is of versions), for versions that an order does not know, for parts of which no package is known, and for advisories of
 * one distribution about what the image has from another. Withdrawn advisories decide nothing.
 *
 * How events make a range: https://ossf.github.io/osv-schema, "evaluation". A range of commits that stands beside one of
 * versions says the same of them in another way, so the versions decide.
 */
import type { Advisory, AdvisoryEvent, AdvisoryRange, AffectedPackage } from './osv.ts';
import type { Part, Parts, UnknownPart } from './parts.ts';
import { compareSemantic, type Order, orderOf } from './versions.ts';

export type Answer = 'affected' | 'undecided' | 'unaffected';

export interface Found {
  readonly answer: Exclude<Answer, 'unaffected'>;
  /** What it is about: a package with its version, or a part that nobody knows. Not made printable. */
  readonly part: string;
  readonly reason: string;
  /** The first version that is fixed, where the advisory names one. */
  readonly fixed?: string;
  readonly isTool: boolean;
  /** Whether the part's package is unknown. */
  readonly isUnknownPart: boolean;
}

export interface ImageAnswer {
  /** The bundle's or bill's path. */
  readonly file: string;
  readonly image?: string;
  readonly sha256?: string;
  /** Why it cannot be read. */
  readonly problem?: string;
  /** By advisory, in their order. */
  readonly found: readonly {
    readonly advisory: string;
    readonly aliases: readonly string[];
    readonly parts: readonly Found[];
  }[];
  /** Packages known, and parts of which none is. */
  readonly packages: number;
  readonly unknown: number;
}

export interface AffectedReport {
  readonly status: 0 | 1 | 3;
  /** By path. */
  readonly images: readonly ImageAnswer[];
  readonly advisories: number;
  readonly withdrawn: readonly string[];
  /** Files in the folder that are no bundle and no bill. */
  readonly passedOver: number;
}

interface Verdict {
  readonly answer: Answer;
  readonly reason: string;
  readonly fixed?: string;
}

const undecided = (reason: string): Verdict => ({ answer: 'undecided', reason });

const versionOf = (event: AdvisoryEvent): string => Object.values(event)[0] as string;

const isStart = (version: string): boolean => version === '0';

/** Events by version; of equal ones what ends a range first, so that none is lost between two ranges. */
function inOrder(events: readonly AdvisoryEvent[], order: Order): AdvisoryEvent[] | undefined {
  let isKnown = true;
  const rank = (event: AdvisoryEvent): number => ('introduced' in event ? 1 : 'fixed' in event ? 0 : 2);
  const sorted = [...events].sort((a, b) => {
    const [x, y] = [versionOf(a), versionOf(b)];
    if (isStart(x) || isStart(y)) return Number(isStart(y)) - Number(isStart(x)) || rank(a) - rank(b);
    const difference = order(x, y);
    if (difference === undefined) isKnown = false;
    return (difference ?? 0) || rank(a) - rank(b);
  });
  return isKnown ? sorted : undefined;
}

/** Whether a version is in a range of versions. */
function inRange(version: string, { type, events }: AdvisoryRange, ecosystem: string): Verdict {
  const order = type === 'SEMVER' ? compareSemantic : orderOf(ecosystem);
  if (order === undefined) return undecided(`how versions of ${ecosystem} are ordered is not known here`);
  if (order(version, version) === undefined)
    return undecided(`${version} is no version in the order of ${type === 'SEMVER' ? 'semantic versions' : ecosystem}`);
  const limits = events.flatMap((event) => ('limit' in event ? [event.limit] : []));
  const changes = events.filter((event) => !('limit' in event));
  if (!changes.some((event) => 'introduced' in event)) return undecided('a range does not say where it begins');
  const sorted = inOrder(changes, order);
  const bounds = limits.map((limit) => (limit === '*' ? -1 : order(version, limit)));
  if (sorted === undefined || bounds.includes(undefined)) return undecided('a range has versions that are in no order');
  if (bounds.length > 0 && !bounds.some((bound) => bound! < 0)) return { answer: 'unaffected', reason: '' };
  let isIn = false;
  for (const event of sorted) {
    const at = versionOf(event);
    const difference = isStart(at) ? 1 : order(version, at);
    if (difference === undefined) return undecided(`${at} is no version in the order of ${ecosystem}`);
    if ('introduced' in event && difference >= 0) isIn = true;
    if ('fixed' in event && difference >= 0) isIn = false;
    if ('last_affected' in event && difference > 0) isIn = false;
  }
  if (!isIn) return { answer: 'unaffected', reason: '' };
  const fixed = sorted.find((event) => 'fixed' in event && (order(version, event.fixed) ?? 0) < 0);
  return { answer: 'affected', reason: 'in a range of the advisory', ...(fixed && { fixed: versionOf(fixed) }) };
}

/** Whether a version of the package is one that is affected. */
function versionVerdict(version: string, { versions, ranges }: AffectedPackage, ecosystem: string): Verdict {
  const order = orderOf(ecosystem);
  const isListed = versions.includes(version) || versions.some((one) => order?.(one, version) === 0);
  const plain = ranges.filter(({ type }) => type !== 'GIT');
  const verdicts = plain.map((range) => inRange(version, range, ecosystem));
  const affected = verdicts.find(({ answer }) => answer === 'affected');
  if (affected !== undefined) return affected;
  if (isListed) return { answer: 'affected', reason: 'in the list of the advisory' };
  const open = verdicts.find(({ answer }) => answer === 'undecided');
  if (open !== undefined) return open;
  if (plain.length < ranges.length && plain.length === 0)
    return undecided('the advisory names commits, and of an image only versions are known');
  if (ranges.length === 0 && versions.length === 0) return undecided('the advisory says nothing of versions');
  return { answer: 'unaffected', reason: '' };
}

/** `Debian:12` is of release 12 of Debian. */
function ecosystemOf(text: string): { readonly ecosystem: string; readonly release?: string } {
  const colon = text.indexOf(':');
  return colon < 0 ? { ecosystem: text } : { ecosystem: text.slice(0, colon), release: text.slice(colon + 1) };
}

/** Names as an ecosystem compares them. Package URLs lose the case of some, so that nowhere tells packages apart. */
const nameKey = (ecosystem: string, name: string): string =>
  (ecosystem === 'PyPI' ? name.replace(/[-_.]+/g, '-') : name).toLowerCase();

/** Ecosystems whose packages are never native code, so that an unknown archive is none of them. */
const interpreted: readonly string[] = [
  ...['npm', 'PyPI', 'RubyGems', 'Packagist', 'Maven', 'NuGet', 'Pub', 'Hex'],
  ...['GitHub Actions', 'VSCode'],
];

/** What an advisory's entry comes to for one package of the image. */
function partVerdict(part: Part, entry: AffectedPackage & Required<Pick<AffectedPackage, 'package'>>): Verdict {
  const { ecosystem, release } = ecosystemOf(entry.package.ecosystem);
  const isSame = nameKey(ecosystem, part.name) === nameKey(ecosystem, entry.package.name);
  if (part.ecosystem !== ecosystem) {
    const isNamesake = part.name.toLowerCase() === entry.package.name.toLowerCase() && !part.isTool;
    const isCode = !interpreted.includes(ecosystem) && !interpreted.includes(part.ecosystem);
    return isNamesake && isCode
      ? undecided(
          `the advisory is about ${entry.package.name} of ${entry.package.ecosystem}, and this one is of ${part.ecosystem}`,
        )
      : { answer: 'unaffected', reason: '' };
  }
  if (release !== undefined && part.release !== undefined && part.release !== release)
    return { answer: 'unaffected', reason: '' };
  if (!isSame) {
    return part.isBinaryName
      ? undecided(`nobody says which source package it is of, and the advisory is about one, ${entry.package.name}`)
      : { answer: 'unaffected', reason: '' };
  }
  const verdict = versionVerdict(part.version, entry, ecosystem);
  if (release === undefined || part.release !== undefined || verdict.answer === 'undecided') return verdict;
  return undecided(`nobody says of which release of ${ecosystem} it is; the advisory is about ${release}`);
}

function isPossible({ ecosystem: kind }: UnknownPart, ecosystem: string): boolean {
  if (kind === 'opam') return ecosystem === 'opam';
  return kind === undefined || !interpreted.includes(ecosystem);
}

/** What of an image an advisory is about, or may be; nothing: the image is not affected. */
export function findAffected({ known, unknown }: Parts, advisory: Advisory): Found[] {
  if (advisory.withdrawn !== undefined) return [];
  const none = { isTool: false, isUnknownPart: false };
  const open = (reason: string): Found[] => [{ ...none, answer: 'undecided', part: 'the image', reason }];
  if (advisory.affected.length === 0) return open('the advisory names nothing that is affected');
  const found = advisory.affected.flatMap((entry): Found[] => {
    const { package: of } = entry;
    if (of === undefined) return open('the advisory names commits and no package');
    const named = known.flatMap((part): Found[] => {
      const { answer, reason, fixed } = partVerdict(part, { ...entry, package: of });
      if (answer === 'unaffected') return [];
      const { shown, isTool } = part;
      return [{ answer, part: shown, reason, ...(fixed !== undefined && { fixed }), isTool, isUnknownPart: false }];
    });
    const { ecosystem } = ecosystemOf(of.ecosystem);
    const unnamed = unknown
      .filter((part) => isPossible(part, ecosystem))
      .map(({ name }): Found => {
        const reason = 'nobody knows of which package it is';
        return { answer: 'undecided', part: name, reason, isTool: false, isUnknownPart: true };
      });
    return [...named, ...unnamed];
  });
  // One package may be in several entries, one for each release.
  return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
}
