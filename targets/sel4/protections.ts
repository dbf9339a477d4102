/**
 * What a root image's start-up code enforces on a kernel, and what it cannot there, in words.
 */
import type { Protection, Text } from '../protection.ts';
import { imageEntropyBits } from './addresses.ts';
import type { Kernel } from './kernel.ts';

const sealed: Protection = {
  name: 'sealed mappings',
  enforced: true,
  detail:
    'the program runs in an empty capability space; Page_Map, new address spaces and copies were refused at start',
};

const guards: Protection = {
  name: 'guard pages',
  enforced: true,
  detail: 'between segments, below and above the stack, and above the image',
};

/** Every protection, enforced or not. */
export function protectionsOf({ machine, userTop }: Kernel, text: Text): Protection[] {
  const noExecute = machine !== 'x86-64';
  const base = `image base of ${imageEntropyBits(userTop)} bits, drawn by the build; the kernel randomises nothing at boot`;
  return [
    {
      name: 'text and read-only data not writable',
      enforced: true,
      detail: 'by page rights, set before the program runs',
    },
    {
      name: 'execute-only text',
      enforced: text.kind === 'execute',
      detail: text.kind === 'execute' ? `by page rights${text.reason}` : text.reason,
    },
    {
      name: 'data never executed',
      enforced: noExecute,
      detail: noExecute ? 'by page rights' : 'no-execute does not exist in this kernel: it never sets EFER.NXE',
    },
    guards,
    sealed,
    { name: 'addresses of its own', enforced: true, detail: base },
    {
      name: 'devices kept from memory',
      enforced: false,
      detail: 'a device with DMA reaches all of memory: no IOMMU is set up, and no proof of seL4 covers it',
    },
  ];
}
