/** Root images: small programs linked by our linker for every machine, made into images, and read again; and hostile ones. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { readElfFile } from '../../../linker/elf-file.ts';
import { LARGE_PAGE, MOST_IMAGE } from '../../../targets/sel4/addresses.ts';
import { isSeL4Image, readSeL4Image, requireKernel, rootImage, startUpOf } from '../../../targets/sel4/image.ts';
import type { SeL4Machine } from '../../../targets/sel4/kernel.ts';
import { sel4Layout } from '../../../targets/sel4/layout.ts';
import { brokenLoadingRules } from '../../../targets/sel4/loading-rules.ts';
import type { Aslr } from '../../../targets/sel4/platform.ts';
import { relocated } from '../../../targets/sel4/relocated.ts';
import { errorOf } from '../../pipeline/support.ts';
import { buildImage, ET, PF } from '../../support/elf-image.ts';
import { temporaryFolder } from '../../support/paths.ts';
import { bindingText, builtRoot, settingsBlock } from '../../support/sel4-image.ts';
import { kernelOf, machines } from '../../support/sel4-kernel.ts';
import { type Image, project, readImage } from '../../support/small-links.ts';
import { hostedTargets } from '../../support/toolchain.ts';
import { requireTools } from '../../support/tools.ts';

requireTools('aarch64-linux-gnu-gcc', 'riscv64-linux-gnu-gcc');

const page = 4096n;
const base = 0x3e80000000n;
const stack = 5 * 4096;

/** Every kind of memory, and a table of addresses in it, which is complete once the file is. */
const program = `
typedef unsigned long u64;
const u64 settings[5] __attribute__((section(".sel4.settings"), used)) = {0x31305345344c4553};
int data[300] = {1, 2, 3};
int zeros[5000];
static const char text[] = "read only";
__thread int thread_data = 5;
__thread int thread_zeros[100];
extern char sel4_image[], sel4_text_end[], sel4_read[], sel4_read_end[], sel4_write[], sel4_write_end[];
extern char sel4_stack_low[], sel4_stack_top[], sel4_image_end[], __bss_start[];
static int started(int x) { return x + data[1]; }
int (*const relro[])(int) = {started};
const void *const bounds[] __attribute__((used)) = {sel4_image, sel4_text_end, sel4_read, sel4_read_end, sel4_write,
  sel4_write_end, sel4_stack_low, sel4_stack_top, sel4_image_end, __bss_start, text, &data[2], zeros, relro};
void *pointer = &data[2];
__attribute__((constructor)) static void first(void) { zeros[3] = data[2]; }
void _start(void) { zeros[1] = relro[0](text[zeros[2]]) + thread_data + thread_zeros[2]; for (;;) {} }
`;

const flags = ['-O1', '-fpie', '-ffreestanding', '-fno-stack-protector', '-fno-asynchronous-unwind-tables'];

async function linked(machine: SeL4Machine, moves: boolean, packed = true): Promise<Image> {
  const own = machine === 'aarch64' ? ['-mno-outline-atomics'] : [];
  const p = await project(hostedTargets[machine], { 'main.c': { text: program, flags: [...flags, ...own] } });
  p.write('layout.ld', sel4Layout({ base, stack, moves }));
  const pie = moves ? ['-pie', '--no-dynamic-linker', ...(packed ? ['-z', 'pack-relative-relocs'] : [])] : [];
  const emulation = { 'x86-64': 'elf_x86_64', riscv64: 'elf64lriscv', aarch64: 'aarch64linux' }[machine];
  return p.link('-m', emulation, '-T', 'layout.ld', '-e', '_start', '-z', 'max-page-size=4096', ...pie, 'main.o');
}

const addresses = { image: base, heap: 0x100000000n, devices: 0x200000000n };

const made = (bytes: Uint8Array, machine: SeL4Machine, aslr: Aslr = 'build') =>
  rootImage(bytes, 'prog.sel4', {
    ...{ kernel: kernelOf(machine), addresses, heapSize: 8 * LARGE_PAGE },
    ...{ executeOnly: 'auto', aslr },
  });

/** Reads bytes as an image with symbols. */
function asked(bytes: Uint8Array): Image {
  const path = join(temporaryFolder('sel4-image'), 'root');
  writeFileSync(path, bytes);
  return readImage(path);
}

describe.each(machines)('a root image for %s', (machine) => {
  const kernel = kernelOf(machine);

  describe.each([
    ['at its own address', 'build', true],
    ['that can move, its relocations packed', 'boot', true],
    ['that can move, with a list of relocations', 'boot', false],
  ] as const)('%s', (_, aslr, packed) => {
    let bytes: Uint8Array;
    let image: Image;
    let original: Image;
    beforeAll(async () => {
      original = await linked(machine, aslr === 'boot', packed);
      ({ bytes } = made(original.bytes, machine, aslr));
      image = asked(bytes);
    });

    it('is what its kernel loads', () => {
      const { heapSize } = startUpOf(readSeL4Image(bytes, 'prog'));
      expect(brokenLoadingRules(bytes, 'prog', kernel, 4096, { aslr, heapSize })).toEqual([]);
      expect(image.file.header.type).toBe(ET.EXEC);
      expect(image.file.segments.every(({ type }) => type === 1)).toBe(true);
      expect(image.file.header.entry).toBe(image.symbol('_start').value);
    });

    it('has text, what is read, what is written and the stack, a page apart', () => {
      const at = (name: string): bigint => image.symbol(name).value;
      const bounds = [
        ...['sel4_image', 'sel4_text_end', 'sel4_read', 'sel4_read_end', 'sel4_write', 'sel4_write_end'],
        ...['sel4_stack_low', 'sel4_stack_top', 'sel4_image_end'],
      ].map(at);
      for (const [i, bound] of bounds.entries()) {
        expect(bound % page).toBe(0n);
        if (i > 0) expect(bound > bounds[i - 1]!).toBe(true);
      }
      const [start, textEnd, read, readEnd, write, writeEnd, low, top, end] = bounds as [bigint, ...bigint[]] &
        bigint[];
      expect(start).toBe(base);
      expect([read! - textEnd!, write! - readEnd!, low! - writeEnd!, end! - top!]).toEqual([page, page, page, page]);
      expect(top! - low!).toBe(BigInt(stack));
      // What is loaded lies within, and has the rights of where it lies.
      const text = machine === 'x86-64' ? PF.R | PF.X : PF.X;
      const places = [
        [start, textEnd!, text],
        [read!, readEnd!, PF.R],
        // Data and stack are one segment, out of which start-up code takes the pages between.
        [write!, end!, PF.R | PF.W],
      ] as const;
      for (const { address, memorySize, flags: rights } of image.file.segments) {
        const inside = places.filter(([from, to]) => address >= from && address + BigInt(memorySize) <= to);
        expect(inside.map(([, , expected]) => expected)).toEqual([rights]);
      }
      for (const [name, from, to] of [
        ['data', write!, writeEnd!],
        ['zeros', at('__bss_start'), writeEnd!],
        ['relro', read!, readEnd!],
        ['bounds', read!, readEnd!],
        ['settings', read!, readEnd!],
      ] as const)
        expect(at(name) >= from && at(name) < to, name).toBe(true);
    });

    it('has complete words for every address', () => {
      const value = (name: string): number => image.address(name);
      const names = ['sel4_image', 'sel4_text_end', 'sel4_read', 'sel4_read_end', 'sel4_write', 'sel4_write_end'];
      names.push('sel4_stack_low', 'sel4_stack_top', 'sel4_image_end', '__bss_start');
      const expected = [...names.map(value), value('text'), value('data') + 8, value('zeros'), value('relro')];
      expect(expected.map((_each, i) => image.quad(value('bounds') + 8 * i))).toEqual(expected);
      expect(image.quad('pointer')).toBe(value('data') + 8);
      expect(image.quad('relro')).toBe(value('started'));
      expect(image.quad(Number(image.section('.init_array').address))).toBe(value('first'));
    });

    it('says what thread-local variables begin with', () => {
      const rodata = Number(image.section('.rodata').address);
      const [tdata, tbss] = [image.section('.tdata'), image.section('.tbss')];
      expect(image.quad(rodata)).toBe(4);
      expect(image.quad(rodata + 8)).toBe(Number(tbss.address - tdata.address) + 400);
      expect(image.memory(Number(tdata.address), 4).readInt32LE()).toBe(5);
    });

    it('is read again as it was asked for, and is the same every time', () => {
      const read = readSeL4Image(bytes, 'prog');
      expect(read.binding).toEqual({ kernel: kernel.sha256, machine, aslr });
      expect(read.settings).toEqual({
        ...{ text: machine === 'x86-64' ? 'read-execute' : 'execute', heap: addresses.heap },
        ...{ heapSize: 8 * LARGE_PAGE, devices: addresses.devices },
      });
      expect(read.devices).toEqual([]);
      expect(() => requireKernel(read, kernel, 'prog')).not.toThrow();
      expect(Buffer.from(made(original.bytes, machine, aslr).bytes).equals(Buffer.from(bytes))).toBe(true);
      expect(isSeL4Image(bytes)).toBe(true);
      expect(isSeL4Image(original.bytes)).toBe(false);
    });
  });

  it('is refused when its relocations need a loader', async () => {
    const good = await linked(machine, true, false);
    const file = readElfFile(good.bytes.slice(), 'root');
    const table = file.sections.find(({ name }) => name === '.rela.dyn')!;
    const view = new DataView(table.data.buffer, table.data.byteOffset);
    expect(table.data.length).toBeGreaterThan(24);
    const tried = (change: () => void): string => {
      const saved = table.data.slice();
      change();
      const { code, message } = errorOf(() => relocated(file, 'root'));
      table.data.set(saved);
      expect(code).toBe('image');
      return message;
    };
    expect(tried(() => view.setBigUint64(8, 1n, true))).toContain('relocation 0 is of type 0x1;');
    expect(tried(() => view.setBigUint64(32, view.getBigUint64(8, true) + (1n << 32n), true))).toContain(
      'relocation 1 is',
    );
    for (const place of [0n, base - 8n, base - 4n, (1n << 64n) - 4n, base + (1n << 32n)])
      expect(tried(() => view.setBigUint64(0, place, true))).toContain(`is for 0x${place.toString(16)}, where`);
    const cut = {
      ...file,
      sections: file.sections.map((each) => (each === table ? { ...each, data: each.data.slice(0, 30) } : each)),
    };
    expect(errorOf(() => relocated(cut, 'root')).message).toContain('.rela.dyn has 30 bytes; a relocation has 24');
    // Nothing of the file that was given has changed.
    expect(readElfFile(good.bytes, 'root').sections.map(({ data }) => Buffer.from(data))).toEqual(
      file.sections.map(({ data }) => Buffer.from(data)),
    );
  });
});

it('is refused when it reaches farther than is kept free for it', () => {
  const kernel = kernelOf('riscv64');
  const spanning = (size: number): Uint8Array =>
    builtRoot(kernel, {
      binding: null,
      changes: {
        segments: [
          { flags: PF.X, address: 0x10000000, bytes: Buffer.alloc(4) },
          { flags: PF.R, address: 0x10002000, bytes: Buffer.concat([settingsBlock(), Buffer.alloc(88)]) },
          { flags: PF.R | PF.W, address: 0x10004000, memorySize: size - 0x4000 },
        ],
      },
    });
  expect(() => made(spanning(MOST_IMAGE), 'riscv64')).not.toThrow();
  const { code, message } = errorOf(() => made(spanning(MOST_IMAGE + 1), 'riscv64'));
  expect(code).toBe('limit');
  expect(message).toContain('takes 0x20000001 bytes of addresses, its stack included; at most 0x20000000');
});

describe('what says for which kernel an image is', () => {
  const kernel = kernelOf('riscv64');
  const of = (binding: string | null): string => {
    const { code, message } = errorOf(() => readSeL4Image(builtRoot(kernel, { binding }), 'root.sel4'));
    expect(code).toBe('image');
    expect(message).toMatch(/^root\.sel4: [\x20-\x7e]+$/);
    return message;
  };

  it.each([
    ['missing', null, 'has no section .casemate.sel4; it was not made for seL4 by casemate'],
    ['empty', '', '.casemate.sel4'],
    ['no JSON', '{"kernel"', '.casemate.sel4'],
    ['null', 'null', 'names no kernel by its SHA-256'],
    ['a list', '[]', 'names no kernel'],
    ['a short hash', bindingText(kernel, { kernel: 'abc' }), 'names no kernel'],
    ['a hash in capitals', bindingText(kernel, { kernel: 'A'.repeat(64) }), 'names no kernel'],
    ['a hash with more behind it', bindingText(kernel, { kernel: `${'a'.repeat(64)}\n` }), 'names no kernel'],
    ['a number for a hash', bindingText(kernel, { kernel: 7 }), 'names no kernel'],
    ['no machine', bindingText(kernel, { machine: undefined }), 'names no machine that we know'],
    ['a machine of all objects', bindingText(kernel, { machine: 'constructor' }), 'names no machine that we know'],
    [
      'another machine',
      bindingText(kernel, { machine: 'aarch64' }),
      'made for machine 243; .casemate.sel4 says 183 (aarch64)',
    ],
    ['no word on addresses', bindingText(kernel, { aslr: 'later' }), 'does not say when addresses are drawn'],
    ['too long', `${bindingText(kernel)}${' '.repeat(4096)}`, 'bytes; has 4096 at most'],
    ['given twice', `{"kernel": "${'a'.repeat(64)}", "kernel": "${'b'.repeat(64)}"}`, 'occurs twice'],
  ])('is refused when it is %s', (_, binding, words) => {
    expect(of(binding)).toContain(words);
  });

  it('fits no other kernel, which both hashes say', () => {
    const image = readSeL4Image(
      builtRoot(kernel, { binding: bindingText(kernel, { kernel: 'ab'.repeat(32) }) }),
      'root',
    );
    expect(errorOf(() => requireKernel(image, kernel, 'root')).message).toBe(
      `root: made for the kernel with SHA-256 ${'ab'.repeat(32)}; kernel.elf has ${kernel.sha256}; ` +
        "build the image again with this kernel, or give the kernel's own file",
    );
  });

  it('is a section, not a text that a program happens to have', () => {
    expect(isSeL4Image(builtRoot(kernel))).toBe(true);
    const text = Buffer.from('.casemate.sel4\0');
    const other = buildImage({ machine: 243, segments: [{ flags: PF.R, address: 0x1000, bytes: text }] });
    expect(isSeL4Image(other)).toBe(false);
    expect(isSeL4Image(Buffer.from('hello'))).toBe(false);
    expect(isSeL4Image(new Uint8Array(0))).toBe(false);
    // A broken one is refused as such, and not taken for an image of another kind.
    expect(isSeL4Image(builtRoot(kernel).fill(0xff, 40, 48))).toBe(true);
  });

  it('and all else of an image ends in an answer or an error of ours, whatever the bytes are', () => {
    const good = builtRoot(kernel);
    for (let size = 0; size < good.length; size += 37)
      expect(() => readSeL4Image(good.subarray(0, size), 'root')).toThrow(CasemateError);
    const places = fc.oneof(
      fc.nat(63),
      fc.integer({ min: 64, max: 240 }),
      fc.integer({ min: 0x2000, max: good.length - 1 }),
    );
    fc.assert(
      fc.property(places, fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, patch) => {
        const bytes = Buffer.from(good);
        bytes.set(patch.subarray(0, bytes.length - at), at);
        isSeL4Image(bytes);
        try {
          readSeL4Image(bytes, 'root');
        } catch (error) {
          expect(error).toBeInstanceOf(CasemateError);
        }
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
