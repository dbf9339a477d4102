/**
 * The probes' unikernel (targets/hvt/probes.ts, targets/riscv64/probes.ts), built as any project is: with the user's
 * compiler, the platform layer and our linker, in a folder of its own. Whoever wants to know what an image's protections
 * are worth hardens this one in the same way and runs the probes.
 */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readFile } from '../base/files.ts';
import { hvtProbeFiles } from '../targets/hvt/probes.ts';
import type { ProbeFiles } from '../targets/platform/sources.ts';
import { riscvProbeFiles } from '../targets/riscv64/probes.ts';
import { buildProject } from './build.ts';
import type { Progress } from './progress.ts';
import { casemateHome } from './target-parts.ts';

const filesOf: Readonly<Record<ProbeFiles['target'], ProbeFiles>> = { hvt: hvtProbeFiles, riscv64: riscvProbeFiles };

/** Builds the probes in `folder`, which is empty and the caller's to remove; the image's path. */
export async function buildProbes(
  folder: string,
  progress: Progress,
  target: ProbeFiles['target'] = 'hvt',
): Promise<string> {
  const { sources, headers } = filesOf[target];
  for (const path of [...sources, ...headers])
    writeFileSync(join(folder, basename(path)), readFile(join(casemateHome, path)));
  const manifest = { name: 'probes', target, sources: sources.map((path) => basename(path)) };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
  return (await buildProject({ folder, lock: 'update', progress })).output;
}
