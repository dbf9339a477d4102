/**
 * Emits x86-64 instructions whose last field is a distance that a linker fills in, for code that goes into an object.
 *
 * The field is zero, and a label stands at it: `linked` gives the relocation that it needs once the listing is assembled.
 * Source: System V ABI for x86-64, "Relocation Types": R_X86_64_PC32, R_X86_64_PLT32.
 */
import type { Assembled, Item } from './listing.ts';
import { type Instruction, label } from './listing.ts';
import { encodeRipRelative, instruction, type Register } from './x86-64.ts';

/** A field of 4 bytes, by the label that stands behind its instruction. */
export interface LinkedField {
  readonly label: string;
  /** Bytes of the instruction behind the field. */
  readonly trailing: number;
  readonly symbol: string;
  readonly addend: number;
  readonly isCall: boolean;
}

/** Items of one instruction, and its field. */
export interface Linked {
  readonly items: readonly Item[];
  readonly field: LinkedField;
}

function linked(made: Instruction, name: string, symbol: string, more: Partial<LinkedField> = {}): Linked {
  const field = { label: name, trailing: 0, symbol, addend: 0, isCall: false, ...more };
  return { items: [made, label(name)], field };
}

/** call symbol; `name` is a label of the listing's own that nothing else has. */
export function callSymbol(symbol: string, name: string): Linked {
  return linked(instruction([0xe8, 0, 0, 0, 0]), name, symbol, { isCall: true });
}

/** mov to, [rip + symbol] */
export function loadSymbol(to: Register, symbol: string, name: string): Linked {
  return linked(encodeRipRelative([0x8b], 64, to), name, symbol);
}

/** mov [rip + symbol], from */
export function storeSymbol(symbol: string, from: Register, name: string): Linked {
  return linked(encodeRipRelative([0x89], 64, from), name, symbol);
}

/** mov dword [rip + symbol], from */
export function storeSymbol32(symbol: string, from: Register, name: string): Linked {
  return linked(encodeRipRelative([0x89], 32, from), name, symbol);
}

/** mov qword [rip + symbol], 0 */
export function clearSymbol(symbol: string, name: string): Linked {
  const { bytes } = encodeRipRelative([0xc7], 64, 'rax');
  return linked(instruction([...bytes, 0, 0, 0, 0]), name, symbol, { trailing: 4 });
}

/** cmp dword [rip + symbol], value: a signed number of 8 bits. */
export function compareSymbol(symbol: string, value: number, name: string): Linked {
  if (!Number.isInteger(value) || value < -128 || value > 127) throw new Error(`${value} does not fit 8 bits`);
  const { bytes } = encodeRipRelative([0x83], 32, 'rdi');
  return linked(instruction([...bytes, value & 255]), name, symbol, { trailing: 1 });
}

/** Where the field lies in the assembled code, and what the distance is measured from: offset and addend. */
export function fieldPlace({ labels }: Assembled, field: LinkedField): { offset: number; addend: number } {
  const end = labels.get(field.label)!;
  return { offset: end - field.trailing - 4, addend: field.addend - 4 - field.trailing };
}
