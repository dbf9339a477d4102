/**
 * RV64GC beyond the integers against a processor: each instruction on random registers and memory, all in one program,
 * run by QEMU and by us. What is opaque is drawn twice, as zeros and as ones: bits that both runs agree on are what we
 * claim to know, and they must be the processor's. Of everything that is not opaque that is every bit.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDraw } from '../../../analyzers/interpreter/sample.ts';
import { type Pattern, patterns } from '../../../machine/semantics/algebra.ts';
import { createRiscv64Reader, execute, type Riscv64Machine } from '../../../machine/semantics/riscv64-execute.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool } from '../../support/tools.ts';

const integers = ['a2', 'a3', 'a4', 'a5'];
const floats = ['fa0', 'fa1', 'fa2', 'fa3'];
const STATE = 8 * (integers.length + floats.length);
const MEMORY = 16;
const RETURN = 0x7000;

interface Case {
  readonly text: string;
  readonly isOpaque: boolean;
}

/** Sizes of floating point: as compilers name them. */
const sizes = ['s', 'd'];
const atomics = 'amoswap amoadd amoxor amoand amoor amomin amomax amominu amomaxu';

function allCases(): Case[] {
  const exact = (text: string): Case => ({ text, isOpaque: false });
  const opaque = (text: string): Case => ({ text, isOpaque: true });
  const words = (text: string): string[] => text.split(' ');
  return [
    ...words('mulh mulhsu mulhu').flatMap((name) => [exact(`${name} a2, a3, a4`), exact(`${name} a2, a2, zero`)]),
    ...words(atomics).flatMap((name) => [exact(`${name}.w a2, a3, (a6)`), exact(`${name}.d.aqrl a4, a4, (a6)`)]),
    ...words('amoadd.w amoswap.d').map((name) => exact(`${name} zero, a3, (a6)`)),
    ...words('lr.w lr.d').map((name) => exact(`${name} a2, (a6)`)),
    ...words('fence fence.tso').map(exact),
    exact('flw fa0, 4(a6)'),
    exact('fsw fa1, 4(a6)'),
    // Compressed, by the pointer's register or by that of the stack.
    exact('fld fa0, 8(s0)'),
    exact('fsd fa1, 8(s0)'),
    exact('mv t0, sp\nmv sp, s0\nfld ft3, 8(sp)\nfsd ft3, 0(sp)\nmv sp, t0'),
    ...words('fsgnj fsgnjn fsgnjx').flatMap((name) => [
      exact(`${name}.d fa0, fa1, fa2`),
      exact(`${name}.d fa0, fa3, fa3`),
    ]),
    exact('fmv.x.d a2, fa0'),
    exact('fmv.x.w a2, fa0'),
    exact('fmv.d.x fa0, a2'),
    exact('fmv.w.x fa0, a2'),
    ...sizes.flatMap((size) => [
      ...words('fadd fsub fmul fdiv fmin fmax').map((name) => opaque(`${name}.${size} fa0, fa1, fa2`)),
      ...words('fmadd fmsub fnmadd fnmsub').map((name) => opaque(`${name}.${size} fa0, fa1, fa2, fa3`)),
      opaque(`fsqrt.${size} fa0, fa1`),
      ...words('feq flt fle').map((name) => opaque(`${name}.${size} a2, fa1, fa2`)),
      ...words('w wu l lu').flatMap((name) => [
        opaque(`fcvt.${name}.${size} a2, fa1, rtz`),
        opaque(`fcvt.${size}.${name} fa0, a3`),
      ]),
      opaque(`fclass.${size} a2, fa0`),
    ]),
    ...words('fsgnj.s fsgnjn.s fsgnjx.s').map((name) => opaque(`${name} fa0, fa1, fa2`)),
    opaque('fcvt.s.d fa0, fa1'),
    opaque('fcvt.d.s fa0, fa1'),
  ];
}

const cases = [allCases(), allCases(), allCases()].flat();

/** Each case finds its registers at a0 and its memory at a6 (and s0), and leaves them at a1 and there. */
function assembly(): string {
  const lines = ['.text', '.globl trial', 'trial:', 'mv t6, s0'];
  const each = (name: (i: number) => string): string[] => integers.concat(floats).map((_, i) => name(i));
  const registers = [...integers, ...floats];
  const move = (verb: string, base: string): string[] =>
    each((i) => `${registers[i]!.startsWith('f') ? `f${verb}` : verb} ${registers[i]}, ${8 * i}(${base})`);
  for (const { text } of cases) {
    lines.push('mv s0, a6', ...move('ld', 'a0'), text, ...move('sd', 'a1'));
    lines.push(`addi a0, a0, ${STATE}`, `addi a1, a1, ${STATE}`, `addi a6, a6, ${MEMORY}`);
  }
  lines.push('mv s0, t6', 'ret', '.globl trial_end', 'trial_end:');
  lines.push('.data', '.balign 16', '.globl states', 'states: .incbin "states.bin"');
  lines.push('.balign 16', '.globl memory', 'memory: .incbin "memory.bin"');
  return `${lines.join('\n')}\n`;
}

const main = `#include <stdio.h>
extern unsigned char states[], memory[], trial_end[];
void trial(unsigned char *, unsigned char *, long, long, long, long, unsigned char *);
static unsigned char out[${cases.length * STATE}];
int main(void) {
    unsigned long at = (unsigned long)trial, size = trial_end - (unsigned char *)trial;
    fwrite(&at, 8, 1, stdout);
    fwrite(&size, 8, 1, stdout);
    fwrite((unsigned char *)trial, 1, size, stdout);
    trial(states, out, 0, 0, 0, 0, memory);
    fwrite(out, 1, sizeof out, stdout);
    fwrite(memory, 1, ${cases.length * MEMORY}, stdout);
}
`;

/** Numbers and patterns that say something: of both sizes, with and without what marks the smaller one. */
function inputs(): { readonly states: Uint8Array; readonly memory: Uint8Array } {
  const draw = createDraw(17);
  const fill = (size: number): Uint8Array =>
    Uint8Array.from({ length: size }, () => (draw(3) === 0 ? [0, 255, 128, 127][draw(4)]! : draw(256)));
  const states = fill(cases.length * STATE);
  const view = new DataView(states.buffer);
  for (let at = 0; at < states.length; at += STATE)
    for (let i = 0; i < floats.length; i++) {
      const place = at + 8 * (integers.length + i);
      const kind = draw(4);
      if (kind < 2) view.setUint32(place + 4, 0xffffffff, true);
      else if (kind === 2) view.setFloat64(place, (draw(2000) - 1000) / 8, true);
    }
  return { states, memory: fill(cases.length * MEMORY) };
}

const [IN, OUT, MEM, STACK] = [0x100000, 0x200000, 0x300000, 0x400000];

/** What we leave at OUT and MEM. */
function ours(address: number, bytes: Uint8Array, fill: bigint): Uint8Array {
  const data = new Uint8Array(0x500000);
  const { states, memory } = inputs();
  data.set(states, IN);
  data.set(memory, MEM);
  const floatRegisters = Array.from({ length: 32 }, () => patterns.constant(0n, 64));
  const machine: Riscv64Machine<Pattern, boolean> = {
    algebra: patterns,
    opaque: (_, width) => patterns.constant(fill, width),
    general: Array.from({ length: 32 }, () => patterns.constant(0n, 64)),
    float: (register) => floatRegisters[register]!,
    setFloat: (register, value) => {
      floatRegisters[register] = value;
    },
    raised: () => {},
    load: ({ value: at }, count) => {
      let value = 0n;
      for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(data[Number(at) + i]!);
      return patterns.constant(value, count * 8);
    },
    store: ({ value: at }, { value, width }) => {
      for (let i = 0; i < width / 8; i++) data[Number(at) + i] = Number((value >> BigInt(8 * i)) & 255n);
    },
  };
  for (const [register, value] of [
    [1, RETURN],
    [2, STACK],
    [10, IN],
    [11, OUT],
    [16, MEM],
  ] as const)
    machine.general[register] = patterns.constant(BigInt(value), 64);
  const read = createRiscv64Reader([{ address, bytes }]);
  for (let pc = address; pc !== RETURN; ) {
    const instruction = read(pc);
    if ('refused' in instruction) throw new Error(`${(pc - address).toString(16)}: ${instruction.refused}`);
    const control = execute(machine, instruction);
    if (control !== undefined && control.kind !== 'return') throw new Error(`a ${control.kind} in straight code`);
    pc = control === undefined ? pc + instruction.length : Number(control.target.value);
  }
  return data;
}

describe('instructions of RV64GC', () => {
  it('leave in registers and memory what a processor leaves there', async () => {
    const folder = temporaryFolder('execute-riscv64');
    const { states, memory } = inputs();
    writeFileSync(join(folder, 'states.bin'), states);
    writeFileSync(join(folder, 'memory.bin'), memory);
    writeFileSync(join(folder, 'trial.s'), assembly());
    writeFileSync(join(folder, 'main.c'), main);
    const gcc = requireTool('riscv64-linux-gnu-gcc');
    await runOrThrow(gcc, ['-O1', '-static', 'main.c', 'trial.s', '-o', 'program'], { cwd: folder });
    const dump = `${requireTool('qemu-riscv64-static')} ./program > result.bin`;
    await runOrThrow('/bin/sh', ['-c', dump], { cwd: folder });
    const result = new Uint8Array(readFileSync(join(folder, 'result.bin')));
    const head = new DataView(result.buffer);
    const [address, size] = [Number(head.getBigUint64(0, true)), Number(head.getBigUint64(8, true))];
    const code = result.subarray(16, 16 + size);
    const [zeros, ones] = [ours(address, code, 0n), ours(address, code, -1n)];
    const theirs = result.subarray(16 + size);
    const wrong: (string | number)[][] = [];
    const compared = (text: string, at: number, place: number, count: number, isOpaque: boolean): void => {
      for (let k = 0; k < count; k++) {
        const [zero, one, real] = [zeros[place + k]!, ones[place + k]!, theirs[at + k]!];
        const claimed = ~(zero ^ one) & 255;
        if ((!isOpaque && claimed !== 255) || ((real ^ zero) & claimed) !== 0) wrong.push([text, k, zero, one, real]);
      }
    };
    for (const [i, { text, isOpaque }] of cases.entries()) {
      compared(text, i * STATE, OUT + i * STATE, STATE, isOpaque);
      compared(text, cases.length * STATE + i * MEMORY, MEM + i * MEMORY, MEMORY, isOpaque);
    }
    expect(wrong).toEqual([]);
  });

  it('have no meaning, by their names or bits, where what they do depends on more than is here', () => {
    const word = (value: number): string => {
      const bytes = new Uint8Array([value, value >> 8, value >> 16, value >> 24]);
      const instruction = createRiscv64Reader([{ address: 64, bytes }])(64);
      return 'refused' in instruction ? instruction.refused : instruction.operation.kind;
    };
    const named: readonly (readonly [number, string])[] = [
      [0x00000073, 'ecall: it has no meaning here'],
      [0x0000100f, 'fence.i: it has no meaning here'],
      [0x18c5a52f, 'sc.w: it has no meaning here'],
      [0x18c5b52f, 'sc.d: it has no meaning here'],
      [0xc0002573, 'csrrs: it has no meaning here'],
      [0x30200073, 'mret: it has no meaning here'],
      [0x12000073, 'sfence.vma: it has no meaning here'],
      // Vectors, bits, floating point of sixteen bits, a reserved rounding mode.
      [0x0d0572d7, '0x0d0572d7, no instruction of RV64GC: it has no meaning here'],
      [0x20b52533, '0x20b52533, no instruction of RV64GC: it has no meaning here'],
      [0x04b57553, '0x04b57553, no instruction of RV64GC: it has no meaning here'],
      [0x02b55553, '0x02b55553, no instruction of RV64GC: it has no meaning here'],
      // Compressed: reserved, and what stops a program.
      [0x00002001, '0x2001, no instruction of RV64GC: it has no meaning here'],
      [0x00000000, 'trap'],
      [0x00009002, 'trap'],
      [0x00100073, 'trap'],
      [0xc0001073, 'trap'],
    ];
    for (const [value, said] of named) expect([value.toString(16), word(value)]).toEqual([value.toString(16), said]);
    const cut = createRiscv64Reader([{ address: 64, bytes: new Uint8Array([0x73, 0, 0]) }]);
    expect(cut(64)).toEqual({ refused: 'an instruction that does not end within the code' });
    expect(cut(66)).toEqual({ refused: 'an instruction that does not end within the code' });
    expect(cut(67)).toEqual({ refused: 'no code is there' });
  });
});
