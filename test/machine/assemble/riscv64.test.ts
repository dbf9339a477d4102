/**
 * Every RISC-V instruction that we emit, with operands of all kinds, means to two disassemblers what it means to us.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, type Instruction, label } from '../../../machine/assemble/listing.ts';
import * as rv from '../../../machine/assemble/riscv64.ts';
import * as linked from '../../../machine/assemble/riscv64-linked.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('clang', 'llvm-objdump', 'riscv64-linux-gnu-objdump');

/** An instruction and its meaning: mnemonic and operands as `canonical` writes them. */
interface Case {
  readonly made: Instruction;
  readonly meaning: string;
}

const RUNS = { seed: 7, numRuns: 150 };

/** One spelling of what disassemblers write in several: decimal numbers, no spaces, no symbols of addresses. */
function canonical(text: string): string {
  return text
    .replace(/#.*$/, '')
    .replace(/<.*>/, '')
    .replace(/0x[0-9a-f]+/g, (digits) => BigInt(digits).toString())
    .replace(/\s*,\s*/g, ',')
    .replace(/\s+/g, ' ')
    .trim();
}

const floatNames = (n: number): string => {
  if (n < 8) return `ft${n}`;
  if (n < 10) return `fs${n - 8}`;
  if (n < 18) return `fa${n - 10}`;
  return n < 28 ? `fs${n - 16}` : `ft${n - 20}`;
};

const disassemblers = { llvm: 'llvm-objdump', gnu: 'riscv64-linux-gnu-objdump' } as const;

/** The text of each instruction in `bytes`, which are placed at address 0. */
async function texts(bytes: Uint8Array, by: keyof typeof disassemblers): Promise<string[]> {
  const folder = temporaryFolder('riscv64');
  writeFileSync(join(folder, 'code.bin'), bytes);
  writeFileSync(join(folder, 'code.S'), '.text\n.incbin "code.bin"\n');
  const object = join(folder, 'code.o');
  const target = ['--target=riscv64-unknown-elf', '-march=rv64ima', '-mabi=lp64', '-I', folder];
  await runOrThrow(requireTool('clang'), [...target, '-c', join(folder, 'code.S'), '-o', object], { cwd: folder });
  const text = await runOrThrow(requireTool(disassemblers[by]), [
    ...(by === 'llvm' ? ['--mattr=+m'] : []),
    ...['-d', '-M', 'no-aliases', object],
  ]);
  return [...text.matchAll(/^ *[0-9a-f]+:\s+(?:[0-9a-f]{8}|(?:[0-9a-f]{2} ){4})\s+(.*)$/gm)].map((match) =>
    canonical(match[1]!),
  );
}

const register = fc.constantFrom(...rv.registers);
const small = fc.oneof(fc.constantFrom(0, 1, -1, 2047, -2048), fc.integer({ min: -2048, max: 2047 }));
const control = fc.constantFrom<rv.Control>(
  ...(['sstatus', 'sie', 'stvec', 'sscratch', 'sepc', 'scause', 'stval', 'satp', 'time'] as const),
);

const families: Record<string, fc.Arbitrary<Case>> = {
  alu: fc
    .tuple(
      fc.constantFrom<rv.Operation>(
        ...(['add', 'sub', 'sll', 'slt', 'sltu', 'xor', 'srl', 'sra', 'or', 'and'] as const),
        ...(['addw', 'subw', 'sllw', 'srlw', 'sraw', 'mul', 'mulhu', 'divu', 'remu'] as const),
      ),
      register,
      register,
      register,
    )
    .map(([op, to, a, b]) => ({ made: rv.alu(op, to, a, b), meaning: `${op} ${to},${a},${b}` })),
  aluImmediate: fc
    .tuple(
      fc.constantFrom<rv.ImmediateOperation>('addi', 'slti', 'sltiu', 'xori', 'ori', 'andi', 'addiw'),
      register,
      register,
      small,
    )
    .map(([op, to, from, value]) => ({
      made: rv.aluImmediate(op, to, from, value),
      meaning: `${op} ${to},${from},${value}`,
    })),
  shift: fc
    .tuple(
      fc.constantFrom<rv.Shift>('slli', 'srli', 'srai', 'slliw', 'srliw', 'sraiw'),
      register,
      register,
      fc.integer({ min: 0, max: 63 }),
    )
    .map(([op, to, from, n]) => {
      const count = op.endsWith('w') ? n & 31 : n;
      return { made: rv.shift(op, to, from, count), meaning: `${op} ${to},${from},${count}` };
    }),
  mv: fc.tuple(register, register).map(([to, from]) => ({ made: rv.mv(to, from), meaning: `addi ${to},${from},0` })),
  lui: fc.tuple(register, fc.integer({ min: 0, max: 0xfffff })).map(([to, value]) => ({
    made: rv.lui(to, value),
    meaning: `lui ${to},${value}`,
  })),
  load: fc
    .tuple(fc.constantFrom<rv.Load>('lb', 'lh', 'lw', 'ld', 'lbu', 'lhu', 'lwu'), register, register, small)
    .map(([op, to, base, at]) => ({ made: rv.load(op, to, base, at), meaning: `${op} ${to},${at}(${base})` })),
  store: fc
    .tuple(fc.constantFrom<rv.Store>('sb', 'sh', 'sw', 'sd'), register, register, small)
    .map(([op, from, base, at]) => ({ made: rv.store(op, from, base, at), meaning: `${op} ${from},${at}(${base})` })),
  jalr: fc.tuple(register, register, small).map(([to, base, at]) => ({
    made: rv.jalr(to, base, at),
    meaning: `jalr ${to},${at}(${base})`,
  })),
  ret: fc.constant({ made: rv.ret(), meaning: 'jalr zero,0(ra)' }),
  csr: fc
    .tuple(fc.constantFrom<rv.ControlOperation>('csrrw', 'csrrs', 'csrrc'), register, control, register)
    .map(([op, to, name, from]) => ({ made: rv.csr(op, to, name, from), meaning: `${op} ${to},${name},${from}` })),
  csrw: fc.tuple(control, register).map(([name, from]) => ({
    made: rv.csrw(name, from),
    meaning: `csrrw zero,${name},${from}`,
  })),
  csrr: fc.tuple(register, control).map(([to, name]) => ({
    made: rv.csrr(to, name),
    meaning: `csrrs ${to},${name},zero`,
  })),
  plain: fc.constantFrom(...rv.plainInstructions).map((name) => {
    const operands: Partial<Record<rv.Plain, string>> = { fence: ' iorw,iorw', 'sfence.vma': ' zero,zero' };
    return { made: rv.plain(name), meaning: `${name}${operands[name] ?? ''}` };
  }),
};

const others = ['registers', 'plainInstructions', 'li', 'branch', 'jal', 'j', 'call', 'la'];

it('every emitter is held against the disassemblers', () => {
  expect(Object.keys(rv).sort()).toEqual([...Object.keys(families), ...others].sort());
});

describe.each(['llvm', 'gnu'] as const)('%s', (by) => {
  it('reads every instruction as it is meant', async () => {
    const cases = Object.values(families).flatMap((family) => fc.sample(family, RUNS));
    const { bytes, instructions } = assemble(cases.map(({ made }) => made));
    expect(bytes.length).toBe(4 * instructions);
    // The disassemblers leave out an offset or a jump's link that is zero.
    const bare = (text: string): string => text.replace(/^(jalr \w+),\b(?=\w+$)/, '$1,0(').replace(/,0\(/, ',(');
    expect((await texts(bytes, by)).map(bare)).toEqual(cases.map(({ meaning }) => bare(meaning)));
  });

  it('reads branches and jumps as going to their label', async () => {
    const there = [label('back'), ...Array.from({ length: 40 }, () => rv.ret())];
    const conditions = ['beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu'] as const;
    const made = ['back', 'far', 'ahead'].flatMap((to) => [
      ...conditions.map((op) => rv.branch(op, 'a0', 's11', to)),
      ...[rv.jal('t5', to), rv.j(to), rv.call(to)],
    ]);
    const gap = Array.from({ length: 2000 }, () => rv.ret());
    const { bytes, labels } = assemble([...there, ...made, label('ahead'), ...gap, label('far'), rv.ret()]);
    const opposite = { beq: 'bne', bne: 'beq', blt: 'bge', bge: 'blt', bltu: 'bgeu', bgeu: 'bltu' };
    const at = (name: string): number => labels.get(name)!;
    let place = 160;
    const expected = ['back', 'far', 'ahead'].flatMap((to) => [
      ...conditions.flatMap((op) => {
        if (to !== 'far') {
          place += 4;
          return [`${op} a0,s11,${at(to)}`];
        }
        place += 8;
        return [`${opposite[op]} a0,s11,${place}`, `jal zero,${at(to)}`];
      }),
      ...['t5', 'zero', 'ra'].map((link) => {
        place += 4;
        return `jal ${link},${at(to)}`;
      }),
    ]);
    const found = (await texts(bytes, by)).slice(40, 40 + expected.length);
    expect(found).toEqual(expected);
  });
});

/** What a register holds after lui, addi, addiw, slli and auipc at `at`. */
function evaluate(bytes: Uint8Array, at = 0): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let value = 0n;
  for (let i = 0; i < bytes.length; i += 4) {
    const word = view.getUint32(i, true);
    const immediate = BigInt(view.getInt32(i, true) >> 20);
    const upper = BigInt(view.getInt32(i, true) & ~0xfff);
    const source = (word >> 15) & 31 ? value : 0n;
    const opcode = word & 0x7f;
    if (opcode === 0x37) value = upper;
    else if (opcode === 0x17) value = BigInt(at + i) + upper;
    else if (opcode === 0x1b) value = BigInt.asIntN(32, source + immediate);
    else if (opcode === 0x13 && ((word >> 12) & 7) === 0) value = source + immediate;
    else if (opcode === 0x13 && ((word >> 12) & 7) === 1) value = source << (immediate & 63n);
    else throw new Error(`unexpected opcode ${opcode}`);
    value = BigInt.asIntN(64, value);
  }
  return value;
}

describe('sequences that a linker fills in', () => {
  it('are two instructions, with their relocations at the right ones', async () => {
    const floats = Array.from({ length: 32 }, (_, n) => linked.clearFloat(n));
    const call = linked.callSymbol('f', 'one');
    const address = linked.addressOf('t0', 'd', 'two');
    const assembled = assemble([...floats, ...call.items, ...address.items]);
    const shown = await texts(assembled.bytes, 'gnu');
    const names = Array.from({ length: 32 }, (_, n) => floatNames(n));
    expect(shown.slice(0, 32)).toEqual(names.map((name) => `fmv.d.x ${name},zero`));
    expect(shown.slice(32).map((text) => text.split(' ')[0])).toEqual(['auipc', 'jalr', 'auipc', expect.anything()]);
    expect(linked.relocationsOf(assembled, call.field, 'u')).toEqual({
      relocations: [{ offset: 128, type: 19, symbol: 'f', addend: 0 }],
    });
    const { place, relocations } = linked.relocationsOf(assembled, address.field, 'u');
    expect(place).toEqual({ name: '.Lu two', offset: 136 });
    expect(relocations).toEqual([
      { offset: 136, type: 23, symbol: 'd', addend: 0 },
      { offset: 140, type: 24, symbol: '.Lu two', addend: 0 },
    ]);
  });
});

describe('pseudo-instructions', () => {
  it('li gives all 64 bits of any number, in at most 8 instructions', () => {
    const number = fc.oneof(
      fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }),
      fc.integer({ min: -0x80000000, max: 0x7fffffff }).map(BigInt),
      fc
        .tuple(fc.integer({ min: 0, max: 63 }), small)
        .map(([n, low]) => BigInt.asIntN(64, (1n << BigInt(n)) + BigInt(low))),
    );
    fc.assert(
      fc.property(number, (value) => {
        const { bytes } = assemble(rv.li('a3', value));
        expect(evaluate(bytes)).toBe(BigInt.asIntN(64, value));
        expect(bytes.length).toBeLessThanOrEqual(32);
      }),
      { seed: 7, numRuns: 1000 },
    );
  });

  it.each([0, 4, 0x7fc, 0x800, 0x804, 0xffc, 0x12344])('la gives the address of a label %d bytes away', (gap) => {
    const fill = Array.from({ length: gap / 4 }, () => rv.ret());
    const ahead = assemble([rv.la('t1', 'there'), ...fill, label('there'), rv.ret()], 0x4000);
    expect(evaluate(ahead.bytes.subarray(0, 8), 0x4000)).toBe(BigInt(ahead.labels.get('there')!));
    const back = assemble([label('there'), ...fill, rv.la('t1', 'there')], 0x4000);
    expect(evaluate(back.bytes.subarray(gap), 0x4000 + gap)).toBe(0x4000n);
  });
});

describe('what cannot be encoded', () => {
  it.each<[string, () => unknown]>([
    ['an immediate beyond 12 bits', () => rv.aluImmediate('addi', 'a0', 'a0', 2048)],
    ['an offset beyond 12 bits', () => rv.load('ld', 'a0', 'a0', -2049)],
    ['an offset of a store beyond 12 bits', () => rv.store('sd', 'a0', 'a0', 2048)],
    ['a number beyond 64 bits', () => rv.li('a0', 1n << 64n)],
    ['a shift by the whole register', () => rv.shift('slli', 'a0', 'a0', 64)],
    ['a shift of a word by its size', () => rv.shift('sraiw', 'a0', 'a0', 32)],
    ['an upper immediate beyond 20 bits', () => rv.lui('a0', 0x100000)],
    [
      'a jump beyond 1 MiB',
      () => assemble([rv.j('a'), ...Array.from({ length: 1 << 18 }, () => rv.ret()), label('a')]),
    ],
  ])('is refused: %s', (_, make) => expect(make).toThrow());
});
