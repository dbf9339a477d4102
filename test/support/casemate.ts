/** The command as a user runs it, from a folder. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './paths.ts';

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `casemate` in `cwd`. */
export const casemateIn =
  (cwd: string) =>
  (...args: string[]): Ran => {
    const command = [join(projectRoot, 'dist/casemate.js'), ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', cwd });
    return { status, stdout, stderr };
  };
