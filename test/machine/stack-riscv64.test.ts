/** What RISC-V code does to its stack is a number where every path shows it, and a problem by name elsewhere. */
import { describe, expect, it } from 'vitest';
import { riscvRegisters, riscvStep } from '../../machine/stack-riscv64.ts';
import { stackUse } from '../../machine/stack-use.ts';

const [ZERO, RA, SP, T0, S0, A0, A1] = [0, 1, 2, 5, 8, 10, 11];
const BASE = 0x1000;

const iType = (op: number, f3: number, rd: number, rs1: number, imm: number): number =>
  (((imm & 0xfff) << 20) | (rs1 << 15) | (f3 << 12) | (rd << 7) | op) >>> 0;
const addi = (rd: number, rs1: number, imm: number): number => iType(0x13, 0, rd, rs1, imm);
const addiw = (rd: number, rs1: number, imm: number): number => iType(0x1b, 0, rd, rs1, imm);
const andi = (rd: number, rs1: number, imm: number): number => iType(0x13, 7, rd, rs1, imm);
const lw = (rd: number, rs1: number, imm: number): number => iType(0x03, 2, rd, rs1, imm);
const jalr = (rd: number, rs1: number, imm = 0): number => iType(0x67, 0, rd, rs1, imm);
const rType = (f7: number, rd: number, rs1: number, rs2: number): number =>
  ((f7 << 25) | (rs2 << 20) | (rs1 << 15) | (rd << 7) | 0x33) >>> 0;
const add = (rd: number, rs1: number, rs2: number): number => rType(0, rd, rs1, rs2);
const sub = (rd: number, rs1: number, rs2: number): number => rType(0x20, rd, rs1, rs2);
const lui = (rd: number, pages: number): number => ((pages << 12) | (rd << 7) | 0x37) >>> 0;
const auipc = (rd: number, pages: number): number => ((pages << 12) | (rd << 7) | 0x17) >>> 0;
/** By bytes, small ones, forwards or back. */
const beqz = (rs1: number, by: number): number =>
  (((by & 0x1000) << 19) | ((by & 0x7e0) << 20) | (rs1 << 15) | ((by & 0x1e) << 7) | ((by & 0x800) >> 4) | 0x63) >>> 0;
const jal = (rd: number, by: number): number =>
  (((by & 0x100000) << 11) | ((by & 0x7fe) << 20) | ((by & 0x800) << 9) | (by & 0xff000) | (rd << 7) | 0x6f) >>> 0;
const ret = jalr(ZERO, RA);

function use(words: readonly number[], table: readonly number[] = []) {
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  const end = BigInt(BASE + bytes.length);
  const step = (at: bigint) => riscvStep(bytes, Number(at) - BASE, BASE);
  const tables = (at: bigint, relative: boolean): bigint[] =>
    at === 0x8000n && relative ? table.map((one) => BigInt(BASE + one * 4)) : [];
  // What is known of registers at each instruction is another's affair.
  const { depths: _, ...rest } = stackUse(BigInt(BASE), end, step, tables, riscvRegisters(undefined));
  return rest;
}

const frame = (size: number): number => addi(SP, SP, -size);

describe('a number', () => {
  it('for frames, the deepest of the ways to an instruction, and what is called there', () => {
    const both = [frame(16), beqz(A0, 16), frame(32), jal(RA, 0x1000), addi(SP, SP, 32), addi(SP, SP, 16), ret];
    expect(use(both)).toEqual({
      deepest: 48,
      calls: [{ at: BigInt(BASE + 12), target: BigInt(BASE + 12 + 0x1000), depth: 48 }],
    });
  });

  it('for a frame whose size is put together, up and down, and for one that is aligned', () => {
    const large = [
      lui(T0, 2),
      addiw(T0, T0, -192),
      sub(SP, SP, T0),
      lui(A0, -2),
      addi(A0, A0, 192),
      sub(SP, SP, A0),
      ret,
    ];
    expect(use(large)).toEqual({ deepest: 8000, calls: [] });
    expect(use([lui(T0, -1), add(SP, SP, T0), lui(T0, 1), add(SP, T0, SP), ret])).toEqual({ deepest: 4096, calls: [] });
    const aligned = [frame(192), addi(S0, SP, 192), andi(SP, SP, -64), addi(SP, S0, -192), addi(SP, SP, 192), ret];
    expect(use(aligned)).toEqual({ deepest: 255, calls: [] });
  });

  it('for a call and a tail call over two instructions, wherever they go', () => {
    const far = [frame(16), auipc(RA, 0x100), jalr(RA, RA, 8), addi(SP, SP, 16), auipc(T0, 0x200), jalr(ZERO, T0, 4)];
    expect(use(far).calls).toEqual([
      { at: BigInt(BASE + 8), target: BigInt(BASE + 4 + 0x100000 + 8), depth: 16 },
      { at: BigInt(BASE + 20), target: BigInt(BASE + 16 + 0x200000 + 4), depth: 0, isJump: true },
    ]);
  });

  it('for a jump by a table, also where its address is kept over a call', () => {
    const code = [lui(S0, 8), jal(RA, 0x800), add(A0, A0, S0), lw(A0, A0, 0), add(A0, A0, S0), jalr(ZERO, A0)];
    const cases = [frame(64), addi(SP, SP, 64), ret, frame(96), addi(SP, SP, 96), ret];
    expect(use([...code, ...cases], [6, 9])).toMatchObject({ deepest: 96, calls: [{ depth: 0 }] });
    expect(use([...code, ...cases], [6, 9])).not.toHaveProperty('problem');
    // In a register that callees change it is forgotten.
    const changed = [lui(A1, 8), jal(RA, 0x800), add(A0, A0, A1), lw(A0, A0, 0), add(A0, A0, A1), jalr(ZERO, A0)];
    expect(use([...changed, ...cases], [6, 9]).problem?.text).toMatch(/^a jump to where a register or memory says/);
  });
});

describe('a problem', () => {
  it.each([
    ['a frame of a size that is not known', [sub(SP, SP, A0), ret], /changed by a register whose value is not known/],
    [
      'one of a size that two paths give differently',
      [lui(T0, 1), beqz(A0, 8), lui(T0, 2), sub(SP, SP, T0), ret],
      /changed by a register whose value is not known/,
    ],
    ['a stack pointer from elsewhere', [addi(SP, A0, 0), ret], /computed in a way/],
    ['one that is loaded', [iType(0x03, 3, SP, A0, 0), ret], /computed in a way/],
    ['a frame pointer that is none', [addi(SP, S0, -16), ret], /restored from a register/],
    ['a loop that falls', [frame(16), beqz(A0, -4), jal(ZERO, 0)], /grows with each round/],
    ['a return from another depth', [frame(16), ret], /another stack pointer than it was called with/],
    ['a link in another register', [jal(T0, 0x100), ret], /return address in another register than ra/],
    ['a jump through a pointer', [jalr(ZERO, A0)], /fno-optimize-sibling-calls/],
    ['a return from a trap', [0x10200073], /a jump to where a register or memory says/],
    ['what is no instruction', [frame(16), 0xffffffff], /there is no instruction/],
    ['a function that does not end', [frame(16)], /has no end/],
  ])('%s', (_, code, text) => {
    expect(use(code).problem?.text).toMatch(text);
  });
});
