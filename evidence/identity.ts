/**
 * What a finding is called and what it is of, the same in every format and from build to build.
 *
 * A waiver or a comparison with the last release must find its finding again after an unrelated change, and must not
 * take another one for it. So an id is made of the rule and of which of its questions is answered, never of a message;
 * and a fingerprint covers the ground, the outcome, the places, by the names of their functions and sections, with
 * addresses and sizes left out, and the code of these functions with what linking writes masked: who accepts a finding has
 * read that code, and what else moves when anything is linked differently is not part of it.
 */
import { createHash } from '../base/node.ts';
import type { Finding } from '../hardening/finding.ts';
import type { EvidenceFinding, Sha256 } from './evidence.ts';

/** SHA-256 over several texts, told apart by their lengths, so that no two lists have one hash. */
export function hashOf(...parts: readonly string[]): Sha256 {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('hex');
}

/** A few words as a key: lower-case letters, digits, dots and dashes. */
const slug = (words: string): string =>
  words
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 80);

/** Ids in order; of equal ones all but the first get an ordinal. */
export function uniqueIds(ids: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return ids.map((id) => {
    const n = (seen.get(id) ?? 0) + 1;
    seen.set(id, n);
    return n === 1 ? id : `${id}#${n}`;
  });
}

/**
 * A line without what moves: addresses, offsets into functions, and counts of bytes. A name may look like one in its middle
 * (`key_0x1`), and is another function's for it.
 */
export const withoutAddresses = (line: string): string =>
  line
    .replace(/\+0x[0-9a-f]+(?=[),\s]|$)/gi, '+0x')
    .replace(/(?<![\w$.+-])0x[0-9a-f]+/gi, '0x')
    .replace(/(?<![\w$.])\d+ of \d+ bytes/g, '# bytes')
    .replace(/(?<![\w$.])\d+ (bytes?|[KMG]iB)\b/g, '# $1');

/** Of the rule, its question, what it came to, and the places. How places are ordered depends on addresses, so they are sorted. */
const fingerprintOf = ({ rule, version, about = '', outcome, state, details, maskedCode }: Finding): Sha256 =>
  hashOf(
    ...['finding', rule, String(version), about, outcome, state, maskedCode ?? ''],
    ...details.map(withoutAddresses).sort(),
  );

/** Findings as evidence has them, in the order given. */
export function identified(findings: readonly Finding[]): EvidenceFinding[] {
  const ids = uniqueIds(findings.map(({ rule, about }) => `${rule}:${about === undefined ? 'image' : slug(about)}`));
  return findings.map((finding, i) => {
    const { rule, version, outcome, state, message, details, measured, maskedCode } = finding;
    return {
      ...{ id: ids[i]!, rule, version, outcome, state, message, details },
      ...(measured !== undefined && { measured }),
      ...(maskedCode !== undefined && { maskedCode }),
      fingerprint: fingerprintOf(finding),
    };
  });
}
