/** What a probe's boot comes to, on any target; how it ended is the target's own. */
export interface JudgedProbe<Observed> {
  readonly probe: string;
  /** pass: ended as it had to. fail: ended otherwise. unknown: cannot be told. */
  readonly outcome: 'pass' | 'fail' | 'unknown';
  /** What happened, and on a failure what had to, without the probe's name; one line. */
  readonly found: string;
  readonly observed: Observed;
}
