/**
 * `casemate boot` for a root image: its kernel is read with what belongs to it, both are packed into the files that a
 * machine starts, in a temporary folder, and the machine is run.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CasemateError, fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent } from '../base/files.ts';
import type { Host } from '../targets/hvt/machine.ts';
import type { RiscvBootOptions, RiscvBootResult } from '../targets/riscv64/boot.ts';
import { bootSeL4 } from '../targets/sel4/boot.ts';
import { readSeL4Image } from '../targets/sel4/image.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { readKernel } from '../targets/sel4/kernel-files.ts';
import { isProgram } from '../targets/sel4/microkit/program-system.ts';
import { packBoot } from '../targets/sel4/pack/pack.ts';
import { builtMemory } from '../targets/sel4/qemu.ts';
import type { ManifestSeL4 } from './manifest.ts';
import { withScratch } from './scratch.ts';

export interface SeL4BootOptions extends Omit<RiscvBootOptions, 'memory' | 'machine'> {
  readonly sel4: Required<Pick<ManifestSeL4, 'kernel'>> & Pick<ManifestSeL4, 'genConfig' | 'invocations'>;
  /** Mebibytes; default: what the kernel was built for. */
  readonly memory?: number;
}

/** Mebibytes that the kernel was built for; a build of seL4 says so in a file beside it. */
function memoryOf(kernel: Kernel): number | undefined {
  const bytes = readFileIfPresent(join(dirname(kernel.name), 'platform_gen.json'));
  if (bytes === undefined || bytes.length > 1 << 20) return undefined;
  try {
    return builtMemory(kernel, JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return fail(
      'kernel',
      `${printable(kernel.name)}: platform_gen.json beside it is no JSON; remove it, or give --mem`,
    );
  }
}

/** Runs an image on its kernel to its end. Errors: 'kernel', 'usage', 'io', 'tool', 'limit'. */
export async function bootSeL4Image(options: SeL4BootOptions, host: Host): Promise<RiscvBootResult> {
  const { image: path, sel4, memory: wanted, ...rest } = options;
  const kernel = readKernel(sel4.kernel, sel4);
  const bytes = readFile(path);
  try {
    const image = readSeL4Image(bytes, path);
    if (isProgram(bytes, path))
      fail(
        'usage',
        `${printable(path)}: a protection domain, which Microkit starts; make its system with casemate microkit`,
      );
    const files = packBoot(kernel, image, path);
    const memory = wanted ?? memoryOf(kernel);
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
