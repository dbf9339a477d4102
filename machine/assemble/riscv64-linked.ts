/**
 * Emits RISC-V sequences whose addresses a linker fills in, and the one floating-point instruction that clearing needs.
 *
 * A label stands in front of each sequence; `relocationsOf` gives what it needs once the listing is assembled.
 * Source: RISC-V ELF psABI 1.0, "Relocations"; ISA volume I, chapter 12 (fmv.d.x).
 */
import { type Assembled, type Instruction, type Item, label, littleEndian } from './listing.ts';
import { aluImmediate, jalr, type Register, registers } from './riscv64.ts';

export interface LinkedSequence {
  readonly label: string;
  readonly symbol: string;
  readonly isCall: boolean;
}

const R_RISCV_CALL_PLT = 19;
const R_RISCV_PCREL_HI20 = 23;
const R_RISCV_PCREL_LO12_I = 24;

const word = (value: number): Instruction => ({ kind: 'instruction', bytes: littleEndian(value, 4) });

/** auipc to, 0 */
const auipc = (to: Register): Instruction => word((registers.indexOf(to) << 7) | 0x17);

/** call symbol: auipc ra, jalr ra; `name` is a label that nothing else has. */
export function callSymbol(symbol: string, name: string): { items: readonly Item[]; field: LinkedSequence } {
  const items = [label(name), auipc('ra'), jalr('ra', 'ra')];
  return { items, field: { label: name, symbol, isCall: true } };
}

/** la to, symbol: auipc, addi. */
export function addressOf(
  to: Register,
  symbol: string,
  name: string,
): { items: readonly Item[]; field: LinkedSequence } {
  const items = [label(name), auipc(to), aluImmediate('addi', to, to, 0)];
  return { items, field: { label: name, symbol, isCall: false } };
}

/** fmv.d.x fN, zero */
export function clearFloat(number: number): Instruction {
  if (!Number.isInteger(number) || number < 0 || number > 31) throw new Error(`register f${number}`);
  return word(0xf2000053 | (number << 7));
}

/** Relocations of a sequence, and the name of the local symbol that must stand at its first instruction, if any. */
export function relocationsOf({ labels }: Assembled, { label: name, symbol, isCall }: LinkedSequence, unit: string) {
  const offset = labels.get(name)!;
  if (isCall) return { relocations: [{ offset, type: R_RISCV_CALL_PLT, symbol, addend: 0 }] };
  const place = `.L${unit} ${name}`;
  return {
    place: { name: place, offset },
    relocations: [
      { offset, type: R_RISCV_PCREL_HI20, symbol, addend: 0 },
      { offset: offset + 4, type: R_RISCV_PCREL_LO12_I, symbol: place, addend: 0 },
    ],
  };
}
