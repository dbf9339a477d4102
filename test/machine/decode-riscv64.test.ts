/**
 * The RISC-V decoder held against a disassembler (objdump): over all code of real libraries, and over every
 * compressed instruction there is.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readElfFile } from '../../linker/elf-file.ts';
import { createInstruction, decodeRiscv64, type Instruction, Kind } from '../../machine/decode-riscv64.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';

const registers = Array.from({ length: 32 }, (_, i) => `x${i}`);
const loads = /^(c\.)?(l[bhwd]u?|fl[wd]|lr\.[wd].*|sc\.[wd].*|amo\w+\.[wd].*|l[wd]sp|fl[wd]sp)$/;
const stores = /^(c\.)?(s[bhwd]|fs[wd]|s[wd]sp|fs[wd]sp)$/;
const branches = /^(c\.)?b(eq|ne|lt|ge|ltu|geu|eqz|nez)$/;

/** What a line of the disassembly says, in the decoder's terms; undefined for operands that are not compared. */
function meaning(address: number, mnemonic: string, operands: readonly string[]): Partial<Instruction> {
  const number = (text: string): number => registers.indexOf(text);
  const name = mnemonic.replace(/^c\./, '');
  const memory = /^(-?(?:0x)?[0-9a-f]*)\((x\d+)\)$/.exec(operands.at(-1) ?? '');
  const target = (text: string): number => Number.parseInt(text, 16) - address;
  if (mnemonic.startsWith('.')) return { kind: Kind.invalid };
  if (loads.test(mnemonic)) {
    const imm = Number(memory![1] === '' ? 0 : memory![1]);
    return { kind: Kind.load, rd: Math.max(0, number(operands[0]!)), rs1: number(memory![2]!), imm };
  }
  if (stores.test(mnemonic)) return { kind: Kind.store, rs1: number(memory![2]!), imm: Number(memory![1]) };
  if (branches.test(mnemonic)) return { kind: Kind.branch, rs1: number(operands[0]!), imm: target(operands.at(-1)!) };
  switch (name) {
    case 'auipc':
    case 'lui': {
      // Printed as 20 bits, sign-extended from six in compressed form.
      const imm = (Number(operands[1]) << 12) | 0;
      return { kind: name === 'lui' ? Kind.lui : Kind.auipc, rd: number(operands[0]!), imm };
    }
    case 'jal':
      return { kind: Kind.jal, rd: number(operands[0]!), imm: target(operands[1]!) };
    case 'j':
      return { kind: Kind.jal, rd: 0, imm: target(operands[0]!) };
    case 'jalr':
      if (mnemonic === 'c.jalr') return { kind: Kind.jalr, rd: 1, rs1: number(operands[0]!), imm: 0 };
      return { kind: Kind.jalr, rd: number(operands[0]!), rs1: number(memory![2]!), imm: Number(memory![1]) };
    case 'jr':
      return { kind: Kind.jalr, rd: 0, rs1: number(operands[0]!), imm: 0 };
    case 'addi':
      if (operands.length === 2)
        return { kind: Kind.addi, rd: number(operands[0]!), rs1: number(operands[0]!), imm: Number(operands[1]) };
      return { kind: Kind.addi, rd: number(operands[0]!), rs1: number(operands[1]!), imm: Number(operands[2]) };
    case 'addi16sp':
      // Reserved by the manual, printed all the same.
      if (operands[1] === '0') return { kind: Kind.invalid };
      return { kind: Kind.addi, rd: 2, rs1: 2, imm: Number(operands[1]) };
    case 'addi4spn':
      return { kind: Kind.addi, rd: number(operands[0]!), rs1: 2, imm: Number(operands[2]) };
    case 'li':
      return { kind: Kind.addi, rd: number(operands[0]!), rs1: 0, imm: Number(operands[1]) };
    case 'mv':
      return { kind: Kind.addi, rd: number(operands[0]!), rs1: number(operands[1]!), imm: 0 };
    case 'nop':
      return { kind: Kind.addi, rd: 0, rs1: 0 };
    case 'unimp':
    case 'ecall':
    case 'ebreak':
    case 'mret':
    case 'sret':
    case 'wfi':
    case 'sfence.vma':
      return { kind: Kind.system };
  }
  if (/^csr/.test(name)) return { kind: Kind.system, rd: number(operands[0]!) };
  return { kind: Kind.other, rd: Math.max(0, /^f(ence|s)/.test(name) ? 0 : number(operands[0] ?? '')) };
}

interface Line {
  readonly address: number;
  readonly length: number;
  readonly text: string;
  readonly meaning: Partial<Instruction>;
}

async function disassembly(path: string): Promise<Line[]> {
  const flags = ['-d', '-M', 'no-aliases,numeric'];
  const text = await runOrThrow(requireTool('riscv64-linux-gnu-objdump'), [...flags, path], { timeout: 300_000 });
  return text.split('\n').flatMap((line) => {
    const found = /^\s*([0-9a-f]+):\t([0-9a-f]+)\s+(\S+)(?:\s+(.*))?$/.exec(line);
    if (!found) return [];
    const [, at, bytes, mnemonic, rest = ''] = found;
    const address = Number.parseInt(at!, 16);
    const operands = rest
      .replace(/ [<#].*$/, '')
      .split(/,\s*/)
      .filter((operand) => operand !== '');
    const length = bytes!.length / 2;
    return [{ address, length, text: line, meaning: meaning(address, mnemonic!, operands) }];
  });
}

/** The first lines that the decoder reads otherwise. */
function differences(lines: readonly Line[], bytesAt: (address: number) => Uint8Array): string[] {
  const instruction = createInstruction();
  const found: string[] = [];
  for (const line of lines) {
    decodeRiscv64(bytesAt(line.address), 0, instruction);
    const read: Partial<Instruction> = instruction;
    const wrong = Object.entries(line.meaning).filter(([key, value]) => read[key as keyof Instruction] !== value);
    if (wrong.length === 0 && instruction.length === line.length) continue;
    found.push(`${line.text.trim()}: read as ${JSON.stringify(instruction)}, expected ${JSON.stringify(line.meaning)}`);
    if (found.length > 5) break;
  }
  return found;
}

describe('RISC-V code', () => {
  it.each([
    '/usr/riscv64-linux-gnu/lib/libc.so.6',
    ...(process.env['CASEMATE_LONG'] === undefined ? [] : ['/usr/riscv64-linux-gnu/lib/libstdc++.so.6']),
  ])(
    'of %s is read as the disassembler reads it',
    async (path) => {
      const lines = await disassembly(path);
      expect(lines.length).toBeGreaterThan(100_000);
      const file = readElfFile(readFileSync(path), path);
      const sections = file.sections.filter(({ flags, data }) => (flags & 4) !== 0 && data.length > 0);
      const bytesAt = (address: number): Uint8Array => {
        const within = sections.find(
          (each) => address >= Number(each.address) && address < Number(each.address) + each.size,
        );
        return within!.data.subarray(address - Number(within!.address));
      };
      expect(differences(lines, bytesAt)).toEqual([]);
    },
    300_000,
  );

  it('is read so in every compressed form', async () => {
    const folder = temporaryFolder('decode');
    const halves = Array.from({ length: 0x10000 }, (_, i) => i).filter((half) => (half & 3) !== 3);
    const bytes = Buffer.alloc(2 * halves.length);
    halves.forEach((half, i) => {
      bytes.writeUInt16LE(half, 2 * i);
    });
    writeFileSync(join(folder, 'all.S'), `.text\n.incbin "all.bin"\n`);
    writeFileSync(join(folder, 'all.bin'), bytes);
    const at = { cwd: folder };
    await runOrThrow(requireTool('clang'), ['--target=riscv64', '-march=rv64gc', '-c', 'all.S', '-o', 'all.o'], at);
    const lines = await disassembly(join(folder, 'all.o'));
    expect(lines.length).toBe(halves.length);
    expect(differences(lines, (address) => bytes.subarray(address, address + 2))).toEqual([]);
  }, 120_000);

  it('never fails to be read: what is cut off or longer is invalid and ends within its bytes', () => {
    const instruction = createInstruction();
    for (const bytes of [[], [0x13], [0x13, 0x05], [0x13, 0x05, 0], [0x1f, 0, 0, 0, 0, 0], [0x7f, 0, 0, 0]]) {
      decodeRiscv64(Uint8Array.from(bytes), 0, instruction);
      expect(instruction.kind).toBe(Kind.invalid);
      expect(instruction.length).toBeLessThanOrEqual(bytes.length);
    }
  });
});
