/**
 * What linking writes into RISC-V code: the upper parts of addresses in AUIPC and LUI, the lower ones in the instructions
 * that use what these have loaded, offsets from the global pointer, and distances of jumps out of the function. See
 * code-identity.ts.
 *
 * A lower part has no mark of its own, so that registers are followed: one that an upper part was loaded into is known
 * until it is written again, or by a call for those that have its result. Jumps are not followed: compilers
 * use an upper part at several places behind a branch, and what is masked too much must still lead into the image.
 */
import { createInstruction, decodeRiscv64, GP, Kind, RA } from '../machine/decode-riscv64.ts';
import { isWithin, type Stretch } from './code-stretch.ts';

/** a0 and a1, which hold what a call gives; of what else a callee may write nobody reads what it left (RISC-V psABI). */
const results = [10, 11];

/** Bits of the immediate of a 32-bit instruction of a kind. */
const immediates = new Map<Kind, number>([
  [Kind.auipc, 0xfffff000],
  [Kind.lui, 0xfffff000],
  [Kind.jal, 0xfffff000],
  [Kind.addi, 0xfff00000],
  [Kind.load, 0xfff00000],
  [Kind.jalr, 0xfff00000],
  [Kind.store, 0xfe000f80],
  [Kind.branch, 0xfe000f80],
]);

/** Of a compressed one: a jump's, LUI's, and nothing else that linking writes. */
const shortImmediates = new Map<Kind, number>([
  [Kind.jal, 0x1ffc],
  [Kind.lui, 0x107c],
  [Kind.branch, 0x1c7c],
]);

/** Loads without an offset: where others have one they have an operation. */
const isAtomic = (word: number): boolean => (word & 0x7f) === 0x2f;

export function maskRiscv64(stretch: Stretch): void {
  const { bytes, address, isFixed, globalPointer, nameOf, note } = stretch;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const instruction = createInstruction();
  /** What registers hold of which the upper part is an address's. */
  const held = new Map<number, bigint>();
  if (globalPointer !== undefined) held.set(GP, globalPointer);

  const maskAt = (at: number, name: string): void => {
    const { kind, length } = instruction;
    const field = (length === 4 ? immediates : shortImmediates).get(kind);
    if (field === undefined || (length === 4 && isAtomic(view.getUint32(at, true)))) return;
    if (length === 4) view.setUint32(at, view.getUint32(at, true) & ~field, true);
    else view.setUint16(at, view.getUint16(at, true) & ~field, true);
    note(at, name);
  };
  const maskTarget = (at: number, target: bigint): void => {
    const name = isWithin(stretch, target) ? undefined : nameOf(target);
    if (name !== undefined) maskAt(at, name);
  };

  for (let at = 0; at + 2 <= bytes.length; ) {
    decodeRiscv64(bytes, at, instruction);
    const { kind, length, rd, rs1 } = instruction;
    if (at + length > bytes.length) break;
    const here = address + BigInt(at);
    const imm = BigInt(instruction.imm);
    const base = held.get(rs1);
    const sum = base === undefined ? undefined : BigInt.asUintN(64, base + imm);
    const isCall = (kind === Kind.jal || kind === Kind.jalr) && rd === RA;
    let value: bigint | undefined;
    if (kind === Kind.auipc || (kind === Kind.lui && isFixed)) {
      value = BigInt.asUintN(64, kind === Kind.auipc ? here + imm : imm);
      // An upper part is 2 KiB off at most; what is near nothing that is loaded is a number.
      const isNear = [-2048n, 0n, 2047n].some((off) => nameOf(value! + off) !== undefined);
      if (isNear) maskAt(at, '');
      else value = undefined;
    } else if (kind === Kind.jal || kind === Kind.branch) maskTarget(at, here + imm);
    else if (sum !== undefined && rs1 !== 0) {
      const name = nameOf(sum);
      if (name !== undefined) maskAt(at, isWithin(stretch, sum) ? `.+${sum - address}` : name);
      if (kind === Kind.addi) value = sum;
    }
    if (isCall) for (const register of results) held.delete(register);
    if (rd !== 0 && rd !== GP) {
      if (value === undefined) held.delete(rd);
      else held.set(rd, value);
    }
    at += length;
  }
}
