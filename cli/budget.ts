/** `--budget STEPS`: how many steps a solver may take for one question. */
import { InvalidArgumentError } from 'commander';

export function parseBudget(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 2 ** 31)
    throw new InvalidArgumentError('a count of solver steps from 1 to 2147483648 is expected');
  return value;
}
