/**
 * OpenSSL built from its Debian source package: the large real input of the benchmarks.
 *
 * With one section per function and per variable, as unikernel builds compile, and with debug information, so that
 * the archives and the command-line program's objects are what a real link of a real code base looks like. A build
 * takes minutes and is kept in the cache.
 */
import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../test/support/paths.ts';
import { runOrThrow } from '../../test/support/run.ts';
import { sourceFolder } from '../../test/support/sources.ts';
import { requireTool, requireTools } from '../../test/support/tools.ts';

export interface OpensslBuild {
  /** Objects of the `openssl` command, and its helper archive, libssl and libcrypto, in link order. */
  readonly objects: readonly string[];
  readonly archives: readonly string[];
}

const builds = {
  'x86-64': { target: 'linux-x86_64', prefix: '', flags: ['-O2', '-g'] },
  riscv64: { target: 'linux64-riscv64', prefix: 'riscv64-linux-gnu-', flags: ['-O2', '-g'] },
  'riscv64-plain': { target: 'linux64-riscv64', prefix: 'riscv64-linux-gnu-', flags: ['-O2'] },
} as const;

export type OpensslVariant = keyof typeof builds;

/** The build called `machine`, made on first use (minutes on two cores). */
export async function buildOpenssl(machine: OpensslVariant): Promise<OpensslBuild> {
  requireTools('perl', 'make', 'gcc', 'riscv64-linux-gnu-gcc');
  const { target, prefix, flags } = builds[machine];
  const folder = join(cacheFolder('builds'), `openssl-${machine}`);
  if (!existsSync(folder)) {
    const working = `${folder}.tmp`;
    rmSync(working, { recursive: true, force: true });
    cpSync(await sourceFolder('openssl'), working, { recursive: true });
    const options = ['no-shared', 'no-tests', 'no-engine', 'no-module', `--cross-compile-prefix=${prefix}`];
    const variables = [`CFLAGS=${[...flags, '-ffunction-sections', '-fdata-sections', '-fno-pie'].join(' ')}`];
    const limit = { cwd: working, timeout: 3_600_000 };
    await runOrThrow(requireTool('perl'), ['Configure', target, ...options, ...variables, 'LDFLAGS=-no-pie'], limit);
    await runOrThrow('nice', [requireTool('make'), '-j2', 'build_generated'], limit);
    await runOrThrow('nice', [requireTool('make'), '-j2', 'apps/openssl'], limit);
    renameSync(working, folder);
  }
  const apps = join(folder, 'apps');
  return {
    objects: (readdirSync(apps, { recursive: true }) as string[])
      .filter((name) => /(^|\/)openssl-bin-.*\.o$/.test(name))
      .sort()
      .map((name) => join(apps, name)),
    archives: [join(apps, 'libapps.a'), join(folder, 'libssl.a'), join(folder, 'libcrypto.a')],
  };
}
