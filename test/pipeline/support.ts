/** Small helpers of the pipeline's tests: a folder per test, gone afterwards, and the error a call ends in. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import { CasemateError } from '../../base/errors.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder with these files; its path is resolved. */
export function project(files: Record<string, string | Uint8Array> = {}): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'casemate-test-')));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** The CasemateError that `work` throws; anything else fails the test. */
export function errorOf(work: () => unknown): CasemateError {
  try {
    work();
  } catch (error) {
    if (error instanceof CasemateError) return error;
    throw error;
  }
  throw new Error('expected a CasemateError, but nothing was thrown');
}

/** As errorOf, for promises. */
export async function rejectionOf(work: Promise<unknown>): Promise<CasemateError> {
  const error = await work.then(
    () => new Error('expected a CasemateError, but nothing was thrown'),
    (reason: unknown) => reason,
  );
  if (error instanceof CasemateError) return error;
  throw error;
}
