/** Values of options that several commands have: steps of a solver, seconds, the number of a release, lists. */
import { InvalidArgumentError } from 'commander';

export function parseBudget(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 2 ** 31)
    throw new InvalidArgumentError('a count of solver steps from 1 to 2147483648 is expected');
  return value;
}

export function parseSeconds(text: string): number {
  const value = Number(text);
  if (!/^\d{1,7}$/.test(text) || value < 1)
    throw new InvalidArgumentError('a count of seconds from 1 to 9999999 is expected');
  return value;
}

export function parseRelease(text: string): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number of at most 15 digits is expected');
  return value;
}

/** An option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
