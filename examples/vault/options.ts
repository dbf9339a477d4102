/**
 * Boot parameters: `seal` or `open`, and `--stay`. Words stand between blanks; anything else is an error.
 */
import { bytes, invariant, type u8, type u32 } from 'casemate';
import { endOfWord, isWord, skipBlanks } from '../lib/words.ts';

const SEAL_WORD = bytes('seal');
const OPEN_WORD = bytes('open');
const STAY_WORD = bytes('--stay');

/** What is asked for: one of the first two, and perhaps STAY. */
export const SEAL = 1;
export const OPEN = 2;
export const STAY = 4;

/**
 * What a word asks for, 0 if it is not understood.
 * @requires start <= end && end <= text.length
 * @ensures result === 0 || result === SEAL || result === OPEN || result === STAY
 */
function wishOf(text: Readonly<Uint8Array>, start: u32, end: u32): u8 {
  const isSeal = isWord(text, start, end, SEAL_WORD);
  if (isSeal) return SEAL;
  const isOpen = isWord(text, start, end, OPEN_WORD);
  if (isOpen) return OPEN;
  const isStay = isWord(text, start, end, STAY_WORD);
  return isStay ? STAY : 0;
}

/**
 * What the boot parameters, `length` bytes, ask for; undefined if they are not understood.
 * @requires length <= text.length && text.length <= 4096
 * @ensures result === undefined || result === SEAL || result === OPEN || result === SEAL + STAY || result === OPEN + STAY
 */
export function wishFrom(text: Readonly<Uint8Array>, length: u32): u8 | undefined {
  let command: u8 = 0;
  let stay: u8 = 0;
  let at: u32 = skipBlanks(text, 0, length);
  while (at < length) {
    invariant(at <= length);
    invariant((command === 0 || command === SEAL || command === OPEN) && (stay === 0 || stay === STAY));
    const end = endOfWord(text, at, length);
    const wish = wishOf(text, at, end);
    if (wish === 0 || end === at) return undefined;
    if (wish === STAY) {
      stay = STAY;
    } else {
      if (command !== 0) return undefined;
      command = wish;
    }
    at = skipBlanks(text, end, length);
  }
  if (command === 0) return undefined;
  return command + stay;
}
