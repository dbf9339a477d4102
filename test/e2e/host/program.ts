/**
 * The examples as ordinary processes: compiled with gcc and its sanitizers against solo5-host.c.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool } from '../../support/tools.ts';

const builds = new Map<string, Promise<string>>();

async function compile(example: string, flags: readonly string[]): Promise<string> {
  const examples = join(projectRoot, 'examples');
  const sources = [join(examples, example), join(examples, 'lib')].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.c'))
      .map((name) => join(folder, name)),
  );
  const program = join(temporaryFolder('host'), example);
  await runOrThrow(requireTool('gcc'), [
    ...['-g', '-O1', '-Wall', '-Wextra', '-Werror', ...flags],
    `-I${join(projectRoot, 'targets/platform/include')}`,
    `-I${join(examples, 'lib')}`,
    ...['-o', program, join(projectRoot, 'test/e2e/host/solo5-host.c'), ...sources],
  ]);
  return program;
}

/** Path of examples/NAME as a process; `sanitize` stops it at the first bad access or undefined operation. */
export function hostProgram(example: string, sanitize: boolean): Promise<string> {
  const key = `${example} ${sanitize}`;
  let build = builds.get(key);
  if (build === undefined) {
    build = compile(example, sanitize ? ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'] : []);
    builds.set(key, build);
  }
  return build;
}
