/**
 * What a command line or a manifest asks to be wiped after, as text: `NAME`, `NAME:BYTES` where the depth of its stack is
 * declared, `NAME=REGISTERS` where its result is in others than the first register of integers.
 */
import { fail, printable } from '../../base/errors.ts';
import type { WipeWish } from './plan.ts';
import { MOST_DEPTH } from './veneer.ts';

const WISH_FORM = 'FUNCTION[:BYTES][=REGISTER,...|=none]';

const form =
  /^(?<name>[^:=\s]{1,4096})(?::(?<bytes>\d{1,8}))?(?:=(?<results>none|[a-z0-9]{1,8}(?:,[a-z0-9]{1,8}){0,3}))?$/;

/** Errors: 'usage' or 'manifest', as `code` says; `where` is named first. */
export function parseWish(text: string, where: string, code: 'usage' | 'manifest'): WipeWish {
  const found = form.exec(text)?.groups;
  if (found === undefined) return fail(code, `${where}: found ${printable(text)}; it is written ${WISH_FORM}`);
  const { name, bytes, results } = found;
  if (bytes !== undefined && Number(bytes) > MOST_DEPTH)
    fail(code, `${where}: ${printable(text)}: a stack of ${bytes} bytes; at most ${MOST_DEPTH} can be wiped`);
  return {
    function: name!,
    ...(bytes !== undefined && { maxStack: Number(bytes) }),
    ...(results !== undefined && { results: results === 'none' ? [] : results.split(',') }),
  };
}
