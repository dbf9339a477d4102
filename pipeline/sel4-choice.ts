/** Which kernel a build for seL4 is for, and its seed: as the command line says, else as the manifest does. */
import { fail } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import type { Ledger } from './lock.ts';
import type { At, Manifest, ManifestSeL4 } from './manifest.ts';
import { type Confinement, confinePath, lockName } from './paths.ts';
import type { SeL4Choice } from './target-sel4.ts';

/** The kernel of a build for seL4: the user's, from anywhere, or the manifest's, from the project or its roots. */
export function sel4Choice(
  own: ManifestSeL4 = {},
  manifest: Manifest,
  at: At,
  confinement: Confinement,
  ledger: Ledger,
): SeL4Choice | undefined {
  if (manifest.target !== 'sel4') {
    const given = (['kernel', 'seed'] as const).find((key) => own[key] !== undefined);
    if (given !== undefined)
      fail('usage', `--${given}: for the target sel4 only; this build's target is ${manifest.target}`);
    return undefined;
  }
  const seed = own.seed === undefined ? {} : { seed: own.seed };
  if (own.kernel !== undefined) return { kernel: readKernel(own.kernel, own), ...seed };
  const inside = (key: 'kernel' | 'genConfig' | 'invocations'): string | undefined => {
    const path = manifest.sel4?.[key];
    return path && confinePath(confinement, path, at(`/sel4/${key}`)).real;
  };
  const kernel = inside('kernel');
  if (kernel === undefined) {
    const where = at(manifest.sel4 === undefined ? '' : '/sel4');
    return fail('manifest', `${where}: no kernel is named; give --kernel KERNEL.elf, or name it as "kernel" in "sel4"`);
  }
  const [genConfig, invocations] = [inside('genConfig'), inside('invocations')];
  const paths = { ...(genConfig && { genConfig }), ...(invocations && { invocations }) };
  const found = readKernel(kernel, paths);
  // What was found beside it, too: an image is made of their numbers.
  for (const path of [found.name, found.configFile, found.labelsFile]) {
    const { real } = confinePath(confinement, path, at('/sel4/kernel'));
    ledger.seeInput(lockName(confinement, manifest.roots ?? [], real), readFile(real));
  }
  return { kernel: found, ...seed };
}
