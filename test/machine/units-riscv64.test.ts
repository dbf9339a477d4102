/** Which instructions need floating point or vectors, held against what a disassembler calls them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Unit, unitOfRiscv64 } from '../../machine/units-riscv64.ts';
import { temporaryFolder } from '../support/paths.ts';
import { runOrThrow } from '../support/run.ts';
import { requireTool } from '../support/tools.ts';

interface Line {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly unit: Unit | undefined;
}

const floating = /^(c\.)?f(?!ence)/;
const floatingRegister = /\b(fflags|frm|fcsr)\b/;
const vector = /^v/;
const vectorRegister = /\b(vstart|vxsat|vxrm|vcsr|vl|vtype|vlenb)\b/;

function unitOf(mnemonic: string, operands: string): Unit | undefined {
  if (floating.test(mnemonic)) return 'floating-point';
  if (vector.test(mnemonic)) return 'vector';
  if (!/^csr/.test(mnemonic)) return undefined;
  if (floatingRegister.test(operands)) return 'floating-point';
  return vectorRegister.test(operands) ? 'vector' : undefined;
}

async function disassembly(objdump: readonly string[], path: string): Promise<Line[]> {
  const [command, ...flags] = objdump;
  const text = await runOrThrow(command, [...flags, path], { timeout: 120_000 });
  return text.split('\n').flatMap((line): Line[] => {
    const found = /^\s*[0-9a-f]+:\s+((?:[0-9a-f]{2} ?)+|[0-9a-f]{4}|[0-9a-f]{8})\s+([a-z.][\w.]*)\s*(.*)$/.exec(line);
    if (!found) return [];
    const digits = found[1].trim();
    // Bytes apart are in memory's order, together they are a number.
    const pairs = digits.includes(' ') ? digits.split(' ') : digits.match(/../g)!.reverse();
    const bytes = Uint8Array.from(pairs.map((pair) => Number.parseInt(pair, 16)));
    return [{ text: line.trim(), bytes, unit: unitOf(found[2], found[3]) }];
  });
}

const differing = (lines: readonly Line[]): string[] =>
  lines.filter(({ bytes, unit }) => unitOfRiscv64(bytes, 0, bytes.length) !== unit).map(({ text }) => text);

const gnu = ['riscv64-linux-gnu-objdump', '-d', '-M', 'no-aliases'];

describe('what an instruction needs of a RISC-V hart', () => {
  it('is seen in all of a mathematical library', async () => {
    requireTool('riscv64-linux-gnu-objdump');
    const lines = await disassembly(gnu, '/usr/riscv64-linux-gnu/lib/libm.so.6');
    const needy = lines.filter(({ unit }) => unit === 'floating-point').length;
    expect(needy).toBeGreaterThan(10_000);
    expect(lines.length - needy).toBeGreaterThan(10_000);
    expect(differing(lines).slice(0, 5)).toEqual([]);
  }, 60_000);

  it('is seen in every compressed form, in vectors, and in accesses to their registers', async () => {
    const folder = temporaryFolder('units');
    const halves = Array.from({ length: 0x10000 }, (_, i) => i).filter((half) => (half & 3) !== 3);
    writeFileSync(join(folder, 'all.bin'), Uint16Array.from(halves));
    const csrs = [
      ...[
        'fflags',
        'frm',
        'fcsr',
        'vstart',
        'vxsat',
        'vxrm',
        'vcsr',
        'vl',
        'vtype',
        'vlenb',
        'cycle',
        'time',
        'sstatus',
      ],
    ];
    const code = [
      ...csrs.flatMap((csr) => [`csrr a0, ${csr}`, `csrsi ${csr}, 1`]),
      ...[
        'vsetvli t0, a2, e32, m1, ta, ma',
        'vle32.v v0, (a1)',
        'vse8.v v2, (a0)',
        'vadd.vv v1, v2, v3',
        'vlse64.v v0, (a1), a2',
      ],
      ...['flh fa0, 0(a0)', 'fsh fa0, 0(a0)', 'fadd.h fa0, fa0, fa1', 'fmadd.d fa0, fa1, fa2, fa3', 'fsqrt.s fa0, fa0'],
      ...['fence', 'fence.i', 'ecall', 'ebreak', 'amoadd.w a0, a1, (a2)', 'ld a0, 8(a1)', 'sd a0, 8(a1)', 'wfi'],
    ];
    writeFileSync(join(folder, 'all.S'), `.text\n.incbin "all.bin"\n`);
    writeFileSync(join(folder, 'some.S'), `.text\n.option norvc\n${code.join('\n')}\n`);
    const clang = requireTool('clang');
    const at = { cwd: folder };
    const flags = ['--target=riscv64', '-menable-experimental-extensions', '-c'];
    await runOrThrow(clang, [...flags, '-march=rv64gc', 'all.S', '-o', 'all.o'], at);
    await runOrThrow(clang, [...flags, '-march=rv64gcv1p0_zfh1p0', 'some.S', '-o', 'some.o'], at);
    const all = await disassembly(gnu, join(folder, 'all.o'));
    expect(all.length).toBe(halves.length);
    expect(differing(all)).toEqual([]);
    const llvm = [
      requireTool('llvm-objdump'),
      '-d',
      '-M',
      'no-aliases',
      '--mattr=+m,+a,+c,+v,+experimental-zfh,+zfh,+d',
    ];
    const some = await disassembly(llvm, join(folder, 'some.o'));
    expect(some.length).toBe(code.length);
    expect(differing(some)).toEqual([]);
    for (const unit of ['floating-point', 'vector', undefined]) {
      expect(some.filter((line) => line.unit === unit).length).toBeGreaterThan(7);
    }
  }, 60_000);

  it('is nothing where an instruction does not end within the bytes', () => {
    const fld = Uint8Array.from([0x07, 0x30, 0x05, 0x00]);
    expect(unitOfRiscv64(fld, 0, 4)).toBe('floating-point');
    expect(unitOfRiscv64(fld.subarray(0, 3), 0, 4)).toBeUndefined();
    expect(unitOfRiscv64(fld, 2, 4)).toBeUndefined();
    expect(unitOfRiscv64(fld, 0, 6)).toBeUndefined();
  });
});
