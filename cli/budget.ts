/** `--budget STEPS`: how many steps a solver may take for one question; and how many seconds something may take. */
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
