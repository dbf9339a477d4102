/**
 * Every relocation type at the ends of its range: the last value that fits is written, the first that does not is an
 * error that names file, section, offset and type. Symbols are absolute, so that values can be chosen freely.
 */
import { describe, expect, test } from 'vitest';
import { riscv64 } from '../../../linker/arch/riscv64.ts';
import { x86_64 } from '../../../linker/arch/x86-64.ts';
import { buildObject, EM, relocations, SHF, SHT } from '../../support/elf-builder.ts';
import { bType, cbType, cjType, iType, jType, sType } from '../../support/reapply.ts';
import { isGnu, type Project, project } from '../../support/small-links.ts';
import { riscv, x86 } from '../../support/toolchain.ts';

/** Where the relocated section is put; the place is 8 bytes into it. */
const BASE = 0x10000000n;
const PLACE = BASE + 8n;

interface Field {
  readonly name: string;
  readonly type: number;
  /** What is relocated; all other bytes around it are 0xee. */
  readonly before: Buffer;
  readonly read: (field: Buffer) => bigint;
  /** The smallest and largest result; absent: it wraps. */
  readonly range?: readonly [low: bigint, high: bigint];
  /** Results are distances from the place. */
  readonly relative?: boolean;
  /** Results come in steps of 2. */
  readonly even?: boolean;
  /** Low bits that another instruction holds. */
  readonly rounds?: boolean;
}

const zero = (size: number) => Buffer.alloc(size);
const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const i32 = (field: Buffer) => BigInt(field.readInt32LE());
const u32 = (field: Buffer) => BigInt(field.readUInt32LE());
const i64 = (field: Buffer) => field.readBigInt64LE();
const signed = (bits: number): [bigint, bigint] => [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n];

const x86Fields: Field[] = [
  { name: 'R_X86_64_64', type: 1, before: zero(8), read: i64 },
  { name: 'R_X86_64_PC32', type: 2, before: zero(4), read: i32, range: signed(32), relative: true },
  { name: 'R_X86_64_PLT32', type: 4, before: zero(4), read: i32, range: signed(32), relative: true },
  { name: 'R_X86_64_32', type: 10, before: zero(4), read: u32, range: [0n, 0xffffffffn] },
  { name: 'R_X86_64_32S', type: 11, before: zero(4), read: i32, range: signed(32) },
  {
    name: 'R_X86_64_PC16',
    type: 13,
    before: zero(2),
    read: (f) => BigInt(f.readInt16LE()),
    range: signed(16),
    relative: true,
  },
  {
    name: 'R_X86_64_PC8',
    type: 15,
    before: zero(1),
    read: (f) => BigInt(f.readInt8()),
    range: signed(8),
    relative: true,
  },
  { name: 'R_X86_64_PC64', type: 24, before: zero(8), read: i64, relative: true },
];

/** auipc or lui and the 12 bits that go with it: the sum is rounded to the nearest 4 KiB. */
const pair: Pick<Field, 'range' | 'rounds'> = { range: [-(1n << 31n) - 0x800n, (1n << 31n) - 0x801n], rounds: true };
const upper = (field: Buffer) => BigInt((field.readUInt32LE() & 0xfffff000) | 0);

const riscvFields: Field[] = [
  // The psABI says nothing of its sign: both readings of 32 bits are taken.
  { name: 'R_RISCV_32', type: 1, before: zero(4), read: u32, range: [-(1n << 31n), 0xffffffffn] },
  { name: 'R_RISCV_64', type: 2, before: zero(8), read: i64 },
  {
    name: 'R_RISCV_BRANCH',
    type: 16,
    before: word(0x63),
    read: (f) => BigInt(bType(f.readUInt32LE())),
    range: [-4096n, 4094n],
    relative: true,
    even: true,
  },
  {
    name: 'R_RISCV_JAL',
    type: 17,
    before: word(0xef),
    read: (f) => BigInt(jType(f.readUInt32LE())),
    range: [-1048576n, 1048574n],
    relative: true,
    even: true,
  },
  {
    name: 'R_RISCV_CALL',
    type: 18,
    before: Buffer.concat([word(0x97), word(0x80e7)]),
    read: (f) => upper(f) + BigInt(iType(f.readUInt32LE(4))),
    range: pair.range!,
    relative: true,
    even: true,
  },
  {
    name: 'R_RISCV_CALL_PLT',
    type: 19,
    before: Buffer.concat([word(0x97), word(0x80e7)]),
    read: (f) => upper(f) + BigInt(iType(f.readUInt32LE(4))),
    range: pair.range!,
    relative: true,
    even: true,
  },
  { name: 'R_RISCV_PCREL_HI20', type: 23, before: word(0x517), read: upper, relative: true, ...pair },
  { name: 'R_RISCV_HI20', type: 26, before: word(0x537), read: upper, ...pair },
  {
    name: 'R_RISCV_RVC_BRANCH',
    type: 44,
    before: Buffer.from([0x01, 0xc1]),
    read: (f) => BigInt(cbType(f.readUInt16LE())),
    range: [-256n, 254n],
    relative: true,
    even: true,
  },
  {
    name: 'R_RISCV_RVC_JUMP',
    type: 45,
    before: Buffer.from([0x01, 0xa0]),
    read: (f) => BigInt(cjType(f.readUInt16LE())),
    range: [-2048n, 2046n],
    relative: true,
    even: true,
  },
  { name: 'R_RISCV_32_PCREL', type: 57, before: zero(4), read: i32, range: signed(32), relative: true },
];

function objectWith(machine: number, field: Field, value: bigint): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(8, 0xee), field.before, Buffer.alloc(8, 0xee)]);
  return buildObject({
    machine,
    sections: [
      { name: '.t', flags: SHF.ALLOC | SHF.EXEC, bytes, align: 8 },
      {
        name: '.rela.t',
        type: SHT.RELA,
        bytes: relocations([{ offset: 8, type: field.type, symbol: 1, addend: 0x10 }]),
        link: 3,
        info: 1,
        align: 8,
        entsize: 24,
      },
    ],
    symbols: [{ name: 'target', section: 0xfff1, value: value - 0x10n + (field.relative ? PLACE : 0n) }],
  });
}

async function relocated(p: Project, machine: number, field: Field, value: bigint): Promise<Buffer> {
  p.write('a.o', objectWith(machine, field, value));
  const image = await p.link('-e0', '--no-relax', '--section-start=.t=0x10000000', 'a.o');
  const bytes = image.memory(Number(BASE), 16 + field.before.length);
  const around = Buffer.concat([bytes.subarray(0, 8), bytes.subarray(8 + field.before.length)]);
  expect(around).toEqual(Buffer.alloc(16, 0xee));
  return bytes.subarray(8, 8 + field.before.length);
}

describe.each([
  ...x86Fields.map((field) => ({ target: x86, machine: EM.X86_64, field })),
  ...riscvFields.map((field) => ({ target: riscv, machine: EM.RISCV, field })),
])('$field.name', ({ target, machine, field }) => {
  const step = field.even ? 2n : 1n;
  const inside = field.range ?? [-(1n << 51n), (1n << 51n) - 1n];

  // GNU ld prefers lui to auipc for any absolute address that it reaches.
  test.skipIf(isGnu() && field.name === 'R_RISCV_PCREL_HI20')('what fits is written', async () => {
    const p = await project(target, {});
    const middle = (inside[0] + inside[1]) / 4n;
    for (const value of [inside[0], inside[1], 0n, step, middle - (middle % 2n), inside[1] - step]) {
      const expected = field.rounds ? ((value + 0x800n) >> 12n) << 12n : value;
      const found = field.read(await relocated(p, machine, field, value));
      if (field.name === 'R_RISCV_32') expect(found).toBe(BigInt.asUintN(32, expected));
      else expect(found).toBe(field.rounds ? BigInt.asIntN(32, expected) : expected);
    }
  });

  test.skipIf(field.range === undefined || isGnu())('one step beyond is refused, with its place', async () => {
    const p = await project(target, {});
    const [low, high] = field.range!;
    // An absolute address out of auipc's reach may be in that of lui, which then takes its place.
    const beyond = field.name === 'R_RISCV_PCREL_HI20' ? [high + step] : [high + step, low - step];
    for (const value of beyond) {
      p.write('a.o', objectWith(machine, field, value));
      const says = await p.refusal('-e0', '--no-relax', '--section-start=.t=0x10000000', 'a.o');
      expect(says).toMatch(
        new RegExp(`^casemate-ld: error: a\\.o:\\(\\.t\\+0x8\\): relocation ${field.name} against target`),
      );
      expect(says).toMatch(/out of range: -?0x[0-9a-f]+ is not in \[-?0x[0-9a-f]+, 0x[0-9a-f]+\]/);
      expect(says.trim().split('\n')).toHaveLength(1);
    }
  });

  test.skipIf(!field.even || isGnu())('an odd target of a jump is refused', async () => {
    const p = await project(target, {});
    p.write('a.o', objectWith(machine, field, 0x11n));
    const run = await p.run('-e0', '--no-relax', '--section-start=.t=0x10000000', 'a.o');
    // jalr takes any distance and clears the lowest bit itself.
    if (/CALL/.test(field.name)) return;
    expect(run.stderr).toMatch(/a\.o:\(\.t\+0x8\).*odd distance, 0x11/);
  });
});

describe('64-bit words', () => {
  test.each([
    [x86, EM.X86_64, 1],
    [riscv, EM.RISCV, 2],
  ] as const)('hold every value exactly ($name)', async (target, machine, type) => {
    const p = await project(target, {});
    const field: Field = { name: '', type, before: zero(8), read: i64 };
    for (const value of [-1n, 1n << 62n, -(1n << 63n), 0x7ffffffffffffff7n, 0x123456789abcdef1n, -0x7fffffffffffn]) {
      // The addend holds it: symbols of such values do not exist in memory.
      const object = objectWith(machine, field, 0x10n);
      const at = object.indexOf(Buffer.from([0x10, 0, 0, 0, 0, 0, 0, 0]), 64);
      object.writeBigInt64LE(value, at);
      p.write('a.o', object);
      const image = await p.link('-e0', '--section-start=.t=0x10000000', 'a.o');
      expect(image.memory(Number(PLACE), 8).readBigInt64LE()).toBe(value);
    }
  });
});

describe('RISC-V ADD, SUB and SET', () => {
  const sum = async (
    bits: 6 | 8 | 16 | 32 | 64,
    first: number,
    second: number,
    start: number,
    a: number,
    b: number,
  ) => {
    const size = bits === 6 ? 1 : bits / 8;
    const before = Buffer.alloc(8);
    if (size === 8) before.writeBigInt64LE(BigInt(start));
    else before.writeUIntLE(start, 0, size);
    before.fill(0xee, size);
    const p = await project(riscv, {});
    p.write(
      'a.o',
      buildObject({
        machine: EM.RISCV,
        sections: [
          { name: '.t', flags: SHF.ALLOC | SHF.WRITE, bytes: before, align: 8 },
          {
            name: '.rela.t',
            type: SHT.RELA,
            bytes: relocations([
              { offset: 0, type: first, symbol: 1 },
              { offset: 0, type: second, symbol: 2 },
            ]),
            link: 3,
            info: 1,
            align: 8,
            entsize: 24,
          },
        ],
        symbols: [
          { name: 'a', section: 0xfff1, value: a },
          { name: 'b', section: 0xfff1, value: b },
        ],
      }),
    );
    const image = await p.link('-e0', 'a.o');
    const found = image.memory(Number(image.section('.t').address), 8);
    expect(found.subarray(size)).toEqual(Buffer.alloc(8 - size, 0xee));
    return size === 8 ? Number(found.readBigInt64LE()) : found.readUIntLE(0, size);
  };

  test.each([
    [8, 33, 37],
    [16, 34, 38],
    [32, 35, 39],
    [64, 36, 40],
  ] as const)('ADD%i and SUB add to what is there, and wrap', async (bits, add, sub) => {
    expect(await sum(bits, add, sub, 3, 100, 40)).toBe(63);
    const negative = await sum(bits, add, sub, 0, 1, 2);
    expect(negative).toBe(bits === 64 ? -1 : 2 ** bits - 1);
  });

  test.each([
    [8, 54, 37],
    [16, 55, 38],
    [32, 56, 39],
  ] as const)('SET%i replaces what is there', async (bits, set, sub) => {
    expect(await sum(bits, set, sub, 77, 100, 40)).toBe(60);
  });

  test('SET6 and SUB6 keep the two high bits', async () => {
    expect(await sum(6, 53, 52, 0xc5, 40, 30)).toBe(0xc0 | 10);
    expect(await sum(6, 53, 52, 0x40, 0, 1)).toBe(0x40 | 63);
  });
});

describe('RISC-V low halves', () => {
  test.each([
    ['LO12_I', 27, 0x513, iType],
    ['LO12_S', 28, 0x23, sType],
  ] as const)('%s takes the lowest 12 bits, signed', async (_name, type, instruction, read) => {
    const p = await project(riscv, {});
    for (const [value, low] of [
      [0x12345000n, 0],
      [0x123457ffn, 0x7ff],
      [0x12345800n, -0x800],
      [0x12345fffn, -1],
    ] as const) {
      const field: Field = { name: '', type, before: word(instruction), read: i32 };
      const found = await relocated(p, EM.RISCV, field, value);
      expect(read(found.readUInt32LE())).toBe(low);
      // Opcode and registers are untouched.
      const mask = type === 27 ? 0xfffff : 0x1fff07f;
      expect(found.readUInt32LE() & mask).toBe(instruction & mask);
    }
  });

  test('%pcrel_lo finds the auipc that its label is at, in any order', async () => {
    const p = await project(riscv, {
      'a.s': `.option norelax
        .globl _start
        _start: j 2f
        1: lw a0, %pcrel_lo(3f)(a1)
        sw a0, %pcrel_lo(3f)(a1)
        2: nop
        3: auipc a1, %pcrel_hi(value)
        j 1b
        .data
        .globl value
        value: .word 1`,
    });
    const image = await p.link('a.o');
    const code = image.address('_start');
    const distance = image.address('value') - (code + 14 + 0);
    const find = (at: number) => image.word(at);
    const text = image.memory(code, image.section('.text').size);
    const auipc = [...Array(text.length / 2).keys()]
      .map((i) => 2 * i)
      .find((at) => (text.readUInt32LE(at) & 0xfff) === 0x597)!;
    const high = find(code + auipc) & 0xfffff000;
    const load = text.readUInt32LE(2);
    const store = text.readUInt32LE(6);
    expect(code + auipc + (high | 0) + iType(load)).toBe(image.address('value'));
    expect(code + auipc + (high | 0) + sType(store)).toBe(image.address('value'));
    expect(distance).not.toBe(0);
  });

  test('%pcrel_lo without its auipc is refused', async () => {
    const p = await project(riscv, { 'a.s': '.globl _start\n_start: lw a0, %pcrel_lo(1f)(a1)\n1: nop' });
    expect(await p.refusal('--no-relax', 'a.o')).toMatch(
      isGnu() ? /./ : /a\.o:\(\.text\+0x0\).*R_RISCV_PCREL_LO12_I.*no high half/,
    );
  });
});

describe.skipIf(isGnu())('relocations that cannot be', () => {
  test.each([
    [x86, EM.X86_64, 200, '200'],
    [riscv, EM.RISCV, 250, '250'],
    [x86, EM.X86_64, 5, 'R_X86_64_COPY'],
    [riscv, EM.RISCV, 5, 'R_RISCV_JUMP_SLOT'],
  ] as const)(
    'an unknown type is refused with file, section, offset and type',
    async (target, machine, type, shown) => {
      const p = await project(target, {});
      p.write('a.o', objectWith(machine, { name: '', type, before: zero(8), read: i64 }, 0n));
      const says = await p.refusal('-e0', 'a.o');
      if (!isGnu())
        expect(says).toMatch(
          new RegExp(`^casemate-ld: error: a\\.o:\\(\\.t\\+0x8\\): unknown relocation .*${shown}.*\\n$`),
        );
    },
  );

  test('every type that the facts list is known', () => {
    const x = 'PC32 PLT32 64 32 32S GOTPCREL GOTPCRELX REX_GOTPCRELX GOTTPOFF TPOFF32 PC64 TLSGD TLSLD';
    const r = `BRANCH JAL CALL CALL_PLT RVC_JUMP RVC_BRANCH HI20 LO12_I LO12_S PCREL_HI20 PCREL_LO12_I PCREL_LO12_S GOT_HI20
      TLS_GOT_HI20 TPREL_HI20 TPREL_LO12_I TPREL_LO12_S TPREL_ADD 32_PCREL 32 64 ADD8 ADD16 ADD32 ADD64 SUB8 SUB16 SUB32
      SUB64 SUB6 SET6 SET8 SET16 SET32 SET_ULEB128 SUB_ULEB128 RELAX ALIGN`;
    for (const [architecture, prefix, list] of [
      [x86_64, 'R_X86_64_', x],
      [riscv64, 'R_RISCV_', r],
    ] as const) {
      for (const name of list.split(/\s+/)) {
        const type = architecture.relocationNames.indexOf(prefix + name);
        expect(type, name).toBeGreaterThanOrEqual(0);
        expect(architecture.needs[type], name).not.toBe(255);
      }
    }
  });
});
