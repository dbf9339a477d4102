/**
 * Boot parameters: `--ip=A.B.C.D`, the address of this host. Words stand between blanks; anything else is an error.
 */
import { bytes, invariant, type u32 } from 'casemate';
import { sameBytes } from '../lib/wire.ts';
import { addressAt, endOfWord, skipBlanks } from '../lib/words.ts';

const IP = bytes('--ip=');

/**
 * The address in a word; undefined if the word is not understood.
 * @requires start <= end && end <= text.length && text.length <= 4096
 */
function addressIn(text: Readonly<Uint8Array>, start: u32, end: u32): u32 | undefined {
  if (end - start < IP.length) return undefined;
  const isAddress = sameBytes(IP, 0, text, start, IP.length);
  if (!isAddress) return undefined;
  const part = addressAt(text, start + IP.length, end);
  if (part === undefined || part.end !== end) return undefined;
  return part.value;
}

/**
 * The address that the boot parameters, `length` bytes, give, or the other one where they give none; undefined if they
 * are not understood.
 * @requires length <= text.length && text.length <= 4096
 */
export function addressFrom(text: Readonly<Uint8Array>, length: u32, otherwise: u32): u32 | undefined {
  let address: u32 = otherwise;
  let at: u32 = skipBlanks(text, 0, length);
  while (at < length) {
    invariant(at <= length);
    const end = endOfWord(text, at, length);
    const own = addressIn(text, at, end);
    if (own === undefined || end === at) return undefined;
    address = own;
    at = skipBlanks(text, end, length);
  }
  return address;
}
