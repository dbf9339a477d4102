/**
 * Root tasks of the benchmark's own: C of a few lines over the start-up code of every image, built for a kernel as the
 * platform layer is.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { link } from '../../linker/link.ts';
import { parseScript } from '../../linker/script/parse.ts';
import { linkOptions } from '../../pipeline/link-options.ts';
import { drawAddresses } from '../../targets/sel4/addresses.ts';
import { readSeL4Image, rootImage, type SeL4Image } from '../../targets/sel4/image.ts';
import type { Kernel } from '../../targets/sel4/kernel.ts';
import { sel4Layout } from '../../targets/sel4/layout.ts';
import { sel4Platform } from '../../targets/sel4/platform.ts';
import { projectRoot, temporaryFolder } from '../../test/support/paths.ts';
import { runOrThrow } from '../../test/support/run.ts';
import { requireTool } from '../../test/support/tools.ts';

const stage0 = 'targets/sel4/stage0';

/** A root image of C files, relative to the root, with extra definitions; the start-up code's own files come with it. */
export async function buildRoot(
  kernel: Kernel,
  sources: readonly string[],
  definitions: readonly string[] = [],
): Promise<SeL4Image> {
  const { cflags, platformCflags, headers, include } = sel4Platform(kernel);
  const flags = [...cflags, ...platformCflags, '-fno-stack-protector', ...definitions];
  for (const folder of [include, ...headers]) flags.push(`-I${join(projectRoot, folder)}`);
  const folder = temporaryFolder('bench-sel4');
  const files = [];
  for (const [i, source] of [`${stage0}/start-${kernel.machine}.S`, `${stage0}/settings.c`, ...sources].entries()) {
    const output = join(folder, `${i}.o`);
    await runOrThrow(requireTool('clang'), [...flags, '-c', join(projectRoot, source), '-o', output]);
    files.push({ name: source, bytes: readFileSync(output) });
  }
  const addresses = drawAddresses(Buffer.from('bench'), kernel.userTop);
  const options = linkOptions({}, [], (pointer) => pointer, {
    machine: kernel.machine,
    maxPageSize: 0x1000,
    scripts: [parseScript(sel4Layout({ base: addresses.image, stack: 1 << 16 }), '<layout for seL4>')],
    entry: '_start',
    undefinedSymbols: ['sel4_settings'],
  });
  const { image } = link({
    files,
    options,
    readMember: (archive) => {
      throw new Error(`${archive}: no archive is linked here`);
    },
  });
  const request = { kernel, addresses, heapSize: 1 << 21, executeOnly: 'always', aslr: 'build' } as const;
  return readSeL4Image(rootImage(image.bytes, 'root', request).bytes, 'root');
}
