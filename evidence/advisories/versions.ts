/**
 * Which of two versions is the later one, as each ecosystem has it.
 *
 * An advisory says "fixed in 3.0.15-1~deb12u1", and whether 3.0.9-1 is before that is not a matter of text. Debian's order
 * is that of dpkg: an epoch, then a version and a revision, each read as alternating parts that are no digits and parts that
 * are, where `~` comes before the end and letters before all else. opam's is the same without epochs and revisions. What
 * has semantic versions is compared by the library that npm itself uses. A version that an order does not know has none:
 * the answer is undefined, and whoever asks must not go on as if it were earlier or later.
 *
 * Sources: Debian Policy 5.6.12 and dpkg's lib/dpkg/version.c; opam manual, "version ordering"; https://semver.org, 11.
 */
import compareSemver from 'semver/functions/compare.js';
import parseSemver from 'semver/functions/parse.js';

/** Negative: `a` comes before `b`; undefined: one of them is no version of this kind. */
export type Order = (a: string, b: string) => number | undefined;

/** Where a character that is no digit stands: `~` before the end of the text, letters before all else. */
function rank(c: string | undefined): number {
  if (c === undefined || (c >= '0' && c <= '9')) return 0;
  if (c === '~') return -1;
  return /[A-Za-z]/.test(c) ? c.charCodeAt(0) : c.charCodeAt(0) + 256;
}

const isDigit = (c: string | undefined): boolean => c !== undefined && c >= '0' && c <= '9';

/** Numbers of any length. */
function compareDigits(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  if (x.length !== y.length) return x.length - y.length;
  return x < y ? -1 : x > y ? 1 : 0;
}

/** One part of a version, without epoch and revision. */
function compareParts(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const difference = rank(a[i]) - rank(b[j]);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    const [from, other] = [i, j];
    while (isDigit(a[i])) i++;
    while (isDigit(b[j])) j++;
    const difference = compareDigits(a.slice(from, i), b.slice(other, j));
    if (difference !== 0) return difference;
  }
  return 0;
}

interface DebianVersion {
  readonly epoch: string;
  readonly upstream: string;
  readonly revision: string;
}

function debianVersion(text: string): DebianVersion | undefined {
  const colon = text.indexOf(':');
  const epoch = colon < 0 ? '0' : text.slice(0, colon);
  const rest = text.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  const [upstream, revision] = dash < 0 ? [rest, '0'] : [rest.slice(0, dash), rest.slice(dash + 1)];
  // A version should begin with a digit; dpkg only warns where one does not, and such packages exist.
  const isOne = /^\d{1,10}$/.test(epoch) && /^[A-Za-z0-9][A-Za-z0-9.+~:-]*$/.test(upstream);
  return isOne && /^[A-Za-z0-9+.~]+$/.test(revision) ? { epoch, upstream, revision } : undefined;
}

export const compareDebian: Order = (a, b) => {
  const [x, y] = [debianVersion(a), debianVersion(b)];
  if (x === undefined || y === undefined) return undefined;
  return (
    compareDigits(x.epoch, y.epoch) || compareParts(x.upstream, y.upstream) || compareParts(x.revision, y.revision)
  );
};

const isOpam = (text: string): boolean => /^[A-Za-z0-9+._~-]+$/.test(text);

export const compareOpam: Order = (a, b) => (isOpam(a) && isOpam(b) ? compareParts(a, b) : undefined);

/** Leading `v`s are not part of a semantic version; build metadata has no order. */
export const compareSemantic: Order = (a, b) => {
  const [x, y] = [parseSemver(a), parseSemver(b)];
  return x === null || y === null ? undefined : compareSemver(x, y);
};

/** The order of an ecosystem's own versions; undefined: nobody here knows it. */
export function orderOf(ecosystem: string): Order | undefined {
  const orders: Readonly<Record<string, Order>> = {
    Debian: compareDebian,
    Ubuntu: compareDebian,
    opam: compareOpam,
    npm: compareSemantic,
  };
  return Object.hasOwn(orders, ecosystem) ? orders[ecosystem] : undefined;
}
