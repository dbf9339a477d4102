/** Which machines a secret can be followed through. */
import { EM_RISCV, EM_X86_64 } from '../../linker/elf.ts';
import type { Places } from './arithmetic.ts';
import type { Processor } from './processor.ts';
import type { FollowedImage } from './question.ts';
import { createRiscv64 } from './riscv64.ts';
import { createX8664 } from './x86-64.ts';

/** `threadRegion`: the region of the thread's own data. Undefined: instructions of the image's machine have no meaning. */
export function processorOf(image: FollowedImage, places: Places, threadRegion: number): Processor | undefined {
  if (image.machine === EM_X86_64) return createX8664(image, places, threadRegion);
  if (image.machine === EM_RISCV) return createRiscv64(image, places, threadRegion);
  return undefined;
}
