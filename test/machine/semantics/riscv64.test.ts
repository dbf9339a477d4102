/** The meaning of RV64IMC instructions against a processor: many random ones in one program, run by QEMU and by us. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createDraw } from '../../../analyzers/interpreter/sample.ts';
import { patterns } from '../../../machine/semantics/algebra.ts';
import { operationAt } from '../../../machine/semantics/riscv64.ts';
import { RETURN, type Run } from '../../../proofs/validation/run.ts';
import { runRiscv64 } from '../../../proofs/validation/run-riscv64.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool } from '../../support/tools.ts';

const registers = ['a2', 'a3', 'a4', 'a5', 'a6', 'a7', 't0', 't1', 't2', 't3', 't4', 's0', 's1'];
const three =
  'add sub sll slt sltu xor srl sra or and mul div divu rem remu addw subw sllw srlw sraw mulw divw divuw remw remuw';
const immediate = 'addi slti sltiu xori ori andi addiw';
const loads = 'lb lh lw ld lbu lhu lwu';
const branches = 'beq bne blt bge bltu bgeu';
const ROUNDS = 600;
const INPUT = 256;

/** Instructions of every kind in turn, on random registers; the compressed forms come by themselves where they fit. */
function body(): string[] {
  const draw = createDraw(11);
  const pick = (words: string): string => words.split(' ')[draw(words.split(' ').length)];
  const register = (): string => registers[draw(registers.length)];
  const lines: string[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const [d, a, b] = [register(), draw(3) === 0 ? 'zero' : register(), register()];
    lines.push(`${three.split(' ')[i % 25]} ${d}, ${draw(2) === 0 ? d : a}, ${b}`);
    lines.push(
      `${pick(immediate)} ${d}, ${draw(2) === 0 ? d : b}, ${draw(2) === 0 ? draw(64) - 32 : draw(4096) - 2048}`,
    );
    lines.push(`${pick('slli srli srai')} ${b}, ${draw(2) === 0 ? b : d}, ${1 + draw(63)}`);
    lines.push(`${pick('slliw srliw sraiw')} ${d}, ${b}, ${draw(32)}`);
    lines.push(`${pick(loads)} ${register()}, ${draw(INPUT / 8) * 8}(a0)`);
    lines.push(`${pick('sb sh sw sd')} ${register()}, ${draw(INPUT / 8) * 8}(a0)`);
    lines.push(
      `${pick(branches)} ${register()}, ${draw(2) === 0 ? 'zero' : register()}, 1f`,
      `lui ${register()}, ${draw(1 << 20)}`,
      '1:',
    );
    lines.push(
      `mv ${register()}, ${register()}`,
      `${pick('neg not negw sext.w snez seqz')} ${register()}, ${register()}`,
    );
    if (i % 50 === 0)
      lines.push(
        'j 1f',
        'ebreak',
        '1:',
        'auipc t5, 0',
        'addi t5, t5, 8',
        'jalr t6, 2(t5)',
        'sub t5, t5, t6',
        `mv ${register()}, t5`,
      );
  }
  return lines;
}

it('leaves in registers and memory what a processor leaves there', async () => {
  const folder = temporaryFolder('semantics');
  const at = (name: string): string => join(folder, name);
  const saved = ['s0', 's1'];
  const code = [
    '.text\n.globl trial\n.type trial, @function\ntrial:',
    'addi sp, sp, -16',
    ...saved.map((name, i) => `sd ${name}, ${8 * i}(sp)`),
    ...registers.map((name, i) => `ld ${name}, ${8 * i}(a0)`),
    ...body(),
    ...registers.map((name, i) => `sd ${name}, ${8 * i}(a1)`),
    ...saved.map((name, i) => `ld ${name}, ${8 * i}(sp)`),
    'addi sp, sp, 16\nret\n.size trial, . - trial',
  ];
  const draw = createDraw(5);
  const input = Array.from({ length: INPUT }, () => (draw(4) === 0 ? [0, 255, 128, 127][draw(4)] : draw(256)));
  writeFileSync(at('trial.s'), `${code.join('\n')}\n`);
  writeFileSync(
    at('main.c'),
    `#include <stdio.h>
void trial(unsigned char *, unsigned char *);
_Alignas(8) static unsigned char in[${INPUT}] = { ${input.join(', ')} }, out[${registers.length * 8}];
int main(void) {
    trial(in, out);
    for (unsigned i = 0; i < sizeof in; i++) printf("%u ", in[i]);
    for (unsigned i = 0; i < sizeof out; i++) printf("%u ", out[i]);
}
`,
  );
  const gcc = requireTool('riscv64-linux-gnu-gcc');
  await runOrThrow(gcc, ['-O1', '-static', at('main.c'), at('trial.s'), '-o', at('program')]);
  const said = await runOrThrow(requireTool('qemu-riscv64-static'), [at('program')]);
  const elf = readFileSync(at('program'));
  const symbols = await runOrThrow(requireTool('readelf'), ['-sW', at('program')]);
  const sections = await runOrThrow(requireTool('readelf'), ['-SW', at('program')]);
  const [, start, size] = /: ([0-9a-f]+) +(\d+|0x[0-9a-f]+) FUNC .* trial$/m.exec(symbols)!;
  const [, base, offset] = / \.text +PROGBITS +([0-9a-f]+) ([0-9a-f]+)/
    .exec(sections)!
    .map((hex) => Number.parseInt(hex, 16));
  const from = Number.parseInt(start, 16);
  const bytes = new Uint8Array(elf.subarray(offset + from - base, offset + from - base + Number(size)));
  // Both lengths are there, or the compressed forms were not tried.
  const lengths = new Set<number>();
  for (let pc = 0; pc < bytes.length; ) {
    const length = operationAt(bytes, pc)?.length ?? 2;
    lengths.add(length);
    pc += length;
  }
  expect(lengths).toEqual(new Set([2, 4]));
  const word = (value: number) => patterns.constant(BigInt(value), 64);
  const [IN, OUT, STACK] = [0x10000, 0x20000, 0x30000];
  const state: Run = { registers: Array.from({ length: 32 }, () => word(0)), memory: new Map() };
  for (const [i, byte] of input.entries()) state.memory.set(IN + i, byte);
  for (const [register, value] of [
    [1, RETURN],
    [2, STACK],
    [10, IN],
    [11, OUT],
  ])
    state.registers[register] = word(value);
  expect(runRiscv64({ address: from, bytes }, from, state)).toBe(true);
  const ours = [
    ...input.map((_, i) => state.memory.get(IN + i)),
    ...Array.from({ length: registers.length * 8 }, (_, i) => state.memory.get(OUT + i)),
  ];
  expect(ours).toEqual(said.trim().split(' ').map(Number));
});
