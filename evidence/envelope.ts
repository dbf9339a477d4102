/**
 * The signature on a bundle: an in-toto statement about every file of it, in a DSSE envelope.
 *
 * A statement names files by their SHA-256, so it is made anew from the files at hand and compared as a whole: what is
 * missing, added, renamed or changed makes another statement. The envelope, too, has one spelling, and holds signatures
 * of the expected keys only. So there is no byte in it that could be another one without being noticed.
 *
 * The trust root is a key that the reader has; nothing in a bundle says by which key it should be judged.
 * Sources: DSSE 1.0.2 (protocol.md, envelope.md); in-toto Attestation Framework 1.1, Statement v1.
 */
import type { KeyObject } from 'node:crypto';
import { fail, printable } from '../base/errors.ts';
import { createHash, signBytes, verifyBytes } from '../base/node.ts';
import type { Bundle } from './bundle.ts';
import { canonicalBytes, canonicalJson } from './canonical.ts';
import { bundleNames } from './evidence.ts';
import { parseCanonical } from './parse.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'urn:casemate:evidence:1';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export interface Predicate {
  /** Grows from release to release, so that an older one can be told; absent: the bundle is none. */
  readonly release?: number;
}

/** A key, and what envelopes call it. */
export interface Key {
  /** SHA-256 of its public half as SubjectPublicKeyInfo in DER, in hexadecimal. */
  readonly id: string;
  /** To sign with its private half, unless `sign` does it; to judge, its public one. */
  readonly key: KeyObject;
  /** Signs where the private half cannot be had: a program that asks a token. What it gives has been verified. */
  readonly sign?: (bytes: Uint8Array) => Uint8Array;
}

/** See Key. */
export const keyIdOf = (publicKey: KeyObject): string => sha256(publicKey.export({ type: 'spki', format: 'der' }));

/** Ed25519, or ECDSA on P-256. Errors: 'key'. */
export function requireKind(key: KeyObject, where: string): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')) return;
  const found = type === 'ec' ? `an ECDSA key on ${details?.namedCurve}` : `a key of type ${type}`;
  fail('key', `${where}: ${found}; must be Ed25519, or ECDSA on P-256`);
}

export interface Signature {
  readonly keyid: string;
  /** Base64. */
  readonly sig: string;
}

export interface Envelope {
  readonly payload: string;
  readonly payloadType: typeof PAYLOAD_TYPE;
  readonly signatures: readonly Signature[];
}

/** The statement about the files of a bundle, but for the envelope itself, by name. */
export function statementText(files: Bundle, predicate: Predicate): string {
  const names = [...files.keys()].filter((name) => name !== bundleNames.envelope).sort();
  return canonicalJson({
    _type: STATEMENT_TYPE,
    subject: names.map((name) => ({ name, digest: { sha256: sha256(files.get(name)!) } })),
    predicateType: PREDICATE_TYPE,
    predicate,
  });
}

/** DSSE's pre-authentication encoding: what is really signed. */
export function preAuthenticated(payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** ECDSA hashes with SHA-256; Ed25519 has its own way. */
const algorithmOf = ({ key }: Key): string | null => (key.asymmetricKeyType === 'ed25519' ? null : 'sha256');

/** Whether a signature is of these bytes and by this key. */
export function isSignature(bytes: Uint8Array, key: Key, signature: Uint8Array): boolean {
  return verifyBytes(algorithmOf(key), bytes, key.key, signature);
}

export function signatureOf(payload: Uint8Array, key: Key): Signature {
  const bytes = preAuthenticated(payload);
  const sig = key.sign === undefined ? signBytes(algorithmOf(key), bytes, key.key) : key.sign(bytes);
  return { keyid: key.id, sig: Buffer.from(sig).toString('base64') };
}

/** An envelope around a statement that these keys sign. */
export function sealed(payload: Uint8Array, keys: readonly Key[]): Uint8Array {
  const signatures = keys.map((key) => signatureOf(payload, key)).sort((a, b) => (a.keyid < b.keyid ? -1 : 1));
  const text = Buffer.from(payload).toString('base64');
  return canonicalBytes({ payload: text, payloadType: PAYLOAD_TYPE, signatures } satisfies Envelope);
}

/** The bundle with an envelope that these keys sign, in place of any that it had. */
export function signBundle(files: Bundle, keys: readonly Key[], predicate: Predicate = {}): Bundle {
  return new Map([...files, [bundleNames.envelope, sealed(Buffer.from(statementText(files, predicate)), keys)]]);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Bytes of base64 in its one spelling. */
function decoded(value: unknown, what: string, where: string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  if (bytes === undefined || bytes.toString('base64') !== value)
    return fail('signature', `${where}: its ${what} is not base64`);
  return bytes;
}

export interface ParsedEnvelope {
  readonly payload: Buffer;
  readonly signatures: readonly { readonly keyid: string; readonly sig: Buffer }[];
}

/** Errors: 'signature', 'evidence'. */
export function parseEnvelope(bytes: Uint8Array, where: string): ParsedEnvelope {
  const value = parseCanonical(bytes, where);
  const shape = (): never => fail('signature', `${where}: is no DSSE envelope of an in-toto statement`);
  if (!isRecord(value) || Object.keys(value).join() !== 'payload,payloadType,signatures') return shape();
  const { payload, payloadType, signatures } = value;
  if (payloadType !== PAYLOAD_TYPE || !Array.isArray(signatures) || signatures.length === 0) return shape();
  const signed = signatures.map((one: unknown) => {
    if (!isRecord(one) || Object.keys(one).join() !== 'keyid,sig' || typeof one['keyid'] !== 'string') return shape();
    return { keyid: one['keyid'], sig: decoded(one['sig'], 'signature', where) };
  });
  return { payload: decoded(payload, 'payload', where), signatures: signed };
}

function requireSignatures({ payload, signatures }: ParsedEnvelope, keys: readonly Key[], where: string): void {
  const wanted = [...new Set(keys.map(({ id }) => id))].sort();
  const found = signatures.map(({ keyid }) => keyid);
  if (wanted.join() !== found.join())
    fail(
      'signature',
      `${where}: signed by ${found.map((id) => printable(id, 64)).join(' and ')}; expected ${wanted.join(' and ')}; name each key with --key`,
    );
  for (const { keyid, sig } of signatures) {
    const key = keys.find(({ id }) => id === keyid)!;
    if (!isSignature(preAuthenticated(payload), key, sig))
      fail('signature', `${where}: the signature of ${keyid} is not of this payload; it was changed, or never signed`);
  }
}

type Subjects = ReadonlyMap<string, string>;

function subjectsOf(statement: unknown, where: string): { subjects: Subjects; predicate: Predicate } {
  const bad = (): never => fail('signature', `${where}: its payload is no statement about a bundle`);
  if (!isRecord(statement) || statement['_type'] !== STATEMENT_TYPE || statement['predicateType'] !== PREDICATE_TYPE)
    return bad();
  const { subject, predicate } = statement;
  if (!Array.isArray(subject) || !isRecord(predicate)) return bad();
  const { release, ...rest } = predicate;
  if (Object.keys(rest).length > 0) return bad();
  if (release !== undefined && !(Number.isSafeInteger(release) && (release as number) >= 0)) return bad();
  const subjects = subject.map((one: unknown): [string, string] => {
    const digest = isRecord(one) ? one['digest'] : undefined;
    if (!isRecord(one) || typeof one['name'] !== 'string' || !isRecord(digest)) return bad();
    return typeof digest['sha256'] === 'string' ? [one['name'], digest['sha256']] : bad();
  });
  return { subjects: new Map(subjects), predicate: release === undefined ? {} : { release: release as number } };
}

/** What differs between the files that were signed and those that are there, one line each, by name. */
function differences(subjects: Subjects, files: Bundle): string[] {
  const present = [...files.keys()].filter((name) => name !== bundleNames.envelope);
  return [
    ...present.flatMap((name) => {
      const signed = subjects.get(name);
      const found = sha256(files.get(name)!);
      if (signed === undefined) return [`${name}: is not signed`];
      return signed === found
        ? []
        : [`${name}: its SHA-256 is ${found}; the one that was signed is ${printable(signed, 64)}`];
    }),
    ...[...subjects.keys()].filter((name) => !files.has(name)).map((name) => `${printable(name)}: is missing`),
  ].sort();
}

/**
 * That each of these keys, and no other, signed exactly these files. `file` names the bundle in messages. Errors:
 * 'signature', 'evidence'.
 */
export function verifyEnvelope(files: Bundle, keys: readonly Key[], file: string): Predicate {
  const where = `${printable(file)}: ${bundleNames.envelope}`;
  const bytes = files.get(bundleNames.envelope);
  if (bytes === undefined) return fail('signature', `${where}: there is none; nobody has signed this bundle`);
  const envelope = parseEnvelope(bytes, where);
  requireSignatures(envelope, keys, where);
  const payload = envelope.payload.toString('utf8');
  let statement: unknown;
  try {
    statement = JSON.parse(payload);
  } catch {
    return fail('signature', `${where}: its payload is not JSON`);
  }
  const { subjects, predicate } = subjectsOf(statement, where);
  const [first, ...more] = differences(subjects, files);
  if (first !== undefined)
    fail(
      'signature',
      `${printable(file)}: ${first}${more.length > 0 ? ` (and ${more.length} more files differ)` : ''}`,
    );
  if (statementText(files, predicate) !== payload)
    fail('signature', `${where}: its payload says more than which files these are, or is spelled otherwise`);
  return predicate;
}
