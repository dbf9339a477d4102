/** The guest's part of a serial line (console.ts), however the line is cut into pieces. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { consoleFilter, consoleWord } from '../../../targets/riscv64/console.ts';

/** What is shown of a line that comes in these pieces, and the status. */
function filtered(pieces: readonly (string | Uint8Array)[]): { shown: string; status: number | undefined } {
  const filter = consoleFilter('abc123');
  const parts = pieces.map((piece) => filter.feed(Buffer.from(piece as Uint8Array)));
  return { shown: Buffer.concat([...parts, filter.end()]).toString('latin1'), status: filter.status() };
}

const begin = 'casemate-abc123: begin\r\n';
const exit = (status: number) => `casemate-abc123: exit ${status}\r\n`;

describe('the console of a guest', () => {
  test('begins after the firmware’s and ends with the exit status', () => {
    expect(consoleWord('abc123')).toBe('--casemate:console=abc123');
    expect(filtered([`OpenSBI\r\n\r\n${begin}hello\r\nworld${exit(77)}`])).toEqual({
      shown: 'hello\nworld',
      status: 77,
    });
    expect(filtered([`x${begin}${exit(0)}after`])).toEqual({ shown: '', status: 0 });
  });

  test('is all that was said when the guest never begins, and what it said so far when it never ends', () => {
    expect(filtered(['OpenSBI\r\n', 'ABORT\r\n'])).toEqual({ shown: 'OpenSBI\nABORT\n', status: undefined });
    expect(filtered([`OpenSBI\r\n${begin}hel`, 'lo'])).toEqual({ shown: 'hello', status: undefined });
    const long = 'x'.repeat(70_000);
    const filter = consoleFilter('abc123');
    expect(Buffer.from(filter.feed(Buffer.from(long))).toString()).toBe(long);
  });

  test('knows when start-up code gives up, and takes no program’s word for it', () => {
    const gaveUp = (...pieces: string[]): string | undefined => {
      const filter = consoleFilter('abc123');
      for (const piece of pieces) filter.feed(Buffer.from(piece));
      return filter.gaveUp();
    };
    expect(gaveUp('OpenSBI\r\ncasemate: ABORT: stage 0: no', 't enough memory\r\n')).toBe('stage 0: not enough memory');
    expect(gaveUp('OpenSBI\r\ncasemate: ABORT: stage 0: not yet all')).toBe(undefined);
    expect(gaveUp(begin, 'casemate: ABORT: says the program\r\n')).toBe(undefined);
    expect(gaveUp(`OpenSBI\r\n${begin}casemate: ABORT: says the program\r\n`)).toBe(undefined);
    expect(gaveUp(`casemate: ABORT: stage 0\r\n${begin}`)).toBe('stage 0');
  });

  test('keeps carriage returns that a guest writes itself, and another boot’s lines', () => {
    expect(filtered([`${begin}a\rb\r\r\nc\r${exit(1)}`]).shown).toBe('a\rb\r\nc\r');
    expect(filtered([`${begin}casemate-abc124: exit 3\r\n${exit(4)}`])).toEqual({
      shown: 'casemate-abc124: exit 3\n',
      status: 4,
    });
    expect(filtered([`${begin}casemate-abc123: exit x\r\n`]).status).toBeUndefined();
  });

  test('is the same however the line is cut', () => {
    const text = fc.array(fc.constantFrom('c', 'casemate-abc123: ex', 'casemate-', '\r', '\r\n', 'é', 'hello '), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 8 }), fc.nat(255), (words, cuts, status) => {
        const said = words.join('');
        const line = Buffer.from(`banner\r\n${begin}${said}${exit(status)}`, 'latin1');
        const places = [0, ...cuts.map((cut) => cut % line.length).sort((a, b) => a - b), line.length];
        const pieces = places.slice(1).map((place, i) => line.subarray(places[i], place));
        // A guest's last carriage return belongs to no newline: the next bytes are ours.
        expect(filtered(pieces)).toEqual({ shown: said.replaceAll('\r\n', '\n'), status });
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});
