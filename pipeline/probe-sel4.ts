/**
 * `casemate boot --probe` for a root image: the probes' unikernel, made for the same kernel with the same settings, on the
 * machine that the image would be booted on.
 */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import type { Finding } from '../hardening/finding.ts';
import type { Host } from '../targets/hvt/machine.ts';
import { cDefinitions } from '../targets/sel4/abi.ts';
import { readSeL4Image, requireKernel } from '../targets/sel4/image.ts';
import type { ProbeVerdict } from '../targets/sel4/judge-probe.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import type { Aslr } from '../targets/sel4/platform.ts';
import { probes, probesOf, sel4ProbeFiles } from '../targets/sel4/probes.ts';
import { runProbes } from '../targets/sel4/run-probes.ts';
import { bootSeL4Image, type SeL4BootOptions } from './boot-sel4.ts';
import { buildProject } from './build.ts';
import { probeFinding } from './probe-finding.ts';
import type { Progress } from './progress.ts';
import { withScratch } from './scratch.ts';
import { casemateHome } from './target-parts.ts';

export interface SeL4ProbeRequest {
  /** The image's path. */
  readonly image: string;
  readonly sel4: SeL4BootOptions['sel4'];
  readonly boot: Omit<SeL4BootOptions, 'image' | 'sel4' | 'args' | 'timeout'>;
  readonly host: Host;
  readonly progress: Progress;
  readonly only?: readonly string[];
  readonly parallel?: number;
}

/** Builds the probes in an empty folder; the image's path. */
async function buildSeL4Probes(
  folder: string,
  { sel4, progress }: Pick<SeL4ProbeRequest, 'sel4' | 'progress'>,
  executeOnly: 'always' | 'never',
  aslr: Aslr,
): Promise<string> {
  const { sources, headers } = sel4ProbeFiles;
  for (const path of [...sources, ...headers])
    writeFileSync(join(folder, basename(path)), readFile(join(casemateHome, path)));
  const manifest = {
    name: 'probes',
    target: 'sel4',
    sources: sources.map((path) => basename(path)),
    cflags: cDefinitions(readKernel(sel4.kernel, sel4)),
    harden: { executeOnly },
    sel4: { aslr },
  };
  writeFileSync(join(folder, 'casemate.json'), JSON.stringify(manifest));
  return (await buildProject({ folder, sel4, lock: 'update', progress })).output;
}

/** Every probe's verdict. Errors: 'image', 'kernel', 'tool', 'compile', 'usage'. */
export async function probeSeL4(request: SeL4ProbeRequest): Promise<ProbeVerdict[]> {
  const { sel4, boot, host, progress } = request;
  const kernel = readKernel(sel4.kernel, sel4);
  const image = readSeL4Image(readFile(request.image), request.image);
  requireKernel(image, kernel, printable(request.image));
  const { text } = image.settings;
  const { aslr } = image.binding;
  const state = { machine: kernel.machine, text, aslr, tells: kernel.hasPrinting || aslr === 'boot' };
  const count = request.only === undefined ? probesOf(state).length : request.only.length + 1;
  return withScratch(async (folder) => {
    const path = await progress.phase('building the probes', () =>
      buildSeL4Probes(folder, request, text === 'execute' ? 'always' : 'never', aslr),
    );
    let done = 0;
    return progress.phase('probing', (step) =>
      runProbes({
        state,
        boot: (args, timeout) => bootSeL4Image({ ...boot, sel4, image: path, args, timeout }, host),
        now: () => performance.now(),
        ...(request.only === undefined ? {} : { only: request.only }),
        ...(request.parallel === undefined ? {} : { parallel: request.parallel }),
        step: () => step(`${++done}/${count}`),
      }),
    );
  });
}

/** The same as findings. */
export async function probeSeL4Image(request: SeL4ProbeRequest): Promise<Finding[]> {
  const subject = printable(request.image);
  return (await probeSeL4(request)).map(({ probe, outcome, found }) => {
    const { tries } = probes.find(({ name }) => name === probe)!;
    return probeFinding(subject, { tries, outcome, found, limit: false });
  });
}
