/**
 * Emits x86-64 machine code, one function for each instruction, named by its mnemonic.
 *
 * Only what stubs need: 64-bit integer code, branches, and the privileged instructions that set up a machine. Operands
 * are registers by name, numbers, and memory as base + index * scale + displacement. A function that is given what its
 * instruction cannot take throws; tests hold every one against two disassemblers.
 * Source: Intel SDM volume 2, chapters 2 (formats) and 3 to 5 (instructions).
 */
import { fitsSigned } from '../../base/arithmetic.ts';
import { type Form, type Instruction, littleEndian, type Reference } from './listing.ts';

const numbers = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

export type Register = keyof typeof numbers;

export const registers = Object.keys(numbers) as Register[];

/** [base + index * scale + displacement]; the displacement is a signed number of 32 bits. */
export interface Memory {
  readonly base: Register;
  readonly index?: Register;
  readonly scale?: 1 | 2 | 4 | 8;
  readonly displacement?: number;
}

/** Operand size in bits. */
export type Width = 8 | 16 | 32 | 64;

export function memory(base: Register, displacement = 0): Memory {
  return { base, displacement };
}

export function instruction(bytes: readonly number[]): Instruction {
  return { kind: 'instruction', bytes };
}

function checked32(value: number): readonly number[] {
  if (!fitsSigned(value, 32)) throw new Error(`${value} does not fit 32 bits`);
  return littleEndian(value, 4);
}

/** REX prefix: w for 64-bit operands, then the high bits of ModRM.reg, SIB.index and ModRM.rm or SIB.base. */
function rex(w: number, reg: number, index: number, base: number): number {
  return 0x40 | (w << 3) | ((reg >> 3) << 2) | ((index >> 3) << 1) | (base >> 3);
}

/** Prefixes, opcode and ModRM for a register operand `rm`. */
function encodeRegister(opcode: readonly number[], width: Width, reg: number, rm: number, isByte = false): number[] {
  const prefix = rex(width === 64 ? 1 : 0, reg, 0, rm);
  // Without a REX prefix byte registers 4 to 7 are AH, CH, DH and BH.
  const needed = prefix !== 0x40 || (isByte && (reg > 3 || rm > 3));
  return [...(width === 16 ? [0x66] : []), ...(needed ? [prefix] : []), ...opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7)];
}

/** Prefixes, opcode, ModRM, SIB and displacement for a memory operand. */
export function encodeMemory(
  opcode: readonly number[],
  width: Width,
  reg: number,
  operand: Memory,
  isByte = false,
): number[] {
  const { base, index, scale = 1, displacement = 0 } = operand;
  const b = numbers[base];
  const x = index === undefined ? 4 : numbers[index];
  if (index === 'rsp') throw new Error('rsp cannot be an index');
  const prefix = rex(width === 64 ? 1 : 0, reg, index === undefined ? 0 : x, b);
  const needed = prefix !== 0x40 || (isByte && reg > 3);
  // rbp and r13 as a base without displacement mean something else: they get one of 0.
  const mode = displacement === 0 && (b & 7) !== 5 ? 0 : fitsSigned(displacement, 8) ? 1 : 2;
  const sib = index !== undefined || (b & 7) === 4;
  const factor = index === undefined ? 0 : Math.log2(scale);
  return [
    ...(width === 16 ? [0x66] : []),
    ...(needed ? [prefix] : []),
    ...opcode,
    (mode << 6) | ((reg & 7) << 3) | (sib ? 4 : b & 7),
    ...(sib ? [(factor << 6) | ((x & 7) << 3) | (b & 7)] : []),
    ...(mode === 0 ? [] : mode === 1 ? littleEndian(displacement, 1) : checked32(displacement)),
  ];
}

/** The same for [rip + 0], whose displacement somebody else fills in: 4 bytes, the last ones. */
export function encodeRipRelative(opcode: readonly number[], width: 32 | 64, reg: Register): Instruction {
  const prefix = rex(width === 64 ? 1 : 0, numbers[reg], 0, 0);
  return instruction([...(prefix === 0x40 ? [] : [prefix]), ...opcode, ((numbers[reg] & 7) << 3) | 5, 0, 0, 0, 0]);
}

// --- moving

/** mov to, from */
export function mov(to: Register, from: Register, width: 32 | 64 = 64): Instruction {
  return instruction(encodeRegister([0x89], width, numbers[from], numbers[to]));
}

/** mov to, value: the shortest encoding that gives all 64 bits. */
export function movImmediate(to: Register, value: number | bigint): Instruction {
  const n = numbers[to];
  const bits = BigInt.asUintN(64, BigInt(value));
  if (BigInt(value) >= 1n << 64n || BigInt(value) < -(1n << 63n)) throw new Error(`${value} does not fit 64 bits`);
  // Writing 32 bits clears the others.
  if (bits < 1n << 32n) return instruction([...(n > 7 ? [0x41] : []), 0xb8 | (n & 7), ...littleEndian(bits, 4)]);
  if (fitsSigned(Number(BigInt.asIntN(64, bits)), 32)) {
    return instruction([...encodeRegister([0xc7], 64, 0, n), ...littleEndian(bits, 4)]);
  }
  return instruction([rex(1, 0, 0, n), 0xb8 | (n & 7), ...littleEndian(bits, 8)]);
}

/** mov to, [from]; of 8 and 16 bits the rest is cleared (movzx). */
export function load(to: Register, from: Memory, width: Width = 64): Instruction {
  const n = numbers[to];
  if (width === 8) return instruction(encodeMemory([0x0f, 0xb6], 32, n, from));
  if (width === 16) return instruction(encodeMemory([0x0f, 0xb7], 32, n, from));
  return instruction(encodeMemory([0x8b], width, n, from));
}

/** mov [to], from */
export function store(to: Memory, from: Register, width: Width = 64): Instruction {
  const isByte = width === 8;
  return instruction(encodeMemory([isByte ? 0x88 : 0x89], width, numbers[from], to, isByte));
}

/** mov [to], value, which is sign-extended from 32 bits. */
export function storeImmediate(to: Memory, value: number, width: 32 | 64 = 64): Instruction {
  return instruction([...encodeMemory([0xc7], width, 0, to), ...checked32(value)]);
}

/** lea to, [address] */
export function lea(to: Register, address: Memory): Instruction {
  return instruction(encodeMemory([0x8d], 64, numbers[to], address));
}

export function push(from: Register): Instruction {
  const n = numbers[from];
  return instruction([...(n > 7 ? [0x41] : []), 0x50 | (n & 7)]);
}

export function pop(to: Register): Instruction {
  const n = numbers[to];
  return instruction([...(n > 7 ? [0x41] : []), 0x58 | (n & 7)]);
}

/** push [from] */
export function pushMemory(from: Memory): Instruction {
  return instruction(encodeMemory([0xff], 32, 6, from));
}

/** pop [to]; an address by rsp would be taken after the pop. */
export function popMemory(to: Memory): Instruction {
  if (to.base === 'rsp') throw new Error('pop to an address by rsp');
  return instruction(encodeMemory([0x8f], 32, 0, to));
}

/** xchg a, b */
export function xchg(a: Register, b: Register): Instruction {
  return instruction(encodeRegister([0x87], 64, numbers[b], numbers[a]));
}

// --- arithmetic

const arithmetic = { add: 0, or: 1, adc: 2, sbb: 3, and: 4, sub: 5, xor: 6, cmp: 7 } as const;

export type Arithmetic = keyof typeof arithmetic;

/** op to, from; of 32 bits the upper ones are cleared. */
export function alu(op: Arithmetic, to: Register, from: Register, width: 32 | 64 = 64): Instruction {
  return instruction(encodeRegister([(arithmetic[op] << 3) | 1], width, numbers[from], numbers[to]));
}

/** op to, value, which is sign-extended from 32 bits. */
export function aluImmediate(op: Arithmetic, to: Register, value: number, width: 32 | 64 = 64): Instruction {
  const short = fitsSigned(value, 8);
  const head = encodeRegister([short ? 0x83 : 0x81], width, arithmetic[op], numbers[to]);
  return instruction([...head, ...(short ? littleEndian(value, 1) : checked32(value))]);
}

/** op to, [from] */
export function aluLoad(op: Arithmetic, to: Register, from: Memory, width: 32 | 64 = 64): Instruction {
  return instruction(encodeMemory([(arithmetic[op] << 3) | 3], width, numbers[to], from));
}

/** op [to], from */
export function aluStore(op: Arithmetic, to: Memory, from: Register, width: 32 | 64 = 64): Instruction {
  return instruction(encodeMemory([(arithmetic[op] << 3) | 1], width, numbers[from], to));
}

/** cmp qword [a], value, which is sign-extended from 32 bits. */
export function compareImmediate(a: Memory, value: number): Instruction {
  return instruction([...encodeMemory([0x81], 64, 7, a), ...checked32(value)]);
}

/** test a, b */
export function test(a: Register, b: Register, width: 32 | 64 = 64): Instruction {
  return instruction(encodeRegister([0x85], width, numbers[b], numbers[a]));
}

/** test a, value, which is sign-extended from 32 bits. */
export function testImmediate(a: Register, value: number, width: 32 | 64 = 64): Instruction {
  return instruction([...encodeRegister([0xf7], width, 0, numbers[a]), ...checked32(value)]);
}

const shifts = { rol: 0, ror: 1, shl: 4, shr: 5, sar: 7 } as const;

export type Shift = keyof typeof shifts;

/** op to, count */
export function shift(op: Shift, to: Register, count: number, width: 32 | 64 = 64): Instruction {
  if (!Number.isInteger(count) || count < 1 || count >= width) throw new Error(`a shift by ${count}`);
  return instruction([...encodeRegister([0xc1], width, shifts[op], numbers[to]), count]);
}

const unary = { not: 2, neg: 3, mul: 4, div: 6 } as const;

export type Unary = keyof typeof unary;

/** not, neg: in place; mul, div: of rdx:rax. */
export function one(op: Unary, operand: Register, width: 32 | 64 = 64): Instruction {
  return instruction(encodeRegister([0xf7], width, unary[op], numbers[operand]));
}

/** imul to, from */
export function imul(to: Register, from: Register): Instruction {
  return instruction(encodeRegister([0x0f, 0xaf], 64, numbers[to], numbers[from]));
}

// --- branches

const conditions = {
  o: 0,
  no: 1,
  b: 2,
  ae: 3,
  e: 4,
  ne: 5,
  be: 6,
  a: 7,
  s: 8,
  ns: 9,
  p: 10,
  np: 11,
  l: 12,
  ge: 13,
  le: 14,
  g: 15,
} as const;

/** b, ae: also carry and no carry, as rdrand and rdseed answer. */
export type Condition = keyof typeof conditions;

/** A form of `size` bytes that ends in a distance of `width` bytes from its end. */
function relative(opcode: readonly number[], width: 1 | 4): Form {
  const size = opcode.length + width;
  return {
    size,
    encode: (target, at) => {
      const distance = target - (at + size);
      return fitsSigned(distance, 8 * width) ? [...opcode, ...littleEndian(distance, width)] : undefined;
    },
  };
}

function reference(label: string, forms: readonly Form[]): Reference {
  return { kind: 'reference', label, forms };
}

export function jmp(label: string): Reference {
  return reference(label, [relative([0xeb], 1), relative([0xe9], 4)]);
}

export function jcc(condition: Condition, label: string): Reference {
  const c = conditions[condition];
  return reference(label, [relative([0x70 | c], 1), relative([0x0f, 0x80 | c], 4)]);
}

export function call(label: string): Reference {
  return reference(label, [relative([0xe8], 4)]);
}

/** lea to, [rip + label] */
export function leaLabel(to: Register, label: string): Reference {
  const n = numbers[to];
  return reference(label, [relative([rex(1, n, 0, 0), 0x8d, ((n & 7) << 3) | 5], 4)]);
}

/** jmp to: to the address in a register. */
export function jmpRegister(to: Register): Instruction {
  return instruction(encodeRegister([0xff], 32, 4, numbers[to]));
}

export function ret(): Instruction {
  return instruction([0xc3]);
}

/** set 1 or 0 in the low byte; the rest stays. */
export function setcc(condition: Condition, to: Register): Instruction {
  return instruction(encodeRegister([0x0f, 0x90 | conditions[condition]], 32, 0, numbers[to], true));
}

export function cmovcc(condition: Condition, to: Register, from: Register): Instruction {
  return instruction(encodeRegister([0x0f, 0x40 | conditions[condition]], 64, numbers[to], numbers[from]));
}

// --- the machine

const controls = { cr0: 0, cr2: 2, cr3: 3, cr4: 4 } as const;

export type Control = keyof typeof controls;

/** mov to, cr */
export function readControl(to: Register, from: Control): Instruction {
  const n = numbers[to];
  return instruction([...(n > 7 ? [0x41] : []), 0x0f, 0x20, 0xc0 | (controls[from] << 3) | (n & 7)]);
}

/** mov cr, from */
export function writeControl(to: Control, from: Register): Instruction {
  const n = numbers[from];
  return instruction([...(n > 7 ? [0x41] : []), 0x0f, 0x22, 0xc0 | (controls[to] << 3) | (n & 7)]);
}

/** Random bits and CF = 1, or 0 and CF = 0 when there are none. */
export function rdrand(to: Register): Instruction {
  return instruction(encodeRegister([0x0f, 0xc7], 64, 6, numbers[to]));
}

/** As rdrand, from the entropy source itself. */
export function rdseed(to: Register): Instruction {
  return instruction(encodeRegister([0x0f, 0xc7], 64, 7, numbers[to]));
}

/** invlpg [address] */
export function invlpg(address: Memory): Instruction {
  return instruction(encodeMemory([0x0f, 0x01], 32, 7, address));
}

/** Instructions without operands: what they use is in fixed registers. */
const fixed = {
  /** Time-stamp counter in edx:eax. */
  rdtsc: [0x0f, 0x31],
  /** Leaf eax, subleaf ecx; answers in eax, ebx, ecx, edx. */
  cpuid: [0x0f, 0xa2],
  /** MSR ecx from and to edx:eax. */
  rdmsr: [0x0f, 0x32],
  wrmsr: [0x0f, 0x30],
  /** PKRU from and to eax; ecx and edx are 0. */
  rdpkru: [0x0f, 0x01, 0xee],
  wrpkru: [0x0f, 0x01, 0xef],
  /** Lets supervisor code touch user pages, or not: EFLAGS.AC. */
  stac: [0x0f, 0x01, 0xcb],
  clac: [0x0f, 0x01, 0xca],
  cli: [0xfa],
  sti: [0xfb],
  hlt: [0xf4],
  cld: [0xfc],
  pause: [0xf3, 0x90],
  nop: [0x90],
  ud2: [0x0f, 0x0b],
  /** rcx times rax to [rdi], 8 bytes each. */
  'rep stosq': [0xf3, 0x48, 0xab],
  /** rcx bytes from [rsi] to [rdi]. */
  'rep movsb': [0xf3, 0xa4],
  /** eax to port dx. */
  'out dx, eax': [0xef],
} as const;

export type Plain = keyof typeof fixed;

export const plainInstructions = Object.keys(fixed) as Plain[];

export function plain(name: Plain): Instruction {
  return instruction(fixed[name]);
}
