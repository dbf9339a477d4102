/**
 * The guest's part of what a machine's serial line says.
 *
 * Firmware writes to the same line as the guest, before it and in its own words. So the guest is asked, through its
 * command line, to say when it begins and with which status it ends, in lines that hold a token of this boot
 * (platform/options.c); both are taken out here, with everything before the first. SBI firmware turns every newline into
 * a carriage return and a newline; that is undone.
 *
 * A machine that ends without a beginning has failed early, or its guest knows nothing of this: then all is shown.
 */

export interface ConsoleFilter {
  /** What can be shown now that `chunk` has come. */
  feed(chunk: Uint8Array): Uint8Array;
  /** What remains when the line has ended. */
  end(): Uint8Array;
  /** The status that the guest ended with; undefined while it has not. */
  status(): number | undefined;
  /** Why start-up code goes no further, in its words, when it has said so before there was a guest that could end. */
  gaveUp(): string | undefined;
}

/** How start-up code, the stub's or the platform layer's, begins its last line. */
const lastWord = /casemate: ABORT: ([^\r\n]*)\r?\n/;

/** A guest that never says that it begins is shown after so many bytes. */
const mostHeld = 65_536;

const newline = 10;
const carriageReturn = 13;

/** The word on the guest's command line that asks for the two lines. */
export function consoleWord(token: string): string {
  return `--casemate:console=${token}`;
}

/** The length of the longest end of `data` that `mark` begins with. */
function partialAtEnd(data: Buffer, mark: Buffer): number {
  for (let size = Math.min(mark.length - 1, data.length); size > 0; size--) {
    if (data.subarray(data.length - size).equals(mark.subarray(0, size))) return size;
  }
  return 0;
}

/** Without the carriage return before each newline. */
function plainLines(data: Buffer): Buffer {
  return Buffer.from(data.filter((byte, i) => byte !== carriageReturn || data[i + 1] !== newline));
}

/** `token`: letters and digits, unlikely in any output. */
export function consoleFilter(token: string): ConsoleFilter {
  const begin = Buffer.from(`casemate-${token}: begin`);
  const exit = Buffer.from(`casemate-${token}: exit `);
  let state: 'firmware' | 'guest' | 'ended' = 'firmware';
  let held = Buffer.alloc(0);
  let status: number | undefined;
  let stopped: string | undefined;

  /** The bytes to show of those held, as far as they can be told; `last` when no more will come. */
  const take = (last: boolean): Buffer => {
    if (state === 'firmware') {
      const at = held.indexOf(begin);
      const end = at < 0 ? -1 : held.indexOf(newline, at);
      if (end >= 0) {
        state = 'guest';
        held = held.subarray(end + 1);
      } else if (last || held.length > mostHeld) state = 'guest';
      else return Buffer.alloc(0);
    }
    if (state === 'ended') return Buffer.alloc(0);
    const at = held.indexOf(exit);
    if (at >= 0) {
      const digits = /^([0-9]{1,3})\r?\n/.exec(
        held.subarray(at + exit.length, at + exit.length + 8).toString('latin1'),
      );
      const shown = held.subarray(0, at);
      if (digits === null && !last) {
        held = held.subarray(at);
        return plainLines(shown);
      }
      if (digits !== null) status = Number(digits[1]);
      state = 'ended';
      return plainLines(shown);
    }
    let keep = last ? 0 : partialAtEnd(held, exit);
    if (!last && keep === 0 && held.at(-1) === carriageReturn) keep = 1;
    const shown = held.subarray(0, held.length - keep);
    held = held.subarray(held.length - keep);
    return plainLines(shown);
  };

  return {
    feed: (chunk) => {
      held = Buffer.concat([held, chunk]);
      // The guest's own aborts are no start-up code's, and may come in one piece with its beginning.
      if (state === 'firmware') {
        const at = held.indexOf(begin);
        stopped ??= lastWord.exec(held.subarray(0, at < 0 ? held.length : at).toString('latin1'))?.[1];
      }
      return take(false);
    },
    end: () => take(true),
    status: () => status,
    // A line that loses bytes may lose the guest's beginning, but not its status once it is known.
    gaveUp: () => (status === undefined ? stopped : undefined),
  };
}
