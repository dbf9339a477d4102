/**
 * Emits RV64 machine code, one function for each format, its instructions named by their mnemonics.
 *
 * Only what stubs need: RV64I, multiplication and division (M), control and status registers (Zicsr) and the
 * supervisor's fences. Every instruction is 4 bytes: a stub has a page to itself and nothing to gain from shorter ones.
 * Operands are registers by their ABI names and numbers. A function that is given what its instruction cannot take
 * throws; tests hold every one against two disassemblers.
 * Source: The RISC-V Instruction Set Manual, volume I (20191213), chapters 2, 5, 7, 9 and 24; volume II (20211203),
 * chapters 3 and 4.
 */
import { fitsSigned } from '../../base/arithmetic.ts';
import { type Form, type Instruction, littleEndian, type Reference } from './listing.ts';

const names = [
  ...['zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1'],
  ...['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'],
  ...['s2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6'],
] as const;

export type Register =
  | ('zero' | 'ra' | 'sp' | 'gp' | 'tp')
  | `t${0 | 1 | 2 | 3 | 4 | 5 | 6}`
  | `s${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11}`
  | `a${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;

/** By number. */
export const registers = names as readonly Register[];

const numbers = Object.fromEntries(registers.map((name, i) => [name, i])) as Record<Register, number>;

function instruction(word: number): Instruction {
  return { kind: 'instruction', bytes: littleEndian(word, 4) };
}

/** `value`, once it is known to fit `bits` bits as a signed number. */
function signed(value: number, bits: number): number {
  if (!Number.isInteger(value) || value < -(2 ** (bits - 1)) || value >= 2 ** (bits - 1))
    throw new Error(`${value} does not fit ${bits} bits`);
  return value;
}

function unsigned(value: number, bits: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) throw new Error(`${value} is not of ${bits} bits`);
  return value;
}

// The formats of volume I, section 2.2; words as signed 32-bit numbers, which littleEndian takes as they are.

function formatR(opcode: number, funct3: number, funct7: number, rd: number, rs1: number, rs2: number): number {
  return (funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;
}

function formatI(opcode: number, funct3: number, rd: number, rs1: number, immediate: number): number {
  return ((immediate & 0xfff) << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;
}

function formatS(opcode: number, funct3: number, rs1: number, rs2: number, immediate: number): number {
  return formatR(opcode, funct3, (immediate >> 5) & 0x7f, immediate & 31, rs1, rs2);
}

function formatB(funct3: number, rs1: number, rs2: number, distance: number): number {
  const high = (((distance >> 12) & 1) << 6) | ((distance >> 5) & 63);
  return formatR(0x63, funct3, high, (((distance >> 1) & 15) << 1) | ((distance >> 11) & 1), rs1, rs2);
}

function formatJ(rd: number, distance: number): number {
  const bits =
    (((distance >> 20) & 1) << 19) |
    (((distance >> 1) & 0x3ff) << 9) |
    (((distance >> 11) & 1) << 8) |
    ((distance >> 12) & 0xff);
  return (bits << 12) | (rd << 7) | 0x6f;
}

// --- arithmetic

/** funct3, funct7 and whether it is of 32 bits (its result sign-extended). */
const operations = {
  add: [0, 0, 0],
  sub: [0, 0x20, 0],
  sll: [1, 0, 0],
  slt: [2, 0, 0],
  sltu: [3, 0, 0],
  xor: [4, 0, 0],
  srl: [5, 0, 0],
  sra: [5, 0x20, 0],
  or: [6, 0, 0],
  and: [7, 0, 0],
  addw: [0, 0, 1],
  subw: [0, 0x20, 1],
  sllw: [1, 0, 1],
  srlw: [5, 0, 1],
  sraw: [5, 0x20, 1],
  mul: [0, 1, 0],
  mulhu: [3, 1, 0],
  divu: [5, 1, 0],
  remu: [7, 1, 0],
} as const;

export type Operation = keyof typeof operations;

/** op to, a, b */
export function alu(op: Operation, to: Register, a: Register, b: Register): Instruction {
  const [funct3, funct7, narrow] = operations[op];
  return instruction(formatR(narrow ? 0x3b : 0x33, funct3, funct7, numbers[to], numbers[a], numbers[b]));
}

const immediates = { addi: 0, slti: 2, sltiu: 3, xori: 4, ori: 6, andi: 7, addiw: 0 } as const;

export type ImmediateOperation = keyof typeof immediates;

/** op to, from, value: a signed number of 12 bits. */
export function aluImmediate(op: ImmediateOperation, to: Register, from: Register, value: number): Instruction {
  const opcode = op === 'addiw' ? 0x1b : 0x13;
  return instruction(formatI(opcode, immediates[op], numbers[to], numbers[from], signed(value, 12)));
}

/** funct3, bit 10 of the immediate, width. */
const shifts = {
  slli: [1, 0, 64],
  srli: [5, 0, 64],
  srai: [5, 0x400, 64],
  slliw: [1, 0, 32],
  srliw: [5, 0, 32],
  sraiw: [5, 0x400, 32],
} as const;

export type Shift = keyof typeof shifts;

/** op to, from, count */
export function shift(op: Shift, to: Register, from: Register, count: number): Instruction {
  const [funct3, bit, width] = shifts[op];
  if (!Number.isInteger(count) || count < 0 || count >= width) throw new Error(`a shift by ${count}`);
  return instruction(formatI(width === 64 ? 0x13 : 0x1b, funct3, numbers[to], numbers[from], bit | count));
}

/** addi to, from, 0 */
export function mv(to: Register, from: Register): Instruction {
  return aluImmediate('addi', to, from, 0);
}

/** lui to, value: bits 12 to 31, sign-extended; `value` is of 20 bits. */
export function lui(to: Register, value: number): Instruction {
  return instruction((unsigned(value, 20) << 12) | (numbers[to] << 7) | 0x37);
}

/**
 * The instructions that give `to` all 64 bits of `value`, in few: lui and addiw for 32 bits, else what is above the low
 * 12 bits without its trailing zeros, moved up.
 */
export function li(to: Register, value: number | bigint): Instruction[] {
  const bits = BigInt.asIntN(64, BigInt(value));
  if (BigInt(value) >= 1n << 64n || BigInt(value) < -(1n << 63n)) throw new Error(`${value} does not fit 64 bits`);
  if (BigInt.asIntN(12, bits) === bits) return [aluImmediate('addi', to, 'zero', Number(bits))];
  const low = BigInt.asIntN(12, bits);
  if (BigInt.asIntN(32, bits) === bits) {
    const upper = lui(to, Number(BigInt.asUintN(20, (bits - low) >> 12n)));
    return low === 0n ? [upper] : [upper, aluImmediate('addiw', to, to, Number(low))];
  }
  let high = BigInt.asIntN(64, bits - low) >> 12n;
  let count = 12;
  while ((high & 1n) === 0n) {
    high >>= 1n;
    count++;
  }
  const last = low === 0n ? [] : [aluImmediate('addi', to, to, Number(low))];
  return [...li(to, high), shift('slli', to, to, count), ...last];
}

// --- memory

const loads = { lb: 0, lh: 1, lw: 2, ld: 3, lbu: 4, lhu: 5, lwu: 6 } as const;

export type Load = keyof typeof loads;

/** op to, offset(base) */
export function load(op: Load, to: Register, base: Register, offset = 0): Instruction {
  return instruction(formatI(0x03, loads[op], numbers[to], numbers[base], signed(offset, 12)));
}

const stores = { sb: 0, sh: 1, sw: 2, sd: 3 } as const;

export type Store = keyof typeof stores;

/** op from, offset(base) */
export function store(op: Store, from: Register, base: Register, offset = 0): Instruction {
  return instruction(formatS(0x23, stores[op], numbers[base], numbers[from], signed(offset, 12)));
}

// --- branches

const conditions = { beq: 0, bne: 1, blt: 4, bge: 5, bltu: 6, bgeu: 7 } as const;

export type Condition = keyof typeof conditions;

/** op a, b, label; beyond 4 KiB the opposite branch over a jump. */
export function branch(op: Condition, a: Register, b: Register, label: string): Reference {
  const word = (funct3: number, distance: number): number => formatB(funct3, numbers[a], numbers[b], distance);
  const near: Form = {
    size: 4,
    encode: (target, at) =>
      fitsSigned(target - at, 13) ? littleEndian(word(conditions[op], target - at), 4) : undefined,
  };
  const far: Form = {
    size: 8,
    encode: (target, at) => {
      const distance = target - (at + 4);
      if (!fitsSigned(distance, 21)) return undefined;
      return [...littleEndian(word(conditions[op] ^ 1, 8), 4), ...littleEndian(formatJ(0, distance), 4)];
    },
  };
  return { kind: 'reference', label, forms: [near, far] };
}

/** jal to, label */
export function jal(to: Register, label: string): Reference {
  const form: Form = {
    size: 4,
    encode: (target, at) =>
      fitsSigned(target - at, 21) ? littleEndian(formatJ(numbers[to], target - at), 4) : undefined,
  };
  return { kind: 'reference', label, forms: [form] };
}

/** jal zero, label */
export function j(label: string): Reference {
  return jal('zero', label);
}

/** jal ra, label */
export function call(label: string): Reference {
  return jal('ra', label);
}

/** jalr to, offset(base) */
export function jalr(to: Register, base: Register, offset = 0): Instruction {
  return instruction(formatI(0x67, 0, numbers[to], numbers[base], signed(offset, 12)));
}

/** jalr zero, 0(ra) */
export function ret(): Instruction {
  return jalr('zero', 'ra');
}

/** auipc to, high; addi to, to, low: the address of a label, wherever the code lies. */
export function la(to: Register, label: string): Reference {
  const n = numbers[to];
  const form: Form = {
    size: 8,
    encode: (target, at) => {
      const distance = target - at;
      const low = (distance << 20) >> 20;
      if (!fitsSigned(distance - low, 32)) return undefined;
      const high = (((distance - low) / 4096) << 12) | (n << 7) | 0x17;
      return [...littleEndian(high, 4), ...littleEndian(formatI(0x13, 0, n, n, low), 4)];
    },
  };
  return { kind: 'reference', label, forms: [form] };
}

// --- control and status

const registersOfControl = {
  sstatus: 0x100,
  sie: 0x104,
  stvec: 0x105,
  sscratch: 0x140,
  sepc: 0x141,
  scause: 0x142,
  stval: 0x143,
  satp: 0x180,
  time: 0xc01,
} as const;

export type Control = keyof typeof registersOfControl;

const controls = { csrrw: 1, csrrs: 2, csrrc: 3 } as const;

export type ControlOperation = keyof typeof controls;

/** op to, control, from */
export function csr(op: ControlOperation, to: Register, control: Control, from: Register): Instruction {
  const number = (registersOfControl[control] << 20) >> 20;
  return instruction(formatI(0x73, controls[op], numbers[to], numbers[from], number));
}

/** csrrw zero, control, from */
export function csrw(control: Control, from: Register): Instruction {
  return csr('csrrw', 'zero', control, from);
}

/** csrrs to, control, zero */
export function csrr(to: Register, control: Control): Instruction {
  return csr('csrrs', to, control, 'zero');
}

const plain_ = {
  ecall: 0x00000073,
  ebreak: 0x00100073,
  wfi: 0x10500073,
  fence: 0x0ff0000f,
  'fence.i': 0x0000100f,
  'sfence.vma': 0x12000073,
} as const;

export type Plain = keyof typeof plain_;

export const plainInstructions = Object.keys(plain_) as Plain[];

/** An instruction without operands; sfence.vma and fence: for everything. */
export function plain(name: Plain): Instruction {
  return instruction(plain_[name]);
}
