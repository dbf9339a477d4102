/**
 * What a root image's start-up code enforces on a kernel, and what it cannot there, in words.
 */
import type { Protection, Text } from '../protection.ts';
import { imageEntropyBits } from './addresses.ts';
import { dangerOf, type Kernel } from './kernel.ts';
import type { Aslr } from './platform.ts';

/** Why text can be read on x86-64. */
export const noExecuteOnly = 'x86-64 has no pages that can be executed and not read';

function sealed(aslr: Aslr): Protection {
  const detail =
    aslr === 'build'
      ? 'the program runs in an empty capability space; Page_Map, new address spaces and copies were refused at start'
      : 'the program is a thread in an address space of its own that never had a capability of it';
  return { name: 'sealed mappings', enforced: true, detail };
}

/** Where a start finds something random, and what it comes to without. */
function entropyOf({ config, machine }: Kernel): string {
  if (machine === 'x86-64')
    return "of the processor's RDSEED or RDRAND; weak on a processor without: there is only the time";
  // QEMU's sifive_u gives no rng-seed, nor does the board's firmware.
  if (config.get('PLAT') === 'hifive') return 'weak: this machine has no entropy at start but the time';
  return "of the device tree's rng-seed; weak on a machine whose tree has none: there is only the time";
}

function addresses(kernel: Kernel, aslr: Aslr): Protection {
  const bits = `image base of ${imageEntropyBits(kernel.userTop)} bits`;
  if (aslr === 'build') {
    const seed =
      'drawn by the build, from a seed that anyone can compute who knows kernel and name, unless one was given';
    const detail = `${bits}, ${seed}; neither kernel nor image draws anything at boot`;
    return { name: 'addresses of its own', enforced: true, detail };
  }
  const detail = `${bits}, drawn by the first stage; ${entropyOf(kernel)}`;
  return { name: 'new addresses at every start', enforced: true, detail };
}

function canary(kernel: Kernel): Protection {
  return { name: 'stack canary', enforced: true, detail: `a new one at every start; ${entropyOf(kernel)}` };
}

const guards: Protection = {
  name: 'guard pages',
  enforced: true,
  detail: 'between segments, below and above the stack, and above the image',
};

/** Every protection, enforced or not. */
export function protectionsOf(kernel: Kernel, text: Text, aslr: Aslr, hasDma: boolean): Protection[] {
  const noExecute = kernel.machine !== 'x86-64';
  const danger = dangerOf(kernel);
  const all: Protection[] = [
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
    sealed(aslr),
    addresses(kernel, aslr),
    canary(kernel),
    hasDma
      ? {
          name: 'devices kept from memory',
          enforced: false,
          detail:
            'the virtio devices that the manifest asks for reach all of memory, as the program tells them: no IOMMU is set up, and no proof of seL4 covers it',
        }
      : {
          name: 'devices kept from memory',
          enforced: true,
          detail: 'the manifest asks for no device, and no registers of one that reaches memory by itself are mapped',
        },
  ];
  return danger === undefined ? all : all.map(({ name }) => ({ name, enforced: false, detail: danger }));
}
