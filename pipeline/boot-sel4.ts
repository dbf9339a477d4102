/**
 * `casemate boot` for a root image: its kernel is read with what belongs to it, both are packed into the files that a
 * machine starts, in a temporary folder, and the machine is run.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CasemateError } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import type { Host } from '../targets/hvt/machine.ts';
import type { RiscvBootOptions, RiscvBootResult } from '../targets/riscv64/boot.ts';
import { bootSeL4 } from '../targets/sel4/boot.ts';
import { readSeL4Image } from '../targets/sel4/image.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import { packBoot } from '../targets/sel4/pack/pack.ts';
import type { ManifestSeL4 } from './manifest.ts';
import { withScratch } from './scratch.ts';

export interface SeL4BootOptions extends Omit<RiscvBootOptions, 'memory' | 'machine'> {
  readonly sel4: Required<Pick<ManifestSeL4, 'kernel'>> & Pick<ManifestSeL4, 'genConfig' | 'invocations'>;
  /** Mebibytes; default: what the kernel was built for. */
  readonly memory?: number;
}

/** Runs an image on its kernel to its end. Errors: 'kernel', 'usage', 'io', 'tool', 'limit'. */
export async function bootSeL4Image(options: SeL4BootOptions, host: Host): Promise<RiscvBootResult> {
  const { image: path, sel4, memory, ...rest } = options;
  const kernel = readKernel(sel4.kernel, sel4);
  const bytes = readFile(path);
  try {
    const image = readSeL4Image(bytes, path);
    const files = packBoot(kernel, image, path);
    return await withScratch((folder) => {
      const place = (name: string, contents: Uint8Array): string => {
        const file = join(folder, name);
        writeFileSync(file, contents);
        return file;
      };
      const boot = place('boot', files.boot);
      const { module: withLine } = files;
      const module = withLine === undefined ? {} : { module: (line: string) => place('root', withLine(line)) };
      return bootSeL4({ kernel, image, boot, ...module, ...(memory === undefined ? {} : { memory }) }, rest, host);
    });
  } catch (error) {
    if (!(error instanceof CasemateError) || error.code !== 'image') throw error;
    return { outcome: 'refused', status: -1, reason: error.message, console: '' };
  }
}
