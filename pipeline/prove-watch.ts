/**
 * `casemate prove --watch`: proves, waits until one of the files changes, and proves again, round after round.
 *
 * What a change leaves as it was is answered from the cache, and the solvers stay warm. The files that the last round
 * read are looked at a few times a second, by size, number and times: that works for editors that write a file anew
 * and on every file system. A change while a round is going on ends it; what it would have said is of a text that is no
 * more. An error in a round (a file that is gone for a moment) is told, and the watch goes on.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { CasemateError } from '../base/errors.ts';
import type { Prover } from '../proofs/smt/prover.ts';
import type { FunctionResult } from '../proofs/verify.ts';
import { openProverFor, type ProveReport, type ProveRequest, proveFiles } from './prove.ts';

export interface WatchEvents {
  readonly onRound: (round: number) => void;
  readonly onFunction: (result: FunctionResult, sources: ReadonlyMap<string, string>) => void;
  /** A round that was not ended by a change. */
  readonly onReport: (report: ProveReport, round: number) => void;
  readonly onError: (error: CasemateError) => void;
}

/** Milliseconds between two looks. */
const PERIOD = 200;

function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return 'none';
  }
}

const stampsOf = (paths: readonly string[]): string => paths.map(stampOf).join('\n');

/** Resolves when the files are no longer as `stamps` says, and rest: who is half done writing is waited for. */
function changed(paths: readonly string[], stamps: string, signal: AbortSignal): Promise<void> {
  let last = stamps;
  return new Promise((done) => {
    const timer = setInterval(() => {
      const now = stampsOf(paths);
      const rests = now === last;
      last = now;
      if (!signal.aborted && (now === stamps || !rests)) return;
      clearInterval(timer);
      done();
    }, PERIOD);
  });
}

/** Rounds without an end, but for the signal's. */
export async function watchFiles(request: ProveRequest, events: WatchEvents, signal: AbortSignal): Promise<void> {
  let prover: Prover = openProverFor(request);
  let paths = request.files.map((file) => resolve(file));
  for (let round = 1; !signal.aborted; round++) {
    let stamps = stampsOf(paths);
    const over = new AbortController();
    let stale = false;
    const own = prover;
    const tell = (report: ProveReport): void => {
      const read = [...report.sources.keys()].map((name) => resolve(name));
      paths = [...new Set([...paths, ...read])];
      // Imports are known only now; the next look compares with this one.
      if (!stale) stamps = stampsOf(paths);
      if (!stale) events.onReport(report, round);
    };
    events.onRound(round);
    const work = proveFiles(
      {
        ...request,
        onFunction: (result, sources) => {
          if (!stale) events.onFunction(result, sources);
        },
      },
      own,
    )
      .then(tell)
      .catch((error) => {
        if (!(error instanceof CasemateError)) throw error;
        if (!stale) events.onError(error);
      })
      .finally(() => over.abort());
    await Promise.race([work, changed(paths, stamps, AbortSignal.any([signal, over.signal]))]);
    if (!over.signal.aborted) {
      // What solvers are at is about a text that is no more.
      stale = true;
      own.close();
      prover = openProverFor(request);
      await work;
    } else {
      await work;
      await changed(paths, stamps, signal);
    }
  }
  prover.close();
}
