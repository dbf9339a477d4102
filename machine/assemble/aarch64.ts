/**
 * Emits A64 machine code, one function for each format, its instructions named by their mnemonics.
 *
 * Only what the stub before a kernel needs: moves, sums, loads and stores, branches, system registers and barriers.
 * Operands are registers by their names; `xzr` is where an instruction has it in that place, never the stack pointer. A
 * function that is given what its instruction cannot take throws; tests hold every one against two disassemblers.
 * Source: Arm Architecture Reference Manual for A-profile architecture (DDI 0487), chapters C4 and C6.
 */
import { fitsSigned } from '../../base/arithmetic.ts';
import { type Form, type Instruction, littleEndian, type Reference } from './listing.ts';

export const registers = [...Array.from({ length: 31 }, (_, i) => `x${i}`), 'xzr'] as const;

/** x0 to x30, and the zero register. */
export type Register = (typeof registers)[number];

function numberOf(register: Register): number {
  const number = registers.indexOf(register);
  if (number < 0) throw new Error(`no register ${register}`);
  return number;
}

function instruction(word: number): Instruction {
  return { kind: 'instruction', bytes: littleEndian(word >>> 0, 4) };
}

function unsigned(value: number, bits: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) throw new Error(`${value} is not of ${bits} bits`);
  return value;
}

// --- numbers

const moves = { movn: 0x92800000, movz: 0xd2800000, movk: 0xf2800000 } as const;

export type Move = keyof typeof moves;

/** op to, #value, lsl #(16 * group) */
export function moveWide(op: Move, to: Register, value: number, group = 0): Instruction {
  return instruction(moves[op] | (unsigned(group, 2) << 21) | (unsigned(value, 16) << 5) | numberOf(to));
}

/** The instructions that give `to` all 64 bits of `value`: one for each group of 16 bits that is not zero. */
export function li(to: Register, value: number | bigint): Instruction[] {
  const bits = BigInt(value);
  if (bits >= 1n << 64n || bits < -(1n << 63n)) throw new Error(`${value} does not fit 64 bits`);
  const groups = [0, 1, 2, 3]
    .map((group) => ({ group, piece: Number((BigInt.asUintN(64, bits) >> BigInt(16 * group)) & 0xffffn) }))
    .filter(({ piece }) => piece !== 0);
  const [first = { group: 0, piece: 0 }, ...rest] = groups;
  return [
    moveWide('movz', to, first.piece, first.group),
    ...rest.map(({ group, piece }) => moveWide('movk', to, piece, group)),
  ];
}

// --- arithmetic

const operations = { add: 0x8b000000, sub: 0xcb000000, subs: 0xeb000000, and: 0x8a000000, orr: 0xaa000000 } as const;

export type Operation = keyof typeof operations;

/** op to, a, b */
export function alu(op: Operation, to: Register, a: Register, b: Register): Instruction {
  return instruction(operations[op] | (numberOf(b) << 16) | (numberOf(a) << 5) | numberOf(to));
}

/** orr to, xzr, from */
export function mov(to: Register, from: Register): Instruction {
  return alu('orr', to, 'xzr', from);
}

/** subs xzr, a, b */
export function cmp(a: Register, b: Register): Instruction {
  return alu('subs', 'xzr', a, b);
}

/** add to, from, #value: of 12 bits. Neither may be xzr, whose number means the stack pointer here. */
export function addImmediate(to: Register, from: Register, value: number): Instruction {
  if (to === 'xzr' || from === 'xzr') throw new Error('add to or from xzr');
  return instruction(0x91000000 | (unsigned(value, 12) << 10) | (numberOf(from) << 5) | numberOf(to));
}

/** rev wTo, wFrom: the low four bytes in the other order; the high ones become zero. */
export function reverseWord(to: Register, from: Register): Instruction {
  return instruction(0x5ac00800 | (numberOf(from) << 5) | numberOf(to));
}

/** bfi to, from, #at, #width: puts the lowest bits of `from` into `to`. */
export function insertBits(to: Register, from: Register, at: number, width: number): Instruction {
  const rotate = (64 - unsigned(at, 6)) & 63;
  if (width < 1 || at + width > 64) throw new Error(`${width} bits at ${at}`);
  return instruction(0xb3400000 | (rotate << 16) | ((width - 1) << 10) | (numberOf(from) << 5) | numberOf(to));
}

// --- memory

/** Opcode and bytes of what is loaded or stored: ldrw and strw are of a register's low half. */
const accesses = {
  ldr: [0xf9400000, 8],
  str: [0xf9000000, 8],
  ldrw: [0xb9400000, 4],
  strw: [0xb9000000, 4],
} as const;

export type Access = keyof typeof accesses;

function base(register: Register): number {
  if (register === 'xzr') throw new Error('an address in xzr');
  return numberOf(register);
}

/** op register, [from, #offset]: a multiple of what is accessed. */
export function access(op: Access, register: Register, from: Register, offset = 0): Instruction {
  const [opcode, size] = accesses[op];
  const scaled = unsigned(offset / size, 12);
  return instruction(opcode | (scaled << 10) | (base(from) << 5) | numberOf(register));
}

const indexed = { ldr: 0xf8400400, str: 0xf8000400 } as const;

/** op register, [from], #step: the address is moved on afterwards. */
export function accessAndStep(op: keyof typeof indexed, register: Register, from: Register, step: number): Instruction {
  if (!Number.isInteger(step) || !fitsSigned(step, 9)) throw new Error(`a step of ${step}`);
  return instruction(indexed[op] | ((step & 0x1ff) << 12) | (base(from) << 5) | numberOf(register));
}

// --- branches

/** A form of 4 bytes whose distance, counted in 4, has so many bits. */
function branchForm(bits: number, word: (distance: number) => number): readonly Form[] {
  const encode = (target: number, at: number) =>
    (target - at) % 4 === 0 && fitsSigned(target - at, bits + 2)
      ? littleEndian(word(((target - at) / 4) & (2 ** bits - 1)) >>> 0, 4)
      : undefined;
  return [{ size: 4, encode }];
}

/** b label */
export function b(label: string): Reference {
  return { kind: 'reference', label, forms: branchForm(26, (distance) => 0x14000000 | distance) };
}

const conditions = { eq: 0, ne: 1, hs: 2, lo: 3, hi: 8, ls: 9 } as const;

export type Condition = keyof typeof conditions;

/** b.condition label */
export function branch(condition: Condition, label: string): Reference {
  const forms = branchForm(19, (distance) => 0x54000000 | (distance << 5) | conditions[condition]);
  return { kind: 'reference', label, forms };
}

/** cbz register, label */
export function branchIfZero(register: Register, label: string): Reference {
  const forms = branchForm(19, (distance) => 0xb4000000 | (distance << 5) | numberOf(register));
  return { kind: 'reference', label, forms };
}

/** br register */
export function br(register: Register): Instruction {
  return instruction(0xd61f0000 | (numberOf(register) << 5));
}

/** adr to, label: within 1 MiB. */
export function adr(to: Register, label: string): Reference {
  const encode = (target: number, at: number) => {
    const distance = target - at;
    if (!fitsSigned(distance, 21)) return undefined;
    const fields = ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5);
    return littleEndian((0x10000000 | fields | numberOf(to)) >>> 0, 4);
  };
  return { kind: 'reference', label, forms: [{ size: 4, encode }] };
}

// --- the system

/** op0, op1, CRn, CRm and op2 of system registers: DDI 0487, chapter D23. */
const systemRegisters = {
  sctlr_el1: [3, 0, 1, 0, 0],
  ttbr0_el1: [3, 0, 2, 0, 0],
  ttbr1_el1: [3, 0, 2, 0, 1],
  tcr_el1: [3, 0, 2, 0, 2],
  mair_el1: [3, 0, 10, 2, 0],
  id_aa64mmfr0_el1: [3, 0, 0, 7, 0],
  sctlr_el2: [3, 4, 1, 0, 0],
  ttbr0_el2: [3, 4, 2, 0, 0],
  tcr_el2: [3, 4, 2, 0, 2],
  mair_el2: [3, 4, 10, 2, 0],
} as const;

export type SystemRegister = keyof typeof systemRegisters;

export const systemRegisterNames = Object.keys(systemRegisters) as SystemRegister[];

function systemFields(name: SystemRegister): number {
  const [op0, op1, crn, crm, op2] = systemRegisters[name];
  return ((op0 - 2) << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5);
}

/** mrs to, from */
export function mrs(to: Register, from: SystemRegister): Instruction {
  return instruction(0xd5300000 | systemFields(from) | numberOf(to));
}

/** msr to, from */
export function msr(to: SystemRegister, from: Register): Instruction {
  return instruction(0xd5100000 | systemFields(to) | numberOf(from));
}

const plains = {
  isb: 0xd5033fdf,
  'dsb sy': 0xd5033f9f,
  'tlbi vmalle1': 0xd508871f,
  'tlbi alle2': 0xd50c871f,
  'ic iallu': 0xd508751f,
  wfi: 0xd503207f,
} as const;

export type Plain = keyof typeof plains;

export const plainNames = Object.keys(plains) as Plain[];

/** Instructions without operands. */
export function plain(name: Plain): Instruction {
  return instruction(plains[name]);
}
