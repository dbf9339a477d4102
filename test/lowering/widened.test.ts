/** Small parameters and constants that C has as ints mean what they mean in the interpreter, at every edge of their types. */
import { expect, it } from 'vitest';
import { drawCalls, lowerText, runLowered, writeUnit } from '../support/lowered.ts';
import { sanitized } from '../support/lowered-builds.ts';

const text = `import type { i16, i8, u16, u32, u8 } from 'casemate';
/** @verified */ function digit(bits: u8): u8 { return ((bits << 3) ^ (255 - bits)) & 255; }
/** @verified */ function high(n: u16): u8 { return n >>> 8; }
/** @verified */ function turned(n: i8, m: i16): i16 { return n < 0 ? -(n + 1) : m >> 3; }
/** @verified */ function kept(a: u8, b: i8): number { const sum = a + b; const twice = sum * 2; return twice - (~sum & 15); }
/** @verified */ export function bytes(a: u8, b: u8): u8 { const c = (a & 3) << 4; return digit(c | (b >>> 4)) ^ digit(a); }
/** @verified */ export function words(n: u16, m: i16): number { return high(n) * 256 + turned((m & 127) - 64, m) - high(65535 - n); }
/** @verified */ export function mixed(a: u8, b: i8, n: u32): number { const d = kept(a, b); return d + kept(n & 255, -1) - high(n >>> 16); }
/**
 * @modifies to
 * @requires to.length > 3
 */
export function stored(to: Uint8Array, a: u8, n: u32): u8 {
  const low: u8 = n & 255;
  const word: u16 = n >>> 16;
  to[0] = low;
  to[1] = digit(low);
  to[2] = high(word);
  to[low & 3] = a;
  return to[2];
}
`;

it('in gcc and clang, under the sanitizers', async () => {
  const unit = lowerText('small.ts', text, []);
  expect(unit.lowered.source).toMatch(/static uint8_t digit\(int32_t bits\)/);
  expect(unit.lowered.source).toMatch(/digit\(c \| \(b >> 4\)\)/);
  const own = unit.program.functions.filter(({ exported }) => exported);
  const calls = drawCalls(unit.program, 200, own);
  expect(new Set(calls.map(({ function: { name } }) => name)).size).toBe(4);
  const folder = writeUnit(unit, calls);
  for (const compiler of ['gcc', 'clang'] as const)
    expect(await runLowered(folder, unit, sanitized(compiler, '-O2'))).toEqual(calls.map(({ expected }) => expected));
});
