/**
 * `casemate build --evidence BUNDLE --probe`: what an image's protections came to when they were tried, as findings.
 *
 * What is tried is not the image: it is a program that was written for it, with the image's own protections (probe-image.ts).
 * Each finding says so, and names the emulator, the machine and the processor model: on another one it may end otherwise.
 * Addresses are drawn anew at every boot, so they are left out: evidence is the same for the same build.
 */

import type { Finding } from '../hardening/finding.ts';
import type { Host } from '../targets/hvt/machine.ts';
import { DEFAULT_CPU } from '../targets/hvt/qemu.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { platformOf } from '../targets/sel4/qemu.ts';
import type { Progress } from './progress.ts';
import { requireTool } from './tools.ts';

export interface Exercise {
  /** The image's path. */
  readonly image: string;
  readonly target: 'hvt' | 'riscv64' | 'sel4';
  /** For seL4. */
  readonly kernel?: Kernel;
  /** Processor model; default: what `casemate boot` takes. */
  readonly cpu?: string;
  /** QEMU's machine, for riscv64. */
  readonly machine?: string;
  readonly host: Host;
  readonly progress: Progress;
}

/** Where it was tried, in words; QEMU is named by its version. */
function placeOf({ target, kernel, cpu, machine }: Exercise): string {
  const own: Pick<ReturnType<typeof platformOf>, 'program' | 'machine' | 'cpu'> = kernel !== undefined
    ? platformOf(kernel)
    : target === 'hvt'
      ? { program: 'qemu-system-x86_64', machine: 'microvm', cpu: DEFAULT_CPU }
      : { program: 'qemu-system-riscv64', machine: machine ?? 'virt' };
  const model = cpu ?? own.cpu;
  const processor = model === undefined ? "the machine's own processor" : `processor ${model}`;
  return `${requireTool(own.program).version}, machine ${own.machine}, ${processor}`;
}

/** The same without what every boot draws anew. */
const withoutDraws = (message: string): string => message.replace(/\b0x[0-9a-f]{4,}/gi, 'an address');

/** Every probe's finding. Errors: 'image', 'kernel', 'tool', 'compile', 'usage'. */
export async function exercise(request: Exercise): Promise<Finding[]> {
  const { image, kernel, cpu, machine, host, progress } = request;
  const chosen = cpu === undefined ? {} : { cpu };
  const place = placeOf(request);
  let found: Finding[];
  if (kernel === undefined) {
    const { probeImage } = await import('./probe-image.ts');
    found = await probeImage({
      image,
      boot: { ...chosen, tender: 'emulator' },
      ...(machine && { machine }),
      host,
      progress,
    });
  } else {
    const { probeSeL4Image } = await import('./probe-sel4.ts');
    const sel4 = { kernel: kernel.name, genConfig: kernel.configFile, invocations: kernel.labelsFile };
    found = await probeSeL4Image({ image, sel4, boot: chosen, host, progress });
  }
  return found.map((finding) => ({
    ...finding,
    message: withoutDraws(finding.message),
    details: [`tried on ${place}`, 'by another program with the same protections, which is not this image'],
  }));
}
