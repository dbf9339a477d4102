/**
 * Private keys and certificates in DER, recognised by their structure at any byte of a file.
 *
 * Every one of them is a SEQUENCE whose first elements are so particular that nothing else looks alike: PKCS#1 (nine
 * integers, and the product of the two primes is the modulus: that is checked), PKCS#8 (version, algorithm, octets), SEC
 * 1 (1, a private key of a curve's size), X.509 (a certificate whose own first element is a serial number or a version).
 * Nothing is handed to a cryptographic library: its parsers are no place for hostile bytes.
 *
 * Sources: X.690 8.1.3 and 10.1 (definite lengths); RFC 8017 A.1.2, RFC 5958, RFC 5915, RFC 5280 4.1.
 */

export interface DerFinding {
  readonly offset: number;
  readonly size: number;
  readonly kind: 'PKCS#1 private key' | 'PKCS#8 private key' | 'SEC1 private key' | 'certificate';
}

interface Element {
  readonly tag: number;
  /** Of the contents. */
  readonly start: number;
  readonly end: number;
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const OCTETS = 0x04;
const OBJECT_ID = 0x06;

/** Larger than any key or certificate. */
const MOST_BYTES = 65_536;

/** The element at `at`, which must end by `limit`; minimal definite lengths alone, as DER wants. */
export function elementAt(bytes: Uint8Array, at: number, limit: number): Element | undefined {
  if (at + 2 > limit) return undefined;
  const tag = bytes[at]!;
  const first = bytes[at + 1]!;
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const size = first & 0x7f;
    if (size < 1 || size > 2 || start + size > limit) return undefined;
    length = size === 1 ? bytes[start]! : bytes[start]! * 256 + bytes[start + 1]!;
    if (length < (size === 1 ? 0x80 : 0x100)) return undefined;
    start += size;
  }
  return start + length <= limit && length <= MOST_BYTES ? { tag, start, end: start + length } : undefined;
}

/** The elements that make up exactly [start, end); undefined when they do not, or are more than `most`. */
function elements(bytes: Uint8Array, { start, end }: Element, most: number): Element[] | undefined {
  const found: Element[] = [];
  let at = start;
  while (at < end) {
    const next = elementAt(bytes, at, end);
    if (next === undefined || found.length === most) return undefined;
    found.push(next);
    at = next.end;
  }
  return found;
}

function integer(bytes: Uint8Array, { start, end }: Element): bigint {
  return start === end ? 0n : BigInt(`0x${Buffer.from(bytes.subarray(start, end)).toString('hex')}`);
}

/** Version 0, then n, e, d, p, q and three more, with n = p q. */
function isPkcs1(bytes: Uint8Array, parts: readonly Element[]): boolean {
  if (parts.length !== 9 || parts.some(({ tag, start, end }) => tag !== INTEGER || start === end)) return false;
  const [modulus, p, q] = [1, 4, 5].map((i) => parts[i]!) as [Element, Element, Element];
  // 32 to 2,048 bytes: 256 to 16,384 bits.
  const size = modulus.end - modulus.start;
  if (size < 32 || size > 2049 || p.end - p.start > size || q.end - q.start > size) return false;
  return integer(bytes, p) * integer(bytes, q) === integer(bytes, modulus);
}

/** Version 0 or 1, an algorithm that begins with an object identifier, the key's octets, attributes in context tags. */
function isPkcs8(bytes: Uint8Array, parts: readonly Element[]): boolean {
  const [version, algorithm, key, ...more] = parts;
  if (version?.tag !== INTEGER || version.end - version.start !== 1 || bytes[version.start]! > 1) return false;
  if (algorithm?.tag !== SEQUENCE || key?.tag !== OCTETS || key.end - key.start < 16) return false;
  const id = elementAt(bytes, algorithm.start, algorithm.end);
  return id?.tag === OBJECT_ID && id.end > id.start && more.every(({ tag }) => (tag & 0xc0) === 0x80);
}

const curveSizes = new Set([24, 28, 30, 32, 36, 48, 64, 66, 72]);

/** Version 1, a key of a curve's size, [0] parameters, [1] public key: at least one of the two, or it could be chance. */
function isSec1(bytes: Uint8Array, parts: readonly Element[]): boolean {
  const [version, key, ...more] = parts;
  if (version?.tag !== INTEGER || version.end - version.start !== 1 || bytes[version.start] !== 1) return false;
  if (key?.tag !== OCTETS || !curveSizes.has(key.end - key.start)) return false;
  return more.length > 0 && more.every(({ tag }) => tag === 0xa0 || tag === 0xa1);
}

/** To be signed, the algorithm, the signature; the first begins with a version or a serial number, then an algorithm. */
function isCertificate(bytes: Uint8Array, parts: readonly Element[]): boolean {
  const [signed, algorithm, signature] = parts;
  if (parts.length !== 3 || signed?.tag !== SEQUENCE || algorithm?.tag !== SEQUENCE || signature?.tag !== 0x03)
    return false;
  const fields = elements(bytes, signed, 12);
  if (fields === undefined) return false;
  const from = fields[0]?.tag === 0xa0 ? 1 : 0;
  const tags = fields.slice(from, from + 6).map(({ tag }) => tag);
  return tags.join() === [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE].join();
}

/** What the SEQUENCE at `at` is, when it is one of the four. */
export function derAt(bytes: Uint8Array, at: number): DerFinding | undefined {
  const whole = elementAt(bytes, at, bytes.length);
  if (whole?.tag !== SEQUENCE || whole.end - whole.start < 32) return undefined;
  // Both the first element's tag and, for keys, its one-byte integer: nearly all candidates end here.
  const tag = bytes[whole.start];
  if (tag !== SEQUENCE && (tag !== INTEGER || bytes[whole.start + 1] !== 1 || bytes[whole.start + 2]! > 1))
    return undefined;
  const parts = elements(bytes, whole, 12);
  if (parts === undefined) return undefined;
  const size = whole.end - at;
  if (tag === SEQUENCE) return isCertificate(bytes, parts) ? { offset: at, size, kind: 'certificate' } : undefined;
  if (isPkcs8(bytes, parts)) return { offset: at, size, kind: 'PKCS#8 private key' };
  if (isSec1(bytes, parts)) return { offset: at, size, kind: 'SEC1 private key' };
  return isPkcs1(bytes, parts) ? { offset: at, size, kind: 'PKCS#1 private key' } : undefined;
}

/** Every one in `bytes`, outermost ones alone. `budget` bounds the moduli that are multiplied. */
export function findDer(bytes: Uint8Array): DerFinding[] {
  const found: DerFinding[] = [];
  let at = bytes.indexOf(SEQUENCE);
  while (at >= 0) {
    const one = derAt(bytes, at);
    if (one !== undefined) found.push(one);
    at = bytes.indexOf(SEQUENCE, one === undefined ? at + 1 : at + one.size);
  }
  return found;
}
