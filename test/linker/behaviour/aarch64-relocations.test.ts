/**
 * Every relocation type of AArch64 at the ends of its range: the last value that fits is written, the first that does not
 * is an error that names file, section, offset and type. Symbols are absolute, so that values can be chosen freely; of
 * thread-locals the block's size is chosen.
 */
import { describe, expect, test } from 'vitest';
import { aarch64 as architecture } from '../../../linker/arch/aarch64.ts';
import { buildObject, EM, relocations, SHF, SHT } from '../../support/elf-builder.ts';
import { addField, adrField, conditionField, moveField, testField } from '../../support/reapply-aarch64.ts';
import { isGnu, type Project, project } from '../../support/small-links.ts';
import { aarch64 } from '../../support/toolchain.ts';

/** Where the relocated instruction is put. */
const PLACE = 0x1_0000_0000n;

interface Row {
  /** Of the type, behind R_AARCH64_. */
  readonly name: string;
  /** What is relocated, and the bytes it has before. */
  readonly before: number | Buffer;
  readonly read: (bytes: Buffer) => bigint;
  /** What `read` finds for a value. */
  readonly expect: (value: bigint) => bigint;
  /** The smallest and largest value; absent: none is refused. */
  readonly range?: readonly [low: bigint, high: bigint];
  /** Values are distances from the place. */
  readonly relative?: boolean;
  /** Values come in steps. */
  readonly step?: bigint;
}

const word = (read: (instruction: number) => number) => (bytes: Buffer) => BigInt(read(bytes.readUInt32LE()));
const power = (bits: number): bigint => 1n << BigInt(bits);
const signed = (bits: number, step = 1n): [bigint, bigint] => [-power(bits - 1), power(bits - 1) - step];
const unsigned = (bits: number, step = 1n): [bigint, bigint] => [0n, power(bits) - step];
const either = (bits: number): [bigint, bigint] => [-power(bits - 1), power(bits) - 1n];
const same = (value: bigint): bigint => value;
const group = (number: number) => (value: bigint) => (value >> BigInt(16 * number)) & 0xffffn;
/** Of MOVZ and MOVN the group that the pair makes, sign included. */
const signedGroup = (number: number) => (value: bigint) => BigInt.asIntN(17, value >> BigInt(16 * number));
const readSignedMove = (bytes: Buffer): bigint => {
  const instruction = bytes.readUInt32LE();
  const imm = BigInt(moveField(instruction));
  // MOVZ has opc 2, MOVN opc 0.
  return ((instruction >>> 29) & 3) === 2 ? imm : ~imm;
};

const MOVZ = 0xd2800003;
const MOVK = 0xf2800003;
const ADD = 0x91000063;
const [LDRB, LDRH, LDRW, LDR, LDRQ] = [0x39400063, 0x79400063, 0xb9400063, 0xf9400063, 0x3dc00063];

const move = (name: string, number: number, bits?: number): Row => ({
  ...{ name, before: name.endsWith('_NC') ? MOVK : MOVZ, read: word(moveField), expect: group(number) },
  ...(bits !== undefined && { range: unsigned(bits) }),
});
const moveSigned = (name: string, number: number, bits: number, relative = false): Row => ({
  ...{ name, before: MOVZ, read: readSignedMove, expect: signedGroup(number), range: signed(bits) },
  ...(relative && { relative: true }),
});
const low = (name: string, before: number, step: bigint): Row => ({
  ...{ name, before, read: (bytes) => BigInt(addField(bytes.readUInt32LE())) * step, step },
  expect: (value) => BigInt.asUintN(12, value),
});
const branch = (name: string, before: number, read: (instruction: number) => number, bits: number): Row => ({
  ...{ name, before, read: word(read), expect: same, range: signed(bits, 4n), relative: true, step: 4n },
});

const rows: readonly Row[] = [
  { name: 'ABS64', before: Buffer.alloc(8), read: (b) => b.readBigInt64LE(), expect: same },
  {
    name: 'ABS32',
    before: Buffer.alloc(4),
    read: word(Number),
    expect: (v) => BigInt.asUintN(32, v),
    range: either(32),
  },
  {
    name: 'ABS16',
    before: Buffer.alloc(2),
    read: (b) => BigInt(b.readUInt16LE()),
    expect: (v) => BigInt.asUintN(16, v),
    range: either(16),
  },
  { name: 'PREL64', before: Buffer.alloc(8), read: (b) => b.readBigInt64LE(), expect: same, relative: true },
  {
    name: 'PREL32',
    before: Buffer.alloc(4),
    read: word(Number),
    expect: (v) => BigInt.asUintN(32, v),
    range: either(32),
    relative: true,
  },
  {
    name: 'PREL16',
    before: Buffer.alloc(2),
    read: (b) => BigInt(b.readUInt16LE()),
    expect: (v) => BigInt.asUintN(16, v),
    range: either(16),
    relative: true,
  },
  {
    name: 'PLT32',
    before: Buffer.alloc(4),
    read: (b) => BigInt(b.readInt32LE()),
    expect: same,
    range: signed(32),
    relative: true,
  },
  move('MOVW_UABS_G0', 0, 16),
  move('MOVW_UABS_G0_NC', 0),
  move('MOVW_UABS_G1', 1, 32),
  move('MOVW_UABS_G1_NC', 1),
  move('MOVW_UABS_G2', 2, 48),
  move('MOVW_UABS_G2_NC', 2),
  move('MOVW_UABS_G3', 3),
  moveSigned('MOVW_SABS_G0', 0, 17),
  moveSigned('MOVW_SABS_G1', 1, 33),
  moveSigned('MOVW_SABS_G2', 2, 49),
  moveSigned('MOVW_PREL_G0', 0, 17, true),
  { ...move('MOVW_PREL_G0_NC', 0), relative: true },
  moveSigned('MOVW_PREL_G1', 1, 33, true),
  { ...move('MOVW_PREL_G1_NC', 1), relative: true },
  moveSigned('MOVW_PREL_G2', 2, 49, true),
  { ...move('MOVW_PREL_G2_NC', 2), relative: true },
  { name: 'ADR_PREL_LO21', before: 0x10000003, read: word(adrField), expect: same, range: signed(21), relative: true },
  branch('LD_PREL_LO19', 0x58000003, conditionField, 21),
  branch('TSTBR14', 0x36000003, testField, 16),
  branch('CONDBR19', 0x54000000, conditionField, 21),
  low('ADD_ABS_LO12_NC', ADD, 1n),
  low('LDST8_ABS_LO12_NC', LDRB, 1n),
  low('LDST16_ABS_LO12_NC', LDRH, 2n),
  low('LDST32_ABS_LO12_NC', LDRW, 4n),
  low('LDST64_ABS_LO12_NC', LDR, 8n),
  low('LDST128_ABS_LO12_NC', LDRQ, 16n),
  {
    // The place is the start of a page, so that distances of pages are those from it.
    name: 'ADR_PREL_PG_HI21',
    before: 0x90000003,
    read: word((w) => adrField(w) * 4096),
    expect: (v) => v & ~0xfffn,
    range: signed(33),
    relative: true,
  },
  {
    name: 'ADR_PREL_PG_HI21_NC',
    before: 0x90000003,
    read: word((w) => adrField(w)),
    expect: (v) => BigInt.asIntN(21, v >> 12n),
    relative: true,
  },
];

/** GNU ld 2.40 takes one reading of these words only, or does not know the type. */
const unlikeGnu = /^(ABS32|ABS16|PREL32|PREL16|PLT32|TLS.*LDST128.*)$/;

const typeOf = (name: string): number => architecture.relocationNames.indexOf(`R_AARCH64_${name}`);

function bytesOf(before: Row['before']): Buffer {
  if (typeof before !== 'number') return before;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(before);
  return bytes;
}

/** An object with the field between bytes 0xee, 8 bytes into section .t, and an absolute symbol that gives the value. */
function objectWith(row: Row, value: bigint): Buffer {
  const bytes = Buffer.concat([bytesOf(row.before), Buffer.alloc(8, 0xee)]);
  return buildObject({
    machine: EM.AARCH64,
    sections: [
      { name: '.t', flags: SHF.ALLOC | SHF.EXEC, bytes, align: 8 },
      {
        name: '.rela.t',
        type: SHT.RELA,
        bytes: relocations([{ offset: 0, type: typeOf(row.name), symbol: 1, addend: 0x10 }]),
        link: 3,
        info: 1,
        align: 8,
        entsize: 24,
      },
    ],
    symbols: [{ name: 'target', section: 0xfff1, value: value - 0x10n + (row.relative ? PLACE : 0n) }],
  });
}

const flags = ['-e0', '--section-start=.t=0x100000000', 'a.o'];

async function relocated(p: Project, row: Row, value: bigint): Promise<Buffer> {
  p.write('a.o', objectWith(row, value));
  const size = bytesOf(row.before).length;
  const bytes = (await p.link(...flags)).memory(Number(PLACE), size + 8);
  expect(bytes.subarray(size)).toEqual(Buffer.alloc(8, 0xee));
  return bytes.subarray(0, size);
}

describe.each(rows)('R_AARCH64_$name', (row) => {
  const step = row.step ?? 1n;
  const inside = row.range ?? [-power(51), power(51) - 16n];
  const kept = typeof row.before === 'number' ? row.before & 0x1f : 0;

  test.skipIf(isGnu() && unlikeGnu.test(row.name))('what fits is written, and the registers stay', async () => {
    const p = await project(aarch64, {});
    const middle = (inside[0] + inside[1]) / 4n;
    for (const value of [inside[0], inside[1], 0n, step, middle - (middle % 16n), inside[1] - step]) {
      const bytes = await relocated(p, row, value);
      expect(row.read(bytes), `${value}`).toBe(row.expect(value));
      if (typeof row.before === 'number') expect(bytes[0]! & 0x1f).toBe(kept & 0x1f);
    }
  });

  test.skipIf(row.range === undefined || isGnu())('one step beyond is refused, with its place', async () => {
    const p = await project(aarch64, {});
    const [lowest, highest] = row.range!;
    for (const value of [highest + step, lowest - step]) {
      p.write('a.o', objectWith(row, value));
      const says = await p.refusal(...flags);
      expect(says).toMatch(
        new RegExp(`^casemate-ld: error: a\\.o:\\(\\.t\\+0x0\\): relocation R_AARCH64_${row.name} against target`),
      );
      expect(says).toMatch(/out of range: -?0x[0-9a-f]+ is not in \[-?0x[0-9a-f]+, 0x[0-9a-f]+\]/);
      expect(says.trim().split('\n')).toHaveLength(1);
    }
  });

  test.skipIf(row.step === undefined || step === 1n || isGnu())('a target between two steps is refused', async () => {
    const p = await project(aarch64, {});
    p.write('a.o', objectWith(row, 0x101n));
    expect(await p.refusal(...flags)).toMatch(new RegExp(`a\\.o:\\(\\.t\\+0x0\\).*is not a multiple of ${step};`));
  });
});

describe('thread-locals', () => {
  /** Offsets from the thread pointer that variables at the ends of a block have; the block starts at 16. */
  const variables = (size: number) => `
    .section .tbss,"awT",@nobits
    .globl first, last
    first: .zero ${size}
    last: .zero 16`;

  test.each([
    ['TLSLE_ADD_TPREL_LO12', 'add x0, x0, :tprel_lo12:last', 0x1000 - 32, 0x1000 - 16],
    ['TLSLE_ADD_TPREL_HI12', 'add x0, x0, :tprel_hi12:last', 0x1000000 - 32, 0x1000000 - 16],
    ['TLSLE_LDST64_TPREL_LO12', 'ldr x0, [x0, :tprel_lo12:last]', 0x1000 - 32, 0x1000 - 16],
    ['TLSLE_LDST8_TPREL_LO12', 'ldrb w0, [x0, :tprel_lo12:last]', 0x1000 - 32, 0x1000 - 16],
    ['TLSLE_LDST16_TPREL_LO12', 'ldrh w0, [x0, :tprel_lo12:last]', 0x1000 - 32, 0x1000 - 16],
    ['TLSLE_LDST32_TPREL_LO12', 'ldr w0, [x0, :tprel_lo12:last]', 0x1000 - 32, 0x1000 - 16],
    ['TLSLE_LDST128_TPREL_LO12', 'ldr q0, [x0, :tprel_lo12:last]', 0x1000 - 32, 0x1000 - 16],
    ['TLSLD_LDST128_DTPREL_LO12', 'ldr q0, [x0, :dtprel_lo12:last]', 0x1000 - 16, 0x1000],
    ['TLSLE_MOVW_TPREL_G0', 'movz x0, #:tprel_g0:last', 0x10000 - 32, 0x10000 - 16],
    ['TLSLD_ADD_DTPREL_LO12', 'add x0, x0, :dtprel_lo12:last', 0x1000 - 16, 0x1000],
    ['TLSLD_LDST64_DTPREL_LO12', 'ldr x0, [x0, :dtprel_lo12:last]', 0x1000 - 16, 0x1000],
    ['TLSLD_MOVW_DTPREL_G0', 'movz x0, #:dtprel_g0:last', 0x10000 - 16, 0x10000],
  ] as const)('R_AARCH64_%s takes the last offset that fits, and no more', async (name, code, fits, beyond) => {
    if (isGnu() && unlikeGnu.test(name)) return;
    const start = `.globl _start\n_start: ${code}`;
    // GNU as does not know all of them.
    const source = (size: number) => ({ text: start + variables(size), flags: ['--target=aarch64-linux-gnu'] });
    const clang = { ...aarch64, cc: 'clang' } as const;
    const p = await project(clang, { 'fits.s': source(fits), 'beyond.s': source(beyond) });
    const image = await p.link('fits.o');
    const offset = fits + (name.includes('DTPREL') ? 0 : 16);
    const found = image.word('_start');
    const field = name.includes('MOVW') ? moveField(found) : addField(found);
    const scale = Number(/LDST(\d+)/.exec(name)?.[1] ?? 8) / 8;
    expect(name.includes('HI12') ? field * 0x1000 : field * scale).toBe(
      name.includes('HI12') ? offset - (offset % 0x1000) : offset,
    );
    // GNU ld does not check all of them.
    if (isGnu()) return;
    const says = await p.refusal('beyond.o');
    expect(says).toMatch(new RegExp(`beyond\\.o:\\(\\.text\\+0x0\\).*R_AARCH64_${name} against last out of`));
  });

  test.skipIf(isGnu())(
    'a load of an offset through another register becomes one constant, if that has 16 bits',
    async () => {
      const code = 'adrp x1, :gottprel:last\nldr x0, [x1, :gottprel_lo12:last]';
      const start = `.globl _start\n_start: ${code}`;
      const p = await project(aarch64, {
        'fits.s': start + variables(0xfff0 - 16),
        'beyond.s': start + variables(0x10000),
      });
      const image = await p.link('fits.o');
      // movz x0, #0xfff0
      expect(image.word(image.address('_start') + 4)).toBe(0xd2800000 + 0xfff0 * 32);
      expect(await p.refusal('beyond.o')).toMatch(/R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC against last out of range/);
    },
  );

  test.each([
    ['a call that is not of the sequence', 'adrp x0, :tlsgd:v\nadd x0, x0, :tlsgd_lo12:v\nnop\nbl __tls_get_addr'],
    ['a page in another register', 'adrp x1, :tlsdesc:v\nnop'],
    ['a sequence that the section cuts off', 'adrp x0, :tlsgd:v\nadd x0, x0, :tlsgd_lo12:v\nbl __tls_get_addr'],
    ['a load in place of the address', 'adrp x0, :tlsldm:v\nldr x0, [x0]\n.reloc .-4, R_AARCH64_TLSLD_ADD_LO12_NC, v'],
  ])('%s is refused, with its place', async (_, code) => {
    const p = await project(aarch64, {
      'a.s': `.globl _start, __tls_get_addr\n.section .text.get,"ax"\n__tls_get_addr: ret\n.text\n_start: ${code}
        .section .tbss,"awT",@nobits\nv: .zero 8`,
    });
    const { status, stderr } = await p.run('a.o');
    if (isGnu()) return;
    expect(status).toBe(1);
    expect(stderr).toMatch(/a\.o:\(\.text\+0x[0-9a-f]+\): relocation R_AARCH64_TLS.*not the one of the sequence/);
  });
});

describe('weak symbols that nothing defines', () => {
  const code = `
    .weak absent
    .globl _start
    _start: bl absent
    b absent
    adrp x0, absent
    add x0, x0, :lo12:absent
    adr x1, absent
    adrp x2, :got:absent
    ldr x2, [x2, :got_lo12:absent]
    orr x0, x0, x1
    orr x0, x0, x2
    mov x8, #93
    svc #0`;

  // GNU ld leaves the place itself in an adr.
  test.skipIf(isGnu()).each([[[]], [['-pie', '--no-dynamic-linker']]])(
    'are null, and calls of them go on: %o',
    async (kind) => {
      // GNU ld takes such a distance from 0 in a PIE.
      if (isGnu() && kind.length > 0) return;
      const p = await project(aarch64, { 'a.s': code });
      const image = await p.link(...kind, 'a.o');
      expect(image.word('_start')).toBe(0xd503201f);
      expect((await p.execute()).status).toBe(0);
    },
  );
});

test.skipIf(isGnu())('a distance to a weak symbol that nothing defines links wherever the image lies', async () => {
  const p = await project(aarch64, {
    'a.s': '.weak absent\n.globl _start, here\n_start: ret\n.section .rodata\nhere: .word absent - .\n.word 7',
  });
  const high = await p.link('--image-base=0x600000000000', 'a.o');
  expect([high.word('here'), high.word(high.address('here') + 4)]).toEqual([0, 7]);
  const low = await p.link('a.o');
  expect(low.word('here') | 0).toBe(-low.address('here'));
});

describe.skipIf(isGnu())('what cannot be', () => {
  test('an unknown type is refused with file, section, offset and type', async () => {
    for (const [type, shown] of [
      [999, 'type 999'],
      [1_000_000, 'type 1000000'],
      [1026, 'R_AARCH64_JUMP_SLOT'],
      [565, 'R_AARCH64_TLSDESC_OFF_G1'],
    ] as const) {
      const p = await project(aarch64, {});
      const object = objectWith({ name: 'ABS64', before: Buffer.alloc(8), read: () => 0n, expect: same }, 0n);
      const at = object.indexOf(Buffer.from([1, 1, 0, 0, 1, 0, 0, 0]));
      object.writeUInt32LE(type, at);
      p.write('a.o', object);
      expect(await p.refusal('-e0', 'a.o')).toMatch(
        new RegExp(`^casemate-ld: error: a\\.o:\\(\\.t\\+0x0\\): unknown relocation ${shown} for aarch64;.*\\n$`),
      );
    }
  });

  test('a distance from a PIE to a fixed address is refused', async () => {
    const p = await project(aarch64, { 'a.s': '.globl _start\n_start: adrp x0, fixed\n.globl fixed\nfixed = 0x1000' });
    expect(await p.refusal('-pie', 'a.o')).toMatch(/a\.o:\(\.text\+0x0\).*fixed is a fixed address/);
  });

  test('a slot for a symbol and an offset is refused', async () => {
    const p = await project(aarch64, { 'a.s': '.globl _start\n_start: adrp x0, :got:_start + 8' });
    expect(await p.refusal('a.o')).toMatch(/a\.o:\(\.text\+0x0\).*asks for a slot for _start \+ 0x8/);
  });

  test('ILP32 and big-endian objects are refused by name', async () => {
    const p = await project(aarch64, { 'a.s': '.globl _start\n_start: ret' });
    const good = (await p.link('a.o')).bytes;
    expect(good.length).toBeGreaterThan(0);
    for (const [at, value, says] of [
      [4, 1, /ILP32/],
      [5, 2, /big-endian/],
    ] as const) {
      const object = objectWith(rows[0]!, 0n);
      object[at] = value;
      if (at === 5) object.writeUInt16BE(EM.AARCH64, 18);
      p.write('b.o', object);
      expect(await p.refusal('a.o', 'b.o')).toMatch(says);
    }
  });

  test('another ABI by e_flags is refused', async () => {
    const p = await project(aarch64, {});
    const object = objectWith(rows[0]!, 0n);
    object.writeUInt32LE(0x10000, 48);
    p.write('a.o', object);
    expect(await p.refusal('-e0', 'a.o')).toMatch(/a\.o: e_flags are 0x10000, expected 0x0/);
  });
});
