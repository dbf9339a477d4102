/**
 * What is said of a protection domain's program: what Microkit makes of the file, and what it cannot.
 *
 * Nothing here is enforced by us. Microkit maps the program by its segments, so a right in the file is a right in memory if
 * the system is one that Microkit's tool made; that is declared. Rights that no later call can change are worth more: the
 * domain holds a capability of its address space, but of no page that it could map.
 */
import { printable } from '../../../base/errors.ts';
import type { Finding, Outcome } from '../../../hardening/finding.ts';
import * as elf from '../../../linker/elf.ts';
import type { Protection } from '../../protection.ts';
import type { TextKind } from '../../regions.ts';
import { imageEntropyBits } from '../addresses.ts';
import type { SeL4Image } from '../image.ts';
import type { Kernel } from '../kernel.ts';
import { microkitMachine } from './machine.ts';
import { brokenPdRules } from './pd-image.ts';

/** Every protection of a program, there or not. `hasDma`: its manifest asks for devices that reach memory by themselves. */
export function programProtections({ machine, userTop }: Kernel, text: TextKind, hasDma: boolean): Protection[] {
  const isX86 = machine === 'x86-64';
  const byMicrokit = "by the segments' rights, with which Microkit maps them";
  return [
    { name: 'text and read-only data not writable', enforced: true, detail: byMicrokit },
    {
      name: 'execute-only text',
      enforced: text === 'execute',
      detail:
        text === 'execute'
          ? byMicrokit
          : isX86
            ? 'x86-64 has no pages that can be executed and not read'
            : 'something reads it, or may',
    },
    {
      name: 'data never executed',
      enforced: !isX86,
      detail: isX86 ? 'no-execute does not exist in this kernel: it never sets EFER.NXE' : byMicrokit,
    },
    { name: 'guard pages', enforced: true, detail: 'between segments and around the stack: they are in no segment' },
    {
      name: 'mappings that stay',
      enforced: true,
      detail: 'Microkit gives the domain no capability of its pages; a parent domain may have more',
    },
    {
      name: 'addresses of its own',
      enforced: true,
      detail: `image base of ${imageEntropyBits(userTop)} bits, drawn by the build; Microkit draws nothing`,
    },
    {
      name: 'an unpredictable canary',
      enforced: isX86,
      detail: isX86
        ? 'by RDRAND, where the processor has it'
        : 'made of the time at start, which is weak, and of a virtio-rng if the domain is given one',
    },
    {
      name: 'devices kept from memory',
      enforced: !hasDma,
      detail: hasDma
        ? 'the virtio devices that the manifest asks for reach all of memory: no IOMMU is set up, and no proof of seL4 covers it'
        : 'the manifest asks for no device',
    },
  ];
}

/** What the file's segments say of its text. */
export function textKindOf({ file }: Pick<SeL4Image, 'file'>): TextKind {
  const text = file.segments.filter(({ type, flags }) => type === elf.PT_LOAD && (flags & elf.PF_X) !== 0);
  return text.some(({ flags }) => (flags & elf.PF_R) !== 0) ? 'read-execute' : 'execute';
}

/** The findings for a program and a kernel; `name` is the program's. */
export function programFindings(image: SeL4Image, kernel: Kernel, name: string): Finding[] {
  const subject = printable(name);
  const finding = (rule: string, outcome: Outcome, message: string): Finding => ({
    ...{ rule, version: 1, subject, outcome, message },
    ...{ state: 'declared', details: [] },
  });
  const { kernel: own } = image.binding;
  const bound = own === kernel.sha256;
  const machine = microkitMachine(kernel);
  const broken = brokenPdRules(image.bytes, name, { machine, stackSize: 0x1000, set: [] });
  return [
    finding(
      'sel4-kernel',
      bound ? 'pass' : 'fail',
      bound
        ? `made for this kernel, SHA-256 ${own}`
        : `made for the kernel with SHA-256 ${own}; this one has ${kernel.sha256}`,
    ),
    ...(broken.length === 0
      ? [finding('microkit-program', 'pass', 'Microkit takes it as it is, as a protection domain')]
      : broken.map(({ rule, message }) => finding('microkit-program', 'fail', `${rule}: ${message}`))),
    ...programProtections(kernel, textKindOf(image), image.devices.length > 0).map((each) =>
      finding('sel4-protection', each.enforced ? 'pass' : 'fail', `${each.name}: ${each.detail}`),
    ),
  ];
}
