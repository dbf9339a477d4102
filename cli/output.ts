/**
 * Standard output, made ready when there is something to print: that takes milliseconds, which a slide before a launch
 * need not wait for, since it prints nothing.
 */
let used = false;

/** What a shell reports of a process that SIGPIPE ended. */
const CUT_OFF = 141;

/** A reader that goes away early (`casemate ... | head`) is no failure of ours, but what was not decided by then has not passed. */
function onError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? CUT_OFF);
  throw error;
}

/** For who writes to standard output and does not wait for it, as after a proof, whose solvers may be busy still. */
export function heedReader(): void {
  process.stdout.on('error', onError);
}

export function standardOutput(): NodeJS.WriteStream {
  if (!used) process.stdout.on('error', onError);
  used = true;
  return process.stdout;
}

export function print(text: string): void {
  standardOutput().write(text);
}

/** Whether anything has been printed. */
export function hasPrinted(): boolean {
  return used;
}
