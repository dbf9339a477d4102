/** Which of a campaign's cases a run takes: all of them with CASEMATE_LONG=1, as npm run test:long says, else a few. */

export const isLong = process.env['CASEMATE_LONG'] === '1';

/** All cases, or the first of every `n`: spread over the whole list, and the same in each run. */
export const everyNth = <T>(cases: readonly T[], n: number): T[] =>
  isLong ? [...cases] : cases.filter((_, i) => i % n === 0);
