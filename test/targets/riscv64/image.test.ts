/** What an image for bare RISC-V must be: images that break one rule each are refused by name. */
import { beforeAll, describe, expect, test } from 'vitest';
import { readFile } from '../../../base/files.ts';
import * as elf from '../../../linker/elf.ts';
import { type ElfFile, type ElfSegment, readElfFile } from '../../../linker/elf-file.ts';
import { writeElfFile } from '../../../linker/write-elf-file.ts';
import { hardenRiscv } from '../../../targets/riscv64/harden.ts';
import { checkFitsMemory, isRiscvImage, readRiscvImage } from '../../../targets/riscv64/image.ts';
import { riscvPlatform } from '../../../targets/riscv64/platform.ts';
import { projectRoot } from '../../support/paths.ts';
import { run } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';
import { buildGuest } from '../hvt/guest.ts';

requireTools('clang', 'readelf');

/** All of the API is used, so that nothing of the layer is left out. */
const source = `#include <solo5.h>
void *memcpy(void *, const void *, size_t), *memmove(void *, const void *, size_t), *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
const void *const volatile all[] = {solo5_abort, solo5_tls_init, solo5_tls_size, solo5_tls_tp_offset, solo5_set_tls_base,
    solo5_clock_monotonic, solo5_clock_wall, solo5_yield, solo5_console_write, solo5_net_acquire, solo5_net_write,
    solo5_net_read, solo5_block_acquire, solo5_block_write, solo5_block_read, solo5_exit, memcpy, memmove, memset, memcmp};
int solo5_app_main(const struct solo5_start_info *info) { return all[info->heap_size % 20] != 0; }
`;

const devices = [{ name: 'net0', type: 'net' }] as const;
let path: string;
let file: ElfFile;

beforeAll(async () => {
  path = await buildGuest('whole', source, devices, 'riscv64');
  file = readElfFile(readFile(path), path);
}, 120_000);

/** The image with its i-th PT_LOAD changed. */
function withLoad(i: number, change: Partial<ElfSegment>): Uint8Array {
  const at = file.segments.map(({ type }, index) => (type === elf.PT_LOAD ? index : -1)).filter((each) => each >= 0)[i];
  return writeElfFile({
    ...file,
    segments: file.segments.map((each, j) => (j === at ? { ...each, ...change } : each)),
  });
}

function withHeader(change: Partial<ElfFile['header']>): Uint8Array {
  return writeElfFile({ ...file, header: { ...file.header, ...change } });
}

describe('an image', () => {
  test('of ours obeys the rules and names its devices', () => {
    const bytes = readFile(path);
    expect(readRiscvImage(bytes, path).devices).toEqual(devices);
    const hardened = hardenRiscv(bytes, path).bytes;
    expect(readRiscvImage(hardened, path).devices).toEqual(devices);
    expect(isRiscvImage(bytes)).toBe(true);
    expect(isRiscvImage(new Uint8Array(3))).toBe(false);
  });

  test('holds at most 12 KiB of text when it needs all of the layer', async () => {
    const table = await run(requireTool('readelf'), ['-SW', path]);
    const size = Number.parseInt(/ \.text +PROGBITS +\S+ \S+ (\S+)/.exec(table.stdout)![1]!, 16);
    // The program itself has a dozen instructions of it.
    expect(size).toBeLessThanOrEqual(12 << 10);
    expect(size).toBeGreaterThan(8 << 10);
  });

  test.each<[name: string, make: () => Uint8Array, said: string]>([
    ['another machine', () => withHeader({ machine: 62 }), 'made for machine 62; must be 243 (RISC-V)'],
    ['a fixed address', () => withHeader({ type: elf.ET_EXEC }), 'file type 2; must be 3, position-independent'],
    ['an entry elsewhere', () => withHeader({ entry: 4n }), 'enters at 0x4, and its first segment is at 0x0'],
    ['text that is written', () => withLoad(0, { flags: 7 }), 'is writable and executable'],
    ['a first segment without text', () => withLoad(0, { flags: 4 }), 'both must be 0, and text'],
    ['segments that share a page', () => withLoad(1, { address: 0x3010n }), 'must begin on a page of its own'],
    ['segments that overlap', () => withLoad(1, { address: 0x1000n }), 'the one before it ends at'],
  ])('with %s is refused', (_, make, said) => {
    expect(() => readRiscvImage(make(), 'image')).toThrow(said);
  });

  test('that is entered elsewhere than where it begins is not booted', () => {
    for (const entry of [4n, 0xffffffff0000n])
      expect(() => readRiscvImage(withHeader({ entry }), 'image')).toThrow(/image: enters at 0x.*; both must be 0/);
    expect(() => readRiscvImage(withHeader({ machine: 62 }), 'image')).toThrow('made for machine 62');
  });

  test('must fit the memory that its manifest promises', () => {
    const image = readRiscvImage(readFile(path), path);
    expect(() => checkFitsMemory(image, 16n << 20n, 'image')).not.toThrow();
    expect(() => checkFitsMemory({ ...image, memorySize: 11n << 20n }, 16n << 20n, 'image')).toThrow(
      'image: 11534336 bytes of memory; with "memory" 16 there are 10485760',
    );
  });
});

describe('the layer as objects', () => {
  test('compiles without a warning and has no name that could meet a program’s own', async () => {
    const folder = path.slice(0, path.lastIndexOf('/'));
    const headers = riscvPlatform.headers.map((folder) => `-I${folder}`);
    const flags = [...riscvPlatform.cflags, ...riscvPlatform.platformCflags, '-Werror', ...headers];
    const compile = async (source: string): Promise<string> => {
      const object = `${folder}/${source.replaceAll('/', '-')}.o`;
      const args = [...flags, `-I${riscvPlatform.include}`, '-c', source, '-o', object];
      const { stderr } = await run(requireTool('clang'), args, { cwd: projectRoot });
      expect(stderr).toBe('');
      return object;
    };
    const objects = await Promise.all(riscvPlatform.sources.map(compile));
    const table = (await run(requireTool('readelf'), ['-sW', ...objects])).stdout;
    const symbols = [...table.matchAll(/^ *\d+: \S+ +\d+ \S+ +(?:GLOBAL|WEAK) +\S+ +(\S+) (\S+)$/gm)];
    const defined = new Set(symbols.filter(([, section]) => section !== 'UND').map(([, , name]) => name!));
    const allowed = /^((rv|layer)_\w+|solo5_\w+|_start|mem(cpy|move|set|cmp)|__stack_chk_(guard|fail))$/;
    expect([...defined].filter((name) => !allowed.test(name))).toEqual([]);
    const missing = new Set(symbols.map(([, , name]) => name!).filter((name) => !defined.has(name)));
    expect([...missing].sort()).toEqual([
      ...['__bss_end', '__bss_start', '__global_pointer$', '__init_array_end', '__init_array_start'],
      ...['__solo5_mft1_note', 'layer_tls_start', 'layer_tls_template'],
      ...['rv_image', 'rv_image_end', 'rv_rela', 'rv_rela_end', 'rv_relr', 'rv_relr_end', 'solo5_app_main'],
    ]);
  });
});
