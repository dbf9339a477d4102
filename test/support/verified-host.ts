/** Verified programs as ordinary processes: lowered to C and compiled against test/e2e/host/solo5-host.c. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { showDiagnostic } from '../../analyzers/diagnostics.ts';
import type { Program } from '../../analyzers/ir.ts';
import { analyze } from '../../analyzers/typescript/analyze.ts';
import { type Lowered, lowerToC } from '../../lowering/c/lower.ts';
import { prelude } from '../../lowering/c/prelude.ts';
import { loadSources, placesIn } from '../../pipeline/prove.ts';
import { library } from './contracts.ts';
import { warnings } from './lowered.ts';
import { projectRoot, temporaryFolder } from './paths.ts';
import { runOrThrow } from './run.ts';

const here = (path: string): string => join(projectRoot, path);

/** Files of the project with what they import, analyzed as one program. */
export function programOfFiles(paths: readonly string[]): Program {
  const { program, diagnostics, sources } = analyze(loadSources(paths.map(here), placesIn(projectRoot)), library);
  if (program === undefined) throw new Error(diagnostics.map((one) => showDiagnostic(sources, one)).join(''));
  return program;
}

export const programOfFile = (path: string): Program => programOfFiles([path]);

/** The same as C, the unit `verified`. */
export function lowerProgram(program: Program): Lowered {
  const lowered = lowerToC(program, 'verified');
  if (lowered.diagnostics.length > 0)
    throw new Error(lowered.diagnostics.map((one) => showDiagnostic(program.sources, one)).join(''));
  return lowered;
}

/** C's name of a function by its name in TypeScript. */
export function symbolOf({ symbols }: Lowered, name: string): string {
  const key = [...symbols.keys()].find((one) => one.endsWith(`#${name}`));
  if (key === undefined) throw new Error(`no function ${name}`);
  return symbols.get(key)!;
}

export interface HostBuild {
  readonly compiler: string;
  readonly flags: readonly string[];
  /** Files of the platform's C, changed. */
  readonly change?: (text: string) => string;
  /** C instead of one that begins with main(). */
  readonly start?: (lowered: Lowered) => string;
}

/** C that makes a verified `main` the program. */
export const startMain = (lowered: Lowered): string => `#include "platform.h"
void ${symbolOf(lowered, 'main')}(void);
int solo5_app_main(const struct solo5_start_info *info) {
    casemate_platform_start(info);
    ${symbolOf(lowered, 'main')}();
    return 0;
}
`;

/** Compiles a verified program; its path, in a folder of its own. */
export async function buildVerified(program: Program, build: HostBuild): Promise<string> {
  const { compiler, flags, change = (text) => text, start = startMain } = build;
  const lowered = lowerProgram(program);
  const folder = temporaryFolder('verified');
  const own = (name: string): string => readFileSync(here(`targets/platform/verified/${name}`), 'utf8');
  const files = {
    'casemate-lowered.h': prelude(),
    'verified.h': lowered.header,
    'verified.c': lowered.source,
    'platform.h': change(own('platform.h')),
    'platform.c': change(own('platform.c')),
    'start.c': start(lowered),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const include = `-I${here('targets/platform/include')}`;
  const objects = ['verified', 'platform', 'start'].map((name) => join(folder, `${name}.o`));
  for (const object of objects)
    await runOrThrow(compiler, [
      ...[...flags, ...warnings, include, '-ffreestanding', '-c'],
      ...[object.replace(/o$/, 'c'), '-o', object],
    ]);
  const path = join(folder, 'program');
  await runOrThrow(compiler, [...flags, include, here('test/e2e/host/solo5-host.c'), ...objects, '-o', path]);
  return path;
}
