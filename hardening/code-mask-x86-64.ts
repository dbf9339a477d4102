/**
 * What linking writes into x86-64 code: displacements relative to RIP, distances of calls and jumps out of the function,
 * and in an image at a fixed place 32-bit absolute addresses; 64-bit ones anywhere. See code-identity.ts.
 */
import { iced, sweep } from '../machine/decode-x86-64.ts';
import { isWithin, type Stretch } from './code-stretch.ts';

export function maskX8664(stretch: Stretch): void {
  const { bytes, address, isFixed, nameOf, note } = stretch;
  const { Code } = iced();
  // Decoded from a copy: what is masked must not be read as the next instruction's prefix.
  sweep(bytes.slice(), address, [], (instruction, offset, _, constants) => {
    if (instruction.code === Code.INVALID) return;
    const fields = constants();
    const maskField = (at: number, size: number, target: bigint): void => {
      const name = isWithin(stretch, target) ? undefined : nameOf(target);
      if (name === undefined) return;
      bytes.fill(0, offset + at, offset + at + size);
      note(offset + at, name);
    };
    const { displacementOffset, displacementSize, immediateOffset, immediateSize } = fields;
    fields.free();
    const isAbsolute = (size: number): boolean => size === 8 || (size === 4 && isFixed);
    if (displacementSize > 0) {
      if (instruction.isIpRelMemoryOperand)
        maskField(displacementOffset, displacementSize, instruction.ipRelMemoryAddress);
      else if (isAbsolute(displacementSize))
        maskField(displacementOffset, displacementSize, instruction.memoryDisplacement);
    }
    if (immediateSize === 0) return;
    const { nearBranchTarget } = instruction;
    if (nearBranchTarget !== 0n) maskField(immediateOffset, immediateSize, nearBranchTarget);
    else if (isAbsolute(immediateSize)) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + offset + immediateOffset, immediateSize);
      if (immediateSize === 8) maskField(immediateOffset, 8, view.getBigUint64(0, true));
      else {
        // Some instructions extend their operand by its sign, as addresses of kernels are; the other reading leads nowhere.
        maskField(immediateOffset, 4, BigInt(view.getUint32(0, true)));
        maskField(immediateOffset, 4, BigInt.asUintN(64, BigInt(view.getInt32(0, true))));
      }
    }
  });
}
