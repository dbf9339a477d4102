/**
 * Every instruction that we emit, with operands of all kinds, means to two disassemblers what it means to us.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction as IcedInstruction, OpKind } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { assemble, type Instruction, label } from '../../../machine/assemble/listing.ts';
import * as x86 from '../../../machine/assemble/x86-64.ts';
import * as linked from '../../../machine/assemble/x86-64-linked.ts';
import * as vectors from '../../../machine/assemble/x86-64-vectors.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool } from '../../support/tools.ts';

/** An instruction and its meaning: mnemonic and operands as `canonical` writes them. */
interface Case {
  readonly made: Instruction;
  readonly meaning: string;
}

const RUNS = { seed: 3, numRuns: 150 };

/** One spelling of what disassemblers write in several: decimal numbers, no sizes, no zero displacements. */
function canonical(text: string): string {
  return text
    .toLowerCase()
    .replace(/#.*$/, '')
    .replace(/\b[qd]?word ptr |\bbyte ptr /g, '')
    .replace(/\bmovabs\b/, 'mov')
    .replace(/0x[0-9a-f]+/g, (digits) => BigInt(digits).toString())
    .replace(/\b[xyz]mmword ptr /g, '')
    .replace(/^fstp st\(0\),st$/, 'fstp st(0)')
    .replace(/\+0\]/, ']')
    .replace(/\s*,\s*/g, ',')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Decodes with iced-x86; every byte must be used. */
function icedTexts(bytes: Uint8Array, address = 0): { text: string; length: number }[] {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  decoder.ip = BigInt(address);
  const formatter = new Formatter(FormatterSyntax.Intel);
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.alwaysShowScale = true;
  formatter.branchLeadingZeros = false;
  formatter.ripRelativeAddresses = false;
  formatter.showBranchSize = false;
  const found: { text: string; length: number }[] = [];
  const one = new IcedInstruction();
  while (decoder.canDecode) {
    decoder.decodeOut(one);
    const text = canonical(formatter.format(one));
    // The formatter of version 1.21.0 loses the high half of some numbers of 64 bits (0x8000000000000004 reads 4).
    const wide = one.opCount === 2 && one.op1Kind === OpKind.Immediate64;
    found.push({ text: wide ? text.replace(/,.*/, `,${one.immediate64}`) : text, length: one.length });
  }
  one.free();
  formatter.free();
  decoder.free();
  return found;
}

/** The same with objdump. */
async function objdumpTexts(bytes: Uint8Array): Promise<string[]> {
  const path = join(temporaryFolder('x86-64'), 'code.bin');
  writeFileSync(path, bytes);
  const args = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--insn-width=16', path];
  const text = await runOrThrow(requireTool('objdump'), args);
  return [...text.matchAll(/^ *[0-9a-f]+:\t[0-9a-f ]+\t(.*)$/gm)].map((match) => canonical(match[1]!));
}

const narrow: Record<string, Partial<Record<x86.Width, string>>> = Object.fromEntries(
  x86.registers.map((name) => {
    const number = /^r\d/.test(name);
    const letters = name.slice(1);
    return [
      name,
      {
        64: name,
        32: number ? `${name}d` : `e${letters}`,
        16: number ? `${name}w` : letters,
        8: number ? `${name}b` : /x$/.test(name) ? `${letters[0]}l` : `${letters}l`,
      },
    ];
  }),
);
const as = (register: x86.Register, width: x86.Width) => narrow[register]![width]!;

const register = fc.constantFrom(...x86.registers);
const width = fc.constantFrom<32 | 64>(32, 64);
const number32 = fc.oneof(
  fc.constantFrom(0, 1, -1, 127, 128, -128, -129, 0x7fffffff, -0x80000000),
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
);
const address = fc.record(
  {
    base: register,
    index: register.filter((name) => name !== 'rsp'),
    scale: fc.constantFrom<1 | 2 | 4 | 8>(1, 2, 4, 8),
    displacement: number32,
  },
  { requiredKeys: ['base'] },
);

function shown({ base, index, scale = 1, displacement = 0 }: x86.Memory): string {
  const sign = displacement < 0 ? '-' : '+';
  const plus = displacement === 0 ? '' : `${sign}${Math.abs(displacement)}`;
  return `[${base}${index === undefined ? '' : `+${index}*${scale}`}${plus}]`;
}

const unsigned = (value: number | bigint, bits: number) => BigInt.asUintN(bits, BigInt(value)).toString();

const anyWidth = fc.constantFrom<x86.Width>(8, 16, 32, 64);
const operation = fc.constantFrom<x86.Arithmetic>('add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp');
const condition = fc.constantFrom<x86.Condition>(
  ...(['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'] as const),
);
const control = fc.constantFrom<x86.Control>('cr0', 'cr2', 'cr3', 'cr4');

const families: Record<string, fc.Arbitrary<Case>> = {
  mov: fc.tuple(register, register, width).map(([to, from, w]) => ({
    made: x86.mov(to, from, w),
    meaning: `mov ${as(to, w)},${as(from, w)}`,
  })),
  movImmediate: fc
    .tuple(register, fc.oneof(number32, fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n })))
    .map(([to, value]) => {
      const bits = BigInt.asUintN(64, BigInt(value));
      return { made: x86.movImmediate(to, value), meaning: `mov ${as(to, bits < 1n << 32n ? 32 : 64)},${bits}` };
    }),
  load: fc.tuple(register, address, anyWidth).map(([to, from, w]) => ({
    made: x86.load(to, from, w),
    meaning: `${w < 32 ? 'movzx' : 'mov'} ${as(to, w === 64 ? 64 : 32)},${shown(from)}`,
  })),
  store: fc.tuple(address, register, anyWidth).map(([to, from, w]) => ({
    made: x86.store(to, from, w),
    meaning: `mov ${shown(to)},${as(from, w)}`,
  })),
  storeImmediate: fc.tuple(address, number32, width).map(([to, value, w]) => ({
    made: x86.storeImmediate(to, value, w),
    meaning: `mov ${shown(to)},${unsigned(value, w)}`,
  })),
  lea: fc.tuple(register, address).map(([to, from]) => ({
    made: x86.lea(to, from),
    meaning: `lea ${to},${shown(from)}`,
  })),
  push: register.map((from) => ({ made: x86.push(from), meaning: `push ${from}` })),
  pop: register.map((to) => ({ made: x86.pop(to), meaning: `pop ${to}` })),
  pushMemory: address.map((from) => ({ made: x86.pushMemory(from), meaning: `push ${shown(from)}` })),
  popMemory: address
    .filter(({ base }) => base !== 'rsp')
    .map((to) => ({ made: x86.popMemory(to), meaning: `pop ${shown(to)}` })),
  compareImmediate: fc.tuple(address, number32).map(([a, value]) => ({
    made: x86.compareImmediate(a, value),
    meaning: `cmp ${shown(a)},${unsigned(value, 64)}`,
  })),
  xchg: fc.tuple(register, register).map(([a, b]) => ({ made: x86.xchg(a, b), meaning: `xchg ${a},${b}` })),
  alu: fc.tuple(operation, register, register, width).map(([op, to, from, w]) => ({
    made: x86.alu(op, to, from, w),
    meaning: `${op} ${as(to, w)},${as(from, w)}`,
  })),
  aluImmediate: fc.tuple(operation, register, number32, width).map(([op, to, value, w]) => ({
    made: x86.aluImmediate(op, to, value, w),
    meaning: `${op} ${as(to, w)},${unsigned(value, w)}`,
  })),
  aluLoad: fc.tuple(operation, register, address, width).map(([op, to, from, w]) => ({
    made: x86.aluLoad(op, to, from, w),
    meaning: `${op} ${as(to, w)},${shown(from)}`,
  })),
  aluStore: fc.tuple(operation, address, register, width).map(([op, to, from, w]) => ({
    made: x86.aluStore(op, to, from, w),
    meaning: `${op} ${shown(to)},${as(from, w)}`,
  })),
  test: fc.tuple(register, register, width).map(([a, b, w]) => ({
    made: x86.test(a, b, w),
    meaning: `test ${as(a, w)},${as(b, w)}`,
  })),
  testImmediate: fc.tuple(register, number32, width).map(([a, value, w]) => ({
    made: x86.testImmediate(a, value, w),
    meaning: `test ${as(a, w)},${unsigned(value, w)}`,
  })),
  shift: fc
    .tuple(
      fc.constantFrom<x86.Shift>('rol', 'ror', 'shl', 'shr', 'sar'),
      register,
      fc.integer({ min: 1, max: 31 }),
      width,
    )
    .map(([op, to, count, w]) => ({ made: x86.shift(op, to, count, w), meaning: `${op} ${as(to, w)},${count}` })),
  one: fc
    .tuple(fc.constantFrom<x86.Unary>('not', 'neg', 'mul', 'div'), register, width)
    .map(([op, to, w]) => ({ made: x86.one(op, to, w), meaning: `${op} ${as(to, w)}` })),
  imul: fc.tuple(register, register).map(([to, from]) => ({
    made: x86.imul(to, from),
    meaning: `imul ${to},${from}`,
  })),
  jmpRegister: register.map((to) => ({ made: x86.jmpRegister(to), meaning: `jmp ${to}` })),
  setcc: fc.tuple(condition, register).map(([c, to]) => ({ made: x86.setcc(c, to), meaning: `set${c} ${as(to, 8)}` })),
  cmovcc: fc.tuple(condition, register, register).map(([c, to, from]) => ({
    made: x86.cmovcc(c, to, from),
    meaning: `cmov${c} ${to},${from}`,
  })),
  readControl: fc.tuple(register, control).map(([to, from]) => ({
    made: x86.readControl(to, from),
    meaning: `mov ${to},${from}`,
  })),
  writeControl: fc.tuple(control, register).map(([to, from]) => ({
    made: x86.writeControl(to, from),
    meaning: `mov ${to},${from}`,
  })),
  rdrand: register.map((to) => ({ made: x86.rdrand(to), meaning: `rdrand ${to}` })),
  rdseed: register.map((to) => ({ made: x86.rdseed(to), meaning: `rdseed ${to}` })),
  invlpg: address.map((at) => ({ made: x86.invlpg(at), meaning: `invlpg ${shown(at)}` })),
};

const noOperands = ['ret', 'plain', 'memory', 'registers', 'plainInstructions'];
const references = ['jmp', 'jcc', 'call', 'leaLabel'];
/** What other files of instructions are made with. */
const encoders = ['instruction', 'encodeMemory', 'encodeRipRelative'];

const low = fc.integer({ min: 0, max: 7 });
const any16 = fc.integer({ min: 0, max: 15 });
const near = fc.record({ base: register.filter((name) => !/^r\d/.test(name)), displacement: number32 });

const vectorFamilies: Record<string, fc.Arbitrary<Case>> = {
  clearXmm: any16.map((n) => ({ made: vectors.clearXmm(n), meaning: `pxor xmm${n},xmm${n}` })),
  storeXmm: fc.tuple(address, low).map(([to, n]) => ({
    made: vectors.storeXmm(to, n),
    meaning: `movups ${shown(to)},xmm${n}`,
  })),
  clearVector: any16.map((n) => ({ made: vectors.clearVector(n), meaning: `vpxor xmm${n},xmm${n},xmm${n}` })),
  storeYmm: fc.tuple(near, low).map(([to, n]) => ({
    made: vectors.storeYmm(to, n),
    meaning: `vmovups ${shown(to)},ymm${n}`,
  })),
  clearZmm: fc.integer({ min: 16, max: 31 }).map((n) => ({
    made: vectors.clearZmm(n),
    meaning: `vpxorq zmm${n},zmm${n},zmm${n}`,
  })),
  clearMask: low.map((n) => ({ made: vectors.clearMask(n), meaning: `kxorw k${n},k${n},k${n}` })),
  plainVector: fc.constantFrom(...vectors.plainVectors).map((name) => ({
    made: vectors.plainVector(name),
    meaning: name,
  })),
};

it('every emitter is held against the disassemblers', () => {
  const own = [...Object.keys(families), ...noOperands, ...references, ...encoders];
  expect(Object.keys(x86).sort()).toEqual(own.sort());
  expect(Object.keys(vectors).sort()).toEqual([...Object.keys(vectorFamilies), 'plainVectors'].sort());
});

describe.each(Object.entries({ ...families, ...vectorFamilies }))('%s', (_, family) => {
  const cases = fc.sample(family, RUNS);
  const bytes = assemble(cases.map(({ made }) => made)).bytes;
  const meanings = cases.map(({ meaning }) => meaning);

  it('means the same to iced-x86, to the last byte', () => {
    const found = icedTexts(bytes);
    expect(found.map(({ text }) => text)).toEqual(meanings);
    expect(found.map(({ length }) => length)).toEqual(cases.map(({ made }) => made.bytes.length));
  });

  it('means the same to objdump', async () => {
    expect(await objdumpTexts(bytes)).toEqual(meanings);
  });
});

describe('instructions whose field a linker fills in', () => {
  const made = [
    linked.callSymbol('f', 'a'),
    linked.loadSymbol('r11', 'f', 'b'),
    linked.storeSymbol('f', 'r9', 'c'),
    linked.storeSymbol32('f', 'rsi', 'd'),
    linked.clearSymbol('f', 'e'),
    linked.compareSymbol('f', 3, 'g'),
  ];

  it('name what the field leads to once it is filled', () => {
    const assembled = assemble(made.flatMap(({ items }) => items));
    const bytes = assembled.bytes.slice();
    const view = new DataView(bytes.buffer);
    const TARGET = 0x1234;
    for (const { field } of made) {
      const { offset, addend } = linked.fieldPlace(assembled, field);
      view.setInt32(offset, TARGET + addend - offset, true);
    }
    const at = `[${TARGET}]`;
    const meant = [`call ${TARGET}`, `mov r11,${at}`, `mov ${at},r9`, `mov ${at},esi`, `mov ${at},0`, `cmp ${at},3`];
    expect(icedTexts(bytes).map(({ text }) => text)).toEqual(meant);
    expect(made.map(({ field }) => field.isCall)).toEqual([true, false, false, false, false, false]);
  });
});

describe('instructions without operands', () => {
  const all = [...x86.plainInstructions.map((name) => [name, x86.plain(name)] as const), ['ret', x86.ret()] as const];

  it('are what their names say', async () => {
    const { bytes } = assemble(all.map(([, made]) => made));
    const names = all.map(([name]) => canonical(name));
    // Disassemblers spell the operands of string instructions out, more or less.
    const bare = (text: string) =>
      text
        .replace(/ (es:)?\[.*$/, '')
        .replace('stosq', 'stos')
        .replace('movsb', 'movs');
    expect(icedTexts(bytes).map(({ text }) => bare(text))).toEqual(names.map(bare));
    const spelled = names.map(bare);
    expect((await objdumpTexts(bytes)).map(bare)).toEqual(spelled);
  });
});

describe('branches', () => {
  const gap = fc.constantFrom(0, 1, 100, 123, 124, 125, 126, 127, 128, 129, 200, 40_000);
  const branch = fc.oneof(
    fc.constant(['jmp', x86.jmp('there')] as const),
    fc.constant(['call', x86.call('there')] as const),
    condition.map((c) => [`j${c}`, x86.jcc(c, 'there')] as const),
  );

  it('reach their label, forwards and backwards, in as few bytes as can be', () => {
    fc.assert(
      fc.property(
        branch,
        gap,
        fc.boolean(),
        fc.integer({ min: 0, max: 1 << 20 }),
        ([name, made], size, back, origin) => {
          const fill = Array.from({ length: size }, () => x86.plain('nop'));
          const there = label('there');
          const items = back ? [there, ...fill, made] : [made, ...fill, there, x86.plain('hlt')];
          const { bytes, labels } = assemble(items, origin);
          // The fill is bytes, which need not be read one by one.
          const at = back ? size : 0;
          const { text, length } = icedTexts(bytes.subarray(at, at + 15), origin + at)[0]!;
          if (back) expect(bytes.length).toBe(at + length);
          expect(text).toBe(`${name} ${labels.get('there')}`);
          const near = name === 'call' ? 5 : name === 'jmp' ? 5 : 6;
          const reaches = back ? size + 2 <= 128 : size <= 127;
          expect(length).toBe(name !== 'call' && reaches ? 2 : near);
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  it('lea of a label gives its address', () => {
    for (const to of x86.registers) {
      const items = [x86.leaLabel(to, 'there'), x86.plain('hlt'), label('there')];
      const { bytes, labels } = assemble(items, 0x1000);
      const first = icedTexts(bytes, 0x1000)[0]!;
      expect(first.text).toBe(`lea ${to},[${labels.get('there')}]`);
    }
  });
});

describe('what cannot be encoded', () => {
  it.each<[string, () => unknown]>([
    ['a displacement beyond 32 bits', () => x86.load('rax', x86.memory('rbx', 2 ** 31))],
    ['an immediate beyond 32 bits', () => x86.aluImmediate('add', 'rax', 2 ** 31)],
    ['an immediate beyond 64 bits', () => x86.movImmediate('rax', 1n << 64n)],
    ['rsp as an index', () => x86.lea('rax', { base: 'rax', index: 'rsp' })],
    ['a shift by nothing', () => x86.shift('shl', 'rax', 0)],
    ['a shift by the whole register', () => x86.shift('shl', 'rax', 32, 32)],
    ['a label that is missing', () => assemble([x86.jmp('nowhere')])],
    ['a label that stands twice', () => assemble([label('a'), label('a')])],
  ])('is refused: %s', (_, make) => expect(make).toThrow());
});
