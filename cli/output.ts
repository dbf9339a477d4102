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

/**
 * Prints all that there is to print, and waits until it is written: then the process may end at once, though solvers
 * may be busy still, and a reader that is slow misses nothing.
 */
export function printWhole(text: string): Promise<void> {
  process.stdout.on('error', onError);
  return new Promise((written) => process.stdout.write(text, () => written()));
}

/**
 * A value as JSON whose text no terminal acts on: JSON itself lets controls beyond ASCII and marks of direction stand as
 * they are.
 */
export const jsonText = (value: unknown): string =>
  `${JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )}\n`;

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
