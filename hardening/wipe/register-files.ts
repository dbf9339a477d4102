/**
 * Which registers besides the general ones an image's code can fill, by reading all of it.
 *
 * Veneers clear what a function may have filled. Which functions it comes to is not always known, so what counts is the
 * whole image: without AVX code nothing can have filled upper halves, without x87 code nothing its stack.
 */
import { fail, hex } from '../../base/errors.ts';
import type { LinkedImage } from '../../linker/image.ts';
import { iced, sweep } from '../../machine/decode-x86-64.ts';
import { isX87 } from './clobbers-x86-64.ts';
import { codeSections } from './code.ts';
import type { RegisterFiles, VectorLevel } from './veneer-x86-64.ts';

const levels: readonly VectorLevel[] = ['none', 'sse', 'avx', 'avx512'];

/** By an instruction's code: its level, whether it is the x87's, and whether it fills registers that nobody clears. */
interface Use {
  readonly level: number;
  readonly x87: boolean;
  readonly beyond: boolean;
}

function useOf(instruction: import('iced-x86').Instruction): Use {
  const { EncodingKind, Register, RegisterExt, CpuidFeature, OpKind } = iced();
  const { encoding } = instruction;
  let level =
    encoding === EncodingKind.VEX || encoding === EncodingKind.XOP ? 2 : encoding === EncodingKind.EVEX ? 3 : 0;
  const features = [...instruction.cpuidFeatures()];
  let beyond = features.some((one) => one === CpuidFeature.AMX_TILE);
  for (let i = 0; i < instruction.opCount; i++) {
    if (instruction.opKind(i) !== OpKind.Register) continue;
    const register = instruction.opRegister(i);
    if (RegisterExt.isVectorRegister(register)) level = Math.max(level, 1);
    if (Register.TMM0 <= register && register <= Register.TMM7) beyond = true;
    if (Register.K0 <= register && register <= Register.K7) level = 3;
  }
  return { level, x87: isX87(instruction), beyond };
}

/** Of an x86-64 image. Errors: 'unsupported-input' for code that fills registers of which no veneer knows. */
export function registerFilesOf(image: LinkedImage): RegisterFiles {
  const known = new Map<number, Use>();
  let level = 0;
  let x87 = false;
  for (const { address, bytes, starts } of codeSections(image))
    sweep(bytes, BigInt(address), starts, (instruction, offset) => {
      let use = known.get(instruction.code);
      if (use === undefined) {
        use = useOf(instruction);
        known.set(instruction.code, use);
      }
      if (use.beyond)
        fail('unsupported-input', `the code at ${hex(address + offset)} fills tiles (AMX), which no veneer clears`);
      level = Math.max(level, use.level);
      x87 ||= use.x87;
    });
  return { vectors: levels[level]!, x87 };
}
