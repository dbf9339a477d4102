/** Bundles as files: written whole or not at all, and read with all that is in them. */
import { fail, printable } from '../base/errors.ts';
import { readFile, writeFileAtomic } from '../base/files.ts';
import { type Bundle, packBundle, unpackBundle } from '../evidence/bundle.ts';
import { bundleNames, type Evidence } from '../evidence/evidence.ts';
import { parseEvidence, parseMeasurements } from '../evidence/parse.ts';

export function writeBundle(path: string, files: Bundle): void {
  writeFileAtomic(path, packBundle(files));
}

/** A bundle with what is in it; every file is one that a bundle has. */
export interface ReadBundle {
  readonly files: Bundle;
  readonly evidence: Evidence;
  readonly image: Uint8Array;
}

const proofName = /^proofs\/(?:obligations\.json|(?:unknown-)?[0-9a-f]{64}\.(?:json|smt2))$/;
const textName = /^sources\/[0-9a-f]{64}\.ts$/;
/** Texts alone: what Coq compiled them to is no file of a bundle (bundle.ts). */
const coqName = /^coq\/./;

/** Reads a bundle; whether anybody signed it, and whether it is true, is another question. Errors: 'evidence', 'limit', 'io'. */
export function readBundle(path: string): ReadBundle {
  const where = printable(path);
  const files = unpackBundle(readFile(path), path);
  const text = files.get(bundleNames.evidence);
  if (text === undefined) return fail('evidence', `${where}: ${bundleNames.evidence}: is missing`);
  const evidence = parseEvidence(text, `${where}: ${bundleNames.evidence}`);
  const image = files.get(evidence.image.name);
  if (image === undefined) return fail('evidence', `${where}: ${evidence.image.name}: is missing; evidence is of it`);
  const known = new Set([bundleNames.evidence, bundleNames.measurements, bundleNames.envelope, evidence.image.name]);
  for (const name of files.keys())
    if (!known.has(name) && !proofName.test(name) && !textName.test(name) && !coqName.test(name))
      fail('evidence', `${where}: ${name}: is no file of a bundle of this evidence`);
  const times = files.get(bundleNames.measurements);
  if (times !== undefined) parseMeasurements(times, `${where}: ${bundleNames.measurements}`);
  return { files, evidence, image };
}
