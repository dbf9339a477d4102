/**
 * `casemate affected`: which images of a folder have what advisories are about, without a network.
 *
 * Advisories come in files of OSV, images as bundles of evidence and as CycloneDX bills. An advisory that cannot be read
 * ends the run: nobody must take its silence for good news. An image that cannot be read is undecided, and the others are
 * answered; files that are neither are counted and passed over, since releases lie in folders with much else.
 */
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CasemateError, fail, printable } from '../base/errors.ts';
import { readFile, reasonOf } from '../base/files.ts';
import { type AffectedReport, type Found, findAffected, type ImageAnswer } from '../evidence/advisories/affected.ts';
import { type Advisory, parseAdvisory } from '../evidence/advisories/osv.ts';
import { type Parts, partsOfBill, partsOfEvidence } from '../evidence/advisories/parts.ts';
import { bundleNames } from '../evidence/evidence.ts';
import { readCompared, readEvidence } from './gate.ts';

export interface AffectedRequest {
  /** Files of advisories, or folders of them. */
  readonly advisories: readonly string[];
  /** The folder of bundles and bills, or one of them. */
  readonly images: string;
  /** Files of public keys that must have signed every bundle; none: signatures are not looked at. */
  readonly keys: readonly string[];
  /** Parts of unknown packages decide nothing. */
  readonly namedOnly: boolean;
  readonly step: (text: string) => void;
}

const limits = { files: 200_000, depth: 16 } as const;

interface Listing {
  readonly files: string[];
  /** Links to folders outside of the one that is looked through. */
  readonly links: string[];
}

/** What a path of the folder is: links to files are those files, and a link to a folder is followed by nobody. */
function kindOf(path: string, root: string): 'file' | 'folder' | 'link' | undefined {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) return 'file';
  if (!stat?.isDirectory()) return undefined;
  if (!isLink) return 'folder';
  // What it leads to is met on its own way.
  const inside = relative(root, realpathSync(path));
  return inside === '..' || inside.startsWith(`..${sep}`) ? 'link' : undefined;
}

/** Files below a folder, in the order of their names. */
function listFolder(path: string, root: string, into: Listing, depth = 0): Listing {
  if (depth > limits.depth) fail('limit', `${printable(path)}: more than ${limits.depth} folders deep`);
  try {
    for (const entry of readdirSync(path).sort()) {
      const inside = join(path, entry);
      const kind = kindOf(inside, root);
      if (kind === 'folder') listFolder(inside, root, into, depth + 1);
      else if (kind !== undefined) (kind === 'file' ? into.files : into.links).push(inside);
    }
  } catch (error) {
    if (error instanceof CasemateError) throw error;
    fail('io', `${printable(path)}: cannot read: ${reasonOf(error)}`);
  }
  if (into.files.length > limits.files) fail('limit', `${printable(path)}: more than ${limits.files} files`);
  return into;
}

/** A file, or what is in a folder. */
function listingOf(path: string): Listing {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return fail('io', `${printable(path)}: no such file or folder`);
  return stat.isDirectory()
    ? listFolder(path, realpathSync(path), { files: [], links: [] })
    : { files: [path], links: [] };
}

const elsewhere = (path: string): string =>
  `${printable(path)}: is a link to a folder elsewhere, which is not followed; name that folder, too`;

function advisoryFiles(path: string): string[] {
  const { files, links } = listingOf(path);
  if (links[0] !== undefined) fail('usage', elsewhere(links[0]));
  return files.filter((file) => file === path || file.endsWith('.json'));
}

/** Each once, by id; where two files have one, the one that was modified last. */
function readAdvisories(paths: readonly string[], step: (text: string) => void): Advisory[] {
  const found = new Map<string, Advisory>();
  const files = paths.flatMap(advisoryFiles);
  if (files.length === 0)
    fail('usage', `${paths.map((path) => printable(path)).join(', ')}: holds no .json file; name OSV advisories`);
  for (const [i, file] of files.entries()) {
    if (i % 100 === 0) step(`advisory ${i + 1} of ${files.length}`);
    const one = parseAdvisory(readFile(file), file);
    const other = found.get(one.id);
    const age = other === undefined ? 1 : Date.parse(one.modified) - Date.parse(other.modified);
    if (age === 0 && !isDeepStrictEqual(one, other))
      fail(
        'advisory',
        `${printable(file)}: ${one.id} is also in another file, of the same time, and says something else there: keep one`,
      );
    if (age > 0) found.set(one.id, one);
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Whether a file is a tar archive with evidence in it: other archives lie beside bundles, and are no bundles. */
function isBundle(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return text.subarray(257, 262).toString('latin1') === 'ustar' && text.includes(`${bundleNames.evidence}\0`);
}

const isJsonObject = (bytes: Uint8Array): boolean =>
  /^\s*\{/.test(Buffer.from(bytes.subarray(0, 64)).toString('latin1'));

/** What a JSON file says that it is, without reading it the careful way. */
function formatOf(bytes: Uint8Array): 'evidence' | 'bill' | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (text.includes('"bomFormat"')) return 'bill';
  return text.includes('"casemate-evidence"') ? 'evidence' : undefined;
}

/** What a file of the folder is made of; undefined: it is no image's. */
function partsOfFile(path: string, keys: readonly string[], isNamed: boolean): Parts | undefined {
  const bytes = readFile(path);
  const format = isBundle(bytes) ? 'bundle' : isJsonObject(bytes) ? formatOf(bytes) : undefined;
  if (format === undefined)
    return isNamed
      ? fail('evidence', `${printable(path)}: is neither a bundle of evidence nor a CycloneDX bill`)
      : undefined;
  if (format === 'bundle' && keys.length > 0)
    return partsOfEvidence(readCompared({ path, keys, unsigned: false }).evidence);
  if (keys.length > 0)
    return fail('signature', `${printable(path)}: nobody can sign it by itself; leave out --key, or name its bundle`);
  return format === 'bill' ? partsOfBill(bytes, path) : partsOfEvidence(readEvidence(path).evidence);
}

const unread = (file: string, problem: string): ImageAnswer => ({ file, problem, found: [], packages: 0, unknown: 0 });

function answer(
  path: string,
  advisories: readonly Advisory[],
  request: AffectedRequest,
  isNamed: boolean,
): ImageAnswer | undefined {
  let parts: Parts | undefined;
  try {
    parts = partsOfFile(path, request.keys, isNamed);
  } catch (error) {
    if (!(error instanceof CasemateError) || isNamed) throw error;
    return unread(path, error.message);
  }
  if (parts === undefined) return undefined;
  const { image, sha256, known, unknown } = parts;
  const own = request.namedOnly ? { ...parts, unknown: [] } : parts;
  const found = advisories.flatMap((advisory) => {
    const all = findAffected(own, advisory);
    return all.length === 0 ? [] : [{ advisory: advisory.id, aliases: advisory.aliases, parts: all }];
  });
  return {
    file: path,
    image,
    ...(sha256 !== undefined && { sha256 }),
    found,
    packages: known.length,
    unknown: unknown.length,
  };
}

/** Errors: 'advisory' and 'limit' for an advisory that cannot be read; 'io'; 'usage' where there is nothing to look at. */
export function affectedImages(request: AffectedRequest): AffectedReport {
  const { images: place, step } = request;
  const all = readAdvisories(request.advisories, step);
  const standing = all.filter(({ withdrawn }) => withdrawn === undefined);
  const { files, links } = listingOf(place);
  const isNamed = files.length === 1 && files[0] === place;
  const images: ImageAnswer[] = links.map((file) => unread(file, elsewhere(file)));
  for (const [i, file] of files.entries()) {
    step(`file ${i + 1} of ${files.length}`);
    const one = answer(file, standing, request, isNamed);
    if (one !== undefined) images.push(one);
  }
  if (images.length === 0) fail('usage', `${printable(place)}: holds no bundle of evidence and no CycloneDX bill`);
  const has = (wanted: Found['answer']): boolean =>
    images.some(({ found }) => found.some(({ parts }) => parts.some((part) => part.answer === wanted)));
  const isOpen = has('undecided') || images.some(({ problem }) => problem !== undefined);
  return {
    ...{ status: has('affected') ? 1 : isOpen ? 3 : 0, images, advisories: standing.length },
    withdrawn: all.filter(({ withdrawn }) => withdrawn !== undefined).map(({ id }) => id),
    passedOver: files.length + links.length - images.length,
  };
}
