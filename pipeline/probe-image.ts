/**
 * `casemate boot --probe`: what an image's protections are worth on this machine, tried.
 *
 * A program that was not written for it cannot be made to attack itself, so a program that was is given the image's own
 * protections: the probes' unikernel, hardened by the same code with the same options, and booted as the image would be.
 * What an image that was not hardened cannot stop is told just the same.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import type { Finding } from '../hardening/finding.ts';
import { readElfFile } from '../linker/elf-file.ts';
import type { BootOptions } from '../targets/hvt/boot.ts';
import { type HardenOptions, hardenImage } from '../targets/hvt/harden.ts';
import { readHvtImage } from '../targets/hvt/image.ts';
import type { Host } from '../targets/hvt/machine.ts';
import { probes } from '../targets/hvt/probes.ts';
import { runProbes } from '../targets/hvt/run-probes.ts';
import { type FoundStub, findStub } from '../targets/hvt/stage0/stub.ts';
import { isRiscvImage } from '../targets/riscv64/image.ts';
import { probeFinding } from './probe-finding.ts';
import { probeRiscvImage } from './probe-riscv64.ts';
import { buildProbes } from './probes.ts';
import type { Progress } from './progress.ts';
import { withScratch } from './scratch.ts';

export interface ProbeRequest {
  /** The image's path. */
  readonly image: string;
  readonly boot: Omit<Partial<BootOptions>, 'image' | 'args'>;
  /** QEMU's machine with its options, for an image for riscv64. */
  readonly machine?: string;
  readonly host: Host;
  readonly progress: Progress;
}

/** Options that give another image the same protections. */
function optionsOf({ config }: FoundStub): HardenOptions {
  const { require, stack, regions, wipe } = config;
  const executeOnly = regions.some(({ kind }) => kind === 'read-execute') ? 'never' : 'always';
  return { require, stack, executeOnly, stay: wipe.size > 0 };
}

/** Probes that show what code in ring 0 can take back. */
const limits = /^(undo-|host-write-page-tables$)/;

/** Every probe's finding. Errors: 'image', 'tool', 'compile', 'usage'. */
export function probeImage(request: ProbeRequest): Promise<Finding[]> {
  const bytes = readFile(request.image);
  return (isRiscvImage(bytes) ? probeRiscvImage : probeHvtImage)(request, bytes);
}

async function probeHvtImage({ image, boot, host, progress }: ProbeRequest, bytes: Uint8Array): Promise<Finding[]> {
  const subject = printable(image);
  readHvtImage(bytes, image);
  const stub = findStub(readElfFile(bytes, image), bytes, subject);
  return withScratch(async (folder) => {
    const stock = await progress.phase('building the probes', () => buildProbes(folder, progress));
    const path = join(folder, 'probes.hvt');
    const hardened = stub && hardenImage(readFile(stock), 'probes', optionsOf(stub)).bytes;
    writeFileSync(path, hardened ?? readFile(stock));
    const own = hardened && findStub(readElfFile(hardened, 'probes'), hardened, 'probes');
    const state = own?.config.wipe.size === 0 ? 'absent' : 'hardened';
    const where = own === undefined ? {} : { stub: BigInt(own.base) };
    let done = 0;
    const report = await progress.phase('probing', (step) =>
      runProbes({ image: path, state, ...where, boot, step: () => step(`${++done}/${probes.length}`) }, host),
    );
    return report.verdicts.map(({ probe, outcome, found, observed }) => {
      const tries = probes.find(({ name }) => name === probe)!.tries;
      const limit = outcome === 'pass' && observed.kind === 'succeeds' && limits.test(probe);
      return probeFinding(subject, { tries, outcome, found, limit });
    });
  });
}
