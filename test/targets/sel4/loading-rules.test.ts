import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import type { Kernel } from '../../../targets/sel4/kernel.ts';
import {
  brokenLoadingRules,
  checkRootImage,
  extraBootInfoOf,
  type LoadingRule,
} from '../../../targets/sel4/loading-rules.ts';
import { errorOf } from '../../pipeline/support.ts';
import { type BuiltImage, type BuiltSegment, buildImage, ET, PF, PT } from '../../support/elf-image.ts';
import { kernelOf, machines } from '../../support/sel4-kernel.ts';

const machineNumbers = { 'x86-64': 62, riscv64: 243, aarch64: 183 } as const;
const base = 0x400000;
const pages = (n: number): Buffer => Buffer.alloc(4096 * n);

/** Text, read-only data, data with .bss, stack: as our root images are laid out. */
const layout = (at: number | bigint = base): BuiltSegment[] => {
  const start = BigInt(at);
  return [
    { flags: PF.X, address: start, bytes: pages(2) },
    { flags: PF.R, address: start + 0x3000n, bytes: pages(1) },
    { flags: PF.R | PF.W, address: start + 0x5000n, bytes: pages(1), memorySize: 0x2345 },
    { flags: PF.R | PF.W, address: start + 0x9000n, memorySize: 0x4000 },
  ];
};

const image = (kernel: Kernel, changes: Partial<BuiltImage> = {}): Buffer =>
  buildImage({ machine: machineNumbers[kernel.machine], segments: layout(), ...changes });

/** The layout with one segment changed. */
const changed = (i: number, change: Partial<BuiltSegment>): BuiltSegment[] =>
  layout().map((segment, at) => (at === i ? { ...segment, ...change } : segment));

const added = (segment: BuiltSegment): BuiltSegment[] => [...layout(), segment];

const rulesOf = (bytes: Buffer, kernel: Kernel, extra = 0): LoadingRule[] => [
  ...new Set(brokenLoadingRules(bytes, 'root.elf', kernel, extra).map(({ rule }) => rule)),
];

const messageOf = (bytes: Buffer, kernel: Kernel, extra = 0): string => {
  const { code, message } = errorOf(() => checkRootImage(bytes, 'root.elf', kernel, extra));
  expect(code).toBe('image');
  return message;
};

describe.each(machines)('a root image for %s', (machine) => {
  const kernel = kernelOf(machine);
  const extra = extraBootInfoOf(machine, 0x10000);

  it('boots when it breaks no rule', () => {
    expect(brokenLoadingRules(image(kernel), 'root.elf', kernel, extra)).toEqual([]);
    expect(() => checkRootImage(image(kernel), 'root.elf', kernel, extra)).not.toThrow();
  });

  it('is refused for the kernel of another machine', () => {
    for (const other of machines.filter((each) => each !== machine)) {
      const bytes = image(kernelOf(other));
      expect(rulesOf(bytes, kernel)).toEqual(['machine']);
      expect(messageOf(bytes, kernel)).toBe(
        `root.elf: made for machine ${machineNumbers[other]}; the kernel is for ${machineNumbers[machine]} (${machine})`,
      );
    }
  });

  it.each([ET.REL, ET.DYN])('is refused as file type %d: nobody relocates it', (type) => {
    const bytes = image(kernel, { type });
    expect(rulesOf(bytes, kernel)).toEqual(['type']);
    expect(messageOf(bytes, kernel)).toContain(`file type ${type}; must be 2 (ET_EXEC)`);
  });

  it.each([
    [
      'PT_GNU_STACK with a size',
      { type: PT.GNU_STACK, flags: 6, address: 0, memorySize: 0x100000 },
      'has type 0x6474e551',
    ],
    ['PT_GNU_STACK without one', { type: PT.GNU_STACK, flags: 6, address: 0 }, 'must be PT_LOAD (1)'],
    ['PT_GNU_RELRO', { type: 0x6474e552, flags: 4, address: base + 0x5000, memorySize: 0x1000 }, 'has type 0x6474e552'],
    ['PT_NOTE at 0', { type: PT.NOTE, flags: 4, address: 0, bytes: Buffer.alloc(32) }, 'has type 0x4'],
    ['PT_TLS', { type: PT.TLS, flags: 4, address: base + 0x3000, memorySize: 64 }, 'has type 0x7'],
    ['PT_NULL', { type: PT.NULL, flags: 0, address: 0 }, 'has type 0x0'],
    ['PT_INTERP', { type: PT.INTERP, flags: 4, address: base + 0x3000, bytes: pages(1) }, 'program interpreter'],
    ['PT_DYNAMIC', { type: PT.DYNAMIC, flags: 6, address: base + 0x5000, memorySize: 16 }, 'is PT_DYNAMIC'],
  ] as const)('is refused with %s', (_, segment, words) => {
    const bytes = image(kernel, { segments: added(segment) });
    expect(rulesOf(bytes, kernel)).toEqual(['program-headers']);
    const message = messageOf(bytes, kernel);
    expect(message).toContain('program header 4 ');
    expect(message).toContain(words);
    if (words.startsWith('has type')) expect(message.includes('the kernel would load it')).toBe(machine === 'x86-64');
  });

  it('is refused without anything to load', () => {
    expect(messageOf(image(kernel, { segments: [] }), kernel)).toContain('has no PT_LOAD with memory');
  });

  it.each([
    ['.rela.dyn', 4],
    ['.rel.dyn', 9],
    ['.relr.dyn', 19],
    ['.dynamic', 6],
  ] as const)('is refused with a loaded %s', (name, type) => {
    const section = { name, type, flags: 2, address: base + 0x3000, offset: 4096 * 3, size: 24 };
    const bytes = image(kernel, { sections: [section] });
    expect(rulesOf(bytes, kernel)).toEqual(['relocations']);
    expect(messageOf(bytes, kernel)).toContain(`section ${name} (type ${type}) is loaded`);
    const kept = { name: '.rela.text', type: 4, flags: 0, bytes: Buffer.alloc(24) };
    expect(rulesOf(image(kernel, { sections: [kept] }), kernel)).toEqual([]);
  });

  it('is refused with more bytes in the file than in memory, and with an empty segment', () => {
    const more = image(kernel, { segments: changed(1, { memorySize: 0xfff }) });
    expect(rulesOf(more, kernel)).toEqual(['sizes']);
    expect(messageOf(more, kernel)).toContain('program header 1: 4096 bytes in the file, 4095 in memory');
    const empty = image(kernel, { segments: changed(3, { memorySize: 0 }) });
    expect(rulesOf(empty, kernel)).toEqual(['sizes']);
    expect(messageOf(empty, kernel)).toContain('program header 3: 0 bytes in memory');
  });

  it('is refused when a segment does not begin on a page', () => {
    const bytes = image(kernel, { segments: changed(0, { address: base + 0x10, loadAddress: base + 0x10 }) });
    expect(rulesOf(bytes, kernel)).toEqual(['alignment']);
    expect(messageOf(bytes, kernel)).toContain('begins at 0x400010; must begin on a page (0x1000)');
  });

  it('is refused when physical and virtual addresses lie differently in their pages', () => {
    const bytes = image(kernel, { segments: changed(1, { loadAddress: 0x80000100 }) });
    expect(rulesOf(bytes, kernel)).toEqual(['load-addresses']);
    expect(messageOf(bytes, kernel)).toContain('physical address 0x80000100, virtual 0x403000');
    expect(rulesOf(image(kernel, { segments: changed(1, { loadAddress: 0x80000000 }) }), kernel)).toEqual([]);
  });

  it('is refused when segments overlap, share a page or descend', () => {
    const overlap = image(kernel, { segments: changed(1, { address: base + 0x1000 }) });
    expect(rulesOf(overlap, kernel)).toEqual(['order']);
    expect(messageOf(overlap, kernel)).toContain(
      'program header 1 begins at 0x401000, but program header 0 ends at 0x402000',
    );
    const shared = image(kernel, {
      segments: changed(3, { address: base + 0x7800, loadAddress: base + 0x7800 }),
    });
    expect(rulesOf(shared, kernel)).toEqual(['alignment', 'order']);
    expect(brokenLoadingRules(shared, 'root.elf', kernel, 0)[1]?.message).toContain(
      'program header 3 begins at 0x407800, on the page that program header 2 ends on (0x407345)',
    );
    const [a, b, ...rest] = layout();
    const descending = image(kernel, { segments: [b, a, ...rest], entry: base });
    expect(rulesOf(descending, kernel)).toEqual(['order']);
    expect(messageOf(descending, kernel)).toContain('at 0x400000, program header 0 at 0x403000; addresses must ascend');
  });

  it('may have segments that touch at the end of a page', () => {
    const touching = (size: number): Buffer => image(kernel, { segments: changed(0, { memorySize: size }) });
    expect(rulesOf(touching(0x3000), kernel)).toEqual([]);
    expect(rulesOf(touching(0x3001), kernel)).toEqual(['order']);
  });

  it('is told of with the first rule and how many more', () => {
    const bytes = image(kernel, { type: ET.DYN, segments: changed(0, { flags: 7 }) });
    expect(messageOf(bytes, kernel)).toMatch(/^root\.elf: file type 3; .* \(and 1 more\)$/);
  });

  it('is refused with memory that is writable and executable, or of no use', () => {
    const wx = image(kernel, { segments: changed(0, { flags: PF.R | PF.W | PF.X }) });
    expect(rulesOf(wx, kernel)).toEqual(['rights']);
    expect(messageOf(wx, kernel)).toContain('program header 0: RWX; no memory may be writable and executable');
    expect(rulesOf(image(kernel, { segments: changed(1, { flags: 0 }) }), kernel)).toEqual(['rights']);
  });

  it('is refused when it enters outside its code', () => {
    const data = image(kernel, { entry: base + 0x3000 });
    expect(rulesOf(data, kernel)).toEqual(['entry']);
    expect(messageOf(data, kernel)).toContain('enters at 0x403000, in the segment at 0x403000, R--');
    // A gap, the zeros after a segment's contents, beyond all, and the last byte but one.
    for (const entry of [base + 0x2000, base + 0x6000, base + 0xd000, 0]) {
      expect(messageOf(image(kernel, { entry }), kernel)).toContain('which no segment');
    }
    expect(rulesOf(image(kernel, { entry: base + 0x1ffe }), kernel)).toEqual([]);
  });

  it('is refused at address 0', () => {
    const bytes = image(kernel, { segments: layout(0) });
    expect(rulesOf(bytes, kernel)).toEqual(['null-page']);
  });

  it('may reach to the last page that leaves room for IPC buffer, BootInfo and what follows, and not beyond', () => {
    // The image has 13 pages; 2 follow, then extra BootInfo.
    const limit = kernel.userTop - (machine === 'x86-64' ? 0n : 0x1000n);
    for (const [bytes, follow] of [
      [0, 0n],
      [1, 0x1000n],
      [0x1000, 0x1000n],
      [0x1001, 0x2000n],
      [0x5000, 0x8000n],
    ] as const) {
      const highest = limit - 0xd000n - 0x2000n - follow;
      expect(rulesOf(image(kernel, { segments: layout(highest) }), kernel, bytes)).toEqual([]);
      const beyond = image(kernel, { segments: layout(highest + 0x1000n) });
      expect(rulesOf(beyond, kernel, bytes)).toEqual(['user-space']);
      const message = messageOf(beyond, kernel, bytes);
      expect(message).toContain(`allows 0x${limit.toString(16)}`);
      expect(message).toContain(`0x${(limit + 0x1000n).toString(16)} with IPC buffer`);
    }
  });

  it('is refused when its pages do not fit the root CNode beside what else is there', () => {
    // Slots: 16 fixed, 230 for untyped memory, one table per level; what is left is for pages.
    const tables = machine === 'riscv64' ? 2 : 3;
    const room = 4096 - 16 - 230 - tables;
    const sized = (count: number): Buffer => {
      // All within 1 GiB, and in as many tables as 2 MiB pieces it touches.
      const [text, , , stack] = layout(0x40000000);
      const touched = Math.ceil((count + 2) / 512) - 1;
      const size = 4096 * (count - touched - 3);
      return image(kernel, { segments: [text, { ...stack, address: 0x40003000, memorySize: size }] });
    };
    expect(rulesOf(sized(room), kernel)).toEqual([]);
    expect(rulesOf(sized(room + 1), kernel)).toEqual(['slots']);
    expect(messageOf(sized(room + 1), kernel)).toMatch(
      /needs 4097 slots \(\d+ pages, \d+ page tables, 0 pages of extra BootInfo, 246 others\), but the root CNode has 4096/,
    );
    expect(rulesOf(sized(room), kernel, 1)).toEqual(['slots']);
    const larger = kernelOf(machine, { ROOT_CNODE_SIZE_BITS: '19' });
    expect(rulesOf(sized(room + 1), larger)).toEqual([]);
    const mcs = kernelOf(machine, { KERNEL_MCS: true, MAX_NUM_NODES: '1' });
    expect(rulesOf(sized(room), mcs)).toEqual(['slots']);
  });

  it('ends in an answer or an error of ours, whatever its bytes are', () => {
    const good = image(kernel, { symbols: [{ name: 'a', value: base }] });
    fc.assert(
      fc.property(
        fc.nat(64 + 56 * 4),
        fc.uint8Array({ minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (at, patch, tail) => {
          const bytes = Buffer.from(good);
          const place = tail ? bytes.length - 1 - at : at;
          bytes.set(patch.subarray(0, Math.min(patch.length, bytes.length - place)), place);
          try {
            for (const { message } of brokenLoadingRules(bytes, 'root.elf', kernel, extra))
              expect(message).toMatch(/^[\x20-\x7e]{10,400}$/);
          } catch (error) {
            expect(error).toBeInstanceOf(CasemateError);
          }
        },
      ),
      { seed: 4, numRuns: 300 },
    );
  });
});

describe('floating point in a root image', () => {
  const without = kernelOf('riscv64', { HAVE_FPU: false });
  const code = (...words: number[]): Buffer => {
    const bytes = pages(1);
    words.forEach((word, i) => {
      bytes.writeUInt32LE(word >>> 0, 4 * i);
    });
    return bytes;
  };
  const withCode = (bytes: Buffer, changes: Partial<BuiltImage> = {}): Buffer =>
    buildImage({ machine: 243, segments: changed(0, { bytes }), ...changes });
  // nop; fld fa0, 0(a0)
  const fld = code(0x13, 0x00053507);

  it('is refused, with its place, when the kernel has none', () => {
    expect(messageOf(withCode(fld), without)).toContain(
      'a floating-point instruction at 0x400004; HAVE_FPU is false in its configuration',
    );
    const named = withCode(fld, { flags: 4, symbols: [{ name: 'x' }] });
    expect(messageOf(named, without)).toContain('float ABI 2; compile with -march=rv64imac -mabi=lp64');
    expect(rulesOf(withCode(fld), kernelOf('riscv64'))).toEqual([]);
  });

  it('is not seen in data', () => {
    const data = buildImage({ machine: 243, segments: changed(1, { bytes: fld }) });
    expect(rulesOf(data, without)).toEqual([]);
    // Read-only data that lies between code, and says so.
    const sections = [
      { name: '.text', type: 1, flags: 6, address: base, offset: 4096, size: 4 },
      { name: '.rodata', type: 1, flags: 2, address: base + 4, offset: 4100, size: 4 },
    ];
    expect(rulesOf(withCode(fld, { sections }), without)).toEqual([]);
    // But what no section claims is code for whoever jumps there.
    expect(rulesOf(withCode(fld, { sections: [sections[0]] }), without)).toEqual(['units']);
  });

  it('is found behind bytes that are out of step with it', () => {
    // Half of a 32-bit instruction before a section's first one would hide it from a plain sweep.
    const bytes = pages(1);
    bytes.writeUInt16LE(0x0013, 0);
    fld.copy(bytes, 2, 4, 8);
    const sections = [{ name: '.text', type: 1, flags: 6, address: base + 2, offset: 4098, size: 4 }];
    expect(rulesOf(withCode(bytes, { sections }), without)).toEqual(['units']);
  });

  it('is joined by vectors, which no kernel switches on', () => {
    const vadd = code(0x022180d7);
    for (const kernel of [without, kernelOf('riscv64')])
      expect(messageOf(withCode(vadd), kernel)).toContain('a vector instruction at 0x400000; no seL4 kernel');
  });

  it.each(['x86-64', 'aarch64'] as const)('is not judged where no kernel is known to lack it: %s', (machine) => {
    const kernel = kernelOf(machine, { HAVE_FPU: false });
    expect(rulesOf(image(kernel), kernel)).toEqual(['units']);
  });
});
