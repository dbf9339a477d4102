/**
 * All that is found in an image: what the rules say of its bytes, and with a kernel what the two come to together. `casemate
 * check`, the evidence of a build and whoever verifies it ask here, so that they can only come to the same.
 */
import { fail, printable } from '../base/errors.ts';
import type { Finding } from '../hardening/finding.ts';
import type { Rule } from '../hardening/rule.ts';
import { rules } from '../hardening/rules/index.ts';
import { readSubject } from '../hardening/subject.ts';
import { ownProtection } from '../targets/enforcement.ts';
import { kernelFindings } from '../targets/sel4/findings.ts';
import { isSeL4Image, readSeL4Image } from '../targets/sel4/image.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { programFindings } from '../targets/sel4/microkit/findings.ts';
import { isProgram } from '../targets/sel4/microkit/program-system.ts';

export interface Asked {
  /** Default: all. */
  readonly chosen?: readonly Rule[];
  readonly kernel?: Kernel;
  /** Whether a kernel loads the image, as a user's program; default: whether one is given. By itself a file only says so. */
  readonly isUsers?: boolean;
}

/** What a root image for seL4, or a protection domain, and a kernel come to together; another file is neither. */
function onKernel(bytes: Uint8Array, path: string, kernel: Kernel | undefined): Finding[] {
  if (kernel === undefined) return [];
  if (!isSeL4Image(bytes))
    fail('image', `${printable(path)}: is no root image for seL4 of casemate's; check it without --kernel`);
  const image = readSeL4Image(bytes, path);
  return isProgram(bytes, path) ? programFindings(image, kernel, path) : kernelFindings(image, kernel, path);
}

/** `path` names the image. Errors: those of readSubject and readSeL4Image; 'image' for a kernel and an image for no seL4. */
export function findingsOfImage(
  bytes: Uint8Array,
  path: string,
  { chosen = rules, kernel, isUsers = kernel !== undefined }: Asked = {},
): Finding[] {
  const found = readSubject(bytes, path, ownProtection);
  const subject = isUsers ? { ...found, loader: 'kernel' as const } : found;
  return [...chosen.flatMap((rule) => rule.run(subject)), ...onKernel(bytes, path, kernel)];
}
