/**
 * The linkers to compare with: GNU ld, lld and mold from Debian.
 *
 * lld relaxes RISC-V code since version 15, and Debian 12's default is 14; the newest packaged lld is therefore taken
 * from the PATH (ld.lld-19, ...) or, when apt offers it, downloaded and unpacked into the cache, without installing.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../test/support/paths.ts';
import { run, runOrThrow } from '../test/support/run.ts';
import { casemateLd, type Target } from '../test/support/toolchain.ts';
import { findTool, requireTool } from '../test/support/tools.ts';

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Program and fixed arguments; undefined when this linker cannot link for `target`. */
  readonly command: (target: Target) => readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
}

const lldVersion = 19;

/** Unpacks Debian's lld into the cache and returns its program and library folder, or undefined when apt has none. */
async function unpackLld(): Promise<{ program: string; libraries: string } | undefined> {
  const folder = join(cacheFolder('peers'), `lld-${lldVersion}`);
  const program = join(folder, `usr/lib/llvm-${lldVersion}/bin/ld.lld`);
  if (!existsSync(folder)) {
    const working = `${folder}.tmp`;
    rmSync(working, { recursive: true, force: true });
    mkdirSync(working, { recursive: true });
    const packages = [`lld-${lldVersion}`, `libllvm${lldVersion}`];
    const { status } = await run(requireTool('apt-get'), ['download', ...packages], { cwd: working, timeout: 300_000 });
    if (status !== 0) return undefined;
    for (const archive of readdirSync(working).filter((name) => name.endsWith('.deb'))) {
      await runOrThrow('dpkg-deb', ['-x', archive, working], { cwd: working });
    }
    renameSync(working, folder);
  }
  return existsSync(program) ? { program, libraries: join(folder, 'usr/lib/x86_64-linux-gnu') } : undefined;
}

async function firstLine(command: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  return (await runOrThrow(command, ['--version'], { env })).split('\n')[0]!;
}

/** GNU ld, lld with one thread, mold, mold with one thread, casemate-ld: in the order of the table. */
export async function findPeers(): Promise<Peer[]> {
  const installed = findTool(`ld.lld-${lldVersion}`);
  const unpacked = installed === undefined ? await unpackLld() : undefined;
  const lld = installed ?? unpacked?.program ?? requireTool('ld.lld');
  const lldEnv: Record<string, string> = unpacked === undefined ? {} : { LD_LIBRARY_PATH: unpacked.libraries };
  const mold = requireTool('mold');
  const moldVersion = await firstLine(mold);
  return [
    {
      name: 'GNU ld',
      version: await firstLine(requireTool('ld')),
      command: (target) => [requireTool(target.gnuLinker)],
      env: {},
    },
    { name: 'lld, 1 thread', version: await firstLine(lld, lldEnv), command: () => [lld, '--threads=1'], env: lldEnv },
    { name: 'mold', version: moldVersion, command: () => [mold], env: {} },
    { name: 'mold, 1 thread', version: moldVersion, command: () => [mold, '--thread-count=1'], env: {} },
    { name: 'casemate-ld', version: 'this revision', command: () => [process.execPath, casemateLd], env: {} },
  ];
}
