import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ElfFile, readElfFile } from '../../../linker/elf-file.ts';
import { argumentsIn } from '../../../targets/sel4/arguments.ts';
import { readSeL4Image } from '../../../targets/sel4/image.ts';
import { type Kernel, parseKernel, type SeL4Machine } from '../../../targets/sel4/kernel.ts';
import { flatImage, spanOf, TREE_ROOM } from '../../../targets/sel4/pack/boot-file.ts';
import { packBoot } from '../../../targets/sel4/pack/pack.ts';
import { errorOf } from '../../pipeline/support.ts';
import { type BuiltSegment, buildImage, PF } from '../../support/elf-image.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { runOrThrow } from '../../support/run.ts';
import { Rv64 } from '../../support/rv64.ts';
import { builtRoot, rootBase, rootMachineNumbers } from '../../support/sel4-image.ts';
import { kernelFiles } from '../../support/sel4-kernel.ts';
import { requireTool } from '../../support/tools.ts';

const gigabyte = 1n << 30n;

interface KernelChoices {
  readonly segments?: readonly BuiltSegment[];
  readonly entry?: bigint;
  /** End of the memory that it was built for. */
  readonly memoryEnd?: number;
}

const physical: Readonly<Record<SeL4Machine, bigint>> = {
  riscv64: 0x80200000n,
  aarch64: 0x40000000n,
  'x86-64': 0x100000n,
};
const offsets: Readonly<Record<SeL4Machine, bigint>> = {
  riscv64: 0xffffffff00000000n,
  aarch64: 0xffffff8000000000n,
  'x86-64': 0xffffffff80000000n,
};

/** Words of a Multiboot header: its sum is 0. */
function multiboot(flags = 0): Buffer {
  const bytes = Buffer.alloc(12);
  for (const [i, word] of [0x1badb002, flags, -0x1badb002 - flags].entries()) bytes.writeInt32LE(word | 0, 4 * i);
  return bytes;
}

/** Two segments, the second with zeros behind its bytes. */
function segmentsAt(machine: SeL4Machine, at = physical[machine], offset = offsets[machine]): BuiltSegment[] {
  const code = Buffer.concat([multiboot(), Buffer.alloc(200, 0xaa)]);
  // x86-64 kernels have a first piece that is linked where it is loaded; that matters to nobody here.
  const segment = (delta: bigint, bytes: Buffer, memorySize: number): BuiltSegment => ({
    ...{ flags: PF.R | PF.W | PF.X, bytes, memorySize },
    address: BigInt.asUintN(64, at + delta + offset),
    loadAddress: at + delta,
  });
  return [segment(0n, code, code.length), segment(0x1000n, Buffer.alloc(100, 0xbb), 0x1234)];
}

function kernelOf(
  machine: SeL4Machine,
  { segments = segmentsAt(machine), entry, memoryEnd }: KernelChoices = {},
): Kernel {
  const first = segments[0]!;
  const elf = buildImage({
    machine: rootMachineNumbers[machine],
    segments,
    entry: entry ?? BigInt(machine === 'x86-64' ? first.loadAddress! : first.address),
    symbols: [{ name: 'schedule' }],
  });
  const memory = [{ start: 0, end: memoryEnd }];
  const platform = { name: 'platform_gen.json', text: JSON.stringify({ memory }) };
  return parseKernel(kernelFiles(machine, {}, { elf, ...(memoryEnd === undefined ? {} : { platform }) }));
}

const packed = (kernel: Kernel, root: Buffer = builtRoot(kernel)) =>
  packBoot(kernel, readSeL4Image(root, 'root.sel4'), 'root.sel4');

const pieces = (file: ElfFile) =>
  file.segments.map(({ loadAddress, memorySize }) => [loadAddress, BigInt(memorySize)] as const);

const spanIn = (file: ElfFile) =>
  spanOf(file.segments.map(({ loadAddress, memorySize }) => ({ address: loadAddress, memory: memorySize })));

function refusal(kernel: Kernel, root?: Buffer): { code: string; message: string } {
  return errorOf(() => packed(kernel, root));
}

describe('a root image as one run of bytes', () => {
  it('has every segment at its place, and zeros between', () => {
    const bytes = builtRoot(kernelOf('riscv64'));
    const flat = flatImage(readElfFile(bytes, 'root'), bytes, 'root');
    expect(flat.address).toBe(rootBase);
    expect(flat.memory).toBe(0x6000);
    const expected = Buffer.alloc(0x6000);
    expected.write('text of a program', 0);
    bytes.copy(expected, 0x2000, 0x2000, 0x3000);
    expected.write('its data', 0x4000);
    expect(Buffer.from(flat.bytes).equals(expected)).toBe(true);
  });

  it.each([
    ['nothing to load', [], 'image', 'has no PT_LOAD'],
    ['a beginning off its page', [{ flags: 4, address: 0x1010, bytes: Buffer.alloc(8) }], 'image', 'begins at 0x1010'],
    [
      'gaps beyond all memory',
      [
        { flags: 4, address: 0x1000, bytes: Buffer.alloc(8) },
        { flags: 4, address: 0x1000n + gigabyte, bytes: Buffer.alloc(8) },
      ],
      'limit',
      'spans 0x40000008 bytes of addresses; at most 0x40000000',
    ],
    [
      'more in the file than in memory',
      [{ flags: 4, address: 0x1000, bytes: Buffer.alloc(0x2001), memorySize: 0x1000 }],
      'image',
      'the segment at 0x1000 has 8193 bytes in the file, 4096 in memory; there must be room for them',
    ],
    ['all addresses', [{ flags: 4, address: 0, memorySize: (1n << 53n) - 1n }], 'limit', 'spans 0x1fffffffffffff'],
  ] as const)('is refused with %s', (_, segments, code, words) => {
    const bytes = buildImage({ machine: 243, segments });
    const error = errorOf(() => flatImage(readElfFile(bytes, 'root'), bytes, 'root'));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });
});

describe.each(['riscv64', 'aarch64'] as const)('a boot file for %s', (machine) => {
  it('holds stub, kernel and root image apart from one another, and is the same every time', () => {
    const kernel = kernelOf(machine);
    const root = builtRoot(kernel);
    const { boot } = packed(kernel, root);
    expect(Buffer.from(packed(kernel, root).boot).equals(Buffer.from(boot))).toBe(true);
    const file = readElfFile(boot, 'boot');
    expect(file.header.machine).toBe(rootMachineNumbers[machine]);
    const sorted = pieces(file).toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [i, [start]] of sorted.entries()) {
      const before = sorted[i - 1];
      if (before !== undefined) expect(start >= before[0] + before[1]).toBe(true);
    }
    const flat = flatImage(readElfFile(root, 'root'), root, 'root');
    const image = file.segments.find(({ memorySize }) => memorySize === flat.memory)!;
    expect(
      Buffer.from(boot)
        .subarray(image.offset, image.offset + image.fileSize)
        .equals(Buffer.from(flat.bytes)),
    ).toBe(true);
    for (const [fill, size] of [
      [0xaa, 200],
      [0xbb, 100],
    ] as const)
      expect(Buffer.from(boot).includes(Buffer.alloc(size, fill))).toBe(true);
  });

  it('is refused for another kernel, with both hashes', () => {
    const [kernel, other] = [kernelOf(machine), kernelOf(machine, { segments: segmentsAt(machine).slice(0, 1) })];
    const { code, message } = refusal(kernel, builtRoot(other));
    expect(code).toBe('image');
    expect(message).toContain(`made for the kernel with SHA-256 ${other.sha256}; kernel.elf has ${kernel.sha256}`);
  });

  it('is refused when the image ends beyond the memory that the kernel was built for', () => {
    const whole = readElfFile(packed(kernelOf(machine)).boot, 'boot');
    const end = Number(spanIn(whole).end);
    expect(() => packed(kernelOf(machine, { memoryEnd: end }))).not.toThrow();
    const { code, message } = refusal(kernelOf(machine, { memoryEnd: end - 1 }));
    expect(code).toBe('image');
    expect(message).toContain(`ends at 0x${end.toString(16)} in memory`);
    expect(message).toContain(`up to 0x${(end - 1).toString(16)}`);
  });

  const [first, second] = segmentsAt(machine) as [BuiltSegment, BuiltSegment];
  const moved = (by: bigint): BuiltSegment => ({ ...second, address: BigInt(second.address) + by });
  it.each([
    ['segments at two distances', { segments: [first, moved(0x200000n * 512n)] }, 'must map all of it'],
    [
      'a distance that no entry maps',
      { segments: segmentsAt(machine, undefined, offsets[machine] + 0x1000n) },
      'must map all of it',
    ],
    ['an entry outside of it', { entry: BigInt(first.address) - 4n }, 'which none of its segments holds'],
    [
      'zeros across a gigabyte',
      { segments: [first, { ...second, memorySize: gigabyte }] },
      /one piece of 0x40000000 bytes|at most 0x40000000 bytes/,
    ],
    [
      'zeros without end',
      { segments: [first, { ...second, memorySize: (1n << 53n) - 1n }] },
      /one piece of 0x40000000 bytes|at most 0x40000000 bytes/,
    ],
    [
      'addresses beyond the processor',
      { segments: segmentsAt(machine, 1n << 55n) },
      /can do so from|below 0x100000000000 are packed/,
    ],
    ['addresses that are no addresses', { segments: segmentsAt(machine, physical[machine], 1n << 50n) }, 'which'],
  ])('is refused for a kernel with %s', (_, choices, words) => {
    const { code, message } = refusal(kernelOf(machine, choices));
    expect(code).toMatch(/^(kernel|limit)$/);
    expect(message).toMatch(words);
  });

  it('ends in an error of ours, whatever the kernel’s headers say', () => {
    const { bytes } = kernelOf(machine);
    const values = fc.constantFrom(0n, 1n, 0xfffn, 0x1000n, 0x80000000n, 1n << 38n, 1n << 47n, (1n << 64n) - 4096n);
    fc.assert(
      fc.property(fc.nat(2), fc.integer({ min: 1, max: 6 }), values, (which, field, value) => {
        const elf = Buffer.from(bytes);
        if (which === 2) elf.writeBigUInt64LE(value, 24);
        else elf.writeBigUInt64LE(value, 64 + 56 * which + 8 * field);
        let kernel: Kernel;
        try {
          kernel = parseKernel(kernelFiles(machine, {}, { elf }));
        } catch {
          return;
        }
        try {
          expect(packed(kernel).boot.length).toBeLessThan(1 << 24);
        } catch (error) {
          expect((error as { code?: string }).code, String(error)).toMatch(/^(kernel|image|limit|malformed-elf)$/);
        }
      }),
      { seed: 5, numRuns: 150 },
    );
  });
});

/** The tree of a size: its magic and its size in front, in big-endian order, then bytes that count. */
function treeOf(size: number): Buffer {
  const bytes = Buffer.from(Array.from({ length: Math.ceil(size / 8) * 8 }, (_, i) => (i * 7) & 0xff));
  bytes.writeUInt32BE(0xd00dfeed, 0);
  bytes.writeUInt32BE(size, 4);
  return bytes;
}

/** Runs a boot file's stub until it enters the kernel. */
function started(
  kernel: Kernel,
  hart: number,
  tree: Buffer | undefined,
): { hart: Rv64; boot: ElfFile; reason: string } {
  const bytes = packed(kernel).boot;
  const boot = readElfFile(bytes, 'boot');
  const kernelAt = Number(kernel.machine === 'riscv64' ? readElfFile(kernel.bytes, 'k').segments[0]!.loadAddress : 0n);
  const base = kernelAt - 0x200000;
  const machine = new Rv64({ base, size: 0x400000, modes: [8n] });
  for (const { loadAddress, offset, fileSize } of boot.segments)
    machine.at(loadAddress, fileSize).set(bytes.subarray(offset, offset + fileSize));
  if (tree !== undefined) machine.at(base + 0x380000, tree.length).set(tree);
  machine.pc = spanIn(boot).start;
  machine.x[10] = BigInt(hart);
  machine.x[11] = tree === undefined ? 0n : BigInt(base + 0x380000);
  return { hart: machine, boot, reason: machine.run(BigInt(kernelAt), 100_000).reason };
}

describe('the stub for RISC-V', () => {
  const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

  it('enters the kernel at its own address with what its entry wants in registers', () => {
    const tree = treeOf(1000);
    for (const at of [0x80200000n, 0x40200000n, 0x8c0200000n]) {
      // Gigabyte 510 of Sv39, as kernels are linked.
      const kernel = kernelOf('riscv64', {
        segments: segmentsAt('riscv64', at, 0xffffffff80000000n - (at / gigabyte) * gigabyte),
      });
      const { hart, boot, reason } = started(kernel, 3, tree);
      expect(hart.traps).toEqual([]);
      expect(reason).toBe('entered');
      expect(hart.pc).toBe(0xffffffff80200000n);
      expect(hart.csr['satp']! >> 60n).toBe(8n);
      const image = boot.segments.find(({ memorySize }) => memorySize === 0x6000)!;
      const [a0, a1, a2, a3, a4, a5, a6, a7] = Array.from(hart.x.subarray(10, 18), u64);
      expect([a0, a1]).toEqual([image.loadAddress, image.loadAddress + 0x6000n]);
      // Physical minus virtual.
      expect(u64(rootBase + a2!)).toBe(image.loadAddress);
      expect(a3).toBe(rootBase);
      expect([a5, a6, a7]).toEqual([1000n, 3n, 0n]);
      // Ascending, as the kernel wants what it keeps.
      expect(a4! >= at + 0x2234n && a4! + BigInt(TREE_ROOM) <= a0!).toBe(true);
      expect(Buffer.from(hart.at(a4!, 1000)).equals(tree.subarray(0, 1000))).toBe(true);
      // What is mapped: itself and the kernel, nothing else.
      expect(hart.leaves().map(({ virtual, physical: to, bytes }) => [virtual, to, bytes])).toEqual([
        [(at / gigabyte) * gigabyte, (at / gigabyte) * gigabyte, gigabyte],
        [0xffffffff80000000n, (at / gigabyte) * gigabyte, gigabyte],
      ]);
    }
  });

  it('passes on a tree of any size that there is room for, whole, and touches nothing behind it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: TREE_ROOM }), fc.nat(7), (size, id) => {
        const tree = treeOf(size);
        const { hart } = started(kernelOf('riscv64'), id, tree);
        const at = u64(hart.x[14]!);
        expect([u64(hart.x[15]!), u64(hart.x[16]!)]).toEqual([BigInt(size), BigInt(id)]);
        expect(Buffer.from(hart.at(at, tree.length)).equals(tree)).toBe(true);
        expect(Buffer.from(hart.at(u64(hart.x[10]!), 17)).toString()).toBe('text of a program');
      }),
      { seed: 5, numRuns: 12, examples: [[TREE_ROOM, 0]] },
    );
  });

  it.each([
    ['no tree', undefined],
    ['a tree that is larger than its room', treeOf(TREE_ROOM + 1)],
    [
      'a tree that says it has 4 GiB',
      (() => {
        const tree = treeOf(64);
        tree.writeUInt32BE(0xffffffff, 4);
        return tree;
      })(),
    ],
  ])('passes on nothing when there is %s', (_, tree) => {
    const { hart, reason } = started(kernelOf('riscv64'), 0, tree);
    expect(reason).toBe('entered');
    expect([hart.x[14], hart.x[15]]).toEqual([0n, 0n]);
  });
});

describe('the boot files for x86-64', () => {
  it('are the kernel in an ELF32 container with the same bytes at the same places, as readelf reads it', async () => {
    const kernel = kernelOf('x86-64');
    const { boot } = packed(kernel);
    const path = join(temporaryFolder('sel4-pack'), 'kernel32');
    writeFileSync(path, boot);
    const stdout = await runOrThrow(requireTool('readelf'), ['-h', '-l', '-W', path]);
    expect(stdout).toMatch(/Class: +ELF32/);
    expect(stdout).toMatch(/Machine: +Intel 80386/);
    expect(stdout).toMatch(/Entry point address: +0x100000\n/);
    const loads = [...stdout.matchAll(/LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+)/g)];
    expect(loads.map((load) => load.slice(2).map((hex) => Number.parseInt(hex, 16)))).toEqual([
      [0x100000, 0x100000, 212, 212],
      [0x101000, 0x101000, 100, 0x1234],
    ]);
    const at = loads.map((load) => Number.parseInt(load[1]!, 16));
    expect(
      Buffer.from(boot)
        .subarray(at[0], at[0]! + 212)
        .subarray(12)
        .every((byte) => byte === 0xaa),
    ).toBe(true);
    expect(
      Buffer.from(boot)
        .subarray(at[1], at[1]! + 100)
        .every((byte) => byte === 0xbb),
    ).toBe(true);
    expect(Buffer.from(boot).indexOf(multiboot())).toBeLessThan(8192);
  });

  it('take a kernel that lies in a container already as it is', () => {
    const contained = Buffer.from(packed(kernelOf('x86-64')).boot);
    const kernel = parseKernel(kernelFiles('x86-64', {}, { elf: contained }));
    expect(Buffer.from(packed(kernel).boot).equals(contained)).toBe(true);
    contained.fill(0, contained.indexOf(multiboot()), contained.indexOf(multiboot()) + 4);
    const broken = parseKernel(kernelFiles('x86-64', {}, { elf: contained }));
    expect(refusal(broken)).toMatchObject({ code: 'kernel' });
  });

  it('hold the command line in the root image', () => {
    const kernel = kernelOf('x86-64');
    const { module } = packed(kernel);
    expect(argumentsIn(module!('one "two"'), 'root')).toBe('one "two"');
    expect(argumentsIn(module!(''), 'root')).toBe('');
    expect(argumentsIn(module!('x'.repeat(63)), 'root')).toBe('x'.repeat(63));
    expect(errorOf(() => module!('x'.repeat(64))).message).toContain(
      'a command line of 64 bytes; the image has room for 63',
    );
    // As bytes, not as characters.
    expect(errorOf(() => module!('ü'.repeat(32))).message).toContain('a command line of 64 bytes');
    expect(errorOf(() => module!('a\0b')).message).toContain('holds a NUL character');
    const without = packed(kernel, builtRoot(kernel, { room: 0 }));
    expect(errorOf(() => without.module!('')).message).toContain('has no section .sel4.arguments');
  });

  const [first, second] = segmentsAt('x86-64') as [BuiltSegment, BuiltSegment];
  it.each([
    [
      'without a Multiboot header',
      [{ ...first, bytes: Buffer.alloc(64) }, second],
      'no Multiboot header in the first 8192',
    ],
    [
      'with one that does not add up',
      [{ ...first, bytes: Buffer.concat([multiboot().subarray(0, 8), Buffer.alloc(8)]) }, second],
      'no Multiboot header',
    ],
    [
      'with one too far back',
      [{ ...first, bytes: Buffer.concat([Buffer.alloc(8192), multiboot()]), memorySize: 8204 }],
      'no Multiboot header',
    ],
    ['beyond 32 bits', [{ ...first, loadAddress: 1n << 32n }], 'beyond 32 bits'],
    [
      'that ends beyond 32 bits',
      [first, { ...second, loadAddress: 0xfffff000n, memorySize: 0x1001 }],
      'is 0x100000001, beyond 32 bits',
    ],
  ])('are refused for a kernel %s', (_, segments, words) => {
    const { code, message } = refusal(kernelOf('x86-64', { segments, entry: 0x100000n }));
    expect(code).toBe('kernel');
    expect(message).toContain(words);
  });
});
