/** Progress of a command's phases on standard error: a line that is rewritten on a terminal, lines elsewhere. */
import { createProgress, type Progress } from '../pipeline/progress.ts';

/** `verbose` shows every phase with the time it took. */
export function terminalProgress(verbose: boolean): Progress {
  return createProgress({
    write: (text) => process.stderr.write(text),
    terminal: process.stderr.isTTY === true,
    verbose,
    now: () => performance.now(),
    patience: 1000,
  });
}
