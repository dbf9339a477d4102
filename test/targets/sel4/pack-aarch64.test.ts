/**
 * The boot file for AArch64 starts a kernel as seL4's own loader would. No kernel is here: a few instructions of ours
 * stand in its place, linked where one is linked, and say in QEMU what they were given.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { packAarch64 } from '../../../targets/sel4/pack/aarch64.ts';
import { TREE_ROOM } from '../../../targets/sel4/pack/boot-file.ts';
import { type BuiltSegment, buildImage, PF } from '../../support/elf-image.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { createRandom } from '../../support/random.ts';
import { run } from '../../support/run.ts';
import { project } from '../../support/small-links.ts';
import { aarch64 } from '../../support/toolchain.ts';
import { requireTool, requireTools } from '../../support/tools.ts';

requireTools('qemu-system-aarch64', 'aarch64-linux-gnu-gcc');

/** Says x0 to x5, the image's first word, the tree's, and all of .bss ORed together, in hexadecimal. */
const reporter = `
  .globl _start
  _start:
    adrp x20, zeros
    add x20, x20, :lo12:zeros
    add x9, x20, #0x10000
    mov x21, #0
    mov x10, x20
  1: ldr x11, [x10], #8
    orr x21, x21, x11
    cmp x10, x9
    b.lo 1b
    stp x0, x1, [x20]
    stp x2, x3, [x20, #16]
    stp x4, x5, [x20, #32]
    mov x22, #0
  2: ldr x0, [x20, x22, lsl #3]
    bl say
    add x22, x22, #1
    cmp x22, #6
    b.lo 2b
    ldr x0, [x20]
    ldr x0, [x0]
    bl say
    ldr x0, [x20, #32]
    cbz x0, 3f
    ldr x0, [x0]
  3: bl say
    mov x0, x21
    bl say
    adrp x1, leave
    add x1, x1, :lo12:leave
    mov w0, #0x18
    hlt #0xf000
  say:
    adrp x1, text
    add x1, x1, :lo12:text
    mov x2, #60
    mov x3, x1
  4: lsr x4, x0, x2
    and x4, x4, #15
    add x5, x4, #'0'
    add x6, x4, #'a' - 10
    cmp x4, #10
    csel x4, x5, x6, lo
    strb w4, [x3], #1
    subs x2, x2, #4
    b.pl 4b
    mov w0, #4
    hlt #0xf000
    ret
  .data
  .balign 8
  text: .asciz "0123456789abcdef\\n"
  .balign 8
  leave: .quad 0x20026, 0
  .bss
  .balign 4096
  zeros: .zero 0x10000`;

const script = (address: string): string => `SECTIONS {
  . = ${address};
  .text : AT(0x40000000) { *(.text) *(.data) }
  . = ALIGN(4096);
  .bss : { *(.bss) }
  /DISCARD/ : { *(.note*) }
}`;

const image: readonly BuiltSegment[] = [
  { flags: PF.R | PF.X, address: 0x12345678000n, bytes: Buffer.from('RootTask'.repeat(600)) },
  { flags: PF.R | PF.W, address: 0x1234567b000n, bytes: Buffer.alloc(8), memorySize: 0x5008 },
];
const rootOf = (segments: readonly BuiltSegment[]) => buildImage({ machine: 183, entry: 0x12345678100n, segments });

async function kernelAt(address: string): Promise<Uint8Array> {
  const p = await project(aarch64, { 'kernel.s': reporter, 'kernel.ld': script(address) });
  return (await p.link('-z', 'max-page-size=4096', '-T', 'kernel.ld', 'kernel.o')).bytes;
}

function pack(kernel: Uint8Array, root: Uint8Array): Uint8Array {
  const part = (bytes: Uint8Array, name: string) => ({ file: readElfFile(bytes, name), bytes });
  return packAarch64({ kernel: part(kernel, 'kernel.elf'), root: part(root, 'root'), where: 'root' });
}

/** The numbers that the kernel's stand-in says. */
async function started(boot: Uint8Array, machine: string): Promise<bigint[]> {
  const path = join(temporaryFolder('pack-aarch64'), 'boot');
  writeFileSync(path, boot);
  const options = ['-display', 'none', '-no-reboot', '-nodefaults', '-cpu', 'cortex-a53', '-m', '512M'];
  const semihosting = ['-semihosting-config', 'enable=on,target=native'];
  const args = [...options, '-machine', machine, ...semihosting, '-kernel', path, '-append', 'to the tree'];
  const { stdout, stderr } = await run(requireTool('qemu-system-aarch64'), args, { timeout: 60_000 });
  return [...`${stdout}${stderr}`.matchAll(/^[0-9a-f]{16}$/gm)].map(([text]) => BigInt(`0x${text}`));
}

describe.each([
  ['at EL1', '0xffffffffc0000000', 'virt'],
  ['at EL2, as a hypervisor', '0xffc0000000', 'virt,virtualization=on'],
])('a kernel %s', (_, address, machine) => {
  test('is entered at its address with all that it must know', { timeout: 90_000 }, async () => {
    const kernel = await kernelAt(address);
    const root = rootOf(image);
    const boot = pack(kernel, root);
    const said = await started(boot, machine);
    expect(said).toHaveLength(9);
    const [start, end, offset, entry, tree, treeSize, word, treeWord, zeros] = said as [bigint, ...bigint[]];
    expect(end! - start!).toBe(0x9000n);
    expect(BigInt.asUintN(64, offset! + 0x12345678000n)).toBe(start);
    expect(entry).toBe(0x12345678100n);
    expect(Buffer.from(BigUint64Array.of(word!).buffer).toString()).toBe('RootTask');
    // The tree lies between kernel and image, and says its own size, shrunk to what is used.
    const header = Buffer.from(BigUint64Array.of(treeWord!).buffer);
    expect(header.readUInt32BE(0)).toBe(0xd00dfeed);
    expect(BigInt(header.readUInt32BE(4))).toBe(treeSize);
    expect(treeSize).toBeGreaterThan(4096n);
    expect(treeSize).toBeLessThanOrEqual(BigInt(TREE_ROOM));
    expect(tree).toBeGreaterThanOrEqual(0x40010000n);
    expect(tree! + treeSize!).toBeLessThanOrEqual(start);
    // The emulator's own tree lay there before.
    expect(zeros).toBe(0n);
  });
});

test('nothing lies in the first megabytes, where the emulator puts its tree', async () => {
  const file = readElfFile(pack(await kernelAt('0xffffffffc0000000'), rootOf(image)), 'boot');
  const sorted = file.segments.toSorted((a, b) => Number(a.loadAddress - b.loadAddress));
  expect(Number(sorted[0]!.loadAddress)).toBeGreaterThanOrEqual(0x40200000);
  for (const [i, { loadAddress, memorySize }] of sorted.entries())
    expect(Number(loadAddress) + memorySize).toBeLessThanOrEqual(Number(sorted[i + 1]?.loadAddress ?? 2 ** 48));
  expect(file.header.entry).toBe(sorted.at(-1)!.loadAddress);
});

test('the same kernel and image make the same bytes', async () => {
  const kernel = await kernelAt('0xffffffffc0000000');
  expect(Buffer.from(pack(kernel, rootOf(image))).equals(pack(kernel, rootOf(image)))).toBe(true);
});

describe('what cannot be packed is refused', () => {
  const segment = {
    flags: PF.R | PF.X,
    address: 0xffffffffc0000000n,
    loadAddress: 0x40000000,
    bytes: Buffer.alloc(64),
  };
  const kernelOf = (segments: readonly BuiltSegment[]) => buildImage({ machine: 183, segments });

  test.each([
    ['a kernel without anything to load', kernelOf([]), /the kernel has no PT_LOAD/],
    [
      'a kernel in two pieces that are apart in memory and not in addresses',
      kernelOf([segment, { ...segment, address: 0xffffffffc0200000n, loadAddress: 0x40800000 }]),
      /segment at 0xffffffffc0200000 is loaded at 0x40800000; blocks of 0x200000 bytes must map all of it/,
    ],
    [
      'a kernel whose blocks would be split',
      kernelOf([{ ...segment, loadAddress: 0x40001000 }]),
      /blocks of 0x200000 bytes must map all of it/,
    ],
  ])('%s', (_, kernel, says) => {
    expect(() => pack(kernel, rootOf(image))).toThrow(says);
  });

  test('an image that spans more than any machine has', async () => {
    const far = { flags: PF.R, address: 0x22345678000n, bytes: Buffer.alloc(8) };
    const kernel = await kernelAt('0xffffffffc0000000');
    expect(() => pack(kernel, rootOf([...image, far]))).toThrow(/root: spans 0x[0-9a-f]+ bytes of addresses/);
    expect(() => pack(kernel, rootOf([]))).toThrow(/root: has no PT_LOAD/);
  });

  test('any other damage to a kernel or an image: in good manners, and soon', async () => {
    const good = { kernel: Buffer.from(await kernelAt('0xffffffffc0000000')), root: rootOf(image) };
    const random = createRandom(7, 0);
    const ends = new Map<string, number>();
    for (let i = 0; i < (isLong ? 20_000 : 400); i++) {
      const which = i % 2 === 0 ? 'kernel' : 'root';
      const bytes = Buffer.from(good[which]);
      // A field of the file header or of one of the first program headers.
      const at = random.below(2) === 0 ? 16 + 8 * random.below(6) : 64 + 8 * random.below(14);
      bytes.writeBigUInt64LE(random.pick(hostile(bytes.readBigUInt64LE(at), bytes.length)), at);
      const before = Date.now();
      let end = 'packed';
      try {
        pack(which === 'kernel' ? bytes : good.kernel, which === 'root' ? bytes : good.root);
      } catch (error) {
        if (!(error instanceof CasemateError)) throw new Error(`${which}, ${i}: ${String(error)}`);
        end = error.code;
      }
      ends.set(end, (ends.get(end) ?? 0) + 1);
      expect(Date.now() - before, `${which}, ${i}`).toBeLessThan(3000);
    }
    expect(ends.get('packed')).toBeGreaterThan(20);
    expect([...ends.keys()]).toEqual(expect.arrayContaining(['image', 'malformed-elf', 'limit']));
  });
});

/** Values for a field of 8 bytes. */
function hostile(current: bigint, size: number): bigint[] {
  const edges = [0n, 1n, 0xfffn, 0x1000n, 1n << 32n, 1n << 40n, (1n << 53n) - 1n, 1n << 63n, (1n << 64n) - 1n];
  const near = [current + 1n, current - 1n, current + 0x1000n, current * 2n, current ^ (1n << 21n), BigInt(size)];
  return [...edges, ...near].map((value) => BigInt.asUintN(64, value));
}
