/**
 * How many bits of an image's address an attacker has to guess, at the least, whenever it is started as documented.
 *
 * A policy may ask for so many, and what it is told has to hold wherever the image runs. So of several paging modes the
 * poorest counts; an image that starts without a source of entropy all the same has no figure, since on such a machine it
 * is 0; one for hvt has the figure of its slides, in a guest of the default memory, and 0 where it cannot be slid. The
 * evidence of an image for seL4 has it beside the seed, which the build draws by. A loader decides for plain executables.
 */
import { CasemateError } from '../base/errors.ts';
import type { EvidenceImage } from '../evidence/evidence.ts';
import { readElfFile } from '../linker/elf-file.ts';
import { baseSlots, readSlidable } from '../targets/hvt/slide.ts';
import { entropyBits } from '../targets/riscv64/entropy-bits.ts';
import { MODES, type Mode } from '../targets/riscv64/stage0/config.ts';
import { findStub } from '../targets/riscv64/stage0/stub.ts';
import { imageEntropyBits } from '../targets/sel4/addresses.ts';
import { readSeL4Image } from '../targets/sel4/image.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';

/** What decides addresses where nobody has said what shall: it is no secret. */
export const DEFAULT_SEED = 'the kernel and the project';

/** Memory of the guest that figures of slides are for, bytes; half of it is the heap's. */
export const SLIDE_MEMORY = 512 << 20;

function ofSlides(bytes: Uint8Array, name: string): number {
  try {
    const options = { memory: SLIDE_MEMORY, heapMin: SLIDE_MEMORY / 2 };
    return Math.floor(Math.log2(baseSlots(readSlidable(bytes, name), options, name)));
  } catch (error) {
    // Not hardened, or in one place for good: it lies where everybody knows.
    if (error instanceof CasemateError) return 0;
    throw error;
  }
}

function ofStarts(bytes: Uint8Array, name: string): number | undefined {
  const stub = findStub(readElfFile(bytes, name), bytes, name);
  if (stub === undefined) return 0;
  const { mode, require } = stub.config;
  if (!require.includes('entropy')) return undefined;
  const modes = mode === undefined ? (Object.keys(MODES) as Mode[]) : [mode];
  return Math.floor(Math.min(...modes.map((one) => entropyBits(one).image)));
}

/** Of an image for seL4 on this kernel, drawn by this seed; undefined where it draws its address at every start. */
export function layoutBits(seed: string, bytes: Uint8Array, name: string, kernel: Kernel): number | undefined {
  if (readSeL4Image(bytes, name).binding.aslr === 'boot') return undefined;
  return seed === DEFAULT_SEED ? 0 : imageEntropyBits(kernel.userTop);
}

/** Whole bits; undefined where it depends on the machine or the loader. Errors: 'image' for a stub that is not ours. */
export function addressBits(bytes: Uint8Array, name: string, target: EvidenceImage['target']): number | undefined {
  if (target === 'hvt') return ofSlides(bytes, name);
  return target === 'riscv64' ? ofStarts(bytes, name) : undefined;
}
