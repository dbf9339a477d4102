/**
 * How hard addresses are to guess: bits of entropy by paging mode, from the same arithmetic as the stub's.
 *
 * They hold when the words are random; the boot block says whether they were (hasEntropy).
 */
import { numbers } from '../../hardening/slide/arithmetic.ts';
import { MODES, type Mode, type Requirement, TRAP_STACK } from './stage0/config.ts';
import { imageChoices, WINDOWS_OF, windowChoices } from './stage0/placement.ts';

export interface EntropyBits {
  readonly image: number;
  readonly stack: number;
  readonly trapStack: number;
}

/** An eighth of a mode's address space, bytes. */
export function unitOf(mode: Mode): number {
  return 2 ** (9 * MODES[mode] - 36);
}

/** For a stack of `stack` bytes; rounded down to tenths. */
export function entropyBits(mode: Mode, stack = 1 << 18): EntropyBits {
  const unit = unitOf(mode);
  const bits = (choices: number): number => Math.floor(10 * Math.log2(choices)) / 10;
  return {
    image: bits(imageChoices(numbers, unit)),
    stack: bits(windowChoices(numbers, WINDOWS_OF.stack, unit, stack)),
    trapStack: bits(windowChoices(numbers, WINDOWS_OF.trapStack, unit, TRAP_STACK)),
  };
}

/** In words: the image base's bits in the mode asked for, or in each, and what becomes of a machine without a source. */
export function addressWords(mode: Mode | undefined, require: readonly Requirement[]): string {
  const modes = mode === undefined ? (Object.keys(MODES) as Mode[]) : [mode];
  const bits = modes.map((each) => `${entropyBits(each).image} bits (${each})`).join(', ');
  const weak = require.includes('entropy')
    ? '; halts where there is no entropy source'
    : '; weak: no entropy source, on a machine whose device tree has no rng-seed (--require entropy halts there)';
  return `image base of ${bits}${weak}`;
}
