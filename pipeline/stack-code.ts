/**
 * The functions of a linked image as machine code, for the bound of its stack: their steps on either machine, and the
 * tables that their switches jump by.
 *
 * A table is read by its relocations, not by its bytes: each word of it is one, as long as they follow one another and
 * lead into the function that jumps. Where a compiler has moved a case into a cold part of the function, outside of it,
 * the table has no end that can be told, and there is none.
 */

import type { CodeFunction } from '../hardening/stack-bound.ts';
import type { LinkedImage } from '../linker/image.ts';
import type { Machine } from '../linker/program.ts';
import { functionsOf, type ImageFunction, linkerSymbol, relocationsOf } from '../linker/provenance.ts';
import { sweep } from '../machine/decode-x86-64.ts';
import { aarch64Step } from '../machine/stack-aarch64.ts';
import { riscvRegisters, riscvStep } from '../machine/stack-riscv64.ts';
import { type Registers, type StackUse, type Step, stackUse, type TableAt } from '../machine/stack-use.ts';
import { createStepReader } from '../machine/stack-x86-64.ts';

/** A relocation of an image that a table of jumps or functions consists of. */
export interface Relocated {
  readonly place: number;
  readonly type: number;
  readonly target: number;
}

export interface ImageCode {
  /** All functions, by address. */
  readonly functions: readonly ImageFunction[];
  /** The largest at each address. */
  readonly byStart: ReadonlyMap<number, ImageFunction>;
  readonly useOf: (fn: CodeFunction) => StackUse;
}

/** Words of a table by the relocation's type: bytes, and whether they are distances from the table. */
interface Word {
  readonly size: number;
  readonly relative: boolean;
}

/** Sources: psABI for x86-64, "Relocation Types"; RISC-V psABI 1.0, "Relocation types"; AAELF64, 5.7.5. */
const words: Record<Machine, ReadonlyMap<number, Word>> = {
  'x86-64': new Map([[1, { size: 8, relative: false }]]),
  riscv64: new Map([
    [1, { size: 4, relative: false }],
    [2, { size: 8, relative: false }],
    [35, { size: 4, relative: true }],
  ]),
  aarch64: new Map([[257, { size: 8, relative: false }]]),
};

export function relocatedWords(image: LinkedImage): Relocated[] {
  const { count, place, type, target } = relocationsOf(image);
  const known = words[image.machine];
  return Array.from({ length: count }, (_, i) => ({ place: place[i], type: type[i], target: target[i] })).filter(
    (one) => known.has(one.type),
  );
}

/** Reads steps of a function's bytes, which begin at `address`. */
type StepsOf = (bytes: Uint8Array, address: bigint) => (at: bigint) => Step | undefined;

const x86Steps: StepsOf = (bytes, address) => {
  const steps = new Map<bigint, Step>();
  const read = createStepReader();
  sweep(bytes, address, [], (instruction, offset) => {
    const step = read(instruction);
    if (step !== undefined) steps.set(address + BigInt(offset), step);
  });
  return (at) => steps.get(at);
};

const riscvSteps: StepsOf = (bytes, address) => (at) => riscvStep(bytes, Number(at - address), Number(address));

const aarch64Steps: StepsOf = (bytes, address) => (at) => aarch64Step(bytes, Number(at - address), Number(address));

/** What is known of the machine: how code is read, and its registers. */
function machineOf(image: LinkedImage): { readonly stepsOf: StepsOf; readonly registers?: Registers } {
  switch (image.machine) {
    case 'x86-64':
      return { stepsOf: x86Steps, registers: { initial: new Map(), kept: new Set(), returnBytes: 8 } };
    case 'riscv64':
      return { stepsOf: riscvSteps, registers: riscvRegisters(linkerSymbol(image, '__global_pointer$')) };
    case 'aarch64':
      return { stepsOf: aarch64Steps };
  }
}

/** The code of an image; what is entered without a name is a function, too. */
export function codeOf(image: LinkedImage, relocated: readonly Relocated[]): ImageCode {
  const functions = functionsOf(image);
  const byStart = new Map<number, ImageFunction>();
  for (const fn of functions) {
    const known = byStart.get(fn.address);
    if (known === undefined || known.size < fn.size) byStart.set(fn.address, fn);
  }
  if (!byStart.has(image.entry))
    byStart.set(image.entry, { name: 'the entry', address: image.entry, size: 0, object: '' });
  const starts = [...byStart.keys()].sort((a, b) => a - b);
  const byPlace = new Map(relocated.map((word) => [word.place, word]));
  const { stepsOf, registers } = machineOf(image);
  const sectionOf = (at: number) => image.sections.find((one) => one.address <= at && at < one.address + one.size);
  const endOf = ({ address, size }: ImageFunction): number => {
    const section = sectionOf(address);
    const next = starts.find((start) => start > address) ?? Number.POSITIVE_INFINITY;
    return size > 0 ? address + size : Math.min(next, section === undefined ? address : section.address + section.size);
  };
  const isColdPart = (name: string, target: number): boolean =>
    functions.some(
      (one) =>
        (one.name === `${name}.cold` || one.name.startsWith(`${name}.cold.`)) &&
        one.address <= target &&
        target < one.address + one.size,
    );
  const useOf = ({ address }: CodeFunction): StackUse => {
    const fn = byStart.get(Number(address))!;
    const section = sectionOf(fn.address);
    const end = endOf(fn);
    const from = section === undefined ? 0 : section.fileOffset + fn.address - section.address;
    const bytes = section === undefined ? new Uint8Array() : image.bytes.subarray(from, from + end - fn.address);
    const tableAt: TableAt = (table, relative) => {
      const found: bigint[] = [];
      for (let at = Number(table), size = 0; ; at += size) {
        const word = byPlace.get(at);
        const kind = word && words[image.machine].get(word.type)!;
        if (word === undefined || kind === undefined || kind.relative !== relative) return found;
        if (size !== 0 && kind.size !== size) return found;
        size = kind.size;
        if (word.target < fn.address || word.target >= end) return isColdPart(fn.name, word.target) ? [] : found;
        found.push(BigInt(word.target));
      }
    };
    return stackUse(address, BigInt(end), stepsOf(bytes, address), tableAt, registers);
  };
  return { functions, byStart, useOf };
}
