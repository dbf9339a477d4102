/**
 * What a gate reads: a bundle and whose word it is, or evidence by itself, and the image that it is about.
 *
 * Evidence that nobody signed decides nothing but the maker's own work, so a key must be named, or that there is none. And
 * evidence is about one image: the file that will be shipped must be there and have the hash that was checked, or the
 * verdict would be about another.
 */
import { fail, printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import { createHash } from '../base/node.ts';
import type { ApprovalFile } from '../evidence/approvals.ts';
import { type Bundle, unpackBundle } from '../evidence/bundle.ts';
import { verifyEnvelope } from '../evidence/envelope.ts';
import { bundleNames, type Evidence } from '../evidence/evidence.ts';
import type { Gated, Trust } from '../evidence/gate.ts';
import { parseEvidence } from '../evidence/parse.ts';
import { type Policy, parsePolicy } from '../evidence/policy.ts';
import { readPublicKey } from './keys.ts';

export interface Source {
  /** A bundle, or evidence.json. */
  readonly path: string;
  /** Files of public keys that must have signed it. */
  readonly keys: readonly string[];
  /** No key is asked for. */
  readonly unsigned: boolean;
  /** The image's file; absent: the one in the bundle. */
  readonly image?: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Canonical JSON begins with a brace; an archive with the name of its first file. */
const isJson = (bytes: Uint8Array): boolean => bytes[0] === 0x7b;

function trustOf(
  files: Bundle | undefined,
  { path, keys, unsigned }: Source,
): { readonly trust: Trust; readonly release?: number } {
  if (keys.length === 0) {
    if (unsigned) return { trust: { kind: 'unsigned' } };
    return fail(
      'usage',
      `${printable(path)}: name the key that must have signed it (--key), or say that nobody needs to (--unsigned)`,
    );
  }
  if (unsigned) fail('usage', '--unsigned: is for evidence without a signature; leave out --key or it');
  if (files === undefined)
    return fail(
      'usage',
      `${printable(path)}: is evidence by itself, which nobody can sign; name the bundle, or say --unsigned`,
    );
  const all = keys.map(readPublicKey);
  const { release } = verifyEnvelope(files, all, path);
  const trust: Trust = { kind: 'signed', key: all.map(({ id }) => id).join(', ') };
  return { trust, ...(release !== undefined && { release }) };
}

/** The image that evidence is about: in hand, and the one that was checked. */
function requireImage(evidence: Evidence, files: Bundle | undefined, { path, image }: Source): Uint8Array {
  const { name, sha256: wanted, size } = evidence.image;
  const where = image === undefined ? `${printable(path)}: ${printable(name)}` : printable(image);
  const bytes = image === undefined ? files?.get(name) : readFile(image);
  if (bytes === undefined)
    fail(
      'usage',
      `${where}: the image itself is needed, to see that it is the one that was checked; name it (--image)`,
    );
  const found = sha256(bytes);
  if (found !== wanted || bytes.length !== size) {
    const theirs = `${size} bytes with SHA-256 ${wanted}`;
    fail(
      'image',
      `${where}: has ${bytes.length} bytes with SHA-256 ${found}; the evidence is about ${theirs}: ship what was checked`,
    );
  }
  return bytes;
}

/** Evidence by itself, whoever made it: for what decides nothing. */
export function readEvidence(path: string): {
  readonly evidence: Evidence;
  readonly files?: Bundle;
  readonly bytes: Uint8Array;
} {
  const read = readFile(path);
  if (isJson(read)) return { evidence: parseEvidence(read, path), bytes: read };
  const files = unpackBundle(read, path);
  const bytes = files.get(bundleNames.evidence);
  if (bytes === undefined) return fail('evidence', `${printable(path)}: has no ${bundleNames.evidence}`);
  return { evidence: parseEvidence(bytes, `${path}: ${bundleNames.evidence}`), files, bytes };
}

/** Evidence, by whose word, and of which release where somebody signed a number. */
export interface Trusted extends Gated {
  readonly release?: number;
}

function readTrusted(source: Source): Trusted & { readonly files: Bundle | undefined } {
  const read = readFile(source.path);
  const files = isJson(read) ? undefined : unpackBundle(read, source.path);
  // Nothing of a bundle is believed before the signature is.
  const trust = trustOf(files, source);
  const bytes = files === undefined ? read : files.get(bundleNames.evidence);
  if (bytes === undefined) return fail('evidence', `${printable(source.path)}: has no ${bundleNames.evidence}`);
  const evidence = parseEvidence(bytes, files === undefined ? source.path : `${source.path}: ${bundleNames.evidence}`);
  return { evidence, sha256: sha256(bytes), ...trust, files };
}

/** Evidence to decide by, with the image that it is about. Errors: 'signature', 'image', and what reading gives. */
export function readGated(source: Source): Trusted & { readonly bytes: Uint8Array } {
  const { files, ...trusted } = readTrusted(source);
  return { ...trusted, bytes: requireImage(trusted.evidence, files, source) };
}

/**
 * Evidence and image of a signed bundle that is to be started: of no release before the least one. Errors: those of
 * readGated; 'signature' for a release whose number is too low, or that has none.
 */
export function readRelease(source: Source, least?: number): ReturnType<typeof readGated> {
  const gated = readGated(source);
  if (least !== undefined && !((gated.release ?? -1) >= least))
    fail(
      'signature',
      `${printable(source.path)}: the release is ${gated.release ?? 'not numbered'}; must be at least ${least}`,
    );
  return gated;
}

/**
 * Evidence to compare or to show, with its bundle; where there is an image along with it, that is the one. Errors: those of
 * readGated.
 */
export function readCompared(source: Source): Trusted & { readonly files: Bundle | undefined } {
  const trusted = readTrusted(source);
  if (trusted.files !== undefined) requireImage(trusted.evidence, trusted.files, source);
  return trusted;
}

/** Files that may be approvals; whether they are is the gate's to say. */
export const readApprovals = (paths: readonly string[]): ApprovalFile[] =>
  paths.map((path) => ({ name: path, bytes: readFile(path) }));

export const readPolicy = (path: string): Policy => parsePolicy(readFile(path), path);
