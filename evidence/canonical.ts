/**
 * JSON with one spelling: the same value is always the same bytes.
 *
 * What is hashed, signed and compared must not depend on the order in which an object's keys were put in. This is
 * RFC 8785 (JSON Canonicalization Scheme): keys sorted by their UTF-16 code units, no white space, numbers and strings as
 * ECMAScript writes them. Narrower than that, numbers are integers that a double holds exactly: nobody has to agree on
 * how a fraction is printed, and what a reader parses is what was written. Text with half a surrogate pair has no UTF-8
 * and is refused.
 */
import { fail, printable } from '../base/errors.ts';

function refuse(path: string, what: string): never {
  return fail('evidence', `${path === '' ? 'the top' : printable(path)}: ${what} has no canonical JSON`);
}

function text(value: string, path: string): string {
  if (/\p{Surrogate}/u.test(value)) refuse(path, 'text with half a surrogate pair');
  return JSON.stringify(value);
}

function object(value: object, path: string): string {
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null) refuse(path, 'an object that is not plain');
  // The default order of sort() is that of UTF-16 code units, as the RFC has it.
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${text(key, path)}:${write(member, `${path}/${key}`)}`).join(',')}}`;
}

function write(value: unknown, path: string): string {
  switch (typeof value) {
    case 'string':
      return text(value, path);
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : refuse(path, `the number ${value}`);
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map((one, i) => write(one, `${path}/${i}`)).join(',')}]`;
      return object(value, path);
    default:
      return refuse(path, `a ${typeof value}`);
  }
}

/** The one text of a value; members that are undefined are left out. Errors: 'evidence' for what JSON cannot hold exactly. */
export const canonicalJson = (value: unknown): string => write(value, '');

/** The text's bytes, with a line feed behind it, as files hold it. */
export const canonicalBytes = (value: unknown): Uint8Array => Buffer.from(`${canonicalJson(value)}\n`);
