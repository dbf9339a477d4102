/**
 * What a root image and a kernel come to together, as findings: whether the kernel would load the image, whether it is the
 * kernel that it was made for, and what the start-up code will have enforced before the program runs.
 *
 * The start-up code is compiled with every image, and a build sees to it that it is what runs (pipeline/startup-code.ts). A
 * file shows no such thing: here its settings are taken at their word, and so the ground is what the image declares.
 * That it holds is shown by probes (pipeline/probe-sel4.ts). Of an image for another kernel nothing is known.
 */
import { printable } from '../../base/errors.ts';
import type { Finding, Outcome, State } from '../../hardening/finding.ts';
import { type SeL4Image, startUpOf } from './image.ts';
import type { Kernel } from './kernel.ts';
import { brokenLoadingRules, extraBootInfoOf } from './loading-rules.ts';
import { TREE_ROOM } from './pack/boot-file.ts';
import { noExecuteOnly, protectionsOf } from './protections.ts';

function finding(
  rule: string,
  subject: string,
  outcome: Outcome,
  state: State,
  message: string,
  about?: string,
): Finding {
  return { rule, version: 1, subject, ...(about !== undefined && { about }), outcome, state, message, details: [] };
}

/** The build found something that reads text, or was told so: the image does not keep which. */
function whyReadable({ machine }: Kernel): string {
  return machine === 'x86-64' ? noExecuteOnly : 'the image was built to have it readable, as its build has said';
}

/** `name` is the image's. */
export function kernelFindings(image: SeL4Image, kernel: Kernel, name: string): Finding[] {
  const subject = printable(name);
  const bound = image.binding.kernel === kernel.sha256;
  const broken = brokenLoadingRules(
    image.bytes,
    name,
    kernel,
    extraBootInfoOf(kernel.machine, TREE_ROOM),
    startUpOf(image),
  );
  const starts = bound && broken.length === 0;
  const readable = image.settings.text === 'read-execute';
  const text = { kind: image.settings.text, reason: readable ? whyReadable(kernel) : '' };
  return [
    finding(
      'sel4-kernel',
      subject,
      bound ? 'pass' : 'fail',
      'declared',
      bound
        ? `made for this kernel, SHA-256 ${kernel.sha256}`
        : `made for the kernel with SHA-256 ${image.binding.kernel}; this one has ${kernel.sha256}`,
    ),
    ...(broken.length === 0
      ? [finding('sel4-loading', subject, 'pass', 'declared', 'the kernel loads it as it is')]
      : broken.map(({ rule, message }) =>
          finding('sel4-loading', subject, 'fail', 'declared', `${rule}: ${message}`, rule),
        )),
    ...protectionsOf(kernel, text, image.binding.aslr, image.devices.length > 0).map(
      ({ name: what, enforced, detail }) => {
        const outcome = !enforced ? 'fail' : starts ? 'pass' : 'unknown';
        const words = outcome === 'unknown' ? 'the image does not start on this kernel' : detail;
        return finding('sel4-protection', subject, outcome, 'declared', `${what}: ${words}`, what);
      },
    ),
  ];
}
