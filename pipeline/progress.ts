/**
 * What the user sees while a build runs: nothing when it is quick, the current phase once it is not.
 *
 * A phase shows up after a second. Work that blocks the event loop (the link) cannot be interrupted by a timer, so a
 * phase that knows it will be long announces itself. On a terminal one line is rewritten; elsewhere each line stays.
 * All of it goes to standard error; standard output is for results.
 */
export interface Progress {
  /** Runs `work` as a named phase. `step` updates the count shown with it. `heavy` announces it at once. */
  readonly phase: <T>(
    name: string,
    work: (step: (text: string) => void) => T | Promise<T>,
    heavy?: boolean,
  ) => Promise<T>;
  /** One line that is always shown. */
  readonly note: (text: string) => void;
  /** One line that is shown when the user asked for detail. */
  readonly detail: (text: string) => void;
}

export interface ProgressSink {
  readonly write: (text: string) => void;
  readonly terminal: boolean;
  /** Every phase is shown with the time it took. */
  readonly verbose: boolean;
  /** Milliseconds; injected so that tests need not wait. */
  readonly now: () => number;
  /** How long a phase may stay silent, in milliseconds. */
  readonly patience: number;
}

export function createProgress(sink: ProgressSink): Progress {
  let shown = false;
  const erase = (): void => {
    if (shown && sink.terminal) sink.write('\r\x1b[K');
    shown = false;
  };
  const line = (text: string): void => {
    erase();
    sink.write(`${text}\n`);
  };
  const status = (text: string): void => {
    if (sink.terminal) {
      erase();
      sink.write(text);
      shown = true;
    } else {
      sink.write(`${text}\n`);
    }
  };

  const phase: Progress['phase'] = async (name, work, heavy = false) => {
    const start = sink.now();
    let count = '';
    let lastShown = '';
    const show = (): void => {
      const text = `casemate: ${name}${count === '' ? '' : ` ${count}`} ...`;
      if (text === lastShown) return;
      lastShown = text;
      status(text);
    };
    if (heavy) show();
    // Where lines stay, a long phase says less often how far it is.
    let wait = sink.patience;
    let timer: NodeJS.Timeout | undefined;
    const arm = (): void => {
      timer = setTimeout(() => {
        show();
        if (!sink.terminal) wait *= 2;
        arm();
      }, wait);
      timer.unref();
    };
    arm();
    try {
      return await work((text) => {
        count = text;
        if (sink.terminal && lastShown !== '') show();
      });
    } finally {
      clearTimeout(timer);
      erase();
      if (sink.verbose) line(`casemate: ${name}: ${Math.round(sink.now() - start)} ms`);
    }
  };

  return {
    phase,
    note: line,
    detail: (text) => {
      if (sink.verbose) line(text);
    },
  };
}
