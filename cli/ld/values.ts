/**
 * Arguments of flags: numbers, sizes, addresses and choices, each with an error that shows what was found.
 */
import { fail, printable } from '../../base/errors.ts';

/** A number in C's notation, or undefined. */
function numberOf(text: string): bigint | undefined {
  if (/^0x[0-9a-f]{1,16}$/i.test(text) || /^[1-9][0-9]{0,19}$/.test(text) || text === '0') return BigInt(text);
  if (/^0[0-7]{1,22}$/.test(text)) return BigInt(`0o${text}`);
  return undefined;
}

/** A size in bytes, decimal or 0x or octal; below 2^53. */
export function parseSize(text: string, spelled: string): number {
  const value = numberOf(text);
  if (value === undefined || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    fail(
      'usage',
      `${printable(spelled)}: '${printable(text, 60)}' is not a size: write a number such as 4096 or 0x1000`,
    );
  }
  return Number(value);
}

/** A size that must be a power of two. */
export function parsePageSize(text: string, spelled: string): number {
  const size = parseSize(text, spelled);
  if (size === 0 || size > 2 ** 32 || !Number.isInteger(Math.log2(size))) {
    fail('usage', `${printable(spelled)}: ${size} is not a power of two between 1 and 2^32`);
  }
  return size;
}

/**
 * An address: hexadecimal with or without 0x, as GNU ld reads -Ttext. Addresses of the upper half come back negative:
 * 64-bit two's complement in a double, as the linker counts.
 */
export function parseAddress(text: string, spelled: string): number {
  if (!/^(0x)?[0-9a-f]{1,16}$/i.test(text)) {
    fail('usage', `${printable(spelled)}: '${printable(text, 60)}' is not a hexadecimal address`);
  }
  const value = Number(BigInt.asIntN(64, BigInt(text.toLowerCase().startsWith('0x') ? text : `0x${text}`)));
  if (!Number.isSafeInteger(value)) {
    fail('usage', `${printable(spelled)}: ${printable(text)} is further than 2^53 from both ends of the address space`);
  }
  return value;
}

/** One of a flag's words. */
export function parseChoice<T extends string>(text: string, choices: readonly T[], spelled: string): T {
  return (
    choices.find((choice) => choice === text) ??
    fail('usage', `${printable(spelled)}: '${printable(text, 60)}' is not one of ${choices.join(', ')}`)
  );
}
