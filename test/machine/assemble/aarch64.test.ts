/**
 * Every AArch64 instruction that we emit, with operands of all kinds, means to two disassemblers what it means to us.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as a64 from '../../../machine/assemble/aarch64.ts';
import { assemble, type Instruction, label } from '../../../machine/assemble/listing.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('clang', 'llvm-objdump', 'aarch64-linux-gnu-objdump');

/** An instruction and its meaning: mnemonic and operands as `canonical` writes them. */
interface Case {
  readonly made: Instruction;
  readonly meaning: string;
  /** As llvm-objdump writes it, whatever it is asked. */
  readonly alias?: string;
}

const RUNS = { seed: 7, numRuns: 80 };

/** One spelling of what disassemblers write in several: decimal numbers, no spaces, no marks, no symbols of addresses. */
function canonical(text: string): string {
  return text
    .replace(/\/\/.*$/, '')
    .replace(/<.*>/, '')
    .replace(/-?0x[0-9a-f]+/g, (digits) =>
      (digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits)).toString(),
    )
    .replaceAll('#', '')
    .replace(/, *0\]/, ']')
    .replace(/\s*,\s*/g, ',')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

const disassemblers = { llvm: 'llvm-objdump', gnu: 'aarch64-linux-gnu-objdump' } as const;

/** The text of each instruction in `bytes`, which are placed at address 0. */
async function texts(bytes: Uint8Array, by: keyof typeof disassemblers): Promise<string[]> {
  const folder = temporaryFolder('aarch64');
  const code = Buffer.from(bytes);
  const words = Array.from({ length: code.length / 4 }, (_, i) => `.inst ${code.readUInt32LE(4 * i)}`);
  writeFileSync(join(folder, 'code.S'), ['.text', ...words, ''].join('\n'));
  const object = join(folder, 'code.o');
  const target = ['--target=aarch64-unknown-elf', '-march=armv8-a'];
  await runOrThrow(requireTool('clang'), [...target, '-c', join(folder, 'code.S'), '-o', object], { cwd: folder });
  const text = await runOrThrow(requireTool(disassemblers[by]), ['-d', '-M', 'no-aliases', object]);
  return [...text.matchAll(/^ *[0-9a-f]+:\s+(?:[0-9a-f]{8}|(?:[0-9a-f]{2} ){4})\s+(.*)$/gm)].map((match) =>
    canonical(match[1]!),
  );
}

const register = fc.constantFrom(...a64.registers);
const address = fc.constantFrom(...a64.registers.slice(0, 31));
const wide = fc.oneof(fc.constantFrom(0, 1, 0xffff), fc.integer({ min: 0, max: 0xffff }));
const word = (name: string): string => name.replace('x', 'w');

const families: Record<string, fc.Arbitrary<Case>> = {
  moveWide: fc
    .tuple(fc.constantFrom<a64.Move>('movn', 'movz', 'movk'), register, wide, fc.integer({ min: 0, max: 3 }))
    .map(([op, to, value, group]) => {
      const shifted = BigInt(value) << BigInt(16 * group);
      const isAlias = op !== 'movk' && (value !== 0 || group === 0);
      return {
        made: a64.moveWide(op, to, value, group),
        meaning: `${op} ${to},${value}${group === 0 ? '' : `,lsl ${16 * group}`}`,
        ...(isAlias && { alias: `mov ${to},${BigInt.asIntN(64, op === 'movn' ? ~shifted : shifted)}` }),
      };
    }),
  alu: fc
    .tuple(fc.constantFrom<a64.Operation>('add', 'sub', 'subs', 'and', 'orr'), register, register, register)
    .map(([op, to, a, b]) => ({ made: a64.alu(op, to, a, b), meaning: `${op} ${to},${a},${b}` })),
  addImmediate: fc
    .tuple(address, address, fc.integer({ min: 0, max: 4095 }))
    .map(([to, from, value]) => ({ made: a64.addImmediate(to, from, value), meaning: `add ${to},${from},${value}` })),
  reverseWord: fc
    .tuple(register, register)
    .map(([to, from]) => ({ made: a64.reverseWord(to, from), meaning: `rev ${word(to)},${word(from)}` })),
  access: fc
    .tuple(
      fc.constantFrom<a64.Access>('ldr', 'str', 'ldrw', 'strw'),
      register,
      address,
      fc.oneof(fc.constantFrom(0, 1, 4095), fc.integer({ min: 0, max: 4095 })),
    )
    .map(([op, value, from, scaled]) => {
      const narrow = op.endsWith('w');
      const offset = scaled * (narrow ? 4 : 8);
      const mnemonic = narrow ? op.slice(0, 3) : op;
      return {
        made: a64.access(op, value, from, offset),
        meaning: `${mnemonic} ${narrow ? word(value) : value},[${from}${offset === 0 ? '' : `,${offset}`}]`,
      };
    }),
  accessAndStep: fc
    .tuple(fc.constantFrom('ldr' as const, 'str' as const), register, address, fc.integer({ min: -256, max: 255 }))
    .filter(([, value, from]) => value !== from)
    .map(([op, value, from, step]) => ({
      made: a64.accessAndStep(op, value, from, step),
      meaning: `${op} ${value},[${from}],${step}`,
    })),
  br: register.filter((name) => name !== 'xzr').map((name) => ({ made: a64.br(name), meaning: `br ${name}` })),
  mrs: fc
    .tuple(register, fc.constantFrom(...a64.systemRegisterNames))
    .map(([to, from]) => ({ made: a64.mrs(to, from), meaning: `mrs ${to},${from}` })),
  msr: fc
    .tuple(fc.constantFrom(...a64.systemRegisterNames.filter((name) => !name.startsWith('id_'))), register)
    .map(([to, from]) => ({ made: a64.msr(to, from), meaning: `msr ${to},${from}` })),
};

it.each(['llvm', 'gnu'] as const)('every instruction means the same to %s', async (by) => {
  const cases = Object.values(families).flatMap((family) => fc.sample(family, RUNS));
  const shown = await texts(assemble(cases.map(({ made }) => made)).bytes, by);
  expect(shown).toEqual(cases.map(({ meaning, alias }) => (by === 'llvm' && alias) || meaning));
});

describe('instructions without operands', () => {
  it('are what their names say', async () => {
    const { bytes } = assemble(a64.plainNames.map(a64.plain));
    const llvm = ['isb sy', 'dsb sy', 'tlbi vmalle1', 'tlbi alle2', 'ic iallu', 'hint 3'];
    expect(a64.plainNames).toEqual(['isb', 'dsb sy', 'tlbi vmalle1', 'tlbi alle2', 'ic iallu', 'wfi']);
    const shown = await texts(bytes, 'llvm');
    expect(shown.map((text) => text.replace('wfi', 'hint 3').replace(/^isb$/, 'isb sy'))).toEqual(llvm);
    // GNU's writes the general form of what is an alias of sys.
    const gnu = ['isb', 'dsb sy', 'sys 0,c8,c7,0', 'sys 4,c8,c7,0', 'sys 0,c7,c5,0', 'hint 3'];
    const plain = (text: string) =>
      text
        .replace(/,xzr$/, '')
        .replace(/^isb sy$/, 'isb')
        .replace(/^wfi$/, 'hint 3');
    expect((await texts(bytes, 'gnu')).map(plain)).toEqual(gnu);
  });
});

it('bfi puts bits where it is told', async () => {
  const fields = [
    [32, 3],
    [0, 64],
    [63, 1],
    [5, 20],
  ] as const;
  const made = fields.map(([at, width]) => a64.insertBits('x10', 'x13', at, width));
  // bfm to, from, #-at mod 64, #width - 1
  const meanings = fields.map(([at, width]) => `bfm x10,x13,${(64 - at) % 64},${width - 1}`);
  expect(await texts(assemble(made).bytes, 'gnu')).toEqual(meanings);
});

it.each([0, 0x7fc])('references reach a label %d bytes away, ahead and back', async (gap) => {
  const fill = Array.from({ length: gap / 4 }, () => a64.br('x30'));
  const makes = [a64.b, (name: string) => a64.branch('lo', name), (name: string) => a64.branchIfZero('x7', name)];
  const words = makes.flatMap((make) => {
    const ahead = assemble([make('there'), ...fill, label('there'), a64.br('x30')]).bytes;
    const back = assemble([label('there'), ...fill, make('there')]).bytes;
    return [ahead.subarray(0, 4), back.subarray(gap)];
  });
  const shown = await texts(Buffer.concat(words), 'gnu');
  // Disassembled one after another from address 0 on.
  const target = (i: number): string => {
    const distance = i % 2 === 0 ? gap + 4 : -gap;
    return BigInt.asUintN(64, BigInt(4 * i + distance)).toString(16);
  };
  const names = ['b', 'b', 'b.lo', 'b.lo', 'cbz x7,', 'cbz x7,'];
  expect(shown.map((text) => text.replace('b.cc', 'b.lo').replace('0x', ''))).toEqual(
    names.map((name, i) => `${name}${name.endsWith(',') ? '' : ' '}${target(i)}`),
  );
  const code = assemble([a64.adr('x9', 'there'), ...fill, label('there')]).bytes;
  expect((await texts(code.subarray(0, 4), 'llvm'))[0]).toBe(`adr x9,${gap + 4}`);
});

describe('li', () => {
  it('gives all 64 bits of any number, in at most four instructions', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }), (value) => {
        const code = Buffer.from(assemble(a64.li('x3', value)).bytes);
        let result = 0n;
        for (let at = 0; at < code.length; at += 4) {
          const w = code.readUInt32LE(at);
          const shift = BigInt(16 * ((w >>> 21) & 3));
          const piece = BigInt((w >>> 5) & 0xffff) << shift;
          result = w >>> 23 === 0x1e5 ? (result & ~(0xffffn << shift)) | piece : piece;
          expect(w & 31).toBe(3);
        }
        expect(result).toBe(BigInt.asUintN(64, value));
        expect(code.length).toBeLessThanOrEqual(16);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

describe('what cannot be encoded', () => {
  it.each<[string, () => unknown]>([
    ['a move of 17 bits', () => a64.moveWide('movz', 'x0', 0x10000)],
    ['an offset that is no multiple', () => a64.access('ldr', 'x0', 'x1', 4)],
    ['an offset beyond 12 bits', () => a64.access('ldr', 'x0', 'x1', 0x8000)],
    ['a step beyond 9 bits', () => a64.accessAndStep('str', 'x0', 'x1', 256)],
    ['an address in xzr', () => a64.access('ldr', 'x0', 'xzr')],
    ['a sum with xzr', () => a64.addImmediate('xzr', 'x1', 1)],
    ['a number beyond 64 bits', () => a64.li('x0', 1n << 64n)],
    ['a field beyond the register', () => a64.insertBits('x0', 'x1', 60, 5)],
    ['no register', () => a64.mov('x31', 'x0')],
    ['a label at an odd place', () => assemble([a64.b('a'), { kind: 'data', bytes: [0], align: 1 }, label('a')])],
    [
      'a condition beyond 1 MiB',
      () => assemble([a64.branch('eq', 'a'), ...Array.from({ length: 1 << 18 }, () => a64.br('x30')), label('a')]),
    ],
  ])('is refused: %s', (_, make) => expect(make).toThrow());
});
