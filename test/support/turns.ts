/** Long campaigns in turns: a test that computes for a minute without a pause loses the runner that it reports to. */
import { setImmediate } from 'node:timers/promises';

/** Does `work` for 0 to `count` - 1; whatever else the process has to do is done in between. */
export async function inTurns(count: number, work: (i: number) => void): Promise<void> {
  for (let i = 0; i < count; i++) {
    work(i);
    await setImmediate();
  }
}

/** A fast-check predicate of the same kind. */
export function inATurn<Arguments extends unknown[]>(check: (...values: Arguments) => void) {
  return async (...values: Arguments): Promise<void> => {
    check(...values);
    await setImmediate();
  };
}
