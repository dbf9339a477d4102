/** `casemate prove --watch --json`: rounds as lines, only what changed asked again, and an end by Ctrl-C. */
import { spawn } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/paths.ts';

const casemate = fileURLToPath(new URL('../../dist/casemate.js', import.meta.url));

const source = (claim: string): string => `import { type u8, type u16 } from 'casemate';
/** @ensures result > n */
export function steady(n: u8, m: u16): number { return n + m + 1; }
/** @ensures ${claim} */
export function edited(n: u8, m: u16): number { return n + 2 * m; }
`;

interface Line {
  readonly event: string;
  readonly name?: string;
  readonly status?: unknown;
  readonly message?: string;
  readonly solving?: { readonly asked: number; readonly cached: number };
}

it('proves again what changed, whatever happens to the file, and ends when it is told to', async () => {
  const folder = temporaryFolder('watch');
  const file = join(folder, 'a.ts');
  writeFileSync(file, source('result >= n'));
  const env = { ...process.env, XDG_CACHE_HOME: temporaryFolder('cache') };
  const child = spawn(process.execPath, [casemate, 'prove', '--watch', '--json', 'a.ts'], { cwd: folder, env });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /** Lines up to the round's end. */
  const round = async (): Promise<Line[]> => {
    const found: Line[] = [];
    while (!['end', 'error'].includes(found.at(-1)?.event ?? '')) {
      const { value, done } = await lines.next();
      if (done) throw new Error('the stream ended');
      found.push(JSON.parse(value));
    }
    return found;
  };
  const shown = (found: readonly Line[]): unknown[] => found.map(({ event, name, status }) => [event, name ?? status]);
  try {
    expect(shown(await round())).toEqual([
      ['round', undefined],
      ['function', 'steady'],
      ['function', 'edited'],
      ['end', 0],
    ]);

    writeFileSync(file, source('result > n'));
    const second = await round();
    expect(second.at(-1)).toMatchObject({ status: 1, solving: { asked: 0, cached: 1 } });

    // As editors write: another file under the same name.
    writeFileSync(join(folder, 'b'), source('result >= n + m'));
    renameSync(join(folder, 'b'), file);
    expect((await round()).at(-1)).toMatchObject({ status: 0, solving: { asked: 1, cached: 1 } });

    writeFileSync(file, source('result > nothing'));
    expect(shown(await round())).toEqual([
      ['round', undefined],
      ['diagnostic', undefined],
      ['end', 2],
    ]);

    rmSync(file);
    expect((await round()).at(-1)).toMatchObject({ event: 'error', message: expect.stringContaining('no such file') });

    writeFileSync(file, source('result >= n'));
    expect((await round()).at(-1)).toMatchObject({ status: 0, solving: { asked: 0, cached: 2 } });
  } finally {
    child.kill('SIGINT');
  }
  expect(await ended).toBe(130);
}, 60_000);
