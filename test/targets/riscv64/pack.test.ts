/**
 * Images for boot loaders, judged by one: Debian's U-Boot boots them, and refuses those whose bytes have changed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32 } from '../../../targets/riscv64/pack/crc32.ts';
import { readRawHeader } from '../../../targets/riscv64/pack/header.ts';
import { DEFAULT_LOAD, type PackFormat, packImage } from '../../../targets/riscv64/pack/pack.ts';
import { runOrThrow } from '../../support/run.ts';
import { bootByUBoot } from './u-boot.ts';

const GREETING = 'the raw image has started';
/** Greets by the firmware's console, wherever it lies, and turns the machine off. */
const source = `
  .text
  .option norelax
  .option norvc
  j go
  .word 0
  .quad 0x200000, 0x1000, 0
  .word 2, 0
  .quad 0, 0x0000005643534952
  .word 0x05435352, 0
go:
  lla s0, text
1: lbu a0, 0(s0)
  beqz a0, 2f
  li a7, 1
  ecall
  addi s0, s0, 1
  j 1b
2: li a7, 8
  ecall
  j 2b
text: .asciz "${GREETING}\\n"
`;

let folder: string;
let raw: Uint8Array;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-pack-'));
  writeFileSync(join(folder, 'raw.S'), source);
  const at = { cwd: folder };
  await runOrThrow('clang', ['--target=riscv64-unknown-elf', '-c', 'raw.S', '-o', 'raw.o'], at);
  await runOrThrow('riscv64-linux-gnu-ld', ['-Ttext=0', '-e', '0', 'raw.o', '-o', 'raw.elf'], at);
  await runOrThrow('riscv64-linux-gnu-objcopy', ['-O', 'binary', '-j', '.text', 'raw.elf', 'raw'], at);
  raw = readFileSync(join(folder, 'raw'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function packed(format: PackFormat): Uint8Array {
  return packImage(raw, { format, load: DEFAULT_LOAD, name: 'greeting' });
}

function boot(format: PackFormat, bytes: Uint8Array, until: string): Promise<string> {
  const path = join(folder, `image.${format}`);
  writeFileSync(path, bytes);
  return bootByUBoot(path, format === 'raw' ? 'booti' : 'bootm', until);
}

describe('an image for a boot loader', () => {
  it.each(['raw', 'uimage', 'fit'] as const)('is booted by U-Boot as %s', async (format) => {
    expect(await boot(format, packed(format), GREETING)).toContain(GREETING);
  });

  it.each([
    ['uimage', 'Bad Data CRC'],
    ['fit', 'Bad hash value'],
  ] as const)('is refused by U-Boot as %s when a byte of its code is another', async (format, refusal) => {
    const bytes = packed(format).slice();
    const at = Buffer.from(bytes).indexOf(GREETING);
    bytes[at]! ^= 0x20;
    const said = await boot(format, bytes, refusal);
    expect(said).toContain(refusal);
    expect(said.toLowerCase()).not.toContain(GREETING);
  });

  it('says where it goes, and holds no time', () => {
    const legacy = Buffer.from(packed('uimage'));
    expect([8, 12, 16, 20].map((at) => legacy.readUInt32BE(at))).toEqual([0, raw.length, DEFAULT_LOAD, DEFAULT_LOAD]);
    expect(packed('fit')).toEqual(packed('fit'));
    const high = Buffer.from(packImage(raw, { format: 'fit', load: 0x80_4020_0000, name: 'high' }));
    expect(high.includes(Buffer.from('0000008040200000', 'hex'))).toBe(true);
  });

  it('is refused by name when it has no header, claims less memory than it has bytes, or an address cannot be', () => {
    const header = (change: (bytes: Buffer) => void): (() => unknown) => {
      const bytes = Buffer.from(raw);
      change(bytes);
      return () => readRawHeader(bytes, 'x.raw');
    };
    expect(header((bytes) => bytes.fill(0, 48, 56))).toThrow(/^x\.raw: no raw RISC-V image: its magics are 0x0 and/);
    expect(header((bytes) => bytes.writeUInt32LE(1, 16))).toThrow(/claims 1 bytes of memory, but the file has \d+/);
    expect(() => readRawHeader(raw.subarray(0, 63), 'x.raw')).toThrow(/63 bytes are too few/);
    const at = (load: number, format: PackFormat) => () => packImage(raw, { format, load, name: 'x' });
    expect(at(0x8010_0000, 'fit')).toThrow(/must be a multiple of 2 MiB/);
    expect(at(0x1_0000_0000, 'uimage')).toThrow(/holds addresses of 32 bits, not 4294967296/);
  });
});

describe('the checksum of uImages', () => {
  it('is that of the standard', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});
