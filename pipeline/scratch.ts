/**
 * A build's temporary folder and child processes, gone when the build ends, however it ends.
 *
 * Ctrl-C, a closed terminal or an error must leave neither files nor compilers behind. Node runs 'exit' handlers on
 * process.exit and on an uncaught error, so signals are turned into exits and everything is undone there.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, printable } from '../base/errors.ts';
import { reasonOf } from '../base/files.ts';

const folders = new Set<string>();
const children = new Set<ChildProcess>();
let installed = false;

function undoAll(): void {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

function install(): void {
  if (installed) return;
  installed = true;
  process.on('exit', undoAll);
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => process.exit(status));
  }
}

function makeFolder(parent: string): string {
  try {
    return mkdtempSync(join(parent, 'casemate-'));
  } catch (error) {
    return fail(
      'io',
      `${printable(parent)}: cannot make a temporary folder: ${reasonOf(error)}; set TMPDIR to another`,
    );
  }
}

/** Gives `work` a fresh temporary folder, removed afterwards. */
export async function withScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
  install();
  const folder = makeFolder(tmpdir());
  folders.add(folder);
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    folders.delete(folder);
  }
}

/** spawn, with the child killed when this process goes away or `abort` fires. */
export function spawnChild(
  path: string,
  args: readonly string[],
  options: SpawnOptions,
  abort?: AbortSignal,
): ChildProcess {
  install();
  const child = spawn(path, args, options);
  children.add(child);
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  abort?.addEventListener('abort', kill);
  const forget = (): void => {
    children.delete(child);
    abort?.removeEventListener('abort', kill);
  };
  child.on('close', forget);
  child.on('error', forget);
  return child;
}
